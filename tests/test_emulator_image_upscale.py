"""Upscaling by the emulator, and the request of older clients to the old host.

See:
    docs/protocol/image.md#24-post-aiupscale
    docs/protocol/image.md#12-notes-for-an-emulator
"""

from __future__ import annotations

import io
import json
import zipfile
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from nai_proto import image
from nai_proto.codecs.picture_files import write_picture
from nai_proto.codecs.picture_metadata import Metadata
from nai_proto.codecs.pixels import Pixels, read_pixels, write_png
from nai_proto.codecs.stealth import with_stealth
from nai_proto.emulator import Account, Emulator, restrict_to_host
from nai_proto.emulator.images import tools
from nai_proto.emulator.images.response import RenderedPicture
from nai_proto.http import Head, Host
from nai_proto.tier import Tier
from tests.cases import for_each
from tests.image_support import png
from tests.image_tools_support import B64, SOURCE, V5, V45, VECTORS, balance, draw_face, open_png, run
from tests.support import an_emulator, switched
from tests.test_emulator import parse_error, send_request

OF_THE_SERVICE = {
    "Title": "AI generated image",
    "Description": "a harbour, “fog”",
    "Software": "NovelAI",
    "Source": "NovelAI Diffusion V5 0123ABCD",
    "Generation_time": "2.5",
    "Comment": json.dumps({"prompt": "a harbour", "width": 96, "height": 64, "seed": 7, "signed_hash": "AAAA"}),
}
KEPT = ("Source", "Comment", "Title", "Description", "Software")


def post_upscale(owner_of: tuple[Emulator, Account], body: Mapping[str, object], **headers: str) -> tuple[Head, bytes]:
    emulator, owner = owner_of
    return send_request(emulator, "POST", "/ai/upscale", body, owner=owner, **headers)


def build_body(**changed: object) -> dict[str, object]:
    fields = {"image": B64, "model": V5, "declared_blur_sigma": 0.0, **changed}
    return {key: value for key, value in fields.items() if value is not None}


def build_old_body(**changed: object) -> dict[str, object]:
    return {"image": B64, "width": 96, "height": 64, "scale": 2, **changed}


@for_each("mode", ["RGB", "RGBA"])
def test_each_pixel_becomes_four_pixels(mode: str) -> None:
    source = draw_face(mode)
    large = open_png(run(image.upscale(source, model=V5)).data)
    assert (large.size, large.mode) == ((192, 128), mode)
    assert large.tobytes() == open_png(source).resize((192, 128), 0).tobytes()


def test_the_more_a_source_is_blurred_the_smoother_it_is_upscaled() -> None:
    made = [open_png(run(image.upscale(SOURCE, declared_blur_sigma=blur)).data) for blur in (0, 0.3, 0.4, 0.5)]
    smooth = open_png(SOURCE).resize((192, 128), Image.Resampling.BILINEAR)
    distances = [sum(ImageStat.Stat(ImageChops.difference(each, smooth)).mean) for each in made]
    assert distances == sorted({*distances}, reverse=True)
    assert distances[-1] < 3


def test_v5_full_draws_softer_than_v5_curated() -> None:
    curated, full = (open_png(run(image.upscale(SOURCE, model=model)).data) for model in (V5, "nai-diffusion-5-full"))
    smooth = open_png(SOURCE).resize((192, 128), Image.Resampling.BILINEAR)
    distances = [sum(ImageStat.Stat(ImageChops.difference(each, smooth)).mean) for each in (curated, full)]
    assert distances[0] > distances[1] > 3


def test_the_texts_of_the_source_are_kept_unchanged_in_another_order() -> None:
    large = open_png(run(image.upscale(draw_face(**OF_THE_SERVICE))).data)
    assert large.info == {key: OF_THE_SERVICE[key] for key in KEPT}
    assert list(large.info) == [*KEPT]
    assert open_png(run(image.upscale(SOURCE)).data).info == {}


def test_metadata_that_is_only_in_alpha_is_kept_too() -> None:
    hidden = {key: text for key, text in OF_THE_SERVICE.items() if key != "Title"}
    with_it = write_picture(Pixels(96, 640, bytes(3 * 96 * 640)), Metadata(hidden))
    texts = open_png(run(image.upscale(with_it)).data).info
    assert list(texts) == [key for key in KEPT if key != "Title"]


def test_texts_that_a_png_cannot_hold_are_dropped() -> None:
    content = json.dumps({"Description": "a\0b", "Software": "NovelAI"}).encode()
    hidden = write_png(with_stealth(Pixels(96, 64, bytes(3 * 96 * 64)), content))
    large = open_png(run(image.upscale(hidden)).data)
    assert (large.size, large.info) == ((192, 128), {})


@for_each("text", ["no JSON", "[]", '{"seed": "x"}', "{" * 500])
def test_foreign_metadata_without_a_seed_is_accepted(text: str) -> None:
    head, body = post_upscale(
        an_emulator(), build_body(image=b64encode(draw_face(Comment=text)).decode()), accept="application/json"
    )
    assert head.status == 200
    (entry,) = json.loads(body)["images"]
    assert set(entry) == {"image", "index"}


def test_the_image_comes_in_a_deflated_archive_or_as_json() -> None:
    source = b64encode(draw_face(**OF_THE_SERVICE)).decode()
    head, body = post_upscale(an_emulator(), build_body(image=source), accept="*/*")
    assert (head.status, head.content_type) == (200, "binary/octet-stream")
    assert head.headers.get("content-disposition") == "attachment; filename=images.zip"
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert [(entry.filename, entry.compress_type) for entry in archive.infolist()] == [
            ("image_0.png", zipfile.ZIP_DEFLATED)
        ]
        packed = archive.read("image_0.png")
    head, body = post_upscale(an_emulator(), build_body(image=source), accept="application/json")
    assert (head.status, head.content_type) == (200, "application/json")
    (entry,) = json.loads(body)["images"]
    assert (b64decode(entry.pop("image")), entry) == (packed, {"index": 0, "seed": 7})


@for_each(
    "changed, message",
    [
        ({"model": None}, "Validation error: model  doesn't exist"),
        ({"model": ""}, "Validation error: model  doesn't exist"),
        ({"model": "nai-diffusion-5"}, "Validation error: model nai-diffusion-5 doesn't exist"),
        ({"model": "V5 Full"}, "Validation error: model V5 Full doesn't exist"),
        *(
            ({"model": model}, f"Validation error: model {model} doesn't support standalone upscaling")
            for model in (V45, "nai-diffusion-3", "nai-diffusion-5-full-inpainting", "nai-diffusion-5-full-medium")
        ),
        (
            {"image": b64encode(png(2048, 1537)).decode()},
            "image is too large to upscale: 3147776 pixels, maximum is 3145728",
        ),
        (
            {"image": b64encode(png(8192, 8192)).decode()},
            "image is too large to upscale: 67108864 pixels, maximum is 3145728",
        ),
        ({"model": V45, "image": "?"}, f"Validation error: model {V45} doesn't support standalone upscaling"),
        ({"image": "?"}, "Validation error: error validating request: image is not valid base64"),
        ({"image": None}, "Validation error: error validating request: image is required"),
    ],
)
def test_an_invalid_upscale_is_refused_and_costs_nothing(changed: dict[str, object], message: str) -> None:
    emulator, owner = an_emulator()
    before = balance(owner)
    assert parse_error(post_upscale((emulator, owner), build_body(**changed))) == (400, message)
    assert balance(owner) == before


def skip_upscaling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the work: the test is only about the price."""
    monkeypatch.setattr(tools, "_upscale_picture", lambda *_: RenderedPicture(SOURCE))


@pytest.mark.parametrize("tier", [Tier.OPUS, Tier.TABLET], ids=["opus", "tablet"])
def test_an_upscale_costs_what_the_table_says_and_is_never_free(tier: Tier, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_upscaling(monkeypatch)
    emulator, owner = an_emulator()
    owner.profile.subscribe(tier, 1e10)
    for most, anlas in VECTORS["upscale_table_current"]:
        owner.profile.anlas = anlas
        source = b64encode(png(1024, most // 1024)).decode()
        assert post_upscale((emulator, owner), build_body(image=source))[0].status == 200
        assert balance(owner) == 0
        owner.profile.anlas = anlas - 1
        assert parse_error(post_upscale((emulator, owner), build_body(image=source))) == (402, "Not enough Anlas")


# ---- old host


def test_the_old_body_is_refused_and_the_old_host_has_no_upscale() -> None:
    emulator, owner = an_emulator()
    served: Any = restrict_to_host(Host.API, emulator)
    for body in (build_old_body(), build_body()):
        assert post_upscale((served, owner), body)[0].status == 404
    for where in (emulator, restrict_to_host(Host.IMAGE, emulator)):
        there: Any = where
        assert parse_error(post_upscale((there, owner), build_old_body())) == (
            400,
            "Validation error: model  doesn't exist",
        )


@pytest.mark.parametrize("strict", [True, False])
def test_a_switch_makes_the_old_host_accept_the_old_body(strict: bool) -> None:
    emulator, owner = an_emulator(**switched(old_routes=True), strict=strict)
    served: Any = restrict_to_host(Host.API, emulator)
    for where in (served, emulator):
        for scale in (2, 4):
            head, body = post_upscale((where, owner), build_old_body(scale=scale))
            assert head.status == 200
            with zipfile.ZipFile(io.BytesIO(body)) as archive:
                assert open_png(archive.read("image_0.png")).size == (96 * scale, 64 * scale)
        assert parse_error(post_upscale((where, owner), build_old_body(scale=3)))[0] == 400
        assert post_upscale((where, owner), build_body())[0].status == 200
        assert send_request(where, "GET", "/user/subscription", owner=owner)[0].status == 200
    assert send_request(served, "GET", "/user/data", owner=owner)[0].status == (400 if strict else 200)
    assert send_request(served, "POST", "/ai/generate-image", {}, owner=owner)[0].status == 404
    there: Any = restrict_to_host(Host.IMAGE, emulator)
    assert parse_error(post_upscale((there, owner), build_old_body())) == (
        400,
        "Validation error: model  doesn't exist",
    )


@pytest.mark.parametrize("tier", [Tier.OPUS, Tier.TABLET], ids=["opus", "tablet"])
def test_the_old_host_has_its_own_prices(tier: Tier, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_upscaling(monkeypatch)
    emulator, owner = an_emulator(**switched(old_routes=True))
    owner.profile.subscribe(tier, 1e10)
    for most, anlas in VECTORS["upscale_table_old"]:
        price = 0 if tier is Tier.OPUS and most <= VECTORS["upscale_old_opus_free_pixels"] else anlas
        owner.profile.anlas = price
        source = b64encode(png(most // 64, 64)).decode()
        assert post_upscale((emulator, owner), build_old_body(image=source))[0].status == 200
        assert balance(owner) == 0
    status, message = parse_error(
        post_upscale((emulator, owner), build_old_body(image=b64encode(png(1025, 1024)).decode()))
    )
    assert (status, message) == (400, "image is too large to upscale: 1049600 pixels, maximum is 1048576")


def test_scale_4_equals_scale_2_twice() -> None:
    emulator, owner = an_emulator(**switched(old_routes=True))
    upscaled_twice = read_pixels(run(image.upscale(run(image.upscale(SOURCE)).data)).data)
    _, body = post_upscale((emulator, owner), build_old_body(scale=4))
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert read_pixels(archive.read("image_0.png")) == upscaled_twice
