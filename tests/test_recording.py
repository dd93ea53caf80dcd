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
from tests.support import ALL, EMAIL, PASSWORD, SYNC, an_emulator, connecting, running, with_token

every_transport = pytest.mark.parametrize("transport", ALL)

PROMPT = "The lighthouse keeper's secret"
ASKED = "Whisper about Margaret"
QUICK = Timeouts(read=0.4, idle=0.4)


@dataclass
class Step:
    """A flow, and after how many events the client has heard enough."""

    flow: Any
    enough: int | None = None


@dataclass
class Told:
    """How a step went, as far as a client can tell."""

    events: list[Any] = field(default_factory=list[Any])
    result: Any = None
    error: NaiError | None = None

    @property
    def facts(self) -> tuple[object, ...]:
        """All of it that holds no address and no e-mail."""
        error, result = self.error, self.result
        said = error and (type(error), re.sub(r"http://[^/ ]*|\S+@\S+", "", str(error)), error.partial)
        if isinstance(result, account.AccountInformation):
            result = msgspec.structs.replace(result, plaintext_email=None)
        return self.events, result, said


@flow
def logged_in(flow: Any) -> Steps[Any, Any]:
    token = yield from account.login(EMAIL, PASSWORD)
    return (yield from with_token(token, flow))


def program(token: PersistentToken) -> list[Step]:
    """What a user does in an evening."""
    chat = openai.chat_completion_stream([openai.Message("user", ASKED)], max_tokens=60)
    wrong = objects.get_object("stories", "nothing-of-this-name")
    return [
        Step(logged_in(account.get_information())),
        Step(open_library(EMAIL, PASSWORD)),
        Step(with_token(token, text.generate(PROMPT, max_length=12).with_options(retry=NO_RETRY))),
        Step(
            with_token(token, text.generate_stream(PROMPT, max_length=12, num_logprobs=0).with_options(retry=NO_RETRY))
        ),
        Step(with_token(token, chat.with_options(retry=NO_RETRY)), enough=3),
        Step(logged_in(wrong)),
        Step(with_token(AccessToken("not.good.atall"), account.get_subscription())),
        Step(
            with_token(token, text.generate_stream(ASKED, max_length=12).with_options(retry=NO_RETRY))
        ),  # meets the fault
        Step(with_token(token, text.generate(ASKED, max_length=5).with_options(retry=NO_RETRY))),
    ]


def _sync(client: Client, steps: Sequence[Step]) -> list[Told]:
    outcomes: list[Told] = []
    for step in steps:
        told = Told()
        outcomes.append(told)
        with client.stream(step.flow) as stream:
            try:
                for event in stream:
                    told.events.append(event)
                    if len(told.events) == step.enough:
                        break
                else:
                    told.result = stream.result
            except NaiError as error:
                told.error = error
    return outcomes


async def _async(client: AsyncClient, steps: Sequence[Step]) -> list[Told]:
    outcomes: list[Told] = []
    for step in steps:
        told = Told()
        outcomes.append(told)
        async with client.stream(step.flow) as stream:
            try:
                async for event in stream:
                    told.events.append(event)
                    if len(told.events) == step.enough:
                        break
                else:
                    told.result = stream.result
            except NaiError as error:
                told.error = error
    return outcomes


def done(transport: str, app: App, steps: Sequence[Step], timeouts: Timeouts = Timeouts()) -> list[Told]:
    """A program on the named transport."""
    if transport == "memory":
        session = Session(base_url="http://emulator.invalid", timeouts=timeouts)
        with on_memory.Client(app, session, clock=Clock()) as client:
            return _sync(client, steps)
    with serve_in_thread(app) as url:
        session = Session(base_url=url, timeouts=timeouts)
        if transport in SYNC:
            with httpx.Client(trust_env=False) as http:
                return _sync(HttpxClient(session, http), steps)

        async def main() -> list[Told]:
            async with connecting(transport, session) as client:
                return await _async(client, steps)

        return running(transport, main)


@dataclass
class Evening:
    """A session that was recorded."""

    path: Path
    owner: Account
    told: list[Told]

    @property
    def token(self) -> PersistentToken:
        return self.owner.persistent_token


def evening(path: Path, *, contents: bool) -> Evening:
    emulator, owner = an_emulator(pace=0.004)
    app = FaultyApp(emulator, f"error:at=3,endpoint=generate_stream,times=1,message={EMAIL} failed")
    app.clear()
    steps = program(owner.persistent_token)
    with record_to_file(app, path, contents=contents) as recorded, serve_in_thread(recorded) as url:

        async def main() -> list[Told]:
            async with on_asyncio.Client(Session(base_url=url)) as client:
                told = await _async(client, steps[:7])
                app.add(f"error:at=3,endpoint=generate_stream,times=1,message={EMAIL} failed")
                return told + await _async(client, steps[7:])

        told = running("asyncio", main)
    return Evening(path, owner, told)


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Evening:
    return evening(tmp_path_factory.mktemp("recording") / "private.nai", contents=False)


@pytest.fixture(scope="module")
def open_(tmp_path_factory: pytest.TempPathFactory) -> Evening:
    return evening(tmp_path_factory.mktemp("recording") / "open.nai", contents=True)


# ---- a session, recorded and replayed


def test_the_session_went_as_it_should(open_: Evening) -> None:
    errors = [type(told.error).__name__ for told in open_.told]
    assert errors == [*["NoneType"] * 5, "NotFoundError", "AuthenticationError", "StreamError", "NoneType"]
    endings = [one.ending for one in load_recording(open_.path).exchanges]
    assert endings.count(Ending.LEFT) == 1
    assert endings.count(Ending.COMPLETE) == len(endings) - 1


@every_transport
def test_with_contents_the_same_client_meets_the_same_events_results_and_errors(open_: Evening, transport: str) -> None:
    app = Replayer(load_recording(open_.path))
    told = done(transport, app, program(open_.token))
    assert [one.facts for one in told] == [one.facts for one in open_.told]
    assert app.unused == ()


@every_transport
def test_without_contents_it_meets_the_same_in_form(private: Evening, transport: str) -> None:
    app = Replayer(load_recording(private.path))
    told = done(transport, app, program(private.token))
    assert type(told[1].error).__name__ == "Damaged"  # the keystore is not there to be opened
    for number, (now, then) in enumerate(zip(told, private.told, strict=True)):
        if number == 1:
            continue
        assert type(now.error) is type(then.error)
        assert len(now.events) == len(then.events)
        assert type(now.result) is type(then.result)
    assert len(told[3].result.text) == len(private.told[3].result.text)
    assert told[3].result.finish_reason == private.told[3].result.finish_reason
    assert told[3].result.text != private.told[3].result.text


def test_a_token_that_was_given_is_the_one_that_is_used(private: Evening) -> None:
    exchanges = load_recording(private.path).exchanges
    login, information = exchanges[:2]
    (given,) = json.loads(
        b"".join(sent.action.data for sent in login.answer if not isinstance(sent.action, Start))
    ).values()
    assert re.fullmatch(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", given)
    assert information.headers.get("authorization") == f"Bearer {given}"


# ---- what is private


def secrets(evening: Evening) -> list[bytes]:
    key = access_key(EMAIL, Password(PASSWORD)).reveal()
    token = evening.told[1].result.token.reveal()
    return [
        one.encode()
        for one in (PASSWORD, EMAIL, EMAIL.split("@")[0] + "@", key, email_hash(EMAIL), token, *token.split(".")[1:])
    ] + [evening.token.reveal().encode(), b"not.good.atall"]


def stored(evening: Evening) -> list[bytes]:
    storage = evening.owner.storage
    assert storage.keystore is not None
    told = evening.told
    return [
        PROMPT.encode(),
        ASKED.encode(),
        storage.keystore.encode(),
        storage.keystore[:40].encode(),
        told[2].result.text.encode(),
        told[3].result.text[:20].encode(),
        *(item.stored.data[:40].encode() for item in told[1].result.items),
    ]


def test_nothing_secret_is_in_the_file(private: Evening, open_: Evening) -> None:
    for one in (private, open_):
        data = one.path.read_bytes()
        assert [secret for secret in secrets(one) if secret in data] == []


def test_what_is_private_is_in_the_file_only_if_it_is_wanted(private: Evening, open_: Evening) -> None:
    data = private.path.read_bytes()
    assert [content for content in stored(private) if content in data] == []
    words = {word for one in private.told[2:4] for word in re.findall(r"\w{5,}", one.result.text)}
    assert [word for word in words if word.encode() in data] == []
    assert PROMPT.encode() in open_.path.read_bytes()


def test_the_file_is_its_owner_s_alone_and_never_another_s(private: Evening) -> None:
    assert stat.S_IMODE(private.path.stat().st_mode) == 0o600
    with (
        pytest.raises(FileError, match=r"private\.nai cannot be created: File exists"),
        record_to_file(an_emulator()[0], private.path),
    ):
        pass
    load_recording(private.path)


# ---- before the service itself


@pytest.mark.parametrize("transport", ["asyncio", "httpx", "trio"])
def test_what_another_server_answers_is_recorded_on_its_way(tmp_path: Path, transport: str) -> None:
    emulator, owner = an_emulator(pace=0.004)
    path = tmp_path / "onward.nai"
    with (
        serve_in_thread(emulator) as url,
        closing(ForwardingApp(Session(base_url=url))) as app,
        record_to_file(app, path, contents=True) as recorded,
    ):
        then = done(transport, recorded, program(owner.persistent_token))
    errors = [type(told.error).__name__ for told in then]
    assert errors == [*["NoneType"] * 5, "NotFoundError", "AuthenticationError", "NoneType", "NoneType"]
    now = done(transport, Replayer(load_recording(path)), program(owner.persistent_token))
    assert [one.facts for one in now] == [one.facts for one in then]
    data = path.read_bytes()
    assert owner.persistent_token.reveal().encode() not in data
    assert EMAIL.encode() not in data


def test_an_answer_that_breaks_off_is_cut_on_its_way_too() -> None:
    app = FaultyApp(an_emulator()[0], "cut:at=1")
    with serve_in_thread(app) as url, closing(ForwardingApp(Session(base_url=url))) as forwarding:
        (told,) = done("asyncio", forwarding, [Step(account.login(EMAIL, PASSWORD))])
    assert isinstance(told.error, Truncated)


def test_where_nobody_answers_it_is_said() -> None:
    with serve_in_thread(an_emulator()[0]) as url:
        pass
    with closing(ForwardingApp(Session(base_url=url))) as app:
        (told,) = done(
            "memory", app, [Step(with_token(AccessToken("x"), account.get_priority().with_options(retry=NO_RETRY)))]
        )
    assert isinstance(told.error, ServerError)
    assert told.error.status == 502
