"""Settings of a story beside its text: memory, Author's Note, model, preset, bans and biases.

They are JSON in the story's content. Reading checks the types, and changes are made in place, so unknown fields stay.

See:
    docs/protocol/content.md#42-storycontent
    docs/protocol/content.md#47-bias-and-ban-groups
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from ..arguments import TEXT, check_type, list_items
from ..errors import InvalidFile, InvalidRequestError
from ..text.models import Model
from ..text.phrases import BanList, BiasGroup
from ..text.preset import Preset
from ..text.preset_fields import FIELDS
from ..unknown_names import suggest_name
from .initial_content import CONTEXT_ENTRIES
from .json_records import as_list, dump_records, make_records_reader, object_or_empty
from .lore.biases import StoredBans, StoredBiases

__all__ = ["NamesAttributes", "StorySettings", "copy_json", "read_context_text", "write_context_text"]

_PARAMETERS: Final = "its settings.parameters"
_BANS: Final = "bannedSequenceGroups"
_BIASES: Final = "phraseBiasGroups"


def copy_json(value: Any) -> Any:
    """Return a deep copy of a JSON value."""
    if isinstance(value, Mapping):
        return {name: copy_json(item) for name, item in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list):
        return [copy_json(item) for item in cast("list[object]", value)]
    return value


def read_context_text(fields: Mapping[str, Any], index: int) -> str:
    """Return the text of a context entry; 0 is the memory, 1 the Author's Note."""
    entry = dict(enumerate(as_list(fields.get("context")) or [])).get(index)
    text = cast("dict[str, object]", entry).get("text") if isinstance(entry, dict) else None
    return text if isinstance(text, str) else ""


def write_context_text(fields: dict[str, Any], index: int, text: str) -> None:
    """Set the text of a context entry; missing entries are created as the website creates them."""
    TEXT.check(text, "text")
    entries = fields["context"] = as_list(fields.get("context")) or []
    entries += copy_json(CONTEXT_ENTRIES[len(entries) : index + 1])
    entry: Any = entries[index]
    entries[index] = {**(entry if isinstance(entry, dict) else copy_json(CONTEXT_ENTRIES[index])), "text": text}


class NamesAttributes:
    """Base of what is edited by assignment: an attribute that does not exist is an error, with the nearest name."""

    __slots__ = ()

    if not TYPE_CHECKING:  # checkers know which attributes there are

        def __setattr__(self, name, value):
            """Set an attribute."""
            try:
                super().__setattr__(name, value)
            except AttributeError as error:
                raise AttributeError(f"{error}{self._suggest_attribute(name)}") from None

    def _suggest_attribute(self, name: str) -> str:
        names = [each for each in dir(self) if not each.startswith("_")]
        return "" if name in names else suggest_name(name, names)


class StorySettings(NamesAttributes):
    """The settings of a story's generation.

    Args:
        fields: the story's content, which is changed in place.
    """

    __slots__ = ("_fields",)

    def __init__(self, fields: dict[str, Any]) -> None:
        check_type(fields, dict, "fields", "a dict")
        self._fields = fields

    @property
    def _stored(self) -> Mapping[str, Any]:
        """Return the JSON of the settings to read; reading changes no story."""
        return object_or_empty(self._fields.get("settings"))

    @property
    def fields(self) -> dict[str, Any]:
        """The JSON of the settings, which may be changed; created if the story has none."""
        return _get_or_create_object(self._fields, "settings")

    @property
    def parameters(self) -> dict[str, Any]:
        """The JSON of the generation parameters, which may be changed; created if the story has none."""
        return _get_or_create_object(self.fields, "parameters")

    @property
    def model(self) -> str:
        """The id of the model; empty if the story names none."""
        model = self._stored.get("model")
        return model if isinstance(model, str) else ""

    @model.setter
    def model(self, model: Model | str) -> None:
        check_type(model, (Model, str), "model", "a Model or a str")
        self.fields["model"] = model.id if isinstance(model, Model) else model

    @property
    def module(self) -> str:
        """The id of the module; ``"vanilla"`` stands for no module."""
        prefix = self._stored.get("prefix")
        return prefix if isinstance(prefix, str) and prefix else "vanilla"

    @module.setter
    def module(self, module: str) -> None:
        TEXT.check(module, "module")
        self.fields["prefix"] = module

    @property
    def preset(self) -> Preset:
        """The parameters as a preset; set it to change them.

        Raises:
            InvalidFile: a parameter has a wrong type.
            InvalidRequestError: the story's model is not known.
        """
        name, parameters = self._stored.get("preset"), object_or_empty(self._stored.get("parameters"))
        data = {"name": name if isinstance(name, str) else "", "parameters": parameters, "model": self.model}
        return Preset.from_preset_data(data, where="a story's settings")

    @preset.setter
    def preset(self, preset: Preset) -> None:
        check_type(preset, Preset, "preset", "a Preset")
        data = preset.to_preset_data()
        kept = {name: value for name, value in self.parameters.items() if name not in FIELDS}
        self.fields["parameters"] = {**kept, **cast("dict[str, Any]", data["parameters"])}
        self.fields["preset"] = data.get("id") or preset.name
        self.fields["model"] = data["model"]

    @property
    def problems(self) -> tuple[str, ...]:
        """What of the parameters cannot be read or sent as a preset: a sentence that quotes none of it, or nothing."""
        parameters = object_or_empty(self._stored.get("parameters"))
        data = {"name": "", "parameters": parameters, "model": Model.KAYRA.id}  # the model makes no difference here
        try:
            Preset.from_preset_data(data, where=_PARAMETERS).to_settings()
        except InvalidFile as error:
            return (str(error),)
        except InvalidRequestError as error:  # a sampler is there twice
            return (f"{_PARAMETERS}: {error}",)
        return ()

    @property
    def bans(self) -> tuple[StoredBans, ...]:
        """The groups of banned phrases; set them from records or from `BanList` as `nai_proto.text.generate` takes them."""
        return make_records_reader(StoredBans)(self._fields.get(_BANS)) or ()

    @bans.setter
    def bans(self, groups: Iterable[StoredBans | BanList]) -> None:
        found = list_items(groups, (StoredBans, BanList), "bans", "a list of StoredBans or BanList")
        self._fields[_BANS] = dump_records(StoredBans.of(each) if isinstance(each, BanList) else each for each in found)

    @property
    def biases(self) -> tuple[StoredBiases, ...]:
        """The groups of phrase biases; set them like `bans`, from records or `BiasGroup`."""
        return make_records_reader(StoredBiases)(self._fields.get(_BIASES)) or ()

    @biases.setter
    def biases(self, groups: Iterable[StoredBiases | BiasGroup]) -> None:
        found = list_items(groups, (StoredBiases, BiasGroup), "biases", "a list of StoredBiases or BiasGroup")
        self._fields[_BIASES] = dump_records(
            StoredBiases.of(each) if isinstance(each, BiasGroup) else each for each in found
        )


def _get_or_create_object(fields: dict[str, Any], name: str) -> dict[str, Any]:
    found = fields.get(name)
    if not isinstance(found, dict):
        found = fields[name] = {}
    return cast("dict[str, Any]", found)
