"""``nai demo``: one flow, unchanged, over every transport, against the emulator on loopback."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nai_proto import account, text
from nai_proto.emulator import Emulator
from nai_proto.exchange.flow import Flow, using
from nai_proto.exchange.session import Session
from nai_proto.secret import Password

from ..serve import entropy, serving

__all__ = ["demo", "tell"]

_EMAIL: Final = "writer@example.com"
_PASSWORD: Final = Password("the quiet harbour")
_PROMPT: Final = "The lamp in the old lighthouse had not been lit for years, but tonight"
_LENGTH: Final = 60
_PACE: Final = 0.01


def tell(email: str, password: Password, prompt: str) -> Flow[text.Token, text.Completion]:
    """Logs in and streams a story: the whole program, whatever runs it."""
    token = yield from account.login(email, password)
    return (
        yield from using(token, text.generate_stream(prompt, max_length=_LENGTH, temperature=0.9, extra={"seed": 7}))
    )


@dataclass
class _Told:
    """What one transport did."""

    transport: str
    tokens: int = 0
    finish_reason: str | None = None
    first_ms: float = 0.0
    total_ms: float = 0.0
    text: str = field(default="", repr=False)


class _Teller:
    """Takes a story's tokens as they come."""

    def __init__(self, transport: str, show: Callable[[str], None]) -> None:
        self.told = _Told(transport)
        self._show = show
        self._began = time.perf_counter()

    def token(self, token: text.Token) -> None:
        if not self.told.tokens:
            self.told.first_ms = self._elapsed()
        self.told.tokens += 1
        self._show(token.text)

    def result(self, story: text.Completion) -> _Told:
        self.told.text = story.text
        self.told.finish_reason = story.finish_reason
        self.told.total_ms = self._elapsed()
        return self.told

    def _elapsed(self) -> float:
        return round(1000 * (time.perf_counter() - self._began), 1)


def _on_memory(app: Emulator, session: Session, teller: _Teller) -> _Told:
    from ..memory import Client

    with Client(app, session) as client, client.stream(tell(_EMAIL, _PASSWORD, _PROMPT)) as story:
        for token in story:
            teller.token(token)
        return teller.result(story.result)


def _on_httpx(app: Emulator, session: Session, teller: _Teller) -> _Told:  # noqa: ARG001 -- like the others
    from ..httpx import Client

    with Client(session) as client, client.stream(tell(_EMAIL, _PASSWORD, _PROMPT)) as story:
        for token in story:
            teller.token(token)
        return teller.result(story.result)


def _on_asyncio(app: Emulator, session: Session, teller: _Teller) -> _Told:  # noqa: ARG001 -- like the others
    from ..asyncio import Client

    async def main() -> _Told:
        async with Client(session) as client, client.stream(tell(_EMAIL, _PASSWORD, _PROMPT)) as story:
            async for token in story:
                teller.token(token)
            return teller.result(story.result)

    return asyncio.run(main())


def _on_trio(app: Emulator, session: Session, teller: _Teller) -> _Told:  # noqa: ARG001 -- like the others
    import trio

    from ..trio import Client

    async def main() -> _Told:
        async with Client(session) as client, client.stream(tell(_EMAIL, _PASSWORD, _PROMPT)) as story:
            async for token in story:
                teller.token(token)
            return teller.result(story.result)

    return trio.run(main)


_TRANSPORTS: Final = {"memory": _on_memory, "httpx": _on_httpx, "asyncio": _on_asyncio, "trio": _on_trio}


def demo(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")] = False,
) -> None:
    """Start the emulator, log in, and stream the same story over each transport."""
    console = Console(quiet=as_json, highlight=False)
    app = Emulator(now=time.time, entropy=entropy, pace=_PACE)
    app.add_account(_EMAIL, _PASSWORD)
    told: list[_Told] = []
    skipped: dict[str, str] = {}
    with serving(app) as url:
        console.print(f"The emulator listens at [bold]{url}[/]; nothing leaves this machine.\n")
        for name, run in _TRANSPORTS.items():
            if name == "trio" and find_spec("trio") is None:
                skipped[name] = "not installed: pip install 'nai-proto[trio]'"
                continue
            console.print(f"[bold cyan]{name}[/]  [dim]{_PROMPT}[/]", end="")
            teller = _Teller(name, lambda piece: console.print(Text(piece), end=""))
            told.append(run(app, Session.at(url), teller))
            console.print("\n")
    same = len({one.text for one in told}) == 1
    if as_json:
        facts = {"url": url, "email": _EMAIL, "prompt": _PROMPT, "transports": [asdict(one) for one in told]}
        typer.echo(json.dumps({**facts, "skipped": skipped, "same_text": same}))
    else:
        console.print(_table(told, skipped))
        console.print("All transports told the same story." if same else "[red]The stories differ.[/]")
    if not same:
        raise typer.Exit(1)


def _table(told: Iterable[_Told], skipped: dict[str, str]) -> Table:
    table = Table("transport", "logged in as", "tokens", "ended by", "first token", "in all")
    for one in told:
        times = (f"{one.first_ms:.0f} ms", f"{one.total_ms:.0f} ms")
        table.add_row(one.transport, _EMAIL, str(one.tokens), one.finish_reason or "?", *times)
    for name, why in skipped.items():
        table.add_row(name, f"skipped: {why}")
    return table
