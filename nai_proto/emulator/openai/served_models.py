"""The models of the OpenAI-compatible endpoints, and which subscription tiers may use them.

See docs/protocol/openai.md#7-models-and-limits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ...text.models import MODELS, Model
from ...tier import Tier
from ...unknown_names import suggest_name
from ..errors import Refused

__all__ = ["ServedModel", "ServedModels"]

_CREATED: Final = 1_735_689_600
"""UNIX time at which the list says that every model was created."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model of these endpoints."""

    id: str
    context: Mapping[Tier, int] | None
    "Maximum tokens of prompt and answer together, for each tier that has the model. None: all tiers, without a limit."

    def is_for(self, tier: Tier) -> bool:
        """Return whether this tier has the model."""
        return tier is not Tier.PAPER and (self.context is None or tier in self.context)

    def check_length(self, tier: Tier, prompt_tokens: int, max_tokens: int) -> None:
        """Check that a prompt and an answer of so many tokens fit into the context.

        Raises:
            Refused: 400, they do not fit.
        """
        limit = None if self.context is None else self.context[tier]
        if limit is not None and prompt_tokens + max_tokens > limit:
            requested = f"{prompt_tokens} tokens of prompt and {max_tokens} of max_tokens were requested"
            raise Refused(
                400,
                f"Validation error: {self.id} has {limit} tokens maximum, {requested}",
                reason=f"prompt and max_tokens must fit into the {limit} tokens of {self.id} on the tier "
                f"{tier}; send a shorter prompt or a smaller max_tokens",
            )


_KNOWN_MODELS: Final = {
    model.id: ServedModel(model.id, model.facts.context) for model in (Model.GLM_4_5, Model.GLM, Model.XIALONG)
}
_NATIVE_MODELS: Final = frozenset(model.id for model in MODELS)
"""Models of the native endpoints, whose tokens are counted too.

See docs/protocol/openai.md#8-token-count.
"""


class ServedModels:
    """The models that an emulator serves.

    Args:
        ids: Model ids, in the order of the list. A model that is not known is for every tier, without a limit.
    """

    def __init__(self, ids: tuple[str, ...]) -> None:
        self._served: Final = {id: _KNOWN_MODELS.get(id) or ServedModel(id, None) for id in ids}  # noqa: A001

    def list_for(self, tier: Tier) -> list[dict[str, object]]:
        """Return the list of models that an account of this tier gets.

        See docs/protocol/openai.md#72-get-oav1models.
        """
        return [
            {"id": model.id, "object": "model", "created": _CREATED, "owned_by": "novelai"}
            for model in self._served.values()
            if model.is_for(tier)
        ]

    def find_for_generation(self, model: str, tier: Tier) -> ServedModel:
        """Return the model of this id, if an account of this tier may generate with it.

        See docs/protocol/openai.md#92-status-codes-and-python-exceptions.

        Raises:
            Refused: 400 if there is no such model, 402 without a subscription, 403 if the tier does not have the model.
        """
        served = self._find(model)
        if tier is Tier.PAPER:
            raise Refused(
                402,
                "An active subscription is required",
                reason="the account has no subscription, and a trial has the native endpoints alone; `nai emulate --tier` "
                "or add_account(tier=...) gives it one",
            )
        if not served.is_for(tier):
            having = ", ".join(map(str, served.context or ()))
            raise Refused(
                403,
                "Not eligible for this model",
                reason=f"{served.id} is for the tier {having}, and the account's is {tier}",
            )
        return served

    def check_countable(self, model: str) -> None:
        """Check that tokens of the model of this id can be counted.

        Raises:
            Refused: 400, there is no such model.
        """
        if model not in _NATIVE_MODELS:
            self._find(model)

    def _find(self, model: str) -> ServedModel:
        if model not in self._served:
            raise Refused(
                400, f"Validation error: model {model[:60]} doesn't exist", reason=self._explain_missing(model)
            )
        return self._served[model]

    def _explain_missing(self, model: str) -> str:
        if model in _NATIVE_MODELS:
            return f"{model} has only the native endpoints: POST /ai/generate and /ai/generate-stream"
        served = ", ".join(self._served) or "no models"
        return f"these endpoints have {served}{suggest_name(model, self._served)}; the switch models adds others"
