"""Tokenizers for commands that can do without: the service counts tokens, too."""

from __future__ import annotations

from nai_proto.errors import FileError, MissingExtra, TransportError
from nai_proto.text.models import Model
from nai_proto.tokenizers import Tokenizer

from ...tokenizer_files import load
from .notes import print_remark

__all__ = ["load_or_none"]


def load_or_none(model: Model) -> Tokenizer | None:
    """Return the tokenizer of a model; None without its file, if the service can count instead, and say so on stderr.

    Args:
        model: has a known tokenizer. The service counts for models that only the OpenAI-compatible API has.

    Raises:
        NaiError: there is no file of a native model's tokenizer, or the user's own file is not a tokenizer file.
    """
    try:
        return load(model)
    except (FileError, MissingExtra, TransportError):
        if model.is_native:
            raise
    print_remark(f"no tokenizer file of {model.id} is here, so the service counts its tokens")
    return None
