"""Image requests as forms, and the service's cache of images.

See docs/protocol/image.md#31-transport.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto.codecs.multipart import FormPart, decode, encode
from nai_proto.errors import InvalidRequestError, LimitExceeded, NaiError, RemoteProtocolError
from nai_proto.http import Head, Headers, Request
from nai_proto.image import (
    ControlNet,
    ControlNetModel,
    EncodedVibe,
    PreciseReference,
    build_image_request,
    encode_form,
    generate_cached,
)
from nai_proto.image.cached_images import cache_key
from nai_proto.image.generation import build_operation
from nai_proto.limits import Limits
from nai_proto.testing import play
from tests.cases import for_each
from tests.image_support import PNG, body_of, png

SECRET = bytes(range(32))
MASK = png(8, 8)
CANVAS = png(1472, 1472)

names = st.text(st.characters(exclude_characters='"\\', exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)
parts = st.lists(st.builds(FormPart, names, st.binary(max_size=60), st.just("image/png"), names), max_size=5)


def key(image: bytes) -> str:
    return hmac.new(SECRET, b64encode(image), hashlib.sha256).hexdigest()


def read(made: tuple[str, bytes]) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The images of a form by name, and the parameters in its last part."""
    *images, request = decode(*made)
    assert all((each.filename, each.content_type) == ("blob", "image/png") for each in images)
    assert (request.name, request.filename, request.content_type) == ("request", "blob", "application/json")
    body = json.loads(request.data)
    assert set(body) == {"input", "model", "action", "parameters", "use_new_shared_trial"}
    return {each.name: each.data for each in images}, body["parameters"]


def sent(request: Request) -> tuple[dict[str, bytes], dict[str, Any]]:
    return read((request.headers.get("content-type") or "", request.body))


# ---- the codec


@given(parts)
def test_a_form_is_read_as_it_was_written(given_parts: list[FormPart]) -> None:
    content_type, body = encode(given_parts)
    assert decode(content_type, body) == given_parts
    assert encode(given_parts) == (content_type, body)


def test_a_form_may_be_written_otherwise() -> None:
    body = (
        b'a preamble\r\n--x y  \r\ncontent-disposition: form-data; filename="f"; NAME="n"\r\n\r\n1\r\n\r\n--x y--junk'
    )
    assert decode('multipart/form-data; charset=x; boundary="x y"', body) == [
        FormPart("n", b"1\r\n", "text/plain", "f")
    ]


@given(parts.filter(bool), st.data())
def test_a_form_that_is_cut_short_is_an_error(given_parts: list[FormPart], data: st.DataObject) -> None:
    content_type, body = encode(given_parts)
    end = data.draw(st.integers(0, len(body) - 5))
    with pytest.raises(RemoteProtocolError):
        decode(content_type, body[:end])


@given(st.binary(max_size=60))
def test_whatever_comes_is_a_form_or_an_error(body: bytes) -> None:
    try:
        decode("multipart/form-data; boundary=x", b"--x\r\n" + body)
    except NaiError:
        pass


def test_a_form_has_its_bounds() -> None:
    many = encode([FormPart("n", b"")] * 3)
    assert len(decode(*many, Limits(archive_members=3))) == 3
    with pytest.raises(LimitExceeded):
        decode(*many, Limits(archive_members=2))
    with pytest.raises(RemoteProtocolError, match="has no boundary"):
        decode("text/plain", b"")
    with pytest.raises(RemoteProtocolError, match="a part has no name"):
        decode("multipart/form-data; boundary=x", b"--x\r\na: b\r\n\r\n1\r\n--x--")
    for part in (FormPart('"', b""), FormPart("n", b"", "a\nb"), FormPart("n", b"", filename="")):
        with pytest.raises(InvalidRequestError, match="cannot stand in its head"):
            encode([part])


# ---- requests


def test_in_a_form_images_are_parts_and_fields_name_them() -> None:
    images, parameters = read(encode_form(build_image_request("a cat", model="nai-diffusion-3", image=PNG, mask=MASK)))
    assert images == {"image": PNG, "mask": MASK}
    assert (parameters["image"], parameters["mask"]) == ("image", "mask")
    assert "image_cache_secret_key" not in parameters
    vibes = [EncodedVibe(b"one"), EncodedVibe(b"two")]
    images, parameters = read(encode_form(build_image_request("a cat", model="nai-diffusion-4-full", vibes=vibes)))
    assert images == {"ref_multiple_0": b"one", "ref_multiple_1": b"two"}
    assert parameters["reference_image_multiple"] == ["ref_multiple_0", "ref_multiple_1"]


WISHES: list[dict[str, Any]] = [
    {"model": "nai-diffusion-3", "image": PNG, "mask": MASK},
    {"model": "nai-diffusion-4-full", "vibes": [EncodedVibe(b"one"), EncodedVibe(b"two", -0.5)]},
    {
        "model": "nai-diffusion-4-5-full",
        "image": PNG,
        "references": [PreciseReference(CANVAS), PreciseReference(CANVAS)],
    },
    {"model": "nai-diffusion-5-full"},
]


@given(st.sampled_from(WISHES), st.text(max_size=20), st.booleans())
def test_a_form_says_what_the_json_says(wishes: dict[str, Any], prompt: str, keyed: bool) -> None:
    request = build_image_request(prompt, seed=1, **wishes)
    images, parameters = read(encode_form(request, secret=SECRET if keyed else None))

    def inline(value: Any) -> Any:
        return b64encode(images[value]).decode() if isinstance(value, str) and value in images else value

    for name in ("reference_image_multiple", "director_reference_images"):
        if (cached := parameters.pop(f"{name}_cached", None)) is not None:
            parameters[name] = [each["data"] for each in cached]
        if name in parameters:
            parameters[name] = [inline(each) for each in parameters[name]]
    plain = {name: inline(value) for name, value in parameters.items() if not name.endswith("_cache_secret_key")}
    assert plain == body_of(build_operation(request).request)["parameters"]


def test_a_form_without_images_has_one_part() -> None:
    images, parameters = read(encode_form(build_image_request("a cat", seed=3)))
    assert (images, parameters["seed"]) == ({}, 3)


def test_with_a_secret_images_have_keys() -> None:
    request = build_image_request(
        "a cat", model="nai-diffusion-4-5-full", image=PNG, references=[PreciseReference(CANVAS)]
    )
    images, parameters = read(encode_form(request, secret=SECRET))
    assert images == {"image": PNG, "director_ref_0": CANVAS}
    assert (parameters["image"], parameters["image_cache_secret_key"]) == ("image", key(PNG))
    cached = {"cache_secret_key": key(CANVAS), "data": "director_ref_0"}
    assert parameters["director_reference_images_cached"] == [cached]
    assert "director_reference_images" not in parameters
    assert cache_key(SECRET, PNG) == key(PNG)
    images, parameters = read(encode_form(request, secret=SECRET, known=[key(PNG), key(CANVAS)]))
    assert images == {}
    assert "image" not in parameters
    assert parameters["director_reference_images_cached"] == [{"cache_secret_key": key(CANVAS)}]


def test_not_everything_has_a_part() -> None:
    request = build_image_request(
        "a cat", model="nai-diffusion-2", controlnet=ControlNet(PNG, ControlNetModel.LANDSCAPER)
    )
    with pytest.raises(InvalidRequestError, match="has no part in a form: send it as JSON"):
        encode_form(request)
    with pytest.raises(InvalidRequestError, match="secret of the image cache has 32 bytes, not 3"):
        encode_form(request, secret=b"abc")
    with pytest.raises(InvalidRequestError, match="secret of the image cache has 32 bytes, not 3"):
        play(generate_cached("a cat", b"abc"), []).result  # noqa: B018 -- it raises


# ---- a miss

FINE: list[Head | bytes] = [Head(200, Headers.of(content_type="image/png")), PNG, b""]


def refused(details: object, message: str = "INVALID_CACHE_KEYS") -> list[Head | bytes]:
    body = json.dumps({"statusCode": 400, "message": message, "details": details}).encode()
    return [Head(400, Headers.of(content_type="application/json")), body, b""]


def test_an_image_that_the_service_remembers_is_not_sent() -> None:
    played = play(generate_cached("a cat", SECRET, model="nai-diffusion-3", image=PNG, seed=4), FINE)
    (request,) = played.requests
    assert sent(request)[0] == {}
    assert played.result[0].seed == 4


@for_each(
    "details, images",
    [
        ({"invalidKeys": [key(MASK)]}, {"mask": MASK}),
        ({"invalidKeys": [key(PNG), key(MASK)]}, {"image": PNG, "mask": MASK}),
        ({"invalidKeys": ["image"]}, {"image": PNG, "mask": MASK}),
        ({"invalidKeys": 7}, {"image": PNG, "mask": MASK}),
        (None, {"image": PNG, "mask": MASK}),
    ],
)
def test_what_the_service_has_forgotten_is_sent(details: object, images: dict[str, bytes]) -> None:
    flow = generate_cached("a cat", SECRET, model="nai-diffusion-3", image=PNG, mask=MASK)
    played = play(flow, [*refused(details), *FINE])
    first, second = played.requests
    assert sent(first)[0] == {}
    assert sent(second)[0] == images
    assert sent(first)[1]["seed"] == sent(second)[1]["seed"]


def test_another_refusal_stays_one() -> None:
    for script in (refused(None, "no"), [*refused(None), *refused(None)]):
        with pytest.raises(InvalidRequestError):
            play(generate_cached("a cat", SECRET, image=PNG), script).result  # noqa: B018 -- it raises
    with pytest.raises(InvalidRequestError):
        play(generate_cached("a cat", SECRET), refused(None)).result  # noqa: B018 -- it raises


def test_a_refusal_with_more_behind_it_is_understood() -> None:
    head, body, end = refused(None)
    assert isinstance(body, bytes)
    played = play(generate_cached("a cat", SECRET, image=PNG), [head, body + b"\n{}", end, *FINE])
    assert len(played.requests) == 2
