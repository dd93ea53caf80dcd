"""The wall clock may jump, by hours and years: no request is sent twice, and no wait is longer than its documented bound."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from itertools import cycle

import pytest

from nai_proto import account, errors
from nai_proto.emulator.clock import Clock
from nai_proto.exchange.actions import Steps
from nai_proto.exchange.flow import flow
from nai_proto.exchange.reply import Handler, Start, Write
from nai_proto.exchange.retry import RetryPolicy
from nai_proto.http import Head, Headers, Request
from nai_proto.limits import Timeouts
from nai_proto.secret import PersistentToken
from nai_transports import memory
from tests.cases import for_each
from tests.support import ALL, EMAIL, PASSWORD, an_emulator, on, reading, session_at, with_token

HOUR, YEAR = 3600.0, 365 * 86_400.0
JUMPS = {
    "an hour back and on": (-HOUR, HOUR),
    "years back": (-20 * YEAR, -30 * YEAR),
    "years on": (20 * YEAR, 100 * YEAR),
    "to and fro": (-50 * YEAR, 50 * YEAR),
}
SYSTEM_TIME = time.time


def jumping(jumps: tuple[float, ...]) -> Callable[[], float]:
    """A wall clock that is somewhere else with each look."""
    ahead = cycle(jumps)
    return lambda: SYSTEM_TIME() + next(ahead)


@flow
def ask_four_times() -> Steps[object, list[object]]:
    granted = yield from account.login(EMAIL, PASSWORD)
    found: list[object] = []
    for _ in range(3):
        found.append((yield from with_token(granted, account.get_subscription())))
    return found


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("transport", ALL)
def test_a_kept_connection_and_a_token_outlive_jumps_of_the_clock(
    transport: str, jump: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator, _ = an_emulator(now=SYSTEM_TIME)
    seen: list[str] = []

    def app(request: Request) -> Handler:
        seen.append(request.target)
        yield from emulator(request)

    monkeypatch.setattr(time, "time", jumping(JUMPS[jump]))
    bounded = partial(session_at, timeouts=Timeouts(total=30.0))
    outcome = on(transport, app, ask_four_times, bounded)
    assert outcome.error is None
    assert len(outcome.result) == 3
    assert seen == ["/user/login", *["/user/subscription"] * 3]


NOW = "Wed, 21 Oct 2026 07:27:00 GMT"
POLICY = RetryPolicy(attempts=3)
BACKOFF = 2 * POLICY.max_delay
LONGEST = 2 * POLICY.max_retry_after * 1.1
DATES: dict[str, tuple[str, str | None, int, float, float]] = {
    "in a minute": ("Wed, 21 Oct 2026 07:28:00 GMT", NOW, 3, 120.0, LONGEST),
    "in two minutes, the most": ("Wed, 21 Oct 2026 07:29:00 GMT", NOW, 3, 240.0, LONGEST),
    "a second beyond the most": ("Wed, 21 Oct 2026 07:29:01 GMT", NOW, 1, 0.0, 0.0),
    "in a year": ("Thu, 21 Oct 2027 07:27:00 GMT", NOW, 1, 0.0, 0.0),
    "at the end of all dates": ("Fri, 31 Dec 9999 23:59:59 GMT", NOW, 1, 0.0, 0.0),
    "now": (NOW, NOW, 3, 0.0, BACKOFF),
    "an hour ago": ("Wed, 21 Oct 2026 06:27:00 GMT", NOW, 3, 0.0, BACKOFF),
    "at the beginning of all dates": ("Mon, 01 Jan 0001 00:00:00 GMT", NOW, 3, 0.0, BACKOFF),
    "by a server whose clock is years ahead": (
        "Sat, 21 Oct 2056 07:28:00 GMT",
        "Sat, 21 Oct 2056 07:27:00 GMT",
        3,
        120.0,
        LONGEST,
    ),
    "without the server's date": ("Fri, 31 Dec 9999 23:59:59 GMT", None, 3, 0.0, BACKOFF),
    "no date": ("the day after tomorrow", NOW, 3, 0.0, BACKOFF),
    "a number beyond all": ("9" * 300, NOW, 3, 0.0, BACKOFF),
}


@for_each("jump", JUMPS)
@for_each("date", DATES)
def test_a_retry_after_date_is_waited_for_within_its_bound(
    date: str, jump: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    retry_after, sent_at, attempts, least, most = DATES[date]
    sent: list[str] = []

    def app(request: Request) -> Handler:
        yield from reading(request)
        sent.append(request.target)
        fields = [("Retry-After", retry_after), *([] if sent_at is None else [("Date", sent_at)])]
        yield Start(Head(503, Headers([("Content-Length", "0"), *fields])))
        yield Write(b"")

    monkeypatch.setattr(time, "time", jumping(JUMPS[jump]))
    clock = Clock()
    session = session_at("http://emulator.invalid", token=PersistentToken("pst-" + "t" * 64), retry=POLICY)
    with memory.Client(app, session, clock=clock) as client, pytest.raises(errors.StatusError):
        client.run(account.get_subscription())
    assert len(sent) == attempts
    assert least <= clock() <= most
