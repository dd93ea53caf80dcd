# pyright: strict, reportUnnecessaryTypeIgnoreComment=true
"""What the type checkers must refuse, each line in both of them: never run, never collected.

One comment serves both: pyright takes mypy's, whatever its code, for its own. And both say so when it is not needed, mypy
by ``warn_unused_ignores``, pyright by the comment above, so a mistake that becomes legal is noticed.
"""

from __future__ import annotations

import httpx
import httpx2

import nai_proto as nai
from nai_proto import account, image, openai, text
from nai_proto.exchange.actions import Emit, Sleep, Steps, compute
from nai_proto.exchange.call import Call
from nai_proto.exchange.operation import Operation
from nai_proto.exchange.reply import Handler
from nai_proto.exchange.session import Session
from nai_proto.http import Head, Request
from nai_proto.secret import AccessKey, Password, PersistentToken
from nai_proto.testing import play
from nai_proto.text import Completion, Token
from nai_proto.tokenizers import read
from nai_transports import asyncio as on_asyncio
from nai_transports import httpx as on_httpx

TOKENIZER = read(b"", name="x")
SESSION = Session()
CLIENT = on_httpx.Client(SESSION)

ASYNC = on_httpx.AsyncClient(SESSION, httpx.Client())  # type: ignore[arg-type]
SYNC = on_httpx.Client(SESSION, httpx2.AsyncClient())  # type: ignore[arg-type]

SPELT = nai.Sesion  # type: ignore[attr-defined]


def results() -> None:
    one: str = CLIENT.run(text.generate("x"))  # type: ignore[assignment]
    two: Token = CLIENT.run(text.generate_stream("x"))  # type: ignore[assignment]
    three: Password = CLIENT.run(account.login("a", "b"))  # type: ignore[assignment]
    four: int = CLIENT.run(compute(lambda: "x"))  # type: ignore[assignment]
    five: str = Call(text.generate_stream("x")).receive_eof()  # type: ignore[assignment]
    del one, two, three, four, five


def events() -> None:
    with CLIENT.stream(text.generate_stream("x")) as stream:
        for event in stream:
            one: str = event  # type: ignore[assignment]
            event.final = True  # type: ignore[misc]
            del one
        two: str = stream.result  # type: ignore[assignment]
        del two


async def colours() -> None:
    client = on_asyncio.Client(SESSION)
    repr(client.run(text.generate("x")).text)  # type: ignore[attr-defined]
    with client.stream(text.generate_stream("x")):  # type: ignore[attr-defined]
        pass
    async with client.stream(text.generate_stream("x")) as stream:
        for _ in stream:  # type: ignore[attr-defined]
            pass
    await CLIENT.run(text.generate("x"))  # type: ignore[misc]


@nai.flow
def flows() -> Steps[Token, str]:
    completion = yield from text.generate_stream("x")
    yield Emit(["not a token"])  # type: ignore[list-item]
    yield "not an action"  # type: ignore[misc]
    yield text.generate("x")  # type: ignore[misc]
    yield from text.generate("x").with_options(token=5)  # type: ignore[arg-type]
    return completion  # type: ignore[return-value]


@nai.flow
def silent_flow() -> Steps[Token, None]:
    yield Sleep(1)  # type: ignore[call-arg]


@nai.flow  # type: ignore[arg-type]
def no_flow() -> int:
    return 5


def arguments() -> None:
    flows("x")  # type: ignore[call-arg]
    silent_flow(5)  # type: ignore[call-arg]
    flows().map_events(5)  # type: ignore[arg-type]
    one: int = CLIENT.run(flows())  # type: ignore[assignment]
    with CLIENT.stream(flows()) as stream:
        repr(stream.partial.text)  # type: ignore[attr-defined]
    with CLIENT.stream(text.generate_stream("x")) as completion:
        repr(completion.partial.text)  # type: ignore[union-attr]
    del one


def runnables() -> None:
    CLIENT.run("x")  # type: ignore[arg-type]
    CLIENT.run(text.generate)  # type: ignore[arg-type]
    play(text.generate("x"), ["text"])  # type: ignore[list-item]


def parameters() -> None:
    text.generate("x", temprature=1)  # type: ignore[call-overload]
    text.generate("x", temperature="hot")  # type: ignore[call-overload]
    text.generate("x", phrase_rep_pen="a bit")  # type: ignore[call-overload]
    text.generate_stream(["x"])  # type: ignore[list-item]
    text.decode_tokens(text.generate_stream("x"), TOKENIZER)  # type: ignore[arg-type]
    account.login_with_key(b"a key")  # type: ignore[arg-type]
    account.access_key("a", b"b")  # type: ignore[arg-type]
    account.change_access_key("a key", b"another")  # type: ignore[arg-type]
    account.change_subscription(None)  # type: ignore[arg-type]
    account.raw_json(text.generate_stream("x"))  # type: ignore[arg-type]
    AccessKey(b"x")  # type: ignore[arg-type]


def images(recipe: image.Recipe) -> None:
    """A wrong keyword is refused by its name, and the result keeps its type for mypy."""
    image.generate("x", stepss=1)  # type: ignore[call-arg]
    image.generate("x", steps="many")  # type: ignore[arg-type]
    image.generate_stream("x", size=5)  # type: ignore[arg-type]
    image.generate_cached("x", b"", stepss=1)  # type: ignore[call-arg]
    image.build_image_request("x", characters="x")  # type: ignore[arg-type]
    image.request_if_affordable(image.generate, "x", stepss=1)  # type: ignore[call-arg]
    image.request_if_affordable(image.generate, "x", steps="many")  # type: ignore[arg-type]
    recipe.request(stepss=1)  # type: ignore[call-arg]


def chats() -> None:
    openai.completion("x", temprature=1)  # type: ignore[call-arg]
    openai.completion("x", stop=5)  # type: ignore[arg-type]
    openai.chat_completion([], echo=True)  # type: ignore[call-arg]
    openai.chat_completion([5])  # type: ignore[list-item]
    openai.Message("tool", 5)  # type: ignore[arg-type]
    one: int = CLIENT.run(openai.token_count("x"))  # type: ignore[assignment]
    two: openai.OpenAICompletion = CLIENT.run(openai.chat_completion([]))  # type: ignore[assignment]
    openai.separate_reasoning(openai.completion_stream("x"))  # type: ignore[arg-type]
    openai.ChatAccumulator([openai.CompletionChunk(choices=())])  # type: ignore[list-item]
    del one, two


def values(operation: Operation[Token, Completion]) -> None:
    SESSION.token = None  # type: ignore[misc]
    Session(None)  # type: ignore[call-arg]
    Session(token=5)  # type: ignore[arg-type]
    operation.repeat = nai.Repeat.NEVER  # type: ignore[misc]
    narrower: Operation[Token, str] = operation  # type: ignore[assignment]
    Head("200")  # type: ignore[arg-type]
    repr(PersistentToken("pst-x") + "x")  # type: ignore[operator]
    del narrower


def an_app(request: Request) -> Handler:
    yield Head(200)  # type: ignore[misc]
