"""A context, and what it says of itself: of each part whether it is in, why, where, and how much of it.

See docs/protocol/content.md#88-biases.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from ..config import ContextKind, ContextUnit

if TYPE_CHECKING:
    from ...text.phrases import BanList, BiasGroup
    from ...text.preambles import Preamble

__all__ = ["Context", "ContextBlock", "ContextMatch", "ContextRow", "ContextStatus"]


class ContextStatus(StrEnum):
    """What became of a part, in the website's words."""

    DEFAULT = "default"
    "Always active, and in."
    FORCED = "activation forced"
    KEY = "key activated"
    EPHEMERAL = "ephemeral active"
    EPHEMERAL_INACTIVE = "ephemeral inactive"
    DISABLED = "disabled"
    NO_KEY = "no key"
    NO_KEY_IN_CONTEXT = "no key in context"
    NO_SPACE = "no space"
    NO_TEXT = "no text"

    @property
    def included(self) -> bool:
        """Is something of such a part in the context?"""
        return self in _INCLUDED


_INCLUDED: Final = frozenset((ContextStatus.DEFAULT, ContextStatus.FORCED, ContextStatus.KEY, ContextStatus.EPHEMERAL))


@dataclass(frozen=True, slots=True)
class ContextMatch:
    """What made an entry active."""

    key: str = field(repr=False)
    "As people wrote it."
    where: str
    "The part in whose text it is: ``story``, ``memory``, ``author's note``, or the name of an entry."
    start: int
    "Where, in characters of that text as it was searched: placeholders filled in, comments left out."
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextRow:
    """What became of one part."""

    kind: ContextKind
    index: int
    "Its place among the parts of its kind."
    id: str
    name: str = field(repr=False)
    status: ContextStatus
    reason: str = field(repr=False)
    "The status in a sentence."
    active: bool
    "Does it take part? Also where it found no place: its biases count, and others may cascade from it."
    match: ContextMatch | None = None
    "The key that made it active."
    category: str = ""
    "The id of an entry's category, or of the one that this sub-context is of."
    spans: tuple[tuple[int, int], ...] = ()
    "Where it is in `Context.text`: several where others are inside of it. Its prefix and suffix belong to it."
    tokens: int = 0
    "Of what is in, counted by itself, with prefix and suffix."
    turn: int | None = None
    "When it was served: 0 is first. Entries of a sub-context are served among themselves."
    reserved: int = 0
    "Tokens that were kept for it."
    allowed: int = 0
    "Tokens that it might take when it was served."
    trimmed: ContextUnit | None = None
    "In what units it was cut; None where it is whole or not in at all."
    dropped: int = 0
    "Characters that are not in the context, of those that would be."

    @property
    def included(self) -> bool:
        """Is something of it in the context?"""
        return self.status.included


@dataclass(frozen=True, slots=True)
class ContextBlock:
    """A stretch of the context that belongs to one part."""

    row: int
    "Whose it is: the place in `Context.rows`."
    kind: ContextKind
    start: int
    "In `Context.text`."
    text: str = field(repr=False)

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a model sees of a story."""

    tokens: list[int] = field(repr=False)
    "The prompt, what stands in front of the text included."
    text: str = field(repr=False)
    "Without what stands in front."
    preamble: Preamble | None
    "What stands in front, if anything does."
    blocks: tuple[ContextBlock, ...]
    "The text, part by part."
    rows: tuple[ContextRow, ...]
    "Each part once, in the natural order; sub-contexts last."
    size: int
    "The most tokens that it might have."
    full: bool
    "Is something left out or cut because there is no space for it, and not by its own budget?"
    biases: tuple[BiasGroup, ...] = field(repr=False)
    "Those that count, for `nai_proto.text.generate`: of the story, and of entries and categories by what is active."
    bans: tuple[BanList, ...] = field(repr=False)
    "Those that are on, likewise. Bans of brackets come from `nai_proto.text.GlobalSettings`."

    @property
    def prompt(self) -> str:
        """What to send where text is sent: with the preamble, as far as it has a text."""
        return ((self.preamble and self.preamble.text) or "") + self.text
