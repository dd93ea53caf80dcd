"""What an account of the emulator is, beside its keys and its stories; and what is said of it.

Where no source states a number of a tier, it is a choice of ours.

See:
    docs/protocol/native.md#62-accountinformation
    docs/protocol/native.md#63-priority
    docs/protocol/native.md#64-subscription
    docs/protocol/native.md#65-useraccountdata-get-userdata
    docs/protocol/native.md#66-client-settings
    docs/protocol/native.md#67-create-persistent-token
    docs/protocol/native.md#68-trial-status-text-host
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Final

from ...tier import Tier

__all__ = ["MONTH", "Profile"]

Document = Mapping[str, object]

MONTH: Final = 2_592_000
"""Seconds that a month of a subscription has: 30 days."""
_MONTHLY: Final = {Tier.PAPER: 0, Tier.TABLET: 1000, Tier.SCROLL: 1000, Tier.OPUS: 10_000}
_CONTEXT: Final = {Tier.PAPER: 8192, Tier.TABLET: 4096, Tier.SCROLL: 8192, Tier.OPUS: 8192}
_PRIORITY: Final = {Tier.PAPER: 0, Tier.TABLET: 10, Tier.SCROLL: 10, Tier.OPUS: 10}
_MAX_PRIORITY: Final = {Tier.PAPER: 0, Tier.TABLET: 1000, Tier.SCROLL: 1000, Tier.OPUS: 1000}


@dataclass(eq=False)
class Profile:
    """One account's standing; whoever holds it may change it, and a field that is set is noted. Times are UNIX seconds."""

    created_at: int = 0
    email_hash: str = ""
    plaintext_email: str | None = field(default=None, repr=False)
    email_verified: bool = False
    letter_sent: bool = False
    marketing: bool = False
    "May mail be sent that nobody asked for?"
    tier: Tier = Tier.PAPER
    active: bool = False
    expires_at: int = 0
    recurring: bool = False
    "Is the subscription renewed by itself? Then the account cannot be deleted."
    anlas: int = 0
    "What is left of the subscription's."
    bought_anlas: int = 0
    v5_percent: float = 100.0
    """What is left of Opus' free pictures of V5; below 0 when it is used up.

    See docs/protocol/image.md#210-account-data-that-image-clients-need.
    """
    trial: bool = False
    "Has the trial been activated?"
    trial_actions: int = 50
    trial_images: int = 30
    settings: bytes | None = field(default=None, repr=False)
    "The website's, as they were sent."
    gift_keys: list[Document] = field(default_factory=list[Document], repr=False)
    submissions: dict[str, object] = field(default_factory=dict[str, object], repr=False)
    "By event."
    votes: dict[str, object] = field(default_factory=dict[str, object], repr=False)
    "By event."

    def __setattr__(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)
        self._noted()

    def watch(self, noted: Callable[[], None]) -> None:
        """From now on a change is told."""
        object.__setattr__(self, "_noted", noted)

    def _noted(self) -> None:
        """Nobody wants to know."""

    def subscribe(self, tier: Tier, now: float) -> None:
        """A month of a tier begins."""
        self.tier, self.active = tier, tier is not Tier.PAPER
        self.expires_at = int(now) + MONTH
        self.anlas, self.v5_percent = _MONTHLY[tier], 100.0

    @property
    def plan(self) -> Tier:
        """What is paid for now: a subscription that is not active pays for nothing."""
        return self.tier if self.active else Tier.PAPER

    # ---- what is said

    def information(self) -> Document:
        """See docs/protocol/native.md#62-accountinformation."""
        return {
            "emailVerified": self.email_verified,
            "emailVerificationLetterSent": self.letter_sent,
            "hasPlaintextEmail": self.plaintext_email is not None,
            "plaintextEmail": self.plaintext_email,
            "allowMarketingEmails": self.marketing,
            "trialActivated": self.trial,
            "trialActionsLeft": self.trial_actions,
            "trialImagesLeft": self.trial_images,
            "accountCreatedAt": self.created_at,
            "banStatus": "not_banned",
            "banMessage": "",
        }

    def priority(self) -> Document:
        """See docs/protocol/native.md#63-priority."""
        return {
            "maxPriorityActions": _MAX_PRIORITY[self.tier],
            "nextRefillAt": self.expires_at,
            "taskPriority": _PRIORITY[self.tier],
        }

    def subscription(self, *, persistent: bool) -> Document:
        """From a persistent token a part is withheld.

        See:
            docs/protocol/native.md#64-subscription
            docs/protocol/image.md#210-account-data-that-image-clients-need
        """
        said: dict[str, object] = {
            "tier": int(self.tier),
            "active": self.active,
            "expiresAt": self.expires_at,
            "accountType": 0,
            "isGracePeriod": False,
            "perks": {
                "maxPriorityActions": _MAX_PRIORITY[self.tier],
                "startPriority": _PRIORITY[self.tier],
                "moduleTrainingSteps": _MONTHLY[self.tier],
                "unlimitedMaxPriority": self.tier is Tier.OPUS,
                "contextTokens": _CONTEXT[self.tier],
            },
            "trainingStepsLeft": {
                "fixedTrainingStepsLeft": self.anlas,
                "purchasedTrainingSteps": self.bought_anlas,
            },
        }
        if self.active:
            said.update(isPaypal=False, paymentProcessor="chargebee")
        if self.plan is Tier.OPUS:
            said["usage"] = self.usage()
        return said if persistent else {**said, "paymentProcessorData": None}

    def usage(self) -> Document:
        """It is not refilled before the next month: no source tells how that goes.

        See docs/protocol/image.md#210-account-data-that-image-clients-need.
        """
        return {
            "percent": max(0, ceil(self.v5_percent)),
            "isNegative": self.v5_percent <= 0,
            "timeUntilNextPercent": 0,
        }

    def data(self, keystore: Document, *, persistent: bool) -> Document:
        """From a persistent token a part is withheld.

        See:
            docs/protocol/native.md#65-useraccountdata-get-userdata
            docs/protocol/native.md#172-account
        """
        settings = None if self.settings is None else self.settings.decode("utf-8", "replace")
        return {
            "priority": self.priority(),
            "subscription": self.subscription(persistent=persistent),
            "keystore": {} if persistent else keystore,
            "settings": None if persistent else settings,
            "information": self.information(),
        }

    def trial_status(self) -> Document:
        """See docs/protocol/native.md#68-trial-status-text-host."""
        return {
            "used_text_actions": max(0, 50 - self.trial_actions),
            "remaining_text_actions": self.trial_actions,
            "used_image_actions": max(0, 30 - self.trial_images),
            "remaining_image_actions": self.trial_images,
            "eligible_for_text_gens": self.trial and self.trial_actions > 0,
            "eligible_for_image_gens": self.trial and self.trial_images > 0,
            "trial_activated": self.trial,
        }
