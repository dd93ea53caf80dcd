"""Pictures of the emulator (image §12): how requests are read and checked, drawn, described, paid for and answered."""

from __future__ import annotations
