"""Story documents as bytes: the vectors, the laws, and what is refused.

See:
    docs/protocol/content.md#6-msgpackr-encoding
    docs/protocol/content.md#71-wrappers
"""

from __future__ import annotations

import binascii
import json
import shutil
import struct
import subprocess
import zlib
from dataclasses import fields, is_dataclass
from typing import Any, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nai_proto.codecs.msgpackr import (
    INVALID_DATE,
    UNDEFINED,
    BigInt,
    ErrorValue,
    JsMap,
    JsSet,
    RawBytes,
    RegExp,
    Shared,
    SharedReference,
    Timestamp,
    TypedArray,
    Value,
    Wrapped,
    packb,
    unpackb,
)
from nai_proto.errors import Damaged, InvalidRequestError, LimitExceeded
from nai_proto.limits import Limits
from tests.cases import for_each
from tests.hypothesis_profiles import scale_examples
from tests.protocol_data import DATA

VECTORS: list[dict[str, Any]] = json.loads((DATA / "msgpackr_vectors.json").read_bytes())["vectors"]
RAW = (50,)
"""The extension whose data the vectors keep as bytes."""
GOOD = [vector for vector in VECTORS if "error" not in vector]
BAD = [vector for vector in VECTORS if "error" in vector]
DOCUMENTS = [vector for vector in VECTORS if "document" in vector]
ARRAYS = [
    *("Int8Array", "Uint8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array", "Uint32Array"),
    *("Float32Array", "Float64Array", "BigInt64Array", "BigUint64Array"),
]


def packed(vector: dict[str, Any]) -> bytes:
    if "base64_zlib" in vector:
        return zlib.decompress(binascii.a2b_base64(vector["base64_zlib"]))
    return binascii.a2b_base64(vector["base64"])


def read(data: bytes, **limits: int) -> Value:
    return unpackb(data, raw=RAW, limits=Limits(**limits))


def document(name: str) -> bytes:
    (found,) = [packed(vector) for vector in VECTORS if vector["id"] == f"document/{name}"]
    return found


def typed(value: object) -> object:
    """The value with all its types and the order of its fields, to be compared: 1, 1.0 and True become different."""
    if isinstance(value, dict):
        return "dict", [(name, typed(item)) for name, item in cast("dict[str, object]", value).items()]
    if isinstance(value, list | tuple):
        return type(value), [typed(item) for item in cast("list[object]", value)]
    if is_dataclass(value):
        return type(value), [typed(getattr(value, field.name)) for field in fields(value)]
    if isinstance(value, float):
        return float, struct.pack(">d", value)
    return type(value), value


def error_of(data: bytes, **limits: int) -> Damaged:
    with pytest.raises(Damaged) as caught:
        read(data, **limits)
    assert caught.value.__context__ is None
    return caught.value


# ---- the vectors


def meant(expected: Any) -> Value:
    """A value from the vectors' notation."""
    if isinstance(expected, list):
        return list(map(meant, expected))
    if not isinstance(expected, dict):
        return cast("Value", expected)
    match expected:
        case {"$undefined": True}:
            return UNDEFINED
        case {"$float": number}:
            return float(number)
        case {"$bigint": digits}:
            return BigInt(digits)
        case {"$bin": data}:
            return binascii.a2b_base64(data)
        case {"$date": None}:
            return INVALID_DATE
        case {"$date": _, "$ms": milliseconds}:
            return Timestamp.from_milliseconds(milliseconds)
        case {"$map": pairs}:
            return JsMap(tuple((meant(key), meant(value)) for key, value in pairs))
        case {"$set": items}:
            return JsSet(tuple(map(meant, items)))
        case {"$ext": number, "data_base64": data}:
            return RawBytes(number, binascii.a2b_base64(data))
        case {"$ext": number, "value": value}:
            return Wrapped(number, meant(value))
        case {"$regexp": [source, flags]}:
            return RegExp(source, flags)
        case {"$typed_array": name, "data_base64": data}:
            return TypedArray(ARRAYS.index(name), binascii.a2b_base64(data))
        case {"$repeat": [what, times]}:
            return what * times if isinstance(what, str) else [meant(what)] * times
        case record:
            assert not [name for name in record if name.startswith("$")]
            return {name: meant(value) for name, value in record.items()}


def resolved(value: Value) -> Value:
    """References replaced by what they stand for, in a list."""
    if not isinstance(value, list):
        return value
    shared = {item.number: item.value for item in value if isinstance(item, Shared)}
    return [
        item.value if isinstance(item, Shared) else shared[item.number] if isinstance(item, SharedReference) else item
        for item in value
    ]


@for_each("vector", GOOD)
def test_a_document_reads_as_the_vectors_say(vector: dict[str, Any]) -> None:
    assert typed(resolved(read(packed(vector)))) == typed(meant(vector["expected"]))


@for_each("vector", GOOD)
def test_what_was_read_is_written_so_that_it_reads_the_same(vector: dict[str, Any]) -> None:
    value = read(packed(vector))
    written = packb(value)
    assert typed(read(written)) == typed(value)
    assert packb(read(written)) == written


@for_each("vector", BAD)
def test_a_broken_document_is_refused_under_its_category(vector: dict[str, Any]) -> None:
    assert error_of(packed(vector)).category == vector["error"]


@for_each(
    "vector",
    [vector for vector in GOOD if vector["origin"] == "msgpackr" and vector["id"].startswith(("uint", "nint", "time"))],
)
def test_numbers_and_dates_are_written_as_msgpackr_writes_them(vector: dict[str, Any]) -> None:
    if "no-records" not in vector["id"]:
        assert packb(read(packed(vector))) == packed(vector)


def test_an_unbundled_document_is_written_byte_for_byte() -> None:
    data = document("one-prompt-paragraph-unbundled")
    assert packb(read(data)) == data


@for_each("vector", DOCUMENTS)
def test_a_story_s_parts_are_found_in_what_was_read(vector: dict[str, Any]) -> None:
    root = read(packed(vector))
    assert isinstance(root, Wrapped)
    assert root.type == 20
    content = cast("dict[str, Any]", root.value)
    sections, facts = content["sections"].lookup(), vector["document"]
    assert content["order"] == facts["order"]
    assert "\n".join(sections[name]["text"] for name in facts["order"] if name in sections) == facts["text"]
    if path := facts.get("path_root_to_current"):
        nodes, name = content["history"].value["nodes"].lookup(), content["history"].value["current"]
        seen = []
        while name is not UNDEFINED:
            assert nodes[name].type == 31
            seen.append(name)
            name = nodes[name].value["parent"]
        assert seen[::-1] == path


# ---- the laws


def texts(most: int = 40) -> st.SearchStrategy[str]:
    return st.text(st.characters(codec="utf-8"), max_size=most)


def numbers() -> st.SearchStrategy[Value]:
    return (
        st.integers(-(2**53), 2**53)
        | st.integers(-(2**33), 2**33)
        | st.integers(-40, 300)
        | st.floats(allow_nan=False).map(as_javascript)
        | st.integers(-(2**70), 2**70).map(BigInt)
    )


def as_javascript(number: float) -> Value:
    """The one form that a number has: whole ones are integers."""
    return int(number) if number.is_integer() and abs(number) <= 2**53 and str(number) != "-0.0" else number


TIMES = st.builds(
    Timestamp,
    st.integers(-(2**63), 2**63 - 1) | st.integers(0, 2**35),
    st.integers(0, 2**32 - 1) | st.just(0) | st.integers(0, 10**9 - 1),
)
LEAVES = (
    st.none()
    | st.booleans()
    | numbers()
    | texts()
    | st.binary(max_size=40)
    | st.sampled_from([UNDEFINED, INVALID_DATE])
    | TIMES
    | st.builds(RawBytes, st.just(50), st.binary(max_size=20))
    | st.builds(RegExp, texts(), texts(3))
    | st.builds(SharedReference, st.integers(0, 2**32 - 1))
    | st.builds(TypedArray, st.sampled_from([*range(11), 16, 17]), st.binary(max_size=4).map(lambda data: data * 8))
)


def containers(inner: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    return (
        st.lists(inner, max_size=20)
        | st.dictionaries(texts(), inner, max_size=5)
        | st.fixed_dictionaries({"position": inner, "data": inner, "length": inner})
        | st.lists(st.tuples(inner, inner), max_size=5).map(lambda pairs: JsMap(tuple(pairs)))
        | st.lists(inner, max_size=5).map(lambda items: JsSet(tuple(items)))
        | st.builds(Wrapped, st.sampled_from([20, 30, 31, 40, 41, 42]), inner)
        | st.builds(Shared, st.integers(0, 2**32 - 1), inner)
        | st.builds(ErrorValue, texts(), texts(), inner)
    )


VALUES: st.SearchStrategy[Value] = st.recursive(LEAVES, containers, max_leaves=40)


@given(VALUES)
@settings(max_examples=scale_examples(400))
def test_what_is_written_reads_as_the_same_value_of_the_same_types(value: Value) -> None:
    written = packb(value)
    assert typed(read(written)) == typed(value)
    assert typed(unpackb(bytearray(written), raw=RAW)) == typed(unpackb(memoryview(written), raw=RAW)) == typed(value)


def test_all_sizes_of_heads_are_written_and_read() -> None:
    for size in (0, 1, 15, 16, 17, 31, 32, 255, 256, 65535, 65536):
        values: tuple[Value, ...] = (
            "a" * size,
            "é" * size,
            b"b" * size,
            [None] * size,
            JsMap(((None, True),) * size),
            JsSet((None,) * size),
            RawBytes(50, b"c" * size),
            {str(index): index for index in range(size % 65535)},
        )
        for value in values:
            assert read(packb(value)) == value


def test_whole_floats_come_back_as_the_integers_they_are_to_javascript() -> None:
    assert typed(read(packb([1.0, -3.0, 2.0**53, -(2.0**53)]))) == typed([1, -3, 2**53, -(2**53)])
    assert typed(read(packb([2.0**54, -0.0, 0.5]))) == typed([2.0**54, -0.0, 0.5])
    assert str(read(packb(float("nan")))) == "nan"


def test_ids_are_packed_as_floats_and_counts_as_integers() -> None:
    assert packb(1769419640849084)[0] == 0xCB
    assert [packb(number)[0] for number in (2**32, -(2**31) - 1)] == [0xCB, 0xCB]
    assert packb([63, 64, 127, 128]).hex() == "943fcc40cc7fcc80"


def test_a_bigint_stays_one_whatever_its_size() -> None:
    for number in (0, 5, -1, 2**63 - 1, -(2**63), 2**63, 2**64 - 1, 2**64, -(2**63) - 1, 2**4096):
        assert typed(read(packb(BigInt(number)))) == typed(BigInt(number))
    assert repr([BigInt(5), BigInt(2**70)]) == "[BigInt(5), BigInt(of 71 bits)]"


def test_halves_of_surrogate_pairs_are_kept_and_two_in_a_row_are_one_character() -> None:
    assert read(packb(["\ud83d", "a\ude00", {"\ud83d": 1}])) == ["\ud83d", "a\ude00", {"\ud83d": 1}]
    assert read(packb("\ud83d\ude00")) == "😀"
    assert read(b"\xa6\xed\xa0\xbd\xed\xb8\x80") == "😀"


def test_objects_of_more_than_64_shapes_take_turns_with_the_numbers() -> None:
    value: Value = [{f"field {number}": number} for number in [*range(100), *range(50), 3, 99, 3, 99]]
    assert typed(read(packb(value))) == typed(value)


def test_an_object_may_hold_one_of_its_own_shape() -> None:
    value: Value = {"a": {"a": {"a": 1}}}
    assert packb(value) == bytes.fromhex("d4724091a161" + "4040" + "01")
    assert read(packb(value)) == value


def test_each_document_has_records_of_its_own() -> None:
    read(bytes.fromhex("d4724091a16101"))
    assert read(b"\x40") == 0x40


def test_names_that_mean_something_to_javascript_mean_nothing_here() -> None:
    value: Value = {"__proto__": 1, "constructor": 2, "": 3, "2": 4, "1": 5}
    assert typed(read(packb(value))) == typed(value)


def test_a_map_may_have_any_keys_and_equal_ones() -> None:
    value = JsMap(((1, "a"), (1, "b"), ("1", "c"), (True, "d"), ([1], "e"), ({}, "f"), (0.5, "g"), (BigInt(2), "h")))
    assert typed(read(packb(value))) == typed(value)
    assert value.lookup() == {1: "b", "1": "c", 0.5: "g"}


def test_a_date_counts_in_milliseconds_as_the_rest_of_the_story_does() -> None:
    assert Timestamp.from_milliseconds(-1500) == Timestamp(-2, 500_000_000)
    assert [Timestamp.from_milliseconds(count).milliseconds for count in (-1500, -1, 0, 1)] == [-1500, -1, 0, 1]


def test_no_story_is_in_a_repr() -> None:
    secret = "He was the gardener."
    for value in (
        JsMap(((secret, secret),)),
        JsSet((secret,)),
        Wrapped(20, secret),
        RawBytes(50, secret.encode()),
        RegExp(secret, "g"),
        ErrorValue("Error", secret, secret),
        Shared(1, secret),
    ):
        assert "gardener" not in repr(value)


# ---- what cannot be written


HOLDS_ITSELF: list[Value] = []
HOLDS_ITSELF.append(HOLDS_ITSELF)


@for_each(
    "value",
    [
        2**53 + 1,
        -(2**53) - 1,
        (1, 2),
        {1: 2},
        {"a": 1, None: 2},
        {1, 2},
        object(),
        bytearray(b"x"),
        HOLDS_ITSELF,
        Wrapped(0x73, None),
        Wrapped(128, None),
        RawBytes(-1, b""),
        RawBytes(0x72, b"\x40"),
        RawBytes(50, cast("bytes", "text")),
        SharedReference(2**32),
        Shared(-1, None),
        Timestamp(2**63),
        Timestamp(0, -1),
        Timestamp(cast("int", "soon")),
        TypedArray(11, b""),
        TypedArray(300, b""),
        TypedArray(4, b"odd"),
        RegExp(cast("str", object()), ""),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_form_is_refused_before_anything_is_sent(value: object) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        packb(cast("Value", value))
    assert caught.value.__context__ is None


@given(VALUES, st.integers(0, 4), st.integers(0, 30), st.integers(0, 60))
def test_what_can_be_written_can_be_read_under_the_same_limits(value: Value, depth: int, most: int, size: int) -> None:
    limits = Limits(document_depth=depth, document_values=most, unpacked=size)
    try:
        written = packb(value, limits=limits)
    except InvalidRequestError:
        with pytest.raises(LimitExceeded):
            unpackb(packb(value), limits=limits, raw=RAW)
    else:
        assert typed(unpackb(written, limits=limits, raw=RAW)) == typed(value)


# ---- what is refused


@given(st.binary(max_size=60))
@settings(max_examples=scale_examples(400))
@example(b"\xd4\x72")
@example(b"\xd4\x72\x40\x90" + b"\x40" * 20)
def test_whatever_bytes_arrive_there_is_a_value_or_a_documented_error(data: bytes) -> None:
    try:
        value = read(data)
    except (Damaged, LimitExceeded):
        return
    assert typed(read(packb(value))) == typed(value)


@given(st.sampled_from([packed(vector) for vector in GOOD if len(packed(vector)) < 2000]), st.data())
@settings(max_examples=scale_examples(400))
def test_a_document_with_some_bytes_changed_is_a_value_or_a_documented_error(good: bytes, data: st.DataObject) -> None:
    changed = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        value = read(bytes(changed))
    except (Damaged, LimitExceeded):
        return
    assert typed(read(packb(value))) == typed(value)


@for_each("vector", [vector for vector in GOOD if len(packed(vector)) < 2000])
def test_a_document_cut_short_anywhere_is_damaged(vector: dict[str, Any]) -> None:
    data = packed(vector)
    for size in range(len(data)):
        assert error_of(data[:size]).category in ("incomplete", "bad bundle offset")


@for_each("vector", GOOD)
def test_nothing_may_follow_a_document(vector: dict[str, Any]) -> None:
    assert error_of(packed(vector) + b"\x00").category == "trailing data"


@for_each("byte", [0xC6, 0xDB, 0xDD, 0xDF, 0xC9])
def test_four_gigabytes_that_are_not_there_are_not_waited_for(byte: int) -> None:
    assert error_of(bytes((byte,)) + b"\xff" * 4).category == "incomplete"
    assert error_of(bytes((byte,)) + b"\xff" * 4 + b"\x05abc").category == "incomplete"


@for_each(
    "data, category",
    [
        ("a2c328", "bad utf-8"),
        ("a1ff", "bad utf-8"),
        ("d40500", "unknown extension"),
        ("d573000090", "bad extension"),
        ("d47300c0", "bad extension"),
        ("d4780091a161", "bad extension"),
        ("d4650091a161", "bad extension"),
        ("d5140000c0", "bad extension"),
        ("d5000000", "bad extension"),
        ("c70042", "bad extension"),
        ("d5700000", "bad extension"),
        ("d569000000", "bad extension"),
        ("c70074", "bad extension"),
        ("d4740b", "bad extension"),
        ("c7027403ff", "bad extension"),
        ("c702ff0000", "bad extension"),
        ("d4723f90", "bad record id"),
        ("d4728090", "bad record id"),
        ("d572400090", "bad record id"),
        ("d67240404040", "bad record id"),
        ("d472400501", "bad record keys"),
        ("d4724091c001", "bad record keys"),
        ("92d5726000906005", "unknown record"),
        ("92d572600590600090", "unknown record"),
        ("d56200000000", "bad bundle offset"),
        ("d66200000000a0", "bad bundle offset"),
        ("91d66200000004c105a0", "bad bundle offset"),
        ("91d66200000006c1c0a0a0", "bad bundle length"),
        ("91d66200000006c105a0a0", "bundle overrun"),
        ("91d66200000006c1ffa0a0", "bundle overrun"),
        ("91d66200000007c1d0ffa0a0", "bundle overrun"),
        ("91d66200000007c100c0a0a0", "bad bundle offset"),
        ("91d66200000006c100a0", "incomplete"),
        ("91d66200000006c100a0c0", "bad bundle offset"),
    ],
)
def test_what_is_not_as_it_should_be_has_a_category(data: str, category: str) -> None:
    assert error_of(bytes.fromhex(data)).category == category


def test_the_limits_hold_to_the_byte_the_value_and_the_level() -> None:
    value: Value = [[1, 2], {"a": 3}]
    data = packb(value)
    # 2 in the list, 2 in its first, the list of names, 1 name, 1 value
    exact = {"unpacked": len(data), "document_values": 7, "document_depth": 3}
    assert read(data, **exact) == value
    for name, what in (
        ("unpacked", "document bytes"),
        ("document_values", "document values"),
        ("document_depth", "document depth"),
    ):
        with pytest.raises(LimitExceeded) as caught:
            read(data, **{**exact, name: exact[name] - 1})
        assert (caught.value.what, caught.value.limit) == (what, exact[name] - 1)
        assert caught.value.value > caught.value.limit


@pytest.mark.parametrize("level", [b"\x91", b"\x81\x01", b"\xd4\x14\x00", b"\xd4\x73\x00\x91", b"\x40"])
def test_any_nesting_is_bounded_and_costs_no_recursion(level: bytes) -> None:
    data = b"\x92\xd4\x72\x40\x91\xa1a\x01" + level * 20_000 + b"\x01"
    with pytest.raises(LimitExceeded):
        read(data)
    nested = read(data, document_depth=60_000)
    limits = Limits(document_depth=60_000)
    assert len(packb(nested, limits=limits)) == len(data)
    with pytest.raises(InvalidRequestError):
        packb(nested)


def test_bundles_cannot_be_made_to_be_read_again_and_again() -> None:
    """Each announcement would read the same long text."""
    parts = [b"\xdd" + (1000).to_bytes(4)]
    end = 5 + 1000 * 8
    for index in range(1000):
        parts.append(b"\xd6\x62" + (end - (5 + index * 8 + 2)).to_bytes(4) + b"\xc1\x01")
    long = b"\xda\xff\xff" + b"x" * 65535
    assert error_of(b"".join(parts) + b"\xa0" + long).category == "bad bundle offset"


def test_names_of_an_undefined_record_byte_are_integers() -> None:
    assert read(bytes.fromhex("9340 41 7f".replace(" ", ""))) == [64, 65, 127]


def test_fillers_are_not_looked_at() -> None:
    assert read(bytes.fromhex("95d4007fd4ff00d41409c0d4730590d40000")) == [
        UNDEFINED,
        INVALID_DATE,
        Wrapped(20, None),
        JsSet(()),
        UNDEFINED,
    ]


def test_an_error_may_lack_its_cause() -> None:
    assert read(bytes.fromhex("d4650092a141a162")) == ErrorValue("A", "b", UNDEFINED)


def test_extensions_are_known_only_if_they_are_named() -> None:
    assert unpackb(b"\xd4\x05\x00", raw=(5,)) == RawBytes(5, b"\x00")
    assert unpackb(b"\xd4\x05\x00\x01", wrappers=(5,)) == Wrapped(5, 1)
    with pytest.raises(Damaged):
        unpackb(b"\xd4\x14\x00\x01", wrappers=())
    assert unpackb(b"\xd4\x00\x00", wrappers=(0,), raw=(0,)) is UNDEFINED


def test_all_unknown_extensions_can_be_kept_beside_the_known() -> None:
    data = packb([RawBytes(5, b"abc"), Wrapped(20, {"a": JsSet((1,))}), UNDEFINED, RawBytes(127, b"")])
    assert packb(unpackb(data, raw=range(128))) == data


@for_each("vector", [vector for vector in GOOD if vector["id"].startswith("ext-raw/")])
def test_an_unknown_extension_is_written_byte_for_byte(vector: dict[str, Any]) -> None:
    assert packb(unpackb(packed(vector), raw=range(128))) == packed(vector)


# ---- beside the original


def node_with_msgpackr() -> str:
    """The path of node; skips if it is missing, or does not find msgpackr in a version that packs large numbers."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not on the path: nothing is compared with msgpackr itself")
    large = "new (require('msgpackr').Packr)({moreTypes: true}).pack(2n ** 70n)"
    if subprocess.run([node, "-e", large], capture_output=True, check=False, timeout=50).returncode:
        pytest.skip("node does not find msgpackr 2 (NODE_PATH): nothing is compared with it")
    return node


ORIGINAL = """
const {Packr, addExtension} = require("msgpackr"), {isDeepStrictEqual} = require("util")
for (const type of [20, 30, 31, 40, 41, 42]) {
  const Class = class { constructor(value) { this.value = value } }
  addExtension({Class, type, read: value => new Class(value), write: wrapped => wrapped.value})
}
class Raw { constructor(data) { this.data = data } }
addExtension({Class: Raw, type: 50, unpack: data => new Raw(Buffer.from(data)), pack: raw => raw.data})
const packr = () => new Packr({bundleStrings: true, moreTypes: true, structuredClone: false})
const pairs = JSON.parse(require("fs").readFileSync(0))
console.log(JSON.stringify(pairs.map(([theirs, ours]) => {
  const [a, b] = [theirs, ours].map(text => packr().unpack(Buffer.from(text, "base64")))
  const equal = isDeepStrictEqual(a, b) || (a instanceof Date && String(a) === String(b))
  return [equal, packr().pack(b).toString("base64")]
})))
"""


def test_msgpackr_itself_reads_ours_as_it_reads_its_own() -> None:
    node = node_with_msgpackr()
    vectors = [vector for vector in GOOD if not vector["id"].startswith("structured-clone/")]
    values = [read(packed(vector)) for vector in vectors]
    pairs = [
        [binascii.b2a_base64(data).decode() for data in (packed(vector), packb(value))]
        for vector, value in zip(vectors, values, strict=True)
    ]
    done = subprocess.run(
        [node, "-e", ORIGINAL], input=json.dumps(pairs), capture_output=True, check=True, text=True, timeout=50
    )
    for vector, value, (equal, again) in zip(vectors, values, json.loads(done.stdout), strict=True):
        assert equal, vector["id"]
        assert typed(read(binascii.a2b_base64(again))) == typed(value), vector["id"]
