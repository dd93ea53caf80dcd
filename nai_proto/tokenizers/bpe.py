"""Byte-pair encoding (BPE) as NovelAI's website does it, with its own file format.

The library `tokenizers` splits a text into words and knows Unicode's properties. The merging is done here, because the
library cannot express the website's rules: a word that is in the vocabulary is one token, and two pieces merge if their
*joined text* has a rank, however the file spells the pair. There are two ways to represent bytes:

* a vocabulary with keys ``0x00`` to ``0xff`` consists of characters; other characters are encoded as bytes (nerdstash);
* any other vocabulary consists of GPT-2's letters, one for each byte.

Unlike the website, this does not drop text that the split leaves over, and encodes the text ``0x41`` as text.

Merging a word of n letters takes n log n steps; results are cached, since a story repeats its words.

See docs/protocol/native.md#113-where-tokenizer-data-comes-from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from heapq import heapify, heappop, heappush
from itertools import pairwise
from typing import Any, Final, Literal, NamedTuple
from unicodedata import normalize

from ..errors import InvalidFile
from .base import BYTE_OF_LETTER, ByteVocabulary, check_text, letters_to_bytes, special_splitter

__all__ = ["BpeConfig", "BpeTokenizer"]

_BYTE_KEY: Final = re.compile("0x[0-9a-fA-F]{2}")
_LETTER_OF_BYTE: Final = {byte: letter for letter, byte in BYTE_OF_LETTER.items()}
_NOT_IN_UTF8: Final = frozenset((0xC0, 0xC1, *range(0xF5, 0x100)))  # bytes that the vocabulary of pile lacks
_CACHED_WORDS: Final = 65_536  # most stories use fewer
_MAX_CACHED_LENGTH: Final = 64  # characters of a cached word


class BpeConfig(NamedTuple):
    """How a text is split into words."""

    split: Callable[[str], Sequence[tuple[str, Any]]]
    "Splits a text into words, each with its position."
    chunk: int | None
    "Number of code points that are split at a time; None for the whole text."
    normalization: Literal["NFC", "NFD", "NFKC", "NFKD"] | None


class BpeTokenizer(ByteVocabulary):
    """A tokenizer that merges pairs by rank.

    Args:
        name: name of the tokenizer.
        config: how a text is split into words.
        specials: the special strings; those without an id in the vocabulary are text.
        vocab: id of each piece.
        merges: pairs in the order of their ranks.

    Raises:
        InvalidFile: the vocabulary has no piece for a byte that UTF-8 uses.
    """

    def __init__(
        self,
        name: str,
        config: BpeConfig,
        specials: Sequence[str],
        vocab: Mapping[str, int],
        merges: Sequence[tuple[str, str]],
    ) -> None:
        by_value = {int(key, 16): number for key, number in vocab.items() if _BYTE_KEY.fullmatch(key)}
        self._is_character_level: Final = bool(by_value)
        in_text = {special: vocab[special] for special in specials if special in vocab}
        plain = {piece: number for piece, number in vocab.items() if not by_value or not _BYTE_KEY.fullmatch(piece)}
        if by_value:
            byte_ids = [by_value.get(byte) for byte in range(256)]
            pieces = {number: piece.encode("utf-8", "surrogatepass") for piece, number in plain.items()}
            pieces |= {number: bytes([byte]) for byte, number in by_value.items()}
        else:
            byte_ids = [plain.get(_LETTER_OF_BYTE[byte]) for byte in range(256)]
            pieces = {number: letters_to_bytes(piece) for piece, number in plain.items()}
        pieces |= {number: special.encode("utf-8", "surrogatepass") for special, number in in_text.items()}
        missing = [byte for byte, number in enumerate(byte_ids) if number is None and byte not in _NOT_IN_UTF8]
        if missing:
            raise InvalidFile(f"{name}: the vocabulary has no piece for byte {missing[0]:#04x}")
        self._byte_ids: Final = [-1 if number is None else number for number in byte_ids]
        super().__init__(name, pieces, in_text)
        self._plain: Final = plain
        self._ranks: Final = {left + right: rank for rank, (left, right) in enumerate(merges)}
        self._config: Final = config
        self._split_on_specials: Final = special_splitter(in_text)
        self._encode_cached: Final = lru_cache(_CACHED_WORDS)(self._encode_word)

    def encode(self, text: str) -> list[int]:
        split = self._config.split
        tokens: list[int] = []
        for chunk in self._iter_chunks(check_text(text)):
            for part in self._split_on_specials(chunk):
                special = self.specials.get(part)
                if special is not None:
                    tokens.append(special)
                    continue
                for word, _ in split(part):
                    tokens += self._encode_cached(word) if len(word) <= _MAX_CACHED_LENGTH else self._encode_word(word)
        return tokens

    def _iter_chunks(self, text: str) -> Iterator[str]:
        if self._config.normalization is not None:
            text = normalize(self._config.normalization, text)
        step = self._config.chunk or len(text) or 1
        return (text[start : start + step] for start in range(0, len(text), step))

    def _encode_word(self, word: str) -> Sequence[int]:
        if not self._is_character_level:
            word = "".join([_LETTER_OF_BYTE[byte] for byte in word.encode()])
        whole = self._plain.get(word)
        if whole is not None:
            return (whole,)
        tokens: list[int] = []
        for piece in _merge(word, self._ranks):
            number = self._plain.get(piece)
            if number is not None:
                tokens.append(number)
            else:
                data = piece.encode() if self._is_character_level else _word_to_bytes(piece)
                tokens += [self._byte_ids[byte] for byte in data]
        return tokens


def _word_to_bytes(letters: str) -> bytes:
    return bytes([BYTE_OF_LETTER[letter] for letter in letters])


def _merge(word: str, ranks: Mapping[str, int]) -> list[str]:
    """Return the pieces of a word: merge the neighbours of the lowest rank, the leftmost first, until none have a rank."""
    pieces: list[str] = list(word)
    after = [*range(1, len(pieces) + 1)]
    before = [*range(-1, len(pieces) - 1)]
    queue = [(ranks[a + b], at, a + b) for at, (a, b) in enumerate(pairwise(pieces)) if a + b in ranks]
    heapify(queue)
    while queue:
        _, left, joined = heappop(queue)
        right = after[left]
        if not pieces[left] or right >= len(pieces) or pieces[left] + pieces[right] != joined:
            continue  # one of the two has been merged
        pieces[left], pieces[right] = joined, ""
        after[left] = end = after[right]
        if end < len(pieces):
            before[end] = left
        for at, to in ((before[left], left), (left, end)):
            if at >= 0 and to < len(pieces) and (longer := pieces[at] + pieces[to]) in ranks:
                heappush(queue, (ranks[longer], at, longer))
    return [piece for piece in pieces if piece]
