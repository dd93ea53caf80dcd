"""The flow of ``nai demo``, from login to a continued story, and its runs on every driver."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, TypeAlias

from nai_proto import text
from nai_proto.emulator import Emulator
from nai_proto.exchange.actions import Emit, Steps
from nai_proto.exchange.flow import Flow, flow
from nai_proto.exchange.session import Session
from nai_proto.library import KeystoreOpened, Library, LoadEvent, ObjectsOpened, OpenedStory, open_library
from nai_proto.secret import Password
from nai_proto.tokenizers import Tokenizer

from ...clients import AsyncClient
from ...clients import Client as BlockingClient
from .demo_screen import StoryDisplay, TransportRun

__all__ = ["MODEL", "TRANSPORTS", "RunObserver", "continue_first_story"]

MODEL: Final = text.Model.KAYRA
"""The model that continues the story."""
_LENGTH: Final = 30

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
        generation = text.generate_stream(prompt, model=MODEL, max_length=_LENGTH, temperature=0.9, extra=seed)
        return (yield from generation)
    ids = tokenizer.encode(prompt)
    generation_of_ids = text.generate_stream(ids, model=MODEL, max_length=_LENGTH, temperature=0.9, extra=seed)
    return (yield from text.decode_tokens(generation_of_ids, tokenizer))


class RunObserver:
    """Measures a run, and shows its story if there is a display for it.

    Args:
        transport: the name of the transport.
        display: shows the story; None for a run that is only measured.
    """

    def __init__(self, transport: str, display: StoryDisplay | None) -> None:
        self.run = TransportRun(transport)
        self.library: Library | None = None
        self.prompt = ""
        self._display = display
        self._began = 0.0

    def start(self) -> None:
        """Start the clock, when the driver is ready."""
        self._began = time.perf_counter()

    def handle_event(self, event: LoadEvent | OpenedStory | text.Token) -> None:
        match event:
            case OpenedStory():
                self.prompt = event.text or ""
                if self._display is not None:
                    self._display.begin(event.title, self.prompt)
            case text.Token():
                if not self.run.tokens:
                    self.run.first_ms = self._elapsed()
                self.run.tokens += 1
                if self._display is not None:
                    self._display.add(event.text)
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


# ---- each driver


def _on_sync(app: Emulator, session: Session, program: DemoFlow, observer: RunObserver) -> None:  # noqa: ARG001 -- as below
    from ...sync import Client

    _run_blocking(Client(session), program, observer)


def _on_httpx(app: Emulator, session: Session, program: DemoFlow, observer: RunObserver) -> None:  # noqa: ARG001 -- as below
    from ...httpx import Client

    _run_blocking(Client(session), program, observer)


def _on_memory(app: Emulator, session: Session, program: DemoFlow, observer: RunObserver) -> None:
    from ...memory import Client

    _run_blocking(Client(app, session), program, observer)


def _on_asyncio(app: Emulator, session: Session, program: DemoFlow, observer: RunObserver) -> None:  # noqa: ARG001 -- as below
    from ...asyncio import Client

    asyncio.run(_run_async(Client(session), program, observer))


def _on_trio(app: Emulator, session: Session, program: DemoFlow, observer: RunObserver) -> None:  # noqa: ARG001 -- as below
    import trio

    from ...trio import Client

    trio.run(_run_async, Client(session), program, observer)


def _run_blocking(client: BlockingClient, program: DemoFlow, observer: RunObserver) -> None:
    with client:
        observer.start()
        with client.stream(program) as story:
            for event in story:
                observer.handle_event(event)
            observer.finish(story.result)


async def _run_async(client: AsyncClient, program: DemoFlow, observer: RunObserver) -> None:
    async with client:
        observer.start()
        async with client.stream(program) as story:
            async for event in story:
                observer.handle_event(event)
            observer.finish(story.result)


_Run: TypeAlias = Callable[[Emulator, Session, DemoFlow, RunObserver], None]

TRANSPORTS: Final[dict[str, _Run]] = {
    "sync": _on_sync,
    "httpx": _on_httpx,
    "asyncio": _on_asyncio,
    "trio": _on_trio,
    "memory": _on_memory,
}
"""The functions by the names of transports. The first one's story is shown as it arrives."""
