"""What is typed in a conversation: messages, and commands that begin with a slash."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from nai_proto.errors import InvalidRequestError
from nai_proto.unknown_names import suggest_name

__all__ = ["COMMANDS", "ChatCommand", "complete_command", "format_help", "format_hint", "parse_line"]


@dataclass(frozen=True, slots=True)
class ChatCommand:
    """A command that was typed."""

    name: str
    argument: str
    "What follows the name; empty if nothing does."


COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "undo": ("", "Take back the last message and its answer."),
    "retry": ("", "Have the last message answered again."),
    "edit": ("[TEXT]", "Change the last message, and have it answered again."),
    "system": ("[TEXT]", "Show or set the system prompt; /system - removes it."),
    "model": ("[NAME]", "Show or change the model."),
    "save": ("[FILE]", "Save to a file, now and after each turn."),
    "load": ("FILE", "Go on with a saved conversation."),
    "help": ("", "Show this list."),
    "quit": ("", "End the conversation, as Ctrl-D does."),
}
"""By name: the argument, and what the command does."""

_COMMAND: Final = re.compile(r"/(?P<name>[^\s/]*)(?:\s+(?P<argument>.*))?", re.DOTALL)


def parse_line(line: str) -> ChatCommand | str:
    """Return the command that was typed, or the message. ``//`` begins a message that begins with a slash.

    Raises:
        InvalidRequestError: there is no such command, or it takes no argument, or needs one.
    """
    if not line.startswith("/"):
        return line
    if line.startswith("//"):
        return line[1:]
    parts = _COMMAND.fullmatch(line.strip())
    assert parts is not None
    name, argument = parts["name"].lower(), (parts["argument"] or "").strip()
    if name not in COMMANDS:
        hint = suggest_name(f"/{name}", complete_command("/")) if name else ""
        raise InvalidRequestError(
            f"there is no command /{name[:40]}{hint} (/help lists them; // begins a message with a slash)"
        )
    takes = COMMANDS[name][0]
    if (argument and not takes) or (takes and not argument and not takes.startswith("[")):
        raise InvalidRequestError(f"/{name} takes {takes or 'nothing'}")
    return ChatCommand(name, argument)


def complete_command(incomplete: str) -> list[str]:
    """Return the commands that begin with what was typed."""
    return [f"/{name}" for name in COMMANDS if f"/{name}".startswith(incomplete)]


def format_help() -> str:
    """Return the list of commands, a line for each."""
    typed = {name: f"/{name} {argument}".rstrip() for name, (argument, _) in COMMANDS.items()}
    width = max(map(len, typed.values()))
    lines = [f"{typed[name]:<{width}}  {about}" for name, (_, about) in COMMANDS.items()]
    notes = (
        "//TEXT".ljust(width) + "  Send a message that begins with a slash.",
        '"""'.ljust(width) + '  Begin a message of several lines; """ ends it.',
        "Ctrl-C".ljust(width) + "  Stop an answer; what came is kept.",
        "Ctrl-D".ljust(width) + "  End the conversation.",
    )
    return "\n".join((*lines, *notes))


def format_hint() -> str:
    """Return the line at the beginning of a conversation."""
    return "/help lists the commands; Ctrl-D ends the conversation."
