"""A PNG's filters undone with numpy, where it is installed; what comes out is what `pixels` makes without it.

The two filters that look at the byte just made allow no row to be done at once. But a pixel needs only its neighbours to
the left, above and in the corner between, so all pixels of a diagonal can be made together: a picture takes as many steps as
width and height together, whatever filters its rows have.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples: TypeAlias = NDArray[np.int16]

__all__ = ["is_there", "unfiltered"]


@cache
def is_there() -> bool:
    """Is numpy installed? It is looked for when the first picture needs it: loading it takes a tenth of a second."""
    try:
        import numpy
    except ImportError:
        return False
    return hasattr(numpy, "ndarray")  # an empty folder of that name can be imported too


def unfiltered(raw: bytes, width: int, channels: int, chosen: slice) -> bytes:
    """The rows without their filters, which are from 0 to 4; of each pixel only the channels that are chosen."""
    import numpy as np

    rows = np.frombuffer(raw, np.uint8).reshape(-1, 1 + width * channels)
    height = len(rows)
    sub, up, average, paeth = ((rows[:, :1] == kind).astype(np.int16) for kind in (1, 2, 3, 4))
    body = rows[:, 1:].reshape(height, width, channels)[:, :, chosen]
    # With a row above and a column to the left, both of zeros, every pixel has all its neighbours.
    padded = np.zeros((height + 1, width + 1, body.shape[2]), np.int16)
    padded[1:, 1:] = body
    pixels = padded.reshape(-1, body.shape[2])
    for diagonal in range(width + height - 1):
        first, last = max(0, diagonal - width + 1), min(height, diagonal + 1)
        begin = (first + 1) * (width + 1) + diagonal - first + 1
        end = begin + (last - first - 1) * width + 1  # from one row to the next it is a row forth and one pixel back
        here = pixels[begin:end:width]
        left = pixels[begin - 1 : end - 1 : width]
        above = pixels[begin - width - 1 : end - width - 1 : width]
        corner = pixels[begin - width - 2 : end - width - 2 : width]
        where = slice(first, last)
        here += left * sub[where] + above * up[where] + (left + above >> 1) * average[where]
        here += _nearest(left, above, corner) * paeth[where]
        here &= 0xFF
    return padded[1:, 1:].astype(np.uint8).tobytes()


def _nearest(left: Samples, above: Samples, corner: Samples) -> Samples:
    """Of the three the one that is nearest to left + above - corner; of equals left, then above."""
    import numpy as np

    across, down = above - corner, left - corner
    far = abs(across + down)
    across, down = abs(across), abs(down)
    found: Samples = np.where((across <= down) & (across <= far), left, np.where(down <= far, above, corner))
    return found
