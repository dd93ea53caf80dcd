"""Text to token ids and back, for every text model.

The files come in as bytes, since the core reads none; `nai_transports.tokenizer_files` finds and fetches them. `read`
looks at the bytes to see which form they have. The libraries it needs are the extra ``tokenizers``, imported
when the first file is read; without them everything else works, with token ids or with prompts as text.

See docs/protocol/native.md#11-token-encoding-and-tokenizers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .known import KNOWN, Known, known, tokenizer_name

if TYPE_CHECKING:
    from .base import Incremental, Tokenizer
    from .reading import read
else:
    from ..lazy import finder

    __getattr__ = finder(__name__, {"base": "Incremental Tokenizer", "reading": "read"})


__all__ = ["KNOWN", "Incremental", "Known", "Tokenizer", "known", "read", "tokenizer_name"]
