"""Stored objects on the wire, and loading a library.

See:
    docs/protocol/native.md#7-keystore-and-user-objects
    docs/protocol/content.md#3-objects
    docs/protocol/content.md#41-stories
"""

from __future__ import annotations

import binascii
import json
import pickle
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from nacl.bindings import crypto_secretbox

from nai_proto import objects
from nai_proto.codecs.key_derivation import encryption_key
from nai_proto.codecs.keystore import Keystore, open_keystore, seal_keystore
from nai_proto.codecs.object_compression import MARK
from nai_proto.codecs.sealed_objects import OpenedObject, OpenedState, StoredObject
from nai_proto.emulator import Account, Emulator
from nai_proto.errors import (
    AuthenticationError,
    Damaged,
    DecryptionFailed,
    NotFoundError,
    RemoteProtocolError,
    StatusError,
)
from nai_proto.exchange.reply import App, Handler, Start
from nai_proto.exchange.retry import Repeat
from nai_proto.http import Head, Headers, Host, Request
from nai_proto.library import (
    KeystoreOpened,
    Library,
    LoadEvent,
    ObjectsOpened,
    OpenedStory,
    Suspicion,
    link_stories,
    load,
    open_library,
    read_library,
)
from nai_proto.limits import Limits
from nai_proto.secret import Password
from nai_proto.testing import FlowTrace, play, run_in_memory
from tests import support
from tests.cases import for_each
from tests.support import EMAIL, PASSWORD, an_emulator, logged_in, with_token

KEY = encryption_key(EMAIL, Password(PASSWORD))
TITLES = ["The Quiet Harbour", "Letters to the Moon", "物語"]
JSON = Head(200, Headers.of(content_type="application/json"))


def opened(emulator: Emulator) -> FlowTrace[LoadEvent, Library]:
    return run_in_memory(open_library(EMAIL, PASSWORD), emulator)


def keys_of(owner: Account) -> Keystore:
    return open_keystore(owner.storage.keystore, KEY)


def change(owner: Account, type: str, index: int, **fields: Any) -> StoredObject:  # noqa: A002
    """Replace fields of one stored object."""
    items = owner.storage.objects[type]
    items[index] = msgspec.structs.replace(items[index], **fields)
    return items[index]


def sealed(plaintext: bytes, key: bytes, mark: bytes = b"") -> str:
    nonce = bytes(range(24))
    return binascii.b2a_base64(mark + nonce + crypto_secretbox(plaintext, nonce, key), newline=False).decode()


# ---- on the wire


def test_operations_are_values_that_may_be_repeated() -> None:
    for operation in (objects.get_keystore(), objects.list_objects("shelf"), objects.get_object("shelf", "a/b")):
        assert pickle.loads(pickle.dumps(operation)) == operation
        assert operation.repeat is Repeat.ALWAYS
    assert objects.get_object("shelf", "a/b").request.target == "/user/objects/shelf/a%2Fb"


def test_a_withheld_keystore_is_an_error_and_null_is_none() -> None:
    withheld = play(objects.get_keystore(), [JSON, b'{"changeIndex":1}', b""])
    assert isinstance(withheld.error, Damaged)
    assert withheld.error.category == "missing field"
    assert play(objects.get_keystore(), [JSON, b'{"keystore":null}', b""]).result == objects.StoredKeystore(None)
    full = play(objects.get_keystore(), [JSON, b'{"keystore":"c2VjcmV0","changeIndex":4,"more":[]}', b""]).result
    assert (full.keystore, full.changeIndex) == ("c2VjcmV0", 4)
    assert "c2VjcmV0" not in repr(full)


def test_a_malformed_object_does_not_hide_the_others() -> None:
    body = b'{"objects":[null,{"id":"a","data":7},{"id":"b","type":"shelf","meta":"","data":"","new":1}],"total":3}'
    listed = play(objects.list_objects("shelf"), [JSON, body, b""]).result
    mistyped, unknown = StoredObject(id="a", extra={"data": 7}), {"new": 1}
    assert listed == (StoredObject(), mistyped, StoredObject(id="b", type="shelf", meta="", data="", extra=unknown))
    assert [item.document for item in listed[1:]] == json.loads(body)["objects"][1:]  # nothing of it is lost
    assert isinstance(play(objects.list_objects("shelf"), [JSON, b"{}", b""]).error, RemoteProtocolError)


# ---- the emulator's storage


def test_a_fresh_account_has_sealed_stories() -> None:
    emulator, owner = an_emulator()
    answer = run_in_memory(logged_in(objects.get_keystore()), emulator).result
    assert answer.changeIndex == 1
    keys = open_keystore(answer.keystore, KEY)
    assert len(keys) == 3
    assert keys.unusable == ()
    for type_, compressed in (("stories", False), ("storycontent", True)):
        listed = run_in_memory(logged_in(objects.list_objects(type_)), emulator).result
        assert list(listed) == owner.storage.objects[type_]
        for item in listed:
            assert (len(item.id), item.type, item.changeIndex) == (21, type_, 1)
            assert binascii.a2b_base64(item.data).startswith(MARK) == compressed
            assert run_in_memory(logged_in(objects.get_object(type_, item.id)), emulator).result == item
    ids = [item.id for items in owner.storage.objects.values() for item in items]
    assert len(set(ids)) == 6


def test_an_empty_account_stores_nothing() -> None:
    emulator = Emulator(now=lambda: 0.0, entropy=bytes)
    emulator.add_account(EMAIL, Password(PASSWORD), stories=False)
    assert run_in_memory(logged_in(objects.get_keystore()), emulator).result == objects.StoredKeystore(None)
    nothing = opened(emulator)
    assert nothing.result == Library(Keystore(), (), others=dict.fromkeys(objects.TYPES[2:], ()))
    assert nothing.events[0] == KeystoreOpened(objects.StoredKeystore(None), Keystore())
    assert nothing.events[1:] == [ObjectsOpened(each, (), 0, 0) for each in objects.TYPES]


def test_stories_have_different_ids_even_with_constant_entropy() -> None:
    emulator = Emulator(now=lambda: 0.0, entropy=bytes)
    emulator.add_account(EMAIL, Password(PASSWORD))
    assert [story.title for story in opened(emulator).result.stories] == TITLES


def test_persistent_tokens_are_refused() -> None:
    emulator, owner = an_emulator()
    for operation in (objects.get_keystore(), objects.list_objects("stories"), objects.get_object("stories", "x")):
        unsaid = replace(operation, request=replace(operation.request, login_only=False))
        played = run_in_memory(with_token(owner.persistent_token, unsaid), emulator)
        assert isinstance(played.error, AuthenticationError)
        assert played.error.message == "Usage of persistent access tokens is not allowed for this endpoint"


def test_unknown_types_are_empty_and_unknown_ids_are_404() -> None:
    emulator, _ = an_emulator()
    assert run_in_memory(logged_in(objects.list_objects("nothing")), emulator).result == ()
    assert isinstance(run_in_memory(logged_in(objects.get_object("stories", "x")), emulator).error, NotFoundError)


@for_each(
    "query, left",
    [("", 3), ("?offset=1", 2), ("?limit=2", 2), ("?offset=2&limit=5&order=x", 1), ("?limit=0", 0), ("?limit=-1", 3)],
)
def test_offset_and_limit_apply_if_they_are_numbers(query: str, left: int) -> None:
    emulator, _ = an_emulator()
    listing = objects.list_objects("stories")
    pending = replace(listing, request=replace(listing.request, target=listing.request.target + query))
    assert len(run_in_memory(logged_in(pending), emulator).result) == left


# ---- the library


def check_complete(result: Library, events: list[LoadEvent]) -> None:
    assert [story.title for story in result.stories] == TITLES
    assert all(story.ok and story.is_consistent for story in result.stories)
    assert (result.failed, result.orphans, len(result.keystore), result.unread) == ((), (), 3, {})
    first, *others = events
    assert first == KeystoreOpened(result.stored_keystore, result.keystore)
    assert result.stored_keystore.changeIndex == 1
    progress = [(event.type, event.done, event.total) for event in others if isinstance(event, ObjectsOpened)]
    assert progress == [("stories", 3, 3), ("storycontent", 3, 3), *((each, 0, 0) for each in objects.TYPES[2:])]
    for story in result.stories:
        assert story.content is not None
        text = "".join(fragment["data"] for fragment in story.content.json()["story"]["fragments"])
        assert text == story.card.json()["textPreview"]


def test_a_library_opens() -> None:
    played = opened(an_emulator()[0])
    check_complete(played.result, played.events)


@for_each("transport", support.ALL)
def test_a_library_opens_with_every_driver(transport: str) -> None:
    outcome = support.on(transport, an_emulator()[0], lambda: open_library(EMAIL, PASSWORD))
    assert outcome.error is None
    check_complete(outcome.result, outcome.events)


def test_a_story_has_its_text_in_either_format_and_none_if_it_cannot_be_read() -> None:
    emulator, owner = an_emulator()
    assert opened(emulator).result.stories[2].text == "むかしむかし、あるところに。 🦢"
    for type_, content in (("storycontent", {"document": "AA=="}), ("storycontent", {"story": {"fragments": [{}]}})):
        stored, keys = owner.storage.objects[type_][0], keys_of(owner)
        plaintext = json.dumps(content).encode()
        change(owner, type_, 0, data=sealed(plaintext, keys[stored.meta or ""]))
        assert opened(emulator).result.stories[0].text is None
    change(owner, "storycontent", 1, data="!")
    assert opened(emulator).result.stories[1].text is None


def test_a_library_has_the_token_for_further_requests() -> None:
    emulator, _ = an_emulator()
    library = opened(emulator).result
    assert library.token is not None
    assert library.token.reveal() not in repr(library)
    assert run_in_memory(with_token(library.token, objects.get_keystore()), emulator).result.changeIndex == 1


def test_the_key_comes_from_the_spelling_that_logged_in() -> None:
    played = run_in_memory(open_library(EMAIL.upper(), PASSWORD), an_emulator()[0])
    check_complete(played.result, played.events)


def test_objects_are_opened_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "_BATCH_CHARACTERS", 1)
    played = run_in_memory(open_library(EMAIL, PASSWORD, types=("stories", "storycontent")), an_emulator()[0])
    progress = [(event.done, len(event.items)) for event in played.events if isinstance(event, ObjectsOpened)]
    assert progress == [(1, 1), (2, 1), (3, 1)] * 2
    assert played.kinds.count("Compute Emit") == 7


S = OpenedState


@for_each(
    "fields, state, category",
    [
        ({"meta": "nobody's"}, S.MISSING_KEY, "meta not in keystore"),
        ({"meta": None}, S.DAMAGED, "missing field"),
        ({"data": None}, S.DAMAGED, "missing field"),
        ({"data": "?"}, S.DAMAGED, "bad base64"),
        ({"data": "AAAA"}, S.DAMAGED, "truncated"),
        ({"data": "A" * 80}, S.NOT_AUTHENTIC, "authentication failed"),
        (b"\xff", S.DAMAGED, "bad utf-8"),
        (b"{", S.DAMAGED, "bad json"),
        (b"[]", S.DAMAGED, "not an object"),
        (b'{"a":' + b"[" * 200 + b"]" * 200 + b"}", S.TOO_LARGE, "too large"),
    ],
)
@for_each("type_", ["stories", "storycontent"])
def test_a_bad_object_does_not_stop_the_others(type_: str, fields: Any, state: S, category: str) -> None:
    emulator, owner = an_emulator()
    if isinstance(fields, bytes):
        meta = owner.storage.objects[type_][1].meta or ""
        fields = {"data": sealed(fields, keys_of(owner)[meta])}
    bad = change(owner, type_, 1, **fields)
    result = opened(emulator).result
    assert [(item.state, item.category) for item in result.failed] == [(state, category)]
    assert result.failed[0].stored == bad
    assert len(result.stories) == 3
    assert sum(story.ok for story in result.stories) == 2
    suspicion = Suspicion.DAMAGED if state is S.NOT_AUTHENTIC else None
    assert result.suspicion(result.failed[0]) is suspicion


def test_a_key_of_a_wrong_size_is_reported() -> None:
    emulator, owner = an_emulator()
    keys = keys_of(owner)
    first = next(iter(keys))
    owner.storage.keystore = seal_keystore(Keystore({**keys, first: keys[first][:24]}), KEY)
    result = opened(emulator).result
    assert result.keystore.unusable == (first,)
    assert {item.state for item in result.failed} == {S.UNUSABLE_KEY}
    assert len(result.failed) == 2


def test_the_key_is_suspected_if_no_object_opens() -> None:
    emulator, owner = an_emulator()
    owner.storage.keystore = seal_keystore(Keystore(dict.fromkeys(keys_of(owner), bytes(32))), KEY)
    result = opened(emulator).result
    assert {result.suspicion(item) for item in result.failed} == {Suspicion.WRONG_KEY}
    assert len(result.failed) == 6
    assert [story.title for story in result.stories] == [""] * 3


@pytest.mark.parametrize("text", ["?", "e30="])
def test_a_damaged_keystore_is_not_an_empty_one(text: str) -> None:
    emulator, owner = an_emulator()
    owner.storage.keystore = text
    assert isinstance(opened(emulator).error, Damaged)


def test_a_keystore_of_another_password_does_not_open() -> None:
    emulator, owner = an_emulator()
    owner.storage.keystore = seal_keystore(keys_of(owner), encryption_key(EMAIL, Password("another")))
    assert isinstance(opened(emulator).error, DecryptionFailed)


def test_the_size_of_an_inflated_object_is_limited() -> None:
    played = run_in_memory(open_library(EMAIL, PASSWORD).with_options(limits=Limits(unpacked=100)), an_emulator()[0])
    assert [item.state for item in played.result.failed] == [S.TOO_LARGE] * 3


def test_a_card_without_content_and_a_content_without_card_are_reported() -> None:
    emulator, owner = an_emulator()
    del owner.storage.objects["stories"][0], owner.storage.objects["storycontent"][2]
    result = opened(emulator).result
    assert [story.content is not None for story in result.stories] == [True, False]
    assert not result.stories[1].ok
    assert not result.stories[1].is_consistent
    assert [item.stored for item in result.orphans] == [owner.storage.objects["storycontent"][0]]
    assert len([*result.items]) == 4


# ---- the other types


def plain(type: str, id: str, **content: Any) -> StoredObject:  # noqa: A002
    data = binascii.b2a_base64(json.dumps(content).encode(), newline=False).decode()
    return StoredObject(id=id, type=type, meta="", data=data, changeIndex=1)


def test_presets_and_shelves_are_opened_with_the_rest() -> None:
    emulator, owner = an_emulator()
    for item in (
        plain("presets", "p", name="Calm"),
        plain("presets", "q"),
        StoredObject(id="s", type="shelf", meta="", data="?"),
    ):
        owner.storage.objects[item.type].append(item)
    result = opened(emulator).result
    assert [item.json() for item in result.others["presets"]] == [{"name": "Calm"}, {}]
    assert [item.category for item in result.failed] == ["bad base64"]
    assert len([*result.items]) == 9


def refusing(app: App, path: str, answer: Head) -> App:
    def refuses(request: Request) -> Handler:
        if request.path == path:
            yield from support.reading(request)
            yield Start(answer)
        else:
            yield from app(request)

    return refuses


@for_each("status", [400, 404, 418, 502])
def test_a_type_that_cannot_be_listed_does_not_hide_the_others(status: int) -> None:
    emulator, _ = an_emulator()
    app = refusing(emulator, "/user/objects/promptmacros", Head(status))
    result = run_in_memory(open_library(EMAIL, PASSWORD), app).result
    assert [story.title for story in result.stories] == TITLES
    assert [*result.others] == ["aimodules", "presets", "shelf"]
    assert isinstance(result.unread["promptmacros"], StatusError)
    for essential in ("stories", "storycontent"):
        played = run_in_memory(
            open_library(EMAIL, PASSWORD), refusing(emulator, f"/user/objects/{essential}", Head(status))
        )
        assert isinstance(played.error, StatusError)


def test_prompt_macros_are_requested_from_the_image_host() -> None:
    hosts = {each: objects.list_objects(each).request.host for each in objects.TYPES}
    assert hosts == {**dict.fromkeys(objects.TYPES, Host.ACCOUNT), "promptmacros": Host.IMAGE}


def test_a_token_and_a_key_open_the_same_library() -> None:
    emulator, _ = an_emulator()
    result = run_in_memory(logged_in(read_library(KEY)), emulator).result
    assert result == opened(emulator).result
    assert (result.key, result.token) == (KEY, None)


def test_a_keystore_that_another_program_damaged_is_read_and_reported_as_repaired() -> None:
    emulator, owner = an_emulator()
    keys = replace(keys_of(owner), compressed=True)
    envelope = json.loads(binascii.a2b_base64(seal_keystore(keys, KEY)))
    envelope["sdata"][: len(MARK)] = envelope["nonce"][: len(MARK)]
    owner.storage.keystore = binascii.b2a_base64(json.dumps(envelope).encode(), newline=False).decode()
    result = opened(emulator).result
    assert result.keystore == keys
    assert result.keystore.repaired
    assert all(story.ok for story in result.stories)


# ---- linking


def item(id: str, meta: str, **content: Any) -> OpenedObject:  # noqa: A002
    state = S.OPENED if content else S.DAMAGED
    return OpenedObject(StoredObject(id=id, meta=meta), state, source=json.dumps(content).encode())


def test_a_card_is_linked_by_id_before_meta() -> None:
    first, second = item("c1", "m1", a=1), item("c2", "m2", a=1)
    card = item("s", "m1", remoteStoryId="c2")
    assert link_stories([card], [first, second]) == ((OpenedStory(card, second),), (first,))
    assert not OpenedStory(card, second).is_consistent


@for_each("content", [{}, {"a": 1}, {"remoteStoryId": "gone"}, {"remoteStoryId": 7}])
def test_a_card_without_a_valid_link_is_linked_by_meta(content: dict[str, Any]) -> None:
    first, second = item("c1", "m1", a=1), item("c2", "m1", a=1)
    card = item("s", "m1", **content)
    assert link_stories([card], [first, second]) == ((OpenedStory(card, first),), (second,))


def test_an_empty_meta_links_nothing() -> None:
    card, content = item("s", ""), item("c", "")
    assert link_stories([card], [content]) == ((OpenedStory(card, None),), (content,))


def test_two_cards_may_link_to_one_content() -> None:
    content = item("c", "m", a=1)
    cards = [item("s1", "m"), item("s2", "m")]
    stories, orphans = link_stories(cards, [content])
    assert (len(stories), orphans) == (2, ())
    assert len([*Library(Keystore(), stories).items]) == 3


def test_a_repr_of_a_library_shows_no_content() -> None:
    played = opened(an_emulator()[0])
    shown = repr(played.result) + repr(played.events) + repr(played.actions)
    assert "Harbour" not in shown
    for key in played.result.keystore.values():
        assert repr(key) not in shown
