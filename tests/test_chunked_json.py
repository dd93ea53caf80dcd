"""Long JSON in pieces: exactly what decoding it whole gives, or nothing.

See:
    docs/protocol/content.md#21-bytes
    docs/protocol/native.md#7-keystore-and-user-objects
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Iterator
from itertools import chain
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nai_proto import objects
from nai_proto.codecs import accelerators, chunked_json, secret_box
from nai_proto.codecs import keystore as keystores
from nai_proto.codecs.chunked_json import iter_json_chunks
from nai_proto.codecs.keystore import Keystore, open_keystore, seal_keystore
from nai_proto.errors import Damaged, LimitExceeded, RemoteProtocolError
from nai_proto.http import Head, Headers
from nai_proto.limits import Limits
from nai_proto.secret import EncryptionKey
from nai_proto.testing import FlowTrace, play
from tests.cases import for_each

KEY = EncryptionKey(bytes(range(32)))
JSON = Head(200, Headers.of(content_type="application/json"))
DECODER = msgspec.json.Decoder(list[Any])
HOSTILE = st.text('{}[]",:1a \\', max_size=12).map(str.encode)
MEMBERS = st.lists(
    st.recursive(
        st.none() | st.integers() | st.text('},"\\[]a', max_size=6),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("},a", max_size=3), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=6,
)


@pytest.fixture(autouse=True, scope="module")
def as_small_as_can_be() -> Iterator[None]:
    """Every comma may end a piece, every four characters are decoded for themselves."""
    plain = patch.multiple(accelerators, decode=accelerators.plain_decode, _PIECE=4)
    with patch.object(chunked_json, "_SIZE", 0), plain:
        yield


def parts(text: bytes, mark: bytes) -> list[Any] | None:
    """What the pieces of ``[[…]]`` give together."""
    try:
        return list(chain.from_iterable(iter_json_chunks(DECODER.decode, b"[]", text, 2, mark)))
    except (ValueError, RecursionError):
        return None


def whole(text: bytes) -> list[Any] | None:
    try:
        return DECODER.decode(text[1:-1])
    except (ValueError, RecursionError):
        return None


@given(HOSTILE | MEMBERS.map(lambda members: json.dumps(members).encode()[1:-1]), st.sampled_from([b",", b"},", b"],"]))
@example(b"1,", b",")
@example(b",1", b",")
@example(b"1,,1", b",")
@example(b'"a,a"', b",")
@example(b"1],[1", b",")
@example(b" ", b",")
def test_pieces_give_what_the_whole_gives_or_nothing(inner: bytes, mark: bytes) -> None:
    text = b"[[" + inner + b"]]"
    assert parts(text, mark) in (None, whole(text))


@given(st.lists(st.integers(), max_size=9), st.sampled_from([(",", ":"), (", ", ": ")]))
def test_a_plain_list_is_always_had_in_pieces(numbers: list[int], separators: tuple[str, str]) -> None:
    text = json.dumps([numbers], separators=separators).encode()
    assert parts(text, b",") == numbers


# ---- the keystore


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8), st.binary(max_size=40), max_size=5))
@example({'"],': b""})  # what ends a piece too early, so that the whole is decoded
def test_a_keystore_opens_in_pieces(keys: dict[str, bytes]) -> None:
    keystore = open_keystore(seal_keystore(Keystore(keys), KEY), KEY)
    assert keystore == Keystore(keys)
    assert list(keystore) == list(keys)


def test_a_keystore_in_the_website_s_form_is_decoded_in_pieces() -> None:
    counts: list[int] = []

    def count_pieces(*arguments: Any) -> list[Any]:
        pieces = [*iter_json_chunks(*arguments)]
        counts.append(len(pieces))
        return pieces

    keys = {meta: bytes(32) for meta in "abc"}
    text = seal_keystore(Keystore(keys), KEY)
    with patch.object(keystores, "iter_json_chunks", count_pieces):
        assert dict(open_keystore(text, KEY)) == keys
    assert counts == [len(json.loads(binascii.a2b_base64(text))["sdata"]), len(keys)]


@for_each(
    "before, after, category",
    [
        (b"]}", b",]}", "bad envelope json"),
        (b"]}", b",256]}", "byte out of range"),
        (b"]}", b",-1]}", "byte out of range"),
        (b"]}", b',"a,1"]}', "byte out of range"),
        (b"]}", b",[1,1]]}", "byte out of range"),
        (b"]}", b",18446744073709551616]}", "byte out of range"),
        (b'"sdata":[', b'"sdata":[,', "bad envelope json"),
        (b'"version":2', b'"version":02', "bad envelope json"),
        (b'"nonce":[', b'"nonce":[1,', "bad nonce length"),
        (b'"nonce":[', b'"nonce":[300,', "byte out of range"),
        (b'],"sdata":[', b',1],"sdata":[256,', "byte out of range"),
        (b'"nonce":[', b'"nonce":[,', "bad envelope json"),
        (b'"nonce"', b'"once"', "missing field"),
    ],
)
def test_each_check_is_made_of_pieces_too(before: bytes, after: bytes, category: str) -> None:
    envelope = binascii.a2b_base64(seal_keystore(Keystore({"a": bytes(32)}), KEY))
    assert envelope.count(before) == 1
    text = binascii.b2a_base64(envelope.replace(before, after), newline=False).decode()
    with pytest.raises(Damaged) as caught:
        open_keystore(text, KEY)
    assert caught.value.category == category
    assert caught.value.__context__ is None


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("names", ["version nonce sdata", "sdata version nonce"])
def test_an_envelope_may_be_spaced_and_ordered_as_it_likes(indent: int | None, names: str) -> None:
    fields = json.loads(binascii.a2b_base64(seal_keystore(Keystore({"a": bytes(32)}), KEY)))
    envelope = json.dumps({name: fields[name] for name in names.split()}, indent=indent).encode()
    keystore = open_keystore(binascii.b2a_base64(envelope, newline=False).decode(), KEY)
    assert dict(keystore) == {"a": bytes(32)}
    assert (keystore == Keystore({"a": bytes(32)})) == (names == "version nonce sdata"), "blanks make no difference"
    assert [*json.loads(binascii.a2b_base64(seal_keystore(keystore, KEY)))] == names.split()


# ---- base64


@given(st.binary(max_size=20))
def test_base64_decodes_in_pieces(data: bytes) -> None:
    assert secret_box.from_base64(secret_box.to_base64(data), "text") == data


@pytest.mark.parametrize(
    "text", ["AA==AAAA", "AAA=AAAA", "AAAAAA==AAA=", "AAAA=", "AAAA====", "AAAAA", "AA\n==", "é===", "?" * 8]
)
def test_base64_is_strict_in_every_piece(text: str) -> None:
    with pytest.raises(Damaged, match="base64"):
        secret_box.from_base64(text, "text")


# ---- objects


def listed(body: str, limits: Limits = Limits()) -> FlowTrace[Any, Any]:
    return play(objects.list_objects("stories").with_options(limits=limits), [JSON, body.encode(), b""])


ITEMS = '{"id":"a","meta":"},{","data":"x","changeIndex":1}, null,7 , {"id":"b","more":[{"id":"},"}, {}]},{"id":"c"}'


def test_objects_are_the_same_in_pieces_and_whole() -> None:
    found = listed(f'{{"objects":[{ITEMS}]}}').result
    assert found == listed(f'{{"objects":[{ITEMS}],"total":5}}').result
    assert [(item.id, item.meta) for item in found] == [("a", "},{"), ("", None), ("", None), ("b", None), ("c", None)]
    assert listed('{"objects":[]}').result == ()


@pytest.mark.parametrize("items", [f"{ITEMS},", f",{ITEMS}", ITEMS.replace(", null", ",, null"), ITEMS + "}", "]}"])
def test_a_list_that_is_no_json_is_told(items: str) -> None:
    assert isinstance(listed(f'{{"objects":[{items}]}}').error, RemoteProtocolError)


@pytest.mark.parametrize("after", ["", ',"total":1'])
def test_depth_counts_from_the_answer_s_first_bracket(after: str) -> None:
    body = '{"objects":[{"id":"a"},{"a":[[]]},{"id":"b"}]' + after + "}"
    assert len(listed(body, Limits(json_depth=5)).result) == 3
    error = listed(body, Limits(json_depth=4)).error
    assert isinstance(error, LimitExceeded)
    assert (error.what, error.limit, error.value) == ("JSON depth", 4, 5)
