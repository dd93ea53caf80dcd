"""Change an account: its settings, consents, e-mail verification and subscription; delete it.

The responses have no content. How often a request may be repeated after a lost response:

============================  ===================================================================================
always                        requests that set a value: `set_client_settings`, `set_consent`,
(`Repeat.ALWAYS`)             `change_mailing_consent`, `link_usage`
only if the service has       requests that use up a token or send an e-mail: the service would refuse the second
not acted on it               request because of the first, or send a second e-mail. `resend_verification`,
(`Repeat.IF_NOT_ACTED`)       `verify_email`, `request_recovery`, `request_deletion`
never (`Repeat.NEVER`)        requests that cost money or cannot be undone: `delete_account`, `finish_deletion`,
                              `bind_subscription`, `change_subscription`
============================  ===================================================================================

See docs/protocol/native.md#6-account-endpoints-user.
"""

from __future__ import annotations

from typing import Final, Literal, Never

from ..arguments import FLAG, TEXT, TIER, takes
from ..codecs.json import encode_json
from ..errors import InvalidRequestError
from ..exchange.endpoints import EndpointParameters, build, endpoint
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
    "link_usage",
    "request_deletion",
    "request_recovery",
    "resend_verification",
    "set_client_settings",
    "set_consent",
    "verify_email",
]

Locale = Literal["en", "jp"]

_JSON_BODY: Final = Headers.of(content_type="application/json")
# Characters of tokens (docs/protocol/native.md#61-request-schemas).
_VERIFICATION_TOKEN: Final = 64
_MIN_DELETION_TOKEN: Final = 16


def _write_operation(name: str, repeat: Repeat, **fields: object) -> Operation[Never, None]:
    body = encode_json({key: value for key, value in fields.items() if value is not None})
    return Operation(build(endpoint(name), EndpointParameters(body=body), _JSON_BODY), NOTHING, repeat)


# ---- with a token that is sent by e-mail


@takes(email=TEXT)
def resend_verification(email: str) -> Operation[Never, None]:
    """Request another e-mail with a token for `verify_email`.

    Args:
        email: of the account.
    """
    return _write_operation("resend_verification", Repeat.IF_NOT_ACTED, email=email)


@takes(verification_token=TEXT, ui_language=TEXT | None)
def verify_email(verification_token: str, *, ui_language: str | None = None) -> Operation[Never, None]:
    """Verify the account's e-mail.

    Args:
        verification_token: from the e-mail; 64 characters.
        ui_language: language of the website.

    Raises:
        InvalidRequestError: the token has another length.

    Raises (when run):
        AuthenticationError: the service does not know the token.
    """
    if len(verification_token) != _VERIFICATION_TOKEN:
        raise InvalidRequestError(
            f"verification_token has {_VERIFICATION_TOKEN} characters, not {len(verification_token)}",
            parameter="verification_token",
        )
    return _write_operation(
        "verify_email", Repeat.IF_NOT_ACTED, verificationToken=verification_token, uiLanguage=ui_language
    )


@takes(email=TEXT, locale=TEXT | None)
def request_recovery(email: str, *, locale: Locale | None = None) -> Operation[Never, None]:
    """Request an e-mail with a token for `recover`. The response does not show whether the account exists.

    Args:
        email: of the account.
        locale: language of the e-mail.
    """
    return _write_operation("request_recovery", Repeat.IF_NOT_ACTED, email=email, locale=locale)


@takes(email=TEXT)
def request_deletion(email: str) -> Operation[Never, None]:
    """Request an e-mail with a token for `finish_deletion`.

    Args:
        email: of the account.
    """
    return _write_operation("request_deletion", Repeat.IF_NOT_ACTED, email=email)


@takes(deletion_token=TEXT)
def finish_deletion(deletion_token: str) -> Operation[Never, None]:
    """Delete the account that the token was sent to. This cannot be undone.

    Args:
        deletion_token: from the e-mail; at least 16 characters.

    Raises:
        InvalidRequestError: the token is too short.

    Raises (when run):
        AuthenticationError: the service does not know the token.
        ConflictError: the account has a subscription that still renews itself.
    """
    if len(deletion_token) < _MIN_DELETION_TOKEN:
        raise InvalidRequestError(
            f"deletion_token has at least {_MIN_DELETION_TOKEN} characters, not {len(deletion_token)}",
            parameter="deletion_token",
        )
    return _write_operation("finish_deletion", Repeat.NEVER, deletionToken=deletion_token)


# ---- the account


def delete_account() -> Operation[Never, None]:
    """Delete the account and everything that it stores, at once. This cannot be undone.

    Raises (when run):
        ConflictError: the account has a subscription that still renews itself.
    """
    return Operation(build(endpoint("delete_account")), NOTHING, Repeat.NEVER)


@takes(settings=TEXT, content_type=TEXT)
def set_client_settings(settings: str, *, content_type: str = "text/plain") -> Operation[Never, None]:
    """Store the website's settings, which `get_client_settings` returns. The service refuses persistent tokens here.

    See:
        docs/protocol/native.md#66-client-settings
        docs/protocol/native.md#21-tokens

    Args:
        settings: any text; the website stores JSON.
        content_type: media type of the request's body.

    Raises:
        InvalidRequestError: the text holds a lone surrogate.
    """
    try:
        body = settings.encode()
    except UnicodeEncodeError:
        body = None
    if body is None:
        raise InvalidRequestError("the settings hold a lone surrogate, which UTF-8 cannot encode", parameter="settings")
    headers = Headers.of(content_type=content_type)
    return Operation(build(endpoint("put_settings"), EndpointParameters(body=body), headers), NOTHING, Repeat.ALWAYS)


@takes(marketing=FLAG, email=TEXT | None, ui_language=TEXT | None)
def change_mailing_consent(
    marketing: bool, *, email: str | None = None, ui_language: str | None = None
) -> Operation[Never, None]:
    """Allow or forbid advertising e-mails.

    Args:
        marketing: whether they are allowed.
        email: address that they are sent to.
        ui_language: language of the website.
    """
    return _write_operation(
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
    """Set what the service may record about the account's owner.

    See docs/protocol/native.md#61-request-schemas.

    Args:
        jurisdiction: whose privacy law applies, such as ``US``.
        analytics: allow usage statistics.
        marketing: allow advertising.
        personalization: allow personalization.
        essentials: allow what the service needs to work.
        global_opt_out: opt out of everything that is optional.
    """
    return _write_operation(
        "put_consent",
        Repeat.ALWAYS,
        jurisdiction=jurisdiction,
        analyticsConsent=analytics,
        marketingConsent=marketing,
        personalizationConsent=personalization,
        essentialsConsent=essentials,
        globalOptOut=global_opt_out,
    )


@takes(anonymous_user_id=TEXT)
def link_usage(anonymous_user_id: str) -> Operation[Never, None]:
    """Count what an anonymous visitor has used as the account's usage (``POST /usage/link``).

    Args:
        anonymous_user_id: the id that the website drew for the visitor: ``anon-…``.
    """
    return _write_operation("link_usage", Repeat.ALWAYS, anonymous_user_id=anonymous_user_id)


# ---- the subscription


@takes(processor=TEXT, subscription_id=TEXT, confirmed_replace=FLAG, confirmed_ignore=FLAG)
def bind_subscription(
    processor: Literal["giftkey", "trial"] | str,
    subscription_id: str,
    *,
    confirmed_replace: bool = False,
    confirmed_ignore: bool = False,
) -> Operation[Never, None]:
    """Bind an existing subscription to the account, such as that of a gift key.

    See docs/protocol/native.md#61-request-schemas.

    Args:
        processor: who sold it; older documents name payment companies too.
        subscription_id: id of the subscription, or the gift key.
        confirmed_replace: replace the account's present subscription.
        confirmed_ignore: as the website sends it.

    Raises (when run):
        NotFoundError: there is no such subscription.
        ConflictError: the account has a subscription.
    """
    return _write_operation(
        "bind_subscription",
        Repeat.NEVER,
        paymentProcessor=processor,
        subscriptionId=subscription_id,
        confirmedReplace=confirmed_replace,
        confirmedIgnore=confirmed_ignore,
    )


@takes(plan=TIER)
def change_subscription(plan: Tier | str | int) -> Operation[Never, None]:
    """Change the tier of the account's subscription.

    Args:
        plan: a `Tier`, its name or its number.

    Raises (when run):
        NotFoundError: the account has no subscription.
        ConflictError: the tier is already being changed.
    """
    return _write_operation("change_subscription", Repeat.NEVER, newSubscriptionPlan=int(plan))
