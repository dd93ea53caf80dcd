"""The emulator has every route of the table: each, requested rightly, answers with the row's status.

See docs/protocol/native.md#17-checklist-for-the-emulator.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, NamedTuple

from nai_proto.emulator import Account, Emulator
from nai_proto.emulator.accounts.mailbox import MailKind
from nai_proto.exchange.endpoints import ENDPOINTS, Endpoint, EndpointParameters, build
from nai_proto.secret import Password
from nai_proto.testing import Clock
from nai_proto.tier import Tier
from tests.cases import for_each
from tests.image_support import png
from tests.support import EMAIL, PASSWORD
from tests.test_emulator import send_request

IMAGE = b64encode(png(64, 64)).decode()
KEY, HASH = "k" * 64, "h" * 64
TEXT: dict[str, Any] = {"input": "Once", "parameters": {"max_length": 5, "min_length": 1, "use_string": True}}
PICTURE: dict[str, Any] = {
    "input": "a cat",
    "model": "nai-diffusion-3",
    "action": "generate",
    "parameters": {"width": 64, "height": 64, "steps": 1, "n_samples": 1, "seed": 1},
}
SPEECH: dict[str, Any] = {"text": "Hello", "seed": "Aini", "voice": -1, "opus": False, "version": "v2"}
TRAINING: dict[str, Any] = {"data": "T25jZQ==", "lr": 1, "steps": 50, "name": "n", "description": "d"}
OBJECT: dict[str, Any] = {"meta": "m", "data": "AAAA"}
CONSENT = ("analyticsConsent", "marketingConsent", "personalizationConsent", "essentialsConsent", "globalOptOut")
MESSAGES = [{"role": "user", "content": "Hi"}]


class Served(NamedTuple):
    """An emulator whose account has something of everything, and a login there."""

    emulator: Emulator
    owner: Account
    login: str


def serve() -> Served:
    drawn = iter(range(1 << 30))
    emulator = Emulator(now=Clock(1_700_000_000.0), entropy=lambda size: bytes(next(drawn) % 251 for _ in range(size)))
    owner = emulator.add_account(EMAIL, Password(PASSWORD))
    owner.profile.email_verified = False
    owner.profile.votes["delete_vote"] = {"id": "i"}
    emulator.mailbox.google["g"] = owner
    emulator.mailbox.gift_keys["gift"] = Tier.SCROLL
    _, body = send_request(emulator, "POST", "/user/login", {"key": owner.key.reveal()})
    return Served(emulator, owner, f"Bearer {json.loads(body)['accessToken']}")


def mailed(served: Served, kind: MailKind) -> str:
    """Have a token mailed, and return it."""
    paths = {
        MailKind.VERIFICATION: "/user/resend-email-verification",
        MailKind.RECOVERY: "/user/recovery/request",
        MailKind.DELETION: "/user/deletion/request",
    }
    send_request(served.emulator, "POST", paths[kind], {"email": EMAIL}, authorization=served.login)
    return next(mail.token for mail in served.emulator.mailbox.mails if mail.kind is kind)


def stored_object(served: Served) -> str:
    return served.owner.storage.create("presets", "m", "AAAA", 0, bytes).id


def trained_module(served: Served) -> str:
    _, body = send_request(served.emulator, "POST", "/ai/module/train", TRAINING, owner=served.owner)
    module: str = json.loads(body)["id"]
    return module


def right_request(row: Endpoint, served: Served) -> EndpointParameters:
    """Return what the request of a route needs to succeed."""
    bodies: Mapping[str, Any] = {
        "register": lambda: {"key": KEY, "recaptcha": "r", "email": HASH, "emailCleartext": "new@example.com"},
        "login": lambda: {"key": served.owner.key.reveal()},
        "sso_google": lambda: {"idToken": "g"},
        "change_access_key": lambda: {"currentAccessKey": served.owner.key.reveal(), "newAccessKey": KEY},
        "resend_verification": lambda: {"email": EMAIL},
        "verify_email": lambda: {"verificationToken": mailed(served, MailKind.VERIFICATION)},
        "change_mailing_consent": lambda: {"marketingConsent": True},
        "put_consent": lambda: {"jurisdiction": "US", **dict.fromkeys(CONSENT, False)},
        "request_deletion": lambda: {"email": EMAIL},
        "finish_deletion": lambda: {"deletionToken": mailed(served, MailKind.DELETION)},
        "request_recovery": lambda: {"email": EMAIL},
        "recover": lambda: {
            "recoveryToken": mailed(served, MailKind.RECOVERY),
            "newAccessKey": KEY,
            "deleteContent": False,
        },
        "bind_subscription": lambda: {
            "paymentProcessor": "giftkey",
            "subscriptionId": "gift",
            "confirmedReplace": True,
        },
        "change_subscription": lambda: {"newSubscriptionPlan": 2},
        "create_persistent_token": lambda: {"overwrite": True},
        "put_settings": lambda: {"theme": "dark"},
        "put_keystore": lambda: {"keystore": "AAAA"},
        "create_object": lambda: OBJECT,
        "update_object": lambda: OBJECT,
        "delete_objects": lambda: {"types": ["presets"]},
        "submit": lambda: {
            "event": "autumn",
            "data": "x",
            "dataName": "n",
            "authorName": "a",
            "authorEmail": EMAIL,
            "mediums": "x",
            "socials": "x",
        },
        "vote": lambda: {"id": "i"},
        "delete_vote": lambda: {"id": "i"},
        "generate": lambda: {**TEXT, "model": "kayra-v1"},
        "generate_stream": lambda: {**TEXT, "model": "kayra-v1"},
        "api_generate": lambda: {**TEXT, "model": "euterpe-v2"},
        "api_generate_stream": lambda: {**TEXT, "model": "euterpe-v2"},
        "generate_prompt": lambda: {"model": "euterpe-v2", "prompt": "x", "temp": 1, "tokens_to_generate": 5},
        "link_usage": lambda: {"anonymous_user_id": "anon-1"},
        "post_voice": lambda: SPEECH,
        "train_module": lambda: TRAINING,
        "buy_training_steps": lambda: {"amount": 2000},
        "completions": lambda: {"model": "glm-4-6", "prompt": "Once", "max_tokens": 5},
        "chat_completions": lambda: {"model": "glm-4-6", "messages": MESSAGES, "max_tokens": 5},
        "token_count": lambda: {"model": "glm-4-6", "prompt": "Once"},
        "generate_image": lambda: PICTURE,
        "generate_image_stream": lambda: PICTURE,
        "augment_image": lambda: {"req_type": "lineart", "image": IMAGE, "width": 64, "height": 64},
        "upscale": lambda: {"image": IMAGE, "width": 64, "height": 64, "model": "nai-diffusion-5-full"},
        "encode_vibe": lambda: {"image": IMAGE, "model": "nai-diffusion-4-5-full"},
        "annotate_image": lambda: {"model": "hed", "parameters": {"image": IMAGE}},
        "classify": dict,
    }
    queries: Mapping[str, Mapping[str, object]] = {
        "get_voice": {**SPEECH, "opus": "false"},
        "suggest_tags": {"model": "nai-diffusion-3", "prompt": "cat"},
    }
    paths: Mapping[str, Any] = {
        "event": lambda: row.name,
        "type": lambda: "presets",
        "id": lambda: trained_module(served) if "module" in row.path else stored_object(served),
    }
    path = {name: paths[name]() for name in row.names}
    query = tuple((name, str(value)) for name, value in queries.get(row.name, {}).items())
    body = json.dumps(bodies[row.name]()).encode() if row.name in bodies else b""
    return EndpointParameters(path, query, body)


@for_each("row", ENDPOINTS.values(), ids=lambda row: row.name)
def test_every_route_of_the_table_answers_a_right_request_with_its_status(row: Endpoint) -> None:
    served = serve()
    parameters = right_request(row, served)
    request = build(row, parameters)
    fields: dict[str, Any] = {"content_type": "application/json"} | (
        {"authorization": served.login} if row.auth else {}
    )
    head, body = send_request(served.emulator, row.method, request.target, parameters.body or None, **fields)
    assert (head.status, body[:200] if head.status >= 400 else b"") == (row.status, b"")
