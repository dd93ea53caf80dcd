"""Every option of every generating function is on the wire under its name, and acts in the emulator or is refused by it.

For the few that change no answer the emulator says so: it names them in a header field of the answer.

See:
    docs/protocol/native.md#91-parameters--complete-list
    docs/protocol/native.md#171-general-behaviour
    docs/protocol/openai.md#2-names-typescript-sdk--wire--python
    docs/protocol/image.md#32-parameters-all-keys
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from inspect import signature
from typing import Final

import pytest

from nai_proto.image.options import ImageOptions
from nai_proto.openai import CompletionOptions, OpenAIOptions
from nai_proto.text import TextOptions
from tests.cases import for_each

from .option_rows.images import IMAGE
from .option_rows.openai import CHAT, COMPLETION
from .option_rows.row import Row, Table, check_row, run
from .option_rows.text import MAX_TIME, TEXT, TOKENIZER
from .option_rows.tools import TOOLS

TABLES: Final[Mapping[tuple[Table, ...], type | None]] = {
    (TEXT, TOKENIZER, MAX_TIME): TextOptions,
    (COMPLETION,): CompletionOptions,
    (CHAT,): OpenAIOptions,
    (IMAGE,): ImageOptions,
    **{(table,): None for table in TOOLS},
}
"""The tables of each function, and what lists its options beside its signature."""


def list_options(tables: tuple[Table, ...], listed: type | None) -> list[str]:
    """Return every argument that the tables' function takes."""
    named = [name for name in signature(tables[0].function).parameters if name != "options"]
    return sorted([*named, *(listed.__annotations__ if listed else ())])


@for_each("tables, listed", TABLES.items(), ids=[tables[0].name for tables in TABLES])
def test_every_option_has_one_row(tables: tuple[Table, ...], listed: type | None) -> None:
    rows = Counter(row.option for table in tables for row in table.rows)
    assert sorted(rows.elements()) == list_options(tables, listed)


@for_each("table", [tables[0] for tables in TABLES], ids=lambda table: table.name)
def test_without_the_option_nothing_changes_by_itself(table: Table) -> None:
    first, second = (run(table, lambda: table.function(**table.given)) for _ in range(2))
    assert not isinstance(first, Exception)
    assert first == second


@pytest.mark.parametrize("table", [table for tables in TABLES for table in tables], ids=lambda table: table.name)
def test_an_option_is_on_the_wire_and_does_what_its_row_says(table: Table) -> None:
    @for_each("row", table.rows, ids=lambda row: row.option)
    def check(row: Row) -> None:
        check_row(table, row)

    check()
