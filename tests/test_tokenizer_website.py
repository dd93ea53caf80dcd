"""NovelAI's own tokenizer files: downloaded from a website on loopback; invalid files are errors."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from nai_proto.errors import (
    FileError,
    InvalidFile,
    InvalidRequestError,
    LimitExceeded,
    NotFoundError,
    RemoteProtocolError,
    StatusError,
    TransportError,
    Truncated,
)
from nai_proto.exchange.reply import App, Handler
from nai_proto.http import Request
from nai_proto.tokenizers import TOKENIZERS, TokenizerInfo
from nai_transports.servers.serve import serve_in_thread
from nai_transports.tokenizer_files import (
    DIRECTORY_VARIABLE,
    find_file,
    finder,
    installed_packages,
    load,
    novelai_api_wheel,
    website,
)
from nai_transports.tokenizer_files.website import download
from tests.support import answers, cuts
from tests.test_tokenizers import byte_level_file

FILE = "own_tokenizer.def"
STOCK = "stock.json"
GOOD = zlib.compress(byte_level_file(), wbits=-zlib.MAX_WBITS)
PAGE = b"<!DOCTYPE html><title>Just a moment...</title>"


def ignore_progress(what: str, done: int, total: int) -> None:
    pass


class Machine:
    """A simulated machine: a cache, a website, and a package registry that has only a substitute of one tokenizer."""

    def __init__(self, root: Path) -> None:
        self.cache = root / "cache"
        self.requests: list[str] = []
        self.published: list[str] = []

    @contextmanager
    def serving(self, app: App) -> Generator[str, None, None]:
        def noted(request: Request) -> Handler:
            self.requests.append(request.target)
            assert request.token is None
            yield from app(request)

        with serve_in_thread(noted) as url:
            yield url

    def registry(self, directory: Path, _: object) -> None:
        self.published.append(STOCK)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / STOCK).write_bytes(b"stock")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path)
    info = replace(TOKENIZERS["llama3"], files={FILE: None}, substitutes={STOCK: hashlib.sha256(b"stock").hexdigest()})
    monkeypatch.setitem(cast("dict[str, TokenizerInfo]", TOKENIZERS), "llama3", info)
    monkeypatch.setattr(finder, "cache_directory", lambda: made.cache)
    monkeypatch.setattr(installed_packages, "_FOLDERS", {"made-up": "novelai_api/tokenizers"})
    monkeypatch.setattr(novelai_api_wheel, "_DISTRIBUTION", "made-up")
    monkeypatch.setattr(novelai_api_wheel, "download", made.registry)
    monkeypatch.delenv(DIRECTORY_VARIABLE, raising=False)
    return made


# ---- one file


def test_a_file_is_downloaded_and_stored_unchanged(machine: Machine) -> None:
    seen: list[tuple[str, int, int]] = []
    with machine.serving(answers(200, GOOD)) as url:
        download(FILE, machine.cache, lambda *progress: seen.append(progress), origin=url)
    assert machine.requests == [f"/tokenizer/compressed/{FILE}?v=2&static=true"]
    assert (machine.cache / FILE).read_bytes() == GOOD
    what = f"downloading {FILE} from 127.0.0.1"
    assert seen[0] == (what, 0, 0)
    assert seen[-1] == (what, len(GOOD), len(GOOD))


@pytest.mark.parametrize(
    ("app", "kind", "why"),
    [
        (answers(404, b"nothing here"), NotFoundError, "404"),
        (answers(302, b"", location="https://elsewhere.example/"), StatusError, "302 found elsewhere"),
        (answers(200, PAGE, content_type="text/html"), RemoteProtocolError, "a web page instead"),
        (answers(200, b"\n  " + PAGE), RemoteProtocolError, "a web page instead"),
        (answers(200, GOOD[: len(GOOD) // 2]), InvalidFile, "DEFLATE that is cut off"),
        (
            cuts(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + GOOD[:99]),
            Truncated,
            "before the end of the body",
        ),
        (answers(200, b"\0\1\2"), InvalidFile, "neither SentencePiece nor JSON"),
        (answers(200, b'{"hello": 1}'), InvalidFile, "without `model`"),
        (answers(200, b""), InvalidFile, "empty"),
        (answers(200, GOOD, content_encoding="br"), RemoteProtocolError, "asks for identity"),
        (cuts(b"SSH-2.0-nothing\r\n\r\n"), RemoteProtocolError, "does not speak HTTP"),
        (cuts(b""), TransportError, "without a response"),
    ],
)
def test_a_response_that_is_no_tokenizer_file_is_an_error_and_not_stored(
    machine: Machine, app: App, kind: type[Exception], why: str
) -> None:
    with machine.serving(app) as url, pytest.raises(kind, match=why):
        download(FILE, machine.cache, ignore_progress, origin=url)
    assert not machine.cache.exists()
    assert len(machine.requests) == 1  # nothing is repeated, and no redirect followed


def test_the_download_of_a_file_that_is_too_large_is_stopped(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(website, "MAX_FILE_BYTES", len(GOOD) - 1)
    with machine.serving(answers(200, GOOD)) as url, pytest.raises(LimitExceeded):
        download(FILE, machine.cache, ignore_progress, origin=url)
    assert not machine.cache.exists()


@pytest.mark.parametrize("origin", ["http://novelai.example", "ftp://novelai.example", "http://127.0.0.1.example", "x"])
def test_nothing_is_downloaded_without_https(machine: Machine, origin: str) -> None:
    with pytest.raises(InvalidRequestError, match="over https only"):
        download(FILE, machine.cache, ignore_progress, origin=origin)


# ---- order of sources


def test_the_website_s_own_file_comes_before_a_substitute(machine: Machine) -> None:
    machine.registry(machine.cache, None)
    with machine.serving(answers(200, GOOD)) as url:
        assert find_file("llama3", progress=ignore_progress, origin=url) == GOOD
        assert find_file("llama3", progress=ignore_progress, origin=url) == GOOD
    assert len(machine.requests) == 1  # the second time it is in the cache


def test_a_substitute_is_used_if_there_is_nothing_else(machine: Machine) -> None:
    with machine.serving(answers(503, b"")) as url:
        assert find_file("llama3", progress=ignore_progress, origin=url) == b"stock"
        assert find_file("llama3", progress=ignore_progress, origin=url) == b"stock"
    assert machine.published == [STOCK]  # the second time it is in the cache


@pytest.mark.parametrize("damage", ["file", "digest", "no digest"])
def test_a_damaged_file_in_the_cache_is_downloaded_again(machine: Machine, damage: str) -> None:
    with machine.serving(answers(200, GOOD)) as url:
        find_file("llama3", progress=ignore_progress, origin=url)
        beside = machine.cache / f"{FILE}.sha256"
        match damage:
            case "file":
                (machine.cache / FILE).write_bytes(GOOD[:-1])
            case "digest":
                beside.write_bytes(b"\xff")
            case _:
                beside.unlink()
        assert find_file("llama3", progress=ignore_progress, origin=url) == GOOD
    assert len(machine.requests) == 2
    assert (machine.cache / FILE).read_bytes() == GOOD


def test_the_error_says_what_was_tried_and_what_to_do(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object) -> None:
        raise TransportError("pip: no", sent=False, phase="connect")

    monkeypatch.setattr(novelai_api_wheel, "download", offline)
    with (
        machine.serving(answers(200, PAGE)) as url,
        pytest.raises(
            TransportError,
            match=r"llama3: .*\(NovelAI's website: GET .*; the package registry: pip: no\). To get one, type: .*"
            "pip install",
        ),
    ):
        find_file("llama3", progress=ignore_progress, origin=url)


def test_the_next_source_is_used_if_the_website_does_not_respond(machine: Machine) -> None:
    with machine.serving(answers(200, GOOD)) as url:
        pass
    assert find_file("llama3", progress=ignore_progress, origin=url) == b"stock"
    assert machine.requests == []


@pytest.mark.parametrize(
    ("data", "problem"), [(b"", "empty"), (b"text", "neither"), (GOOD[: len(GOOD) // 2], "cut off")]
)
def test_a_caller_s_file_that_is_no_tokenizer_is_an_invalid_file(tmp_path: Path, data: bytes, problem: str) -> None:
    path = tmp_path / "mine"
    path.write_bytes(data)
    with pytest.raises(InvalidFile, match=problem) as caught:
        load("nerdstash_v2", path=path)
    assert caught.value.path == str(path)


# ---- a URL that the user names


def test_a_file_at_the_user_s_url_is_downloaded_once(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    with machine.serving(answers(200, GOOD)) as url:
        assert find_file("llama3", path=f"{url}/files/mine.def", progress=ignore_progress) == GOOD
        assert find_file("llama3", path=f"{url}/files/mine.def", progress=ignore_progress) == GOOD
        assert machine.requests == ["/files/mine.def"]
        monkeypatch.setenv(DIRECTORY_VARIABLE, f"{url}/files/")
        assert find_file("llama3", progress=ignore_progress) == GOOD
    assert machine.requests == ["/files/mine.def", f"/files/{FILE}"]


def test_a_url_without_the_file_is_a_file_error_that_names_it(machine: Machine) -> None:
    with machine.serving(answers(404, b"")) as url:
        with pytest.raises(FileError, match=rf"no tokenizer file at {url}/files/; possible names are {FILE}, {STOCK}"):
            find_file("llama3", path=f"{url}/files/", progress=ignore_progress)
        assert machine.requests == [f"/files/{FILE}", f"/files/{STOCK}"]


@pytest.mark.parametrize(
    ("app", "kind"),
    [(answers(200, PAGE), RemoteProtocolError), (answers(200, b"x"), InvalidFile), (answers(500, b""), StatusError)],
)
def test_what_is_no_tokenizer_at_the_user_s_url_is_an_error_and_not_stored(
    machine: Machine, app: App, kind: type[Exception]
) -> None:
    with machine.serving(app) as url, pytest.raises(kind):
        find_file("llama3", path=f"{url}/mine.def", progress=ignore_progress)
    assert not [*machine.cache.rglob("*")]


def test_a_url_is_taken_over_https_only(machine: Machine) -> None:
    with pytest.raises(InvalidRequestError, match="over https only"):
        find_file("llama3", path="http://elsewhere.example/mine.def")


# ---- an installed package that has downloaded it


def test_a_file_that_an_installed_package_has_downloaded_is_used_if_it_can_be_read(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "site" / "novelai_api" / "tokenizers"
    folder.mkdir(parents=True)
    (tmp_path / "site" / "made_up-1.dist-info").mkdir()
    (tmp_path / "site" / "made_up-1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: made-up\nVersion: 1\n"
    )
    monkeypatch.syspath_prepend(tmp_path / "site")
    (folder / FILE).write_bytes(GOOD)
    assert find_file("llama3") == GOOD
    (folder / FILE).write_bytes(GOOD[: len(GOOD) // 2])
    with machine.serving(answers(200, GOOD)) as url:
        assert find_file("llama3", progress=ignore_progress, origin=url) == GOOD
        assert len(machine.requests) == 1
