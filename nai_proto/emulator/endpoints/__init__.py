"""The endpoints of the emulator that generate neither text nor images."""
