"""Flows are values: they run any number of times, compare, pickle, and say what is wrong with what is no flow."""

from __future__ import annotations

import pickle
import subprocess
from collections.abc import Callable, Generator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import nai_proto as nai
from nai_proto import account, text
from nai_proto.emulator.faults import FaultyApp
from nai_proto.errors import InvalidRequestError, InvalidTypeError, NaiError, TransportError, Truncated
from nai_proto.exchange.actions import (
    Action,
    Emit,
    FlowContext,
    GetContext,
    Runnable,
    Send,
    Sleep,
    Steps,
    compute,
    get_context,
)
from nai_proto.exchange.flow import map_actions, perform_for_events
from nai_proto.exchange.run import Run
from nai_proto.http import Head, Headers, Request
from nai_proto.limits import Limits, Timeouts
from nai_proto.secret import AccessToken, PersistentToken
from nai_proto.testing import Clock, FlowTrace, play, run_in_memory
from nai_transports import memory
from nai_transports.servers.serve import serve_in_thread
from tests.cases import for_each
from tests.forked_python import forked_python
from tests.support import ALL, ASYNC, EMAIL, PASSWORD, SYNC, an_emulator, connecting, on, opened, running

every_transport = pytest.mark.parametrize("transport", ALL)
STORY_HEAD = Head(200, Headers.of(content_type="text/event-stream"))
STORY: list[Head | bytes | NaiError] = [
    STORY_HEAD,
    b'data:{"token":"It","ptr":0,"final":false}\n\ndata:{"token":" was","ptr":1,"final":true}\n\n',
    b"",
]
STORY_PART = b'data:{"token":"It was","ptr":0,"final":false}\n\n'
BUSY: list[Head | bytes | NaiError] = [
    Head(429),
    b'{"statusCode":429,"message":"Concurrent generation is locked"}',
    b"",
]


@nai.flow
def tell(email: str, password: str, prompt: str, *, length: int = 6) -> Steps[text.Token, text.Completion]:
    token = yield from account.login(email, password)
    operation = text.generate_stream(prompt, max_length=length, extra={"seed": 7})
    return (yield from operation.with_options(token=token))


TALE = tell(EMAIL, PASSWORD, "Once upon a time")


class Teller:
    """Methods may be flows."""

    def __init__(self, prompt: str) -> None:
        self.prompt = prompt

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Teller) and other.prompt == self.prompt

    def __hash__(self) -> int:
        return hash(self.prompt)

    @nai.flow
    def tell(self, length: int) -> Steps[text.Token, text.Completion]:
        """Tell it."""
        return (yield from text.generate_stream(self.prompt, max_length=length))


# ---- the value


@every_transport
def test_one_flow_value_runs_again_after_a_pickle_and_everywhere_alike(transport: str) -> None:
    expected = run_in_memory(TALE, an_emulator()[0])
    for value in (TALE, TALE, pickle.loads(pickle.dumps(TALE))):
        outcome = on(transport, an_emulator()[0], lambda value=value: value)  # type: ignore[misc]
        assert outcome.error is None
        assert (outcome.events, outcome.result) == (expected.events, expected.result)


CHILD = """
import asyncio, pickle, sys, trio
flow, transport, url = pickle.load(sys.stdin.buffer)
from nai_proto.exchange.session import Session
from tests.support import at
outcome = at(transport, Session(base_url=url), [lambda: flow])[0]
pickle.dump((outcome.events, outcome.result), sys.stdout.buffer)
"""


@pytest.mark.parametrize("transport", ["sync", "httpx", "asyncio", "trio", "httpx-asyncio", "httpx-trio"])
def test_a_flow_value_runs_in_another_process(transport: str) -> None:
    expected = run_in_memory(TALE, an_emulator()[0])
    with serve_in_thread(an_emulator()[0]) as url:
        done = subprocess.run(
            [*forked_python(), "-c", CHILD],
            input=pickle.dumps((TALE, transport, url)),
            capture_output=True,
            check=False,
            cwd=Path(__file__).parent.parent,
            timeout=50,
        )
    assert done.returncode == 0, done.stderr
    assert pickle.loads(done.stdout) == (expected.events, expected.result)


def test_flows_compare_by_function_arguments_and_options() -> None:
    assert tell("a", "b", "c") == tell(email="a", password="b", prompt="c") == tell("a", "b", prompt="c", length=6)
    assert hash(tell("a", "b", "c")) == hash(tell("a", "b", prompt="c"))
    assert tell("a", "b", "c") != tell("a", "b", "d")
    assert tell("a", "b", "c", length=5) != tell("a", "b", "c", length=6)
    assert tell("a", "b", "c") != tell("a", "b", "c").with_options(token="x")
    assert Teller("x").tell(5) == Teller("x").tell(length=5) != Teller("y").tell(5)
    assert tell("a", "b", "c") != 5


def test_a_flow_shows_no_argument() -> None:
    assert "hunter2" not in repr(tell("a", "hunter2", "c").with_options(token="pst-hunter2"))
    assert "tell" in repr(tell("a", "b", "c"))


def test_a_flow_keeps_the_name_and_the_docstring_of_its_function() -> None:
    assert Teller.tell.__doc__ == "Tell it."
    assert (tell.__name__, tell.__module__) == ("tell", __name__)


def test_a_method_is_a_flow() -> None:
    assert play(Teller("x").tell(5), STORY).result.text == "It was"
    assert play(Teller("x").tell(length=5), STORY).result.text == "It was"
    assert pickle.loads(pickle.dumps(Teller("x").tell(5))) == Teller("x").tell(5)


def test_wrong_arguments_are_refused_at_the_call() -> None:
    wrong: Any = tell
    for given, named in (((), {}), (("a", "b", "c", "d"), {}), (("a", "b", "c"), {"width": 5})):
        with pytest.raises(TypeError, match="argument"):
            wrong(*given, **named)


def test_what_is_empty_when_it_is_read_again_is_refused_as_an_argument() -> None:
    with pytest.raises(InvalidTypeError, match="pass a list or a tuple"):
        tell("a", "b", iter("c"))  # type: ignore[arg-type]


def test_a_partial_function_of_a_generator_function_is_a_flow() -> None:
    def bare(prompt: str, length: object) -> Steps[text.Token, text.Completion]:
        return (yield from text.generate_stream(prompt))

    make = nai.flow(partial(bare, "x"))
    assert play(make(5), STORY).result.text == "It was"
    with pytest.raises(InvalidTypeError, match="pass a list or a tuple"):
        make(iter("c"))


def test_what_is_no_generator_function_is_no_flow() -> None:
    def nothing() -> Any:
        return text.generate("x")

    with pytest.raises(InvalidTypeError, match=r"nothing has no yield.*return \(yield from"):
        nai.flow(nothing)


# ---- options


@nai.flow
def context_of() -> Steps[Any, FlowContext]:
    return (yield from get_context())


@nai.flow
def nested(inner: Runnable[Any, Any]) -> Steps[Any, Any]:
    return (yield from inner)


def test_what_is_nearer_to_the_request_wins() -> None:
    near, far = Limits(body=1), Limits(body=2)
    flow = nested(context_of().with_options(limits=near, token="pst-near")).with_options(limits=far, token="pst-far")
    context = play(flow, []).result
    assert (context.limits, context.session.token) == (near, PersistentToken("pst-near"))
    retry = nai.RetryPolicy(attempts=9)
    context = play(nested(context_of().with_options(limits=near)).with_options(retry=retry), []).result
    assert (context.limits, context.retry) == (near, retry)


def test_later_options_replace_earlier_ones_and_keep_the_others() -> None:
    flow = context_of().with_options(token="a", limits=Limits(body=1)).with_options(token="b")
    context = play(flow, []).result
    assert context.session.token == AccessToken("b")
    assert context.limits == Limits(body=1)
    operation = text.generate("x").with_options(token="a", limits=Limits(body=1)).with_options(token="b")
    assert (operation.options.token, operation.options.limits) == (AccessToken("b"), Limits(body=1))


def test_a_token_of_a_flow_signs_every_request_that_has_none() -> None:
    played = play(nested(text.generate_stream("x")).with_options(token="pst-mine"), STORY)
    assert [request.token for request in played.requests] == [PersistentToken("pst-mine")]
    near = nested(text.generate_stream("x").with_options(token="pst-near")).with_options(token="pst-far")
    assert [request.token for request in play(near, STORY).requests] == [PersistentToken("pst-near")]


@for_each("options", [{"token": 5}, {"limits": 5}, {"timeouts": 5.0}, {"retry": 3}])
def test_options_of_a_wrong_type_are_refused_by_name(options: Any) -> None:
    for value in (context_of(), text.generate("x")):
        with pytest.raises(InvalidTypeError, match=next(iter(options))):
            value.with_options(**options)


@for_each("token", ["", "with blank", "line\nend", "\u00fcmlaut"])
def test_a_token_that_no_header_field_takes_is_refused_and_not_shown(token: str) -> None:
    for make in (lambda: context_of().with_options(token=token), lambda: nai.Session(token=token)):
        with pytest.raises(InvalidRequestError) as caught:
            make()
        assert not token or token not in str(caught.value)


def test_the_context_has_clock_entropy_and_what_is_left_of_the_total() -> None:
    @nai.flow
    def times() -> Steps[Any, list[Any]]:
        context = yield from get_context()
        seen: list[Any] = [context.now(), context.entropy(3), context.remaining]
        yield Sleep(2.0, 2.0)
        return [*seen, (yield from get_context()).remaining]

    with memory.Client(an_emulator()[0], clock=Clock()) as client:
        *_, before, after = client.run(times().with_options(timeouts=Timeouts(total=5.0)))
        assert (before, after) == (5.0, 3.0)
    played = play(times(), [], clock=Clock(1000.0), entropy=bytes)
    assert played.result[:3] == [1000.0, b"\0\0\0", None]


def test_limits_of_an_operation_bound_its_response() -> None:
    flow = nested(text.generate_stream("x").with_options(limits=Limits(line=10)))
    assert isinstance(play(flow, STORY).error, nai.LimitExceeded)


def test_a_total_set_deeper_bounds_each_exchange_there() -> None:
    @nai.flow
    def twice() -> Steps[Any, int]:
        operation = text.generate("x").with_options(timeouts=Timeouts(total=1.0), retry=nai.NO_RETRY)
        for _ in range(2):
            yield from operation
        return 2

    emulator, owner = an_emulator(pace=0.0)
    app = FaultyApp(emulator, "delay:seconds=0.7")
    session = nai.Session(base_url="http://x", token=owner.persistent_token)
    with memory.Client(app, session, clock=Clock()) as client:
        assert client.run(twice()) == 2
        with pytest.raises(nai.TimedOut) as caught:
            client.run(twice().with_options(timeouts=Timeouts(total=1.0)))
    assert caught.value.phase == "total"


# ---- events and partial results


def test_events_are_mapped_one_by_one_and_results_stay() -> None:
    for value in (text.generate_stream("x"), nested(text.generate_stream("x"))):
        mapped = value.map_events(_length)
        played: FlowTrace[Any, Any] = play(mapped, STORY)
        assert (played.events, played.result.text) == ([2, 4], "It was")
        assert play(pickle.loads(pickle.dumps(mapped)), STORY).events == [2, 4]


def _length(token: text.Token) -> int:
    return len(token.text)


def _fail(token: text.Token) -> int:
    raise TransportError(f"mapping of {len(token.text)}", sent=False, phase="read")


def test_an_error_of_a_mapping_is_never_thrown_into_the_flow_below() -> None:
    caught: list[BaseException] = []

    @nai.flow
    def forgiving() -> Steps[Any, Any]:
        try:
            return (yield from text.generate_stream("x"))
        except NaiError as error:
            caught.append(error)
            return None

    played = play(forgiving().map_events(_fail), STORY)
    assert isinstance(played.error, TransportError)
    assert caught == []


@every_transport
def test_a_flow_may_say_how_its_partial_result_is_made(transport: str) -> None:
    outcome = on(transport, an_emulator()[0], lambda: TALE.with_partial(_words))
    assert outcome.partial == len(outcome.result.text.split())


def test_the_partial_result_of_an_error_is_mapped_too() -> None:
    played = play(nested(text.generate_stream("x")).with_partial(_words), [STORY_HEAD, STORY_PART, b""])
    assert isinstance(played.error, Truncated)
    assert played.error.partial == 2


def _words(partial: object) -> int:
    return len(partial.text.split()) if isinstance(partial, text.Completion) else 0


# ---- what is no flow


def _yields(value: object) -> Callable[[], Any]:
    @nai.flow
    def wrong() -> Steps[Any, Any]:
        yield value  # type: ignore[misc]

    return wrong


def _started() -> Generator[Any, Any, Any]:
    steps = iter(text.generate("x"))
    next(steps)
    return steps


def _ended() -> Generator[Any, Any, Any]:
    steps = iter(compute(lambda: 5))
    steps.close()
    return steps


MISUSES: dict[str, tuple[Callable[[], Any], str]] = {
    "a generator that has started": (_started, "has started already"),
    "a generator that has ended": (_ended, "@nai.flow"),
    "a function that was not called": (lambda: tell, r"tell is a function that was not called: run tell\("),
    "a bound method": (lambda: Teller("x").tell, "was not called"),
    "a partial function": (lambda: partial(text.generate, "x"), "this is of type partial"),
    "a text": (lambda: "Once", "nai.text.generate"),
    "None": (lambda: None, "NoneType"),
    "a list": (lambda: [text.generate("x")], "list"),
    "an operation that is yielded": (lambda: _yields(text.generate("x"))(), "wrong.*`yield from`, not `yield`"),
    "a flow that is yielded": (lambda: _yields(context_of())(), "`yield from`, not `yield`"),
    "a value that is yielded": (lambda: _yields(5)(), "int, which is not an action"),
    "a value that is yielded deeper": (lambda: nested(_yields(5)()), r"\.wrong \(line [0-9]+\) yielded"),
    "None that is yielded": (lambda: _yields(None)(), "NoneType, which is not an action"),
    "a request that is not signed": (lambda: _yields(Send(Request("GET", "/x")))(), "sign it"),
}
every_misuse = pytest.mark.parametrize(("make", "advice"), MISUSES.values(), ids=MISUSES.keys())


@every_misuse
def test_misuse_is_an_error_that_says_what_to_write_instead_in_memory(make: Callable[[], Any], advice: str) -> None:
    with pytest.raises(InvalidTypeError, match=advice):
        raise play(make(), []).error or AssertionError
    with memory.Client(an_emulator()[0]) as client, pytest.raises(InvalidTypeError, match=advice):
        client.run(make())


@every_misuse
@for_each("transport", SYNC)
def test_misuse_is_an_error_on_every_sync_driver(transport: str, make: Callable[[], Any], advice: str) -> None:
    with opened(transport, nai.Session(base_url="http://127.0.0.1:9")) as client:
        with pytest.raises(InvalidTypeError, match=advice):
            client.run(make())
        with pytest.raises(InvalidTypeError, match=advice), client.stream(make()) as stream:
            list(stream)


@every_misuse
@for_each("transport", ASYNC)
def test_misuse_is_an_error_on_every_async_driver(transport: str, make: Callable[[], Any], advice: str) -> None:
    async def main() -> None:
        async with connecting(transport, nai.Session(base_url="http://127.0.0.1:9")) as client:
            with pytest.raises(InvalidTypeError, match=advice):
                await client.run(make())

    running(transport, main)


def test_a_stream_is_no_flow() -> None:
    with memory.Client(an_emulator()[0]) as client:
        stream = client.stream(text.generate_stream("x"))
        with pytest.raises(InvalidTypeError, match="Stream is running already: iterate it"):
            client.run(stream)  # type: ignore[arg-type]


def test_a_bare_generator_runs_once() -> None:
    def bare() -> Steps[text.Token, text.Completion]:
        return (yield from text.generate_stream("x"))

    steps = bare()
    assert play(steps, STORY).result.text == "It was"
    with pytest.raises(InvalidTypeError, match=r"\(bare\) has ended"):
        play(steps, STORY)


def test_a_call_runs_once_and_says_so() -> None:
    call = nai.Call(text.generate_stream("x"))
    assert play(call, STORY).result.text == "It was"
    played = play(call, STORY)
    assert isinstance(played.error, nai.LocalProtocolError)
    assert "a call is used once" in str(played.error)


def test_actions_of_a_flow_pass_through_a_mapping() -> None:
    def shorter(action: Action[text.Token]) -> Action[text.Token]:
        return Sleep(0.0, 0.0) if isinstance(action, Sleep) else action

    played = play(map_actions(text.generate_stream("x"), shorter), [*BUSY, *STORY])
    assert [action.at_most for action in played.actions if isinstance(action, Sleep)] == [0.0]
    assert not any(isinstance(action, GetContext) for action in played.actions)
    assert isinstance(played.actions[-2], Emit)


def test_in_place_of_events_come_the_steps_for_them_and_the_result_stays() -> None:
    seen: list[str] = []

    def steps(tokens: Sequence[text.Token]) -> Steps[str, None]:
        yield from compute(lambda: seen.extend(token.text for token in tokens))
        yield Emit(["".join(token.text for token in tokens)])

    played = play(perform_for_events(text.generate_stream("x"), steps), [*BUSY, *STORY])
    assert played.events == ["It was"]
    assert played.result.text == "It was"
    assert seen == ["It", " was"]


def test_errors_reach_the_flow_whose_events_are_replaced_except_those_of_the_steps() -> None:
    caught: list[BaseException] = []
    closed: list[bool] = []

    @nai.flow
    def watched() -> Steps[text.Token, Any]:
        try:
            return (yield from text.generate_stream("x"))
        except NaiError as error:
            caught.append(error)
            return "forgiven"
        finally:
            closed.append(True)

    def none(tokens: Sequence[text.Token]) -> Steps[Any, None]:
        yield from ()

    def failing(tokens: Sequence[text.Token]) -> Steps[Any, None]:
        yield from compute(lambda: _fail(tokens[0]))

    lost = TransportError("the line is dead", sent=True, phase="idle")
    assert play(perform_for_events(watched(), none), [*STORY[:1], lost]).result == "forgiven"
    assert [type(error) for error in caught] == [TransportError]
    failed = play(perform_for_events(watched(), failing), STORY)
    assert "mapping of 2" in str(failed.error)
    assert (len(caught), closed) == (1, [True, True])


def test_a_run_has_no_partial_result_before_its_first_request() -> None:
    run = Run(text.generate_stream("x"), nai.Session(), now=Clock(), entropy=bytes)
    assert run.partial is None
    assert not run.has_result


def test_an_exchange_has_the_timeouts_that_it_is_sent_with() -> None:
    run = Run(text.generate_stream("x"), nai.Session(), now=Clock(), entropy=bytes)
    request = Request("GET", "/")
    assert run.budget_for(Send(request, None, Timeouts(read=7), None)).limit("read") == 7
    assert run.budget_for(Send(request)) is run.budget
