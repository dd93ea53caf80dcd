"""What a command had done, got, and perhaps paid for, before an error or Ctrl-C ended it.

See docs/command-line.md#errors.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from pathlib import Path

    from nai_proto.exchange.actions import Runnable

    from ...clients import Client
    from ...streams import Stream

__all__ = [
    "FinishedWork",
    "add_completed",
    "add_files",
    "add_partial",
    "begin_work",
    "find_finished_work",
    "list_done",
    "note_interruption",
    "open_stream",
    "record_done",
    "withdraw_done",
]

E = TypeVar("E")
R = TypeVar("R")

_ATTRIBUTE: Final = "nai_finished_work"

_done: Final[dict[str, tuple[str, ...]]] = {}
"What the running command has done, in sentences, with the files of each. It holds for every error that comes later."


def begin_work() -> None:
    """Begin a command, which has not done anything."""
    _done.clear()


def record_done(sentence: str, files: Iterable[Path] = ()) -> None:
    """Record what the command has written or changed for good: if it fails afterwards, as at printing, its error says so.

    Args:
        sentence: such as ``"written: sea.png"``, without foreign text that is not escaped.
        files: that are complete.
    """
    _done[sentence] = (*map(str, files),)


def withdraw_done(sentence: str) -> None:
    """Withdraw a sentence of `record_done` that may not hold any more."""
    _done.pop(sentence, None)


def list_done() -> list[str]:
    """Return the sentences of `record_done`."""
    return [*_done]


@dataclass(slots=True)
class FinishedWork:
    """What was finished, and how far the rest had come."""

    completed: list[object] = field(default_factory=list[object])
    "The documents of what was complete, as the command would have printed them."
    files: list[str] = field(default_factory=list[str])
    "The files that are complete."
    partial: str | None = None
    "The text of what was being made."


def find_finished_work(error: BaseException) -> FinishedWork:
    """Return what was finished before an error ended the command; what is added to it stays with the error."""
    found: FinishedWork | None = vars(error).get(_ATTRIBUTE)
    if found is None:
        found = FinishedWork(files=[file for files in _done.values() for file in files])
        setattr(error, _ATTRIBUTE, found)
    partial = getattr(error, "partial", None)
    if found.partial is None and partial is not None:
        found.partial = _text_of(partial)
    return found


def add_completed(error: BaseException, documents: Iterable[object]) -> None:
    """Add what was complete when an error ended the command."""
    import msgspec  # needed only when something is wrong

    find_finished_work(error).completed += [msgspec.to_builtins(each) for each in documents]


def add_files(error: BaseException, paths: Iterable[Path]) -> None:
    """Add the files that were complete when an error ended the command."""
    find_finished_work(error).files += map(str, paths)


def add_partial(error: BaseException, partial: object) -> None:
    """Add the result so far of what was being made when an error ended the command."""
    find_finished_work(error).partial = _text_of(partial)


@contextmanager
def open_stream(client: Client, flow: Runnable[E, R]) -> Generator[Stream[E, R, object], None, None]:
    """Open the stream of a flow. If Ctrl-C ends the block, the text so far stays with it, as with other errors."""
    with client.stream(flow) as stream:
        try:
            yield stream
        except KeyboardInterrupt as error:
            add_partial(error, stream.partial)
            raise


@contextmanager
def note_interruption(note: str) -> Generator[None, None, None]:
    """Let Ctrl-C in the block, which changes what the account stores, say that the change may be stored all the same.

    Args:
        note: a sentence that says so, and how to find out, or what to do; foreign text in it need not be escaped.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        error.add_note(note)
        raise


def _text_of(partial: object) -> str | None:
    """Return the text of a partial result; None if it has none."""
    text = getattr(partial, "text", partial)
    return text if isinstance(text, str) and text else None
