"""Read an account: its information, subscription, priority, settings and gift keys.

All of these operations only read, so they may be repeated.

A field without a default is in every response. The service added and removed the others over the years; they are None
where they are missing.

See:
    docs/protocol/native.md#6-account-endpoints-user
    docs/protocol/native.md#62-accountinformation
    docs/protocol/native.md#63-priority
    docs/protocol/native.md#64-subscription
    docs/protocol/native.md#65-useraccountdata-get-userdata
    docs/protocol/native.md#66-client-settings
    docs/protocol/native.md#68-trial-status-text-host
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Never, TypeAlias, TypeVar

import msgspec

from ..codecs.private_struct import PrivateStruct
from ..exchange.endpoints import EndpointParameters, build, endpoint
from ..exchange.operation import Operation
from ..exchange.readers import JsonBodyReader, TextReader
from ..exchange.responses import JsonReader, Response
from ..exchange.retry import Repeat
from ..http import Headers
from ..tier import Tier

__all__ = [
    "AccountInformation",
    "ImageAllowance",
    "Perks",
    "Priority",
    "Subscription",
    "TrainingSteps",
    "TrialStatus",
    "UserData",
    "get_client_settings",
    "get_gift_keys",
    "get_information",
    "get_osano_external_id",
    "get_priority",
    "get_subscription",
    "get_trial_status",
    "get_user_data",
]

_Number: TypeAlias = int | float


# ---- responses


class AccountInformation(Response, frozen=True, kw_only=True):
    """The account's own state. Times are UNIX seconds.

    See docs/protocol/native.md#62-accountinformation.
    """

    private: ClassVar[frozenset[str]] = frozenset(("plaintext_email",))

    email_verified: bool
    email_verification_letter_sent: bool
    trial_activated: bool
    trial_actions_left: int
    account_created_at: float
    "Seconds since 1970."
    trial_images_left: int | None = None
    has_plaintext_email: bool | None = None
    plaintext_email: str | None = None
    allow_marketing_emails: bool | None = None
    ban_status: str | None = None
    ban_message: str | None = None
    login_method: str | None = None
    needs_address_change: bool | None = None


class Priority(Response, frozen=True, kw_only=True):
    """The account's place in the queue for generations. It has no effect any more.

    See docs/protocol/native.md#63-priority.
    """

    max_priority_actions: int
    next_refill_at: float
    "Seconds since 1970."
    task_priority: int


class Perks(Response, frozen=True, kw_only=True):
    """The benefits of the subscription's tier.

    See docs/protocol/native.md#64-subscription.
    """

    max_priority_actions: int
    start_priority: int
    context_tokens: int
    unlimited_max_priority: bool
    module_training_steps: int
    "Anlas per month."
    voice_generation: bool | None = None
    image_generation: bool | None = None
    unlimited_image_generation: bool | None = None
    unlimited_image_generation_limits: tuple[Mapping[str, Any], ...] | None = None


class TrainingSteps(Response, frozen=True, kw_only=True):
    """The balance of Anlas, which the service counts under their older name.

    See docs/protocol/native.md#64-subscription.
    """

    fixed_training_steps_left: int
    "Anlas left of the subscription's monthly grant."
    purchased_training_steps: int
    "Purchased Anlas, which do not expire."


class ImageAllowance(Response, frozen=True, kw_only=True):
    """The rest of the allowance of images.

    See docs/protocol/native.md#64-subscription.
    """

    percent: _Number | None = None
    purchased_percent: _Number | None = None
    is_negative: bool | None = None
    time_until_next_percent: float | None = None
    "Seconds."


class Subscription(Response, frozen=True, kw_only=True):
    """The account's subscription and its Anlas.

    See docs/protocol/native.md#64-subscription.
    """

    private: ClassVar[frozenset[str]] = frozenset(("payment_processor_data",))

    tier: Tier
    active: bool
    expires_at: float
    "Seconds since 1970."
    perks: Perks
    training_steps_left: TrainingSteps
    account_type: int | None = None
    is_grace_period: bool | None = None
    is_paypal: bool | None = None
    is_new_customer: bool | None = None
    payment_processor: str | int | None = None
    payment_processor_data: Mapping[str, Any] | None = None
    "None for persistent tokens: the service withholds it."
    usage: ImageAllowance | None = None

    @property
    def anlas(self) -> int:
        """Return the balance in Anlas: the subscription's and the purchased ones."""
        steps = self.training_steps_left
        return steps.fixed_training_steps_left + steps.purchased_training_steps


class UserData(Response, frozen=True, kw_only=True):
    """Information, subscription, priority, keystore and settings in one response.

    See docs/protocol/native.md#65-useraccountdata-get-userdata.
    """

    private: ClassVar[frozenset[str]] = frozenset(("keystore", "settings"))

    priority: Priority
    subscription: Subscription
    information: AccountInformation
    keystore: Mapping[str, Any] = msgspec.field(default_factory=dict[str, Any])
    "The sealed keystore, for `nai_proto.codecs.keystore.open_keystore`."
    settings: str | None = None

    @property
    def is_keystore_withheld(self) -> bool:
        """Return whether the service withheld the keystore, as it does from persistent tokens. It may also be empty.

        See docs/protocol/native.md#21-tokens.
        """
        return "keystore" not in self.keystore


class TrialStatus(Response, frozen=True, kw_only=True, rename=None):
    """The rest of the free trial, with the field names that were captured in 2025.

    See docs/protocol/native.md#68-trial-status-text-host.
    """

    trial_activated: bool | None = None
    used_text_actions: int | None = None
    remaining_text_actions: int | None = None
    used_image_actions: int | None = None
    remaining_image_actions: int | None = None
    eligible_for_text_gens: bool | None = None
    eligible_for_image_gens: bool | None = None


# ---- operations

_R = TypeVar("_R", bound=Response)

_ACCEPT: Final = Headers.of(accept="application/json")


def _read_operation(name: str, type: type[_R]) -> Operation[Never, _R]:  # noqa: A002
    request = build(endpoint(name), EndpointParameters(), _ACCEPT)
    return Operation(request, (("application/json", JsonReader(type)),), Repeat.ALWAYS)


_INFORMATION: Final = _read_operation("information", AccountInformation)
_SUBSCRIPTION: Final = _read_operation("subscription", Subscription)
_PRIORITY: Final = _read_operation("priority", Priority)
_USER_DATA: Final = _read_operation("user_data", UserData)
_TRIAL_STATUS: Final = _read_operation("trial_status", TrialStatus)


def get_information() -> Operation[Never, AccountInformation]:
    """Read when the account was created, whether its e-mail is verified, and what is left of the trial.

    See docs/protocol/native.md#62-accountinformation.
    """
    return _INFORMATION


def get_subscription() -> Operation[Never, Subscription]:
    """Read the tier, its perks, and the balance of Anlas.

    See docs/protocol/native.md#64-subscription.
    """
    return _SUBSCRIPTION


def get_priority() -> Operation[Never, Priority]:
    """Read the account's place in the queue for generations.

    See docs/protocol/native.md#63-priority.
    """
    return _PRIORITY


def get_user_data() -> Operation[Never, UserData]:
    """Read information, subscription, priority, keystore and client settings in one response.

    The service withholds keystore and settings from persistent tokens.

    See docs/protocol/native.md#65-useraccountdata-get-userdata.
    """
    return _USER_DATA


def get_trial_status() -> Operation[Never, TrialStatus]:
    """Read what is left of the free trial, from the text host.

    See docs/protocol/native.md#68-trial-status-text-host.
    """
    return _TRIAL_STATUS


class _GiftKeys(PrivateStruct, frozen=True):
    giftKeys: tuple[dict[str, Any], ...]  # noqa: N815


class _OsanoId(PrivateStruct, frozen=True):
    externalOsanoId: str  # noqa: N815


def _get_gift_keys(response: _GiftKeys) -> tuple[Mapping[str, Any], ...]:
    return response.giftKeys


def _get_osano_id(response: _OsanoId) -> str:
    return response.externalOsanoId


_GIFT_KEYS: Final = (("application/json", JsonBodyReader(_GiftKeys, _get_gift_keys)),)
_OSANO: Final = (("application/json", JsonBodyReader(_OsanoId, _get_osano_id)),)
_SETTINGS: Final = (("text/plain", TextReader()), ("application/json", TextReader()))


def get_client_settings() -> Operation[Never, str]:
    """Read the website's settings as they were stored, in whatever form; ``""`` if there are none.

    The service refuses persistent tokens here.

    See:
        docs/protocol/native.md#66-client-settings
        docs/protocol/native.md#21-tokens
    """
    return Operation(build(endpoint("get_settings"), EndpointParameters(), _ACCEPT), _SETTINGS, Repeat.ALWAYS)


def get_gift_keys() -> Operation[Never, tuple[Mapping[str, Any], ...]]:
    """Read the gift keys that the account has bought. The service refuses persistent tokens here.

    See:
        docs/protocol/native.md#6-account-endpoints-user
        docs/protocol/native.md#21-tokens
    """
    return Operation(build(endpoint("gift_keys"), EndpointParameters(), _ACCEPT), _GIFT_KEYS, Repeat.ALWAYS)


def get_osano_external_id() -> Operation[Never, str]:
    """Read the account's id in Osano, the website's consent manager.

    See docs/protocol/native.md#6-account-endpoints-user.
    """
    return Operation(build(endpoint("osano_external_id"), EndpointParameters(), _ACCEPT), _OSANO, Repeat.ALWAYS)
