"""Vibes that commands get as images or vibe files, and a cache of their encodings, since each encoding costs Anlas.

The cache is the directory NAI_VIBE_DIR, or one in the user's cache. It has a vibe file for each image, which the website
reads as well.
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
from nai_proto.codecs.vibe_files import StoredVibe, VibeBundle, write_vibe_file
from nai_proto.errors import FileError, InvalidFile
from nai_proto.image import ImageModel
from nai_proto.image.image_files import image_type
from nai_proto.image.vibe_cache import update_vibe_file

from ... import files
from ...sync import Client
from ...vibe_files import VibeFolder, load_vibes
from ..common.output_files import OutputFiles
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
    """A vibe with its strength and the information to extract."""

    path: Path
    "The vibe's file, for error messages."
    vibe: StoredVibe
    strength: float
    information: float | None
    "Information to extract, 0 to 1; None for whatever encoding the file has."

    def get_encoding(self, model: ImageModel) -> bytes | None:
        """Return the encoding for a model from the file or the cache; None if there is none."""
        with name_file_in_errors(self.path):
            own = self.vibe.encoding(model.vibe_key, self.information)
        if own is not None or self.vibe.image is None:
            return own
        source = image.VibeSource(image=self.vibe.image, model_key=model.vibe_key, information_extracted=self.extracted)
        return _folder().get(source)

    @property
    def extracted(self) -> float:
        """The information to extract, 0 to 1."""
        return _INFORMATION if self.information is None else self.information

    @property
    def picture(self) -> bytes:
        """The image to encode.

        Raises:
            InvalidFile: the file has encodings only.
        """
        if self.vibe.image is None:
            raise InvalidFile(
                f"{self.path} has no encoding for this model and information, and no image to make one from",
                path=str(self.path),
            )
        return self.vibe.image


def read_vibes(path: Path) -> list[StoredVibe]:
    """Return the vibes of a vibe file or a bundle, or a new vibe of an image.

    Raises:
        FileError: the file cannot be read.
        InvalidFile: the file is neither vibe file nor image, or is damaged. The message names the file.
    """
    if image_type(files.read(path)) is not None:
        return [StoredVibe.from_image(read_image(path), created_at=time.time())]
    file = load_vibes(path)
    vibes = file.vibes if isinstance(file, VibeBundle) else (file,)
    with name_file_in_errors(path):
        for vibe in vibes:
            _ = vibe.image  # raises an error if it is damaged
    return list(vibes)


def parse_vibes(options: Sequence[str]) -> list[VibeInput]:
    """Parse ``FILE[=STRENGTH[,INFORMATION]]`` options, and read the files."""
    inputs: list[VibeInput] = []
    for option in options:
        path, numbers = parse_weighted_file(option)
        strength, information = (*numbers, None, None)[:2]
        inputs += [build_vibe_input(path, vibe, strength, information) for vibe in read_vibes(path)]
    return inputs


def build_vibe_input(path: Path, vibe: StoredVibe, strength: float | None, information: float | None) -> VibeInput:
    """Return one vibe of a file; a missing strength or information is the file's, else the default."""
    if strength is None:
        strength = _STRENGTH if vibe.strength is None else vibe.strength
    if information is None:
        information = vibe.information_extracted
    return VibeInput(path, vibe, strength, information)


def to_request_vibes(
    vibes: Sequence[VibeInput], model: ImageModel
) -> Sequence[image.Vibe] | Sequence[image.EncodedVibe]:
    """Return the vibes as a request for a model takes them; a vibe that is not encoded yet has a placeholder."""
    if model.family.vibes == "raw":
        return [image.Vibe(fit_v3_vibe(each.picture), each.strength, each.extracted) for each in vibes]
    return [
        image.EncodedVibe(each.get_encoding(model) or _PLACEHOLDER, each.strength, each.information, model.vibe_key)
        for each in vibes
    ]


def find_unencoded(vibes: Sequence[VibeInput], model: ImageModel) -> list[VibeInput]:
    """Return the vibes that must be encoded for a model, each once.

    Raises:
        InvalidFile: a vibe has no image to encode.
    """
    if model.family.vibes != "encoded":
        return []
    unencoded = {(each.picture, each.extracted): each for each in vibes if each.get_encoding(model) is None}
    return list(unencoded.values())


def encode_vibes(
    client: Client, vibes: Sequence[VibeInput], model: ImageModel, outputs: OutputFiles
) -> list[VibeInput]:
    """Return the vibes with encodings for a model. Each one of `find_unencoded` costs Anlas, and is cached at once.

    Args:
        client: of the account.
        vibes: to be encoded, if they are not yet.
        model: that is to use them.
        outputs: the command's files, among which an encoding is kept that the cache cannot take.

    Raises:
        FileError: the cache cannot be written; nothing was spent then.
        NaiError: a request failed.
    """
    encodings: dict[tuple[bytes | None, float], bytes] = {}
    cache = _RescuingCache(_vibe_directory(), outputs)
    for each in find_unencoded(vibes, model):
        _check_directory()
        flow = image.encode_vibe_cached(each.picture, model, cache=cache, information_extracted=each.extracted)
        encodings[each.picture, each.extracted] = client.run(flow).encoding
    return [_add_encoding(each, model, encodings.get((each.vibe.image, each.extracted))) for each in vibes]


def _add_encoding(vibe_input: VibeInput, model: ImageModel, encoding: bytes | None) -> VibeInput:
    if encoding is None:
        return vibe_input
    return replace(vibe_input, vibe=vibe_input.vibe.with_encoding(model.vibe_key, vibe_input.extracted, encoding))


# ---- the cache


def _folder() -> VibeFolder:
    return VibeFolder(_vibe_directory())


class _RescuingCache(VibeFolder):
    """The cache, from which an encoding that was paid for is not lost on a full disk."""

    def __init__(self, path: Path, outputs: OutputFiles) -> None:
        super().__init__(path)
        self._outputs = outputs

    def put(self, source: image.VibeSource, encoding: bytes, /) -> None:
        try:
            super().put(source, encoding)
        except FileError as error:
            file = update_vibe_file(source, encoding, None, created_at=time.time())
            self._outputs.rescue(f"{source.name}.naiv4vibe", write_vibe_file(file), str(error))


def _vibe_directory() -> Path:
    if directory := os.environ.get("NAI_VIBE_DIR"):
        return Path(directory)
    from platformdirs import user_cache_path

    return user_cache_path("nai-proto", appauthor=False) / "vibes"


def _check_directory() -> None:
    with suppress(FileError):  # the next line reports it
        files.make_directories(_vibe_directory())
    if not (os.path.isdir(_vibe_directory()) and os.access(_vibe_directory(), os.W_OK)):
        raise FileError(
            f"cannot write to {_vibe_directory()}, which caches the encodings of vibes", path=str(_vibe_directory())
        )
