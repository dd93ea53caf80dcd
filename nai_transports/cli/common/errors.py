"""How a command fails: its exit status, and one line on stderr that says what the person can do next; JSON with ``--json``.

See docs/command-line.md#exit-statuses and docs/command-line.md#errors.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import typer

from nai_proto.errors import (
    AuthenticationError,
    ConcurrentGenerationError,
    ConflictError,
    CryptoError,
    FileError,
    InvalidFile,
    InvalidRequestError,
    MissingExtra,
    NaiError,
    NotFoundError,
    PaymentRequiredError,
    PermissionDeniedError,
    RateLimitError,
    RejectedRequestError,
    RemoteProtocolError,
    RequestTimeoutError,
    ServerError,
    StatusError,
    StreamError,
    TimedOut,
    TransportError,
    UnknownNameError,
)

from .error_messages import ServiceAddress, explain, is_gateway_page
from .finished_work import FinishedWork, begin_work, find_finished_work, list_done
from .notes import naming_command, print_note
from .output import escape_line
from .standard_streams import OutputFailed, end_line

__all__ = [
    "CommandFailed",
    "CommandFailure",
    "ExitStatus",
    "MissingCredentials",
    "OverLimit",
    "ProgramNotExecutable",
    "ProgramNotFound",
    "WrongUsage",
    "describe_failure",
    "end_with_failure",
    "exit_on_error",
    "reading_options",
]


class ExitStatus(IntEnum):
    """How a command ends, for scripts."""

    FAILED = 1
    "Any other failure: no connection, a file that cannot be read, an answer of the service."
    USAGE = 2
    "The command line is wrong: an option, a value, a suffix, or a name of something that does not exist."
    CREDENTIALS = 3
    "There are no credentials, or the service does not accept them."
    LIMIT = 4
    "Too dear, or over a limit: of the price, of the account, or of requests at a time."
    FINDINGS = 5
    "The command did its work, and found what is not as it should be."
    NOT_EXECUTABLE = 126
    "Of ``nai emulate``, ``record`` and ``replay`` with ``-- COMMAND``: the command cannot be run."
    NOT_FOUND = 127
    "Of the same: there is no such command."
    INTERRUPTED = 130
    "Ctrl-C."


class CommandFailed(NaiError):
    """A command cannot do what it was asked for, though the command line is right."""


class MissingCredentials(NaiError):
    """There is no token, e-mail or password, and nobody can be asked for it."""


class ProgramNotFound(NaiError):
    """The program that a command is to run does not exist."""


class ProgramNotExecutable(NaiError):
    """The program that a command is to run cannot be run."""


class WrongUsage(InvalidRequestError):
    """An option, an environment variable or the profile file is wrong."""


@contextmanager
def reading_options() -> Generator[None, None, None]:
    """Raise what the library refuses in the block as `WrongUsage`: the block reads options, and sends nothing.

    Raises:
        WrongUsage: an option or an argument is wrong.
    """
    try:
        yield
        return
    except InvalidRequestError as error:
        usage = WrongUsage(explain(error), parameter=error.parameter)
    raise usage


class OverLimit(InvalidRequestError):
    """A request costs more than is allowed, or than the account has. It was not sent."""


_KINDS: tuple[tuple[type[Exception], str, ExitStatus], ...] = (
    (MissingCredentials, "credentials", ExitStatus.CREDENTIALS),
    (OverLimit, "price", ExitStatus.LIMIT),
    (RejectedRequestError, "rejected", ExitStatus.USAGE),
    (UnknownNameError, "not_found", ExitStatus.FAILED),
    (InvalidRequestError, "usage", ExitStatus.USAGE),
    (AuthenticationError, "credentials", ExitStatus.CREDENTIALS),
    (PaymentRequiredError, "payment", ExitStatus.LIMIT),
    (PermissionDeniedError, "permission", ExitStatus.LIMIT),
    (NotFoundError, "not_found", ExitStatus.FAILED),
    (ConflictError, "conflict", ExitStatus.FAILED),
    (ConcurrentGenerationError, "generation_lock", ExitStatus.LIMIT),
    (RateLimitError, "rate_limit", ExitStatus.LIMIT),
    (ServerError, "service", ExitStatus.FAILED),
    (RequestTimeoutError, "service", ExitStatus.FAILED),
    (StatusError, "service", ExitStatus.FAILED),
    (TimedOut, "timeout", ExitStatus.FAILED),
    (TransportError, "connection", ExitStatus.FAILED),
    (RemoteProtocolError, "protocol", ExitStatus.FAILED),
    (CryptoError, "encryption", ExitStatus.FAILED),
    (FileError, "file", ExitStatus.FAILED),
    (InvalidFile, "file", ExitStatus.FAILED),
    (MissingExtra, "missing_extra", ExitStatus.FAILED),
    (ProgramNotFound, "program", ExitStatus.NOT_FOUND),
    (ProgramNotExecutable, "program", ExitStatus.NOT_EXECUTABLE),
    (NaiError, "failed", ExitStatus.FAILED),
)
"The first row that fits an error has its kind and its exit status."


@dataclass(frozen=True, slots=True)
class CommandFailure:
    """Why a command failed."""

    kind: str
    "A word for programs, such as ``rate_limit``."
    exit_status: ExitStatus
    message: str
    "What failed, and what to do next."
    status: int | None = None
    "The service's HTTP status."
    retry_after: float | None = None
    "The seconds that the service asks to wait."
    request_id: str | None = None
    "What to quote when asking NovelAI for support."
    parameter: str | None = None
    "The parameter with a wrong value."
    work: FinishedWork = field(default_factory=FinishedWork)
    "What was finished before, and the text that arrived before a stream failed."

    def to_json(self, command: str) -> dict[str, object]:
        """Return the document that ``--json`` prints on stderr."""
        return {
            "error": {
                "command": command,
                "kind": self.kind,
                "message": self.message,
                "exit_status": int(self.exit_status),
                "status": self.status,
                "retry_after": self.retry_after,
                "request_id": self.request_id,
                "parameter": self.parameter,
                "partial": self.work.partial,
                "completed": self.work.completed,
                "files": self.work.files,
            }
        }


def describe_failure(error: NaiError, address: ServiceAddress | None = None) -> CommandFailure:
    """Return the kind of an error, the exit status, and a message with its notes (PEP 678) and the next step.

    Args:
        error: ended the command.
        address: of the service; None if it is NovelAI's own.
    """
    kind, status = _find_kind(type(error))
    if is_gateway_page(error):
        kind, status = "gateway", ExitStatus.FAILED
    elif isinstance(error, StreamError) and error.status is not None:
        kind, status = _find_kind(StatusError.kind(error.status, error.message))
    fields: Any = error  # those of `StatusError`, where it is one
    return CommandFailure(
        kind,
        status,
        _join([explain(error, address), *_list_notes(error)]),
        status=getattr(fields, "status", None),
        retry_after=getattr(fields, "retry_after", None),
        request_id=getattr(fields, "request_id", None),
        parameter=getattr(fields, "parameter", None),
        work=find_finished_work(error),
    )


def _list_notes(error: BaseException) -> list[str]:
    """Return the notes of an error (PEP 678), and what the command had done before it."""
    return [*getattr(error, "__notes__", ()), *list_done()]


def _join(sentences: Iterable[str]) -> str:
    return ". ".join(filter(None, sentences))


def _find_kind(type_: type[NaiError]) -> tuple[str, ExitStatus]:
    return next((kind, status) for base, kind, status in _KINDS if issubclass(type_, base))


@contextmanager
def exit_on_error(
    command: str, *, as_json: bool = False, find_address: Callable[[], ServiceAddress | None] = lambda: None
) -> Generator[None, None, None]:
    """End the command for a `NaiError`, for stdout that cannot be written, for Ctrl-C, and for an answer that is no.

    Args:
        command: the command with its groups, such as ``nai story undo``, with which the line begins.
        as_json: print the error as JSON?
        find_address: returns the address for `describe_failure`.

    Raises:
        typer.Exit: the block failed.
    """
    begin_work()
    try:
        with naming_command(command):
            yield
    except NaiError as error:
        failure = describe_failure(error, find_address())
    except OutputFailed as error:
        message = _join([error.reason, *_list_notes(error)])
        failure = CommandFailure("output", ExitStatus.FAILED, message, work=find_finished_work(error))
    except (KeyboardInterrupt, typer.Abort) as error:
        notes = _list_notes(error)
        if not isinstance(error, KeyboardInterrupt) and not isinstance(error.__cause__, KeyboardInterrupt):
            failure = CommandFailure("cancelled", ExitStatus.FAILED, "cancelled")
        elif as_json:
            message = _join(["interrupted", *notes])
            failure = CommandFailure("interrupted", ExitStatus.INTERRUPTED, message, work=find_finished_work(error))
        else:
            raise typer.Exit(_end_interrupted(notes)) from None
    else:
        return
    raise typer.Exit(end_with_failure(command, failure, as_json=as_json)) from None


def end_with_failure(command: str, failure: CommandFailure, *, as_json: bool) -> int:
    """Print why a command failed, on a line of its own, and return its exit status. Without a message, print nothing."""
    if failure.message:
        if as_json:
            end_line()
            typer.echo(json.dumps(failure.to_json(command)), err=True)
        else:
            print_note(f"{command}: {escape_line(failure.message)}")
    return int(failure.exit_status)


def _end_interrupted(notes: Iterable[str]) -> int:
    """Begin a new line after Ctrl-C, print what is to be known, and return the exit status."""
    with suppress(OutputFailed):
        sys.stdout.flush()
    typer.echo(err=True)
    for note in notes:
        print_note(escape_line(note))
    return int(ExitStatus.INTERRUPTED)
