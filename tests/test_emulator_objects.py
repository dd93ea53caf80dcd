"""The emulator keeps objects as the service does: raw requests, our own operations, and any order.

See:
    docs/protocol/native.md#72-userdata-object
    docs/protocol/native.md#172-account
"""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from nai_proto import account, objects
from nai_proto.codecs.sealed_objects import StoredObject
from nai_proto.emulator import Emulator
from nai_proto.emulator.accounts.object_collection import ObjectCollection
from nai_proto.emulator.accounts.storage import Storage
from nai_proto.errors import ConflictError, InvalidRequestError, NotFoundError
from nai_proto.exchange.actions import Runnable, Steps
from nai_proto.exchange.flow import flow
from nai_proto.http import Head, Headers, Request
from nai_proto.limits import Limits
from nai_proto.secret import AccessToken, Password, PersistentToken
from nai_proto.testing import Clock, MemoryConnection, run_in_memory
from tests.peer import Peer
from tests.support import EMAIL, PASSWORD, an_emulator, with_token

PATH = "/user/objects/stories"
ID = re.compile(r"[A-Za-z0-9_-]{21}")


class Keeping:
    """An emulator whose one account has stored nothing, and who asks it. Time passes when it is told to."""

    def __init__(self, entropy: Callable[[int], bytes] = bytes, **options: Any) -> None:
        self.clock = Clock(1_700_000_000.75)
        self.emulator = Emulator(now=self.clock, entropy=entropy, **options)
        self.owner = self.emulator.add_account(EMAIL, Password(PASSWORD), stories=False)
        self.token: AccessToken | PersistentToken = run_in_memory(account.login(EMAIL, PASSWORD), self.emulator).result
        self.peer = Peer(MemoryConnection(self.emulator, self.clock))

    def raw(self, method: str, target: str, body: object = None) -> tuple[Head, bytes]:
        sent = b"" if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
        if not self.peer.reusable:
            self.peer = Peer(MemoryConnection(self.emulator, self.clock))
        head = self.peer.send(
            Request(method, target, Headers(), sent, token=self.token, base="http://emulator.invalid")
        )
        return head, b"".join(iter(self.peer.receive, b""))

    def __call__(self, method: str, target: str, body: object = None) -> Any:
        """The document that is answered, or the status of a refusal."""
        head, answer = self.raw(method, target, body)
        document: Any = json.loads(answer) if answer else None
        if head.status >= 400:
            assert document["statusCode"] == head.status
            return head.status
        assert head.status == 200
        return document

    def run(self, flow: Runnable[Any, Any]) -> Any:
        signed = with_token(self.token.reveal(), flow)
        return run_in_memory(signed, self.emulator, clock=self.clock).result


@pytest.fixture
def keeping() -> Keeping:
    return Keeping()


def content(meta: str = "m", data: str = "eA==", **more: object) -> dict[str, object]:
    return {"meta": meta, "data": data, **more}


# ---- creating


def test_the_server_picks_the_id_and_the_first_index_is_1(keeping: Keeping) -> None:
    made = keeping("PUT", PATH, content(changeIndex=7, id="mine", type="shelf"))
    assert ID.fullmatch(made["id"])
    assert made == content(id=made["id"], type="stories", lastUpdatedAt=1_700_000_000, changeIndex=1)
    assert type(made["lastUpdatedAt"]) is int
    assert keeping("GET", f"{PATH}/{made['id']}") == made


def test_ids_differ_even_where_chance_does_not(keeping: Keeping) -> None:
    made = [keeping("PUT", PATH, content())["id"] for _ in range(5)]
    keeping("DELETE", f"{PATH}/{made[1]}")
    made += [keeping("PUT", PATH, content())["id"] for _ in range(5)]
    assert len({*made}) >= 9  # the one that is gone may come again
    assert len(keeping.owner.storage.objects["stories"]) == 9


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[",
        b"\xff",
        [],
        {},
        {"meta": "m"},
        {"data": "eA=="},
        content(meta="x" * 129),
        content(data="%"),
        content(data="eA="),
        content(data="eA==\n"),
        {"meta": None, "data": "eA=="},
        {"meta": "m", "data": None},
        {"meta": 1, "data": "eA=="},
        content(changeIndex="1"),
    ],
)
def test_what_is_no_object_is_refused(keeping: Keeping, method: str, body: object) -> None:
    made = keeping("PUT", PATH, content())
    target = PATH if method == "PUT" else f"{PATH}/{made['id']}"
    assert keeping(method, target, body) == 400
    assert keeping("GET", PATH) == {"objects": [made]}


@pytest.mark.parametrize("body", [content(meta=""), content(meta="ü" * 128), content(data=""), content(unknown=[1])])
def test_what_is_just_an_object_is_taken(keeping: Keeping, body: dict[str, object]) -> None:
    made = keeping("PUT", PATH, body)
    assert (made["meta"], made["data"]) == (body["meta"], body["data"])
    assert "unknown" not in made


def test_a_type_has_at_most_16_characters(keeping: Keeping) -> None:
    assert keeping("PUT", "/user/objects/" + "x" * 16, content())["type"] == "x" * 16
    assert keeping("PUT", "/user/objects/" + "%C3%BC" * 16, content())["type"] == "ü" * 16
    assert keeping("PUT", "/user/objects/" + "x" * 17, content()) == 400
    assert keeping("PATCH", "/user/objects/" + "x" * 17 + "/id", content()) == 400


def test_a_body_has_its_limit() -> None:
    keeping = Keeping(limits=Limits(body=1000))
    assert keeping("PUT", PATH, content(data="eA==" * 300)) == 413
    assert keeping("GET", PATH) == {"objects": []}


# ---- changing


def test_a_change_counts_up_and_tells_when(keeping: Keeping) -> None:
    first, second = keeping("PUT", PATH, content()), keeping("PUT", PATH, content())
    target = f"{PATH}/{first['id']}"
    keeping.clock.advance(10)
    new = keeping("PATCH", target, content("n", "eQ==", changeIndex=1))
    assert new == {**first, **content("n", "eQ=="), "changeIndex": 2, "lastUpdatedAt": 1_700_000_010}
    assert keeping("PATCH", target, content())["changeIndex"] == 3  # the last writer wins
    assert keeping("PATCH", target, content(changeIndex=None))["changeIndex"] == 4
    assert keeping("PATCH", target, content(changeIndex=4.0))["changeIndex"] == 5
    assert [each["id"] for each in keeping("GET", PATH)["objects"]] == [first["id"], second["id"]]


@pytest.mark.parametrize("index", [0, 1, 3, -1, 1.5, 10**18])
def test_a_change_of_something_else_is_a_conflict(keeping: Keeping, index: float) -> None:
    made = keeping("PUT", PATH, content())
    new = keeping("PATCH", f"{PATH}/{made['id']}", content("n", changeIndex=1))
    assert keeping("PATCH", f"{PATH}/{made['id']}", content("o", changeIndex=index)) == 409
    assert keeping("GET", PATH) == {"objects": [new]}


def test_what_else_an_object_has_survives_a_change(keeping: Keeping) -> None:
    keeping.owner.storage.objects["stories"].append(
        StoredObject(id="old", type="stories", data="eA==", extra={"shared": True, "meta": 7})
    )
    assert keeping("GET", f"{PATH}/old") == {"id": "old", "type": "stories", "data": "eA==", "shared": True, "meta": 7}
    new = keeping("PATCH", f"{PATH}/old", content())
    assert (new["shared"], new["changeIndex"]) == (True, 1)


# ---- what is not there


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("target", [f"{PATH}/nobody", "/user/objects/nothing/nobody"])
def test_an_unknown_id_is_not_found(keeping: Keeping, method: str, target: str) -> None:
    keeping("PUT", PATH, content())
    assert keeping(method, target, content()) == 404


def test_an_id_is_only_good_with_its_type(keeping: Keeping) -> None:
    made = keeping("PUT", PATH, content())
    assert keeping("DELETE", f"/user/objects/shelf/{made['id']}") == 404
    assert keeping("GET", PATH) == {"objects": [made]}


def test_an_unknown_type_is_an_empty_list(keeping: Keeping) -> None:
    assert keeping("GET", "/user/objects/" + "x" * 40) == {"objects": []}
    assert not keeping.owner.storage.objects


# ---- removing


def test_what_is_removed_is_given_back_once(keeping: Keeping) -> None:
    made = [keeping("PUT", PATH, content(str(number))) for number in range(3)]
    assert keeping("DELETE", f"{PATH}/{made[1]['id']}") == made[1]
    assert keeping("DELETE", f"{PATH}/{made[1]['id']}") == 404
    assert keeping("GET", PATH) == {"objects": [made[0], made[2]]}


def test_a_batch_removes_all_of_its_types_and_no_other(keeping: Keeping) -> None:
    for type_ in ("stories", "stories", "storycontent", "presets"):
        keeping("PUT", f"/user/objects/{type_}", content())
    wrong: list[object] = [{"types": []}, {}, {"types": "stories"}, {"types": [1]}, b""]
    for body in wrong:
        assert keeping("DELETE", "/user/objects/batch", body) == 400
    head, answer = keeping.raw("DELETE", "/user/objects/batch", {"types": ["stories", "presets", "nothing"]})
    assert (head.status, head.content_type, answer) == (200, "text/plain", b"")
    assert [*keeping.owner.storage.objects] == ["storycontent"]


# ---- paths and tokens


def test_a_slash_at_the_end_changes_nothing(keeping: Keeping) -> None:
    made = keeping("PUT", PATH + "/", content())
    assert keeping("GET", PATH + "/") == {"objects": [made]}
    assert keeping("GET", f"{PATH}/{made['id']}/") == made
    assert keeping("PATCH", f"{PATH}/{made['id']}/", content())["changeIndex"] == 2
    assert keeping("DELETE", f"{PATH}/{made['id']}/")["changeIndex"] == 2
    assert keeping("DELETE", "/user/objects/batch/", {"types": ["stories"]}) is None


@pytest.mark.parametrize(
    ("method", "target"),
    [("DELETE", PATH), ("POST", PATH), ("PATCH", PATH), ("PUT", f"{PATH}/id"), ("GET", "/user/objects")],
)
def test_what_has_no_endpoint_is_not_found(keeping: Keeping, method: str, target: str) -> None:
    assert keeping(method, target, content()) == 404


@pytest.mark.parametrize(
    ("query", "numbers"),
    [("", "01234"), ("?offset=2", "234"), ("?limit=2", "01"), ("?limit=2&offset=4&order=desc", "4"), ("?offset=9", "")],
)
def test_a_list_is_in_order_of_creation_and_can_be_cut(keeping: Keeping, query: str, numbers: str) -> None:
    for number in range(5):
        keeping("PUT", PATH, content(str(number)))
    keeping("PATCH", f"{PATH}/{keeping('GET', PATH)['objects'][1]['id']}", content("1"))
    assert "".join(each["meta"] for each in keeping("GET", PATH + query)["objects"]) == numbers
    assert len(keeping("GET", f"{PATH}?offset=-1&limit=x")["objects"]) == 5


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("target", [PATH, f"{PATH}/id", "/user/objects/batch", "/user/keystore"])
def test_a_persistent_token_sees_and_changes_nothing(keeping: Keeping, method: str, target: str) -> None:
    keeping.token = keeping.owner.persistent_token
    assert keeping(method, target, content(keystore="", types=["stories"])) in (401, 404)
    assert not keeping.owner.storage.objects


def test_accounts_do_not_see_each_other(keeping: Keeping) -> None:
    made = keeping("PUT", PATH, content())
    keeping.emulator.add_account("b@example.com", Password("b"), stories=False)
    keeping.token = run_in_memory(account.login("b@example.com", "b"), keeping.emulator).result
    assert keeping("GET", PATH) == {"objects": []}
    assert keeping("DELETE", f"{PATH}/{made['id']}") == 404


# ---- our own operations


def test_our_own_operations_are_understood(keeping: Keeping) -> None:
    made = keeping.run(objects.create_object("stories", "m", "eA=="))
    assert keeping.run(objects.list_objects("stories")) == (made,)
    new = keeping.run(objects.update_object(made, "eQ=="))
    assert (new.id, new.data, new.changeIndex) == (made.id, "eQ==", 2)
    with pytest.raises(ConflictError, match="changed meanwhile"):
        keeping.run(objects.update_object(made, "eg=="))
    assert keeping.run(objects.get_object("stories", made.id)) == new
    assert keeping.run(objects.delete_object("stories", made.id)) == new
    for operation in (objects.get_object("stories", made.id), objects.update_object(new, "eQ==")):
        with pytest.raises(NotFoundError):
            keeping.run(operation)
    keeping.run(objects.create_object("presets", "", ""))
    assert keeping.run(objects.delete_objects(["presets"])) is None
    assert keeping.run(objects.list_objects("presets")) == ()


def test_thousands_of_objects_are_found_by_id_without_a_search() -> None:
    """In 10,000 the last is where the first is: nothing but the one that is meant is looked at."""
    storage = Storage()
    looked_at: list[str] = []

    class Watched(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            looked_at.append(str(self))
            return str(self) == other

        __hash__ = str.__hash__

    for number in range(10_000):
        storage.objects["stories"].append(StoredObject(id=Watched(f"{number:021}"), type="stories", changeIndex=1))
    looked_at.clear()
    for number in (0, 5_000, 9_999):
        assert storage.update("stories", f"{number:021}", "m", "", 1, 0.0).changeIndex == 2
        assert storage.delete("stories", f"{number:021}").changeIndex == 2
    assert len(looked_at) < 100
    assert len(storage.objects["stories"]) == 9_997


# ---- any order of requests against a dictionary

TYPES = st.sampled_from(["stories", "storycontent", "presets"])
DATA = st.binary(max_size=12).map(lambda raw: binascii.b2a_base64(raw, newline=False).decode())
METAS = st.text(max_size=5)


class Objects(RuleBasedStateMachine):
    """The emulator does what a plain dictionary of dictionaries does, in order, and says so."""

    known: Bundle[dict[str, Any]] = Bundle("known")

    def __init__(self) -> None:
        super().__init__()
        self.keeping = Keeping()
        self.model: dict[str, dict[str, dict[str, Any]]] = {}

    def target(self, document: dict[str, Any]) -> str:
        return f"/user/objects/{document['type']}/{document['id']}"

    def stored(self, document: dict[str, Any]) -> dict[str, Any] | None:
        return self.model.get(document["type"], {}).get(document["id"])

    @rule(target=known, type_=TYPES, meta=METAS, data=DATA)
    def create(self, type_: str, meta: str, data: str) -> dict[str, Any]:
        made: dict[str, Any] = self.keeping("PUT", f"/user/objects/{type_}", content(meta, data))
        assert made["id"] not in self.model.get(type_, {})
        assert (made["meta"], made["data"], made["changeIndex"]) == (meta, data, 1)
        self.model.setdefault(type_, {})[made["id"]] = made
        return made

    @rule(target=known, known=known, meta=METAS, data=DATA, careful=st.booleans())
    def update(self, known: dict[str, Any], meta: str, data: str, careful: bool) -> dict[str, Any]:
        """With what was read at any time: it may be out of date, or gone."""
        self.keeping.clock.advance(1)
        index = {"changeIndex": known["changeIndex"]} if careful else {}
        answer = self.keeping("PATCH", self.target(known), content(meta, data, **index))
        stored = self.stored(known)
        if stored is None:
            assert answer == 404
            return known
        if careful and stored["changeIndex"] != known["changeIndex"]:
            assert answer == 409
            return known
        now = int(self.keeping.clock())
        new = {**stored, "meta": meta, "data": data, "changeIndex": stored["changeIndex"] + 1, "lastUpdatedAt": now}
        assert answer == new
        self.model[known["type"]][known["id"]] = new
        return new

    @rule(known=consumes(known))
    def delete(self, known: dict[str, Any]) -> None:
        expected = self.model.get(known["type"], {}).pop(known["id"], None)
        assert self.keeping("DELETE", self.target(known)) == (404 if expected is None else expected)

    @rule(known=known)
    def look(self, known: dict[str, Any]) -> None:
        expected = self.stored(known)
        assert self.keeping("GET", self.target(known)) == (404 if expected is None else expected)

    @rule(types=st.lists(TYPES, min_size=1, max_size=2))
    def clear(self, types: list[str]) -> None:
        assert self.keeping("DELETE", "/user/objects/batch", {"types": types}) is None
        for type_ in types:
            self.model.pop(type_, None)

    @invariant()
    def all_are_listed_in_order(self) -> None:
        for type_ in ("stories", "storycontent", "presets"):
            listed = self.keeping("GET", f"/user/objects/{type_}")
            assert listed == {"objects": [*self.model.get(type_, {}).values()]}


TestObjects = Objects.TestCase
TestObjects.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


# ---- a collection

ITEMS = [StoredObject(id=letter) for letter in "abc"]


def test_a_collection_is_a_sequence_that_can_be_changed() -> None:
    collection = ObjectCollection(ITEMS)
    assert collection == ITEMS
    assert collection == ITEMS
    assert collection != ITEMS[:2]
    assert collection != 3
    assert (collection[0], collection[-1], collection[1:]) == (ITEMS[0], ITEMS[2], ITEMS[1:])
    collection[1] = StoredObject(id="d")
    assert [item.id for item in collection] == ["a", "d", "c"]
    del collection[0]
    assert [item.id for item in collection] == ["d", "c"]
    assert repr(collection) == "Collection([StoredObject('', id='d'), StoredObject('', id='c')])"


def test_no_two_in_a_collection_have_one_id() -> None:
    collection = ObjectCollection(ITEMS)
    with pytest.raises(InvalidRequestError, match="is already there"):
        collection.append(ITEMS[0])
    with pytest.raises(InvalidRequestError, match="is already there"):
        collection[0] = ITEMS[1]
    assert collection == ITEMS


@given(st.lists(st.sampled_from("abcd")))
def test_what_is_put_stands_where_its_like_stood(ids: list[str]) -> None:
    collection = ObjectCollection()
    for id_ in ids:
        collection.put(StoredObject(id=id_, changeIndex=len(ids)))
    assert [item.id for item in collection] == [*dict.fromkeys(ids)]


def test_stories_that_an_account_came_with_are_changed_as_any() -> None:
    emulator, owner = an_emulator()

    @flow
    def program() -> Steps[Any, StoredObject]:
        token = yield from account.login(EMAIL, PASSWORD)
        (first, *_) = yield from with_token(token, iter(objects.list_objects("stories")))
        return (yield from with_token(token, iter(objects.update_object(first, "eA=="))))

    assert run_in_memory(program(), emulator).result == owner.storage.objects["stories"][0]
    assert owner.storage.objects["stories"][0].changeIndex == 2
