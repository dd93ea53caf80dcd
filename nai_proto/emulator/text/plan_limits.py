"""Which native text a plan pays for: what models, how often, how long.

Sources know who is refused, and not with what status or by what count; where that matters, a comment says what we chose.

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

_TO_A_SENTENCE: Final = 20
"""Tokens that ``generate_until_sentence`` may add.

See docs/protocol/native.md#91-parameters--complete-list.
"""


def check_plan(account: Account, model: Model) -> None:
    """May this account have text of this model?

    See docs/protocol/native.md#173-text-voice-modules.

    Raises:
        Refused: 402. That a model of a higher tier is 402 and not 403 is a choice.
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
    """Do prompt and answer fit?

    Args:
        account: its tier has a limit; a trial has the longest context, since no source has another.
        model: has a limit for each tier.
        host: says it in its own way.
        prompt: its tokens.
        max_length: those of the answer.
        sentence: is there to be a whole sentence at the end?

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
    wanted = prompt + max_length + (_TO_A_SENTENCE if sentence else 0)
    if wanted > limit:
        problem = f"model '{model.id}' has {limit} tokens maximum, {wanted} tokens context requested"
        if host is Host.TEXT:
            raise Refused(400, f"Validation error: {problem}")
        raise Refused(201, f"ModelMaxLength: {problem}")


def count_trial_action(account: Account) -> None:
    """A text has begun: a trial has one less.

    See docs/protocol/native.md#68-trial-status-text-host.
    """
    if account.tier is Tier.PAPER:
        account.profile.trial_actions = max(0, account.profile.trial_actions - 1)
