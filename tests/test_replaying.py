"""What a recording answers: the same again, in order, with its pieces, its pauses and its faults."""

from __future__ import annotations

from typing import Any

import pytest

from nai_proto import account, text
from nai_proto.emulator.faults import FAULTS, FaultyApp
from nai_proto.emulator.recording import Ending, RecordedExchange, Recorder, Recording, Redaction, Replayer, SentAction
from nai_proto.errors import NotFoundError
from nai_proto.exchange.actions import Runnable, Sleep
from nai_proto.exchange.reply import App, Cut, Handler, Read, Start, Wait, Write
from nai_proto.exchange.retry import NO_RETRY
from nai_proto.exchange.session import Session
from nai_proto.http import Head, Headers, Request
from nai_proto.limits import Timeouts
from nai_proto.secret import AccessToken
from nai_proto.testing import Clock, FlowTrace, run_in_memory
from tests.support import Outcome, all_on, an_emulator, answers, counting, streams, token, with_token

QUICK = Timeouts(read=0.25, idle=0.25)
STORY = text.generate_stream("Once", max_length=9).with_options(retry=NO_RETRY)
EVENTS = (token("Once", 0), token(" upon", 1), token(" a time", 2, final=True))
KEPT = Redaction(bytes(16), contents=True)


def recorded(
    app: App, *flows: Runnable[Any, Any], redaction: Redaction = KEPT, clock: Clock | None = None
) -> Recording:
    """What comes of these flows, in memory."""
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


def test_a_handler_that_is_stopped_is_noted_and_gives_back_what_it_holds() -> None:
    kept: list[RecordedExchange] = []
    with counting(streams(EVENTS[0])) as (app, at_work):
        handler = Recorder(app, kept.append, Clock())(Request("POST", "/x"))
        assert isinstance(next(handler), Read)
        assert isinstance(handler.send(b"half"), Read)
        handler.close()
        assert at_work == [0]
    assert [(one.body, one.whole, one.answer, one.ending) for one in kept] == [(b"half", False, (), Ending.LEFT)]


def test_a_client_that_leaves_with_all_of_the_answer_has_not_left() -> None:
    kept: list[RecordedExchange] = []
    handler = Recorder(json(b"{}"), kept.append, Clock())(Request("POST", "/x"))
    actions = [type(next(handler)).__name__, type(handler.send(b"")).__name__]
    handler.close()  # before the body
    handler = Recorder(json(b"{}"), kept.append, Clock())(Request("POST", "/x"))
    actions += [type(action).__name__ for action in (next(handler), handler.send(b""), next(handler))]
    handler.close()  # behind it
    assert actions == ["Read", "Start", "Read", "Start", "Write"]
    assert [one.ending for one in kept] == [Ending.LEFT, Ending.COMPLETE]


def test_an_app_that_fails_was_cut() -> None:
    def broken(request: Request) -> Handler:
        yield Read()
        raise RuntimeError("broken")

    kept: list[RecordedExchange] = []
    with pytest.raises(RuntimeError, match="broken"):
        run_in_memory(STORY, Recorder(broken, kept.append, Clock()))
    assert [one.ending for one in kept] == [Ending.CUT]


def test_the_time_between_pieces_is_noted() -> None:
    def slow(request: Request) -> Handler:
        yield from streams()(request)
        for event in EVENTS:
            yield Wait(1.5)
            yield Write(event)

    found = recorded(slow, STORY)
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


def test_equal_requests_are_answered_in_order_and_what_is_used_up_is_missed() -> None:
    said = iter([b'{"output":"one"}', b'{"output":"two"}'])
    ask = text.generate("Once", max_length=9).with_options(retry=NO_RETRY)
    app = Replayer(recorded(lambda request: json(next(said))(request), ask, ask))
    assert [run_in_memory(ask, app).result.text for _ in range(2)] == ["one", "two"]
    assert isinstance(run_in_memory(ask, app).error, NotFoundError)


def test_of_requests_that_differ_only_in_contents_the_right_one_answers() -> None:
    prompts = ["The first", "The other"]
    said = iter([b'{"output":"one"}', b'{"output":"two"}'])
    flows = [text.generate(prompt, max_length=9).with_options(retry=NO_RETRY) for prompt in prompts]
    app = Replayer(recorded(lambda request: json(next(said))(request), *flows))
    assert [run_in_memory(flow, app).result.text for flow in reversed(flows)] == ["two", "one"]


def test_what_was_hidden_does_not_matter() -> None:
    app = json(b'{"output":"one"}')
    found = recorded(
        app, with_token(AccessToken("secret-one"), text.generate("Then", max_length=9)), redaction=Redaction(b"")
    )
    now = text.generate("Something else altogether", max_length=9).with_options(retry=NO_RETRY)
    assert run_in_memory(with_token(AccessToken("another"), now), Replayer(found)).error is None
    other = text.generate("Then", max_length=10).with_options(retry=NO_RETRY)
    assert isinstance(run_in_memory(other, Replayer(found)).error, NotFoundError)


def test_what_is_not_in_the_recording_is_named_with_what_comes_next() -> None:
    found = recorded(json(b'{"output":"one"}'), text.generate("Once", max_length=9))
    app = Replayer(found)
    played = run_in_memory(account.get_information(), app)
    assert (
        "GET /user/information is not in the recording (no such request); the next one in it is POST /ai/generate"
        in str(played.error)
    )
    other = run_in_memory(text.generate("Once", max_length=8), app)
    assert "(it has been used, or has another body); the next one in it is POST /ai/generate" in str(other.error)
    assert app.unused == found.exchanges
    assert "nothing in it is unused" in str(run_in_memory(account.get_information(), Replayer(Recording(()))).error)


def test_a_request_that_the_server_did_not_read_is_found_without_its_body() -> None:
    def refusing(request: Request) -> Handler:
        yield Start(Head(413, Headers.of(content_length="0")))

    ask = text.generate("Once", max_length=9).with_options(retry=NO_RETRY)
    found = recorded(refusing, ask)
    assert [one.whole for one in found.exchanges] == [False]
    played = run_in_memory(ask, Replayer(found))
    assert getattr(played.error, "status", None) == 413


def test_pieces_and_cuts_are_those_of_the_recording() -> None:
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


def told(outcome: Outcome) -> tuple[object, ...]:
    error = outcome.error
    return outcome.events, outcome.result, type(error), getattr(error, "status", None), outcome.partial


@pytest.mark.parametrize(
    "fault", [*FAILING.values(), "cut", "stall", "cut:at=0", "error:shape=broken", "error:shape=bare"]
)
@pytest.mark.parametrize("transport", ["memory", "asyncio", "httpx"])
def test_a_fault_that_was_recorded_is_met_again(transport: str, fault: str) -> None:
    def pause() -> Any:
        yield Sleep(0.02, 0.02)

    def session(url: str) -> Session:
        return Session(base_url=url, timeouts=QUICK)

    kept: list[RecordedExchange] = []
    failing = FaultyApp(streams(*EVENTS), fault)
    noting = Recorder(failing, lambda exchange: kept.append(KEPT.redact(exchange)), Clock())
    then, *_ = all_on(transport, noting, [lambda: STORY, pause], session)
    now = all_on(transport, Replayer(Recording(tuple(kept), True)), [lambda: STORY], session)[0]
    assert told(now) == told(then)
