"""Targets of picture files: their frames, pixels, and what they say of how they were made."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from functools import cache
from typing import Final

from ...codecs.avif import iter_avif_items
from ...codecs.exif import read_exif, write_exif
from ...codecs.gif import iter_gif_comments, iter_gif_xmp
from ...codecs.image_headers import describe_file, detect_format, read_header_size
from ...codecs.jpeg import iter_jpeg_comments, iter_jpeg_segments, read_jpeg_size
from ...codecs.picture_files import with_metadata, write_picture
from ...codecs.picture_metadata import Metadata, examine_picture, read_metadata
from ...codecs.picture_signature import TEST_VERIFY_KEY, sign, verify
from ...codecs.pillow_images import has_pillow
from ...codecs.pixels import (
    Pixels,
    Plane,
    find_exact_channels,
    read_grey,
    read_pixels,
    write_jpeg,
    write_png,
    write_webp,
)
from ...codecs.png import check_png, has_png_alpha, iter_png_chunks, read_png_header
from ...codecs.png_text import read_png_text, with_png_text
from ...codecs.stealth import read_stealth, with_stealth
from ...codecs.webp import find_webp_channels, iter_webp_chunks, read_webp_size, with_webp_text
from ...image.image_files import image_size, image_type, png_size
from ...image.recipe import Recipe
from ...limits import Limits
from ..target import Target

__all__ = ["TARGETS"]

_LIMITS: Final = Limits(pixels=1 << 16, body=1 << 20)
"""A few bytes may claim as many pixels as the limits allow, and memory is not what is tried here."""
_TEXTS: Final = {"Title": "AI generated image", "Description": "a ship", "Comment": '{"prompt":"a ship","steps":28}'}
_TAGS: Final = {"ImageDescription": "a ship", "UserComment": _TEXTS["Comment"]}
_SIDE: Final = 24
_PICTURE: Final = Pixels(_SIDE, _SIDE, bytes(3 * _SIDE * _SIDE))
_GIF: Final = b"GIF89a\x01\0\x01\0\0\0\0!\xfe\x05hello\0;"


@cache
def _pngs() -> tuple[bytes, ...]:
    hidden = with_stealth(Pixels(64, 64, bytes(4 * 64 * 64)), b'{"prompt":"a ship"}')
    return write_png(_PICTURE, _TEXTS), write_picture(_PICTURE, Metadata(_TEXTS)), write_png(hidden)


@cache
def _pictures() -> tuple[bytes, ...]:
    """Files of all formats that this library writes; those for which Pillow is needed only where it is installed."""
    return *_pngs(), *_webps(), *_jpegs()


def _webps() -> tuple[bytes, ...]:
    return (write_webp(_PICTURE, _TAGS),) if has_pillow() else ()


def _jpegs() -> tuple[bytes, ...]:
    return (write_jpeg(_PICTURE, exif=write_exif(_TAGS)),) if has_pillow() else ()


def _files() -> tuple[bytes, ...]:
    return *_pictures(), _GIF


def _read_png(data: bytes) -> object:
    for _ in iter_png_chunks(data, _LIMITS):
        pass
    read_png_header(data, _LIMITS)
    has_png_alpha(data, _LIMITS)
    check_png(data, _LIMITS)
    texts = read_png_text(data, _LIMITS)
    return texts, with_png_text(data, {"Title": "x"}, _LIMITS)


def _read_webp(data: bytes) -> object:
    chunks = [(kind, bytes(content)) for kind, content in iter_webp_chunks(data, _LIMITS)]
    return (
        chunks,
        read_webp_size(data, _LIMITS),
        find_webp_channels(data, _LIMITS),
        with_webp_text(data, _TAGS, _LIMITS),
    )


def _read_jpeg(data: bytes) -> object:
    segments = [(marker, bytes(content)) for marker, content in iter_jpeg_segments(data)]
    return segments, [*iter_jpeg_comments(data)], read_jpeg_size(data)


def _read_header(data: bytes) -> object:
    named = detect_format(data), describe_file(data), image_type(data), png_size(data), image_size(data)
    return named, read_header_size(data, _LIMITS)


def _read_hidden(data: bytes) -> object:
    """The bytes are the lowest bits of a picture's alpha, which run down its columns."""
    side = 64
    bits = "".join(f"{byte:08b}" for byte in data[: side * side // 8]).ljust(side * side, "0")
    rows = "".join(bits[row::side] for row in range(side)).encode()
    return read_stealth(Plane(side, side, rows.translate(bytes.maketrans(b"01", b"\xfe\xff"))), _LIMITS)


def _hidden() -> Iterable[bytes]:
    packed = gzip.compress(b'{"prompt":"a ship"}', mtime=0)
    return [
        b"stealth_pngcomp" + (8 * len(packed)).to_bytes(4) + packed,
        b"stealth_pnginfo" + (8 * 2).to_bytes(4) + b"{}",
    ]


def _avif() -> bytes:
    """Return an AVIF that has EXIF and no picture."""

    def box(kind: bytes, content: bytes) -> bytes:
        return (8 + len(content)).to_bytes(4) + kind + content

    exif = bytes(4) + write_exif(_TAGS)
    entry = box(b"infe", b"\2\0\0\0" + b"\0\1" + b"\0\0" + b"Exif")
    items = box(b"iinf", bytes(4) + b"\0\1" + entry)
    places = b"\1\0\0\0" + b"\x44\0" + b"\0\1" + b"\0\1" + b"\0\1" + b"\0\0" + b"\0\1" + bytes(4)
    meta = bytes(4) + items + box(b"iloc", places + len(exif).to_bytes(4)) + box(b"idat", exif)
    return box(b"ftyp", b"avif\0\0\0\0avif") + box(b"meta", meta)


TARGETS: Final = (
    Target("png", "bytes", _read_png, _pngs),
    Target("webp", "bytes", _read_webp, _webps),
    Target("jpeg", "bytes", _read_jpeg, _jpegs),
    Target("gif", "bytes", lambda data: [*iter_gif_comments(data), *iter_gif_xmp(data)], lambda: [_GIF]),
    Target(
        "avif",
        "bytes",
        lambda data: [*iter_avif_items(data, b"Exif", _LIMITS)],
        lambda: [_avif()],
    ),
    Target("exif", "bytes", lambda data: read_exif(data, _LIMITS), lambda: [write_exif(_TAGS)]),
    Target("image_headers", "bytes", _read_header, _files),
    Target("pixels", "bytes", lambda data: read_pixels(data, _LIMITS), _pictures),
    Target("pixels.grey", "bytes", lambda data: read_grey(data, _LIMITS), _pictures),
    Target("pixels.channels", "bytes", lambda data: find_exact_channels(data, _LIMITS), _files),
    Target("picture_metadata.examine", "bytes", lambda data: examine_picture(data, _LIMITS), _files),
    Target("picture_metadata.read", "bytes", lambda data: read_metadata(data, _LIMITS), _files),
    Target(
        "picture_files",
        "bytes",
        lambda data: with_metadata(data, Metadata(_TEXTS), _LIMITS),
        lambda: [*_pngs(), *_webps()],
    ),
    Target(
        "picture_signature",
        "text",
        lambda text: verify(_PICTURE, text, TEST_VERIFY_KEY),
        lambda: [sign(_PICTURE, '{"steps":28}').encode()],
    ),
    Target("stealth", "bytes", _read_hidden, _hidden),
    Target(
        "image.recipe",
        "text",
        lambda text: Recipe.of(Metadata({"Comment": text}), model="nai-diffusion-4-5-full", limits=_LIMITS),
        lambda: [b'{"prompt":"a ship","steps":28,"width":832,"height":1216,"uc":"","sampler":"k_euler","scale":5}'],
    ),
)
