"""Encode with kitoken, of the extra ``fast``, the files whose ids it is known to reproduce.

It encodes four to fifteen times as fast as the libraries of the extra ``tokenizers``. It is trusted with a file only if
tests/test_tokenizer_equality.py compares both on thousands of strings: the files below, recognized by their digest.
gpt2-genji's file is not among them: its merges overlap, and kitoken ranks a pair by the joined text.

Only 0.10 is used. 0.11.1 ends the process with a segmentation fault where a thread has imported it and has ended, and
another one uses it: its memory allocator keeps the importing thread for the main one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from typing import Any, Final, Literal

from .registry import TOKENIZERS

__all__ = ["find_encoder"]

_VERSIONS: Final = "0.10."
_REPRODUCED: Final = frozenset(
    digest
    for name in ("gpt2", "pile", "nerdstash_v1", "nerdstash_v2", "llama3")
    for digest in (*TOKENIZERS[name].files.values(), *TOKENIZERS[name].substitutes.values())
    if digest is not None
)


def find_encoder(data: bytes, file_format: Literal["sentencepiece", "tokenizers"]) -> Callable[[str], list[int]] | None:
    """Return a function that encodes a text; special strings in it become their ids.

    The file is loaded when the function is first called, since decoding does not need it: this takes a tenth of a second,
    and half a second for Llama 3.

    Args:
        data: content of a tokenizer file.
        file_format: the library that the file was made for.

    Returns:
        the function; None if kitoken is not installed or of another version, or not known to give the ids of this file's
        library.
    """
    if sha256(data).hexdigest() not in _REPRODUCED or not _is_usable():
        return None
    from kitoken import Kitoken

    load: Any = Kitoken.from_sentencepiece if file_format == "sentencepiece" else Kitoken.from_tokenizers
    load_encoder = cache(lambda: load(data).encode)  # threads that race load it twice, and nothing else
    return lambda text: load_encoder()(text, True)


def _is_usable() -> bool:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("kitoken").startswith(_VERSIONS)
    except PackageNotFoundError:
        return False
