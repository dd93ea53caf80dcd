"""Account operations, on their own and against the emulator.

See:
    docs/protocol/native.md#21-tokens
    docs/protocol/native.md#3-key-derivation
    docs/protocol/native.md#6-account-endpoints-user
"""

from __future__ import annotations

import json
import pickle
import traceback
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto import account, objects
from nai_proto.account import (
    AccountInformation,
    Perks,
    Priority,
    Subscription,
    Tier,
    TrainingSteps,
    TrialStatus,
    UserData,
)
from nai_proto.codecs.keystore import open_keystore
from nai_proto.emulator import Account, Emulator, MailKind
from nai_proto.errors import (
    AuthenticationError,
    ConflictError,
    InvalidRequestError,
    NaiError,
    NotFoundError,
    RemoteProtocolError,
    ServerError,
    StatusError,
    StreamError,
)
from nai_proto.exchange.call import Call
from nai_proto.exchange.endpoints import ENDPOINTS, EndpointParameters, build
from nai_proto.exchange.operation import Operation
from nai_proto.exchange.responses import JsonReader, Response
from nai_proto.exchange.retry import Repeat
from nai_proto.exchange.session import Session
from nai_proto.http import Head, Headers, Host, Request
from nai_proto.limits import Limits
from nai_proto.secret import AccessKey, AccessToken, Password, PersistentToken
from nai_proto.testing import Clock, FlowTrace, play, run_in_memory
from nai_transports import memory
from tests.cases import for_each
from tests.support import EMAIL, PASSWORD, an_emulator

JSON = Head(200, Headers.of(content_type="application/json"))
KEY = account.access_key(EMAIL, Password(PASSWORD))
OTHER_KEY = account.access_key(EMAIL, Password("another"))
PERSISTENT = PersistentToken("pst-" + "x" * 64)
ACCESS = AccessToken("eyJ.access.x")

# The example of docs/protocol/native.md#64-subscription.
OPUS: dict[str, Any] = {
    "tier": 3,
    "active": True,
    "expiresAt": 1789625617,
    "accountType": 0,
    "isGracePeriod": False,
    "isPaypal": False,
    "paymentProcessor": "chargebee",
    "perks": {
        "maxPriorityActions": 1000,
        "startPriority": 10,
        "moduleTrainingSteps": 10000,
        "unlimitedMaxPriority": True,
        "contextTokens": 8192,
    },
    "trainingStepsLeft": {"fixedTrainingStepsLeft": 9405, "purchasedTrainingSteps": 12},
    "usage": {"percent": 196, "isNegative": False, "timeUntilNextPercent": 0},
}
PRIORITY: dict[str, Any] = {"maxPriorityActions": 1250, "nextRefillAt": 1789625617, "taskPriority": 10}
INFORMATION: dict[str, Any] = {
    "emailVerified": True,
    "emailVerificationLetterSent": True,
    "trialActivated": False,
    "trialActionsLeft": 50,
    "accountCreatedAt": 1600000000,
}
DATA: dict[str, Any] = {
    "priority": PRIORITY,
    "subscription": OPUS,
    "keystore": {"keystore": None},
    "settings": None,
    "information": INFORMATION,
}
TYPED: dict[str, tuple[Operation[Any, Any], dict[str, Any]]] = {
    "subscription": (account.get_subscription(), OPUS),
    "priority": (account.get_priority(), PRIORITY),
    "information": (account.get_information(), INFORMATION),
    "user_data": (account.get_user_data(), DATA),
}
every_typed = for_each("name", TYPED)

# Every operation of the module, by its endpoint.
OPERATIONS: dict[str, Operation[Any, Any]] = {
    "register": account.register_with_key(KEY, "riddle", email=EMAIL),
    "login": account.login_with_key(KEY),
    "sso_google": account.login_with_google("identity"),
    "change_access_key": account.change_access_key(KEY, OTHER_KEY),
    "create_persistent_token": account.create_persistent_token(),
    "recover": account.recover("r" * 16, KEY),
    "resend_verification": account.resend_verification(EMAIL),
    "verify_email": account.verify_email("v" * 64),
    "change_mailing_consent": account.change_mailing_consent(True),
    "put_consent": account.set_consent("US"),
    "information": account.get_information(),
    "osano_external_id": account.get_osano_external_id(),
    "request_deletion": account.request_deletion(EMAIL),
    "finish_deletion": account.finish_deletion("d" * 16),
    "request_recovery": account.request_recovery(EMAIL),
    "delete_account": account.delete_account(),
    "user_data": account.get_user_data(),
    "priority": account.get_priority(),
    "gift_keys": account.get_gift_keys(),
    "subscription": account.get_subscription(),
    "bind_subscription": account.bind_subscription("giftkey", "gift"),
    "change_subscription": account.change_subscription(Tier.SCROLL),
    "get_settings": account.get_client_settings(),
    "put_settings": account.set_client_settings("{}"),
    "trial_status": account.get_trial_status(),
    "get_keystore": objects.get_keystore(),
    "put_keystore": objects.put_keystore("", 4),
}
every_operation = for_each("name", OPERATIONS)


def play_json(operation: Operation[Any, Any], document: object) -> FlowTrace[Any, Any]:
    return play(operation, [JSON, json.dumps(document).encode(), b""])


def body_of(operation: Operation[Any, Any]) -> Any:
    return json.loads(operation.request.body)


# ---- operations are values


@every_operation
def test_an_operation_pickles_and_shows_no_secret(name: str) -> None:
    operation = OPERATIONS[name]
    assert pickle.loads(pickle.dumps(operation)) == operation
    assert KEY.reveal() not in repr(operation)
    assert EMAIL not in repr(operation)


@every_operation
def test_an_operation_is_a_request_to_its_endpoint(name: str) -> None:
    row, request = ENDPOINTS[name], OPERATIONS[name].request
    assert (request.method, request.target, request.host) == (row.method, row.path, row.host)
    assert request.login_only == row.login_only
    sent = request.headers.get("content-type")
    assert sent == (None if not request.body else "text/plain" if name == "put_settings" else "application/json")


def test_each_operation_is_repeated_as_often_as_is_safe() -> None:
    repeats = {name: operation.repeat for name, operation in OPERATIONS.items()}
    never = {"delete_account", "finish_deletion", "bind_subscription", "change_subscription"}
    setting = {"put_settings", "put_consent", "change_mailing_consent", "login", "sso_google"}
    reading = {name for name in repeats if ENDPOINTS[name].method == "GET"}
    assert {name for name, repeat in repeats.items() if repeat is Repeat.NEVER} == never
    assert {name for name, repeat in repeats.items() if repeat is Repeat.ALWAYS} == setting | reading
    other = {name for name, repeat in repeats.items() if repeat is Repeat.IF_NOT_ACTED}
    assert other == set(repeats) - never - setting - reading
    assert account.create_persistent_token(overwrite=True).repeat is Repeat.ALWAYS


def test_an_omitted_argument_is_not_sent() -> None:
    assert body_of(account.login_with_key(KEY)) == {"key": KEY.reveal()}
    assert body_of(account.login_with_key(KEY, recaptcha="x")) == {"key": KEY.reveal(), "recaptcha": "x"}
    assert body_of(account.register_with_key(KEY, "riddle")) == {
        "recaptcha": "riddle",
        "key": KEY.reveal(),
        "allowMarketingEmails": False,
    }
    assert body_of(account.change_access_key(KEY, OTHER_KEY, new_email="b@c")) == {
        "currentAccessKey": KEY.reveal(),
        "newAccessKey": OTHER_KEY.reveal(),
        "newEmail": "b@c",
    }
    assert body_of(account.change_subscription(Tier.OPUS)) == {"newSubscriptionPlan": 3}
    assert body_of(objects.put_keystore("eA==", 4.0)) == {"keystore": "eA==", "changeIndex": 4}
    assert body_of(objects.put_keystore("eA==", 4.5)) == {"keystore": "eA==", "changeIndex": 4.5}
    assert body_of(objects.put_keystore("eA==")) == {"keystore": "eA=="}
    assert isinstance(body_of(objects.put_keystore("eA==", 4.0))["changeIndex"], int)


def test_a_registration_sends_the_e_mail_and_its_hash() -> None:
    body = body_of(account.register_with_key(KEY, "x", email=EMAIL, gift_key="g", locale="jp", enterprise=True))
    assert body["email"] == account.email_hash(EMAIL)
    assert body["emailCleartext"] == EMAIL
    assert (body["giftkey"], body["locale"], body["isRecaptchaEnterprise"]) == ("g", "jp", True)


@for_each(
    "call",
    [
        lambda: account.verify_email("v" * 63),
        lambda: account.recover("r" * 15, KEY),
        lambda: account.finish_deletion("d" * 15),
        lambda: account.set_client_settings("\ud800"),
        lambda: account.change_password(EMAIL, "same", "same"),
        lambda: account.change_password(EMAIL, "old", ""),
        lambda: AccessKey("short"),
    ],
)
def test_an_invalid_argument_is_an_error_that_does_not_show_it(call: Any) -> None:
    with pytest.raises(NaiError) as caught:
        call()
    assert "\ud800" not in "".join(traceback.format_exception(caught.value))


# ---- endpoints that refuse persistent tokens


LOGIN_ONLY = [row for row in ENDPOINTS.values() if row.login_only]


def test_persistent_tokens_are_refused_where_the_service_refuses_them() -> None:
    paths = {row.path for row in LOGIN_ONLY}
    assert {path for path in paths if not path.startswith("/user/objects/")} == {
        "/user/keystore",
        "/user/clientsettings",
        "/user/giftkeys",
        "/user/create-persistent-token",
    }
    assert {row.path for row in ENDPOINTS.values() if row.path.startswith("/user/objects/")} < paths


@for_each("row", LOGIN_ONLY)
def test_a_session_does_not_sign_with_a_token_that_the_endpoint_refuses(row: Any) -> None:
    request = build(row, EndpointParameters(dict.fromkeys(row.names, "x")))
    for session in (Session(token=PERSISTENT), Session(token=ACCESS)):
        signed_by = Request(**{**fields(request), "token": PERSISTENT})
        with pytest.raises(
            InvalidRequestError, match=f"{row.method} /user/.* takes no persistent token, .*login"
        ) as caught:
            session.sign(signed_by)
        assert "xxxx" not in str(caught.value)
    signed = Session(token=ACCESS).sign(request)
    assert signed.token == ACCESS
    assert Session(token=PERSISTENT).sign(signed) == signed  # it is signed already
    assert Session().sign(request).token is None


def fields(request: Request) -> dict[str, Any]:
    return {name: getattr(request, name) for name in ("method", "target", "headers", "body", "host", "login_only")}


def test_a_refused_token_is_an_error_before_anything_is_sent() -> None:
    def nobody(request: Request) -> Any:
        raise AssertionError("something was sent")

    session = Session(base_url="http://x", token=PERSISTENT)
    played = run_in_memory(account.get_client_settings(), nobody, session)
    assert isinstance(played.error, InvalidRequestError)
    assert played.kinds == ""
    with memory.Client(nobody, session) as client, pytest.raises(InvalidRequestError, match="/user/giftkeys"):
        client.run(account.get_gift_keys())
    with pytest.raises(InvalidRequestError, match="/user/create-persistent-token"):
        session.sign(Call(account.create_persistent_token()).send())


def test_every_other_endpoint_accepts_both_tokens() -> None:
    session = Session(token=PERSISTENT)
    for row in ENDPOINTS.values():
        if not row.login_only:
            assert session.sign(build(row, EndpointParameters(dict.fromkeys(row.names, "x")))).token == PERSISTENT


# ---- typed responses


def test_the_documented_subscription_is_parsed() -> None:
    said: Subscription = play_json(account.get_subscription(), OPUS).result
    assert said.tier is Tier.OPUS
    assert (said.active, said.expires_at, said.anlas) == (True, 1789625617, 9417)
    assert said.perks == Perks(
        max_priority_actions=1000,
        start_priority=10,
        context_tokens=8192,
        unlimited_max_priority=True,
        module_training_steps=10000,
    )
    assert said.training_steps_left == TrainingSteps(fixed_training_steps_left=9405, purchased_training_steps=12)
    assert said.usage is not None
    assert (said.usage.percent, said.usage.is_negative) == (196, False)
    assert (said.payment_processor, said.payment_processor_data, said.extra) == ("chargebee", None, {})
    assert play_json(account.get_subscription(), {**OPUS, "paymentProcessor": 3}).result.payment_processor == 3


def required_paths(type: Any) -> list[tuple[str, ...]]:  # noqa: A002
    """Return the paths of the fields that a response must have."""
    import msgspec

    found: list[tuple[str, ...]] = []
    for field in msgspec.structs.fields(type):
        if field.required:
            found.append((field.encode_name,))
            if isinstance(field.type, type_of_types) and issubclass(field.type, msgspec.Struct):
                found += [(field.encode_name, *rest) for rest in required_paths(field.type)]
    return found


type_of_types = type
KINDS: dict[str, Any] = {
    "subscription": Subscription,
    "priority": Priority,
    "information": AccountInformation,
    "user_data": UserData,
}
PATHS = [(name, path) for name, kind in KINDS.items() for path in required_paths(kind)]


def with_value(document: dict[str, Any], path: tuple[str, ...], change: Any) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(document))
    place = copy
    for key in path[:-1]:
        place = place[key]
    change(place, path[-1])
    return copy


@for_each("name, path", PATHS)
def test_a_missing_field_is_an_error_with_its_path(name: str, path: tuple[str, ...]) -> None:
    operation, document = TYPED[name]
    error = play_json(operation, with_value(document, path, lambda place, key: place.pop(key))).error
    assert isinstance(error, RemoteProtocolError)
    assert f"`{path[-1]}`" in str(error)
    assert len(path) == 1 or f"`$.{'.'.join(path[:-1])}`" in str(error)
    assert operation.request.path in str(error)


@for_each("name, path", PATHS)
def test_a_value_of_another_type_is_an_error_with_its_path_and_without_the_value(
    name: str, path: tuple[str, ...]
) -> None:
    operation, document = TYPED[name]
    wrong = with_value(document, path, lambda place, key: place.__setitem__(key, "hunter2"))
    error = play_json(operation, wrong).error
    assert isinstance(error, RemoteProtocolError)
    assert f"`$.{'.'.join(path)}`" in str(error)
    assert "hunter2" not in "".join(traceback.format_exception(error))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)
json_documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from([*OPUS, *PRIORITY, *DATA, *OPUS["perks"], "*", "new"]), inner, max_size=6)
    ),
    max_leaves=20,
)
new_keys = st.dictionaries(st.text(max_size=8).map("new-{}".format), json_values, max_size=3)


@given(new_keys, new_keys)
def test_unknown_fields_are_kept_at_every_level(outer: dict[str, Any], inner: dict[str, Any]) -> None:
    document = {**OPUS, **outer, "perks": {**OPUS["perks"], **inner}}
    said: Subscription = play_json(account.get_subscription(), document).result
    assert said.extra == outer
    assert said.perks.extra == inner
    assert play_json(account.get_user_data(), {**DATA, "subscription": document}).result.subscription == said
    assert pickle.loads(pickle.dumps(said)) == said


@every_typed
def test_an_unknown_field_is_in_the_raw_json(name: str) -> None:
    operation, document = TYPED[name]
    plain = account.raw_json(operation)
    assert play_json(plain, document).result == document
    assert play_json(plain, {"any": ["thing"]}).result == {"any": ["thing"]}
    assert play_json(plain, [1]).result == [1]
    assert (plain.request, plain.repeat) == (operation.request, operation.repeat)
    assert pickle.loads(pickle.dumps(plain)) == plain
    assert isinstance(play(plain, [JSON, b"{", b""]).error, RemoteProtocolError)


def test_a_whole_number_is_an_int_however_it_is_written() -> None:
    document = with_value(OPUS, ("trainingStepsLeft", "fixedTrainingStepsLeft"), lambda p, k: p.__setitem__(k, 9405.0))
    said = play_json(account.get_subscription(), {**document, "expiresAt": 17, "new": [{"a": 2.0, "b": 2.5}]}).result
    assert isinstance(said.anlas, int)
    assert isinstance(said.expires_at, float)  # as every time is
    assert said.extra == {"new": [{"a": 2, "b": 2.5}]}
    half = with_value(OPUS, ("trainingStepsLeft", "fixedTrainingStepsLeft"), lambda p, k: p.__setitem__(k, 0.5))
    assert "fixedTrainingStepsLeft" in str(play_json(account.get_subscription(), half).error)


@given(json_documents)
def test_any_response_is_parsed_or_is_a_protocol_error(document: object) -> None:
    for operation, _ in TYPED.values():
        assert isinstance(play_json(operation, document).error, RemoteProtocolError | StreamError | None)


@for_each("levels", [120, 129, 900, 5000])
@for_each("limits", [Limits(), Limits(json_depth=100_000)])
def test_a_response_nested_too_deeply_is_an_error(levels: int, limits: Limits) -> None:
    body = json.dumps(PRIORITY).encode()[:-1] + b',"new":' + b"[" * levels + b"]" * levels + b"}"
    played = play(account.get_priority().with_options(limits=limits), [JSON, body, b""])
    assert isinstance(played.error, RemoteProtocolError | None)
    assert levels < limits.json_depth or played.error is not None
    assert levels > 120 or played.error is None


def test_the_package_has_every_public_name_and_no_other() -> None:
    for name in account.__all__:
        assert getattr(account, name) is not None
    assert set(account.__all__) <= set(dir(account))
    with pytest.raises(AttributeError, match="subscriptions"):
        account.subscriptions  # type: ignore[attr-defined]  # noqa: B018 -- misspelt on purpose


@for_each("tier, name", [(Tier.PAPER, "Paper"), (Tier.TABLET, "Tablet"), (Tier.SCROLL, "Scroll"), (Tier.OPUS, "Opus")])
def test_a_tier_is_its_name_in_a_text_and_its_number_on_the_wire(tier: Tier, name: str) -> None:
    assert (str(tier), f"{tier}", f"{tier:>6}", "%s" % tier) == (name, name, f"{name:>6}", name)  # noqa: UP031
    assert body_of(account.change_subscription(tier)) == {"newSubscriptionPlan": int(tier)}


@for_each("tier", [-1, 4, 2.5, None, True, "3"])
def test_an_unknown_tier_is_an_error_with_its_path(tier: object) -> None:
    error = play_json(account.get_subscription(), {**OPUS, "tier": tier}).error
    assert isinstance(error, RemoteProtocolError)
    assert "`$.tier`" in str(error)


def test_a_repr_shows_no_private_field() -> None:
    document = {**OPUS, "paymentProcessorData": {"c": "hunter2"}, "new": "hunter2"}
    subscription = play_json(account.get_subscription(), document).result
    assert subscription.payment_processor_data == {"c": "hunter2"}
    said: UserData = play_json(
        account.get_user_data(),
        {
            **DATA,
            "subscription": document,
            "settings": "hunter2",
            "keystore": {"keystore": "hunter2"},
            "information": {**INFORMATION, "plaintextEmail": "hunter2@example.com"},
        },
    ).result
    assert said.information.plaintext_email == "hunter2@example.com"
    assert "hunter2" not in repr(said)
    assert "extra=['new']" in repr(said)
    assert "anlas" not in repr(said)


class Inner(Response, frozen=True):
    value: int


class Outer(Response, frozen=True):
    private = frozenset({"secret"})
    secret: str
    inner: Inner | None = None


def test_a_repr_has_each_field_that_has_a_value_and_the_names_of_unknown_keys() -> None:
    assert repr(Outer(secret="x")) == "Outer(secret=…)"
    outer = Outer(secret="x", inner=Inner(value=5), extra={"a": 1, "b": 2})
    assert repr(outer) == "Outer(secret=…, inner=Inner(value=5), extra=['a', 'b'])"


def test_unknown_keys_are_kept_in_a_response_that_may_be_missing() -> None:
    operation = Operation(account.get_priority().request, (("application/json", JsonReader(Outer)),))
    outer = play_json(operation, {"secret": "x", "inner": {"value": 5, "new": 6}}).result
    assert outer == Outer(secret="x", inner=Inner(value=5, extra={"new": 6}))


def test_what_is_no_response_is_an_error_with_the_name_of_the_endpoint() -> None:
    error = play(account.get_priority(), [JSON, b"{", b""]).error
    assert isinstance(error, RemoteProtocolError)
    assert "GET /user/priority" in str(error)


def test_raw_json_has_the_options_of_its_operation() -> None:
    operation = account.get_priority().with_options(token="a", limits=Limits(body=9))
    assert account.raw_json(operation).options == operation.options


def test_a_withheld_keystore_is_not_an_empty_one() -> None:
    assert play_json(account.get_user_data(), {**DATA, "keystore": {}}).result.is_keystore_withheld
    assert not play_json(account.get_user_data(), DATA).result.is_keystore_withheld
    less = {key: value for key, value in DATA.items() if key not in ("keystore", "settings")}
    said = play_json(account.get_user_data(), less).result
    assert said.is_keystore_withheld
    assert said.settings is None
    assert isinstance(play_json(account.get_user_data(), {**DATA, "keystore": None}).error, RemoteProtocolError)


def test_every_field_of_a_trial_status_is_optional() -> None:
    seen = {"used_text_actions": 1, "remaining_text_actions": 49, "trial_activated": True, "trialActionsLeft": 7}
    said = play_json(account.get_trial_status(), seen).result
    assert said == TrialStatus(
        used_text_actions=1, remaining_text_actions=49, trial_activated=True, extra={"trialActionsLeft": 7}
    )
    assert play_json(account.get_trial_status(), {}).result == TrialStatus()


def test_an_error_in_a_response_with_status_200_is_raised() -> None:
    assert isinstance(play_json(account.get_subscription(), {"error": "no"}).error, StreamError)


@for_each("document", [{}, {"accessToken": 7}, {"accessToken": "a b"}, {"accessToken": None}])
@for_each("name", ["login", "register", "recover", "change_access_key", "sso_google"])
def test_an_invalid_access_token_is_a_protocol_error(name: str, document: object) -> None:
    assert isinstance(play_json(OPERATIONS[name], document).error, RemoteProtocolError)


@for_each("document", [{}, {"token": 7}, {"token": None}, {"token": "eyJ"}, {"token": "pst-a b"}])
def test_an_invalid_persistent_token_is_a_protocol_error(document: object) -> None:
    assert isinstance(play_json(account.create_persistent_token(), document).error, RemoteProtocolError)


@for_each("body", [b"", b"plain", b'{"error": 1}', b'"text"', "é".encode()])
@for_each("content_type", ["text/plain", "application/json"])
def test_settings_are_returned_as_they_are_stored(body: bytes, content_type: str) -> None:
    head = Head(200, Headers.of(content_type=content_type))
    assert play(account.get_client_settings(), [head, body, b""]).result == body.decode()


def test_settings_that_are_not_text_or_are_a_web_page_are_an_error() -> None:
    assert isinstance(play(account.get_client_settings(), [JSON, b"\xff", b""]).error, RemoteProtocolError)
    page = Head(200, Headers.of(content_type="text/html"))
    assert isinstance(play(account.get_client_settings(), [page]).error, RemoteProtocolError)
    assert play(account.get_client_settings(), [Head(200), b""]).result == ""


def test_a_response_with_one_field_is_its_value() -> None:
    assert play_json(account.get_gift_keys(), {"giftKeys": [{"a": 1}], "new": 1}).result == ({"a": 1},)
    assert play_json(account.get_osano_external_id(), {"externalOsanoId": "x"}).result == "x"
    assert play(account.delete_account(), [Head(204), b""]).result is None
    assert account.get_trial_status().request.host is Host.TEXT


# ---- against the emulator


def login_session(emulator: Emulator, email: str = EMAIL, password: str = PASSWORD) -> Session:
    return Session(base_url="http://x", token=run_in_memory(account.login(email, password), emulator).result)


def persistent_session(owner: Account) -> Session:
    return Session(base_url="http://x", token=owner.persistent_token)


def test_responses_are_typed() -> None:
    emulator, owner = an_emulator()
    owner.profile.bought_anlas = 5
    session = persistent_session(owner)
    said = run_in_memory(account.get_subscription(), emulator, session).result
    assert (said.tier, said.active, said.anlas, said.extra) == (Tier.OPUS, True, 10_005, {})
    information = run_in_memory(account.get_information(), emulator, session).result
    assert (information.email_verified, information.plaintext_email) == (True, EMAIL)
    assert information.extra == {}
    assert run_in_memory(account.get_priority(), emulator, session).result.task_priority == 10
    assert run_in_memory(account.get_trial_status(), emulator, session).result.remaining_text_actions == 50
    data = run_in_memory(account.get_user_data(), emulator, session).result
    assert data.is_keystore_withheld
    assert (data.subscription, data.information) == (said, information)
    assert run_in_memory(account.raw_json(account.get_subscription()), emulator, session).result["tier"] == 3
    assert len(run_in_memory(account.get_osano_external_id(), emulator, session).result) == 43
    full = run_in_memory(account.get_user_data(), emulator, login_session(emulator)).result
    assert not full.is_keystore_withheld
    assert len(open_keystore(full.keystore, account.encryption_key(EMAIL, Password(PASSWORD)))) == 3


def test_an_account_is_registered_verified_and_deleted() -> None:
    emulator, _ = an_emulator()
    token = run_in_memory(account.register("new@example.com", "secret", "riddle"), emulator).result
    session = Session(base_url="http://x", token=token)
    information = run_in_memory(account.get_information(), emulator, session).result
    assert (information.email_verified, information.email_verification_letter_sent) == (False, True)
    assert (information.trial_actions_left, information.trial_images_left) == (50, 30)
    assert run_in_memory(account.get_subscription(), emulator, session).result.tier is Tier.PAPER
    assert run_in_memory(account.resend_verification("new@example.com"), emulator).error is None
    assert [mail.kind for mail in emulator.mailbox.mails] == [MailKind.VERIFICATION] * 2
    assert run_in_memory(account.verify_email(emulator.mailbox.mails[1].token), emulator).error is None
    assert run_in_memory(account.get_information(), emulator, session).result.email_verified
    again = run_in_memory(account.register("new@example.com", "secret", "riddle"), emulator)
    assert isinstance(again.error, ConflictError)
    assert run_in_memory(account.request_deletion("new@example.com"), emulator, session).error is None
    deletion = emulator.mailbox.mails[-1]
    assert deletion.token not in repr(deletion)
    assert run_in_memory(account.finish_deletion(deletion.token), emulator).error is None
    assert isinstance(run_in_memory(account.get_information(), emulator, session).error, AuthenticationError)
    assert isinstance(run_in_memory(account.login("new@example.com", "secret"), emulator).error, AuthenticationError)


def test_a_persistent_token_is_created_with_a_login_and_replaces_the_old_one() -> None:
    emulator, owner = an_emulator()
    session, old = login_session(emulator), persistent_session(owner)
    assert isinstance(run_in_memory(account.create_persistent_token(), emulator, session).error, ConflictError)
    drawn = run_in_memory(account.create_persistent_token(overwrite=True), emulator, session).result
    assert run_in_memory(account.get_subscription(), emulator, Session(base_url="http://x", token=drawn)).error is None
    assert isinstance(run_in_memory(account.get_subscription(), emulator, old).error, AuthenticationError)


def test_a_lost_password_is_replaced_with_a_token_from_an_e_mail() -> None:
    emulator, _ = an_emulator()
    assert run_in_memory(account.request_recovery("nobody@example.com"), emulator).error is None
    assert emulator.mailbox.mails == []
    assert run_in_memory(account.request_recovery(EMAIL), emulator).error is None
    (mail,) = emulator.mailbox.mails
    token = run_in_memory(account.recover(mail.token, OTHER_KEY, delete_content=True), emulator).result
    session = Session(base_url="http://x", token=token)
    assert run_in_memory(objects.get_keystore(), emulator, session).result.keystore is None
    assert run_in_memory(objects.list_objects("stories"), emulator, session).result == ()
    assert run_in_memory(account.login(EMAIL, "another"), emulator).error is None
    assert isinstance(run_in_memory(account.recover(mail.token, KEY), emulator).error, AuthenticationError)


def test_stored_settings_can_be_read_again() -> None:
    emulator, _ = an_emulator()
    session = login_session(emulator)
    assert run_in_memory(account.get_client_settings(), emulator, session).result == ""
    for text in ('{"settingsVersion": 16}', "日本語", ""):
        assert run_in_memory(account.set_client_settings(text), emulator, session).error is None
        assert run_in_memory(account.get_client_settings(), emulator, session).result == text


def test_subscriptions_are_bound_and_changed() -> None:
    emulator, owner = an_emulator()
    emulator.mailbox.gift_keys["gift"] = Tier.SCROLL
    session = login_session(emulator)
    bind = account.bind_subscription("giftkey", "gift")
    assert isinstance(run_in_memory(bind, emulator, session).error, ConflictError)
    replacing = account.bind_subscription("giftkey", "gift", confirmed_replace=True)
    assert run_in_memory(replacing, emulator, session).error is None
    assert run_in_memory(account.get_subscription(), emulator, session).result.tier is Tier.SCROLL
    assert isinstance(run_in_memory(replacing, emulator, session).error, NotFoundError)
    assert run_in_memory(account.change_subscription(Tier.TABLET), emulator, session).error is None
    assert owner.profile.tier is Tier.TABLET
    assert run_in_memory(account.bind_subscription("trial", ""), emulator, session).error is None
    assert run_in_memory(account.get_trial_status(), emulator, session).result.trial_activated
    assert isinstance(
        run_in_memory(account.bind_subscription("paddle", "x"), emulator, session).error, InvalidRequestError
    )
    assert run_in_memory(account.get_gift_keys(), emulator, session).result == ()


def test_consents_are_accepted() -> None:
    emulator, owner = an_emulator()
    session = persistent_session(owner)
    assert run_in_memory(account.change_mailing_consent(True), emulator, session).error is None
    assert owner.profile.marketing
    assert run_in_memory(account.set_consent("US", analytics=True), emulator, session).error is None


def test_an_account_with_a_renewing_subscription_is_not_deleted() -> None:
    emulator, owner = an_emulator()
    owner.profile.recurring = True
    session = persistent_session(owner)
    assert isinstance(run_in_memory(account.delete_account(), emulator, session).error, ConflictError)
    owner.profile.recurring = False
    assert run_in_memory(account.delete_account(), emulator, session).error is None
    assert isinstance(run_in_memory(account.get_subscription(), emulator, session).error, AuthenticationError)


def test_an_identity_token_of_google_logs_in() -> None:
    emulator, owner = an_emulator()
    assert isinstance(run_in_memory(account.login_with_google("mine"), emulator).error, ServerError)
    emulator.mailbox.google["mine"] = owner
    token = run_in_memory(account.login_with_google("mine"), emulator).result
    assert run_in_memory(account.get_subscription(), emulator, Session(base_url="http://x", token=token)).error is None


@every_operation
def test_no_error_response_shows_a_secret(name: str) -> None:
    emulator, _ = an_emulator()
    played = run_in_memory(OPERATIONS[name], emulator, Session(base_url="http://x", token=ACCESS), clock=Clock())
    if (error := played.error) is not None:
        assert isinstance(error, StatusError | NaiError)
        assert KEY.reveal() not in "".join(traceback.format_exception(error))
        assert pickle.loads(pickle.dumps(error)).args == error.args
