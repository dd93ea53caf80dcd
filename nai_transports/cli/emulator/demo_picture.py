"""The picture of ``nai demo``: drawn by the emulator while one looks, and read back from its own file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from nai_proto import account as accounts
from nai_proto import image
from nai_proto.codecs.picture_metadata import read_metadata
from nai_proto.codecs.picture_signature import TEST_VERIFY_KEY, verify
from nai_proto.codecs.pixels import Pixels, read_pixels
from nai_proto.errors import MissingExtra
from nai_proto.exchange.session import Session

from ...sync import Client
from .demo_screen import DemoScreen, ResultDisplay

__all__ = ["Drawing", "draw_picture"]

_PROMPT: Final = "a lighthouse at dusk, sea"
_OPTIONS: Final[image.ImageOptions] = {"size": (512, 768), "steps": 20, "seed": 7}


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture of the emulator, and what its own metadata says of it."""

    data: bytes = field(repr=False)
    price: image.Price
    parameters: dict[str, Any] = field(repr=False)
    is_signed: bool

    def describe(self) -> dict[str, object]:
        """Return its facts by name, for JSON."""
        recorded = ("prompt", "seed", "steps", "scale", "sampler", "width", "height")
        return {
            "bytes": len(self.data),
            "anlas": self.price.anlas,
            "price": str(self.price),
            "metadata": {name: self.parameters.get(name) for name in recorded},
            "signature_valid": self.is_signed,
        }

    def summarize(self) -> dict[str, str]:
        """Return lines about it, by what each is about."""
        said = self.parameters
        return {
            "picture": _PROMPT,
            "price": str(self.price),
            "its file says": f"seed {said['seed']}, {said['steps']} steps, {said['sampler']}",
            "signature": "valid, by the emulator's key" if self.is_signed else "not valid",
        }


def draw_picture(session: Session, screen: DemoScreen, display: ResultDisplay) -> Drawing:
    """Have a picture drawn, show it as it becomes clearer, and read back what its file says.

    Args:
        session: has the token.
        screen: gets the picture.
        display: is updated at each step.
    """
    with Client(session) as client:
        allowance = image.Allowance.of(client.run(accounts.get_subscription()))
        with client.stream(image.generate_stream(_PROMPT, **_OPTIONS)) as steps:
            for event in steps:
                if isinstance(event, image.PreviewStep) and (preview := _read_preview(event.image)) is not None:
                    screen.picture = preview
                    display.update("drawing")
            (drawn,) = steps.result
    metadata = read_metadata(drawn.data)
    assert metadata is not None
    screen.picture = read_pixels(drawn.data)
    is_signed = verify(screen.picture, metadata.comment or "", TEST_VERIFY_KEY)
    price = image.build_image_request(_PROMPT, **_OPTIONS).price(allowance)
    return Drawing(drawn.data, price, metadata.parameters(), is_signed)


def _read_preview(data: bytes) -> Pixels | None:
    """Return the pixels of a preview; None without Pillow, which the picture itself does not need."""
    try:
        return read_pixels(data)
    except MissingExtra:
        return None
