"""The README and the pages for users are true: their programs run, their pictures are those of the code."""

from __future__ import annotations

import ast
import html
import re
import subprocess
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest

from nai_proto import Password, errors
from nai_proto.emulator import Account
from nai_proto.exchange.call import TRANSITIONS, CallState
from nai_transports.servers.serve import serve_in_thread
from nai_transports.tokenizer_files import load
from tests.forked_python import forked_python
from tests.pictures import PICTURES as PICTURES_OF_README
from tests.pictures import list_lines
from tests.support import EMAIL, PASSWORD, an_emulator
from tests.test_floors import FLOORS
from tests.test_tokenizers import sentencepiece_file

ROOT = Path(__file__).parent.parent
PAGES = {page.name: page for page in (ROOT / "README.md", *sorted((ROOT / "nai_proto" / "docs").glob("*.md")))}


def blocks(page: str, language: str) -> list[str]:
    """Return the contents of a page's fenced blocks in a language."""
    text = PAGES[page].read_text(encoding="utf-8")
    return re.findall(rf"^```{re.escape(language)}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


_COLUMNS = 90
"""What the site shows of a line of code on a desktop."""
OTHER_EMAIL = "reader@example.com"
PROGRAMS = {(page, number): block for page in PAGES for number, block in enumerate(blocks(page, "python"))}
DRIVER = "event-loops.md", 0
CONTINUED = {("event-loops.md", 1): DRIVER, ("library.md", 2): ("library.md", 1)}
"""The programs that go on from another one of their page."""


def states() -> str:
    """The table of `Call`, drawn."""
    lines = []
    for state in CallState:
        arrows = [f"{what.value} → {to.value}" for (was, what), to in TRANSITIONS.items() if was is state]
        lines.append(f"{state.value:<9}{' · '.join(arrows)}".rstrip())
    return "\n".join(lines) + "\n"


def floors() -> str:
    """The table that `test_floors` enforces, drawn from the top; a package's own name is its door, not a floor."""
    lines: list[str] = []
    for name, modules in reversed(FLOORS):
        package = modules.partition(" ")[0].partition(".")[0]
        rooms = [module.removeprefix(f"{package}.") for module in modules.split() if module != package]
        if rooms:
            first = not any(line.startswith(package) for line in lines)
            lines += ["─" * 80] if first and lines else []
            begin = f"{package if first else '':<17}{name:<14}"
            wrapper = textwrap.TextWrapper(_COLUMNS, initial_indent=begin, subsequent_indent=" " * len(begin))
            lines += [line.replace("\xa0", " ") for line in wrapper.wrap("\xa0· ".join(rooms))]
    return "\n".join(lines) + "\n"


def tree() -> str:
    """The errors as their module draws them."""
    drawn = (errors.__doc__ or "").partition("::\n\n")[2].partition("\n\n")[0]
    return "".join(line[4:] + "\n" for line in drawn.splitlines())


PICTURES = {"architecture.md": [floors, states], "errors.md": [tree]}


@pytest.mark.parametrize("page", PAGES)
def test_the_pictures_are_those_of_the_code(page: str) -> None:
    assert blocks(page, "text") == [draw() for draw in PICTURES.get(page, [])]


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_of_a_language_that_is_tested_here(page: str) -> None:
    tested = {"python", "text", *_OTHER_LANGUAGES.get(page, "").split()}
    fences = re.findall(r"^ *(?:```|~~~)(.*)$", PAGES[page].read_text(encoding="utf-8"), re.MULTILINE)
    assert {fence.partition(" ")[0] for fence in fences[::2]} <= tested
    assert set(fences[1::2]) <= {""}


_OTHER_LANGUAGES = {
    "README.md": "sh",
    "contributing.md": "sh",
    "command-line.md": "json sh toml",
    "changelog.md": "{include}",
    "index.md": "{toctree}",
    "migration.md": "python3",
    "programs.md": "{literalinclude}",
    "tutorial.md": "sh",
}
"""test_cli_json.py compares the documents with what commands print, and test_migration.py the names of another library."""


def test_the_index_of_the_site_lists_every_page() -> None:
    listed = {line for block in blocks("index.md", "{toctree}") for line in block.splitlines()}
    assert [
        page for page in PAGES if page not in ("README.md", "index.md") and page.removesuffix(".md") not in listed
    ] == []


def test_the_readme_is_short() -> None:
    assert len(PAGES["README.md"].read_text(encoding="utf-8").splitlines()) <= 200


def environment(url: str, account: Account) -> Mapping[str, str]:
    token = account.persistent_token.reveal()
    own = {"NAI_URL": url, "NAI_TOKEN": token, "NAI_EMAIL": EMAIL, "NAI_PASSWORD": PASSWORD}
    return {**own, "OTHER_EMAIL": OTHER_EMAIL, "OTHER_PASSWORD": PASSWORD}


@pytest.mark.parametrize(("page", "number"), PROGRAMS)
def test_every_program_runs_against_the_emulator_and_runs_again(
    page: str, number: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key = page, number
    program = (PROGRAMS[CONTINUED[key]] if key in CONTINUED else "") + PROGRAMS[key]
    emulator, account = an_emulator(tokenizers=load)
    emulator.add_account(OTHER_EMAIL, Password(PASSWORD))
    (tmp_path / "nerdstash_v2.model").write_bytes(sentencepiece_file())
    monkeypatch.setenv("NAI_TOKENIZER_DIR", str(tmp_path))
    with serve_in_thread(emulator) as url:
        for name, value in environment(url, account).items():
            monkeypatch.setenv(name, value)
        # Hypothesis warns of how trio, which is loaded before it, registers itself.
        filters = "w.simplefilter('error'); w.filterwarnings('ignore', module='hypothesis|trio')"
        times = 1 if page == "testing.md" else 2  # its programs are tests, some of which take seconds
        strict = f"import warnings as w; {filters}\nfor _ in range({times}): exec({program!r}, {{}})"
        done = subprocess.run(
            [*forked_python(), "-c", strict],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    says_something = "print" in program and key != DRIVER
    assert bool(done.stdout.strip()) is says_something


def test_the_driver_for_a_foreign_loop_is_short_and_stands_alone() -> None:
    program = PROGRAMS[DRIVER]
    assert len(program.splitlines()) <= 45
    imported = {
        name.name for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Import) for name in node.names
    }
    assert imported == {"contextlib", "os", "random", "socket", "time", "nai_proto"}


@pytest.mark.parametrize("page", PAGES)
def test_code_needs_no_scrolling(page: str) -> None:
    languages = {"python", "text", *_OTHER_LANGUAGES.get(page, "").split()}
    if page == "README.md":
        languages.remove("sh")  # its two commands are copied as one line each
    lines = [line for each in languages for block in blocks(page, each) for line in block.splitlines()]
    assert [line for line in lines if len(line) > _COLUMNS] == []


def test_the_readmes_shell_blocks_are_the_two_commands_and_one_line_each() -> None:
    commands = [block.strip() for block in blocks("README.md", "sh")]
    assert len(commands) == 2
    assert all("\n" not in command for command in commands)
    assert "nai demo" in commands[0]
    assert "pytest" in commands[1]


def test_the_readmes_pictures_are_small_and_need_nothing_from_elsewhere() -> None:
    text = PAGES["README.md"].read_text(encoding="utf-8")
    shown = {ROOT / path for path in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)}
    assert shown == {*PICTURES_OF_README.iterdir()}
    assert {path.name for path in shown} == {"terminal.svg", "console.png"}  # `python -m tests.pictures` makes them
    assert all(path.stat().st_size < 150_000 for path in shown)
    terminal = (PICTURES_OF_README / "terminal.svg").read_text("utf-8")
    assert not re.search(r"@font-face|href=|url\((?!#)", terminal)
    assert "The Quiet Harbour" in html.unescape(terminal).replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("written", "lines"),
    [
        ("one\r\ntwo\r\n", ["one", "two"]),
        ("\x1b[?25lat 1\r\nmore\r\x1b[2K\x1b[1A\x1b[2Kat 2\r\n\x1b[2Kend\x1b[?25h\r\n", ["at 2", "end"]),
        ("at 10\rdone\n\nend\n", ["done", "", "end"]),
    ],
)
def test_a_picture_shows_what_progress_leaves(written: str, lines: list[str]) -> None:
    assert list_lines(written) == lines
