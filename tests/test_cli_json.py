"""``--json``: each command prints one document of the shape that docs/command-line.md shows, or one error."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

import nai_proto
from nai_proto.emulator import Account
from tests.cases import for_each
from tests.every_command import COMMANDS, SERVERS, Clock, list_commands, prepare, run_command, serve_account

PAGE: Final = (Path(nai_proto.__file__).parent / "docs" / "command-line.md").read_text("utf-8")
DOCUMENTED: Final[dict[str, Any]] = {
    name: json.loads(block)
    for section in PAGE.split("\n### ")[1:]
    for name in re.findall(r"\A`nai ([^`]+)`", section)
    for block in re.findall(r"```json\n(.*?)```", section, re.DOTALL)[:1]
}
"""The documented documents, by command."""
SAME: Final = {
    "complete": "chat",
    "story list": "library list",
    "story append": "story create",
    "story undo": "story create",
    "story redo": "story create",
    "story rename": "story create",
    "module train": "module show",
    "module save": "module show",
    "module delete": "module show",
    "login": "whoami",
    "account verify": "account change-password",
    "account delete": "account change-password",
    "record": "emulate",
    "replay": "emulate",
}
"""Commands that print what another one prints, as its section says."""
SHAPES: Final[dict[str, Any]] = {
    **DOCUMENTED,
    **{name: DOCUMENTED[other] for name, other in SAME.items()},
    "module list": [DOCUMENTED["module show"]],
}
WITHOUT_FACTS: Final = {"completion": "it prints a script, which a shell reads"}
"""The only commands without ``--json``, and why."""
ANY_KEYS: Final = "…"
"""A key that stands for any others."""


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[Account, Clock]]:
    with serve_account(monkeypatch, tmp_path) as account:
        yield account


# ---- shapes


def find_difference(documented: Any, printed: Any, where: str = "") -> str:
    """Return where a document differs in its keys or types from the documented one; null may stand for anything."""
    if documented is None or printed is None:
        return ""
    if type(documented) is not type(printed):
        return f"{where or 'the document'} is {type(printed).__name__}"
    if isinstance(documented, dict):
        if ANY_KEYS not in documented and [*documented] != [*printed]:
            return f"{where or 'the document'} has {', '.join(printed)}"
        keys = [key for key in documented if key in printed]
        pairs = [(documented[key], printed[key], f"{where}.{key}") for key in keys]
    elif isinstance(documented, list):
        pairs = [(documented[0], each, f"{where}[]") for each in printed] if documented else []
    else:
        pairs = []
    return next(filter(None, (find_difference(*pair) for pair in pairs)), "")


def test_every_command_has_a_documented_shape_or_prints_no_facts() -> None:
    assert sorted(list_commands()) == sorted({**COMMANDS, **SERVERS, **WITHOUT_FACTS})
    assert sorted(SHAPES) == sorted({**COMMANDS, **SERVERS})


def test_a_command_that_prints_what_another_prints_is_named_in_its_section() -> None:
    sections = {name: section for section in PAGE.split("\n### ") for name in re.findall(r"\A`nai ([^`]+)`", section)}
    for name, other in SAME.items():
        assert f"`nai {name}`" in sections[other] or f"`{name.split()[-1]}`" in sections[other], name


@pytest.mark.parametrize("command", [*COMMANDS, *SERVERS])
def test_a_command_prints_one_document_of_its_shape(served: tuple[Account, Clock], command: str) -> None:
    done = run_command(command, *prepare(command, *served), "--json")
    assert done.exit_code in (0, 1, 5), done.output
    (line,) = filter(str.strip, done.stdout.splitlines())  # the runner shows hidden input as a blank line
    printed = json.loads(line)
    assert find_difference(SHAPES[command], printed) == ""
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z", time) for time in list_times(printed))


def list_times(document: Any) -> Iterator[str]:
    if isinstance(document, list):
        for each in document:
            yield from list_times(each)
    elif isinstance(document, dict):
        for name, value in document.items():
            if name.endswith("_at") and value is not None:
                yield value
            else:
                yield from list_times(value)


@for_each(
    "printed, difference",
    [
        ({"a": 1, "b": [{"c": "x"}], "d": {"e": 1}}, ""),
        ({"a": None, "b": [], "d": {"f": 1}}, ""),
        ({"a": 1}, "the document has a"),
        ({"a": "1", "b": [], "d": {}}, ".a is str"),
        ({"a": 1, "b": [{"c": "x"}, {"c": 2}], "d": {}}, ".b[].c is int"),
        ({"a": 1, "b": [], "d": {"e": "1"}}, ".d.e is str"),
    ],
)
def test_a_difference_is_seen(printed: Any, difference: str) -> None:
    assert find_difference({"a": 1, "b": [{"c": "x"}], "d": {"e": 1, "…": None}}, printed) == difference
