"""Caches of encoded vibes, so that each is paid for once, and vibes from vibe files.

An encoding depends on the image, the model, how much is taken over, and on a mask or seeds if there are any. A `VibeSource`
has all of that, and a `VibeCache` keeps encodings by it: `nai_transports.vibe_files.VibeFolder` in files that the website
reads, too.

See:
    docs/protocol/image.md#51-vibe-transfer
    docs/protocol/image.md#85-vibe-files
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Never, Protocol

from ..arguments import BYTES, INTEGER, NUMBER, TEXT, ArgumentType, convert_fields, having, takes
from ..codecs import accelerators
from ..codecs.vibe_files import StoredVibe as VibeFile
from ..codecs.vibe_files import VibeBundle, encoding_key
from ..errors import InvalidFile, InvalidRequestError, NaiError
from ..exchange.actions import Steps, compute
from ..exchange.flow import flow
from .argument_types import VIBE_SOURCE
from .cost_limits import check_max_anlas
from .features import EncodedVibe, Vibe
from .models import IMAGE_MODEL, ImageModel
from .price import ALLOWANCE, NOTHING_FREE, Allowance, encoding_price
from .tools import encode_vibe

__all__ = [
    "MemoryVibeCache",
    "VibeCache",
    "VibeSource",
    "encode_vibe_cached",
    "update_vibe_file",
    "vibe_from_file",
    "vibes_from_file",
]

_STRENGTH: Final = 0.6
_EXTRACTED: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VibeSource:
    """What is encoded, and how: the key of an encoding in a cache."""

    image: bytes = field(repr=False)
    model_key: str
    "`ImageModel.vibe_key`."
    information_extracted: float = _EXTRACTED
    mask: bytes | None = field(default=None, repr=False)
    crop_to_mask: bool | None = None
    focus_seed: int | None = None
    info_extract_seed: int | None = None

    def __post_init__(self) -> None:
        convert_fields(
            self,
            model_key=TEXT,
            **VIBE_SOURCE,
        )

    @property
    def is_plain(self) -> bool:
        """Return whether the website's vibe files have a place for it: without a mask and seeds."""
        return (self.mask, self.crop_to_mask, self.focus_seed, self.info_extract_seed) == (None,) * 4

    @property
    def name(self) -> str:
        """Return 64 hex digits that identify it; of a plain one those of its image, which are the id of its vibe file."""
        picture = _hash(accelerators.encode(self.image))
        if self.is_plain:
            return picture
        mask = "" if self.mask is None else _hash(accelerators.encode(self.mask))
        share = encoding_key(self.information_extracted)
        rest = (self.crop_to_mask, self.focus_seed, self.info_extract_seed)
        return _hash(":".join(map(str, (picture, self.model_key, share, mask, *rest))))


SOURCE: Final = ArgumentType("a VibeSource", VibeSource)
CACHE: Final = having("a VibeCache, such as MemoryVibes()", "get", "put")
FILE: Final = ArgumentType("a vibe file as read_vibe_file gives it", VibeFile)
BUNDLE: Final = ArgumentType("a bundle of them", VibeBundle)


class VibeCache(Protocol):
    """Keeps encodings. Its methods are called off the event loop, if there is one."""

    def get(self, source: VibeSource, /) -> bytes | None:
        """Return the encoding for a source; None if there is none."""
        ...

    def put(self, source: VibeSource, encoding: bytes, /) -> None:
        """Keep the encoding of a source."""
        ...


class MemoryVibeCache:
    """A `VibeCache` in memory."""

    def __init__(self) -> None:
        self._encodings: dict[tuple[str, str, str], bytes] = {}

    @takes(source=SOURCE)
    def get(self, source: VibeSource, /) -> bytes | None:
        return self._encodings.get(_cache_key(source))

    @takes(source=SOURCE, encoding=BYTES)
    def put(self, source: VibeSource, encoding: bytes, /) -> None:
        self._encodings[_cache_key(source)] = encoding


def _cache_key(source: VibeSource) -> tuple[str, str, str]:
    return source.name, source.model_key, encoding_key(source.information_extracted)


@flow
@takes(
    **VIBE_SOURCE,
    model=IMAGE_MODEL,
    cache=CACHE,
    strength=NUMBER,
    max_anlas=INTEGER | None,
    allowance=ALLOWANCE,
)
def encode_vibe_cached(
    image: bytes,
    model: ImageModel | str,
    *,
    cache: VibeCache,
    information_extracted: float = _EXTRACTED,
    strength: float = _STRENGTH,
    mask: bytes | None = None,
    crop_to_mask: bool | None = None,
    focus_seed: int | None = None,
    info_extract_seed: int | None = None,
    max_anlas: int | None = None,
    allowance: Allowance = NOTHING_FREE,  # noqa: ARG001 -- whatever costs takes it, and this is never free
) -> Steps[Never, EncodedVibe]:
    """Encode an image as a vibe as `encode_vibe` does, unless the cache has the encoding: then it costs nothing.

    Args:
        image: the image.
        model: that the vibe is for.
        cache: where encodings are kept.
        information_extracted: how much is taken over, from 0 to 1.
        strength: the strength of the vibe that is returned, -1 to 1; it does not change the encoding.
        mask: as for `encode_vibe`.
        crop_to_mask: as for `encode_vibe`.
        focus_seed: as for `encode_vibe`.
        info_extract_seed: as for `encode_vibe`.
        max_anlas: refuse an encoding that costs more Anlas; any price if None.
        allowance: without effect: encoding is never free.

    Raises:
        InvalidRequestError: as `encode_vibe`.
        NaiError: the cache failed; if the vibe is paid for already, it is ``partial`` of the error.
    """
    model = ImageModel.named(model)
    operation = encode_vibe(
        image,
        model,
        information_extracted=information_extracted,
        strength=strength,
        mask=mask,
        crop_to_mask=crop_to_mask,
        focus_seed=focus_seed,
        info_extract_seed=info_extract_seed,
    )
    source = VibeSource(
        image=image,
        model_key=model.vibe_key,
        information_extracted=information_extracted,
        mask=mask,
        crop_to_mask=crop_to_mask,
        focus_seed=focus_seed,
        info_extract_seed=info_extract_seed,
    )
    found = yield from compute(lambda: cache.get(source))
    if found is not None:
        return EncodedVibe(found, strength, information_extracted, model.vibe_key)
    check_max_anlas(lambda _: encoding_price(), max_anlas)
    made = yield from operation
    try:
        yield from compute(lambda: cache.put(source, made.encoding))
    except NaiError as error:
        error.partial = made
        raise
    return made


# ---- vibe files


@takes(file=FILE, model=IMAGE_MODEL, information_extracted=NUMBER | None, strength=NUMBER | None)
def vibe_from_file(
    file: VibeFile,
    model: ImageModel | str,
    *,
    information_extracted: float | None = None,
    strength: float | None = None,
) -> Vibe | EncodedVibe:
    """Return the vibe of a vibe file for a model: the encoding for that model, or for V3 the image itself.

    Args:
        file: as `read_vibe_file` gives it.
        model: that the request is for.
        information_extracted: how much was taken over, 0 to 1. If None, as the file says, else any.
        strength: of the vibe, -1 to 1. If None, as the file says, else 0.6.

    Raises:
        InvalidRequestError: the model takes no vibes, or the file lacks what it takes; the message says what it has.
        RemoteProtocolError: its base64 is damaged.
    """
    model = ImageModel.named(model)
    form = model.family.vibes
    share = file.information_extracted if information_extracted is None else information_extracted
    wanted = file.strength if strength is None else strength
    strong = _STRENGTH if wanted is None else wanted
    if not form:
        raise InvalidRequestError(f"{model.id} takes no vibes: V3 to V4.5 do", parameter="model")
    if form == "raw":
        if file.image is None:
            raise InvalidFile(f"the vibe {file.name} is only an encoding, and {model.id} takes the picture")
        return Vibe(file.image, strong, _EXTRACTED if share is None else share)
    found = file.encoding(model.vibe_key, share)
    if found is None and information_extracted is None:
        found, share = file.encoding(model.vibe_key), None
    if found is not None:
        return EncodedVibe(found, strong, share, model.vibe_key)
    needed = model.vibe_key if share is None else f"{model.vibe_key} with information_extracted {share:g}"
    there = ", ".join(file.document.get("encodings") or ()) or "none"
    can = "encode its picture with encode_vibe" if file.image is not None else "and no picture to encode"
    raise InvalidFile(f"the vibe {file.name} has no encoding for {needed}; it has {there}; {can}")


@takes(file=FILE | BUNDLE, model=IMAGE_MODEL)
def vibes_from_file(file: VibeFile | VibeBundle, model: ImageModel | str) -> tuple[Vibe | EncodedVibe, ...]:
    """Return the vibes of a file for a model, for the option ``vibes``; raise as `vibe_from_file`.

    Args:
        file: a vibe or a bundle, as `read_vibe_file` gives it.
        model: that the request is for.
    """
    found: Iterable[VibeFile] = file.vibes if isinstance(file, VibeBundle) else (file,)
    return tuple(vibe_from_file(each, model) for each in found)


def update_vibe_file(source: VibeSource, encoding: bytes, file: VibeFile | None, *, created_at: float) -> VibeFile:
    """Return a vibe file with an encoding added.

    Args:
        source: what was encoded.
        encoding: as the service gave it.
        file: the file of the same image so far, whose content is kept; None makes a new one.
        created_at: time of a new file, in seconds since 1970.

    Raises:
        InvalidRequestError: ``information_extracted`` is not from 0 to 1.
    """
    if not source.is_plain:
        return VibeFile.from_encoding(encoding, source.model_key, created_at=created_at)
    begun = VibeFile.from_image(source.image, created_at=created_at) if file is None else file
    return begun.with_encoding(source.model_key, source.information_extracted, encoding)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
