"""What the type checkers have to know, in both of them: never run, never collected.

An operation is generic in its events and its result, and both survive every way through the library: clients of either
colour, flows, tokens, calls, play.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, Never, assert_type

import httpx
import httpx2

import nai_proto as nai
from nai_proto import account, text
from nai_proto.codecs.sse import ServerSentEvent, SSEDecoder
from nai_proto.emulator import Emulator
from nai_proto.exchange.actions import Action, Emit, Incoming, Runnable, Steps, compute
from nai_proto.exchange.call import Call, Reader, ReaderFactory
from nai_proto.exchange.flow import Flow, PartialFlow
from nai_proto.exchange.operation import Operation
from nai_proto.exchange.readers import NOTHING, JsonBodyReader, Nothing
from nai_proto.exchange.reply import App, Handler, Read, Start
from nai_proto.exchange.session import Session
from nai_proto.http import Head, Host, Request
from nai_proto.limits import Limits
from nai_proto.secret import AccessKey, AccessToken, EncryptionKey, Password, PersistentToken
from nai_proto.testing import FlowTrace, play, run_in_memory
from nai_proto.text import Completion, CompletionIds, FinishReason, Logprobs, Token, TokenIds
from nai_proto.tokenizers import Tokenizer, read
from nai_transports import asyncio as on_asyncio
from nai_transports import httpx as on_httpx
from nai_transports import memory as on_memory
from nai_transports import trio as on_trio

TOKENIZER: Tokenizer = read(b"", name="x")
SESSION = nai.Session(token=PersistentToken("pst-x"))


# ---- operations


def operations() -> None:
    assert_type(text.generate("x"), Operation[Never, Completion])
    assert_type(text.generate_stream("x"), Operation[Token, Completion])
    assert_type(nai.text.generate_stream("x", model=nai.Model.KAYRA, max_length=5), Operation[Token, Completion])
    assert_type(text.generate([1, 2]), Operation[Never, CompletionIds])
    assert_type(text.generate_stream((1, 2)), Operation[TokenIds, CompletionIds])
    assert_type(text.decode_tokens(text.generate_stream([1]), TOKENIZER), Flow[Token, Completion])
    assert_type(text.decode_tokens(text.generate([1]), TOKENIZER), Flow[Token, Completion])
    assert_type(account.login_with_key(AccessKey("")), Operation[Never, AccessToken])
    assert_type(account.login("a", "b"), Flow[Never, AccessToken])
    assert_type(account.get_subscription(), Operation[Never, account.Subscription])
    assert_type(account.raw_json(account.get_subscription()), Operation[Never, Any])
    assert_type(account.create_persistent_token(), Operation[Never, PersistentToken])
    assert_type(account.get_client_settings(), Operation[Never, str])
    assert_type(account.delete_account(), Operation[Never, None])
    assert_type(account.change_password("a", "b", "c"), Flow[Never, AccessToken])
    assert_type(text.generate_stream("x").with_options(retry=nai.NO_RETRY), Operation[Token, Completion])
    assert_type(Call(text.generate_stream("x")), Call[Token, Completion])
    assert_type(compute(lambda: 5), Steps[Never, int])
    assert_type(text.generate_stream("x").with_options(token="pst-x"), Operation[Token, Completion])
    assert_type(account.login("a", "b").with_options(token="x", limits=nai.Limits()), Flow[Never, AccessToken])
    assert_type(text.generate_stream("x").map_events(len_of), PartialFlow[int, Completion, Completion | None])
    assert_type(written_by_hand("x").map_events(len_of), Flow[int, str])
    assert_type(written_by_hand("x").with_partial(str), PartialFlow[Token, str, str])
    assert_type(nai.Session(token="pst-x").token, nai.PersistentToken | nai.AccessToken | None)


def len_of(token: Token) -> int:
    return len(token.text)


def len_of_partial(partial: object) -> int:
    return len(partial.text) if isinstance(partial, Completion) else 0


def an_operation_is_covariant(operation: Operation[Token, Completion]) -> Operation[object, object]:
    return operation


def all_three_are_runnable() -> list[Runnable[Token, Completion]]:
    operation = text.generate_stream("x")
    silent: Runnable[Token, Completion] = text.generate("x")
    return [operation, Call(operation), operation.with_options(token="pst-x"), silent, tell("x")]


def tell(prompt: str) -> Steps[Token, Completion]:
    return (yield from text.generate_stream(prompt))


def parameters() -> None:
    text.generate("x", temperature=1.1, top_k=3, phrase_rep_pen="light", extra={"anything": object()})
    text.generate_stream("x", model="kayra-v1", stop_sequences=[[1, 2]], logit_bias=[(1, 0.5)])
    more: text.TextParameters = {"max_length": 3}
    text.generate("x", **more)


# ---- flows


@nai.flow
def written_by_hand(prompt: str, *, times: int = 1) -> Steps[Token, str]:
    context = yield from nai.get_context()
    assert_type(context, nai.FlowContext)
    assert_type(context.remaining, float | None)
    assert_type(times, int)
    token = yield from account.login("a", Password("b"))
    assert_type(token, AccessToken)
    completion = yield from text.generate_stream(prompt).with_options(token=token)
    assert_type(completion, Completion)
    number = yield from compute(lambda: len(completion.text))
    assert_type(number, int)
    yield Emit([Token("one of ours")])
    silent = yield from text.generate(prompt)
    assert_type(silent, Completion)
    again = yield from Call(text.generate_stream(prompt))
    assert_type(again, Completion)
    return completion.text


@nai.flow
def a_flow_without_events() -> Steps[Never, AccessToken]:
    return (yield from account.login("a", "b"))


class Teller:
    @nai.flow
    def tell(self, prompt: str) -> Steps[Token, Completion]:
        return (yield from text.generate_stream(prompt))


def flows_are_values() -> None:
    assert_type(written_by_hand("x"), Flow[Token, str])
    assert_type(written_by_hand("x", times=2), Flow[Token, str])
    assert_type(a_flow_without_events(), Flow[Never, AccessToken])
    assert_type(Teller().tell("x"), Flow[Token, Completion])


def steps_are_a_generator(steps: Steps[Token, str]) -> Generator[Action[Token], Incoming, str]:
    return steps


# ---- clients


def sync(app: App) -> None:
    with on_httpx.Client(SESSION) as client:
        assert_type(client, on_httpx.Client)
        assert_type(client.run(text.generate("x")), Completion)
        assert_type(client.run(text.generate_stream("x")), Completion)
        assert_type(client.run(account.login("a", "b")), AccessToken)
        assert_type(client.run(account.login_with_key(AccessKey(""))), AccessToken)
        assert_type(client.run(written_by_hand("x")), str)
        assert_type(client.run(written_by_hand("x").with_options(token="pst-x")), str)
        assert_type(client.run(Call(text.generate_stream("x"))), Completion)
        with client.stream(text.generate_stream("x")) as stream:
            for event in stream:
                assert_type(event, Token)
                assert_type(event.text, str)
            assert_type(stream.result, Completion)
            assert_type(stream.result.finish_reason, FinishReason | None)
            assert_type(stream.result.logprobs, tuple[Logprobs, ...] | None)
            assert_type(stream.partial, Completion | None)
        with client.stream(Call(text.generate_stream("x"))) as called:
            assert_type(called.partial, Completion | None)
        with client.stream(written_by_hand("x").with_partial(len_of_partial)) as counted:
            assert_type(counted.partial, int)
        with client.stream(written_by_hand("x")) as story:
            for event in story:
                assert_type(event, Token)
            assert_type(story.result, str)
            assert_type(story.partial, object)
        with client.stream(text.generate_stream("x").with_options(token="pst-x")) as used:
            for event in used:
                assert_type(event, Token)
            assert_type(used.result, Completion)
    with on_memory.Client(app) as memory:
        assert_type(memory, on_memory.Client)
        assert_type(memory.run(text.generate("x")), Completion)
        with memory.stream(text.generate_stream("x")) as stream:
            for event in stream:
                assert_type(event, Token)
            assert_type(stream.result, Completion)


def any_client_of_httpx() -> None:
    on_httpx.Client(SESSION, httpx.Client())
    on_httpx.Client(SESSION, httpx2.Client())
    on_httpx.AsyncClient(SESSION, httpx.AsyncClient())
    on_httpx.AsyncClient(SESSION, httpx2.AsyncClient())


async def on_either_loop() -> None:
    async with on_httpx.AsyncClient(SESSION) as client:
        assert_type(client, on_httpx.AsyncClient)
        assert_type(await client.run(text.generate("x")), Completion)
        async with client.stream(text.generate_stream("x")) as stream:
            async for event in stream:
                assert_type(event, Token)


async def on_both_loops() -> None:
    async with on_asyncio.Client(SESSION) as client:
        assert_type(client, on_asyncio.Client)
        assert_type(await client.run(text.generate("x")), Completion)
        assert_type(await client.run(account.login("a", "b")), AccessToken)
        assert_type(await client.run(written_by_hand("x")), str)
        assert_type(await client.run(written_by_hand("x").with_options(token="pst-x")), str)
        assert_type(await client.run(Call(text.generate_stream("x"))), Completion)
        async with client.stream(text.generate_stream("x")) as stream:
            async for event in stream:
                assert_type(event, Token)
            assert_type(stream.result, Completion)
            assert_type(await stream.next_batch(), Sequence[Token] | None)
        async with client.stream(written_by_hand("x")) as story:
            async for event in story:
                assert_type(event, Token)
            assert_type(story.result, str)
    async with on_trio.Client(SESSION) as client:
        assert_type(client, on_trio.Client)
        assert_type(await client.run(text.generate("x")), Completion)
        assert_type(await client.run(written_by_hand("x")), str)
        async with client.stream(text.generate_stream("x").with_options(token="pst-x")) as stream:
            async for event in stream:
                assert_type(event, Token)
            assert_type(stream.result, Completion)


# ---- by hand


def the_message_face(head: Head, data: bytes) -> None:
    call = Call(text.generate_stream("x"))
    assert_type(call.send(), Request)
    call.receive_head(head)
    assert_type(call.receive_data(data), Sequence[Token])
    assert_type(call.receive_eof(), Completion)
    assert_type(call.partial, Completion | None)
    assert_type(call.receive_error(nai.Truncated("x")), Completion)


class Lengths:
    """A reader of one's own."""

    complete = False
    partial: int | None = None
    failure = None

    def receive_data(self, data: bytes) -> list[bytes]:
        self.partial = (self.partial or 0) + len(data)
        return [data]

    def receive_eof(self) -> int:
        return self.partial or 0


def make_lengths(where: str, head: Head, limits: Limits, /) -> Lengths:
    del where, head, limits
    return Lengths()


def one_s_own_reader(request: Request) -> None:
    reader: Reader[bytes, int] = Lengths()
    assert_type(reader.receive_eof(), int)
    factory: ReaderFactory[bytes, int] = make_lengths
    operation: Operation[bytes, int] = Operation(request, (("*/*", factory),))
    assert_type(on_httpx.Client(SESSION).run(operation), int)
    document = Operation(request, (("application/json", JsonBodyReader(dict[str, str], len)),))
    assert_type(on_httpx.Client(SESSION).run(document), int)
    assert_type(NOTHING, tuple[tuple[str, Nothing], ...])
    nothing: Operation[Never, None] = Operation(request, NOTHING)
    assert_type(nothing.request.host, Host | None)


def an_app(request: Request) -> Handler:
    data = yield Read()
    assert_type(data, bytes | None)
    yield Start(Head(200))


def testing(emulator: Emulator) -> None:
    assert_type(play(text.generate_stream("x"), [Head(200), b""]), FlowTrace[Token, Completion])
    assert_type(play(written_by_hand("x"), []).result, str)
    assert_type(play(written_by_hand("x"), []).events, list[Token])
    assert_type(run_in_memory(text.generate_stream("x"), emulator).result, Completion)
    on_memory.Client(an_app)
    on_memory.Client(emulator)


# ---- values


def an_account(said: account.Subscription, data: account.UserData) -> None:
    assert_type(said.tier, nai.Tier)
    assert_type(said.anlas, int)
    assert_type(said.perks.context_tokens, int)
    assert_type(said.extra, Mapping[str, Any])
    assert_type(data.subscription, account.Subscription)
    assert_type(on_httpx.Client(SESSION).run(account.get_information()).email_verified, bool)


def values(error: nai.NaiError) -> None:
    assert_type(SESSION.with_token(None), nai.Session)
    assert_type(nai.Session(base_url="http://x"), nai.Session)
    assert_type(SESSION.sign(text.generate("x").request), Request)
    assert_type(Password("x").reveal(), str)
    assert_type(EncryptionKey(bytes(32)).reveal(), bytes)
    assert_type(account.access_key("a", Password("b")), AccessKey)
    assert_type(account.encryption_key("a", Password("b")), EncryptionKey)
    assert_type(SSEDecoder().receive_data(b""), list[ServerSentEvent])
    assert_type(nai.Model.named("x"), nai.Model)
    match error:
        case nai.StatusError():
            assert_type(error.retry_after, float | None)
            assert_type(error.status, int)
            assert_type(error.body, bytes)
        case nai.TransportError(sent=sent):
            assert_type(sent, bool)
        case nai.StreamError(status=status):
            assert_type(status, int | None)
        case _:
            assert_type(error.partial, object)


def names_at_the_door_are_those_below() -> None:
    session: type[Session] = nai.Session
    token: type[nai.text.Token] = Token
    refused: type[nai.errors.NaiError] = nai.AuthenticationError
    assert_type(nai.account.login("a", "b"), Flow[Never, AccessToken])
    del session, token, refused
