"""Image generation. Facts: image.md, cited as "image §9"."""

from __future__ import annotations
