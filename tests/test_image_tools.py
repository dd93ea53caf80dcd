"""What is done with images that there are, and what is spoken.

See:
    docs/protocol/image.md#23-post-aiaugment-image-director-tools
    docs/protocol/image.md#24-post-aiupscale
    docs/protocol/image.md#25-post-aiencode-vibe-v4-v45
    docs/protocol/image.md#26-get-aigenerate-imagesuggest-tags
    docs/protocol/image.md#27-post-aiannotate-image-controlnet-conditions-v1v2
    docs/protocol/image.md#29-aigenerate-voice
    docs/protocol/native.md#81-text-to-speech
"""

from __future__ import annotations

import io
import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture

from nai_proto.codecs.zip_archive import zip_files
from nai_proto.errors import InvalidRequestError, NaiError, RemoteProtocolError
from nai_proto.exchange.actions import Runnable
from nai_proto.exchange.operation import Operation
from nai_proto.http import Head, Headers, Host
from nai_proto.image import (
    MODELS,
    Annotator,
    ControlNetModel,
    DirectorTool,
    EncodedVibe,
    Image,
    ImageModel,
    JapaneseTag,
    Tag,
    annotate,
    augment,
    encode_vibe,
    generate,
    suggest_tags,
    upscale,
)
from nai_proto.image.image_files import image_size
from nai_proto.testing import play
from nai_proto.voice import SEEDS, VOICES, Speech, speak
from tests.cases import for_each
from tests.image_support import PNG, body_of, png

B64 = b64encode(PNG).decode()
SENT = {"width": 64, "height": 64, "image": B64, "use_new_shared_trial": True}


def answered(operation: Runnable[Any, Any], body: bytes, content_type: str) -> Any:
    return play(operation, [Head(200, Headers.of(content_type=content_type)), body, b""]).result


# ---- director tools


@for_each(
    "options, sent",
    [
        ({"tool": "bg-removal"}, {}),
        ({"tool": DirectorTool.LINEART}, {}),
        ({"tool": "sketch"}, {}),
        ({"tool": "declutter"}, {}),
        ({"tool": "declutter-keep-bubbles"}, {}),
        ({"tool": "colorize"}, {"prompt": "", "defry": 0}),
        ({"tool": "colorize", "prompt": "red", "defry": 5}, {"prompt": "red", "defry": 5}),
        ({"tool": "emotion", "emotion": "happy"}, {"prompt": "happy;;", "defry": 0}),
        ({"tool": "emotion", "emotion": "sad", "prompt": "rain", "defry": 1}, {"prompt": "sad;;rain", "defry": 1}),
    ],
)
def test_a_director_tool_is_sent_what_it_takes(options: dict[str, Any], sent: dict[str, object]) -> None:
    operation = augment(PNG, **options)
    assert operation.request.path == "/ai/augment-image"
    assert operation.request.host is Host.IMAGE
    assert body_of(operation.request) == {**SENT, "req_type": str(options["tool"]), **sent}


@for_each(
    "options, said",
    [
        ({"tool": "pixel-snap"}, "no director tool is called 'pixel-snap'; there are bg-removal, lineart"),
        ({"tool": "sketch", "prompt": "x"}, "prompt and defry are for colorize and emotion, not for sketch"),
        ({"tool": "sketch", "defry": 1}, "prompt and defry are for"),
        ({"tool": "emotion"}, "needs an emotion"),
        ({"tool": "colorize", "emotion": "happy"}, "no other takes one"),
        (
            {"tool": "emotion", "emotion": "hungry"},
            "no emotion is called 'hungry'; did you mean 'angry'. There are neutral",
        ),
        ({"tool": "colorize", "defry": 6}, "defry is 6, and may be from 0 to 5"),
    ],
)
def test_a_director_tool_refuses_what_it_does_not_take(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        augment(PNG, **options)


def file_of(kind: str, width: int, height: int) -> bytes:
    out = io.BytesIO()
    Picture.new("RGB", (width, height)).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
def test_an_image_says_how_large_it_is(kind: str) -> None:
    body = body_of(augment(file_of(kind, 70, 30), "sketch").request)
    assert (body["width"], body["height"]) == (70, 30)
    with pytest.raises(InvalidRequestError, match="3145760 pixels, and upscaling takes at most"):
        upscale(file_of(kind, 2170, 1450), size=(98305, 32))
    with pytest.raises(InvalidRequestError, match="3146500 pixels"):
        upscale(file_of(kind, 2170, 1450))


@given(st.sampled_from([b"\x89PNG\r\n\x1a\n", b"RIFF\x20\0\0\0WEBPVP8L", b"\xff\xd8\xff", b""]), st.binary(max_size=40))
def test_what_is_no_image_has_a_size_or_none(start: bytes, rest: bytes) -> None:
    size = image_size(start + rest)
    assert size is None or len(size) == 2


def test_an_image_of_another_kind_needs_its_size_given() -> None:
    with pytest.raises(InvalidRequestError, match="the size of the image is not known; give it"):
        augment(b"\xff\xd8\xff", "sketch")
    body = body_of(augment(b"\xff\xd8\xff", "some new tool", size=(10, 20), prompt="x", validate=False).request)
    assert (body["width"], body["height"], body["prompt"]) == (10, 20, "x")


def test_removing_a_background_gives_three_images() -> None:
    three = zip_files([(f"image_{n}.png", PNG) for n in range(3)], deflated=False)
    images = answered(augment(PNG, "bg-removal"), three, "binary/octet-stream")
    assert images == tuple(Image(PNG, f"image_{n}.png", None, n) for n in range(3))


# ---- upscaling


def test_upscaling_gives_one_image() -> None:
    operation = upscale(PNG, declared_blur_sigma=0.35)
    assert body_of(operation.request) == {
        "image": B64,
        "model": "nai-diffusion-5-curated",
        "declared_blur_sigma": 0.35,
    }
    assert answered(operation, zip_files([("image_0.png", PNG)]), "binary/octet-stream") == Image(PNG, "image_0.png")
    assert body_of(upscale(PNG, model="V5 Full").request) == {"image": B64, "model": "nai-diffusion-5-full"}


def test_upscaling_has_its_bounds() -> None:
    for options, said in (
        ({"model": "nai-diffusion-3"}, "nai-diffusion-3 does not upscale; V5 Full and V5 Curated do"),
        ({"declared_blur_sigma": 0.31}, "is 0.31, and may be one of 0, 0.3, 0.35, 0.4, 0.45, 0.5"),
        ({"image": png(2048, 1537)}, "the image has 3147776 pixels, and upscaling takes at most 3145728"),
    ):
        with pytest.raises(InvalidRequestError, match=said):
            upscale(**{"image": PNG, **options})  # type: ignore[arg-type]  # of several types
    assert upscale(png(2048, 1536)).request.body
    assert upscale(png(2048, 1537), model="nai-diffusion-3", validate=False).request.body


# ---- vibes


@for_each("model", MODELS)
def test_a_vibe_is_encoded_for_its_model_and_used_with_no_other(model: ImageModel) -> None:
    if model.family.vibes != "encoded":
        with pytest.raises(InvalidRequestError, match=f"{model.id} takes no encoded vibes: V4 and V4.5 do"):
            encode_vibe(PNG, model)
        return
    operation = encode_vibe(PNG, model, information_extracted=0.7, strength=0.3)
    assert body_of(operation.request) == {"image": B64, "model": model.id, "information_extracted": 0.7}
    vibe = answered(operation, b"encoded", "application/binary")
    assert vibe == EncodedVibe(b"encoded", 0.3, 0.7, model.vibe_key)
    assert "encoded'" not in repr(vibe)
    assert generate("a cat", model=model, vibes=[vibe]).request.body
    for other in MODELS:
        if other is not model:
            with pytest.raises(InvalidRequestError, match="vibe"):
                generate("a cat", model=other, vibes=[vibe])


def test_optional_parameters_of_a_vibe_are_sent_if_given() -> None:
    operation = encode_vibe(PNG, "V4 Full", mask=PNG, crop_to_mask=True, focus_seed=1, info_extract_seed=2)
    body = body_of(operation.request)
    assert (body["mask"], body["crop_to_mask"], body["focus_seed"], body["info_extract_seed"]) == (B64, True, 1, 2)
    with pytest.raises(InvalidRequestError, match=r"information_extracted is 1.1, and may be from 0 to 1"):
        encode_vibe(PNG, "V4 Full", information_extracted=1.1)
    with pytest.raises(RemoteProtocolError, match="an encoded vibe was expected, and nothing came"):
        answered(operation, b"", "application/binary")


# ---- tags


def test_tags_come_in_both_shapes() -> None:
    operation = suggest_tags("re d", "Anime V3")
    assert operation.request.target == "/ai/generate-image/suggest-tags?model=nai-diffusion-3&prompt=re%20d"
    tag = {"tag": "red", "count": 10000, "confidence": 0.98, "new": 1}
    for shape in ({"tags": [tag]}, {"tags": tag}, [tag]):
        assert answered(operation, json.dumps(shape).encode(), "application/json") == (Tag("red", 10000, 0.98),)
    japanese = suggest_tags("赤", lang="jp")
    assert japanese.request.target.endswith("&prompt=%E8%B5%A4&lang=jp")
    answer = json.dumps([{"jp_tag": "赤", "en_tag": "red", "power": 1.0}]).encode()
    assert answered(japanese, answer, "application/json") == (JapaneseTag("赤", "red", 1.0),)
    with pytest.raises(RemoteProtocolError, match="suggested tags"):
        answered(operation, b'{"tags":7}', "application/json")
    with pytest.raises(InvalidRequestError, match="for a part of one"):
        suggest_tags("")
    with pytest.raises(InvalidRequestError, match="no language of tags is called 'de'; there are en, jp"):
        suggest_tags("x", lang="de")  # type: ignore[call-overload]  # as somebody without a type checker would


# ---- conditions


def test_an_annotator_makes_what_controlnet_takes() -> None:
    operation = annotate(PNG, Annotator.MIDAS)
    assert operation.request.host is Host.API
    assert body_of(operation.request) == {"model": "midas", "parameters": {"image": B64}}
    two = zip_files([("image_0.png", PNG), ("image_1.png", PNG)])
    assert len(answered(operation, two, "application/x-zip-compressed")) == 2
    assert [each.controlnet for each in Annotator] == [*ControlNetModel, None, None]
    with pytest.raises(InvalidRequestError, match="no annotator is called 'depth'; there are hed, midas"):
        annotate(PNG, "depth")


# ---- speech


def test_speech_is_requested_in_both_versions() -> None:
    assert body_of(speak("hello").request) == {
        "text": "hello",
        "seed": "Anananan",
        "voice": -1,
        "opus": False,
        "version": "v2",
    }
    assert body_of(speak("hello", "my own", opus=True).request)["seed"] == "my own"
    for voice in ("Crina", 44):
        assert body_of(speak("hello", voice, version="v1").request) == {
            "text": "hello",
            "voice": 44,
            "opus": False,
            "version": "v1",
        }
    assert (len(VOICES), len(SEEDS)) == (10, 13)


def test_speech_is_requested_by_get_with_words_in_lower_case() -> None:
    request = speak("a b", "Aini", opus=True, method="GET").request
    assert (request.method, request.host) == ("GET", Host.API)
    assert request.target == "/ai/generate-voice?text=a%20b&seed=Aini&voice=-1&opus=true&version=v2"
    assert "a%20b" not in repr(request)


@for_each(
    "options, said",
    [
        ({"text": ""}, "the text has 0 characters, and 1 to 1000"),
        ({"text": "x" * 1001}, "the text has 1001 characters"),
        ({"voice": 17}, "a voice of v2 is a seed of 1 to 50 characters"),
        ({"voice": "x" * 51}, "a voice of v2"),
        ({"voice": "Ligeia", "version": "v1"}, "no voice of v1 is called 'Ligeia'; there are Cyllene"),
        ({"version": "v3"}, "version is v1 or v2, not 'v3'"),
        ({"method": "PUT"}, "method is POST or GET, not 'PUT'"),
    ],
)
def test_what_cannot_be_spoken_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        speak(**{"text": "hello", **options})


def test_speech_comes_in_both_formats() -> None:
    webm = b"\x1aE\xdf\xa3..."
    assert answered(speak("x"), b"ID3", "audio/mpeg") == Speech(b"ID3", "mp3")
    assert answered(speak("x"), webm, "audio/webm") == Speech(webm, "webm")
    assert answered(speak("x"), webm, "application/octet-stream").format == "webm"
    assert repr(Speech(b"ID3", "mp3")) == "Speech(format='mp3')"
    with pytest.raises(RemoteProtocolError, match="audio was expected, and nothing came"):
        answered(speak("x"), b"", "audio/mpeg")


# ---- whatever bytes arrive


OPERATIONS: list[Operation[Any, Any]] = [
    generate("a cat", seed=1),
    augment(PNG, "sketch"),
    upscale(PNG),
    encode_vibe(PNG, "V4 Full"),
    annotate(PNG, "hed"),
    suggest_tags("x"),
    suggest_tags("x", lang="jp"),
    speak("x"),
]
PIECES = [
    PNG,
    b"PK\x03\x04",
    b"{",
    b"[",
    zip_files([("image_0.png", PNG)]),
    b'{"tags":[]}',
    b'{"error":"x"}',
    b"<html>",
]


@given(
    st.sampled_from(OPERATIONS),
    st.sampled_from(["application/json", "binary/octet-stream", "", "text/html", "audio/mpeg", "application/binary"]),
    st.lists(st.binary(max_size=40) | st.sampled_from(PIECES), max_size=4),
)
def test_whatever_comes_gives_a_result_or_one_of_the_errors(
    operation: Operation[Any, Any], content_type: str, pieces: list[bytes]
) -> None:
    try:
        play(operation, [Head(200, Headers.of(content_type=content_type)), *filter(None, pieces), b""]).result  # noqa: B018 -- it raises
    except NaiError:
        pass


def test_no_operation_shows_what_it_sends() -> None:
    for operation in OPERATIONS:
        assert "cat" not in repr(operation)
        assert B64[:20] not in repr(operation)
