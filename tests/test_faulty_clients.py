"""What our own clients make of each fault, on every transport: which error, what is kept, and that the client goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import pytest

from nai_proto import errors, openai, text
from nai_proto.emulator.faults import FAULTS, FaultyApp
from nai_proto.exchange.actions import Sleep, Steps
from nai_proto.exchange.flow import flow
from nai_proto.exchange.operation import Operation
from nai_proto.exchange.reply import Handler
from nai_proto.exchange.retry import NO_RETRY, Repeat, RetryPolicy
from nai_proto.http import Request
from nai_proto.limits import Timeouts
from nai_proto.testing import Clock
from nai_transports import memory as on_memory
from tests.cases import for_each
from tests.support import ALL, ASYNC, MakeFlow, Outcome, all_on, an_emulator, answers, on, session_at, streams, token

every_transport = for_each("transport", ALL, at_once=True)

EVENTS: Final = (token("Once", 0), token(" upon", 1), token(" a time", 2, final=True))
SIZE: Final = sum(map(len, EVENTS))
CHATTED: Final = b"".join(
    b'data: {"choices":[{"index":0,"text":"%b","finish_reason":%b}]}\n\n' % (piece, reason)
    for piece, reason in [(b"Once", b"null"), (b" upon", b"null"), (b" a time", b'"stop"')]
)

STORY: Final = text.generate_stream("x", max_length=9).with_options(retry=NO_RETRY)
WHOLE: Final = text.generate("x", max_length=9).with_options(retry=NO_RETRY)
CHAT: Final = openai.completion_stream("x", max_tokens=9).with_options(retry=NO_RETRY)

CALM: Final = Timeouts(read=20.0, idle=20.0)
QUICK: Final = Timeouts(read=0.8, idle=0.8)
PATIENT: Final = RetryPolicy(base_delay=0.01)
HARMLESS: Final = Repeat.ALWAYS
CAREFUL: Final = Repeat.IF_NOT_ACTED


@dataclass
class Service:
    """A service without surprises, that counts."""

    requests: list[str] = field(default_factory=list[str])

    def __call__(self, request: Request) -> Handler:
        self.requests.append(request.path)
        match request.path:
            case "/ai/generate":
                app = answers(200, b'{"output":"Once upon a time"}', content_type="application/json")
            case "/ai/generate-stream":
                app = streams(*EVENTS)
            case _:
                app = streams(CHATTED, b"data: [DONE]\n\n")
        yield from app(request)


def run_with_fault(
    transport: str, faults: str | Sequence[str], operation: Operation[Any, Any], timeouts: Timeouts = CALM
) -> Outcome:
    """How an operation goes with faults that meet one request; and that all is well with the next of this client."""
    app = FaultyApp(Service(), *([faults] if isinstance(faults, str) else faults))
    flows: list[MakeFlow] = [lambda: operation, pause, lambda: operation]
    outcome, _, following = all_on(transport, app, flows, partial(session_at, timeouts=timeouts))
    assert not app.faults
    assert following.error is None
    assert story(following.result) == "Once upon a time"
    if isinstance(outcome.error, errors.NaiError):
        assert story(outcome.partial) == story(outcome.error.partial)
    return outcome


@flow
def pause() -> Steps[Any, None]:
    """Until news of a connection that was closed behind a whole answer have come."""
    yield Sleep(0.01, 0.01)


def story(result: object) -> str | None:
    """The text of a result, whole or partial."""
    if isinstance(result, openai.OpenAICompletion):
        return "".join(choice.text for choice in result.choices)
    return result.text if isinstance(result, text.Completion) else None


# ---- what does no harm


@every_transport
@pytest.mark.parametrize("operation", [STORY, WHOLE, CHAT], ids=["story", "whole", "chat"])
@pytest.mark.parametrize(
    "faults",
    [
        ["delay:seconds=0.05,jitter=0.02"],
        ["jitter:seconds=0.01"],
        ["throughput:rate=20000"],
        ["split"],
        ["slow_head:seconds=0.0002"],
        ["split", "throughput:rate=50000", "slow_head:seconds=0", "delay:seconds=0.01"],
    ],
    ids="+".join,
)
def test_late_and_split_responses_are_complete(
    transport: str, faults: list[str], operation: Operation[Any, Any]
) -> None:
    outcome = run_with_fault(transport, [f"{one}{',' if ':' in one else ':'}times=1" for one in faults], operation)
    assert outcome.error is None
    assert story(outcome.result) == "Once upon a time"


@every_transport
@pytest.mark.parametrize("operation", [STORY, CHAT], ids=["story", "chat"])
@pytest.mark.parametrize("faults", [["crlf:times=1"], ["crlf:times=1", "split:times=1"]], ids="+".join)
def test_crlf_changes_no_event(transport: str, faults: list[str], operation: Operation[Any, Any]) -> None:
    outcome = run_with_fault(transport, faults, operation)
    assert outcome.error is None
    assert story(outcome.result) == "Once upon a time"
    assert len(outcome.events) == 3


@every_transport
@pytest.mark.parametrize("fault", [f"cut:at={SIZE}", f"stall:at={SIZE}", "length:by=7"])
def test_a_stream_that_breaks_after_its_final_event_is_complete(transport: str, fault: str) -> None:
    outcome = run_with_fault(transport, fault + ",times=1", STORY, QUICK)
    assert outcome.error is None
    assert story(outcome.result) == "Once upon a time"


# ---- what comes too late


@every_transport
@pytest.mark.parametrize(
    ("fault", "phase", "kept"),
    [
        ("delay:seconds=30", "read", None),
        ("stall", "read", None),
        ("stall:at=0", "idle", ""),
        (f"stall:at={len(EVENTS[0]) + 9}", "idle", "Once"),
        ("throughput:rate=1", "idle", ""),
    ],
)
def test_a_timeout_names_its_phase_and_keeps_what_was_received(
    transport: str, fault: str, phase: str, kept: str | None
) -> None:
    outcome = run_with_fault(transport, f"{fault}{',' if ':' in fault else ':'}times=1", STORY, QUICK)
    assert isinstance(outcome.error, errors.TimedOut)
    assert (outcome.error.phase, outcome.error.sent) == (phase, True)
    assert (story(outcome.error.partial) or None) == (kept or None)


@for_each("transport", ["memory", *ASYNC], at_once=True)  # sync httpx looks at the total between its reads only
def test_a_slow_head_is_bounded_by_the_total_timeout(transport: str) -> None:
    outcome = run_with_fault(transport, "slow_head:seconds=0.02,times=1", STORY, Timeouts(read=5.0, total=0.3))
    assert isinstance(outcome.error, errors.TimedOut)
    assert outcome.error.sent


# ---- what ends too early


@every_transport
@pytest.mark.parametrize("operation", [STORY, WHOLE, CHAT], ids=["story", "whole", "chat"])
def test_a_connection_cut_before_the_head_may_have_been_acted_on(
    transport: str, operation: Operation[Any, Any]
) -> None:
    outcome = run_with_fault(transport, "cut:times=1", operation)
    assert type(outcome.error) is errors.TransportError
    assert (outcome.error.phase, outcome.error.sent, outcome.error.partial) == ("read", True, None)


@every_transport
@pytest.mark.parametrize(
    ("operation", "at", "kept"),
    [
        (STORY, 0, ""),
        (STORY, len(EVENTS[0]) - 1, ""),
        (STORY, len(EVENTS[0]), "Once"),
        (STORY, SIZE - 1, "Once upon"),
        (CHAT, 2, ""),
        (CHAT, 100, "Once"),
        (WHOLE, 0, None),
        (WHOLE, 20, None),
    ],
)
def test_a_connection_cut_in_the_body_is_truncated_and_keeps_what_was_received(
    transport: str, operation: Operation[Any, Any], at: int, kept: str | None
) -> None:
    outcome = run_with_fault(transport, f"cut:at={at},times=1", operation)
    assert type(outcome.error) is errors.Truncated
    assert (story(outcome.error.partial) or None) == (kept or None)
    assert len(outcome.events) == len((kept or "").split())


@every_transport
def test_a_length_that_is_too_large_is_truncated(transport: str) -> None:
    assert type(run_with_fault(transport, "length:by=1,times=1", WHOLE).error) is errors.Truncated


@every_transport
def test_a_length_that_is_too_small_cuts_the_response(transport: str) -> None:
    whole = run_with_fault(transport, "length:by=-1,times=1", WHOLE).error
    assert type(whole) is errors.RemoteProtocolError
    assert "POST /ai/generate" in str(whole)
    outcome = run_with_fault(transport, "length:by=-1,times=1", STORY)
    assert type(outcome.error) is errors.Truncated
    assert story(outcome.error.partial) == "Once upon"


@every_transport
@pytest.mark.parametrize("operation", [STORY, WHOLE], ids=["story", "whole"])
def test_bytes_that_are_not_http_are_a_remote_protocol_error(transport: str, operation: Operation[Any, Any]) -> None:
    assert type(run_with_fault(transport, "garbage:times=1", operation).error) is errors.RemoteProtocolError


# ---- what says that it failed


@every_transport
@pytest.mark.parametrize("operation", [STORY, CHAT], ids=["story", "chat"])
@pytest.mark.parametrize("shape", ["object", "text", "status", "event", "native", "bare"])
def test_an_error_in_a_stream_is_raised_in_each_of_its_shapes(
    transport: str, shape: str, operation: Operation[Any, Any]
) -> None:
    outcome = run_with_fault(transport, f"error:at=1,shape={shape},status=503,message=node is down,times=1", operation)
    assert isinstance(outcome.error, errors.StreamError)
    assert outcome.error.message == "node is down"
    assert outcome.error.status == (None if shape in ("text", "native") else 503)
    assert story(outcome.error.partial) == "Once"
    assert len(outcome.events) == 1


@every_transport
@pytest.mark.parametrize("operation", [STORY, CHAT], ids=["story", "chat"])
def test_an_incomplete_event_is_a_remote_protocol_error(transport: str, operation: Operation[Any, Any]) -> None:
    outcome = run_with_fault(transport, "error:at=1,shape=broken,times=1", operation)
    assert type(outcome.error) is errors.RemoteProtocolError
    assert story(outcome.error.partial) == "Once"


@every_transport
@pytest.mark.parametrize(
    ("operation", "shape"),
    [(STORY, "document"), (WHOLE, "document"), (CHAT, "document"), (STORY, "bare"), (CHAT, "bare")],
    ids=["story", "whole", "chat", "bare-story", "bare-chat"],
)
def test_an_error_document_instead_of_a_success_is_raised(
    transport: str, operation: Operation[Any, Any], shape: str
) -> None:
    outcome = run_with_fault(transport, f"error:shape={shape},message=node is down,times=1", operation)
    assert isinstance(outcome.error, errors.StreamError)
    assert (outcome.error.message, outcome.error.status, outcome.events) == ("node is down", 500, [])


@every_transport
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("refuse:retry_after=7,message=not now", errors.RateLimitError),
        ("refuse:message=Concurrent generation is locked", errors.ConcurrentGenerationError),
        ("refuse:status=500", errors.ServerError),
        ("refuse:status=503,retry_after=7", errors.ServerError),
        ("refuse:status=402", errors.PaymentRequiredError),
    ],
)
def test_a_refusal_is_a_status_error(transport: str, fault: str, kind: type[errors.StatusError]) -> None:
    error = run_with_fault(transport, fault + ",times=1", STORY).error
    assert type(error) is kind
    assert isinstance(error, errors.StatusError)
    assert error.retry_after == (7.0 if "retry_after" in fault else None)


@every_transport
@pytest.mark.parametrize("operation", [STORY, WHOLE], ids=["story", "whole"])
@pytest.mark.parametrize("status", [502, 503, 504, 200])
def test_a_gateways_page_is_named_in_the_error(transport: str, status: int, operation: Operation[Any, Any]) -> None:
    error = run_with_fault(transport, f"gateway:status={status},times=1", operation).error
    assert type(error) is (errors.RemoteProtocolError if status == 200 else errors.ServerError)
    assert "HTML page" in str(error)


# ---- what is tried again


@every_transport
@pytest.mark.parametrize(
    ("faults", "repeat", "requests", "fails"),
    [
        (["refuse:times=2"], CAREFUL, 3, False),
        (["refuse:times=3"], CAREFUL, 3, True),
        (["refuse:status=503,times=2"], CAREFUL, 3, False),
        (["gateway:status=503,times=1", "refuse:times=1"], CAREFUL, 3, False),
        (["gateway:times=1"], CAREFUL, 1, True),
        (["gateway:times=1"], HARMLESS, 2, False),
        (["refuse:status=500,times=1"], CAREFUL, 1, True),
        (["refuse:status=500,times=1"], HARMLESS, 2, False),
        (["refuse:status=400,times=1"], HARMLESS, 1, True),
        (["refuse:retry_after=1000,times=1"], HARMLESS, 1, True),
        (["cut:times=1"], CAREFUL, 1, True),
        (["cut:times=1"], HARMLESS, 2, False),
        (["cut:at=0,times=2"], HARMLESS, 3, False),
        (["stall:times=1"], CAREFUL, 1, True),
        (["stall:times=1"], HARMLESS, 2, False),
        ([f"cut:at={len(EVENTS[0])},times=1"], HARMLESS, 1, True),  # an event of it was seen
        (["error:times=1"], HARMLESS, 1, True),
        (["garbage:times=1"], HARMLESS, 1, True),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else None,
)
def test_which_faults_are_retried(
    transport: str, faults: list[str], repeat: Repeat, requests: int, fails: bool
) -> None:
    met: list[Request] = []
    app = FaultyApp(Service(), *faults)

    def counted(request: Request) -> Handler:
        met.append(request)
        return app(request)

    timeouts = QUICK if "stall:times=1" in faults else CALM
    outcome = on(
        transport,
        counted,
        lambda: replace(STORY, repeat=repeat).with_options(retry=PATIENT),
        partial(session_at, timeouts=timeouts),
    )
    assert len(met) == requests
    assert (outcome.error is not None) is fails
    assert fails or story(outcome.result) == "Once upon a time"


def test_a_client_waits_for_retry_after() -> None:
    clock = Clock()
    app = FaultyApp(Service(), "refuse:retry_after=20,times=1", "delay:seconds=3,times=2")
    with on_memory.Client(app, clock=clock) as client:
        client.run(STORY.with_options(retry=PATIENT))
    assert 26 <= clock() <= 28.5


@every_transport
@pytest.mark.parametrize(("fault", "kind"), [("stall:at=100", errors.TimedOut), ("cut:at=100", errors.Truncated)])
def test_a_retry_succeeds_when_the_generation_lock_is_released(
    transport: str, fault: str, kind: type[errors.NaiError]
) -> None:
    emulator, owner = an_emulator()
    operation = text.generate_stream("Once", max_length=5, extra={"seed": 1})
    patient = operation.with_options(retry=RetryPolicy(lock_wait=30))
    make_session = partial(session_at, token=owner.persistent_token, timeouts=Timeouts(read=20.0, idle=0.8))
    app = FaultyApp(emulator, fault + ",times=1")
    failed, fine = all_on(transport, app, [lambda: patient, lambda: patient], make_session)
    assert type(failed.error) is kind
    assert failed.events
    assert (fine.error, len(fine.events), owner.generating) == (None, 5, False)


def test_every_fault_of_the_table_is_tried_here() -> None:
    with open(__file__, encoding="utf-8") as file:
        tests = file.read()
    assert [name for name in FAULTS if f'"{name}' not in tests] == []
