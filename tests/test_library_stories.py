"""Stories of a library: found by what people type, created, saved and deleted, and nothing of them is lost.

See:
    docs/protocol/content.md#23-ways-to-lose-data-and-the-order-that-avoids-them
    docs/protocol/content.md#41-stories
"""

from __future__ import annotations

import pickle
import unicodedata
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto.codecs.key_derivation import encryption_key
from nai_proto.codecs.keystore import Keystore, open_keystore
from nai_proto.codecs.sealed_objects import OpenedObject, OpenedState, StoredObject, seal_object
from nai_proto.emulator import Emulator
from nai_proto.errors import ConflictError, InvalidRequestError, InvalidTypeError, NotFoundError
from nai_proto.exchange.reply import App
from nai_proto.library import Library, OpenedStory, open_library
from nai_proto.secret import Password
from nai_proto.story import Story
from nai_proto.testing import Clock, FlowTrace, run_in_memory
from tests.cases import for_each
from tests.faults import FAULTS, inject_fault, lose_request, refuse_with
from tests.support import EMAIL, PASSWORD, an_emulator

KEY = encryption_key(EMAIL, Password(PASSWORD))
NOW = 1_700_000_000
STORY = Story.from_data(
    {"storyMetadataVersion": 1, "title": "A new one", "textPreview": "Once"},
    {"storyContentVersion": 4, "story": {"fragments": [{"data": "Once", "origin": "user"}]}},
)
FORMATS = pytest.mark.parametrize("legacy", [False, True], ids=["newer", "legacy"])


def opened(emulator: Emulator) -> Library:
    return run_in_memory(open_library(EMAIL, PASSWORD), emulator).result


def run(flow: Any, app: App) -> FlowTrace[Any, Any]:
    return run_in_memory(flow, app, clock=Clock(NOW))


def writes_of(played: FlowTrace[Any, Any]) -> list[tuple[str, str]]:
    """Return the requests that change something."""
    return [(request.method, request.path) for request in played.requests if request.method != "GET"]


def with_story(legacy: bool = False) -> tuple[Emulator, Library]:
    """An emulator and its library, which has one story more than usual, called Swans."""
    emulator, _ = an_emulator()
    story = Story.new("Swans", now=NOW, legacy=legacy)
    story.append("The lake was frozen.", now=NOW)
    run(opened(emulator).create(story), emulator)
    return emulator, opened(emulator)


# ---- finding


def library_of(*titles: str) -> Library:
    """A library of cards with these titles; the ids are s0, s1 and so on, the metas m0, m1 and so on."""
    cards = [
        OpenedObject(
            StoredObject(id=f"s{number}", type="stories", meta=f"m{number}"),
            OpenedState.OPENED,
            source=msgspec.json.encode({"title": title}),
        )
        for number, title in enumerate(titles)
    ]
    return Library(Keystore(), tuple(OpenedStory(card, None) for card in cards))


@for_each(
    "name, found",
    [
        ("Sea", "s1"),  # this title, although two others begin with it
        ("sea song", "s2"),
        ("SEASIDE", "s3"),
        ("seas", "s3"),
        ("Moo", "s0"),
        ("s1", "s1"),
        ("m3", "s3"),
        ("  moon ", "s0"),
        (unicodedata.normalize("NFD", "Ömül"), "s4"),
        ("ö", "s4"),
    ],
)
def test_a_story_is_found_by_id_title_or_the_beginning_of_one(name: str, found: str) -> None:
    library = library_of("Moon", "Sea", "Sea Song", "Seaside", "Ömül")
    assert library.find(name).card.stored.id == found


def test_an_ambiguous_name_lists_the_stories_that_fit() -> None:
    library = library_of("Sea", "Sea", "Seaside")
    with pytest.raises(
        InvalidRequestError, match=r"^2 stories fit 'Sea': 'Sea' \(s0\), 'Sea' \(s1\); give one of the ids$"
    ):
        library.find("Sea")
    with pytest.raises(InvalidRequestError, match="3 stories fit 'se'"):
        library.find("se")


@for_each(
    "titles, name, listed",
    [
        (["Sea Song", "Moon"], "Sea Sog", r"; similar: 'Sea Song' \(s0\)"),
        (["Sea Song", "Moon"], "song", r"; similar: 'Sea Song' \(s0\)"),
        (["Sea", "Moon"], "", r"; there are 'Sea' \(s0\), 'Moon' \(s1\)"),
        (["T"] * 7, "x", r"; there are 'T' \(s0\), .* 'T' \(s4\) and 2 more"),
        ([], "x", ": there are no stories"),
    ],
)
def test_an_unknown_name_lists_similar_stories_or_those_there_are(titles: list[str], name: str, listed: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"^no story has the title or id '{name}'{listed}$"):
        library_of(*titles).find(name)


@given(st.lists(st.text(max_size=4), max_size=6), st.text(max_size=4))
def test_finding_gives_a_story_that_fits_or_one_line_that_says_why_not(titles: Sequence[str], name: str) -> None:
    library = library_of(*(title.encode("utf-8", "replace").decode() for title in titles))
    exact = [each for each in library.stories if each.title == name]
    try:
        story = library.find(name)
    except InvalidRequestError as error:
        said = str(error)
    else:
        assert exact in ([], [story]) or name in (story.card.stored.id, story.card.stored.meta)
        return
    assert said.isprintable()
    assert len(exact) != 1 or not name.strip()


# ---- saving


@FORMATS
def test_an_edited_story_is_saved_without_naming_token_or_keystore(legacy: bool) -> None:
    emulator, library = with_story(legacy)
    story = library.find("swans").edit()
    story.title = "Ducks"
    story.append(" A duck sang.", now=NOW)
    played = run(library.save(story), emulator)
    assert played.result == story.opened == opened(emulator).find("Ducks")
    assert played.result.text == "The lake was frozen. A duck sang."
    assert [path.split("/")[3] for _, path in writes_of(played)] == ["storycontent", "stories"]


@FORMATS
def test_a_story_may_be_edited_and_saved_again_and_again(legacy: bool) -> None:
    emulator, library = with_story(legacy)
    story = library.find("Swans").edit()
    story.append(" One.", now=NOW)
    flow = library.save(story)
    run(flow, emulator)
    assert writes_of(run(flow, emulator)) == []
    story.append(" Two.", now=NOW)
    run(flow, emulator)
    story.undo()
    run(flow, emulator)
    story.title = "Ducks"
    assert [path.split("/")[3] for _, path in writes_of(run(flow, emulator))] == ["stories"]
    stored = opened(emulator).find("Ducks")
    assert stored.text == "The lake was frozen. One."
    again = stored.edit()
    again.redo()
    assert again.text == "The lake was frozen. One. Two."


def test_a_story_that_was_just_created_is_edited_and_saved_with_the_library_from_before() -> None:
    emulator, _ = an_emulator()
    library = opened(emulator)
    story = run(library.create(STORY), emulator).result.edit()
    story.title = "Another"
    assert run(library.save(story), emulator).result.title == "Another"


def change_title(emulator: Emulator, library: Library, story: OpenedStory, title: str) -> None:
    theirs = story.edit()
    theirs.title = title
    run(library.save(theirs), emulator)


def test_saving_never_overwrites_what_another_program_saved() -> None:
    emulator, library = with_story()
    story = library.find("Swans").edit()
    theirs = library.find("Swans").edit()
    theirs.append(" Theirs.", now=NOW)
    run(library.save(theirs), emulator)
    story.append(" Mine.", now=NOW)
    played = run(library.save(story), emulator)
    assert isinstance(played.error, ConflictError)
    assert opened(emulator).find("Swans").text == "The lake was frozen. Theirs."
    assert story.text == "The lake was frozen. Mine."


def test_a_card_that_another_program_changed_is_an_error_and_the_text_is_stored() -> None:
    emulator, library = with_story()
    story = library.find("Swans").edit()
    change_title(emulator, library, library.find("Swans"), "Theirs")
    story.append(" Mine.", now=NOW)
    played = run(library.save(story), emulator)
    assert isinstance(played.error, ConflictError)
    assert "text and settings are stored" in played.error.__notes__[0]
    stored = opened(emulator).find("Theirs")
    assert stored.text == "The lake was frozen. Mine."
    assert isinstance(run(library.save(story), emulator).error, ConflictError)  # of the card, not of the content
    assert story.opened.content == stored.content


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("number", [0, 1], ids=["content", "card"])
def test_saving_again_after_any_fault_stores_the_edits(fault: str, number: int) -> None:
    emulator, library = with_story()
    story = library.find("Swans").edit()
    story.append(" Mine.", now=NOW)
    story.title = "Mine"
    played = run(library.save(story), inject_fault(emulator, FAULTS[fault], number, method="PATCH"))
    if played.error is not None:
        run(library.save(story), emulator)
    assert opened(emulator).find("Mine").text == "The lake was frozen. Mine."


def test_a_story_that_is_gone_or_did_not_open_is_not_saved() -> None:
    emulator, library = with_story()
    story = library.find("Swans")
    edited = story.edit()
    edited.append(" Mine.", now=NOW)
    run(library.delete(story), emulator)
    assert isinstance(run(library.save(edited), emulator).error, NotFoundError)
    with pytest.raises(InvalidRequestError, match="did not open, so it cannot be edited"):
        OpenedStory(story.card, None).edit()
    with pytest.raises(InvalidTypeError, match=r"Library\.create stores a new one"):
        library.save(STORY)  # type: ignore[arg-type]


# ---- the value


def test_a_library_pickles_with_its_secrets_and_shows_none_of_them() -> None:
    emulator, library = with_story()
    again = pickle.loads(pickle.dumps(library))
    assert again == library
    assert (again.key, again.token) == (library.key, library.token) == (KEY, library.token)
    assert library.token is not None
    shown = repr(library) + repr(library.save(library.find("Swans").edit())) + repr(library.find("Swans").edit())
    secrets = [library.token.reveal(), PASSWORD, EMAIL, "The lake", "Swans", *map(repr, library.keystore.values())]
    assert [secret for secret in secrets if secret in shown] == []
    flow = pickle.loads(pickle.dumps(again.create(STORY.from_data(*STORY.original))))
    assert run(flow, emulator).result.title == "A new one"


def test_a_library_without_a_key_says_so_before_anything_is_sent() -> None:
    with pytest.raises(InvalidRequestError, match="open it with open_library"):
        library_of("x").create(STORY)


# ---- creating


def test_the_key_of_a_new_story_is_saved_first() -> None:
    emulator, owner = an_emulator()
    played = run(opened(emulator).create(STORY), emulator)
    story = played.result
    assert writes_of(played) == [
        ("PUT", "/user/keystore"),
        ("PUT", "/user/objects/storycontent"),
        ("PUT", "/user/objects/stories"),
        ("PATCH", f"/user/objects/stories/{story.card.stored.id}"),
    ]
    now = opened(emulator).stories[-1]
    assert now == story
    assert (now.title, now.text, now.ok, now.is_consistent) == ("A new one", "Once", True, True)
    card = now.card.json()
    assert now.content is not None
    assert card["id"] == now.card.stored.meta
    assert (card["remoteId"], card["remoteStoryId"]) == (now.card.stored.id, now.content.stored.id)
    assert len(open_keystore(owner.storage.keystore, KEY)) == 4


@for_each("number", range(7))
def test_an_interrupted_creation_leaves_no_object_without_a_key(number: int) -> None:
    emulator, _ = an_emulator()
    flow = opened(emulator).create(STORY)
    played = run(flow, inject_fault(emulator, lose_request, *range(number, 99), path="/user/"))
    now = opened(emulator)
    assert now.failed == ()
    assert played.error is not None
    assert (now.orphans == ()) == (not getattr(played.error, "__notes__", ()) or len(now.stories) == 4)


def test_an_invalid_content_is_an_error_before_anything_is_sent() -> None:
    emulator, _ = an_emulator()
    card, content = STORY.original
    for story in (Story.from_data({"a": {1}}, content), Story.from_data(card, {"a": float("inf")})):
        played = run(opened(emulator).create(story), emulator)
        assert isinstance(played.error, InvalidRequestError)
        assert played.requests == []


@for_each("status", [409, 401, 404, 500])
@for_each("method", ["PUT", "PATCH"])
def test_a_story_that_was_not_stored_completely_is_an_error(status: int, method: str) -> None:
    emulator, _ = an_emulator()
    app = inject_fault(emulator, refuse_with(status), *range(99), method=method, path="/user/objects")
    played = run(opened(emulator).create(STORY), app)
    assert played.error is not None
    if status == 409:
        assert isinstance(played.error, ConflictError)


def test_a_story_of_the_account_is_copied_with_its_history() -> None:
    emulator, library = with_story()
    copy = run(library.create(library.find("Swans").edit()), emulator).result
    first, second = (story for story in opened(emulator).stories if story.title == "Swans")
    assert second == copy
    assert len({item.stored.meta for item in (first.card, second.card)}) == 2
    assert first.content is not None
    assert second.content is not None
    assert first.content.json() == second.content.json()


# ---- deleting


def test_a_story_is_deleted_content_first_and_its_key_stays() -> None:
    emulator, owner = an_emulator()
    library = opened(emulator)
    story = library.stories[1]
    assert story.content is not None
    played = run(library.delete(story), emulator)
    assert played.result == (story.content.stored, story.card.stored) == tuple(played.events)
    assert len(opened(emulator).stories) == 2
    assert len(open_keystore(owner.storage.keystore, KEY)) == 3
    assert run(library.delete(story), emulator).result == ()
    assert run(library.delete(OpenedStory(story.card, None)), emulator).result == ()


@pytest.mark.parametrize("type_", ["stories", "storycontent"])
def test_a_story_that_another_program_changed_is_not_deleted(type_: str) -> None:
    emulator, owner = an_emulator()
    library = opened(emulator)
    stored = owner.storage.objects[type_][1]
    item = next(each for each in library.items if each.stored == stored)
    data = seal_object(item, library.keystore, {**item.json(), "theirs": True})
    owner.storage.update(type_, stored.id, stored.meta or "", data, None, 0)
    played = run(library.delete(library.stories[1]), emulator)
    assert isinstance(played.error, ConflictError)
    assert "nothing was deleted" in str(played.error)
    assert len([*opened(emulator).items]) == 6


@for_each("fault", FAULTS)
@for_each("number", range(4))
def test_deleting_again_after_any_fault_completes_it(fault: str, number: int) -> None:
    emulator, _ = an_emulator()
    library = opened(emulator)
    story = library.stories[1]
    run(library.delete(story), inject_fault(emulator, FAULTS[fault], number, path="/user/objects"))
    now = opened(emulator)
    left = [each for each in now.stories if each.card == story.card]
    for each in left:
        run(now.delete(each), emulator)
    assert len([*opened(emulator).items]) == 4


# ---- attributes that cannot be assigned


@for_each("name", ["title", "titel", "card", "text"])
def test_a_story_of_a_library_says_how_its_title_is_changed(name: str) -> None:
    (story, *_) = opened(an_emulator()[0]).stories
    with pytest.raises(AttributeError, match=rf"{name} cannot be assigned: .*story\.edit\(\).*edited\.title = "):
        setattr(story, name, "A better title")


def test_a_misspelt_attribute_of_a_story_that_is_edited_is_an_error_with_the_nearest() -> None:
    story = opened(an_emulator()[0]).stories[0].edit()
    for target, name, meant in (
        (story, "titel", "title"),
        (story, "memry", "memory"),
        (story.settings, "modle", "model"),
    ):
        with pytest.raises(AttributeError, match=f"no attribute '{name}'; did you mean '{meant}'"):
            setattr(target, name, "x")
    with pytest.raises(AttributeError, match="has no setter"):
        setattr(story, "text", "x")  # noqa: B010 -- type checkers refuse the plain assignment
    story.title = "A better title"
    assert story.title == "A better title"
