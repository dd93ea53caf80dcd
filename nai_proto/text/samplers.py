"""The samplers of a text request: ids, names in preset files, parameters, and who takes them.

See docs/protocol/native.md#92-sampler-ids-order.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from ..arguments import TEXT, ArgumentType, convert_fields, invalid, list_of

__all__ = ["COLOURS", "ORDER", "SAMPLERS", "Order", "Sampler"]


class Order(IntEnum):
    """Sampler ids as they stand in ``order`` on the wire."""

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
class Sampler:
    """One row of the table."""

    id: Order
    name: str
    "In preset files."
    keys: tuple[str, ...]
    "The parameters that belong to it, and leave the request with it."
    models: frozenset[str] | None = None
    "Ids of the models that take it; None when all do."

    def __post_init__(self) -> None:
        convert_fields(self, id=ORDER, name=TEXT, keys=list_of(TEXT))


def _order(value: int, name: str) -> Order:
    try:
        return Order(value)
    except ValueError:
        pass
    raise invalid(name, f"{name} is {value}, and the ids of samplers are 0 to {len(Order) - 1}")


ORDER: Final = ArgumentType("an Order or its number", int, convert=_order)
"""What parameters that are samplers take."""


COLOURS: Final = ("blue", "red", "green", "purple", "pink", "yellow", "white", "black")
"Ids of the internal models. See docs/protocol/native.md#12-which-host-per-text-model."
_SINCE_ERATO: Final = frozenset(("kayra-v1", "llama-3-erato-v1", *COLOURS))

SAMPLERS: Final = (
    Sampler(Order.TEMPERATURE, "temperature", ("temperature",)),
    Sampler(Order.TOP_K, "top_k", ("top_k",)),
    Sampler(Order.TOP_P, "top_p", ("top_p",)),
    Sampler(Order.TFS, "tfs", ("tail_free_sampling",)),
    Sampler(Order.TOP_A, "top_a", ("top_a",)),
    Sampler(Order.TYPICAL_P, "typical_p", ("typical_p",)),
    Sampler(Order.CFG, "cfg", ("cfg_scale", "cfg_uc")),
    Sampler(Order.TOP_G, "top_g", ("top_g",), frozenset(("clio-v1", "kayra-v1", *COLOURS))),
    Sampler(Order.MIROSTAT, "mirostat", ("mirostat_tau", "mirostat_lr"), _SINCE_ERATO | {"clio-v1"}),
    Sampler(Order.UNIFIED, "math1", ("math1_temp", "math1_quad", "math1_quad_entropy_scale"), _SINCE_ERATO),
    Sampler(Order.MIN_P, "min_p", ("min_p",), _SINCE_ERATO),
)
"""By id: ``SAMPLERS[Order.TFS]``."""
