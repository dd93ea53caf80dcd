"""The tutorial works from its beginning to its end: its programs and commands, in order, at one account."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nai_transports.cli.app import app
from tests.every_command import serve_account
from tests.test_readme import PAGES

BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_programs_and_commands_of_the_tutorial_work_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    done: list[str] = []
    with serve_account(monkeypatch, tmp_path) as (owner, _):
        monkeypatch.setenv("NAI_TOKEN", owner.persistent_token.reveal())
        for language, block in BLOCK.findall(PAGES["tutorial.md"].read_text("utf-8")):
            if language == "python":
                exec(compile(block, "tutorial.md", "exec"), {})
                continue
            for line in block.splitlines():
                words = shlex.split(line)
                if words[0] != "nai" or words[1] == "emulate":
                    continue  # installs, or serves what is served here
                result = CliRunner().invoke(app, words[1:], prog_name="nai")
                assert result.exit_code == 0, f"{line}: {result.output}"
                done.append(" ".join(words[1:3]))
    assert {"story continue", "library restore"} <= {*done}
    assert (tmp_path / "lighthouse.png").read_bytes().startswith(b"\x89PNG")
