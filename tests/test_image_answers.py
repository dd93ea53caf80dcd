"""Responses with images, in every form.

See:
    docs/protocol/image.md#21-post-aigenerate-image
    docs/protocol/image.md#7-streaming
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from nai_proto.codecs.zip_archive import zip_files
from nai_proto.errors import NaiError, RejectedRequestError, RemoteProtocolError, StreamError
from nai_proto.exchange.actions import Runnable
from nai_proto.http import Head, Headers
from nai_proto.image import Image, generate
from nai_proto.image.image_files import IMAGE_TYPES
from nai_proto.testing import play
from tests.cases import for_each
from tests.image_support import JPEG, PNG, WEBP

TWO = zip_files([("image_0.png", PNG), ("image_1.png", PNG + b"2")])
LISTED = json.dumps(
    {"images": [{"image": b64encode(WEBP).decode(), "index": 0, "seed": 9}, {"image": b64encode(PNG).decode()}]}
).encode()


def ask() -> Runnable[Any, tuple[Image, ...]]:
    return generate("a cat", model="nai-diffusion-3", seed=5)


def answered(body: bytes, content_type: str, pieces: int = 1) -> tuple[Image, ...]:
    head = Head(200, Headers.of(content_type=content_type) if content_type else Headers())
    size = max(1, len(body) // pieces)
    cut = [body[at : at + size] for at in range(0, len(body), size)]
    result: tuple[Image, ...] = play(ask(), [head, *cut, b""]).result
    return result


def failed(body: bytes, content_type: str = "binary/octet-stream") -> NaiError:
    with pytest.raises(NaiError) as caught:
        answered(body, content_type)
    return caught.value


@for_each("content_type", [*IMAGE_TYPES, ""])
@for_each("pieces", [1, 7])
def test_the_bytes_say_what_an_answer_is(content_type: str, pieces: int) -> None:
    one, two = answered(TWO, content_type, pieces)
    assert one == Image(PNG, "image_0.png", 5, 0)
    assert two == Image(PNG + b"2", "image_1.png", 6, 1)
    assert answered(WEBP, content_type, pieces) == (Image(WEBP, "image_0.webp", 5),)
    assert answered(JPEG, content_type, pieces)[0].format == "jpeg"
    assert answered(LISTED, content_type, pieces) == (Image(WEBP, "image_0.webp", 9), Image(PNG, "image_1.png", 6, 1))


def test_an_image_shows_no_bytes() -> None:
    assert repr(Image(PNG, "image_0.png", 5)) == "Image(name='image_0.png', seed=5, sample=0)"
    assert Image(b"?", "x").format is None


@for_each(
    "body, said",
    [
        (b"", "expected an archive or an image"),
        (b"GIF89a", "expected an archive or an image"),
        (TWO[:-1], "ZIP archive"),
        (zip_files([]), "an answer without images"),
        (b'{"images":[]}', "an answer without images"),
        (b'{"images":[{"image":"%%%"}]}', "Invalid"),
        (b'{"picture":1}', "missing required field `images`"),
    ],
)
def test_what_holds_no_images_is_an_error(body: bytes, said: str) -> None:
    error = failed(body)
    assert isinstance(error, RemoteProtocolError)
    assert said in str(error)


def test_an_error_inside_an_answer_is_raised() -> None:
    error = failed(b'{"statusCode":500,"message":"Internal Server Error"}', "application/json")
    assert isinstance(error, StreamError)
    assert error.status == 500


def test_a_page_from_a_gateway_is_an_error_of_its_own() -> None:
    assert "an HTML page" in str(failed(b"<html>", "text/html"))


@for_each("behind", [b"\n", b'\n{"statusCode":500,"message":"Internal Server Error"}\n', b"\nPK\x03\x04\xff"])
def test_a_refusal_is_what_it_says_first(behind: bytes) -> None:
    body = b'{"statusCode":400,"message":"Model X doesn\'t support action infill"}' + behind
    played = play(ask(), [Head(400, Headers.of(content_type="application/json")), body, b""])
    assert isinstance(played.error, RejectedRequestError)
    assert played.error.message == "Model X doesn't support action infill"
