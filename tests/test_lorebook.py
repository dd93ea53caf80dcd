"""Lorebooks are read, changed and written with nothing lost.

See:
    docs/protocol/content.md#46-lorebook
    docs/protocol/content.md#10-exported-files
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto import InvalidFile, InvalidRequestError, LimitExceeded, Limits
from nai_proto.story import Category, ContextConfig, Entry, Lorebook, merge_lorebooks
from tests.cases import for_each

FULL: dict[str, Any] = {
    "lorebookVersion": 5,
    "entries": [
        {
            "text": "Dragons hoard gold.",
            "contextConfig": {"prefix": "", "suffix": "\n", "tokenBudget": 1, "budgetPriority": 400, "new": [1.0]},
            "lastUpdatedAt": 1_700_000_000_000,
            "displayName": "Dragons",
            "id": "d",
            "keys": ["dragon", "/drakes?/i"],
            "searchRange": 2000,
            "enabled": True,
            "forceActivation": False,
            "keyRelative": True,
            "nonStoryActivatable": True,
            "category": "beasts",
            "loreBiasGroups": [],
            "hidden": False,
            "mood": None,
        },
        {"id": "k", "displayName": "Kings", "text": "There are three.", "keys": ["king"]},
        {"id": "t", "displayName": "Towers"},
    ],
    "settings": {"orderByKeyLocations": True, "later": 1},
    "categories": [{"name": "Beasts", "id": "beasts", "enabled": False, "order": ["d"], "createSubcontext": True}],
    "order": ["beasts", "k", "t"],
    "unknown": {"z": 1, "a": 2},
}


def read(document: object = FULL) -> Lorebook:
    return Lorebook.loads(json.dumps(document).encode())


def test_stored_fields_are_attributes() -> None:
    book = read()
    dragon = book.entry("d")
    assert (book.version, book.order, book.order_by_key_locations) == (5, ("beasts", "k", "t"), True)
    assert (dragon.text, dragon.display_name, dragon.category) == ("Dragons hoard gold.", "Dragons", "beasts")
    assert (dragon.keys, dragon.search_range, dragon.last_updated_at) == (
        ("dragon", "/drakes?/i"),
        2000,
        1_700_000_000.0,
    )
    assert (dragon.enabled, dragon.force_activation, dragon.key_relative) == (True, False, True)
    assert (dragon.non_story_activatable, dragon.hidden) == (True, False)
    assert (dragon.config.suffix, dragon.config.budget_priority) == ("\n", 400)
    beasts = book.category("beasts")
    assert (beasts.name, beasts.enabled, beasts.create_subcontext, beasts.order) == ("Beasts", False, True, ("d",))


@for_each("stored", [{}, {"enabled": None, "searchRange": "many", "keys": "dragon", "text": 5, "contextConfig": []}])
def test_missing_and_wrong_values_are_defaults(stored: dict[str, Any]) -> None:
    entry = Entry(stored)
    assert (entry.text, entry.id, entry.display_name, entry.category, entry.keys) == ("", "", "", "", ())
    assert (entry.search_range, entry.enabled, entry.force_activation) == (1000, True, False)
    assert (entry.key_relative, entry.non_story_activatable, entry.hidden) == (False, False, False)
    assert (entry.config.suffix, entry.config.budget_priority, entry.config.insertion_position) == ("\n", 400, -1)
    assert entry.advanced_conditions == ()
    category = Category(stored)
    assert (category.enabled, category.create_subcontext, category.use_category_defaults) == (True, False, False)
    assert category.subcontext_settings.config == entry.config


@for_each("stored, known", [(20_000, 10_000), (-5, 0), (0, 0), (12.7, 12), (True, 1000)])
def test_a_search_range_is_clamped_to_its_bounds(stored: object, known: int) -> None:
    assert Entry({"searchRange": stored}).search_range == known


@for_each("version", [1, 2, 3, 4, 5, 6])
def test_every_version_is_read_and_kept(version: int) -> None:
    book = read({"lorebookVersion": version, "entries": []})
    assert book.version == version
    assert json.loads(book.with_entry(book.new_entry("x")).dumps())["lorebookVersion"] == version


@for_each(
    "file",
    [
        json.dumps(FULL, indent=4).encode(),
        b'\xef\xbb\xbf { "entries":[ {"text":"\\u00e9 \\ud83d","big":12345678901234567890,"f":1.0e2} ],'
        b'\r\n "lorebookVersion" : 3 }\n',
    ],
)
def test_an_unchanged_lorebook_is_written_byte_for_byte(file: bytes) -> None:
    assert Lorebook.loads(file).dumps() == file
    assert pickle.loads(pickle.dumps(Lorebook.loads(file))).dumps() == file


def test_a_change_keeps_everything_else() -> None:
    book = read()
    changed = book.with_entry(book.entry("d").with_fields(text="Dragons hoard tea.", enabled=False))
    expected = json.loads(json.dumps(FULL))
    expected["entries"][0] |= {"text": "Dragons hoard tea.", "enabled": False}
    assert changed.dumps() == json.dumps(expected, separators=(",", ":")).encode()
    assert book.entry("d").text == "Dragons hoard gold."


def test_lone_surrogates_and_large_numbers_are_kept() -> None:
    book = Lorebook.loads(
        b'{"lorebookVersion":1,"entries":[{"id":"a","text":"\\ud83dx"}],"n":123456789012345678901234567890}'
    )
    assert (
        book.with_entry(Entry({"id": "b", "text": "\ude00é"})).dumps()
        == (
            '{"lorebookVersion":1,"entries":[{"id":"a","text":"\\ud83dx"},{"id":"b","text":"\\ude00é"}],'
            '"n":123456789012345678901234567890}'
        ).encode()
    )


def test_a_configuration_keeps_the_fields_that_it_does_not_know() -> None:
    entry = read().entry("d")
    config = ContextConfig.from_data(entry.data["contextConfig"], entry.config)
    changed = entry.with_fields(config=config)
    assert changed.data["contextConfig"] == FULL["entries"][0]["contextConfig"]


def test_a_new_entry_is_last_in_the_order_of_its_category() -> None:
    book = read()
    book = book.with_entry(book.new_entry("wolf", category="beasts", display_name="Wolves"))
    book = book.with_entry(book.new_entry("tree", keys=("oak",)))
    assert [entry.id for entry in book.entries] == ["d", "k", "t", "wolf", "tree"]
    assert book.order == ("beasts", "k", "t", "tree")
    assert book.category("beasts").order == ("d", "wolf")
    assert book.entry("tree").keys == ("oak",)
    assert book.entry("tree").data["searchRange"] == 1000


def test_a_new_entry_begins_with_the_defaults_of_its_category_or_of_the_story() -> None:
    book = read()
    defaults = Entry({"searchRange": 300, "contextConfig": {"prefix": "- "}})
    beasts = book.category("beasts").with_fields(use_category_defaults=True, category_defaults=defaults)
    entry = book.with_category(beasts).new_entry("w", category="beasts", text="Howl.")
    assert (entry.search_range, entry.config.prefix, entry.text, entry.id) == (300, "- ", "Howl.", "w")
    assert book.new_entry("w", category="beasts").search_range == 1000
    assert book.new_entry("w", template={"searchRange": 7, "id": "old"}).data == {
        "searchRange": 7,
        "id": "w",
        "category": "",
    }


def test_a_removed_entry_is_in_no_list() -> None:
    book = read().without_entry("d").without_entry("k")
    assert [entry.id for entry in book.entries] == ["t"]
    assert book.order == ("beasts", "t")
    assert book.category("beasts").order == ()


def test_what_is_no_list_is_not_replaced_by_a_change() -> None:
    book = Lorebook({"entries": {"0": {}}, "categories": "x", "order": []})
    changes: list[Callable[[], Lorebook]] = [
        lambda: book.with_entry(Entry({"id": "a"})),
        lambda: book.with_category(Category({"id": "c"})),
        lambda: merge_lorebooks(book, Lorebook.new()),
        lambda: merge_lorebooks(Lorebook.new(), book),
    ]
    for change in changes:
        with pytest.raises(InvalidRequestError, match="and a list was expected, so it cannot be changed"):
            change()


def test_of_entries_and_categories_with_the_same_id_the_first_one_is_removed() -> None:
    entries = [{"id": "a", "text": "first", "category": "c"}, {"id": "b"}, {"id": "a", "text": "second"}]
    book = Lorebook(
        {"entries": entries, "categories": [{"id": "c"}, {"id": "c", "name": "other"}], "order": ["a", "b", "c"]}
    )
    assert book.entry("a").text == "first"
    once = book.without_entry("a")
    assert [(entry.id, entry.text) for entry in once.entries] == [("b", ""), ("a", "second")]
    assert once.order == ("a", "b", "c")
    twice = once.without_entry("a")
    assert [entry.id for entry in twice.entries] == ["b"]
    assert twice.order == ("b", "c")
    fewer = book.without_category("c")
    assert [category.name for category in fewer.categories] == ["other"]
    assert (fewer.entries[0].category, fewer.order) == ("c", ("a", "b", "c"))
    assert fewer.without_category("c").entries[0].category == ""


def test_an_entry_is_moved_in_front_of_another_or_to_the_end() -> None:
    book = read()
    assert [entry.id for entry in book.with_entry_moved("t", "d").entries] == ["t", "d", "k"]
    assert book.with_entry_moved("t", "d").order == book.order, "they are shown in different lists"
    assert book.with_entry_moved("t", "k").order == ("beasts", "t", "k")
    assert [entry.id for entry in book.with_entry_moved("d").entries] == ["k", "t", "d"]
    assert book.with_entry_moved("k").order == ("beasts", "t", "k")
    assert book.with_entry_moved("k", "k").entries == book.entries


def test_an_entry_that_changes_its_category_changes_its_order() -> None:
    book = read().with_entry(read().entry("k").with_fields(category="beasts"))
    assert book.order == ("beasts", "t")
    assert book.category("beasts").order == ("d", "k")


def test_a_removed_category_leaves_its_entries() -> None:
    book = read().with_category(Category({"id": "places", "name": "Places"}))
    assert book.order == ("beasts", "k", "t", "places")
    book = book.with_category(book.category("places").with_fields(name="Towns")).without_category("beasts")
    assert [category.name for category in book.categories] == ["Towns"]
    assert book.entry("d").category == ""
    assert book.order == ("k", "t", "places", "d")


def test_an_order_keeps_items_that_are_not_ids() -> None:
    book = Lorebook({"order": [{"id": 1}, None], "categories": [{"id": "c", "order": [5]}], "entries": []})
    book = book.with_entry(Entry({"id": "x"})).with_entry(Entry({"id": "y", "category": "c"}))
    assert (book.data["order"], book.category("c").data["order"]) == ([{"id": 1}, None, "x"], [5, "y"])
    assert Lorebook({"order": None}).with_entry(Entry({"id": "x"})).without_entry("x").data["order"] is None


def test_the_header_of_entries_is_a_setting_of_the_category() -> None:
    assert Category({"settings": {"entryHeader": "----"}}).entry_header == "----"
    assert Category({"settings": []}).entry_header == ""


def test_orders_that_old_versions_lack_are_not_added() -> None:
    book = read({"lorebookVersion": 1, "entries": []})
    book = book.with_entry(book.new_entry("x"))
    assert "order" not in book.with_entry_moved("x").without_entry("x").data


def test_a_new_lorebook_is_a_valid_file() -> None:
    book = Lorebook.new()
    assert Lorebook.loads(book.dumps()) == book
    assert (book.entries, book.categories, book.order, book.order_by_key_locations) == ((), (), (), False)


@for_each(
    "file",
    [b"", b"[]", b"{}", b'{"lorebookVersion":1}', b'{"entries":[]}', b'{"lorebookVersion":NaN,"entries":[]}', b"\xff"],
)
def test_a_file_that_is_no_lorebook_is_rejected(file: bytes) -> None:
    with pytest.raises(InvalidFile, match="lorebook: "):
        Lorebook.loads(file)


def test_a_file_that_is_nested_too_deeply_is_rejected() -> None:
    with pytest.raises(LimitExceeded, match="JSON depth"):
        Lorebook.loads(b'{"lorebookVersion":1,"entries":' + b"[" * 200_000)
    with pytest.raises(LimitExceeded):
        Lorebook.loads(b'{"lorebookVersion":1,"entries":[{}]}', limits=Limits(json_depth=1))


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*FULL["entries"][0], *FULL]), inner),
        max_leaves=12,
    )
)
def test_a_lorebook_with_any_stored_values_can_be_used(value: object) -> None:
    book = Lorebook({"entries": [value, {"id": "x"}], "categories": [value], "order": value, "settings": value})
    for entry in book.entries:
        assert isinstance(entry.text, str)
        assert 0 <= entry.search_range <= 10_000
        entry.parse_keys()
    for category in book.categories:
        assert isinstance(category.subcontext_settings.config, ContextConfig)
    assert isinstance(book.order_by_key_locations, bool)
    if isinstance(value, dict) and value.get("id") == "x":
        return
    again = book.with_entry(book.entry("x").with_fields(text="y")).with_entry_moved("x")
    assert again.entries[-1].text == "y"
    assert again.without_entry("x").data["categories"] == [value]


@for_each(
    "name, value, problem",
    [
        ("txt", "", "no field of an entry is called 'txt'; did you mean 'text'"),
        ("text", 5, "entry.text takes a str, not an int"),
        ("enabled", 1, "entry.enabled takes True or False, not an int"),
        ("search_range", 20_000, "entry.search_range cannot be 20000"),
        ("search_range", True, "entry.search_range takes an int, not a bool"),
        ("last_updated_at", 1_700_000_000_000, "last_updated_at is 1700000000000, and takes seconds since 1970"),
        ("keys", ("a", 5), "entry.keys takes a list of str; one of its items has the wrong type"),
        ("keys", "dragon", "entry.keys takes a list of str, not a str"),
        ("config", "x", "entry.config takes a ContextConfig, not a str"),
        ("config", {"prefix": ""}, "entry.config takes a ContextConfig, not a dict"),
        ("advanced_conditions", [{"type": "true"}], "entry.advanced_conditions takes a list of records, not a list"),
        ("lore_bias_groups", 5, "entry.lore_bias_groups takes a list of records, not an int"),
    ],
)
def test_a_change_of_an_unknown_field_or_to_a_wrong_type_is_rejected(name: str, value: object, problem: str) -> None:
    with pytest.raises(InvalidRequestError, match=problem):
        Entry().with_fields(**{name: value})


def test_an_unknown_id_is_rejected() -> None:
    book = read()
    for method in (book.entry, book.category, book.without_entry, book.without_category, book.with_entry_moved):
        with pytest.raises(InvalidRequestError, match=r"the lorebook has no (entry|category) with this id"):
            method("nowhere")
    with pytest.raises(InvalidRequestError, match="has no category"):
        book.new_entry("x", category="nowhere")
    with pytest.raises(InvalidRequestError, match="has an id"):
        book.with_entry(Entry())
    with pytest.raises(InvalidRequestError, match="has an id"):
        book.with_category(Category())
    with pytest.raises(InvalidRequestError, match="JSON"):
        Lorebook({"entries": [object()]}).dumps()


def test_records_are_immutable_and_their_repr_shows_no_texts() -> None:
    entry = read().entry("d")
    with pytest.raises(AttributeError):
        entry.text = "else"
    assert entry == read().entry("d")
    assert "gold" not in repr(entry)
