"""Helpers of the tests of the emulator's image tools: a source image, and functions that send requests."""

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
from tests.test_emulator import send_request

__all__ = ["B64", "SOURCE", "V5", "V45", "VECTORS", "ask", "balance", "draw_face", "open_png", "run", "run_on"]

VECTORS: dict[str, Any] = json.loads((DATA / "anlas_vectors.json").read_text("utf-8"))
V5 = "nai-diffusion-5-curated"
V45 = "nai-diffusion-4-5-full"


def draw_face(mode: str = "RGB", form: str = "PNG", *, as_mode: str = "", **texts: str) -> bytes:
    """Draw a face of 96 × 64 pixels and return it as a file.

    Args:
        mode: Pillow's mode in which it is drawn.
        form: Format of the file.
        as_mode: Mode in which it is stored; empty is the same.
        texts: Text chunks of a PNG.
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


SOURCE = draw_face()
B64 = b64encode(SOURCE).decode()


def run_on(emulator: Emulator, owner: Account, operation: Runnable[Any, Any]) -> Any:
    """Run an operation on an emulator and return its result."""
    trace = run_in_memory(with_token(owner.persistent_token, operation), emulator)
    assert trace.error is None, trace.error
    return trace.result


def run(operation: Runnable[Any, Any]) -> Any:
    """Run an operation on a new emulator and return its result."""
    return run_on(*an_emulator(), operation)


def open_png(data: bytes) -> Image.Image:
    """Read a PNG with Pillow, to its last pixel."""
    picture = Image.open(io.BytesIO(data))
    assert picture.format == "PNG"
    picture.load()
    return picture


def ask(emulator: Emulator, owner: Account | None, path: str, body: object, **headers: str) -> tuple[Head, bytes]:
    """Send a POST request and return head and body of the response."""
    return send_request(emulator, "POST", path, body, owner=owner, **headers)


def balance(owner: Account) -> int:
    """Return all Anlas of an account."""
    return owner.profile.anlas + owner.profile.bought_anlas
