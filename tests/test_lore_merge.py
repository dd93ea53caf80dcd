"""A lorebook that is added to another one: nothing of either changes its meaning.

See docs/protocol/content.md#46-lorebook.
"""

from __future__ import annotations

from itertools import count
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nai_proto.story import Lorebook, merge_lorebooks


def drawn() -> Any:
    numbers = count(1)
    return lambda size: next(numbers).to_bytes(size)


def entry(id_: object, text: str = "", **fields: Any) -> dict[str, Any]:
    return {"id": id_, "text": text, "keys": [], "category": "", **fields}


def book(*entries: Any, categories: tuple[Any, ...] = (), order: list[Any] | None = None, **fields: Any) -> Lorebook:
    ids = [each["id"] for each in (*categories, *entries) if not each.get("category")] if order is None else order
    return Lorebook({"lorebookVersion": 5, "entries": [*entries], "categories": [*categories], "order": ids, **fields})


def test_entries_and_categories_come_behind_those_that_are_there() -> None:
    merged = merge_lorebooks(
        book(entry("a"), settings={"orderByKeyLocations": True}),
        book(entry("b"), entry("c", category="k"), categories=({"id": "k", "order": ["c"]},), lorebookVersion=6),
    )
    assert [each.id for each in merged.entries] == ["a", "b", "c"]
    assert merged.data["order"] == ["a", "k", "b"]
    assert merged.category("k").order == ("c",)
    assert (merged.version, merged.order_by_key_locations) == (5, True)


def test_adding_the_same_lorebook_again_changes_nothing() -> None:
    added = book(entry("b"), entry("c", category="k"), categories=({"id": "k", "order": ["c"]},))
    once = merge_lorebooks(book(entry("a")), added)
    assert merge_lorebooks(once, added) == once


def test_an_id_that_is_taken_is_replaced_wherever_it_is_used() -> None:
    condition = {"type": "and", "conditions": [{"type": "not", "condition": {"type": "lore", "entryId": "a"}}]}
    added = book(
        entry("a", "mine", category="k"),
        entry("b", "a", advancedConditions=[condition, {"type": "key", "key": "a"}], category="k"),
        categories=({"id": "k", "name": "mine", "order": ["b", "a"]},),
        order=["k"],
    )
    merged = merge_lorebooks(
        book(entry("a", "theirs"), categories=({"id": "k", "name": "theirs"},)), added, entropy=drawn()
    )
    first, mine, other = merged.entries
    assert (first.id, first.text) == ("a", "theirs")
    kept, new = merged.categories
    assert (kept.id, kept.data["name"]) == ("k", "theirs")
    assert new.id not in ("k", "a")
    assert mine.id not in ("k", "a", new.id)
    assert (mine.category, other.category) == (new.id, new.id)
    assert new.order == (other.id, mine.id)
    assert merged.order[-1] == new.id
    assert other.data["advancedConditions"] == [
        {"type": "and", "conditions": [{"type": "not", "condition": {"type": "lore", "entryId": mine.id}}]},
        {"type": "key", "key": "a"},
    ]
    assert other.text == "a"


def test_an_older_lorebook_without_order_gets_none() -> None:
    merged = merge_lorebooks(Lorebook({"lorebookVersion": 1, "entries": [entry("a")]}), book(entry("b")))
    assert [each.id for each in merged.entries] == ["a", "b"]
    assert "order" not in merged.data
    assert "categories" not in merged.data


_IDS = st.sampled_from(["a", "b", "c", "", 7, None])
_ENTRIES = st.lists(st.builds(entry, _IDS, st.sampled_from(["x", "y"]), category=_IDS), max_size=5)
_ODD: st.SearchStrategy[list[Any]] = st.lists(st.sampled_from([None, 7, {}]), max_size=2)


@given(_ENTRIES, _ENTRIES, _ODD, st.lists(_IDS, max_size=3))
def test_nothing_that_is_there_changes_and_everything_else_is_added_with_an_id_of_its_own(
    here: list[Any], there: list[Any], odd: list[Any], order: list[Any]
) -> None:
    first = book(*here, order=order)
    merged = merge_lorebooks(first, Lorebook({"entries": [*there, *odd], "order": order}), entropy=drawn())
    before, after = here, merged.data["entries"]
    assert after[: len(before)] == before
    added = after[len(before) :]
    assert len(added) == sum(item not in before for item in [*there, *odd])
    ids = [item["id"] for item in added if isinstance(item, dict)]
    assert len({*ids}) == len(ids)
    assert not {*ids} & {item["id"] for item in before}
    assert [item["text"] for item in added if isinstance(item, dict) and "text" in item] == [
        item["text"] for item in there if item not in before
    ]
