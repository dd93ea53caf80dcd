"""What all tokenizers share: ids to text, through bytes.

Every form comes down to one table, id to bytes, so that decoding is the same for all of them and exact: the bytes are
joined and read as UTF-8. A character may be spread over tokens; its bytes meet again here, and only bytes that cannot
become a character any more are U+FFFD. The libraries' own decoders are not used: each treats broken characters, special
ids and leading blanks in a way of its own, and none can stop in the middle.

Special ids decode to their strings, so that nothing is lost; an id that the file does not know is U+FFFD, so that a model
newer than its file does not end a stream.

Some vocabularies have a blank in every word: T5's in front, CLIP's behind it. The first, or the last, is no part of the
text then, and is left out.
"""

from __future__ import annotations

import codecs
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import index
from typing import Final, Literal, Protocol, TypeAlias, cast

from ..arguments import FUNCTION, INTEGER, TEXT, list_of, type_error
from ..errors import InvalidRequestError, LocalProtocolError, MissingExtra

__all__ = [
    "BYTE_OF",
    "UNKNOWN",
    "Incremental",
    "Pieces",
    "Renumbered",
    "Surplus",
    "Tokenizer",
    "around",
    "checked",
    "ids_of",
    "letters_as_bytes",
    "missing",
]

UNKNOWN: Final = "\N{REPLACEMENT CHARACTER}".encode()
"""What an id stands for that the file does not know."""

_UTF8: Final = codecs.getincrementaldecoder("utf-8")

Surplus: TypeAlias = Literal["first", "last"] | None
"""Which blank of a text's pieces the text has not."""


class Incremental:
    """The text of tokens that come bit by bit: the pieces joined are what `Tokenizer.decode` gives for all ids."""

    __slots__ = ("_bytes_of", "_held", "_open", "_surplus", "_utf8")

    def __init__(self, bytes_of: Callable[[int, bytes], bytes], surplus: Surplus = None) -> None:
        self._bytes_of = FUNCTION.convert(bytes_of, "bytes_of")
        self._utf8 = _UTF8("replace")
        self._surplus = surplus
        self._held = ""
        self._open = True

    def receive(self, tokens: Iterable[int]) -> str:
        """The text that is certain with these ids: a character stays back until its last byte is there.

        Raises:
            LocalProtocolError: the end was told already.
        """
        return self._next(b"".join([self._bytes_of(token, UNKNOWN) for token in ids_of(tokens)]), final=False)

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
        text = self._held + self._utf8.decode(data, final)
        if self._surplus == "first" and text:
            text, self._surplus = text.removeprefix(" "), None
        elif self._surplus == "last":
            self._held = " " if text.endswith(" ") and not final else ""  # until more shows that it is not the last
            text = text.removesuffix(" ")
        return text


class Tokenizer(Protocol):
    """Text to ids and back. Values: safe to share between threads, costly to make."""

    @property
    def name(self) -> str:
        """As the table of known tokenizers has it, or what `read` was told.

        See docs/protocol/native.md#112-tokenizer-per-model.
        """
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
            InvalidRequestError: the text holds a lone surrogate.
        """
        ...

    def encode_batch(self, texts: Iterable[str]) -> list[list[int]]:
        """The ids of each text. Raises what `encode` raises."""
        ...

    def count(self, text: str) -> int:
        """How many ids a text has. Raises what `encode` raises."""
        ...

    def truncate(self, tokens: Sequence[int], budget: int) -> list[int]:
        """The end of a prompt that is too long: as many of its last ids as fit, from the beginning of a character on.

        Args:
            tokens: the prompt.
            budget: how many ids may be left, 0 or more. There are fewer where the cut falls into a character.

        Raises:
            InvalidRequestError: the budget is negative.
        """
        ...

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of ids that are all there."""
        ...

    def decoder(self) -> Incremental:
        """For ids that come bit by bit; one for each stream."""
        ...


class Pieces(ABC):
    """A tokenizer but for `encode`: what follows from its table, and from `encode`, whatever the form."""

    def __init__(
        self, name: str, pieces: Mapping[int, bytes], specials: Mapping[str, int], *, surplus: Surplus = None
    ) -> None:
        self.name: Final = name
        self.size: Final = len(pieces)
        self.specials: Final = specials
        self._pieces: Final = pieces
        self._bytes_of: Final = pieces.get
        self._surplus: Final[Surplus] = surplus

    @abstractmethod
    def encode(self, text: str) -> list[int]: ...

    def encode_batch(self, texts: Iterable[str]) -> list[list[int]]:
        return [self.encode(text) for text in list_of(TEXT, "a list of texts").convert(texts, "texts")]

    def count(self, text: str) -> int:
        return len(self.encode(text))

    def truncate(self, tokens: Sequence[int], budget: int) -> list[int]:
        if INTEGER.convert(budget, "budget") < 0:
            raise InvalidRequestError(f"budget is {budget}, and 0 or more tokens are allowed", parameter="budget")
        tokens = ids_of(tokens)
        start = max(0, len(tokens) - budget)
        while 0 < start < len(tokens) and _INSIDE(self._bytes_of(tokens[start], UNKNOWN)):
            start += 1
        return tokens[start:]

    def decode(self, tokens: Iterable[int]) -> str:
        bytes_of = self._bytes_of
        text = b"".join([bytes_of(token, UNKNOWN) for token in ids_of(tokens)]).decode("utf-8", "replace")
        if self._surplus is None:
            return text
        return text.removeprefix(" ") if self._surplus == "first" else text.removesuffix(" ")

    def decoder(self) -> Incremental:
        return Incremental(self._bytes_of, self._surplus)

    def __repr__(self) -> str:
        return f"<tokenizer {self.name}, {self.size} ids>"


_INSIDE: Final = re.compile(rb"[\x80-\xbf]|\Z").match
"""Does a piece go on with a character, or is it empty, so that the next one may? (Unicode §3.9: bytes 10xxxxxx.)"""


class Renumbered(Pieces):
    """Another tokenizer, with special tokens that its file lacks or numbers otherwise."""

    def __init__(self, inner: Pieces, specials: Mapping[str, int]) -> None:
        taken = set(specials.values())
        kept = {special: number for special, number in inner.specials.items() if number not in taken}
        pieces = {**inner._pieces, **{number: special.encode() for special, number in specials.items()}}
        super().__init__(inner.name, pieces, {**kept, **specials}, surplus=inner._surplus)
        self._inner: Final = inner
        self._cut: Final = around(specials)

    def encode(self, text: str) -> list[int]:
        tokens: list[int] = []
        for part in self._cut(checked(text)):
            special = self.specials.get(part)
            tokens += self._inner.encode(part) if special is None else [special]
        return tokens


def checked(text: str) -> str:
    """``text``, if it can be UTF-8: the libraries answer a lone surrogate with errors that say something else."""
    TEXT.convert(text, "text")
    try:
        text.encode()
    except UnicodeEncodeError:
        pass  # and raise below, where the codec's error, which holds the text, is no context
    else:
        return text
    raise InvalidRequestError("the text holds a lone surrogate, which no tokenizer can take", parameter="text")


def ids_of(tokens: Iterable[int]) -> list[int]:
    """Return token ids as a list.

    Raises:
        InvalidTypeError: they are no list of integers. Bytes are none: they would be read as ids.
    """
    try:
        if not isinstance(tokens, bytes | bytearray | Mapping):
            return [*map(index, tokens)]
    except TypeError:
        pass
    raise type_error(cast("object", tokens), "tokens", "a list of token ids, which are integers")


def missing(library: str) -> MissingExtra:
    """Return the error for a library of the extra that is not installed."""
    return MissingExtra(f"this tokenizer file needs the library {library}: pip install 'nai-proto[tokenizers]'")


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
