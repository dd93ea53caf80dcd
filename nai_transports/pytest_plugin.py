"""Fixtures for tests of programs that talk to NovelAI. pytest loads them when nai-proto is installed.

=====================  ===============================================================================================
``nai_emulator``       an `Emulator` with one account, in memory, on a clock that only the test moves
``nai_token``          the persistent token of the account, a str
``nai_client``         a client of the emulator: no socket, and waits take no time
``nai_async_client``   such a client for asyncio and trio
``nai_server``         the URL of the emulator on loopback, for programs that need one
=====================  ===============================================================================================

The account is ``writer@example.com`` with the password ``correct horse``. When a test fails, its report lists the requests
that the emulator got, and the scripted replies and the faults that are left. What is left alone makes no test fail: it may
be there for a request that need not come. A test that wants all replies used says ``assert not nai_emulator.replies``.

pytest imports this module at its start, so it imports nothing of ours before a fixture is used.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from nai_proto.emulator import Emulator

    from . import memory

__all__ = ["EMAIL", "PASSWORD", "nai_async_client", "nai_client", "nai_emulator", "nai_server", "nai_token"]

EMAIL: Final = "writer@example.com"
"The e-mail of the emulator's account."
PASSWORD: Final = "correct horse"
"Its password; the account exists only in the test."


@pytest.fixture
def nai_emulator() -> Emulator:
    """An emulator of NovelAI, in memory. Its ``replies``, ``faults``, ``requests`` and ``clock`` are for the test."""
    from nai_proto.emulator import Emulator
    from nai_proto.secret import Password

    emulator = Emulator()
    emulator.add_account(EMAIL, Password(PASSWORD))
    return emulator


@pytest.fixture
def nai_token(nai_emulator: Emulator) -> str:
    """The persistent token of the emulator's first account."""
    if not nai_emulator.accounts:
        pytest.fail("nai_emulator has no account: add one by add_account in the fixture that overrides it")
    return nai_emulator.accounts[0].persistent_token.reveal()


@pytest.fixture
def nai_client(nai_emulator: Emulator, nai_token: str) -> Generator[memory.Client, None, None]:
    """A client of the emulator, with the account's token. Waits take no time: they advance the emulator's clock."""
    from nai_proto.exchange.session import Session

    from . import memory

    with memory.Client(nai_emulator, Session(token=nai_token, base_url=_ANYWHERE)) as client:
        yield client


@pytest.fixture
def nai_async_client(nai_emulator: Emulator, nai_token: str) -> memory.AsyncClient:
    """A client of the emulator for asyncio and trio, with the account's token. Waits take no time."""
    from nai_proto.exchange.session import Session

    from . import memory

    return memory.AsyncClient(nai_emulator, Session(token=nai_token, base_url=_ANYWHERE))


@pytest.fixture
def nai_server(nai_emulator: Emulator) -> Generator[str, None, None]:
    """The URL of the emulator on loopback. Here waits take their time, although the emulator's clock stands still."""
    from .servers.serve import serve_in_thread

    with serve_in_thread(nai_emulator) as url:
        yield url


_ANYWHERE: Final = "http://emulator.invalid"
"An address that nothing has: the emulator in memory answers at all of them."


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the emulator's requests, and what no request used up, to the report of a test that has failed."""
    report = yield
    emulator: Any = getattr(item, "funcargs", {}).get("nai_emulator")
    if report.failed and emulator is not None:
        report.sections.append(("requests that the emulator got", str(emulator.requests)))
        for title, items in (("scripted replies", emulator.replies), ("faults", emulator.faults)):
            if left := [each for each in items if each.times is not None]:  # the others apply to all requests
                report.sections.append((f"{title} that are left", _list_lines(left)))
    return report


def _list_lines(items: Sequence[object]) -> str:
    from nai_proto.errors import excerpt

    return "\n".join(f"  {number}. {excerpt(repr(each))}" for number, each in enumerate(items, 1))
