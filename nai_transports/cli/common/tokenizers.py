"""Tokenizers for commands that can do without: the service counts tokens, too."""

from __future__ import annotations

import typer

from nai_proto.errors import FileError, MissingExtra, TransportError
from nai_proto.text.models import Model
from nai_proto.tokenizers import Tokenizer

from ...tokenizer_files import load

__all__ = ["load_or_none"]


def load_or_none(model: Model) -> Tokenizer | None:
    """Return the tokenizer of a model; without its file, return None and say on stderr that the service counts.

    Args:
        model: has a known tokenizer.

    Raises:
        InvalidFile: the user's own file is not a tokenizer file.
        MissingExtra: a native model's tokenizer needs the extra ``tokenizers``.
    """
    try:
        return load(model)
    except MissingExtra:
        if model.is_native:
            raise
    except (FileError, TransportError):
        pass
    typer.echo(f"no tokenizer file of {model.id} is here, so the service counts its tokens", err=True)
    return None
