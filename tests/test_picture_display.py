"""``nai image --show``: pictures in the terminal by the protocol that it has, and an error where there is none."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
from base64 import b64decode
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image

from nai_proto.emulator import Account
from nai_proto.errors import InvalidRequestError, MissingExtra
from nai_transports.cli.images.picture_display import open_picture_display
from tests.cli_images import PROMPT, SMALL, emulated_images, list_files, nai
from tests.forked_python import forked_nai, forked_python
from tests.test_cli import NAI

needs_library = pytest.mark.skipif(find_spec("textual_image") is None, reason="needs textual-image")

SCRIPT = """
import sys
from nai_transports.cli.images.picture_display import open_picture_display

first, second = (open(name, "rb").read() for name in sys.argv[1:3])
display = open_picture_display()
for sample, step in ((0, 1), (1, 1), (0, 2)):
    display.show_preview(sample, first, f"image {sample}, step {step}")
display.show(0, second, "done: 0")
display.show(1, second, "done: 1")
print("the end", flush=True)
"""

KITTY, SIXEL = "\x1b_Gi=1;OK\x1b\\", "\x1b[?62;4;22c"
PLAIN = "\x1b[?62;22c"


def play_terminal(answers: dict[bytes, str], arguments: list[str], stdin: bytes | None = None) -> str:
    """Run a program in a terminal of 80 × 24 cells that answers questions; return what the program writes.

    Args:
        answers: what the terminal answers, by what it is asked.
        arguments: of the program.
        stdin: the program's input, if it is not the terminal.
    """
    reader, writer = os.pipe()
    child, terminal = pty.fork()
    if child == 0:
        if stdin is not None:
            os.dup2(reader, 0)
        os.execvpe(arguments[0], arguments, {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"})
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 800, 480))
    os.write(writer, stdin or b"")
    os.close(writer)
    questions = re.compile(b"|".join(map(re.escape, answers)) or b"(?!)")
    written, answered = b"", 0
    while select.select([terminal], [], [], 30)[0]:
        try:
            piece = os.read(terminal, 1 << 16)
        except OSError:  # the program has ended
            break
        if not piece:
            break
        written += piece
        for question in questions.finditer(written, answered):
            os.write(terminal, answers[question[0]].encode())
        answered = len(written)
    os.close(terminal)
    os.close(reader)
    os.waitpid(child, 0)
    return written.decode(errors="replace")


def show_on(answers: dict[bytes, str], directory: Path, stdin: bytes | None = None) -> str:
    paths = [directory / "first.png", directory / "second.png"]
    for path, colour in zip(paths, ((200, 30, 10), (10, 30, 200)), strict=True):
        Image.new("RGB", (64, 64), colour).save(path)
    python = forked_python() if stdin is None else (sys.executable,)  # of a fork, it is not the controlling terminal
    return play_terminal(answers, [*python, "-c", SCRIPT, *map(str, paths)], stdin)


@needs_library
def test_kitty_gets_its_own_graphics(tmp_path: Path) -> None:
    written = show_on({b"\x1b[c": PLAIN, b"a=q": KITTY}, tmp_path)
    assert written.count("f=100") >= 4
    assert "\U0010eeee" in written
    assert "▀" not in written


@needs_library
def test_a_terminal_with_sixel_gets_sixels(tmp_path: Path) -> None:
    written = show_on({b"\x1b[c": SIXEL}, tmp_path)
    assert len(re.findall(r"\x1bP[0-9;]*q", written)) == 4
    assert "▀" not in written


@pytest.mark.parametrize("variable", [("TERM_PROGRAM", "iTerm.app"), ("LC_TERMINAL", "iTerm2")])
def test_iterm_gets_the_whole_file_in_the_cells_that_are_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: tuple[str, str]
) -> None:
    monkeypatch.setenv(*variable)
    monkeypatch.delenv("TMUX", raising=False)
    written = show_on({}, tmp_path)  # the terminal is asked nothing, and the library is not needed
    files = re.findall(r"\x1b\]1337;File=inline=1;size=(\d+);width=(\d+);height=(\d+);\S+?:([\w+/=]+)\x07", written)
    first, second = ((tmp_path / name).read_bytes() for name in ("first.png", "second.png"))
    assert [b64decode(each[3]) for each in files] == [first, first, second, second]
    assert {(int(columns), int(rows)) for _, columns, rows, _ in files} == {(26, 13)}
    assert {int(size) for size, *_ in files} == {len(first), len(second)}
    # Lines are made before the picture is drawn over them, so that nothing scrolls below the cursor that was saved.
    assert written.count("\r\n" * 13 + "\x1b[13A\x1b7\x1b]1337") == 4
    assert written.count("\x07\x1b8\x1b[13B\r") == 4
    assert "▀" not in written


@needs_library
def test_iterm_behind_tmux_is_asked_as_every_other_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_TERMINAL", "iTerm2")
    monkeypatch.setenv("TMUX", "/tmp/tmux-0/default,1,0")
    written = show_on({b"\x1b[c": SIXEL}, tmp_path)
    assert "\x1b]1337" not in written
    assert re.search(r"\x1bP[0-9;]*q", written)


@needs_library
@pytest.mark.parametrize("answers", [{b"\x1b[c": PLAIN}, {}], ids=["another", "silent"])
def test_every_other_terminal_gets_half_blocks(tmp_path: Path, answers: dict[bytes, str]) -> None:
    written = show_on(answers, tmp_path)
    assert "38;2;200;30;10;48;2;200;30;10m▀" in written
    assert "38;2;10;30;200;48;2;10;30;200m▀" in written
    assert "\x1bP" not in written


@needs_library
def test_the_terminal_is_asked_also_where_stdin_is_another_file(tmp_path: Path) -> None:
    written = show_on({b"\x1b[c": SIXEL}, tmp_path, stdin=b"a prompt\n")
    assert "Traceback" not in written
    assert re.search(r"\x1bP[0-9;]*q", written)


@needs_library
def test_a_picture_takes_the_place_of_its_previews(tmp_path: Path) -> None:
    written = show_on({b"\x1b[c": PLAIN}, tmp_path)
    captions = [each for each in ("image 0, step 1", "image 1, step 1", "image 0, step 2") if each in written]
    assert captions == ["image 0, step 1", "image 0, step 2"]  # those of one image at a time
    erased = re.findall(r"\x1b\[([0-9]+)A\r\x1b\[J", written)
    assert len(erased) == 2
    rows = written.split("image 0, step 1")[0].count("\n")
    assert {int(each) for each in erased} == {rows + 1}
    assert rows <= 24 - 11
    assert written.rstrip().endswith("the end")


# ---- the command


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Account]:
    with emulated_images(monkeypatch, tmp_path) as owner:
        yield owner


@needs_library
def test_the_command_shows_the_image_and_previews_and_writes_the_file(owner: Account) -> None:
    written = play_terminal({b"\x1b[c": SIXEL}, [*forked_nai(), "image", PROMPT, *SMALL, "--steps", "3", "--show"])
    (name,) = list_files()
    assert "steps: 1 of 3" in written
    assert len(re.findall(r"\x1bP[0-9;]*q", written)) >= 2
    assert f"{name}\r\n" in written.split("\x1bP")[-1]
    assert written.count(name) == 1


def test_without_a_terminal_it_is_an_error_before_anything_is_drawn(owner: Account) -> None:
    done = nai("image", PROMPT, *SMALL, "--show")
    assert done.exit_code == 2
    assert "--show needs a terminal" in done.stderr
    assert list_files() == []


class _Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_without_colours_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setattr(sys, "stdout", _Screen())
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidRequestError, match="NO_COLOR or TERM=dumb"):
        open_picture_display()


def test_without_the_library_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", _Screen())
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setitem(sys.modules, "textual_image", None)
    monkeypatch.setitem(sys.modules, "textual_image.renderable", None)
    monkeypatch.setattr(sys, "__stdin__", _Screen())
    with pytest.raises(MissingExtra, match="the extra 'show'"):
        open_picture_display()


def test_without_the_option_nothing_of_the_library_is_imported(owner: Account) -> None:
    code = "import atexit, sys; atexit.register(lambda: print('textual_image' in sys.modules)); " + NAI[-1]
    line = [sys.executable, "-c", code, "image", PROMPT, *SMALL]
    done = subprocess.run(line, capture_output=True, text=True, timeout=50, check=True)
    assert done.stdout.endswith("False\n")
