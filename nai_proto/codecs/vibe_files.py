"""Vibe files of the website, ``.naiv4vibe`` and ``.naiv4vibebundle``, read and written without loss.

A vibe keeps its whole document, checked once, with typed properties of the known parts; unknown parts are written as they
were read. Images and encodings are base64 in it, and its id is a hash of that text, so the text is kept.

See docs/protocol/image.md#85-vibe-files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from math import isfinite
from typing import Any, Final, Literal, NoReturn, TypeVar, cast

import msgspec

from ..arguments import BYTES, LIMITS, MAPPING, NUMBER, TEXT, check_type, to_milliseconds
from ..errors import InvalidRequestError, LimitExceeded, RemoteProtocolError
from ..limits import Limits
from . import accelerators
from .file_problems import find_field_problem, find_file_problem
from .forgiving_base64 import decode_base64
from .json_depth import check_depth
from .secret_box import write_json

__all__ = ["UNKNOWN_KEY", "StoredVibe", "VibeBundle", "encoding_key", "read_vibe_file", "write_vibe_file"]

UNKNOWN_KEY: Final = "unknown"
"""The key of the encoding in a vibe that has only an encoding."""

T = TypeVar("T")

_VIBE: Final = "novelai-vibe-transfer"
_BUNDLE: Final = "novelai-vibe-transfer-bundle"


class _Encoding(msgspec.Struct):
    encoding: str
    params: dict[str, Any] = {}


class _Import(msgspec.Struct):
    model: str | None = None
    information_extracted: float | None = None
    strength: float | None = None


class _Document(msgspec.Struct):
    """The checked part of a vibe's document."""

    identifier: Literal["novelai-vibe-transfer"]
    version: int
    type: Literal["image", "encoding"]
    id: str
    encodings: dict[str, dict[str, _Encoding]] = {}
    image: str | None = None
    name: str | None = None
    thumbnail: str | None = None
    createdAt: float | None = None  # noqa: N815
    importInfo: _Import | None = None  # noqa: N815


class _BundleDocument(msgspec.Struct):
    identifier: Literal["novelai-vibe-transfer-bundle"]
    version: int
    vibes: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class StoredVibe:
    """One vibe. The repr has no images and encodings.

    Raises:
        RemoteProtocolError: the document does not have the form of docs/protocol/image.md#85-vibe-files.
    """

    document: Mapping[str, Any] = field(repr=False)
    "The whole file as JSON; do not change it."
    id: str = field(init=False, compare=False)
    "Hex SHA-256 of the image's base64; of the encoding's, if there is no image."
    _known: _Document = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        MAPPING.check(self.document, "document")
        known = _convert(dict(self.document), _Document, "vibe")
        object.__setattr__(self, "_known", known)
        object.__setattr__(self, "id", known.id)

    @staticmethod
    def from_image(image: bytes, *, created_at: float, thumbnail: bytes | None = None) -> StoredVibe:
        """Return a vibe of an image, without encodings.

        Args:
            image: PNG, JPEG or WebP.
            created_at: seconds since 1970.
            thumbnail: a JPEG.
        """
        image = BYTES.convert(image, "image")
        date = to_milliseconds(created_at, "created_at")
        thumbnail = None if thumbnail is None else BYTES.convert(thumbnail, "thumbnail")
        text = accelerators.encode(image)
        small = {} if thumbnail is None else {"thumbnail": f"data:image/jpeg;base64,{accelerators.encode(thumbnail)}"}
        return _build_vibe("image", text, {"image": text}, {}, small, date)

    @staticmethod
    def from_encoding(encoding: bytes, model_key: str, *, created_at: float) -> StoredVibe:
        """Return a vibe that has only an encoding, of unknown parameters.

        Args:
            encoding: the response of ``/ai/encode-vibe``.
            model_key: ``v4full``, ``v4curated``, ``v4-5full`` or ``v4-5curated``.
            created_at: seconds since 1970.
        """
        encoding = BYTES.convert(encoding, "encoding")
        TEXT.check(model_key, "model_key")
        date = to_milliseconds(created_at, "created_at")
        text = accelerators.encode(encoding)
        encodings: dict[str, Any] = {model_key: {UNKNOWN_KEY: {"encoding": text, "params": {}}}}
        return _build_vibe("encoding", text, {}, encodings, {}, date)

    @property
    def name(self) -> str:
        """Its name; by default the first and last six characters of its id."""
        return self._known.name or _default_name(self.id)

    @property
    def image(self) -> bytes | None:
        """The image, if it has one. Raises RemoteProtocolError for damaged base64."""
        return None if self._known.image is None else _decode(self._known.image, "image")

    @property
    def created_at(self) -> float | None:
        """Seconds since 1970."""
        created = self._known.createdAt
        return created / 1000 if created is not None and isfinite(created) else None

    @property
    def strength(self) -> float | None:
        """The strength to use it with."""
        return self._known.importInfo.strength if self._known.importInfo else None

    @property
    def information_extracted(self) -> float | None:
        """The information extracted to encode it with, from 0 to 1."""
        return self._known.importInfo.information_extracted if self._known.importInfo else None

    @property
    def intact(self) -> bool:
        """Is the id the hash of the image, or of an encoding?"""
        if self._known.type == "image":
            texts = [self._known.image or ""]
        else:
            texts = [item.encoding for model in self._known.encodings.values() for item in model.values()]
        return self.id in map(_hash, texts)

    def encoding(self, model_key: str, information_extracted: float | None = None) -> bytes | None:
        """Return the encoding for a model; None if there is none, so that it must be requested and paid.

        Args:
            model_key: ``v4full``, ``v4curated``, ``v4-5full`` or ``v4-5curated``.
            information_extracted: from 0 to 1, or None for any. A vibe that has only an encoding fits every value.

        Raises:
            RemoteProtocolError: its base64 is damaged.
        """
        TEXT.check(model_key, "model_key")
        encodings = self._known.encodings.get(model_key, {})
        if information_extracted is None:
            texts = [item.encoding for item in encodings.values()]
        else:
            keys = (encoding_key(information_extracted), UNKNOWN_KEY)
            texts = [encodings[key].encoding for key in keys if key in encodings]
        return _decode(texts[0], "encoding") if texts else None

    def with_encoding(self, model_key: str, information_extracted: float, encoding: bytes) -> StoredVibe:
        """Return the vibe with one more encoding, or with a newer one."""
        TEXT.check(model_key, "model_key")
        encoding = BYTES.convert(encoding, "encoding")
        models: dict[str, Any] = dict(self.document.get("encodings") or {})
        item = {"encoding": accelerators.encode(encoding), "params": {"information_extracted": information_extracted}}
        models[model_key] = {**models.get(model_key, {}), encoding_key(information_extracted): item}
        return StoredVibe({**self.document, "encodings": models})


@dataclass(frozen=True, slots=True)
class VibeBundle:
    """Several vibes in one file."""

    vibes: tuple[StoredVibe, ...]
    rest: Mapping[str, Any] = field(default_factory=lambda: {"identifier": _BUNDLE, "version": 1}, repr=False)
    "All other keys of the file."


def read_vibe_file(data: bytes, limits: Limits = Limits()) -> StoredVibe | VibeBundle:
    """Read a ``.naiv4vibe`` or ``.naiv4vibebundle`` file; its content decides which.

    Raises:
        LimitExceeded: it is larger than `Limits.body` or deeper than `Limits.json_depth`.
        RemoteProtocolError: it is neither of the two.
    """
    data = BYTES.convert(data, "data")
    LIMITS.check(limits, "limits")
    if len(data) > limits.body:
        raise LimitExceeded("body", limit=limits.body, value=len(data))
    check_depth(data, limits.json_depth)
    try:
        document: object = json.loads(data.decode("utf-8-sig"), parse_constant=_reject_constant)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise RemoteProtocolError(f"vibe: {find_file_problem(data)}")
    fields = cast("dict[str, Any]", document)
    if fields.get("identifier") != _BUNDLE:
        return StoredVibe(fields)
    vibes = _convert(fields, _BundleDocument, "vibe bundle").vibes
    for number, vibe in enumerate(vibes):
        _convert(vibe, _Document, f"vibe bundle: vibes[{number}]")  # so that a message says which of them it is
    return VibeBundle(tuple(map(StoredVibe, vibes)), {key: value for key, value in fields.items() if key != "vibes"})


def write_vibe_file(vibes: StoredVibe | VibeBundle) -> bytes:
    """Return the file, as compact JSON.

    Raises:
        InvalidRequestError: JSON cannot represent a document.
    """
    check_type(vibes, (StoredVibe, VibeBundle), "vibes", "a Vibe or a VibeBundle")
    if isinstance(vibes, StoredVibe):
        return write_json({**vibes.document})
    return write_json({**vibes.rest, "vibes": [{**vibe.document} for vibe in vibes.vibes]})


def encoding_key(information_extracted: float) -> str:
    """Return the key of an encoding: a hash of its parameter, in JavaScript's notation.

    Raises:
        InvalidRequestError: it is not from 0 to 1.
    """
    NUMBER.check(information_extracted, "information_extracted", "a number from 0 to 1")
    if not 0 <= information_extracted <= 1:
        raise InvalidRequestError("information_extracted is a number from 0 to 1", parameter="information_extracted")
    # JavaScript writes numbers of six decimals without an exponent.
    number = Decimal(repr(round(float(information_extracted), 6))).normalize()
    return _hash(f"information_extracted:{abs(number):f}")


def _convert(document: dict[str, Any], type_: type[T], where: str) -> T:
    """Return the checked part of a file.

    Raises:
        RemoteProtocolError: a field is missing or of a wrong type; the message says which.
    """
    try:
        return msgspec.convert(document, type_)
    except ValueError:
        pass  # and raise below, without that error as the context
    identifier = document.get("identifier")
    if identifier not in (_VIBE, _BUNDLE):
        found = "missing" if "identifier" not in document else f"not {_VIBE} or {_BUNDLE}"
        raise RemoteProtocolError(f"{where}: this is no vibe file: its identifier is {found}")
    raise RemoteProtocolError(f"{where}: {find_field_problem(document, type_)}")


def _build_vibe(
    kind: str,
    text: str,
    image: Mapping[str, Any],
    encodings: Mapping[str, Any],
    thumbnail: Mapping[str, Any],
    date: int,
) -> StoredVibe:
    """Return a new document, its keys in the website's order."""
    id_ = _hash(text)
    head = {"identifier": _VIBE, "version": 1, "type": kind, **image, "id": id_, "encodings": encodings}
    return StoredVibe({**head, "name": _default_name(id_), **thumbnail, "createdAt": date})


def _default_name(id_: str) -> str:
    return f"{id_[:6]}-{id_[-6:]}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _decode(text: str, what: str) -> bytes:
    try:
        return decode_base64(text)
    except ValueError:
        pass  # and raise below, without that error as the context
    raise RemoteProtocolError(f"vibe: its {what} is no base64")


def _reject_constant(_: str) -> NoReturn:
    raise ValueError
