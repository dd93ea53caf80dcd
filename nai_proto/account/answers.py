"""What the service says of an account.

A field without a default is one that every answer has; the others came and went with the years, and are None where they
are missing.

See:
    docs/protocol/native.md#62-accountinformation
    docs/protocol/native.md#63-priority
    docs/protocol/native.md#64-subscription
    docs/protocol/native.md#65-useraccountdata-get-userdata
    docs/protocol/native.md#66-client-settings
    docs/protocol/native.md#68-trial-status-text-host
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

import msgspec

from ..exchange.responses import Response
from ..tier import Tier

__all__ = ["Information", "Perks", "Priority", "Subscription", "TrainingSteps", "TrialStatus", "Usage", "UserData"]

Number: TypeAlias = int | float


class Information(Response, frozen=True, kw_only=True):
    """Of the account itself. Times are UNIX seconds.

    See docs/protocol/native.md#62-accountinformation.
    """

    private: ClassVar[frozenset[str]] = frozenset(("plaintext_email",))

    email_verified: bool
    email_verification_letter_sent: bool
    trial_activated: bool
    trial_actions_left: int
    account_created_at: Number
    trial_images_left: int | None = None
    has_plaintext_email: bool | None = None
    plaintext_email: str | None = None
    allow_marketing_emails: bool | None = None
    ban_status: str | None = None
    ban_message: str | None = None
    login_method: str | None = None
    needs_address_change: bool | None = None


class Priority(Response, frozen=True, kw_only=True):
    """How soon the account's generations are served: of old, and without effect today.

    See docs/protocol/native.md#63-priority.
    """

    max_priority_actions: int
    next_refill_at: Number
    "UNIX seconds."
    task_priority: int


class Perks(Response, frozen=True, kw_only=True):
    """What the tier gives.

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
    """Anlas, by the older name under which the service counts them.

    See docs/protocol/native.md#64-subscription.
    """

    fixed_training_steps_left: int
    "What is left of the subscription's."
    purchased_training_steps: int
    "What was bought, and does not expire."


class Usage(Response, frozen=True, kw_only=True):
    """How much of the allowance of images is left.

    See docs/protocol/native.md#64-subscription.
    """

    percent: Number | None = None
    purchased_percent: Number | None = None
    is_negative: bool | None = None
    time_until_next_percent: Number | None = None
    "Seconds."


class Subscription(Response, frozen=True, kw_only=True):
    """What the account pays for, and its Anlas.

    See docs/protocol/native.md#64-subscription.
    """

    private: ClassVar[frozenset[str]] = frozenset(("payment_processor_data",))

    tier: Tier
    active: bool
    expires_at: Number
    "UNIX seconds."
    perks: Perks
    training_steps_left: TrainingSteps
    account_type: int | None = None
    is_grace_period: bool | None = None
    is_paypal: bool | None = None
    is_new_customer: bool | None = None
    payment_processor: str | int | None = None
    payment_processor_data: Mapping[str, Any] | None = None
    "None for persistent tokens, from which it is withheld."
    usage: Usage | None = None

    @property
    def anlas(self) -> int:
        """The balance: what is left of the subscription's, and what was bought."""
        steps = self.training_steps_left
        return steps.fixed_training_steps_left + steps.purchased_training_steps


class UserData(Response, frozen=True, kw_only=True):
    """All at once.

    See docs/protocol/native.md#65-useraccountdata-get-userdata.
    """

    private: ClassVar[frozenset[str]] = frozenset(("keystore", "settings"))

    priority: Priority
    subscription: Subscription
    information: Information
    keystore: Mapping[str, Any] = msgspec.field(default_factory=dict[str, Any])
    "As `nai_proto.codecs.keystore.open_keystore` takes it, sealed."
    settings: str | None = None

    @property
    def keystore_withheld(self) -> bool:
        """Was the keystore left out, as from persistent tokens? An empty one is another thing.

        See docs/protocol/native.md#21-tokens.
        """
        return "keystore" not in self.keystore


class TrialStatus(Response, frozen=True, kw_only=True, rename=None):
    """What is left of the trial, under the names that were seen in 2025.

    See docs/protocol/native.md#68-trial-status-text-host.
    """

    trial_activated: bool | None = None
    used_text_actions: int | None = None
    remaining_text_actions: int | None = None
    used_image_actions: int | None = None
    remaining_image_actions: int | None = None
    eligible_for_text_gens: bool | None = None
    eligible_for_image_gens: bool | None = None
