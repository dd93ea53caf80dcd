"""``nai tokens`` and ``nai decode``: convert text to token ids and back with the tokenizer of a model."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from nai_proto import openai
from nai_proto.codecs.token_packing import unpack
from nai_proto.errors import InvalidFile, InvalidRequestError, RemoteProtocolError, excerpt
from nai_proto.text.models import Model
from nai_proto.tokenizers import TOKENIZERS, Tokenizer, find_tokenizer_info, read, tokenizer_name
from nai_proto.unknown_names import unknown_choice

from ... import files
from ...tokenizer_files import load
from ...tokenizer_files.website import is_url
from ..common.account_options import AccountOptions
from ..common.command import CommandGroup
from ..common.errors import WrongUsage
from ..common.json_document import print_json
from ..common.output import Json
from ..common.text_input import check_one_text, read_standard_input, read_text_file
from ..common.text_stream import print_prose
from ..common.tokenizers import load_or_none

__all__ = ["decode_packed", "tokens"]

tokens = CommandGroup(help="Convert text to token ids and back.", no_args_is_help=True)

_INPUT: Final = "Default: read from stdin."
_Text = Annotated[str | None, typer.Argument(help=f"Text. {_INPUT}", show_default=False)]
_Ids = Annotated[list[str] | None, typer.Argument(help=f"Decimal token ids. {_INPUT}", show_default=False)]
_Model = Annotated[str | None, typer.Option(help=f"Model id or name. Default: {Model.KAYRA.name}.")]
_TokenizerName = Annotated[str | None, typer.Option(help=f"Tokenizer, instead of a model: {', '.join(TOKENIZERS)}.")]
_PATH: Final = "Tokenizer file, or directory that contains it; or the URL of a file"
_Path = Annotated[str | None, typer.Option(help=f"{_PATH}, with --model or --tokenizer.")]
_File = Annotated[Path | None, typer.Option(help="Read the text from this file; - reads stdin.")]


@tokens.command()
def encode(
    text: _Text = None,
    file: _File = None,
    model: _Model = None,
    tokenizer: _TokenizerName = None,
    path: _Path = None,
    as_json: Json = False,
) -> None:
    """Print the token ids of a text."""
    chosen = _load_tokenizer(model, tokenizer, path)
    ids = chosen.encode(_read_text(text, file))
    _print_result(as_json, chosen, " ".join(map(str, ids)), tokens=ids, count=len(ids))


@tokens.command(context_settings={"ignore_unknown_options": True})
def decode(
    ids: _Ids = None, model: _Model = None, tokenizer: _TokenizerName = None, path: _Path = None, as_json: Json = False
) -> None:
    """Print the text of token ids. Ids are separated by blanks or commas, as `encode` prints them, or a list in brackets."""
    chosen = _load_tokenizer(model, tokenizer, path)
    words = _split_ids(_read_input(" ".join(ids) if ids else None))
    text = chosen.decode([_parse_id(word, chosen) for word in words])
    _print_result(as_json, chosen, text, text=text)


@tokens.command()
def count(
    text: _Text = None,
    file: _File = None,
    model: _Model = None,
    tokenizer: _TokenizerName = None,
    path: _Path = None,
    remote: Annotated[bool, typer.Option("--remote", help="Let the service count; needs no tokenizer file.")] = False,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Count the tokens of a text. Without a tokenizer file of a GLM model, the service counts them."""
    chosen = None if remote else _load_or_none(model, tokenizer, path)
    if chosen is None:
        remote_model = model or (Model.GLM if remote else Model.KAYRA).id
        number = _count_remotely(_read_text(text, file), remote_model, account)
        _print_count(CountedText(remote_model, None, number), as_json)
        return
    _print_count(CountedText(None, chosen.name, chosen.count(_read_text(text, file))), as_json)


@dataclass(frozen=True, slots=True)
class CountedText:
    """How many tokens a text has, and who counted them."""

    model: str | None
    "The model for which the service counted; None if a tokenizer file did."
    tokenizer: str | None
    count: int


def _print_count(counted: CountedText, as_json: bool) -> None:
    if as_json:
        print_json(counted)
    else:
        typer.echo(counted.count)


def _count_remotely(text: str, model: str, account: AccountOptions) -> int:
    with account.log_in() as client:
        return client.run(openai.token_count(text, model=model)).length


def decode_packed(
    model: Annotated[str, typer.Argument(help=f"Model id or name, such as {Model.KAYRA.name}.")],
    data: Annotated[str | None, typer.Argument(help=f"Tokens in base64. {_INPUT}", show_default=False)] = None,
    path: Annotated[str | None, typer.Option(help=f"{_PATH}.")] = None,
    as_json: Json = False,
) -> None:
    """Print the token ids in base64 of the service, and their text.

    The model determines the bytes per token.
    """  # docs/protocol/native.md#191-command-line
    chosen = _load_tokenizer(model, None, path)
    ids = _unpack(_read_input(data).strip(), find_tokenizer_info(tokenizer_name(model)).token_width)
    text = chosen.decode(ids)
    if as_json:
        print_json({"model": Model.named(model).id, "tokens": ids, "text": text})
    else:
        print_prose(f"Tokens = {ids}\nText = {text}")


def _unpack(packed: str, width: int) -> list[int]:
    try:
        return unpack(packed, width)
    except RemoteProtocolError as error:
        problem = f"DATA: {error}; give token ids as the service packs them, such as AwAEAA=="
    raise WrongUsage(problem, parameter="data")


def _load_tokenizer(model: str | None, name: str | None, path: str | None) -> Tokenizer:
    if model is not None and name is not None:
        raise InvalidRequestError("give --model or --tokenizer, not both")
    if model is None and name is None and path is not None:
        if is_url(path):
            raise InvalidRequestError("--path with a URL needs --model or --tokenizer")
        if not os.path.isdir(path):
            return _read_tokenizer_file(Path(path))
    if name is not None and name not in TOKENIZERS:
        raise unknown_choice(name, "tokenizer", TOKENIZERS, parameter="tokenizer")
    return load(name or tokenizer_name(model or Model.KAYRA), path=path)


def _load_or_none(model: str | None, name: str | None, path: str | None) -> Tokenizer | None:
    """Return the tokenizer; None without its file if the service can count, which it can for text models."""
    chosen = Model.named(model or Model.KAYRA)
    if name is not None or path is not None or not chosen.is_listed:
        return _load_tokenizer(model, name, path)
    return load_or_none(chosen)


def _read_tokenizer_file(path: Path) -> Tokenizer:
    """Read a tokenizer file of any model."""
    data = files.read(path)
    try:
        return read(data, name=path.name)
    except RemoteProtocolError as error:
        problem = str(error)
    raise InvalidFile(problem, path=str(path))


def _read_text(text: str | None, file: Path | None) -> str:
    """Return the text of an argument or of a file; without both, standard input."""
    check_one_text(text, file)
    return _read_input(text) if file is None else read_text_file(file)


def _read_input(argument: str | None) -> str:
    """Return the argument; without one, standard input."""
    return read_standard_input() if argument is None else argument


def _split_ids(text: str) -> list[str]:
    words = re.split(r"[\s,]+", text.strip().removeprefix("[").removesuffix("]").strip())
    return [word for word in words if word]


def _parse_id(word: str, tokenizer: Tokenizer) -> int:
    """Return a token id.

    Raises:
        WrongUsage: it is none of the tokenizer's.
    """
    if word.startswith("--"):  # options are not refused by the parser, since a negative number looks like one
        raise WrongUsage(f"no such option: {excerpt(word, 40)}")
    number = int(word) if re.fullmatch("-?[0-9]{1,10}", word) else None
    if number is None or not 0 <= number < tokenizer.size:
        raise WrongUsage(
            f"{excerpt(word, 40)!r} is not a token id: those of {tokenizer.name} are 0 to {tokenizer.size - 1}",
            parameter="ids",
        )
    return number


def _print_result(as_json: bool, chosen: Tokenizer, plain: str, **facts: object) -> None:
    if as_json:
        print_json({"tokenizer": chosen.name, **facts})
    else:
        print_prose(plain)
