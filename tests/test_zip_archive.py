"""ZIP archives: read and written, against the standard library's own, damage and bombs.

See docs/protocol/image.md#21-post-aigenerate-image.
"""

from __future__ import annotations

import io
import random
import struct
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from typing import IO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nai_proto.codecs import accelerators
from nai_proto.codecs.zip_archive import Member, unzip, zip_files
from nai_proto.errors import InvalidRequestError, LimitExceeded, RemoteProtocolError, Truncated
from nai_proto.limits import Limits
from tests.cases import for_each
from tests.hypothesis_profiles import scale_examples

NOISE = random.Random(1).randbytes(20_000)
FILES = [("image_0.png", NOISE), ("image_1.png", b"a" * 5000), ("leer.txt", b""), ("bild-ä.webp", b"x")]


@pytest.fixture(params=["plain", "installed"], autouse=True)
def installed_accelerators(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "plain":
        for name in ("crc32", "inflate", "deflate"):
            monkeypatch.setattr(accelerators, name, getattr(accelerators, f"plain_{name}"))


class Pipe(io.RawIOBase):
    """A file that cannot seek: `zipfile` then writes sizes behind the members, as a service that streams does."""

    def __init__(self) -> None:
        self.written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        assert isinstance(data, bytes | bytearray | memoryview)
        self.written += data
        return len(data)


def packed(method: int, files: list[tuple[str, bytes]] = FILES, comment: bytes = b"", pipe: bool = False) -> bytes:
    file: IO[bytes] = io.BytesIO()
    stream = Pipe()
    with zipfile.ZipFile(io.BufferedWriter(stream) if pipe else file, "w", method) as archive:
        for name, content in files:
            archive.writestr(name, content)
        archive.comment = comment
    return bytes(stream.written) if pipe else file.getvalue()  # type: ignore[attr-defined]  # BytesIO


def read(data: bytes, limits: Limits = Limits()) -> list[tuple[str, bytes]]:
    return [(member.name, bytes(member.data)) for member in unzip(data, limits)]


@for_each("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@for_each("comment", [b"", b"hello", b"PK\x05\x06" * 20, b"x" * 65_535])
@for_each("pipe", [False, True])
def test_what_others_packed_is_read(method: int, comment: bytes, pipe: bool) -> None:
    assert read(packed(method, FILES, comment, pipe)) == FILES


@for_each("deflated", [False, True])
def test_others_read_what_is_written(deflated: bool) -> None:
    with zipfile.ZipFile(io.BytesIO(zip_files(FILES, deflated=deflated))) as archive:
        assert archive.testzip() is None
        assert [(name, archive.read(name)) for name in archive.namelist()] == FILES
        assert {info.compress_type for info in archive.infolist()} == {8 if deflated else 0}
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="/\\:"), min_size=1, max_size=9
)
CONTENTS = st.lists(
    st.tuples(NAMES.filter(lambda name: name not in (".", "..")), st.binary(max_size=60)),
    max_size=5,
    unique_by=lambda file: file[0],
)


@given(CONTENTS, st.booleans())
def test_what_was_written_is_read(files: list[tuple[str, bytes]], deflated: bool) -> None:
    archive = zip_files(files, deflated=deflated)
    assert read(archive) == files
    assert read(memoryview(archive).tobytes()) == read(archive)
    assert archive == zip_files(iter(files), deflated=deflated)


def test_a_stored_member_is_a_view_and_shows_its_size_only() -> None:
    (member,) = unzip(zip_files([("a", b"secret")], deflated=False))
    assert isinstance(member.data, memoryview)
    assert member == Member("a", b"secret")
    assert repr(member) == "Member('a', 6 bytes)"


@for_each("deflated", [False, True])
def test_every_way_to_cut_an_archive_short_is_noticed(deflated: bool) -> None:
    archive = zip_files([("image_0.png", NOISE[:300]), ("b", b"b" * 50)], deflated=deflated)
    for size in range(len(archive)):
        with pytest.raises(RemoteProtocolError) as caught:
            read(archive[:size])
        if 4 <= size < len(archive) - 22:
            assert isinstance(caught.value, Truncated)


def test_nothing_may_follow_or_precede() -> None:
    archive = zip_files(FILES)
    with pytest.raises(RemoteProtocolError, match="follows its end"):
        read(archive + b"\0")
    with pytest.raises(RemoteProtocolError, match="no ZIP"):
        read(b"\0" + archive)
    with pytest.raises(RemoteProtocolError, match="where it should be"):
        read(b"PK\x03\x04" + archive)


@for_each("data", [b"", b"PK", b'{"statusCode":500}', b"\x89PNG\r\n\x1a\n" + bytes(99)])
def test_what_is_no_archive_is_told(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="no ZIP archive"):
        read(data)


@settings(max_examples=scale_examples(400))
@given(st.data())
def test_altered_archives_are_read_or_documented_errors(data: st.DataObject) -> None:
    pipe, method = data.draw(st.booleans()), data.draw(st.sampled_from([0, 8]))
    archive = bytearray(packed(method, [("a.png", NOISE[:40]), ("b", b"b" * 40)], b"", pipe))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(archive) - 1))
        match data.draw(st.integers(0, 2)):
            case 0:
                archive[at] = data.draw(st.sampled_from([0, 1, 0x7F, 0xFF]) | st.integers(0, 255))
            case 1:
                archive[at:at] = data.draw(st.binary(max_size=6) | st.just(b"PK\x05\x06"))
            case _:
                del archive[at : at + data.draw(st.integers(1, 30))]
    try:
        found = read(bytes(archive), Limits(archive=1000))
    except RemoteProtocolError:
        return
    assert sum(len(content) for _, content in found) <= 1000


@given(
    st.lists(st.sampled_from([b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"\0", b"\xff", b"\x14\0"])).map(b"".join)
)
def test_any_bytes_are_an_archive_or_a_documented_error(data: bytes) -> None:
    try:
        read(data)
    except RemoteProtocolError:
        pass


def changed(archive: bytes, mark: bytes, at: int, value: bytes) -> bytes:
    """The archive with another field in the first header of a kind."""
    start = archive.index(mark) + at
    return archive[:start] + value + archive[start + len(value) :]


LOCAL, ENTRY, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"


@for_each(
    "change, problem",
    [
        (lambda a: changed(a, LOCAL, 30, b"B"), "disagrees"),
        (lambda a: changed(a, LOCAL, 14, b"\1\2\3\4"), "disagrees"),
        (lambda a: changed(a, LOCAL, 18, b"\1"), "disagrees"),
        (lambda a: changed(a, LOCAL, 8, b"\x08"), "disagrees"),
        (lambda a: changed(a, LOCAL, 0, b"PK\7\7"), "no ZIP|disagrees"),
        (lambda a: changed(changed(a, LOCAL, 6, b"\1"), ENTRY, 8, b"\1"), "encrypted"),
        (lambda a: changed(changed(a, LOCAL, 8, b"\x0c"), ENTRY, 10, b"\x0c"), "method 12"),
        (lambda a: changed(changed(a, LOCAL, 22, b"\7"), ENTRY, 24, b"\7"), "two sizes"),
        (lambda a: changed(a, LOCAL, 31, b"X"), "checksum"),
        (lambda a: changed(a, ENTRY, 42, b"\xff\xff"), "outside"),
        (lambda a: changed(changed(a, LOCAL, 18, b"\xff\0\0\0\xff"), ENTRY, 20, b"\xff\0\0\0\xff"), "outside"),
        (lambda a: changed(a, ENTRY, 42, b"\xff\xff\xff\xff"), "ZIP64"),
        (lambda a: changed(a, ENTRY, 20, b"\xff\xff\xff\xff"), "ZIP64"),
        (lambda a: changed(a, END, 8, b"\xff\xff\xff\xff"), "ZIP64"),
        (lambda a: changed(a, END, 4, b"\1\0\1\0"), "several parts"),
        (lambda a: changed(a, ENTRY, 34, b"\1\0"), "several parts"),
        (lambda a: changed(a, END, 8, b"\2\0\2\0"), "fewer members"),
        (lambda a: changed(a, END, 8, b"\0\0\0\0"), "more than its members"),
        (lambda a: changed(a, ENTRY, 30, b"\xff"), "cut short"),
        (lambda a: changed(a, END, 16, b"\0"), "where it should be"),
    ],
)
def test_what_an_archive_says_twice_has_to_agree(change: Callable[[bytes], bytes], problem: str) -> None:
    archive = zip_files([("a", b"abc")], deflated=False)
    assert read(archive) == [("a", b"abc")]
    with pytest.raises(RemoteProtocolError, match=problem):
        read(change(archive))


def test_a_wrong_size_of_a_deflated_member_is_noticed() -> None:
    archive = zip_files([("a", b"a" * 100)])
    for size in (99, 101):
        wrong = size.to_bytes(4, "little")
        with pytest.raises(RemoteProtocolError, match="does not inflate to its size"):
            read(changed(changed(archive, LOCAL, 22, wrong), ENTRY, 24, wrong))


@for_each("name", ["../a", "/a", "a/", "a\\b", "C:a", "..", ".", "", "a\0", "a\n", "x" * 256, "\ud800"])
def test_names_that_are_no_plain_file_names_are_refused_both_ways(name: str) -> None:
    with pytest.raises(InvalidRequestError, match="plain file name"):
        zip_files([(name, b"")])
    if "\ud800" not in name and len(name) < 256:
        encoded = name.encode()
        placeholder = "y" * len(encoded) or "y"
        archive = zip_files([(placeholder, b"")], deflated=False).replace(placeholder.encode(), encoded)
        with pytest.raises(RemoteProtocolError):
            read(archive)


def test_names_may_lead_into_folders_when_they_are_written_and_not_when_they_are_read() -> None:
    archive = zip_files([("a/b", b"1")])
    assert zipfile.ZipFile(io.BytesIO(archive)).read("a/b") == b"1"
    with pytest.raises(RemoteProtocolError):
        read(archive)


def test_some_members_can_be_stored_beside_deflated_ones() -> None:
    archive = zip_files([("a", b"1" * 99), ("b", b"2" * 99)], stored={"a"})
    kinds = {info.filename: info.compress_type for info in zipfile.ZipFile(io.BytesIO(archive)).infolist()}
    assert kinds == {"a": zipfile.ZIP_STORED, "b": zipfile.ZIP_DEFLATED}
    assert read(archive) == [("a", b"1" * 99), ("b", b"2" * 99)]


def test_a_name_that_is_there_twice_is_refused_both_ways() -> None:
    with pytest.raises(InvalidRequestError, match="twice"):
        zip_files([("a", b""), ("a", b"")])
    with pytest.raises(RemoteProtocolError, match="twice"):
        read(zip_files([("aa", b"1"), ("ab", b"2")]).replace(b"ab", b"aa"))


def test_members_may_not_overlap() -> None:
    inner = zip_files([("a", b"abc")], deflated=False)
    outer = zip_files([("b", inner[: inner.index(ENTRY)])], deflated=False)
    start, end = outer.index(ENTRY), outer.index(END)
    assert read(outer) == [("b", outer[31:start])]
    inside = changed(inner[inner.index(ENTRY) : inner.index(END)], ENTRY, 42, struct.pack("<L", 31))
    record = struct.pack("<4s4H2LH", END, 0, 0, 2, 2, end - start + len(inside), start, 0)
    with pytest.raises(RemoteProtocolError, match="overlap"):
        read(outer[:end] + inside + record)


def test_the_limits_are_what_may_come_out() -> None:
    files = [("a", b"1" * 60), ("b", b"2" * 40)]
    archive = zip_files(files)
    assert read(archive, Limits(archive=100, archive_members=2)) == files
    with pytest.raises(LimitExceeded, match="archive: 100") as caught:
        unzip(archive, Limits(archive=99))
    assert caught.value.limit == 99
    with pytest.raises(LimitExceeded, match="archive members: 2"):
        unzip(archive, Limits(archive_members=1))


def peak(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_bomb_is_refused_before_it_is_inflated() -> None:
    bomb = packed(8, [("a", bytes(40_000_000))])
    honest = packed(8, [("a", bytes(1000))])

    def explode() -> None:
        with pytest.raises(LimitExceeded, match="for their packed size"):
            unzip(bomb)

    def lie() -> Iterator[None]:
        with pytest.raises(RemoteProtocolError, match="does not inflate"):
            size = honest[honest.index(ENTRY) + 24 :][:4]
            read(bomb.replace((40_000_000).to_bytes(4, "little"), size))
        yield

    assert peak(explode) < 300_000
    assert peak(lambda: list(lie())) < 700_000


def test_stored_members_cost_no_memory_and_deflated_ones_their_own_size() -> None:
    pictures = [(f"image_{i}.png", random.Random(i).randbytes(1_000_000)) for i in range(4)]
    stored, deflated = zip_files(pictures, deflated=False), zip_files(pictures)
    assert peak(lambda: list(unzip(stored))) < 100_000
    assert peak(lambda: [len(member.data) for member in unzip(deflated)]) < 3_300_000
    assert peak(lambda: list(unzip(deflated))) < 6_000_000
