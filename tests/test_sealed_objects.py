"""The keystore and the objects that it opens.

See:
    docs/protocol/content.md#2-keystore
    docs/protocol/content.md#3-objects
"""

from __future__ import annotations

import binascii
import json
import pickle
import uuid
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.bindings import crypto_secretbox

from nai_proto.codecs.keystore import Keystore, open_keystore, seal_keystore
from nai_proto.codecs.object_compression import MARK, deflate, inflate
from nai_proto.codecs.sealed_objects import (
    OpenedObject,
    OpenedState,
    StoredObject,
    new_object,
    open_object,
    open_objects,
    replace_content,
    seal_object,
)
from nai_proto.codecs.secret_box import write_json
from nai_proto.errors import (
    CryptoError,
    Damaged,
    DecryptionFailed,
    InvalidRequestError,
    InvalidTypeError,
    KeyConflict,
    LimitExceeded,
)
from nai_proto.limits import Limits
from nai_proto.secret import EncryptionKey
from tests.cases import for_each
from tests.protocol_data import DATA

VECTORS: list[dict[str, Any]] = json.loads((DATA / "content_vectors.json").read_bytes())["vectors"]
STORAGE: dict[str, Any] = json.loads((DATA / "key_vectors.json").read_bytes())["storage_vectors"]

KEY = EncryptionKey(bytes(range(32)))
META = "11111111-1111-4111-8111-000000000000"
OBJECT_KEY = bytes(range(100, 132))
KEYS = Keystore({META: OBJECT_KEY})


def of_kind(kind: str) -> Callable[[Any], Any]:
    return for_each("vector", [vector for vector in VECTORS if vector["kind"] == kind])


def chance() -> Callable[[int], bytes]:
    """Bytes that differ from draw to draw, and are the same in each test."""
    drawn: Iterator[int] = count(1)
    return lambda size: next(drawn).to_bytes(size, "big")


def fixed(nonce: str) -> Callable[[int], bytes]:
    return lambda _: bytes.fromhex(nonce)


def keystore_of(vector: dict[str, Any]) -> Keystore:
    return Keystore({meta: bytes.fromhex(key) for meta, key in vector.get("keys", {}).items()})


def expected_keys(expected: dict[str, Any]) -> dict[str, bytes]:
    return {meta: bytes.fromhex(key) for meta, key in expected["keys"].items()}


def envelope(plaintext: bytes, *, compressed: bool = False, **fields: Any) -> str:
    """A keystore's text around any plaintext; further fields replace or follow the usual ones."""
    nonce = bytes(24)
    box = crypto_secretbox(deflate(plaintext) if compressed else plaintext, nonce, KEY.reveal())
    usual = {"version": 2, "nonce": list(nonce), "sdata": list(MARK + box if compressed else box)}
    return text_of({**usual, **fields})


def text_of(document: object) -> str:
    return binascii.b2a_base64(json.dumps(document).encode(), newline=False).decode()


def boxed(plaintext: bytes, *, mark: bytes = b"", type: str = "stories", key: bytes = OBJECT_KEY) -> StoredObject:  # noqa: A002
    nonce = b"n" * 24
    data = mark + nonce + crypto_secretbox(plaintext, nonce, key)
    return stored(binascii.b2a_base64(data, newline=False).decode(), type)


def stored(data: str | None, type: str = "stories", meta: str | None = META) -> StoredObject:  # noqa: A002
    return StoredObject(id="o", type=type, meta=meta, data=data)


# ---- vectors


@of_kind("keystore_decrypt")
def test_a_keystore_reads_as_the_vectors_say(vector: dict[str, Any]) -> None:
    key = EncryptionKey(bytes.fromhex(vector["encryption_key_hex"]))
    if "error" in vector:
        with pytest.raises(CryptoError) as caught:
            open_keystore(vector["response"], key)
        assert caught.value.category == vector["error"]
        expected = vector.get("repaired")
        if expected is None:
            return
        keystore = open_keystore(vector["response"], key, repair=True)
    else:
        expected = vector["expected"]
        keystore = open_keystore(vector["response"], key)
    assert dict(keystore) == expected_keys(expected)
    assert list(keystore) == list(expected["keys"])
    assert keystore.version == expected.get("version", 2)
    assert keystore.compressed == expected.get("compressed", True)
    unknown = {name: json.loads(raw) for name, raw in keystore.inner.items() if name != "keys"}
    assert unknown == expected.get("unknown", {})


@of_kind("keystore_decrypt")
def test_a_keystore_is_written_back_as_it_was(vector: dict[str, Any]) -> None:
    if "error" in vector:
        return
    key = EncryptionKey(bytes.fromhex(vector["encryption_key_hex"]))
    keystore = open_keystore(vector["response"], key)
    again = open_keystore(seal_keystore(keystore, key), key)
    assert again == keystore or not keystore.envelope
    assert list(again.items()) == list(keystore.items())
    assert (again.version, again.compressed, again.inner) == (keystore.version, keystore.compressed, keystore.inner)


@of_kind("keystore_encrypt")
def test_a_keystore_is_written_as_the_vectors_say(vector: dict[str, Any]) -> None:
    keystore = Keystore(expected_keys(vector), vector["version"], vector["compressed"])
    key = EncryptionKey(bytes.fromhex(vector["encryption_key_hex"]))
    assert seal_keystore(keystore, key, fixed(vector["nonce_hex"])) == vector["expected"]["keystore"]


@of_kind("object_decrypt")
def test_an_object_opens_as_the_vectors_say(vector: dict[str, Any]) -> None:
    check_opened(open_object(StoredObject.from_json(vector["item"]), keystore_of(vector)), vector)


@of_kind("plain_decode")
def test_an_object_that_is_not_encrypted_opens_as_the_vectors_say(vector: dict[str, Any]) -> None:
    check_opened(open_object(StoredObject.from_json(vector["item"]), Keystore()), vector)


def check_opened(opened: OpenedObject, vector: dict[str, Any]) -> None:
    assert opened.stored.data == vector["item"].get("data")
    if "error" in vector:
        allowed = {"bad utf-8 or json": ("bad utf-8", "bad json")}.get(vector["error"], (vector["error"],))
        assert opened.category in allowed
        assert not opened.ok
        assert opened.plaintext == b""
        with pytest.raises(CryptoError):
            opened.json()
    else:
        assert opened.ok, opened.problem
        assert opened.json() == vector["expected"]["data"]
        assert list(opened.json()) == list(vector["expected"]["data"])
        assert opened.compressed == vector["expected"]["compressed"]


@for_each("vector", [each for each in VECTORS if each["kind"] in ("object_decrypt", "plain_decode")])
def test_what_a_vector_holds_is_the_same_after_sealing_byte_for_byte(vector: dict[str, Any]) -> None:
    keystore, stored_ = keystore_of(vector), StoredObject.from_json(vector["item"])
    opened = open_object(stored_, keystore)
    if not opened.ok:
        return
    texts = [seal_object(opened, keystore, content) for content in (None, opened.json(), None)]
    for text in texts:
        again = open_object(msgspec.structs.replace(stored_, data=text), keystore)
        assert (again.plaintext, again.compressed) == (opened.plaintext, opened.compressed)
    encrypted = vector["kind"] == "object_decrypt"
    assert len({*texts, stored_.data}) == 4 or not encrypted  # each under a nonce of its own


@of_kind("object_encrypt")
def test_an_object_is_written_as_the_vectors_say(vector: dict[str, Any]) -> None:
    keystore = Keystore({META: bytes.fromhex(vector["key_hex"])})
    opened = new_object("stories", META, vector["data"], keystore, compressed=vector["compressed"])
    text = seal_object(opened, keystore, entropy=fixed(vector["nonce_hex"]))
    if "expected_base64" in vector:
        assert text == vector["expected_base64"]
    else:
        reference = open_object(stored(vector["reference_base64"]), keystore)
        assert open_object(stored(text), keystore).plaintext == reference.plaintext
        start = MARK + bytes.fromhex(vector["nonce_hex"])
        assert binascii.a2b_base64(text).startswith(start)


@of_kind("plain_encode")
def test_an_object_that_is_not_encrypted_is_written_as_the_vectors_say(vector: dict[str, Any]) -> None:
    opened = new_object("shelf", META, vector["data"], {}, compressed=vector["compressed"])
    text = seal_object(opened, {})
    if "expected_base64" in vector:
        assert text == vector["expected_base64"]
    else:
        reference = open_object(stored(vector["reference_base64"], "shelf"), {})
        assert open_object(stored(text, "shelf"), {}).plaintext == reference.plaintext
        assert binascii.a2b_base64(text).startswith(MARK)


def test_the_storage_vectors_hold() -> None:
    key = EncryptionKey(bytes.fromhex(STORAGE["encryption_key_hex"]))
    keystore = open_keystore(STORAGE["keystore_response"], key)
    assert keystore[STORAGE["meta"]].hex() == STORAGE["object_key_hex"]
    assert (
        seal_keystore(keystore, key, fixed(STORAGE["keystore_nonce_hex"])) == STORAGE["keystore_response"]["keystore"]
    )
    opened = open_object(stored(STORAGE["object_data_encrypted"], meta=STORAGE["meta"]), keystore)
    assert opened.plaintext.decode() == STORAGE["object_plaintext_json"]
    sealed = seal_object(opened, keystore, entropy=fixed(STORAGE["object_nonce_hex"]))
    assert sealed == STORAGE["object_data_encrypted"]


# ---- the keystore


@given(
    st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8), st.binary(max_size=40), max_size=5),
    st.booleans(),
    st.integers(0, 9),
)
def test_a_sealed_keystore_opens_to_itself(keys: dict[str, bytes], compressed: bool, version: int) -> None:
    keystore = Keystore(keys, version, compressed)
    again = open_keystore(seal_keystore(keystore, KEY), KEY)
    assert again == keystore
    assert list(again) == list(keystore)


def test_each_sealing_draws_a_fresh_nonce() -> None:
    def nonce(text: str) -> object:
        return json.loads(binascii.a2b_base64(text))["nonce"]

    assert nonce(seal_keystore(KEYS, KEY)) != nonce(seal_keystore(KEYS, KEY))
    entropy = chance()
    assert nonce(seal_keystore(KEYS, KEY, entropy)) == [*bytes(23), 1]
    assert nonce(seal_keystore(KEYS, KEY, entropy)) == [*bytes(23), 2]
    opened = new_object("stories", META, {}, KEYS)
    texts = {binascii.a2b_base64(seal_object(opened, KEYS))[:24] for _ in range(10)}
    assert len(texts) == 10


def test_entropy_that_is_short_is_noticed() -> None:
    with pytest.raises(InvalidRequestError, match="23 bytes instead of 24"):
        seal_keystore(KEYS, KEY, lambda _: bytes(23))


def test_what_could_not_be_read_again_is_not_sealed() -> None:
    with pytest.raises(InvalidRequestError, match="lone surrogate"):
        seal_keystore(Keystore({"\ud83d": bytes(32)}), KEY)
    wrong: Any = {"m": "k" * 32}
    with pytest.raises(InvalidTypeError, match=r"^keystore takes a dict of str to bytes, not a str$") as caught:
        seal_keystore(Keystore(wrong), KEY)
    assert caught.value.parameter == "keystore"


def test_what_was_withheld_is_not_empty() -> None:
    with pytest.raises(Damaged, match="withheld") as caught:
        open_keystore({"changeIndex": 3}, KEY)
    assert caught.value.category == "missing field"


@for_each("nothing", [None, "", {"keystore": None}, {"keystore": ""}])
def test_an_account_that_stored_nothing_has_no_keys(nothing: Any) -> None:
    assert open_keystore(nothing, KEY) == Keystore()


def test_an_envelope_with_an_empty_text_has_no_keys_and_keeps_its_fields() -> None:
    text = text_of({"version": 3, "iv": [1], "nonce": list(bytes(24)), "sdata": ""})
    keystore = open_keystore(text, KEY)
    assert (len(keystore), keystore.version) == (0, 3)
    written = json.loads(binascii.a2b_base64(seal_keystore(keystore.with_key(META, OBJECT_KEY), KEY)))
    assert list(written) == ["version", "iv", "nonce", "sdata"]
    assert written["iv"] == [1]


def test_unknown_fields_stay_in_their_places() -> None:
    plaintext = b'{"a":{"b":[1.0,1]},"keys":{"m":[1,2]},"z":12345678901234567890123}'
    keystore = open_keystore(envelope(plaintext, iv=[7], data="x"), KEY)
    assert dict(keystore) == {"m": b"\1\2"}
    text = seal_keystore(keystore, KEY, bytes)
    written = json.loads(binascii.a2b_base64(text))
    assert list(written) == ["version", "nonce", "sdata", "iv", "data"]
    assert written["sdata"] == list(crypto_secretbox(plaintext, bytes(24), KEY.reveal()))


@for_each("usable", [True, False])
def test_the_odd_forms_of_a_key_are_read(usable: bool) -> None:
    key = OBJECT_KEY if usable else OBJECT_KEY[:24]
    forms = [list(key), binascii.b2a_base64(key, newline=False).decode(), {str(i): byte for i, byte in enumerate(key)}]
    plaintext = json.dumps({"keys": {str(number): form for number, form in enumerate(forms)}}).encode()
    keystore = open_keystore(envelope(plaintext), KEY)
    assert list(keystore.values()) == [key] * 3
    assert keystore.unusable == (() if usable else ("0", "1", "2"))


@for_each("value", ["[256]", "[-1]", "[1.5]", "null", "7", '"?"', '{"1":5}', '{"0":null}', '["1"]'])
def test_a_key_that_is_no_list_of_bytes_is_damage(value: str) -> None:
    with pytest.raises(Damaged) as caught:
        open_keystore(envelope(b'{"keys":{"m":%b}}' % value.encode()), KEY)
    assert caught.value.category == "byte out of range"
    assert str(caught.value).startswith(("keystore: ", "a key of the keystore: "))


@for_each(
    "text, category",
    [
        (7, "bad base64"),
        ("?", "bad base64"),
        ("e30", "bad base64"),
        ("e30=\n", "bad base64"),
        ("é", "bad base64"),
        (text_of([]), "bad envelope json"),
        ("//8=", "bad envelope json"),
        (text_of({}), "missing field"),
        (envelope(b"", version="2"), "bad envelope json"),
        (envelope(b"", sdata=None), "byte out of range"),
        (envelope(b"", sdata="AAAA"), "byte out of range"),
        (envelope(b"", nonce=[]), "bad nonce length"),
        (envelope(b"", nonce=[], more=1), "bad nonce length"),
        (envelope(b"", nonce=[0] * 25), "bad nonce length"),
        (envelope(b"", nonce=[2**70] * 24), "byte out of range"),
        (envelope(b"", sdata=[0] * 15), "truncated"),
        (envelope(b"", sdata=[*MARK, *bytes(15)]), "truncated"),
        (envelope(b"", sdata=[0] * 16), "authentication failed"),
        (envelope(b"", sdata=[*MARK, *crypto_secretbox(b"{}", bytes(24), KEY.reveal())]), "bad deflate"),
        (envelope(b""), "bad inner json"),
        (envelope(b"\xff"), "bad inner json"),
        (envelope(b"[]"), "bad inner json"),
        (envelope(b'{"keys":[]}'), "bad inner json"),
        (envelope(b'{"keys":{},"\xff":1}'), "bad inner json"),
        (envelope(b'{"keys":{},"a":"\xff"}'), "bad inner json"),
    ],
)
def test_each_check_of_a_keystore_has_its_category(text: Any, category: str) -> None:
    with pytest.raises(CryptoError) as caught:
        open_keystore({"keystore": text}, KEY)
    assert caught.value.category == category
    assert str(caught.value).startswith("keystore: ") or category == "bad deflate"
    assert caught.value.__context__ is None
    assert isinstance(caught.value, DecryptionFailed) == (category == "authentication failed")


def test_a_keystore_has_limits() -> None:
    plaintext = b'{"keys":{},"pad":"' + b"a" * 1000 + b'"}'
    text = envelope(plaintext, compressed=True)
    assert open_keystore(text, KEY, limits=Limits(unpacked=len(plaintext))).compressed
    with pytest.raises(LimitExceeded):
        open_keystore(text, KEY, limits=Limits(unpacked=len(plaintext) - 1))
    deep = envelope(b'{"keys":{},"pad":' + b"[" * 200 + b"]" * 200 + b"}")
    with pytest.raises(LimitExceeded):
        open_keystore(deep, KEY)


@given(st.binary(max_size=60) | st.just(b"{}"), st.booleans())
def test_hostile_keystores_give_documented_errors_only(data: bytes, compressed: bool) -> None:
    for text in (binascii.b2a_base64(data, newline=False).decode(), envelope(data, compressed=compressed)):
        category = "none"
        try:
            open_keystore(text, KEY)
        except CryptoError as error:
            category = error.category
        except LimitExceeded:
            pass
        assert category


def test_a_key_is_added_and_never_replaced() -> None:
    grown = KEYS.with_key("m", bytes(32))
    assert list(grown) == [META, "m"]
    assert list(KEYS) == [META]
    assert grown.with_key("m", bytes(32)) == grown
    with pytest.raises(KeyConflict, match="another key") as caught:
        grown.with_key("m", OBJECT_KEY)
    assert caught.value.metas == ("m",)
    with pytest.raises(InvalidRequestError, match="32 bytes, not 24"):
        grown.with_key("n", bytes(24))


def test_a_key_that_is_created_has_32_bytes_and_a_new_uuid() -> None:
    keystore = Keystore()
    for _ in range(50):
        meta, keystore = keystore.create_key()
        parsed = uuid.UUID(meta)
        assert (str(parsed), parsed.version, parsed.variant) == (meta, 4, uuid.RFC_4122)
    assert len(keystore) == len({*keystore.values()}) == 50
    assert keystore.unusable == ()
    metas = [Keystore().create_key(entropy)[0] for entropy in (bytes, lambda size: b"\xff" * size)]
    assert metas == ["00000000-0000-4000-8000-000000000000", "ffffffff-ffff-4fff-bfff-ffffffffffff"]


_keystores = st.dictionaries(st.text(max_size=3), st.binary(max_size=3), max_size=6).map(Keystore)


@given(_keystores, _keystores)
def test_merging_loses_no_key_or_names_those_that_have_two(mine: Keystore, theirs: Keystore) -> None:
    double = {meta for meta in mine if theirs.get(meta, mine[meta]) != mine[meta]}
    if double:
        with pytest.raises(KeyConflict) as caught:
            mine.with_keys(theirs)
        assert {*caught.value.metas} == double
        return
    merged = mine.with_keys(theirs)
    assert dict(merged) == {**theirs, **mine}
    assert [*merged][: len(mine)] == [*mine]
    assert merged.without_keys(theirs) == mine.without_keys(theirs)


def test_nothing_secret_is_shown() -> None:
    opened = new_object("stories", META, {"title": "the harbour"}, KEYS)
    assert repr(KEYS) == "Keystore(1 keys)"
    assert "harbour" not in repr(opened)
    full = StoredObject(id="o", type="stories", meta=META, data="c2VjcmV0")
    assert "c2VjcmV0" not in repr(full) + repr(open_object(full, KEYS))


def test_a_keystore_and_what_it_opened_pickle() -> None:
    assert pickle.loads(pickle.dumps(KEYS)) == KEYS
    opened = open_object(boxed(b"{}"), KEYS)
    assert pickle.loads(pickle.dumps(opened)) == opened


# ---- objects

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=4), st.booleans(), st.sampled_from(["stories", "shelf"]))
def test_a_sealed_object_opens_to_itself(content: dict[str, Any], compressed: bool, type: str) -> None:  # noqa: A002
    sealed = seal_object(new_object(type, META, content, KEYS, compressed=compressed), KEYS)
    opened = open_object(stored(sealed, type), KEYS)
    assert opened.ok, opened.problem
    assert write_json(opened.json()) == write_json(content)
    assert opened.compressed == compressed


def test_text_of_javascript_with_half_a_character_comes_back() -> None:
    plaintext = rb'{"title":"\ud83d","n":1.0,"big":123456789012345678901234567890}'
    opened = open_object(boxed(plaintext), KEYS)
    assert opened.json()["title"] == "\ud83d"
    assert write_json(opened.json()) == plaintext


def test_a_number_of_thousands_of_digits_is_a_float() -> None:
    opened = open_object(boxed(b'{"n":' + b"1" * 5000 + b"}"), KEYS)
    assert opened.json() == {"n": float("inf")}
    with pytest.raises(InvalidRequestError):
        seal_object(opened, KEYS, {"n": float("inf")})
    assert open_object(stored(seal_object(opened, KEYS, {"n": 1})), KEYS).plaintext == b'{"n":1}'


@for_each(
    "value, problem",
    [
        (float("nan"), "JSON: a number that is not finite, or a value within itself$"),
        ({1, 2}, "type set"),
        (object(), "type object"),
    ],
)
def test_what_is_no_json_is_not_written(value: object, problem: str) -> None:
    writes: list[Callable[[], object]] = [
        lambda: new_object("stories", META, {"v": value}, KEYS),
        lambda: replace_content(new_object("stories", META, {}, KEYS), {"v": value}),
        lambda: write_json(value),
    ]
    for write, parameter in zip(writes, ("content", "content", "value"), strict=True):
        with pytest.raises(InvalidRequestError, match=problem) as caught:
            write()
        assert caught.value.parameter == parameter
        assert caught.value.__context__ is None


@for_each("content", [None, {"a": 1, "b": [1.0]}])
def test_an_unchanged_object_keeps_its_bytes(content: dict[str, Any] | None) -> None:
    plaintext = b'{ "a": 1,\n "b": [1.0] }'
    opened = open_object(boxed(plaintext), KEYS)
    again = open_object(stored(seal_object(opened, KEYS, content)), KEYS)
    assert again.plaintext == plaintext


def test_true_and_one_are_different_contents() -> None:
    opened = open_object(boxed(b'{"a": 1}'), KEYS)
    for value in (True, 1.0):
        assert open_object(stored(seal_object(opened, KEYS, {"a": value})), KEYS).plaintext != b'{"a": 1}'


def test_what_did_not_open_is_given_back_and_not_overwritten() -> None:
    opened = open_object(stored("c2VjcmV0"), KEYS)
    assert seal_object(opened, KEYS) == "c2VjcmV0"
    with pytest.raises(InvalidRequestError, match="not overwritten"):
        seal_object(opened, KEYS, {})
    with pytest.raises(InvalidRequestError):
        seal_object(open_object(stored(None), KEYS), KEYS)


def test_an_outline_reads_its_content_anew() -> None:
    item = msgspec.structs.replace(boxed(b'{"a": 1}'), changeIndex=3, extra={"more": 1})
    opened, read = open_object(item, KEYS), [0]

    def read_whole() -> OpenedObject:
        read[0] += 1
        return opened

    outline = opened.outline(read_whole)
    assert outline.stored == msgspec.structs.replace(item, data=None, extra={})
    assert (outline.ok, read[0]) == (True, 0)
    assert (outline.plaintext, outline.json(), outline.whole()) == (b'{"a": 1}', {"a": 1}, opened)
    assert read[0] == 3
    assert opened.whole() is opened


def test_a_new_object_is_not_compressed() -> None:
    assert not new_object("stories", META, {}, KEYS).compressed


def test_sealing_needs_a_usable_key() -> None:
    opened = open_object(boxed(b"{}"), KEYS)
    of_no_name = new_object("stories", "", {}, {"": OBJECT_KEY})
    assert seal_object(of_no_name, {"": OBJECT_KEY}, entropy=bytes).startswith("AAAA")
    for keys in ({}, {META: bytes(24)}):
        with pytest.raises(InvalidRequestError, match="usable key"):
            seal_object(opened, keys)
        with pytest.raises(InvalidRequestError, match="usable key"):
            new_object("stories", META, {}, keys)


S = OpenedState


@for_each(
    "item, keys, state, category",
    [
        (boxed(b"{}"), KEYS, S.OPENED, ""),
        (boxed(b"{}"), {}, S.MISSING_KEY, "meta not in keystore"),
        (boxed(b"{}"), {META: bytes(24)}, S.UNUSABLE_KEY, "bad key length"),
        (boxed(b"{}"), {META: bytes(32)}, S.NOT_AUTHENTIC, "authentication failed"),
        (stored(None), KEYS, S.DAMAGED, "missing field"),
        (stored("", meta=None), KEYS, S.DAMAGED, "missing field"),
        (msgspec.structs.replace(boxed(b"{}"), meta=""), {"": OBJECT_KEY}, S.OPENED, ""),
        (stored("?"), KEYS, S.DAMAGED, "bad base64"),
        (stored("?", "shelf"), {}, S.DAMAGED, "bad base64"),
        (stored("?", meta="m"), KEYS, S.MISSING_KEY, "meta not in keystore"),
        (stored("AAAA"), {META: bytes(24)}, S.DAMAGED, "truncated"),
        (boxed(b"{}", mark=MARK), KEYS, S.DAMAGED, "bad deflate"),
        (boxed(b"\xff"), KEYS, S.DAMAGED, "bad utf-8"),
        (boxed(b""), KEYS, S.DAMAGED, "bad json"),
        (boxed(b'{"a":NaN}'), KEYS, S.DAMAGED, "bad json"),
        (boxed(b"null"), KEYS, S.DAMAGED, "not an object"),
        (boxed(b"[]"), KEYS, S.DAMAGED, "not an object"),
        (boxed(b'{"a":' + b"[" * 200 + b"]" * 200 + b"}"), KEYS, S.TOO_LARGE, "too large"),
        (boxed(deflate(b" " * 9_000_000 + b"{}"), mark=MARK), KEYS, S.TOO_LARGE, "too large"),
    ],
)
def test_each_bad_object_says_what_is_wrong(item: StoredObject, keys: Any, state: S, category: str) -> None:
    opened = open_object(item, keys)
    assert (opened.state, opened.category) == (state, category)
    assert opened.stored is item
    if not opened.ok:
        with pytest.raises(CryptoError) as caught:
            opened.json()
        assert caught.value.category == category
        kinds = {S.NOT_AUTHENTIC: DecryptionFailed, S.DAMAGED: Damaged}
        assert type(caught.value) is kinds.get(state, CryptoError)
        assert opened.problem.startswith(("object: ", "compressed data: ", "JSON depth: ", "unpacked bytes "))


def test_a_bad_object_hides_no_other() -> None:
    items = [boxed(b"{}"), stored("?"), boxed(b"[]"), boxed(b'{"a":1}')]
    assert [opened.ok for opened in open_objects(items, KEYS)] == [True, False, False, True]


@for_each("items, problem", [(None, ", not None"), ([None], "; one of its items is None")])
def test_what_is_no_list_of_objects_is_refused_by_its_name(items: Any, problem: str) -> None:
    with pytest.raises(InvalidTypeError, match=f"^stored takes a list of StoredObject{problem}$"):
        open_objects(items, KEYS)


def test_an_object_has_limits() -> None:
    item = boxed(deflate(b'{"a":"%b"}' % (b"x" * 1000)), mark=MARK)
    assert open_object(item, KEYS, Limits(unpacked=1008)).ok
    assert open_object(item, KEYS, Limits(unpacked=1007)).state is S.TOO_LARGE
    assert [each.state for each in open_objects([item], KEYS, Limits(unpacked=1007))] == [S.TOO_LARGE]
    plain = stored(seal_object(new_object("shelf", META, {"a": "x" * 1000}, {}, compressed=True), {}), "shelf")
    assert open_object(plain, {}, Limits(unpacked=1008)).ok
    assert open_object(plain, {}, Limits(unpacked=1007)).state is S.TOO_LARGE
    nested = boxed(b'{"a":[[0]]}')
    assert open_object(nested, KEYS, Limits(json_depth=3)).ok
    assert open_object(nested, KEYS, Limits(json_depth=2)).state is S.TOO_LARGE


@given(st.binary(max_size=80), st.sampled_from(["stories", "shelf"]), st.booleans())
def test_hostile_objects_give_states(data: bytes, type: str, mark: bool) -> None:  # noqa: A002
    raw = (MARK if mark else b"") + data
    text = binascii.b2a_base64(raw, newline=False).decode()
    for item in (stored(text, type), boxed(data, mark=MARK if mark else b"")):
        opened = open_object(item, KEYS)
        assert opened.ok == (not opened.category)


@given(JSON)
def test_an_object_of_any_json_is_an_object(document: Any) -> None:
    assert isinstance(StoredObject.from_json(document), StoredObject)


def test_an_object_s_fields_of_a_wrong_type_count_as_missing() -> None:
    document: dict[str, Any] = {
        "id": 7,
        "type": None,
        "meta": [],
        "data": 1,
        "lastUpdatedAt": "x",
        "changeIndex": 1.5,
        "?": 0,
    }
    item = StoredObject.from_json(document)
    assert item == StoredObject(extra=document)
    assert item.document == document
    full = {"id": "a", "type": "shelf", "meta": "m", "data": "d", "lastUpdatedAt": 1.5, "changeIndex": 2}
    assert StoredObject.from_json(full).document == full


def test_the_repair_is_the_mark_s_place() -> None:
    plaintext = write_json({"keys": {"m": [1]}})
    box = crypto_secretbox(deflate(plaintext), bytes(24), KEY.reveal())
    text = envelope(b"", sdata=[*bytes(16), *box])
    with pytest.raises(DecryptionFailed):
        open_keystore(text, KEY)
    repaired = open_keystore(text, KEY, repair=True)
    assert (repaired.repaired, repaired.compressed) == (True, True)
    assert dict(repaired) == {"m": b"\1"}
    sealed = json.loads(binascii.a2b_base64(seal_keystore(repaired, KEY, bytes)))["sdata"]
    assert bytes(sealed[:16]) == MARK
    assert inflate(deflate(plaintext)) == plaintext
    for beyond_repair in ([*bytes(16)], [*bytes(31)], [*bytes(15), *box], [*MARK, *bytes(16), *bytes(16)]):
        with pytest.raises(DecryptionFailed, match=r"^keystore: "):
            open_keystore(envelope(b"", sdata=beyond_repair), KEY, repair=True)
    healed = open_keystore(seal_keystore(repaired, KEY), KEY, repair=True)
    assert healed == repaired
    assert not healed.repaired


@of_kind("keystore_decrypt")
def test_a_keystore_that_can_be_read_reads_the_same_with_repair(vector: dict[str, Any]) -> None:
    key = EncryptionKey(bytes.fromhex(vector["encryption_key_hex"]))
    if "error" not in vector:
        repaired = open_keystore(vector["response"], key, repair=True)
        assert repaired == open_keystore(vector["response"], key)
        assert not repaired.repaired
    elif "repaired" not in vector:
        with pytest.raises(CryptoError) as caught:
            open_keystore(vector["response"], key, repair=True)
        assert caught.value.category == vector["error"]
