"""``nai tags``: search the tags that image models know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from nai_proto.codecs.secret_box import write_json
from nai_proto.errors import InvalidRequestError
from nai_proto.image import ImageModel, JapaneseTag, Tag, suggest_tags

from ..common.credentials import Url, build_session, open_client
from ..common.errors import exit_on_error
from ..common.output import Json, escape_line

__all__ = ["tags"]

_COUNT_CAP = 10_000


def tags(
    word: Annotated[str, typer.Argument(help="Part of a tag.")],
    lang: Annotated[str, typer.Option(metavar="en|jp", help="Language of the word.")] = "en",
    model: Annotated[str, typer.Option(help="Image model (id or name).")] = ImageModel.V5_CURATED.id,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Suggest tags that contain a word. Needs no account."""
    with exit_on_error("tags"):
        if lang not in ("en", "jp"):
            raise InvalidRequestError(f"--lang is en or jp, not {lang!r}")
        with open_client(build_session(url)) as client:
            suggestions: Sequence[Tag | JapaneseTag]
            if lang == "en":
                suggestions = client.run(suggest_tags(word, model))
            else:
                suggestions = client.run(suggest_tags(word, model, lang="jp"))
    if as_json:
        typer.echo(write_json(msgspec.to_builtins(suggestions)))
    elif not suggestions:
        typer.echo(f"nai tags: no tag contains {escape_line(word)!r}", err=True)
    else:
        Console(highlight=False).print(_build_table(suggestions))


def _build_table(suggestions: Sequence[Tag | JapaneseTag]) -> Table:
    if isinstance(suggestions[0], Tag):
        table = Table("tag", Column("images", justify="right"), Column("confidence", justify="right"))
    else:
        table = Table("tag", "English", Column("power", justify="right"))
    for each in suggestions:
        if isinstance(each, Tag):
            count = f"{each.count:,}{'+' if each.count >= _COUNT_CAP else ''}"
            table.add_row(Text(escape_line(each.tag)), count, f"{each.confidence:.2f}")
        else:
            table.add_row(Text(escape_line(each.jp_tag)), Text(escape_line(each.en_tag)), f"{each.power:,g}")
    return table
