"""Tokenizer files: finding, fetching, keeping them (native §11.3).

They are never bundled, since their licences differ. The places, in order:

1. the path that the caller gives: a file, or a directory that has one under a known name;
2. the directory ``NAI_TOKENIZER_DIR``;
3. the user's cache;
4. an installed ``novelai-api``, read without importing it;
5. that package's wheel from the package registry, by ``pip download``: one release, whose SHA-256 is known; only the
   data files are taken out of it.

What comes from the first two is the caller's own and is taken as it is. From the others only files with the known SHA-256
are: a damaged file in the cache is fetched again. Files appear in the cache whole or not at all.

All of this blocks: in a flow, use ``yield from compute(partial(load, "kayra-v1"))``.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Final, TypeAlias

from nai_proto.errors import LocalProtocolError, RemoteProtocolError, TimedOut, TransportError, excerpt
from nai_proto.text.models import Model
from nai_proto.tokenizers import KNOWN, Known, Tokenizer, known, read

__all__ = ["DIRECTORY", "Progress", "cache_directory", "fetch", "find", "load"]

DIRECTORY: Final = "NAI_TOKENIZER_DIR"
"""The environment variable that names a directory of tokenizer files."""

Progress: TypeAlias = Callable[[str, int, int], None]
"""Told what is being done, how many bytes of it are done, and of how many; 0 where that is not known."""

_DISTRIBUTION: Final = "novelai-api"
_VERSION: Final = "0.34.1"
_WHEEL_SHA256: Final = "2a0ec1c240d0bbff520220129d99c5a23e6913ddaeacc355f96d28e907b04136"
_FOLDER: Final = "novelai_api/tokenizers/"
_LARGEST: Final = 64 * 2**20  # bytes of one file; the largest known has 9 MB
_PATIENCE: Final = 300.0  # seconds for pip, which has its own retries

_loaded: Final[dict[tuple[str, Path | None], Tokenizer]] = {}
_loading: Final = threading.Lock()


def load(
    which: Model | str, *, path: str | os.PathLike[str] | None = None, progress: Progress | None = None
) -> Tokenizer:
    """The tokenizer of a model; read once per process.

    Args:
        which: a model, a model's id (``"kayra-v1"``), or a tokenizer's name (``"nerdstash_v2"``).
        path: the file itself, or a directory that has it under a known name.
        progress: is told how a fetch goes; by default a bar or a line on stderr.

    Raises:
        LocalProtocolError: the model is not known, there is no file at ``path``, or the extra ``tokenizers`` is missing.
        RemoteProtocolError: the file is not what it should be.
        TransportError: the file is nowhere and could not be fetched; the message says what to do.
    """
    asked = known(which.id if isinstance(which, Model) else which)
    key = (asked.name, None if path is None else Path(path).absolute())
    with _loading:  # two threads that want the same one wait for one reading
        tokenizer = _loaded.get(key)
        if tokenizer is None:
            data = find(asked.name, path=path, progress=progress)
            tokenizer = _loaded[key] = read(data, name=asked.name)
    return tokenizer


def find(name: str, *, path: str | os.PathLike[str] | None = None, progress: Progress | None = None) -> bytes:
    """A tokenizer's file, from the first place that has it; fetched if none has.

    Args and Raises are those of `load`.
    """
    wanted = known(name)
    if path is not None:
        data = _given(wanted, Path(path))
        if data is None:
            raise LocalProtocolError(f"{wanted.name}: no tokenizer file at {path}; names are {_names(wanted)}")
        return data
    own = os.environ.get(DIRECTORY)
    cache = cache_directory()
    for data in (_given(wanted, Path(own)) if own else None, _kept(wanted, cache), _installed(wanted)):
        if data is not None:
            return data
    if not _in_wheel(wanted):
        names = _names(wanted)
        raise LocalProtocolError(
            f"{wanted.name}: no source of this tokenizer is known; "
            + (f"put one of {names} into the directory that {DIRECTORY} names" if names else "give token ids instead")
        )
    with _shown(progress) as tell:
        fetch(cache, tell)
    data = _kept(wanted, cache)
    if data is None:
        raise RemoteProtocolError(f"{wanted.name}: {cache} does not keep what is written there")
    return data


def cache_directory() -> Path:
    """Where fetched files are kept: ``tokenizers`` in the user's cache for nai-proto.

    Raises:
        LocalProtocolError: the extra ``tokenizers`` is missing.
    """
    try:
        from platformdirs import user_cache_path
    except ModuleNotFoundError:
        raise LocalProtocolError("tokenizer files need platformdirs: pip install 'nai-proto[tokenizers]'") from None
    return user_cache_path("nai-proto", appauthor=False) / "tokenizers"


# ---- the places


def _given(wanted: Known, path: Path) -> bytes | None:
    """The caller's own file, or the best in the caller's own directory."""
    if path.is_file():
        return _bytes(path)
    return next((_bytes(path / name) for name in wanted.files if (path / name).is_file()), None)


def _kept(wanted: Known, directory: Path) -> bytes | None:
    return next(
        (data for name, digest in wanted.files.items() if (data := _sound(directory / name, digest)) is not None), None
    )


def _installed(wanted: Known) -> bytes | None:
    """From an installed distribution's list of files."""
    try:
        files = metadata.files(_DISTRIBUTION) or ()
    except metadata.PackageNotFoundError:
        return None
    for file in files:
        folder, _, name = file.as_posix().rpartition("/")
        if f"{folder}/" == _FOLDER and name in wanted.files:
            data = _sound(Path(str(file.locate())), wanted.files[name])
            if data is not None:
                return data
    return None


def _sound(path: Path, digest: str | None) -> bytes | None:
    """The file, if it is there and has this SHA-256."""
    if digest is None or not path.is_file() or path.stat().st_size > _LARGEST:
        return None
    data = _bytes(path)
    return data if hashlib.sha256(data).hexdigest() == digest else None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        problem = error.strerror
    raise LocalProtocolError(f"{path} cannot be read: {problem}")


# ---- fetching


def fetch(directory: Path, progress: Progress) -> None:
    """Gets the wheel with ``pip download`` and takes the data files out of it into ``directory``.

    Raises:
        TransportError: pip is missing, or could not get it.
        TimedOut: it took longer than five minutes.
        RemoteProtocolError: the wheel is not the one that is known; nothing of it is kept.
        LocalProtocolError: ``directory`` cannot be written.
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
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--no-input")
    ]
    command += ["--disable-pip-version-check", "--dest", str(into), f"{_DISTRIBUTION}=={_VERSION}"]
    try:
        done = _run(command)
    except subprocess.TimeoutExpired:
        raise TimedOut(_advice(f"pip took longer than {_PATIENCE:.0f} s"), sent=True, phase="total") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR")] or lines
        said = excerpt(errors[0] if errors else f"it ended with {done.returncode}", 160)
        raise TransportError(_advice(f"pip: {said}"), sent=False, phase="connect")


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


def _advice(why: str) -> str:
    return (
        f"no tokenizer file on this machine, and none could be fetched ({why}). On a machine that can, `pip download "
        f"--no-deps {_DISTRIBUTION}=={_VERSION}` gets a wheel, a ZIP archive, with files in {_FOLDER}: put them into the "
        f"directory that {DIRECTORY} names. All else works without them: give prompts as text or as token ids"
    )


def _unpack(wheel: Path, directory: Path, what: str, progress: Progress) -> None:
    """The data files of the wheel that are known, each checked before it is kept."""
    digests = {name: digest for one in KNOWN.values() for name, digest in one.files.items()}
    with zipfile.ZipFile(wheel) as archive:
        members = [
            (name, member, digest)
            for member in archive.infolist()
            if member.filename == _FOLDER + (name := member.filename.rpartition("/")[2])
            and (digest := digests.get(name)) is not None
            and member.file_size <= _LARGEST
        ]
        done, total = 0, sum(member.file_size for _, member, _ in members)
        for name, member, digest in members:
            progress(what, done, total)
            data = archive.read(member)
            if hashlib.sha256(data).hexdigest() != digest:
                raise RemoteProtocolError(f"{name} in {_DISTRIBUTION} {_VERSION} has not the known SHA-256")
            _write(directory / name, data)
            done += len(data)
        progress(what, total, total)


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all: a temporary name in the same directory, flushed to the disk, then renamed."""
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = file.name
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        temporary = ""
        return
    except OSError as error:
        problem = error.strerror
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
    raise LocalProtocolError(f"{path} cannot be written: {problem}")


def _in_wheel(wanted: Known) -> bool:
    return any(digest is not None for digest in wanted.files.values())


def _names(wanted: Known) -> str:
    return ", ".join(wanted.files)


# ---- telling how it goes


@contextmanager
def _shown(progress: Progress | None) -> Generator[Progress, None, None]:
    """The caller's progress; else a bar where rich and a terminal are, else a line on stderr for each thing done."""
    if progress is not None:
        yield progress
    elif sys.stderr is not None and sys.stderr.isatty() and find_spec("rich") is not None:
        from rich.console import Console
        from rich.progress import Progress as Bar

        with Bar(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=None)
            yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total or None)
    else:
        said: set[str] = set()

        def line(what: str, done: int, total: int) -> None:  # noqa: ARG001 -- a line has no place for them
            if what not in said and sys.stderr is not None:
                said.add(what)
                sys.stderr.write(f"{what} …\n")

        yield line
