"""``nai demo``: run the same flow, from login to a continued story, on every driver against the emulator."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Final, TypeAlias

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nai_proto import text
from nai_proto.emulator import Emulator
from nai_proto.emulator.accounts.account import Account
from nai_proto.exchange.actions import Emit, Steps
from nai_proto.exchange.flow import Flow, flow
from nai_proto.exchange.session import Session
from nai_proto.library import KeystoreOpened, Library, LoadEvent, ObjectsOpened, OpenedStory, open_library
from nai_proto.secret import Password
from nai_proto.tokenizers import Tokenizer

from ...servers.serve import serve_in_thread, system_entropy
from ..common.output import Json
from .serve_until_stopped import TokenizerFinder

__all__ = ["continue_first_story", "demo"]

_EMAIL: Final = "writer@example.com"
_PASSWORD: Final = Password("the quiet harbour")
_MODEL: Final = text.Model.KAYRA
_LENGTH: Final = 60
_SECONDS_PER_TOKEN: Final = 0.01

DemoResult: TypeAlias = tuple[Library, text.Completion]
DemoFlow: TypeAlias = Flow[LoadEvent | OpenedStory | text.Token, DemoResult]


@flow
def continue_first_story(
    email: str, password: Password, tokenizer: Tokenizer | None
) -> Steps[LoadEvent | OpenedStory | text.Token, DemoResult]:
    """Load the library and continue its first story. All drivers run this same flow.

    With a tokenizer, prompt and response are token ids; without one, both are text.
    """
    library = yield from open_library(email, password)
    story = next(story for story in library.stories if story.ok and story.text)
    yield Emit([story])
    assert library.token is not None
    return library, (yield from _continue_text(story.text or "", tokenizer).with_options(token=library.token))


@flow
def _continue_text(prompt: str, tokenizer: Tokenizer | None) -> Steps[text.Token, text.Completion]:
    seed = {"seed": 7}  # a parameter of the emulator only: it gives the same story each time
    if tokenizer is None:
        generation = text.generate_stream(prompt, model=_MODEL, max_length=_LENGTH, temperature=0.9, extra=seed)
        return (yield from generation)
    ids = tokenizer.encode(prompt)
    generation_of_ids = text.generate_stream(ids, model=_MODEL, max_length=_LENGTH, temperature=0.9, extra=seed)
    return (yield from text.decode_tokens(generation_of_ids, tokenizer))


# ---- each driver


@dataclass
class _TransportRun:
    """The outcome of the flow on one driver."""

    transport: str
    stories_opened: int = 0
    tokens: int = 0
    finish_reason: str | None = None
    first_ms: float = 0.0
    total_ms: float = 0.0
    text: str = ""


class _RunObserver:
    """Prints the events of a run, and measures it."""

    def __init__(self, transport: str, console: Console) -> None:
        self.run = _TransportRun(transport)
        self.library: Library | None = None
        self.prompt = ""
        self._console = console
        self._began = time.perf_counter()

    def handle_event(self, event: LoadEvent | OpenedStory | text.Token) -> None:
        match event:
            case OpenedStory():
                self.prompt = event.text or ""
                self._console.print(Text(self.prompt, "dim"), end="")
            case text.Token():
                if not self.run.tokens:
                    self.run.first_ms = self._elapsed()
                self.run.tokens += 1
                self._console.print(Text(event.text), end="")
            case KeystoreOpened() | ObjectsOpened():
                pass

    def finish(self, outcome: DemoResult) -> None:
        self.library, completion = outcome
        self.run.stories_opened = sum(story.ok for story in self.library.stories)
        self.run.finish_reason = completion.finish_reason
        self.run.text = completion.text
        self.run.total_ms = self._elapsed()

    def _elapsed(self) -> float:
        return round(1000 * (time.perf_counter() - self._began), 1)


def _on_memory(app: Emulator, session: Session, program: DemoFlow, observer: _RunObserver) -> None:
    from ...memory import Client

    with Client(app, session) as client, client.stream(program) as story:
        for event in story:
            observer.handle_event(event)
        observer.finish(story.result)


def _on_sync(app: Emulator, session: Session, program: DemoFlow, observer: _RunObserver) -> None:  # noqa: ARG001 -- as above
    from ...sync import Client

    with Client(session) as client, client.stream(program) as story:
        for event in story:
            observer.handle_event(event)
        observer.finish(story.result)


def _on_httpx(app: Emulator, session: Session, program: DemoFlow, observer: _RunObserver) -> None:  # noqa: ARG001 -- as above
    from ...httpx import Client

    with Client(session) as client, client.stream(program) as story:
        for event in story:
            observer.handle_event(event)
        observer.finish(story.result)


def _on_asyncio(app: Emulator, session: Session, program: DemoFlow, observer: _RunObserver) -> None:  # noqa: ARG001 -- as above
    from ...asyncio import Client

    async def main() -> None:
        async with Client(session) as client, client.stream(program) as story:
            async for event in story:
                observer.handle_event(event)
            observer.finish(story.result)

    asyncio.run(main())


def _on_trio(app: Emulator, session: Session, program: DemoFlow, observer: _RunObserver) -> None:  # noqa: ARG001 -- as above
    import trio

    from ...trio import Client

    async def main() -> None:
        async with Client(session) as client, client.stream(program) as story:
            async for event in story:
                observer.handle_event(event)
            observer.finish(story.result)

    trio.run(main)


_TRANSPORTS: Final = {
    "memory": _on_memory,
    "sync": _on_sync,
    "httpx": _on_httpx,
    "asyncio": _on_asyncio,
    "trio": _on_trio,
}


# ---- the command


def demo(
    as_json: Json = False,
) -> None:
    """Start an emulator, log in, load the encrypted library and continue its first story, with each driver."""
    console = Console(quiet=as_json, highlight=False)
    missing: dict[str, str] = {}
    tokenizers = TokenizerFinder(missing.__setitem__)
    app = Emulator(now=time.time, entropy=system_entropy, pace=_SECONDS_PER_TOKEN, tokenizers=tokenizers)
    _damage_last_story(app.add_account(_EMAIL, _PASSWORD))
    tokenizer = tokenizers(_MODEL.id)
    observers: list[_RunObserver] = []
    skipped: dict[str, str] = {}
    with serve_in_thread(app) as url:
        console.print(f"The emulator runs at [bold]{url}[/]; nothing leaves this machine.")
        if tokenizer is None:
            console.print(f"[yellow]Prompts and responses are sent as text (use_string):[/] {missing[_MODEL.id]}.\n")
        else:
            console.print(
                f"Prompts and responses are sent as token ids of {tokenizer.name}, for the model {_MODEL.id}.\n"
            )
        program = continue_first_story(_EMAIL, _PASSWORD, tokenizer)
        for name, run in _TRANSPORTS.items():
            if name == "trio" and find_spec("trio") is None:
                skipped[name] = "not installed: pip install 'nai-proto[trio]'"
                continue
            console.print(f"[bold cyan]{name}[/]  ", end="")
            observer = _RunObserver(name, console)
            run(app, Session(base_url=url), program, observer)
            observers.append(observer)
            console.print("\n")
    runs = [observer.run for observer in observers]
    opened, not_opened = _sort_stories(observers[0].library)
    same = len({one.text for one in runs}) == 1
    if as_json:
        facts = {
            "url": url,
            "email": _EMAIL,
            "model": _MODEL.id,
            "tokenizer": None if tokenizer is None else tokenizer.name,
            "why_no_tokenizer": missing.get(_MODEL.id),
            "prompt": observers[0].prompt,
            "stories": {"opened": opened, "not_opened": not_opened},
            "transports": [asdict(one) for one in runs],
            "skipped": skipped,
            "same_text": same,
        }
        typer.echo(json.dumps(facts))
    else:
        console.print(_build_library_table(opened, not_opened))
        console.print(_build_run_table(runs, skipped))
        console.print("All transports gave the same story." if same else "[red]The stories differ.[/]")
    if not same:
        raise typer.Exit(1)


def _damage_last_story(account: Account) -> None:
    """Change one byte of the last story's content, to show that the other stories still open."""
    contents = account.storage.objects["storycontent"]
    sealed = contents[-1].data or ""
    damaged = sealed[:-8] + ("A" if sealed[-8] != "A" else "B") + sealed[-7:]
    contents[-1] = msgspec.structs.replace(contents[-1], data=damaged)


def _sort_stories(library: Library | None) -> tuple[list[str], list[dict[str, str]]]:
    """Return the titles of the stories that opened, and title, id and reason of the others."""
    opened: list[str] = []
    not_opened: list[dict[str, str]] = []
    for story in library.stories if library is not None else ():
        bad = next((item for item in (story.card, story.content) if item is not None and not item.ok), None)
        if library is None or story.ok:
            opened.append(story.title)
        elif bad is None:
            not_opened.append({"title": story.title, "id": story.card.stored.id, "why": "it has no content"})
        else:
            suspicion = library.suspicion(bad)
            why = f"{bad.stored.type}: {bad.problem}" + (f"; likely {suspicion.value}" if suspicion else "")
            not_opened.append({"title": story.title, "id": bad.stored.id, "why": why})
    return opened, not_opened


def _build_library_table(opened: list[str], not_opened: list[dict[str, str]]) -> Table:
    table = Table("story", "opened")
    for title in opened:
        table.add_row(title, "yes")
    for story in not_opened:
        table.add_row(story["title"] or story["id"], f"[yellow]no: {story['why']}[/]")
    return table


def _build_run_table(runs: list[_TransportRun], skipped: dict[str, str]) -> Table:
    table = Table("transport", "stories", "tokens", "ended by", "first token", "in all")
    for one in runs:
        times = (f"{one.first_ms:.0f} ms", f"{one.total_ms:.0f} ms")
        table.add_row(one.transport, str(one.stories_opened), str(one.tokens), one.finish_reason or "?", *times)
    for name, why in skipped.items():
        table.add_row(name, f"skipped: {why}")
    return table
