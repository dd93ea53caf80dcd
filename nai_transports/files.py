"""Read whole files, and write files atomically, one program at a time; refuse databases that compute."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from stat import S_IMODE, S_ISREG
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Final

from nai_proto.errors import FileError, InvalidFile
from nai_proto.limits import Limits

if TYPE_CHECKING:
    import sqlite3

__all__ = [
    "MAX_BYTES",
    "check_schema",
    "create",
    "database_error",
    "decode_name",
    "encode_name",
    "exists",
    "lock_directory",
    "make_directories",
    "read",
    "read_stream",
    "write",
    "write_all",
]

_PRIVATE_MODE: Final = 0o700
_PREFIX_BYTES: Final = 240
"""How many bytes of a file's name may be in that of its temporary file, since a name has at most 255."""
MAX_BYTES: Final = Limits().body
"""Bytes of a file or a stream that is read whole, or of a value in a database."""
_PIECE_BYTES: Final = 1 << 20


def exists(path: str | os.PathLike[str]) -> bool:
    """Return whether there is something of this name; of a symbolic link, whether there is something where it leads.

    Raises:
        FileError: the system does not say, as in a directory of another user, or for a name that is too long.
    """
    try:
        os.stat(path)
        return True
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        problem = error.strerror
    raise FileError(f"{os.fspath(path)} cannot be read: {problem}", path=os.fspath(path))


def encode_name(text: str) -> str:
    """Return the name of a file that is called by a text: in UTF-8 where the locale's encoding lacks a character."""
    try:
        os.fsencode(text)
        return text
    except UnicodeEncodeError:
        return os.fsdecode(text.encode("utf-8", "replace"))


def decode_name(name: str) -> str:
    """Return the name of a file as a text: its bytes as UTF-8, or else as the locale has them, with escapes for the rest."""
    try:
        return os.fsencode(name).decode()
    except UnicodeDecodeError:
        return name.encode("utf-8", "backslashreplace").decode()


def read(path: str | os.PathLike[str], max_bytes: int = MAX_BYTES) -> bytes:
    """Return the content of a file.

    Args:
        path: of the file.
        max_bytes: how many bytes it may have. A file with holes takes no room on the disk, and a device may have no end.

    Raises:
        FileError: the file cannot be read, or is larger.
    """
    problem: str | None = _describe_excess(max_bytes)
    try:
        with open(path, "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            if size <= max_bytes and (data := _read_all(file.read, max_bytes, max(size + 1, _PIECE_BYTES))) is not None:
                return data
    except OSError as error:
        problem = error.strerror
    except ValueError:  # a NUL
        problem = "no file can have this name"
    raise FileError(f"{os.fspath(path)} cannot be read: {problem}", path=os.fspath(path))


def read_stream(read: Callable[[int], bytes | None], name: str, max_bytes: int) -> bytes:
    """Return all that is left of a stream, which may have no end.

    Args:
        read: returns the stream's next bytes, at most as many as its argument says, and nothing at the end.
        name: of the stream, for errors.
        max_bytes: how many bytes it may have.

    Raises:
        FileError: the stream cannot be read, or has more.
    """
    problem: str | None = _describe_excess(max_bytes)
    try:
        if (data := _read_all(read, max_bytes, _PIECE_BYTES)) is not None:
            return data
    except OSError as error:
        problem = error.strerror
    raise FileError(f"{name} cannot be read: {problem}", path="")


def _read_all(read: Callable[[int], bytes | None], max_bytes: int, piece_bytes: int) -> bytes | None:
    """Return all bytes; None if there are too many."""
    pieces: list[bytes] = []
    left = max_bytes + 1
    while left > 0 and (piece := read(min(left, piece_bytes))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces) if left > 0 else None


def _describe_excess(max_bytes: int) -> str:
    return f"it has more than {max_bytes} bytes"


def make_directories(path: Path, mode: int = _PRIVATE_MODE) -> None:
    """Create a directory and its parents, if they do not exist.

    Args:
        path: of the directory.
        mode: the permissions of what is created, less the umask; by default, it is open to its owner only.

    Raises:
        FileError: they cannot be created.
    """
    try:
        for missing in reversed([each for each in (path, *path.parents) if not os.path.exists(each)]):
            missing.mkdir(mode, exist_ok=True)
        if os.path.isdir(path):
            return
        problem: str | None = "it is a file"
    except OSError as error:
        problem = error.strerror
    except ValueError:  # a NUL
        problem = "no directory can have this name"
    raise FileError(f"{path} cannot be created: {problem}", path=str(path))


@contextmanager
def lock_directory(path: Path) -> Generator[None, None, None]:
    """Let one program at a time run such a block for a directory, so that none overwrites what another has just written.

    The others wait. Where the directory or the system has no such lock, nobody waits.
    """
    with ExitStack() as closing:
        with suppress(OSError, ImportError):
            import fcntl  # not on Windows

            handle = os.open(path, os.O_RDONLY)
            closing.callback(os.close, handle)  # which unlocks it
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def create(path: Path) -> os.stat_result:
    """Create an empty file with the permissions that the system gives new files, and return its status.

    It reserves a name before `write` fills it: an existing file is never opened, even if it was created a moment ago.

    Raises:
        FileError: a file of this name exists, or none can be created.
    """
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    except FileExistsError:
        problem: str | None = "it already exists"
    except OSError as error:
        problem = error.strerror
    except ValueError:  # a NUL
        problem = "no file can have this name"
    else:
        try:
            return os.fstat(handle)
        finally:
            os.close(handle)
    raise FileError(f"{path} cannot be written: {problem}", path=str(path))


def write(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file, or replace it: flush a temporary file in the same directory to the disk, and rename it.

    A new file can be read by its owner only; a file of the same owner that is replaced keeps its permissions. A symbolic
    link is replaced, and what it points to is not changed: another user may have made it.

    Raises:
        FileError: the file cannot be written; an older file is unchanged.
    """
    write_all({path: data})


def write_all(contents: Mapping[str | os.PathLike[str], bytes]) -> None:
    """Write some tens of files, each atomically. Flushed in a row, they take half the time of single calls of `write`.

    Args:
        contents: the files' contents by their paths.

    Raises:
        FileError: a file cannot be written; older files that were not replaced yet are unchanged.
    """
    temporary: dict[Path, str] = {}
    handles: dict[Path, int] = {}
    target = Path()
    problem: str | None
    try:
        with ExitStack() as closing:
            for target, data in ((Path(path), data) for path, data in contents.items()):
                file = closing.enter_context(
                    NamedTemporaryFile(dir=target.parent, prefix=f".{_shorten(target.name)}.", delete=False)
                )
                temporary[target], handles[target] = file.name, file.fileno()
                with suppress(FileNotFoundError):
                    before = os.lstat(target)
                    if S_ISREG(before.st_mode) and before.st_uid == os.stat(file.name).st_uid:
                        os.chmod(file.name, S_IMODE(before.st_mode))
                file.write(data)
                file.flush()
            for target in handles:
                os.fsync(handles[target])
        for target in handles:
            os.replace(temporary[target], target)
            del temporary[target]
        return
    except OSError as error:
        problem = error.strerror
    except ValueError:  # a NUL, or what the locale's encoding lacks
        problem = "no file can have this name"
    finally:
        for unused in temporary.values():
            Path(unused).unlink(missing_ok=True)
    raise FileError(f"{target} cannot be written: {problem}", path=str(target))


def _shorten(name: str) -> str:
    """Return a name, or its beginning if it is too long; a character has at most four bytes."""
    return name if len(os.fsencode(name)) <= _PREFIX_BYTES else name[: _PREFIX_BYTES // 4]


def database_error(path: str | os.PathLike[str], message: str, error: sqlite3.Error) -> FileError | InvalidFile:
    """Return the error for a SQLite file: InvalidFile if it is damaged, FileError if it cannot be accessed.

    Args:
        path: the file.
        message: the error's message.
        error: the error of SQLite, whose code says which it is.
    """
    import sqlite3

    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the high bytes only add detail
    damaged = code in (
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_FORMAT,
        sqlite3.SQLITE_TOOBIG,
    )
    return (InvalidFile if damaged else FileError)(message, path=os.fspath(path))


def check_schema(database: sqlite3.Connection) -> None:
    """Refuse a database that computes what it holds, and from now on values that are too large.

    A view, a virtual table or a generated column of a few bytes can give rows without end, and values of any size.

    Raises:
        sqlite3.DatabaseError: a table of the database computes, or the database is damaged.
    """
    import sqlite3

    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_BYTES)
    computing = database.execute("SELECT 1 FROM sqlite_master WHERE type NOT IN ('table', 'index') OR rootpage = 0")
    generated = "SELECT 1 FROM sqlite_master AS each, pragma_table_xinfo(each.name) AS field WHERE field.hidden != 0"
    if computing.fetchone() or database.execute(generated).fetchone():
        raise sqlite3.DatabaseError("it computes what it holds, which no file of ours does")
