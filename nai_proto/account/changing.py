"""What changes an account and is answered with nothing.

How often each may be sent, when an answer is lost on the way:

==================  =========================================================================================
again (Repeat.ALWAYS)  what only says how things shall be: `set_client_settings`, `set_consent`,
                    `change_mailing_consent`
if surely unsent    what uses up a token, or sends a mail: a repetition would be refused though the first try
(Repeat.IF_NOT_ACTED)           went well, or send the mail twice. `resend_verification`, `verify_email`,
                    `request_recovery`, `request_deletion`
never (Repeat.NEVER)       what costs money or cannot be undone: `delete_account`, `finish_deletion`,
                    `bind_subscription`, `change_subscription`
==================  =========================================================================================

See docs/protocol/native.md#6-account-endpoints-user.
"""

from __future__ import annotations

from typing import Final, Literal, Never

from ..arguments import FLAG, TEXT, TIER, takes
from ..codecs.json import encode
from ..errors import InvalidRequestError
from ..exchange.endpoints import Parameters, build, endpoint
from ..exchange.operation import Operation
from ..exchange.readers import NOTHING
from ..exchange.retry import Repeat
from ..http import Headers
from ..tier import Tier

__all__ = [
    "bind_subscription",
    "change_mailing_consent",
    "change_subscription",
    "delete_account",
    "finish_deletion",
    "request_deletion",
    "request_recovery",
    "resend_verification",
    "set_client_settings",
    "set_consent",
    "verify_email",
]

Locale = Literal["en", "jp"]

_JSON_BODY: Final = Headers.of(content_type="application/json")
_VERIFICATION: Final = 64  # characters (docs/protocol/native.md#61-request-schemas)
_DELETION: Final = 16  # at least


def _changing(name: str, repeat: Repeat, **fields: object) -> Operation[Never, None]:
    body = encode({key: value for key, value in fields.items() if value is not None})
    return Operation(build(endpoint(name), Parameters(body=body), _JSON_BODY), NOTHING, repeat)


# ---- by mail


@takes(email=TEXT)
def resend_verification(email: str) -> Operation[Never, None]:
    """Have the mail sent again that verifies the e-mail."""
    return _changing("resend_verification", Repeat.IF_NOT_ACTED, email=email)


@takes(verification_token=TEXT, ui_language=TEXT | None)
def verify_email(verification_token: str, *, ui_language: str | None = None) -> Operation[Never, None]:
    """Say that the e-mail is the account's.

    Args:
        verification_token: from the mail; 64 characters.
        ui_language: as the website sends it.

    Raises:
        InvalidRequestError: the token is of another length.

    Raises (when run):
        AuthenticationError: the token is not known.
    """
    if len(verification_token) != _VERIFICATION:
        raise InvalidRequestError(
            f"verification_token has {_VERIFICATION} characters, not {len(verification_token)}",
            parameter="verification_token",
        )
    return _changing("verify_email", Repeat.IF_NOT_ACTED, verificationToken=verification_token, uiLanguage=ui_language)


@takes(email=TEXT, locale=TEXT | None)
def request_recovery(email: str, *, locale: Locale | None = None) -> Operation[Never, None]:
    """Have a mail sent with a token for `recover`. The answer does not tell whether there is such an account."""
    return _changing("request_recovery", Repeat.IF_NOT_ACTED, email=email, locale=locale)


@takes(email=TEXT)
def request_deletion(email: str) -> Operation[Never, None]:
    """Have a mail sent with a token for `finish_deletion`."""
    return _changing("request_deletion", Repeat.IF_NOT_ACTED, email=email)


@takes(deletion_token=TEXT)
def finish_deletion(deletion_token: str) -> Operation[Never, None]:
    """Delete the account that the token was mailed to, for ever.

    Args:
        deletion_token: from the mail; 16 characters at least.

    Raises:
        InvalidRequestError: the token is too short.

    Raises (when run):
        AuthenticationError: the token is not known.
        ConflictError: a subscription is still being renewed.
    """
    if len(deletion_token) < _DELETION:
        raise InvalidRequestError(
            f"deletion_token has {_DELETION} characters at least, not {len(deletion_token)}",
            parameter="deletion_token",
        )
    return _changing("finish_deletion", Repeat.NEVER, deletionToken=deletion_token)


# ---- the account


def delete_account() -> Operation[Never, None]:
    """Delete the account and all that it has stored, at once and for ever.

    Raises (when run):
        ConflictError: a subscription is still being renewed.
    """
    return Operation(build(endpoint("delete_account")), NOTHING, Repeat.NEVER)


@takes(settings=TEXT, content_type=TEXT)
def set_client_settings(settings: str, *, content_type: str = "text/plain") -> Operation[Never, None]:
    """Store the website's settings: any text, which `client_settings` gives back.

    The website itself stores a JSON object. Persistent tokens are refused here.

    See:
        docs/protocol/native.md#66-client-settings
        docs/protocol/native.md#21-tokens

    Raises:
        InvalidRequestError: the text holds a lone surrogate.
    """
    try:
        body = settings.encode()
    except UnicodeEncodeError:
        body = None
    if body is None:
        raise InvalidRequestError("the settings hold a lone surrogate, which UTF-8 cannot carry", parameter="settings")
    headers = Headers.of(content_type=content_type)
    return Operation(build(endpoint("put_settings"), Parameters(body=body), headers), NOTHING, Repeat.ALWAYS)


@takes(marketing=FLAG, email=TEXT | None, ui_language=TEXT | None)
def change_mailing_consent(
    marketing: bool, *, email: str | None = None, ui_language: str | None = None
) -> Operation[Never, None]:
    """Say whether mail may be sent that nobody asked for, and where to."""
    return _changing(
        "change_mailing_consent", Repeat.ALWAYS, marketingConsent=marketing, email=email, uiLanguage=ui_language
    )


@takes(jurisdiction=TEXT, analytics=FLAG, marketing=FLAG, personalization=FLAG, essentials=FLAG, global_opt_out=FLAG)
def set_consent(
    jurisdiction: str,
    *,
    analytics: bool = False,
    marketing: bool = False,
    personalization: bool = False,
    essentials: bool = True,
    global_opt_out: bool = True,
) -> Operation[Never, None]:
    """Say what may be recorded of the account's owner, under the law of a place such as ``US``.

    See docs/protocol/native.md#61-request-schemas.
    """
    return _changing(
        "put_consent",
        Repeat.ALWAYS,
        jurisdiction=jurisdiction,
        analyticsConsent=analytics,
        marketingConsent=marketing,
        personalizationConsent=personalization,
        essentialsConsent=essentials,
        globalOptOut=global_opt_out,
    )


# ---- the subscription


@takes(processor=TEXT, subscription_id=TEXT, confirmed_replace=FLAG, confirmed_ignore=FLAG)
def bind_subscription(
    processor: Literal["giftkey", "trial"] | str,
    subscription_id: str,
    *,
    confirmed_replace: bool = False,
    confirmed_ignore: bool = False,
) -> Operation[Never, None]:
    """Give the account a subscription that there is, such as that of a gift key.

    See docs/protocol/native.md#61-request-schemas.

    Args:
        processor: who has it; older documents name payment companies.
        subscription_id: of the subscription: the gift key.
        confirmed_replace: in place of the one that the account has.
        confirmed_ignore: as the website sends it.

    Raises (when run):
        NotFoundError: there is no such subscription.
        ConflictError: the account has one.
    """
    return _changing(
        "bind_subscription",
        Repeat.NEVER,
        paymentProcessor=processor,
        subscriptionId=subscription_id,
        confirmedReplace=confirmed_replace,
        confirmedIgnore=confirmed_ignore,
    )


@takes(plan=TIER)
def change_subscription(plan: Tier | str | int) -> Operation[Never, None]:
    """Go over to another tier: a `Tier`, its name or its number.

    Raises (when run):
        NotFoundError: there is no subscription to change.
        ConflictError: the account is on its way to another plan.
    """
    return _changing("change_subscription", Repeat.NEVER, newSubscriptionPlan=int(plan))
