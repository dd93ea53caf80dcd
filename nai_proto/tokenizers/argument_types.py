"""What parameters that are tokenizers take."""

from __future__ import annotations

from typing import Final

from ..arguments import having

__all__ = ["TOKENIZER"]

TOKENIZER: Final = having("a tokenizer, such as nai_proto.tokenizers.read gives", "encode", "decode", "count")
