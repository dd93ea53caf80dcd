"""The settings of a preset: names and types, and the list of samplers.

See:
    docs/protocol/native.md#91-parameters--complete-list
    docs/protocol/native.md#121-file-format-preset-utf-8-json
    docs/protocol/native.md#196-presets-and-models
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from copy import deepcopy
from types import MappingProxyType
from typing import Final, cast

from ..arguments import TEXT
from ..errors import InvalidRequestError, InvalidTypeError
from ..unknown_names import suggest_name
from .parameter_rules import RULES, ParameterKind, describe_value
from .phrases import simplify_phrase
from .samplers import SAMPLERS, SamplerOrder
from .text_parameters import Phrase, PhraseRepPen

__all__ = [
    "DEFAULTS",
    "FIELDS",
    "PresetFields",
    "SamplerSlot",
    "build_slots",
    "check_name",
    "check_stop_sequences",
    "copy_setting",
    "flatten_ids",
    "setting_kind",
]


class PresetFields:
    """The settings that a preset has as items and as attributes; None is a setting that it does not have.

    `TextParameters` says what each of them does.
    """

    textGenerationSettingsVersion: int | None  # noqa: N815 -- the file's name for it
    "The revision of the parameters in a file; never sent."
    temperature: float | None
    max_length: int | None
    min_length: int | None
    top_k: int | None
    top_a: float | None
    top_p: float | None
    typical_p: float | None
    tail_free_sampling: float | None
    repetition_penalty: float | None
    repetition_penalty_range: int | None
    repetition_penalty_slope: float | None
    repetition_penalty_frequency: float | None
    repetition_penalty_presence: float | None
    repetition_penalty_whitelist: Sequence[int | Sequence[int]] | None
    repetition_penalty_default_whitelist: bool | None
    "True switches the global whitelist on, whatever the global settings; never sent."
    phrase_rep_pen: PhraseRepPen | str | None
    "Text where a file has a word that is not known."
    length_penalty: float | None
    diversity_penalty: float | None
    order: Sequence[int] | None
    "All samplers of the preset, also those that are off: see `Preset.sampling_options`."
    cfg_scale: float | None
    cfg_uc: str | None
    top_g: int | None
    mirostat_lr: float | None
    mirostat_tau: float | None
    math1_temp: float | None
    math1_quad: float | None
    math1_quad_entropy_scale: float | None
    min_p: float | None
    pad_token_id: int | None
    bos_token_id: int | None
    eos_token_id: int | None
    max_time: int | None
    no_repeat_ngram_size: int | None
    encoder_no_repeat_ngram_size: int | None
    num_return_sequences: int | None
    get_hidden_states: bool | None
    stop_sequences: Sequence[Phrase] | None


FIELDS: Final = frozenset(PresetFields.__annotations__)

DEFAULTS: Final[Mapping[str, object]] = MappingProxyType(
    {
        "stop_sequences": (),
        "temperature": 1.0,
        "max_length": 40,
        "min_length": 1,
        "top_k": 0,
        "top_a": 1.0,
        "top_p": 0.0,
        "typical_p": 0.0,
        "math1_quad": 0.0,
        "math1_quad_entropy_scale": 0.0,
        "math1_temp": 1.0,
        "min_p": 0.0,
        "tail_free_sampling": 1.0,
        "repetition_penalty": 1.0,
        "repetition_penalty_range": 0,
        "repetition_penalty_slope": 0.0,
        "repetition_penalty_frequency": 0.0,
        "repetition_penalty_presence": 0.0,
        "repetition_penalty_whitelist": (),
        "repetition_penalty_default_whitelist": False,
        "length_penalty": 1.0,
        "diversity_penalty": 0.0,
        "order": tuple(SamplerOrder),
        "phrase_rep_pen": PhraseRepPen.OFF,
    }
)
"""Neutral values, to show and to compare with; never sent by themselves."""


def check_name(name: str) -> str:
    """Return the name of a setting.

    Raises:
        InvalidRequestError: there is no setting of this name.
    """
    if TEXT.convert(name, "name") not in FIELDS:
        hint = "; that is given to the request" if name in RULES else suggest_name(name, [*FIELDS])
        raise InvalidRequestError(f"a preset has no setting {name!r}{hint}", parameter=name)
    return name


_KINDS: Final = {
    "textGenerationSettingsVersion": ParameterKind.INTEGER,
    "repetition_penalty_default_whitelist": ParameterKind.BOOLEAN,
}


def setting_kind(name: str) -> ParameterKind:
    """Return the type of a setting."""
    return _KINDS.get(name) or RULES[name].kind


def copy_setting(name: str, value: object) -> object:
    """Return a copy of a setting's value after checking name and type; `check_parameters` checks ranges.

    Raises:
        InvalidRequestError: there is no such setting, or the type is wrong.
    """
    kind = setting_kind(check_name(name))
    if name == "stop_sequences":
        check_stop_sequences(value)
    elif not kind.accepts(flatten_ids(value) if name == "repetition_penalty_whitelist" else value):
        raise kind.error_class(value)(f"{name} of a preset is {kind}, not {describe_value(value)}", parameter=name)
    return PhraseRepPen(cast("str", value)) if kind is ParameterKind.PHRASE_REP_PEN else deepcopy(value)


def check_stop_sequences(value: object) -> Sequence[Phrase]:
    """Return stop sequences after checking that each is a phrase.

    Raises:
        InvalidRequestError: one is no phrase, or they are no list: a text alone would be taken for its letters.
    """
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Sequence):
        raise InvalidTypeError(
            "stop_sequences is a list of phrases, also where there is only one", parameter="stop_sequences"
        )
    for phrase in cast("Sequence[object]", value):
        simplify_phrase(phrase, "stop_sequences")
    return cast("Sequence[Phrase]", value)


def flatten_ids(ids: object) -> object:
    """Return a list of ids and of lists of ids as one list of ids; anything else as it is.

    See docs/protocol/native.md#95-whitelist.
    """
    if isinstance(ids, str) or not isinstance(ids, Sequence):
        return ids
    result: list[object] = []
    for item in cast("Sequence[object]", ids):
        result += cast("Sequence[object]", item) if isinstance(item, list | tuple) else [item]
    return result


# ---- order


@dataclasses.dataclass(frozen=True, slots=True)
class SamplerSlot:
    """A sampler in a preset, and whether it is on."""

    name: str
    "The sampler's name in files."
    enabled: bool
    rest: Mapping[str, object] = dataclasses.field(default_factory=dict[str, object], hash=False)
    "Other keys that a file has for it."

    @property
    def sampler(self) -> SamplerOrder | None:
        """Return the sampler's id; None for a name that is not known: it is kept for the file, and not sent."""
        return _ORDERS.get(self.name)


_ORDERS: Final = {row.name: row.id for row in SAMPLERS}


def build_slots(order: object) -> tuple[SamplerSlot, ...]:
    """Return a slot for each sampler id, all on.

    Raises:
        InvalidRequestError: an id is unknown, is there twice, or is no number.
    """
    if not ParameterKind.ORDER.accepts(order):
        raise InvalidTypeError(
            f"order of a preset is {ParameterKind.ORDER}, not {describe_value(order)}", parameter="order"
        )
    ids = cast("Sequence[int]", order)
    for place, sampler in enumerate(ids):
        if not 0 <= sampler < len(SAMPLERS):
            raise InvalidRequestError(
                f"order holds {sampler:d}, and sampler ids are 0 to {len(SAMPLERS) - 1}", parameter="order"
            )
        if sampler in ids[:place]:
            raise InvalidRequestError(f"order holds {SAMPLERS[sampler].name} ({sampler:d}) twice", parameter="order")
    return tuple(SamplerSlot(SAMPLERS[sampler].name, enabled=True) for sampler in ids)
