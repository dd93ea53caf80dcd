"""Files that users import and export: stories, scenarios, lorebooks, presets, modules, and cards.

See docs/protocol/content.md#10-exported-files.
"""

from __future__ import annotations

from .cards import read_card, write_card
from .file_kinds import FileKind, ImportedFile, read_file
from .import_story import import_story
from .scenario import Scenario
from .story_file import build_story_file, read_story_file

__all__ = [
    "FileKind",
    "ImportedFile",
    "Scenario",
    "build_story_file",
    "import_story",
    "read_card",
    "read_file",
    "read_story_file",
    "write_card",
]


def __dir__() -> list[str]:
    return __all__
