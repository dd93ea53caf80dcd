"""The settings of a preset: their names, their types, and its list of samplers.

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
from .parameters import Phrase, PhraseRepPen
from .phrases import plain
from .rules import RULES, Kind, nearest, shown
from .samplers import SAMPLERS, Order

__all__ = ["DEFAULTS", "FIELDS", "Fields", "Slot", "checked", "field", "flat", "kind_of", "listed", "slots"]


class Fields:
    """The settings that a preset has as items and as attributes; None is a setting that it does not have."""

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


FIELDS: Final = frozenset(Fields.__annotations__)

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
        "order": tuple(Order),
        "phrase_rep_pen": PhraseRepPen.OFF,
    }
)
"""Neutral values, to show and to compare with; never sent by themselves."""


def field(name: str) -> str:
    """The name of a setting.

    Raises:
        InvalidRequestError: it is none.
    """
    if TEXT.convert(name, "name") not in FIELDS:
        hint = "; that is given to the request" if name in RULES else nearest(name, [*FIELDS])
        raise InvalidRequestError(f"a preset has no setting {name!r}{hint}", parameter=name)
    return name


_KINDS: Final = {"textGenerationSettingsVersion": Kind.INTEGER, "repetition_penalty_default_whitelist": Kind.BOOLEAN}


def kind_of(name: str) -> Kind:
    """The type of a setting."""
    return _KINDS.get(name) or RULES[name].kind


def checked(name: str, value: object) -> object:
    """A copy of a setting's value, after a look at its name and type; `rules.check` looks at ranges.

    Raises:
        InvalidRequestError: there is no such setting, or the type is wrong.
    """
    kind = kind_of(field(name))
    if name == "stop_sequences":
        listed(value)
    elif not kind.holds(flat(value) if name == "repetition_penalty_whitelist" else value):
        raise kind.error(value)(f"{name} of a preset is {kind}, not {shown(value)}", parameter=name)
    return PhraseRepPen(cast("str", value)) if kind is Kind.PHRASE_REP_PEN else deepcopy(value)


def listed(value: object) -> Sequence[Phrase]:
    """Stop sequences, each of which has to be a phrase.

    Raises:
        InvalidRequestError: one is none, or they are no list: a text alone would be taken for its letters.
    """
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Sequence):
        raise InvalidTypeError(
            "stop_sequences is a list of phrases, also where there is only one", parameter="stop_sequences"
        )
    for phrase in cast("Sequence[object]", value):
        plain(phrase, "stop_sequences")
    return cast("Sequence[Phrase]", value)


def flat(ids: object) -> object:
    """A list of ids and of lists of ids as a list of ids; anything else as it is.

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
class Slot:
    """A sampler's place in a preset, and whether it is on."""

    name: str
    "As files have it."
    enabled: bool
    rest: Mapping[str, object] = dataclasses.field(default_factory=dict[str, object], hash=False)
    "What else a file said about it."

    @property
    def sampler(self) -> Order | None:
        """None where the name is not known; such a sampler is kept for the file, and is not sent."""
        return _ORDERS.get(self.name)


_ORDERS: Final = {row.name: row.id for row in SAMPLERS}


def slots(order: object) -> tuple[Slot, ...]:
    """The places of samplers given by id, all on.

    Raises:
        InvalidRequestError: an id is unknown, stands there twice, or is none.
    """
    if not Kind.ORDER.holds(order):
        raise InvalidTypeError(f"order of a preset is {Kind.ORDER}, not {shown(order)}", parameter="order")
    ids = cast("Sequence[int]", order)
    for place, sampler in enumerate(ids):
        if not 0 <= sampler < len(SAMPLERS):
            raise InvalidRequestError(
                f"order holds {sampler:d}, and sampler ids are 0 to {len(SAMPLERS) - 1}", parameter="order"
            )
        if sampler in ids[:place]:
            raise InvalidRequestError(f"order holds {SAMPLERS[sampler].name} ({sampler:d}) twice", parameter="order")
    return tuple(Slot(SAMPLERS[sampler].name, enabled=True) for sampler in ids)
