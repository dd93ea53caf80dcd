"""Presets of text models: a name, a model and settings; from files, from the service's list, or made in code.

See docs/protocol/native.md#12-presets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Never, Self, cast, overload

from ..arguments import BYTES, FLAG, MAPPING, TEXT, list_of, takes
from ..codecs.json import encode_json
from ..errors import InvalidFile, InvalidRequestError
from ..exchange.actions import Steps, get_context
from ..exchange.flow import Flow, flow
from ..unknown_names import fold_name, unknown_choice
from .model_kinds import check_native
from .models import MODEL, MODELS, Model, unknown_model
from .official_presets import find_default_name, find_presets
from .preset_fields import DEFAULTS, FIELDS, PresetFields, SamplerSlot, build_slots, check_name, copy_setting
from .preset_file_parser import dump_slots, parse_document, read_settings, read_slots, require_parameters, require_text
from .samplers import SAMPLERS, SamplerOrder

__all__ = ["Preset"]

_OWN: Final = frozenset(("_document", "_model", "_settings", "_slots", "name"))
"""Attributes of a preset that are no settings."""


class Preset(PresetFields):
    """Settings for one model, as items (``preset["top_k"]``) and as attributes (``preset.top_k``).

    A setting that is not there is None; assigning None or deleting removes it. Names and types are checked when a setting is
    assigned, ranges when a request is built. Keys of a file that this class does not know are kept, and written again.

    Args:
        name: as people see it.
        model: whose preset it is; of an older version, the newest one's.
        settings: to begin with.

    Raises:
        InvalidRequestError: a setting has a wrong name or type.
    """

    DEFAULTS: ClassVar[Mapping[str, object]] = DEFAULTS

    name: str

    def __init__(self, name: str, model: Model | str, settings: Mapping[str, object] | None = None) -> None:
        own_model = Model.named(model)
        self.name = TEXT.convert(name, "name")
        self._model: Model = own_model.newest
        head = {"presetVersion": 3, "name": name, "id": "", "remoteId": "", "parameters": None}
        self._document: dict[str, object] = {**head, "model": own_model.id}
        "Its file; name and parameters only keep their places in it."
        self._settings: dict[str, object] = {}
        self._slots: tuple[SamplerSlot, ...] | None = None
        checked: Mapping[str, object] | None = (MAPPING | None).convert(settings, "settings")
        for setting, value in (checked or {}).items():
            self[setting] = value

    @property
    def model(self) -> Model:
        """Return the model that the preset is for."""
        return self._model

    # ---- settings

    def __getitem__(self, name: str) -> Any:
        if name == "order":
            return None if self._slots is None else [sampler for sampler, _ in self._samplers]
        return self._settings.get(check_name(name))

    def __setitem__(self, name: str, value: object) -> None:
        if value is None:
            del self[name]
        elif name == "order":
            self._slots = build_slots(value)
        else:
            self._settings[name] = copy_setting(name, value)

    def __delitem__(self, name: str) -> None:
        if name == "order":
            self._slots = None
        else:
            self._settings.pop(check_name(name), None)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in FIELDS and self[name] is not None

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the settings that are there."""
        return iter([*(name for name in self._settings if name in self), *(["order"] if "order" in self else [])])

    def keys(self) -> list[str]:
        """Return the names of the settings that are there; with this, ``dict(preset)`` works."""
        return [*self]

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            if name not in FIELDS:
                raise AttributeError(f"a preset has no setting {name!r}")
            return self[name]

        def __setattr__(self, name, value):
            if name in _OWN:
                if name == "name":
                    TEXT.check(value, name)
                object.__setattr__(self, name, value)
            else:
                self[name] = value

        def __delattr__(self, name):
            del self[name]

    @takes(name=TEXT)
    def set(self, name: str, value: object) -> Self:
        """Assign one setting, and return the preset."""
        self[name] = value
        return self

    @takes(values=MAPPING | None)
    def update(self, values: Mapping[str, object] | None = None, **more: object) -> Self:
        """Assign several settings, all of them or, when one is wrong, none; return the preset."""
        trial = self.copy()
        for name, value in {**(values or {}), **more}.items():
            trial[name] = value
        self._settings, self._slots = trial._settings, trial._slots
        return self

    # ---- samplers

    @property
    def _samplers(self) -> list[tuple[SamplerOrder, bool]]:
        """Return the known samplers in order, each with whether it is on."""
        return [(slot.sampler, slot.enabled) for slot in self._slots or () if slot.sampler is not None]

    @property
    def sampling_options(self) -> list[bool]:
        """Return which samplers of ``order`` are on, in its order; empty without an order."""
        return [enabled for _, enabled in self._samplers]

    @takes(states=list_of(FLAG))
    def set_sampling_options_state(self, states: Sequence[bool]) -> Self:
        """Switch the samplers of ``order`` on and off.

        Raises:
            InvalidRequestError: there is no order, or it has another length.
        """
        if self._slots is None:
            raise InvalidRequestError(
                f"preset {self.name!r} has no samplers to switch: set order first", parameter="order"
            )
        if len(states) != len(self._samplers):
            raise InvalidRequestError(
                f"preset {self.name!r} has {len(self._samplers)} samplers, not {len(states)}", parameter="states"
            )
        flags = iter(states)
        self._slots = tuple(
            slot if slot.sampler is None else replace(slot, enabled=bool(next(flags))) for slot in self._slots
        )
        return self

    # ---- for a request

    @takes(model=MODEL | None)
    def to_settings(self, model: Model | str | None = None) -> dict[str, object]:
        """Return the parameters of a request that the preset sets: steps 1 to 4.

        See docs/protocol/native.md#124-from-preset-to-request-parameters-our-rule.

        Args:
            model: the model of the request; the preset's own when not given.

        Raises:
            InvalidRequestError: the preset is another model's, it has a sampler twice, or which samplers the model takes
                is not known.
        """
        model = self._model if model is None else Model.named(model)
        if model.newest.id != self._model.id:
            own = ", ".join(one.name for one in find_presets(model)) or "none that is official"
            raise InvalidRequestError(
                f"preset {self.name!r} is for {self._model.id}, not for {model.id}; presets of that model: {own}",
                parameter="model",
            )
        # 1. Everything that a request may hold.
        settings = {name: deepcopy(value) for name, value in self._settings.items() if name in self}
        for name in ("textGenerationSettingsVersion", "repetition_penalty_default_whitelist"):
            settings.pop(name, None)
        # 2. Samplers: without an order all stays as it is; else what is not on leaves with all its parameters.
        if self._slots is not None:
            order = [sampler for sampler, enabled in self._samplers if enabled and model.has_sampler(sampler)]
            for sampler in order:
                if order.count(sampler) > 1:
                    raise InvalidRequestError(
                        f"order of preset {self.name!r} has {SAMPLERS[sampler].name} twice: leave one out",
                        parameter="order",
                    )
            for row in SAMPLERS:
                if row.id not in order:
                    for key in row.keys:
                        settings.pop(key, None)
            settings["order"] = [int(sampler) for sampler in order]
        # 3. The word on the wire.
        if "phrase_rep_pen" in settings:
            settings["phrase_rep_pen"] = str(settings["phrase_rep_pen"])
        # 4. Zeros that the service would not take for "off".
        for name in ("repetition_penalty_range", "repetition_penalty_slope"):
            if settings.get(name) == 0:
                del settings[name]
        return settings

    # ---- copies

    def copy(self) -> Self:
        """Return another preset with the same name, model, settings and switches."""
        twin = type(self)(self.name, self._model)
        twin._document, twin._settings, twin._slots = deepcopy((self._document, self._settings, self._slots))
        return twin

    def __eq__(self, other: object) -> bool:
        """Return whether their files would be the same."""
        return isinstance(other, Preset) and self.to_preset_data() == other.to_preset_data()

    def __repr__(self) -> str:
        return f"<preset {self.name!r} for {self._model.id}>"

    # ---- files

    @classmethod
    @takes(data=MAPPING, model=MODEL | None, where=TEXT)
    def from_preset_data(
        cls, data: Mapping[str, object], *, model: Model | str | None = None, where: str = "preset"
    ) -> Self:
        """Return the preset that a file holds.

        See docs/protocol/native.md#121-file-format-preset-utf-8-json.

        Args:
            data: the file's JSON.
            model: the model that it must be for, or is for if the file does not say.
            where: what this is, to begin a message with; a file's name, for example.

        Raises:
            InvalidFile: something is missing, or has a wrong type; or it is another model's, or does not say whose, and
                ``model`` is not given.
        """
        name, parameters = require_text(data, "name", where), require_parameters(data, where)
        own = Model.named(model).id if model is not None and "model" not in data else require_text(data, "model", where)
        if model is not None and Model.named(own).newest.id != Model.named(model).newest.id:
            raise InvalidFile(
                f"{where}: {name!r} is a preset for {own}, not for {Model.named(model).id}: load it without model"
            )
        preset = cls(name, own if model is None else model)
        preset._document = {**deepcopy({**data, "parameters": None}), "model": own}
        preset._settings = read_settings(parameters, where)
        preset._slots = read_slots(parameters.get("order"), where)
        return preset

    def to_preset_data(self) -> dict[str, object]:
        """Return what a file of it holds; shares nothing with the preset.

        See docs/protocol/native.md#121-file-format-preset-utf-8-json.
        """
        parameters = deepcopy(self._settings)
        if self._slots is not None:
            parameters["order"] = dump_slots(self._slots)
        return {**deepcopy(self._document), "name": self.name, "parameters": parameters}

    @classmethod
    @takes(data=BYTES | TEXT, model=MODEL | None, where=TEXT)
    def loads(cls, data: bytes | str, *, model: Model | str | None = None, where: str = "preset") -> Self:
        """Read the preset in the text of a ``.preset`` file; arguments and errors as for `from_preset_data`."""
        return cls.from_preset_data(parse_document(data, where), model=model, where=where)

    def dumps(self) -> bytes:
        """Return the text of a ``.preset`` file, in UTF-8.

        Raises:
            InvalidRequestError: a text in it holds a lone surrogate.
        """
        return encode_json(self.to_preset_data())

    # ---- the service's own

    @classmethod
    @takes(model=MODEL)
    def official(cls, model: Model | str) -> tuple[Self, ...]:
        """Return copies of all presets that the website offers for a model; none if it offers none."""
        model = Model.named(model)
        return tuple(cls.from_preset_data(one.document(model.id)) for one in find_presets(model))

    @overload
    @classmethod
    def from_official(cls, model: Model | str, name: str) -> Self: ...
    @overload
    @classmethod
    def from_official(cls, model: Model | str, name: None = None) -> Flow[Never, Self]: ...
    @classmethod
    @takes(model=MODEL, name=TEXT | None)
    def from_official(cls, model: Model | str, name: str | None = None) -> Self | Flow[Never, Self]:
        """Return a copy of an official preset; without a name, a flow that draws one of them.

        Chance comes from the context of the run, so that a preset is drawn where there is one:
        ``client.run(Preset.from_official("Kayra"))``, or ``yield from`` it in a flow of your own.

        Raises:
            InvalidRequestError: the model has none of this name, or none at all.
        """
        model = Model.named(model)
        names = [one.name for one in find_presets(model)]
        if not names:
            if not model.is_listed:
                check_native(model)
                raise unknown_model(model.id, [each for each in MODELS if find_presets(each)])
            raise InvalidRequestError(
                f"{model.id} has no official presets",
                parameter="model",
                advice="make one with Preset(name, model, {…})",
            )
        if name is None:
            return cast("Flow[Never, Self]", _draw_official(cls, model))
        for one in find_presets(model):
            if fold_name(one.name) == fold_name(name):
                return cls.from_preset_data(one.document(model.id))
        raise unknown_choice(name, f"official preset of {model.id}", names, parameter="name")

    @classmethod
    @takes(model=MODEL)
    def from_default(cls, model: Model | str) -> Self:
        """Return a copy of the preset that the website begins with; Erato's is Golden Arrow, the first listed.

        See docs/protocol/native.md#123-defaults.

        Raises:
            InvalidRequestError: the model has no official presets.
        """
        model = Model.named(model)
        return cls.from_official(model, find_default_name(model) or "default")


@flow
def _draw_official(kind: type[Preset], model: Model) -> Steps[Never, Preset]:
    """Draw one of a model's official presets, each as likely as the others."""
    entropy = (yield from get_context()).entropy
    presets = kind.official(model)
    return presets[int.from_bytes(entropy(8), "big") % len(presets)]
