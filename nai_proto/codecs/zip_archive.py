"""ZIP archives in memory, both ways: the form in which the service sends images.

Archives of the service, and those that any packer makes of a few files, are read: stored and deflated members in one archive
that fills the data. Each member's header must agree with the directory at the end, members must not overlap, and
checksums are checked. A name must be a plain file name, so that it cannot lead anywhere, and unique. Encryption, other
methods, archives in parts and ZIP64 raise errors: no response needs them.

The standard library's `zipfile` copies a member in many steps through a file. Here a stored member is a view, and a deflated
member is inflated at once, to at most one byte beyond its size in the directory: `Limits.archive` is checked before
anything is inflated. Linear in the data; `unzip` returns members one by one, so that only those that are kept take memory.

See docs/protocol/image.md#21-post-aigenerate-image.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Container, Iterable, Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from ..arguments import BYTES, CONTAINER, LIMITS, check_type, list_items, type_error
from ..errors import InvalidRequestError, LimitExceeded, RemoteProtocolError, Truncated
from ..limits import Limits
from . import accelerators

__all__ = ["Member", "unzip", "zip_files"]

# PKWARE's APPNOTE §4.3.7, §4.3.12, §4.3.16; fields in brackets are not used.
# Version, flags, method, [time, date], CRC, packed size, size, length of name, length of the extra field.
_LOCAL: Final = struct.Struct("<4s3H4x3L2H")
# [Made by], version, flags, method, [time, date], CRC, packed size, size, lengths of name, extra field and comment,
# disk, [attributes], offset of the local header.
_ENTRY: Final = struct.Struct("<4s2x3H4x3L3HH6xL")
# This disk, the directory's disk, members here, members, size and start of the directory, length of the comment.
_END: Final = struct.Struct("<4s4H2LH")
_LOCAL_MARK, _ENTRY_MARK, _END_MARK = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"

_ENCRYPTED, _SIZES_BEHIND, _UTF8 = 0x0001, 0x0008, 0x0800  # flags
_STORED, _DEFLATED = 0, 8
_VERSION: Final = 20  # of APPNOTE, for deflate
_NEW_YEAR_1980: Final = b"\0\0\x21\0"  # the core has no clock
_WIDE: Final = 0xFFFFFFFF  # the value is in a ZIP64 field
_COMMENT: Final = 0xFFFF
_FREE: Final = 1_048_576  # bytes that are inflated whatever the ratio
_PLAIN: Final = re.compile(r"(?!\.\.?\Z)[^\x00-\x1f\x7f/\\:]{1,255}")


class Member(NamedTuple):
    """One file of an archive."""

    name: str
    "A plain file name, such as ``image_0.png``."
    data: bytes | memoryview
    "The contents, unpacked. For a stored member, a view of the archive; ``bytes(data)`` copies it."

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {len(self.data)} bytes)"


class _Entry(NamedTuple):
    """The directory's entry of one member."""

    name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    start: int
    "Of the member's header."


def unzip(data: bytes | bytearray | memoryview, limits: Limits = Limits()) -> Iterator[Member]:
    """Return an iterator of the members, in the order of the directory, which is read first.

    Args:
        data: the archive, without other data.

    Raises:
        LimitExceeded: it has more members than `Limits.archive_members`, inflates to more than `Limits.archive`, or,
            beyond 1 MiB, to more than `Limits.unpacked_ratio` allows.
        Truncated: it begins as an archive, but has no end.
        RemoteProtocolError: it is not such an archive, contradicts itself, or a checksum is wrong.
    """
    BYTES.check(data, "data")
    LIMITS.check(limits, "limits")
    view = memoryview(data)
    entries, end = _read_directory(view, limits)
    bounds = _locate_members(view, entries, end)
    return (_unpack_member(view, entry, *where) for entry, where in zip(entries, bounds, strict=True))


def zip_files(
    members: Iterable[tuple[str, bytes]], *, deflated: bool = True, stored: Container[str] = frozenset()
) -> bytes:
    """Return an archive of these files. Equal arguments give equal bytes, with the same packages installed.

    Args:
        members: names and contents; a name may have folders, separated by ``/``.
        deflated: deflate the members?
        stored: names of members that are not deflated in any case.

    Raises:
        InvalidRequestError: a name is not a plain file name or not unique, or the archive would need ZIP64.
    """
    out, directory, names = bytearray(), bytearray(), set[str]()
    takes = "a list of pairs of a name and bytes"
    CONTAINER.check(stored, "stored", "a set of names")
    for member in list_items(members, tuple, "members", takes):
        if len(member) != 2:
            raise type_error(member, "members", takes)
        name, content = member
        check_type(name, str, "members", takes)
        BYTES.check(content, "members", takes)
        if not all(map(_PLAIN.fullmatch, name.split("/"))) or name in names or (encoded := _encode_name(name)) is None:
            raise InvalidRequestError(
                "the name of a member is no plain file name, or stands there twice", parameter="members"
            )
        names.add(name)
        smaller = deflated and name not in stored
        packed = accelerators.deflate(content) if smaller else content
        common = (_UTF8 * (not name.isascii()), _DEFLATED * smaller)
        sizes = (accelerators.crc32(content), len(packed), len(content), len(encoded))
        start = len(out)
        if max(start, *sizes[1:3]) >= _WIDE or len(names) >= 0xFFFF:
            raise InvalidRequestError("more than a ZIP archive holds", parameter="members")
        out += _with_date(_LOCAL.pack(_LOCAL_MARK, _VERSION, *common, *sizes, 0), 10) + encoded + packed
        directory += _with_date(_ENTRY.pack(_ENTRY_MARK, _VERSION, *common, *sizes, 0, 0, 0, start), 12) + encoded
    if len(out) + len(directory) >= _WIDE:
        raise InvalidRequestError("more than a ZIP archive holds", parameter="members")
    return bytes(out + directory + _END.pack(_END_MARK, 0, 0, len(names), len(names), len(directory), len(out), 0))


def _read_directory(data: memoryview, limits: Limits) -> tuple[list[_Entry], int]:
    """Return all entries, and where the directory begins, which is where the members end."""
    at = _find_end_record(data)
    _, disk, disks, here, count, size, start, _ = _END.unpack_from(data, at)
    if 0xFFFF in (disk, here, count) or _WIDE in (size, start):
        raise _damage_error("ZIP64 is not read")
    if disk or disks or here != count:
        raise _damage_error("it is one of several parts")
    if count > limits.archive_members:
        raise LimitExceeded("archive members", limit=limits.archive_members, value=count)
    if start + size != at:
        raise _damage_error("its directory is not where it should be")
    entries: list[_Entry] = []
    where, total = start, 0
    for _ in range(count):
        if where + _ENTRY.size > at or (fields := _ENTRY.unpack_from(data, where))[0] != _ENTRY_MARK:
            raise _damage_error("its directory has fewer members than it says")
        _, _, flags, method, crc, packed, unpacked, name, extra, comment, disk, begin = fields
        if _WIDE in (packed, unpacked, begin):
            raise _damage_error("ZIP64 is not read")
        text = bytes(data[where + _ENTRY.size : where + _ENTRY.size + name])
        where += _ENTRY.size + name + extra + comment
        if where > at:
            raise _damage_error("its directory is cut short")
        if disk:
            raise _damage_error("it is one of several parts")
        entries.append(_Entry(text, flags, method, crc, packed, unpacked, begin))
        total += unpacked
    if where != at:
        raise _damage_error("its directory has more than its members")
    if total > limits.archive:
        raise LimitExceeded("archive", limit=limits.archive, value=total)
    for entry in entries:
        allowed = max(_FREE, limits.unpacked_ratio * entry.packed)
        if entry.size > allowed:
            raise LimitExceeded("unpacked bytes for their packed size", limit=allowed, value=entry.size)
    return entries, start


def _find_end_record(data: memoryview) -> int:
    """Return where the record at the end begins, whose comment must end at the last byte."""
    if bytes(data[:4]) not in (_LOCAL_MARK, _END_MARK):
        raise _damage_error("no ZIP archive")
    first = max(0, len(data) - _END.size - _COMMENT)
    tail = bytes(data[first:])
    offset = len(tail) - _END.size + 4
    while (offset := tail.rfind(_END_MARK, 0, max(offset, 0))) >= 0:
        if offset + _END.size + int.from_bytes(tail[offset + 20 : offset + 22], "little") == len(tail):
            return first + offset
        offset += 3
    if _END_MARK in tail:
        raise _damage_error("something follows its end, or its end is cut short")
    raise Truncated("ZIP archive: it has no end")


def _locate_members(data: memoryview, entries: list[_Entry], end: int) -> list[tuple[int, str]]:
    """Return where each member's packed bytes begin, and its name; checks the local headers."""
    members: list[tuple[int, str]] = []
    spans: list[tuple[int, int]] = []
    names = set[str]()
    for entry in entries:
        if entry.start + _LOCAL.size > end:
            raise _damage_error("a member lies outside")
        mark, _, flags, method, crc, packed, size, name, extra = _LOCAL.unpack_from(data, entry.start)
        at = entry.start + _LOCAL.size
        begin = at + name + extra
        sizes = ((crc, entry.crc), (packed, entry.packed), (size, entry.size))
        behind = flags & _SIZES_BEHIND
        if (
            mark != _LOCAL_MARK
            or (flags, method) != (entry.flags, entry.method)
            or bytes(data[at : at + name]) != entry.name
            or any(here != there and not (behind and here == 0) for here, there in sizes)
        ):
            raise _damage_error("a member's header disagrees with the directory")
        if begin + entry.packed > end:
            raise _damage_error("a member lies outside")
        text = _decode_name(entry)
        if not _PLAIN.fullmatch(text) or text in names:
            raise _damage_error("a member's name is no plain file name, or stands there twice")
        names.add(text)
        spans.append((entry.start, begin + entry.packed))
        members.append((begin, text))
    spans.sort()
    if any(stop > start for (_, stop), (start, _) in pairwise(spans)):
        raise _damage_error("members overlap")
    return members


def _decode_name(entry: _Entry) -> str:
    try:
        return entry.name.decode("utf-8" if entry.flags & _UTF8 else "cp437")
    except UnicodeDecodeError:
        return ""


def _unpack_member(data: memoryview, entry: _Entry, begin: int, name: str) -> Member:
    """Unpack and check one member."""
    packed = data[begin : begin + entry.packed]
    if entry.flags & _ENCRYPTED:
        raise _damage_error("a member is encrypted")
    if entry.method == _STORED:
        if entry.size != entry.packed:
            raise _damage_error("a stored member has two sizes")
        content: bytes | memoryview = packed
    elif entry.method == _DEFLATED:
        content = _inflate_member(packed, entry.size)
    else:
        raise _damage_error(f"a member is packed by method {entry.method}; stored and deflated are read")
    if accelerators.crc32(content) != entry.crc:
        raise _damage_error("the checksum of a member is wrong")
    return Member(name, content)


def _inflate_member(packed: memoryview, size: int) -> bytes:
    try:
        content, whole, behind = accelerators.inflate(packed, size + 1)
    except ValueError:
        pass
    else:
        if len(content) == size and whole and not behind:
            return content
    raise _damage_error("a deflated member does not inflate to its size")


def _encode_name(name: str) -> bytes | None:
    try:
        return name.encode()
    except UnicodeEncodeError:
        return None


def _with_date(header: bytes, at: int) -> bytes:
    return header[:at] + _NEW_YEAR_1980 + header[at + 4 :]


def _damage_error(problem: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"ZIP archive: {problem}")
