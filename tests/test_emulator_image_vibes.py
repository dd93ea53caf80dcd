"""Encoded vibes and ControlNet annotations of the emulator.

See:
    docs/protocol/image.md#25-post-aiencode-vibe-v4-v45
    docs/protocol/image.md#27-post-aiannotate-image-controlnet-conditions-v1v2
    docs/protocol/image.md#12-notes-for-an-emulator
"""

from __future__ import annotations

from base64 import b64encode

from nai_proto import image
from nai_proto.emulator import Account, Emulator
from nai_proto.http import Head
from nai_proto.image import Annotator
from nai_proto.image.price import encoding_price
from tests.cases import for_each
from tests.image_tools_support import B64, SOURCE, V45, ask, balance, draw_face, open_png, run, run_on
from tests.support import an_emulator
from tests.test_emulator import parse_error


def post_vibe(owner_of: tuple[Emulator, Account], **body: object) -> tuple[Head, bytes]:
    return ask(*owner_of, "/ai/encode-vibe", {"image": B64, "model": V45, **body})


def test_equal_requests_give_equal_vibes_and_different_requests_different_ones() -> None:
    bodies: list[dict[str, object]] = [
        {},
        {"information_extracted": 0.5},
        {"model": "nai-diffusion-4-full"},
        {"image": b64encode(draw_face("RGBA")).decode()},
        {"mask": B64},
        {"mask": B64, "crop_to_mask": True},
        {"focus_seed": 1},
        {"info_extract_seed": 1},
    ]
    vibes = [post_vibe(an_emulator(), **body)[1] for body in bodies]
    assert len({*vibes}) == len(bodies)
    assert {len(each) for each in vibes} == {48_916}
    assert [post_vibe(an_emulator(), **body)[1] for body in bodies] == vibes
    for same in ({"information_extracted": 1}, {"information_extracted": 1.0}, {"informationExtracted": 0.5}):
        assert post_vibe(an_emulator(), **same)[1] == vibes[0]


def test_a_vibe_is_a_file_and_costs_two_anlas() -> None:
    emulator, owner = an_emulator()
    head, _ = post_vibe((emulator, owner))
    assert (head.status, head.content_type) == (200, "application/binary")
    disposition = head.headers.get("content-disposition") or ""
    name = disposition.removeprefix("attachment; filename=").removesuffix(".vibe40")
    assert disposition == f"attachment; filename={name}.vibe40"
    assert len(name) == 8
    assert name.isalnum()
    before = balance(owner)
    encoded = run_on(emulator, owner, image.encode_vibe(SOURCE, V45, information_extracted=0.7))
    assert len(encoded.encoding) == 48_916
    assert before - balance(owner) == encoding_price().anlas == 2


@for_each(
    "body, message",
    [
        ({"model": "nai-diffusion-99"}, "Validation error: model nai-diffusion-99 doesn't exist"),
        ({"model": "V4 Full"}, "Validation error: model V4 Full doesn't exist"),
        ({"model": None}, "Validation error: model  doesn't exist"),
        *(({"model": f"nai-diffusion-{each}"}, "doesn't support") for each in ("3", "2", "5-full", "5-curated")),
        ({"information_extracted": 1.01}, "information_extracted"),
        ({"information_extracted": True}, "information_extracted"),
        ({"focus_seed": "1"}, "focus_seed"),
        ({"mask": "?"}, "mask"),
        ({"image": None}, "image is required"),
        ({"image": b64encode(b"text").decode()}, "image"),
    ],
)
def test_an_invalid_vibe_request_is_refused_and_costs_nothing(body: dict[str, object], message: str) -> None:
    emulator, owner = an_emulator()
    before = balance(owner)
    status, error = parse_error(post_vibe((emulator, owner), **body))
    assert status == 400
    assert message in error
    assert balance(owner) == before


def test_only_models_with_encoded_vibes_encode_them() -> None:
    emulator, owner = an_emulator()
    for model in image.MODELS:
        answered = post_vibe((emulator, owner), model=model.id)[0].status
        assert answered == (200 if model.family.vibes == "encoded" else 400), model.id
    twin = post_vibe((emulator, owner), model=f"{V45}-inpainting")[1]
    assert twin == post_vibe((emulator, owner))[1]


# ---- annotators


@for_each("annotator", Annotator)
def test_every_annotator_returns_one_image_and_midas_two(annotator: str) -> None:
    images = run(image.annotate(SOURCE, annotator))
    assert len(images) == (2 if annotator == "midas" else 1)
    for each in images:
        picture = open_png(each.data)
        assert (picture.size, picture.mode, picture.info) == ((96, 64), "RGB", {})
        assert len(picture.getcolors(96 * 64) or []) > 1
    assert images == run(image.annotate(SOURCE, annotator))


@for_each(
    "body",
    [
        {"model": "depth", "parameters": {"image": B64}},
        {"parameters": {"image": B64}},
        {"model": "hed", "parameters": {"image": "?"}},
        {"model": "hed", "parameters": {}},
        {"model": "hed", "parameters": []},
        {"model": "hed"},
    ],
    ids=str,
)
def test_an_invalid_annotation_request_is_refused(body: object) -> None:
    status, message = parse_error(ask(*an_emulator(), "/ai/annotate-image", body))
    assert status == 400
    assert message.startswith("Validation error: ")
