"""Flows, played: logging in, tokens, computing, retries; operations as values.

See:
    docs/protocol/native.md#43-concurrency-timeouts-retry
    docs/protocol/openai.md#93-retry-policy
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any, Never, TypeAlias

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import nai_proto
from nai_proto import account, errors
from nai_proto.codecs.sse import ServerSentEvent, encode_event
from nai_proto.emulator import Emulator
from nai_proto.errors import (
    AuthenticationError,
    ConcurrentGenerationError,
    ConflictError,
    InvalidRequestError,
    LimitExceeded,
    NaiError,
    RateLimitError,
    RejectedRequestError,
    RemoteProtocolError,
    RequestTimeoutError,
    ServerError,
    StatusError,
    StreamError,
    TimedOut,
    TransportError,
    Truncated,
)
from nai_proto.exchange.actions import (
    Compute,
    Emit,
    FlowContext,
    GetContext,
    Receive,
    Runnable,
    Send,
    Sleep,
    Steps,
    compute,
    get_context,
)
from nai_proto.exchange.call import Call
from nai_proto.exchange.flow import flow
from nai_proto.exchange.operation import Operation
from nai_proto.exchange.retry import NO_RETRY, Repeat, RetryPolicy, may_have_acted
from nai_proto.exchange.session import Session
from nai_proto.http import Head, Headers, Host, Request
from nai_proto.limits import Limits, Timeouts
from nai_proto.secret import AccessKey, AccessToken, Password, PersistentToken
from nai_proto.testing import FlowTrace, play, run_in_memory
from nai_proto.text import Completion, Model, Token, generate, generate_stream
from tests.cases import for_each
from tests.forked_python import forked_python
from tests.support import with_token

# docs/protocol/native.md#3-key-derivation, made with argon2-cffi and equal to what the published novelai-api gives
ALICE = ("alice@example.com", "correct horse battery")
ALICE_KEY = "SVyABWBKeaJ9qGdbgdMsC_WAJ5yd4hBumPC5aIEoPLvWzYGwE1cs2hC9MCRtnZ8k"

KEY = AccessKey("k" * 64)
TOKEN = PersistentToken("pst-mine")
OTHER = AccessToken("eyJ.other.x")
Script: TypeAlias = list[Head | bytes | NaiError]

GRANTED: Script = [Head(201, Headers.of(content_type="application/json")), b'{"accessToken":"eyJ.new.x"}', b""]
REFUSED: Script = [Head(401), b'{"statusCode":401,"message":"Access Key is incorrect."}', b""]
BUSY: Script = [Head(503), b""]
STREAM_HEAD = Head(200, Headers.of(content_type="text/event-stream"))
JSON_HEAD = Head(200, Headers.of(content_type="application/json"))
STREAM = generate_stream("Once upon a time", max_length=2)
WHOLE = generate("Once upon a time")


def token(text: str, ptr: int, *, final: bool = False) -> bytes:
    return encode_event(ServerSentEvent("newToken", json.dumps({"token": text, "ptr": ptr, "final": final})))


ONE, LAST = token("It", 0), token(" was", 1, final=True)
COMPLETION = Completion("It was", None, "length")
STORY: Script = [STREAM_HEAD, ONE, LAST, b""]


def lost(*, sent: bool) -> TransportError:
    return TransportError("the line is dead", sent=sent, phase="read")


def keys_of(played: FlowTrace[Any, Any]) -> list[str]:
    return [json.loads(request.body)["key"] for request in played.requests]


# ---- logging in


def test_login_by_key_sends_the_key_and_gives_the_token() -> None:
    played = play(account.login_with_key(KEY), GRANTED)
    assert played.kinds == "Send Receive Receive"
    assert played.result == AccessToken("eyJ.new.x")
    (request,) = played.requests
    assert (request.method, request.target, request.host) == ("POST", "/user/login", Host.ACCOUNT)
    assert json.loads(request.body) == {"key": KEY.reveal()}
    assert request.headers.get("content-type") == "application/json"
    assert request.token is None


@for_each("status", [200, 201])
def test_login_takes_any_success(status: int) -> None:
    assert play(account.login_with_key(KEY), [Head(status, JSON_HEAD.headers), *GRANTED[1:]]).error is None


def test_login_by_password_derives_the_key_and_never_sends_the_password() -> None:
    for password in (ALICE[1], Password(ALICE[1])):
        played = play(account.login(ALICE[0], password), GRANTED)
        assert played.kinds == "Compute Send Receive Receive"
        assert keys_of(played) == [ALICE_KEY]
        assert played.result == AccessToken("eyJ.new.x")
        assert ALICE[1].encode() not in played.requests[0].body


def test_a_refused_login_is_tried_with_the_address_in_lower_case() -> None:
    played = play(account.login("Alice@Example.COM", ALICE[1]), [*REFUSED, *GRANTED])
    assert played.kinds == "Compute Send Receive Receive Compute Send Receive Receive"
    first, second = keys_of(played)
    assert first == account.access_key("Alice@Example.COM", Password(ALICE[1])).reveal() != ALICE_KEY
    assert second == ALICE_KEY
    assert played.result == AccessToken("eyJ.new.x")


def test_a_login_that_succeeds_as_typed_is_not_tried_again() -> None:
    played = play(account.login("Alice@Example.COM", ALICE[1]), GRANTED)
    assert len(played.requests) == 1


def test_a_login_refused_in_both_spellings_is_an_authentication_error() -> None:
    played = play(account.login("Alice@example.com", ALICE[1]), [*REFUSED, *REFUSED])
    assert type(played.error) is AuthenticationError
    assert len(played.requests) == 2


def test_an_address_in_lower_case_has_one_spelling() -> None:
    played = play(account.login(*ALICE), REFUSED)
    assert type(played.error) is AuthenticationError
    assert len(played.requests) == 1


def test_only_a_refusal_of_the_key_makes_login_try_the_other_spelling() -> None:
    played = play(account.login("Alice@example.com", ALICE[1]), [Head(400), b""])
    assert type(played.error) is RejectedRequestError
    assert len(played.requests) == 1


def test_a_login_is_repeated_when_the_line_dies() -> None:
    played = play(account.login_with_key(KEY), [lost(sent=True), *GRANTED])
    assert played.kinds == "Send Sleep Send Receive Receive"
    assert played.error is None


@for_each("email, password", [(ALICE[0], "\ud800"), ("\ud800@x", "x")])
def test_a_login_that_cannot_be_sends_nothing(email: str, password: str) -> None:
    played = play(account.login(email, password), [])
    assert type(played.error) is InvalidRequestError
    assert played.requests == []


def test_an_empty_password_is_refused_at_the_call() -> None:
    with pytest.raises(InvalidRequestError, match="the password is empty"):
        account.login(ALICE[0], "")


@for_each(
    "body",
    [
        b"{}",
        b'{"accessToken":5}',
        b'{"accessToken":""}',
        b'{"accessToken":"hunter2 x"}',
        b'{"accessToken":"hunter2\\n"}',
    ],
)
def test_a_token_that_is_none_is_a_protocol_error_that_does_not_quote_it(body: bytes) -> None:
    played = play(account.login_with_key(KEY), [JSON_HEAD, body, b""])
    assert type(played.error) is RemoteProtocolError
    assert "accessToken" in str(played.error)
    assert "hunter2" not in str(played.error)
    assert played.error.__cause__ is None


def test_a_login_shows_neither_key_nor_password() -> None:
    played = play(account.login(ALICE[0], ALICE[1]), GRANTED)
    assert ALICE_KEY not in repr(played.actions)
    assert ALICE[1] not in repr(played.actions)


# ---- using


class Inner:
    """A flow that notes what becomes of it."""

    def __init__(self, *requests: Request) -> None:
        self.requests = requests
        self.got: list[object] = []
        self.closed = False

    def __iter__(self) -> Steps[str, str]:
        try:
            for request in self.requests:
                session = (yield from get_context()).session
                try:
                    self.got.append((yield Send(session.sign(request))))
                except NaiError as error:
                    self.got.append(error)
                    if isinstance(error, InvalidRequestError):
                        raise
            yield Emit(["an event"])
            self.got.append((yield Sleep(1, 2)))
            return "the result"
        finally:
            self.closed = True


BARE = Request("GET", "/a", host=Host.TEXT)


def test_a_token_is_put_on_every_request_that_has_none() -> None:
    inner = Inner(BARE, replace(BARE, token=OTHER), BARE)
    played = play(with_token(TOKEN, inner), [Head(200), Head(201), Head(202)])
    assert [request.token for request in played.requests] == [TOKEN, OTHER, TOKEN]
    assert [request.path for request in played.requests] == ["/a"] * 3
    assert inner.got == [Head(200), Head(201), Head(202), None]
    assert played.events == ["an event"]
    assert played.result == "the result"
    assert played.kinds == "Send Send Send Emit Sleep"
    assert inner.closed


def test_of_nested_tokens_the_inner_one_wins() -> None:
    played = play(with_token(TOKEN, with_token(OTHER, Inner(BARE))), [Head(200)])
    assert played.requests[0].token == OTHER
    assert played.result == "the result"


def test_options_go_around_operations_and_calls_as_well() -> None:
    flows: list[Runnable[Token, Completion]] = [STREAM, Call(STREAM)]
    for each in flows:
        played = play(with_token(TOKEN, each), STORY)
        assert played.requests[0].token == TOKEN
        assert played.result == COMPLETION


def test_options_keep_who_reads_the_answer() -> None:
    sends = [action for action in play(with_token(TOKEN, STREAM), STORY).actions if isinstance(action, Send)]
    assert isinstance(sends[0].call, Call)
    assert sends[0].call.partial == COMPLETION


def test_errors_pass_through_options_in_both_directions() -> None:
    error = lost(sent=True)
    inner = Inner(BARE, BARE)
    played = play(with_token(TOKEN, with_token(OTHER, inner)), [error, Head(200)])
    assert inner.got[0] is error
    assert played.result == "the result"
    final = InvalidRequestError("no")
    inner = Inner(BARE)
    played = play(with_token(TOKEN, inner), [final])
    assert played.error is final
    assert inner.closed


@for_each("nested", [False, True])
def test_closing_closes_the_flow_inside_when_it_is_closed(nested: bool) -> None:
    inner = Inner(BARE)
    held = iter(inner)  # or losing the last reference would close it
    steps = with_token(TOKEN, with_token(OTHER, held) if nested else held)
    next(steps)
    assert not inner.closed
    steps.close()
    assert inner.closed
    assert inner.got == []


@for_each("interruption", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_interruption_closes_the_flow_inside_and_passes(interruption: type[BaseException]) -> None:
    inner = Inner(BARE)
    held = iter(inner)
    steps = with_token(TOKEN, held)
    next(steps)
    with pytest.raises(interruption):
        steps.throw(interruption())
    assert inner.closed
    assert inner.got == []
    held.close()


def test_a_flow_that_logs_in_goes_on_with_its_token() -> None:
    @flow
    def story() -> Steps[Token, str]:
        granted = yield from account.login(*ALICE)
        completion = yield from with_token(granted, STREAM)
        return completion.text

    played = play(story(), [*GRANTED, *STORY])
    assert [request.token for request in played.requests] == [None, AccessToken("eyJ.new.x")]
    assert played.events == [Token("It", 0), Token(" was", 1, final=True)]
    assert played.result == "It was"


def test_the_same_flow_runs_against_the_servers_side() -> None:
    @flow
    def story(email: str) -> Steps[Token, Completion]:
        granted = yield from account.login(email, ALICE[1])
        return (yield from with_token(granted, generate_stream("Once upon a time", max_length=4)))

    emulator = Emulator(now=lambda: 0.0, entropy=bytes)
    emulator.add_account(ALICE[0], Password(ALICE[1]))
    played = run_in_memory(story("ALICE@example.com"), emulator)
    assert len(played.events) == 4
    assert played.result.text == "".join(event.text for event in played.events)
    assert played.result.finish_reason == "length"
    assert len(played.requests) == 3
    assert type(run_in_memory(story("bob@example.com"), emulator).error) is AuthenticationError


# ---- compute


def test_compute_gives_what_the_function_returns() -> None:
    runs: list[int] = []

    def work() -> str:
        runs.append(1)
        return "done"

    played = play(compute(work), [])
    assert played.result == "done"
    assert played.kinds == "Compute"
    assert runs == [1]


def test_compute_raises_what_the_function_raises_where_the_flow_can_catch_it() -> None:
    def work() -> int:
        raise ZeroDivisionError("x")

    @flow
    def careful() -> Steps[Never, str]:
        try:
            yield from compute(work)
        except ZeroDivisionError:
            return "caught"
        return "missed"

    assert play(careful(), []).result == "caught"
    with pytest.raises(ZeroDivisionError):
        play(compute(work), [])


def test_compute_does_not_swallow_an_interruption() -> None:
    def work() -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Compute(work).perform()


def test_none_is_a_result_as_any_other() -> None:
    assert play(compute(lambda: None), []).result is None


# ---- retries


def test_a_busy_server_is_tried_again() -> None:
    played = play(STREAM, [*BUSY, *STORY])
    assert played.kinds == "Send Receive Sleep Send Receive Emit Receive Emit Receive"
    assert played.result == COMPLETION
    assert [request.body for request in played.requests] == [STREAM.request.body] * 2


def test_a_server_that_stays_busy_is_given_up_after_three_tries() -> None:
    played = play(STREAM, [*BUSY, Head(429), b"", Head(503), b"last", b""])
    assert played.kinds == "Send Receive Sleep Send Receive Sleep Send Receive Receive"
    assert type(played.error) is ServerError
    assert played.error.message == "last"


def test_waits_grow_and_are_shortened_by_chance_at_most_a_quarter() -> None:
    policy = RetryPolicy(attempts=8, base_delay=0.5, max_delay=8)
    played = play(STREAM.with_options(retry=policy), BUSY * 8)
    assert waits(played) == [
        Sleep(0.75 * longest, longest) for longest in (0.5, 1, 2, 4, 8, 8, 8)
    ]  # fmt: skip


def waits(played: FlowTrace[Any, Any]) -> list[Sleep]:
    return [action for action in played.actions if isinstance(action, Sleep)]


@for_each("repeat", [each for each in Repeat if each is not Repeat.EVEN_AFTER_EVENTS])
@for_each("error", [lost(sent=True), lost(sent=False), Truncated("x"), TimedOut("x", sent=True, phase="idle")])
def test_a_stream_whose_events_were_seen_is_never_repeated(repeat: Repeat, error: NaiError) -> None:
    played = play(
        replace(STREAM, repeat=repeat).with_options(retry=RetryPolicy(attempts=99)), [STREAM_HEAD, ONE, error]
    )
    assert played.kinds == "Send Receive Emit Receive"
    assert played.error is error
    assert played.error.partial == Completion("It")


def test_a_stream_that_ends_early_after_events_is_not_repeated() -> None:
    played = play(replace(STREAM, repeat=Repeat.ALWAYS), [STREAM_HEAD, ONE, b""])
    assert type(played.error) is Truncated
    assert waits(played) == []


def test_a_stream_that_had_given_nothing_yet_is_repeated_where_that_does_no_harm() -> None:
    script: Script = [STREAM_HEAD, b": ping\n\n", b"", *STORY]
    assert play(replace(STREAM, repeat=Repeat.ALWAYS), script).result == COMPLETION
    assert type(play(STREAM, script).error) is Truncated


@for_each("operation", [STREAM, WHOLE], ids=["stream", "whole"])
def test_a_paid_call_that_may_have_been_accepted_is_not_repeated(operation: Operation[Any, Any]) -> None:
    head = STREAM_HEAD if operation is STREAM else JSON_HEAD
    scripts: list[Script] = [
        [lost(sent=True)],
        [head, lost(sent=True)],
        [TimedOut("x", sent=True, phase="read")],
        [Head(500), b""],
        [Head(502), b""],
        [Head(504), b""],
        [Head(408), b""],
    ]
    for script in scripts:
        played = play(operation, script)
        assert played.error is not None
        assert len(played.requests) == 1


def test_a_paid_call_that_was_not_sent_is_repeated() -> None:
    played = play(STREAM, [lost(sent=False), TimedOut("x", sent=False, phase="connect"), *STORY])
    assert played.kinds == "Send Sleep Send Sleep Send Receive Emit Receive Emit Receive"
    assert played.result == COMPLETION


def test_a_driver_that_answers_get_context_with_something_else_is_told() -> None:
    steps = get_context()
    next(steps)
    with pytest.raises(TypeError, match="is a FlowContext, not str"):
        steps.send("the context")  # type: ignore[arg-type]


def test_retry_after_is_honoured() -> None:
    for name, value, seconds in (("retry-after", "7", 7), ("retry-after-ms", "2500", 2.5), ("retry-after", "120", 120)):
        played = play(STREAM, [Head(429, Headers([(name, value)])), b"", *STORY])
        (wait,) = waits(played)
        assert wait.at_least == seconds
        assert seconds <= wait.at_most <= 1.2 * seconds
        assert played.result == COMPLETION


def test_retry_after_beyond_patience_is_final() -> None:
    script: Script = [Head(429, Headers.of(retry_after="121")), b""]
    played = play(STREAM, script)
    assert type(played.error) is RateLimitError
    assert played.error.retry_after == 121
    assert waits(played) == []
    patient = STREAM.with_options(retry=RetryPolicy(max_retry_after=200))
    assert waits(play(patient, [*script, *STORY])) == [Sleep(121, 121 * 1.1)]


def test_retry_after_of_zero_is_no_licence_to_hurry() -> None:
    (wait,) = waits(play(STREAM, [Head(503, Headers.of(retry_after="0")), b"", *STORY]))
    assert (wait.at_least, wait.at_most) == RetryPolicy().delay(1, ServerError(503, ""))
    assert wait.at_least > 0


def test_retry_after_does_not_make_an_error_repeatable() -> None:
    for status in (400, 401, 500, 502):
        played = play(STREAM, [Head(status, Headers.of(retry_after="1")), b""])
        assert waits(played) == []


LOCKED: Script = [Head(429), b'{"statusCode":429,"message":"Concurrent generation is locked"}', b""]


def test_the_generation_lock_is_waited_for_with_more_patience() -> None:
    played = play(STREAM, [*LOCKED * 9, *STORY])
    assert played.result == COMPLETION
    assert [wait.at_least for wait in waits(played)][:3] == [1.0, 1.0, 1.1]
    assert all(wait.at_least <= wait.at_most <= 1.2 * wait.at_least for wait in waits(played))


@for_each("seconds", [0.0, 5.0, 60.0])
def test_the_generation_lock_is_waited_for_in_seconds(seconds: float) -> None:
    played = play(STREAM.with_options(retry=RetryPolicy(lock_wait=seconds)), LOCKED * 99)
    assert type(played.error) is ConcurrentGenerationError
    assert seconds - 9 <= sum(wait.at_most for wait in waits(played)) <= seconds


def test_a_wait_that_does_not_fit_the_budget_leaves_the_refusal() -> None:
    refused: Script = [Head(429, Headers.of(retry_after="30")), b""]
    for script, total in ((refused, 20.0), (refused, 30.0), (LOCKED, 0.5)):
        played = play(STREAM.with_options(timeouts=Timeouts(total=total)), script)
        assert isinstance(played.error, RateLimitError)
        assert waits(played) == []


def test_a_flow_knows_why_it_pauses() -> None:
    (wait,) = waits(play(STREAM, [*BUSY, *STORY]))
    assert isinstance(wait.reason, StatusError)


def test_never_is_one_try() -> None:
    scripts: list[Script] = [BUSY, LOCKED, [lost(sent=False)]]
    for script in scripts:
        played = play(STREAM.with_options(retry=NO_RETRY), script)
        assert played.error is not None
        assert len(played.requests) == 1


def test_what_is_repeatable_is_tried_again_after_everything_that_may_pass() -> None:
    scripts: list[Script] = [
        [lost(sent=True)],
        [JSON_HEAD, b'{"out', lost(sent=True)],
        [JSON_HEAD, b'{"out', Truncated("x")],
        [Head(500), b""],
        [Head(502), b""],
        [Head(408), b""],
        [TimedOut("x", sent=True, phase="read")],
    ]
    for script in scripts:
        played = play(replace(WHOLE, repeat=Repeat.ALWAYS), [*script, JSON_HEAD, b'{"output":"x"}', b""])
        assert played.result == Completion("x")
        assert len(waits(played)) == 1


@for_each(
    "script",
    [
        [Head(400), b""],
        [Head(401), b""],
        [Head(402), b""],
        [Head(403), b""],
        [Head(404), b""],
        [Head(418), b""],
        [Head(302), b""],
        [JSON_HEAD, b'{"error":"no"}', b""],
        [JSON_HEAD, b"{", b""],
        [Head(200, Headers.of(content_type="audio/mpeg"))],
        [InvalidRequestError("x")],
        [RemoteProtocolError("x")],
    ],
)
def test_what_will_not_pass_is_final(script: Script) -> None:
    played = play(replace(WHOLE, repeat=Repeat.ALWAYS), script)
    assert played.error is not None
    assert len(played.requests) == 1


def test_each_try_is_a_call_of_its_own() -> None:
    played = play(STREAM, [*BUSY, *STORY])
    calls = [action.call for action in played.actions if isinstance(action, Send)]
    assert len({id(call) for call in calls}) == 2
    assert [isinstance(call, Call) and call.state.value for call in calls] == ["failed", "done"]


# ---- the policy, as a table

some_seconds = st.floats(0, 1e6)
policies = st.builds(
    RetryPolicy,
    attempts=st.integers(1, 10),
    base_delay=st.floats(0, 10),
    max_delay=st.floats(0, 100),
    lock_wait=st.floats(0, 100),
    max_retry_after=st.floats(0, 1000),
)
every_error: st.SearchStrategy[NaiError] = st.one_of(
    st.builds(
        lambda status, message, wait: StatusError.kind(status, message)(status, message, retry_after=wait),
        st.sampled_from([400, 401, 408, 409, 429, 429, 500, 502, 503]) | st.integers(100, 999),
        st.sampled_from(["", "Concurrent generation is locked"]),
        st.none() | st.floats(0, allow_nan=False),
    ),
    st.builds(lost, sent=st.booleans()),
    st.builds(TimedOut, st.just("x"), sent=st.booleans(), phase=st.sampled_from(["connect", "read", "idle", "total"])),
    st.sampled_from(
        [
            Truncated("x"),
            RemoteProtocolError("x"),
            LimitExceeded("body", limit=1, value=2),
            InvalidRequestError("x"),
            StreamError("x"),
            errors.Damaged("x"),
            NaiError("x"),
        ]
    ),
)


@given(policies, st.integers(1, 10**6), every_error, st.booleans(), st.sampled_from(Repeat))
@example(RetryPolicy(attempts=5000), 2000, ServerError(503, ""), False, Repeat.IF_NOT_ACTED)
def test_a_delay_is_sane_or_none(
    policy: RetryPolicy, attempt: int, error: NaiError, started: bool, repeat: Repeat
) -> None:
    delay = policy.delay(attempt, error, repeat=repeat, started=started)
    locked = isinstance(error, ConcurrentGenerationError)
    seen = started and repeat is not Repeat.EVEN_AFTER_EVENTS
    if seen or repeat is Repeat.NEVER or (attempt >= policy.attempts and not locked):
        assert delay is None
    if delay is None:
        return
    assert 0 <= delay[0] <= delay[1]
    retry_after_s = error.retry_after if isinstance(error, StatusError) else None
    if retry_after_s:
        assert retry_after_s <= delay[0]
        assert retry_after_s <= (policy.lock_wait if locked else policy.max_retry_after)
    elif not locked:
        assert delay[1] <= policy.max_delay
    harmless = isinstance(error, RateLimitError) or (isinstance(error, ServerError) and error.status == 503)
    harmless = harmless or (isinstance(error, TransportError) and not error.sent)
    assert harmless or repeat in (Repeat.ALWAYS, Repeat.EVEN_AFTER_EVENTS)
    assert harmless != may_have_acted(error)


@for_each(
    "error, careful, repeatable",
    [
        (RateLimitError(429, ""), True, True),
        (ConcurrentGenerationError(429, ""), True, True),
        (ServerError(503, ""), True, True),
        (ServerError(500, ""), False, True),
        (ServerError(502, ""), False, True),
        (RequestTimeoutError(408, ""), False, True),
        (Truncated("x"), False, True),
        (lost(sent=True), False, True),
        (lost(sent=False), True, True),
        (TimedOut("x", sent=True, phase="read"), False, True),
        (TimedOut("x", sent=False, phase="connect"), True, True),
        (RejectedRequestError(400, ""), False, False),
        (AuthenticationError(401, ""), False, False),
        (ConflictError(409, ""), False, False),
        (StreamError("x"), False, False),
        (RemoteProtocolError("x"), False, False),
        (InvalidRequestError("x"), False, False),
    ],
)
def test_what_may_be_repeated(error: NaiError, careful: bool, repeatable: bool) -> None:
    policy = RetryPolicy()
    assert (policy.delay(1, error, repeat=Repeat.IF_NOT_ACTED) is not None) == careful
    assert (policy.delay(1, error, repeat=Repeat.ALWAYS) is not None) == repeatable
    assert policy.delay(1, error, repeat=Repeat.NEVER) is None
    assert NO_RETRY.delay(1, error, repeat=Repeat.ALWAYS) is None
    assert policy.delay(1, error, repeat=Repeat.ALWAYS, started=True) is None
    if not isinstance(error, ConcurrentGenerationError):
        assert policy.delay(policy.attempts, error, repeat=Repeat.ALWAYS) is None


# ---- operations as values

OPERATIONS: dict[str, Callable[[], Operation[Any, Any]]] = {
    "generate": lambda: generate("Once", model="clio-v1", temperature=1.5, extra={"x": [1, None]}),
    "generate_stream": lambda: generate_stream("Once", model=Model.ERATO, max_length=7),
    "login_with_key": lambda: account.login_with_key(KEY),
}
every_operation = for_each("make", OPERATIONS.values())


@every_operation
def test_an_operation_is_a_value(make: Callable[[], Operation[Any, Any]]) -> None:
    one, other = make(), make()
    assert one == other
    assert hash(one) == hash(other)
    assert one != one.with_options(retry=NO_RETRY)
    assert one.with_options() == one
    assert one.with_options(retry=NO_RETRY).request == one.request
    with pytest.raises(FrozenInstanceError):
        one.repeat = Repeat.NEVER  # type: ignore[misc]
    with pytest.raises((AttributeError, TypeError)):
        one.more = 1  # type: ignore[attr-defined]


@every_operation
def test_an_operation_pickles(make: Callable[[], Operation[Any, Any]]) -> None:
    arrived = pickle.loads(pickle.dumps(make()))
    assert arrived == make()
    assert hash(arrived) == hash(make())
    assert arrived.request.body == make().request.body
    assert pickle.loads(pickle.dumps(make().with_options(retry=NO_RETRY))) == make().with_options(retry=NO_RETRY)


def test_two_questions_are_two_operations() -> None:
    assert len({make() for make in OPERATIONS.values()}) == len(OPERATIONS)
    assert generate("a") != generate("b")
    assert generate_stream("a") != generate_stream("a", max_length=50)


def test_an_operation_runs_again_and_at_the_same_time() -> None:
    assert play(STREAM, STORY).result == play(STREAM, STORY).result == COMPLETION
    one, other = iter(STREAM), iter(STREAM)
    context = FlowContext(Session(), lambda: 0.0, bytes)
    for steps in (one, other):
        assert isinstance(next(steps), GetContext)
        assert isinstance(steps.send(context), Send)
        assert isinstance(steps.send(STREAM_HEAD), Receive)
    for steps in (one, other):
        emitted = steps.send(ONE + LAST)
        assert isinstance(emitted, Emit)
        assert len(emitted.events) == 2
    assert [end(steps) for steps in (one, other)] == [COMPLETION, COMPLETION]


def end(steps: Steps[Any, Completion]) -> Completion:
    assert isinstance(steps.send(None), Receive)
    with pytest.raises(StopIteration) as caught:
        steps.send(b"")
    result: Completion = caught.value.value
    return result


CHILD = """
import pickle, sys
from nai_proto.testing import play
operation, session, script = pickle.load(sys.stdin.buffer)
played = play(operation, script, session)
pickle.dump((played.events, played.error or played.result, played.requests[0], operation), sys.stdout.buffer)
"""


def test_an_operation_runs_in_another_process() -> None:
    session = Session(base_url="http://host.example", token=TOKEN, limits=Limits(line=1000))
    scripts: list[tuple[Operation[Any, Any], Script]] = [
        (STREAM, STORY),
        (STREAM, [STREAM_HEAD, ONE, lost(sent=True)]),
        (account.login_with_key(KEY), [*GRANTED]),
    ]
    for operation, script in scripts:
        expected = play(operation, script, session)
        done = subprocess.run(
            [*forked_python(), "-c", CHILD],
            input=pickle.dumps((operation, session, script)),
            capture_output=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(Path(nai_proto.__file__).parents[1])},
            timeout=50,
        )
        assert done.returncode == 0, done.stderr
        events, outcome, signed, returned = pickle.loads(done.stdout)
        assert events == expected.events
        assert signed == expected.requests[0]
        assert signed.fields() == expected.requests[0].fields()
        assert returned == operation
        if isinstance(expected.error, NaiError):
            assert type(outcome) is type(expected.error)
            assert str(outcome) == str(expected.error)
            assert vars(outcome) == vars(expected.error)
        else:
            assert outcome == expected.result


# ---- play


def test_a_script_that_is_too_short_is_the_tests_mistake() -> None:
    with pytest.raises(AssertionError, match="no reply for Receive"):
        play(STREAM, [STREAM_HEAD])


def test_play_closes_the_flow_whatever_happens() -> None:
    inner = Inner(BARE)
    held = iter(inner)
    with pytest.raises(AssertionError, match="no reply"):
        play(held, [])
    assert inner.closed


def test_play_does_not_look_further_than_the_flow_goes() -> None:
    def script() -> Iterator[Head | bytes | NaiError]:
        yield Head(404)
        yield b""
        raise AssertionError("nobody asked")

    assert isinstance(play(STREAM, script()).error, StatusError)


def test_actions_show_no_text() -> None:
    assert "secret" not in repr(Emit([Token("secret")])) + repr(Send(generate("secret").request))
