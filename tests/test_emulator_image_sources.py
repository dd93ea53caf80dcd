"""Images that requests bring: every kind is decoded or refused, sources show through, and masks keep what they keep.

See:
    docs/protocol/image.md#53-img2img-enhance-inpaint
    docs/protocol/image.md#12-notes-for-an-emulator
"""

from __future__ import annotations

import io
import json
import struct
import sys
import tracemalloc
import zlib
from base64 import b64encode
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw, ImageStat

from nai_proto.codecs.pixels import Pixels, Plane, write_png
from nai_proto.codecs.zip_archive import unzip
from nai_proto.emulator.images.scaling import pick_nearest, resize
from nai_proto.image import box_mask

from .cases import for_each
from .hypothesis_profiles import scale_examples
from .image_support import png
from .support import an_emulator
from .test_emulator import send_request

V45: Final = "nai-diffusion-4-5-full"
CAPTION: Final[dict[str, Any]] = {"caption": {"base_caption": "", "char_captions": []}}
STRUCTURED: Final[dict[str, Any]] = {"v4_prompt": CAPTION, "v4_negative_prompt": CAPTION}
SIZE: Final = (128, 192)


def save(picture: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def draw_source() -> Image.Image:
    """Draw a picture with gradients, edges and all colours."""
    red, green = Image.linear_gradient("L").resize(SIZE), Image.radial_gradient("L").resize(SIZE)
    picture = Image.merge("RGB", (red, green, red.rotate(180)))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((20, 30, 90, 100), fill=(230, 180, 150))
    draw.rectangle((70, 120, 110, 170), fill=(30, 60, 160))
    return picture


PICTURE: Final = draw_source()
ALPHA: Final = Image.radial_gradient("L").resize(SIZE)


def widen(picture: Image.Image) -> Image.Image:
    """Return a grey picture with 16 bits a sample, the lower 8 of them any."""
    samples = b"".join(bytes((37, value)) for value in picture.convert("L").tobytes())
    return Image.frombytes("I;16", picture.size, samples)


def with_alpha(mode: str) -> Image.Image:
    picture = PICTURE.convert(mode)
    picture.putalpha(ALPHA)
    return picture


def interlace(picture: Image.Image) -> bytes:
    """Return an interlaced PNG (PNG §8.2): seven passes of filtered rows."""
    (width, height), data = picture.size, picture.tobytes()
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    rows = b""
    for left, top, across, down in passes:
        for y in range(top, height, down):
            places = range(3 * (y * width + left), 3 * (y + 1) * width, 3 * across)
            rows += b"\0" + b"".join(data[at : at + 3] for at in places)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


TURNED: Final = b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
KINDS: Final[dict[str, Callable[[], bytes]]] = {
    "PNG of 1 bit": lambda: save(PICTURE.convert("1")),
    "PNG of grey": lambda: save(PICTURE.convert("L")),
    "PNG of grey with alpha": lambda: save(with_alpha("L")),
    "PNG of RGB": lambda: save(PICTURE),
    "PNG of RGBA": lambda: save(with_alpha("RGB")),
    "PNG of 16 bits": lambda: save(widen(PICTURE)),
    "PNG with a palette": lambda: save(PICTURE.quantize(200)),
    "PNG with a palette of 4 bits": lambda: save(PICTURE.quantize(16), bits=4),
    "PNG with a palette and transparency": lambda: save(PICTURE.quantize(200), transparency=3),
    "PNG with a transparent colour": lambda: save(PICTURE, transparency=(230, 180, 150)),
    "PNG interlaced": lambda: interlace(PICTURE),
    "JPEG": lambda: save(PICTURE, "JPEG", quality=95),
    "JPEG of grey": lambda: save(PICTURE.convert("L"), "JPEG"),
    "JPEG of CMYK": lambda: save(PICTURE.convert("CMYK"), "JPEG"),
    "JPEG progressive": lambda: save(PICTURE, "JPEG", progressive=True),
    "JPEG that EXIF turns": lambda: save(
        PICTURE, "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
    ),
    "WebP lossy": lambda: save(PICTURE, "WEBP"),
    "WebP lossy with alpha": lambda: save(with_alpha("RGB"), "WEBP"),
    "WebP lossless": lambda: save(PICTURE, "WEBP", lossless=True),
    "WebP lossless with alpha": lambda: save(with_alpha("RGB"), "WEBP", lossless=True, exact=True),
}
"""Makes a file of each kind."""


def post(body: dict[str, Any], path: str = "/ai/generate-image") -> tuple[int, bytes, str]:
    """Return status, body and the emulator's reason of an answer."""
    emulator, owner = an_emulator()
    before = owner.profile.anlas
    head, answer = send_request(emulator, "POST", path, body, owner=owner)
    assert not owner.generating
    assert head.status == 200 or owner.profile.anlas == before, "a refusal costs nothing"
    return head.status, answer, head.headers.get("x-emulator-reason") or ""


def build_body(
    action: str = "img2img", model: str = V45, size: tuple[int, int] = SIZE, **parameters: Any
) -> dict[str, Any]:
    sent: dict[str, Any] = {"width": size[0], "height": size[1], "steps": 1, "seed": 7, **STRUCTURED}
    sent |= {
        name: b64encode(value).decode() if isinstance(value, bytes) else value for name, value in parameters.items()
    }
    return {"input": "a swan", "model": model, "action": action, "parameters": sent}


def redraw(source: bytes, **parameters: Any) -> Image.Image:
    """Return what img2img makes of a source."""
    status, answer, reason = post(build_body(image=source, **parameters))
    assert status == 200, reason
    return open_archive(answer)


def inpaint(source: bytes, mask: bytes, **parameters: Any) -> Image.Image:
    status, answer, reason = post(build_body("infill", f"{V45}-inpainting", image=source, mask=mask, **parameters))
    assert status == 200, reason
    return open_archive(answer)


def open_archive(answer: bytes) -> Image.Image:
    (member,) = unzip(answer)
    return open_colours(bytes(member.data))


def open_colours(data: bytes) -> Image.Image:
    """Return the colours of a file as Pillow reads them; of 16 bits the upper 8."""
    picture: Image.Image = Image.open(io.BytesIO(data))
    if picture.mode.startswith("I"):
        picture = Image.frombytes("L", picture.size, picture.tobytes()[1::2])
    return picture.convert("RGBA").convert("RGB")


def measure(one: Image.Image, other: Image.Image) -> float:
    """Return the mean difference of all samples."""
    means = ImageStat.Stat(ImageChops.difference(one, other)).mean
    return sum(means) / len(means)


# ---- sources


@pytest.mark.parametrize("kind", KINDS)
def test_img2img_at_the_least_strength_returns_its_source_and_at_the_most_the_prompt(kind: str) -> None:
    source = KINDS[kind]()
    expected = open_colours(source)
    assert measure(redraw(source, strength=0.01), expected) < 3
    assert measure(redraw(source, strength=0.99), expected) > 10


@pytest.mark.parametrize("kind", ["PNG of RGB", "PNG of 1 bit", "JPEG", "WebP lossy"])
@pytest.mark.parametrize("size", [(64, 64), (256, 384), (192, 128), (832, 1216)])
def test_a_source_of_another_size_is_resized(kind: str, size: tuple[int, int]) -> None:
    source = KINDS[kind]()
    expected = open_colours(source).resize(size, Image.Resampling.BILINEAR)
    assert measure(redraw(source, size=size, strength=0.01), expected) < 3


@pytest.mark.parametrize("size", [(1, 1), (3000, 2), (17, 301), (2100, 1600)])
def test_a_source_has_any_size(size: tuple[int, int]) -> None:
    source = PICTURE.resize(size)
    expected = source.resize(SIZE, Image.Resampling.BILINEAR)
    assert measure(redraw(save(source), strength=0.01), expected) < 3


def test_each_step_of_strength_and_noise_leaves_less_of_the_source() -> None:
    source = save(PICTURE)
    for name in ("strength", "noise"):
        steps = (0.01, 0.05, 0.2, 0.21, 0.5, 0.7, 0.71, 0.9, 0.99)
        made = [measure(redraw(source, **{"strength": 0.3, name: step}), PICTURE) for step in steps]
        assert made == sorted(made)
        assert len({*made}) == len(made)
    mask = save(Image.new("L", SIZE, 255))
    made = [measure(inpaint(source, mask, inpaintImg2ImgStrength=step), PICTURE) for step in (0, 0.1, 0.5, 0.9, 1)]
    assert made == sorted({*made})


@pytest.mark.parametrize("name", ["strength", "noise", "inpaintImg2ImgStrength"])
@pytest.mark.parametrize("value", [-0.01, 1.01, 1e300])
def test_a_share_is_from_0_to_1(name: str, value: Any) -> None:
    status, answer, _ = post(build_body(image=save(PICTURE), **{name: value}))
    assert (status, f"{name} must be 0 to 1" in json.loads(answer)["message"]) == (400, True)


@pytest.mark.parametrize("size", [(16_000_000, 1), (1, 16_000_000)])
def test_the_longest_source_and_mask_take_no_more_than_their_own_memory(size: tuple[int, int]) -> None:
    tracemalloc.start()
    assert resize(Pixels(*size, bytes(3 * 16_000_000)), *SIZE).data == bytes(3 * SIZE[0] * SIZE[1])
    assert pick_nearest(Plane(*size, bytes(16_000_000)), *SIZE).data == bytes(SIZE[0] * SIZE[1])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200_000_000


# ---- masks

LEFT: Final = (13, 21, 77, 131)
"""A box whose sides are no multiples of 8."""


def draw_mask(size: tuple[int, int] = SIZE) -> Image.Image:
    mask = Image.new("L", SIZE)
    ImageDraw.Draw(mask).rectangle(LEFT, fill=255)
    ImageDraw.Draw(mask).ellipse((90, 140, 120, 180), fill=255)
    return mask.resize(size, Image.Resampling.NEAREST)


def transparent(mask: Image.Image) -> Image.Image:
    """Return white pixels that are transparent where the mask is black."""
    white = Image.new("LA", mask.size, (255, 255))
    white.putalpha(mask)
    return white


MASKS: Final[dict[str, Callable[[Image.Image], bytes]]] = {
    "PNG of 1 bit": lambda mask: save(mask.convert("1")),
    "PNG of grey": save,
    "PNG of grey with alpha": lambda mask: save(mask.convert("LA")),
    "PNG of RGB": lambda mask: save(mask.convert("RGB")),
    "PNG of RGBA": lambda mask: save(mask.convert("RGBA")),
    "PNG with a palette": lambda mask: save(mask.convert("P")),
    "PNG of 16 bits": lambda mask: save(widen(mask)),
    "PNG with transparency": lambda mask: save(transparent(mask)),
    "PNG with soft edges": lambda mask: save(mask.point(lambda value: 128 if value else 127)),
    "WebP lossless": lambda mask: save(mask.convert("RGB"), "WEBP", lossless=True),
    "interlaced": lambda mask: interlace(mask.convert("RGB")),
}
"""Makes a file of each kind of mask."""


@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize(("size", "inverted"), [(SIZE, False), (SIZE, True), ((16, 24), False), ((100, 77), True)])
def test_inpainting_changes_no_pixel_outside_the_mask_and_many_inside(
    kind: str, size: tuple[int, int], inverted: bool
) -> None:
    mask = draw_mask(size)
    mask = ImageChops.invert(mask) if inverted else mask
    made = inpaint(save(PICTURE), MASKS[kind](mask))
    white = mask.resize(SIZE, Image.Resampling.NEAREST)
    changed = ImageChops.difference(made, PICTURE).convert("L").point(lambda value: 255 * (value > 0))
    assert not ImageChops.subtract(changed, white).getbbox()
    assert ImageStat.Stat(changed, white).mean[0] > 200


@pytest.mark.parametrize("kind", KINDS)
def test_inpainting_keeps_every_kind_of_source_exactly(kind: str) -> None:
    made = inpaint(KINDS[kind](), save(draw_mask()))
    changed = (
        ImageChops.difference(made, open_colours(KINDS[kind]())).convert("L").point(lambda value: 255 * (value > 0))
    )
    assert not ImageChops.subtract(changed, draw_mask()).getbbox()


@settings(max_examples=scale_examples(20))
@given(st.lists(st.tuples(*[st.integers(0, 200)] * 4), max_size=3))
def test_a_mask_of_boxes_repaints_whole_blocks(boxes: list[tuple[int, int, int, int]]) -> None:
    mask = box_mask(*SIZE, boxes)
    white = Image.open(io.BytesIO(mask)).resize(SIZE, Image.Resampling.NEAREST)
    changed = ImageChops.difference(inpaint(save(PICTURE), mask), PICTURE)
    assert not ImageChops.subtract(changed, white.convert("RGB")).getbbox()


# ---- refusals

TORN: Final = save(PICTURE)[:-900]
NO_PICTURES: Final[dict[str, bytes]] = {
    "text": b"a text",
    "a GIF": save(PICTURE.convert("P"), "GIF"),
    "a ZIP": b"PK\3\4" + bytes(40),
    "half a PNG": TORN,
    "a PNG without pixels": save(PICTURE)[:60],
    "half a JPEG": save(PICTURE, "JPEG")[:500],
    "a JPEG's first bytes": b"\xff\xd8\xff no picture",
    "half a WebP": save(PICTURE, "WEBP")[:900],
    "a PNG with zeros": save(PICTURE)[:200] + bytes(300) + save(PICTURE)[500:],
    "a bomb": png(8_000, 8_000),  # in 35 kB
    "a JPEG that claims 65,535 pixels each way": b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff" + bytes(16),
}
FIELDS: Final[dict[str, dict[str, Any]]] = {
    "image": {},
    "mask": {"action": "infill", "model": f"{V45}-inpainting", "image": save(PICTURE)},
    "reference_image_multiple": {"action": "generate", "model": "nai-diffusion-3", "as_list": True},
    "reference_image": {"action": "generate", "model": "nai-diffusion-3"},
    "director_reference_images": {"action": "generate", "as_list": True},
    "controlnet_condition": {"action": "generate", "model": "nai-diffusion-2"},
}


@pytest.mark.parametrize("kind", NO_PICTURES)
@pytest.mark.parametrize("name", FIELDS)
def test_what_is_no_whole_picture_is_refused_with_the_name_of_its_field(name: str, kind: str) -> None:
    more = dict(FIELDS[name])
    encoded = b64encode(NO_PICTURES[kind]).decode()
    value: Any = [encoded] if more.pop("as_list", False) else encoded
    status, answer, reason = post(build_body(**more, **{name: value}))
    assert (status, name in json.loads(answer)["message"], name in reason) == (400, True, True)


@for_each("kind", NO_PICTURES)
@for_each(
    "path, body",
    [
        ("/ai/augment-image", {"req_type": "lineart"}),
        ("/ai/upscale", {"model": "nai-diffusion-5-curated"}),
        ("/ai/encode-vibe", {"model": V45}),
        ("/ai/annotate-image", {"model": "hed"}),
    ],
)
def test_a_tool_refuses_what_is_no_whole_picture(path: str, body: dict[str, Any], kind: str) -> None:
    encoded = b64encode(NO_PICTURES[kind]).decode()
    sent = {**body, "image": encoded, "parameters": {"image": encoded}}
    status, answer, _ = post(sent, path)
    assert (status, "image" in json.loads(answer)["message"]) == (400, True)


def test_a_vibes_mask_is_a_picture_too() -> None:
    body = {"model": V45, "image": b64encode(save(PICTURE)).decode()}
    for mask, status in ((MASKS["PNG of 1 bit"](draw_mask()), 200), (TORN, 400)):
        assert post({**body, "mask": b64encode(mask).decode()}, "/ai/encode-vibe")[0] == status


def test_an_encoded_vibe_is_no_picture() -> None:
    vibe = b64encode(b"encoded").decode()
    assert post(build_body("generate", reference_image_multiple=[vibe]))[0] == 200


# ---- without Pillow


@pytest.mark.parametrize("kind", KINDS)
def test_without_pillow_png_of_8_bits_is_decoded_and_other_pictures_are_501(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = KINDS[kind]()
    monkeypatch.setitem(sys.modules, "PIL", None)
    status, answer, reason = post(build_body(image=source))
    if kind in ("PNG of grey", "PNG of grey with alpha", "PNG of RGB", "PNG of RGBA"):
        assert status == 200, reason
    else:
        assert (status, "the extra 'image'" in reason) == (501, True)
        assert "image" in json.loads(answer)["message"]


def test_without_pillow_a_mask_acts_and_what_is_no_picture_is_400(monkeypatch: pytest.MonkeyPatch) -> None:
    source, mask = save(PICTURE), save(draw_mask())
    expected = inpaint(source, mask).tobytes()
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "PIL", None)
        body = build_body("infill", f"{V45}-inpainting", image=source, mask=mask)
        status, answer, _ = post(body)
        assert status == 200
        assert post(build_body(image=b"no picture"))[0] == 400
    assert open_archive(answer).tobytes() == expected


def test_a_source_written_by_the_library_itself_is_decoded() -> None:
    pixels = Pixels(*SIZE, PICTURE.tobytes())
    assert measure(redraw(write_png(pixels), strength=0.01), PICTURE) < 3
