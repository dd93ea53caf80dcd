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
from nai_proto.codecs.vibes import Vibe, VibeBundle
from nai_proto.errors import FileError, InvalidFile
from nai_proto.image import ImageModel
from nai_proto.image.image_files import image_type

from ... import files
from ...sync import Client
from ...vibe_files import VibeFolder, load_vibes
from .input_images import fit_v3_vibe, name_file_in_errors, read_image
from .option_parsing import parse_weighted_file

__all__ = [
    "VibeInput",
    "build_vibe_input",
    "encode_vibes",
    "find_unencoded",
    "parse_vibes",
    "read_vibes",
    "to_request_vibes",
]

_STRENGTH: Final = 0.6
_INFORMATION: Final = 1.0
_PLACEHOLDER: Final = b"to be encoded"


@dataclass(frozen=True, slots=True)
class VibeInput:
    """A vibe, and how it is to act."""

    path: Path
    "Of its file, for messages."
    vibe: Vibe
    strength: float
    information: float | None
    "What it is encoded with; None takes whatever the file has."

    def encoding(self, model: ImageModel) -> bytes | None:
        """What was made of it for a model: by the file, or as it is kept."""
        with name_file_in_errors(self.path):
            own = self.vibe.encoding(model.vibe_key, self.information)
        if own is not None or self.vibe.image is None:
            return own
        source = image.VibeSource(image=self.vibe.image, model_key=model.vibe_key, information_extracted=self.extracted)
        return _folder().get(source)

    @property
    def extracted(self) -> float:
        """What it is to be encoded with."""
        return _INFORMATION if self.information is None else self.information

    @property
    def picture(self) -> bytes:
        """What it can be made of.

        Raises:
            InvalidFile: it is nothing but an encoding.
        """
        if self.vibe.image is None:
            raise InvalidFile(
                f"{self.path} has no encoding for this, and no picture that one could be made of", path=str(self.path)
            )
        return self.vibe.image


def read_vibes(path: Path) -> list[Vibe]:
    """The vibes of a vibe file or a bundle; that of a picture.

    Raises:
        FileError: it cannot be read.
        InvalidFile: it is nothing of the kind, or damaged; names the file.
    """
    if image_type(files.read(path)) is not None:
        return [Vibe.of_image(read_image(path), created_at=time.time_ns() // 1_000_000)]
    found = load_vibes(path)
    vibes = found.vibes if isinstance(found, VibeBundle) else (found,)
    with name_file_in_errors(path):
        for vibe in vibes:
            _ = vibe.image  # raises where it is damaged
    return list(vibes)


def parse_vibes(written: Sequence[str]) -> list[VibeInput]:
    """``FILE[=STRENGTH[,INFORMATION]]``, of each."""
    found: list[VibeInput] = []
    for each in written:
        path, numbers = parse_weighted_file(each)
        strength, information = (*numbers, None, None)[:2]
        found += [build_vibe_input(path, vibe, strength, information) for vibe in read_vibes(path)]
    return found


def build_vibe_input(path: Path, vibe: Vibe, strength: float | None, information: float | None) -> VibeInput:
    """One vibe of a file; what is not said, the file says, or is usual."""
    if strength is None:
        strength = _STRENGTH if vibe.strength is None else vibe.strength
    if information is None:
        information = vibe.information_extracted
    return VibeInput(path, vibe, strength, information)


def to_request_vibes(
    vibes: Sequence[VibeInput], model: ImageModel
) -> Sequence[image.Vibe] | Sequence[image.EncodedVibe]:
    """As a request for a model takes them; what is not encoded yet has its place."""
    if model.family.vibes == "raw":
        return [image.Vibe(fit_v3_vibe(each.picture), each.strength, each.extracted) for each in vibes]
    return [
        image.EncodedVibe(each.encoding(model) or _PLACEHOLDER, each.strength, each.information, model.vibe_key)
        for each in vibes
    ]


def find_unencoded(vibes: Sequence[VibeInput], model: ImageModel) -> list[VibeInput]:
    """Those that have to be encoded for a model, each once.

    Raises:
        InvalidFile: there is no picture for one.
    """
    if model.family.vibes != "encoded":
        return []
    found = {(each.picture, each.extracted): each for each in vibes if each.encoding(model) is None}
    return list(found.values())


def encode_vibes(client: Client, vibes: Sequence[VibeInput], model: ImageModel) -> list[VibeInput]:
    """All of them, encoded for a model; it costs what `missing` says. What comes is kept at once.

    Raises:
        FileError: it cannot be kept; that is found out beforehand.
        NaiError: encoding failed.
    """
    made: dict[tuple[bytes | None, float], bytes] = {}
    for each in find_unencoded(vibes, model):
        _check_directory()
        asked = image.encode_vibe_cached(each.picture, model, cache=_folder(), information_extracted=each.extracted)
        made[each.picture, each.extracted] = client.run(asked).encoding
    return [_add_encoding(each, model, made.get((each.vibe.image, each.extracted))) for each in vibes]


def _add_encoding(wanted: VibeInput, model: ImageModel, encoding: bytes | None) -> VibeInput:
    if encoding is None:
        return wanted
    return replace(wanted, vibe=wanted.vibe.with_encoding(model.vibe_key, wanted.extracted, encoding))


# ---- where they are kept


def _folder() -> VibeFolder:
    return VibeFolder(_vibe_directory())


def _vibe_directory() -> Path:
    if directory := os.environ.get("NAI_VIBE_DIR"):
        return Path(directory)
    from platformdirs import user_cache_path

    return user_cache_path("nai-proto", appauthor=False) / "vibes"


def _check_directory() -> None:
    with suppress(OSError):  # which is told next
        _vibe_directory().mkdir(parents=True, exist_ok=True)
    if not (_vibe_directory().is_dir() and os.access(_vibe_directory(), os.W_OK)):
        raise FileError(
            f"vibes cannot be kept in {_vibe_directory()}, which takes no files", path=str(_vibe_directory())
        )
