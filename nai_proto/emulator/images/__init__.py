"""The emulator's image endpoints: generation and tools.

A request is parsed (`request`), checked (`refusals`) and priced (`billing`), and the images in it are decoded (`decode`).
What its prompt asks for (`scene`) is painted (`painting`) and put over its source (`composition`); all that is `render`. The
images get their metadata (`metadata`) and are sent (`response`). Tools (`tools`) change images that there are.

See docs/protocol/image.md#12-notes-for-an-emulator.
"""

from __future__ import annotations
