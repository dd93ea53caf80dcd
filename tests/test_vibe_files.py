"""Vibe files: known and unknown keys, both ways; keys of encodings; damage.

See docs/protocol/image.md#85-vibe-files.
"""

from __future__ import annotations

import copy
import hashlib
import json
import pickle
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nai_proto.codecs.pixels import Pixels, write_png
from nai_proto.codecs.vibe_files import StoredVibe, VibeBundle, encoding_key, read_vibe_file, write_vibe_file
from nai_proto.errors import InvalidRequestError, LimitExceeded, RemoteProtocolError
from nai_proto.limits import Limits
from tests.cases import for_each
from tests.hypothesis_profiles import scale_examples

IMAGE = b"\x89PNG picture"
ENCODING = bytes(range(200))
TEXT = "iVBORw0KGgo="
ID = hashlib.sha256(TEXT.encode()).hexdigest()
DOCUMENT: dict[str, Any] = {
    "identifier": "novelai-vibe-transfer",
    "version": 1,
    "type": "image",
    "image": TEXT,
    "id": ID,
    "encodings": {
        "v4full": {encoding_key(0.5): {"encoding": "AAEC", "params": {"information_extracted": 0.5, "new": [1]}}},
        "v9": {},
    },
    "name": "夜",
    "thumbnail": "data:image/jpeg;base64,/9j/",
    "createdAt": 1750000000123,
    "importInfo": {"model": "nai-diffusion-4-full", "information_extracted": 1, "strength": 0.6, "later": None},
    "something": {"nobody": ["knows", 1.0, 1, None, "\ud83d"]},
}


def vibe(**changes: Any) -> StoredVibe:
    return StoredVibe({**DOCUMENT, **changes})


def test_a_vibe_has_typed_views_of_what_is_known() -> None:
    found = read_vibe_file(json.dumps(DOCUMENT).encode())
    assert isinstance(found, StoredVibe)
    assert (found.id, found.name, found.created_at) == (ID, "夜", 1750000000.123)
    assert found.image == b"\x89PNG\r\n\x1a\n"
    assert (found.information_extracted, found.strength) == (1.0, 0.6)
    assert found.encoding("v4full", 0.5) == found.encoding("v4full") == b"\0\1\2"
    assert found.encoding("v4full", 0.6) is found.encoding("v4-5full") is found.encoding("v9") is None
    assert found.intact


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(max_size=5).map("x".__add__), JSON, max_size=4), st.booleans())
def test_nothing_is_lost_that_is_not_known(extra: dict[str, Any], bundled: bool) -> None:
    document: dict[str, Any] = {**DOCUMENT, **extra, "importInfo": {**DOCUMENT["importInfo"], **extra}}
    if bundled:
        document = {"identifier": "novelai-vibe-transfer-bundle", "version": 1, **extra, "vibes": [document] * 2}
    data = json.dumps(document).encode()
    found = read_vibe_file(data)
    written = write_vibe_file(found)
    assert json.dumps(json.loads(written)) == json.dumps(document)  # order and kinds of numbers as well
    assert read_vibe_file(written) == found
    assert isinstance(found, VibeBundle) is bundled


def test_a_vibe_of_a_picture_can_be_made() -> None:
    made = StoredVibe.from_image(IMAGE, created_at=5, thumbnail=b"\xff\xd8")
    assert (made.image, made.created_at, made.strength, made.information_extracted) == (IMAGE, 5, None, None)
    assert made.intact
    assert made.name == f"{made.id[:6]}-{made.id[-6:]}"
    assert read_vibe_file(write_vibe_file(made)) == made
    assert list(made.document) == [
        *("identifier", "version", "type", "image", "id", "encodings", "name", "thumbnail", "createdAt"),
    ]
    encoded = made.with_encoding("v4-5full", 1, ENCODING).with_encoding("v4-5full", 0.61, b"x")
    assert encoded.encoding("v4-5full", 1.0) == ENCODING
    assert encoded.encoding("v4-5full", 0.61) == b"x"
    assert encoded.with_encoding("v4-5full", 0.61, b"y").encoding("v4-5full", 0.61) == b"y"
    assert encoded.intact
    assert made.encoding("v4-5full") is None
    assert read_vibe_file(write_vibe_file(encoded)) == encoded


def test_a_vibe_of_an_encoding_can_be_made() -> None:
    made = StoredVibe.from_encoding(ENCODING, "v4curated", created_at=5)
    assert made.intact
    assert made.image is None
    assert made.encoding("v4curated") == made.encoding("v4curated", 0.3) == ENCODING
    assert made.document["encodings"]["v4curated"]["unknown"]["params"] == {}
    assert read_vibe_file(write_vibe_file(VibeBundle((made, made)))) == VibeBundle((made, made))


@for_each(
    "value, key",
    [
        (1, "b36a8472fe418d9f80d6bb1c54e3a6e62c62936aa7bf31dae2bcf7e929f6430f"),
        (1.0, "b36a8472fe418d9f80d6bb1c54e3a6e62c62936aa7bf31dae2bcf7e929f6430f"),
        (0.5, "f3bbf4437fab11af7e11de2cba74f564b039906a7cddbea10dcda4f34d65841a"),
        (0.6, "57b652063aa75243dd6d197291f7795f9dbb07264b96928426a6e8bd5d3ccb83"),
        (0.61, "50b617ccbd9470405811bb8e8e4ae468ed026e5cb88352cbaee0e8587b55f967"),
    ],
)
def test_keys_are_those_of_public_files(value: float, key: str) -> None:
    assert encoding_key(value) == key


@for_each("value, text", [(0, "0"), (-0.0, "0"), (0.1, "0.1"), (1e-5, "0.00001"), (0.3, "0.3")])
def test_a_key_hashes_the_number_as_javascript_writes_it(value: float, text: str) -> None:
    assert encoding_key(value) == hashlib.sha256(f"information_extracted:{text}".encode()).hexdigest()


@for_each("value", [-0.1, 1.01, float("nan"), float("inf")])
def test_a_key_is_of_a_number_from_0_to_1(value: float) -> None:
    with pytest.raises(InvalidRequestError):
        encoding_key(value)


def test_an_id_that_is_not_of_the_content_is_noticed() -> None:
    assert not vibe(id="0" * 64).intact
    assert not vibe(image=None).intact
    assert not vibe(type="encoding").intact


@for_each("text", ["A", "AAAAA", "AAA=A", "*", "AAAA=", "\ud800", "_-_-"])
def test_damaged_base64_is_a_documented_error(text: str) -> None:
    damaged = vibe(image=text, encodings={"v4full": {"unknown": {"encoding": text}}})
    reads: dict[str, Callable[[], object]] = {
        "image": lambda: damaged.image,
        "encoding": lambda: damaged.encoding("v4full"),
    }
    for what, read in reads.items():
        with pytest.raises(RemoteProtocolError, match=f"its {what} is no base64") as caught:
            read()
        assert caught.value.__context__ is None


@for_each("text", ["YWI=", "YWI", " Y W\nI =", "data:image/png;base64,YWI="])
def test_base64_is_taken_as_browsers_take_it(text: str) -> None:
    found = vibe(image=text, encodings={"v4full": {"unknown": {"encoding": text}}})
    assert found.image == found.encoding("v4full") == b"ab"


@for_each(
    "data, problem",
    [
        (b"", "this is an empty file"),
        (b"PK\3\4", "this is a ZIP archive"),
        (b"\xff\xd8\xff", "this is a JPEG, damaged"),
        (write_png(Pixels(2, 1, bytes(6))), "this is a PNG of 2 × 1 pixels"),
        ("{}".encode("utf-16"), "this is text in UTF-16"),
        (b"vibe", r"not JSON \(byte 0\)"),
        (b'{"a": 1,}', r"not JSON \(byte 8\)"),
        (b'{"a": 1', "JSON is cut short"),
        (b"[]", "this is a list, and a JSON object was expected"),
    ],
)
def test_an_error_says_what_the_file_is(data: bytes, problem: str) -> None:
    with pytest.raises(RemoteProtocolError, match=f"vibe: {problem}"):
        read_vibe_file(data)


@for_each(
    "change, problem",
    [
        ({"identifier": "x"}, "this is no vibe file: its identifier is not novelai-vibe-transfer"),
        ({"identifier": None}, "this is no vibe file: its identifier is not novelai-vibe-transfer"),
        ({"version": "1"}, "its version is a text, and a whole number was expected"),
        ({"version": 1.5}, "its version is a number, and a whole number was expected"),
        ({"type": "video"}, "its type: expected one of encoding, image"),
        ({"id": 5}, "its id is a number, and a text was expected"),
        ({"encodings": []}, "its encodings is a list, and an object was expected"),
        ({"encodings": {"v4full": {"k": {}}}}, r"its encodings[...][...].encoding is missing"),
        (
            {"encodings": {"v4full": {"k": {"encoding": 5}}}},
            r"its encodings[...][...].encoding is a number, and a text",
        ),
        ({"image": 5}, "its image is a number, and a text was expected"),
        ({"importInfo": {"strength": "much"}}, "its importInfo.strength is a text, and a number was expected"),
    ],
)
def test_what_is_known_has_its_shape(change: dict[str, Any], problem: str) -> None:
    data = json.dumps({**DOCUMENT, **change}).encode()
    with pytest.raises(RemoteProtocolError, match=f"vibe: {re.escape(problem)}"):
        read_vibe_file(data)


@for_each(
    "change, problem",
    [
        ({"vibes": {}}, "vibe bundle: its vibes is an object, and a list was expected"),
        ({"vibes": [5]}, "vibe bundle: its vibes[0] is a number, and an object was expected"),
        ({"vibes": [DOCUMENT, {}]}, "vibe bundle: vibes[1]: this is no vibe file: its identifier is missing"),
        (
            {"vibes": [DOCUMENT, {**DOCUMENT, "id": 5}]},
            "vibe bundle: vibes[1]: its id is a number, and a text was expected",
        ),
        ({"version": None}, "vibe bundle: its version is null, and a whole number was expected"),
    ],
)
def test_a_bundle_says_which_of_its_vibes_is_wrong(change: dict[str, Any], problem: str) -> None:
    bundle = {"identifier": "novelai-vibe-transfer-bundle", "version": 1, "vibes": [DOCUMENT], **change}
    with pytest.raises(RemoteProtocolError) as caught:
        read_vibe_file(json.dumps(bundle).encode())
    assert str(caught.value) == problem


def test_a_missing_field_is_named() -> None:
    document = {name: value for name, value in DOCUMENT.items() if name != "id"}
    with pytest.raises(RemoteProtocolError, match="vibe: its id is missing"):
        read_vibe_file(json.dumps(document).encode())


@for_each(
    "data",
    [
        *(b"", b"[]", b"\xff", b"{", b'{"a": NaN}', b"[" * 100, b"1" * 9999, b"PK\x03\x04"),
        b'{"identifier": "novelai-vibe-transfer-bundle"}',
        b'{"identifier": "novelai-vibe-transfer-bundle", "version": 1, "vibes": [1]}',
        b'{"identifier": "novelai-vibe-transfer-bundle", "version": 1, "vibes": [{}]}',
    ],
)
def test_what_is_no_vibe_file_is_told(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="vibe") as caught:
        read_vibe_file(data)
    assert caught.value.__context__ is None


def test_limits_hold() -> None:
    data = json.dumps(DOCUMENT).encode()
    with pytest.raises(LimitExceeded, match="body"):
        read_vibe_file(data, Limits(body=len(data) - 1))
    with pytest.raises(LimitExceeded, match="depth"):
        read_vibe_file(data, Limits(json_depth=2))
    with pytest.raises(LimitExceeded, match="depth"):
        read_vibe_file(b'{"a":' * 200 + b"1" + b"}" * 200)


@settings(max_examples=scale_examples(200))
@given(st.data())
def test_altered_files_are_read_or_documented_errors(data: st.DataObject) -> None:
    changed_file = bytearray(json.dumps({**DOCUMENT, "vibes": [DOCUMENT]}).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed_file) - 1))
        changed_file[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        read_vibe_file(bytes(changed_file))
    except RemoteProtocolError:
        pass


def test_a_vibe_is_a_value_that_shows_nothing_but_its_id() -> None:
    found = vibe()
    assert repr(found) == f"StoredVibe(id='{ID}')"
    assert repr(VibeBundle((found,))) == f"VibeBundle(vibes=(StoredVibe(id='{ID}'),))"
    assert pickle.loads(pickle.dumps(found)) == copy.deepcopy(found) == found
    before = copy.deepcopy(DOCUMENT)
    found.with_encoding("v4full", 0.5, b"")
    assert before == DOCUMENT


def test_what_json_cannot_hold_is_not_written() -> None:
    with pytest.raises(InvalidRequestError):
        write_vibe_file(vibe(more=object()))
