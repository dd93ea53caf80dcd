"""Tests of many cases: one test that tries each of them, where a test by itself takes longer than its case."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import Any, TypeAlias

import pytest

__all__ = ["for_each"]

Test: TypeAlias = Callable[..., None]


def for_each(names: str, cases: Iterable[Any], *, at_once: bool = False) -> Callable[[Test], Test]:
    """Try every case in one test, where `pytest.mark.parametrize` makes a test of each.

    It is for cases of microseconds, and for those that wait. All that fail are raised together, each with its arguments;
    no case is skipped, and the fixtures of the test are the same for all.

    Args:
        names: The names of the test's arguments that are given here, separated by commas.
        cases: The value of the argument, or a tuple of the values of several, for each case.
        at_once: Whether the cases run at the same time, each in a thread, so that they wait together.

    """
    given = [name.strip() for name in names.split(",")]
    rows = [(case,) if len(given) == 1 else tuple(case) for case in cases]

    def decorate(test: Test) -> Test:
        def find_failure(row: tuple[Any, ...], fixtures: dict[str, Any]) -> BaseException | None:
            try:
                test(**fixtures, **dict(zip(given, row, strict=True)))
            except (Exception, pytest.fail.Exception) as error:
                error.add_note(f"the case {_describe(given, row)}")
                return error
            return None

        @wraps(test)
        def try_all(**fixtures: Any) -> None:
            if at_once:
                with ThreadPoolExecutor(len(rows)) as threads:
                    found = [*threads.map(lambda row: find_failure(row, fixtures), rows)]
            else:
                found = [find_failure(row, fixtures) for row in rows]
            if failures := [error for error in found if error is not None]:
                failed = "\n".join(error.__notes__[-1] for error in failures)
                raise BaseExceptionGroup(f"{len(failures)} of {len(rows)} cases:\n{failed}\n", failures)

        assert rows, f"{test.__name__} has no case"
        parameters = inspect.signature(test).parameters
        left = [parameter for name, parameter in parameters.items() if name not in given]
        setattr(try_all, "__signature__", inspect.Signature(left))  # noqa: B010 -- what pytest reads
        return try_all

    return decorate


def _describe(names: list[str], values: tuple[Any, ...]) -> str:
    """Return the arguments of a case, the long ones shortened."""
    shown = ((name, repr(value)) for name, value in zip(names, values, strict=True))
    return ", ".join(f"{name}={text if len(text) < 200 else text[:200] + '…'}" for name, text in shown)
