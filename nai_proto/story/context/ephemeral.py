"""Ephemeral entries: texts that are in the context for some steps of a story only.

See docs/protocol/content.md#82-which-entries-take-part.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Final

from ...arguments import FLAG, INTEGER, TEXT, check_type
from ...errors import InvalidRequestError
from ..content_fields import EphemeralFields
from ..context_config import DEFAULT_CONFIGS, ContextConfig, ContextKind
from ..json_records import object_or_empty

__all__ = ["EphemeralEntry"]

_DEFAULT: Final = DEFAULT_CONFIGS[ContextKind.EPHEMERAL]
_NUMBER: Final = "-?[0-9]{1,309}"  # JSON's numbers have no more digits
_FORM: Final = re.compile(
    rf"\{{(?P<reverse>!?)(?P<start>{_NUMBER})(?:\+(?P<delay>{_NUMBER})(?P<repeat>r?))?(?:~(?P<duration>{_NUMBER}))?"
    rf"(?:,\+?(?P<position>{_NUMBER}))?:(?P<text>.*)\}}",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EphemeralEntry:
    """A text that is in the context for some steps of the story; each generation is one step."""

    text: str = field(repr=False)
    config: ContextConfig = _DEFAULT
    starting_step: int = 0
    delay: int = 0
    "Steps to wait after the starting step. With `repeat` it is also the length of a cycle."
    duration: int = 0
    "How many steps the text is in the context."
    repeat: bool = False
    reverse: bool = False
    "True inverts the schedule: the text is in the context at all other steps."

    def __post_init__(self) -> None:
        TEXT.check(self.text, "text")
        check_type(self.config, ContextConfig, "config", "a ContextConfig")
        for name in ("starting_step", "delay", "duration"):
            INTEGER.check(getattr(self, name), name)
        for name in ("repeat", "reverse"):
            FLAG.check(getattr(self, name), name)

    @classmethod
    def from_data(cls, data: object) -> EphemeralEntry:
        """Return the entry that a story has stored. A value that is missing or of a wrong type is replaced by its default.

        See docs/protocol/content.md#42-storycontent.

        Args:
            data: an item of the story's ``ephemeralContext``.
        """
        fields = EphemeralFields(object_or_empty(data))
        return cls(**{name: getattr(fields, name) for name in EphemeralFields.fields})

    @classmethod
    def parse(cls, form: str) -> EphemeralEntry:
        """Parse the text form, ``{start+delay~duration,position:text}``.

        An ``r`` after the delay repeats the entry; a ``!`` after the opening brace reverses it. Everything between start
        and text is optional: the delay is then 0, the duration 1, the position the default one. The position counts lines.
        Numbers may be negative: an entry with a negative start has begun before the story.

        Args:
            form: the text form, with its braces.

        Raises:
            InvalidRequestError: ``form`` does not have this form.
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

    def format(self) -> str:
        """Return the text form, of which `parse` makes an equal entry, but for what it has no place for.

        That is `config`, of which it has the position only.
        """
        reverse, repeat = "!" * self.reverse, "r" * self.repeat
        span = f"{reverse}{self.starting_step}+{self.delay}{repeat}~{self.duration}"
        return f"{{{span},{self.config.insertion_position:+d}:{self.text}}}"

    def is_active(self, step: int) -> bool:
        """Return whether the text is in the context at a step of the story.

        A delay of 0 or less neither delays nor repeats.

        Args:
            step: how many generations the story has had.
        """
        INTEGER.check(step, "step")
        since = step - self.starting_step - max(self.delay, 0)
        if self.repeat and since >= 0 and self.delay > 0:
            since %= self.delay
        return (0 <= since < self.duration) is not self.reverse
