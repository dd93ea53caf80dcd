"""Scenarios: shared beginnings of stories, with placeholders for answers.

See docs/protocol/content.md#10-exported-files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Self

from ...arguments import BYTES, LIMITS, TEXT, TEXTS, TIME, check_type, list_items
from ...codecs.secret_box import Entropy, system_entropy, write_json
from ...errors import InvalidFile
from ...limits import Limits
from ...text.models import Model
from ..content_fields import ContentFields
from ..json_records import Field, ListReader, Record, as_integer, as_text, as_texts, object_or_empty
from ..placeholder_fields import fill_fields, list_texts
from ..placeholders import Placeholder, check_answers, fill_placeholders, merge_placeholders
from ..sections import Origin
from ..story import Story
from ..story_settings import StorySettings, copy_json
from .file_kinds import FileKind, read_file

__all__ = ["SCENARIO_VERSION", "Scenario"]

SCENARIO_VERSION: Final = 3
"""The newest known version."""

_OBJECT_FIELDS: Final = ("settings", "lorebook", "storyContextConfig", "contextDefaults", "messageSettings")
_LIST_FIELDS: Final = ("context", "ephemeralContext", "phraseBiasGroups", "bannedSequenceGroups", "userScripts")
"""With `_OBJECT_FIELDS`, the fields that a scenario and a story's content share."""


def _read_placeholder(value: object) -> Placeholder | None:
    placeholder = object_or_empty(value)
    key = as_text(placeholder.get("key"))
    if key is None:
        return None
    return Placeholder(
        key,
        as_text(placeholder.get("defaultValue")) or "",
        as_text(placeholder.get("description")) or "",
        as_text(placeholder.get("longDescription")) or "",
        as_integer(placeholder.get("order")),
    )


def _write_placeholders(placeholders: Iterable[Placeholder]) -> list[dict[str, object]]:
    return [
        {
            "key": each.key,
            "defaultValue": each.default,
            "description": each.title,
            "longDescription": each.description,
            **({} if each.order is None else {"order": each.order}),
        }
        for each in placeholders
    ]


class Scenario(Record):
    """A scenario. Like `Lorebook` it is an immutable record that keeps unknown fields."""

    version = Field("scenarioVersion", SCENARIO_VERSION, as_integer)
    title = Field("title", "", as_text)
    description = Field("description", "", as_text)
    author = Field("author", "", as_text)
    tags = Field[tuple[str, ...]]("tags", (), as_texts)
    prompt = Field("prompt", "", as_text)
    "The text that the story begins with; it may contain placeholders."
    listed = Field[tuple[Placeholder, ...]](
        "placeholders", (), ListReader(_read_placeholder, "an object with a key"), _write_placeholders
    )
    "The placeholders of the scenario's list; `placeholders` has all."

    _source: bytes | None = None

    @classmethod
    def loads(cls, data: bytes, *, where: str = "scenario", limits: Limits = Limits()) -> Self:
        """Read a scenario from a file or a card.

        Args:
            data: the whole file.
            where: the name of the file, to begin an error message with.
            limits: for the nesting of the file, and for texts in pictures.

        Raises:
            InvalidFile: the file is no scenario; the message says what it is.
            LimitExceeded: the file is nested too deeply, or the picture is too large.
        """
        data = BYTES.convert(data, "data")
        TEXT.check(where, "where")
        LIMITS.check(limits, "limits")
        file = read_file(data, where=where, limits=limits)
        if file.kind is not FileKind.SCENARIO:
            raise InvalidFile(f"{where}: a scenario was expected, and this is a {file.kind}")
        scenario = cls(file.document)
        object.__setattr__(scenario, "_source", file.data)  # no field, so that a changed copy does not have it
        return scenario

    def dumps(self) -> bytes:
        """Return the file; the bytes that were read if nothing was changed.

        Raises:
            InvalidRequestError: a value cannot be written as JSON.
        """
        return write_json(self.data) if self._source is None else self._source

    @property
    def placeholders(self) -> list[Placeholder]:
        """All questions in order: the listed ones, and those that occur only in the texts."""
        return merge_placeholders(self.listed, self.prompt, self.title, self.description, *list_texts(self.data))

    @property
    def problems(self) -> tuple[str, ...]:
        """Which fields are not read, because they are of another type: short sentences that quote nothing of them."""
        return super().problems + ContentFields(self.data).problems + StorySettings(dict(self.data)).problems

    # ---- to a story, and from one

    def start_story(
        self,
        answers: Mapping[str, str] | None = None,
        *,
        now: float,
        legacy: bool = False,
        limits: Limits = Limits(),
        entropy: Entropy = system_entropy,
    ) -> Story:
        """Return a new story that begins with the scenario, with its placeholders replaced by answers.

        Args:
            answers: by key of `placeholders`; a missing answer is the default.
            now: seconds since 1970.
            legacy: whether to use the legacy text format.
            limits, entropy: as for `Story.new`.

        Raises:
            InvalidRequestError: an answer is to no placeholder of the scenario, or the prompt is larger than the limits.
        """
        if answers is not None:
            TEXTS.convert(answers, "answers")
        TIME.convert(now, "now")
        LIMITS.check(limits, "limits")
        values, known = answers or {}, self.placeholders
        check_answers(values, known)

        def fill(text: str) -> str:
            return fill_placeholders(text, values, known)

        model = as_text(object_or_empty(self.data.get("settings")).get("model")) or Model.KAYRA
        title = fill(self.title) or "New Story"
        story = Story.new(title, now=now, model=model, legacy=legacy, limits=limits, entropy=entropy)
        story.card.update(description=fill(self.description), tags=[*self.tags])
        for names, type_ in ((_OBJECT_FIELDS, dict), (_LIST_FIELDS, list)):
            shared = {name: copy_json(value) for name in names if isinstance(value := self.data.get(name), type_)}
            story.fields.update(shared)
        fill_fields(story.fields, fill)
        if prompt := fill(self.prompt):
            story.append(prompt, now=now, origin=Origin.PROMPT)
        return story

    @classmethod
    def from_story(cls, story: Story, *, author: str = "", placeholders: Iterable[Placeholder] = ()) -> Self:
        """Return a scenario that begins with the current text of a story, without its history.

        Args:
            story: its text becomes the prompt.
            author: of the scenario.
            placeholders: questions that the texts do not define themselves.

        Raises:
            Damaged: the story's text cannot be read.
        """
        check_type(story, Story, "story", "a Story")
        TEXT.check(author, "author")
        placeholders = list_items(placeholders, Placeholder, "placeholders", "a list of Placeholder")
        shared: dict[str, Any] = {
            name: copy_json(story.fields[name]) for name in (*_OBJECT_FIELDS, *_LIST_FIELDS) if name in story.fields
        }
        description = as_text(story.card.get("description")) or ""
        listed = merge_placeholders(placeholders, story.text, story.title, description, *list_texts(shared))
        return cls(
            {
                "scenarioVersion": SCENARIO_VERSION,
                "title": story.title,
                "description": description,
                "prompt": story.text,
                "tags": list(as_texts(story.card.get("tags")) or ()),
                "author": author,
                "placeholders": _write_placeholders(listed),
                **shared,
            }
        )
