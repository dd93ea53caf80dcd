"""``nai demo``: one screen that a person sees, and one document that a program reads."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from nai_proto.codecs.pixels import Pixels
from nai_transports.cli.command_table import COMMANDS
from nai_transports.cli.common.block_pictures import draw_blocks
from nai_transports.cli.emulator.demo import NEXT
from nai_transports.cli.emulator.demo_screen import DemoScreen
from nai_transports.installer import explain_install
from tests.forked_python import forked_nai
from tests.test_cli import nai
from tests.test_tokenizers import sentencepiece_file

TRANSPORTS = ["sync", "httpx", "asyncio", "trio", "memory"]


@pytest.fixture(scope="module")
def tokenizer_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment with a small tokenizer file under the name of Kayra's."""
    directory = tmp_path_factory.mktemp("tokenizers")
    (directory / "nerdstash_v2.model").write_bytes(sentencepiece_file())
    return {"NAI_TOKENIZER_DIR": str(directory)}


@pytest.fixture(scope="module")
def facts(tokenizer_files: dict[str, str]) -> dict[str, Any]:
    done = nai("demo", "--json", **tokenizer_files)
    assert (done.returncode, done.stderr) == (0, "")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.fixture(scope="module")
def page(tokenizer_files: dict[str, str]) -> str:
    """What it prints to another program."""
    done = nai("demo", **tokenizer_files)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_all_transports_give_the_same_story(facts: dict[str, Any]) -> None:
    assert facts["same_text"] is True
    assert facts["tokenizer"] == "nerdstash_v2"
    assert [transport["transport"] for transport in facts["transports"]] == TRANSPORTS
    for transport in facts["transports"]:
        assert transport["stories_opened"] == 2
        assert transport["tokens"] == 30
        assert transport["finish_reason"] == "length"
        assert transport["text"]


def test_the_damaged_story_is_damaged_on_purpose(facts: dict[str, Any], page: str) -> None:
    assert facts["stories"]["opened"] == ["The Quiet Harbour", "Letters to the Moon"]
    (damaged,) = facts["stories"]["not_opened"]
    assert damaged["title"] == "物語"
    assert "does not open" in damaged["why"]
    assert (damaged["suspicion"], damaged["damaged_on_purpose"]) == ("damaged", True)
    assert "2 of 3 stories open; 物語 is likely damaged:" in page
    assert "this demo changed a byte of it on purpose" in page


def test_price_and_metadata_of_the_picture_are_read_back(facts: dict[str, Any], page: str) -> None:
    picture = facts["picture"]
    assert (picture["anlas"], picture["price"]) == (0, "9 Anlas, free with Opus")
    assert (picture["metadata"]["seed"], picture["metadata"]["steps"]) == (7, 20)
    assert picture["metadata"]["prompt"].startswith("a lighthouse at dusk, sea")
    assert picture["signature_valid"] is True
    assert "9 Anlas, free with Opus" in page
    assert "seed 7, 20 steps" in page
    assert "valid, by the emulator's key" in page


def test_the_story_is_printed_once_and_the_transports_are_compared_with_it(facts: dict[str, Any], page: str) -> None:
    words = " ".join(page.split())
    assert words.count(" ".join((facts["prompt"] + facts["transports"][0]["text"]).split())) == 1
    assert "token ids of nerdstash_v2" in page
    rows = [line.split() for line in page.splitlines() if line.split()[:1] and line.split()[0] in TRANSPORTS]
    assert [row[0] for row in rows] == TRANSPORTS
    assert [row[5:] for row in rows] == [["above"], *[["the", "same"]] * 4]


def test_elsewhere_than_on_a_terminal_it_is_plain_text_without_the_picture(page: str) -> None:
    assert "\x1b" not in page
    assert "▀" not in page
    lines = page.splitlines()
    assert len(lines) <= 30
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if line != line.rstrip()] == []


def test_the_last_lines_name_three_commands_that_there_are(page: str) -> None:
    commands = [shlex.split(line.removeprefix("Try next").strip()) for line in page.splitlines()[-3:]]
    for words in commands:
        assert words[0] == "nai"
        assert words[1] in COMMANDS
        if "--" in words:
            assert words[words.index("--") + 1] == "nai"
            assert words[words.index("--") + 2] in COMMANDS


def run_without(*modules: str, **environment: str) -> str:
    """What the demo prints where some modules are not installed."""
    code = f"""
import importlib.util, sys
find_spec = importlib.util.find_spec
gone = {modules!r}
importlib.util.find_spec = lambda name, *rest: None if name in gone else find_spec(name, *rest)
sys.modules.update(dict.fromkeys(gone))
from nai_transports.cli import main
main()
"""
    line = [sys.executable, "-c", code, "demo"]
    path = {**os.environ, "PYTHONIOENCODING": "utf-8", **environment}
    done = subprocess.run(line, capture_output=True, text=True, timeout=50, check=False, env=path)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_without_extras_it_works_and_says_what_to_install_in_a_checkout(tokenizer_files: dict[str, str]) -> None:
    page = run_without("trio", "PIL", "sentencepiece", "tokenizers", **tokenizer_files)
    assert f"trio not installed; {explain_install('trio')}" in " ".join(page.split())
    assert f"as text; for token ids, {explain_install('tokenizers')}" in " ".join(page.split())
    assert "signature      valid" in page
    assert "nai-proto" not in page


def test_without_tokenizer_files_text_is_sent(tmp_path: Path) -> None:
    proxy = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"), "http://127.0.0.1:9")
    nowhere = {"NAI_TOKENIZER_DIR": "", "XDG_CACHE_HOME": str(tmp_path), "PIP_NO_INDEX": "1", **proxy}
    facts = json.loads(nai("demo", "--json", **nowhere).stdout)
    assert facts["tokenizer"] is None
    assert "could be downloaded" in facts["why_no_tokenizer"]
    assert [transport["tokens"] for transport in facts["transports"]] == [30] * 5


# ---- on a terminal

tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")


@pytest.fixture
def socket(tmp_path: Path) -> Iterator[str]:
    name = str(tmp_path / "tmux")
    yield name
    subprocess.run(["tmux", "-S", name, "kill-server"], capture_output=True, check=False)


def take_screen(socket: str, rows: int, **environment: str) -> str:
    """Run the demo in a terminal of 80 columns, and return the screen with its colours when it is done."""
    variables = {"PYTHONIOENCODING": "utf-8", "COLORTERM": "truecolor", **environment}
    locale = [f"LC_ALL={os.environ['LC_ALL']}"] if "LC_ALL" in os.environ else ["-u", "LC_ALL"]  # tmux needs another
    words = [*locale, *(f"{name}={value}" for name, value in variables.items()), *forked_nai(), "demo"]
    script = f"env {shlex.join(words)}; printf 'status %s' $?; sleep 60"
    size = ["-x", "80", "-y", str(rows)]
    start = ["tmux", "-S", socket, "-f", "/dev/null", "new-session", "-d", *size, script]
    subprocess.run(start, check=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
    screen = ""
    for _ in range(400):
        capture = ["tmux", "-S", socket, "capture-pane", "-p", "-e"]
        screen = subprocess.run(capture, capture_output=True, text=True, check=True, encoding="utf-8").stdout
        if "status " in screen:
            break
        time.sleep(0.1)
    return screen


@tmux
def test_it_fits_on_one_screen_with_a_picture(socket: str, tokenizer_files: dict[str, str]) -> None:
    screen = take_screen(socket, 26, **tokenizer_files)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", screen)
    assert plain.startswith("An emulator at http://127.0.0.1:")
    assert "status 0" in plain
    assert sum("▀" * 17 in line for line in plain.splitlines()) == 13
    assert re.search(r"\x1b\[[0-9;]*38;2;", screen)


@tmux
def test_no_color_gives_a_picture_in_shades(socket: str, tokenizer_files: dict[str, str]) -> None:
    screen = take_screen(socket, 30, NO_COLOR="1", **tokenizer_files)
    assert not re.search(r"\x1b\[[0-9;]*[34]8;[25];|\x1b\[(3|4|9|10)[0-7]m", screen)
    assert "▀" not in screen
    assert "▒" in screen


@tmux
def test_a_dumb_terminal_gets_no_controls(socket: str, tokenizer_files: dict[str, str]) -> None:
    screen = take_screen(socket, 30, TERM="dumb", **tokenizer_files)
    assert "\x1b" not in screen
    assert "Try next" in screen


# ---- pictures in cells


def test_each_cell_has_two_pixels() -> None:
    red, blue = b"\xff\x00\x00", b"\x00\x00\xff"
    drawn = draw_blocks(Pixels(2, 4, 2 * red + 2 * blue + 2 * red + 2 * red), 2, colors=True)
    assert drawn.plain == "▀▀\n▀▀"
    assert [str(span.style) for span in drawn.spans] == ["#ff0000 on #0000ff"] * 2 + ["#ff0000 on #ff0000"] * 2


def test_without_colours_a_picture_has_all_shades() -> None:
    grey = b"".join(bytes([value] * 3) for value in (100, 110, 120, 130, 140) for _ in range(2))
    drawn = draw_blocks(Pixels(1, 10, grey), 5, colors=False)
    assert drawn.plain == " \n░\n▒\n▓\n█"


def test_a_picture_of_one_colour_and_one_that_is_very_wide_can_be_drawn() -> None:
    assert draw_blocks(Pixels(1, 1, b"abc"), 1, colors=False).plain.strip() == ""
    assert len(draw_blocks(Pixels(100, 1, bytes(400)), 1, colors=True).plain) == 200
    assert len(draw_blocks(Pixels(1, 100, bytes(300)), 1, colors=True).plain) == 1


@pytest.mark.parametrize("width", [60, 78, 120])
def test_a_command_to_try_next_is_in_one_line_also_on_a_narrow_terminal(width: int) -> None:
    out = io.StringIO()
    DemoScreen(Console(file=out, width=width, force_terminal=True, color_system=None)).print_next(NEXT)
    for words, purpose in NEXT:
        assert shlex.join(words) in out.getvalue()
        assert purpose in out.getvalue()
