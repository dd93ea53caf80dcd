"""Keys derived from e-mail and password.

See docs/protocol/native.md#3-key-derivation.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from argon2.low_level import Type, hash_secret_raw

from nai_proto.codecs.key_derivation import access_key, email_hash, encryption_key
from nai_proto.errors import InvalidRequestError
from nai_proto.secret import AccessKey, EncryptionKey, Password
from tests.cases import for_each
from tests.protocol_data import DATA as PROTOCOL_DATA

DATA = json.loads((PROTOCOL_DATA / "key_vectors.json").read_bytes())
VECTORS: list[dict[str, Any]] = DATA["vectors"]


@for_each("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_every_vector_holds(vector: dict[str, Any]) -> None:
    email, password = vector["email"], Password(vector["password"])
    assert access_key(email, password) == AccessKey(vector["access_key"])
    assert encryption_key(email, password) == EncryptionKey(bytes.fromhex(vector["encryption_key_hex"]))
    assert email_hash(email) == vector["email_sha256_hex"]


@for_each("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_slicing_as_javascript_does_matters_beyond_u_ffff_only(vector: dict[str, Any]) -> None:
    email, password = vector["email"], Password(vector["password"])
    sliced = vector.get("access_key_if_sliced_by_utf16_units", vector["access_key"])
    assert access_key(email, password, utf16=True).reveal() == sliced
    plain = encryption_key(email, password, utf16=True).reveal().hex() == vector["encryption_key_hex"]
    assert plain == (sliced == vector["access_key"])


def test_there_is_a_vector_for_javascripts_slicing() -> None:
    assert any("access_key_if_sliced_by_utf16_units" in vector for vector in VECTORS)


@pytest.mark.parametrize(("utf16", "head"), [(False, "abcde😀"), (True, "abcde\ufffd")])
def test_half_a_pair_counts_as_the_replacement_character(utf16: bool, head: str) -> None:
    salt = hashlib.blake2b(f"{head}a@b.cnovelai_data_access_key".encode(), digest_size=16).digest()
    raw = hash_secret_raw("abcde😀x".encode(), salt, 2, 1953, 1, 64, Type.ID)
    key = access_key("a@b.c", Password("abcde😀x"), utf16=utf16)
    assert key.reveal() == base64.urlsafe_b64encode(raw)[:64].decode()


def test_the_case_of_the_email_matters() -> None:
    password = Password("Tr0ub4dor&3")
    assert access_key("Dave@Example.com", password) != access_key("dave@example.com", password)
    assert email_hash("Dave@Example.com") != email_hash("dave@example.com")


@for_each("utf16", [False, True])
@for_each("text", ["SECRET\ud800", "\udc00SECRET", "SECR\ud83dET"])
def test_a_lone_surrogate_is_refused_without_quoting_anything(text: str, utf16: bool) -> None:
    calls: list[Callable[[], object]] = [
        lambda: access_key("a@b.c", Password(text), utf16=utf16),
        lambda: encryption_key("a@b.c", Password(text), utf16=utf16),
        lambda: access_key(text, Password("password"), utf16=utf16),
        lambda: encryption_key(text, Password("password"), utf16=utf16),
        lambda: email_hash(text),
    ]
    for call, what in zip(calls, ["password", "password", "e-mail", "e-mail", "e-mail"], strict=True):
        with pytest.raises(InvalidRequestError, match=f"the {what} holds a lone surrogate") as caught:
            call()
        assert "SECR" not in str(caught.value)
        assert caught.value.__context__ is None
