"""The emulator's image endpoints: generation and tools.

A request is decoded (`request`), checked (`refusals`) and priced (`billing`); its images are drawn (`render`), get their
metadata (`metadata`) and are sent (`response`).

See docs/protocol/image.md#12-notes-for-an-emulator.
"""

from __future__ import annotations
