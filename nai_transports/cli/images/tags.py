"""``nai tags``: search the tags that image models know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from nai_proto.errors import InvalidRequestError
from nai_proto.image import ImageModel, JapaneseTag, Tag, suggest_tags

from ..common.account_options import ServiceOptions
from ..common.json_document import print_json
from ..common.notes import print_remark
from ..common.output import Json, escape_line
from ..common.tables import Cell, Column, print_table
from .option_errors import find_image_model

__all__ = ["tags"]

_COUNT_CAP = 10_000


def tags(
    word: Annotated[str, typer.Argument(help="Part of a tag.")],
    lang: Annotated[str, typer.Option(metavar="en|jp", help="Language of the word.")] = "en",
    model: Annotated[str, typer.Option(help="Image model (id or name).")] = ImageModel.V5_CURATED.id,
    *,
    service: ServiceOptions,
    as_json: Json = False,
) -> None:
    """Suggest tags that contain a word. Needs no account."""
    if lang not in ("en", "jp"):
        raise InvalidRequestError(f"--lang is en or jp, not {lang!r}")
    known_model = find_image_model(model)
    with service.open_client() as client:
        suggestions: Sequence[Tag | JapaneseTag]
        if lang == "en":
            suggestions = client.run(suggest_tags(word, known_model))
        else:
            suggestions = client.run(suggest_tags(word, known_model, lang="jp"))
    if as_json:
        print_json(suggestions)
    elif not suggestions:
        print_remark(f"no tag contains {escape_line(word)!r}")
    else:
        _print_suggestions(suggestions)


def _print_suggestions(suggestions: Sequence[Tag | JapaneseTag]) -> None:
    columns: tuple[str | Column, ...] = ("tag", Column("images", is_number=True), Column("confidence", is_number=True))
    if isinstance(suggestions[0], JapaneseTag):
        columns = ("tag", "English", Column("power", is_number=True))
    print_table(columns, map(_describe_suggestion, suggestions))


def _describe_suggestion(suggestion: Tag | JapaneseTag) -> Sequence[Cell]:
    if isinstance(suggestion, JapaneseTag):
        return suggestion.jp_tag, suggestion.en_tag, f"{suggestion.power:,g}"
    count = suggestion.count if suggestion.count < _COUNT_CAP else f"{suggestion.count:,}+"
    return suggestion.tag, count, f"{suggestion.confidence:.2f}"
