"""A story as an account stores it: two JSON documents, its card and its content, read and written back.

What was not changed stays as it was, to the byte where the format allows it.

The text is opened on first use. If it cannot be opened, each use raises; the rest of the story still works, and is stored
beside the original bytes of the text.

See:
    docs/protocol/content.md#4-decrypted-json
    docs/protocol/content.md#5-old-story-format-story
    docs/protocol/content.md#6-msgpackr-encoding
    docs/protocol/content.md#7-the-document-field
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..arguments import FUNCTION, LIMITS, MAPPING, TEXT, to_milliseconds
from ..codecs.file_problems import describe_value
from ..codecs.secret_box import Entropy, write_json
from ..errors import Damaged, NaiError
from ..limits import Limits
from .content_fields import CardFields, ContentFields
from .formats.document_text import DocumentText
from .formats.legacy_text import LegacyText
from .formats.story_text import StoryText
from .sections import Section
from .story_settings import NamesAttributes, StorySettings, copy_json, read_context_text, write_context_text

__all__ = ["DOCUMENT", "LEGACY", "StoredStory"]

DOCUMENT: Final = "document"
"The field of the content that has the text in the document format."
LEGACY: Final = "story"
"The field that has the text in the legacy format."
_PREVIEW_CHARACTERS: Final = 250
"""The characters of the text that the card shows."""
_DERIVED_FIELDS: Final = ("textPreview", "lastUpdatedAt")
"""What `StoredStory.to_data` writes on the card."""
_MEMORY, _NOTE = 0, 1


class StoredStory(NamesAttributes):
    """The card and the content of a story: everything that can be read, and the fields that can be changed."""

    __slots__ = ("_entropy", "_loaded_text", "_text_field", "card", "fields", "limits", "original")

    def __init__(self, card: Mapping[str, Any], content: Mapping[str, Any], limits: Limits, entropy: Entropy) -> None:
        MAPPING.check(card, "card")
        MAPPING.check(content, "content")
        LIMITS.check(limits, "limits")
        FUNCTION.check(entropy, "entropy")
        self.original: tuple[Mapping[str, Any], Mapping[str, Any]] = card, content
        "The card and the content as they were given; once they were stored, as they are stored."
        self.limits: Final = limits
        "For opening and packing its document, and for the keys of its lorebook."
        self._entropy = entropy
        self._loaded_text: StoryText | None = None
        self._text_field = DOCUMENT if isinstance(content.get(DOCUMENT), str) or LEGACY not in content else LEGACY
        self.card: Final[dict[str, Any]] = copy_json(card)
        "The card, which may be changed. `to_data` adds what follows from the text."
        self.fields: Final[dict[str, Any]] = {
            name: copy_json(value) for name, value in content.items() if name not in (DOCUMENT, LEGACY)
        }
        "The content without its text, which may be changed. See docs/protocol/content.md#42-storycontent."

    def __repr__(self) -> str:
        state = "not opened" if self._loaded_text is None else f"step {self._loaded_text.step}"
        return f"<{type(self).__name__} {'document' if self.has_document else 'legacy'}, {state}>"

    @property
    def has_document(self) -> bool:
        """Whether the text is in the document format, and not in the legacy format."""
        return self._text_field == DOCUMENT

    @property
    def title(self) -> str:
        """The title on the card; empty if there is none."""
        title = self.card.get("title")
        return title if isinstance(title, str) else ""

    @title.setter
    def title(self, title: str) -> None:
        TEXT.check(title, "title")
        self.card["title"] = title

    # ---- the text

    @property
    def _text(self) -> StoryText:
        if self._loaded_text is None:
            if self._text_field not in self.original[1]:
                raise Damaged(
                    f"story: its content has neither {DOCUMENT} nor {LEGACY}, so it has no text", category="no text"
                )
            packed: object = self.original[1][self._text_field]
            legacy = self._text_field == LEGACY
            if not (isinstance(packed, dict) if legacy else isinstance(packed, str)):
                raise Damaged(
                    f"story: its {self._text_field} is {describe_value(packed)}, and {'an object' if legacy else 'a text'} "
                    "was expected",
                    category="not a story" if legacy else "not a document",
                )
            self._loaded_text = LegacyText(packed) if legacy else DocumentText(packed, self.limits, self._entropy)
        return self._loaded_text

    @property
    def text(self) -> str:
        """The whole text.

        Raises:
            Damaged: the text cannot be read; ``category`` says why. `original` has the stored bytes.
            LimitExceeded: the text is larger than ``limits`` allow.
        """
        return self._text.get_text()

    @property
    def sections(self) -> tuple[Section, ...]:
        """The paragraphs, which joined by line feeds are `text`. Raises as `text`."""
        return tuple(self._text.get_sections())

    @property
    def step(self) -> int:
        """The counter that the file stores: of generations in the legacy format, of all edits in the document format.

        See:
            docs/protocol/content.md#5-old-story-format-story
            docs/protocol/content.md#76-writing
        """
        return self._text.step

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with the text, readable or not, and with the other fields: short sentences that quote nothing."""
        try:
            text = tuple(self._text.find_problems())
        except NaiError as error:
            text = (str(error),)
        return text + self.field_problems

    @property
    def field_problems(self) -> tuple[str, ...]:
        """Which fields are not read, because they are of another type than expected: as `problems`, without the text."""
        return CardFields(self.card).problems + ContentFields(self.fields).problems + self.settings.problems

    @property
    def pending_text(self) -> str | None:
        """The text with the pending changes, which the file stores beside the history; None if there are none.

        `text` is without them. Call `commit_pending` before you edit or undo.

        See docs/protocol/content.md#75-history-tree.

        Raises:
            Damaged: the changes fit no section.
        """
        return self._text.build_pending_text()

    # ---- beside the text

    @property
    def memory(self) -> str:
        """The memory, which is part of every context; empty if there is none."""
        return read_context_text(self.fields, _MEMORY)

    @memory.setter
    def memory(self, text: str) -> None:
        write_context_text(self.fields, _MEMORY, text)

    @property
    def authors_note(self) -> str:
        """The Author's Note, which is put near the end of every context."""
        return read_context_text(self.fields, _NOTE)

    @authors_note.setter
    def authors_note(self, text: str) -> None:
        write_context_text(self.fields, _NOTE, text)

    @property
    def settings(self) -> StorySettings:
        """The settings of generation, such as model, preset, bans and biases."""
        return StorySettings(self.fields)

    # ---- the file

    def to_data(self, *, now: float) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the card and the content to store.

        The history of a changed text is replayed first, to check that it gives this text.

        Args:
            now: seconds since 1970; the date of the card if anything was changed.

        Raises:
            InvalidRequestError: the replay gives another text, or the story is larger than the limits or no JSON.
        """
        date = to_milliseconds(now, "now")
        card, content = self.original
        fields = self.fields
        if self._loaded_text is not None and self._loaded_text.is_changed:
            changed = {**content, **fields, self._text_field: self._loaded_text.to_data()}
        else:
            changed = {**content, **fields}
        removed = content.keys() - fields.keys() - {DOCUMENT, LEGACY}
        changed = {name: value for name, value in changed.items() if name not in removed}
        new_card = copy_json(self.card)
        if self._loaded_text is not None and self._loaded_text.is_changed:
            new_card["textPreview"] = self.text[:_PREVIEW_CHARACTERS]
        if write_json((changed, new_card)) != write_json((content, card)):
            new_card["lastUpdatedAt"] = date
        return new_card, copy_json(changed)

    def set_original(self, card: Mapping[str, Any], content: Mapping[str, Any]) -> None:
        """Take what `to_data` returned as the original card and content, because they are stored now."""
        self.original = card, content
        self.card.update({name: card[name] for name in _DERIVED_FIELDS if name in card})
