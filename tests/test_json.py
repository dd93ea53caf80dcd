"""JSON: errors that say where and what but never quote, and the shapes of the service's own errors."""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import tracemalloc
from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nai_proto.codecs.json import JsonDecoder, encode_json, parse_service_error, read_error_message
from nai_proto.errors import InvalidRequestError, LimitExceeded, RemoteProtocolError
from tests.cases import for_each


class Mood(enum.Enum):
    GOOD = "good"


class Checked(msgspec.Struct):
    name: str

    def __post_init__(self) -> None:
        if self.name != "me":
            raise ValueError(f"{self.name} is not me")


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    x: int = 0


class Login(msgspec.Struct):
    accessToken: str  # noqa: N815
    level: int = 0
    mood: Mood = Mood.GOOD
    kind: Literal["a", "b"] = "a"
    marks: dict[str, list[int]] = {}
    small: Annotated[int, msgspec.Meta(le=9)] = 0
    checked: Checked | None = None
    strict: Strict | None = None


@dataclasses.dataclass
class Point:
    x: float


class Odd(float):
    pass


LOGIN = JsonDecoder(Login)
ANYTHING: JsonDecoder[Any] = JsonDecoder(object)
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(codec="utf-8"))
DOCUMENTS: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)
)


def read(data: bytes, depth: int = 128) -> Any:
    return ANYTHING.decode(data, where="answer of GET /x", depth=depth)


def unfinished() -> Login:
    login = Login("SECRET")
    del login.accessToken
    return login


# Encoding


@settings(deadline=None)
@given(DOCUMENTS)
def test_decoding_what_was_encoded_gives_it_back(value: Any) -> None:
    assert read(encode_json(value)) == value
    assert json.loads(encode_json(value)) == value


def test_documents_are_compact_and_in_utf_8() -> None:
    assert encode_json({"text": "é", "list": [1, None, True]}) == '{"text":"é","list":[1,null,true]}'.encode()
    assert encode_json([msgspec.Raw(b"[null]"), Point(1.5), Login("t").mood, "null", b"x"]) == (
        b'[[null],{"x":1.5},"good","null","eA=="]'
    )


@for_each("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused_wherever_it_is(number: float) -> None:
    class Holder(msgspec.Struct):
        x: object

    places: list[object] = [
        *(number, [number], (1, number), {"a": {"b": [None, number]}}, {"a": None, "b": number}, [Point(number)]),
        *(Holder(number), [[[Holder({"k": [number]})]]], [msgspec.Raw(b"null"), number], {1: number}),
    ]
    for value in places:
        with pytest.raises(InvalidRequestError, match="not finite"):
            encode_json(value)


@for_each(
    "value, problem",
    [
        (object(), "a value of type object"),
        ({"SECRET": [1, Odd(1)]}, "a value of type Odd"),
        ([1, print], "a value of type builtin_function_or_method"),
        ({("SECRET",): 1}, "a key of type tuple"),
        ("SECRET\ud800", "lone surrogate"),
        ({"SECRET\udfff": 1}, "lone surrogate"),
        (unfinished(), "the field 'accessToken' of Login is not set"),
    ],
)
def test_what_json_cannot_hold_is_refused_by_type_and_never_quoted(value: object, problem: str) -> None:
    with pytest.raises(InvalidRequestError, match=problem) as caught:
        encode_json(value)
    assert "SECRET" not in str(caught.value)
    assert caught.value.__context__ is None


def test_what_is_nested_too_deeply_is_refused() -> None:
    endless: list[object] = []
    endless.append(endless)
    deep: dict[str, object] = {}
    for _ in range(100_000):
        deep = {"": deep}
    for value, kind in ((endless, "list"), (deep, "dict")):
        with pytest.raises(InvalidRequestError, match=f"a {kind} is nested too deeply"):
            encode_json(value)
    while deep:  # freeing it at once would recurse as well
        deep = deep.pop("")  # type: ignore[assignment]


# Decoding


LONG_TEXTS = {
    "plain": b"a" * 600_000,
    "escapes": b"\\n" * 300_000,
    "escaped quotes": b'\\"' * 300_000,
    "constants": b"NaN," * 150_000,
}


@pytest.mark.parametrize("end", [b'"}', b""], ids=["of another type", "cut short"])
@pytest.mark.parametrize("text", LONG_TEXTS.values(), ids=list(LONG_TEXTS))
def test_a_long_text_of_what_is_refused_takes_time_and_room_in_proportion(text: bytes, end: bytes) -> None:
    """With time in the square of its length, this would take hours."""
    data = b'{"token":1,"text":"' + text + end
    decoder = JsonDecoder(Login, lenient=True)
    tracemalloc.start()
    try:
        with pytest.raises(RemoteProtocolError):
            decoder.decode(data, where="file", depth=9)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 8 * len(data)


def test_a_document_becomes_a_value_of_the_type() -> None:
    data = b'{"accessToken":"t","level":1,"new":[{"thing":2}],"level":3}'
    assert LOGIN.decode(data, where="x", depth=3) == Login("t", 3)
    assert LOGIN.decode(bytearray(data), where="x", depth=3) == Login("t", 3)
    assert JsonDecoder(dict[str, int]).decode(b'{"a":1}', where="x", depth=1) == {"a": 1}


@for_each(
    "data, problem",
    [
        (b'{"accessToken":1234567}', "Expected `str`, got `int` - at `$.accessToken`"),
        (b'["SECRET"]', "Expected `object`, got `array`"),
        (b'{"SECRET":1}', "Object missing required field `accessToken`"),
        (b'{"accessToken":"","level":"SECRET"}', "Expected `int`, got `str` - at `$.level`"),
        (b'{"accessToken":"","mood":"SECRET"}', "Expected one of good - at `$.mood`"),
        (b'{"accessToken":"","mood":"SECRET - at `$.x`"}', "Expected one of good - at `$.mood`"),
        (b'{"accessToken":"","kind":"SECRET"}', "Expected one of a, b - at `$.kind`"),
        (b'{"accessToken":"","small":1234567}', "Expected `int` <= 9 - at `$.small`"),
        (b'{"accessToken":"","marks":{"SECRET":[0,"x"]}}', "Expected `int`, got `str` - at `$.marks[...][1]`"),
        (b'{"accessToken":"","checked":{"name":"SECRET"}}', "Invalid value - at `$.checked`"),
        (b'{"accessToken":"","strict":{"SECRET":1}}', "Invalid value - at `$.strict`"),
        (b'{"accessToken":"SECRET"', "JSON is cut short (byte 23)"),
        (b'{"accessToken" "SECRET"}', "not JSON (byte 15)"),
        ('{"é€": "SECRET",}'.encode(), "not JSON (byte 19)"),
        (b'{"accessToken": "NaN", "SECRET": NaN}', "NaN is no JSON (byte 33)"),
        (b'["\\"", -Infinity]', "-Infinity is no JSON (byte 7)"),
        (b"<html>SECRET", "not JSON (byte 0)"),
        (b'{"accessToken":"SECRET\xff"}', "not UTF-8 (byte 22)"),
        (b'{"accessToken":"","level":' + b"1234567" * 800 + b"}", "not JSON"),
        (b"", "Expected JSON, got nothing"),
        (b" \n", "Expected JSON, got nothing"),
    ],
)
def test_an_error_says_where_and_what_and_does_not_quote(data: bytes, problem: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        LOGIN.decode(data, where="answer of POST /user/login", depth=128)
    error = caught.value
    assert str(error) == f"answer of POST /user/login: {problem}"
    assert "SECRET" not in str(error)
    assert error.excerpt[:20] == data.decode("utf-8", "replace").strip()[:20]
    assert len(error.excerpt) <= 200
    assert error.__context__ is None


def test_a_document_can_be_arranged_before_it_is_read() -> None:
    decoder = JsonDecoder(Strict, lambda document: {"x": document["y"]} if isinstance(document, dict) else document)
    assert decoder.decode(b'{"y": 5}', where="here", depth=9) == Strict(5)
    for data, problem in (
        (b'{"y": "a secret"}', "here: Expected `int`, got `str` - at `$.x`"),
        (b"[5]", "here: Expected `object`, got `array`"),
        (b"{oops", "here: not JSON (byte 1)"),
        (b"", "here: Expected JSON, got nothing"),
    ):
        with pytest.raises(RemoteProtocolError) as caught:
            decoder.decode(data, where="here", depth=9)
        assert str(caught.value) == problem
    with pytest.raises(LimitExceeded):
        decoder.decode(b"[" * 10, where="here", depth=9)


def test_the_excerpt_of_an_error_shows_no_token() -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        read(b'{"accessToken":"pst-abcdefghijklmnop","x":')
    assert caught.value.excerpt == '{"accessToken":"[token]","x":'


@for_each(
    "nest",
    [
        lambda n: b"[" * n + b"]" * n,
        lambda n: b'{"a":' * n + b"0" + b"}" * n,
        lambda n: b'[{"a":' * (n // 2) + (b"[]" if n % 2 else b"0") + b"}]" * (n // 2),
        lambda n: b'[0,"]]]]",' * n + b'"\\\\"' + b"]" * n,
        lambda n: b'["[[[[\\"[[[[\\\\\\"[[[[",' * n + b'"\\\\"' + b',"\\""]' * n,
        lambda n: b"[" + b"[]," * 300 + b"[" * (n - 1) + b"]" * (n - 1) + b"]",
        lambda n: b'[["\\\\",[],[]],' + b"[" * (n - 1) + b"]" * (n - 1) + b"]",
    ],
)
def test_nesting_is_allowed_up_to_the_limit(nest: Callable[[int], bytes]) -> None:
    for limit in (128, 7, 3):
        assert isinstance(read(nest(limit), limit), list | dict)
        with pytest.raises(LimitExceeded, match="JSON depth") as caught:
            read(nest(limit + 1), limit)
        assert (caught.value.what, caught.value.limit, caught.value.value) == ("JSON depth", limit, limit + 1)
    json.loads(nest(100))


def test_brackets_in_texts_and_beside_each_other_are_not_nesting() -> None:
    wide = [[], {}, "[" * 500, '"[{' * 500, "\\" * 501 + "[" * 500, {"[" * 500: ["]"]}] * 100
    assert read(encode_json(wide), 3) == wide
    assert read(encode_json("[" * 500), 0) == "[" * 500


@settings(deadline=None)
@given(DOCUMENTS)
def test_the_depth_of_a_document_is_the_nesting_of_its_values(value: Any) -> None:
    def depth(item: Any) -> int:
        inner = item.values() if isinstance(item, dict) else item if isinstance(item, list) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    data, levels = encode_json(value), depth(value)
    assert read(data, levels) == value
    if levels:
        with pytest.raises(LimitExceeded):
            read(data.ljust(levels), levels - 1)


@for_each("data", [b"[" * 100_000, b'{"a":' * 100_000, b"[" * 99_999 + b"]" * 99_999])
def test_no_depth_lets_a_recursion_error_out(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="nested too deeply to be read"):
        read(data, 10**6)
    with pytest.raises(LimitExceeded):
        read(data)
    assert parse_service_error(b'{"error":' + data) is None
    assert read_error_message(data, "application/json") is not None


def test_an_unfinished_text_full_of_brackets_is_malformed_rather_than_deep() -> None:
    with pytest.raises(RemoteProtocolError, match="JSON is cut short"):
        read(b'["' + b"[" * 500)


@settings(deadline=None)
@given(st.binary() | st.text('[]{}",:\\u0dD18 ne-.\x00\x7fé\ud800').map(lambda text: text.encode("utf-8", "replace")))
@example(b"1e999")
@example(b"-" + b"9" * 400)
@example(b"1" * 5000 + b".0")
@example(b'{"a":1,"a":[]}')
def test_any_bytes_give_a_value_or_the_documented_error(data: bytes) -> None:
    for decoder in (ANYTHING, LOGIN, JsonDecoder(float), JsonDecoder(list[str])):
        try:
            decoder.decode(data, where="here", depth=4)
        except RemoteProtocolError as error:
            assert error.__context__ is None  # noqa: PT017
    parse_service_error(data)
    parse_service_error(b'{"error":' + data + b"}")
    for content_type in ("", "text/html", "application/json"):
        message = read_error_message(data, content_type)
        assert message is None or 0 < len(message) <= 200


# The service's own errors


@for_each(
    "data, message, status",
    [
        ({"error": "ModelMaxLength: too long"}, "ModelMaxLength: too long", None),
        ({"error": {"message": "mid", "code": 500}}, "mid", 500),
        ({"error": {"message": "mid", "code": "rate"}}, "mid", None),
        ({"error": {"code": "rate"}}, "rate", None),
        ({"error": {"code": -32000}}, "an error without a message", None),
        ({"error": ""}, "an error without a message", None),
        ({"error": True}, "an error without a message", None),
        ({"statusCode": 500, "message": "Oh"}, "Oh", 500),
        ({"statusCode": 400, "message": ["a", "b"], "error": "Bad Request"}, "a; b", 400),
        ({"statusCode": "500", "message": "Oh"}, "Oh", None),
        ({"statusCode": True, "message": "Oh"}, "Oh", None),
        ({"statusCode": 10**30, "message": "Oh"}, "Oh", None),
        ({"statusCode": 502, "error": {"message": "x", "code": 400}, "token": "t"}, "x", 502),
        ({"detail": "Oh"}, "Oh", None),
        ({"detail": "Oh", "title": "Bad", "status": 502}, "Oh", 502),
        ({"error": "Bearer abcdef\nused"}, "Bearer [token] used", None),
    ],
)
def test_an_error_inside_a_success_is_found(data: object, message: str, status: int | None) -> None:
    error = parse_service_error(encode_json(data))
    assert error is not None
    assert (error.message, error.status, error.partial) == (message, status, None)


@for_each(
    "data",
    [
        *(b"", b"[]", b'"error"', b'["error"]', b'{"error":null}', b'{"token":"\\"error\\": x"}', b'{"error":"cut'),
        *(b'{"statusCode":500}', b'{"statusCode":500,"message":null}', b'{"message":"statusCode"}'),
        *(b'{"detail":null}', b'{"detail":"Oh","choices":[]}', b'{"text":"detail"}'),
        *(b'{"text":"error"}', b'{"error":null,"statusCode":null,"message":"m"}', b'{"in":{"error":"deep"}}'),
    ],
)
def test_anything_else_is_no_error(data: bytes) -> None:
    assert parse_service_error(data) is None


def test_bad_utf_8_does_not_hide_an_error() -> None:
    error = parse_service_error(b'{"error":"caf\xe9"}')
    assert error is not None
    assert error.message == "caf�"
    assert read_error_message(b'{"message":"caf\xe9"}', "application/json") == "caf�"


@for_each(
    "body, message",
    [
        ({"statusCode": 401, "message": "Incorrect access key."}, "Incorrect access key."),
        ({"error": {"message": "inner", "code": 1}, "message": "outer", "detail": "d"}, "inner"),
        ({"error": {"code": "c"}, "message": "outer"}, "outer"),
        ({"error": "Bad Request", "message": ["one", "two", 3, ""]}, "one; two"),
        ({"error": "Bad Request", "message": {"message": "nested"}}, "nested"),
        ({"message": {"message": {"message": ["deep", {"msg": "er"}]}}}, "deep; er"),
        ({"error": "only", "detail": "d"}, "only"),
        ({"error": {"code": "rate"}, "detail": "d"}, "rate"),
        ({"detail": "not here"}, "not here"),
        ({"detail": [{"loc": ["body"], "msg": "field required"}]}, "field required"),
        ({"message": " ", "error": "x"}, "x"),
        (["a", {"message": "b"}], "a; b"),
        ("just text", "just text"),
        ({"other": 1}, '{"other":1}'),
        ({}, "{}"),
        (None, "null"),
        ({"message": "x" * 300}, "x" * 199 + "…"),
        ({"message": "use eyJhbGciOi.eyJzdWIiOi.sig\u2028now"}, "use [token] now"),
    ],
)
def test_a_refusals_message_is_looked_up_in_order(body: object, message: str) -> None:
    for content_type in ("application/json", "", "text/html"):
        if content_type != "text/html" or message[0] not in "{n":
            assert read_error_message(encode_json(body), content_type) == message


@for_each(
    "body, content_type, message",
    [
        (b"", "application/json", None),
        (b"", "text/html", None),
        (b" \r\n\t", "text/html", None),
        (b"upstream connect error\n", "text/plain", "upstream connect error"),
        (b'{"message":"cut he', "application/json", '{"message":"cut he'),
        (b"\xff\xfe\x00", "", "��"),
        (
            b"<html>\r\n<head><title>502 Bad Gateway</title></head>",
            "text/html",
            "an HTML page from a gateway: 502 Bad Gateway",
        ),
        (
            b"\n<!DOCTYPE html><TITLE class='x'>\n Just a\n moment </TITLE>",
            "",
            "an HTML page from a gateway: Just a moment",
        ),
        (b"<title></title>", "", "an HTML page from a gateway"),
        (b"<p>no title", "text/html", "an HTML page from a gateway"),
        (b"<p>no title", "", "<p>no title"),
        (b"<html><title>" + b"x" * 900, "", "an HTML page from a gateway: " + "x" * 119 + "…"),
    ],
)
def test_a_body_that_is_not_json_says_what_it_can(body: bytes, content_type: str, message: str | None) -> None:
    assert read_error_message(body, content_type) == message
