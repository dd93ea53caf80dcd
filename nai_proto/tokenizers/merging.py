"""Byte-pair merging as NovelAI's website does it, over files of its own form.

The library `tokenizers` splits a text into words and knows Unicode's properties; the merging is ours, because the
website's has rules that the library cannot express: a word that stands in the vocabulary is taken whole, and two pieces
merge when their *joined text* has a rank, in whatever way the file spelt the pair. Which pieces stand for bytes differs:

* a vocabulary with keys ``0x00`` to ``0xff`` is made of characters, and what it lacks is written as bytes (nerdstash);
* any other is made of GPT-2's letters, one for each byte.

Unlike the website's, a text that the split leaves over is not dropped, and the text ``0x41`` is text, not the byte.

Merging costs n log n per word; words are kept, since a story repeats them.

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
from .base import BYTE_OF, Pieces, around, checked, letters_as_bytes

__all__ = ["Config", "Merging"]

_BYTE_KEY: Final = re.compile("0x[0-9a-fA-F]{2}")
_LETTERS: Final = {byte: letter for letter, byte in BYTE_OF.items()}
_NEVER: Final = frozenset((0xC0, 0xC1, *range(0xF5, 0x100)))  # in no UTF-8; the vocabulary of pile lacks them
_WORDS: Final = 65_536  # kept; most stories use fewer
_LONGEST: Final = 64  # characters of a word that is kept


class Config(NamedTuple):
    """How a text becomes words."""

    split: Callable[[str], Sequence[tuple[str, Any]]]
    chunk: int | None
    "Code points that are split at a time; None for the whole text."
    form: Literal["NFC", "NFD", "NFKC", "NFKD"] | None


class Merging(Pieces):
    """A tokenizer that merges pairs by rank.

    Raises:
        InvalidFile: the vocabulary has no piece for a byte that UTF-8 uses.
    """

    def __init__(
        self,
        name: str,
        config: Config,
        specials: Sequence[str],
        vocab: Mapping[str, int],
        merges: Sequence[tuple[str, str]],
    ) -> None:
        by_value = {int(key, 16): number for key, number in vocab.items() if _BYTE_KEY.fullmatch(key)}
        self._characters: Final = bool(by_value)
        in_text = {special: vocab[special] for special in specials if special in vocab}
        plain = {piece: number for piece, number in vocab.items() if not by_value or not _BYTE_KEY.fullmatch(piece)}
        if by_value:
            byte_ids = [by_value.get(byte) for byte in range(256)]
            pieces = {number: piece.encode("utf-8", "surrogatepass") for piece, number in plain.items()}
            pieces |= {number: bytes([byte]) for byte, number in by_value.items()}
        else:
            byte_ids = [plain.get(_LETTERS[byte]) for byte in range(256)]
            pieces = {number: letters_as_bytes(piece) for piece, number in plain.items()}
        pieces |= {number: special.encode("utf-8", "surrogatepass") for special, number in in_text.items()}
        lacking = [byte for byte, number in enumerate(byte_ids) if number is None and byte not in _NEVER]
        if lacking:
            raise InvalidFile(f"{name}: the vocabulary has no piece for byte {lacking[0]:#04x}")
        self._byte_ids: Final = [-1 if number is None else number for number in byte_ids]
        super().__init__(name, pieces, in_text)
        self._plain: Final = plain
        self._ranks: Final = {left + right: rank for rank, (left, right) in enumerate(merges)}
        self._config: Final = config
        self._cut: Final = around(in_text)
        self._kept: Final = lru_cache(_WORDS)(self._word)

    def encode(self, text: str) -> list[int]:
        split = self._config.split
        tokens: list[int] = []
        for chunk in self._chunks(checked(text)):
            for part in self._cut(chunk):
                special = self.specials.get(part)
                if special is not None:
                    tokens.append(special)
                    continue
                for word, _ in split(part):
                    tokens += self._kept(word) if len(word) <= _LONGEST else self._word(word)
        return tokens

    def _chunks(self, text: str) -> Iterator[str]:
        if self._config.form is not None:
            text = normalize(self._config.form, text)
        step = self._config.chunk or len(text) or 1
        return (text[start : start + step] for start in range(0, len(text), step))

    def _word(self, word: str) -> Sequence[int]:
        if not self._characters:
            word = "".join([_LETTERS[byte] for byte in word.encode()])
        whole = self._plain.get(word)
        if whole is not None:
            return (whole,)
        tokens: list[int] = []
        for piece in _merged(word, self._ranks):
            number = self._plain.get(piece)
            if number is not None:
                tokens.append(number)
            else:
                tokens += [self._byte_ids[byte] for byte in (piece.encode() if self._characters else _bytes(piece))]
        return tokens


def _bytes(letters: str) -> bytes:
    return bytes([BYTE_OF[letter] for letter in letters])


def _merged(word: str, ranks: Mapping[str, int]) -> list[str]:
    """The pieces of a word: again and again the neighbours of the lowest rank become one, the leftmost first."""
    pieces: list[str] = list(word)
    after = [*range(1, len(pieces) + 1)]
    before = [*range(-1, len(pieces) - 1)]
    waiting = [(ranks[a + b], at, a + b) for at, (a, b) in enumerate(pairwise(pieces)) if a + b in ranks]
    heapify(waiting)
    while waiting:
        _, left, joined = heappop(waiting)
        right = after[left]
        if not pieces[left] or right >= len(pieces) or pieces[left] + pieces[right] != joined:
            continue  # one of the two has merged meanwhile
        pieces[left], pieces[right] = joined, ""
        after[left] = end = after[right]
        if end < len(pieces):
            before[end] = left
        for at, to in ((before[left], left), (left, end)):
            if at >= 0 and to < len(pieces) and (longer := pieces[at] + pieces[to]) in ranks:
                heappush(waiting, (ranks[longer], at, longer))
    return [piece for piece in pieces if piece]
