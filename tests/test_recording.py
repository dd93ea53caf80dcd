"""A session is recorded without its secrets, and what is recorded answers the same session again."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from nai_proto import account, objects, openai, text
from nai_proto.codecs.key_derivation import access_key, email_hash
from nai_proto.emulator import Account
from nai_proto.emulator.faults import FaultyApp
from nai_proto.emulator.recording import Ending, Replayer
from nai_proto.errors import FileError, NaiError, ServerError, Truncated
from nai_proto.exchange.actions import Steps
from nai_proto.exchange.flow import flow
from nai_proto.exchange.reply import App, Start
from nai_proto.exchange.retry import NO_RETRY
from nai_proto.exchange.session import Session
from nai_proto.library import open_library
from nai_proto.limits import Timeouts
from nai_proto.secret import AccessToken, Password, PersistentToken
from nai_proto.testing import Clock
from nai_transports import asyncio as on_asyncio
from nai_transports import memory as on_memory
from nai_transports.clients import AsyncClient, Client
from nai_transports.httpx import Client as HttpxClient
from nai_transports.servers.forwarding import ForwardingApp
from nai_transports.servers.recordings import load_recording, record_to_file
from nai_transports.servers.serve import serve_in_thread
from tests.support import ALL, EMAIL, PASSWORD, SYNC, an_emulator, connecting, running, switched, with_token

every_transport = pytest.mark.parametrize("transport", ALL)

PROMPT = "The lighthouse keeper's secret"
QUESTION = "Whisper about Margaret"
QUICK = Timeouts(read=0.4, idle=0.4)
UNLOCKED = switched(lock=False)
"A server notices a while after it that a client has left; what is sent next shall not depend on how long that takes."


@dataclass
class Step:
    """A flow, and after how many events the client has heard enough."""

    flow: Any
    enough: int | None = None


@dataclass
class StepOutcome:
    """The outcome of a step, as a client sees it."""

    events: list[Any] = field(default_factory=list[Any])
    result: Any = None
    error: NaiError | None = None

    @property
    def facts(self) -> tuple[object, ...]:
        """The outcome without addresses and e-mails."""
        error, result = self.error, self.result
        said = error and (type(error), re.sub(r"http://[^/ ]*|\S+@\S+", "", str(error)), error.partial)
        if isinstance(result, account.AccountInformation):
            result = msgspec.structs.replace(result, plaintext_email=None)
        return self.events, result, said


@flow
def with_login(flow: Any) -> Steps[Any, Any]:
    token = yield from account.login(EMAIL, PASSWORD)
    return (yield from with_token(token, flow))


def evening_program(token: PersistentToken) -> list[Step]:
    """What a user does in an evening."""
    chat = openai.chat_completion_stream([openai.Message("user", QUESTION)], max_tokens=60)
    wrong = objects.get_object("stories", "nothing-of-this-name")
    return [
        Step(with_login(account.get_information())),
        Step(open_library(EMAIL, PASSWORD)),
        Step(with_token(token, text.generate(PROMPT, max_length=12).with_options(retry=NO_RETRY))),
        Step(
            with_token(token, text.generate_stream(PROMPT, max_length=12, num_logprobs=0).with_options(retry=NO_RETRY))
        ),
        Step(with_token(token, chat.with_options(retry=NO_RETRY)), enough=3),
        Step(with_login(wrong)),
        Step(with_token(AccessToken("not.good.atall"), account.get_subscription())),
        Step(
            with_token(token, text.generate_stream(QUESTION, max_length=12).with_options(retry=NO_RETRY))
        ),  # meets the fault
        Step(with_token(token, text.generate(QUESTION, max_length=5).with_options(retry=NO_RETRY))),
    ]


def _sync(client: Client, steps: Sequence[Step]) -> list[StepOutcome]:
    outcomes: list[StepOutcome] = []
    for step in steps:
        outcome = StepOutcome()
        outcomes.append(outcome)
        with client.stream(step.flow) as stream:
            try:
                for event in stream:
                    outcome.events.append(event)
                    if len(outcome.events) == step.enough:
                        break
                else:
                    outcome.result = stream.result
            except NaiError as error:
                outcome.error = error
    return outcomes


async def _async(client: AsyncClient, steps: Sequence[Step]) -> list[StepOutcome]:
    outcomes: list[StepOutcome] = []
    for step in steps:
        outcome = StepOutcome()
        outcomes.append(outcome)
        async with client.stream(step.flow) as stream:
            try:
                async for event in stream:
                    outcome.events.append(event)
                    if len(outcome.events) == step.enough:
                        break
                else:
                    outcome.result = stream.result
            except NaiError as error:
                outcome.error = error
    return outcomes


def run_steps(transport: str, app: App, steps: Sequence[Step], timeouts: Timeouts = Timeouts()) -> list[StepOutcome]:
    """Run steps on the named transport."""
    if transport == "memory":
        session = Session(base_url="http://emulator.invalid", timeouts=timeouts)
        with on_memory.Client(app, session, clock=Clock()) as client:
            return _sync(client, steps)
    with serve_in_thread(app) as url:
        session = Session(base_url=url, timeouts=timeouts)
        if transport in SYNC:
            with httpx.Client(trust_env=False) as http:
                return _sync(HttpxClient(session, http), steps)

        async def main() -> list[StepOutcome]:
            async with connecting(transport, session) as client:
                return await _async(client, steps)

        return running(transport, main)


@dataclass
class RecordedEvening:
    """A session that was recorded."""

    path: Path
    owner: Account
    outcomes: list[StepOutcome]

    @property
    def token(self) -> PersistentToken:
        return self.owner.persistent_token


def record_evening(path: Path, *, contents: bool) -> RecordedEvening:
    emulator, owner = an_emulator(pace=0.004, **UNLOCKED)
    app = FaultyApp(emulator, f"error:at=3,endpoint=generate_stream,times=1,message={EMAIL} failed")
    app.faults.clear()
    steps = evening_program(owner.persistent_token)
    with record_to_file(app, path, contents=contents) as recorded, serve_in_thread(recorded) as url:

        async def main() -> list[StepOutcome]:
            async with on_asyncio.Client(Session(base_url=url)) as client:
                outcomes = await _async(client, steps[:7])
                app.faults.add(f"error:at=3,endpoint=generate_stream,times=1,message={EMAIL} failed")
                return outcomes + await _async(client, steps[7:])

        outcomes = running("asyncio", main)
    return RecordedEvening(path, owner, outcomes)


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> RecordedEvening:
    return record_evening(tmp_path_factory.mktemp("recording") / "private.nai", contents=False)


@pytest.fixture(scope="module")
def open_(tmp_path_factory: pytest.TempPathFactory) -> RecordedEvening:
    return record_evening(tmp_path_factory.mktemp("recording") / "open.nai", contents=True)


# ---- a session, recorded and replayed


def test_the_session_went_as_it_should(open_: RecordedEvening) -> None:
    errors = [type(outcome.error).__name__ for outcome in open_.outcomes]
    assert errors == [*["NoneType"] * 5, "NotFoundError", "AuthenticationError", "StreamError", "NoneType"]
    endings = [one.ending for one in load_recording(open_.path).exchanges]
    assert endings.count(Ending.LEFT) == 1
    assert endings.count(Ending.COMPLETE) == len(endings) - 1


@every_transport
def test_a_recording_with_contents_replays_equal_events_results_and_errors(
    open_: RecordedEvening, transport: str
) -> None:
    app = Replayer(load_recording(open_.path))
    replayed = run_steps(transport, app, evening_program(open_.token))
    assert [one.facts for one in replayed] == [one.facts for one in open_.outcomes]
    assert app.unused == ()


@every_transport
def test_a_recording_without_contents_replays_results_of_the_same_form(
    private: RecordedEvening, transport: str
) -> None:
    app = Replayer(load_recording(private.path))
    replayed = run_steps(transport, app, evening_program(private.token))
    assert type(replayed[1].error).__name__ == "Damaged"  # the keystore is not there to be opened
    for number, (now, then) in enumerate(zip(replayed, private.outcomes, strict=True)):
        if number == 1:
            continue
        assert type(now.error) is type(then.error)
        assert len(now.events) == len(then.events)
        assert type(now.result) is type(then.result)
    assert len(replayed[3].result.text) == len(private.outcomes[3].result.text)
    assert replayed[3].result.finish_reason == private.outcomes[3].result.finish_reason
    assert replayed[3].result.text != private.outcomes[3].result.text


def test_a_redacted_token_is_the_same_wherever_it_occurs(private: RecordedEvening) -> None:
    exchanges = load_recording(private.path).exchanges
    login, information = exchanges[:2]
    (given,) = json.loads(
        b"".join(sent.action.data for sent in login.answer if not isinstance(sent.action, Start))
    ).values()
    assert re.fullmatch(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", given)
    assert information.headers.get("authorization") == f"Bearer {given}"


# ---- what is private


def secrets(recorded: RecordedEvening) -> list[bytes]:
    key = access_key(EMAIL, Password(PASSWORD)).reveal()
    token = recorded.outcomes[1].result.token.reveal()
    return [
        one.encode()
        for one in (PASSWORD, EMAIL, EMAIL.split("@")[0] + "@", key, email_hash(EMAIL), token, *token.split(".")[1:])
    ] + [recorded.token.reveal().encode(), b"not.good.atall"]


def stored(recorded: RecordedEvening) -> list[bytes]:
    storage = recorded.owner.storage
    assert storage.keystore is not None
    outcomes = recorded.outcomes
    return [
        PROMPT.encode(),
        QUESTION.encode(),
        storage.keystore.encode(),
        storage.keystore[:40].encode(),
        outcomes[2].result.text.encode(),
        outcomes[3].result.text[:20].encode(),
        *(item.stored.data[:40].encode() for item in outcomes[1].result.items),
    ]


def test_nothing_secret_is_in_the_file(private: RecordedEvening, open_: RecordedEvening) -> None:
    for one in (private, open_):
        data = one.path.read_bytes()
        assert [secret for secret in secrets(one) if secret in data] == []


def test_contents_are_in_the_file_only_if_they_are_kept(private: RecordedEvening, open_: RecordedEvening) -> None:
    data = private.path.read_bytes()
    assert [content for content in stored(private) if content in data] == []
    words = {word for one in private.outcomes[2:4] for word in re.findall(r"\w{5,}", one.result.text)}
    assert [word for word in words if word.encode() in data] == []
    assert PROMPT.encode() in open_.path.read_bytes()


def test_the_file_is_readable_by_its_owner_only(private: RecordedEvening) -> None:
    assert stat.S_IMODE(private.path.stat().st_mode) == 0o600
    with (
        pytest.raises(FileError, match=r"private\.nai exists already, and a recording replaces no file"),
        record_to_file(an_emulator()[0], private.path),
    ):
        pass
    load_recording(private.path)


# ---- before the service itself


@pytest.mark.parametrize("transport", ["asyncio", "httpx", "trio"])
def test_responses_of_another_server_are_recorded(tmp_path: Path, transport: str) -> None:
    emulator, owner = an_emulator(pace=0.004, **UNLOCKED)
    path = tmp_path / "onward.nai"
    with (
        serve_in_thread(emulator) as url,
        closing(ForwardingApp(Session(base_url=url))) as app,
        record_to_file(app, path, contents=True) as recorded,
    ):
        then = run_steps(transport, recorded, evening_program(owner.persistent_token))
    errors = [type(outcome.error).__name__ for outcome in then]
    assert errors == [*["NoneType"] * 5, "NotFoundError", "AuthenticationError", "NoneType", "NoneType"]
    now = run_steps(transport, Replayer(load_recording(path)), evening_program(owner.persistent_token))
    assert [one.facts for one in now] == [one.facts for one in then]
    data = path.read_bytes()
    assert owner.persistent_token.reveal().encode() not in data
    assert EMAIL.encode() not in data


def test_a_truncated_response_is_forwarded_truncated() -> None:
    app = FaultyApp(an_emulator()[0], "cut:at=1")
    with serve_in_thread(app) as url, closing(ForwardingApp(Session(base_url=url))) as forwarding:
        (outcome,) = run_steps(
            "asyncio", forwarding, [Step(account.login(EMAIL, PASSWORD).with_options(retry=NO_RETRY))]
        )
    assert isinstance(outcome.error, Truncated)


def test_an_unreachable_server_is_a_bad_gateway() -> None:
    with serve_in_thread(an_emulator()[0]) as url:
        pass
    with closing(ForwardingApp(Session(base_url=url))) as app:
        (outcome,) = run_steps(
            "memory", app, [Step(with_token(AccessToken("x"), account.get_priority().with_options(retry=NO_RETRY)))]
        )
    assert isinstance(outcome.error, ServerError)
    assert outcome.error.status == 502
