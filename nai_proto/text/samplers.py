"""The samplers of a text request: ids, names in preset files, parameters, and who takes them.

See docs/protocol/native.md#92-sampler-ids-order.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from ..arguments import TEXT, ArgumentType, convert_fields, invalid, list_of

__all__ = ["INTERNAL_MODELS", "ORDER", "SAMPLERS", "SamplerOrder", "TextSampler"]


class SamplerOrder(IntEnum):
    """Sampler ids as ``order`` has them on the wire."""

    TEMPERATURE = 0
    TOP_K = 1
    TOP_P = 2
    TFS = 3
    TOP_A = 4
    TYPICAL_P = 5
    CFG = 6
    TOP_G = 7
    MIROSTAT = 8
    UNIFIED = 9
    MIN_P = 10


@dataclass(frozen=True, slots=True)
class TextSampler:
    """One row of the table of samplers."""

    id: SamplerOrder
    name: str
    "Its name in preset files."
    keys: tuple[str, ...]
    "The parameters that belong to it; they are left out where it is off."
    models: frozenset[str] | None = None
    "Ids of the models that take it; None when all do."

    def __post_init__(self) -> None:
        convert_fields(self, id=ORDER, name=TEXT, keys=list_of(TEXT))


def _to_order(value: int, name: str) -> SamplerOrder:
    try:
        return SamplerOrder(value)
    except ValueError:
        pass
    raise invalid(name, f"{name} is {value}, and the ids of samplers are 0 to {len(SamplerOrder) - 1}")


ORDER: Final = ArgumentType("a SamplerOrder or its number", int, convert=_to_order)
"""The type of a parameter that is a sampler."""


INTERNAL_MODELS: Final = ("blue", "red", "green", "purple", "pink", "yellow", "white", "black")
"Ids of the internal models. See docs/protocol/native.md#12-which-host-per-text-model."
_SINCE_ERATO: Final = frozenset(("kayra-v1", "llama-3-erato-v1", *INTERNAL_MODELS))

SAMPLERS: Final = (
    TextSampler(SamplerOrder.TEMPERATURE, "temperature", ("temperature",)),
    TextSampler(SamplerOrder.TOP_K, "top_k", ("top_k",)),
    TextSampler(SamplerOrder.TOP_P, "top_p", ("top_p",)),
    TextSampler(SamplerOrder.TFS, "tfs", ("tail_free_sampling",)),
    TextSampler(SamplerOrder.TOP_A, "top_a", ("top_a",)),
    TextSampler(SamplerOrder.TYPICAL_P, "typical_p", ("typical_p",)),
    TextSampler(SamplerOrder.CFG, "cfg", ("cfg_scale", "cfg_uc")),
    TextSampler(SamplerOrder.TOP_G, "top_g", ("top_g",), frozenset(("clio-v1", "kayra-v1", *INTERNAL_MODELS))),
    TextSampler(SamplerOrder.MIROSTAT, "mirostat", ("mirostat_tau", "mirostat_lr"), _SINCE_ERATO | {"clio-v1"}),
    TextSampler(SamplerOrder.UNIFIED, "math1", ("math1_temp", "math1_quad", "math1_quad_entropy_scale"), _SINCE_ERATO),
    TextSampler(SamplerOrder.MIN_P, "min_p", ("min_p",), _SINCE_ERATO),
)
"""By id: ``SAMPLERS[SamplerOrder.TFS]``."""
