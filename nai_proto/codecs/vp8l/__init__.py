"""VP8L, the lossless coding of pixels in WebP (RFC 9649 §3), both ways."""

from __future__ import annotations

from .reader import read_vp8l
from .writer import write_vp8l

__all__ = ["read_vp8l", "write_vp8l"]
