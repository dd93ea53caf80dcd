"""The results of a run: its reports, and where they were measured."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

import msgspec

from nai_proto.version import __version__

from .report import Report

__all__ = ["Place", "Results"]

_PACKAGES: Final = (
    "msgspec",
    "h11",
    "httpx",
    "trio",
    "aiohttp",
    "httpx2",
    "httpx-sse",
    "openai",
    "novelai-api",
    "msgpack",
    "msgpackr-python",
    "sentencepiece",
    "tokenizers",
    "typer",
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where and when something was measured."""

    machine: str
    python: str
    versions: dict[str, str]
    "Of the packages that are measured, as far as they are installed."
    date: str

    @classmethod
    def here(cls) -> Place:
        """Return this machine, today."""
        processor = platform.processor() or platform.machine()
        with suppress(OSError):
            lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            processor = next((line.partition(":")[2].strip() for line in lines if line[:10] == "model name"), processor)
        versions = {"nai-proto": __version__}
        for name in _PACKAGES:
            with suppress(importlib.metadata.PackageNotFoundError):
                versions[name] = importlib.metadata.version(name)
        return cls(
            f"{os.cpu_count()} × {processor}, {platform.system()}",
            f"{platform.python_implementation()} {platform.python_version()}",
            versions,
            date.today().isoformat(),
        )

    def __str__(self) -> str:
        packages = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return f"{self.date}; {self.machine}; {self.python}; {packages}"


@dataclass(frozen=True, slots=True)
class Results:
    """What a run measured."""

    place: Place = field(default_factory=Place.here)
    reports: dict[str, Report] = field(default_factory=dict[str, Report])
    "By the name of the question."

    @classmethod
    def load(cls, path: Path) -> Results:
        """Read what `save` wrote."""
        return msgspec.json.decode(path.read_bytes(), type=cls)

    def save(self, path: Path) -> None:
        """Write a JSON file."""
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")

    def failures(self) -> Iterable[str]:
        """Yield what was missed and must hold."""
        for name, report in self.reports.items():
            for row in report.rows:
                if report.must_hold and row.met is False:
                    yield f"{name}: {row.case}, {row.subject}: {row.ratio or row.value:.2f}, and {row.target} is allowed"
