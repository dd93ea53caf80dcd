"""What all tokenizers share: ids to text, through bytes.

Every form comes down to one table, id to bytes, so that decoding is the same for all of them and exact: the bytes are
joined and read as UTF-8. A character may be spread over tokens; its bytes meet again here, and only bytes that cannot
become a character any more are U+FFFD. The libraries' own decoders are not used: each treats broken characters, special
ids and leading blanks in a way of its own, and none can stop in the middle.

Special ids decode to their strings, so that nothing is lost; an id that the file does not know is U+FFFD, so that a model
newer than its file does not end a stream.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Protocol

from ..errors import LocalProtocolError

__all__ = ["BYTE_OF", "UNKNOWN", "Incremental", "Pieces", "Tokenizer", "around", "checked", "letters_as_bytes"]

UNKNOWN: Final = "\N{REPLACEMENT CHARACTER}".encode()
"""What an id stands for that the file does not know."""

_UTF8: Final = codecs.getincrementaldecoder("utf-8")


class Incremental:
    """The text of tokens that come bit by bit: the pieces joined are what `Tokenizer.decode` gives for all ids."""

    __slots__ = ("_bytes_of", "_open", "_utf8")

    def __init__(self, bytes_of: Callable[[int, bytes], bytes]) -> None:
        self._bytes_of = bytes_of
        self._utf8 = _UTF8("replace")
        self._open = True

    def receive(self, tokens: Iterable[int]) -> str:
        """The text that is certain with these ids: a character stays back until its last byte is there.

        Raises:
            LocalProtocolError: the end was told already.
        """
        return self._next(b"".join([self._bytes_of(token, UNKNOWN) for token in tokens]), final=False)

    def receive_eof(self) -> str:
        """No more ids: U+FFFD for a character that was begun, else nothing.

        Raises:
            LocalProtocolError: the end was told already.
        """
        rest = self._next(b"", final=True)
        self._open = False
        return rest

    def _next(self, data: bytes, *, final: bool) -> str:
        if not self._open:
            raise LocalProtocolError("this decoder has ended; take a new one from the tokenizer")
        return self._utf8.decode(data, final)


class Tokenizer(Protocol):
    """Text to ids and back. Values: safe to share between threads, costly to make."""

    @property
    def name(self) -> str:
        """As the table of known tokenizers has it (native §11.2), or what `read` was told."""
        ...

    @property
    def size(self) -> int:
        """How many ids the file knows."""
        ...

    @property
    def specials(self) -> Mapping[str, int]:
        """The strings that are one token wherever they stand in a text, with their ids."""
        ...

    def encode(self, text: str) -> list[int]:
        """The ids of a text. Nothing is added in front; special strings in the text become their ids.

        Raises:
            LocalProtocolError: the text holds a lone surrogate.
        """
        ...

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of ids that are all there."""
        ...

    def decoder(self) -> Incremental:
        """For ids that come bit by bit; one for each stream."""
        ...


class Pieces:
    """The half of a tokenizer that decodes."""

    def __init__(self, name: str, pieces: Mapping[int, bytes], specials: Mapping[str, int]) -> None:
        self.name: Final = name
        self.size: Final = len(pieces)
        self.specials: Final = specials
        self._bytes_of: Final = pieces.get

    def decode(self, tokens: Iterable[int]) -> str:
        bytes_of = self._bytes_of
        return b"".join([bytes_of(token, UNKNOWN) for token in tokens]).decode("utf-8", "replace")

    def decoder(self) -> Incremental:
        return Incremental(self._bytes_of)

    def __repr__(self) -> str:
        return f"<tokenizer {self.name}, {self.size} ids>"


def checked(text: str) -> str:
    """``text``, if it can be UTF-8: the libraries answer a lone surrogate with errors that say something else."""
    try:
        text.encode()
    except UnicodeEncodeError:
        pass  # and raise below, where the codec's error, which holds the text, is no context
    else:
        return text
    raise LocalProtocolError("the text holds a lone surrogate, which no tokenizer can take")


def around(specials: Iterable[str]) -> Callable[[str], Iterator[str]]:
    """A function that cuts a text into special strings, the longest first, and what stands between them."""
    longest_first = sorted((special for special in specials if special), key=len, reverse=True)
    if not longest_first:
        return lambda text: iter((text,) if text else ())
    cut = re.compile(f"({'|'.join(map(re.escape, longest_first))})").split
    return lambda text: filter(None, cut(text))


def _alphabet() -> dict[str, int]:
    """GPT-2's letters for bytes: printable Latin-1 stands for itself, the rest moves up from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    moved = (byte for byte in range(256) if byte not in printable)
    return {chr(byte): byte for byte in printable} | {chr(0x100 + place): byte for place, byte in enumerate(moved)}


BYTE_OF: Final = _alphabet()
"""The byte for which a letter stands in a byte-level vocabulary."""


def letters_as_bytes(piece: str) -> bytes:
    """The bytes of a byte-level piece; one that holds anything else stands for its own text, as added tokens do."""
    try:
        return bytes([BYTE_OF[letter] for letter in piece])
    except KeyError:
        return piece.encode("utf-8", "surrogatepass")
