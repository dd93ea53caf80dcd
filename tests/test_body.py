"""Bodies: what is written can be read, however it is cut; what is wrong is refused, and what is too long."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nai_proto.errors import LimitExceeded, LocalProtocolError, RemoteProtocolError, Truncated
from nai_proto.http.body_framing import (
    BodyFraming,
    ChunkedReader,
    ChunkedWriter,
    FixedReader,
    FixedWriter,
    MutedWriter,
    Reader,
    UntilCloseReader,
    UntilCloseWriter,
    has_no_body,
    opens_tunnel,
)
from nai_proto.limits import Limits
from tests.cases import for_each
from tests.hypothesis_profiles import scale_examples

LIMITS = Limits()
TRAILERS = [b"", b"X-T: 1\r\n", b"A: b\r\nC: d\r\n", b"A: b\n", b"A: b\r\n folded\r\n"]
EXTENSIONS = [b"", b";a=b", b' ; a="x"'[1:], b"  ", b"\t", b";", b";a\r;"]


def split(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(edges) if a < b]


def read(reader: Reader, pieces: Iterable[bytes]) -> tuple[bytes, bytes]:
    """All of the body, and what came behind it."""
    body, coming = b"", deque(pieces)
    while coming and not reader.done:
        body += reader.receive_data(coming.popleft())
        if reader.rest:
            coming.appendleft(reader.rest)
    return body, b"".join(coming)


def ways(data: bytes) -> list[list[bytes]]:
    """Whole, byte by byte, and cut once at every place."""
    return [[data], split(data, range(len(data))), *(split(data, [at]) for at in range(1, len(data)))]


@given(
    st.lists(st.tuples(st.binary(min_size=1, max_size=40), st.sampled_from(EXTENSIONS)), max_size=6),
    st.sampled_from(TRAILERS),
    st.binary(max_size=9),
    st.lists(st.integers(0, 300), max_size=9),
)
@settings(max_examples=scale_examples(500), deadline=None)
def test_chunks_are_read_as_written_however_they_are_cut(
    chunks: list[tuple[bytes, bytes]], trailers: bytes, behind: bytes, cuts: list[int]
) -> None:
    sent = b"".join(b"%x%b\r\n%b\r\n" % (len(chunk), extension, chunk) for chunk, extension in chunks)
    sent += b"0\r\n" + trailers + b"\r\n" + behind
    reader = ChunkedReader(LIMITS)
    assert read(reader, split(sent, cuts)) == (b"".join(chunk for chunk, _ in chunks), behind)
    assert reader.done


@given(st.lists(st.binary(max_size=40), max_size=6))
@settings(max_examples=scale_examples(100), deadline=None)
def test_the_chunked_reader_reads_what_the_chunked_writer_writes(pieces: list[bytes]) -> None:
    writer, reader = ChunkedWriter(), ChunkedReader(LIMITS)
    sent = b"".join(writer.send_data(piece) for piece in pieces) + writer.send_end()
    assert read(reader, [sent]) == (b"".join(pieces), b"")
    assert reader.done


def test_all_chunks_of_a_read_come_in_one_piece() -> None:
    assert ChunkedReader(LIMITS).receive_data(b"1\r\na\r\n2\r\nbc\r\n3\r\nd") == b"abcd"


def test_the_middle_of_a_chunk_is_handed_on_untouched() -> None:
    reader, middle = ChunkedReader(LIMITS), b"x" * 50
    assert reader.receive_data(b"64\r\n") == b""
    assert reader.receive_data(middle) is middle
    assert reader.receive_data(middle) is middle
    assert reader.receive_data(b"\r\n0\r\n\r\n!") == b""
    assert (reader.done, reader.rest) == (True, b"!")


@for_each("size", ["5", "05", "00000000000000000005", "5;a", "5 \t ", "5;", "5;\x80", "5;a\r;b"])
def test_a_size_line_is_hexadecimal_with_extensions_or_blanks(size: str) -> None:
    for pieces in ways(size.encode("latin-1") + b"\r\nhello\r\n0\r\n\r\n"):
        assert read(ChunkedReader(LIMITS), pieces) == (b"hello", b"")


@for_each(
    "size",
    [
        "+5",
        "-5",
        "0x5",
        "0_5",
        " 5",
        "5 ;a",
        "",
        "g",
        "5\r",
        "5\n;a",
        "000000000000000000005",
        "\u0665",
        "5.0",
        "5\x00",
    ],
)
def test_no_other_size_line_is_taken(size: str) -> None:
    for pieces in ways(size.encode() + b"\r\nhello\r\n0\r\n\r\n"):
        reader = ChunkedReader(LIMITS)
        with pytest.raises(RemoteProtocolError, match="malformed chunk") as caught:
            read(reader, pieces)
        assert len(caught.value.excerpt) <= 200


def test_an_empty_size_line_is_refused_at_once() -> None:
    with pytest.raises(RemoteProtocolError, match="malformed chunk"):
        ChunkedReader(LIMITS).receive_data(b"\n")


@for_each("behind", [b"X", b"\rX", b"\n", b"\r\r", b"0\r\n\r\n"])
def test_what_follows_a_chunk_without_crlf_is_refused_at_once(behind: bytes) -> None:
    for pieces in ways(b"1\r\na" + behind):
        with pytest.raises(RemoteProtocolError, match="malformed chunk"):
            read(ChunkedReader(LIMITS), pieces)


@for_each("mistake", [b"XX", b"\r\ng\r\n", b"\r\n1;" + b"x" * 99, b"\r\n0\r\n:\r\n\r\n", b"\r\n0\r\nA:" + b"x" * 99])
def test_the_chunks_before_a_mistake_in_the_same_read_are_not_lost(mistake: bytes) -> None:
    reader = ChunkedReader(Limits(chunk_line=20, head=20))
    assert reader.receive_data(b"1\r\na\r\n1\r\nb" + mistake) == b"ab"
    assert (reader.done, reader.rest) == (False, mistake)
    with pytest.raises(RemoteProtocolError):
        reader.receive_data(reader.rest)


@for_each("trailer", [b":", b"no colon", b"a b: c", b" first", b"A: \x00", b"Content-Length: 1, 2"])
def test_a_malformed_trailer_field_is_refused(trailer: bytes) -> None:
    for pieces in ways(b"0\r\nA: b\r\n"[: 3 if trailer[:1] == b" " else None] + trailer + b"\r\n\r\n"):
        with pytest.raises(RemoteProtocolError, match="malformed trailer") as caught:
            read(ChunkedReader(LIMITS), pieces)
        assert caught.value.__context__ is None
        assert trailer.split()[0].decode() in caught.value.excerpt


def refusal(limits: Limits, data: bytes) -> set[tuple[str, int] | None]:
    """What becomes of it, sent in all ways."""
    found: set[tuple[str, int] | None] = set()
    for pieces in ways(data):
        reader = ChunkedReader(limits)
        try:
            read(reader, pieces)
        except LimitExceeded as error:
            found.add((error.what, error.limit))
        else:
            found.add(None)
    return found


@for_each("size, expected", [(20, None), (21, ("chunk_line", 20))])
def test_a_size_line_may_be_as_long_as_the_limit(size: int, expected: tuple[str, int] | None) -> None:
    line = b"0" + b";" * (size - 3) + b"\r\n"
    assert len(line) == size
    assert refusal(Limits(chunk_line=20), line + b"\r\n") == {expected}
    far_down = b"99\r\n" + b"x" * 0x99 + b"\r\n"
    assert refusal(Limits(chunk_line=20), far_down + line + b"\r\n") == {expected}


def test_a_known_size_line_is_not_parsed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[bytes] = []
    parse = ChunkedReader._read_line

    def read_line(reader: ChunkedReader, data: bytes, at: int, end: int) -> int:
        parsed.append(data[at:end])
        return parse(reader, data, at, end)

    monkeypatch.setattr(ChunkedReader, "_read_line", read_line)
    reader = ChunkedReader(LIMITS)
    for _ in range(3):
        assert reader.receive_data(b"1\r\na\r\n02\r\nbc\r\n" * 3) == b"abc" * 3
    assert parsed == [b"\r\n1\r\n", b"\r\n02\r\n"]


def test_at_most_256_short_size_lines_are_known() -> None:
    sizes = [b"1;%x" % number for number in range(1000)]
    for extension in (b"", b";" * 40):
        reader = ChunkedReader(LIMITS)
        assert reader.receive_data(b"".join(size + extension + b"\r\nx\r\n" for size in sizes)) == b"x" * 1000
        assert len(reader._known) == (0 if extension else 256)


@for_each("size, expected", [(20, None), (21, ("trailers", 20))])
def test_trailers_may_be_as_long_as_the_limit(size: int, expected: tuple[str, int] | None) -> None:
    section = b"A:" + b"b" * (size - 6) + b"\r\n\r\n"
    assert len(section) == size
    assert refusal(Limits(head=20), b"0\r\n" + section) == {expected}


def test_a_size_line_that_never_ends_is_stopped_at_the_limit() -> None:
    reader = ChunkedReader(LIMITS)
    with pytest.raises(LimitExceeded) as caught:
        read(reader, [b"1;" + b"x" * 1000] * 17)
    assert (caught.value.what, caught.value.value) == ("chunk_line", 17 * 1002)


@given(st.integers(0, 50), st.binary(max_size=9), st.lists(st.integers(0, 60), max_size=6))
@settings(max_examples=scale_examples(100), deadline=None)
def test_a_body_of_known_length_ends_there(length: int, behind: bytes, cuts: list[int]) -> None:
    reader = FixedReader(length)
    assert read(reader, split(b"x" * length + behind, cuts)) == (b"x" * length, behind)
    assert reader.done


def test_a_body_without_end_ends_with_the_connection() -> None:
    reader = UntilCloseReader()
    assert read(reader, [b"a", b"b"]) == (b"ab", b"")
    assert not reader.done
    reader.receive_eof()
    assert reader.done


@for_each("make", [lambda: FixedReader(1), UntilCloseReader, lambda: ChunkedReader(LIMITS)])
def test_nothing_is_behind_a_body_that_goes_on(make: Callable[[], Reader]) -> None:
    reader = make()
    assert (reader.done, reader.rest) == (False, b"")


@for_each("reader, what", [(FixedReader(5), "2 bytes"), (ChunkedReader(LIMITS), "inside a chunked")])
def test_a_body_that_knows_its_end_has_to_reach_it(reader: FixedReader | ChunkedReader, what: str) -> None:
    reader.receive_data(b"1\r\n")
    with pytest.raises(Truncated, match=what):
        reader.receive_eof()


def test_a_promised_length_is_kept() -> None:
    writer = FixedWriter(3)
    assert writer.send_data(b"ab") == b"ab"
    with pytest.raises(LocalProtocolError, match="leaves 1"):
        writer.send_data(b"cd")
    with pytest.raises(LocalProtocolError, match="ends 1 bytes before"):
        writer.send_end()
    assert writer.send_data(b"c") + writer.send_end() == b"c"


def test_other_writers_write_chunks_or_the_body_itself_or_nothing() -> None:
    pieces = [b"a" * 17, b"", b"b"]
    assert [ChunkedWriter().send_data(piece) for piece in pieces] == [
        b"11\r\n" + b"a" * 17 + b"\r\n",
        b"",
        b"1\r\nb\r\n",
    ]
    assert [UntilCloseWriter().send_data(piece) for piece in pieces] == pieces
    assert [MutedWriter().send_data(piece) for piece in pieces] == [b"", b"", b""]
    assert (UntilCloseWriter().send_end(), MutedWriter().send_end()) == (b"", b"")


LENGTH, CHUNKS = (b"content-length", b"3"), (b"transfer-encoding", b"chunked")


@for_each(
    "method, status, fields, reader, writer",
    [
        ("HEAD", 200, [LENGTH], FixedReader, MutedWriter),
        ("GET", 204, [CHUNKS], FixedReader, MutedWriter),
        ("GET", 304, [LENGTH], FixedReader, MutedWriter),
        ("CONNECT", 200, [], FixedReader, MutedWriter),
        ("CONNECT", 299, [CHUNKS], FixedReader, MutedWriter),
        ("CONNECT", 300, [], UntilCloseReader, ChunkedWriter),
        ("CONNECT", 403, [], UntilCloseReader, ChunkedWriter),
        ("GET", 200, [CHUNKS], ChunkedReader, ChunkedWriter),
        ("GET", 200, [LENGTH, CHUNKS], ChunkedReader, ChunkedWriter),
        ("GET", 200, [LENGTH], FixedReader, FixedWriter),
        ("POST", 500, [], UntilCloseReader, ChunkedWriter),
    ],
)
def test_the_head_says_how_the_body_of_an_answer_goes(
    method: str, status: int, fields: Sequence[tuple[bytes, bytes]], reader: type, writer: type
) -> None:
    framing = BodyFraming(fields)
    assert type(framing.reader(LIMITS, method, status)) is reader
    assert type(framing.writer(method, status, chunks=True)) is writer
    old = UntilCloseWriter if writer is ChunkedWriter else writer
    assert type(framing.writer(method, status, chunks=False)) is old
    assert framing.reader(LIMITS, method, status).done == (reader is FixedReader and has_no_body(method, status))
    assert opens_tunnel(method, status) == (method == "CONNECT" and status < 300)


def test_the_head_says_how_the_body_of_a_request_goes() -> None:
    assert isinstance(BodyFraming([CHUNKS, LENGTH]).reader(LIMITS, "HEAD", None), ChunkedReader)
    assert BodyFraming([]).reader(LIMITS, "POST", None).done
    assert read(BodyFraming([LENGTH]).reader(LIMITS, "POST", None), [b"abcd"]) == (b"abc", b"d")


@for_each(
    "value, close", [("close", True), ("Upgrade ,\tCLOSE", True), ("close,x", True), ("keep-alive, closed", False)]
)
def test_the_connection_field_is_a_list(value: str, close: bool) -> None:
    assert BodyFraming([(b"connection", value.encode()), (b"connection", b"x")]).close is close


def test_a_size_line_that_ends_a_read_may_be_shorter_than_the_one_before() -> None:
    reader = ChunkedReader(Limits())
    assert reader.receive_data(b"4\r\nsome\r\n10\r\n" + b"x" * 16 + b"\r\n4\r\n") == b"some" + b"x" * 16
    assert reader.receive_data(b"more\r\n0\r\n\r\n") == b"more"
    assert reader.done
