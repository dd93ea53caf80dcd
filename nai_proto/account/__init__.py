"""Account operations: register, log in, read and change an account, delete it.

An access key is derived from e-mail and password, and logs in. A login returns an `AccessToken`, which allows everything
for 30 days. With it a `PersistentToken` can be created, which does not expire but is refused by some endpoints; a session
raises an error before it sends such a request. Responses are typed and validated (`nai_proto.exchange.responses`);
`raw_json` returns the plain document instead.

Only the login functions are imported at once, since most programs need no others. The rest is imported on first use.

See:
    docs/protocol/native.md#21-tokens
    docs/protocol/native.md#3-key-derivation
    docs/protocol/native.md#6-account-endpoints-user
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..codecs.key_derivation import access_key, email_hash, encryption_key
from ..exchange.responses import raw_json
from ..tier import Tier
from .login import (
    change_access_key,
    create_persistent_token,
    login,
    login_with_google,
    login_with_key,
    login_with_spelling,
    recover,
    register,
    register_with_key,
)

if TYPE_CHECKING:
    from .contests import get_submission, get_vote, submit, vote, withdraw_vote
    from .info import (
        AccountInformation,
        ImageAllowance,
        Perks,
        Priority,
        Subscription,
        TrainingSteps,
        TrialStatus,
        UserData,
        get_client_settings,
        get_gift_keys,
        get_information,
        get_osano_external_id,
        get_priority,
        get_subscription,
        get_trial_status,
        get_user_data,
    )
    from .password import change_password
    from .settings import (
        bind_subscription,
        change_mailing_consent,
        change_subscription,
        delete_account,
        finish_deletion,
        link_usage,
        request_deletion,
        request_recovery,
        resend_verification,
        set_client_settings,
        set_consent,
        verify_email,
    )
else:
    from ..lazy import finder

    _HOMES = {
        "contests": "get_submission get_vote submit vote withdraw_vote",
        "info": (
            "AccountInformation ImageAllowance Perks Priority Subscription TrainingSteps TrialStatus UserData "
            "get_client_settings get_gift_keys get_information get_osano_external_id get_priority get_subscription "
            "get_trial_status get_user_data"
        ),
        "password": "change_password",
        "settings": (
            "bind_subscription change_mailing_consent change_subscription delete_account finish_deletion link_usage "
            "request_deletion request_recovery resend_verification set_client_settings set_consent verify_email"
        ),
    }

    __getattr__ = finder(__name__, _HOMES)

    def __dir__():
        return __all__


__all__ = [
    "AccountInformation",
    "ImageAllowance",
    "Perks",
    "Priority",
    "Subscription",
    "Tier",
    "TrainingSteps",
    "TrialStatus",
    "UserData",
    "access_key",
    "bind_subscription",
    "change_access_key",
    "change_mailing_consent",
    "change_password",
    "change_subscription",
    "create_persistent_token",
    "delete_account",
    "email_hash",
    "encryption_key",
    "finish_deletion",
    "get_client_settings",
    "get_gift_keys",
    "get_information",
    "get_osano_external_id",
    "get_priority",
    "get_submission",
    "get_subscription",
    "get_trial_status",
    "get_user_data",
    "get_vote",
    "link_usage",
    "login",
    "login_with_google",
    "login_with_key",
    "login_with_spelling",
    "raw_json",
    "recover",
    "register",
    "register_with_key",
    "request_deletion",
    "request_recovery",
    "resend_verification",
    "set_client_settings",
    "set_consent",
    "submit",
    "verify_email",
    "vote",
    "withdraw_vote",
]
