"""The commands by name: where each is implemented, and what the first help page says of it.

No command is imported here: its module is imported when the command runs, so that each starts as fast as what it needs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from ..terminals import PAGE_WIDTH, measure_page

__all__ = [
    "ALIASES",
    "COMMANDS",
    "FIRST_PAGE",
    "GROUPS",
    "LIBRARY",
    "STORY",
    "TOPICS",
    "Command",
    "PageLine",
    "format_first_page",
]


class Command(NamedTuple):
    """A command, or a group of commands."""

    module: str
    "Its module, relative to this package, such as ``text.generate``."
    name: str
    "The function or group in the module."
    summary: str = ""
    "What it does, for completion and the help page of its group; empty if a line of the first page is its alone."
    takes_extra_arguments: bool = False
    "Does it accept more arguments than it has, to refuse them in its own words?"
    runs_program: bool = False
    "Is its last argument the command line of a program, whose options are not ours?"


COMMANDS: Final[Mapping[str, Command]] = {
    "generate": Command("text.generate", "generate", "Continue a prompt with a model for stories."),
    "complete": Command("text.complete", "complete", "Continue a prompt with a chat model."),
    "chat": Command("text.chat", "chat"),
    "story": Command("app", "story", "List, read, create, continue, edit or export stories."),
    "lorebook": Command("story.lorebook", "lorebook", "Test a lorebook."),
    "presets": Command("text.presets", "presets", "List and show the official presets."),
    "module": Command("text.module", "module", "Train modules on texts, and manage them."),
    "speak": Command("text.speak", "speak"),
    "image": Command("images.image", "image"),
    "director": Command("images.director", "director", "Change an image: line art, colours, emotion and more."),
    "upscale": Command("images.director", "upscale", "Double the size of an image."),
    "vibe": Command("images.vibe", "vibe", "Encode an image as a vibe file."),
    "image-info": Command("images.image_info", "image_info", "Show the metadata of an image."),
    "tags": Command("images.tags", "tags", "Suggest tags for an image prompt."),
    "library": Command("app", "library", "List, show, export, import, back up and restore."),
    "sanity-check": Command(
        "library.sanity_check",
        "sanity_check",
        "Check that everything in the account can be opened.",
        takes_extra_arguments=True,
    ),
    "login": Command("account.login", "login", "Log in for all commands, and keep the login."),
    "logout": Command("account.login", "logout", "Delete the kept login."),
    "whoami": Command("account.login", "whoami", "Show who is logged in."),
    "account": Command("account.commands", "account", "Show or change the account."),
    "subscription": Command("account.commands", "subscription", "Show the subscription and what is left of it."),
    "access-key": Command(
        "account.access_keys",
        "access_key",
        "Print the access key of an e-mail address and its password.",
        takes_extra_arguments=True,
    ),
    "access-token": Command(
        "account.access_keys", "access_token", "Print an access token of the account.", takes_extra_arguments=True
    ),
    "models": Command("text.models", "models"),
    "tokens": Command("text.tokens", "tokens", "Convert text to token ids, and back."),
    "decode": Command("text.tokens", "decode_packed", "Decode packed token ids to text."),
    "health": Command("health", "health_command", "Check the service."),
    "doctor": Command("account.doctor", "doctor", "Check your side of the service, and say what to do."),
    "completion": Command("completion.commands", "completion"),
    "demo": Command("emulator.demo", "demo"),
    "emulate": Command("emulator.emulate", "emulate", runs_program=True),
    "record": Command("emulator.record", "record", "Record the requests and responses of a program."),
    "replay": Command("emulator.record", "replay", "Replay what was recorded."),
}
"""The commands, in the order of the first help page."""

ALIASES: Final[Mapping[str, str]] = {
    "access_key": "access-key",
    "get_access_key": "access-key",
    "access_token": "access-token",
    "get_access_token": "access-token",
    "sanity_check": "sanity-check",
}
"""The names that older programs have for these commands; no help page shows them."""

_LIST: Final = Command("library.commands", "list_stories", "List all stories, including those that do not open.")

STORY: Final[Mapping[str, Command]] = {
    "list": _LIST,
    "show": Command("story.show", "show", "Show a story: its settings, history, lorebook, and the end of its text."),
    "tree": Command("story.tree", "tree", "Draw a story's history, with each node's id, author, time and text."),
    "export": Command("story.export", "export", "Export a story as Markdown, text, HTML, EPUB, .story or .scenario."),
    "context": Command(
        "story.context",
        "context",
        "Show the parts of a story's context, and why each is included.",
    ),
    "continue": Command("story.continue_", "continue_", "Continue a story with its own settings, and save it."),
    "create": Command("story.create", "create", "Store a new story in the account."),
    "import": Command("story.create", "import_", "Import files, each as a new story, or lorebooks into a story."),
    "append": Command("story.edit", "append", "Append a text to a story, directly behind its last character."),
    "undo": Command("story.edit", "undo", "Undo the last steps of a story: generations and edits."),
    "redo": Command("story.edit", "redo", "Redo the steps of a story that were undone last."),
    "rename": Command("story.edit", "rename", "Give a story another title."),
    "delete": Command("story.delete", "delete", "Delete stories from the account, after backing them up."),
}
"""The commands of ``nai story``."""

LIBRARY: Final[Mapping[str, Command]] = {
    "list": _LIST,
    "show": Command("library.commands", "show", "Show a story's card, memory, and the beginning of its text."),
    "export": Command("library.export", "export", "Export stories, texts, lorebooks and presets as files."),
    "import": Command(
        "library.import_files", "import_files", "Store stories and presets from files, each of them once."
    ),
    "backup": Command("library.backup", "backup", "Back up everything that the account stores."),
    "verify": Command("library.backup", "verify", "Check that all backups in a directory are complete and unchanged."),
    "restore": Command("library.restore", "restore", "Restore backed up objects that are missing or have changed."),
}
"""The commands of ``nai library``."""

GROUPS: Final[Mapping[str, Mapping[str, Command]]] = {"story": STORY, "library": LIBRARY}
"""The commands of groups whose commands are in modules of their own."""


class PageLine(NamedTuple):
    """A line of the first help page."""

    names: tuple[str, ...]
    summary: str


FIRST_PAGE: Final[Mapping[str, tuple[PageLine, ...]]] = {
    "Write": (
        PageLine(("generate", "complete"), "Continue a prompt."),
        PageLine(("chat",), "Talk to a model."),
        PageLine(("story", "lorebook"), "List, read, create, continue, edit, export."),
        PageLine(("presets", "module"), "Show official presets; train modules."),
        PageLine(("speak",), "Turn text into speech."),
    ),
    "Pictures": (
        PageLine(("image",), "Generate images from a prompt."),
        PageLine(("director", "upscale", "vibe"), "Change, enlarge or encode an image."),
        PageLine(("image-info", "tags"), "Show an image's metadata; suggest tags."),
    ),
    "Library": (PageLine(("library", "sanity-check"), "List, check, export, import and back up."),),
    "Account": (
        PageLine(("login", "logout", "whoami"), "Log in for all commands."),
        PageLine(("account", "subscription"), "Show or change the account."),
        PageLine(("access-key", "access-token"), "Print what logs in without the password."),
    ),
    "Tools": (
        PageLine(("models",), "List the models that the account can use."),
        PageLine(("tokens", "decode"), "Convert text to token ids and back."),
        PageLine(("health", "doctor"), "Check the service, or your side of it."),
        PageLine(("completion",), "Print the completion script of a shell."),
    ),
    "Develop": (
        PageLine(("demo",), "See the library at work, without an account."),
        PageLine(("emulate",), "Run an emulator of the service."),
        PageLine(("record", "replay"), "Record a program's requests and replay them."),
    ),
}
"""The first help page: what ``nai`` prints without arguments."""

TOPICS: Final[Mapping[str, str]] = {
    "options": "Options of most commands",
    "parameters": "Parameters that --set takes",
}
"""What ``nai help`` explains beside commands."""

_PAGE: Final = {
    **FIRST_PAGE,
    "Help": (PageLine((f"help {', '.join(TOPICS)}",), "Common options, and what --set takes."),),
}

_GROUP_WIDTH: Final = 10
_NAMES_WIDTH: Final = 26


_INTRODUCTION: Final = (
    "Use NovelAI from the command line, or run an emulator of its service.",
    "Usage: nai COMMAND [OPTIONS]; `nai COMMAND --help` explains one, `nai --version`",
)


def format_first_page() -> str:
    """Return the first help page: which fits 24 rows of 80 columns, or more lines for a narrower terminal."""
    if measure_page(sys.stdout) == PAGE_WIDTH:
        return "\n".join(_lines()) + "\n"
    from .common.help_page import format_narrow_page  # takes longer to import

    groups = {group: [(", ".join(line.names), line.summary) for line in lines] for group, lines in _PAGE.items()}
    return format_narrow_page(_INTRODUCTION, groups)


def _lines() -> Iterator[str]:
    yield from (*_INTRODUCTION, "")
    for group, lines in _PAGE.items():
        for number, line in enumerate(lines):
            heading = "" if number else group
            yield f"{heading:<{_GROUP_WIDTH}}{', '.join(line.names):<{_NAMES_WIDTH}}{line.summary}"
