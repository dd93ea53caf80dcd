"""The presets that the service's website offers, by model; they are loaded when one is first needed.

They are written like their files, but shorter: ``order`` names all samplers, with a minus before those that are off.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import Final

from ..models import Model
from ..samplers import INTERNAL_MODELS

__all__ = ["OfficialPreset", "define_preset", "find_default_name", "find_presets"]


@dataclass(frozen=True, slots=True)
class OfficialPreset:
    """An official preset, as data."""

    name: str
    id: str
    version: int | None
    "``textGenerationSettingsVersion``."
    order: str
    parameters: dict[str, object] = field(hash=False)
    "All other parameters."

    def document(self, model: str) -> dict[str, object]:
        """Return what its file holds; shares nothing with the table but the lists among the parameters.

        See docs/protocol/native.md#121-file-format-preset-utf-8-json.
        """
        order = [{"id": name.removeprefix("-"), "enabled": name[0] != "-"} for name in self.order.split()]
        version = {} if self.version is None else {"textGenerationSettingsVersion": self.version}
        parameters = {**version, **self.parameters, "order": order}
        head = {"presetVersion": 3, "name": self.name, "id": self.id, "remoteId": ""}
        return {**head, "parameters": parameters, "model": model}


def define_preset(name: str, id: str, version: int | None, order: str, **parameters: object) -> OfficialPreset:  # noqa: A002
    """Make a preset from a row of the tables."""
    return OfficialPreset(name, id, version, order, parameters)


_LOCATIONS: Final = {
    "2.7B": "older_models.CALLIOPE",
    "6B-v4": "older_models.SIGURD",
    "euterpe-v2": "older_models.EUTERPE",
    "krake-v1": "older_models.KRAKE_V1",
    "krake-v2": "older_models.KRAKE",
    "genji-jp-6b-v2": "older_models.GENJI",
    "genji-python-6b": "older_models.SNEK",
    "hypebot": "older_models.HYPEBOT",
    "infillmodel": "older_models.INLINE",
    "clio-v1": "newer_models.CLIO",
    "kayra-v1": "newer_models.KAYRA",
    "llama-3-erato-v1": "newer_models.ERATO",
    **dict.fromkeys(INTERNAL_MODELS, "older_models.COLOURS"),
}

_DEFAULTS: Final = {
    "2.7B": "Storywriter",
    "6B-v4": "Storywriter",
    "euterpe-v2": "Genesis",
    "krake-v1": "Astraea",
    "krake-v2": "Blue Lighter",
    "genji-jp-6b-v2": "Genji Default",
    "genji-python-6b": "Storywriter",
    "clio-v1": "Vingt-Un",
    "kayra-v1": "Carefree",
    "llama-3-erato-v1": "Golden Arrow",  # the sources name none, or one each; it stands first in the website's list
}
"""Where it is not the only one."""


def find_presets(model: Model) -> tuple[OfficialPreset, ...]:
    """Return the presets of a model; none if it has none."""
    home = _LOCATIONS.get(_version(model))
    if home is None:
        return ()
    module, name = home.split(".")
    presets: tuple[OfficialPreset, ...] = getattr(import_module(f".{module}", __name__), name)
    return presets


def find_default_name(model: Model) -> str | None:
    """Return the name of the preset that the website begins with; None if the model has none."""
    presets = find_presets(model)
    return _DEFAULTS.get(_version(model)) or (presets[0].name if presets else None)


def _version(model: Model) -> str:
    """Return the id under which a model has presets: its own, or that of its newest version."""
    return model.id if model.id in _LOCATIONS else model.newest.id
