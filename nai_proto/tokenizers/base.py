"""The base of all tokenizers: decode ids to text through bytes.

Every file format is converted to one table, id to bytes, so that decoding is exact and the same for all: the bytes are
joined and decoded as UTF-8. A character may be split over several tokens; its bytes are joined here, and only bytes that
cannot become a character become U+FFFD. The libraries' own decoders are not used: each treats incomplete characters,
special tokens and leading blanks differently, and none works incrementally.

Special tokens decode to their strings, so that nothing is lost. An id that the file does not have decodes to U+FFFD, so
that a model that is newer than its file does not end a stream.

Some vocabularies have a blank in every word: T5's before it, CLIP's after it. The first, or the last, is not part of the
text, and is removed.
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
    "BYTE_OF_LETTER",
    "UNKNOWN_BYTES",
    "ByteVocabulary",
    "ExtraBlank",
    "IncrementalDecoder",
    "SpecialsOverride",
    "Tokenizer",
    "check_ids",
    "check_text",
    "letters_to_bytes",
    "missing_library_error",
    "special_splitter",
]

UNKNOWN_BYTES: Final = "\N{REPLACEMENT CHARACTER}".encode()
"""The bytes of an id that the file does not have."""

_UTF8: Final = codecs.getincrementaldecoder("utf-8")

ExtraBlank: TypeAlias = Literal["first", "last"] | None
"""The blank that the tokens have and the text does not."""


class IncrementalDecoder:
    """Decodes tokens as they arrive. The texts joined are what `Tokenizer.decode` returns for all ids.

    Args:
        bytes_of: returns the bytes of an id, or its second argument if it does not have the id.
        extra_blank: the blank that is removed from the text.
    """

    __slots__ = ("_bytes_of", "_extra_blank", "_held", "_open", "_utf8")

    def __init__(self, bytes_of: Callable[[int, bytes], bytes], extra_blank: ExtraBlank = None) -> None:
        self._bytes_of = FUNCTION.convert(bytes_of, "bytes_of")
        self._utf8 = _UTF8("replace")
        self._extra_blank = extra_blank
        self._held = ""
        self._open = True

    def receive(self, tokens: Iterable[int]) -> str:
        """Return the text that is complete with these ids. An incomplete character is returned with its last byte.

        Args:
            tokens: token ids.

        Raises:
            LocalProtocolError: `receive_eof` was called before.
        """
        return self._next(b"".join([self._bytes_of(token, UNKNOWN_BYTES) for token in check_ids(tokens)]), final=False)

    def receive_eof(self) -> str:
        """Finish: return U+FFFD for an incomplete character, else ``""``.

        Raises:
            LocalProtocolError: it was called before.
        """
        rest = self._next(b"", final=True)
        self._open = False
        return rest

    def _next(self, data: bytes, *, final: bool) -> str:
        if not self._open:
            raise LocalProtocolError("this decoder has ended; get a new one from the tokenizer")
        text = self._held + self._utf8.decode(data, final)
        if self._extra_blank == "first" and text:
            text, self._extra_blank = text.removeprefix(" "), None
        elif self._extra_blank == "last":
            # Hold a blank back until more text shows that it is not the last one.
            self._held = " " if text.endswith(" ") and not final else ""
            text = text.removesuffix(" ")
        return text


class Tokenizer(Protocol):
    """Converts text to token ids and back. Slow to create; safe to share between threads."""

    @property
    def name(self) -> str:
        """Return the name in the table of tokenizers, or the name that was passed to `read`.

        See docs/protocol/native.md#112-tokenizer-per-model.
        """
        ...

    @property
    def size(self) -> int:
        """Return the number of ids in the file."""
        ...

    @property
    def specials(self) -> Mapping[str, int]:
        """Return the ids of special strings, which are one token each wherever they are in a text."""
        ...

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text. No token is added; special strings in the text become their ids.

        Raises:
            InvalidRequestError: the text holds a lone surrogate.
        """
        ...

    def encode_batch(self, texts: Iterable[str]) -> list[list[int]]:
        """Return the ids of each text. Raises are those of `encode`."""
        ...

    def count(self, text: str) -> int:
        """Return the number of ids of a text. Raises are those of `encode`."""
        ...

    def truncate(self, tokens: Sequence[int], budget: int) -> list[int]:
        """Return the end of a prompt that is too long: as many of its last ids as fit, from the start of a character.

        Args:
            tokens: ids of the prompt.
            budget: how many ids to return at most, 0 or more. There are fewer if the cut is inside a character.

        Raises:
            InvalidRequestError: the budget is negative.
        """
        ...

    def decode(self, tokens: Iterable[int]) -> str:
        """Return the text of ids."""
        ...

    def decoder(self) -> IncrementalDecoder:
        """Return a new decoder for ids that arrive one after the other; use one for each stream."""
        ...


class ByteVocabulary(ABC):
    """A tokenizer without `encode`: everything that follows from its table of bytes and from `encode`.

    Args:
        name: name of the tokenizer.
        pieces: the bytes of each id.
        specials: ids of the special strings.
        extra_blank: the blank that is removed from decoded text.
    """

    def __init__(
        self, name: str, pieces: Mapping[int, bytes], specials: Mapping[str, int], *, extra_blank: ExtraBlank = None
    ) -> None:
        self.name: Final = name
        self.size: Final = len(pieces)
        self.specials: Final = specials
        self._pieces: Final = pieces
        self._bytes_of: Final = pieces.get
        self._extra_blank: Final[ExtraBlank] = extra_blank

    @abstractmethod
    def encode(self, text: str) -> list[int]: ...

    def encode_batch(self, texts: Iterable[str]) -> list[list[int]]:
        return [self.encode(text) for text in list_of(TEXT, "a list of texts").convert(texts, "texts")]

    def count(self, text: str) -> int:
        return len(self.encode(text))

    def truncate(self, tokens: Sequence[int], budget: int) -> list[int]:
        if INTEGER.convert(budget, "budget") < 0:
            raise InvalidRequestError(f"budget is {budget}, and 0 or more tokens are allowed", parameter="budget")
        tokens = check_ids(tokens)
        start = max(0, len(tokens) - budget)
        while 0 < start < len(tokens) and _INSIDE(self._bytes_of(tokens[start], UNKNOWN_BYTES)):
            start += 1
        return tokens[start:]

    def decode(self, tokens: Iterable[int]) -> str:
        bytes_of = self._bytes_of
        text = b"".join([bytes_of(token, UNKNOWN_BYTES) for token in check_ids(tokens)]).decode("utf-8", "replace")
        if self._extra_blank is None:
            return text
        return text.removeprefix(" ") if self._extra_blank == "first" else text.removesuffix(" ")

    def decoder(self) -> IncrementalDecoder:
        return IncrementalDecoder(self._bytes_of, self._extra_blank)

    def __repr__(self) -> str:
        return f"<tokenizer {self.name}, {self.size} ids>"


_INSIDE: Final = re.compile(rb"[\x80-\xbf]|\Z").match
"""Matches a piece that begins inside a character (Unicode §3.9: bytes 10xxxxxx), or is empty, so that the next one may."""


class SpecialsOverride(ByteVocabulary):
    """Another tokenizer, with special tokens that its file lacks or numbers differently."""

    def __init__(self, inner: ByteVocabulary, specials: Mapping[str, int]) -> None:
        overridden = set(specials.values())
        kept = {special: number for special, number in inner.specials.items() if number not in overridden}
        pieces = {**inner._pieces, **{number: special.encode() for special, number in specials.items()}}
        super().__init__(inner.name, pieces, {**kept, **specials}, extra_blank=inner._extra_blank)
        self._inner: Final = inner
        self._split_on_specials: Final = special_splitter(specials)

    def encode(self, text: str) -> list[int]:
        tokens: list[int] = []
        for part in self._split_on_specials(check_text(text)):
            special = self.specials.get(part)
            tokens += self._inner.encode(part) if special is None else [special]
        return tokens


def check_text(text: str) -> str:
    """Return the text if it can be encoded as UTF-8. For a lone surrogate, the libraries raise misleading errors.

    Raises:
        InvalidRequestError: the text holds a lone surrogate.
    """
    TEXT.convert(text, "text")
    try:
        text.encode()
    except UnicodeEncodeError:
        pass  # raise below, so that the codec's error, which holds the text, is not the context
    else:
        return text
    raise InvalidRequestError("the text holds a lone surrogate, which no tokenizer can encode", parameter="text")


def check_ids(tokens: Iterable[int]) -> list[int]:
    """Return token ids as a list.

    Raises:
        InvalidTypeError: they are not a list of integers. Bytes are not accepted: each byte would be an id.
    """
    try:
        if not isinstance(tokens, bytes | bytearray | Mapping):
            return [*map(index, tokens)]
    except TypeError:
        pass
    raise type_error(cast("object", tokens), "tokens", "a list of token ids, which are integers")


def missing_library_error(library: str) -> MissingExtra:
    """Return the error for a library of the extra ``tokenizers`` that is not installed."""
    return MissingExtra(f"this tokenizer file needs the library {library} (the extra 'tokenizers')", extra="tokenizers")


def special_splitter(specials: Iterable[str]) -> Callable[[str], Iterator[str]]:
    """Return a function that splits a text into special strings, the longest first, and the texts between them."""
    longest_first = sorted((special for special in specials if special), key=len, reverse=True)
    if not longest_first:
        return lambda text: iter((text,) if text else ())
    split = re.compile(f"({'|'.join(map(re.escape, longest_first))})").split
    return lambda text: filter(None, split(text))


def _byte_letters() -> dict[str, int]:
    """Return GPT-2's letters for bytes: printable Latin-1 represents itself, other bytes are letters from U+0100."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = (byte for byte in range(256) if byte not in printable)
    return {chr(byte): byte for byte in printable} | {chr(0x100 + place): byte for place, byte in enumerate(others)}


BYTE_OF_LETTER: Final = _byte_letters()
"""The byte that a letter represents in a byte-level vocabulary."""


def letters_to_bytes(piece: str) -> bytes:
    """Return the bytes of a byte-level piece. A piece with other letters, such as an added token, represents itself."""
    try:
        return bytes([BYTE_OF_LETTER[letter] for letter in piece])
    except KeyError:
        return piece.encode("utf-8", "surrogatepass")
