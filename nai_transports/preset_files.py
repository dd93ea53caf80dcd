"""Preset files on disk: text presets in the website's format, image presets in our own and in that of novelai-api.

See:
    docs/protocol/native.md#121-file-format-preset-utf-8-json
    docs/protocol/image.md#34-presets-of-novelai-api
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
    """Read a ``.preset`` file.

    Args:
        path: of the file.
        model: the model that it must be for, or is for if the file does not say.

    Raises:
        FileError: there is no such file, or it cannot be read.
        InvalidFile: it is damaged, or for another model; the message names the file and what is wrong.
    """
    data = files.read(path)
    with _invalid_file(path):
        return Preset.loads(data, model=model, where=os.fspath(path))


def save_preset(preset: Preset, path: str | os.PathLike[str]) -> None:
    """Write a ``.preset`` file, whole or not at all: an existing file stays until the new one is complete.

    Args:
        preset: the preset.
        path: of the file.

    Raises:
        InvalidRequestError: the preset holds what cannot be written as JSON.
        FileError: the file cannot be written.
    """
    files.write(path, preset.dumps())


def load_image_preset(path: str | os.PathLike[str], *, model: ImageModel | str | None = None) -> ImagePreset:
    """Read a file with an image preset: one that `save_image_preset` wrote, or one of novelai-api.

    Args:
        path: of the file.
        model: in place of the one that it names; settings of one model may suit another. novelai-api's files name none.

    Raises:
        FileError: there is no such file, or it cannot be read.
        InvalidFile: it is damaged, or has an unknown setting; the message names the file and what is wrong.
    """
    data = files.read(path)
    with _invalid_file(path):
        return ImagePreset.loads(data, model=model, where=os.fspath(path))


def save_image_preset(preset: ImagePreset, path: str | os.PathLike[str]) -> None:
    """Write a file with an image preset, whole or not at all: an existing file stays until the new one is complete.

    Args:
        preset: the preset.
        path: of the file.

    Raises:
        InvalidRequestError: the preset holds what cannot be written as JSON.
        FileError: the file cannot be written.
    """
    files.write(path, preset.dumps())


@contextmanager
def _invalid_file(path: str | os.PathLike[str]) -> Generator[None, None, None]:
    """Raise errors about a file's content as InvalidFile with its path; the messages name it already."""
    try:
        yield
        return
    except LimitExceeded:
        raise
    except (InvalidFile, RemoteProtocolError) as error:
        problem = str(error)
    raise InvalidFile(problem, path=os.fspath(path))
