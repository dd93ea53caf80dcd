"""NovelAI's own tokenizer files, as its website loads them.

The project's own machinery fetches them: an operation, whose events say how many bytes have come, run over blocking
sockets. So limits, timeouts and errors are those of every call; redirects are not followed, to whatever host they point.

The publisher may change the files, so nothing is known of their bytes beforehand. What came is therefore read as a
tokenizer before it is kept, and kept with its SHA-256.

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
from .cache import LARGEST, keep
from .showing import Progress

__all__ = ["ORIGIN", "fetch"]

ORIGIN: Final = "https://novelai.net"
"""Where the website is."""

_TIMEOUTS: Final = Timeouts(connect=4, read=15, idle=15, total=180)
"""Short where there is no network, since another source or an error comes next; the largest file has some 4 MB."""

_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


def fetch(file: str, directory: Path, progress: Progress, *, origin: str = ORIGIN) -> None:
    """Gets one file into ``directory``, if it is a tokenizer.

    Args:
        file: such as ``"llama3nai_tokenizer.def"``.
        directory: where it is kept.
        progress: is told how it goes.
        origin: ``https://host``, or any scheme on loopback.

    Raises:
        TransportError: there is no connection, or it broke.
        StatusError: the website has no such file, or sends elsewhere for it.
        RemoteProtocolError: what came is a web page, or too large; it is not kept.
        InvalidFile: what came is no tokenizer file, or is cut off; it is not kept.
        FileError: ``directory`` cannot be written.
        InvalidRequestError: ``origin`` is not safe.
        MissingExtra: a library is missing.
    """
    if urlsplit(origin).scheme != "https" and urlsplit(origin).hostname not in _LOOPBACK:
        raise InvalidRequestError("tokenizer files are fetched over https only", parameter="origin")
    session = Session(base_url=origin, limits=Limits(body=LARGEST), timeouts=_TIMEOUTS)
    what = f"fetching {file} from {urlsplit(origin).hostname}"
    progress(what, 0, 0)
    with Client(session, proxy=proxy_from_environment(origin)) as client, client.stream(_download(file)) as stream:
        for done, total in stream:
            progress(what, done, total)
        data = stream.result
    read(data, name=file)
    keep(directory / file, data, recorded=True)


def _download(file: str) -> Operation[tuple[int, int], bytes]:
    request = Request("GET", f"/tokenizer/compressed/{file}?v=2&static=true", host=Host.API)
    return Operation(request, (("*/*", _Pieces),), Repeat.NEVER)


class _Pieces:
    """Keeps the body; each piece is an event that says how many bytes have come, and of how many."""

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
        # Two bytes would not do: raw DEFLATE may begin with those as well.
        if self._is_page or body[:64].lstrip()[:5].lower() in (b"<!doc", b"<html"):
            raise RemoteProtocolError(f"{self._where}: a web page instead of a tokenizer file")
        return body
