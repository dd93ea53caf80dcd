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
from nai_proto.emulator.accounts.storage import ObjectCollection, Storage
from nai_proto.errors import ConflictError, InvalidRequestError, NotFoundError
from nai_proto.exchange.actions import Runnable, Steps
from nai_proto.exchange.flow import flow
from nai_proto.http import Head, Headers, Request
from nai_proto.limits import Limits
from nai_proto.secret import AccessToken, Password, PersistentToken
from nai_proto.testing import Clock, MemoryConnection, run_in_memory
from tests.cases import for_each
from tests.hypothesis_profiles import scale_examples
from tests.peer import Peer
from tests.support import EMAIL, PASSWORD, an_emulator, with_token

PATH = "/user/objects/stories"
ID = re.compile(r"[A-Za-z0-9_-]{21}")


class ObjectClient:
    """A client of an emulator whose one account has stored nothing, with a clock of its own."""

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
        """Return the document of a response, or the status of an error."""
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
def client() -> ObjectClient:
    return ObjectClient()


def content(meta: str = "m", data: str = "eA==", **more: object) -> dict[str, object]:
    return {"meta": meta, "data": data, **more}


# ---- creating


def test_the_server_picks_the_id_and_the_first_index_is_1(client: ObjectClient) -> None:
    made = client("PUT", PATH, content(changeIndex=7, id="mine", type="shelf"))
    assert ID.fullmatch(made["id"])
    assert made == content(id=made["id"], type="stories", lastUpdatedAt=1_700_000_000, changeIndex=1)
    assert type(made["lastUpdatedAt"]) is int
    assert client("GET", f"{PATH}/{made['id']}") == made


def test_ids_differ_even_if_the_entropy_does_not(client: ObjectClient) -> None:
    made = [client("PUT", PATH, content())["id"] for _ in range(5)]
    client("DELETE", f"{PATH}/{made[1]}")
    made += [client("PUT", PATH, content())["id"] for _ in range(5)]
    assert len({*made}) >= 9  # the one that is gone may come again
    assert len(client.owner.storage.objects["stories"]) == 9


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
def test_an_invalid_object_is_refused(client: ObjectClient, method: str, body: object) -> None:
    made = client("PUT", PATH, content())
    target = PATH if method == "PUT" else f"{PATH}/{made['id']}"
    assert client(method, target, body) == 400
    assert client("GET", PATH) == {"objects": [made]}


@pytest.mark.parametrize("body", [content(meta=""), content(meta="ü" * 128), content(data=""), content(unknown=[1])])
def test_a_minimal_object_is_accepted(client: ObjectClient, body: dict[str, object]) -> None:
    made = client("PUT", PATH, body)
    assert (made["meta"], made["data"]) == (body["meta"], body["data"])
    assert "unknown" not in made


def test_a_type_has_at_most_16_characters(client: ObjectClient) -> None:
    assert client("PUT", "/user/objects/" + "x" * 16, content())["type"] == "x" * 16
    assert client("PUT", "/user/objects/" + "%C3%BC" * 16, content())["type"] == "ü" * 16
    assert client("PUT", "/user/objects/" + "x" * 17, content()) == 400
    assert client("PATCH", "/user/objects/" + "x" * 17 + "/id", content()) == 400


def test_a_body_over_the_limit_is_refused() -> None:
    client = ObjectClient(limits=Limits(body=1000))
    assert client("PUT", PATH, content(data="eA==" * 300)) == 413
    assert client("GET", PATH) == {"objects": []}


# ---- changing


def test_an_update_replaces_what_has_another_type(client: ObjectClient) -> None:
    client.owner.storage.keep(StoredObject(id="x", type="stories", changeIndex=1, extra={"meta": None, "data": 7}))
    new = client("PATCH", f"{PATH}/x", content("n", "eQ=="))
    assert new == client("GET", f"{PATH}/x")
    assert (new["meta"], new["data"], new["changeIndex"]) == ("n", "eQ==", 2)


def test_an_update_increases_the_index_and_sets_the_time(client: ObjectClient) -> None:
    first, second = client("PUT", PATH, content()), client("PUT", PATH, content())
    target = f"{PATH}/{first['id']}"
    client.clock.advance(10)
    new = client("PATCH", target, content("n", "eQ==", changeIndex=1))
    assert new == {**first, **content("n", "eQ=="), "changeIndex": 2, "lastUpdatedAt": 1_700_000_010}
    assert client("PATCH", target, content())["changeIndex"] == 3  # the last writer wins
    assert client("PATCH", target, content(changeIndex=None))["changeIndex"] == 4
    assert client("PATCH", target, content(changeIndex=4.0))["changeIndex"] == 5
    assert [each["id"] for each in client("GET", PATH)["objects"]] == [first["id"], second["id"]]


@pytest.mark.parametrize("index", [0, 1, 3, -1, 1.5, 10**18])
def test_an_update_with_another_index_is_a_conflict(client: ObjectClient, index: float) -> None:
    made = client("PUT", PATH, content())
    new = client("PATCH", f"{PATH}/{made['id']}", content("n", changeIndex=1))
    assert client("PATCH", f"{PATH}/{made['id']}", content("o", changeIndex=index)) == 409
    assert client("GET", PATH) == {"objects": [new]}


def test_unknown_fields_of_an_object_survive_an_update(client: ObjectClient) -> None:
    client.owner.storage.objects["stories"].append(
        StoredObject(id="old", type="stories", data="eA==", extra={"shared": True, "meta": 7})
    )
    assert client("GET", f"{PATH}/old") == {"id": "old", "type": "stories", "data": "eA==", "shared": True, "meta": 7}
    new = client("PATCH", f"{PATH}/old", content())
    assert (new["shared"], new["changeIndex"]) == (True, 1)


# ---- what is not there


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("target", [f"{PATH}/nobody", "/user/objects/nothing/nobody"])
def test_an_unknown_id_is_not_found(client: ObjectClient, method: str, target: str) -> None:
    client("PUT", PATH, content())
    assert client(method, target, content()) == 404


def test_an_id_is_valid_only_with_its_type(client: ObjectClient) -> None:
    made = client("PUT", PATH, content())
    assert client("DELETE", f"/user/objects/shelf/{made['id']}") == 404
    assert client("GET", PATH) == {"objects": [made]}


def test_an_unknown_type_is_an_empty_list(client: ObjectClient) -> None:
    assert client("GET", "/user/objects/" + "x" * 40) == {"objects": []}
    assert not client.owner.storage.objects


# ---- removing


def test_a_removed_object_is_returned_once(client: ObjectClient) -> None:
    made = [client("PUT", PATH, content(str(number))) for number in range(3)]
    assert client("DELETE", f"{PATH}/{made[1]['id']}") == made[1]
    assert client("DELETE", f"{PATH}/{made[1]['id']}") == 404
    assert client("GET", PATH) == {"objects": [made[0], made[2]]}


def test_a_batch_removes_all_of_its_types_and_no_other(client: ObjectClient) -> None:
    for type_ in ("stories", "stories", "storycontent", "presets"):
        client("PUT", f"/user/objects/{type_}", content())
    wrong: list[object] = [{"types": []}, {}, {"types": "stories"}, {"types": [1]}, b""]
    for body in wrong:
        assert client("DELETE", "/user/objects/batch", body) == 400
    head, answer = client.raw("DELETE", "/user/objects/batch", {"types": ["stories", "presets", "nothing"]})
    assert (head.status, head.content_type, answer) == (200, "text/plain", b"")
    assert [*client.owner.storage.objects] == ["storycontent"]


# ---- paths and tokens


def test_a_slash_at_the_end_changes_nothing(client: ObjectClient) -> None:
    made = client("PUT", PATH + "/", content())
    assert client("GET", PATH + "/") == {"objects": [made]}
    assert client("GET", f"{PATH}/{made['id']}/") == made
    assert client("PATCH", f"{PATH}/{made['id']}/", content())["changeIndex"] == 2
    assert client("DELETE", f"{PATH}/{made['id']}/")["changeIndex"] == 2
    assert client("DELETE", "/user/objects/batch/", {"types": ["stories"]}) is None


@pytest.mark.parametrize(
    ("method", "target"),
    [("DELETE", PATH), ("POST", PATH), ("PATCH", PATH), ("PUT", f"{PATH}/id"), ("GET", "/user/objects")],
)
def test_paths_without_an_endpoint_are_404(client: ObjectClient, method: str, target: str) -> None:
    assert client(method, target, content()) == 404


@pytest.mark.parametrize(
    ("query", "numbers"),
    [("", "01234"), ("?offset=2", "234"), ("?limit=2", "01"), ("?limit=2&offset=4&order=desc", "4"), ("?offset=9", "")],
)
def test_a_list_is_in_order_of_creation_with_offset_and_limit(client: ObjectClient, query: str, numbers: str) -> None:
    for number in range(5):
        client("PUT", PATH, content(str(number)))
    client("PATCH", f"{PATH}/{client('GET', PATH)['objects'][1]['id']}", content("1"))
    assert "".join(each["meta"] for each in client("GET", PATH + query)["objects"]) == numbers
    assert len(client("GET", f"{PATH}?offset=-1&limit=x")["objects"]) == 5


@for_each("method", ["GET", "PUT", "PATCH", "DELETE"])
@for_each("target", [PATH, f"{PATH}/id", "/user/objects/batch", "/user/keystore"])
def test_a_persistent_token_sees_and_changes_nothing(client: ObjectClient, method: str, target: str) -> None:
    client.token = client.owner.persistent_token
    assert client(method, target, content(keystore="", types=["stories"])) in (401, 404)
    assert not client.owner.storage.objects


def test_accounts_do_not_see_each_other(client: ObjectClient) -> None:
    made = client("PUT", PATH, content())
    client.emulator.add_account("b@example.com", Password("b"), stories=False)
    client.token = run_in_memory(account.login("b@example.com", "b"), client.emulator).result
    assert client("GET", PATH) == {"objects": []}
    assert client("DELETE", f"{PATH}/{made['id']}") == 404


# ---- our own operations


def test_our_own_operations_are_understood(client: ObjectClient) -> None:
    made = client.run(objects.create_object("stories", "m", "eA=="))
    assert client.run(objects.list_objects("stories")) == (made,)
    new = client.run(objects.update_object(made, "eQ=="))
    assert (new.id, new.data, new.changeIndex) == (made.id, "eQ==", 2)
    with pytest.raises(ConflictError, match="changed meanwhile"):
        client.run(objects.update_object(made, "eg=="))
    assert client.run(objects.get_object("stories", made.id)) == new
    assert client.run(objects.delete_object("stories", made.id)) == new
    for operation in (objects.get_object("stories", made.id), objects.update_object(new, "eQ==")):
        with pytest.raises(NotFoundError):
            client.run(operation)
    client.run(objects.create_object("presets", "", ""))
    assert client.run(objects.delete_objects(["presets"])) is None
    assert client.run(objects.list_objects("presets")) == ()


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
        self.client = ObjectClient()
        self.model: dict[str, dict[str, dict[str, Any]]] = {}

    def target(self, document: dict[str, Any]) -> str:
        return f"/user/objects/{document['type']}/{document['id']}"

    def stored(self, document: dict[str, Any]) -> dict[str, Any] | None:
        return self.model.get(document["type"], {}).get(document["id"])

    @rule(target=known, type_=TYPES, meta=METAS, data=DATA)
    def create(self, type_: str, meta: str, data: str) -> dict[str, Any]:
        made: dict[str, Any] = self.client("PUT", f"/user/objects/{type_}", content(meta, data))
        assert made["id"] not in self.model.get(type_, {})
        assert (made["meta"], made["data"], made["changeIndex"]) == (meta, data, 1)
        self.model.setdefault(type_, {})[made["id"]] = made
        return made

    @rule(target=known, known=known, meta=METAS, data=DATA, careful=st.booleans())
    def update(self, known: dict[str, Any], meta: str, data: str, careful: bool) -> dict[str, Any]:
        """With what was read at any time: it may be out of date, or gone."""
        self.client.clock.advance(1)
        index = {"changeIndex": known["changeIndex"]} if careful else {}
        answer = self.client("PATCH", self.target(known), content(meta, data, **index))
        stored = self.stored(known)
        if stored is None:
            assert answer == 404
            return known
        if careful and stored["changeIndex"] != known["changeIndex"]:
            assert answer == 409
            return known
        now = int(self.client.clock())
        new = {**stored, "meta": meta, "data": data, "changeIndex": stored["changeIndex"] + 1, "lastUpdatedAt": now}
        assert answer == new
        self.model[known["type"]][known["id"]] = new
        return new

    @rule(known=consumes(known))
    def delete(self, known: dict[str, Any]) -> None:
        expected = self.model.get(known["type"], {}).pop(known["id"], None)
        assert self.client("DELETE", self.target(known)) == (404 if expected is None else expected)

    @rule(known=known)
    def look(self, known: dict[str, Any]) -> None:
        expected = self.stored(known)
        assert self.client("GET", self.target(known)) == (404 if expected is None else expected)

    @rule(types=st.lists(TYPES, min_size=1, max_size=2))
    def clear(self, types: list[str]) -> None:
        assert self.client("DELETE", "/user/objects/batch", {"types": types}) is None
        for type_ in types:
            self.model.pop(type_, None)

    @invariant()
    def all_are_listed_in_order(self) -> None:
        for type_ in ("stories", "storycontent", "presets"):
            listed = self.client("GET", f"/user/objects/{type_}")
            assert listed == {"objects": [*self.model.get(type_, {}).values()]}


TestObjects = Objects.TestCase
TestObjects.settings = settings(max_examples=scale_examples(60), stateful_step_count=25, deadline=None)


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
    assert repr(collection) == "<ObjectCollection of 2 objects>"


def test_ids_in_a_collection_are_unique() -> None:
    collection = ObjectCollection(ITEMS)
    with pytest.raises(InvalidRequestError, match="is already there"):
        collection.append(ITEMS[0])
    with pytest.raises(InvalidRequestError, match="is already there"):
        collection[0] = ITEMS[1]
    assert collection == ITEMS


@given(st.lists(st.sampled_from("abcd")))
def test_put_replaces_an_object_in_place(ids: list[str]) -> None:
    collection = ObjectCollection()
    for id_ in ids:
        collection.put(StoredObject(id=id_, changeIndex=len(ids)))
    assert [item.id for item in collection] == [*dict.fromkeys(ids)]


def test_sample_stories_can_be_changed() -> None:
    emulator, owner = an_emulator()

    @flow
    def program() -> Steps[Any, StoredObject]:
        token = yield from account.login(EMAIL, PASSWORD)
        (first, *_) = yield from with_token(token, iter(objects.list_objects("stories")))
        return (yield from with_token(token, iter(objects.update_object(first, "eA=="))))

    assert run_in_memory(program(), emulator).result == owner.storage.objects["stories"][0]
    assert owner.storage.objects["stories"][0].changeIndex == 2
