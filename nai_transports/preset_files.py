"""Preset files on disk: for text as the website has them (native §12.1), for images our own."""

from __future__ import annotations

import os

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
        LocalProtocolError: there is no such file, it cannot be read, or it is another model's.
        RemoteProtocolError: it is damaged; names the file and what is wrong.
    """
    return Preset.loads(files.read(path), model=model, where=os.fspath(path))


def save_preset(preset: Preset, path: str | os.PathLike[str]) -> None:
    """Writes a ``.preset`` file, whole or not at all: what stood there stays until the new file is complete.

    Raises:
        LocalProtocolError: the preset holds what JSON has no form for, or the file cannot be written.
    """
    files.write(path, preset.dumps())


def load_image_preset(path: str | os.PathLike[str], *, model: ImageModel | str | None = None) -> ImagePreset:
    """The image preset in a file.

    Args:
        path: of the file.
        model: instead of the one that it names: settings of one model may well serve another.

    Raises:
        LocalProtocolError: there is no such file, or it cannot be read.
        RemoteProtocolError: it is damaged, or has a setting that there is not; names the file and what is wrong.
    """
    return ImagePreset.loads(files.read(path), model=model, where=os.fspath(path))


def save_image_preset(preset: ImagePreset, path: str | os.PathLike[str]) -> None:
    """Writes such a file, whole or not at all: what stood there stays until the new file is complete.

    Raises:
        LocalProtocolError: the preset holds what JSON has no form for, or the file cannot be written.
    """
    files.write(path, preset.dumps())
