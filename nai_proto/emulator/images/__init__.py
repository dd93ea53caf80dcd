"""Pictures of the emulator: how requests are read and checked, drawn, described, paid for and answered.

See docs/protocol/image.md#12-notes-for-an-emulator.
"""

from __future__ import annotations
