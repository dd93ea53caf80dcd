"""Saving keys: no key is lost, whatever another program writes and whichever response is lost.

See:
    docs/protocol/content.md#23-ways-to-lose-data-and-the-order-that-avoids-them
    docs/protocol/content.md#24-known-faults-in-existing-code
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain, cycle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nai_proto import account
from nai_proto.codecs.key_derivation import encryption_key
from nai_proto.codecs.keystore import Keystore, open_keystore, seal_keystore
from nai_proto.codecs.object_compression import MARK
from nai_proto.emulator import Account, Emulator
from nai_proto.errors import (
    Damaged,
    DecryptionFailed,
    InvalidRequestError,
    KeyConflict,
    NaiError,
    RemoteProtocolError,
    TransportError,
)
from nai_proto.exchange.flow import Flow
from nai_proto.exchange.reply import App, Handler
from nai_proto.http import Request
from nai_proto.library import KeystoreReplacement, SavedKeystore, save_keys
from nai_proto.secret import Password
from nai_proto.testing import FlowTrace, run_in_memory
from tests.cases import for_each
from tests.faults import FAULTS, Fault, inject_fault, interleave, lose_request, lose_response, refuse_with
from tests.hypothesis_profiles import scale_examples
from tests.support import EMAIL, PASSWORD, an_emulator, logged_in, with_token

KEY = encryption_key(EMAIL, Password(PASSWORD))
A, B = "a" * 8, "b" * 8
KEYS = {A: b"A" * 32}
PATH = "/user/keystore"
READ, WRITE = ("GET", PATH), ("PUT", PATH)


def save(app: App, keys: Mapping[str, bytes] = KEYS, **options: Any) -> FlowTrace[KeystoreReplacement, SavedKeystore]:
    return run_in_memory(logged_in(save_keys(keys, KEY, **options)), app)


def stored(owner: Account) -> Keystore:
    return open_keystore(owner.storage.keystore, KEY)


def requests_of(played: FlowTrace[Any, Any], logins: int = 1) -> list[tuple[str, str]]:
    return [(request.method, request.path) for request in played.requests[logins:]]


def store_keystore(owner: Account, keystore: Keystore) -> None:
    """Write the keystore as another program does."""
    owner.storage.keystore = seal_keystore(keystore, KEY)
    owner.storage.keystore_index += 1


# ---- success


def test_keys_are_added_after_the_present_ones() -> None:
    emulator, owner = an_emulator()
    before, sealed = stored(owner), owner.storage.keystore
    played = save(emulator)
    assert requests_of(played) == [READ, WRITE, READ]
    assert [*stored(owner).items()] == [*before.items(), *KEYS.items()]
    assert played.result == SavedKeystore(stored(owner), played.result.stored, 1)
    assert played.result.stored.changeIndex == owner.storage.keystore_index == 2
    assert [event.previous.keystore for event in played.events] == [sealed]


def test_a_keystore_that_has_the_keys_is_not_written() -> None:
    emulator, owner = an_emulator()
    for keys in ({}, dict(list(stored(owner).items())[:1]), stored(owner)):
        played = save(emulator, keys)
        assert requests_of(played) == [READ]
        assert (played.result.writes, played.events) == (0, [])
    assert owner.storage.keystore_index == 1


def test_the_first_key_creates_the_keystore() -> None:
    emulator, _ = an_emulator()
    empty = emulator.add_account("b@example.com", Password(PASSWORD), stories=False)
    key = encryption_key("b@example.com", Password(PASSWORD))
    token = run_in_memory(account.login("b@example.com", PASSWORD), emulator).result
    played = run_in_memory(with_token(token, save_keys(KEYS, key)), emulator)
    assert requests_of(played, 0) == [READ, READ, WRITE, READ]
    assert dict(open_keystore(empty.storage.keystore, key)) == KEYS


def test_each_write_has_a_fresh_nonce() -> None:
    emulator, owner = an_emulator()
    nonces: list[object] = []
    for number in range(3):
        save(emulator, {f"{number}": bytes(32)})
        nonces.append(json.loads(binascii.a2b_base64(owner.storage.keystore or ""))["nonce"])
    assert len({str(nonce) for nonce in nonces}) == 3


def test_version_compression_and_unknown_fields_stay() -> None:
    emulator, owner = an_emulator()
    odd = replace(stored(owner), version=7, compressed=True, inner={"keys": b"", "more": b"[1]"})
    odd = replace(odd, envelope={"iv": b"null", "version": b"", "nonce": b"", "sdata": b""})
    store_keystore(owner, odd)
    save(emulator)
    after = stored(owner)
    assert (after.version, after.compressed, after.inner["more"], after.envelope["iv"]) == (7, True, b"[1]", b"null")
    assert list(after.envelope) == list(odd.envelope)


# ---- the hazards of docs/protocol/content.md#23-ways-to-lose-data-and-the-order-that-avoids-them: errors


def test_a_key_is_replaced_only_if_it_is_named() -> None:
    emulator, owner = an_emulator()
    before, sealed = stored(owner), owner.storage.keystore
    meta = next(iter(before))
    played = save(emulator, {**KEYS, meta: bytes(32)})
    assert isinstance(played.error, KeyConflict)
    assert played.error.metas == (meta,)
    assert owner.storage.keystore == sealed
    assert save(emulator, {meta: bytes(32)}, replacing=[meta]).error is None
    assert dict(stored(owner)) == {**before, meta: bytes(32)}
    assert list(stored(owner)) == list(before)


def test_a_key_is_removed_only_if_it_is_named() -> None:
    emulator, owner = an_emulator()
    first, *others = stored(owner)
    assert save(emulator, {each: stored(owner)[each] for each in others}).result.writes == 0
    assert list(stored(owner)) == [first, *others]
    assert save(emulator, {}, removing=[first, "nobody's"]).result.writes == 1
    assert list(stored(owner)) == others


def test_contradictory_arguments_are_an_error_before_anything_is_sent() -> None:
    with pytest.raises(InvalidRequestError, match="1 metas are in both keys and removing"):
        save_keys(KEYS, KEY, removing=[A, B])
    with pytest.raises(InvalidRequestError, match="1 metas are in replacing, but not in keys"):
        save_keys(KEYS, KEY, replacing=[B])


def test_a_key_of_a_wrong_size_is_not_added() -> None:
    emulator, owner = an_emulator()
    played = save(emulator, {A: bytes(24)})
    assert isinstance(played.error, InvalidRequestError)
    assert requests_of(played) == [READ]
    store_keystore(owner, Keystore({**stored(owner), B: bytes(24)}))  # as another program writes them
    assert save(emulator, stored(owner)).error is None
    assert save(emulator).error is None
    assert stored(owner)[B] == bytes(24)


@for_each("text", ["?", "e30=", "AAAA"])
def test_a_keystore_that_does_not_open_is_not_overwritten(text: str) -> None:
    emulator, owner = an_emulator()
    owner.storage.keystore = text
    played = save(emulator)
    assert isinstance(played.error, Damaged)
    assert (owner.storage.keystore, requests_of(played)) == (text, [READ])


def test_with_the_wrong_key_nothing_is_written() -> None:
    emulator, owner = an_emulator()
    sealed = owner.storage.keystore
    other = encryption_key(EMAIL, Password("another"))
    played = run_in_memory(logged_in(save_keys(KEYS, other)), emulator)
    assert isinstance(played.error, DecryptionFailed)
    assert owner.storage.keystore == sealed


def test_a_keystore_that_another_program_damaged_is_repaired() -> None:
    emulator, owner = an_emulator()
    keys = replace(stored(owner), compressed=True)
    envelope = json.loads(binascii.a2b_base64(seal_keystore(keys, KEY)))
    envelope["sdata"][: len(MARK)] = envelope["nonce"][: len(MARK)]
    owner.storage.keystore = binascii.b2a_base64(json.dumps(envelope).encode(), newline=False).decode()
    played = save(emulator, {})
    assert played.result.writes == 1
    assert stored(owner) == keys
    assert not played.result.keystore.repaired


# ---- faults and lost responses


@for_each("step", range(3))
@for_each("name", FAULTS)
def test_after_any_single_failure_all_keys_are_saved_or_there_is_an_error(name: str, step: int) -> None:
    emulator, owner = an_emulator()
    before = dict(stored(owner))
    played = save(inject_fault(emulator, FAULTS[name], step, path=PATH))
    after = dict(stored(owner))
    assert after in (before, {**before, **KEYS})
    if played.error is None:
        assert after == {**before, **KEYS}
    else:
        assert isinstance(played.error, NaiError)
    assert save(emulator).error is None
    assert dict(stored(owner)) == {**before, **KEYS}


@for_each("fault", [refuse_with(500), lose_request, lose_response], ids=["500", "lost", "unanswered"])
def test_a_write_without_a_response_is_checked_by_reading(fault: Fault) -> None:
    emulator, owner = an_emulator()
    played = save(inject_fault(emulator, fault, 0, 1, method="PUT"))
    assert dict(played.result.keystore) == dict(stored(owner))
    assert A in stored(owner)
    assert owner.storage.keystore_index == 2  # written once, however often it was tried


def test_a_write_that_never_succeeds_ends_with_its_error() -> None:
    emulator, owner = an_emulator()
    played = save(inject_fault(emulator, lose_request, *range(99), method="PUT"))
    assert isinstance(played.error, TransportError)
    assert requests_of(played).count(WRITE) == 7
    assert A not in stored(owner)


def test_writes_without_effect_are_a_protocol_error() -> None:
    emulator, owner = an_emulator()

    def forgets(app: App, request: Request) -> Handler:
        before = owner.storage.keystore, owner.storage.keystore_index
        yield from app(request)
        owner.storage.keystore, owner.storage.keystore_index = before

    played = save(inject_fault(emulator, forgets, *range(99), method="PUT"))
    assert isinstance(played.error, RemoteProtocolError)
    assert "7 times" in str(played.error)


# ---- several programs at once


def test_keys_of_a_concurrent_writer_are_merged() -> None:
    emulator, owner = an_emulator()

    def intrudes(app: App, request: Request) -> Handler:
        store_keystore(owner, stored(owner).with_key(B, b"B" * 32))
        yield from app(request)

    played = save(inject_fault(emulator, intrudes, 0, method="PUT"))
    assert requests_of(played) == [READ, WRITE, READ, WRITE, READ]
    assert {A, B} < {*stored(owner)}


def test_a_keystore_without_a_change_index_is_read_again_before_and_after_the_write() -> None:
    emulator, owner = an_emulator()
    owner.storage.indexed = False

    def intrudes(app: App, request: Request) -> Handler:
        store_keystore(owner, stored(owner).with_key(B, b"B" * 32))
        yield from app(request)

    def overwrites(app: App, request: Request) -> Handler:
        before = stored(owner)
        yield from app(request)
        store_keystore(owner, before.with_key("late", bytes(32)))  # its writer had read before

    played = save(
        inject_fault(inject_fault(emulator, intrudes, 1, method="GET", path=PATH), overwrites, 0, method="PUT")
    )
    assert {A, B, "late"} < {*stored(owner)}
    assert played.result.writes == 2


def test_an_account_may_return_a_change_index_and_reject_one() -> None:
    emulator, owner = an_emulator()
    bodies: list[bytes] = []

    def picky(app: App, request: Request) -> Handler:
        handler = refuse_with(400) if not bodies else (lambda app, request: app(request))
        bodies.append(request.body)
        return handler(app, request)

    played = save(inject_fault(emulator, picky, *range(99), method="PUT"))
    assert played.error is None
    assert A in stored(owner)
    sent = [b"changeIndex" in request.body for request in played.requests if request.method == "PUT"]
    assert sent == [True, False]
    assert isinstance(
        save(inject_fault(emulator, refuse_with(400), *range(99), method="PUT"), {B: bytes(32)}).error,
        InvalidRequestError,
    )


def editing(edits: list[tuple[dict[str, bytes], list[str]]]) -> list[Flow[Any, Any]]:
    return [save_keys(adding, KEY, removing=removing) for adding, removing in edits]


def run_interleaved(emulator: Emulator, flows: list[Any], choices: Iterator[int]) -> list[Any]:
    return run_in_memory(logged_in(interleave(flows, choices)), emulator).result  # type: ignore[no-any-return]  # of any flows


@settings(max_examples=scale_examples(50))
@given(st.lists(st.integers(0, 2), max_size=30))
def test_all_edits_are_saved_however_clients_interleave(order: list[int]) -> None:
    emulator, owner = an_emulator()
    before = dict(stored(owner))
    gone = next(iter(before))
    clients = [({A: b"A" * 32}, []), ({B: b"B" * 32}, [gone]), ({"c": b"C" * 32}, [])]
    ends = run_interleaved(emulator, editing(clients), chain(order, cycle(range(3))))
    assert all(isinstance(end, SavedKeystore) for end in ends)
    del before[gone]
    assert dict(stored(owner)) == {**before, A: b"A" * 32, B: b"B" * 32, "c": b"C" * 32}


@settings(max_examples=scale_examples(50))
@given(st.lists(st.integers(0, 1), max_size=20))
def test_two_keys_for_one_meta_are_a_conflict(order: list[int]) -> None:
    emulator, owner = an_emulator()
    before = dict(stored(owner))
    ends = run_interleaved(
        emulator, editing([({A: b"A" * 32}, []), ({A: b"B" * 32}, [])]), chain(order, cycle(range(2)))
    )
    won, failed = sorted(ends, key=lambda end: isinstance(end, Exception))
    assert isinstance(won, SavedKeystore)
    assert isinstance(failed, KeyConflict)
    assert failed.metas == (A,)
    assert dict(stored(owner)) == {**before, A: won.keystore[A]}


# ---- secrets


def test_a_repr_shows_no_key() -> None:
    emulator, _ = an_emulator()
    played = save(emulator, {A: b"0123456789abcdef0123456789abcdef"})
    shown = repr(played.events) + repr(played.result) + repr(played.actions)
    assert "0123456789abcdef" not in shown
    conflict = save(emulator, {A: b"fedcba9876543210fedcba9876543210"}).error
    assert isinstance(conflict, KeyConflict)
    assert "fedcba" not in repr(conflict) + str(conflict)
