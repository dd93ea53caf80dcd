"""Drivers: the only I/O. Each module drives `nai_proto` over one runtime."""
