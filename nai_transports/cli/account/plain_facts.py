"""Facts of an account as a person reads them: with plain names, units, and thousands apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from ..common.output import format_duration, print_facts

__all__ = ["print_account_facts"]


def print_account_facts(facts: Mapping[str, object], as_json: bool) -> None:
    """Print facts of the service's responses, in plain words or as JSON with the service's names."""
    print_facts(facts if as_json else _name_plainly(facts), as_json)


_PLAIN_NAMES: Final = {
    "account_created_at": "account made",
    "perks": "included",
    "email": "e-mail",
    "email_verified": "e-mail verified",
    "email_verification_letter_sent": "e-mail to verify it sent",
    "has_plaintext_email": "e-mail readable for the service",
    "allow_marketing_emails": "advertising by e-mail",
    "trial_activated": "trial begun",
    "trial_actions_left": "texts left of the trial",
    "trial_images_left": "images left of the trial",
    "ban_status": "ban",
    "ban_message": "reason of the ban",
    "next_refill_at": "more of them at",
    "task_priority": "priority of its requests",
    "is_grace_period": "in the days of grace",
    "is_paypal": "paid through PayPal",
    "is_new_customer": "new customer",
    "payment_processor": "payments by",
    "account_type": "account type",
    "usage": "free V5 images",
    "percent": "left",
    "is_negative": "overdrawn",
    "purchased_percent": "purchased",
    "time_until_next_percent": "one more percent in",
    "total": "total",
    "fixed": "of this month",
    "purchased": "purchased",
    "max_priority_actions": "actions of top priority",
    "unlimited_max_priority": "top priority without limit",
    "module_training_steps": "Anlas a month",
    "voice_generation": "speech",
    "image_generation": "images",
    "unlimited_image_generation": "images without limit",
}
"""What a person calls facts of an account, where the service's names are not plain, in the order in which they are shown.

See docs/protocol/native.md#64-subscription and docs/protocol/native.md#62-accountinformation.
"""


def _name_plainly(facts: Mapping[str, Any]) -> dict[str, object]:
    """Return facts as a person reads them: with plain names, units, and thousands apart; those without such a name first."""
    order = {name: number for number, name in enumerate(_PLAIN_NAMES)}
    facts = dict(sorted(facts.items(), key=lambda fact: order.get(fact[0], -1)))
    return {_PLAIN_NAMES.get(name, name): _write_plainly(name, value) for name, value in facts.items()}


def _write_plainly(name: str, value: Any) -> object:
    match value:
        case str() if name == "tier":
            return value.capitalize()
        case "not_banned":
            return None
        case "" if name == "ban_message":
            return None
        case dict():
            return _name_plainly(cast("dict[str, Any]", value))
        case float() | int() if name.endswith("percent") and not name.startswith("time"):
            return f"{value:g} %"
        case float() | int() if name == "time_until_next_percent":
            return format_duration(value) if value else None  # 0 while there is no more to come
        case int() if not isinstance(value, bool) and name != "account_type":
            return f"{value:,}"
        case _:
            return value
