"""The account endpoints of the emulator: login, registration, mails, settings and subscription.

See:
    docs/protocol/native.md#6-account-endpoints-user
    docs/protocol/native.md#172-account
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

import msgspec

from ...codecs.key_derivation import email_hash
from ...codecs.private_struct import PrivateStruct
from ...errors import InvalidRequestError
from ...exchange.reply import Handler
from ...secret import AccessKey
from ...tier import Tier
from ..accounts.account import Account
from ..accounts.account_registry import AccountRegistry
from ..accounts.mailbox import Mailbox, MailKind
from ..accounts.profile import Profile
from ..errors import Refused
from ..http.request_context import EndpointHandler, RequestContext
from ..http.responses import send_empty, send_json, send_response

__all__ = ["AccountService"]

_Key = Annotated[str, msgspec.Meta(min_length=AccessKey.LENGTH)]
_MailedToken = Annotated[str, msgspec.Meta(min_length=16)]
_VERIFICATION_LENGTH: Final = 64
"""Characters of a token that verifies an e-mail."""
_TOKEN_LENGTH: Final = 32
"""Characters of the other mailed tokens."""


_NO_GIFT_KEY: Final = (
    "no unused gift key is this one; `nai emulate --gift-key KEY=TIER`, or Emulator.mailbox.gift_keys, makes one"
)


class _Login(PrivateStruct, frozen=True):
    key: str


class _Google(PrivateStruct, frozen=True):
    idToken: str  # noqa: N815


class _Register(PrivateStruct, frozen=True):
    key: _Key
    recaptcha: str | None = None
    recapcha: str | None = None  # as one client spells it (docs/protocol/native.md#61-request-schemas)
    email: Annotated[str, msgspec.Meta(min_length=64, max_length=64)] | None = None
    emailCleartext: str | None = None  # noqa: N815
    allowMarketingEmails: bool | None = None  # noqa: N815
    giftkey: str | None = None


class _ChangeKey(PrivateStruct, frozen=True):
    currentAccessKey: _Key  # noqa: N815
    newAccessKey: _Key  # noqa: N815
    newEmail: str | None = None  # noqa: N815


class _Email(msgspec.Struct):
    email: str


class _Verify(PrivateStruct, frozen=True):
    verificationToken: Annotated[str, msgspec.Meta(min_length=_VERIFICATION_LENGTH, max_length=_VERIFICATION_LENGTH)]  # noqa: N815


class _Mailing(msgspec.Struct):
    marketingConsent: bool  # noqa: N815
    email: str | None = None


class _Consent(msgspec.Struct):
    jurisdiction: str
    analyticsConsent: bool  # noqa: N815
    marketingConsent: bool  # noqa: N815
    personalizationConsent: bool  # noqa: N815
    essentialsConsent: bool  # noqa: N815
    globalOptOut: bool  # noqa: N815


class _Recover(PrivateStruct, frozen=True):
    recoveryToken: _MailedToken  # noqa: N815
    newAccessKey: _Key  # noqa: N815
    deleteContent: bool  # noqa: N815


class _Delete(PrivateStruct, frozen=True):
    deletionToken: _MailedToken  # noqa: N815


class _Bind(PrivateStruct, frozen=True):
    paymentProcessor: str  # noqa: N815
    subscriptionId: str  # noqa: N815
    confirmedReplace: bool = False  # noqa: N815


class _SubscriptionPlan(msgspec.Struct):
    newSubscriptionPlan: Annotated[int, msgspec.Meta(ge=0, le=3)]  # noqa: N815


class _Overwrite(msgspec.Struct):
    overwrite: bool = False


class AccountService:
    """The endpoints of one account's login, mails, settings and subscription.

    See docs/protocol/native.md#61-request-schemas.

    Args:
        accounts: of the emulator.
        mailbox: receives the mails, and holds gift keys and identities.
        now: returns UNIX time in seconds.
        strict: refuse bodies that clients send although the documents do not allow them?
    """

    def __init__(
        self, accounts: AccountRegistry, mailbox: Mailbox, now: Callable[[], float], *, strict: bool = False
    ) -> None:
        self._accounts = accounts
        self._mailbox = mailbox
        self._now = now
        self._strict = strict

    def handlers(self) -> Mapping[str, EndpointHandler]:
        """Return the handlers by the names of the endpoint table."""
        return {
            "login": self._login,
            "sso_google": self._login_with_google,
            "register": self._register,
            "change_access_key": self._change_access_key,
            "create_persistent_token": self._create_persistent_token,
            "resend_verification": self._resend_verification,
            "verify_email": self._verify_email,
            "request_recovery": self._request_recovery,
            "recover": self._recover,
            "request_deletion": self._request_deletion,
            "finish_deletion": self._finish_deletion,
            "delete_account": self._delete_account,
            "change_mailing_consent": self._change_mailing_consent,
            "put_consent": self._put_consent,
            "osano_external_id": self._get_osano_id,
            "information": lambda context: _send_document(context, context.owner.profile.information()),
            "priority": lambda context: _send_document(context, context.owner.profile.priority()),
            "trial_status": lambda context: _send_document(context, context.owner.profile.trial_status()),
            "gift_keys": lambda context: _send_document(context, {"giftKeys": context.owner.profile.gift_keys}),
            "subscription": self._get_subscription,
            "user_data": self._get_user_data,
            "bind_subscription": self._bind_subscription,
            "change_subscription": self._change_subscription,
            "get_settings": self._get_settings,
            "put_settings": self._put_settings,
        }

    # ---- login and keys

    def _login(self, context: RequestContext) -> Handler:
        token = self._accounts.login(context.body(_Login).key)
        yield from _send_token(context, token.reveal())

    def _login_with_google(self, context: RequestContext) -> Handler:
        account = self._mailbox.google.get(context.body(_Google).idToken)
        if account is None:
            raise Refused(
                500,
                "Unknown identity",
                reason="no account has this idToken; a test puts identities into Emulator.mailbox.google",
            )
        yield from _send_token(context, self._accounts.issue_token(account).reveal())

    def _register(self, context: RequestContext) -> Handler:
        body = context.body(_Register)
        if body.recaptcha is None and body.recapcha is None:
            raise Refused(
                400, "recaptcha must be a string", reason="recaptcha is missing; any text is taken, also empty"
            )
        if self._strict:
            for name in ("recaptcha", "emailCleartext", "allowMarketingEmails"):
                if getattr(body, name) is None:
                    reason = (
                        "the documents require it, and so does the switch strict_bodies, though clients leave it out"
                    )
                    raise Refused(400, f"Validation error: {name} is required", reason=reason)
        clear = body.emailCleartext
        hashed = body.email or (None if clear is None else email_hash(clear))
        tier = None if body.giftkey is None else self._mailbox.gift_keys.get(body.giftkey)
        if body.giftkey is not None and tier is None:
            raise Refused(400, "Gift key is invalid", reason=_NO_GIFT_KEY)
        account = self._accounts.register(clear, hashed, _parse_key(body.key))
        account.profile.marketing = bool(body.allowMarketingEmails)
        if body.giftkey is not None and tier is not None:
            del self._mailbox.gift_keys[body.giftkey]
            account.profile.subscribe(tier, self._now())
        if clear is not None:
            self._send_verification(account, clear)
        yield from _send_token(context, self._accounts.issue_token(account).reveal())

    def _change_access_key(self, context: RequestContext) -> Handler:
        body, owner = context.body(_ChangeKey), context.owner
        if body.currentAccessKey != owner.key.reveal():
            raise Refused(
                401,
                "Access Key is incorrect.",
                reason="currentAccessKey is not the account's: derive it from the e-mail as it was registered and the old "
                "password",
            )
        if body.newEmail is not None and self._accounts.find(email_hash(body.newEmail)) not in (None, owner):
            raise Refused(409, "Email is taken", reason="newEmail is the e-mail of another account")
        token = self._accounts.change_key(owner, _parse_key(body.newAccessKey))
        if body.newEmail is not None:
            _change_email(owner, body.newEmail)
        yield from _send_token(context, token.reveal())

    def _create_persistent_token(self, context: RequestContext) -> Handler:
        token = self._accounts.create_persistent_token(context.owner, overwrite=context.body(_Overwrite).overwrite)
        yield from send_json(context.endpoint.status, {"token": token.reveal()})

    # ---- mails

    def _send_verification(self, account: Account, email: str) -> None:
        account.profile.letter_sent = True
        self._mailbox.mail(MailKind.VERIFICATION, email, account, self._accounts.random_letters(_VERIFICATION_LENGTH))

    def _resend_verification(self, context: RequestContext) -> Handler:
        email = context.body(_Email).email
        account = self._accounts.find(email_hash(email))
        if account is None:
            raise Refused(
                401, "No account has this email", reason="e-mails are compared as they are spelled, case included"
            )
        if account.profile.email_verified:
            raise Refused(409, "Email is already verified", reason="the account needs no further mail")
        self._send_verification(account, email)
        yield from send_empty(context.endpoint.status)

    def _verify_email(self, context: RequestContext) -> Handler:
        token = context.body(_Verify).verificationToken
        self._mailbox.find(MailKind.VERIFICATION, token).profile.email_verified = True
        self._mailbox.discard(token)
        yield from send_empty(context.endpoint.status)

    def _request_recovery(self, context: RequestContext) -> Handler:
        email = context.body(_Email).email
        account = self._accounts.find(email_hash(email))
        if account is not None:
            self._mailbox.mail(MailKind.RECOVERY, email, account, self._accounts.random_letters(_TOKEN_LENGTH))
        yield from send_empty(context.endpoint.status)  # the response does not say whether there is one

    def _recover(self, context: RequestContext) -> Handler:
        body = context.body(_Recover)
        account = self._mailbox.find(MailKind.RECOVERY, body.recoveryToken)
        token = self._accounts.change_key(account, _parse_key(body.newAccessKey))
        self._mailbox.discard(body.recoveryToken)
        if body.deleteContent:
            account.storage.clear_stories()
        yield from _send_token(context, token.reveal())

    def _request_deletion(self, context: RequestContext) -> Handler:
        email = context.body(_Email).email
        if email_hash(email) != context.owner.profile.email_hash:
            raise Refused(
                400, "email is not the account's", reason="send the e-mail of the account that the token belongs to"
            )
        self._mailbox.mail(MailKind.DELETION, email, context.owner, self._accounts.random_letters(_TOKEN_LENGTH))
        yield from send_empty(context.endpoint.status)

    def _finish_deletion(self, context: RequestContext) -> Handler:
        self._remove_account(self._mailbox.find(MailKind.DELETION, context.body(_Delete).deletionToken))
        yield from send_empty(context.endpoint.status)

    def _delete_account(self, context: RequestContext) -> Handler:
        self._remove_account(context.owner)
        yield from send_empty(context.endpoint.status)

    def _remove_account(self, account: Account) -> None:
        self._accounts.remove(account)
        self._mailbox.forget(account)

    # ---- consent, data and settings

    def _change_mailing_consent(self, context: RequestContext) -> Handler:
        context.owner.profile.marketing = context.body(_Mailing).marketingConsent
        yield from send_empty(context.endpoint.status)

    def _put_consent(self, context: RequestContext) -> Handler:
        context.body(_Consent)
        yield from send_empty(context.endpoint.status)

    def _get_osano_id(self, context: RequestContext) -> Handler:
        digest = hashlib.sha256(context.owner.profile.email_hash.encode()).digest()
        yield from _send_document(context, {"externalOsanoId": urlsafe_b64encode(digest).rstrip(b"=").decode()})

    def _get_subscription(self, context: RequestContext) -> Handler:
        yield from _send_document(
            context, context.owner.profile.subscription(context.now, persistent=context.persistent)
        )

    def _get_user_data(self, context: RequestContext) -> Handler:
        keystore = {"keystore": context.owner.storage.keystore}
        yield from _send_document(
            context, context.owner.profile.data(keystore, context.now, persistent=context.persistent)
        )

    def _get_settings(self, context: RequestContext) -> Handler:
        yield from send_response(
            context.endpoint.status, "text/plain; charset=utf-8", context.owner.profile.settings or b""
        )

    def _put_settings(self, context: RequestContext) -> Handler:
        context.owner.profile.settings = context.parameters.body
        yield from send_empty(context.endpoint.status)

    # ---- the subscription

    def _bind_subscription(self, context: RequestContext) -> Handler:
        body, profile = context.body(_Bind), context.owner.profile
        match body.paymentProcessor:
            case "giftkey":
                self._bind_gift_key(profile, body)
            case "trial" if profile.trial:
                raise Refused(
                    409,
                    "Trial is already activated",
                    reason="there is one trial; /ai/trial-status says what is left of it",
                )
            case "trial":
                profile.trial = True
            case _:
                raise Refused(400, "paymentProcessor must be one of the following values: giftkey, trial")
        yield from send_empty(context.endpoint.status)

    def _bind_gift_key(self, profile: Profile, body: _Bind) -> None:
        tier = self._mailbox.gift_keys.get(body.subscriptionId)
        if tier is None:
            raise Refused(404, "Subscription not found", reason=f"subscriptionId: {_NO_GIFT_KEY}")
        if profile.active and not body.confirmedReplace:
            raise Refused(
                409, "Account has an active subscription", reason='send "confirmedReplace": true to replace it'
            )
        del self._mailbox.gift_keys[body.subscriptionId]
        profile.subscribe(tier, self._now())

    def _change_subscription(self, context: RequestContext) -> Handler:
        plan, profile = context.body(_SubscriptionPlan, lax=not self._strict).newSubscriptionPlan, context.owner.profile
        if not profile.active:
            raise Refused(
                404, "Subscription not found", reason="the account has no active subscription that could be changed"
            )
        profile.tier = Tier(plan)
        yield from send_empty(context.endpoint.status)


def _send_document(context: RequestContext, document: Mapping[str, Any]) -> Handler:
    yield from send_json(context.endpoint.status, document)


def _send_token(context: RequestContext, token: str) -> Handler:
    yield from send_json(context.endpoint.status, {"accessToken": token})


def _parse_key(text: str) -> AccessKey:
    try:
        return AccessKey(text)
    except InvalidRequestError:
        raise Refused(
            400,
            f"key must be exactly {AccessKey.LENGTH} characters long",
            reason=f"send an access key, {AccessKey.LENGTH} characters that are derived from e-mail and password",
        ) from None


def _change_email(account: Account, email: str) -> None:
    """Change the e-mail of an account; the new one is not verified."""
    account.email = email
    account.profile.plaintext_email, account.profile.email_hash = email, email_hash(email)
    account.profile.email_verified = False
