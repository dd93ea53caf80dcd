"""However clients write a request, it is taken as the service takes it, or refused as it refuses it.

Each was seen on the wire: AED is novelai-api 0.34.1, LK novelai-python 0.9.0; others are named where they are meant.

See:
    docs/protocol/native.md#2-request-headers
    docs/protocol/native.md#17-checklist-for-the-emulator
"""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nai_proto.emulator import Account, Emulator, Switches
from nai_proto.exchange.endpoints import ENDPOINTS, Endpoint
from nai_proto.http import Head, Headers
from nai_proto.limits import Limits
from nai_proto.secret import Password
from nai_proto.testing import Clock, MemoryConnection
from nai_proto.testing.strategies import hostile_bytes
from nai_proto.tier import Tier

from .cases import for_each
from .hypothesis_profiles import scale_examples
from .support import ByteTokenizer, an_emulator
from .test_emulator import parse_error, prompt, send_request

BROWSER: dict[str, Any] = {
    "origin": "https://novelai.net",
    "referer": "https://novelai.net/",
    "x_correlation_id": "ps1i9W",
    "x_initiated_at": "2026-10-16T15:54:25.576Z",
    "user_agent": "Mozilla/5.0",
    "sec_fetch_mode": "cors",
    "priority": "u=1, i",
    "cache_control": "no-cache",
    "cookie": "a=b",
    "accept_encoding": "gzip, deflate, br, zstd",
}
"""What LK and nekoai send beside the rest, so as to look like the website."""


def log_in(emulator: Emulator, owner: Account) -> str:
    """The header field of a login."""
    _, body = send_request(emulator, "POST", "/user/login", {"key": owner.key.reveal()})
    return f"Bearer {json.loads(body)['accessToken']}"


def raw(emulator: Emulator, *lines: str, body: bytes = b"") -> tuple[Head, bytes]:
    """One request as it stands, and what comes back."""
    link = MemoryConnection(emulator, Clock())
    link.send_all("\r\n".join([*lines, "", ""]).encode() + body)
    came = b""
    with contextlib.suppress(TimeoutError):
        while piece := link.receive_some(10):
            came += piece
    head, _, rest = came.removeprefix(b"HTTP/1.1 100 \r\n\r\n").partition(b"\r\n\r\n")
    status, *fields = head.decode().split("\r\n")
    assert status.startswith("HTTP/1.1 ")
    headers = Headers((name, value.strip()) for name, _, value in (field.partition(":") for field in fields))
    return Head(int(status.split(" ")[1]), headers), rest


# ---- how a request is written


def test_equivalent_json_bodies_are_equal_requests() -> None:
    body = prompt(seed=1, prefix="vanilla") | {"input": "Über 🦊 der Welt"}
    spelled = [
        json.dumps(body),  # AED's separators have blanks, and what is not ASCII is escaped
        json.dumps(body, separators=(",", ":"), ensure_ascii=False),  # novelai-sdk, nekoai, browsers
        json.dumps(body, indent=2, sort_keys=True),
        json.dumps({key: body[key] for key in reversed(body)}) + "\r\n",
        json.dumps({**body, "prefix": "vanilla", "n_samples": 1, "unknown": {"a": [None]}}),
    ]
    outputs = set()
    for one in spelled:
        emulator, owner = an_emulator()
        head, answer = send_request(emulator, "POST", "/ai/generate", one.encode(), owner=owner)
        assert head.status == 200
        outputs.add(json.loads(answer)["output"])
    assert len(outputs) == 1


def test_a_whitelist_is_a_set() -> None:
    outputs = set()
    for ids in ([301, 302, 350, 401], [401, 350, 302, 301], [301, 301, 302, 350, 401]):
        emulator, owner = an_emulator(tokenizers=lambda _: ByteTokenizer())
        body = prompt(seed=1, max_length=60, repetition_penalty=3, repetition_penalty_whitelist=ids)
        outputs.add(send_request(emulator, "POST", "/ai/generate", body, owner=owner)[1])
    assert len(outputs) == 1


@for_each("model", ["kayra-v1", "clio-v1"])
def test_a_missing_parameter_is_the_same_as_null(model: str) -> None:
    parameters = prompt(model, seed=1)["parameters"]
    nulls = dict.fromkeys(("temperature", "stop_sequences", "order", "prefix", "phrase_rep_pen", "num_logprobs"))
    outputs = set()
    for sent in (parameters, {**parameters, **nulls}):
        emulator, owner = an_emulator()
        body = {**prompt(model), "parameters": sent}
        outputs.add(send_request(emulator, "POST", "/ai/generate", body, owner=owner)[1])
    assert len(outputs) == 1


@for_each(
    "name, values, allowed",
    [
        ("repetition_penalty", (0.99, 8.01), "from 1 to 8"),
        ("top_p", (-0.01, 1.01), "from 0 to 1"),
        ("typical_p", (-0.01, 1.01), "from 0 to 1"),
        ("top_a", (-0.01,), "0 or more"),
    ],
)
@for_each("model", ["kayra-v1", "clio-v1"])
def test_what_is_off_the_slider_is_refused_unless_a_switch_says_otherwise(
    model: str, name: str, values: tuple[float, ...], allowed: str
) -> None:
    for value in values:
        emulator, owner = an_emulator()
        answer = send_request(emulator, "POST", "/ai/generate", prompt(model, **{name: value}), owner=owner)
        assert parse_error(answer) == (400, f"Validation error: {name} must be {allowed}")
        emulator, owner = an_emulator(switches=Switches(text_ranges=False))
        answer = send_request(emulator, "POST", "/ai/generate", prompt(model, **{name: value}), owner=owner)
        assert answer[0].status in (200, 201)


JUNK = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3)
)
PARAMETERS = ("max_length", "min_length", "use_string", "order", "stop_sequences", "logit_bias", "seed", "prefix")


@settings(deadline=None, max_examples=scale_examples(80))
@given(
    st.booleans(),
    hostile_bytes()
    | st.fixed_dictionaries(
        {},
        optional={
            "input": JUNK,
            "model": st.sampled_from(["kayra-v1", "clio-v1", ""]) | JUNK,
            "parameters": JUNK | st.dictionaries(st.sampled_from(PARAMETERS), JUNK | st.lists(JUNK, max_size=2)),
        },
    ),
)
def test_no_body_makes_a_generation_raise(strict: bool, body: object) -> None:
    emulator, owner = an_emulator(switches=Switches(strict_limits=strict, strict_bodies=strict))
    for path in ("/ai/generate", "/ai/generate-stream"):
        head, answer = send_request(emulator, "POST", path, body, owner=owner)
        assert head.status in (200, 201, 400, 501)
        assert head.status < 400 or parse_error((head, answer))
        assert not owner.generating


@for_each(
    "field",
    [
        {},
        {"content_type": "application/json"},
        {"content_type": "application/json; charset=utf-8"},
        {"content_type": "APPLICATION/JSON;charset=UTF-8"},
        {"content_type": "text/plain;charset=UTF-8"},
    ],
    ids=str,
)
def test_json_is_accepted_with_any_content_type(field: dict[str, Any]) -> None:
    emulator, owner = an_emulator()
    assert send_request(emulator, "POST", "/user/login", {"key": owner.key.reveal()}, **field)[0].status == 201
    assert send_request(emulator, "POST", "/ai/generate", prompt(), owner=owner, **field)[0].status == 200


def test_a_form_is_refused_where_only_json_is_known() -> None:
    emulator, owner = an_emulator()
    form = (
        b'--b\r\nContent-Disposition: form-data; name="request"\r\n\r\n'
        + json.dumps(prompt()).encode()
        + b"\r\n--b--\r\n"
    )
    kind: Any = {"content_type": "multipart/form-data; boundary=b"}
    for path in ("/ai/generate", "/ai/generate-stream", "/oa/v1/completions"):
        assert parse_error(send_request(emulator, "POST", path, form, owner=owner, **kind))[0] == 400
    assert parse_error(send_request(emulator, "POST", "/user/login", form, **kind))[0] == 400


@for_each("scheme", ["Bearer", "bearer", "BEARER"])
@for_each("name", ["Authorization", "authorization", "AUTHORIZATION"])
def test_names_of_fields_and_of_the_scheme_count_in_any_case(name: str, scheme: str) -> None:
    emulator, owner = an_emulator()
    signed = f"{name}: {scheme} {owner.persistent_token.reveal()}"
    assert raw(emulator, "GET /user/subscription HTTP/1.1", "HOST: x", signed)[0].status == 200
    unsigned = f"{name}: {owner.persistent_token.reveal()}"
    assert raw(emulator, "GET /user/subscription HTTP/1.1", "HOST: x", unsigned)[0].status == 401


def test_a_client_that_wants_http_2_gets_http_1() -> None:
    emulator, owner = an_emulator()  # LK over plain HTTP
    upgrade = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA")
    body = json.dumps({"key": owner.key.reveal()}).encode()
    length = f"Content-Length: {len(body)}"
    head, answer = raw(emulator, "POST /user/login HTTP/1.1", "Host: x", *upgrade, length, body=body)
    assert (head.status, head.content_type) == (201, "application/json")
    assert json.loads(answer)["accessToken"]


@for_each("waits", [True, False])
def test_a_body_can_be_chunked_and_expect_100_continue(waits: bool) -> None:
    emulator, owner = an_emulator()
    body = json.dumps({"key": owner.key.reveal()}).encode()
    chunks = b"5\r\n" + body[:5] + b"\r\n%x;a=b\r\n" % (len(body) - 5) + body[5:] + b"\r\n0\r\n\r\n"
    expecting = ("Expect: 100-continue",) if waits else ()
    lines = ("POST /user/login HTTP/1.1", "Host: x", "Transfer-Encoding: chunked", *expecting)
    assert raw(emulator, *lines, body=chunks)[0].status == 201


@for_each("body", [b"", b"suggest", b'{"a": 1}', b"\xff"])
def test_the_body_of_a_get_is_ignored(body: bytes) -> None:
    emulator, owner = an_emulator()  # AED sends the base address as the body of a GET
    for path in ("/", "/user/subscription", "/oa/v1/models"):
        assert send_request(emulator, "GET", path, body, owner=owner, content_type="text/plain")[0].status == 200


def test_requests_with_a_browsers_headers_are_served() -> None:
    emulator, owner = an_emulator()
    head, _ = send_request(
        emulator, "POST", "/ai/generate-stream", prompt(), owner=owner, **BROWSER, accept="text/event-stream"
    )
    assert (head.status, head.content_type, head.headers.get("content-encoding")) == (200, "text/event-stream", None)
    assert (
        send_request(emulator, "POST", "/user/login", {"key": owner.key.reveal()}, **BROWSER, x_measure_id="m")[
            0
        ].status
        == 201
    )


# ---- paths and methods

ROWS = [*ENDPOINTS.values()]


def path_of(row: Endpoint) -> str:
    return re.sub("{[a-z]+}", "one", row.path)


@for_each("row", ROWS, ids=lambda row: row.name)
def test_a_slash_at_the_end_of_a_path_changes_nothing(row: Endpoint) -> None:
    emulator, _ = an_emulator()
    for query in ("", "?limit=1"):
        answers = {
            send_request(emulator, row.method, path_of(row) + end + query, {})[0].status for end in ("", "/", "//")
        }
        assert len(answers) == 1
        assert 404 not in answers


@for_each("path", ["/", "/user/subscription", "/user/objects/stories", "/ai/trial-status", "/no"])
@for_each("known", [True, False])
def test_a_response_to_head_is_that_to_get_without_its_body(path: str, known: bool) -> None:
    emulator, owner = an_emulator()
    signed: Any = {"authorization": log_in(emulator, owner)} if known else {}
    got, body = send_request(emulator, "GET", path, **signed)
    head, nothing = send_request(emulator, "HEAD", path, **signed)
    assert (head.status, head.headers) == (got.status, got.headers)
    assert body
    assert nothing == b""


def test_head_of_what_can_only_be_posted_is_not_found() -> None:
    emulator, owner = an_emulator()
    assert send_request(emulator, "HEAD", "/ai/generate", owner=owner)[0].status == 404


@for_each("row", ROWS)
def test_a_preflight_needs_no_token(row: Endpoint) -> None:
    emulator, _ = an_emulator()
    names = "authorization, content-type, x-correlation-id, x-initiated-at, x-stainless-lang"
    asking: Any = {"origin": "https://novelai.net", "access_control_request_method": row.method}
    head, body = send_request(emulator, "OPTIONS", path_of(row), **asking, access_control_request_headers=names)
    assert (head.status, body) == (204, b"")
    assert head.headers.get("access-control-allow-origin") == "*"
    allowed = (head.headers.get("access-control-allow-headers") or "").lower().split(", ")
    assert "*" in allowed
    assert "authorization" in allowed, "which the star does not stand for"
    assert row.method in (head.headers.get("access-control-allow-methods") or "").split(", ")


def test_every_error_allows_any_origin() -> None:
    emulator, owner = an_emulator(limits=Limits(body=1_000), switches=Switches(rate=60))
    paper = emulator.add_account("paper@example.com", Password("p"), tier=Tier.PAPER)
    login = log_in(emulator, owner)
    refusals = {
        400: send_request(emulator, "POST", "/ai/generate", {}, owner=owner, **BROWSER),
        401: send_request(emulator, "POST", "/ai/generate", {}, **BROWSER),
        402: send_request(emulator, "POST", "/ai/generate", prompt(), owner=paper, **BROWSER),
        404: send_request(emulator, "GET", "/user/objects/stories/none", authorization=login, **BROWSER),
        409: send_request(emulator, "POST", "/user/create-persistent-token", {}, authorization=login, **BROWSER),
        413: send_request(emulator, "POST", "/ai/generate", b" " * 1_001, owner=owner, **BROWSER),
        501: send_request(emulator, "POST", "/ai/generate", prompt(eos_token_id=3), owner=owner, **BROWSER),
    }
    owner.generating = True
    refusals[429] = send_request(emulator, "POST", "/ai/generate", prompt(), owner=owner, **BROWSER)
    for status, answer in refusals.items():
        assert parse_error(answer)[0] == status
        assert answer[0].headers.get("access-control-allow-origin") == "*"
