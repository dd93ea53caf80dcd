"""The metadata of a picture: how it was made, as one value, whichever place of the file holds it.

A picture of the service has it up to twice: in text chunks (PNG) or EXIF (WebP), and in the lowest bits of alpha, which
outlive what many websites do to text. All copies are dictionaries of texts, and so is `Metadata`: nothing that was read is
lost when it is written, be it known or not.

Two things are left out: the error correction (BCH) of the colours behind the copy in alpha, which the official writer leaves
out as well, and the latents in private chunks (``ltns``, ``ltnt``), which stay in the file unread.

See docs/protocol/image.md#8-files-and-metadata.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

from ..arguments import BYTES, LIMITS, MAPPING, NUMBER, TEXT, TEXTS, check_type
from ..errors import InvalidRequestError, LimitExceeded, RemoteProtocolError
from ..limits import Limits
from .json import check_depth
from .picture_signature import TEST_SEED, sign
from .pixels import Pixels, Plane, read_alpha, write_png, write_webp
from .png import SIGNATURE, read_png_header, read_png_text, with_png_text
from .stealth import read_stealth, with_stealth
from .webp import find_lossless, is_webp, read_webp_text, with_webp_text

__all__ = [
    "Metadata",
    "Place",
    "read_copies",
    "read_hidden_metadata",
    "read_metadata",
    "with_metadata",
    "write_picture",
]

_KEYWORDS: Final = ("Title", "Description", "Software", "Source", "Generation_time", "Generation time", "Comment")
_SECONDS: Final = re.compile(r"\d{1,9}(?:\.\d{1,40})?(?=s?\Z)")
_TAGS: Final = {"DocumentName": "Title", "ImageDescription": "Description"}
_OTHER_TAGS: Final = ("Artist", "Copyright")
_COMMENT: Final = "UserComment"


class Place(enum.Enum):
    """Where in a file it stands."""

    TEXT = "text"
    "Text chunks of a PNG. See docs/protocol/image.md#81-png-text."
    EXIF = "EXIF"
    "EXIF of a WebP. See docs/protocol/image.md#82-webp."
    ALPHA = "alpha"
    "The lowest bits of alpha. See docs/protocol/image.md#83-stealth-copy-in-the-alpha-channel."


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a picture says. The repr leaves out prompts, and whatever else could be somebody's text."""

    texts: Mapping[str, str] = field(repr=False)
    "By keyword, in the file's order; other programs have keywords of their own."
    place: Place = field(default=Place.TEXT, compare=False)
    "Where it was found."

    def __post_init__(self) -> None:
        TEXTS.convert(self.texts, "texts")

    @staticmethod
    def from_comment(
        comment: Mapping[str, Any],
        *,
        description: str | None,
        source: str | None,
        seconds: float | None = None,
        title: str = "AI generated image",
    ) -> Metadata:
        """Return metadata as the service writes it, with keys in the order of docs/protocol/image.md#81-png-text.

        A text that is None is left out.

        Raises:
            InvalidRequestError: the comment has no form in JSON.
        """
        MAPPING.check(comment, "comment")
        for name, text in (("description", description), ("source", source)):
            if text is not None:
                TEXT.check(text, name)
        if seconds is not None:
            NUMBER.check(seconds, "seconds")
        TEXT.check(title, "title")
        texts = {
            "Title": title,
            "Description": description,
            "Software": "NovelAI",
            "Source": source,
            "Generation_time": None if seconds is None else str(seconds),
            "Comment": _dump_json(comment),
        }
        return Metadata({keyword: text for keyword, text in texts.items() if text is not None})

    @property
    def title(self) -> str | None:
        """``AI generated image``, say."""
        return self.texts.get("Title")

    @property
    def description(self) -> str | None:
        """The prompt."""
        return self.texts.get("Description")

    @property
    def software(self) -> str | None:
        """``NovelAI``."""
        return self.texts.get("Software")

    @property
    def source(self) -> str | None:
        """The model, by a name of its own and a hash.

        See docs/protocol/image.md#81-png-text.
        """
        return self.texts.get("Source")

    @property
    def comment(self) -> str | None:
        """The parameters, as JSON."""
        return self.texts.get("Comment")

    @property
    def seconds(self) -> float | None:
        """How long it took, if that is said in a form that is known: both spellings of the keyword are."""
        said = _SECONDS.match(self.texts.get("Generation_time") or self.texts.get("Generation time") or "")
        return None if said is None else float(said[0])

    def parameters(self, limits: Limits = Limits()) -> dict[str, Any]:
        """Return what the comment holds; an empty dict if there is none.

        Raises:
            LimitExceeded: it is nested deeper than `Limits.json_depth`.
            RemoteProtocolError: it is no JSON object.
        """
        LIMITS.check(limits, "limits")
        return _parse_object(self.comment, limits, "its comment") if self.comment is not None else {}

    def with_signature(self, pixels: Pixels, seed: bytes = TEST_SEED, *, alpha: bool = False) -> Metadata:
        """Return the same with a signature in its comment. Takes and raises what `sign` does."""
        return Metadata({**self.texts, "Comment": sign(pixels, self.comment or "{}", seed, alpha=alpha)}, self.place)


def read_metadata(data: bytes, limits: Limits = Limits()) -> Metadata | None:
    """Return what a PNG or WebP says of how it was made, None if it says nothing.

    The first place counts that has a keyword of the service's, else the first that has any text. Alpha is unpacked only if
    the text around the pixels has none of the service's, and of a WebP only without losses.

    Raises:
        MissingExtra: alpha has to be unpacked by Pillow, which is not installed.
        LimitExceeded: it is larger than ``limits`` allow.
        RemoteProtocolError: it is neither PNG nor WebP, or a place that is looked at is damaged.
    """
    data = BYTES.convert(data, "data")
    LIMITS.check(limits, "limits")
    found = _read_surrounding_text(data, limits)
    if found is not None and found.texts.keys() & {*_KEYWORDS}:
        return found
    return _read_alpha_copy(data, limits) or found


def read_copies(data: bytes, limits: Limits = Limits()) -> list[Metadata]:
    """Return what each place says, text around the pixels first. Raises what `read_metadata` raises."""
    data = BYTES.convert(data, "data")
    LIMITS.check(limits, "limits")
    return [
        found for found in (_read_surrounding_text(data, limits), _read_alpha_copy(data, limits)) if found is not None
    ]


def read_hidden_metadata(alpha: Plane, limits: Limits = Limits()) -> Metadata | None:
    """Return what alpha says, for pixels that were decoded elsewhere; None if it says nothing.

    Raises:
        LimitExceeded: it is larger than ``limits`` allow.
        RemoteProtocolError: the copy is damaged.
    """
    content = read_stealth(alpha, limits)
    if content is None:
        return None
    document = _parse_object(content, limits, "its copy in alpha")
    return Metadata({keyword: _to_text(value) for keyword, value in document.items()}, Place.ALPHA)


def with_metadata(data: bytes, metadata: Metadata, limits: Limits = Limits()) -> bytes:
    """Return the same PNG or WebP with this in place of its own text. A copy in alpha stays as it is.

    Raises:
        InvalidRequestError: a text has no form there.
        RemoteProtocolError: what is to be changed is damaged.
    """
    data = BYTES.convert(data, "data")
    check_type(metadata, Metadata, "metadata", "Metadata")
    LIMITS.check(limits, "limits")
    if is_webp(data):
        return with_webp_text(data, _tags_from_texts(metadata.texts), limits)
    return with_png_text(data, metadata.texts, limits)


def write_picture(
    pixels: Pixels, metadata: Metadata, *, transparent: bool = False, image_format: Literal["png", "webp"] = "png"
) -> bytes:
    """Return a file as the service makes them: RGBA, with the text around the pixels and, if it fits, in alpha.

    See:
        docs/protocol/image.md#83-stealth-copy-in-the-alpha-channel
        docs/protocol/image.md#82-webp

    Args:
        pixels: RGB or RGBA.
        transparent: keep alpha but for its lowest bits; else it becomes opaque.
        image_format: PNG, with the text in chunks, or lossless WebP, with the text in EXIF.

    Raises:
        MissingExtra: a WebP is to be written, and Pillow is not installed.
        InvalidRequestError: a text has no form there; or ``transparent``, and there is no alpha.
    """
    check_type(pixels, Pixels, "pixels", "Pixels")
    check_type(metadata, Metadata, "metadata", "Metadata")
    if image_format not in ("png", "webp"):
        raise InvalidRequestError("image_format is 'png' or 'webp'", parameter="image_format")
    content = _dump_json({keyword: text for keyword, text in metadata.texts.items() if keyword != "Title"}).encode()
    try:
        drawn = with_stealth(pixels, content, transparent=transparent)
    except InvalidRequestError:
        if transparent and pixels.alpha is None:
            raise
        drawn = pixels if transparent else pixels.with_alpha(b"\xff" * pixels.area)
    return (
        write_webp(drawn, _tags_from_texts(metadata.texts))
        if image_format == "webp"
        else write_png(drawn, metadata.texts)
    )


def _read_surrounding_text(data: bytes, limits: Limits) -> Metadata | None:
    """Return what stands around the pixels."""
    if data.startswith(SIGNATURE):
        texts, place = read_png_text(data, limits), Place.TEXT
    elif is_webp(data):
        texts, place = _texts_from_tags(read_webp_text(data, limits), limits), Place.EXIF
    else:
        raise RemoteProtocolError("picture: neither PNG nor WebP")
    return Metadata(texts, place) if texts else None


def _read_alpha_copy(data: bytes, limits: Limits) -> Metadata | None:
    """Return what stands in alpha, if the pixels are of a form that can hold it."""
    if is_webp(data):
        fits = find_lossless(data, limits) is not None
    else:
        head = read_png_header(data, limits)
        fits = (head.depth, head.colour) == (8, 6)
    alpha = read_alpha(data, limits) if fits else None
    return None if alpha is None else read_hidden_metadata(alpha, limits)


def _texts_from_tags(tags: Mapping[str, str], limits: Limits) -> dict[str, str]:
    """Return the texts of EXIF; a comment that is no JSON, as other programs write it, is one of them."""
    texts = {_TAGS.get(tag, tag): text for tag, text in tags.items() if tag not in ("Software", _COMMENT)}
    if "Software" in tags:
        texts["Source"] = tags["Software"]
    if _COMMENT in tags:
        try:
            document = _parse_object(tags[_COMMENT], limits, "its EXIF")
        except LimitExceeded:
            raise
        except RemoteProtocolError:
            texts[_COMMENT] = tags[_COMMENT]
        else:
            texts |= {keyword: _to_text(value) for keyword, value in document.items()}
    return texts


def _tags_from_texts(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the texts as tags of EXIF: what has none of its own is in the comment."""
    tags = {tag: texts[keyword] for tag, keyword in _TAGS.items() if texts.get(keyword)}
    tags |= {tag: texts[tag] for tag in _OTHER_TAGS if texts.get(tag)}
    if texts.get("Source"):
        tags["Software"] = texts["Source"]
    rest = {key: text for key, text in texts.items() if not (text and (key in _OTHER_TAGS or key in _TAGS.values()))}
    return {**tags, _COMMENT: _dump_json(rest)}


def _parse_object(text: str | bytes, limits: Limits, where: str) -> dict[str, Any]:
    try:
        encoded = text if isinstance(text, bytes) else text.encode()
        check_depth(encoded, limits.json_depth)
        document: object = json.loads(text)
    except (UnicodeError, ValueError, RecursionError):
        document = None
    if isinstance(document, dict):
        return cast("dict[str, Any]", document)
    raise RemoteProtocolError(f"picture: {where} is no JSON object")


def _to_text(value: object) -> str:
    """Return a text of a copy; what should be one and is not, as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def _dump_json(value: Mapping[str, Any]) -> str:
    try:
        return json.dumps({**value})
    except (TypeError, ValueError, RecursionError) as error:
        problem = type(error).__name__
    raise InvalidRequestError(f"this cannot be written as JSON ({problem})", parameter="comment")
