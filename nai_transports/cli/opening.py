"""A library, opened for a command; how far it has come is shown on stderr while a terminal is there."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn

from nai_proto.library import KeystoreOpened, Library, OpeningEvent, open_library
from nai_proto.objects import TYPES

from .client import open_client
from .credentials import credentials, service

__all__ = ["Watched", "opened", "watched"]


def opened(url: str | None, email: str | None, unsafe_password: str | None, *, types: Sequence[str] = TYPES) -> Library:
    """The account's library.

    Args:
        url: as for `nai_transports.cli.credentials.service`.
        email, unsafe_password: as for `nai_transports.cli.credentials.credentials`.
        types: of the objects to fetch.

    Raises:
        InvalidRequestError: the address is none; or e-mail or password are not to be had.
        NaiError: logging in failed, or the keystore does not open, or stories cannot be listed.
    """
    given = credentials(email, unsafe_password)
    flow = open_library(given.email, given.password, types=types)
    with open_client(service(url)) as client, watched("logging in") as progress, client.stream(flow) as opening:
        for event in opening:
            progress.event(event)
        return opening.result


class Watched:
    """A line for each step on the way, with a bar."""

    def __init__(self, progress: Progress, first: str) -> None:
        self._progress = progress
        self._steps: dict[str, TaskID] = {}
        self._current = progress.add_task(first, total=None)

    def step(self, what: str, done: int, total: int) -> None:
        """So many of so many are done."""
        if what not in self._steps:
            self._steps[what] = self._progress.add_task(what, total=None)
        self._progress.update(self._steps[what], completed=done, total=total)

    def begun(self) -> None:
        """What was done until the first step is over, and no longer shown."""
        self._progress.update(self._current, visible=False)

    def event(self, event: OpeningEvent) -> None:
        """The library has come that far."""
        if isinstance(event, KeystoreOpened):
            self._progress.update(self._current, description="opening")
        else:
            self.step(event.type, event.done, event.total)


@contextmanager
def watched(first: str) -> Generator[Watched, None, None]:
    """Shows progress while the block runs, and leaves nothing of it behind; in a file or a pipe nothing at all.

    Args:
        first: what is done until the first step.
    """
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    progress = Progress(*columns, console=console, transient=True)
    with progress if console.is_terminal else nullcontext():
        yield Watched(progress, first)
