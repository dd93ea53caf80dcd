"""Every row of docs/migration.md is run against the emulator, and nothing of the two documents is missing there."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest
from typer.testing import CliRunner

import nai_proto as nai
from nai_proto.exchange.flow import Flow
from nai_proto.exchange.operation import Operation
from nai_proto.tier import Tier
from nai_transports.cli.app import app
from nai_transports.servers.serve import serve_in_thread
from nai_transports.sync import Client
from nai_transports.tokenizer_files import finder, load
from tests.cases import for_each
from tests.migration_guide import BEFORE, DIFFERENCES, ROWS, SETUP, SHORT, Difference, Row, codes, names_of_novelai_api
from tests.support import EMAIL, PASSWORD, an_emulator
from tests.test_inventory import TABLES
from tests.test_tokenizers import hugging_face_file, sentencepiece_file

Names: TypeAlias = Mapping[str, Any]

NOTHING: Final = "–"
"""The cell of what is not here."""
CHANGING: Final = tuple(
    f"novelai-api: {subject}" for subject in ("the account", "the keystore and objects", "stories", "modules")
)
"""The sections whose rows change an account: each row has one of its own."""


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of tokenizer files that are small."""
    directory = tmp_path_factory.mktemp("tokenizers")
    (directory / "nerdstash_v2.model").write_bytes(sentencepiece_file())
    (directory / "llama3.json").write_bytes(hugging_face_file())
    return directory


@contextmanager
def set_up(tokenizers: Path, directory: Path) -> Generator[Names, None, None]:
    """What the page's first program makes, against an emulator of its own."""
    emulator, account = an_emulator(tokenizers=lambda model: load(model, path=tokenizers))
    emulator.mailbox.gift_keys["friend"] = Tier.OPUS
    with pytest.MonkeyPatch.context() as patch, serve_in_thread(emulator) as url:
        patch.setattr(finder, "_loaded", {})
        patch.chdir(directory)
        for name, value in {
            "NAI_URL": url,
            "NAI_EMAIL": EMAIL,
            "NAI_PASSWORD": PASSWORD,
            "NAI_TOKEN": account.persistent_token.reveal(),
            "NAI_TOKENIZER_DIR": str(tokenizers),
        }.items():
            patch.setenv(name, value)
        names: dict[str, Any] = {}
        exec(SETUP, names)
        with Client(names["client"].session) as client:  # the program has closed its own
            yield {**names, "client": client}


@pytest.fixture(scope="module")
def shared(tokenizers: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Names]:
    """One account for all rows that do not change it."""
    with set_up(tokenizers, tmp_path_factory.mktemp("shared")) as names:
        yield names


@for_each("row", [row for row in ROWS if row.section not in CHANGING], ids=str)
def test_a_row_runs_and_gives_what_it_says(row: Row, shared: Names) -> None:
    check(row, shared)


@pytest.mark.parametrize("row", [row for row in ROWS if row.section in CHANGING], ids=str)
def test_a_row_that_changes_an_account_runs_and_gives_what_it_says(row: Row, tokenizers: Path, tmp_path: Path) -> None:
    with set_up(tokenizers, tmp_path) as names:
        check(row, names)


def check(row: Row, names: Names) -> None:
    """Run what a row has, and compare the type of its result."""
    if row.here == NOTHING:
        assert (row.gives, bool(row.differs)) == ("", True)
        return
    (code,) = codes(row.here)
    if code.startswith("nai "):
        done = CliRunner().invoke(app, shlex.split(code)[1:])
        assert (done.exit_code, row.gives) == (0, ""), done.output
        return
    result, expected = evaluate(code, names), codes(row.gives)
    if isinstance(result, Operation | Flow):
        with names["client"].stream(result) as stream:
            events = {type(event).__name__ for event in stream}
            result = stream.result
        if len(expected) == 2:
            assert events == {expected.pop(0)}
    assert [type(result).__name__.replace("NoneType", "None")] == expected


def evaluate(code: str, names: Names) -> Any:
    """Run statements, and return the value of the last one."""
    *statements, last = ast.parse(code).body
    assert isinstance(last, ast.Expr)
    own = dict(names)
    exec(compile(ast.Module(statements, []), "migration.md", "exec"), own)
    return eval(compile(ast.Expression(last.value), "migration.md", "eval"), own)


OFFLINE: Final = [difference for difference in DIFFERENCES if "load(" not in difference.here]
"""The others need the published tokenizer files; `interop/test_novelai_api_beside.py` evaluates both sides of all."""


@for_each("difference", OFFLINE)
def test_a_difference_is_here_as_it_says(difference: Difference, shared: Names) -> None:
    assert describe(codes(difference.here)[0], shared) == codes(difference.value_here)[0]
    assert difference.right


def describe(code: str, names: Names) -> str:
    """Return the repr of the value of some code, or the name of the error that it raises."""
    try:
        return repr(evaluate(code, names))
    except nai.NaiError as error:
        return type(error).__name__


PAGES: Final = {"client", "high_level", "phrases", "presets", "preset_members", "tokenizers"}
"""The tables of `inventory` that are of names of novelai-api alone."""


def test_every_name_of_the_inventory_is_in_the_guide() -> None:
    known = {name for row in ROWS for name in names_of_novelai_api(row)}
    wanted = {
        name.partition(":")[0].replace("NovelAI_API", "NovelAIAPI").removesuffix(".__init__")
        for page in PAGES
        for name in TABLES[page]
    }
    assert wanted <= known


def test_the_program_to_come_from_uses_names_of_the_guide() -> None:
    ast.parse(BEFORE)
    known = " ".join(row.there for row in ROWS)
    (helpers,) = re.findall(r"^from novelai_api.utils import (.*)$", BEFORE, re.MULTILINE)
    used = [*re.findall(r"\b(?:api|Preset|Model|Tokenizer)\.[\w.]+(?=\()", BEFORE), *helpers.split(", ")]
    assert [name for name in used if name.removeprefix("api.high_level.") not in known] == []
    assert len(used) >= 8


@for_each("there, here, link", SHORT)
def test_a_row_of_the_short_list_is_in_the_section_that_it_links_to(there: str, here: str, link: str) -> None:
    (name,), (ours,), (title,) = codes(there), codes(here), re.findall(r"\[(.*)\]", link)
    rows = [row for row in ROWS if row.section == f"novelai-api: {title}" and f"`{name}(" in row.there]
    assert rows[0].here.startswith(f"`{ours}(")


def test_every_name_of_the_typescript_page_is_in_the_guide() -> None:
    known = " ".join(code for row in ROWS if "TypeScript" in row.section for code in codes(row.there))
    names = [name.rpartition(": ")[2] for page in ("openai_page", "openai_parameters") for name in TABLES[page]]
    promises = [name for name in names if " " in name and "(" not in name]  # these are no names
    assert [name for name in names if name not in promises and name.removesuffix("()") not in known] == []
    assert len(names) - len(promises) > 50
