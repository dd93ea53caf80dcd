"""Find a tokenizer's file, in the order of places that the package describes, and load it."""

from __future__ import annotations

import hashlib
import os
import shlex
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from nai_proto.errors import (
    FileError,
    InvalidFile,
    NotFoundError,
    RemoteProtocolError,
    StatusError,
    TransportError,
)
from nai_proto.image.models import ImageModel
from nai_proto.text.models import Model
from nai_proto.tokenizers import Tokenizer, TokenizerInfo, find_tokenizer_info, read

from ..files import read as read_file
from ..installer import format_install_command
from . import novelai_api_wheel, website
from .cache import cache_directory, find_verified, store
from .installed_packages import find_installed
from .progress import Progress, show_progress
from .website import ORIGIN, fetch, is_url, url_of

__all__ = ["DIRECTORY_VARIABLE", "find_file", "load"]

DIRECTORY_VARIABLE: Final = "NAI_TOKENIZER_DIR"
"""The environment variable with the path, or the URL, of a directory of tokenizer files."""

_loaded: Final[dict[tuple[str, str | None, bool], Tokenizer]] = {}
"""By name, path, and whether a better file was allowed to be downloaded."""
_load_lock: Final = threading.Lock()


def load(
    which: Model | ImageModel | str,
    *,
    path: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    origin: str = ORIGIN,
    download: bool = True,
) -> Tokenizer:
    """Return the tokenizer of a model. Each is read once per process.

    Args:
        which: a text model or an image model, the id or the name of one (``"kayra-v1"``, ``"Kayra"``), or a tokenizer's
            name (``"nerdstash_v2"``).
        path: the file, or a directory with a file of a known name; or the URL of either, which ends with a slash if it is
            a directory. What a URL gives is kept in the user's cache.
        progress: called with the progress of a download; by default a bar or a line on stderr.
        origin: URL of NovelAI's website.
        download: False looks only at what is on this machine.

    Raises:
        InvalidRequestError: the model is unknown.
        FileError: there is no file at ``path``, or it cannot be read; or no source of the file is known; or it is not on
            this machine and may not be downloaded.
        InvalidFile: the file is not a tokenizer file, or is damaged.
        MissingExtra: the extra ``tokenizers`` is missing.
        TransportError: the file is not on this machine and could not be downloaded; the message says what was tried, and
            what to do.
    """
    info = find_tokenizer_info(which)
    key = (info.name, None if path is None else _absolute(os.fspath(path)), download)
    with _load_lock:  # threads that need the same tokenizer read it once
        tokenizer = _loaded.get(key)
        if tokenizer is None:
            data = find_file(info.name, path=path, progress=progress, origin=origin, download=download)
            tokenizer = _loaded[key] = _read(data, info, path)
    return tokenizer


def _absolute(place: str) -> str:
    return place if is_url(place) else str(Path(place).absolute())


def _read(data: bytes, info: TokenizerInfo, path: str | os.PathLike[str] | None) -> Tokenizer:
    """Read the tokenizer of a file. Downloaded files have been read, or compared with their SHA-256, before."""
    try:
        return read(data, name=info.name, specials=info.specials)
    except InvalidFile as error:
        problem = str(error)
    raise InvalidFile(problem, path=os.fspath(path or os.environ.get(DIRECTORY_VARIABLE, "")))


def find_file(
    name: str,
    *,
    path: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    origin: str = ORIGIN,
    download: bool = True,
) -> bytes:
    """Return the content of a tokenizer's file, from the first place that has it; download it if none has.

    Args and Raises are those of `load`; ``name`` is a model's id or name, or a tokenizer's name.
    """
    info = find_tokenizer_info(name)
    if path is not None:
        data = _find_callers_file(info, os.fspath(path), progress, download)
        if data is None:
            raise FileError(
                f"{info.name}: no tokenizer file at {path}; possible names are {_file_names(info)}",
                path=os.fspath(path),
            )
        return data
    own = os.environ.get(DIRECTORY_VARIABLE)
    data = _find_callers_file(info, own, progress, download) if own else None
    if data is not None:
        return data
    tried: list[str] = []
    for files in (info.files, info.substitutes):
        data = _find_or_download(files, progress, origin if download else None, tried)
        if data is not None:
            return data
    raise _not_found_error(info, tried, download)


def _find_callers_file(info: TokenizerInfo, place: str, progress: Progress | None, download: bool) -> bytes | None:
    """Return the caller's own file, or the best one in the caller's own directory; ``place`` is a path or a URL."""
    names = (*info.files, *info.substitutes)
    if is_url(place):
        urls = [place + name for name in names] if place.endswith("/") else [place]
        return next((data for url in urls if (data := _find_at_url(url, progress, download)) is not None), None)
    path = Path(place)
    if os.path.isfile(path):
        return read_file(path)
    return next((read_file(path / name) for name in names if os.path.isfile(path / name)), None)


def _find_at_url(url: str, progress: Progress | None, download: bool) -> bytes | None:
    """Return the file at a URL, from the cache if it was downloaded before; None if the server does not have it."""
    name = hashlib.sha256(url.encode()).hexdigest()
    directory = cache_directory() / "by-url"
    data = find_verified({name: None}, directory)
    if data is None and download:
        try:
            with show_progress(progress) as report:
                data = fetch(url, report)
        except NotFoundError:
            return None
        store(directory / name, data, record_digest=True)
    return data


def _find_or_download(
    files: Mapping[str, str | None], progress: Progress | None, origin: str | None, tried: list[str]
) -> bytes | None:
    """Return one of these files, from this machine or downloaded. Append failed sources, with the reason, to ``tried``.

    Without an origin nothing is downloaded.
    """
    cache = cache_directory()
    data = find_verified(files, cache) or find_installed(files)
    for source, download in _iter_sources(files, origin) if data is None and origin is not None else ():
        try:
            with show_progress(progress) as report:
                download(cache, report)
        except (TransportError, StatusError, RemoteProtocolError, InvalidFile) as error:
            tried.append(f"{source}: {error}")
            continue
        data = find_verified(files, cache)
        if data is not None:
            break
        tried.append(f"{source}: it has no file of this tokenizer")
    return data


def _iter_sources(
    files: Mapping[str, str | None], origin: str
) -> Iterator[tuple[str, Callable[[Path, Progress], None]]]:
    """Return functions that download one of these files into a directory, the most reliable first."""
    if any(files.values()):
        yield "the package registry", novelai_api_wheel.download
    for name in files:
        if name.endswith(".def"):
            yield "NovelAI's website", partial(website.download, name, origin=origin)


def _not_found_error(info: TokenizerInfo, tried: list[str], download: bool) -> FileError | TransportError:
    """Return what is missing, where it was looked for, and the command that gets it."""
    missing = f"{info.name}: no tokenizer file is in {_name_places()}"
    if not download:
        return FileError(f"{missing}; allow its download, or {_advise(info)}")
    if not tried:
        return FileError(f"{missing}, and none can be downloaded. To use one, {_advise(info)}")
    return TransportError(
        f"{missing}, and none could be downloaded ({'; '.join(tried)}). To get one, {_advise(info)}",
        sent=False,
        phase="connect",
    )


def _name_places() -> str:
    """Return the places that were searched, and which of them the user has named."""
    own = os.environ.get(DIRECTORY_VARIABLE)
    if own:
        is_absent = not is_url(own) and not os.path.exists(own)
        return (
            f"{own} (from {DIRECTORY_VARIABLE}{', but it does not exist' if is_absent else ''}) or {cache_directory()}"
        )
    return f"{cache_directory()} (the default; {DIRECTORY_VARIABLE} is not set)"


def _advise(info: TokenizerInfo) -> str:
    """Return what to type."""
    own = os.environ.get(DIRECTORY_VARIABLE, "")
    names = (*info.files, *info.substitutes)
    if any((*info.files.values(), *info.substitutes.values())):
        return f"type: {format_install_command('--no-deps', novelai_api_wheel.requirement())}"
    published = next((name for name in names if name.endswith(".def")), None)
    if published and own and not is_url(own):
        return f"type: curl --create-dirs -fo {shlex.quote(str(Path(own) / published))} '{url_of(published)}'"
    source = f" (it is at {url_of(published)})" if published else ""
    where = f"into {own}" if own else f"into a directory, and type: export {DIRECTORY_VARIABLE}=DIRECTORY"
    return f"put {' or '.join(names)}{source} {where}"


def _file_names(info: TokenizerInfo) -> str:
    return ", ".join((*info.files, *info.substitutes))
