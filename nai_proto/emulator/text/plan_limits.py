"""The limits of plans on native text: which models, how many texts of a trial, how long.

The sources say what is refused, but not with which status. Where that matters, a comment says what we chose.

See:
    docs/protocol/native.md#96-context-and-length-limits
    docs/protocol/native.md#173-text-voice-modules
"""

from __future__ import annotations

from typing import Final

from ...http import Host
from ...text.models import Model
from ...tier import Tier
from ..accounts.account import Account
from ..errors import Refused

__all__ = ["check_length", "check_plan", "count_trial_action"]

_SENTENCE_TOKENS: Final = 20
"""Tokens that ``generate_until_sentence`` may add.

See docs/protocol/native.md#91-parameters--complete-list.
"""


def check_plan(account: Account, model: Model) -> None:
    """Check that an account's plan includes a model.

    Raises:
        Refused: 402, it does not. That a model of a higher tier is 402 and not 403 is our choice.
    """
    profile = account.profile
    if account.tier is not Tier.PAPER:
        allowed = model.facts.context is None or account.tier in model.facts.context
    elif profile.trial:
        allowed = model == Model.KAYRA and profile.trial_actions > 0
    else:
        raise Refused(402, "An active subscription is required")
    if not allowed:
        raise Refused(402, "Not eligible for this model")


def check_length(account: Account, model: Model, host: Host, prompt: int, max_length: int, *, sentence: bool) -> None:
    """Check that prompt and output fit into the limits of model and tier.

    Args:
        account: its tier decides the limit; a trial has the longest one, since no source has another.
        model: has a limit for each tier.
        host: decides the form of the error.
        prompt: its number of tokens.
        max_length: the number of tokens of the output.
        sentence: does the output end with a whole sentence?

    Raises:
        Refused: 400 on the text host; on the api host, whose ``max_length`` is the same for all, an error with 201.
    """
    longest = model.output_limit(account.tier)
    if host is Host.TEXT and max_length > longest:
        raise Refused(400, f"Validation error: max_length must be at most {longest}")
    limits = model.facts.context
    if not limits:
        return
    limit = limits.get(account.tier, max(limits.values()))
    wanted = prompt + max_length + (_SENTENCE_TOKENS if sentence else 0)
    if wanted > limit:
        problem = f"model '{model.id}' has {limit} tokens maximum, {wanted} tokens context requested"
        if host is Host.TEXT:
            raise Refused(400, f"Validation error: {problem}")
        raise Refused(201, f"ModelMaxLength: {problem}")


def count_trial_action(account: Account) -> None:
    """Count a generation that begins; a trial has one less.

    See docs/protocol/native.md#68-trial-status-text-host.
    """
    if account.tier is Tier.PAPER:
        account.profile.trial_actions = max(0, account.profile.trial_actions - 1)
