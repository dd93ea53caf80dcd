"""Masks of whole blocks, made of pictures.

See docs/protocol/image.md#53-img2img-enhance-inpaint.
"""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nai_proto.codecs.pixels import Pixels, write_png
from nai_proto.errors import InvalidRequestError, MissingExtra
from nai_proto.image import align_mask, box_mask, build_image_request
from tests.cases import for_each
from tests.hypothesis_profiles import scale_examples
from tests.image_support import PNG, png

Box = tuple[int, int, int, int]


def painted(width: int, height: int, boxes: list[Box], colours: str = "RGB") -> bytes:
    """A mask with white boxes, drawn by Pillow."""
    drawn = Image.new(colours, (width, height))
    for left, top, right, bottom in boxes:
        if left < right and top < bottom:
            drawn.paste(Image.new(colours, (right - left, bottom - top), "white"), (left, top))
    out = io.BytesIO()
    drawn.save(out, "PNG")
    return out.getvalue()


def white(mask: bytes) -> set[tuple[int, int]]:
    """The blocks that are drawn anew."""
    with Image.open(io.BytesIO(mask)) as opened:
        assert opened.mode == "L"
        assert {value for _, value in opened.getcolors() or []} <= {0, 255}
        return {(x, y) for x in range(opened.width) for y in range(opened.height) if opened.getpixel((x, y)) == 255}


corners = st.integers(0, 128)
boxes = st.lists(st.tuples(corners, corners, corners, corners), max_size=3)


@settings(max_examples=scale_examples(40))
@given(boxes, st.sampled_from(["RGB", "RGBA", "L"]))
def test_a_block_is_white_where_half_of_it_is(drawn: list[Box], colours: str) -> None:
    mask = align_mask(painted(128, 64, drawn, colours), 128, 64)
    with Image.open(io.BytesIO(painted(128, 64, drawn))) as opened:
        inside = {(x, y) for x in range(128) for y in range(64) if opened.getpixel((x, y)) == (255, 255, 255)}
    counted: dict[tuple[int, int], int] = {}
    for x, y in inside:
        counted[x // 8, y // 8] = counted.get((x // 8, y // 8), 0) + 1
    assert white(mask) == {block for block, count in counted.items() if count >= 32}


@given(st.lists(st.tuples(*[st.integers(0, 16).map(lambda at: 8 * at)] * 4), max_size=3))
@settings(max_examples=scale_examples(20))
def test_what_is_whole_blocks_already_stays_what_it_is(drawn: list[Any]) -> None:
    assert white(align_mask(painted(128, 64, drawn), 128, 64)) == white(box_mask(128, 64, drawn))


def test_an_aligned_mask_is_taken() -> None:
    mask = align_mask(painted(128, 64, [(3, 3, 60, 60)]), 128, 64)
    request = build_image_request("a cat", image=png(128, 64), mask=mask, seed=1)
    assert request.parameters["mask"] == mask
    assert align_mask(mask, 128, 64) == mask


@pytest.mark.parametrize("mode", ["1", "P", "I;16"])
def test_a_mask_of_any_other_form_is_read_by_pillow(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = Image.new("1", (64, 64))
    drawn.paste(1, (0, 0, 32, 64))
    file = io.BytesIO()
    (drawn.convert("I").point(lambda value: value * 257).convert(mode) if mode == "I;16" else drawn.convert(mode)).save(
        file, "PNG"
    )
    assert white(align_mask(file.getvalue(), 64, 64)) == {(x, y) for x in range(4) for y in range(8)}
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtra):
        align_mask(file.getvalue(), 64, 64)


@settings(max_examples=scale_examples(30), deadline=None)
@given(boxes, st.sampled_from([(64, 64), (32, 100), (300, 200), (16, 8)]), st.sampled_from(["PNG", "WEBP", "GIF"]))
def test_a_mask_of_another_size_is_scaled_by_its_nearest_pixels(
    drawn: list[Box], size: tuple[int, int], form: str
) -> None:
    small, out = Image.open(io.BytesIO(painted(*size, drawn))), io.BytesIO()
    small.save(out, form, **({"lossless": True} if form == "WEBP" else {}))
    mask = build_image_request("a cat", image=png(128, 64), mask=out.getvalue(), seed=1).parameters["mask"]
    assert isinstance(mask, bytes)
    large = io.BytesIO()
    small.resize((128, 64), Image.Resampling.NEAREST).save(large, "PNG")
    if size == (16, 8) and form == "PNG":
        assert mask == out.getvalue()  # a pixel for each block
    else:
        assert white(mask) == white(align_mask(large.getvalue(), 128, 64))


def test_without_pillow_a_mask_of_another_size_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtra, match=r"scaling an image needs Pillow \(the extra 'image'\)"):
        build_image_request("a cat", image=png(128, 64), mask=PNG, seed=1)
    odd = build_image_request("a cat", image=png(128, 64), mask=b"as it is", seed=1, validate=False)
    assert odd.parameters["mask"] == b"as it is"


def test_what_is_half_transparent_is_kept() -> None:
    for alpha, drawn in ((127, set[tuple[int, int]]()), (128, {(x, y) for x in range(8) for y in range(8)})):
        mask = write_png(Pixels(64, 64, bytes((255, 255, 255, alpha)) * 64 * 64))
        assert white(align_mask(mask, 64, 64)) == drawn


@for_each(
    "mask, size, problem",
    [
        (b"GIF", (64, 64), "cannot be read: no PNG, JPEG"),
        (b"\xff\xd8\xff", (64, 64), "cannot be read: "),
        (PNG.replace(b"IDAT", b"abCd"), (64, 64), "cannot be read: the pixels of this PNG cannot be decoded"),
        (painted(64, 64, [])[:-20], (64, 64), "cannot be read: the PNG ends too early"),
        (PNG, (100, 64), "multiples of 64"),
    ],
)
def test_what_cannot_be_aligned_is_refused(mask: bytes, size: tuple[int, int], problem: str) -> None:
    with pytest.raises(InvalidRequestError, match=problem):
        align_mask(mask, *size)
