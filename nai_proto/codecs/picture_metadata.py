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

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..arguments import BYTES, LIMITS, MAPPING, NUMBER, TEXT, TEXTS
from ..errors import LimitExceeded, MissingExtra, RemoteProtocolError
from ..limits import Limits
from .image_headers import describe_file, detect_format, read_header_size
from .metadata_forms import dump_object, is_service_comment, parse_object, texts_from_object
from .picture_places import TEXT_PLACES, Place
from .picture_signature import TEST_SEED, sign
from .picture_texts import describe_problem
from .pixels import Pixels, Plane, find_exact_channels, read_pixels
from .stealth import read_stealth

__all__ = [
    "Metadata",
    "PictureReport",
    "examine_picture",
    "read_hidden_metadata",
    "read_metadata",
]

_SECONDS: Final = re.compile(r"\d{1,9}(?:\.\d{1,40})?(?=s?\Z)")
_SOURCE: Final = re.compile(r"NovelAI|Stable Diffusion (?:XL )?[0-9A-F]{8}\Z")
"""What the service calls itself as a source. See docs/protocol/image.md#81-png-text."""


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
        return self.comment is not None and is_service_comment(self.comment)

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
    "What is damaged or too long, and where: ``the tEXt chunk at byte 41 has no keyword``, say."
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
        limits: bounds on pixels, texts and nesting. A text that is larger is left out, and named as damaged.

    Raises:
        LimitExceeded: it has more than `Limits.pixels`.
        RemoteProtocolError: it has none of these formats; or its header is damaged, and nothing else is found.
    """
    data = BYTES.convert(data, "data")
    LIMITS.check(limits, "limits")
    return _Examination(data, limits).run()


def read_metadata(data: bytes, limits: Limits = Limits()) -> Metadata | None:
    """Return what a picture says of how it was made, as `PictureReport.metadata` does; None if it says nothing.

    The pixels are decoded only if the text around them has no parameters of NovelAI's.

    Raises:
        MissingExtra: a place has to be decoded by Pillow, which is not installed, and nothing of NovelAI's is found.
        RemoteProtocolError: what `examine_picture` raises; or nothing is found, and something is damaged.
    """
    data = BYTES.convert(data, "data")
    LIMITS.check(limits, "limits")
    report = _Examination(data, limits, first_only=True).run()
    metadata = report.metadata
    if metadata is None or not metadata.is_of_service:
        unread = report.not_read.get(Place.ALPHA) or (report.not_read.get(Place.COLOURS) if metadata is None else None)
        if unread is not None:
            raise MissingExtra(unread, extra="image")
        if metadata is None and report.damaged:
            raise RemoteProtocolError(f"picture: {'; '.join(report.damaged)}")
    return metadata


def read_hidden_metadata(channels: Plane | Pixels, limits: Limits = Limits()) -> Metadata | None:
    """Return what the lowest bits say of pixels that were decoded elsewhere; None if they say nothing.

    Another program's plain text becomes the text ``parameters``, which is its keyword in PNGs of such programs.

    Args:
        channels: alpha, or the pixels for what is in their colours.
        limits: bounds on text and nesting.

    Raises:
        RemoteProtocolError: the copy is damaged, too long, or nested too deeply.
    """
    content = read_stealth(channels, limits)
    if not content:
        return None
    place = Place.ALPHA if isinstance(channels, Plane) else Place.COLOURS
    where = f"its copy in {'' if place is Place.ALPHA else 'the '}{place.value}"
    try:
        return Metadata(texts_from_object(parse_object(content, limits, where)), place)
    except LimitExceeded as error:
        problem = f"picture: {where}: {error}"
    except RemoteProtocolError:
        try:
            return Metadata({"parameters": content.decode()}, place)
        except UnicodeDecodeError:
            problem = f"picture: {where} is not UTF-8"
    raise RemoteProtocolError(problem)  # here, because the codec's error holds the text


class _Examination:
    """Collects what the places of a picture say.

    With ``first_only``, places behind the first one that has NovelAI's parameters are left out.
    """

    def __init__(self, data: bytes, limits: Limits, *, first_only: bool = False) -> None:
        self._data = data
        self._limits = limits
        self._first_only = first_only
        self._is_enough = False
        self._copies: list[Metadata] = []
        self._damaged: dict[str, None] = {}
        self._not_read: dict[Place, str] = {}

    def run(self) -> PictureReport:
        """Return what was found. Raises what `examine_picture` raises."""
        image_format = detect_format(self._data)
        if image_format is None:
            kind = describe_file(self._data) or "no picture"
            raise RemoteProtocolError(f"picture: this is {kind}; PNG, WebP, JPEG, GIF, BMP, TIFF and AVIF are read")
        try:
            read_header_size(self._data, self._limits)
        except LimitExceeded:
            raise
        except RemoteProtocolError as error:
            self._read_texts(image_format)
            if not self._copies:
                raise
            self._note(error)
        else:
            self._read_texts(image_format)
            if not self._is_enough:
                self._read_pixels()
        return PictureReport(tuple(self._copies), tuple(self._damaged), self._not_read)

    def _read_texts(self, image_format: str) -> None:
        """Read the places around the pixels."""
        for place, read in TEXT_PLACES[image_format].items():
            if self._is_enough:
                return
            try:
                texts, damaged = read(self._data, self._limits)
            except RemoteProtocolError as error:
                self._note(error)
                continue
            self._damaged |= dict.fromkeys(damaged)
            if texts:
                self._add(Metadata(texts, place))

    def _read_pixels(self) -> None:
        """Read the places in the pixels, where these are stored without losses."""
        places: list[Place] = []
        try:
            exact = find_exact_channels(self._data, self._limits)
            places += [Place.ALPHA] * exact.alpha + [Place.COLOURS] * exact.colours
            if not places:
                return
            pixels = read_pixels(self._data, self._limits)
        except MissingExtra as error:
            self._not_read |= dict.fromkeys(places, str(error))
            return
        except LimitExceeded:
            raise
        except RemoteProtocolError as error:
            self._note(error)
            return
        for place in places:
            channels = pixels.alpha if place is Place.ALPHA else pixels
            if channels is None or self._is_enough:
                continue
            try:
                found = read_hidden_metadata(channels, self._limits)
            except RemoteProtocolError as error:
                self._note(error)
            else:
                if found is not None:
                    self._add(found)

    def _add(self, copy: Metadata) -> None:
        """Add what a place says, and what is wrong with the comment of NovelAI's own text."""
        self._copies.append(copy)
        self._is_enough |= self._first_only and copy.has_parameters
        if copy.is_of_service:
            try:
                copy.parameters(self._limits)
            except RemoteProtocolError as error:
                self._note(error)

    def _note(self, error: RemoteProtocolError) -> None:
        self._damaged[describe_problem(error)] = None
