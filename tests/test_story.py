"""Stories in both formats: reading, editing, and what stays unchanged.

See:
    docs/protocol/content.md#4-decrypted-json
    docs/protocol/content.md#5-old-story-format-story
    docs/protocol/content.md#7-the-document-field
"""

from __future__ import annotations

import binascii
import json
import subprocess
from copy import deepcopy
from typing import Any, cast

import pytest

from nai_proto.codecs.msgpackr import UNDEFINED, JsMap, JsSet, Timestamp, Wrapped, packb, unpackb
from nai_proto.errors import InvalidFile, InvalidRequestError, LocalProtocolError
from nai_proto.story import (
    Origin,
    OriginSpan,
    Section,
    SectionKind,
    Story,
    build_continuation,
    count_characters,
    count_units,
)
from nai_proto.text import BanList, BiasGroup, Preset
from nai_proto.text.models import Model
from nai_proto.tier import Tier
from tests.cases import for_each
from tests.protocol_data import DATA
from tests.test_continue_story import load_word_tokenizer
from tests.test_msgpackr import node_with_msgpackr

VECTORS: list[dict[str, Any]] = json.loads((DATA / "msgpackr_vectors.json").read_bytes())["vectors"]
DOCUMENTS = {vector["id"].partition("/")[2]: vector for vector in VECTORS if "document" in vector}
NOW = 1_720_000_000
CARD = {"storyMetadataVersion": 1, "title": "T", "lastUpdatedAt": 5, "unknown": [1.0]}

each_document = for_each("name", DOCUMENTS)
both = pytest.mark.parametrize("legacy", [False, True], ids=["document", "legacy"])


def load_vector(name: str) -> Story:
    content: dict[str, Any] = {
        "storyContentVersion": 6,
        "document": DOCUMENTS[name]["base64"],
        "lorebook": {"entries": []},
    }
    return Story.from_data(CARD, content)


def read_document_fields(story: Story) -> dict[str, Any]:
    """Return the fields of a story's packed document."""
    packed = story.to_data(now=NOW)[1]["document"]
    return cast("dict[str, Any]", cast("Any", unpackb(binascii.a2b_base64(packed))).value)


def list_origins(story: Story) -> list[list[tuple[str, str]]]:
    """Return each section as pieces of text with their origins."""
    return [[(section.text[a.start : a.end], a.origin.value) for a in section.origins] for section in story.sections]


# ---- the vectors


@each_document
def test_text_order_and_history_of_a_document_match_the_vector(name: str) -> None:
    story, facts = load_vector(name), DOCUMENTS[name]["document"]
    assert story.has_document
    assert story.text == facts["text"]
    assert [section.id for section in story.sections] == facts["order"]
    assert "\n".join(section.text for section in story.sections) == facts["text"]
    assert [node.id for node in story.history.get_path()] == facts.get("path_root_to_current", [])
    assert story.pending_text == facts.get("text_with_pending")


@each_document
def test_each_node_of_a_document_gives_the_text_of_the_vector(name: str) -> None:
    story, facts = load_vector(name), DOCUMENTS[name]["document"]
    start = story.current
    for node, text in facts.get("node_texts", {}).items():
        story.go_to(int(node))
        assert (story.text, story.current) == (text, int(node))
        assert Story.from_data(*story.to_data(now=NOW)).text == text
    if facts.get("node_texts"):
        story.go_to(start or 0)
        assert story.text == facts["text"]


@each_document
def test_reading_a_story_does_not_change_it(name: str) -> None:
    story = load_vector(name)
    assert story.text is not None
    assert story.history is not None
    assert story.to_data(now=NOW) == story.original
    assert story.to_data(now=NOW)[1]["document"] == DOCUMENTS[name]["base64"]


@each_document
def test_undo_and_redo_of_all_nodes_give_the_same_sections(name: str) -> None:
    if "node_texts" not in DOCUMENTS[name]["document"]:
        return
    story = load_vector(name)
    sections, node = story.sections, story.current
    while story.current != story.history.root:
        story.undo()
    assert story.text == ""
    while story.current != node:
        story.redo()
    assert story.sections == sections


# ---- what is shown


def test_sections_have_origins_and_kinds() -> None:
    assert list_origins(load_vector("edit-three-parts")) == [
        [("a", "user"), ("XX", "edit"), ("cd", "user"), ("Y", "edit"), ("fgh", "user")]
    ]
    instruction, action = load_vector("section-source-codes").sections
    assert (instruction.kind, instruction.code) == (SectionKind.INSTRUCTION, 10)
    assert (action.kind, action.code) == (SectionKind.OTHER, 1)
    assert action.origins == (OriginSpan(0, 20, Origin.USER, 1),)


def test_positions_are_characters_although_the_file_has_units() -> None:
    last = load_vector("non-latin").sections[2]
    assert last.text == "Goose 🪿 and duck \U0001f986 walk."
    assert last.origins == (OriginSpan(0, len(last.text), Origin.USER, 1),)
    assert count_units(last.text) == len(last.text) + 2


def test_unknown_origin_code_is_kept() -> None:
    value = cast("Any", unpackb(binascii.a2b_base64(DOCUMENTS["insert-at-start"]["base64"])))
    value.value["sections"].pairs[0][1]["meta"].pairs[0][1][0]["data"] = 77
    story = Story.from_data(CARD, {"document": binascii.b2a_base64(packb(value), newline=False).decode()})
    assert story.sections[1].origins == (OriginSpan(0, 7, Origin.UNKNOWN, 77),)
    story.replace(len("First.\nSec"), len("First.\nSec"), "x", now=NOW)
    assert [span.code for span in story.sections[1].origins] == [77, 3, 77]


def test_nodes_have_origins_changes_and_dates() -> None:
    story = load_vector("generate-then-user")
    root, prompt, generated, user = story.history.get_path()
    assert (root.origin, root.parent, root.changes) == (Origin.ROOT, None, ())
    assert (prompt.origin, prompt.inserted) == (Origin.PROMPT, "Mara climbed the stair.")
    assert generated.origin is Origin.AI
    assert generated.inserted == " Her lamp smoked.\nAt the top the door stood open."
    assert generated.position == (243070733566151, 24)
    assert [change.whole for change in generated.changes] == [False, True]
    assert (user.origin, user.date) == (Origin.USER, 1715449298.516)
    assert load_vector("edit-inside-paragraph").history.get_path()[-1].origin is Origin.EDIT
    removed = load_vector("remove-middle").history.get_path()[-1].changes[0]
    assert (removed.inserted, removed.deleted, removed.whole) == ("", "Two.", True)


def test_tries_of_a_generation_are_siblings_and_children_are_branches() -> None:
    story = load_vector("retry-chosen-first-branch")
    assert [node.inserted for node in story.siblings] == ["Rain came first.", "Snow came first."]
    assert [*story.branches] == []
    assert {node.id for node in story.history.leaves} == {node.id for node in story.siblings}
    story.undo()
    assert [node.inserted for node in story.branches] == ["Rain came first.", "Snow came first."]
    story.redo()
    assert story.text.endswith("Rain came first.")
    story.go_to(485933125819420)
    story.undo()
    story.redo()
    assert story.text.endswith("Snow came first.")
    root = Story.new(now=NOW)
    assert [node.id for node in root.siblings] == [root.current]


def test_repr_shows_no_text() -> None:
    story = load_vector("generate-then-user")
    assert repr(story) == "<Story document, not opened>"
    assert "Mara" not in repr([story, story.sections, story.history, *story.history.values()])
    assert repr(story) == f"<Story document, step {story.step}>"
    assert repr(story.history) == f"<History 4 nodes, current {story.current}>"


# ---- what is written


def test_one_edit_adds_one_node_and_changes_nothing_else() -> None:
    story = load_vector("generate-then-user")
    before = read_document_fields(story)
    story.append(" Nobody.", now=NOW)
    after = read_document_fields(story)
    node_id, node = after["history"].value["nodes"].pairs[-1]
    old = dict(before["history"].value["nodes"].pairs)
    new = dict(after["history"].value["nodes"].pairs)
    parent = before["history"].value["current"]
    assert after["history"].value["current"] == node_id == story.current
    assert new[parent].value == {**old[parent].value, "children": JsSet((node_id,))}
    assert [new[id_] for id_ in old if id_ != parent] == [old[id_] for id_ in old if id_ != parent]
    section = before["order"][-1]
    part = {"from": 26, "insert": " Nobody.", "delete": ""}
    metas = JsMap(((1, [{"index": 0, "position": 0, "data": 0, "length": 8}]),))
    diff = Wrapped(40, Wrapped(41, cast("Any", {"parts": [part], "metas": metas, "source": 0})))
    assert node.value == {
        "id": node_id,
        "parent": parent,
        "children": JsSet(),
        "route": UNDEFINED,
        "changes": JsMap(((section, {"type": 1, "diff": diff}),)),
        "date": Timestamp.from_milliseconds(1000 * NOW),
        "genPosition": UNDEFINED,
    }
    assert after["sections"].pairs[:2] == before["sections"].pairs[:2]
    assert after["order"] == before["order"]
    assert (before["step"], after["step"], story.step) == (3, 4, 4)
    assert [*after] == [*before]


def test_generation_stores_its_position_also_inside_a_line() -> None:
    story = Story.new(now=1)
    story.append("Goose 🪿", now=2, origin=Origin.PROMPT)
    story.append(" flies.\n\nDuck", now=3, origin=Origin.AI)
    assert list_origins(story) == [[("Goose 🪿", "prompt"), (" flies.", "ai")], [], [("Duck", "ai")]]
    node = story.history.get_path()[-1]
    assert node.position == (story.sections[0].id, count_units("Goose 🪿") + 1)
    empty = Story.new(now=1)
    empty.append("It was.", now=2, origin=Origin.AI)
    assert empty.history.get_path()[-1].position == (0, 0)


def test_new_ids_are_packed_as_floats_like_those_of_the_website() -> None:
    story = Story.new(now=1, entropy=bytes)
    story.append("One\nTwo", now=2)
    ids = [*(section.id for section in story.sections), *story.history]
    assert len({*ids}) == 4
    assert all(id_ is not None and packb(id_)[0] == 0xCB for id_ in ids)


@both
def test_replacement_across_lines_keeps_the_origins_around_it(legacy: bool) -> None:
    story = Story.new(now=1, legacy=legacy)
    story.append("Goose 🪿 one\nsecond\nthird \U0001f986", now=2)
    story.replace(story.text.index("🪿"), story.text.index("\U0001f986"), "X\nY", now=3)
    assert story.text == "Goose X\nY\U0001f986"
    assert list_origins(story) == [[("Goose ", "user"), ("X", "edit")], [("Y", "edit"), ("\U0001f986", "user")]]
    story.undo()
    assert list_origins(story) == [[("Goose 🪿 one", "user")], [("second", "user")], [("third \U0001f986", "user")]]
    story.redo()
    story.replace(0, len(story.text), "", now=4)
    assert story.text == ""


@both
def test_inserted_and_removed_sections_leave_the_others_unchanged(legacy: bool) -> None:
    story = Story.new(now=1, legacy=legacy)
    story.append("One\nTwo\nThree", now=2)
    ids = [section.id for section in story.sections]
    story.insert_sections(1, "a\nb", now=3, origin=Origin.AI)
    story.insert_sections(5, "end", now=4)
    story.insert_sections(0, "start", now=5)
    story.remove_section(3, now=6)
    assert story.text == "start\nOne\na\nTwo\nThree\nend"
    story.remove_section(5, now=6)
    story.remove_section(0, now=6)
    assert story.text == "One\na\nTwo\nThree"
    assert [section.id for section in story.sections if section.text != "a"] == ids
    assert list_origins(story)[1] == [("a", "ai")]
    again = Story.from_data(*story.to_data(now=NOW))
    assert again.sections == story.sections


def test_section_can_be_inserted_as_an_instruction() -> None:
    story = Story.new(now=1)
    story.append("One\nTwo", now=2)
    story.insert_sections(1, "Be brief.", now=3, kind=SectionKind.INSTRUCTION)
    assert [section.kind for section in story.sections] == [
        SectionKind.STORY,
        SectionKind.INSTRUCTION,
        SectionKind.STORY,
    ]
    story.replace(4, 6, "Keep", now=4)
    assert story.sections[1] == Section(
        "Keep brief.", story.sections[1].origins, SectionKind.INSTRUCTION, 10, story.sections[1].id
    )
    with pytest.raises(InvalidRequestError, match="code is not known"):
        story.insert_sections(0, "x", now=5, kind=SectionKind.OTHER)
    with pytest.raises(InvalidRequestError, match="ordinary"):
        Story.new(now=1, legacy=True).insert_sections(0, "x", now=2, kind=SectionKind.INSTRUCTION)


@both
def test_edit_without_a_change_adds_no_node(legacy: bool) -> None:
    story = Story.new(now=1, legacy=legacy)
    story.append("", now=2)
    story.append("One", now=2)
    node = story.current
    story.append("", now=3)
    story.replace(1, 1, "", now=3)
    assert story.current == node
    assert len(story.history) == 2


@both
def test_retry_adds_a_sibling_and_keeps_the_first_try(legacy: bool) -> None:
    story = Story.new(now=1, legacy=legacy)
    story.append("It began", now=2)
    story.append(" at dusk.", now=3, origin=Origin.AI)
    story.retry(" at dawn.", now=4)
    assert story.text == "It began at dawn."
    assert [node.inserted for node in story.siblings] == [" at dusk.", " at dawn."]
    story.go_to(story.siblings[0].id)
    assert story.text == "It began at dusk."
    assert story.step == (2 if legacy else 3)
    with pytest.raises(LocalProtocolError, match="nothing to undo"):
        Story.new(now=1, legacy=legacy).retry("x", now=2)


@both
@pytest.mark.parametrize(("start", "end"), [(2, 1), (-1, 2), (0, 99), (5, 1), (50, 60)])
def test_invalid_positions_are_rejected_and_nothing_changes(legacy: bool, start: int, end: int) -> None:
    story = Story.new(now=1, legacy=legacy)
    story.append("One\nTwo", now=2)
    packed = story.to_data(now=NOW)
    with pytest.raises(InvalidRequestError):
        story.replace(start, end, "x", now=3)
    for index in (-1, 3):
        with pytest.raises(InvalidRequestError):
            story.insert_sections(index, "x", now=3)
        with pytest.raises(InvalidRequestError):
            story.remove_section(index - (index > 0), now=3)
    for origin in (Origin.ROOT, Origin.UNKNOWN):
        with pytest.raises(InvalidRequestError, match="cannot be written with"):
            story.append("x", now=3, origin=origin)
    assert story.to_data(now=NOW) == packed


@both
def test_adjacent_surrogates_are_joined(legacy: bool) -> None:
    story = Story.new(now=1, legacy=legacy)
    story.append("Goose \ud83e", now=2)
    story.append("\udebf!", now=3)
    assert story.text == "Goose 🪿!"
    again = Story.from_data(*story.to_data(now=NOW))
    assert again.text == story.text
    again.undo()
    assert again.text == "Goose \ud83e"
    again.redo()
    again.replace(6, 7, "x", now=4)
    assert again.text == "Goose x!"
    assert Story.from_data(*again.to_data(now=NOW)).text == "Goose x!"


def test_units_and_characters_are_counted_separately() -> None:
    assert [count_characters("a🪿b", units) for units in (0, 1, 3, 4)] == [0, 1, 2, 3]
    assert count_characters("abc", 3) == 3
    for text, units in (("a🪿b", 2), ("a🪿b", 5), ("abc", 4), ("abc", -1)):
        with pytest.raises(InvalidRequestError):
            count_characters(text, units)


# ---- history


@both
def test_undo_at_the_root_and_redo_at_a_leaf_are_errors(legacy: bool) -> None:
    story = Story.new(now=1, legacy=legacy)
    with pytest.raises(LocalProtocolError, match="nothing to undo"):
        story.undo()
    with pytest.raises(LocalProtocolError, match="nothing to redo"):
        story.redo()
    with pytest.raises(InvalidRequestError, match="no node"):
        story.go_to(-5)
    story.append("x", now=2)
    node = story.current or 0
    story.go_to(node)
    assert story.current == node


def test_redo_goes_to_the_text_written_after_an_undo() -> None:
    story = load_vector("retry-chosen-first-branch")
    story.undo()
    story.append("\nNew.", now=NOW)
    parents = dict(read_document_fields(story)["history"].value["nodes"].pairs)
    assert parents[257316458613679].value["route"] == story.current
    story.undo()
    story.redo()
    assert story.text.endswith("New.")
    assert len(story.siblings) == 3


def test_undo_restores_removed_runs_also_after_reading_again() -> None:
    story = Story.new(now=1)
    story.append("Mara", now=2)
    story.append(" sang", now=3, origin=Origin.AI)
    story.replace(4, 9, "", now=4)
    again = Story.from_data(*story.to_data(now=NOW))
    again.undo()
    assert list_origins(again) == [[("Mara", "user"), (" sang", "ai")]]


def test_empty_runs_do_no_harm() -> None:
    value = cast("Any", unpackb(binascii.a2b_base64(DOCUMENTS["insert-at-start"]["base64"])))
    nodes = dict(value.value["history"].value["nodes"].pairs)
    made = nodes[378999894342381].value["changes"].pairs[0][1]["section"]
    for section in (value.value["sections"].pairs[0][1], made):
        section["meta"].pairs[0][1].insert(0, {"position": 0, "data": 2, "length": 0})
    story = Story.from_data(CARD, {"document": binascii.b2a_base64(packb(value), newline=False).decode()})
    assert list_origins(story)[1] == [("Second.", "user")]
    story.replace(7, 8, "s", now=NOW)
    again = Story.from_data(*story.to_data(now=NOW))
    assert list_origins(again)[1] == [("s", "edit"), ("econd.", "user")]
    again.undo()
    assert list_origins(again)[1] == [("Second.", "user")]


# ---- the legacy format (docs/protocol/content.md#5-old-story-format-story)


def fragment(data: str, origin: str = "user") -> dict[str, Any]:
    return {"data": data, "origin": origin}


def block(parent: int, start: int, end: int, text: str, origin: str, **more: Any) -> dict[str, Any]:
    changed: dict[str, Any] = {"startIndex": start, "endIndex": end, "dataFragment": fragment(text, origin)}
    links: dict[str, Any] = {"nextBlock": [], "prevBlock": parent, "origin": origin}
    return {**links, **changed, "fragmentIndex": -1, "removedFragments": [], "chain": False, **more}


OLDER: dict[str, Any] = {
    "version": 2,
    "step": 2,
    "fragments": [
        fragment("Once 🪿 upon a ", "prompt"),
        {**fragment("duck", "edit"), "unknown": 1},
        fragment(".\nRain", "ai"),
    ],
    "datablocks": [
        block(-1, 0, 0, "", "root", nextBlock=[1]),
        block(0, 0, 0, "Once 🪿 upon a time.", "prompt", nextBlock=[2, 3]),
        block(1, 20, 20, "\nSnow", "ai"),
        block(1, 20, 99, "\nRain", "ai", nextBlock=[4]),
        block(3, 15, 19, "duck", "edit", removedFragments=[fragment("time", "prompt")], chain=True, unknown=2),
    ],
    "currentBlock": 4,
    "unknown": 3,
}


def build_legacy(**changes: Any) -> Story:
    return Story.from_data(CARD, {"storyContentVersion": 4, "story": {**deepcopy(OLDER), **changes}, "other": 1})


def test_legacy_story_has_lines_as_sections_and_blocks_as_nodes() -> None:
    story = build_legacy()
    assert not story.has_document
    assert story.text == "Once 🪿 upon a duck.\nRain"
    assert list_origins(story) == [[("Once 🪿 upon a ", "prompt"), ("duck", "edit"), (".", "ai")], [("Rain", "ai")]]
    assert story.problems == ()
    assert [node.origin.value for node in story.history.get_path()] == ["root", "prompt", "ai", "edit"]
    (change,) = story.history[4].changes
    assert (change.inserted, change.deleted) == ("duck", "time")
    assert story.to_data(now=NOW) == story.original
    assert story.step == 2


def test_chained_blocks_are_undone_and_redone_together() -> None:
    story = build_legacy()
    story.undo()
    assert (story.current, story.text) == (1, "Once 🪿 upon a time.")
    story.redo()
    assert (story.current, story.text) == (4, "Once 🪿 upon a duck.\nRain")
    story.go_to(2)
    assert story.text == "Once 🪿 upon a time.\nSnow"
    again = Story.from_data(*story.to_data(now=NOW))
    assert again.history[1].children == (3, 2)
    again.undo()
    again.redo()
    assert again.current == 2


def test_block_whose_removed_fragments_do_not_fit_is_undone_by_a_replay() -> None:
    blocks = deepcopy(OLDER["datablocks"])
    blocks[4]["removedFragments"] = [fragment("Once 🪿 upon a time", "prompt")]
    story = build_legacy(datablocks=blocks)
    story.go_to(3)
    assert story.text == "Once 🪿 upon a time.\nRain"
    assert list_origins(story)[0] == [("Once 🪿 upon a time", "prompt"), (".", "ai")]


def test_unknown_fields_of_a_legacy_story_are_kept() -> None:
    story = build_legacy()
    story.append(" fell.", now=NOW)
    packed = story.to_data(now=NOW)[1]
    text = packed["story"]
    assert packed == {**story.original[1], "story": text}
    assert text["fragments"] == [*OLDER["fragments"], fragment(" fell.")]
    assert text["datablocks"][:4] == OLDER["datablocks"][:4]
    assert text["datablocks"][4] == {**OLDER["datablocks"][4], "nextBlock": [5]}
    assert text["datablocks"][5] == block(4, 25, 25, " fell.", "user", fragmentIndex=3)
    assert (text["currentBlock"], text["step"], text["unknown"]) == (5, 2, 3)
    story.append("x", now=NOW, origin=Origin.AI)
    assert story.to_data(now=NOW)[1]["story"]["step"] == 3


def test_legacy_edit_stores_what_it_removed_and_undo_restores_it() -> None:
    story = build_legacy()
    story.replace(3, 17, "X", now=NOW)
    packed = story.to_data(now=NOW)[1]["story"]
    assert packed["datablocks"][5]["removedFragments"] == [
        fragment("e 🪿 upon a ", "prompt"),
        {**fragment("duc", "edit"), "unknown": 1},
    ]
    assert [each["data"] for each in packed["fragments"]] == ["Onc", "X", "k", ".\nRain"]
    story.undo()
    assert story.to_data(now=NOW)[1]["story"]["fragments"] == OLDER["fragments"]


def test_character_split_between_two_fragments_is_joined() -> None:
    fragments = [fragment("a\ud83e"), fragment("\udebfb", "ai"), fragment("\ud83e")]
    story = Story.from_data({}, {"story": {"fragments": fragments, "datablocks": [], "currentBlock": 0}})
    assert story.text == "a🪿b\ud83e"
    assert story.sections[0].origins == (
        OriginSpan(0, 1, Origin.USER, "user"),
        OriginSpan(1, 3, Origin.AI, "ai"),
        OriginSpan(3, 4, Origin.USER, "user"),
    )


# ---- beside the text


def test_card_has_the_preview_and_the_date_of_the_text() -> None:
    story = load_vector("insert-at-start")
    story.append("x" * 300, now=NOW)
    card, _ = story.to_data(now=NOW + 5)
    assert card == {**CARD, "textPreview": story.text[:250], "lastUpdatedAt": 1000 * NOW + 5000}
    assert story.original[0] == CARD
    assert story.title == "T"
    story.card["title"] = 5
    assert story.title == ""


@both
def test_new_story_has_all_fields(legacy: bool) -> None:
    story = Story.new("Ducks", now=NOW, legacy=legacy, model=Model.ERATO)
    assert (story.title, story.text, story.problems, story.step) == ("Ducks", "", (), 0)
    assert story.has_document is not legacy
    card, content = story.to_data(now=NOW)
    assert (card["createdAt"], card["hasDocument"]) == (1000 * NOW, not legacy)
    assert content["storyContentVersion"] == (4 if legacy else 6)
    assert ("story" in content) is legacy
    assert [entry["contextConfig"]["insertionPosition"] for entry in content["context"]] == [0, -4]
    assert story.settings.preset.to_settings() == Preset.from_default(Model.ERATO).to_settings()
    json.dumps(content, allow_nan=False)


def test_memory_and_note_are_created_if_missing() -> None:
    story = Story.from_data({}, {"document": DOCUMENTS["new-empty"]["base64"], "context": [{"text": "m", "x": 1}]})
    assert (story.memory, story.authors_note) == ("m", "")
    story.memory = "M"
    story.authors_note = "N"
    memory, note = story.to_data(now=NOW)[1]["context"]
    assert memory == {"text": "M", "x": 1}
    assert (note["text"], note["contextConfig"]["budgetPriority"]) == ("N", -400)
    strange = Story.from_data({}, {"document": "", "context": "x"})
    assert strange.memory == ""
    strange.authors_note = "N"
    assert len(strange.fields["context"]) == 2


def test_changes_beside_the_text_change_neither_the_text_nor_the_arguments() -> None:
    given: dict[str, Any] = {"a": 1, "document": DOCUMENTS["new-empty"]["base64"], "settings": {"parameters": {"x": 1}}}
    story = Story.from_data({}, given)
    story.settings.parameters["temperature"] = 2
    story.settings.model = Model.CLIO
    story.settings.module = "theme_x"
    del story.fields["a"]
    card, content = story.to_data(now=NOW)
    assert content == {
        "document": given["document"],
        "settings": {"parameters": {"x": 1, "temperature": 2}, "model": "clio-v1", "prefix": "theme_x"},
    }
    assert card == {"lastUpdatedAt": 1000 * NOW}
    assert given["settings"] == {"parameters": {"x": 1}}
    assert (story.settings.model, story.settings.module) == ("clio-v1", "theme_x")
    empty = Story.from_data({}, {}).settings
    assert (empty.model, empty.module, empty.bans, empty.biases) == ("", "vanilla", (), ())


def test_preset_can_be_set_and_read_and_unknown_parameters_are_kept() -> None:
    story = Story.new(now=1, model=Model.KAYRA)
    story.settings.parameters["bad_words_ids"] = [[1]]
    preset = story.settings.preset
    preset.temperature = 1.75
    story.settings.preset = preset
    assert story.settings.parameters["temperature"] == 1.75
    assert story.settings.parameters["bad_words_ids"] == [[1]]
    assert story.settings.model == "kayra-v1"
    story.settings.parameters["order"] = [2, 0]
    assert story.settings.preset.order == [2, 0]
    story.settings.parameters["temperature"] = "hot"
    with pytest.raises(InvalidFile):
        _ = story.settings.preset


@for_each("given", [{}, {"settings": "kayra"}, {"settings": {"parameters": [], "model": "kayra-v1"}}])
def test_reading_the_settings_changes_no_story(given: dict[str, Any]) -> None:
    content = {"document": DOCUMENTS["new-empty"]["base64"], **given}
    story = Story.from_data({}, content)
    _ = (story.settings.model, story.settings.module, story.settings.problems, story.settings.bans, story.problems)
    if story.settings.model:
        _ = story.settings.preset
    build_continuation(story, tokenizer=load_word_tokenizer(Model.KAYRA), tier=Tier.OPUS, model="kayra-v1")
    assert story.to_data(now=NOW) == ({}, content)


def test_bans_and_biases_are_typed_and_unknown_fields_are_kept() -> None:
    ban = {"sequences": ["x", {"sequences": [[5, 6]], "type": 1, "unknown": 1}], "enabled": True, "unknown": 2}
    bias = {"phrases": ["y"], "bias": 0.5, "enabled": True, "ensure_sequence_finish": True, "whenInactive": False}
    content = {"document": "", "bannedSequenceGroups": [ban], "phraseBiasGroups": [bias, {**bias, "bias": 1}]}
    story = Story.from_data({}, content)
    settings = story.settings
    assert (5, 6) in settings.bans[0].to_ban_list()
    assert (settings.biases[0].bias, settings.biases[0].ensure_sequence_finish) == (0.5, True)
    settings.bans = settings.bans
    settings.biases = settings.biases
    assert story.to_data(now=NOW)[1] == content
    settings.bans = [settings.bans[0].with_fields(enabled=False), BanList("new", [7], enabled=False)]
    settings.biases = [settings.biases[1].with_fields(bias=1.5), BiasGroup(-1.0, generate_once=True, phrases=["w"])]
    packed = story.to_data(now=NOW)[1]
    assert packed["bannedSequenceGroups"][0] == {**ban, "enabled": False}
    assert packed["phraseBiasGroups"][0] == {**bias, "bias": 1.5}
    again = Story.from_data({}, packed).settings
    assert again.bans[1].to_ban_list() == BanList("new", [7], enabled=False)
    assert again.biases[1].to_group() == BiasGroup(-1.0, generate_once=True, phrases=["w"])
    story.fields["bannedSequenceGroups"] = story.fields["phraseBiasGroups"] = [5, {"enabled": 3}]
    assert (
        [group.enabled for group in story.settings.bans] == [group.enabled for group in story.settings.biases] == [True]
    )


# ---- beside the original


ORIGINAL = """
const {Packr, addExtension} = require("msgpackr"), {isDeepStrictEqual} = require("util")
for (const type of [20, 30, 31, 40, 41, 42]) {
  const Class = class { constructor(value) { this.value = value } }
  addExtension({Class, type, read: value => new Class(value), write: wrapped => wrapped.value})
}
const packr = () => new Packr({bundleStrings: true, moreTypes: true, structuredClone: false})
const stories = JSON.parse(require("fs").readFileSync(0))
console.log(JSON.stringify(stories.map(text => {
  const {sections, order, history, dirtySections, step} = packr().unpack(Buffer.from(text, "base64")).value
  const again = packr().pack(packr().unpack(Buffer.from(text, "base64")))
  const {root, current, nodes} = history.value
  let path = [], at = current
  while (at !== undefined) { path.unshift(at); at = nodes.get(at).value.parent }
  return {
    text: order.map(id => sections.get(id).text).join("\\n"),
    keys: [...sections.keys(), ...nodes.keys()].every(key => typeof key === "number"),
    children: [...nodes.values()].every(node => node.value.children instanceof Set && node.value.date instanceof Date),
    path, step, dirty: dirtySections.size, again: again.toString("base64"),
  }
})))
"""


def test_node_reads_a_written_story_as_the_same_values() -> None:
    node = node_with_msgpackr()
    stories = [load_vector(name) for name, each in DOCUMENTS.items() if "path_root_to_current" in each["document"]]
    for story in stories:
        story.append(" Goose 🪿.\nNext", now=NOW, origin=Origin.AI)
        story.replace(0, 1, "é", now=NOW)
        story.insert_sections(1, "x", now=NOW, kind=SectionKind.INSTRUCTION)
    packed = [story.to_data(now=NOW)[1]["document"] for story in stories]
    done = subprocess.run(
        [node, "-e", ORIGINAL], input=json.dumps(packed), capture_output=True, check=True, text=True, timeout=50
    )
    for story, read in zip(stories, json.loads(done.stdout), strict=True):
        again = Story.from_data({}, {"document": read["again"]})
        assert read["text"] == story.text == again.text
        assert read["path"] == [node.id for node in story.history.get_path()]
        assert (read["keys"], read["children"], read["step"], read["dirty"]) == (True, True, story.step, 0)
        again.undo()
        story.undo()
        assert again.sections == story.sections
