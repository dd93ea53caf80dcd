"""Pictures as they are answered with: an archive, or JSON for whoever accepts that.

See docs/protocol/image.md#21-post-aigenerate-image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from ...codecs import fast
from ...codecs.json import encode
from ...codecs.zipped import zipped
from ...exchange.reply import Handler, Start, Write
from ...http import Head, Headers
from ..answers import OPEN, answer, computed
from ..asked import Asked

__all__ = ["Format", "Picture", "accepts_json", "answer_archive", "answer_file", "answer_pictures"]

Format = Literal["png", "webp"]

_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture, as a file has it."""

    data: bytes = field(repr=False)
    format: Format = "png"
    seed: int | None = None
    "What it was drawn with, if with one."


def accepts_json(asked: Asked) -> bool:
    """Is JSON wanted? Anything that does not name it gets an archive."""
    return any(_JSON in value.lower() for value in asked.headers.get_all("accept"))


def answer_pictures(asked: Asked, pictures: Sequence[Picture], status: int = 200) -> Handler:
    """An archive of all pictures, or JSON with them in base64, by what is accepted."""
    if not accepts_json(asked):
        yield from answer_archive(pictures, status)
        return
    listed = [
        {"image": fast.encode(each.data), "index": at, **({} if each.seed is None else {"seed": each.seed})}
        for at, each in enumerate(pictures)
    ]
    yield from answer(status, _JSON, (yield from computed(lambda: encode({"images": listed}))))


def answer_archive(pictures: Sequence[Picture], status: int = 200, *, deflated: bool = True) -> Handler:
    """An archive of all pictures, whatever is accepted.

    See docs/protocol/image.md#23-post-aiaugment-image-director-tools.

    Args:
        pictures: ``image_0.png`` and so on.
        status: of the answer.
        deflated: or stored, as director tools have it.
    """
    members = [(f"image_{at}.{each.format}", each.data) for at, each in enumerate(pictures)]
    archive = yield from computed(lambda: zipped(members, deflated=deflated))
    yield from answer_file(archive, "images.zip", "binary/octet-stream", status)


def answer_file(data: bytes, name: str, content_type: str, status: int = 200) -> Handler:
    """A file to be saved, sent in chunks as the service does.

    See docs/protocol/image.md#1-hosts-auth-headers.
    """
    said = ("Content-Disposition", f"attachment; filename={name}")
    yield Start(Head(status, Headers([("Content-Type", content_type), said, OPEN])))
    yield Write(data)
