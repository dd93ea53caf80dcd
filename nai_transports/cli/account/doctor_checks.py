"""What `nai doctor` finds on this machine, without asking the service. Each check yields findings, and raises nothing."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from importlib import metadata
from typing import Final

from nai_proto.errors import FileError, MissingExtra, NaiError
from nai_proto.tokenizers.registry import TOKENIZERS
from nai_proto.version import __version__

from ...installer import explain_install
from ...tokenizer_files.finder import DIRECTORY_VARIABLE, find_file
from ...tokenizer_files.website import is_url
from ..common import system_keyring

__all__ = [
    "Diagnosis",
    "Outcome",
    "check_extras",
    "check_keyring",
    "check_tokenizers",
    "check_version",
]


class Outcome(StrEnum):
    """What a finding means for the person."""

    OK = "ok"
    NOTE = "note"
    "Nothing is broken; something more is possible."
    PROBLEM = "problem"
    "To be fixed."


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One line of `nai doctor`, which is also what it prints as JSON."""

    check: str
    "What was looked at, such as ``host``."
    outcome: Outcome
    detail: str
    advice: str | None = None
    "What to do."
    seconds: float | None = None
    "Of a host, how long its answer took; of the clock, how far it is behind the service's."
    expires_at: datetime | None = None
    "Of a token."


# ---- what is installed

_DISTRIBUTION: Final = "nai-proto"
_EXTRAS: Final = {
    "": "everything",
    "cli": "the command line",
    "tokenizers": "prompts of token ids, and token counts",
    "image": "JPEG, and the pixels of pictures",
    "keyring": "logins in the system's keyring",
    "show": "pictures in the terminal",
    "trio": "the client for trio",
    "httpx2": "the client over httpx2",
    "fast": "faster decoding",
}
"""What the dependencies of each extra are for; of all installations without a name."""
_REQUIREMENT: Final = re.compile(
    r"""(?P<name>[\w.-]+)(?:>=(?P<least>[\d.]+))?[^;]*(?:;.*\bextra == ["'](?P<extra>\w+)["'].*)?"""
)


def check_version() -> Iterator[Diagnosis]:
    """Yield the versions of this package, of Python and of the system."""
    python, system = platform.python_version(), platform.platform(terse=True)
    yield Diagnosis("version", Outcome.OK, f"nai-proto {__version__}, Python {python}, {system}")


def check_extras() -> Iterator[Diagnosis]:
    """Yield for each extra whether its libraries are installed, and new enough."""
    try:
        requirements = metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        yield Diagnosis("extra", Outcome.NOTE, "nai-proto is not installed, only imported: its extras are not known")
        return
    for extra, purpose in _EXTRAS.items():
        if libraries := _list_libraries(requirements, extra):  # what is installed may be older than this code
            yield _check_extra(extra, purpose, libraries)


def _list_libraries(requirements: Iterable[str], extra: str) -> dict[str, str]:
    """Return the lowest version of each library that an extra needs."""
    matches = (match for each in requirements if (match := _REQUIREMENT.fullmatch(each)) and "sys_platform" not in each)
    return {match["name"]: match["least"] or "0" for match in matches if (match["extra"] or "") == extra}


def _check_extra(extra: str, purpose: str, libraries: Mapping[str, str]) -> Diagnosis:
    installed = {name: version for name in libraries if (version := _find_version(name)) is not None}
    old = [name for name, version in installed.items() if _parse_version(version) < _parse_version(libraries[name])]
    missing = [name for name in libraries if name not in installed]
    title = f"extra {extra}" if extra else "libraries"
    install = explain_install(extra)
    if old:
        wanted = ", ".join(f"{name} {installed[name]} (needs {libraries[name]})" for name in old)
        return Diagnosis(title, Outcome.PROBLEM, f"too old: {wanted}", install)
    if missing:
        outcome = Outcome.NOTE if extra else Outcome.PROBLEM
        return Diagnosis(title, outcome, f"{', '.join(missing)} not installed", f"for {purpose}: {install}")
    return Diagnosis(title, Outcome.OK, ", ".join(f"{name} {version}" for name, version in installed.items()))


def _find_version(library: str) -> str | None:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def _parse_version(text: str) -> tuple[int, ...]:
    """Return the numbers that a version begins with."""
    numbers = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(int(number) for number in numbers[0].split(".")) if numbers else ()


# ---- keyring


def check_keyring() -> Iterator[Diagnosis]:
    """Yield whether the system's keyring works."""
    in_file = "`nai login` keeps a login in a file that only you can read"
    try:
        yield Diagnosis("keyring", Outcome.OK, system_keyring.describe())
    except MissingExtra:
        yield Diagnosis("keyring", Outcome.NOTE, f"not used; {in_file}", explain_install("keyring"))
    except system_keyring.NoKeyring as error:
        yield Diagnosis("keyring", Outcome.NOTE, f"{error}; {in_file}")
    except FileError as error:
        yield Diagnosis("keyring", Outcome.PROBLEM, str(error), f"unlock or repair it; or without it, {in_file}")


# ---- tokenizer files


def check_tokenizers() -> Iterator[Diagnosis]:
    """Yield which tokenizers have their file on this machine. Nothing is downloaded."""
    own = os.environ.get(DIRECTORY_VARIABLE)
    if own and not is_url(own) and not os.path.exists(own):
        yield Diagnosis(
            "tokenizers",
            Outcome.PROBLEM,
            f"{DIRECTORY_VARIABLE} is {own}, which does not exist",
            f"correct or unset {DIRECTORY_VARIABLE}",
        )
    here: list[str] = []
    for name in TOKENIZERS:
        try:
            find_file(name, download=False)
            here.append(name)
        except FileError:
            continue
        except NaiError as error:
            yield Diagnosis("tokenizers", Outcome.PROBLEM, f"{name}: {error}")
    others = [name for name in TOKENIZERS if name not in here]
    present = f"on this machine: {', '.join(here) or 'none'}"
    absent = f"; downloaded when they are needed: {', '.join(others)}" if others else ""
    yield Diagnosis("tokenizers", Outcome.OK, present + absent)
