"""Accounts: opening them, logging in, what they are and have, changing and closing them.

An access key is made of e-mail and password and logs in; a login gives an `AccessToken`, which is good for everything for
30 days; with it a `PersistentToken` can be drawn, which lives on but is refused in places: a session says so before
anything is sent. Answers are typed and checked (`nai_proto.exchange.responses`); `raw_json` gives the plain document.

All but logging in is found when it is first used, since most programs only log in.

See:
    docs/protocol/native.md#21-tokens
    docs/protocol/native.md#3-key-derivation
    docs/protocol/native.md#6-account-endpoints-user
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..codecs.keys import access_key, email_hash, encryption_key
from ..exchange.responses import raw_json
from ..tier import Tier
from .granting import (
    change_access_key,
    create_persistent_token,
    login,
    login_spelled,
    login_with_google,
    login_with_key,
    recover,
    register,
    register_with_key,
)

if TYPE_CHECKING:
    from .answers import Information, Perks, Priority, Subscription, TrainingSteps, TrialStatus, Usage, UserData
    from .changing import (
        bind_subscription,
        change_mailing_consent,
        change_subscription,
        delete_account,
        finish_deletion,
        request_deletion,
        request_recovery,
        resend_verification,
        set_client_settings,
        set_consent,
        verify_email,
    )
    from .contests import link_usage, submission, submit, vote, voted, withdraw_vote
    from .password import change_password
    from .reading import (
        client_settings,
        gift_keys,
        information,
        osano_external_id,
        priority,
        subscription,
        trial_status,
        user_data,
    )
else:
    from ..lazy import finder

    _HOMES = {
        "answers": "Information Perks Priority Subscription TrainingSteps TrialStatus Usage UserData",
        "changing": (
            "bind_subscription change_mailing_consent change_subscription delete_account finish_deletion "
            "request_deletion request_recovery resend_verification set_client_settings set_consent verify_email"
        ),
        "contests": "link_usage submission submit vote voted withdraw_vote",
        "password": "change_password",
        "reading": (
            "client_settings gift_keys information osano_external_id priority subscription trial_status user_data"
        ),
    }

    __getattr__ = finder(__name__, _HOMES)

    def __dir__():
        return sorted({*globals(), *__all__})


__all__ = [
    "Information",
    "Perks",
    "Priority",
    "Subscription",
    "Tier",
    "TrainingSteps",
    "TrialStatus",
    "Usage",
    "UserData",
    "access_key",
    "bind_subscription",
    "change_access_key",
    "change_mailing_consent",
    "change_password",
    "change_subscription",
    "client_settings",
    "create_persistent_token",
    "delete_account",
    "email_hash",
    "encryption_key",
    "finish_deletion",
    "gift_keys",
    "information",
    "link_usage",
    "login",
    "login_spelled",
    "login_with_google",
    "login_with_key",
    "osano_external_id",
    "priority",
    "raw_json",
    "recover",
    "register",
    "register_with_key",
    "request_deletion",
    "request_recovery",
    "resend_verification",
    "set_client_settings",
    "set_consent",
    "submission",
    "submit",
    "subscription",
    "trial_status",
    "user_data",
    "verify_email",
    "vote",
    "voted",
    "withdraw_vote",
]
