"""The profile of an emulator's account: subscription, trial, settings and votes, and the documents about them.

Where no source states a number for a tier, the number is our choice.

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

__all__ = ["MONTH", "SECONDS_PER_PERCENT", "Profile"]

Document = Mapping[str, object]

MONTH: Final = 2_592_000
"""Seconds of a subscription's month: 30 days."""
SECONDS_PER_PERCENT: Final = 7889
"""How long one percent of the allowance of V5 takes to come back.

See docs/protocol/image.md#210-account-data-that-image-clients-need.
"""
_MONTHLY_ANLAS: Final = {Tier.PAPER: 0, Tier.TABLET: 1000, Tier.SCROLL: 1000, Tier.OPUS: 10_000}
_CONTEXT_TOKENS: Final = {Tier.PAPER: 8192, Tier.TABLET: 4096, Tier.SCROLL: 8192, Tier.OPUS: 8192}
_PRIORITY: Final = {Tier.PAPER: 0, Tier.TABLET: 10, Tier.SCROLL: 10, Tier.OPUS: 10}
_MAX_PRIORITY: Final = {Tier.PAPER: 0, Tier.TABLET: 1000, Tier.SCROLL: 1000, Tier.OPUS: 1000}


@dataclass(eq=False)
class Profile:
    """The profile of one account; every field may be set, and is recorded when it is. Times are UNIX seconds."""

    created_at: int = 0
    email_hash: str = field(default="", repr=False)
    plaintext_email: str | None = field(default=None, repr=False)
    email_verified: bool = False
    letter_sent: bool = False
    marketing: bool = False
    "Has it agreed to marketing mails?"
    tier: Tier = Tier.PAPER
    active: bool = False
    expires_at: int = 0
    recurring: bool = False
    "Is the subscription renewed automatically? Then the account cannot be deleted."
    anlas: int = 0
    "What is left of the subscription's Anlas."
    bought_anlas: int = 0
    v5_full_at: float = 0.0
    """When Opus' allowance of free images of V5 is, or was, full again: each image that is drawn puts it off.

    See docs/protocol/image.md#210-account-data-that-image-clients-need.
    """
    trial: bool = False
    "Has the trial been activated?"
    trial_actions: int = 50
    trial_images: int = 30
    settings: bytes | None = field(default=None, repr=False)
    "The website's settings, as they were sent."
    gift_keys: list[Document] = field(default_factory=list[Document], repr=False)
    submissions: dict[str, object] = field(default_factory=dict[str, object], repr=False)
    "By event."
    votes: dict[str, object] = field(default_factory=dict[str, object], repr=False)
    "By event."

    def __setattr__(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)
        self._notify()

    def watch(self, notify: Callable[[], None]) -> None:
        """Call a function at each change from now on, instead of the one before."""
        object.__setattr__(self, "_notify", notify)

    def _notify(self) -> None:
        """Do nothing, until there is a function to call."""

    def subscribe(self, tier: Tier, now: float) -> None:
        """Begin a month of a tier."""
        self.tier, self.active = tier, tier is not Tier.PAPER
        self.expires_at = int(now) + MONTH
        self.anlas, self.v5_full_at = _MONTHLY_ANLAS[tier], now

    @property
    def plan(self) -> Tier:
        """The tier that is paid for now; `Tier.PAPER` if the subscription is not active."""
        return self.tier if self.active else Tier.PAPER

    # ---- the allowance of V5

    def v5_percent(self, now: float) -> float:
        """Return what is left of Opus' free images of V5, in percent of a full allowance; negative when it is overdrawn."""
        return 100 - max(0.0, self.v5_full_at - now) / SECONDS_PER_PERCENT

    def spend_v5(self, percent: float, now: float) -> None:
        """Take so many percent from the allowance."""
        self.v5_full_at = max(self.v5_full_at, now) + percent * SECONDS_PER_PERCENT

    # ---- documents

    def information(self) -> Document:
        """Return the account's information. See docs/protocol/native.md#62-accountinformation."""
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
        """Return the account's priority. See docs/protocol/native.md#63-priority."""
        return {
            "maxPriorityActions": _MAX_PRIORITY[self.tier],
            "nextRefillAt": self.expires_at,
            "taskPriority": _PRIORITY[self.tier],
        }

    def subscription(self, now: float, *, persistent: bool) -> Document:
        """Return the subscription; a part of it is withheld from persistent tokens.

        See:
            docs/protocol/native.md#64-subscription
            docs/protocol/image.md#210-account-data-that-image-clients-need
        """
        document: dict[str, object] = {
            "tier": int(self.tier),
            "active": self.active,
            "expiresAt": self.expires_at,
            "accountType": 0,
            "isGracePeriod": False,
            "perks": {
                "maxPriorityActions": _MAX_PRIORITY[self.tier],
                "startPriority": _PRIORITY[self.tier],
                "moduleTrainingSteps": _MONTHLY_ANLAS[self.tier],
                "unlimitedMaxPriority": self.tier is Tier.OPUS,
                "contextTokens": _CONTEXT_TOKENS[self.tier],
            },
            "trainingStepsLeft": {
                "fixedTrainingStepsLeft": self.anlas,
                "purchasedTrainingSteps": self.bought_anlas,
            },
        }
        if self.active:
            document.update(isPaypal=False, paymentProcessor="chargebee")
        if self.plan is Tier.OPUS:
            document["usage"] = self.usage(now)
        return document if persistent else {**document, "paymentProcessorData": None}

    def usage(self, now: float) -> Document:
        """Return the usage of the free images of V5.

        See docs/protocol/image.md#210-account-data-that-image-clients-need.
        """
        percent = self.v5_percent(now)
        return {
            "percent": max(0, ceil(percent)),
            "isNegative": percent <= 0,
            "timeUntilNextPercent": SECONDS_PER_PERCENT if percent < 100 else 0,
        }

    def data(self, keystore: Document, now: float, *, persistent: bool) -> Document:
        """Return all data of the account; a part of it is withheld from persistent tokens.

        See:
            docs/protocol/native.md#65-useraccountdata-get-userdata
            docs/protocol/native.md#172-account
        """
        settings = None if self.settings is None else self.settings.decode("utf-8", "replace")
        return {
            "priority": self.priority(),
            "subscription": self.subscription(now, persistent=persistent),
            "keystore": {} if persistent else keystore,
            "settings": None if persistent else settings,
            "information": self.information(),
        }

    def trial_status(self) -> Document:
        """Return the status of the trial. See docs/protocol/native.md#68-trial-status-text-host."""
        return {
            "used_text_actions": max(0, 50 - self.trial_actions),
            "remaining_text_actions": self.trial_actions,
            "used_image_actions": max(0, 30 - self.trial_images),
            "remaining_image_actions": self.trial_images,
            "eligible_for_text_gens": self.trial and self.trial_actions > 0,
            "eligible_for_image_gens": self.trial and self.trial_images > 0,
            "trial_activated": self.trial,
        }
