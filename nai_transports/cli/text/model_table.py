"""All models as rows of a table: what the library knows of each, beside what the service lists for an account."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, TypeVar

from nai_proto.account.info import Subscription
from nai_proto.errors import InvalidRequestError
from nai_proto.image.models import MODELS as IMAGE_MODELS
from nai_proto.image.models import ImageModel
from nai_proto.image.price import NOTHING_FREE, Allowance, generation_price
from nai_proto.text.models import CHAT_MODELS, MODELS, Model
from nai_proto.tier import Tier
from nai_proto.tokenizers import tokenizer_name

__all__ = ["Api", "ModelRow", "build_model_table", "describe_row", "format_facts", "format_price"]

T = TypeVar("T")

Api: TypeAlias = Literal["chat", "text", "image"]

IMAGE_SIZE: Final = (1024, 1024)
IMAGE_STEPS: Final = 28
"""The picture whose price is shown: the largest that is free with Opus, with the most steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """A model; None where something is not known."""

    id: str
    name: str
    api: Api
    "What it is for: ``nai chat`` and ``nai complete``, ``nai generate``, or ``nai image``."
    context: int | None = None
    """Tokens of prompt and answer together, for the account's tier, or Opus without an account; of an image model, tokens
    of a prompt."""
    contexts: Mapping[Tier, int] | None = None
    "The same by tier."
    tokenizer: str | None = None
    anlas: int | None = None
    "What a request costs the account; of an image model, one picture of `IMAGE_SIZE` in `IMAGE_STEPS`."
    free_with: Tier | None = None
    "The lowest tier with which requests cost no Anlas."
    is_included: bool | None = None
    "May the account's tier use it? None without an account."
    is_listed: bool | None = None
    "Does the service list it for the account? It lists chat models only; None for others, or if it was not asked."


def build_model_table(subscription: Subscription | None, served: Collection[str] | None) -> list[ModelRow]:
    """Return a row for each model that the library knows or the service lists: chat, text, then image models.

    Args:
        subscription: the account's; None without an account.
        served: the ids that the service lists; None if it was not asked.
    """
    tier = subscription.tier if subscription is not None else None
    allowance = Allowance.of(subscription) if subscription is not None else NOTHING_FREE
    known = {model.id for model in CHAT_MODELS}
    return [
        *(_describe_text_model(model, "chat", tier, served) for model in CHAT_MODELS),
        *(ModelRow(id=each, name=each, api="chat", is_listed=True) for each in served or () if each not in known),
        *(_describe_text_model(model, "text", tier, None) for model in reversed(MODELS)),
        *(_describe_image_model(model, tier, allowance) for model in IMAGE_MODELS),
    ]


def _describe_text_model(model: Model, api: Api, tier: Tier | None, served: Collection[str] | None) -> ModelRow:
    contexts = model.facts.context or {}
    lowest = min((each for each in contexts if each is not Tier.PAPER), default=None)
    return ModelRow(
        id=model.id,
        name=model.name,
        api=api,
        context=contexts.get(Tier.OPUS if tier is None else tier),
        contexts=contexts,
        tokenizer=model.tokenizer,
        anlas=None if lowest is None else 0,
        free_with=lowest,
        is_included=None if tier is None or lowest is None else tier >= lowest,
        is_listed=None if served is None else model.id in served,
    )


def _describe_image_model(model: ImageModel, tier: Tier | None, allowance: Allowance) -> ModelRow:
    anlas = _known(lambda: generation_price(model, *IMAGE_SIZE, steps=IMAGE_STEPS, allowance=allowance).anlas)
    return ModelRow(
        id=model.id,
        name=model.name,
        api="image",
        context=model.tokens,
        tokenizer=_known(lambda: tokenizer_name(model.id)),
        anlas=anlas,
        free_with=None if anlas is None else Tier.OPUS,
        is_included=None if tier is None else True,
    )


def _known(read_fact: Callable[[], T]) -> T | None:
    """Return a fact of a model; None if the library does not know it."""
    try:
        return read_fact()
    except InvalidRequestError:
        return None


def describe_row(row: ModelRow) -> dict[str, object]:
    """Return a row as JSON has it, always with the same keys.

    See docs/command-line.md#nai-models.
    """
    return {
        "id": row.id,
        "name": row.name,
        "api": row.api,
        "context": row.context,
        "contexts": None if row.contexts is None else {each.name.lower(): row.contexts.get(each) for each in Tier},
        "tokenizer": row.tokenizer,
        "anlas": row.anlas,
        "free_with": None if row.free_with is None else row.free_with.name.lower(),
        "included": row.is_included,
        "listed": row.is_listed,
    }


def format_facts(row: ModelRow) -> dict[str, object]:
    """Return the facts of one model as a person reads them; None for what is not known."""
    contexts = (row.contexts or {}).items()
    return {
        "id": row.id,
        "name": row.name,
        "for": {"chat": "nai chat, nai complete", "text": "nai generate", "image": "nai image"}[row.api],
        "context": None if row.context is None else f"{row.context:,} tokens",
        **{f"context with {tier}": f"{tokens:,} tokens" for tier, tokens in contexts},
        "tokenizer": row.tokenizer,
        "price": format_price(row),
        "included": row.is_included,
        "listed": row.is_listed,
    }


def format_price(row: ModelRow) -> str:
    """Return what a request costs, in words, or that the service does not list the model."""
    if row.is_listed is False:
        return "not listed"
    if row.anlas:
        return f"{row.anlas:,} Anlas"
    return "not known" if row.free_with is None else f"free with {row.free_with}"
