"""Sections of a story's text, their kinds and their origins, for both text formats.

A *section* is a paragraph: the texts of all sections, joined by line feeds, are the text. The document format stores
sections; the legacy format stores fragments, and its lines are the sections. *Origin spans* say who wrote which part of a
section.

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
    """Who wrote a piece of text or made a change."""

    USER = "user"
    AI = "ai"
    EDIT = "edit"
    "written by a user in place of other text"
    PROMPT = "prompt"
    "a prompt, or an imported text"
    ROOT = "root"
    "the start of a history, which has no author"
    UNKNOWN = "unknown"
    "a code whose meaning is not known; the code is kept"

    @classmethod
    def from_code(cls, code: object) -> Origin:
        """Return the origin for a stored code: a number in the document format, a word in the legacy format."""
        if isinstance(code, str):
            return cls(code) if code in _WORDS else cls.UNKNOWN
        return _ORIGINS.get(code, cls.UNKNOWN) if isinstance(code, int) else cls.UNKNOWN


ORIGIN_CODES: Final = {Origin.USER: 1, Origin.AI: 2, Origin.EDIT: 3, Origin.PROMPT: 10}
"""The codes of the document format.

See docs/protocol/content.md#73-sections.
"""
_ORIGINS: Final = {code: origin for origin, code in ORIGIN_CODES.items()}
_WORDS: Final = frozenset(Origin)


class SectionKind(StrEnum):
    """The kind of a section; the legacy format has ordinary sections only."""

    STORY = "story"
    INSTRUCTION = "instruction"
    OTHER = "other"
    "a code whose meaning is not known; the code is kept. See docs/protocol/content.md#12-open-questions."

    @classmethod
    def from_code(cls, code: object) -> SectionKind:
        """Return the kind for a section's ``source``."""
        return {0: cls.STORY, 10: cls.INSTRUCTION}.get(code, cls.OTHER) if isinstance(code, int) else cls.OTHER


@dataclass(frozen=True, slots=True)
class OriginSpan:
    """A stretch of a section with one origin."""

    start: int
    end: int
    "Start and end are characters of the section's text; the end is not included."
    origin: Origin
    code: int | str
    "The code that the file has."


@dataclass(frozen=True, slots=True)
class Section:
    """One paragraph of a story."""

    text: str = field(repr=False)
    "Without a line feed."
    origins: tuple[OriginSpan, ...] = field(default=(), repr=False)
    "In order. Text of which no origin is known is in none of them."
    kind: SectionKind = SectionKind.STORY
    code: int = 0
    "The ``source`` that the file has; 0 if it has none."
    id: int | None = None
    "In the document format."
