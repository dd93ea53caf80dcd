"""Restoring a backup: the plan is complete, and nothing that opens is lost.

See:
    docs/protocol/content.md#23-ways-to-lose-data-and-the-order-that-avoids-them
    docs/protocol/content.md#41-stories
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nai_proto import objects
from nai_proto.codecs.key_derivation import encryption_key
from nai_proto.codecs.keystore import Keystore, seal_keystore
from nai_proto.codecs.sealed_objects import OpenedObject, OpenedState, StoredObject, new_object, seal_object
from nai_proto.emulator import Account, Emulator
from nai_proto.errors import AuthenticationError, InvalidRequestError, NaiError, NotFoundError
from nai_proto.exchange.reply import App
from nai_proto.library import (
    Library,
    RestoreAction,
    RestoredObject,
    RestoreStep,
    SaveOutcome,
    link_stories,
    open_library,
    plan_restore,
)
from nai_proto.library.restore import restore
from nai_proto.secret import Password
from nai_proto.testing import FlowTrace, run_in_memory
from tests.faults import FAULTS, inject_fault, refuse_with
from tests.hypothesis_profiles import scale_examples
from tests.support import EMAIL, PASSWORD, an_emulator, logged_in

KEY = encryption_key(EMAIL, Password(PASSWORD))
TITLES = ["The Quiet Harbour", "Letters to the Moon", "物語"]


def opened(emulator: Emulator) -> Library:
    return run_in_memory(open_library(EMAIL, PASSWORD), emulator).result


def run(flow: Any, app: App) -> FlowTrace[Any, Any]:
    return run_in_memory(logged_in(flow), app)


def restore_into(emulator: Emulator, items: list[OpenedObject], app: App | None = None) -> tuple[RestoredObject, ...]:
    result: tuple[RestoredObject, ...] = run(
        restore(plan_restore(opened(emulator), items), KEY), app or emulator
    ).result
    return result


def actions(steps: tuple[RestoreStep, ...]) -> list[tuple[str, RestoreAction]]:
    return [(step.type, step.action) for step in steps]


def with_a_preset(owner: Account) -> StoredObject:
    new = new_object("presets", "", {"name": "Calm", "remoteId": "p"}, {})
    stored = msgspec.structs.replace(new.stored, id="p", data=seal_object(new, {}), changeIndex=1)
    owner.storage.objects["presets"].append(stored)
    return stored


def whole(library: Library) -> bool:
    """Return whether all stories are complete, and linked as the service links them.

    See docs/protocol/content.md#41-stories.
    """
    return sorted(story.title for story in library.stories) == sorted(TITLES) and all(
        story.ok
        and story.is_consistent
        and story.card.json()["remoteId"] == story.card.stored.id
        and story.content is not None
        and story.card.json()["remoteStoryId"] == story.content.stored.id
        for story in library.stories
    )


# ---- the plan


def test_nothing_is_planned_for_objects_that_are_there() -> None:
    emulator, owner = an_emulator()
    with_a_preset(owner)
    backup = [*opened(emulator).items]
    steps = plan_restore(opened(emulator), backup)
    assert {step.action for step in steps} == {RestoreAction.NOTHING}
    played = run(restore(steps, KEY), emulator)
    assert {restored.saved.outcome for restored in played.result} == {SaveOutcome.UNCHANGED}
    assert [request.method for request in played.requests] == ["POST", "GET"]


def test_a_plan_says_what_would_be_done_and_changes_nothing() -> None:
    emulator, owner = an_emulator()
    with_a_preset(owner)
    backup = opened(emulator)
    first, second, _ = backup.stories
    owner.storage.delete("stories", first.card.stored.id)
    owner.storage.delete("storycontent", first.card.json()["remoteStoryId"])
    owner.storage.clear(["presets"])
    changed = seal_object(second.card, backup.keystore, {"title": "spoilt"})
    owner.storage.update("stories", second.card.stored.id, second.card.stored.meta or "", changed, None, 0)
    before = [item.document for items in owner.storage.objects.values() for item in items]
    steps = plan_restore(opened(emulator), backup.items)
    assert actions(steps) == [
        ("storycontent", RestoreAction.CREATE),
        ("storycontent", RestoreAction.NOTHING),
        ("storycontent", RestoreAction.NOTHING),
        ("presets", RestoreAction.CREATE),
        ("stories", RestoreAction.CREATE),
        ("stories", RestoreAction.UPDATE),
        ("stories", RestoreAction.NOTHING),
    ]
    assert [item.document for items in owner.storage.objects.values() for item in items] == before
    assert not any(step.new_key for step in steps)
    assert all(step.why for step in steps)


def test_an_object_that_is_chosen_twice_is_an_error() -> None:
    emulator, _ = an_emulator()
    library = opened(emulator)
    with pytest.raises(InvalidRequestError, match="are the same object"):
        plan_restore(library, [library.stories[0].card] * 2)


def test_objects_of_another_account_are_an_error_that_names_this_one_and_the_other_function() -> None:
    emulator, _ = an_emulator()
    emulator.add_account("reader@example.com", Password(PASSWORD))
    library = run_in_memory(open_library("Reader@example.com", PASSWORD), emulator).result
    with pytest.raises(InvalidRequestError, match=r"another account than reader@example\.com; plan_restore_elsewhere"):
        plan_restore(library, opened(emulator).items)


def test_an_object_of_an_unlisted_type_is_not_created_again() -> None:
    emulator, owner = an_emulator()
    with_a_preset(owner)
    backup = [*opened(emulator).items]
    app = inject_fault(emulator, refuse_with(404), 0, path="/user/objects/presets")
    now = run_in_memory(open_library(EMAIL, PASSWORD), app).result
    assert [step.action for step in plan_restore(now, backup) if step.type == "presets"] == [RestoreAction.KEEP]
    only = run_in_memory(open_library(EMAIL, PASSWORD, types=("stories", "storycontent")), emulator).result
    assert [step.action for step in plan_restore(only, backup) if step.type == "presets"] == [RestoreAction.KEEP]


# ---- carrying out a plan


@pytest.mark.parametrize("lost_types", [("storycontent",), ("stories",), ("stories", "storycontent")], ids="+".join)
@pytest.mark.parametrize("keys_too", [False, True], ids=["keys kept", "keys lost"])
def test_lost_objects_are_restored_and_linked(lost_types: tuple[str, ...], keys_too: bool) -> None:
    emulator, owner = an_emulator()
    backup = opened(emulator)
    owner.storage.clear(lost_types)
    if keys_too:
        owner.storage.clear(["stories", "storycontent"])
        owner.storage.keystore = seal_keystore(Keystore(), KEY)
    restored = restore_into(emulator, [*backup.items])
    assert all(each.saved.outcome.ok for each in restored)
    now = opened(emulator)
    assert whole(now)
    assert [story.text for story in now.stories] == [story.text for story in backup.stories]
    again = restore_into(emulator, [*backup.items])
    assert {each.step.action for each in again} == {RestoreAction.NOTHING}
    assert len([*opened(emulator).items]) == 6


def test_a_card_that_was_not_chosen_is_linked_to_its_content_s_new_id() -> None:
    emulator, owner = an_emulator()
    backup = opened(emulator)
    owner.storage.clear(["storycontent"])
    contents = [story.content for story in backup.stories if story.content is not None]
    steps = plan_restore(opened(emulator), contents)
    assert actions(steps) == [("storycontent", RestoreAction.CREATE)] * 3 + [("stories", RestoreAction.RELINK)] * 3
    restore_into(emulator, contents)
    assert whole(opened(emulator))


def test_the_content_of_a_damaged_object_is_restored() -> None:
    emulator, owner = an_emulator()
    backup = opened(emulator)
    for type_ in ("stories", "storycontent"):
        owner.storage.objects[type_][0] = msgspec.structs.replace(owner.storage.objects[type_][0], data="AAAA")
    steps = plan_restore(opened(emulator), backup.items)
    assert [step.why for step in steps if step.action is RestoreAction.UPDATE] == [
        "the account's copy does not open"
    ] * 2
    restore_into(emulator, [*backup.items])
    assert whole(opened(emulator))


def test_an_object_whose_key_was_lost_is_sealed_with_a_new_key() -> None:
    emulator, owner = an_emulator()
    backup = opened(emulator)
    owner.storage.keystore = seal_keystore(Keystore(), KEY)
    steps = plan_restore(opened(emulator), backup.items)
    assert {(step.action, step.new_key) for step in steps} == {(RestoreAction.UPDATE, True)}
    restore_into(emulator, [*backup.items])
    assert whole(opened(emulator))
    assert len([*opened(emulator).items]) == 6


def test_an_object_that_opens_is_not_replaced_by_one_that_does_not() -> None:
    emulator, owner = an_emulator()
    good = owner.storage.objects["stories"][0]
    owner.storage.objects["stories"][0] = msgspec.structs.replace(good, data="AAAA")
    broken = opened(emulator).stories[0].card
    owner.storage.objects["stories"][0] = good
    assert [step.action for step in plan_restore(opened(emulator), [broken])] == [RestoreAction.KEEP]
    restore_into(emulator, [broken])
    assert owner.storage.objects["stories"][0] == good


def test_an_object_that_never_opened_is_restored_byte_by_byte() -> None:
    emulator, owner = an_emulator()
    bad = msgspec.structs.replace(owner.storage.objects["stories"][0], data="A" * 80)
    owner.storage.objects["stories"][0] = bad
    broken = opened(emulator).stories[0].card
    owner.storage.delete("stories", bad.id)
    (restored,) = restore_into(emulator, [broken])
    assert (restored.step.action, restored.saved.outcome) == (RestoreAction.CREATE_SEALED, SaveOutcome.CREATED)
    back = owner.storage.objects["stories"][-1]
    assert (back.data, back.meta) == (bad.data, bad.meta)
    assert [step.action for step in plan_restore(opened(emulator), [broken])] == [RestoreAction.NOTHING]


def test_presets_are_restored_once_with_their_new_ids() -> None:
    emulator, owner = an_emulator()
    with_a_preset(owner)
    preset = opened(emulator).others["presets"][0]
    owner.storage.clear(["presets"])
    restore_into(emulator, [preset])
    back = opened(emulator).others["presets"][0]
    assert back.json() == {"name": "Calm", "remoteId": back.stored.id}
    assert [each.step.action for each in restore_into(emulator, [preset])] == [RestoreAction.NOTHING]


def test_an_unusable_key_is_neither_used_nor_replaced() -> None:
    emulator, owner = an_emulator()
    backup = opened(emulator)
    keys = dict(backup.keystore)
    meta = backup.stories[0].card.stored.meta or ""
    owner.storage.keystore = seal_keystore(Keystore({**keys, meta: keys[meta][:24]}), KEY)
    owner.storage.clear(["stories"])
    steps = plan_restore(opened(emulator), [backup.stories[0].card])
    assert [(step.action, "unusable" in step.why) for step in steps] == [(RestoreAction.KEEP, True)]
    assert not steps[0].action.is_write


def test_an_object_that_was_changed_since_the_plan_is_kept() -> None:
    emulator, owner = an_emulator()
    backup = opened(emulator)
    card = backup.stories[0].card

    def write(title: str) -> None:
        data = seal_object(card, backup.keystore, {"title": title})
        owner.storage.update("stories", card.stored.id, card.stored.meta or "", data, None, 0)

    write("before the plan")
    steps = plan_restore(opened(emulator), [card])
    write("after the plan")
    (restored,) = run(restore(steps, KEY), emulator).result
    assert restored.saved.outcome is SaveOutcome.CONFLICT
    assert opened(emulator).stories[0].title == "after the plan"


def test_no_object_is_written_if_the_keystore_does_not_open() -> None:
    emulator, owner = an_emulator()
    backup = opened(emulator)
    steps = plan_restore(replace(backup, stories=(), orphans=()), backup.items)
    owner.storage.keystore = "AAAA"
    played = run(restore(steps, KEY), emulator)
    assert isinstance(played.error, NaiError)
    assert [request.method for request in played.requests] == ["POST", "GET"]


def test_nothing_more_is_tried_after_an_authentication_error() -> None:
    emulator, owner = an_emulator()
    backup = opened(emulator)
    owner.storage.clear(["stories", "storycontent"])
    app = inject_fault(emulator, refuse_with(401), *range(1, 99), method="PUT")
    restored = run(restore(plan_restore(opened(emulator), backup.items), KEY), app).result
    outcomes = [each.saved.outcome for each in restored]
    assert outcomes == [SaveOutcome.CREATED, SaveOutcome.REFUSED, *[SaveOutcome.NOT_TRIED] * 4]
    assert isinstance(restored[-1].saved.error, AuthenticationError)


@settings(max_examples=scale_examples(30), deadline=None)
@given(number=st.integers(0, 16), name=st.sampled_from(sorted(FAULTS)), keys_too=st.booleans())
def test_a_second_restore_completes_one_that_was_interrupted_anywhere_without_duplicates(
    number: int, name: str, keys_too: bool
) -> None:
    emulator, owner = an_emulator()
    backup = opened(emulator)
    owner.storage.clear(["stories", "storycontent"])
    if keys_too:
        owner.storage.keystore = seal_keystore(Keystore(), KEY)
    steps = plan_restore(opened(emulator), backup.items)
    run(restore(steps, KEY), inject_fault(emulator, FAULTS[name], number, path="/user/"))
    restore_into(emulator, [*backup.items])
    now = opened(emulator)
    assert whole(now)
    assert len([*now.items]) == 6


@settings(max_examples=scale_examples(30), deadline=None)
@given(number=st.integers(0, 18), name=st.sampled_from(sorted(FAULTS)), keys_too=st.booleans())
def test_two_plans_of_one_state_store_each_object_once_also_if_the_first_is_interrupted(
    number: int, name: str, keys_too: bool
) -> None:
    emulator, owner = an_emulator()
    with_a_preset(owner)
    backup = opened(emulator)
    owner.storage.clear(["stories", "storycontent", "presets"])
    if keys_too:
        owner.storage.keystore = seal_keystore(Keystore(), KEY)
    first, second = (plan_restore(opened(emulator), backup.items) for _ in range(2))
    run(restore(first, KEY), inject_fault(emulator, FAULTS[name], number, path="/user/"))
    restored = run(restore(second, KEY), emulator).result
    assert all(each.saved.outcome.ok for each in restored)
    now = opened(emulator)
    assert whole(now)
    assert len([*now.items]) == 7


def test_what_was_created_since_the_plan_is_listed_right_before_it_would_be_created() -> None:
    emulator, owner = an_emulator()
    backup = opened(emulator)
    owner.storage.clear(["stories", "storycontent"])
    first, second = (plan_restore(opened(emulator), backup.items) for _ in range(2))
    requests = [(each.method, each.path) for each in run(restore(first, KEY), emulator).requests[2:]]
    for type_, writes in (("storycontent", ["PUT"] * 3), ("stories", ["PUT", "PATCH"] * 3)):
        listing, requests = requests[0], requests[1:]
        assert listing == ("GET", f"/user/objects/{type_}")
        assert [method for method, _ in requests[: len(writes)]] == writes
        requests = requests[len(writes) :]
    played = run(restore(second, KEY), emulator)
    assert {each.saved.outcome for each in played.result} == {SaveOutcome.UNCHANGED}
    keystore, lists, objects = 1, 2, 6
    assert [request.method for request in played.requests] == ["POST", *["GET"] * (keystore + lists + objects)]


def test_objects_of_a_type_that_cannot_be_listed_are_not_created() -> None:
    emulator, owner = an_emulator()
    backup = opened(emulator)
    owner.storage.clear(["stories", "storycontent"])
    steps = plan_restore(opened(emulator), backup.items)
    app = inject_fault(emulator, refuse_with(404), 0, method="GET", path="/user/objects/storycontent")
    restored = run(restore(steps, KEY), app).result
    assert [each.saved.outcome for each in restored] == [*[SaveOutcome.REFUSED] * 3, *[SaveOutcome.CREATED] * 3]
    assert isinstance(restored[2].saved.error, NotFoundError)
    restore_into(emulator, [*backup.items])
    assert whole(opened(emulator))


def test_an_object_that_was_created_since_the_plan_and_does_not_open_is_a_conflict() -> None:
    emulator, owner = an_emulator()
    backup = opened(emulator)
    card = owner.storage.objects["stories"][0]
    owner.storage.delete("stories", card.id)
    steps = plan_restore(opened(emulator), [backup.stories[0].card])
    spoilt = msgspec.structs.replace(card, id="new", data="AAAA")
    owner.storage.objects["stories"].append(spoilt)
    (restored,) = run(restore(steps, KEY), emulator).result
    assert (restored.saved.outcome, restored.saved.theirs) == (SaveOutcome.CONFLICT, spoilt)
    assert "make a new plan" in str(restored.saved.error)


def test_an_object_that_was_restored_before_is_neither_reverted_to_an_older_copy_nor_doubled() -> None:
    emulator, owner = an_emulator()
    with_a_preset(owner)
    before = opened(emulator)
    owner.storage.clear(["stories", "storycontent", "presets"])
    restore_into(emulator, [*before.items])
    library = opened(emulator)
    story = library.stories[0].edit()
    story.title = "A newer title"
    run_in_memory(library.save(story), emulator)
    backup = [*before.items, *opened(emulator).items]
    titles = [story.title for story in opened(emulator).stories]
    assert not any(step.action.is_write for step in plan_restore(opened(emulator), backup))
    (left_out,) = (step for step in plan_restore(opened(emulator), backup) if step.action is RestoreAction.LEAVE_OUT)
    assert left_out.why == f"the backup has another version of it as {story.opened.card.stored.id}"
    owner.storage.clear(["stories", "storycontent", "presets"])
    restore_into(emulator, backup)
    now = opened(emulator)
    assert [story.title for story in now.stories] == titles
    assert len([*now.items]) == 7


def test_an_object_with_a_number_that_cannot_be_written_is_restored_as_it_was() -> None:
    emulator, owner = an_emulator()
    new = replace(new_object("presets", "", {}, {}), source=b'{"name": "Odd", "remoteId": "p", "n": 1e999}')
    stored = msgspec.structs.replace(new.stored, id="p", data=seal_object(new, {}), changeIndex=1)
    owner.storage.objects["presets"].append(stored)
    preset = opened(emulator).others["presets"][0]
    owner.storage.clear(["presets"])
    (restored,) = restore_into(emulator, [preset])
    assert restored.saved.outcome is SaveOutcome.CREATED
    assert opened(emulator).others["presets"][0].plaintext == preset.plaintext


_odd = st.one_of(st.none(), st.integers(), st.text(max_size=3), st.lists(st.none(), max_size=1))


@given(
    st.lists(st.tuples(st.sampled_from(["stories", "storycontent", "shelf", "?"]), _odd, _odd), max_size=5),
    st.lists(st.integers(0, 4), max_size=5, unique=True),
)
def test_a_plan_can_be_made_whatever_the_objects_contain(
    objects: list[tuple[str, Any, Any]], missing: list[int]
) -> None:
    items = []
    for number, (type_, own, content) in enumerate(objects):
        plaintext = msgspec.json.encode({"remoteId": own, "remoteStoryId": content, "n": 1e308})
        stored = StoredObject(id=f"{number}", type=type_, meta=f"m{number % 2}", data=f"{number}")
        items.append(OpenedObject(stored, OpenedState.OPENED, source=plaintext.replace(b"1e308", b"1e999")))
    left = [item for number, item in enumerate(items) if number not in missing]
    now = {type_: [item for item in left if item.stored.type == type_] for type_, _, _ in objects}
    stories, orphans = link_stories(now.pop("stories", []), now.pop("storycontent", []))
    library = Library(Keystore(), stories, orphans, {type_: tuple(of) for type_, of in now.items()})
    steps = plan_restore(library, items)
    assert len(steps) >= len(items)
    assert len(plan_restore(library, left)) >= len(left)


def test_objects_are_deleted_singly_or_by_type() -> None:
    emulator, owner = an_emulator()
    first = owner.storage.objects["stories"][0]
    assert run(objects.delete_object("stories", first.id), emulator).result == first
    run(objects.delete_objects(["stories", "storycontent"]), emulator)
    assert [*opened(emulator).items] == []
    with pytest.raises(InvalidRequestError, match="at least one"):
        objects.delete_objects([])
