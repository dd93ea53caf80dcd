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

__all__ = ["check_context", "check_max_length", "check_plan", "count_trial_action"]

_SENTENCE_TOKENS: Final = 20
"""Tokens that ``generate_until_sentence`` may add.

See docs/protocol/native.md#91-parameters--complete-list.
"""
_MODULE_TOKENS: Final = 20
"""Tokens that a module of a user takes. All that can be trained are of the old kind.

See docs/protocol/native.md#96-context-and-length-limits.
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
        raise Refused(
            402,
            "An active subscription is required",
            reason="the account has neither a subscription nor an active trial; `nai emulate --tier` gives it one, or in "
            "Python add_account(tier=...) and add_account(trial=True)",
        )
    if not allowed:
        raise Refused(402, "Not eligible for this model", reason=_explain_plan(account, model))


def _explain_plan(account: Account, model: Model) -> str:
    if account.tier is not Tier.PAPER:
        having = ", ".join(map(str, model.facts.context or ()))
        return f"{model.id} is for the tier {having}, and the account's is {account.tier}"
    if model != Model.KAYRA:
        return f"a trial has {Model.KAYRA.id} alone, not {model.id}"
    return "the trial's text generations are used up; /ai/trial-status has their number"


def check_max_length(account: Account, model: Model, host: Host, max_length: int) -> None:
    """Check that an output is not longer than the account's tier allows. Only the text host has such a limit.

    Raises:
        Refused: 400, it is longer.
    """
    longest = model.output_limit(account.tier)
    if host is Host.TEXT and max_length > longest:
        raise Refused(
            400,
            f"Validation error: max_length must be at most {longest}",
            reason=f"on the tier {account.tier} the text host generates at most {longest} tokens at once; "
            "ask for fewer and continue, or switch strict_limits off",
        )


def check_context(
    account: Account, model: Model, host: Host, prompt: int, max_length: int, *, sentence: bool, module: bool
) -> None:
    """Check that prompt and output fit into the context of model and tier.

    Args:
        account: its tier decides the limit; a trial has the longest one, since no source has another.
        model: has a limit for each tier.
        host: decides the form of the error.
        prompt: its number of tokens.
        max_length: the number of tokens of the output.
        sentence: does the output end with a whole sentence?
        module: is a module used that a user has trained?

    Raises:
        Refused: 400 on the text host; on the api host an error with 201.
    """
    limits = model.facts.context
    if not limits:
        return
    limit = limits.get(account.tier, max(limits.values()))
    wanted = prompt + max_length + (_SENTENCE_TOKENS if sentence else 0) + (_MODULE_TOKENS if module else 0)
    if wanted > limit:
        problem = f"model '{model.id}' has {limit} tokens maximum, {wanted} tokens context requested"
        reason = (
            f"{prompt} tokens of prompt, {max_length} of max_length and what sentences and modules add must fit into the "
            f"{limit} of {model.id} on the tier {account.tier}; send less, or switch strict_limits off"
        )
        if host is Host.TEXT:
            raise Refused(400, f"Validation error: {problem}", reason=reason)
        raise Refused(201, f"ModelMaxLength: {problem}", reason=reason)


def count_trial_action(account: Account) -> None:
    """Count a generation that begins; a trial has one less.

    See docs/protocol/native.md#68-trial-status-text-host.
    """
    if account.tier is Tier.PAPER:
        account.profile.trial_actions = max(0, account.profile.trial_actions - 1)
