"""How the emulator makes pictures larger, and what older clients ask an older host for.

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

from nai_proto import image
from nai_proto.codecs.picture import Metadata, write_picture
from nai_proto.codecs.pixels import Pixels, read_pixels
from nai_proto.emulator import Account, Emulator, restrict_to_host
from nai_proto.emulator.images import tools
from nai_proto.emulator.images.response import RenderedPicture
from nai_proto.http import Head, Host
from nai_proto.tier import Tier
from tests.image_support import png
from tests.image_tools_support import B64, SOURCE, V5, V45, VECTORS, balance, drawing, opened, run
from tests.support import an_emulator, switched
from tests.test_emulator import asked, refused

OF_THE_SERVICE = {
    "Title": "AI generated image",
    "Description": "a harbour, “fog”",
    "Software": "NovelAI",
    "Source": "NovelAI Diffusion V5 0123ABCD",
    "Generation_time": "2.5",
    "Comment": json.dumps({"prompt": "a harbour", "width": 96, "height": 64, "seed": 7, "signed_hash": "AAAA"}),
}
KEPT = ("Source", "Comment", "Title", "Description", "Software")


def upscaled(owner_of: tuple[Emulator, Account], body: Mapping[str, object], **headers: str) -> tuple[Head, bytes]:
    emulator, owner = owner_of
    return asked(emulator, "POST", "/ai/upscale", body, owner=owner, **headers)


def given(**changed: object) -> dict[str, object]:
    said = {"image": B64, "model": V5, "declared_blur_sigma": 0.0, **changed}
    return {key: value for key, value in said.items() if value is not None}


def old(**changed: object) -> dict[str, object]:
    return {"image": B64, "width": 96, "height": 64, "scale": 2, **changed}


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("model", [V5, "nai-diffusion-5-full"])
def test_each_pixel_becomes_four(model: str, mode: str) -> None:
    source = drawing(mode)
    large = opened(run(image.upscale(source, model=model)).data)
    assert (large.size, large.mode) == ((192, 128), mode)
    assert large.tobytes() == opened(source).resize((192, 128), 0).tobytes()


def test_what_the_picture_said_is_kept_in_another_order_with_its_old_size() -> None:
    large = opened(run(image.upscale(drawing(**OF_THE_SERVICE))).data)
    assert large.info == {key: OF_THE_SERVICE[key] for key in KEPT}
    assert list(large.info) == [*KEPT]
    assert opened(run(image.upscale(SOURCE)).data).info == {}


def test_what_only_alpha_says_is_kept_too() -> None:
    hidden = {key: text for key, text in OF_THE_SERVICE.items() if key != "Title"}
    with_it = write_picture(Pixels(96, 640, bytes(3 * 96 * 640)), Metadata(hidden))
    texts = opened(run(image.upscale(with_it)).data).info
    assert list(texts) == [key for key in KEPT if key != "Title"]


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"seed": "x"}', "{" * 500])
def test_what_others_wrote_does_no_harm(text: str) -> None:
    head, body = upscaled(
        an_emulator(), given(image=b64encode(drawing(Comment=text)).decode()), accept="application/json"
    )
    assert head.status == 200
    (entry,) = json.loads(body)["images"]
    assert set(entry) == {"image", "index"}


def test_it_comes_deflated_or_as_json_by_what_is_accepted() -> None:
    source = b64encode(drawing(**OF_THE_SERVICE)).decode()
    head, body = upscaled(an_emulator(), given(image=source), accept="*/*")
    assert (head.status, head.content_type) == (200, "binary/octet-stream")
    assert head.headers.get("content-disposition") == "attachment; filename=images.zip"
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert [(entry.filename, entry.compress_type) for entry in archive.infolist()] == [
            ("image_0.png", zipfile.ZIP_DEFLATED)
        ]
        packed = archive.read("image_0.png")
    head, body = upscaled(an_emulator(), given(image=source), accept="application/json")
    assert (head.status, head.content_type) == (200, "application/json")
    (entry,) = json.loads(body)["images"]
    assert (b64decode(entry.pop("image")), entry) == (packed, {"index": 0, "seed": 7})


@pytest.mark.parametrize(
    ("changed", "message"),
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
        ({"image": "?"}, "Validation error: error validating request: image is no base64"),
        ({"image": None}, "Validation error: error validating request: image is required"),
    ],
    ids=[*map(str, range(13))],
)
def test_what_is_not_made_larger_is_refused_and_costs_nothing(changed: dict[str, object], message: str) -> None:
    emulator, owner = an_emulator()
    before = balance(owner)
    assert refused(upscaled((emulator, owner), given(**changed))) == (400, message)
    assert balance(owner) == before


def no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The price is all that is looked at."""
    monkeypatch.setattr(tools, "_upscale_picture", lambda *_: RenderedPicture(SOURCE))


@pytest.mark.parametrize("tier", [Tier.OPUS, Tier.TABLET], ids=["opus", "tablet"])
def test_it_costs_what_the_table_says_and_is_never_free(tier: Tier, monkeypatch: pytest.MonkeyPatch) -> None:
    no_drawing(monkeypatch)
    emulator, owner = an_emulator()
    owner.profile.subscribe(tier, 1e10)
    for most, anlas in VECTORS["upscale_table_current"]:
        owner.profile.anlas = anlas
        source = b64encode(png(1024, most // 1024)).decode()
        assert upscaled((emulator, owner), given(image=source))[0].status == 200
        assert balance(owner) == 0
        owner.profile.anlas = anlas - 1
        assert refused(upscaled((emulator, owner), given(image=source))) == (402, "Not enough Anlas")


# ---- the old host


def test_the_old_body_is_refused_everywhere_and_the_old_host_has_none_of_it() -> None:
    emulator, owner = an_emulator()
    served: Any = restrict_to_host(Host.API, emulator)
    for body in (old(), given()):
        assert upscaled((served, owner), body)[0].status == 404
    for where in (emulator, restrict_to_host(Host.IMAGE, emulator)):
        there: Any = where
        assert refused(upscaled((there, owner), old())) == (400, "Validation error: model  doesn't exist")


@pytest.mark.parametrize("strict", [True, False])
def test_a_switch_gives_the_old_host_what_released_clients_ask_it_for(strict: bool) -> None:
    emulator, owner = an_emulator(**switched(old_routes=True), strict=strict)
    served: Any = restrict_to_host(Host.API, emulator)
    for where in (served, emulator):
        for scale in (2, 4):
            head, body = upscaled((where, owner), old(scale=scale))
            assert head.status == 200
            with zipfile.ZipFile(io.BytesIO(body)) as archive:
                assert opened(archive.read("image_0.png")).size == (96 * scale, 64 * scale)
        assert refused(upscaled((where, owner), old(scale=3)))[0] == 400
        assert upscaled((where, owner), given())[0].status == 200
        assert asked(where, "GET", "/user/subscription", owner=owner)[0].status == 200
    assert asked(served, "GET", "/user/data", owner=owner)[0].status == (400 if strict else 200)
    assert asked(served, "POST", "/ai/generate-image", {}, owner=owner)[0].status == 404
    there: Any = restrict_to_host(Host.IMAGE, emulator)
    assert refused(upscaled((there, owner), old())) == (400, "Validation error: model  doesn't exist")


@pytest.mark.parametrize("tier", [Tier.OPUS, Tier.TABLET], ids=["opus", "tablet"])
def test_the_old_host_has_prices_of_its_own(tier: Tier, monkeypatch: pytest.MonkeyPatch) -> None:
    no_drawing(monkeypatch)
    emulator, owner = an_emulator(**switched(old_routes=True))
    owner.profile.subscribe(tier, 1e10)
    for most, anlas in VECTORS["upscale_table_old"]:
        price = 0 if tier is Tier.OPUS and most <= VECTORS["upscale_old_opus_free_pixels"] else anlas
        owner.profile.anlas = price
        source = b64encode(png(most // 64, 64)).decode()
        assert upscaled((emulator, owner), old(image=source))[0].status == 200
        assert balance(owner) == 0
    status, message = refused(upscaled((emulator, owner), old(image=b64encode(png(1025, 1024)).decode())))
    assert (status, message) == (400, "image is too large to upscale: 1049600 pixels, maximum is 1048576")


def test_four_times_is_twice_twice() -> None:
    emulator, owner = an_emulator(**switched(old_routes=True))
    twice = read_pixels(run(image.upscale(run(image.upscale(SOURCE)).data)).data)
    _, body = upscaled((emulator, owner), old(scale=4))
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert read_pixels(archive.read("image_0.png")) == twice
