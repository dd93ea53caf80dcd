"""What the parts of the session share: clients at the emulator's address, which they have a setting for."""

from __future__ import annotations

from typing import Any

from novelai import AsyncNovelAI, NovelAI
from PIL import Image

from ..checking import emulator

__all__ = ["async_client", "client", "picture"]

SMALL: dict[str, Any] = {"prompt": "a lighthouse, fog", "size": (128, 64), "seed": 7}
"""What an image is asked for with."""


def client(**options: Any) -> Any:
    """A client."""
    ready = emulator()
    return NovelAI(**{"api_key": ready["token"], "image_base": ready["url"], "text_base": ready["url"], **options})


def async_client() -> Any:
    """The same on asyncio."""
    ready = emulator()
    return AsyncNovelAI(api_key=ready["token"], image_base=ready["url"], text_base=ready["url"])


def picture(width: int = 128, height: int = 64) -> Image.Image:
    """A source."""
    return Image.radial_gradient("L").resize((width, height)).convert("RGB")
