"""A point in time is seconds since 1970 wherever it is passed or returned; milliseconds are only in what is stored.

See docs/contributing.md#names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nai_proto as nai
from nai_proto.account import AccountInformation, Priority, Subscription
from nai_proto.arguments import to_milliseconds
from nai_proto.codecs.vibe_files import StoredVibe
from nai_proto.errors import InvalidRequestError, InvalidTypeError
from nai_proto.modules import TrainedModule
from nai_proto.openai import ChatCompletion, ModelCard
from nai_proto.story import Story
from nai_proto.story.book.epub import to_epub
from nai_proto.story.book.structure import Book
from nai_proto.story.files import Scenario
from nai_proto.story.lore.entries import Entry
from tests.cases import for_each
from tests.image_support import PNG

SECONDS: Final = 1_700_000_000.25
MILLISECONDS: Final = 1_700_000_000_250


def story(*, legacy: bool = False) -> Story:
    made = Story.new(now=SECONDS, legacy=legacy)
    made.append("One.\nTwo.", now=SECONDS)
    return made


TAKERS: Final[dict[str, Callable[[Any], object]]] = {
    "Story.new": lambda time: Story.new(now=time),
    "Story.append": lambda time: story().append("x", now=time),
    "Story.retry": lambda time: story().retry("x", now=time),
    "Story.replace": lambda time: story().replace(0, 1, "x", now=time),
    "Story.insert_sections": lambda time: story().insert_sections(0, "x", now=time),
    "Story.remove_section": lambda time: story().remove_section(0, now=time),
    "Story.commit_pending": lambda time: story().commit_pending(now=time),
    "Story.to_data": lambda time: story().to_data(now=time),
    "Scenario.start_story": lambda time: Scenario({}).start_story(now=time),
    "StoredVibe.from_image": lambda time: StoredVibe.from_image(PNG, created_at=time),
    "StoredVibe.from_encoding": lambda time: StoredVibe.from_encoding(b"x", "v4full", created_at=time),
    "Entry.with_fields": lambda time: Entry().with_fields(last_updated_at=time),
    "to_epub": lambda time: to_epub(Book(title="a", lines=()), identifier="a", modified=time),
}


@for_each("name", TAKERS)
def test_a_time_is_seconds_and_milliseconds_are_refused(name: str) -> None:
    TAKERS[name](SECONDS)
    TAKERS[name](0)
    for wrong in (MILLISECONDS, -1, float("nan")):
        with pytest.raises(InvalidRequestError, match=r" is .*, and takes seconds since 1970, .*: no milliseconds"):
            TAKERS[name](wrong)
    for other in (None, "now", True):
        with pytest.raises(InvalidTypeError, match="takes seconds since 1970"):
            TAKERS[name](other)


def test_a_story_that_refuses_a_time_stays_as_it_was() -> None:
    made = story()
    before = made.text, len(made.history)
    for name in ("append", "retry"):
        with pytest.raises(InvalidRequestError):
            getattr(made, name)("x", now=MILLISECONDS)
    assert (made.text, len(made.history)) == before


def test_what_is_stored_has_milliseconds_and_what_is_read_seconds() -> None:
    card, _ = story().to_data(now=SECONDS + 1)
    assert (card["createdAt"], card["lastUpdatedAt"]) == (MILLISECONDS, MILLISECONDS + 1000)
    made = story()
    assert {node.date for node in made.history.values()} == {SECONDS}
    vibe = StoredVibe.from_image(PNG, created_at=SECONDS)
    assert (vibe.document["createdAt"], vibe.created_at) == (MILLISECONDS, SECONDS)
    entry = Entry({"lastUpdatedAt": MILLISECONDS})
    assert entry.last_updated_at == SECONDS
    assert entry.with_fields(last_updated_at=SECONDS + 0.0001).data["lastUpdatedAt"] == MILLISECONDS


@given(st.integers(0, 253_402_300_799_999))
def test_milliseconds_survive_as_seconds(milliseconds: int) -> None:
    assert to_milliseconds(milliseconds / 1000, "now") == milliseconds


@for_each(
    "type_, name",
    [
        (AccountInformation, "account_created_at"),
        (Priority, "next_refill_at"),
        (Subscription, "expires_at"),
        (TrainedModule, "last_updated_at"),
        (ChatCompletion, "created"),
        (ModelCard, "created"),
        (nai.errors.StatusError, "retry_after"),
    ],
)
def test_every_time_of_an_answer_is_a_float(type_: type, name: str) -> None:
    places: list[Any] = [*type_.__mro__, type_.__init__]  # type: ignore[misc]
    annotations = [each.__annotations__[name] for each in places if name in getattr(each, "__annotations__", {})]
    assert annotations[0] in ("float", "float | None")
