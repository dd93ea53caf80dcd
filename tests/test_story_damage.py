"""Stories that are broken: what is readable is shown, all else is a documented error, nothing is lost.

See:
    docs/protocol/content.md#5-old-story-format-story
    docs/protocol/content.md#7-the-document-field
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nai_proto.codecs.msgpackr import UNDEFINED, BigInt, JsMap, JsSet, Value, Wrapped, packb, unpackb
from nai_proto.errors import Damaged, InvalidRequestError, LimitExceeded, LocalProtocolError, NaiError
from nai_proto.limits import Limits
from nai_proto.story import Origin, Story
from nai_proto.story.formats.fragments import Fragment, FragmentList
from nai_proto.story.formats.section_list import JournalCache, SectionList, SectionMove
from nai_proto.story.formats.story_text import ReplayWork
from tests.cases import for_each
from tests.hypothesis_profiles import scale_examples
from tests.protocol_data import DATA

VECTORS: list[dict[str, Any]] = json.loads((DATA / "msgpackr_vectors.json").read_bytes())["vectors"]
DOCUMENTS = {
    vector["id"].partition("/")[2]: binascii.a2b_base64(vector["base64"]) for vector in VECTORS if "document" in vector
}
BROKEN = [vector for vector in VECTORS if "error" in vector and "base64" in vector]
NOW = 1_720_000_000
OLDER: dict[str, Any] = Story.new(now=1, legacy=True).original[1]["story"]


def load_story(data: bytes, **limits: int) -> Story:
    content: dict[str, Any] = {
        "storyContentVersion": 6,
        "document": binascii.b2a_base64(data, newline=False).decode(),
        "context": [],
    }
    return Story.from_data({"title": "T"}, content, limits=Limits(**limits))


def build_damaged_document(name: str, change: Callable[[dict[str, Any]], None]) -> Story:
    """The story of a vector whose fields were changed."""
    value = cast("Any", unpackb(DOCUMENTS[name]))
    change(value.value)
    return load_story(packb(value))


def change_node(place: int | None = None, **changes: Value) -> Callable[[dict[str, Any]], None]:
    """Changes fields of the history, or of the node in one place."""

    def change(fields: dict[str, Any]) -> None:
        history = fields["history"].value
        (history if place is None else history["nodes"].pairs[place][1].value).update(changes)

    return change


def build_legacy(**fields: Any) -> Story:
    return Story.from_data({}, {"story": {**OLDER, **fields}})


def block(parent: int, start: int, end: int, text: str, **fields: Any) -> dict[str, Any]:
    data = {"data": text, "origin": "user"}
    fields_of_block: dict[str, Any] = {
        "nextBlock": [],
        "prevBlock": parent,
        "startIndex": start,
        "endIndex": end,
        "dataFragment": data,
    }
    return {**fields_of_block, "origin": "user", "removedFragments": [], "fragmentIndex": -1, "chain": False, **fields}


def update(at: int, inserted: str, deleted: str) -> Any:
    """A step that changes one piece of a section."""
    part = {"from": at, "insert": inserted, "delete": deleted}
    return {"type": 1, "diff": Wrapped(40, Wrapped(41, cast("Any", {"parts": [part]})))}


# ---- what cannot be read at all


@for_each("vector", BROKEN, ids=lambda vector: vector["id"])
def test_unreadable_document_raises_each_time_and_stays_unchanged(vector: dict[str, Any]) -> None:
    content = {"document": vector["base64"], "context": [{"text": "a memory"}]}
    broken = Story.from_data({"title": "T"}, content)
    for _ in range(2):
        with pytest.raises(NaiError):
            _ = broken.text
    assert len(broken.problems) == 1
    assert broken.memory == "a memory"
    broken.memory = "another"
    card, packed = broken.to_data(now=NOW)
    assert packed == {**content, "context": [{"text": "another"}]}
    assert card == {"title": "T", "lastUpdatedAt": 1000 * NOW}
    assert broken.original == ({"title": "T"}, content)


@for_each(
    "content, category",
    [
        ({}, "no text"),
        ({"document": None}, "not a document"),
        ({"story": None}, "not a story"),
        ({"document": "no base64!"}, "bad base64"),
        ({"document": ""}, "incomplete"),
        ({"document": "AA=="}, "not a document"),
        ({"story": {"fragments": None}}, "not a story"),
    ],
)
def test_damaged_story_has_a_category(content: dict[str, Any], category: str) -> None:
    for read in (lambda: Story.from_data({}, content).text, lambda: Story.from_data({}, content).history):
        with pytest.raises(Damaged) as raised:
            read()
        assert raised.value.category == category


@for_each("change", [{"sections": []}, {"order": JsMap()}, {"order": UNDEFINED}])
def test_document_without_sections_or_order_is_damaged(change: dict[str, Value]) -> None:
    with pytest.raises(Damaged) as raised:
        _ = build_damaged_document("remove-middle", lambda fields: fields.update(change)).text
    assert raised.value.category == "not a document"


# ---- what can be read


def test_missing_sections_are_skipped_and_reported() -> None:
    def change(fields: dict[str, Any]) -> None:
        fields["order"] += [77, "x", fields["order"][0], 0, BigInt(5)]
        fields["sections"] = JsMap((*fields["sections"].pairs, ("odd", 1)))

    broken = build_damaged_document("remove-middle", change)
    assert broken.text == "One.\nThree."
    assert broken.problems == (
        "`order` names section 77, which is missing",
        "`order` has something that is not an id",
        "`order` names section 0, which is missing",
        "`order` has something that is not an id",
        "`order` names a section more than once",
        "`sections` has an entry that is no section",
    )
    broken.append(" Four.", now=NOW)
    again = Story.from_data(*broken.to_data(now=NOW))
    assert again.text == "One.\nThree. Four."
    assert [problem for problem in again.problems if "77" in problem]
    value = cast("Any", unpackb(binascii.a2b_base64(again.original[1]["document"])))
    assert value.value["sections"].pairs[-1] == ("odd", 1)


def test_section_without_a_text_keeps_its_place() -> None:
    def change(fields: dict[str, Any]) -> None:
        fields["sections"] = JsMap((*fields["sections"].pairs, (77, {"type": 0})))
        fields["order"].insert(1, 77)

    broken = build_damaged_document("remove-middle", change)
    assert broken.text == "One.\nThree."
    assert broken.problems == ("section 77 has no text",)
    broken.replace(0, 9, "T", now=NOW)
    again = Story.from_data(*broken.to_data(now=NOW))
    assert again.text == "Te."
    assert again.problems == ("section 77 has no text",)


TORN: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "no history": (lambda fields: fields.update(history=None), "the history has no nodes"),
    "no current node": (change_node(current=5), "the current node does not exist"),
    "a current node that is no id": (change_node(current=UNDEFINED), "the current node does not exist"),
    "no root": (change_node(root="x"), "the root does not exist"),
    "a parent that does not exist": (
        change_node(2, parent=5),
        "node 1754663991760038 has a parent that does not exist",
    ),
    "a circle": (
        change_node(1, parent=1754663991760038),
        "node 2100675053728861 is its own ancestor",
    ),
    "a child that does not exist": (
        change_node(3, children=JsSet((5,))),
        "node 1782160118144971 has a child that does not exist",
    ),
    "a child of another": (
        change_node(3, children=JsSet((2100675053728861,))),
        "node 1782160118144971 has a child with another parent",
    ),
    "another id inside": (change_node(3, id=5), "node 1782160118144971 has a different id in its fields"),
}


@for_each("name", TORN)
def test_torn_history_is_reported_and_the_text_is_readable(name: str) -> None:
    change, problem = TORN[name]
    broken = build_damaged_document("generate-then-user", change)
    assert broken.text.startswith("Mara climbed the stair. Her lamp smoked.\n")
    assert problem in broken.problems
    assert len(broken.sections) == 3
    assert len(broken.history.get_path()) <= 4
    for act in (broken.undo, lambda: broken.go_to(328657115406028), lambda: broken.append("x", now=NOW)):
        try:
            act()
        except (Damaged, InvalidRequestError, LocalProtocolError):
            pass
        assert Story.from_data(*broken.to_data(now=NOW)).text == broken.text


def test_story_whose_history_gives_another_text_can_be_edited() -> None:
    """The sections are what is trusted.

    See docs/protocol/content.md#73-sections.
    """
    broken = build_damaged_document("generate-then-user", change_node(1, changes=JsMap()))
    text = broken.text
    broken.append(" More.", now=NOW)
    again = Story.from_data(*broken.to_data(now=NOW))
    assert again.text == text + " More."
    again.undo()
    assert again.text == text
    again.undo()
    assert again.text == "Mara climbed the stair. Her lamp smoked.\nAt the top the door stood open."
    again.redo()
    assert again.text == text


def test_step_that_does_not_fit_is_damage_and_the_story_stays_at_its_node() -> None:
    def strange(fields: dict[str, Any]) -> None:
        history = fields["history"].value
        for _, node in history["nodes"].pairs[2:3]:
            section, step = node.value["changes"].pairs[0]
            changed: Any = {**step, "diff": Wrapped(40, Wrapped(42, {}))}
            node.value["changes"] = JsMap(((section, changed),))

    broken = build_damaged_document("generate-then-user", strange)
    node, text = broken.current, broken.text
    with pytest.raises(Damaged) as raised:
        broken.go_to(328657115406028)
    assert raised.value.category == "unknown difference"
    assert (broken.current, broken.text) == (node, text)
    assert not broken.history[1754663991760038].changes


def test_pending_changes_are_separate_and_have_to_be_committed_first() -> None:
    step: Value = {
        "type": 1,
        "diff": Wrapped(40, Wrapped(41, {"parts": [{"from": 4, "insert": " Now.", "delete": ""}]})),
    }
    waiting = build_damaged_document(
        "remove-middle", lambda fields: fields.update(dirtySections=JsMap(((fields["order"][0], step),)))
    )
    assert waiting.text == "One.\nThree."
    assert waiting.pending_text == "One. Now.\nThree."
    assert waiting.problems == (
        "a change of section 1984219855003911 is in no node of the history, and not yet applied",
    )
    for act in (waiting.undo, lambda: waiting.append("x", now=NOW), lambda: waiting.insert_sections(0, "x", now=NOW)):
        with pytest.raises(LocalProtocolError, match="commit_pending"):
            act()
    waiting.commit_pending(now=NOW)
    again = Story.from_data(*waiting.to_data(now=NOW))
    assert (again.text, again.pending_text, again.problems) == ("One. Now.\nThree.", None, ())
    again.undo()
    assert again.text == "One.\nThree."
    again.redo()
    assert again.text == "One. Now.\nThree."


def test_applied_pending_changes_become_a_node() -> None:
    def change(fields: dict[str, Any]) -> None:
        (id_, section), last = fields["sections"].pairs
        fields["sections"] = JsMap(((id_, {**section, "text": "One. Now."}), last))
        fields["dirtySections"] = JsMap(((id_, step),))

    step: Value = {
        "type": 1,
        "diff": Wrapped(40, Wrapped(41, {"parts": [{"from": 4, "insert": " Now.", "delete": ""}]})),
    }
    waiting = build_damaged_document("remove-middle", change)
    assert waiting.pending_text == waiting.text == "One. Now.\nThree."
    waiting.commit_pending(now=NOW)
    again = Story.from_data(*waiting.to_data(now=NOW))
    assert (again.text, again.problems) == (waiting.text, ())
    again.undo()
    assert again.text == "One.\nThree."


def test_applied_pending_changes_are_not_applied_again() -> None:
    def change(fields: dict[str, Any]) -> None:
        first, last = fields["order"]
        step = update(0, "One", "Ono")
        made: Any = {"type": 0, "section": dict(fields["sections"].pairs[1][1]), "after": first}
        fields["dirtySections"] = JsMap(((first, step), (last, made), (1863265500404226, {"type": 2, "after": 0})))

    waiting = build_damaged_document("remove-middle", change)
    nodes_before = [*waiting.history]
    assert waiting.pending_text == waiting.text == "One.\nThree."
    assert {problem.rpartition(", ")[2] for problem in waiting.problems} == {"and already applied"}
    waiting.commit_pending(now=NOW)
    assert waiting.text == "One.\nThree."
    again = Story.from_data(*waiting.to_data(now=NOW))
    assert (again.pending_text, again.problems, [*again.history]) == (None, (), nodes_before)


def test_pending_changes_that_fit_nothing_are_damage() -> None:
    step = update(0, "xy", "yx")
    waiting = build_damaged_document(
        "remove-middle", lambda fields: fields.update(dirtySections=JsMap(((fields["order"][0], step),)))
    )
    assert waiting.problems == ("pending changes fit no section",)
    with pytest.raises(Damaged):
        _ = waiting.pending_text
    with pytest.raises(Damaged):
        waiting.commit_pending(now=NOW)
    assert waiting.text == "One.\nThree."


# ---- the legacy format


def test_fragments_without_a_text_are_skipped_reported_and_kept() -> None:
    broken = build_legacy(fragments=[{"data": "Once"}, {"text": 1}, 5, {"data": " more"}])
    assert broken.text == "Once more"
    assert broken.problems == ("fragment 1 has no text", "fragment 2 has no text")
    with pytest.raises(Damaged, match="would be lost"):
        broken.append("x", now=NOW)


def test_fragments_are_trusted_rather_than_blocks() -> None:
    blocks = [block(-1, 0, 0, "", nextBlock=[1]), block(0, 0, 0, "another text")]
    story = build_legacy(fragments=[{"data": "One text", "origin": "ai"}], datablocks=blocks, currentBlock=1)
    assert story.text == "One text"
    with pytest.raises(Damaged):
        story.undo()
    assert story.text == "One text"
    story.append(" more", now=NOW)
    assert Story.from_data(*story.to_data(now=NOW)).text == "One text more"
    story.undo()
    assert story.text == "One text"


@for_each(
    "fields",
    [
        {"datablocks": None},
        {"datablocks": [5]},
        {"currentBlock": 7},
        {"currentBlock": "x"},
        {"datablocks": [block(0, 0, 0, "")]},
        {"datablocks": [block(-1, 0, 0, "", nextBlock=[1]), block(1, 0, 0, "a")], "currentBlock": 1},
        {"datablocks": [block(-1, 0, 0, "", nextBlock=[1]), block(5, 0, 0, "a")], "currentBlock": 1},
        {"datablocks": [block(-1, 0, 0, "", nextBlock=[1]), block(0, 2**40, 2**41, "a")], "currentBlock": 1},
        {"datablocks": [block(-1, 0, 0, "", nextBlock=[1, 9]), block(0, 3, 1, "a", dataFragment=5)], "currentBlock": 1},
        {"datablocks": [block(-1, 0, 0, "", nextBlock=5)]},
    ],
)
def test_torn_history_of_blocks_is_reported_and_the_text_is_readable(fields: dict[str, Any]) -> None:
    story = build_legacy(fragments=[{"data": "Once"}], **fields)
    assert story.text == "Once"
    assert len(story.history) == len(fields.get("datablocks", OLDER["datablocks"]) or [])
    for act in (story.undo, story.redo, lambda: story.go_to(0), lambda: story.append("x", now=NOW)):
        try:
            act()
        except (Damaged, InvalidRequestError, LocalProtocolError):
            pass
        assert Story.from_data(*story.to_data(now=NOW)).text == story.text


# ---- bounds


def test_limits_apply_to_stories() -> None:
    data = DOCUMENTS["generate-then-user"]
    for limits in ({"unpacked": 100}, {"document_depth": 5}, {"document_values": 20}):
        with pytest.raises(LimitExceeded):
            _ = load_story(data, **limits).text


def test_story_larger_than_the_limits_is_not_returned() -> None:
    data = DOCUMENTS["new-empty"]
    grown = load_story(data, unpacked=2000)
    grown.append("long " * 400, now=NOW)
    with pytest.raises(InvalidRequestError, match="too large"):
        grown.to_data(now=NOW)
    assert len(grown.text) == 2000


def test_replay_that_copies_too_much_is_stopped() -> None:
    work = ReplayWork(1000)
    work.spend(1000)
    with pytest.raises(LimitExceeded, match="replay"):
        work.spend(1)


def test_exceeded_work_leaves_the_text_unchanged() -> None:
    section: Any = {"type": 1, "text": "long " * 10, "meta": JsMap(), "source": UNDEFINED}
    ring = SectionList({5: section}, [5])
    changes: Any = JsMap(((6, {"type": 0, "section": section, "after": 5}), (5, update(0, "x", ""))))
    with pytest.raises(LimitExceeded):
        ring.apply(changes, ReplayWork(49))
    assert ([*ring], ring.sections) == ([5], {5: section})
    assert len(ring.apply(changes, ReplayWork(50))) == 2
    fragments = FragmentList(Fragment.from_raw({"data": "long " * 10}) for _ in range(9))
    for most in (0, 256, 300, 600):
        with pytest.raises(LimitExceeded):
            fragments.replace(3, 8, [], ReplayWork(most))
        assert (fragments.get_text(), fragments.size) == ("long " * 90, 450)


def test_size_of_kept_journals_is_bounded() -> None:
    journals = JournalCache()
    section: Any = {"text": "x" * 2**24}
    for node in range(6):
        journals.keep(node, [SectionMove(1, section)])
    assert [journals.take(node) is None for node in range(6)] == [True, True, False, False, False, False]


def test_huge_run_index_adds_one_run() -> None:
    def change(fields: dict[str, Any]) -> None:
        _, node = fields["history"].value["nodes"].pairs[2]
        _, step = node.value["changes"].pairs[0]
        step["diff"].value.value["metas"] = JsMap(((1, [{"index": 2**32, "position": 0, "data": 1, "length": 2**50}]),))

    broken = build_damaged_document("edit-inside-paragraph", change)
    broken.undo()
    broken.redo()
    assert len(broken.sections[0].origins) <= 4


@for_each("act", [Story.undo, Story.redo])
def test_cyclic_chain_of_blocks_is_damage(act: Callable[[Story], None]) -> None:
    blocks = [block(1, 0, 0, "", chain=True, nextBlock=[1]), block(0, 0, 0, "", chain=True, nextBlock=[0])]
    broken = build_legacy(fragments=[], datablocks=blocks, currentBlock=1)
    with pytest.raises(Damaged, match="is its own ancestor"):
        act(broken)


# ---- whatever there is


def use_everything(story: Story) -> None:
    """Everything that can be asked of a story: an answer or a documented error, and the same text after all."""
    acts: list[Callable[[], object]] = [
        lambda: story.text,
        lambda: story.sections,
        lambda: story.history.get_path(),
        lambda: story.branches,
        lambda: story.siblings,
        lambda: story.pending_text,
        story.undo,
        story.redo,
        lambda: story.go_to(min(story.history, default=0)),
        lambda: story.append("x\ny", now=NOW, origin=Origin.AI),
        lambda: story.replace(0, 1, "é", now=NOW),
        lambda: story.insert_sections(0, "z", now=NOW),
        lambda: story.commit_pending(now=NOW),
        lambda: story.remove_section(0, now=NOW),
        lambda: story.to_data(now=NOW),
    ]
    assert all(isinstance(problem, str) for problem in story.problems)
    for act in acts:
        try:
            act()
        except (Damaged, LimitExceeded, InvalidRequestError, LocalProtocolError):
            continue
    try:
        text = story.text
    except NaiError:
        return
    try:
        assert Story.from_data(*story.to_data(now=NOW)).text == text
    except InvalidRequestError:
        return


@settings(max_examples=scale_examples(120))
@given(st.sampled_from(sorted(DOCUMENTS)), st.data())
def test_document_with_changed_bytes_is_readable_or_raises_a_documented_error(name: str, data: st.DataObject) -> None:
    packed = bytearray(DOCUMENTS[name])
    for _ in range(data.draw(st.integers(1, 3))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    use_everything(load_story(bytes(packed)))


NUMBERS = st.integers(-2, 6)
JSON: st.SearchStrategy[Any] = st.one_of(NUMBERS, st.text("ab", max_size=2), st.none(), st.lists(NUMBERS, max_size=2))
FRAGMENTS = st.fixed_dictionaries({"data": st.text("ab\n🪿", max_size=4)}, optional={"origin": JSON}) | JSON
BLOCKS = st.fixed_dictionaries(
    {"nextBlock": st.lists(NUMBERS, max_size=2) | JSON, "prevBlock": NUMBERS},
    optional={
        "startIndex": NUMBERS,
        "endIndex": NUMBERS,
        "dataFragment": FRAGMENTS,
        "removedFragments": st.lists(FRAGMENTS, max_size=2) | JSON,
        "origin": st.sampled_from(["user", "edit", "root"]) | JSON,
        "chain": st.booleans(),
    },
)


@settings(max_examples=scale_examples(120))
@given(st.lists(FRAGMENTS, max_size=3), st.lists(BLOCKS | JSON, max_size=4), JSON)
def test_any_legacy_story_is_readable_or_raises_a_documented_error(
    fragments: list[Any], blocks: list[Any], current: Any
) -> None:
    use_everything(build_legacy(fragments=fragments, datablocks=blocks, currentBlock=current))


VALUES: st.SearchStrategy[Value] = st.one_of(NUMBERS, st.text("ab", max_size=2), st.just(UNDEFINED), st.just(JsMap()))


@settings(max_examples=scale_examples(120))
@given(st.sampled_from(sorted(DOCUMENTS)), st.data())
def test_document_with_changed_values_is_readable_or_raises_a_documented_error(name: str, data: st.DataObject) -> None:
    value = unpackb(DOCUMENTS[name])
    for _ in range(data.draw(st.integers(1, 3))):
        value = changed(value, data)
    use_everything(load_story(packb(value)))


def changed(value: Value, data: st.DataObject, depth: int = 0) -> Value:
    """The value with another one somewhere in it."""
    if depth and data.draw(st.integers(0, 5)) == 0:
        return data.draw(VALUES)
    if isinstance(value, Wrapped):
        return Wrapped(value.type, changed(value.value, data, depth + 1))
    if isinstance(value, dict) and value:
        name = data.draw(st.sampled_from(sorted(value)))
        return {**value, name: changed(value[name], data, depth + 1)}
    if isinstance(value, JsMap) and value.pairs:
        at = data.draw(st.integers(0, len(value.pairs) - 1))
        key, item = value.pairs[at]
        return JsMap((*value.pairs[:at], (key, changed(item, data, depth + 1)), *value.pairs[at + 1 :]))
    if isinstance(value, list) and value:
        at = data.draw(st.integers(0, len(value) - 1))
        return [*value[:at], changed(value[at], data, depth + 1), *value[at + 1 :]]
    return data.draw(VALUES)
