"""The versions that are tested: those that the README's command installs, and the lowest that are claimed."""

from __future__ import annotations

import re
import sys

import pytest

from tests.versions import PINNED, find_python, lowest_versions

PINS = dict(line.split("==") for line in PINNED.read_text("utf-8").splitlines() if not line.startswith("#"))


def numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def test_each_package_that_is_required_is_pinned_to_a_version_that_is_allowed() -> None:
    too_low = {name for name, lowest in lowest_versions().items() if numbers(PINS.get(name, "0")) < numbers(lowest)}
    assert too_low == set()


def test_a_python_is_found_by_its_version() -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert version in find_python(version)


def test_a_python_that_is_not_there_is_named() -> None:
    with pytest.raises(SystemExit, match=r"python3\.2"):
        find_python("3.2")
