"""The models of the OpenAI-compatible endpoints, and who may use how much of them.

See docs/protocol/openai.md#7-models-and-limits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ...text.models import MODELS
from ...tier import Tier
from ..errors import Refused

__all__ = ["Models", "Served"]

_CREATED: Final = 1_735_689_600
"""UNIX time at which every model was made, as far as the list says."""


@dataclass(frozen=True, slots=True)
class Served:
    """A model of these endpoints."""

    id: str
    tokenizer: str
    "The model whose tokenizer it has."
    context: Mapping[Tier, int] | None
    "Tokens that prompt and answer may have together, for the tiers that have it; None is every tier and no limit."

    def is_for(self, tier: Tier) -> bool:
        """Does this tier have it?"""
        return tier is not Tier.PAPER and (self.context is None or tier in self.context)

    def check_length(self, tier: Tier, prompt: int, most: int) -> None:
        """Raises Refused, 400, where so many tokens of a prompt and of an answer do not fit together."""
        limit = None if self.context is None else self.context[tier]
        if limit is not None and prompt + most > limit:
            asked = f"{prompt} tokens of prompt and {most} of max_tokens were requested"
            raise Refused(400, f"Validation error: {self.id} has {limit} tokens maximum, {asked}")


_GLM: Final = {Tier.TABLET: 12_288, Tier.SCROLL: 16_384, Tier.OPUS: 36_864}
_SERVED: Final = {
    "glm-4-5": Served("glm-4-5", "glm-4-6", _GLM),
    "glm-4-6": Served("glm-4-6", "glm-4-6", _GLM),
    "xialong-v1": Served("xialong-v1", "xialong-v1", {Tier.OPUS: 36_864}),
}
_COUNTED: Final = frozenset(model.id for model in MODELS)
"""The native models, which the token count knows too.

See docs/protocol/openai.md#8-token-count.
"""


class Models:
    """Those that are served.

    Args:
        ids: in the order of the list. One that no table knows is for every tier.
    """

    def __init__(self, ids: tuple[str, ...]) -> None:
        self._served: Final = {id: _SERVED.get(id) or Served(id, id, None) for id in ids}  # noqa: A001

    def listed(self, tier: Tier) -> list[dict[str, object]]:
        """The list that an account of this tier sees.

        See docs/protocol/openai.md#72-get-oav1models.
        """
        return [
            {"id": model.id, "object": "model", "created": _CREATED, "owned_by": "novelai"}
            for model in self._served.values()
            if model.is_for(tier)
        ]

    def allowed(self, model: str, tier: Tier) -> Served:
        """The model, for a generation.

        See docs/protocol/openai.md#92-status-codes-and-python-exceptions.

        Raises:
            Refused: 400 if there is none, 402 without a subscription, 403 if it is not for this tier.
        """
        found = self._found(model)
        if tier is Tier.PAPER:
            raise Refused(402, "An active subscription is required")
        if not found.is_for(tier):
            raise Refused(403, "Not eligible for this model")
        return found

    def tokenizer(self, model: str) -> str:
        """The model whose tokenizer counts the tokens of this one. Raises Refused, 400, if there is none."""
        return model if model in _COUNTED else self._found(model).tokenizer

    def _found(self, model: str) -> Served:
        if model not in self._served:
            raise Refused(400, f"Validation error: model {model[:60]} doesn't exist")
        return self._served[model]
