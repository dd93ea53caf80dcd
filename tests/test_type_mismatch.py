"""Where a document differs from a type, in words that are the same with every version of msgspec."""

from __future__ import annotations

import enum
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto.codecs.type_mismatch import find_mismatch, find_unencodable
from tests.cases import for_each


class Mood(enum.Enum):
    GOOD = "good"


class Item(msgspec.Struct, rename="camel"):
    item_name: str
    size: int | None = None


class Document(msgspec.Struct, forbid_unknown_fields=True):
    items: list[Item] = []
    marks: dict[int, float] = {}
    mood: Mood = Mood.GOOD
    kind: Literal["a", "b"] = "a"
    pair: tuple[int, str] = (0, "")
    small: Annotated[int, msgspec.Meta(ge=1, le=9)] = 1
    name: Annotated[str, msgspec.Meta(max_length=3)] = ""
    data: bytes = b""


@for_each(
    "document, said",
    [
        (5, "Expected `object`, got `int`"),
        ({"items": {}}, "Expected `array`, got `object` - at `$.items`"),
        ({"items": [{"itemName": ""}, {}]}, "Object missing required field `itemName` - at `$.items[1]`"),
        ({"items": [{"itemName": "", "size": "1"}]}, "Expected `int | null`, got `str` - at `$.items[0].size`"),
        ({"items": [{"itemName": "", "size": 1.5}]}, "Expected `int | null`, got `float` - at `$.items[0].size`"),
        ({"marks": {"1": True}}, "Expected `float`, got `bool` - at `$.marks[...]`"),
        ({"marks": {"one": 1}}, "Invalid key - at `$.marks`"),
        ({"mood": 1}, "Expected `str`, got `int` - at `$.mood`"),
        ({"mood": "bad"}, "Expected one of good - at `$.mood`"),
        ({"kind": "c"}, "Expected one of a, b - at `$.kind`"),
        ({"pair": [1]}, "Expected `array` of length 2, got 1 - at `$.pair`"),
        ({"pair": [1, 2]}, "Expected `str`, got `int` - at `$.pair[1]`"),
        ({"small": 0}, "Expected `int` >= 1 - at `$.small`"),
        ({"small": 10}, "Expected `int` <= 9 - at `$.small`"),
        ({"name": "four"}, "Expected `str` of length <= 3 - at `$.name`"),
        ({"data": "%%"}, "Invalid base64 - at `$.data`"),
        ({"data": 1}, "Expected `bytes`, got `int` - at `$.data`"),
        ({"other": 1}, "Invalid value"),
    ],
)
def test_the_first_difference_is_named_with_its_path(document: object, said: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(document, Document)
    assert str(find_mismatch(document, Document)) == said


def test_a_type_that_has_no_hash_is_told_as_any_other() -> None:
    noted: Any = Annotated[int, ["a note"]]
    assert find_mismatch("x", noted) == find_mismatch("x", int)


def test_a_path_may_begin_with_another_name() -> None:
    assert find_mismatch({"small": 0}, Document).within("body") == "Expected `int` >= 1 - at `body.small`"


def test_a_text_stands_for_a_number_where_that_is_allowed() -> None:
    assert str(find_mismatch({"small": "x", "mood": 1}, Document, strict=False)) == "Expected one of good - at `$.mood`"
    assert str(find_mismatch({"small": "x"}, Document, strict=False)) == "Expected `int`, got `str` - at `$.small`"
    assert str(find_mismatch({"small": "10"}, Document, strict=False)) == "Expected `int` <= 9 - at `$.small`"


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 99)
    | st.sampled_from([10**400, -(10**400), 2**64])
    | st.floats(allow_nan=False)
    | st.sampled_from(["good", "a", "1", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*Document.__struct_fields__, "itemName", "1"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(VALUES, st.booleans())
def test_what_is_refused_has_a_difference_and_it_is_where_msgspec_stops(document: Any, strict: bool) -> None:
    try:
        msgspec.convert(document, Document, strict=strict)
    except msgspec.ValidationError:
        assert find_mismatch(document, Document, strict=strict).problem
    else:
        assert str(find_mismatch(document, Document, strict=strict)) == "Invalid value"


def test_what_cannot_be_encoded_is_named_by_its_type() -> None:
    for value, said in (
        (object(), "a value of type object"),
        ({"a": [1, {2j}]}, "a value of type complex"),
        ({"a": {("b",): 1}}, "a key of type tuple"),
    ):
        assert find_unencodable(value, msgspec.json.encode) == said
    assert find_unencodable([Item("x"), 2**64], msgspec.msgpack.encode) == "an int that is too large"
