"""What the tests of the emulator's tools for pictures share: a picture, and ways to ask for something to be done to it."""

from __future__ import annotations

import io
import json
from base64 import b64encode
from typing import Any

from PIL import Image, ImageDraw, PngImagePlugin

from nai_proto.emulator import Account, Emulator
from nai_proto.exchange.actions import Runnable
from nai_proto.http import Head
from nai_proto.testing import run_in_memory
from tests.protocol_data import DATA
from tests.support import an_emulator, with_token
from tests.test_emulator import asked

__all__ = ["B64", "SOURCE", "V5", "V45", "VECTORS", "ask", "balance", "drawing", "opened", "ran", "run"]

VECTORS: dict[str, Any] = json.loads((DATA / "anlas_vectors.json").read_text("utf-8"))
V5 = "nai-diffusion-5-curated"
V45 = "nai-diffusion-4-5-full"


def drawing(mode: str = "RGB", form: str = "PNG", *, as_mode: str = "", **texts: str) -> bytes:
    """A face, as far as 96 × 64 pixels have room for one.

    Args:
        mode: that it is drawn in.
        form: of the file.
        as_mode: that it is stored in, if in another.
        texts: of a PNG.
    """
    picture = Image.radial_gradient("L").resize((96, 64)).convert("RGB")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((20, 10, 60, 50), fill=(230, 180, 150))
    draw.rectangle((30, 22, 38, 28), fill=(30, 60, 160))
    draw.ellipse((64, 6, 92, 24), fill=(255, 255, 255))
    picture = picture.convert(mode).convert(as_mode or mode)
    info = PngImagePlugin.PngInfo()
    for key, text in texts.items():
        info.add_text(key, text)
    file = io.BytesIO()
    picture.save(file, form, **({"pnginfo": info} if form == "PNG" else {}))
    return file.getvalue()


SOURCE = drawing()
B64 = b64encode(SOURCE).decode()


def ran(emulator: Emulator, owner: Account, operation: Runnable[Any, Any]) -> Any:
    played = run_in_memory(with_token(owner.persistent_token, operation), emulator)
    assert played.error is None, played.error
    return played.result


def run(operation: Runnable[Any, Any]) -> Any:
    return ran(*an_emulator(), operation)


def opened(data: bytes) -> Image.Image:
    """A file as Pillow reads it, to its last pixel."""
    picture = Image.open(io.BytesIO(data))
    assert picture.format == "PNG"
    picture.load()
    return picture


def ask(emulator: Emulator, owner: Account | None, path: str, body: object, **headers: str) -> tuple[Head, bytes]:
    return asked(emulator, "POST", path, body, owner=owner, **headers)


def balance(owner: Account) -> int:
    return owner.profile.anlas + owner.profile.bought_anlas
