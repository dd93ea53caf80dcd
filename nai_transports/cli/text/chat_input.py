'''What is typed in a conversation: with editing and history on a terminal, as lines elsewhere.

A turn is a line, or all lines from one that begins with """ to one that ends with it. What is pasted into a terminal is one
turn where the terminal and readline mark pasted text. The history is a file of JSON texts, a line for each turn, that only
its owner can read.
'''

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Final

import typer

from ...terminals import can_draw
from ..common import prompts
from ..common.text_input import read_input_line
from .chat_commands import complete_command

__all__ = ["ChatInput"]

_PROMPT: Final = "> "
_PROMPT_INSIDE: Final = ". "
_BLOCK: Final = '"""'
_HISTORY_SIZE: Final = 1000


class ChatInput:
    """Reads the turns of a conversation.

    Args:
        history: the file of what was typed before; None for no history. It is used on a terminal only.
    """

    def __init__(self, history: Path | None) -> None:
        self.is_interactive: Final = prompts.is_interactive()
        self._readline = (
            _load_readline() if self.is_interactive and sys.stdin.isatty() and sys.stdout.isatty() else None
        )
        self._history = history if self._readline is not None else None
        if self._readline is not None:
            self._readline.clear_history()
            for turn in _read_history(history) if history is not None else ():
                self._readline.add_history(turn)

    @property
    def has_editing(self) -> bool:
        """Return whether a line can be changed before it is read."""
        return self._readline is not None

    def read_turn(self, *, prefilled: str = "") -> str | None:
        """Return the next turn; None at the end of the input.

        Args:
            prefilled: a line to begin with, which can be changed; on a terminal only.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed.
        """
        line = self._read_line(_PROMPT, prefilled)
        if line is None:
            return None
        turn = self._read_block(line) if line.startswith(_BLOCK) else line
        if turn.strip():
            self._remember(turn)
        return turn

    def _read_block(self, line: str) -> str:
        r"""Return the text between ``\"""`` and ``\"""``, or the end of the input."""
        lines: list[str] = []
        rest: str | None = line.removeprefix(_BLOCK)
        while rest is not None and not rest.endswith(_BLOCK):
            lines.append(rest)
            rest = self._read_line(_PROMPT_INSIDE)
        lines += [rest.removesuffix(_BLOCK)] if rest is not None else []
        return "\n".join(lines).strip("\n")

    def _read_line(self, prompt: str, prefilled: str = "") -> str | None:
        if not self.is_interactive:
            return read_input_line()
        if self._readline is not None and prefilled:
            self._readline.set_startup_hook(lambda: self._insert(prefilled))
        try:
            if self._readline is not None:
                line = input(prompt)  # readline has to know the prompt
            else:
                typer.echo(prompt, nl=False, err=True)
                line = input()
        except EOFError:
            return None
        finally:
            if self._readline is not None:
                self._readline.set_startup_hook(None)
        return line.encode("utf-8", "surrogateescape").decode("utf-8", "replace")

    def _insert(self, text: str) -> None:
        if self._readline is not None:
            self._readline.insert_text(text)

    def _remember(self, turn: str) -> None:
        if self._readline is not None:
            self._readline.add_history(turn)
        if self._history is not None:
            with suppress(OSError):  # a conversation goes on without its history
                self._history.parent.mkdir(0o700, parents=True, exist_ok=True)
                with open(self._history, "a", encoding="utf-8", opener=_open_private) as file:
                    file.write(json.dumps(turn, ensure_ascii=False) + "\n")


def _load_readline() -> ModuleType | None:
    try:
        import readline
    except ModuleNotFoundError:  # Windows has none
        return None
    readline.set_auto_history(False)  # a turn may have several lines
    readline.set_completer_delims(" ")
    readline.set_completer(_complete)
    readline.parse_and_bind("tab: complete")
    if can_draw(sys.stdout):  # it asks the terminal by a control sequence
        readline.parse_and_bind("set enable-bracketed-paste on")  # Python switches it off: pasted lines are one turn
    return readline


def _complete(text: str, number: int) -> str | None:
    """Return the command with this number among those that begin with the text, as readline asks for them."""
    commands = complete_command(text) if text.startswith("/") else []
    return commands[number] if number < len(commands) else None


def _open_private(path: str, flags: int) -> int:
    """Open or create a file that only its owner can read. A symbolic link is refused: what is typed stays here."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o600)


def _read_history(path: Path) -> Iterator[str]:
    """Yield the last turns of a history; lines that are no JSON texts are passed over."""
    try:
        lines = path.read_text("utf-8", "replace").split("\n")
    except OSError:
        return
    for line in lines[-_HISTORY_SIZE:]:
        with suppress(ValueError, RecursionError):
            if isinstance(turn := json.loads(line), str):
                yield turn
