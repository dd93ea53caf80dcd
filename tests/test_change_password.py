"""Change of password: whatever fails and whenever, a second run completes it.

See docs/protocol/native.md#172-account.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from nai_proto import account
from nai_proto.account.password import HALF_CHANGED_NOTE, UNCHANGED_NOTE, UNKNOWN_NOTE
from nai_proto.codecs.key_derivation import encryption_key
from nai_proto.codecs.keystore import Keystore, open_keystore, seal_keystore
from nai_proto.emulator import Account, Emulator
from nai_proto.errors import (
    AuthenticationError,
    ConflictError,
    CryptoError,
    Damaged,
    DecryptionFailed,
    NaiError,
    ServerError,
)
from nai_proto.exchange.reply import App, Handler
from nai_proto.exchange.session import Session
from nai_proto.http import Request
from nai_proto.library import open_library
from nai_proto.secret import AccessToken, Password
from nai_proto.testing import FlowTrace, run_in_memory
from tests.cases import for_each
from tests.faults import FAULTS, Fault, garble_response, inject_fault, lose_request, refuse_with
from tests.support import EMAIL, PASSWORD, an_emulator

NEW = "a louder harbour"
STORIES = 3
KEYSTORE = "/user/keystore"
CHANGE = "/user/change-access-key"
LOGIN = "/user/login"

# The requests of a successful change.
STEPS = [("POST", LOGIN), ("GET", KEYSTORE), ("POST", CHANGE), ("GET", KEYSTORE), ("PUT", KEYSTORE)]


def run(
    app: App,
    email: str = EMAIL,
    old: str = PASSWORD,
    new: str = NEW,
    *,
    entropy: Callable[[int], bytes] = os.urandom,
    **options: Any,
) -> FlowTrace[Any, AccessToken]:
    return run_in_memory(account.change_password(email, old, new, **options), app, entropy=entropy)


def requests_of(played: FlowTrace[Any, Any]) -> list[tuple[str, str]]:
    return [(request.method, request.path) for request in played.requests]


def can_open(emulator: Emulator, password: str, email: str = EMAIL) -> bool:
    """Return whether the password logs in and opens all stories."""
    played = run_in_memory(open_library(email, password), emulator)
    if isinstance(played.error, AuthenticationError | CryptoError):
        return False
    library = played.result
    return len(library.stories) == STORIES and library.failed == ()


def notes_of(played: FlowTrace[Any, Any]) -> list[str]:
    assert played.error is not None
    return played.error.__notes__


def with_fault(app: App, step: int, fault: Fault) -> App:
    """Return the app with a fault at the request of this number."""
    seen: list[tuple[str, str]] = []
    method, path = STEPS[step]
    before = STEPS[:step].count((method, path))

    def failing(request: Request) -> Handler:
        seen.append((request.method, request.path))
        if (request.method, request.path) == (method, path) and seen.count((method, path)) > before:
            return fault(app, request)
        return app(request)

    return failing


# ---- success


def test_the_new_password_logs_in_and_opens_everything() -> None:
    emulator, owner = an_emulator()
    sealed = owner.storage.keystore
    played = run(emulator)
    assert requests_of(played) == STEPS
    assert not can_open(emulator, PASSWORD)
    assert can_open(emulator, NEW)
    assert owner.storage.keystore != sealed
    assert owner.storage.keystore_index == 2
    session = Session(base_url="http://x", token=played.result)
    assert run_in_memory(account.get_client_settings(), emulator, session).error is None


def test_no_key_of_the_keystore_is_lost_and_the_nonce_is_fresh() -> None:
    emulator, owner = an_emulator()
    before = open_keystore(owner.storage.keystore, encryption_key(EMAIL, Password(PASSWORD)))
    drawn: list[int] = []

    def entropy(size: int) -> bytes:
        drawn.append(size)
        return bytes(size)

    assert run(emulator, entropy=entropy).error is None
    after = open_keystore(owner.storage.keystore, encryption_key(EMAIL, Password(NEW)))
    assert dict(after) == dict(before)
    assert drawn == [24]


def test_an_account_that_stored_nothing_gets_no_keystore() -> None:
    emulator = Emulator(now=lambda: 0.0, entropy=bytes)
    owner = emulator.add_account(EMAIL, Password(PASSWORD), stories=False)
    played = run(emulator)
    assert requests_of(played) == STEPS[:-1]
    assert owner.storage.keystore is None
    assert run_in_memory(account.login(EMAIL, NEW), emulator).error is None


def test_an_account_without_a_change_index_gets_none() -> None:
    emulator, owner = an_emulator()
    owner.storage.indexed = False
    assert run(emulator).error is None
    assert can_open(emulator, NEW)


def test_the_e_mail_can_change_with_the_password_or_alone() -> None:
    emulator, owner = an_emulator()
    assert run(emulator, new=PASSWORD, new_email="Other@example.com").error is None
    assert owner.email == "Other@example.com"
    assert can_open(emulator, PASSWORD, "Other@example.com")
    assert not can_open(emulator, PASSWORD)


def test_keys_are_derived_from_the_spelling_that_logs_in() -> None:
    emulator, _ = an_emulator()
    assert run(emulator, email=EMAIL.upper()).error is None
    assert can_open(emulator, NEW)
    assert can_open(emulator, NEW, EMAIL.upper())


def test_a_persistent_token_of_the_session_is_not_used() -> None:
    emulator, owner = an_emulator()
    session = Session(base_url="http://x", token=owner.persistent_token)
    assert run_in_memory(account.change_password(EMAIL, PASSWORD, NEW), emulator, session).error is None


# ---- failures


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("step", range(len(STEPS)), ids=[f"{method} {path}" for method, path in STEPS])
def test_a_second_run_completes_a_change_that_failed_at_any_step(step: int, fault: str) -> None:
    emulator, owner = an_emulator()
    before = dict(open_keystore(owner.storage.keystore, encryption_key(EMAIL, Password(PASSWORD))))
    played = run(with_fault(emulator, step, FAULTS[fault]))
    if played.error is None:  # a response without a body cannot be garbled
        assert (STEPS[step][0], fault) == ("PUT", "garbled")
        assert can_open(emulator, NEW)
        return
    (note,) = notes_of(played)
    still_old = can_open(emulator, PASSWORD)
    if step < 2:
        assert note == UNCHANGED_NOTE
        assert still_old
    elif step == 2:
        assert note == (UNCHANGED_NOTE if fault in ("401", "409", "429") else UNKNOWN_NOTE)
        assert still_old == (fault not in ("unanswered", "garbled"))
    else:
        assert note == HALF_CHANGED_NOTE
        assert not still_old
        assert can_open(emulator, NEW) == (STEPS[step][0] == "PUT" and fault == "unanswered")
    assert run(emulator).error is None
    assert can_open(emulator, NEW)
    assert not can_open(emulator, PASSWORD)
    assert dict(open_keystore(owner.storage.keystore, encryption_key(EMAIL, Password(NEW)))) == before


@for_each("step", range(len(STEPS)))
def test_a_second_run_completes_a_change_that_was_cancelled_at_any_step(step: int) -> None:
    emulator, _ = an_emulator()
    flow = account.change_password(EMAIL, PASSWORD, NEW)
    reached = 0

    def stopping(request: Request) -> Handler:
        nonlocal reached
        reached += 1
        if reached > step + 1:
            raise KeyboardInterrupt
        return emulator(request)

    if step + 1 < len(STEPS):
        with pytest.raises(KeyboardInterrupt):
            run_in_memory(flow, stopping)
    else:
        assert run_in_memory(flow, stopping).error is None
    assert run(emulator).error is None
    assert can_open(emulator, NEW)


def test_the_second_run_does_only_the_remaining_steps() -> None:
    emulator, _ = an_emulator()
    assert run(with_fault(emulator, 4, refuse_with(500))).error is not None
    logins = [("POST", LOGIN)] * 2
    assert requests_of(run(emulator)) == [*logins, ("GET", KEYSTORE), ("GET", KEYSTORE), ("PUT", KEYSTORE)]
    assert requests_of(run(emulator)) == [*logins, ("GET", KEYSTORE), ("GET", KEYSTORE)]


def test_wrong_passwords_change_nothing() -> None:
    emulator, _ = an_emulator()
    played = run(emulator, old="wrong")
    assert isinstance(played.error, AuthenticationError)
    assert notes_of(played) == [UNCHANGED_NOTE]
    assert can_open(emulator, PASSWORD)


@pytest.mark.parametrize(
    ("keystore", "kind"),
    [
        ("AAAA", Damaged),
        (seal_keystore(Keystore(), encryption_key(EMAIL, Password("another"))), DecryptionFailed),
    ],
    ids=["damaged", "of another password"],
)
def test_a_keystore_that_does_not_open_prevents_the_change(keystore: str, kind: type[NaiError]) -> None:
    emulator, owner = an_emulator()
    owner.storage.keystore = keystore
    played = run(emulator)
    assert isinstance(played.error, kind)
    assert notes_of(played) == [UNCHANGED_NOTE]
    assert requests_of(played) == STEPS[:2]
    assert owner.storage.keystore == keystore
    assert run_in_memory(account.login(EMAIL, PASSWORD), emulator).error is None


def test_a_withheld_keystore_prevents_the_change() -> None:
    emulator, _ = an_emulator()

    def withholding(request: Request) -> Handler:
        return garble_response(emulator, request) if request.path == KEYSTORE else emulator(request)

    played = run(withholding)
    assert isinstance(played.error, Damaged)
    assert notes_of(played) == [UNCHANGED_NOTE]


def test_a_key_that_another_program_adds_meanwhile_is_kept() -> None:
    emulator, owner = an_emulator()
    added = 0

    def busy(times: int) -> App:
        def app(request: Request) -> Handler:
            nonlocal added
            if (request.method, request.path) == ("PUT", KEYSTORE) and added < times:
                added += 1
                add_a_key(owner, f"meta-{added}")
            return emulator(request)

        return app

    assert run(busy(2)).error is None
    keys = open_keystore(owner.storage.keystore, encryption_key(EMAIL, Password(NEW)))
    assert len(keys) == STORIES + 2
    assert can_open(emulator, NEW)


def test_endless_writes_by_another_program_are_a_conflict_and_lose_nothing() -> None:
    emulator, owner = an_emulator()

    def busy(request: Request) -> Handler:
        if (request.method, request.path) == ("PUT", KEYSTORE):
            add_a_key(owner, f"meta-{owner.storage.keystore_index}")
        return emulator(request)

    played = run(busy)
    assert isinstance(played.error, ConflictError)
    assert notes_of(played) == [HALF_CHANGED_NOTE]
    assert run(emulator).error is None
    assert can_open(emulator, NEW)
    assert len(open_keystore(owner.storage.keystore, encryption_key(EMAIL, Password(NEW)))) == STORIES + 3


def add_a_key(owner: Account, meta: str) -> None:
    """Add a key, as a client with the old password does."""
    key = encryption_key(EMAIL, Password(PASSWORD))
    keys = open_keystore(owner.storage.keystore, key).with_key(meta, bytes(32))
    owner.storage.keystore = seal_keystore(keys, key)
    owner.storage.keystore_index += 1


@for_each("step", range(len(STEPS)))
def test_no_error_shows_a_password_a_key_or_a_token(step: int) -> None:
    emulator, owner = an_emulator()
    played = run(with_fault(emulator, step, refuse_with(500)))
    assert isinstance(played.error, ServerError)
    shown = "".join(traceback.format_exception(played.error))
    for secret in (PASSWORD, NEW, owner.key.reveal(), "eyJ"):
        assert secret not in shown


@for_each("fault", [refuse_with(429), refuse_with(503), lose_request], ids=["429", "503", "lost"])
def test_the_access_key_is_changed_with_one_request_whatever_the_response(fault: Fault) -> None:
    """The service could refuse a second request because of the first."""
    emulator, _ = an_emulator()
    played = run(inject_fault(emulator, fault, *range(9), path=CHANGE))
    assert played.error is not None
    assert requests_of(played).count(("POST", CHANGE)) == 1
