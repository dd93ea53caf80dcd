"""``nai tags``: tags that image models know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from nai_proto.codecs.box import write_json
from nai_proto.errors import InvalidRequestError
from nai_proto.image import ImageModel, JapaneseTag, Tag, suggest_tags

from ..common.credentials import Url, build_session, open_client
from ..common.errors import exit_on_error
from ..common.output import Json, escape_line

__all__ = ["tags"]

_COUNT_CAP = 10_000


def tags(
    word: Annotated[str, typer.Argument(help="Part of a tag.")],
    lang: Annotated[str, typer.Option(metavar="en|jp", help="The language of the word.")] = "en",
    model: Annotated[str, typer.Option(help="Whose tags: an image model, by id or name.")] = ImageModel.V5_CURATED.id,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Suggest tags that have a word in them. No account is needed."""
    with exit_on_error("tags"):
        if lang not in ("en", "jp"):
            raise InvalidRequestError(f"tags are suggested in en and jp, not in {lang!r}")
        with open_client(build_session(url)) as client:
            found: Sequence[Tag | JapaneseTag]
            if lang == "en":
                found = client.run(suggest_tags(word, model))
            else:
                found = client.run(suggest_tags(word, model, lang="jp"))
    if as_json:
        typer.echo(write_json(msgspec.to_builtins(found)))
    elif not found:
        typer.echo(f"nai tags: no tag has {escape_line(word)!r} in it", err=True)
    else:
        Console(highlight=False).print(_build_table(found))


def _build_table(found: Sequence[Tag | JapaneseTag]) -> Table:
    if isinstance(found[0], Tag):
        table = Table("tag", Column("pictures", justify="right"), Column("confidence", justify="right"))
    else:
        table = Table("tag", "in English", Column("power", justify="right"))
    for each in found:
        if isinstance(each, Tag):
            often = f"{each.count:,}{'+' if each.count >= _COUNT_CAP else ''}"
            table.add_row(Text(escape_line(each.tag)), often, f"{each.confidence:.2f}")
        else:
            table.add_row(Text(escape_line(each.jp_tag)), Text(escape_line(each.en_tag)), f"{each.power:,g}")
    return table
