"""Named checks, one after the other as a session goes, each told in one line of JSON on stdout when it is over.

    {"check": "login: a wrong password is refused", "ok": true}
    {"check": "…", "ok": false, "why": "Traceback …"}

A program that ends before its last check, or ends badly, has failed whatever it told. Nothing here, and nothing beside
it, knows of the package that the emulator belongs to: these programs run where it is not installed.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec
from typing import Any, TypeVar

__all__ = ["check", "emulator", "failed", "hosts", "raised", "running"]

E = TypeVar("E", bound=Exception)


@contextmanager
def check(name: str) -> Generator[None, None, None]:
    """What the block does not raise, holds. Whatever it raises is told, and the session goes on."""
    try:
        yield
    except Exception:
        _tell(check=name, ok=False, why=traceback.format_exc())
    else:
        _tell(check=name, ok=True)


def raised(error: type[E], call: Callable[[], object]) -> E:
    """The error that a call ends with."""
    try:
        call()
    except error as caught:
        return caught
    raise AssertionError(f"it raised no {error.__name__}")


async def failed(error: type[E], call: Awaitable[object]) -> E:
    """The error that something awaited ends with."""
    try:
        await call
    except error as caught:
        return caught
    raise AssertionError(f"it raised no {error.__name__}")


def emulator(name: str = "plain") -> dict[str, str]:
    """Where an emulator is, and who may log in, of what ``nai emulate`` printed when it was ready."""
    ready = _ready(name)
    return {fact: ready[fact] for fact in ("url", "email", "password", "token")}


def hosts(name: str) -> dict[str, str]:
    """The address of each host of an emulator that has several."""
    found: dict[str, str] = _ready(name)["hosts"]
    return found


def _ready(name: str) -> Any:
    return json.loads(os.environ["NAI_INTEROP"])[name]


def running(main: Callable[[], None]) -> None:
    """Runs the session; what the clients print goes to stderr."""
    assert find_spec("nai_proto") is None, "the client shares its environment with what it is to try"
    with redirect_stdout(sys.stderr):
        main()


def _tell(**fields: object) -> None:
    print(json.dumps(fields), file=sys.__stdout__, flush=True)
