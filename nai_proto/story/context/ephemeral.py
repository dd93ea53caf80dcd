"""Entries that come and go with the steps of a story.

See docs/protocol/content.md#82-which-entries-take-part.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Final

from ...arguments import FLAG, INTEGER, TEXT, check_type
from ...errors import InvalidRequestError
from ..config import DEFAULTS, ContextConfig, ContextKind
from ..json_records import as_flag, as_integer, as_text, object_or_empty

__all__ = ["EphemeralEntry"]

_DEFAULT: Final = DEFAULTS[ContextKind.EPHEMERAL]
_FORM: Final = re.compile(
    r"\{(?P<reverse>!?)(?P<start>\d{1,9})(?:\+(?P<delay>\d{1,9})(?P<repeat>r?))?(?:~(?P<duration>\d{1,9}))?"
    r"(?:,(?P<position>[+-]?\d{1,9}))?:(?P<text>.*)\}",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EphemeralEntry:
    """A text that is in the context for some steps of the story, one step to a generation."""

    text: str = field(repr=False)
    config: ContextConfig = _DEFAULT
    starting_step: int = 0
    delay: int = 0
    "Steps after the starting step; with `repeat` also the length of a cycle."
    duration: int = 0
    "Steps for which it is there."
    repeat: bool = False
    reverse: bool = False
    "Is it there in all other steps instead?"

    def __post_init__(self) -> None:
        TEXT.check(self.text, "text")
        check_type(self.config, ContextConfig, "config", "a ContextConfig")
        for name in ("starting_step", "delay", "duration"):
            INTEGER.check(getattr(self, name), name)
        for name in ("repeat", "reverse"):
            FLAG.check(getattr(self, name), name)

    @classmethod
    def from_data(cls, data: object) -> EphemeralEntry:
        """What a story has stored.

        See docs/protocol/content.md#42-storycontent.
        """
        fields = object_or_empty(data)
        return cls(
            text=as_text(fields.get("text")) or "",
            config=ContextConfig.from_data(fields.get("contextConfig"), _DEFAULT),
            starting_step=as_integer(fields.get("startingStep")) or 0,
            delay=as_integer(fields.get("delay")) or 0,
            duration=as_integer(fields.get("duration")) or 0,
            repeat=as_flag(fields.get("repeat")) or False,
            reverse=as_flag(fields.get("reverse")) or False,
        )

    @classmethod
    def parse(cls, form: str) -> EphemeralEntry:
        """The entry that is written ``{start+delay~duration,position:text}``.

        An ``r`` behind the delay repeats it, a ``!`` behind the brace reverses it. What stands between start and text may be
        left out: the delay is 0 then, the duration 1, the position the usual one. The position counts lines.

        Raises:
            InvalidRequestError: it is not written like this.
        """
        TEXT.check(form, "form")
        match = _FORM.fullmatch(form.strip())
        if match is None:
            raise InvalidRequestError(
                "an ephemeral entry is written {start+delay~duration,position:text}", parameter="form"
            )
        position = int(match["position"] or _DEFAULT.insertion_position)
        return cls(
            text=match["text"],
            config=replace(_DEFAULT, insertion_type="newline", insertion_position=position),
            starting_step=int(match["start"]),
            delay=int(match["delay"] or 0),
            duration=int(match["duration"] or 1),
            repeat=bool(match["repeat"]),
            reverse=bool(match["reverse"]),
        )

    def written(self) -> str:
        """The entry as `parse` reads it, with all that can be said there."""
        reverse, repeat = "!" * self.reverse, "r" * self.repeat
        span = f"{reverse}{self.starting_step}+{self.delay}{repeat}~{self.duration}"
        return f"{{{span},{self.config.insertion_position:+d}:{self.text}}}"

    def active(self, step: int) -> bool:
        """Is it in the context at this step of the story?

        A delay that is not above 0 delays and repeats nothing.
        """
        INTEGER.check(step, "step")
        since = step - self.starting_step - max(self.delay, 0)
        if self.repeat and since >= 0 and self.delay > 0:
            since %= self.delay
        return (0 <= since < self.duration) is not self.reverse
