"""The native text models (native §1.2, §11.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from ..exchange.endpoints import host_of_model
from ..http import Host

__all__ = ["MODELS", "Model"]


@dataclass(frozen=True, slots=True)
class Model:
    """A model and what a caller would else have to remember about it.

    A model that is not listed here can be made: its host is that of the older models unless its name is known.
    """

    id: str
    "As it stands on the wire."
    token_width: int = 2
    "Bytes per packed token: 4 for Llama 3 token lists, 2 for all others."

    SIGURD: ClassVar[Model]
    EUTERPE: ClassVar[Model]
    KRAKE: ClassVar[Model]
    SNEK: ClassVar[Model]
    GENJI: ClassVar[Model]
    HYPEBOT: ClassVar[Model]
    INLINE: ClassVar[Model]
    CLIO: ClassVar[Model]
    KAYRA: ClassVar[Model]
    ERATO: ClassVar[Model]

    @property
    def host(self) -> Host:
        """Which of the service's hosts serves it."""
        return host_of_model(self.id)

    @classmethod
    def named(cls, model: Model | str) -> Model:
        """The listed model with this id, or one made from it."""
        if isinstance(model, Model):
            return model
        return _BY_ID.get(model) or cls(model)


Model.SIGURD = Model("6B-v4")
Model.EUTERPE = Model("euterpe-v2")
Model.KRAKE = Model("krake-v2")
Model.SNEK = Model("genji-python-6b")
Model.GENJI = Model("genji-jp-6b-v2")
Model.HYPEBOT = Model("hypebot")
Model.INLINE = Model("infillmodel")
Model.CLIO = Model("clio-v1")
Model.KAYRA = Model("kayra-v1")
Model.ERATO = Model("llama-3-erato-v1", token_width=4)

MODELS: Final = (
    Model.SIGURD,
    Model.EUTERPE,
    Model.KRAKE,
    Model.SNEK,
    Model.GENJI,
    Model.HYPEBOT,
    Model.INLINE,
    Model.CLIO,
    Model.KAYRA,
    Model.ERATO,
)
"""All that are listed."""

_BY_ID: Final = {model.id: model for model in MODELS}
