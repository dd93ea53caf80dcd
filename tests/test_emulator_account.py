"""The emulator's account endpoints answer as the service does, whoever asks.

See:
    docs/protocol/native.md#6-account-endpoints-user
    docs/protocol/native.md#172-account
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nai_proto import account
from nai_proto.emulator import MailKind
from nai_proto.exchange.endpoints import ENDPOINTS
from nai_proto.http import Head, Headers, Request
from nai_proto.secret import AccessToken, Password, PersistentToken
from nai_proto.testing import Clock, MemoryConnection, run_in_memory
from nai_proto.tier import Tier
from tests.cases import for_each
from tests.hypothesis_profiles import scale_examples
from tests.peer import Peer
from tests.support import EMAIL, PASSWORD, an_emulator

NEW_KEY = account.access_key(EMAIL, Password("another")).reveal()
PLAIN = "text/plain"


class AccountClient:
    """A client of an emulator with one account, that sends any request and checks only the form of errors."""

    def __init__(self) -> None:
        self.emulator, self.owner = an_emulator()
        self.token: AccessToken | PersistentToken | None = self.log_in()

    def log_in(self) -> AccessToken:
        return run_in_memory(account.login(EMAIL, PASSWORD), self.emulator).result

    def __call__(self, method: str, target: str, body: object = None) -> tuple[Head, bytes]:
        raw = b"" if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
        request = Request(method, target, Headers(), raw, token=self.token, base="http://emulator.invalid")
        peer = Peer(MemoryConnection(self.emulator, Clock()))
        head = peer.send(request, 10)
        return head, b"".join(iter(lambda: peer.receive(10), b""))

    def status(self, method: str, target: str, body: object = None) -> int:
        head, answer = self(method, target, body)
        if head.status >= 400:
            document = json.loads(answer)
            assert set(document) == {"statusCode", "message"}
            assert document["statusCode"] == head.status
        return head.status

    def document(self, target: str) -> dict[str, Any]:
        head, answer = self("GET", target)
        assert (head.status, head.content_type) == (200, "application/json")
        document: dict[str, Any] = json.loads(answer)
        return document


@pytest.fixture
def client() -> AccountClient:
    return AccountClient()


# ---- all of them

ACCOUNT_ROWS = [row for row in ENDPOINTS.values() if row.path.startswith("/user/") or row.name == "trial_status"]


@for_each("row", ACCOUNT_ROWS, ids=lambda row: row.name)
def test_every_account_endpoint_exists_and_requires_its_kind_of_token(row: Any) -> None:
    client = AccountClient()
    path = "/".join("stories" if part.startswith("{") else part for part in row.path.split("/"))
    assert client.status(row.method, path, b"[") != 501
    client.token = None
    assert (client.status(row.method, path, b"[") == 401) == row.auth
    client = AccountClient()
    client.token = client.owner.persistent_token
    head, body = client(row.method, path, b"[")
    said = b"Usage of persistent access tokens is not allowed for this endpoint" in body
    assert said == row.login_only
    assert not said or head.status == 401


@settings(deadline=None, max_examples=scale_examples(150))
@given(
    st.sampled_from([row for row in ACCOUNT_ROWS if row.method != "GET"]),
    st.binary(max_size=20)
    | st.dictionaries(
        st.sampled_from(
            ["key", "email", "newAccessKey", "recoveryToken", "deleteContent", "keystore", "changeIndex", "id"]
        ),
        st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.just("x" * 64),
    ),
)
def test_no_body_makes_an_account_endpoint_raise(row: Any, body: object) -> None:
    path = row.path.replace("{event}", "e")
    assert AccountClient().status(row.method, path, body) in (200, 201, 202, 400, 401, 404, 409, 500)


# ---- tokens


def register(**fields: object) -> dict[str, object]:
    return {"recaptcha": "riddle", "key": NEW_KEY, **fields}


def test_a_registration_returns_a_token_of_an_account_with_a_trial(client: AccountClient) -> None:
    head, body = client("POST", "/user/register", {"recapcha": "riddle", "key": NEW_KEY})
    assert head.status == 201
    client.token = AccessToken(json.loads(body)["accessToken"])
    said = client.document("/user/information")
    assert (said["trialActionsLeft"], said["trialImagesLeft"]) == (50, 30)
    assert client.document("/user/subscription")["tier"] == 0
    assert client.document("/user/keystore") == {"keystore": None}
    assert client.emulator.mailbox.mails == []
    assert client.status("POST", "/user/create-persistent-token", {}) == 201
    assert client.status("POST", "/user/create-persistent-token", {}) == 409


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"key": NEW_KEY}, 400),
        (register(key="short"), 400),
        (register(key="é" * 64), 400),
        (register(key=NEW_KEY + "x"), 400),
        (register(email="short"), 400),
        (register(giftkey="none"), 400),
        (register(email=account.email_hash(EMAIL)), 409),
        (register(emailCleartext=EMAIL), 409),
        (register(key=account.access_key(EMAIL, Password(PASSWORD)).reveal()), 409),
        (register(email=account.email_hash("new@example.com"), unknown=1), 201),
    ],
)
def test_registrations_are_accepted_or_refused_by_their_fields(
    client: AccountClient, body: object, status: int
) -> None:
    assert client.status("POST", "/user/register", body) == status


def test_a_gift_key_at_a_registration_is_used_up(client: AccountClient) -> None:
    client.emulator.mailbox.gift_keys["gift"] = Tier.TABLET
    head, body = client("POST", "/user/register", register(giftkey="gift", emailCleartext="new@example.com"))
    assert head.status == 201
    client.token = AccessToken(json.loads(body)["accessToken"])
    assert client.document("/user/subscription")["tier"] == 1
    assert client.emulator.mailbox.gift_keys == {}
    (mail,) = client.emulator.mailbox.mails
    assert (mail.kind, mail.email, len(mail.token)) == (MailKind.VERIFICATION, "new@example.com", 64)


def test_a_changed_key_revokes_older_logins_and_keeps_stored_objects(client: AccountClient) -> None:
    stored = client.owner.storage.keystore
    change = {"currentAccessKey": client.owner.key.reveal(), "newAccessKey": NEW_KEY}
    assert client.status("POST", "/user/change-access-key", {**change, "currentAccessKey": "x" * 64}) == 401
    assert client.status("POST", "/user/change-access-key", {**change, "newAccessKey": "short"}) == 400
    other = client.emulator.add_account("b@example.com", Password("b"))
    assert client.status("POST", "/user/change-access-key", {**change, "newAccessKey": other.key.reveal()}) == 409
    assert client.status("POST", "/user/change-access-key", {**change, "newEmail": "b@example.com"}) == 409
    assert client.status("GET", "/user/information") == 200
    head, body = client("POST", "/user/change-access-key", change)
    assert head.status == 200
    assert client.status("GET", "/user/information") == 401
    client.token = AccessToken(json.loads(body)["accessToken"])
    assert client.status("GET", "/user/information") == 200
    client.token = client.owner.persistent_token
    assert client.status("GET", "/user/information") == 200
    assert client.owner.storage.keystore == stored
    assert client.status("POST", "/user/login", {"key": change["currentAccessKey"]}) == 401
    assert client.status("POST", "/user/login", {"key": NEW_KEY}) == 201


# ---- mail


def test_a_mailed_token_works_once_and_for_its_purpose_only(client: AccountClient) -> None:
    outside = client.emulator.mailbox
    assert client.status("POST", "/user/resend-email-verification", {"email": EMAIL}) == 409
    assert client.status("POST", "/user/resend-email-verification", {"email": "nobody@example.com"}) == 401
    client.owner.profile.email_verified = False
    assert client.status("POST", "/user/resend-email-verification", {"email": EMAIL}) == 201
    assert client.status("POST", "/user/recovery/request", {"email": EMAIL}) == 202
    assert client.status("POST", "/user/deletion/request", {"email": EMAIL}) == 202
    assert client.status("POST", "/user/deletion/request", {"email": "b@example.com"}) == 400
    verification, recovery, deletion = (mail.token for mail in outside.mails)
    assert [mail.kind for mail in outside.mails] == [*MailKind]
    assert client.status("POST", "/user/verify-email", {"verificationToken": recovery}) == 400
    assert client.status("POST", "/user/verify-email", {"verificationToken": "x" * 64}) == 401
    assert client.status("POST", "/user/verify-email", {"verificationToken": verification}) == 200
    assert client.status("POST", "/user/verify-email", {"verificationToken": verification}) == 401
    recover = {"newAccessKey": NEW_KEY, "deleteContent": False}
    assert client.status("POST", "/user/recovery/recover", {**recover, "recoveryToken": deletion}) == 401
    assert client.status("POST", "/user/recovery/recover", {**recover, "recoveryToken": "short"}) == 400
    taken = client.emulator.add_account("b@example.com", Password("b")).key.reveal()
    body = {"recoveryToken": recovery, "newAccessKey": taken, "deleteContent": False}
    assert client.status("POST", "/user/recovery/recover", body) == 409
    assert client.status("POST", "/user/recovery/recover", {**recover, "recoveryToken": recovery}) == 201
    assert client.status("POST", "/user/recovery/recover", {**recover, "recoveryToken": recovery}) == 401
    assert len(client.owner.storage.objects["stories"]) == 3
    client.owner.profile.recurring = True
    assert client.status("POST", "/user/deletion/delete", {"deletionToken": deletion}) == 409
    client.owner.profile.recurring = False
    assert client.status("POST", "/user/deletion/delete", {"deletionToken": deletion}) == 200
    assert client.status("POST", "/user/deletion/delete", {"deletionToken": deletion}) == 401


def test_no_token_or_identity_leads_to_a_deleted_account(client: AccountClient) -> None:
    client.emulator.mailbox.google["mine"] = client.owner
    assert client.status("POST", "/user/recovery/request", {"email": EMAIL}) == 202
    assert client.status("POST", "/user/delete") == 200
    assert client.status("POST", "/user/delete") == 401
    (mail,) = client.emulator.mailbox.mails
    recover = {"newAccessKey": NEW_KEY, "deleteContent": True, "recoveryToken": mail.token}
    assert client.status("POST", "/user/recovery/recover", recover) == 401
    assert client.status("POST", "/user/sso/google", {"idToken": "mine"}) == 500
    client.token = client.owner.persistent_token
    assert client.status("GET", "/user/information") == 401
    assert client.status("POST", "/user/register", register(emailCleartext=EMAIL)) == 201


# ---- what is said


def test_the_answers_have_all_keys_of_the_document(client: AccountClient) -> None:
    assert set(client.document("/user/information")) == {
        "emailVerified",
        "emailVerificationLetterSent",
        "trialActivated",
        "trialActionsLeft",
        "trialImagesLeft",
        "accountCreatedAt",
        "hasPlaintextEmail",
        "allowMarketingEmails",
        "plaintextEmail",
        "banStatus",
        "banMessage",
    }
    assert set(client.document("/user/priority")) == {"maxPriorityActions", "nextRefillAt", "taskPriority"}
    said = client.document("/user/subscription")
    assert set(said) == {
        "tier",
        "active",
        "expiresAt",
        "perks",
        "paymentProcessorData",
        "trainingStepsLeft",
        "accountType",
        "isGracePeriod",
        "isPaypal",
        "paymentProcessor",
        "usage",
    }
    assert set(said["perks"]) == {
        "maxPriorityActions",
        "startPriority",
        "contextTokens",
        "unlimitedMaxPriority",
        "moduleTrainingSteps",
    }
    assert set(client.document("/ai/trial-status")) == {
        "used_text_actions",
        "remaining_text_actions",
        "used_image_actions",
        "remaining_image_actions",
        "eligible_for_text_gens",
        "eligible_for_image_gens",
        "trial_activated",
    }


def test_whole_numbers_are_written_as_integers(client: AccountClient) -> None:
    for target in ("/user/information", "/user/priority", "/user/subscription", "/user/data"):
        _, body = client("GET", target)
        assert b"." not in body.replace(EMAIL.encode(), b"").partition(b'"keystore":')[0]


def test_persistent_tokens_get_less_account_data(client: AccountClient) -> None:
    client.owner.profile.settings = b"{}"
    full = client.document("/user/data")
    assert full["keystore"] == {"keystore": client.owner.storage.keystore}
    assert full["settings"] == "{}"
    client.token = client.owner.persistent_token
    assert "paymentProcessorData" not in client.document("/user/subscription")
    data = client.document("/user/data")
    assert (data["keystore"], data["settings"]) == ({}, None)
    assert "paymentProcessorData" not in data["subscription"]


def test_empty_responses_are_plain_text(client: AccountClient) -> None:
    for method, target, body in (
        ("PUT", "/user/clientsettings", b'{"a": 1}'),
        ("PATCH", "/user/change-mailing-list-consent", {"marketingConsent": True}),
        ("POST", "/user/recovery/request", {"email": "nobody@example.com"}),
        ("POST", "/user/delete", None),
    ):
        head, answer = client(method, target, body)
        assert head.status in (200, 202)
        assert (head.content_type, answer) == (PLAIN, b"")


def test_settings_are_stored_unchanged(client: AccountClient) -> None:
    assert client("GET", "/user/clientsettings")[1] == b""
    for raw in (b'{"a": 1.50}', b"\xff\x00", b""):
        assert client.status("PUT", "/user/clientsettings", raw) == 200
        head, body = client("GET", "/user/clientsettings")
        assert (head.content_type, body) == (PLAIN, raw)
    client.owner.profile.settings = b"\xff"
    assert client.document("/user/data")["settings"] == "�"


# ---- the subscription


@pytest.mark.parametrize(
    ("plan", "status"), [(3, 200), ("3", 200), (0, 200), (4, 400), (-1, 400), ("x", 400), (None, 400), (1.5, 400)]
)
def test_a_plan_is_a_number_from_0_to_3_be_it_in_quotes(client: AccountClient, plan: object, status: int) -> None:
    assert client.status("POST", "/user/subscription/change", {"newSubscriptionPlan": plan}) == status
    if status == 200:
        assert client.document("/user/subscription")["tier"] == int(str(plan))


def test_without_a_subscription_a_plan_cannot_be_changed(client: AccountClient) -> None:
    client.owner.profile.active = False
    assert client.status("POST", "/user/subscription/change", {"newSubscriptionPlan": 3}) == 404
    bind = {"paymentProcessor": "giftkey", "subscriptionId": "gift"}
    assert client.status("POST", "/user/subscription/bind", bind) == 404
    client.emulator.mailbox.gift_keys["gift"] = Tier.SCROLL
    assert client.status("POST", "/user/subscription/bind", bind) == 201
    assert client.document("/user/subscription")["trainingStepsLeft"]["fixedTrainingStepsLeft"] == 1000
    trial = {"paymentProcessor": "trial", "subscriptionId": ""}
    assert client.status("POST", "/user/subscription/bind", trial) == 201
    assert client.status("POST", "/user/subscription/bind", trial) == 409


# ---- the keystore


def test_a_keystore_has_an_index_from_its_first_change_on() -> None:
    client = AccountClient()
    empty = client.emulator.add_account("e@example.com", Password("e"), stories=False)
    client.token = run_in_memory(account.login("e@example.com", "e"), client.emulator).result
    assert client.document("/user/keystore") == {"keystore": None}
    assert client.status("PUT", "/user/keystore", {"keystore": "eA==", "changeIndex": 0}) == 400
    assert client.status("PUT", "/user/keystore", {"keystore": "eA=="}) == 200
    assert client.document("/user/keystore") == {"keystore": "eA==", "changeIndex": 1}
    assert client.status("PUT", "/user/keystore", {"keystore": "eQ==", "changeIndex": 1}) == 200
    assert client.status("PUT", "/user/keystore", {"keystore": "eg==", "changeIndex": 1}) == 409
    assert client.document("/user/keystore") == {"keystore": "eQ==", "changeIndex": 2}
    assert client.status("PUT", "/user/keystore", {"keystore": ""}) == 200
    assert client.document("/user/keystore") == {"keystore": None}
    empty.storage.indexed = False
    assert client.status("PUT", "/user/keystore", {"keystore": "eA=="}) == 200
    assert client.document("/user/keystore") == {"keystore": "eA=="}
    assert client.status("PUT", "/user/keystore", {"keystore": "eA==", "changeIndex": 1}) == 400


@pytest.mark.parametrize("body", [{}, {"keystore": None}, {"keystore": "%"}, {"keystore": "eA="}, {"keystore": 1}])
def test_a_keystore_must_be_base64(client: AccountClient, body: object) -> None:
    assert client.status("PUT", "/user/keystore", body) == 400


# ---- events

SUBMISSION = {
    "data": "eA==",
    "dataName": "n",
    "authorName": "a",
    "authorEmail": "e",
    "event": "autumn",
    "socials": "",
    "mediums": "",
}


def test_submissions_and_votes_are_stored_and_returned(client: AccountClient) -> None:
    assert client.document("/user/submission/autumn") == {}
    assert client.status("POST", "/user/submission", {**SUBMISSION, "more": 1}) == 200
    assert client.document("/user/submission/autumn") == {**SUBMISSION, "more": 1}
    assert client.status("POST", "/user/submission", {**SUBMISSION, "dataName": "x" * 257}) == 400
    vote = "/user/vote-submission/autumn"
    assert client.document(vote) == {}
    assert client.status("POST", vote, {"id": "1"}) == 201
    assert client.status("POST", vote, {"id": "2"}) == 409
    assert client.document(vote) == {"id": "1"}
    assert client.status("DELETE", vote, {"id": "2"}) == 409
    assert client.status("DELETE", vote, {"id": "1"}) == 200
    assert client.document(vote) == {}
