# pyright: strict, reportUnnecessaryTypeIgnoreComment=true, enableTypeIgnoreComments=false
"""What the type checkers must refuse, each in both of them: never run, never collected.

Both say so when an ignore is not needed (mypy by ``warn_unused_ignores``, pyright by the comment above), so a line that
becomes legal is noticed.
"""

from __future__ import annotations

import nai_proto as nai
from nai_proto import account, text
from nai_proto.exchange.call import Call
from nai_proto.exchange.flow import Emit, Flow, Sleep, compute, using
from nai_proto.exchange.operation import Operation
from nai_proto.exchange.reply import Handler
from nai_proto.exchange.session import Session
from nai_proto.http import Head, Request
from nai_proto.secret import AccessKey, Password, PersistentToken
from nai_proto.testing import play
from nai_proto.text import Completion, Token
from nai_transports import asyncio as on_asyncio
from nai_transports import httpx as on_httpx

SESSION = Session()
CLIENT = on_httpx.Client(SESSION)

nai.Sesion  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnusedExpression]


def results() -> None:
    one: str = CLIENT.run(text.generate("x"))
    two: Token = CLIENT.run(text.generate_stream("x"))
    three: Password = CLIENT.run(account.login("a", "b"))
    four: int = CLIENT.run(compute(lambda: "x"))
    five: str = Call(text.generate_stream("x")).receive_eof()
    del one, two, three, four, five


def events() -> None:
    with CLIENT.stream(text.generate_stream("x")) as stream:
        for event in stream:
            one: str = event
            event.final = True
            del one
        two: str = stream.result
        del two
    with CLIENT.stream(text.generate("x")) as silent:
        for never in silent:
            never.text


async def colours() -> None:
    client = on_asyncio.Client(SESSION)
    client.run(text.generate("x")).text
    with client.stream(text.generate_stream("x")):
        pass
    async with client.stream(text.generate_stream("x")) as stream:
        for _ in stream:
            pass
    await CLIENT.run(text.generate("x"))


def flows() -> Flow[Token, str]:
    told = yield from text.generate_stream("x")
    yield Emit(["not a token"])
    yield "not an action"
    yield from using("no token", text.generate("x"))
    return told


def silent_flow() -> Flow[Token, None]:
    yield Sleep(1)


def runnables() -> None:
    CLIENT.run("x")
    CLIENT.run(text.generate)
    play(text.generate("x"), ["text"])
    using(PersistentToken("pst-"), b"")


def parameters() -> None:
    text.generate("x", temprature=1)
    text.generate("x", temperature="hot")
    text.generate("x", phrase_rep_pen="a bit")
    text.generate_stream(b"x")
    account.login_with_key("a key")
    account.access_key("a", "b")
    AccessKey(b"x")


def values(operation: Operation[Token, Completion]) -> None:
    SESSION.token = None
    Session("https://x")
    Session(token="pst-x")
    operation.policy = nai.NEVER
    narrower: Operation[Token, str] = operation
    Head("200")
    PersistentToken("pst-x") + "x"
    del narrower


def an_app(request: Request) -> Handler:
    yield Head(200)
