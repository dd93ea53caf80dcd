"""What clients ask of the emulator has the answer that they insist on.

AED is novelai-api 0.34.1, LK novelai-python 0.9.0; both were seen on the wire.

See:
    docs/protocol/native.md#6-account-endpoints-user
    docs/protocol/native.md#9-aigenerate-request
    docs/protocol/native.md#17-checklist-for-the-emulator
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from nai_proto.account import access_key
from nai_proto.emulator import Account, Emulator, MailKind, Switches
from nai_proto.exchange.endpoints import ENDPOINTS
from nai_proto.http import Head
from nai_proto.secret import Password
from nai_proto.text.samplers import INTERNAL_MODELS
from nai_proto.tier import Tier
from tests.cases import for_each

from .support import EMAIL, ByteTokenizer, an_emulator
from .test_emulator import parse_error, prompt, send_request
from .test_emulator_requests import ROWS, log_in, path_of

NEW_KEY = access_key(EMAIL, Password("another")).reveal()


# ---- accounts


def test_a_login_is_created_and_json() -> None:
    emulator, owner = an_emulator()  # LK takes nothing else for one
    extra = {"recaptcha": "x", "isRecaptchaEnterprise": True}
    head, body = send_request(emulator, "POST", "/user/login", {"key": owner.key.reveal(), **extra})
    assert (head.status, head.headers.get("content-type")) == (201, "application/json")
    assert [*json.loads(body)] == ["accessToken"]


def test_both_spellings_of_recaptcha_are_accepted() -> None:
    for name in ("recaptcha", "recapcha"):  # AED's is the second
        body = {"key": NEW_KEY, name: "riddle", "email": "0" * 64, "locale": "en"}
        assert send_request(an_emulator()[0], "POST", "/user/register", body)[0].status == 201


def test_no_body_is_an_empty_object() -> None:
    emulator, owner = an_emulator()
    login = log_in(emulator, owner)
    for body in (b"", {}, {"overwrite": False}):
        assert (
            parse_error(send_request(emulator, "POST", "/user/create-persistent-token", body, authorization=login))[0]
            == 409
        )
    assert "key" in parse_error(send_request(emulator, "POST", "/user/login", b""))[1]
    assert send_request(emulator, "POST", "/user/delete", authorization=login)[0].status == 200


def mailed(emulator: Emulator, kind: MailKind) -> str:
    return next(mail.token for mail in reversed(emulator.mailbox.mails) if mail.kind is kind)


def empty_answers(emulator: Emulator, owner: Account) -> dict[str, tuple[Head, bytes]]:
    """What every endpoint answers that has nothing to say, by its name."""
    emulator.mailbox.gift_keys["gift"] = Tier.OPUS
    owner.profile.email_verified = False
    login = log_in(emulator, owner)
    consent = dict.fromkeys(
        ("analyticsConsent", "marketingConsent", "personalizationConsent", "essentialsConsent", "globalOptOut"), True
    )
    submission = dict.fromkeys(("dataName", "authorName", "authorEmail", "event", "socials", "mediums"), "s")
    gift = {"paymentProcessor": "giftkey", "subscriptionId": "gift", "confirmedReplace": True, "confirmedIgnore": True}
    bodies: dict[str, Any] = {
        "resend_verification": {"email": EMAIL},
        "verify_email": None,
        "change_mailing_consent": {"marketingConsent": True, "email": EMAIL, "uiLanguage": "en"},
        "put_consent": {"jurisdiction": "US", **consent},
        "request_recovery": {"email": "nobody@example.com", "locale": "jp"},
        "request_deletion": {"email": EMAIL},
        "bind_subscription": gift,
        "change_subscription": {"newSubscriptionPlan": "3"},  # AED's is text
        "put_keystore": {"keystore": "eA==", "changeIndex": owner.storage.keystore_index},
        "put_settings": '"as JSON"',
        "delete_objects": {"types": ["stories"]},
        "submit": {**submission, "data": "eA=="},
        "vote": {"id": "1"},
        "delete_vote": {"id": "1"},
        "link_usage": {"anonymous_user_id": "anon-1"},
        "delete_account": None,
    }
    answers = {}
    for name, body in bodies.items():
        if name == "verify_email":
            body = {"verificationToken": mailed(emulator, MailKind.VERIFICATION), "uiLanguage": "en"}
        row = ENDPOINTS[name]
        answers[name] = send_request(emulator, row.method, path_of(row), body, authorization=login)
    other, gone = an_emulator()
    send_request(other, "POST", "/user/deletion/request", {"email": EMAIL}, authorization=log_in(other, gone))
    deletion = {"deletionToken": mailed(other, MailKind.DELETION)}
    answers["finish_deletion"] = send_request(other, "POST", "/user/deletion/delete", deletion)
    return answers


def test_empty_responses_are_plain_text_and_never_204() -> None:
    answers = empty_answers(*an_emulator())  # AED refuses an answer without a type, and any 204
    assert {*answers, "buy_training_steps"} == {row.name for row in ROWS if not row.answers}
    for name, (head, body) in answers.items():
        assert head.status == ENDPOINTS[name].status, name
        assert (head.headers.get("content-type"), body) == ("text/plain; charset=utf-8", b"")
        assert head.headers.get("content-length") == "0"


@for_each("sent", [b"a text", b'"a text"', b'{"settingsVersion": 16, "model": "kayra-v1"}'])
def test_settings_are_text_a_json_text_or_an_object(sent: bytes) -> None:
    emulator, owner = an_emulator()  # AED, the document, the website
    login = log_in(emulator, owner)
    path = "/user/clientsettings"
    assert send_request(emulator, "PUT", path, sent, authorization=login, content_type="text/plain")[0].status == 200
    assert send_request(emulator, "GET", path, authorization=login)[1] == sent


def test_a_keystore_can_be_sent_back_as_it_was_received() -> None:
    emulator, owner = an_emulator()  # AED replaces the keystore in it, and that is all
    login, path = log_in(emulator, owner), "/user/keystore"
    came = json.loads(send_request(emulator, "GET", path, authorization=login)[1])
    assert send_request(emulator, "PUT", path, {**came, "keystore": "eA=="}, authorization=login)[0].status == 200
    assert json.loads(send_request(emulator, "GET", path, authorization=login)[1])["keystore"] == "eA=="
    again = send_request(emulator, "PUT", path, {**came, "keystore": "eQ=="}, authorization=login)
    assert parse_error(again)[0] == 409, "nothing was got since"


def test_a_known_identity_logs_in_and_an_unknown_one_is_500() -> None:
    emulator, owner = an_emulator()
    emulator.mailbox.google["mine"] = owner
    assert send_request(emulator, "POST", "/user/sso/google", {"idToken": "mine"})[0].status == 201
    assert parse_error(send_request(emulator, "POST", "/user/sso/google", {"idToken": "theirs"}))[0] == 500


def test_recovery_can_delete_the_content_of_an_account() -> None:
    emulator, _ = an_emulator()
    send_request(emulator, "POST", "/user/recovery/request", {"email": EMAIL})
    body = {"recoveryToken": mailed(emulator, MailKind.RECOVERY), "newAccessKey": NEW_KEY, "deleteContent": True}
    head, answer = send_request(emulator, "POST", "/user/recovery/recover", body)
    assert head.status == 201
    login = f"Bearer {json.loads(answer)['accessToken']}"
    assert json.loads(send_request(emulator, "GET", "/user/keystore", authorization=login)[1]) == {"keystore": None}
    for kind in ("stories", "storycontent"):
        listed = send_request(emulator, "GET", f"/user/objects/{kind}", authorization=login)
        assert json.loads(listed[1]) == {"objects": []}


def test_gift_keys_are_a_list_and_an_external_id_has_43_characters() -> None:
    emulator, owner = an_emulator()
    login = log_in(emulator, owner)
    assert json.loads(send_request(emulator, "GET", "/user/giftkeys", authorization=login)[1]) == {"giftKeys": []}
    external = json.loads(send_request(emulator, "GET", "/user/osano-external-id", authorization=login)[1])[
        "externalOsanoId"
    ]
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", external)


def test_a_second_subscription_requires_confirmation() -> None:
    emulator, owner = an_emulator()
    emulator.mailbox.gift_keys["gift"] = Tier.TABLET
    bind = {"paymentProcessor": "giftkey", "subscriptionId": "gift"}
    assert parse_error(send_request(emulator, "POST", "/user/subscription/bind", bind, owner=owner))[0] == 409
    confirmed = {**bind, "confirmedReplace": True}
    assert send_request(emulator, "POST", "/user/subscription/bind", confirmed, owner=owner)[0].status == 201
    assert parse_error(send_request(emulator, "POST", "/user/subscription/bind", confirmed, owner=owner))[0] == 404
    other = {**bind, "paymentProcessor": "paddle"}
    assert parse_error(send_request(emulator, "POST", "/user/subscription/bind", other, owner=owner))[0] == 400


def test_persistent_tokens_are_refused_only_where_they_are_not_allowed() -> None:
    for row in ROWS:
        emulator, owner = an_emulator()
        answer = send_request(emulator, row.method, path_of(row), b"[", owner=owner)
        if row.login_only:
            said = "Usage of persistent access tokens is not allowed for this endpoint"
            assert parse_error(answer) == (401, said)
        elif row.name not in ("sso_google", "verify_email", "finish_deletion"):
            assert answer[0].status != 401, row.name


# ---- text


@for_each("path", ["/ai/generate", "/ai/generate-stream"])
@for_each("missing", ["input", "model", "parameters"])
def test_what_is_missing_is_named_in_the_services_words(missing: str, path: str) -> None:
    emulator, owner = an_emulator()
    body = {key: value for key, value in prompt().items() if key != missing}
    said = parse_error(send_request(emulator, "POST", path, body, owner=owner))
    assert said == (400, f"Error verifying request: {missing} is required")


def test_without_max_length_an_output_has_forty_tokens() -> None:
    emulator, owner = an_emulator(tokenizers=lambda _: ByteTokenizer())
    for model, width in (("kayra-v1", 2), ("llama-3-erato-v1", 4), ("euterpe-v2", 2)):
        packed = base64.b64encode((300).to_bytes(width, "little")).decode()
        body = {"input": packed, "model": model, "parameters": {"use_string": False}}
        answer = json.loads(send_request(emulator, "POST", "/ai/generate", body, owner=owner)[1])
        assert len(base64.b64decode(answer["output"])) == 40 * width


def test_more_than_six_samplers_can_be_enabled() -> None:
    emulator, owner = an_emulator()
    for model in ("kayra-v1", "clio-v1"):
        body = prompt(model, order=[6, 2, 3, 0, 4, 1, 5, 8, 7])
        assert send_request(emulator, "POST", "/ai/generate", body, owner=owner)[0].status in (200, 201)


def test_genji_has_two_ids_and_staging_models_need_their_switch() -> None:
    for switches in (Switches(), Switches(staging=True)):
        emulator, owner = an_emulator(switches=switches)
        for model in INTERNAL_MODELS:
            status = send_request(emulator, "POST", "/ai/generate", prompt(model), owner=owner)[0].status
            assert status == (200 if switches.staging else 400)
        for model in ("genji-jp-6b", "genji-jp-6b-v2"):
            assert send_request(emulator, "POST", "/ai/generate", prompt(model), owner=owner)[0].status == 201
