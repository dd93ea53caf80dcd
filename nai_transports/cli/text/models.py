"""``nai models``: list all models, or show one: what it costs, and whether the service lists it for the account."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import groupby
from typing import Annotated

import typer

from nai_proto import account as accounts
from nai_proto import openai
from nai_proto.errors import UnknownNameError
from nai_proto.image.models import ImageModel
from nai_proto.library.candidates import Candidate, find_candidate
from nai_proto.text.models import Model
from nai_proto.unknown_names import unknown_choice

from ...terminals import is_terminal
from ..common.account_options import AccountOptions
from ..common.errors import MissingCredentials
from ..common.json_document import print_json
from ..common.notes import print_remark
from ..common.output import Json, print_facts
from ..common.tables import Column, print_table
from .model_table import ModelRow, build_model_table, describe_row, format_facts, format_price

__all__ = ["models"]


def models(
    model: Annotated[
        str | None, typer.Argument(help="Show this model only (id, name, or the beginning of one).", show_default=False)
    ] = None,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """List all models, each with its name and its id, or show one; options take either.

    Chat models have `nai chat` and `nai complete`, models for stories `nai generate`, image models `nai image`. The
    context is in tokens, for the account's tier; of an image model it is the longest prompt. The price of an image model
    is that of one picture of 1024×1024 pixels in 28 steps. Without an account, what is known is listed.
    """
    rows = _load_rows(account)
    if model is not None:
        row = _find_row(rows, model)
        print_facts(describe_row(row) if as_json else format_facts(row), as_json)
        return
    if as_json:
        print_json([describe_row(row) for row in rows])
        return
    if not is_terminal(sys.stdout):
        columns = ("id", "for", "context", "tokenizer", "price", "name")
        print_table(
            columns, [(row.id, row.api, row.context, row.tokenizer, format_price(row), row.name) for row in rows]
        )
        return
    for number, (api, models_of_api) in enumerate(groupby(rows, lambda row: row.api)):
        typer.echo(nl=number > 0)
        _print_for_person(api, [*models_of_api])


def _print_for_person(api: str, rows: Sequence[ModelRow]) -> None:
    """Print the models of an API, in a table that 80 columns have room for: image models without their tokenizers."""
    has_tokenizers = api != "image"
    columns = [Column(f"{api} models", is_whole=True), Column("context", is_number=True)]
    columns += [Column("tokenizer")] if has_tokenizers else []
    columns += [Column("price"), Column("id", is_id=True)]
    cells = (
        (row.name, row.context, *([row.tokenizer] if has_tokenizers else []), format_price(row), row.id) for row in rows
    )
    print_table(columns, cells)


def _find_row(rows: Sequence[ModelRow], name: str) -> ModelRow:
    """Return the row of the model that a name means, which options take, or the beginning of an id or a name.

    Raises:
        AmbiguousNameError: several begin so.
        UnknownChoiceError: none does. Names the nearest one.
    """
    ids = {row.id for row in rows}
    named = (id_ for id_ in (Model.named(name).id, ImageModel.named(name).id) if id_ in ids)
    candidates = (Candidate(row, row.name, (row.id,)) for row in rows)
    try:
        return find_candidate(candidates, next(named, name), kind="model", kinds="models")
    except UnknownNameError:
        pass
    spellings = {row.name: row.id for row in rows}
    raise unknown_choice(name, "model", [row.id for row in rows], parameter="model", spellings=spellings)


def _load_rows(account: AccountOptions) -> list[ModelRow]:
    """Return the rows for the account; without credentials those for everybody, with a note."""
    profile = account.load_profile()
    try:
        found = account.build_sources(profile).find_token(asks=False)
    except MissingCredentials:
        print_remark("not logged in, so contexts are those of Opus (`nai login` logs in)")
        return build_model_table(None, None)
    with account.use_token(found, profile) as client:
        subscription = client.run(accounts.get_subscription())
        served = [card.id for card in client.run(openai.list_models())]
    return build_model_table(subscription, served)
