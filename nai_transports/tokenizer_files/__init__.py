"""Tokenizer files: finding, fetching, keeping them.

They are never bundled, since their licences differ. The places, in order:

1. the path that the caller gives: a file, or a directory that has one under a known name;
2. the directory ``NAI_TOKENIZER_DIR``;
3. the user's cache;
4. an installed ``novelai-api``, read without importing it;
5. a fetch, into the cache: from that package's wheel at the package registry, else from NovelAI's website.

The wheel comes before the website because its SHA-256 is known, and its files give the same ids. Where they do not, the
table of tokenizers calls the wheel's file a *stand-in*: Llama 3's, which numbers the special tokens otherwise. Then the
website's own file is looked for and fetched first, and a stand-in is taken, wherever it is, only when that fails. The
special tokens that matter are put right in it.

What comes from the first two places is the caller's own and is taken as it is. From the others only files with the
SHA-256 that is known, or was recorded when they were fetched: a damaged file in the cache is fetched again. Files appear
in the cache whole or not at all.

All of this blocks: in a flow, use ``yield from compute(partial(load, "kayra-v1"))``.

See docs/protocol/native.md#113-where-tokenizer-data-comes-from.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from nai_proto.errors import FileError, InvalidFile, RemoteProtocolError, StatusError, TransportError
from nai_proto.text.models import Model
from nai_proto.tokenizers import Known, Tokenizer, known, read

from ..files import read as read_file
from . import distribution, website
from .cache import cache_directory, kept
from .showing import Progress, shown
from .website import ORIGIN

__all__ = ["DIRECTORY", "ORIGIN", "Progress", "cache_directory", "find", "load"]

DIRECTORY: Final = "NAI_TOKENIZER_DIR"
"""The environment variable that names a directory of tokenizer files."""

_loaded: Final[dict[tuple[str, Path | None], Tokenizer]] = {}
_loading: Final = threading.Lock()


def load(
    which: Model | str,
    *,
    path: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    origin: str = ORIGIN,
) -> Tokenizer:
    """The tokenizer of a model; read once per process.

    Args:
        which: a model, a model's id (``"kayra-v1"``), or a tokenizer's name (``"nerdstash_v2"``).
        path: the file itself, or a directory that has it under a known name.
        progress: is told how a fetch goes; by default a bar or a line on stderr.
        origin: where NovelAI's website is.

    Raises:
        InvalidRequestError: the model is not known.
        FileError: there is no file at ``path``, or it cannot be read; or no source of the file is known.
        InvalidFile: the file is not what it should be.
        MissingExtra: the extra ``tokenizers`` is missing.
        TransportError: the file is nowhere and could not be fetched; the message says what was tried, and what to do.
    """
    asked = known(which.id if isinstance(which, Model) else which)
    key = (asked.name, None if path is None else Path(path).absolute())
    with _loading:  # two threads that want the same one wait for one reading
        tokenizer = _loaded.get(key)
        if tokenizer is None:
            data = find(asked.name, path=path, progress=progress, origin=origin)
            tokenizer = _loaded[key] = _read(data, asked, path)
    return tokenizer


def _read(data: bytes, asked: Known, path: str | os.PathLike[str] | None) -> Tokenizer:
    """Read a file of this machine as a tokenizer; what was fetched has been read, or compared with its SHA-256, before."""
    try:
        return read(data, name=asked.name, specials=asked.specials)
    except InvalidFile as error:
        problem = str(error)
    raise InvalidFile(problem, path=os.fspath(path or os.environ.get(DIRECTORY, "")))


def find(
    name: str,
    *,
    path: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    origin: str = ORIGIN,
) -> bytes:
    """A tokenizer's file, from the first place that has it; fetched if none has.

    Args and Raises are those of `load`.
    """
    wanted = known(name)
    if path is not None:
        data = _given(wanted, Path(path))
        if data is None:
            raise FileError(
                f"{wanted.name}: no tokenizer file at {path}; names are {_names(wanted)}", path=os.fspath(path)
            )
        return data
    own = os.environ.get(DIRECTORY)
    data = _given(wanted, Path(own)) if own else None
    if data is not None:
        return data
    tried: list[str] = []
    for files in (wanted.files, wanted.stand_ins):
        data = _found(files, progress, origin, tried)
        if data is not None:
            return data
    raise _nowhere(wanted, tried)


def _given(wanted: Known, path: Path) -> bytes | None:
    """The caller's own file, or the best in the caller's own directory."""
    if path.is_file():
        return read_file(path)
    named = (path / name for name in (*wanted.files, *wanted.stand_ins))
    return next((read_file(file) for file in named if file.is_file()), None)


def _found(files: Mapping[str, str | None], progress: Progress | None, origin: str, tried: list[str]) -> bytes | None:
    """One of these files: from this machine, else fetched. What was tried in vain, and why, goes to ``tried``."""
    cache = cache_directory()
    data = kept(files, cache) or distribution.installed(files)
    for source, fetch in _sources(files, origin) if data is None else ():
        try:
            with shown(progress) as tell:
                fetch(cache, tell)
        except (TransportError, StatusError, RemoteProtocolError, InvalidFile) as error:
            tried.append(f"{source}: {error}")
            continue
        data = kept(files, cache)
        if data is not None:
            break
        tried.append(f"{source}: it brought no file of this tokenizer")
    return data


def _sources(files: Mapping[str, str | None], origin: str) -> Iterator[tuple[str, Callable[[Path, Progress], None]]]:
    """What may bring one of these files into a directory, the surest first."""
    if any(files.values()):
        yield "the package registry", distribution.fetch
    for name in files:
        if name.endswith(".def"):
            yield "NovelAI's website", partial(website.fetch, name, origin=origin)


def _nowhere(wanted: Known, tried: list[str]) -> FileError | TransportError:
    names = _names(wanted)
    here = f"put one of {names} into the directory that {DIRECTORY} names"
    otherwise = "All else works without it: give prompts as text or as token ids"
    if not tried:
        return FileError(f"{wanted.name}: no source of this tokenizer is known; {here}. {otherwise}")
    return TransportError(
        f"{wanted.name}: no tokenizer file on this machine, and none could be fetched ({'; '.join(tried)}). Fetch it "
        f"elsewhere (`pip download --no-deps {distribution.requirement()}` gets a wheel, a ZIP archive, with most; the "
        f"others are at {ORIGIN}/tokenizer/compressed/), and {here}. {otherwise}",
        sent=False,
        phase="connect",
    )


def _names(wanted: Known) -> str:
    return ", ".join((*wanted.files, *wanted.stand_ins))
