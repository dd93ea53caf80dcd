"""The README is true: its programs run, its pictures are those of the code."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from nai_proto import errors
from nai_proto.emulator import Account
from nai_proto.exchange.call import TRANSITIONS, CallState
from nai_transports.servers.serve import serve_in_thread
from nai_transports.tokenizer_files import load
from tests.support import EMAIL, PASSWORD, an_emulator
from tests.test_floors import FLOORS
from tests.test_tokenizers import sentencepiece_file

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
PROGRAMS = [block for language, block in BLOCKS if language == "python"]
DRIVER, DRIVEN = 4, 5


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
            lines.append(f"{package if first else '':<17}{name:<14}{' · '.join(rooms)}")
    return "\n".join(lines) + "\n"


def tree() -> str:
    """The errors as their module draws them."""
    drawn = (errors.__doc__ or "").partition("::\n\n")[2].partition("\n\n")[0]
    return "".join(line[4:] + "\n" for line in drawn.splitlines())


def test_the_pictures_are_those_of_the_code() -> None:
    pictures = [block for language, block in BLOCKS if language == "text"]
    assert pictures == [floors(), states(), tree()]


def environment(url: str, account: Account) -> Mapping[str, str]:
    token = account.persistent_token.reveal()
    return {"NAI_URL": url, "NAI_TOKEN": token, "NAI_EMAIL": EMAIL, "NAI_PASSWORD": PASSWORD}


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_every_program_runs_against_the_emulator(number: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = PROGRAMS[DRIVER] + PROGRAMS[DRIVEN] if number == DRIVEN else PROGRAMS[number]
    emulator, account = an_emulator(tokenizers=load)
    (tmp_path / "nerdstash_v2.model").write_bytes(sentencepiece_file())
    monkeypatch.setenv("NAI_TOKENIZER_DIR", str(tmp_path))
    with serve_in_thread(emulator) as url:
        for name, value in environment(url, account).items():
            monkeypatch.setenv(name, value)
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=50, check=False
        )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    says_something = "print" in program and number != DRIVER
    assert bool(done.stdout.strip()) is says_something


def test_the_driver_for_a_foreign_loop_is_short_and_stands_alone() -> None:
    program = PROGRAMS[DRIVER]
    assert len(program.splitlines()) <= 45
    imported = {
        name.name for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Import) for name in node.names
    }
    assert imported == {"os", "random", "socket", "time", "nai_proto"}


def test_the_first_two_shell_blocks_are_one_line_each() -> None:
    commands = [block for language, block in BLOCKS if language == "sh"]
    assert len(commands) == 2
    assert all(len(command.strip().splitlines()) == 1 for command in commands)
    assert "nai demo" in commands[0]
    assert "pytest" in commands[1]
