"""Signatures of pictures.

See docs/protocol/image.md#84-signature.
"""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey, VerifyKey

from nai_proto.codecs.picture_signature import TEST_SEED, TEST_VERIFY_KEY, VERIFY_KEY, public_key, sign, verify
from nai_proto.codecs.pixels import Pixels
from nai_proto.codecs.stealth import with_stealth
from nai_proto.errors import InvalidRequestError
from tests.cases import for_each

RGB = Pixels(2, 2, bytes(range(12)))
RGBA = Pixels(40, 40, bytes(range(256)) * 25)
COMMENT = '{"prompt": "夜", "scale": 5.0, "seed": 1, "big": 1e22, "list": [1, 2.50]}'


def test_the_services_key_is_the_published_one() -> None:
    assert base64.b64encode(VERIFY_KEY).decode() == "Y2JcQAOhLwzwSDUJPNgL04nS0Tbqm7cSRc4xk0vRMic="


def test_what_is_signed_are_the_colours_and_the_comment_as_python_writes_it() -> None:
    document = json.loads(sign(RGBA, COMMENT))
    signature = base64.b64decode(document.pop("signed_hash"))
    message = bytes(byte for at, byte in enumerate(RGBA.data) if at % 4 < 3) + json.dumps(document).encode()
    assert document == json.loads(COMMENT)
    assert b"\\u591c" in message
    assert b'"scale": 5.0, "seed": 1' in message
    VerifyKey(TEST_VERIFY_KEY).verify(message, signature)
    assert signature == SigningKey(TEST_SEED).sign(message).signature


def test_with_alpha_it_are_all_bytes_without_the_lowest_bit_of_alpha() -> None:
    document = json.loads(sign(RGBA, COMMENT, alpha=True))
    signature = base64.b64decode(document.pop("signed_hash"))
    seen = bytes(byte & 0xFE if at % 4 == 3 else byte for at, byte in enumerate(RGBA.data))
    VerifyKey(TEST_VERIFY_KEY).verify(seen + json.dumps(document).encode(), signature)


COMMENTS = st.dictionaries(
    st.text(max_size=5), st.none() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=5)
)


@given(COMMENTS, st.booleans(), st.binary(min_size=32, max_size=32))
def test_what_was_signed_verifies_with_its_key_alone(comment: dict[str, object], alpha: bool, seed: bytes) -> None:
    signed = sign(RGBA, json.dumps(comment), seed, alpha=alpha)
    assert verify(RGBA, signed, public_key(seed))
    assert not verify(RGBA, signed)
    assert sign(RGBA, signed, seed, alpha=alpha) == signed
    assert list(json.loads(signed))[-1] == "signed_hash"


@for_each("alpha", [False, True])
def test_the_copy_in_alpha_leaves_the_signature_valid(alpha: bool) -> None:
    signed = sign(RGBA, COMMENT, alpha=alpha)
    copied = with_stealth(RGBA, b"{}", transparent=alpha)
    assert verify(copied, signed, TEST_VERIFY_KEY)


def test_whatever_is_altered_the_signature_is_no_longer_valid() -> None:
    signed = sign(RGB, COMMENT)
    assert verify(RGB, signed, TEST_VERIFY_KEY)
    for at in range(12):
        data = bytearray(RGB.data)
        data[at] ^= 1
        assert not verify(Pixels(2, 2, bytes(data)), signed, TEST_VERIFY_KEY)
    assert not verify(RGB, signed.replace("5.0", "5"), TEST_VERIFY_KEY)
    assert not verify(RGB, signed.replace('"seed": 1', '"seed": 2'), TEST_VERIFY_KEY)
    assert not verify(Pixels(2, 2, RGB.data + bytes(4)), signed, TEST_VERIFY_KEY)


@for_each(
    "comment",
    [
        *("", "{}", "[]", "1", '{"signed_hash": 1}', '{"signed_hash": ""}', '{"signed_hash": "***"}', "[" * 100_000),
        *('{"signed_hash": "é"}', json.dumps({"signed_hash": base64.b64encode(bytes(64)).decode()}), "1" * 9999),
        json.dumps({"signed_hash": base64.b64encode(bytes(65)).decode()}),
        '{"signed_hash": "\\ud800"}',
    ],
)
def test_what_is_not_signed_does_not_verify(comment: str) -> None:
    assert not verify(RGBA, comment)


@for_each("comment", ["", "[]", "{", "[" * 100_000])
def test_only_a_json_object_is_signed(comment: str) -> None:
    with pytest.raises(InvalidRequestError):
        sign(RGB, comment)


def test_keys_have_their_size_and_alpha_has_to_be_there() -> None:
    for seed in (b"", bytes(33)):
        with pytest.raises(InvalidRequestError, match="32"):
            sign(RGB, "{}", seed)
        with pytest.raises(InvalidRequestError, match="32"):
            public_key(seed)
        with pytest.raises(InvalidRequestError, match="32"):
            verify(RGB, "{}", seed)
    with pytest.raises(InvalidRequestError, match="alpha"):
        sign(RGB, "{}", alpha=True)
