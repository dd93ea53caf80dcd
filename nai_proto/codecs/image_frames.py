"""The image stream's frames, both ways: a length of four bytes, big-endian, and so many bytes of one msgpack map.

`FrameSplitter` cuts bytes into frames, `MessageDecoder` reads a frame as a value, with errors that say what was expected
and never quote. A reader may decode a frame more than once, first to find its kind.

The result does not depend on how the bytes are cut. A frame that claims to be too large is refused at its head. Time is
linear in the bytes for reads of any size; a frame in many reads grows in place, since a list of small pieces takes
more memory than their bytes.

See docs/protocol/image.md#71-msgpack-stream-msgpack.
"""

from __future__ import annotations

from typing import Final, Generic, TypeVar, cast

import msgspec

from ..arguments import BYTES, LIMITS
from ..errors import InvalidRequestError, LimitExceeded, LocalProtocolError, RemoteProtocolError, Truncated
from ..limits import Limits
from .type_mismatch import Mismatch, find_mismatch, find_unencodable

__all__ = ["FrameSplitter", "MessageDecoder", "encode_frame"]

T = TypeVar("T")

_HEAD: Final = 4
_MOST: Final = 2**32 - 1


class FrameSplitter:
    """Cuts bytes into the maps of frames, undecoded. Use one object per stream.

    ::

        splitter = FrameSplitter()
        for piece in pieces:
            for frame in splitter.receive_data(piece):
                print(decoder.decode(frame, where="frame"))
        splitter.receive_eof()
    """

    def __init__(self, limits: Limits = Limits()) -> None:
        LIMITS.check(limits, "limits")
        self._limit = limits.frame
        self._closed = False
        self._failure: LimitExceeded | None = None  # it followed frames; the next call raises it
        self._open = bytearray()  # the incomplete frame, with its head
        self._end = _HEAD  # its size, as far as it is known

    def receive_data(self, data: bytes) -> list[bytes | bytearray]:
        """Return the frames that these bytes complete, in order, each without its length. The caller may change them.

        Args:
            data: the next bytes of the stream, cut anywhere. ``b""`` is not its end.

        Raises:
            LimitExceeded: a frame claims more than `Limits.frame` bytes. If frames precede it in the same read, they are
                returned, and the next call raises.
            LocalProtocolError: after the end or a failure.
        """
        if type(data) is not bytes:
            data = BYTES.convert(data, "data")
        if self._closed:
            raise self._closed_error()
        frames: list[bytes | bytearray] = []
        try:
            at = self._resume(data, frames) if self._open else 0
            while at + _HEAD <= len(data):
                end = at + self._frame_size(data[at : at + _HEAD])
                if end > len(data):
                    self._end = end - at
                    break
                frames.append(data[at + _HEAD : end])
                at = end
            if at < len(data):
                self._open += data[at:] if at else data
        except LimitExceeded as failure:
            self._closed = True
            if not frames:
                raise
            self._failure = failure
        return frames

    def receive_eof(self) -> None:
        """Receive the end of the stream.

        Raises:
            Truncated: a frame is incomplete.
            LimitExceeded: that of the last `receive_data`, which returned frames instead.
            LocalProtocolError: after the end or a failure.
        """
        if self._closed:
            raise self._closed_error()
        self._closed = True
        if self._open:
            size = f"a frame of {self._end}" if self._end > _HEAD else "the length of a frame"
            raise Truncated(f"image stream: it ended {len(self._open)} bytes into {size}")

    def _resume(self, data: bytes, frames: list[bytes | bytearray]) -> int:
        """Add bytes to the incomplete frame; return where the rest begins."""
        opened, at = self._open, 0
        if len(opened) < _HEAD:
            at = _HEAD - len(opened)
            opened += data[:at]
            if len(opened) < _HEAD:
                return len(data)
            self._end = self._frame_size(opened)
        upto = at + self._end - len(opened)
        opened += data[at:upto] if at or upto < len(data) else data
        if upto > len(data):
            return len(data)
        del opened[:_HEAD]
        frames.append(opened)
        self._open, self._end = bytearray(), _HEAD
        return upto

    def _frame_size(self, head: bytes | bytearray) -> int:
        """Return the size of a frame with its head."""
        size = int.from_bytes(head)
        if size > self._limit:
            raise LimitExceeded("frame", limit=self._limit, value=size)
        return _HEAD + size

    def _closed_error(self) -> LimitExceeded | LocalProtocolError:
        failure, self._failure = self._failure, None
        return failure or LocalProtocolError("this image stream has ended; use a new object for the next one")


class MessageDecoder(Generic[T]):
    """Reads msgpack as values of one type; make it once and use it often.

    Keys that the type lacks are skipped, and those whose values are null. A float may be float32, float64 or an integer, and
    an integer a float that is whole.
    """

    def __init__(self, type: type[T]) -> None:  # noqa: A002
        self._type = type
        self._decode = msgspec.msgpack.Decoder(type).decode

    def decode(self, data: bytes | bytearray, *, where: str) -> T:
        """Return the message as a value of the type.

        Raises:
            RemoteProtocolError: it is not msgpack, or not of the type. The message has ``where`` and what was expected, but
                nothing of the data.
        """
        BYTES.check(data, "data")
        for decode in (self._decode, self._decode_leniently):
            try:
                return decode(data)
            except (ValueError, TypeError, RecursionError):
                pass  # explained below: the decoder's error may hold the message. TypeError: a map as the key of a map
        raise RemoteProtocolError(f"{where}: {self._describe_problem(data)}")

    def _decode_leniently(self, data: bytes | bytearray) -> T:
        """Read null as absent, and a float that is whole as the integer that it is."""
        return msgspec.convert(_to_usual_form(msgspec.msgpack.decode(data)), self._type)

    def _describe_problem(self, data: bytes | bytearray) -> str | Mismatch:
        try:
            message = msgspec.msgpack.decode(data)
        except RecursionError:
            return "nested too deeply to be read"
        except TypeError:
            return "a key of a map is a map or an array"
        except ValueError:
            return "not msgpack: cut short, or a text that is not UTF-8"
        return find_mismatch(message, self._type)


def _to_usual_form(value: object) -> object:
    if isinstance(value, dict):
        items = cast("dict[object, object]", value).items()
        return {key: _to_usual_form(item) for key, item in items if item is not None}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def encode_frame(message: object) -> bytes:
    """Return a message as a frame.

    Args:
        message: a map to msgpack: a dict with texts for keys, a dataclass or a struct.

    Raises:
        InvalidRequestError: msgpack cannot represent it. The message names the type, never the value.
    """
    try:
        body = msgspec.msgpack.encode(message)
    except UnicodeEncodeError:
        problem = "a text holds a lone surrogate, which UTF-8 cannot carry"
    except RecursionError:
        problem = "it is nested too deeply, or holds itself"
    except (TypeError, ValueError, OverflowError, AttributeError):
        problem = find_unencodable(message, msgspec.msgpack.encode)
    else:
        if len(body) <= _MOST:
            return len(body).to_bytes(_HEAD) + body
        problem = f"{len(body)} bytes do not fit its length"
    raise InvalidRequestError(f"this cannot be written as a frame: {problem}", parameter="message")
