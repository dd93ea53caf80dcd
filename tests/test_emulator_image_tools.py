"""Image tools of the emulator: director tools, and what all tools have in common.

See:
    docs/protocol/image.md#23-post-aiaugment-image-director-tools
    docs/protocol/image.md#24-post-aiupscale
    docs/protocol/image.md#25-post-aiencode-vibe-v4-v45
    docs/protocol/image.md#26-get-aigenerate-imagesuggest-tags
    docs/protocol/image.md#27-post-aiannotate-image-controlnet-conditions-v1v2
    docs/protocol/image.md#12-notes-for-an-emulator
"""

from __future__ import annotations

import io
import json
import sys
import zipfile
from base64 import b64encode
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageStat

from nai_proto import account, image
from nai_proto.codecs.multipart import FormPart, encode
from nai_proto.codecs.pixels import Pixels, write_png
from nai_proto.emulator import Account, Emulator, restrict_to_host
from nai_proto.emulator.images import tools
from nai_proto.errors import PaymentRequiredError
from nai_proto.http import Head, Host
from nai_proto.image import DirectorTool, Emotion
from nai_proto.testing import run_in_memory
from nai_proto.tier import Tier
from tests.cases import for_each
from tests.image_support import png
from tests.image_tools_support import B64, SOURCE, V5, V45, VECTORS, ask, balance, draw_face, open_png, run, run_on
from tests.support import an_emulator, switched, with_token
from tests.test_emulator import parse_error

TOOLS_WITH_OPTIONS = ("colorize", "emotion")
HUGE = b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff" + bytes(16)
"""A JPEG that claims 65,535 × 65,535 pixels."""


def size_of(source: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(source)).size


def augment(tool: str, source: bytes = SOURCE, **options: Any) -> Any:
    if tool == "emotion":
        options = {"emotion": "happy", **options}
    return image.augment(source, tool, size=size_of(source), **options)


def post_augment(owner_of: tuple[Emulator, Account], **body: object) -> tuple[Head, bytes]:
    return ask(*owner_of, "/ai/augment-image", {"req_type": "lineart", "image": B64, "width": 96, "height": 64, **body})


# ---- director tools


@for_each("source", ["RGB", "RGBA"])
@for_each("tool", DirectorTool)
def test_every_tool_returns_the_documented_images_and_changes_them(tool: str, source: str) -> None:
    images = run(augment(tool, draw_face(source)))
    assert [each.name for each in images] == [f"image_{at}.png" for at in range(3 if tool == "bg-removal" else 1)]
    own = open_png(draw_face(source)).convert("RGBA")
    for each in images:
        picture = open_png(each.data)
        assert picture.size == (96, 64)
        assert picture.mode == ("RGBA" if tool == "bg-removal" else "RGB")
        assert picture.convert("RGBA").tobytes() != own.tobytes()


@for_each("tool", DirectorTool)
def test_every_tool_describes_itself_in_texts_in_the_captured_order(tool: str) -> None:
    options: dict[str, Any] = {"prompt": "a smile", "defry": 2} if tool in TOOLS_WITH_OPTIONS else {}
    comment: dict[str, Any] = {"req_type": tool}
    if tool in TOOLS_WITH_OPTIONS:
        comment |= {"prompt": "happy" if tool == "emotion" else "a smile", "defry": 2}
    for each in run(augment(tool, **options)):
        texts = open_png(each.data).info
        assert list(texts) == ["Title", "Software", "Generation time", "Comment"]
        assert (texts["Title"], texts["Software"]) == ("AI augmented image", "NovelAI")
        assert float(texts["Generation time"].removesuffix("s")) > 0
        assert texts["Generation time"].endswith("s")
        assert list(json.loads(texts["Comment"]).items()) == list(comment.items())


def test_tools_send_an_archive_of_stored_members_whatever_is_accepted() -> None:
    for accept in ("*/*", "application/json"):
        head, body = ask(*an_emulator(), "/ai/augment-image", {"req_type": "bg-removal", "image": B64}, accept=accept)
        assert (head.status, head.content_type) == (200, "binary/octet-stream")
        assert head.headers.get("content-disposition") == "attachment; filename=images.zip"
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            assert [entry.compress_type for entry in archive.infolist()] == 3 * [zipfile.ZIP_STORED]


def test_equal_requests_give_equal_images_and_other_options_other_ones() -> None:
    made = {}
    for tool in DirectorTool:
        first, second = (run(augment(tool))[0].data for _ in range(2))
        assert first == second
        made[tool] = open_png(first).tobytes()
    assert len({*made.values()}) == len(made)
    colours = {open_png(run(augment("colorize", prompt=words))[0].data).tobytes() for words in ("red", "blue", "")}
    moods = {open_png(run(augment("emotion", emotion=mood))[0].data).tobytes() for mood in Emotion}
    assert (len(colours), len(moods)) == (3, len(Emotion))
    for name in TOOLS_WITH_OPTIONS:
        weaker = {open_png(run(augment(name, prompt="red", defry=defry))[0].data).tobytes() for defry in range(6)}
        assert len(weaker) == 6


def test_background_removal_makes_the_colour_of_the_corner_transparent() -> None:
    masked, _, _ = run(augment("bg-removal"))
    alpha = open_png(masked.data).getchannel("A")
    assert alpha.getpixel((0, 0)) == 0
    assert alpha.getpixel((48, 40)) == 255


@for_each("form", ["PNG", "JPEG", "WEBP"])
@for_each("ground", [(255, 255, 255), (0, 0, 0), (60, 160, 90)])
def test_background_removal_separates_a_figure_from_a_plain_ground(ground: tuple[int, int, int], form: str) -> None:
    picture, shape = Image.new("RGB", (160, 120), ground), Image.new("L", (160, 120))
    for image_, fill in ((picture, (200, 40, 150)), (shape, 255)):
        draw = ImageDraw.Draw(image_)
        draw.ellipse((30, 20, 110, 100), fill=fill)
        draw.rectangle((90, 70, 159, 90), fill=fill)  # touches the edge
    ImageDraw.Draw(picture).ellipse((50, 40, 70, 60), fill=ground)  # an eye in the colour of the ground
    file = io.BytesIO()
    picture.save(file, form)
    images = run(augment("bg-removal", file.getvalue()))
    alpha = open_png(images[0].data).getchannel("A")
    inner, outer = shape.filter(ImageFilter.MinFilter(7)), ImageChops.invert(shape.filter(ImageFilter.MaxFilter(7)))
    assert {count for count, _ in ImageChops.multiply(alpha, inner).getcolors() or []} == {
        count for count, _ in inner.getcolors() or []
    }
    assert ImageStat.Stat(alpha, outer).mean[0] <= (5 if form == "JPEG" else 0)  # whose blocks have other colours
    if form == "PNG":
        assert alpha.tobytes() == shape.tobytes()
        colours = open_png(images[0].data).convert("RGB")
        assert ImageChops.multiply(ImageChops.difference(colours, picture).convert("L"), shape).getbbox() is None


def test_background_removal_keeps_what_is_transparent_already() -> None:
    file = io.BytesIO()
    picture = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    ImageDraw.Draw(picture).ellipse((10, 10, 50, 50), fill=(200, 30, 30, 255))
    picture.save(file, "PNG")
    masked = open_png(run(augment("bg-removal", file.getvalue()))[0].data)
    assert masked.tobytes() == picture.tobytes()
    flat = open_png(run(augment("lineart", file.getvalue()))[0].data)
    assert flat.getpixel((0, 0)) == (255, 255, 255)


def test_colorize_takes_the_colour_that_the_prompt_names() -> None:
    for prompt, channel in (("a red dusk", 0), ("green, forest", 1), ("a night in blue", 2)):
        means = ImageStat.Stat(open_png(run(augment("colorize", prompt=prompt))[0].data)).mean
        assert max(range(3), key=means.__getitem__) == channel


def test_lineart_and_sketch_are_grey_and_differ() -> None:
    light = {}
    for tool in ("lineart", "sketch"):
        picture = open_png(run(augment(tool))[0].data)
        red, green, blue = picture.split()
        assert red.tobytes() == green.tobytes() == blue.tobytes()
        light[tool] = sum(red.tobytes())
    assert light["sketch"] < light["lineart"]


def test_a_grey_image_gives_the_same_result_as_its_copy_in_rgb() -> None:
    for tool in ("lineart", "colorize"):
        grey = open_png(run(augment(tool, draw_face("L")))[0].data)
        coloured = open_png(run(augment(tool, draw_face("L", as_mode="RGB")))[0].data)
        assert grey.tobytes() == coloured.tobytes()


def test_declutter_keep_bubbles_keeps_bubbles() -> None:
    """The white ellipse keeps its edge."""
    own = open_png(SOURCE)
    for tool, kept in (("declutter", False), ("declutter-keep-bubbles", True)):
        picture = open_png(run(augment(tool))[0].data)
        inside = [(x, 15) for x in range(96) if own.getpixel((x, 15)) == (255, 255, 255)]
        assert all(picture.getpixel(at) == (255, 255, 255) for at in inside) is kept


@for_each(
    "body, problem",
    [
        ({"req_type": "pixel-snap"}, "req_type"),
        ({"req_type": None}, "req_type"),
        ({"image": None}, "image is required"),
        ({"image": "no base64!"}, "image is not valid base64"),
        ({"image": 5}, "image"),
        ({"image": ""}, "image"),
        ({"image": b64encode(b"a text").decode()}, "not a PNG, WebP or JPEG"),
        ({"image": b64encode(SOURCE[:200]).decode()}, "damaged"),
        ({"image": b64encode(png(5000, 5000)).decode()}, "image is too large"),
        ({"image": b64encode(HUGE).decode()}, "image is too large"),
        ({"image": b64encode(png(5_000_000, 1)).decode()}, "not known"),
        ({"req_type": "emotion", "prompt": "hungry;;"}, "prompt"),
        ({"req_type": "emotion"}, "prompt"),
        ({"req_type": "colorize", "prompt": 5}, "prompt"),
        ({"req_type": "colorize", "defry": 6}, "defry"),
        ({"req_type": "colorize", "defry": -1}, "defry"),
        ({"req_type": "colorize", "defry": True}, "defry"),
        ({"req_type": "colorize", "defry": "0"}, "defry"),
    ],
)
def test_an_invalid_tool_request_is_refused_and_costs_nothing(body: dict[str, object], problem: str) -> None:
    emulator, owner = an_emulator()
    before = balance(owner)
    status, message = parse_error(post_augment((emulator, owner), **body))
    assert status == 400
    assert message.startswith("Validation error: ")
    assert problem in message
    assert balance(owner) == before


@for_each("body", [b"", b"[]", b"nothing", b"{" * 2000])
@for_each("path", ["/ai/augment-image", "/ai/upscale", "/ai/encode-vibe", "/ai/annotate-image"])
def test_a_body_that_is_no_json_object_is_refused(path: str, body: bytes) -> None:
    assert parse_error(ask(*an_emulator(), path, body)) == (400, "Validation error: invalid request body")
    assert parse_error(ask(an_emulator()[0], None, path, body))[0] == 401


def test_the_bodies_of_known_clients_are_accepted() -> None:
    for body in (
        {"req_type": "lineart", "prompt": "", "defry": 0},  # nekoai sends these for every tool
        {"req_type": "lineart", "prompt": 5, "defry": "?", "anything": []},  # ignored by this tool
        {"req_type": "emotion", "prompt": "happy;;smile,", "defry": 3.0, "use_new_shared_trial": True},
        {"req_type": "emotion", "prompt": "happy"},
        {"req_type": "colorize", "width": None, "height": 64.0},
    ):
        assert post_augment(an_emulator(), **body)[0].status == 200


def test_an_image_may_be_a_part_of_a_form() -> None:
    body = {"req_type": "sketch", "image": "image", "width": 96, "height": 64}
    request = FormPart("request", json.dumps(body).encode(), "application/json")
    emulator, owner = an_emulator()
    kind, form = encode([FormPart("image", SOURCE, "image/png"), request])
    head, answer = ask(emulator, owner, "/ai/augment-image", form, content_type=kind)
    assert (head.status, answer) == (200, post_augment((emulator, owner), req_type="sketch")[1])
    kind, form = encode([request])
    owner.generating = True  # the missing part is checked first
    answered = ask(emulator, owner, "/ai/augment-image", form, content_type=kind)
    assert parse_error(answered) == (400, 'image field references unknown form part "image"')


@for_each("form", ["JPEG", "WEBP"])
def test_a_jpeg_and_a_lossy_webp_are_decoded(form: str) -> None:
    source = draw_face(form=form)
    expected = Image.open(io.BytesIO(source)).convert("RGB").resize((192, 128), Image.Resampling.NEAREST)
    assert open_png(run(image.upscale(source)).data).tobytes() == expected.tobytes()


def test_a_gif_is_refused() -> None:
    assert parse_error(post_augment(an_emulator(), image=b64encode(draw_face(form="GIF")).decode()))[0] == 400


def test_without_pillow_what_only_pillow_decodes_is_501_and_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sources = [draw_face(form=form) for form in ("JPEG", "WEBP")]
    monkeypatch.setitem(sys.modules, "PIL", None)
    emulator, owner = an_emulator()
    before = balance(owner)
    for source in sources:
        head, _ = post_augment((emulator, owner), image=b64encode(source).decode())
        assert (head.status, "the extra 'image'" in (head.headers.get("x-emulator-reason") or "")) == (501, True)
    assert balance(owner) == before


def test_a_lossless_webp_gives_the_same_result_as_a_png() -> None:
    file = io.BytesIO()
    open_png(SOURCE).save(file, "WEBP", lossless=True)
    for tool in ("lineart", "colorize"):
        of_webp, of_png = (open_png(run(augment(tool, each))[0].data) for each in (file.getvalue(), SOURCE))
        assert of_webp.tobytes() == of_png.tobytes()
    broken = file.getvalue()[:100] + bytes(len(file.getvalue()) - 100)
    assert "damaged" in parse_error(post_augment(an_emulator(), image=b64encode(broken).decode()))[1]


def test_any_size_is_kept() -> None:
    file = io.BytesIO()
    Image.new("RGB", (99, 61), (9, 99, 199)).save(file, "JPEG")
    assert open_png(run(augment("sketch", file.getvalue()))[0].data).size == (99, 61)
    assert open_png(run(augment("bg-removal", png(1, 3)))[1].data).size == (1, 3)


def test_an_image_of_four_megapixels_keeps_its_size() -> None:
    """It is billed as an image of three megapixels.

    See docs/protocol/image.md#9-anlas-price.
    """
    pixels = Pixels(2048, 2048, bytes(3 * 2048 * 2048))
    emulator, owner = an_emulator()
    before = balance(owner)
    (made,) = run_on(emulator, owner, image.augment(write_png(pixels), "lineart"))
    assert open_png(made.data).size == (2048, 2048)
    assert before - balance(owner) == 60


def test_only_director_tools_take_the_generation_lock() -> None:
    emulator, owner = an_emulator()
    owner.generating = True
    busy = (429, "Concurrent generation is locked")
    assert parse_error(post_augment((emulator, owner))) == busy
    assert parse_error(post_augment((emulator, owner), req_type="none", image="!")) == busy
    for operation in (image.upscale(SOURCE), image.encode_vibe(SOURCE, V45), image.annotate(SOURCE, "hed")):
        run_on(emulator, owner, operation)
    owner.generating = False
    assert post_augment((emulator, owner))[0].status == 200
    assert not owner.generating


# ---- charges


@pytest.mark.parametrize("tier", [Tier.OPUS, Tier.SCROLL], ids=["opus", "scroll"])
def test_tools_cost_what_the_vectors_say(tier: Tier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "_apply_director_tool", lambda *_: [])  # the test is only about the price
    emulator, owner = an_emulator()
    owner.profile.subscribe(tier, 1e10)
    vectors = [vector for vector in VECTORS["tools"] if vector["opus"] is (tier is Tier.OPUS)]
    vectors = [vector for vector in vectors if vector["tool"] in [*DirectorTool]]
    assert len(vectors) > 20
    for vector in vectors:
        source = png(vector["width"], vector["height"])
        body = {"req_type": vector["tool"], "prompt": "happy;;", "image": b64encode(source).decode()}
        expected = owner.profile.anlas = vector["expected_total"]
        assert post_augment((emulator, owner), **body)[0].status == 200
        assert balance(owner) == 0
        if expected:
            owner.profile.anlas = expected - 1
            assert parse_error(post_augment((emulator, owner), **body)) == (402, "Not enough Anlas")
            assert balance(owner) == expected - 1


def test_charges_show_in_the_subscription() -> None:
    emulator, owner = an_emulator()
    before = run_on(emulator, owner, account.get_subscription()).anlas
    run_on(emulator, owner, augment("bg-removal"))
    assert run_on(emulator, owner, account.get_subscription()).anlas == before - 65
    run_on(emulator, owner, augment("declutter"))
    run_on(emulator, owner, image.annotate(SOURCE, "canny"))
    assert run_on(emulator, owner, account.get_subscription()).anlas == before - 65
    run_on(emulator, owner, image.encode_vibe(SOURCE, V45))
    run_on(emulator, owner, image.upscale(SOURCE))
    assert run_on(emulator, owner, account.get_subscription()).anlas == before - 68


def test_an_account_without_anlas_gets_nothing() -> None:
    emulator, owner = an_emulator()
    owner.profile.anlas = 0
    for operation in (image.upscale(SOURCE), image.encode_vibe(SOURCE, V45), augment("bg-removal")):
        assert isinstance(
            run_in_memory(with_token(owner.persistent_token, operation), emulator).error, PaymentRequiredError
        )
    assert not owner.generating


# ---- hosts and switches


def test_the_api_host_annotates_and_the_image_host_has_all_other_tools() -> None:
    emulator, owner = an_emulator()
    for path, role in (("annotate-image", Host.API), ("augment-image", Host.IMAGE), ("encode-vibe", Host.IMAGE)):
        for host in (Host.API, Host.IMAGE, Host.TEXT):
            served: Any = restrict_to_host(host, emulator)
            status = ask(served, owner, f"/ai/{path}", {})[0].status
            assert status == (400 if host is role else 404)


def test_a_switch_selects_the_documented_status_that_was_never_captured() -> None:
    emulator = an_emulator(**switched(created=True))
    assert post_augment(emulator)[0].status == 201
    assert ask(*emulator, "/ai/encode-vibe", {"image": B64, "model": V45})[0].status == 201
    assert ask(*emulator, "/ai/upscale", {"image": B64, "model": V5})[0].status == 200
