"""Write the files that a command makes: reserved before anything is paid, written as they arrive, and never lost.

A file's name exists, empty, from before the payment until its content replaces it at once. If the command ends without the
content, the name is free again. An existing file is replaced only with ``--force``, and no name is changed.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile, gettempdir, mkdtemp
from types import TracebackType
from typing import Annotated, Final, TypeAlias

import typer
from typer.models import OptionInfo

from nai_proto.errors import FileError, InvalidRequestError, NaiError
from nai_proto.library.file_names import make_safe_name

from ... import files
from ...signals import exit_on_signals, hold_signals
from .finished_work import add_files, record_done
from .notes import print_note
from .option_values import parse_path
from .standard_streams import OutputFailed

__all__ = [
    "OUTPUT_PANEL",
    "OutputFiles",
    "OutputPath",
    "Overwrite",
    "build_file_name",
    "build_output_option",
    "check_directory",
    "choose_paths",
]

_NAME_BYTES: Final = 48
"""How much of a text goes into a file's name."""


# ---- options


@dataclass(frozen=True, slots=True)
class OutputPath:
    """What ``--output`` names."""

    path: Path
    is_directory: bool
    "Is it a directory, or to be made one?"

    @classmethod
    def parse(cls, text: str) -> OutputPath:
        """Return a directory for the path of one, and for any path with a slash at its end; else a file.

        Raises:
            typer.BadParameter: the path is empty.
        """
        path = parse_path(text)
        return cls(path, text.endswith(("/", os.sep)) or os.path.isdir(path))

    @property
    def is_stdout(self) -> bool:
        """Is it stdout?"""
        return self.path == Path("-")

    @property
    def suffix(self) -> str:
        """The suffix of a file in lower case, with its dot; an empty text for a directory."""
        return "" if self.is_directory else self.path.suffix.lower()


OUTPUT_PANEL: Final = "Output"
"""The heading of options about files on a help page."""


def build_output_option(*suffixes: str) -> OptionInfo:
    """Return the option ``--output``.

    Args:
        suffixes: what the file's name may end with.
    """
    option: OptionInfo = typer.Option(
        "--output",
        "-o",
        metavar="FILE|DIR/",
        parser=OutputPath.parse,
        help=f"File to write ({', '.join(suffixes)}), or its directory, which is made if it ends with /.",
        show_default=False,
        rich_help_panel=OUTPUT_PANEL,
    )
    return option


Overwrite: TypeAlias = Annotated[
    bool, typer.Option("--force", help="Replace an existing file.", rich_help_panel=OUTPUT_PANEL)
]


# ---- names


def build_file_name(text: str) -> str:
    """Return a file's name without suffix: the first words of a text, joined by hyphens."""
    return make_safe_name("-".join(re.findall(r"\w+", text)), _NAME_BYTES).rstrip("-")


def choose_paths(
    output: OutputPath | None, name: str, suffixes: Sequence[str], parts: Sequence[object] = ("",)
) -> list[Path]:
    """Return a path for each file that a command makes.

    Args:
        output: what the person named. The name of a single file is taken as it is; several have their part behind it.
        name: the name in a directory, without part and suffix.
        suffixes: those of the formats that can be written, with their dots, the usual one first. ``output`` may have none.
        parts: what distinguishes the files, such as their seeds; an empty text adds nothing.

    Raises:
        InvalidRequestError: the output is stdout, or its suffix is that of another format.
        FileError: the file's directory does not exist.
    """
    if output is None or output.is_directory:
        directory = Path() if output is None else output.path
        names = ("-".join(filter(None, (name, str(part)))) for part in parts)
        return [directory / files.encode_name(f"{each}{suffixes[0]}") for each in names]
    path = output.path
    if output.is_stdout:
        raise InvalidRequestError("this command cannot write to stdout; give -o with a file name")
    if output.suffix and output.suffix not in suffixes:
        formats = ", ".join(suffixes)
        raise InvalidRequestError(f"-o {path}: this can be written as {formats}, not as {path.suffix}")
    check_directory(path.parent, advice=f" (-o {path.parent}/ makes it, and chooses the name)")
    if len(parts) == 1:
        return [path]
    return [path.with_name(f"{path.stem}-{part}{path.suffix}") for part in parts]


def check_directory(directory: Path, *, advice: str = "") -> None:
    """Check that there is a directory for a new file.

    Args:
        directory: of the file.
        advice: the end of the message where there is nothing of this name.

    Raises:
        FileError: there is none.
    """
    if not os.path.lexists(directory):
        raise FileError(f"{directory} does not exist{advice}", path=str(directory))
    if not os.path.isdir(directory):
        raise FileError(f"{directory} is not a directory", path=str(directory))


# ---- files


class OutputFiles:
    """The files of a command; used in a ``with`` block, in which the command pays, and writes what it gets.

    At its start, the block reserves all names. At its end it frees those that were not written, also for Ctrl-C and kill,
    and tells which files are complete.

    Args:
        paths: of the files that the command means to write. Missing directories are made.
        overwrite: replace existing files?
        optional: of files that the command may write as well. They are not reserved, but existing ones are refused.

    Raises:
        FileError: at the start of the block: a file exists and may not be replaced, or a name cannot be reserved. At its
            end: a file could not be written where it should be; the message says where it is.
    """

    def __init__(self, paths: Sequence[Path], *, overwrite: bool, optional: Sequence[Path] = ()) -> None:
        self._paths = paths
        self._optional = optional
        self._overwrite = overwrite
        self._reserved: dict[Path, os.stat_result] = {}
        self._made: list[Path] = []
        self._problems: list[str] = []
        self._rescued: list[Path] = []
        self._signals = ExitStack()
        self.written: Final[list[Path]] = []
        "The files that are complete, where they are."

    def __enter__(self) -> OutputFiles:
        self._signals.enter_context(exit_on_signals())
        try:
            for path in (*self._optional, *self._paths):
                self._check_free(path)
            for path in self._paths:
                self._reserve(path)
        except BaseException:
            self._release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._release()
        if error is None:
            if self._problems:
                failure = FileError(". ".join(self._problems))
                add_files(failure, self.written)
                if others := [path for path in self.written if path not in self._rescued]:
                    failure.add_note(f"written: {', '.join(map(str, others))}")
                raise failure
            if self.written:
                record_done(f"written: {', '.join(map(str, self.written))}", self.written)
            return
        add_files(error, self.written)
        lines = [*self._problems]
        if self.written:
            lines.append(f"written before: {', '.join(map(str, self.written))}")
        for line in lines:
            if isinstance(error, (NaiError, KeyboardInterrupt, OutputFailed)):
                error.add_note(line)
            else:
                with suppress(OSError):
                    print_note(line)

    def write(self, path: Path, data: bytes, suffix: str = "") -> Path:
        """Write a file, and return the path that it has. Nothing is raised, so that what comes next is written too.

        What cannot be written there is kept in another directory, which the error at the end of the block names.

        Args:
            path: of the file.
            data: its contents.
            suffix: that it gets in the other directory if its name has none, as that of a device.
        """
        with hold_signals():
            try:
                self._write(path, data)
                saved = path
            except OSError as error:
                saved = self._rescue(f"{path.name}{'' if path.suffix else suffix}", data, str(error)) or path
            else:
                self.written.append(saved)
        return saved

    def write_stdout(self, data: bytes, name: str) -> None:
        """Write to stdout; what cannot be written there is kept in a file of this name.

        Raises:
            OutputFailed: nobody reads stdout any more.
        """
        try:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        except OutputFailed as error:
            if not error.reason:
                raise
            self._rescue(name, data, error.reason)

    def keep_elsewhere(self, path: Path, data: bytes, problem: str) -> Path:
        """Write a file under a name that was not asked for, and report the problem at the end of the block."""
        saved = self.write(path, data)
        self._problems.append(f"{problem}; it was kept as {saved}")
        self._rescued.append(saved)
        return saved

    def rescue(self, name: str, data: bytes, problem: str) -> None:
        """Keep a file that could not be written where it should be, and report the problem at the end of the block."""
        with hold_signals():
            self._rescue(name, data, problem)

    # -- names

    def _check_free(self, path: Path) -> None:
        if self._overwrite or not os.path.lexists(path) or _is_device(path):
            return
        empty = ", and is empty" if os.path.isfile(path) and not path.stat().st_size else ""
        raise FileError(f"{path} already exists{empty} (--force replaces it)", path=str(path))

    def _reserve(self, path: Path) -> None:
        with hold_signals():
            self._make_directory(path.parent)
            if _is_device(path):
                return
            if os.path.lexists(path):
                _check_replaceable(path)
            else:
                self._reserved[path] = files.create(path)

    def _make_directory(self, path: Path) -> None:
        missing = [each for each in (path, *path.parents) if not os.path.exists(each)]
        self._made += missing
        if missing:
            files.make_directories(path, 0o777)  # as open as the pictures in it

    def _release(self) -> None:
        """Free the names that were not written, and remove the directories that were made for nothing."""
        with hold_signals():
            for path in filter(self._is_ours, self._reserved):
                with suppress(OSError):
                    path.unlink()
            self._reserved.clear()
            for directory in self._made:
                with suppress(OSError):
                    directory.rmdir()
        self._signals.close()

    def _is_ours(self, path: Path) -> bool:
        """Return whether a reserved name still has the empty file."""
        try:
            now = path.lstat()
        except OSError:
            return False
        return os.path.samestat(now, self._reserved[path]) and not now.st_size

    # -- contents

    def _write(self, path: Path, data: bytes) -> None:
        if _is_device(path):
            _write_device(path, data)
            return
        exists = os.path.lexists(path)
        if exists and path in self._reserved and not self._is_ours(path):
            raise FileError(f"{path} cannot be written: another program has made this file meanwhile")
        if self._overwrite and path.is_symlink():
            path.unlink()
            exists = False
        if not exists or not (self._overwrite or path in self._reserved):
            self._reserved[path] = files.create(path)  # with the permissions of new files
        files.write(path, data)
        self._reserved.pop(path, None)

    def _rescue(self, name: str, data: bytes, problem: str) -> Path | None:
        """Keep a file in another directory, note it as a problem, and return where it is; None if none could keep it."""
        for base in _rescue_directories():
            with suppress(OSError):
                directory = Path(mkdtemp(prefix="nai-rescued-", dir=base))
                try:
                    files.write(directory / name, data)
                except FileError:
                    directory.rmdir()
                    continue
                self._problems.append(f"{problem}; it was kept as {directory / name}")
                self.written.append(directory / name)
                self._rescued.append(directory / name)
                return directory / name
        self._problems.append(f"{problem}; no other directory could keep it")
        return None


def _check_replaceable(path: Path) -> None:
    """Raise FileError if a file that exists cannot be replaced: it is a directory, or its own takes no new files."""
    if os.path.isdir(path):
        raise FileError(f"{path} is a directory", path=str(path))
    try:
        with TemporaryFile(dir=path.parent):
            return
    except OSError as error:
        problem = error.strerror
    raise FileError(f"{path} cannot be replaced: {problem}", path=str(path))


def _is_device(path: Path) -> bool:
    """Return whether a path is a device or a pipe, which takes data without being replaced.

    One of another user is not: whoever made it would read what is written.
    """
    try:
        found = path.stat()
    except (OSError, ValueError):
        return False
    is_trusted = sys.platform == "win32" or found.st_uid in (0, os.geteuid())
    return is_trusted and (stat.S_ISCHR(found.st_mode) or stat.S_ISFIFO(found.st_mode))


def _write_device(path: Path, data: bytes) -> None:
    try:
        with path.open("wb", buffering=0) as file:
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]
        return
    except OSError as error:
        problem = error.strerror
    raise FileError(f"{path} cannot be written: {problem}", path=str(path))


def _rescue_directories() -> Iterator[Path]:
    """Yield the directories in which one can be made for what cannot be written where it should be, best first."""
    from platformdirs import user_data_path

    own = user_data_path("nai-proto", appauthor=False) / "rescued"
    with suppress(FileError):
        files.make_directories(own)
        yield own
    with suppress(OSError):
        yield Path(gettempdir())
    with suppress(RuntimeError):
        yield Path.home()
    yield Path("/dev/shm")  # memory, where the disk is full
