"""The CLIP tokenizer of the image models before V4.

Its file is only a list of merges, from which the vocabulary follows. A text's HTML entities are unescaped, it is converted
to lower case and split into words without blanks; the last letter of a word has the mark ``</w>``; then bytes are merged.
So decoding does not return the original text: a blank follows each word and each punctuation mark.

The library `tokenizers` splits and merges. OpenAI's program also repairs wrongly decoded text with the package ``ftfy``;
the website does not, and neither does this module.

See docs/protocol/image.md#63-token-counting.
"""

from __future__ import annotations

import html
from typing import Any, Final

from ..errors import InvalidFile, excerpt
from .base import (
    BYTE_OF_LETTER,
    ByteVocabulary,
    check_text,
    letters_to_bytes,
    missing_library_error,
    special_splitter,
)

__all__ = ["ClipTokenizer", "is_merges"]

_MERGE_COUNT: Final = 48_894
"""The number of lines that are used: OpenAI uses 49,152 - 256 - 2 of the file's 262,144."""
_WORD_END: Final = "</w>"
_WORD_PATTERN: Final = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"
_SPECIALS: Final = ("<|startoftext|>", "<|endoftext|>")


def is_merges(data: bytes) -> bool:
    """Return whether the first line is the heading of a list of merges, and not a JSON document that contains one."""
    return data[:1] != b"{" and b"#version" in data[:64].partition(b"\n")[0]


class ClipTokenizer(ByteVocabulary):
    """The tokenizer of a list of merges.

    Args:
        name: name of the tokenizer.
        text: the list; its first line is a heading.

    Raises:
        InvalidFile: a line is not a pair, or the library cannot use the merges.
        MissingExtra: the library `tokenizers` is missing.
    """

    def __init__(self, name: str, text: str) -> None:
        merges = [tuple(line.split(" ")) for line in text.split("\n")[1 : 1 + _MERGE_COUNT] if line]
        wrong = next((merge for merge in merges if len(merge) != 2), None)
        if wrong is not None:
            raise InvalidFile(f"{name}: a line of CLIP's merges is not a pair: {excerpt(' '.join(wrong), 80)}")
        letters = [*BYTE_OF_LETTER]
        plain = [*letters, *(letter + _WORD_END for letter in letters), *map("".join, merges)]
        vocab = {piece: number for number, piece in enumerate((*plain, *_SPECIALS))}
        self._library: Final = _create_library_tokenizer(name, vocab, merges)
        specials = {special: vocab[special] for special in _SPECIALS}
        self._split_on_specials: Final = special_splitter(specials)
        pieces = {number: _piece_to_bytes(piece) for number, piece in enumerate(plain)}
        pieces |= {number: special.encode() for special, number in specials.items()}
        super().__init__(name, pieces, specials, extra_blank="last")

    def encode(self, text: str) -> list[int]:
        text = html.unescape(html.unescape(check_text(text))).lower()
        tokens: list[int] = []
        for part in self._split_on_specials(text):
            special = self.specials.get(part)
            if special is None:
                tokens += self._library.encode(part).ids
            else:
                tokens.append(special)
        return tokens


def _piece_to_bytes(piece: str) -> bytes:
    letters = piece.removesuffix(_WORD_END)
    return letters_to_bytes(letters) if letters == piece else letters_to_bytes(letters) + b" "


def _create_library_tokenizer(name: str, vocab: dict[str, int], merges: list[Any]) -> Any:
    try:
        from tokenizers import Regex, Tokenizer, models, pre_tokenizers
    except ModuleNotFoundError:
        raise missing_library_error("tokenizers") from None
    try:
        library = Tokenizer(models.BPE(vocab, merges, end_of_word_suffix=_WORD_END))
    except Exception as error:  # the library raises a bare Exception
        problem = str(error)
    else:
        words = pre_tokenizers.Split(Regex(_WORD_PATTERN), behavior="removed", invert=True)
        as_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        library.pre_tokenizer = pre_tokenizers.Sequence([words, as_bytes])
        return library
    raise InvalidFile(f"{name}: the library `tokenizers` cannot read CLIP's merges: {excerpt(problem, 160)}")
