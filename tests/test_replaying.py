"""What a recording answers: the same again, in order, with its pieces, its pauses and its faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from nai_proto import account, image, objects, text
from nai_proto.emulator.faults import FAULTS, FaultyApp
from nai_proto.emulator.recording import Ending, RecordedExchange, Recorder, Recording, Redaction, Replayer, SentAction
from nai_proto.errors import NotFoundError
from nai_proto.exchange.actions import Runnable, Sleep
from nai_proto.exchange.operation import Operation
from nai_proto.exchange.reply import App, Cut, Handler, Read, Start, Wait, Write
from nai_proto.exchange.retry import NO_RETRY
from nai_proto.exchange.session import Session
from nai_proto.http import Head, Headers, Request
from nai_proto.limits import Timeouts
from nai_proto.secret import AccessToken
from nai_proto.testing import Clock, FlowTrace, run_in_memory
from tests.cases import for_each
from tests.support import Outcome, all_on, an_emulator, answers, counting, streams, token, with_token

QUICK = Timeouts(read=0.25, idle=0.25)
STORY = text.generate_stream("Once", max_length=9).with_options(retry=NO_RETRY)
EVENTS = (token("Once", 0), token(" upon", 1), token(" a time", 2, final=True))
KEPT = Redaction(bytes(16), contents=True)


def record(app: App, *flows: Runnable[Any, Any], redaction: Redaction = KEPT, clock: Clock | None = None) -> Recording:
    """Run flows in memory, and return their recording."""
    kept: list[RecordedExchange] = []
    clock = clock or Clock()
    noting = Recorder(app, lambda exchange: kept.append(redaction.redact(exchange)), clock)
    for flow in flows:
        run_in_memory(flow, noting, clock=clock)
    return Recording(tuple(kept), redaction.contents)


def json(text_: bytes) -> App:
    return answers(200, text_, content_type="application/json")


# ---- recording changes nothing


def test_an_app_does_the_same_while_it_is_recorded() -> None:
    def played(app: App) -> FlowTrace[Any, Any]:
        return run_in_memory(with_token(AccessToken("x"), text.generate_stream("Once", max_length=5)), app)

    (plain, _), (noted, _) = an_emulator(), an_emulator()
    one, two = played(plain), played(Recorder(noted, lambda _: None, Clock()))
    assert one.kinds == two.kinds
    assert str(one.error) == str(two.error)


def test_a_stopped_handler_is_recorded_and_closed() -> None:
    kept: list[RecordedExchange] = []
    with counting(streams(EVENTS[0])) as (app, at_work):
        handler = Recorder(app, kept.append, Clock())(Request("POST", "/x"))
        assert isinstance(next(handler), Read)
        assert isinstance(handler.send(b"half"), Read)
        handler.close()
        assert at_work == [0]
    assert [(one.body, one.whole, one.answer, one.ending) for one in kept] == [(b"half", False, (), Ending.LEFT)]


def test_a_client_that_leaves_after_the_whole_response_is_recorded_as_complete() -> None:
    kept: list[RecordedExchange] = []
    handler = Recorder(json(b"{}"), kept.append, Clock())(Request("POST", "/x"))
    actions = [type(next(handler)).__name__, type(handler.send(b"")).__name__]
    handler.close()  # before the body
    handler = Recorder(json(b"{}"), kept.append, Clock())(Request("POST", "/x"))
    actions += [type(action).__name__ for action in (next(handler), handler.send(b""), next(handler))]
    handler.close()  # behind it
    assert actions == ["Read", "Start", "Read", "Start", "Write"]
    assert [one.ending for one in kept] == [Ending.LEFT, Ending.COMPLETE]


def test_an_exception_of_the_app_is_recorded_as_a_cut() -> None:
    def broken(request: Request) -> Handler:
        yield Read()
        raise RuntimeError("broken")

    kept: list[RecordedExchange] = []
    with pytest.raises(RuntimeError, match="broken"):
        run_in_memory(STORY, Recorder(broken, kept.append, Clock()))
    assert [one.ending for one in kept] == [Ending.CUT]


def test_the_time_between_pieces_is_recorded() -> None:
    def slow(request: Request) -> Handler:
        yield from streams()(request)
        for event in EVENTS:
            yield Wait(1.5)
            yield Write(event)

    found = record(slow, STORY)
    (exchange,) = found.exchanges
    assert [sent.after for sent in exchange.answer] == [0.0, 1.5, 1.5, 1.5]
    for as_recorded, took in ((True, 4.5), (False, 0.0)):
        clock = Clock()
        assert (
            run_in_memory(STORY, Replayer(found, as_recorded=as_recorded), clock=clock).result.text
            == "Once upon a time"
        )
        assert clock() == took


# ---- what is answered


def test_equal_requests_are_answered_in_order_until_they_are_used_up() -> None:
    said = iter([b'{"output":"one"}', b'{"output":"two"}'])
    ask = text.generate("Once", max_length=9).with_options(retry=NO_RETRY)
    app = Replayer(record(lambda request: json(next(said))(request), ask, ask))
    assert [run_in_memory(ask, app).result.text for _ in range(2)] == ["one", "two"]
    error = run_in_memory(ask, app).error
    assert isinstance(error, NotFoundError)
    assert "no such request: POST /ai/generate (it has been used); nothing in it is unused" in str(error)


def test_of_requests_that_differ_only_in_contents_the_right_one_answers() -> None:
    prompts = ["The first", "The other"]
    said = iter([b'{"output":"one"}', b'{"output":"two"}'])
    flows = [text.generate(prompt, max_length=9).with_options(retry=NO_RETRY) for prompt in prompts]
    app = Replayer(record(lambda request: json(next(said))(request), *flows))
    assert [run_in_memory(flow, app).result.text for flow in reversed(flows)] == ["two", "one"]


def test_a_recording_with_contents_does_not_answer_another_prompt() -> None:
    found = record(json(b'{"output":"one"}'), text.generate("Once", max_length=9))
    played = run_in_memory(text.generate("Twice", max_length=9), Replayer(found))
    assert "POST /ai/generate (the one in it has another input); the next one in it is POST" in str(played.error)


def chosen_seed(seed: int) -> Runnable[Any, Any]:
    return image.generate("a cat", model="nai-diffusion-3", seed=seed)


def in_a_form(seed: int) -> Runnable[Any, Any]:
    """Return an image request as another client sends it, whose boundary is drawn at random as well."""
    request = image.build_image_request("a cat", model="nai-diffusion-3", seed=seed)
    content_type, body = image.encode_form(request)
    old, new = content_type.partition("=")[2].encode(), b"%016d" % seed
    operation = chosen_seed(seed)
    assert isinstance(operation, Operation)
    headers = Headers.of(content_type=f'multipart/form-data; boundary="{new.decode()}"')
    return replace(operation, request=replace(operation.request, headers=headers, body=body.replace(old, new)))


def sealed_anew(number: int) -> Runnable[Any, Any]:
    return objects.create_object("stories", f"meta-{number}", f"sealed {number}")


@for_each("drawing", [chosen_seed, in_a_form, sealed_anew])
@for_each("contents", [False, True])
def test_what_a_client_draws_at_random_is_not_compared_but_preferred(
    drawing: Callable[[int], Runnable[Any, Any]], contents: bool
) -> None:
    def sent(number: int) -> Runnable[Any, Any]:
        return with_token(AccessToken("x"), drawing(number))

    statuses = iter([404, 409, 403])
    app: App = lambda request: answers(next(statuses), b"{}", content_type="application/json")(request)  # noqa: E731
    replayer = Replayer(record(app, sent(1), sent(2), sent(3), redaction=Redaction(bytes(16), contents=contents)))
    found = [getattr(run_in_memory(sent(number), replayer).error, "status", None) for number in (2, 4, 5)]
    is_recorded = contents or drawing is not in_a_form  # a recording without contents has no form
    assert found == ([409, 404, 403] if is_recorded else [404, 409, 403])


def test_redacted_values_match_any_value() -> None:
    app = json(b'{"output":"one"}')
    found = record(
        app, with_token(AccessToken("secret-one"), text.generate("Then", max_length=9)), redaction=Redaction(bytes(16))
    )
    now = text.generate("Something else altogether", max_length=9).with_options(retry=NO_RETRY)
    assert run_in_memory(with_token(AccessToken("another"), now), Replayer(found)).error is None
    other = text.generate("Then", max_length=10).with_options(retry=NO_RETRY)
    assert isinstance(run_in_memory(other, Replayer(found)).error, NotFoundError)


def test_an_unrecorded_request_is_404_with_the_next_recorded_one() -> None:
    found = record(json(b'{"output":"one"}'), text.generate("Once", max_length=9))
    app = Replayer(found)
    played = run_in_memory(account.get_information(), app)
    assert "the recording has no such request: GET /user/information; the next one in it is POST /ai/generate" in str(
        played.error
    )
    other = run_in_memory(text.generate("Once", max_length=8), app)
    assert "(the one in it has another parameters.max_length); the next one in it is POST /ai/generate" in str(
        other.error
    )
    assert app.unused == found.exchanges
    assert "nothing in it is unused" in str(run_in_memory(account.get_information(), Replayer(Recording(()))).error)


def test_a_request_whose_body_was_not_read_matches_without_it() -> None:
    def refusing(request: Request) -> Handler:
        yield Start(Head(413, Headers.of(content_length="0")))

    ask = text.generate("Once", max_length=9).with_options(retry=NO_RETRY)
    found = record(refusing, ask)
    assert [one.whole for one in found.exchanges] == [False]
    played = run_in_memory(ask, Replayer(found))
    assert getattr(played.error, "status", None) == 413


def test_replayed_pieces_and_cuts_are_those_of_the_recording() -> None:
    head = Start(Head(200, Headers.of(content_type="text/event-stream")))
    sent = (SentAction(head), *(SentAction(Write(bytes([byte]))) for byte in EVENTS[0]))
    handler = Replayer(Recording((RecordedExchange("GET", "/", answer=sent, ending=Ending.CUT),)))(Request("GET", "/"))
    assert isinstance(next(handler), Read)
    assert [handler.send(b""), *handler] == [*(one.action for one in sent), Cut()]


# ---- whatever fails, fails again

FAILING = {
    "gateway": "gateway",
    "refuse": "refuse:status=429,retry_after=7",
    "garbage": "garbage",
    "error": "error:at=1",
    "crlf": "crlf",
    "delay": "delay:seconds=0.02",
    "length": "length:by=-9",
    "cut": "cut:at=70",
    "stall": "stall:at=70",
    "split": "split",
    "jitter": "jitter:seconds=0.01",
    "throughput": "throughput:rate=20000",
    "slow_head": "slow_head:seconds=0.0002",
}


def test_every_fault_is_tried() -> None:
    assert set(FAILING) == set(FAULTS)


def describe_outcome(outcome: Outcome) -> tuple[object, ...]:
    error = outcome.error
    return outcome.events, outcome.result, type(error), getattr(error, "status", None), outcome.partial


@for_each("fault", [*FAILING.values(), "cut", "stall", "cut:at=0", "error:shape=broken", "error:shape=bare"])
@for_each("transport", ["memory", "asyncio", "httpx"])
def test_recorded_faults_are_replayed(transport: str, fault: str) -> None:
    def pause() -> Any:
        yield Sleep(0.02, 0.02)

    def session(url: str) -> Session:
        return Session(base_url=url, timeouts=QUICK)

    kept: list[RecordedExchange] = []
    failing = FaultyApp(streams(*EVENTS), fault)
    noting = Recorder(failing, lambda exchange: kept.append(KEPT.redact(exchange)), Clock())
    then, *_ = all_on(transport, noting, [lambda: STORY, pause], session)
    now = all_on(transport, Replayer(Recording(tuple(kept), True)), [lambda: STORY], session)[0]
    assert describe_outcome(now) == describe_outcome(then)
