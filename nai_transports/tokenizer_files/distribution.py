"""The distribution ``novelai-api``: its files where it is installed, else its wheel from the package registry.

One release, whose SHA-256 is known, as is that of each file in it; only the data files are taken, and nothing of it is
ever imported.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Final

from nai_proto.errors import RemoteProtocolError, TimedOut, TransportError, excerpt
from nai_proto.tokenizers import KNOWN

from .cache import LARGEST, keep, sound
from .showing import Progress

__all__ = ["fetch", "installed", "requirement"]

_DISTRIBUTION: Final = "novelai-api"
_VERSION: Final = "0.34.1"
_WHEEL_SHA256: Final = "2a0ec1c240d0bbff520220129d99c5a23e6913ddaeacc355f96d28e907b04136"
_FOLDER: Final = "novelai_api/tokenizers/"
_PATIENCE: Final = 300.0  # seconds for pip in all
# Without a network pip would try six times, and wait in between: too long for what has another source.
_SHORT_TRIES: Final = ("--retries", "1", "--timeout", "10")


def requirement() -> str:
    """What to ask a package registry for."""
    return f"{_DISTRIBUTION}=={_VERSION}"


def installed(files: Mapping[str, str | None]) -> bytes | None:
    """The first of these files that an installed distribution lists, and has undamaged."""
    try:
        listed = metadata.files(_DISTRIBUTION) or ()
    except metadata.PackageNotFoundError:
        return None
    for file in listed:
        folder, _, name = file.as_posix().rpartition("/")
        if f"{folder}/" == _FOLDER and name in files:
            data = sound(Path(str(file.locate())), files[name])
            if data is not None:
                return data
    return None


def fetch(directory: Path, progress: Progress) -> None:
    """Gets the wheel with ``pip download`` and takes the data files out of it into ``directory``.

    Raises:
        TransportError: pip is missing, or could not get it.
        TimedOut: it took longer than five minutes.
        RemoteProtocolError: the wheel is not the one that is known; nothing of it is kept.
        FileError: ``directory`` cannot be written.
    """
    what = f"tokenizer files of {_DISTRIBUTION} {_VERSION}"
    with tempfile.TemporaryDirectory(prefix="nai-") as scratch:
        progress(f"fetching the {what}", 0, 0)
        _download(Path(scratch))
        wheels = sorted(Path(scratch).glob("*.whl"))
        if len(wheels) != 1 or hashlib.sha256(wheels[0].read_bytes()).hexdigest() != _WHEEL_SHA256:
            raise RemoteProtocolError(
                f"the package registry's {_DISTRIBUTION} {_VERSION} has not the known SHA-256; nothing of it was kept"
            )
        _unpack(wheels[0], directory, f"unpacking the {what}", progress)


def _download(into: Path) -> None:
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--no-input"),
        *("--disable-pip-version-check", *_SHORT_TRIES, "--dest", str(into), requirement()),
    ]
    try:
        done = _run(command)
    except subprocess.TimeoutExpired:
        raise TimedOut(f"pip took longer than {_PATIENCE:.0f} s", sent=True, phase="total") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR")] or lines
        said = excerpt(errors[0] if errors else f"it ended with {done.returncode}", 160)
        raise TransportError(f"pip: {said}", sent=False, phase="connect")


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=_PATIENCE,
    )


def _unpack(wheel: Path, directory: Path, what: str, progress: Progress) -> None:
    """The data files of the wheel that are known, each checked before it is kept."""
    digests = {name: digest for one in KNOWN.values() for name, digest in (*one.files.items(), *one.stand_ins.items())}
    with zipfile.ZipFile(wheel) as archive:
        members = [
            (name, member, digest)
            for member in archive.infolist()
            if member.filename == _FOLDER + (name := member.filename.rpartition("/")[2])
            and (digest := digests.get(name)) is not None
            and member.file_size <= LARGEST
        ]
        done, total = 0, sum(member.file_size for _, member, _ in members)
        for name, member, digest in members:
            progress(what, done, total)
            data = archive.read(member)
            if hashlib.sha256(data).hexdigest() != digest:
                raise RemoteProtocolError(f"{name} in {_DISTRIBUTION} {_VERSION} has not the known SHA-256")
            keep(directory / name, data)
            done += len(data)
        progress(what, total, total)
