"""Environments of their own for other people's clients, made from pinned requirements, and kept.

    python tests/interop/environments.py

makes them all and prints where they are. They are in a cache outside of the tree: the directory that NAI_INTEROP_CACHE
names, else the user's cache for nai-proto; by the hash of their requirements and Python's version, so that a changed pin
or another Python makes another one. One that is not whole is never taken for one: it gets its name last.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from platformdirs import user_cache_path

__all__ = ["ENVIRONMENTS", "PATIENCE", "Environment", "NotMade"]

PATIENCE: Final = 180.0
"""Seconds for the making of all."""
_HERE: Final = Path(__file__).parent


class NotMade(Exception):
    """There is no environment, and none could be made; the text says why."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment with one client in it."""

    name: str
    "``{name}.txt`` has its requirements, the client itself first."
    session: str
    "The package under ``sessions`` that runs in it."

    @property
    def title(self) -> str:
        """The client and its version."""
        return self._pins()[0].replace("==", " ")

    @property
    def path(self) -> Path:
        """Where it is, or will be."""
        wanted = "\n".join((*self._pins(), sys.version, sysconfig.get_platform()))
        name = f"{self.name}-{hashlib.sha256(wanted.encode()).hexdigest()[:16]}"
        cache = os.environ.get("NAI_INTEROP_CACHE") or user_cache_path("nai-proto", appauthor=False) / "interop"
        return Path(cache) / name

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.path / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")

    def make(self, until: float) -> None:
        """Makes it, unless it is there.

        Args:
            until: when there is no more time for it, by `time.monotonic`.

        Raises:
            NotMade: the package registry is not there, or has not what is wanted; or it took too long.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".making-", dir=self.path.parent) as scratch:
                if not self.path.is_dir():
                    self._make(Path(scratch) / "environment", until)
        except OSError as error:
            if not self.path.is_dir():  # else somebody else was faster
                raise NotMade(f"{self.path}: {error.strerror}") from None

    def _make(self, scratch: Path, until: float) -> None:
        _run(until, "-m", "venv", "--without-pip", str(scratch))
        _run(
            until,
            *("-m", "pip", "--python", str(scratch), "install", "--quiet", "--no-input", "--no-deps", "--no-compile"),
            *("--disable-pip-version-check", "--only-binary", ":all:", "--retries", "1", "--timeout", "15"),
            *("--requirement", str(self._requirements())),
        )
        scratch.rename(self.path)

    def site_packages(self) -> Path:
        """Where its packages are."""
        (found,) = self.path.glob("Lib/site-packages" if sys.platform == "win32" else "lib/python*/site-packages")
        return found

    def _requirements(self) -> Path:
        return _HERE / f"{self.name}.txt"

    def _pins(self) -> list[str]:
        lines = self._requirements().read_text(encoding="utf-8").splitlines()
        return [line for line in lines if line and not line.startswith("#")]


ENVIRONMENTS: Final = (
    Environment("novelai-api", "novelai_api"),
    Environment("openai", "openai"),
    Environment("openai-1", "openai"),
    Environment("nekoai", "nekoai"),
    Environment("novelai-sdk", "novelai_sdk"),
)


def _run(until: float, *arguments: str) -> None:
    command = [sys.executable, *arguments]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False,
            timeout=max(0.0, until - time.monotonic()),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise NotMade(f"it took longer than {PATIENCE:.0f} s") from None
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in said if line.startswith("ERROR")] or said
        raise NotMade(errors[-1] if errors else f"{arguments[1]} ended with {done.returncode}")


def main() -> None:
    """Makes all of them."""
    began = time.monotonic()
    for environment in ENVIRONMENTS:
        environment.make(began + PATIENCE)
        print(f"{environment.title}: {environment.path} ({time.monotonic() - began:.1f} s)")  # noqa: T201, its answer


if __name__ == "__main__":
    main()
