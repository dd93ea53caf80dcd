"""Download tokenizer files: NovelAI's own from its website, and any from a URL that the user names.

The download is an operation whose events are numbers of received bytes, run with the synchronous client. So limits,
timeouts and errors are the same as for every request; redirects are not followed.

The publisher may change the files, so their bytes are not known in advance. A downloaded file is therefore read as a
tokenizer before it is stored, and stored with its SHA-256.

See docs/protocol/native.md#113-where-tokenizer-data-comes-from.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from nai_proto.errors import InvalidRequestError, RemoteProtocolError
from nai_proto.exchange.operation import Operation
from nai_proto.exchange.readers import BodyReader
from nai_proto.exchange.retry import Repeat
from nai_proto.exchange.session import Session
from nai_proto.http import Head, Host, Request
from nai_proto.limits import Limits, Timeouts
from nai_proto.tokenizers import read

from ..proxy import proxy_from_environment
from ..sync import Client
from .cache import MAX_FILE_BYTES, store
from .progress import Progress

__all__ = ["ORIGIN", "download", "fetch", "is_url", "url_of"]

ORIGIN: Final = "https://novelai.net"
"""URL of the website."""

_TIMEOUTS: Final = Timeouts(connect=4, read=15, idle=15, total=180)
"""In seconds. The first is short, since there may be another source; the largest file has about 4 MB."""

_LOOPBACK_HOSTS: Final = ("127.0.0.1", "::1", "localhost")


def download(file: str, directory: Path, progress: Progress, *, origin: str = ORIGIN) -> None:
    """Download one file of the website into ``directory``, if it is a tokenizer.

    Args:
        file: name of the file, such as ``"llama3nai_tokenizer.def"``.
        directory: where it is written.
        progress: called with the progress.
        origin: ``https://host``, or any scheme on loopback.

    Raises:
        NaiError: as for `fetch`; nothing is stored.
        FileError: ``directory`` cannot be written.
    """
    store(directory / file, fetch(url_of(file, origin), progress), record_digest=True)


def url_of(file: str, origin: str = ORIGIN) -> str:
    """Return where the website has a file."""
    return f"{origin}/tokenizer/compressed/{file}?v=2&static=true"


def is_url(place: str) -> bool:
    """Return whether this is a URL, and not a path."""
    return place.lower().startswith(("https://", "http://"))


def fetch(url: str, progress: Progress) -> bytes:
    """Return the content of a URL, if it is a tokenizer file.

    Args:
        url: ``https://…``, or ``http://…`` on loopback.
        progress: called with the progress.

    Raises:
        TransportError: there was no connection, or it was lost.
        StatusError: the server does not have the file, or redirects elsewhere.
        RemoteProtocolError: the response is a web page or too large.
        InvalidFile: the file is not a tokenizer file, or is cut off.
        InvalidRequestError: the URL is neither https nor on loopback, or not valid.
        MissingExtra: a library is missing.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK_HOSTS:
        raise InvalidRequestError("tokenizer files are downloaded over https only")
    origin, file = f"{parts.scheme}://{parts.netloc}", parts.path.rpartition("/")[2]
    session = Session(base_url=origin, limits=Limits(body=MAX_FILE_BYTES), timeouts=_TIMEOUTS)
    task = f"downloading {file} from {parts.hostname}"
    progress(task, 0, 0)
    with (
        Client(session, proxy=proxy_from_environment) as client,
        client.stream(_download_operation(url.removeprefix(origin))) as stream,
    ):
        for done, total in stream:
            progress(task, done, total)
        data = stream.result
    read(data, name=file)
    return data


def _download_operation(target: str) -> Operation[tuple[int, int], bytes]:
    request = Request("GET", target, host=Host.API)
    return Operation(request, (("*/*", _FileReader),), Repeat.NEVER)


class _FileReader:
    """Reads the body; its events are the number of received bytes and the total number; 0 if that is unknown."""

    complete = False
    partial = None
    failure = None

    def __init__(self, where: str, head: Head, limits: Limits, /) -> None:
        length = head.headers.get("content-length") or ""
        self._total = int(length) if length.isdecimal() else 0
        self._done = 0
        self._where = where
        self._is_page = head.content_type == "text/html"
        self._body = BodyReader(bytes, limits)

    def receive_data(self, data: bytes) -> Sequence[tuple[int, int]]:
        self._body.receive_data(data)
        self._done += len(data)
        return [(self._done, self._total)]

    def receive_eof(self) -> bytes:
        body = self._body.receive_eof()
        # Two bytes are not enough: raw DEFLATE may begin with them too.
        if self._is_page or body[:64].lstrip()[:5].lower() in (b"<!doc", b"<html"):
            raise RemoteProtocolError(f"{self._where}: a web page instead of a tokenizer file")
        return body
