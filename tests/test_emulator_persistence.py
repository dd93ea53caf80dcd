"""What an emulator changes is stored before it is acknowledged, and can be taken up again.

See docs/protocol/native.md#17-checklist-for-the-emulator.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from nai_proto import account
from nai_proto.emulator import Account, Emulator
from nai_proto.emulator.accounts.journal import RowChange, RowKey
from nai_proto.errors import Damaged
from nai_proto.exchange.reply import Read, Start, StoreState
from nai_proto.http import Headers, Request
from nai_proto.secret import AccessToken, Password, PersistentToken
from nai_proto.testing import Clock, MemoryConnection
from nai_proto.tier import Tier
from tests.cases import for_each
from tests.peer import Peer
from tests.support import EMAIL, PASSWORD

NOW = 1_700_000_000.0


def make_entropy() -> Callable[[int], bytes]:
    drawn = random.Random(7)
    return drawn.randbytes


class PersistedEmulator:
    """An emulator with the rows that it stored, and a client that sends requests to it."""

    def __init__(self) -> None:
        self.rows: dict[RowKey, bytes] = {}
        self.stores: list[tuple[RowChange, ...]] = []
        self.emulator = Emulator(now=lambda: NOW, entropy=make_entropy())
        self.emulator.restore()
        self.token: AccessToken | PersistentToken | None = None

    def add(self, email: str = EMAIL, password: str = PASSWORD) -> Account:
        added = self.emulator.add_account(email, Password(password))
        self.store(self.emulator.changes())
        return added

    def store(self, changes: Any) -> None:
        self.stores.append(changes)
        for change in changes:
            if change.document is None:
                self.rows.pop(change.key, None)
            else:
                self.rows[change.key] = change.document

    def __call__(self, method: str, target: str, body: object = None) -> Any:
        status, answer = send_request(self.emulator, method, target, body, self.token, self.store)
        assert status < 300, answer
        if isinstance(answer, dict) and "accessToken" in answer:
            self.token = AccessToken(answer["accessToken"])
        assert read_everything(self.restore_copy(), self.token) == read_everything(self.emulator, self.token), (
            "something was not stored"
        )
        return answer

    def restore_copy(self) -> Emulator:
        """Return another emulator, restored from the stored rows."""
        emulator = Emulator(now=lambda: NOW, entropy=make_entropy())
        emulator.restore(self.rows.items())
        assert emulator.changes() == ()
        return emulator


def send_request(
    emulator: Emulator,
    method: str,
    target: str,
    body: object,
    token: Any,
    store: Callable[[object], None] | None = None,
) -> tuple[int, Any]:
    peer = Peer(MemoryConnection(emulator, Clock(), store=store))
    sent = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    head = peer.send(Request(method, target, Headers(), sent, token=token, base="http://emulator.invalid"), 10)
    answer = b"".join(iter(lambda: peer.receive(10), b""))
    return head.status, json.loads(answer) if head.content_type == "application/json" else answer


OBSERVED_PATHS = (
    *(
        "/user/information",
        "/user/subscription",
        "/user/data",
        "/user/clientsettings",
        "/user/giftkeys",
        "/user/keystore",
    ),
    *(f"/user/objects/{type_}" for type_ in ("stories", "storycontent", "presets", "shelf")),
    *("/user/submission/autumn", "/user/vote-submission/autumn", "/ai/trial-status", "/ai/module/all"),
)


def read_everything(emulator: Emulator, token: Any) -> list[Any]:
    """All that an emulator says to one who looks, and what its holder sees."""
    outside = emulator.mailbox
    letters = {key: (kind, owner.number) for key, (kind, owner) in outside.letters.items()}
    identities = {key: owner.number for key, owner in outside.google.items()}
    return [
        *(send_request(emulator, "GET", target, None, token) for target in OBSERVED_PATHS),
        [dict(outside.gift_keys), letters, identities, outside.mails],
    ]


# ---- what is stored


def test_everything_that_a_request_changes_is_stored_before_it_is_acknowledged() -> None:
    """After each request an emulator that has the stored rows alone is like the first one."""
    kept = PersistedEmulator()
    owner = kept.add()
    key = account.access_key(EMAIL, Password(PASSWORD)).reveal()
    kept("POST", "/user/login", {"key": key})
    kept("POST", "/user/create-persistent-token", {"overwrite": True})
    kept("PUT", "/user/clientsettings", b"\xff{}")
    kept("PATCH", "/user/change-mailing-list-consent", {"marketingConsent": True})
    made = [kept("PUT", "/user/objects/presets", {"meta": str(n), "data": "eA=="})["id"] for n in range(3)]
    kept("PATCH", f"/user/objects/presets/{made[0]}", {"meta": "0", "data": "eQ=="})
    kept("DELETE", f"/user/objects/presets/{made[1]}")
    kept("PUT", "/user/objects/presets", {"meta": "3", "data": "eA=="})
    kept("PUT", "/user/objects/shelf", {"meta": "", "data": ""})
    kept("DELETE", "/user/objects/batch", {"types": ["stories", "shelf"]})
    kept("PUT", "/user/keystore", {"keystore": "eA==", "changeIndex": 1})
    kept("POST", "/user/submission", SUBMISSION)
    kept("POST", "/user/vote-submission/autumn", {"id": "1"})
    kept("DELETE", "/user/vote-submission/autumn", {"id": "1"})
    kept("POST", "/user/subscription/change", {"newSubscriptionPlan": 1})
    kept.emulator.mailbox.gift_keys.update(one=Tier.SCROLL, two=Tier.TABLET)
    kept("POST", "/user/subscription/bind", {"paymentProcessor": "trial", "subscriptionId": ""})
    bind = {"paymentProcessor": "giftkey", "subscriptionId": "one", "confirmedReplace": True}
    kept("POST", "/user/subscription/bind", bind)
    kept.emulator.mailbox.google["mine"] = owner
    kept("POST", "/user/sso/google", {"idToken": "mine"})
    owner.profile.email_verified = False
    kept("POST", "/user/resend-email-verification", {"email": EMAIL})
    kept("POST", "/user/verify-email", {"verificationToken": kept.emulator.mailbox.mails[-1].token})
    kept("POST", "/user/change-access-key", {"currentAccessKey": key, "newAccessKey": "k" * 64, "newEmail": "n@b.c"})
    kept("POST", "/user/recovery/request", {"email": "n@b.c"})
    recovery = kept.emulator.mailbox.mails[-1].token
    recover = {"recoveryToken": recovery, "newAccessKey": "l" * 64, "deleteContent": True}
    kept("POST", "/user/recovery/recover", recover)
    kept("POST", "/user/deletion/request", {"email": "n@b.c"})
    register = {"recaptcha": "", "key": "m" * 64, "emailCleartext": "m@b.c", "giftkey": "two"}
    deletion, kept.token = kept.emulator.mailbox.mails[-1].token, kept.token
    kept("POST", "/user/register", register)
    kept("POST", "/user/deletion/delete", {"deletionToken": deletion})
    assert len(kept.emulator.mailbox.gift_keys) == len(kept.emulator.mailbox.google) == 0
    assert {key[1] for key in kept.rows if key[0] in ("account", "object", "keystore")} == {"2"}
    kept("POST", "/user/delete")
    assert {key[0] for key in kept.rows} == {"mail"}


SUBMISSION = {"data": "eA==", "dataName": "n", "authorName": "a", "authorEmail": "e", "event": "autumn"} | {
    "socials": "",
    "mediums": "",
}


def test_reads_and_refused_requests_store_nothing() -> None:
    kept = PersistedEmulator()
    kept.add()
    kept("POST", "/user/login", {"key": account.access_key(EMAIL, Password(PASSWORD)).reveal()})
    kept.stores.clear()
    for target in OBSERVED_PATHS:
        kept("GET", target)
    for method, target, body in (
        ("PUT", "/user/objects/presets", {"meta": "m", "data": "%"}),
        ("PATCH", "/user/objects/presets/none", {"meta": "m", "data": "eA=="}),
        ("PUT", "/user/keystore", {"keystore": "eA==", "changeIndex": 7}),
        ("POST", "/user/create-persistent-token", {}),
    ):
        assert send_request(kept.emulator, method, target, body, kept.token, kept.store)[0] in (400, 404, 409)
    assert kept.stores == []


def test_a_store_comes_before_the_head_and_holds_all_that_a_request_changed() -> None:
    kept = PersistedEmulator()
    kept.emulator.mailbox.gift_keys["gift"] = Tier.OPUS
    kept.store(kept.emulator.changes())
    body = {"recaptcha": "", "key": "k" * 64, "emailCleartext": "a@b.c", "giftkey": "gift"}
    handler = kept.emulator(Request("POST", "/user/register", body=b""))
    assert next(handler) == Read()
    assert handler.send(json.dumps(body).encode()) == Read()
    stored = handler.send(b"")
    assert isinstance(stored, StoreState)
    assert isinstance(stored.change, tuple)
    assert isinstance(next(handler), Start)
    assert sorted({change.key[0] for change in stored.change}) == ["account", "gift", "letter", "mail", "token"]
    assert EMAIL not in repr(stored)
    assert "kkkk" not in repr(stored.change)


def test_an_emulator_without_a_state_file_stores_nothing() -> None:
    emulator = Emulator(now=lambda: NOW, entropy=make_entropy())
    added = emulator.add_account(EMAIL, Password(PASSWORD))
    stored: list[object] = []
    added.profile.marketing = True
    body = {"key": added.key.reveal()}
    assert send_request(emulator, "POST", "/user/login", body, None, stored.append)[0] == 201
    assert stored == []
    assert emulator.changes() == ()


def test_any_prefix_of_the_stored_changes_can_be_restored() -> None:
    """The process may end between any two of them."""
    kept = PersistedEmulator()
    kept.add()
    kept("POST", "/user/login", {"key": account.access_key(EMAIL, Password(PASSWORD)).reveal()})
    made = kept("PUT", "/user/objects/presets", {"meta": "m", "data": "eA=="})
    kept("DELETE", f"/user/objects/presets/{made['id']}")
    kept("POST", "/user/delete")
    stores, part = kept.stores, PersistedEmulator()
    for changes in stores:
        part.store(changes)
        part.restore_copy()
    assert part.rows == kept.rows == {}


ROW = {"account": 1, "until": None}


@for_each(
    "key, document",
    [
        ((), {}),
        (("story", "1"), {}),
        (("token", "t"), ROW),
        (("token",), {**ROW, "account": 7}),
        (("token", "t", "u"), ROW),
        (("token", "t"), {"until": None}),
        (("account", "one"), {}),
        (("keystore", "9"), {"keystore": None, "index": 0, "indexed": True}),
        (("object", "1", "stories", "a"), {"id": "b", "type": "stories"}),
        (("object", "1", "stories"), {}),
        (("gift", "g"), 9),
        (("mail", "0"), {"kind": "spam", "email": "", "token": ""}),
    ],
)
def test_rows_that_no_emulator_wrote_are_damaged(key: RowKey, document: object) -> None:
    emulator = Emulator(now=lambda: NOW, entropy=make_entropy())
    with pytest.raises(Damaged, match="the stored state is damaged"):
        emulator.restore([(key, json.dumps(document).encode())])
    with pytest.raises(Damaged):
        Emulator(now=lambda: NOW, entropy=make_entropy()).restore([(key, b"{")])
