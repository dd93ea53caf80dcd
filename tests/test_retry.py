"""How long a retry policy waits, to the second. When it waits at all is in test_flow.py."""

from __future__ import annotations

import re
from math import nan
from typing import Any

import pytest

from nai_proto.errors import (
    ConcurrentGenerationError,
    InvalidRequestError,
    InvalidTypeError,
    RateLimitError,
    RemoteProtocolError,
    ServerError,
    StatusError,
)
from nai_proto.exchange.retry import Repeat, RetryPolicy, may_have_acted
from tests.cases import for_each

BUSY = ServerError(503, "busy")
LOCKED = ConcurrentGenerationError(429, "locked")
PATIENT = RetryPolicy(attempts=10_000)


@for_each("attempt, longest", [(1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (5, 8.0), (6, 8.0), (5000, 8.0)])
def test_each_wait_is_twice_as_long_and_up_to_a_quarter_shorter(attempt: int, longest: float) -> None:
    assert PATIENT.delay(attempt, BUSY) == (0.75 * longest, longest)


def test_a_policy_sets_the_first_and_the_longest_wait() -> None:
    policy = RetryPolicy(attempts=10, base_delay=2, max_delay=5)
    assert [policy.delay(attempt, BUSY) for attempt in (1, 2, 3)] == [(1.5, 2), (3, 4), (3.75, 5)]


def test_the_last_try_is_not_followed_by_another() -> None:
    assert RetryPolicy(attempts=2).delay(1, BUSY) is not None
    assert RetryPolicy(attempts=2).delay(2, BUSY) is None
    assert RetryPolicy(attempts=1).delay(1, BUSY) is None


@for_each(
    "retry_after, wait",
    [(0.5, (0.5, 0.55)), (30, (30, 33)), (120, (120, 132)), (120.5, None), (0, (0.375, 0.5)), (-3, (0.375, 0.5))],
)
def test_the_service_may_say_how_long_to_wait(retry_after: float, wait: tuple[float, float] | None) -> None:
    delay = RetryPolicy().delay(1, RateLimitError(429, "slow", retry_after=retry_after))
    assert delay == (wait and pytest.approx(wait))


@for_each(
    "waited, wait",
    [
        *((0, (1, 1.1)), (1.5, (1, 1.1)), (4, (2, 2.2)), (16, (8, 8.8)), (30, (8, 8.8))),
        *((51.5, (8, 8.5)), (52, (8, 8)), (52.1, None), (60, None), (61, None)),
    ],
)
def test_another_generation_is_waited_for_ever_longer_until_lock_wait(
    waited: float, wait: tuple[float, float] | None
) -> None:
    for attempt in (1, 10_000):  # these tries do not count
        assert RetryPolicy().delay(attempt, LOCKED, waited=waited) == (wait and pytest.approx(wait))


def test_another_generation_is_waited_for_as_long_as_the_service_says() -> None:
    locked = ConcurrentGenerationError(429, "locked", retry_after=20)
    assert RetryPolicy().delay(1, locked, waited=30) == pytest.approx((20, 22))
    assert RetryPolicy().delay(1, locked, waited=40) == (20, 20)
    assert RetryPolicy().delay(1, locked, waited=41) is None


def test_a_used_up_lock_wait_is_over_also_without_a_wait() -> None:
    assert RetryPolicy(lock_wait=0).delay(1, LOCKED) is None
    assert RetryPolicy(lock_wait=1).delay(1, LOCKED) == (1, 1)


@for_each("remaining, wait", [(0.3, None), (0.375, None), (0.4, (0.375, 0.4)), (0.5, (0.375, 0.5)), (9, (0.375, 0.5))])
def test_no_wait_is_begun_that_would_outlast_the_run(remaining: float, wait: tuple[float, float] | None) -> None:
    assert RetryPolicy().delay(1, BUSY, remaining=remaining) == wait


def test_events_end_the_tries_unless_the_flow_leaves_out_what_comes_twice() -> None:
    assert PATIENT.delay(1, BUSY, repeat=Repeat.ALWAYS, started=True) is None
    assert PATIENT.delay(1, BUSY, repeat=Repeat.EVEN_AFTER_EVENTS, started=True) is not None
    assert PATIENT.delay(1, ServerError(500, ""), repeat=Repeat.EVEN_AFTER_EVENTS) is not None
    assert PATIENT.delay(1, ServerError(500, "")) is None


def test_a_refusal_did_nothing_and_an_answer_that_nobody_can_read_may_have() -> None:
    assert may_have_acted(StatusError(418, "")) is False
    assert may_have_acted(RemoteProtocolError("no HTTP")) is True


@for_each("name", ["base_delay", "max_delay", "lock_wait", "max_retry_after"])
def test_a_wait_is_0_or_more_seconds(name: str) -> None:
    wrong: Any
    RetryPolicy(**{name: 0})
    for wrong in (-0.1, -1, nan):
        with pytest.raises(InvalidRequestError, match=name) as caught:
            RetryPolicy(**{name: wrong})
        assert caught.value.parameter == name
    for wrong in ("1", None):
        with pytest.raises(InvalidTypeError, match=f"^{name} takes seconds, not ") as caught:
            RetryPolicy(**{name: wrong})
        assert caught.value.parameter == name


def test_there_is_at_least_one_try() -> None:
    wrong: Any
    for wrong in (0, -1):
        with pytest.raises(InvalidRequestError, match="attempts") as caught:
            RetryPolicy(attempts=wrong)
        assert caught.value.parameter == "attempts"
    for wrong in (1.5, "3", None):
        with pytest.raises(InvalidTypeError, match=re.escape("attempts takes a whole number, not ")) as caught:
            RetryPolicy(attempts=wrong)
        assert caught.value.parameter == "attempts"
