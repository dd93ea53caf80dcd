"""CLIP, in which the image models before V4 read their prompts.

Its file is a list of merges and nothing else: the vocabulary follows from them. A text loses its HTML entities, its
capitals and its blanks; what is left is cut into words, whose last letter carries the mark ``</w>``, and merged by bytes.
So it does not come back from its ids as it was: a blank follows each word, and each sign that stood next to one.

The library `tokenizers` splits and merges. OpenAI's own program also repairs text that was decoded wrongly, with the
package ``ftfy``; the website does not, and nor is it done here.

See docs/protocol/image.md#63-token-counting.
"""

from __future__ import annotations

import html
from typing import Any, Final

from ..errors import InvalidFile, excerpt
from .base import BYTE_OF, Pieces, around, checked, letters_as_bytes, missing

__all__ = ["Clip", "is_merges"]

_MERGES: Final = 48_894
"""How many lines of the file count: OpenAI took 49,152 - 256 - 2 of the 262,144 that there are."""
_END: Final = "</w>"
_WORDS: Final = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"
_SPECIALS: Final = ("<|startoftext|>", "<|endoftext|>")


def is_merges(data: bytes) -> bool:
    """Is the first line a heading that says so, and not the beginning of a JSON document that holds one?"""
    return data[:1] != b"{" and b"#version" in data[:64].partition(b"\n")[0]


class Clip(Pieces):
    """The tokenizer that a list of merges describes; its first line is a heading.

    Raises:
        InvalidFile: it is no such list.
        MissingExtra: the library `tokenizers` is missing.
    """

    def __init__(self, name: str, text: str) -> None:
        merges = [tuple(line.split(" ")) for line in text.split("\n")[1 : 1 + _MERGES] if line]
        wrong = next((merge for merge in merges if len(merge) != 2), None)
        if wrong is not None:
            raise InvalidFile(f"{name}: a line of CLIP's merges is no pair: {excerpt(' '.join(wrong), 80)}")
        letters = [*BYTE_OF]
        plain = [*letters, *(letter + _END for letter in letters), *map("".join, merges)]
        vocab = {piece: number for number, piece in enumerate((*plain, *_SPECIALS))}
        self._library: Final = _library(name, vocab, merges)
        specials = {special: vocab[special] for special in _SPECIALS}
        self._cut: Final = around(specials)
        pieces = {number: _bytes(piece) for number, piece in enumerate(plain)}
        pieces |= {number: special.encode() for special, number in specials.items()}
        super().__init__(name, pieces, specials, surplus="last")

    def encode(self, text: str) -> list[int]:
        text = html.unescape(html.unescape(checked(text))).lower()
        tokens: list[int] = []
        for part in self._cut(text):
            special = self.specials.get(part)
            if special is None:
                tokens += self._library.encode(part).ids
            else:
                tokens.append(special)
        return tokens


def _bytes(piece: str) -> bytes:
    letters = piece.removesuffix(_END)
    return letters_as_bytes(letters) if letters == piece else letters_as_bytes(letters) + b" "


def _library(name: str, vocab: dict[str, int], merges: list[Any]) -> Any:
    try:
        from tokenizers import Regex, Tokenizer, models, pre_tokenizers
    except ModuleNotFoundError:
        raise missing("tokenizers") from None
    try:
        library = Tokenizer(models.BPE(vocab, merges, end_of_word_suffix=_END))
    except Exception as error:  # a bare one
        problem = str(error)
    else:
        words = pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True)
        as_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        library.pre_tokenizer = pre_tokenizers.Sequence([words, as_bytes])
        return library
    raise InvalidFile(f"{name}: the library `tokenizers` cannot read CLIP's merges: {excerpt(problem, 160)}")
