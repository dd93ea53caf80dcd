"""What can be asked of an account; asking twice does no harm.

See docs/protocol/native.md#6-account-endpoints-user.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Never, TypeVar

import msgspec

from ..exchange.endpoints import Parameters, build, endpoint
from ..exchange.operation import Operation
from ..exchange.readers import Json, Text
from ..exchange.responses import JsonReader, Response
from ..exchange.retry import Repeat
from ..http import Headers
from .answers import Information, Priority, Subscription, TrialStatus, UserData

__all__ = [
    "client_settings",
    "gift_keys",
    "information",
    "osano_external_id",
    "priority",
    "subscription",
    "trial_status",
    "user_data",
]

A = TypeVar("A", bound=Response)

_ACCEPT: Final = Headers.of(accept="application/json")


class _GiftKeys(msgspec.Struct):
    giftKeys: tuple[dict[str, Any], ...]  # noqa: N815


class _OsanoId(msgspec.Struct):
    externalOsanoId: str  # noqa: N815


def _gift_keys(answer: _GiftKeys) -> tuple[Mapping[str, Any], ...]:
    return answer.giftKeys


def _osano_id(answer: _OsanoId) -> str:
    return answer.externalOsanoId


_GIFT_KEYS: Final = (("application/json", Json(_GiftKeys, _gift_keys)),)
_OSANO: Final = (("application/json", Json(_OsanoId, _osano_id)),)
_SETTINGS: Final = (("text/plain", Text()), ("application/json", Text()))


def _asking(name: str, type: type[A]) -> Operation[Never, A]:  # noqa: A002
    request = build(endpoint(name), Parameters(), _ACCEPT)
    return Operation(request, (("application/json", JsonReader(type)),), Repeat.ALWAYS)


_INFORMATION: Final = _asking("information", Information)
_SUBSCRIPTION: Final = _asking("subscription", Subscription)
_PRIORITY: Final = _asking("priority", Priority)
_USER_DATA: Final = _asking("user_data", UserData)
_TRIAL_STATUS: Final = _asking("trial_status", TrialStatus)


def information() -> Operation[Never, Information]:
    """When the account was opened, whether its e-mail is verified, what is left of the trial.

    See docs/protocol/native.md#62-accountinformation.
    """
    return _INFORMATION


def subscription() -> Operation[Never, Subscription]:
    """Tier, perks, and the balance of Anlas.

    See docs/protocol/native.md#64-subscription.
    """
    return _SUBSCRIPTION


def priority() -> Operation[Never, Priority]:
    """How soon generations are served.

    See docs/protocol/native.md#63-priority.
    """
    return _PRIORITY


def user_data() -> Operation[Never, UserData]:
    """Information, subscription, priority, keystore and client settings in one answer.

    From persistent tokens keystore and settings are withheld.

    See docs/protocol/native.md#65-useraccountdata-get-userdata.
    """
    return _USER_DATA


def trial_status() -> Operation[Never, TrialStatus]:
    """What is left of the trial; the text host says it.

    See docs/protocol/native.md#68-trial-status-text-host.
    """
    return _TRIAL_STATUS


def client_settings() -> Operation[Never, str]:
    """The website's settings as they were stored, whatever their form; ``""`` when there are none.

    Persistent tokens are refused here.

    See:
        docs/protocol/native.md#66-client-settings
        docs/protocol/native.md#21-tokens
    """
    return Operation(build(endpoint("get_settings"), Parameters(), _ACCEPT), _SETTINGS, Repeat.ALWAYS)


def gift_keys() -> Operation[Never, tuple[Mapping[str, Any], ...]]:
    """The gift keys that the account has bought. Persistent tokens are refused here.

    See:
        docs/protocol/native.md#6-account-endpoints-user
        docs/protocol/native.md#21-tokens
    """
    return Operation(build(endpoint("gift_keys"), Parameters(), _ACCEPT), _GIFT_KEYS, Repeat.ALWAYS)


def osano_external_id() -> Operation[Never, str]:
    """The name under which the website's consent manager knows the account.

    See docs/protocol/native.md#6-account-endpoints-user.
    """
    return Operation(build(endpoint("osano_external_id"), Parameters(), _ACCEPT), _OSANO, Repeat.ALWAYS)
