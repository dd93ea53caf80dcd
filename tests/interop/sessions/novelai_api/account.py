"""The account: registered, logged in to by every way, asked about, paid for, changed, deleted."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from novelai_api.SchemaValidator import SchemaValidator
from novelai_api.utils import get_access_key

from ..checking import check
from .novel import Novel, refused

_NEWCOMER = "newcomer@example.com"
_FIRST, _SECOND = "a harbour in fog", "a harbour at noon"


async def session(novel: Novel) -> None:
    """All of it."""
    await _logging_in(novel)
    await _asking(novel)
    await _settings(novel)
    await _paying(novel)
    await _coming_and_going(novel)


async def _logging_in(novel: Novel) -> None:
    api = novel.stranger()
    low, high = api.low_level, api.high_level
    key = get_access_key(novel.email, novel.password)
    with check("reachable: the health check answers without a token"):
        assert await low.is_reachable() is True
    with check("reachable: also without a connection pool"):
        api.detach_session()
        assert await low.is_reachable() is True
        api.attach_session(novel.http)
    with check("login: without a token everything is refused with 401"):
        assert (await refused(low.get_information()))[0] == 401
    with check("login: with e-mail and password"):
        assert await high.login(novel.email, novel.password)
        assert (await low.get_information())["emailVerified"] is True
    with check("login: with the access key that the client derives"):
        assert await high.login_from_key(key)
        assert (await low.get_subscription())["active"] is True
    with check("login: with a token of an earlier login"):
        token = (await low.login(key))["accessToken"]
        await high.login_with_token(token)
        assert (await low.get_priority())["taskPriority"] > 0
    with check("login: the persistent token is a token"):
        await high.login_with_token(novel.token)
        assert (await low.get_subscription())["tier"] == 3
    with check("login: a persistent token does not open the keystore"):
        status, message = await refused(low.get_keystore())
        assert status == 401
        assert "persistent" in message
    with check("login: a wrong password is refused with 401 and the service's words"):
        assert await refused(high.login(novel.email, "wrong")) == (401, "Access Key is incorrect.")
    with check("login: an unknown e-mail is refused with 401"):
        assert (await refused(high.login("nobody@example.com", novel.password)))[0] == 401
    with check("login: a token that is none is refused with 401"):
        await high.login_with_token("pst-made-up")
        assert await refused(low.get_information()) == (401, "Unauthorized")


async def _asking(novel: Novel) -> None:
    low = (await novel.member()).low_level
    with check("information: it is what the client's schema wants, with the trial's numbers"):
        information = await low.get_information()
        assert information["trialActionsLeft"] == 50
        assert information["accountCreatedAt"] > 1_600_000_000
    with check("subscription: Opus, with its perks and its Anlas"):
        subscription = await low.get_subscription()
        assert low.SubscriptionTier(subscription["tier"]) is low.SubscriptionTier.OPUS
        assert subscription["perks"]["contextTokens"] == 8192
        assert subscription["trainingStepsLeft"] == {"fixedTrainingStepsLeft": 10000, "purchasedTrainingSteps": 0}
    with check("priority: it is what the client's schema wants"):
        assert (await low.get_priority())["maxPriorityActions"] == 1000
    with check("data: the parts are what the single calls give, by the client's schemas"):
        # The client takes this answer for an account's information, and refuses it: with the service, too
        # (docs/protocol/native.md#65-useraccountdata-get-userdata).
        low.is_schema_validation_enabled = False
        data = await low.get_data()
        low.is_schema_validation_enabled = True
        for part, schema in (
            ("priority", "PriorityResponse"),
            ("subscription", "SubscriptionResponse"),
            ("keystore", "GetKeystoreResponse"),
            ("information", "AccountInformationResponse"),
        ):
            SchemaValidator.validate(f"schema_{schema}", data[part])
        assert data["information"] == await low.get_information()
        assert data["keystore"]["keystore"] == (await low.get_keystore())["keystore"]


async def _settings(novel: Novel) -> None:
    low = (await novel.member()).low_level
    with check("settings: nothing is stored at first"):
        assert await low.get_settings() == ""
    for form, value in (("JSON text", '{"settingsVersion": 16, "model": "kayra-v1"}'), ("any text", "物語 🦢\n\n")):
        with check(f"settings: {form} comes back as it was put"):
            assert await low.set_settings(value) is True
            assert await low.get_settings() == value


async def _paying(novel: Novel) -> None:
    api = await novel.member()
    low = api.low_level
    with check("subscription: another plan, its number in quotes as the client sends it"):
        assert await low.change_subscription("1") is True
        assert (await low.get_subscription())["tier"] == 1
        assert await low.change_subscription("3") is True
        assert (await low.get_subscription())["tier"] == 3
    with check("subscription: a plan that there is not is refused with 400"):
        assert (await refused(low.change_subscription("4")))[0] == 400
    with check("subscription: a gift key that nobody gave is refused with 404"):
        assert await refused(low.bind_subscription("giftkey", "made-up")) == (404, "Subscription not found")
    with check("subscription: a payment company of former days is refused with 400"):
        status, message = await refused(low.bind_subscription("paddle", "made-up"))
        assert status == 400
        assert "paymentProcessor" in message


async def _coming_and_going(novel: Novel) -> None:
    api = novel.stranger()
    low, high = api.low_level, api.high_level
    with check("register: a new account, with the misspelt name of the captcha"):
        answer = await high.register("captcha", _NEWCOMER, _FIRST)
        await high.login_with_token(answer["accessToken"])
        information = await low.get_information()
        assert (information["emailVerified"], information["trialActivated"]) == (False, False)
    with check("register: the same account again is refused with 409"):
        assert (await refused(high.register("captcha", _NEWCOMER, _FIRST)))[0] == 409
    with check("register: a gift key that nobody gave is refused with 400"):
        call = high.register("captcha", "other@example.com", _FIRST, giftkey="made-up")
        assert await refused(call) == (400, "Gift key is invalid")
    with check("register: without the hash of the e-mail"):
        assert "accessToken" in await high.register("captcha", "hidden@example.com", _FIRST, send_mail=False)
    with check("trial: it is activated once, and 409 the second time"):
        assert await low.bind_subscription("trial", "-") is True
        assert (await low.get_information())["trialActivated"] is True
        assert (await refused(low.bind_subscription("trial", "-")))[0] == 409
    with check("subscription: without one there is none to change, which is 404"):
        assert (await refused(low.change_subscription("2")))[0] == 404
    await _letters(low)
    with check("key: after a change only the new one logs in"):
        first, second = (get_access_key(_NEWCOMER, password) for password in (_FIRST, _SECOND))
        assert (await refused(low.change_access_key(second, first)))[0] == 401
        answer = await low.change_access_key(first, second)
        assert (await refused(high.login(_NEWCOMER, _FIRST)))[0] == 401
        await high.login_with_token(answer["accessToken"])
        assert await high.login(_NEWCOMER, _SECOND)
    with check("delete: the account is gone, and its token with it"):
        assert await low.delete_account() is True
        assert (await refused(low.get_information()))[0] == 401
        assert (await refused(high.login(_NEWCOMER, _SECOND)))[0] == 401


async def _letters(low: Any) -> None:
    with check(
        "verification: the letter is sent again with 201, where the client waits for 200"
    ):  # docs/protocol/native.md#6-account-endpoints-user
        assert (await refused(low.send_email_verification(_NEWCOMER)))[0] == 201
        assert (await low.get_information())["emailVerificationLetterSent"] is True
    with check("verification: for an unknown e-mail it is refused with 401"):
        assert (await refused(low.send_email_verification("nobody@example.com")))[0] == 401
    with check("verification: a token that nobody got is refused with 401"):
        assert (await refused(low.verify_email(sha256(b"made up").hexdigest())))[0] == 401
    with check("recovery: a letter is promised whoever asks"):
        assert await low.request_account_recovery(_NEWCOMER) is True
        assert await low.request_account_recovery("nobody@example.com") is True
    with check("recovery: a token that nobody got is refused with 401"):
        assert (await refused(low.recover_account("m" * 16, get_access_key(_NEWCOMER, _SECOND))))[0] == 401
