"""The progress of long work: bars on a terminal, which are erased, and nothing elsewhere."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from unittest import mock

import pytest

from nai_proto.library.load import ObjectsOpened
from nai_transports.cli.common import progress
from nai_transports.cli.common.progress import ProgressDisplay, format_pace, show_progress
from tests.cases import for_each
from tests.forked_python import forked_python
from tests.terminal_runner import read_terminal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

SCRIPT = """
import sys, time
from nai_transports.cli.common.progress import show_progress

with show_progress("logging in [it]", quiet="quiet" in sys.argv) as progress:
    for done in range(1, 21):
        progress.update("stories [of mine]", done, 1200)
        time.sleep(0.06 if "slowly" in sys.argv else 0)
"""


def run_on_terminal(*arguments: str, **environment: str) -> str:
    """What a program writes to stderr if that is a terminal of 80 columns."""
    return read_terminal([*forked_python(), "-c", SCRIPT, *arguments], ("stdin", "stderr"), **environment)


def test_a_line_has_a_bar_with_its_rate_and_what_is_left() -> None:
    written = run_on_terminal("slowly")
    assert re.search(r"\x1b\[[0-9;]*m", written)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written)
    assert "logging in [it]" in plain
    assert re.search(r"stories \[of mine\] ━+ [0-9]+ of 1,200 [0-9]+/s, [0-9]+ (s|min) left", plain)
    assert written.rstrip("\r\n").endswith("\x1b[2K")  # the last line is erased


def test_without_colours_the_line_is_drawn_too() -> None:
    written = run_on_terminal("slowly", NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*m", written)
    assert re.search(r"stories \[of mine\] [ ━╸]+ [0-9]+ of 1,200", written)
    assert written.rstrip("\r\n").endswith("\x1b[2K")


@for_each(
    "variable",
    [{"TERM": "dumb"}, {"TERM": "dumb", "NO_COLOR": "1"}, {"TERM": "dumb", "FORCE_COLOR": "1"}],
    at_once=True,
)
def test_where_nothing_is_drawn_each_task_is_a_line(variable: dict[str, str]) -> None:
    assert run_on_terminal(**variable) == "logging in [it] …\r\nstories [of mine] …\r\n"


def test_the_contents_of_stories_have_a_name_for_people() -> None:
    progress = ProgressDisplay(None, "logging in")
    with mock.patch.object(progress, "update") as update:
        progress.show_event(ObjectsOpened("storycontent", (), 1, 2))
    update.assert_called_once_with("contents of stories", 1, 2)


TYPING = """
import os, sys, termios, time
from nai_transports.cli.common import progress
from nai_transports.tokenizer_files import progress as downloads

def is_echoing():
    return bool(termios.tcgetattr(0)[3] & termios.ECHO)

os.setsid()
import fcntl
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
assert is_echoing()
try:
    with BAR:
        assert not is_echoing()
        raise KeyboardInterrupt
except KeyboardInterrupt:
    assert is_echoing()
    print("shown again", file=sys.stderr)
"""


@pytest.mark.parametrize("bar", ['progress.show_progress("logging in")', "downloads.show_progress(None)"])
def test_typed_keys_are_not_shown_while_a_bar_is_drawn(bar: str) -> None:
    written = read_terminal([*forked_python(), "-c", TYPING.replace("BAR", bar)], ("stdin", "stderr"))
    assert "shown again" in written


def test_quiet_shows_nothing() -> None:
    assert run_on_terminal("quiet") == ""


def test_nothing_is_shown_where_stderr_is_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with show_progress("logging in") as progress:
        progress.update("stories", 1, 2)
        progress.hide_first()
    assert capfd.readouterr() == ("", "")


@for_each(
    "rate, left, text",
    [
        (None, None, ""),
        (0, None, ""),
        (12.4, 4.6, "12/s, 5 s left"),
        (1234.5, 0, "1,234/s, 0 s left"),
        (0.5, 59, "30/min, 59 s left"),
        (0.01, 61, "36/h, 1 min left"),
        (None, 5400, "1.5 h left"),
        (3, None, "3/s"),
    ],
)
def test_rates_and_times_have_the_unit_that_fits(rate: float | None, left: float | None, text: str) -> None:
    assert format_pace(rate, left) == text


def test_each_command_that_shows_progress_obeys_quiet() -> None:
    cli = Path(progress.__file__).parent.parent
    direct = [
        str(path.relative_to(cli))
        for path in sorted(cli.rglob("*.py"))
        if re.search(r"(?<!\.)\bshow_progress\(", path.read_text("utf-8")) and path.parent.name != "common"
    ]
    assert direct == ["images/image_request.py"]  # which passes it on
