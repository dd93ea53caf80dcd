"""Settings that all tests share."""

from __future__ import annotations

import os
import sys

# Modules are compiled once, and not by each of the programs that tests start, and by the next run: also those imported here.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# ruff: noqa: E402 -- as above
import gc
from collections.abc import Generator, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import argon2.low_level
import pytest
import typer.testing

from nai_proto.codecs import key_derivation
from nai_proto.exchange.retry import RetryPolicy
from nai_transports.cli import app as cli_app
from tests.hypothesis_profiles import register_profiles

if TYPE_CHECKING:
    from tests.keyrings import MemoryKeyring

register_profiles()

_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")

# All commands are built once, and not for each run of one of them.
setattr(typer.testing, "_get_command", cache(typer.main.get_command))  # noqa: B010 -- it is nobody's business but Typer's
setattr(cli_app, "_load", cache(cli_app._load))  # noqa: B010 -- as above

# So are the keys of each password, in most tests the same one.
setattr(key_derivation, "hash_secret_raw", cache(argon2.low_level.hash_secret_raw))  # noqa: B010

# No test acts as whoever runs it, or opens their keyring or their settings.
for name in ("NAI_EMAIL", "NAI_PASSWORD", "NAI_PROFILE", "NAI_TOKEN", "NAI_URL"):
    os.environ.pop(name, None)
os.environ["NAI_CONFIG_DIR"] = os.path.join(os.devnull, "nowhere")
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"


def pytest_collection() -> None:
    """Collect no garbage while tests are collected: they all stay."""
    gc.disable()


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Begin with the last file in every second worker of pytest-xdist.

    On the first run after a change, pytest compiles the tests again, which takes longer than to collect them. Workers that
    begin at the two ends compile a half each, and find the other half compiled.
    """
    report = yield
    if isinstance(collector, pytest.Dir) and _WORKER and int(_WORKER.removeprefix("gw")) % 2:
        report.result.reverse()
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give all workers the tests in the same order, whichever file each began with."""
    if _WORKER:
        items.sort(key=lambda item: str(item.path))


def pytest_collection_finish() -> None:
    """Leave the tests themselves out of each garbage collection: walking over all of them takes half a second."""
    gc.enable()
    gc.collect()
    gc.freeze()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a command asks for is typed by the test."""
    monkeypatch.setattr("nai_transports.cli.common.prompts.is_interactive", lambda: True)


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is tried again as often as ever, but at once."""
    monkeypatch.setattr(RetryPolicy, "_delay", lambda *_: (0.0, 0.0))


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of the command line's settings, which does not exist yet."""
    directory = tmp_path / "config"
    monkeypatch.setenv("NAI_CONFIG_DIR", str(directory))
    return directory


@pytest.fixture
def ring() -> Iterator[MemoryKeyring]:
    """The system's keyring: one that is in memory, and empty."""
    from tests.keyrings import MemoryKeyring, use_keyring

    memory = MemoryKeyring()
    with use_keyring(memory):
        yield memory
