"""Tokenizers of every text model: text to token ids and back.

The core reads no files, so a tokenizer's file is passed as bytes; `nai_transports.tokenizer_files` finds and downloads them.
`read` recognizes the format by the bytes. Its libraries are the extra ``tokenizers``, imported when the first file is read.
Everything else works without them, with token ids or with prompts as text.

See docs/protocol/native.md#11-token-encoding-and-tokenizers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .registry import TOKENIZERS, TokenizerInfo

if TYPE_CHECKING:
    from .base import IncrementalDecoder, Tokenizer
    from .loader import read
    from .lookup import find_tokenizer_info, tokenizer_name
else:
    from ..lazy import finder

    _HOMES = {
        "base": "IncrementalDecoder Tokenizer",
        "loader": "read",
        "lookup": "find_tokenizer_info tokenizer_name",
    }

    __getattr__ = finder(__name__, _HOMES)

    def __dir__():
        return __all__


__all__ = [
    "TOKENIZERS",
    "IncrementalDecoder",
    "Tokenizer",
    "TokenizerInfo",
    "find_tokenizer_info",
    "read",
    "tokenizer_name",
]
