"""A test of many cases tries each of them, and says which have failed."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.cases import for_each


@pytest.mark.parametrize("at_once", [False, True])
def test_every_case_is_tried_and_those_that_fail_are_named(at_once: bool) -> None:
    tried: set[int] = set()

    @for_each("number, wanted", [(number, number % 3) for number in range(9)], at_once=at_once)
    def test(number: int, wanted: int, fixture: str) -> None:
        tried.add(number)
        assert fixture == "the same"
        assert wanted != 2

    with pytest.raises(ExceptionGroup, match="3 of 9 cases") as caught:
        test(fixture="the same")
    assert tried == {*range(9)}
    assert all(f"number={number}, wanted=2" in str(caught.value) for number in (2, 5, 8))


@pytest.mark.parametrize("ids", [["one", "two"], {1: "one", 2: "two"}.get])
def test_a_case_that_has_a_name_is_called_by_it(ids: Any) -> None:
    @for_each("number", [1, 2], ids=ids)
    def test(number: int) -> None:
        assert number == 1

    with pytest.raises(ExceptionGroup, match="the case two: number=2"):
        test()


def test_what_raises_too_little_fails_as_its_case() -> None:
    @for_each("number", [1])
    def test(number: int) -> None:
        with pytest.raises(ValueError, match="nothing raises it"):
            pass

    with pytest.raises(BaseExceptionGroup, match="number=1"):
        test()


def test_every_pair_of_two_lists_is_tried_and_those_that_fail_are_named() -> None:
    tried: list[str] = []

    @for_each("letter", "ab")
    @for_each("number", [1, 2])
    def test(letter: str, number: int) -> None:
        tried.append(f"{letter}{number}")
        if letter == "a":
            pytest.fail("it is the first")

    with pytest.raises(BaseExceptionGroup, match="the case letter='a'") as caught:
        test()
    assert tried == ["a1", "a2", "b1", "b2"]
    assert "number=1\nthe case number=2" in str(caught.value.exceptions[0])


def test_cases_at_once_wait_together() -> None:
    barrier = threading.Barrier(5)

    @for_each("number", range(5), at_once=True)
    def test(number: int) -> None:
        barrier.wait(30)

    test()


def test_a_test_without_a_case_is_a_mistake() -> None:
    with pytest.raises(AssertionError, match="has no case"):

        @for_each("number", [])
        def test(number: int) -> None:
            """Never."""


def test_a_case_has_a_value_for_each_name_and_a_name_for_each_case() -> None:
    with pytest.raises(ValueError, match="shorter"):
        for_each("number, wanted", [(1, 1), (2,)])
    with pytest.raises(ValueError, match="longer"):
        for_each("number", [1], ids=["one", "two"])


@for_each("letter", "ab")
@pytest.mark.parametrize("number", [1, 2])
def test_a_case_is_one_of_each_test_that_pytest_makes(letter: str, number: int) -> None:
    assert (letter in "ab", number in (1, 2)) == (True, True)
