"""Servers on real sockets and files: serve an app, forward to the service, record exchanges, keep the emulator's state."""
