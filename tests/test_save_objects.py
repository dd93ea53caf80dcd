"""Saving objects: nothing newer is overwritten, a failure stops no other object, and lost responses are resolved.

See:
    docs/protocol/content.md#23-ways-to-lose-data-and-the-order-that-avoids-them
    docs/protocol/content.md#3-objects
    docs/protocol/native.md#72-userdata-object
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain, cycle
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from nai_proto.codecs.key_derivation import encryption_key
from nai_proto.codecs.keystore import Keystore, open_keystore
from nai_proto.codecs.sealed_objects import (
    OpenedObject,
    OpenedState,
    StoredObject,
    new_object,
    open_object,
    seal_object,
)
from nai_proto.emulator import Account, Emulator
from nai_proto.errors import (
    AuthenticationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    RemoteProtocolError,
    TransportError,
)
from nai_proto.exchange.reply import App, Handler, Read, Start, Write
from nai_proto.http import Head, Headers, Request
from nai_proto.library import Library, ObjectChange, SavedObject, SaveOutcome, open_library, write_object
from nai_proto.library.save_objects import save_objects
from nai_proto.secret import Password
from nai_proto.testing import FlowTrace, run_in_memory
from tests.cases import for_each
from tests.faults import FAULTS, Fault, inject_fault, interleave, lose_request, lose_response, refuse_with
from tests.hypothesis_profiles import scale_examples
from tests.support import EMAIL, PASSWORD, an_emulator, logged_in

KEY = encryption_key(EMAIL, Password(PASSWORD))


def opened(emulator: Emulator) -> Library:
    return run_in_memory(open_library(EMAIL, PASSWORD), emulator).result


def save(
    app: App, changes: list[ObjectChange], keys: Mapping[str, bytes]
) -> FlowTrace[SavedObject, tuple[SavedObject, ...]]:
    return run_in_memory(logged_in(save_objects(changes, keys)), app)


def keys_of(owner: Account) -> Keystore:
    return open_keystore(owner.storage.keystore, KEY)


def cards(library: Library) -> list[OpenedObject]:
    return [story.card for story in library.stories]


def with_title(item: OpenedObject, title: str) -> ObjectChange:
    return ObjectChange(item, {**item.json(), "title": title})


def writes_of(played: FlowTrace[Any, Any]) -> list[str]:
    return [request.method for request in played.requests if request.method in ("PUT", "PATCH", "DELETE")]


# ---- success


def test_an_object_is_saved_with_another_content() -> None:
    emulator, owner = an_emulator()
    library = opened(emulator)
    (saved,) = save(emulator, [with_title(cards(library)[1], "A new title")], library.keystore).result
    assert (saved.outcome, saved.error, saved.theirs) == (SaveOutcome.UPDATED, None, None)
    assert saved.item.json()["title"] == "A new title"
    assert saved.item.stored == owner.storage.objects["stories"][1]
    assert saved.item.stored.changeIndex == 2
    assert [story.title for story in opened(emulator).stories] == ["The Quiet Harbour", "A new title", "物語"]
    assert (
        save(emulator, [with_title(saved.item, "And another")], library.keystore).result[0].outcome
        is SaveOutcome.UPDATED
    )


def test_an_object_that_has_its_content_already_is_not_written() -> None:
    emulator, _ = an_emulator()
    library = opened(emulator)
    for content in (None, cards(library)[0].json()):
        played = save(emulator, [ObjectChange(cards(library)[0], content)], library.keystore)
        assert [saved.outcome for saved in played.result] == [SaveOutcome.UNCHANGED]
        assert writes_of(played) == []


def test_each_write_has_a_fresh_nonce() -> None:
    emulator, owner = an_emulator()
    library = opened(emulator)
    stored = {owner.storage.objects["stories"][0].data}
    item = cards(library)[0]
    for title in ("one", "two", item.json()["title"]):
        item = save(emulator, [with_title(item, title)], library.keystore).result[0].item
        stored.add(item.stored.data)
    assert len({(data or "")[:32] for data in stored}) == 4


def test_a_new_object_is_created() -> None:
    emulator, owner = an_emulator()
    meta, keys = keys_of(owner).create_key()
    new = new_object("aimodules", meta, {"name": "mine"}, keys, compressed=True)
    preset = new_object("presets", "", {"name": "Calm"}, {})
    played = save(emulator, [ObjectChange(new), ObjectChange(preset), ObjectChange(new, {"name": "yours"})], keys)
    assert [saved.outcome for saved in played.result] == [SaveOutcome.CREATED] * 3
    first, second, third = (saved.item for saved in played.result)
    assert owner.storage.objects["aimodules"] == [first.stored, third.stored]
    assert owner.storage.objects["presets"] == [second.stored]
    assert open_object(first.stored, keys) == first
    assert (third.json(), third.compressed) == ({"name": "yours"}, True)


def test_an_object_keeps_its_compression_unless_it_is_changed() -> None:
    emulator, owner = an_emulator()
    library = opened(emulator)
    item = replace(cards(library)[0], compressed=True)
    saved = save(emulator, [with_title(item, "smaller")], library.keystore).result[0]
    assert open_object(owner.storage.objects["stories"][0], library.keystore) == saved.item
    assert saved.item.compressed


# ---- a bad object


def test_a_failure_does_not_stop_the_others() -> None:
    emulator, owner = an_emulator()
    library = opened(emulator)
    first, second, third = cards(library)
    owner.storage.objects["stories"].take(second.stored.id)
    broken = OpenedObject(first.stored, OpenedState.DAMAGED, "bad json")
    unsealable = replace(first, stored=msgspec.structs.replace(first.stored, meta="nobody's"))
    long = new_object("presets", "m" * 129, {}, {})
    changes = [
        ObjectChange(broken, {}),
        with_title(second, "gone"),
        with_title(unsealable, "no key"),
        ObjectChange(third, {"a": float("nan")}),
        ObjectChange(long),
        with_title(third, "well"),
    ]
    played = save(emulator, changes, library.keystore)
    refused_, gone, updated = SaveOutcome.REFUSED, SaveOutcome.GONE, SaveOutcome.UPDATED
    assert [saved.outcome for saved in played.result] == [refused_, gone, refused_, refused_, refused_, updated]
    assert tuple(played.events) == played.result
    assert [type(saved.error) for saved in played.result] == [
        InvalidRequestError,
        NotFoundError,
        InvalidRequestError,
        InvalidRequestError,
        InvalidRequestError,
        type(None),
    ]
    assert [saved.item for saved in played.result[:5]] == [change.item for change in changes[:5]]


def test_an_object_that_did_not_open_can_only_be_created_again_sealed() -> None:
    emulator, owner = an_emulator()
    data = "A" * 80
    broken = open_object(StoredObject(type="stories", meta="nobody's", data=data), keys_of(owner))
    saved = save(emulator, [ObjectChange(broken)], keys_of(owner)).result[0]
    assert saved.outcome is SaveOutcome.CREATED
    assert owner.storage.objects["stories"][-1].data == data
    assert saved.item == replace(broken, stored=owner.storage.objects["stories"][-1])


def test_nothing_more_is_tried_after_an_authentication_error() -> None:
    emulator, _ = an_emulator()
    library = opened(emulator)
    changes = [with_title(card, "x") for card in cards(library)]
    for fault, kind in ((refuse_with(401), AuthenticationError), (lose_request, TransportError)):
        played = save(inject_fault(emulator, fault, *range(1, 99), path="/user/objects"), changes, library.keystore)
        assert [saved.outcome for saved in played.result][2:] == [SaveOutcome.NOT_TRIED]
        assert isinstance(played.result[2].error, kind)
        changes = [with_title(saved.item, "y") for saved in played.result]


# ---- concurrent writers


def test_a_newer_version_is_not_overwritten() -> None:
    emulator, owner = an_emulator()
    library = opened(emulator)
    item = cards(library)[0]
    theirs = save(emulator, [with_title(item, "theirs")], library.keystore).result[0].item
    saved = save(emulator, [with_title(item, "mine")], library.keystore).result[0]
    assert (saved.outcome, saved.theirs, saved.item) == (SaveOutcome.CONFLICT, theirs.stored, item)
    assert isinstance(saved.error, ConflictError)
    assert owner.storage.objects["stories"][0] == theirs.stored


def test_a_newer_change_index_with_the_same_data_is_no_conflict() -> None:
    emulator, owner = an_emulator()
    library = opened(emulator)
    item = cards(library)[0]
    same = owner.storage.objects["stories"][0]
    owner.storage.objects["stories"].put(msgspec.structs.replace(same, changeIndex=9))
    assert save(emulator, [with_title(item, "mine")], library.keystore).result[0].outcome is SaveOutcome.UPDATED
    assert owner.storage.objects["stories"][0].changeIndex == 10


def test_without_a_change_index_the_data_is_compared_first() -> None:
    emulator, owner = an_emulator()
    library = opened(emulator)
    items = [
        replace(card, stored=msgspec.structs.replace(card.stored, changeIndex=None)) for card in cards(library)[:2]
    ]
    save(emulator, [with_title(cards(library)[1], "theirs")], library.keystore)
    played = save(emulator, [with_title(item, "mine") for item in items], library.keystore)
    assert [saved.outcome for saved in played.result] == [SaveOutcome.UPDATED, SaveOutcome.CONFLICT]
    assert played.result[1].theirs == owner.storage.objects["stories"][1]
    assert all(b"changeIndex" not in request.body for request in played.requests)


@settings(max_examples=scale_examples(40))
@given(st.lists(st.integers(0, 2), max_size=20))
def test_one_of_several_concurrent_clients_wins_and_the_others_get_a_conflict(order: list[int]) -> None:
    emulator, owner = an_emulator()
    library = opened(emulator)
    item = cards(library)[0]
    flows = [save_objects([with_title(item, f"{number}")], library.keystore) for number in range(3)]
    ends = run_in_memory(logged_in(interleave(flows, chain(order, cycle(range(3))))), emulator).result
    outcomes = [end[0].outcome for end in ends]
    assert sorted(outcomes, key=str) == [SaveOutcome.CONFLICT, SaveOutcome.CONFLICT, SaveOutcome.UPDATED]
    winner = outcomes.index(SaveOutcome.UPDATED)
    assert open_object(owner.storage.objects["stories"][0], library.keystore).json()["title"] == f"{winner}"


# ---- faults and lost responses

OBJECTS = "/user/objects/"


@for_each("name", FAULTS)
@for_each("create", [False, True], ids=["update", "create"])
def test_after_any_single_failure_the_outcome_is_true(name: str, create: bool) -> None:
    emulator, owner = an_emulator()
    library = opened(emulator)
    item = cards(library)[0]
    item = new_object("stories", item.stored.meta or "", item.json(), library.keystore) if create else item
    app = inject_fault(emulator, FAULTS[name], 0, method="PUT" if create else "PATCH", path=OBJECTS)
    saved = save(app, [with_title(item, "new")], library.keystore).result[0]
    titles = [open_object(each, library.keystore).json()["title"] for each in owner.storage.objects["stories"]]
    assert titles.count("new") == saved.outcome.ok
    assert saved.outcome is not SaveOutcome.CONFLICT
    assert len(titles) == 3 + (create and saved.outcome.ok)


@for_each("fault", [refuse_with(500), lose_request, lose_response], ids=["500", "lost", "unanswered"])
def test_an_update_without_a_response_is_checked_and_repeated(fault: Fault) -> None:
    emulator, owner = an_emulator()
    library = opened(emulator)
    app = inject_fault(emulator, fault, 0, method="PATCH")
    saved = save(app, [with_title(cards(library)[0], "new")], library.keystore).result[0]
    assert saved.outcome is SaveOutcome.UPDATED
    assert saved.item.stored == owner.storage.objects["stories"][0]
    assert saved.item.stored.changeIndex == 2


def test_a_creation_is_sent_once() -> None:
    emulator, owner = an_emulator()
    library = opened(emulator)
    new = new_object("stories", next(iter(library.keystore)), {}, library.keystore)
    for fault, outcome, kept in (
        (lose_response, SaveOutcome.CREATED, 4),
        (lose_request, SaveOutcome.UNKNOWN, 4),
        (refuse_with(500), SaveOutcome.UNKNOWN, 4),
    ):
        app = inject_fault(emulator, fault, *range(99), method="PUT")
        played = save(app, [ObjectChange(new)], library.keystore)
        assert (played.result[0].outcome, writes_of(played)) == (outcome, ["PUT"])
        assert len(owner.storage.objects["stories"]) == kept


def test_a_write_that_cannot_be_checked_is_unknown() -> None:
    emulator, _ = an_emulator()
    library = opened(emulator)
    app = inject_fault(emulator, lose_request, *range(99), path=OBJECTS)
    for item in (cards(library)[0], new_object("stories", next(iter(library.keystore)), {}, library.keystore)):
        saved = save(app, [ObjectChange(item, {"title": "new"})], library.keystore).result[0]
        assert saved.outcome is SaveOutcome.UNKNOWN
        assert isinstance(saved.error, TransportError)


def test_a_response_that_is_another_object_is_checked() -> None:
    emulator, owner = an_emulator()
    library = opened(emulator)

    def lies(app: App, request: Request) -> Handler:
        while (yield Read()):
            pass
        yield Start(Head(200, Headers.of(content_type="application/json")))
        yield Write(b'{"id":"another","data":""}')

    app = inject_fault(emulator, lies, *range(99), method="PATCH")
    saved = save(app, [with_title(cards(library)[0], "new")], library.keystore).result[0]
    assert saved.outcome is SaveOutcome.REFUSED
    assert isinstance(saved.error, RemoteProtocolError)
    assert owner.storage.objects["stories"][0] == cards(library)[0].stored


def test_sealed_data_is_written_as_it_is() -> None:
    emulator, owner = an_emulator()
    stored, data = owner.storage.objects["stories"][0], seal_object(cards(opened(emulator))[1], keys_of(owner))
    written = run_in_memory(logged_in(write_object(stored, data)), emulator).result
    assert (written.outcome, written.stored) == (SaveOutcome.UPDATED, owner.storage.objects["stories"][0])
    assert written.stored.data == data


def test_a_repr_shows_no_content() -> None:
    emulator, _ = an_emulator()
    library = opened(emulator)
    changes = [with_title(cards(library)[0], "a secret title")]
    played = save(emulator, changes, library.keystore)
    assert "secret title" not in repr(changes) + repr(played.result) + repr(played.events)
