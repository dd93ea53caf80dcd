"""The files of pictures: their names and formats. A picture is written as the service sent it, or as a JPEG by Pillow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final, TypeAlias

from nai_proto.codecs.picture_files import to_jpeg
from nai_proto.codecs.pillow_images import has_pillow
from nai_proto.errors import InvalidRequestError, MissingExtra, NaiError
from nai_proto.image.image_files import image_type

from ..common.notes import print_remark
from ..common.output_files import OutputFiles, OutputPath, build_output_option, choose_paths

__all__ = ["PictureOutput", "choose_picture_paths", "print_jpeg_note", "write_picture"]

_SUFFIXES: Final[Mapping[str, tuple[str, ...]]] = {"jpeg": (".jpg", ".jpeg"), "png": (".png",), "webp": (".webp",)}
"""The suffixes of each format, the usual one first."""

PictureOutput: TypeAlias = Annotated[OutputPath | None, build_output_option(".png", ".jpg")]
"""``--output`` of a command whose pictures the service sends as PNG."""


def choose_picture_paths(
    output: OutputPath | None,
    name: str,
    image_format: str = "png",
    parts: Sequence[object] = ("",),
    *,
    other_formats: Sequence[str] = (),
) -> list[Path]:
    """Return a path for each picture, as `choose_paths` does.

    Args:
        output, name, parts: as for `choose_paths`.
        image_format: the format in which the service sends them; each can also be written as a JPEG.
        other_formats: those that it would send if it were asked for them, as by a file's name where no format is named.

    Raises:
        InvalidRequestError: the suffix is that of another of these formats; or as for `choose_paths`.
        FileError: as for `choose_paths`.
        MissingExtra: a JPEG is asked for, and Pillow is not installed.
    """
    suffixes = (*_SUFFIXES[image_format], *_SUFFIXES["jpeg"])
    others = tuple(suffix for each in other_formats for suffix in _SUFFIXES[each] if suffix not in suffixes)
    if output is not None and output.suffix in others:
        raise InvalidRequestError(
            f"-o {output.path} and --format {image_format} are two formats: leave one of the options out"
        )
    paths = choose_paths(output, name, (*suffixes, *others), parts)
    if any(_is_jpeg(path) for path in paths) and not has_pillow():
        raise MissingExtra("a picture is converted to JPEG with Pillow (the extra 'image')", extra="image")
    return paths


def print_jpeg_note(paths: Iterable[Path]) -> None:
    """Print a note if pictures were written as JPEG, which have less than the service sent."""
    if any(map(_is_jpeg, paths)):
        print_remark("a JPEG keeps neither the service's signature nor alpha; a PNG keeps both")


def write_picture(outputs: OutputFiles, path: Path, data: bytes) -> Path:
    """Write a picture, and return the path that it has.

    One that cannot be what the path's suffix says is kept under the suffix of its format, which is reported as a problem.

    Args:
        outputs: the command's files.
        path: of the file to write.
        data: the picture as the service sent it.
    """
    image_format = image_type(data)
    if image_format is None:
        return outputs.write(path, data)
    usual = _SUFFIXES[image_format][0]
    if not path.suffix or path.suffix.lower() in _SUFFIXES[image_format]:
        return outputs.write(path, data, usual)
    if _is_jpeg(path):
        try:
            return outputs.write(path, to_jpeg(data))
        except NaiError as error:
            problem = f"{path} cannot be written: {error}"
    else:
        problem = f"{path} cannot be written: the service sent a {image_format.upper()}"
    return outputs.keep_elsewhere(path.with_suffix(usual), data, problem)


def _is_jpeg(path: Path) -> bool:
    return path.suffix.lower() in _SUFFIXES["jpeg"]
