"""What a story's text is made of, in the words of both formats.

A *section* is a paragraph: the sections' texts joined by line feeds are the text. In the newer format they are stored so; in
the legacy one the text is stored as fragments, and its lines are the sections. Who wrote what is told by *spans*.

See:
    docs/protocol/content.md#5-old-story-format-story
    docs/protocol/content.md#73-sections
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

__all__ = ["ORIGIN_CODES", "Origin", "OriginSpan", "Section", "SectionKind"]


class Origin(StrEnum):
    """Who wrote a piece of text, or made a change."""

    USER = "user"
    AI = "ai"
    EDIT = "edit"
    "a user, over what was there"
    PROMPT = "prompt"
    "or imported"
    ROOT = "root"
    "nobody: the beginning of a history"
    UNKNOWN = "unknown"
    "a code whose meaning is not known; it is kept"

    @classmethod
    def from_code(cls, code: object) -> Origin:
        """From what a file has: a number in the newer format, a word in the legacy one."""
        if isinstance(code, str):
            return cls(code) if code in _WORDS else cls.UNKNOWN
        return _ORIGINS.get(code, cls.UNKNOWN) if isinstance(code, int) else cls.UNKNOWN


ORIGIN_CODES: Final = {Origin.USER: 1, Origin.AI: 2, Origin.EDIT: 3, Origin.PROMPT: 10}
"""The newer format's numbers.

See docs/protocol/content.md#73-sections.
"""
_ORIGINS: Final = {code: origin for origin, code in ORIGIN_CODES.items()}
_WORDS: Final = frozenset(Origin)


class SectionKind(StrEnum):
    """What a section is there for; the legacy format has ordinary ones only."""

    STORY = "story"
    INSTRUCTION = "instruction"
    OTHER = "other"
    "a code whose meaning is not known; it is kept See docs/protocol/content.md#12-open-questions."

    @classmethod
    def from_code(cls, code: object) -> SectionKind:
        """From a section's ``source``."""
        return {0: cls.STORY, 10: cls.INSTRUCTION}.get(code, cls.OTHER) if isinstance(code, int) else cls.OTHER


@dataclass(frozen=True, slots=True)
class OriginSpan:
    """A stretch of a section with one origin."""

    start: int
    end: int
    "Characters of the section's text, the last one not included."
    origin: Origin
    code: int | str
    "As the file has it."


@dataclass(frozen=True, slots=True)
class Section:
    """One paragraph, as it is now."""

    text: str = field(repr=False)
    "Without a line feed."
    origins: tuple[OriginSpan, ...] = field(default=(), repr=False)
    "In their order. What nothing is known of is in none of them."
    kind: SectionKind = SectionKind.STORY
    code: int = 0
    "The ``source`` that the file has; 0 if it has none."
    id: int | None = None
    "In the newer format."
