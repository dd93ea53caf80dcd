"""Vibes as commands are told of them: pictures and vibe files; and what was made of them before, since that is paid for.

Every encoding is kept, by its picture, in the directory NAI_VIBE_DIR or in the user's cache: as a vibe file that the
website reads as well.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
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

__all__ = ["Wanted", "encode", "missing", "read", "single", "told", "wanted"]

_STRENGTH: Final = 0.6
_INFORMATION: Final = 1.0
_LATER: Final = b"to be encoded"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A vibe, and how it is to act."""

    name: str
    "For messages."
    vibe: Vibe
    strength: float
    information: float | None
    "What it is encoded with; None takes whatever the file has."

    def encoding(self, model: ImageModel) -> bytes | None:
        """What was made of it for a model: by the file, or as it is kept."""
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
            RemoteProtocolError: its file is damaged.
        """
        found = self.vibe.image
        if found is None:
            raise LocalProtocolError(f"{self.name} has no encoding for this, and no picture that one could be made of")
        return found


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
    return list(found.vibes) if isinstance(found, VibeBundle) else [found]


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
    return Wanted(str(path), vibe, strength, information)


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
    found = {(each.vibe.id, each.extracted): each for each in vibes if each.encoding(model) is None and each.picture}
    return list(found.values())


def encode(client: Client, wanted: Wanted, model: ImageModel) -> bytes:
    """Has it encoded, which costs, and keeps that at once.

    Raises:
        NaiError: that failed.
    """
    information = wanted.extracted
    made = client.run(image.encode_vibe(wanted.picture, model, information_extracted=information))
    kept = (_kept(wanted.vibe) or _made(wanted.picture)).with_encoding(model.vibe_key, information, made.encoding)
    path = _path(kept)
    with suppress(OSError):  # which `write` tells, too
        path.parent.mkdir(parents=True, exist_ok=True)
    files.write(path, write_vibe_file(kept))
    return made.encoding


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
