"""What holds of every recording: it is read as it was written, it keeps its form, and it gives nothing away."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nai_proto.codecs.key_derivation import email_hash
from nai_proto.emulator.recording import (
    Ending,
    RecordedExchange,
    Redaction,
    SentAction,
    decode_recording,
    encode_exchange,
    encode_header,
)
from nai_proto.emulator.recording.request_comparison import request_shape
from nai_proto.errors import InvalidFile, InvalidRequestError
from nai_proto.exchange.reply import RawWrite, Start, Write
from nai_proto.http import Head, Headers
from nai_proto.testing import strategies
from tests.cases import for_each
from tests.hypothesis_profiles import scale_examples

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SECONDS = st.floats(0, 86_400)
HEADERS = st.lists(st.tuples(TEXTS, TEXTS), max_size=3).map(Headers)
BODIES = st.binary(max_size=40) | TEXTS.map(str.encode)
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6InNlY3JldCJ9.c2lnbmF0dXJl-_"
PST = "pst-AbCdEf0123456789-_x"
KEY = "Aa0-_" * 12 + "Aa0-"


RESPONSE_HEADERS = st.lists(st.tuples(st.from_regex("X-[a-z]{1,9}", fullmatch=True), st.just("a b")), max_size=3).map(
    Headers
)


@st.composite
def answers(draw: st.DrawFn, data: st.SearchStrategy[bytes] = BODIES) -> tuple[SentAction, ...]:
    """Whatever a server can send."""
    actions: list[Start | Write | RawWrite] = []
    if draw(st.booleans()):
        actions.append(Start(Head(draw(st.integers(200, 999)), draw(RESPONSE_HEADERS))))
        actions += map(Write, draw(st.lists(data, max_size=3)))
    actions += map(RawWrite, draw(st.lists(data, max_size=3)))
    return tuple(SentAction(action, draw(SECONDS)) for action in actions)


def exchanges(data: st.SearchStrategy[bytes] = BODIES) -> st.SearchStrategy[RecordedExchange]:
    return st.builds(
        RecordedExchange, TEXTS, TEXTS, HEADERS, data, st.booleans(), answers(data), ending=st.sampled_from(Ending)
    ).filter(lambda one: bool(one.answer) or one.ending is not Ending.COMPLETE)


# ---- the file


@given(st.lists(exchanges(), max_size=3), st.booleans())
def test_encoding_and_decoding_a_recording_round_trips(given_: list[RecordedExchange], contents: bool) -> None:
    recorded = decode_recording(encode_header(contents=contents) + b"".join(map(encode_exchange, given_)))
    assert list(recorded.exchanges) == given_
    assert recorded.contents is contents


@given(st.lists(exchanges(), min_size=1, max_size=3), st.data())
def test_an_incomplete_last_line_is_ignored(given_: list[RecordedExchange], data: st.DataObject) -> None:
    written = encode_header() + b"".join(map(encode_exchange, given_))
    torn = data.draw(st.integers(1, len(encode_exchange(given_[-1]))))
    assert list(decode_recording(written[:-torn]).exchanges) == given_[:-1]


@given(st.binary() | exchanges().map(encode_exchange), st.binary(), st.integers(0, 400))
def test_an_invalid_recording_is_an_error_of_one_line(data: bytes, more: bytes, at: int) -> None:
    for broken in (data, encode_header() + data[:at] + more + data[at:] + b"\n"):
        problem = ""
        try:
            decode_recording(broken)
        except InvalidFile as error:
            problem = str(error)
        assert problem.isprintable()


def damaged_answer(actions: str) -> bytes:
    return b'{"nai-recording":1}\n{"method":"G","target":"/","answer":[%b]}\n' % actions.encode()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "this is not a recording"),
        (b"%PDF-1.7\n", "this is not a recording"),
        (b'{"nai-recording":2}\n', "the recording has version 2; only version 1 can be read"),
        (b'{"nai-recording":1}\n{"method":"GET"\n', "damaged: line 2: JSON is cut short"),
        (b'{"nai-recording":1}\n{"method":"GET"}\n', "line 2: Object missing required field `target`"),
        (
            b'{"nai-recording":1}\n{"method":"G","target":"/","answer":[{"text":"x"}]}\n',
            "line 2: Write while the response is open",
        ),
        (b'{"nai-recording":1}\n{"method":"G","target":"/","base64":"?"}\n', "line 2: a body is not valid base64"),
        (
            '{"nai-recording":1}\n{"method":"G","target":"/","base64":"é"}\n'.encode(),
            "line 2: a body is not valid base64",
        ),
        (b'{"nai-recording":1}\n{"method":"G","target":"/"}\n', "line 2: the response has no head"),
        (
            damaged_answer('{"status":200,"headers":[["a","b\\r\\n"]]}'),
            "line 2: header field a: its value is not valid",
        ),
        (damaged_answer('{"status":200,"headers":[["Content-Length","5"]]},{"text":"x"}'), "line 2: .*Content-Length"),
    ],
)
def test_the_error_of_an_invalid_recording_names_the_problem(data: bytes, problem: str) -> None:
    with pytest.raises(InvalidFile, match=problem):
        decode_recording(data)


def test_bodies_can_be_read_by_people() -> None:
    exchange = RecordedExchange(
        "POST", "/", body='{"a":"Zoë"}'.encode(), answer=(SentAction(RawWrite(b"\xff\x00"), 0.5),)
    )
    assert json.loads(encode_exchange(exchange)) == {
        "method": "POST",
        "target": "/",
        "text": '{"a":"Zoë"}',
        "answer": [{"after": 0.5, "raw": True, "base64": "/wA="}],
    }


# ---- form


def json_documents() -> st.SearchStrategy[Any]:
    keys = st.sampled_from(
        [
            "key",
            "accessToken",
            "model",
            "message",
            "error",
            "token",
            "top_logprobs",
            "logit_bias",
            "1234",
            "prompt",
            "é y",
        ]
    )
    values = st.none() | st.booleans() | st.integers(-99_999, 99_999) | st.floats(allow_nan=False) | TEXTS
    values |= st.sampled_from([JWT, PST, KEY, "a.b@c.de", "QUJD", "QQ==", "", "glm-4-6"])
    return st.recursive(
        values, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
    )


def written(documents: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    return st.tuples(documents, st.booleans()).map(lambda one: json.dumps(one[0], ensure_ascii=one[1]).encode())


ANY_BODY = st.one_of(
    written(json_documents()),
    st.lists(written(json_documents()), max_size=3).map(lambda some: b"".join(b"data: %b\n\n" % one for one in some)),
    strategies.native_streams().map(lambda found: found[0]),
    strategies.hostile_bodies(),
    BODIES,
)
REDACTED = st.builds(Redaction, st.just(bytes(16)), contents=st.booleans())


def sizes(exchange: RecordedExchange) -> list[int]:
    bodies = [sent.action.data for sent in exchange.answer if not isinstance(sent.action, Start)]
    return [len(exchange.body), len(exchange.target.encode()), *map(len, bodies)]


@given(exchanges(ANY_BODY), REDACTED)
def test_redaction_keeps_every_length_and_every_piece(exchange: RecordedExchange, redaction: Redaction) -> None:
    redacted = redaction.redact(exchange)
    assert sizes(redacted) == sizes(exchange)
    assert [(type(sent.action), sent.after) for sent in redacted.answer] == [
        (type(sent.action), sent.after) for sent in exchange.answer
    ]


def form(value: object) -> object:
    """A document but for its texts and numbers."""
    return [form(one) for one in cast("list[object]", value)] if isinstance(value, list) else type(value)


@given(written(json_documents()), REDACTED)
def test_json_stays_json_of_the_same_form(body: bytes, redaction: Redaction) -> None:
    pairs: Callable[[list[Any]], Any] = lambda found: [form(value) for _, value in found]  # noqa: E731
    redacted = redaction.redact(RecordedExchange("POST", "/", Headers.of(content_type="application/json"), body)).body
    assert form(json.loads(redacted, object_pairs_hook=pairs)) == form(json.loads(body, object_pairs_hook=pairs))


@given(ANY_BODY, st.data(), st.sampled_from(["application/json", "text/event-stream", ""]), st.booleans())
def test_redaction_does_not_depend_on_the_pieces_of_a_body(
    body: bytes, data: st.DataObject, kind: str, raw: bool
) -> None:
    head = Start(Head(200, Headers.of(content_type=kind)))
    action = RawWrite if raw else Write

    def redacted(pieces: list[bytes]) -> bytes:
        answer = (SentAction(head), *(SentAction(action(piece)) for piece in pieces))
        redacted_exchange = Redaction(bytes(16)).redact(RecordedExchange("GET", "/", answer=answer)).answer[1:]
        return b"".join(sent.action.data for sent in redacted_exchange if not isinstance(sent.action, Start))

    assert redacted(data.draw(strategies.chunkings(body))) == redacted([body])


@given(exchanges(ANY_BODY), REDACTED)
@example(RecordedExchange("GET", f"/x/{PST}?q=1&model=a&text=%20hello"), Redaction(bytes(16)))
@example(RecordedExchange("POST", "/", body=b'{"model": "0000000;"}'), Redaction(bytes(16)))
def test_a_redacted_request_has_the_same_shape(exchange: RecordedExchange, redaction: Redaction) -> None:
    contents = redaction.contents
    assert request_shape(redaction.redact(exchange), contents=contents) == request_shape(exchange, contents=contents)


# ---- secrets

SECRETS = {
    "accessToken": JWT,
    "token": PST,
    "key": KEY,
    "currentAccessKey": KEY[::-1],
    "newAccessKey": "x" * 40 + "Y" * 24,
    "email": email_hash("a@b.example"),
    "emailCleartext": "some.one+mail@b-c.example",
    "newEmail": 'quo"ted\\\u00e9@example.org',
    "giftkey": "GIFT-1234-ABCD",
    "subscriptionId": "sub_0123456789",
    "recoveryToken": "r3c0veryT0kenOfTheMail",
    "verificationToken": "v" * 32 + "9" * 32,
    "deletionToken": "d3letionT0kenOfTheMail",
    "recaptcha": "03AFcWeA5_some_answer",
    "idToken": "ya29.a0AfH6SMBx",
}


def test_a_salt_that_could_be_guessed_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match=r"a salt has 16 random bytes or more, not 5"):
        Redaction(b"salty")


def recorded(salt: bytes, *, contents: bool) -> RecordedExchange:
    request_body = json.dumps(SECRETS)
    said = {"accessToken": JWT, "giftKeys": ["GIFT-9999-WXYZ"], "note": f"{JWT} and {PST} of some.one+mail@b-c.example"}
    fields = {"authorization": f"Bearer {JWT}", "cookie": "session=0123abcdef", "x-api-key": "sk-abcdef", "via": "home"}
    exchange = RecordedExchange(
        "POST",
        f"/user/some.one%2Bmail%40b-c.example?key={KEY}",
        Headers(fields.items()),
        request_body.encode(),
        answer=(
            SentAction(
                Start(Head(200, Headers.of(set_cookie="id=fedcba9876; HttpOnly", content_type="application/json")))
            ),
            SentAction(Write(json.dumps(said).encode())),
        ),
    )
    return Redaction(salt, contents=contents).redact(exchange)


@pytest.mark.parametrize("contents", [False, True])
def test_no_secret_is_left(contents: bool) -> None:
    data = encode_exchange(recorded(b"salt" * 8, contents=contents)).decode()
    more = ["0123abcdef", "sk-abcdef", "fedcba9876", "GIFT-9999-WXYZ", "b-c.example", "home", "example.org"]
    assert [secret for secret in [*SECRETS.values(), *more] if secret in data] == []


def test_placeholders_are_equal_in_a_recording_and_differ_between_recordings() -> None:
    one, two = recorded(b"salt" * 8, contents=True), recorded(b"tals" * 8, contents=True)
    tokens: set[str] = set()
    for exchange in (one, two):
        token = json.loads(exchange.body)["accessToken"]
        assert [len(part) for part in token.split(".")] == [len(part) for part in JWT.split(".")]
        assert token.startswith("eyJ")
        (said,) = [sent.action.data for sent in exchange.answer if isinstance(sent.action, Write)]
        assert said.count(token.encode()) == 2
        assert exchange.headers.get("authorization") == f"Bearer {token}"
        tokens.add(token)
    assert len(tokens) == 2


def test_placeholders_keep_the_form_of_the_secret() -> None:
    body = json.loads(recorded(b"salt" * 8, contents=False).body)
    assert body["token"].startswith("redacted")  # under this key an answer has text
    assert bytes.fromhex(body["email"])
    assert body["emailCleartext"].count("@") == 1
    assert len(body["key"]) == 64


def mask_response(body: str, kind: str = "application/json", status: int = 200, request_body: str = "") -> str:
    answer = (SentAction(Start(Head(status, Headers.of(content_type=kind)))), SentAction(Write(body.encode())))
    redacted_exchange = (
        Redaction(bytes(16)).redact(RecordedExchange("POST", "/", body=request_body.encode(), answer=answer)).answer[1]
    )
    assert isinstance(redacted_exchange.action, Write)
    return redacted_exchange.action.data.decode()


@for_each(
    "body, kind, status, left",
    [
        ('{"output":"Once upon"}', "application/json", 200, '{"output":"redactedr"}'),
        ('{"output":"AbCd/+=="}', "application/json", 200, '{"output":"AAAAAA=="}'),
        ('{"ids":[12, 50256,-7],"n":12}', "application/json", 200, '{"ids":[10, 10000,-1],"n":12}'),
        ('{"top_logprobs":[{" sea":-1.5}]}', "application/json", 200, '{"top_logprobs":[{"?kpb":-1.5}]}'),
        ('{"model":"glm-4-6","object":"a b"}', "application/json", 200, '{"model":"glm-4-6","object":"red"}'),
        ("[loose words]", "application/json", 200, "[redac redac]"),
        ('{"output":"cut off in the mi', "application/json", 200, '{"output":"redactedredactedr'),
        ('{"output":"caf\\u00e9\\', "application/json", 200, '{"output":"redactedre'),
        ("a story", "text/plain", 200, "redacte"),
        ("OK", "text/plain", 200, "OK"),
        ("error code: 1015", "text/plain", 429, "error code: 1015"),
        ("<html><title>502</title>", "text/html", 502, "<html><title>502</title>"),
        ('{"statusCode":400,"message":"bad: my prompt!"}', "", 400, '{"statusCode":400,"message":"bad: redactedre"}'),
        ("event:newToken\r\nid:7\r\ndata:{}\r\n", "text/event-stream", 200, "event:newToken\r\nid:7\r\ndata:{}\r\n"),
        ("data: [DONE]\n: keep-alive\nsay it\n", "text/event-stream", 200, "data: [DONE]\n: keep-alive\nredact\n"),
        ('{"statusCode":500,"token":"x y"}\n', "text/event-stream", 200, '{"statusCode":500,"token":"red"}\n'),
        ("data: tell me\n", "text/event-stream", 200, "data: redacte\n"),
    ],
)
def test_unknown_values_are_hidden(body: str, kind: str, status: int, left: str) -> None:
    assert mask_response(body, kind, status, request_body='{"input":"my prompt!"}') == left


def test_quotations_of_a_prompt_are_removed_from_errors() -> None:
    request_body = '{"input":"Once upon a time there was a lighthouse"}'
    said = mask_response('{"statusCode":400,"message":"input: Once upon a time th… is bad"}', "", 400, request_body)
    assert said == '{"statusCode":400,"message":"input: redactedredactedred… is bad"}'


@pytest.mark.parametrize(("quoted", "left"), [("Once upon a ", "redactedreda"), ("Once upon a", "Once upon a")])
def test_twelve_bytes_of_a_prompt_are_a_quotation(quoted: str, left: str) -> None:
    body, request_body = json.dumps({"message": f"<{quoted}>"}), '{"input":"Once upon a time"}'
    assert json.loads(mask_response(body, "", 400, request_body))["message"] == f"<{left}>"


@pytest.mark.parametrize(
    "word", ["a", "eyJ", "a.", "pst-", "@", '"', "[", "data:", "\\", '; name="password"\r\n', "; "]
)
def test_masking_takes_linear_time(word: str) -> None:
    body = (word * 50_000).encode()[: scale_examples(1_000_000)]
    for kind in ("application/json", "text/event-stream", "text/html"):
        head = SentAction(Start(Head(200, Headers.of(content_type=kind))))
        exchange = RecordedExchange("POST", "/", body=body, answer=(head, SentAction(Write(body))))
        assert sizes(Redaction(bytes(16), contents=True).redact(exchange)) == sizes(exchange)


@pytest.mark.parametrize("word", ['; name="password"\r\n', '; name="password"', "; ", "name"])
def test_a_form_of_heads_without_parts_is_read_once(word: str) -> None:
    head = Headers.of(content_type="multipart/form-data; boundary=x")
    exchange = RecordedExchange("POST", "/", headers=head, body=(word * 20_000).encode()[: scale_examples(1_000_000)])
    assert sizes(Redaction(bytes(16), contents=True).redact(exchange)) == sizes(exchange)


def test_many_secrets_take_no_longer_than_their_number() -> None:
    secrets = [f"secret number {number}" for number in range(scale_examples(3_000))]
    request_body = json.dumps([{"password": secret, "message": f"of {secret}"} for secret in secrets]).encode()
    exchange = RecordedExchange("POST", "/", body=request_body)
    redacted = Redaction(bytes(16), contents=True).redact(exchange).body.decode()
    assert not [secret for secret in secrets if secret + '"' in redacted]


def test_raw_responses_are_masked_across_chunks() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Who: me\r\n\r\n"
    whole = head + b'5\r\n{"out\r\nA\r\n":"a secre\r\n3\r\nt"}\r\n0\r\n\r\n'
    redacted_exchange = Redaction(bytes(16)).redact(
        RecordedExchange("POST", "/", answer=tuple(SentAction(RawWrite(bytes([b]))) for b in whole))
    )
    data = b"".join(sent.action.data for sent in redacted_exchange.answer if not isinstance(sent.action, Start))
    assert data == whole.replace(b"a secre", b"redacte").replace(b'3\r\nt"', b'3\r\nd"').replace(b" me", b"red")
