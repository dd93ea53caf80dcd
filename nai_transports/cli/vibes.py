"""Vibes as commands are told of them: pictures and vibe files; and what was made of them before, since that is paid for.

Every encoding is kept, by its picture, in the directory NAI_VIBE_DIR or in the user's cache: as a vibe file that the
website reads as well.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from nai_proto import image
from nai_proto.codecs.vibes import Vibe, VibeBundle, read_vibe_file, write_vibe_file
from nai_proto.errors import LocalProtocolError, NaiError
from nai_proto.image import ImageModel
from nai_proto.image.sources import image_type

from .. import files
from ..httpx import Client
from .image_options import weighed
from .pictures import naming, picture, vibe_for_v3

__all__ = ["Wanted", "encoded", "missing", "read", "single", "told", "wanted"]

_STRENGTH: Final = 0.6
_INFORMATION: Final = 1.0
_LATER: Final = b"to be encoded"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A vibe, and how it is to act."""

    path: Path
    "Of its file, for messages."
    vibe: Vibe
    strength: float
    information: float | None
    "What it is encoded with; None takes whatever the file has."

    def encoding(self, model: ImageModel) -> bytes | None:
        """What was made of it for a model: by the file, or as it is kept."""
        with naming(self.path):
            own = self.vibe.encoding(model.vibe_key, self.information)
        kept = _kept(self.vibe) if own is None else None
        return own if kept is None else kept.encoding(model.vibe_key, self.extracted)

    @property
    def extracted(self) -> float:
        """What it is to be encoded with."""
        return _INFORMATION if self.information is None else self.information

    @property
    def picture(self) -> bytes:
        """What it can be made of.

        Raises:
            LocalProtocolError: it is nothing but an encoding.
        """
        if self.vibe.image is None:
            raise LocalProtocolError(f"{self.path} has no encoding for this, and no picture that one could be made of")
        return self.vibe.image


def read(path: Path) -> list[Vibe]:
    """The vibes of a vibe file or a bundle; that of a picture.

    Raises:
        LocalProtocolError: it cannot be read.
        RemoteProtocolError: it is nothing of the kind, or damaged; names the file.
    """
    data = files.read(path)
    if image_type(data) is not None:
        return [_made(picture(path))]
    with naming(path):
        found = read_vibe_file(data)
        vibes = found.vibes if isinstance(found, VibeBundle) else (found,)
        for vibe in vibes:
            _ = vibe.image  # raises where it is damaged
    return list(vibes)


def wanted(written: Sequence[str]) -> list[Wanted]:
    """``FILE[=STRENGTH[,INFORMATION]]``, of each."""
    found: list[Wanted] = []
    for each in written:
        path, numbers = weighed(each)
        strength, information = (*numbers, None, None)[:2]
        found += [single(path, vibe, strength, information) for vibe in read(path)]
    return found


def single(path: Path, vibe: Vibe, strength: float | None, information: float | None) -> Wanted:
    """One vibe of a file; what is not said, the file says, or is usual."""
    if strength is None:
        strength = _STRENGTH if vibe.strength is None else vibe.strength
    if information is None:
        information = vibe.information_extracted
    return Wanted(path, vibe, strength, information)


def told(vibes: Sequence[Wanted], model: ImageModel) -> Sequence[image.Vibe] | Sequence[image.EncodedVibe]:
    """As a request for a model takes them; what is not encoded yet has its place."""
    if model.family.vibes == "raw":
        return [image.Vibe(vibe_for_v3(each.picture), each.strength, each.extracted) for each in vibes]
    return [
        image.EncodedVibe(each.encoding(model) or _LATER, each.strength, each.information, model.vibe_key)
        for each in vibes
    ]


def missing(vibes: Sequence[Wanted], model: ImageModel) -> list[Wanted]:
    """Those that have to be encoded for a model, each once.

    Raises:
        LocalProtocolError: there is no picture for one.
    """
    if model.family.vibes != "encoded":
        return []
    found = {(each.picture, each.extracted): each for each in vibes if each.encoding(model) is None}
    return list(found.values())


def encoded(client: Client, vibes: Sequence[Wanted], model: ImageModel) -> list[Wanted]:
    """All of them, encoded for a model; it costs what `missing` says. What comes is kept at once.

    Raises:
        LocalProtocolError: it cannot be kept; that is found out beforehand.
        NaiError: encoding failed.
    """
    made: dict[tuple[bytes | None, float], bytes] = {}
    for each in missing(vibes, model):
        whole = _kept(each.vibe) or _made(each.picture)
        path = _path(whole)
        with suppress(OSError):  # which is told next
            path.parent.mkdir(parents=True, exist_ok=True)
        if not (path.parent.is_dir() and os.access(path.parent, os.W_OK)):
            raise LocalProtocolError(f"vibes cannot be kept in {path.parent}, which takes no files")
        asked = image.encode_vibe(each.picture, model, information_extracted=each.extracted)
        encoding = made[each.picture, each.extracted] = client.run(asked).encoding
        files.write(path, write_vibe_file(whole.with_encoding(model.vibe_key, each.extracted, encoding)))
    return [_with(each, model, made.get((each.vibe.image, each.extracted))) for each in vibes]


def _with(wanted: Wanted, model: ImageModel, encoding: bytes | None) -> Wanted:
    if encoding is None:
        return wanted
    return replace(wanted, vibe=wanted.vibe.with_encoding(model.vibe_key, wanted.extracted, encoding))


def _made(picture: bytes) -> Vibe:
    return Vibe.of_image(picture, created_at=round(time.time() * 1000))


def _kept(vibe: Vibe) -> Vibe | None:
    """What is kept of a vibe's picture; what is damaged there is made anew."""
    if vibe.image is None:
        return None
    own = _made(vibe.image)  # whatever id the file may claim
    path = _path(own)
    try:
        found = read_vibe_file(files.read(path)) if path.is_file() else None
    except NaiError:
        return None
    return found if isinstance(found, Vibe) and found.id == own.id and found.intact else None


def _path(vibe: Vibe) -> Path:
    if directory := os.environ.get("NAI_VIBE_DIR"):
        return Path(directory) / f"{vibe.id}.naiv4vibe"
    from platformdirs import user_cache_path

    return user_cache_path("nai-proto", appauthor=False) / "vibes" / f"{vibe.id}.naiv4vibe"
