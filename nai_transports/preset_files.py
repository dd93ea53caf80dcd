"""Preset files on disk: for text as the website has them, for images our own.

See docs/protocol/native.md#121-file-format-preset-utf-8-json.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager

from nai_proto.errors import InvalidFile, LimitExceeded, RemoteProtocolError
from nai_proto.image.models import ImageModel
from nai_proto.image.preset import ImagePreset
from nai_proto.text.models import Model
from nai_proto.text.preset import Preset

from . import files

__all__ = ["load_image_preset", "load_preset", "save_image_preset", "save_preset"]


def load_preset(path: str | os.PathLike[str], *, model: Model | str | None = None) -> Preset:
    """The preset in a ``.preset`` file.

    Args:
        path: of the file.
        model: the model that it must be for, or is for if the file does not say.

    Raises:
        FileError: there is no such file, or it cannot be read.
        InvalidFile: it is damaged, or another model's; names the file and what is wrong.
    """
    data = files.read(path)
    with _naming(path):
        return Preset.loads(data, model=model, where=os.fspath(path))


def save_preset(preset: Preset, path: str | os.PathLike[str]) -> None:
    """Writes a ``.preset`` file, whole or not at all: what stood there stays until the new file is complete.

    Raises:
        InvalidRequestError: the preset holds what JSON has no form for.
        FileError: the file cannot be written.
    """
    files.write(path, preset.dumps())


def load_image_preset(path: str | os.PathLike[str], *, model: ImageModel | str | None = None) -> ImagePreset:
    """The image preset in a file.

    Args:
        path: of the file.
        model: instead of the one that it names: settings of one model may well serve another.

    Raises:
        FileError: there is no such file, or it cannot be read.
        InvalidFile: it is damaged, or has a setting that there is not; names the file and what is wrong.
    """
    data = files.read(path)
    with _naming(path):
        return ImagePreset.loads(data, model=model, where=os.fspath(path))


def save_image_preset(preset: ImagePreset, path: str | os.PathLike[str]) -> None:
    """Writes such a file, whole or not at all: what stood there stays until the new file is complete.

    Raises:
        InvalidRequestError: the preset holds what JSON has no form for.
        FileError: the file cannot be written.
    """
    files.write(path, preset.dumps())


@contextmanager
def _naming(path: str | os.PathLike[str]) -> Generator[None, None, None]:
    """Raise what is wrong with the content of a file as InvalidFile with its path; the messages have it already."""
    try:
        yield
        return
    except LimitExceeded:
        raise
    except (InvalidFile, RemoteProtocolError) as error:
        problem = str(error)
    raise InvalidFile(problem, path=os.fspath(path))
