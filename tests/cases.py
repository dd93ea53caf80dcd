"""Tests of many cases: one test that tries each of them, where a test by itself takes longer than its case."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import Any, TypeAlias

import pytest

__all__ = ["for_each"]

Test: TypeAlias = Callable[..., None]
Case: TypeAlias = dict[str, Any]


def for_each(
    names: str,
    cases: Iterable[Any],
    *,
    ids: Iterable[object] | Callable[[Any], object] | None = None,
    at_once: bool = False,
) -> Callable[[Test], Test]:
    """Try every case in one test, where `pytest.mark.parametrize` makes a test of each.

    It is for cases of microseconds, and for those that wait. All that fail are raised together, each with its arguments;
    no case is left out, and the fixtures of the test are the same for all. Two on one test try every pair.

    Args:
        names: The names of the test's arguments that are given here, separated by commas.
        cases: The value of the argument, or a tuple of the values of several, for each case.
        ids: What to call the cases beside their arguments, or a function that returns it for an argument.
        at_once: Whether the cases run at the same time, each in a thread, so that they wait together.

    """
    given = [name.strip() for name in names.split(",")]
    rows = [dict(zip(given, (case,) if len(given) == 1 else case, strict=True)) for case in cases]
    labels = [*_label(rows, ids)]

    def decorate(test: Test) -> Test:
        def find_failure(row: Case, label: str, fixtures: dict[str, Any]) -> BaseException | None:
            try:
                test(**fixtures, **row)
            except (Exception, pytest.fail.Exception, BaseExceptionGroup) as error:  # the last of another `for_each`
                error.add_note(f"the case {label}{_describe(row)}")
                return error
            return None

        @wraps(test)
        def try_all(**fixtures: Any) -> None:
            if at_once:
                with ThreadPoolExecutor(len(rows)) as threads:
                    found = [*threads.map(lambda row, label: find_failure(row, label, fixtures), rows, labels)]
            else:
                found = [find_failure(row, label, fixtures) for row, label in zip(rows, labels, strict=True)]
            if failures := [error for error in found if error is not None]:
                failed = "\n".join(error.__notes__[-1] for error in failures)
                raise BaseExceptionGroup(f"{len(failures)} of {len(rows)} cases:\n{failed}\n", failures)

        assert rows, f"{test.__name__} has no case"
        parameters = inspect.signature(test).parameters
        left = [parameter for name, parameter in parameters.items() if name not in given]
        setattr(try_all, "__signature__", inspect.Signature(left))  # noqa: B010 -- what pytest reads
        return try_all

    return decorate


def _label(rows: list[Case], ids: Iterable[object] | Callable[[Any], object] | None) -> Iterator[str]:
    """Yield what comes before the arguments of each case: its name, if it has one."""
    if callable(ids):
        ids = ["-".join(str(name) for value in row.values() if (name := ids(value))) for row in rows]
    for _, name in zip(rows, [""] * len(rows) if ids is None else ids, strict=True):
        yield f"{name}: " if name != "" else ""


def _describe(row: Case) -> str:
    """Return the arguments of a case, the long ones shortened."""
    shown = ((name, repr(value)) for name, value in row.items())
    return ", ".join(f"{name}={text if len(text) < 200 else text[:200] + '…'}" for name, text in shown)
