"""Encode with kitoken, of the extra ``fast``, the files whose ids it is known to reproduce.

It encodes four to eight times as fast as the libraries of the extra ``tokenizers``. It is trusted with a file only if
tests/test_tokenizer_equality.py compares both on thousands of strings: the files below, recognized by their digest.
gpt2-genji's file is not among them: its merges overlap, and kitoken ranks a pair by the joined text.

Where it differs, it is helped:

- A file that leaves GPT-2's rules for splitting a text to the library says so in the rules' own words instead, since
  kitoken's version of them takes a contraction apart that follows a line break.
- A text with ``'t've`` is encoded by SentencePiece with nerdstash_v2, which has this piece and ``'t``: SentencePiece takes
  the longest, and kitoken the one with the higher id.

Only 0.10 is used. 0.11.1 ends the process with a segmentation fault where a thread has imported it and has ended, and
another one uses it: its memory allocator keeps the importing thread for the main one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from typing import Any, Final, Literal, TypeAlias

from .registry import TOKENIZERS

__all__ = ["choose_encoder"]

Encode: TypeAlias = Callable[[str], list[int]]

_VERSIONS: Final = "0.10."
_GPT2_SPLIT: Final = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
"What ``use_regex`` of a ``ByteLevel`` stands for, which is on by default."
_MISREAD_PIECE: Final = "'t've"
_REPRODUCED: Final = frozenset(
    digest
    for name in ("gpt2", "pile", "nerdstash_v1", "nerdstash_v2", "llama3")
    for digest in (*TOKENIZERS[name].files.values(), *TOKENIZERS[name].substitutes.values())
    if digest is not None
)


def choose_encoder(
    data: bytes, file_format: Literal["sentencepiece", "tokenizers"], encode_by_library: Encode
) -> Encode:
    """Return kitoken's function that encodes a text, or the library's where kitoken is missing or not trusted.

    The file is loaded when the function is first called, since decoding does not need it: this takes a tenth of a second,
    and half a second for Llama 3.

    Args:
        data: content of a tokenizer file.
        file_format: the library that the file was made for.
        encode_by_library: the library's function. Special strings in a text become their ids by both.
    """
    if sha256(data).hexdigest() not in _REPRODUCED or not _is_usable():
        return encode_by_library
    from kitoken import Kitoken

    @cache  # threads that race load it twice, and nothing else
    def load() -> Any:
        if file_format == "sentencepiece":
            return Kitoken.from_sentencepiece(data)
        return Kitoken.from_tokenizers(_write_split(data))

    def encode(text: str) -> list[int]:
        if file_format == "sentencepiece" and _MISREAD_PIECE in text:
            return encode_by_library(text)
        ids: list[int] = load().encode(text, True)
        return ids

    return encode


def _write_split(data: bytes) -> bytes:
    """Return a definition that has the rules of GPT-2's split in it, if it has left them to the library."""
    definition = json.loads(data)
    byte_level = definition["pre_tokenizer"]
    if byte_level["type"] != "ByteLevel":
        return data
    split = {"type": "Split", "pattern": {"Regex": _GPT2_SPLIT}, "behavior": "Isolated", "invert": False}
    definition["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [split, {**byte_level, "use_regex": False}]}
    return json.dumps(definition).encode()


def _is_usable() -> bool:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("kitoken").startswith(_VERSIONS)
    except PackageNotFoundError:
        return False
