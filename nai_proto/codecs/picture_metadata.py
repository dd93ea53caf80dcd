"""The metadata of a picture: how it was made, as one value, whichever place of the file holds it.

A picture of the service has it up to twice: in text chunks (PNG) or EXIF (WebP), and in the lowest bits of alpha, which
outlive what many websites do to text. All copies are dictionaries of texts, and so is `Metadata`: nothing that was read is
lost when it is written, be it known or not. Other programs write to the same places. Each place is read on its own, and a
damaged piece hides only itself.

Two things are left out: the error correction (BCH) of the colours behind the copy in alpha, which the official writer leaves
out as well, and the latents in private chunks (``ltns``, ``ltnt``), which stay in the file unread.

See:
    docs/protocol/image.md#8-files-and-metadata
    docs/protocol/image.md#86-reading-pictures-that-other-programs-saved
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from ..arguments import BYTES, LIMITS, MAPPING, NUMBER, TEXT, TEXTS
from ..errors import LimitExceeded, MissingExtra, RemoteProtocolError
from ..limits import Limits
from .exif import read_exif
from .image_headers import describe_file, detect_format, read_header_size
from .jpeg import read_jpeg_text
from .metadata_forms import dump_object, has_service_parameters, parse_object, texts_from_object, texts_from_tags
from .picture_signature import TEST_SEED, sign
from .picture_texts import PictureTexts
from .pixels import Pixels, Plane, read_alpha
from .png import iter_png_chunks, read_png_text
from .stealth import read_stealth
from .webp import read_webp_text

__all__ = [
    "Metadata",
    "PictureReport",
    "Place",
    "examine_picture",
    "read_hidden_metadata",
    "read_metadata",
]

_SECONDS: Final = re.compile(r"\d{1,9}(?:\.\d{1,40})?(?=s?\Z)")
_SOURCE: Final = re.compile(r"NovelAI|Stable Diffusion (?:XL )?[0-9A-F]{8}\Z")
"""What the service calls itself as a source. See docs/protocol/image.md#81-png-text."""


class Place(enum.Enum):
    """Where in a file it stands."""

    TEXT = "text"
    "Text chunks of a PNG. See docs/protocol/image.md#81-png-text."
    EXIF = "EXIF"
    "EXIF, where a WebP has it. See docs/protocol/image.md#82-webp."
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
            "Comment": dump_object(comment),
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
        seconds = _SECONDS.match(self.texts.get("Generation_time") or self.texts.get("Generation time") or "")
        return None if seconds is None else float(seconds[0])

    def parameters(self, limits: Limits = Limits()) -> dict[str, Any]:
        """Return what the comment holds; an empty dict if there is none.

        Raises:
            LimitExceeded: it is nested deeper than `Limits.json_depth`.
            RemoteProtocolError: it is no JSON object.
        """
        LIMITS.check(limits, "limits")
        return parse_object(self.comment, limits, "its comment") if self.comment is not None else {}

    @property
    def has_parameters(self) -> bool:
        """Whether the comment has parameters as the service records them; other programs have comments as well."""
        try:
            return has_service_parameters(self.parameters())
        except RemoteProtocolError:
            return False

    @property
    def is_of_service(self) -> bool:
        """Whether it is NovelAI's own: by its parameters, its software or its source."""
        return self.software == "NovelAI" or bool(_SOURCE.match(self.source or "")) or self.has_parameters

    def with_signature(self, pixels: Pixels, seed: bytes = TEST_SEED, *, alpha: bool = False) -> Metadata:
        """Return the same with a signature in its comment. Takes and raises what `sign` does."""
        return Metadata({**self.texts, "Comment": sign(pixels, self.comment or "{}", seed, alpha=alpha)}, self.place)


@dataclass(frozen=True, slots=True)
class PictureReport:
    """What each place of a picture says, and what could not be read of it."""

    copies: tuple[Metadata, ...]
    "What the places say, in the order of `Place`; what other programs wrote as well."
    damaged: tuple[str, ...] = ()
    "What is damaged, and where: ``the tEXt chunk at byte 41 has no keyword``, say."
    not_read: Mapping[Place, str] = field(default_factory=dict[Place, str])
    "Places that were not looked at, and why."

    @property
    def metadata(self) -> Metadata | None:
        """What is most worth knowing: NovelAI's parameters before its other texts, and these before those of others."""
        return max(self.copies, key=lambda copy: (copy.has_parameters, copy.is_of_service), default=None)


def examine_picture(data: bytes, limits: Limits = Limits()) -> PictureReport:
    """Return what each place of a picture says of how it was made, and what could not be read.

    Args:
        data: a PNG, WebP, JPEG, GIF, BMP, TIFF or AVIF.
        limits: bounds on pixels, texts and nesting.

    Raises:
        LimitExceeded: it is larger than ``limits`` allow.
        RemoteProtocolError: it has none of these formats, or its header is damaged.
    """
    data = BYTES.convert(data, "data")
    LIMITS.check(limits, "limits")
    return _examine(data, limits, first_only=False)


def read_metadata(data: bytes, limits: Limits = Limits()) -> Metadata | None:
    """Return what a picture says of how it was made, as `PictureReport.metadata` does; None if it says nothing.

    The pixels are decoded only if the text around them has no parameters of NovelAI's.

    Raises:
        MissingExtra: alpha has to be decoded by Pillow, which is not installed.
        RemoteProtocolError: what `examine_picture` raises; or nothing is found, and something is damaged.
    """
    data = BYTES.convert(data, "data")
    LIMITS.check(limits, "limits")
    report = _examine(data, limits, first_only=True)
    metadata = report.metadata
    if metadata is None or not metadata.is_of_service:
        if Place.ALPHA in report.not_read:
            raise MissingExtra(report.not_read[Place.ALPHA])
        if metadata is None and report.damaged:
            raise RemoteProtocolError(f"picture: {'; '.join(report.damaged)}")
    return metadata


def read_hidden_metadata(alpha: Plane, limits: Limits = Limits()) -> Metadata | None:
    """Return what alpha says, for pixels that were decoded elsewhere; None if it says nothing.

    Another program's plain text becomes the text ``parameters``, which is its keyword in PNGs of such programs.

    Raises:
        RemoteProtocolError: the copy is damaged, or larger than ``limits`` allow (then LimitExceeded).
    """
    content = read_stealth(alpha, limits)
    if not content:
        return None
    try:
        return Metadata(texts_from_object(parse_object(content, limits, "its copy in alpha")), Place.ALPHA)
    except LimitExceeded:
        raise
    except RemoteProtocolError:
        pass
    try:
        return Metadata({"parameters": content.decode()}, Place.ALPHA)
    except UnicodeDecodeError:
        pass  # and raise below: the codec's error holds the text
    raise RemoteProtocolError("picture: its copy in alpha is not UTF-8")


# ---- places


def _examine(data: bytes, limits: Limits, *, first_only: bool) -> PictureReport:
    """Return the report; with ``first_only`` places behind the first that has NovelAI's parameters are left out."""
    image_format = detect_format(data)
    if image_format is None:
        raise RemoteProtocolError(
            f"picture: this is {describe_file(data) or 'no picture'}; PNG, WebP, JPEG, GIF, BMP, TIFF and AVIF are read"
        )
    read_header_size(data, limits)
    copies: list[Metadata] = []
    damaged: list[str] = []
    not_read: dict[Place, str] = {}
    for place, reader in _PLACES[image_format].items():
        if reader is None:
            not_read[place] = f"the {place.value} of this {image_format} is not read"
            continue
        try:
            found, problems = reader(data, limits)
        except LimitExceeded:
            raise
        except MissingExtra as error:
            not_read[place] = str(error)
            continue
        except RemoteProtocolError as error:
            damaged.append(str(error).removeprefix("picture: "))
            continue
        damaged += problems
        if found is not None:
            copies.append(found)
            damaged += _find_comment_problem(found)
            if first_only and found.has_parameters:
                break
    return PictureReport(tuple(copies), tuple(dict.fromkeys(damaged)), not_read)


def _find_comment_problem(copy: Metadata) -> list[str]:
    """Return what is wrong with the comment of NovelAI's own text, if anything is."""
    try:
        if copy.is_of_service:
            copy.parameters()
    except RemoteProtocolError as error:
        return [str(error).removeprefix("picture: ")]
    return []


_Found: TypeAlias = tuple[Metadata | None, tuple[str, ...]]
"""What a place says, and what is damaged there."""


def _read_text(data: bytes, limits: Limits) -> _Found:
    texts, damaged = read_png_text(data, limits, is_wanted=lambda text: Metadata({"Comment": text}).has_parameters)
    return (Metadata(texts, Place.TEXT) if texts else None), damaged


def _exif_reader(read_tags: Callable[[bytes, Limits], PictureTexts]) -> Callable[[bytes, Limits], _Found]:
    """Return the reader of a place that has EXIF."""

    def read(data: bytes, limits: Limits) -> _Found:
        tags, damaged = read_tags(data, limits)
        texts = texts_from_tags(tags, limits)
        return (Metadata(texts, Place.EXIF) if texts else None), damaged

    return read


def _read_png_exif(data: bytes, limits: Limits) -> PictureTexts:
    chunk = next((content for kind, content in iter_png_chunks(data, limits) if kind == b"eXIf"), None)
    return PictureTexts({}) if chunk is None else read_exif(chunk, limits)


def _read_alpha(data: bytes, limits: Limits) -> _Found:
    alpha = read_alpha(data, limits)
    return (None if alpha is None else read_hidden_metadata(alpha, limits)), ()


_PLACES: Final[Mapping[str, Mapping[Place, Callable[[bytes, Limits], _Found] | None]]] = {
    "PNG": {Place.TEXT: _read_text, Place.EXIF: _exif_reader(_read_png_exif), Place.ALPHA: _read_alpha},
    "WEBP": {Place.EXIF: _exif_reader(read_webp_text), Place.ALPHA: _read_alpha},
    "JPEG": {Place.EXIF: _exif_reader(read_jpeg_text)},
    "GIF": {Place.ALPHA: _read_alpha},
    "BMP": {Place.ALPHA: _read_alpha},
    "TIFF": {Place.EXIF: None, Place.ALPHA: _read_alpha},
    "AVIF": {Place.EXIF: None, Place.ALPHA: _read_alpha},
}
"""The places of each format, and how they are read; None for one that is not."""
