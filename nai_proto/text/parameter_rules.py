"""What values the parameters of a text request may have, checked before anything is sent.

See:
    docs/protocol/native.md#91-parameters--complete-list
    docs/protocol/native.md#92-sampler-ids-order
    docs/protocol/native.md#93-logit_bias_exp
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, cast

from ..arguments import MAPPING, takes
from ..errors import InvalidRequestError, InvalidTypeError
from ..http import Host
from ..unknown_names import unknown_choice, unknown_parameter
from .model_kinds import check_native
from .models import Model
from .samplers import SAMPLERS, SamplerOrder
from .text_parameters import PhraseRepPen

__all__ = ["RULES", "ParameterKind", "ParameterRule", "check_parameters", "describe_value"]


class ParameterKind(StrEnum):
    """The types of parameters, in words that end "… takes"."""

    BOOLEAN = "true or false"
    INTEGER = "an integer"
    NUMBER = "a number"
    TEXT = "text"
    IDS = "a list of token ids"
    PHRASES = "a list of non-empty lists of token ids"
    ORDER = "a list of sampler ids"
    PHRASE_REP_PEN = "one of " + ", ".join(PhraseRepPen)
    PAIRS = "a list of pairs of a token id and a number"
    BIASES = "a list of objects with sequence, bias, ensure_sequence_finish and generate_once"

    def accepts(self, value: object) -> bool:
        """Return whether the value is of this type; a boolean is no number, nor is what is not finite."""
        return _CHECKS[self](value)

    def error_class(self, value: object) -> type[InvalidRequestError]:
        """Return the class of the error for a value that is not of this type: a number that is not finite is a number."""
        right = isinstance(
            value, float if self is ParameterKind.NUMBER else str if self is ParameterKind.PHRASE_REP_PEN else ()
        )
        return InvalidRequestError if right else InvalidTypeError


@dataclass(frozen=True, slots=True)
class ParameterRule:
    """What values one parameter may have."""

    kind: ParameterKind
    least: float | None = None
    most: float | None = None
    text_host_range: tuple[float, float] | None = None
    "The range on the text host, where it is another one."
    items: int | None = None
    "The most items on the text host; the api host has no documented limit."

    def range_on(self, host: Host | None) -> tuple[float | None, float | None]:
        """Return the least and the most on a host; None where there is no bound."""
        if self.text_host_range is not None and host is Host.TEXT:
            return self.text_host_range
        return self.least, self.most

    def describe(self, host: Host | None = None) -> str:
        """Return what is allowed on a host, in words that end "… takes": ``"a number from 0 to 1"``."""
        least, most = self.range_on(host)
        if most is not None:
            return f"{self.kind} from {least:g} to {most:g}"
        return f"{self.kind}" if least is None else f"{self.kind} not below {least:g}"


_NUMBER: Final = ParameterRule(ParameterKind.NUMBER)
_INTEGER: Final = ParameterRule(ParameterKind.INTEGER)
_BOOLEAN: Final = ParameterRule(ParameterKind.BOOLEAN)
_TEXT: Final = ParameterRule(ParameterKind.TEXT)
_SHARE: Final = ParameterRule(ParameterKind.NUMBER, 0, 1)
_POSITIVE: Final = ParameterRule(ParameterKind.NUMBER, 0)
_LENGTH: Final = ParameterRule(ParameterKind.INTEGER, 1, 2048)
_ADDED: Final = ParameterRule(ParameterKind.NUMBER, -2, 2, text_host_range=(-16, 16))

RULES: Final[Mapping[str, ParameterRule]] = {
    "temperature": ParameterRule(ParameterKind.NUMBER, 0.1, 100),
    "max_length": _LENGTH,
    "min_length": _LENGTH,
    "top_k": ParameterRule(ParameterKind.INTEGER, 0),
    "top_p": _SHARE,
    "tail_free_sampling": _SHARE,
    "top_a": _POSITIVE,
    "typical_p": _SHARE,
    "cfg_scale": _POSITIVE,
    "cfg_uc": _TEXT,
    "cfg_alpha": _SHARE,
    "top_g": ParameterRule(ParameterKind.INTEGER, 0, 65_536),
    "mirostat_tau": _POSITIVE,
    "mirostat_lr": _SHARE,
    "math1_temp": _NUMBER,
    "math1_quad": _NUMBER,
    "math1_quad_entropy_scale": _NUMBER,
    "min_p": _SHARE,
    "order": ParameterRule(ParameterKind.ORDER),
    "repetition_penalty": ParameterRule(ParameterKind.NUMBER, 1, 8),
    "repetition_penalty_range": ParameterRule(ParameterKind.INTEGER, 0, 8192),
    "repetition_penalty_slope": ParameterRule(ParameterKind.NUMBER, 0, 10),
    "repetition_penalty_frequency": _ADDED,
    "repetition_penalty_presence": _ADDED,
    "repetition_penalty_whitelist": ParameterRule(ParameterKind.IDS),
    "phrase_rep_pen": ParameterRule(ParameterKind.PHRASE_REP_PEN),
    "bad_words_ids": ParameterRule(ParameterKind.PHRASES, items=2048),
    "stop_sequences": ParameterRule(ParameterKind.PHRASES, items=1024),
    "logit_bias": ParameterRule(ParameterKind.PAIRS),
    "logit_bias_exp": ParameterRule(ParameterKind.BIASES, items=1024),
    "generate_until_sentence": _BOOLEAN,
    "use_string": _BOOLEAN,
    "return_full_text": _BOOLEAN,
    "use_cache": _BOOLEAN,
    "prefix": _TEXT,
    "num_logprobs": ParameterRule(ParameterKind.INTEGER, 0, 30),
    "bracket_ban": _BOOLEAN,
    "force_emotion": _BOOLEAN,
    "eos_token_id": _INTEGER,
    "bos_token_id": _INTEGER,
    "pad_token_id": _INTEGER,
    "line_start_ids": ParameterRule(ParameterKind.PHRASES),
    "cropped_token": _INTEGER,
    "valid_first_tokens": ParameterRule(ParameterKind.IDS),
    "do_sample": _BOOLEAN,
    "early_stopping": _BOOLEAN,
    "next_word": _BOOLEAN,
    "output_nonzero_probs": _BOOLEAN,
    "get_hidden_states": _BOOLEAN,
    "num_beams": _NUMBER,
    "num_beam_groups": _NUMBER,
    "num_return_sequences": _INTEGER,
    "length_penalty": _NUMBER,
    "diversity_penalty": _NUMBER,
    "no_repeat_ngram_size": _INTEGER,
    "encoder_no_repeat_ngram_size": _INTEGER,
    "max_time": _INTEGER,
}
"""By parameter."""

_OWNER: Final = {key: row.id for row in SAMPLERS for key in row.keys}
"""The sampler that a parameter belongs to, by parameter."""

_OPTIONS: Final = "model preset settings module bans biases text_adventure tokenizer validate extra"
"""The names of `TextOptions` that are no parameters, and may have been meant."""


@takes(parameters=MAPPING)
def check_parameters(parameters: Mapping[str, object], model: Model | str) -> None:
    """Raise for what the service would refuse or misread.

    Args:
        parameters: of a text request, by name.
        model: which model, or its id or name.

    Raises:
        InvalidRequestError: a name, a type, a range, a number of items or a sampler is wrong for this model, or the native
            endpoints do not serve it. Names the parameter, its value unless it is text, what is allowed, and the model.
    """
    model = Model.named(model)
    check_native(model)
    for name, value in parameters.items():
        rule = RULES.get(name)
        if rule is None:
            raise unknown_parameter(name, (*RULES, *_OPTIONS.split()), "a text request")
        if (
            rule.kind is ParameterKind.PHRASE_REP_PEN
            and isinstance(value, str)
            and value not in frozenset(PhraseRepPen)
        ):
            raise unknown_choice(value, "phrase repetition penalty", PhraseRepPen, parameter=name)
        if rule.kind is ParameterKind.ORDER and (unknown := _find_unknown_sampler(value)) is not None:
            raise unknown_choice(unknown, "sampler", [each.name for each in SAMPLERS], parameter=name)
        if not rule.kind.accepts(value):
            raise rule.kind.error_class(value)(
                f"{name} is {describe_value(value)}, and {model.id} takes {rule.describe(_get_host(rule, model))}",
                parameter=name,
            )
        if name in _OWNER and not model.has_sampler(_OWNER[name]):
            raise InvalidRequestError(f"{name} belongs to a sampler that {model.id} does not take", parameter=name)
        if isinstance(value, int | float):
            _check_range(name, value, rule, model)
        elif isinstance(value, Sequence) and not isinstance(value, str):
            _check_items(name, cast("Sequence[object]", value), rule, model)


def _find_unknown_sampler(order: object) -> str | None:
    """Return the first text of an order that is no sampler's name; None without one."""
    items = cast("Sequence[object]", order) if isinstance(order, list | tuple) else ()
    words = [each for each in items if isinstance(each, str)]
    return next((each for each in words if each not in [sampler.name for sampler in SAMPLERS]), None)


def _check_range(name: str, value: float, rule: ParameterRule, model: Model) -> None:
    host = _get_host(rule, model)
    least, most = rule.range_on(host)
    if (least is not None and value < least) or (most is not None and value > most):
        raise InvalidRequestError(f"{name} is {value!r}, and {model.id} takes {rule.describe(host)}", parameter=name)


def _get_host(rule: ParameterRule, model: Model) -> Host | None:
    """Return the host whose range the model has; None where all hosts have one."""
    return model.host if rule.text_host_range is not None else None


def _check_items(name: str, items: Sequence[object], rule: ParameterRule, model: Model) -> None:
    if rule.items is not None and len(items) > rule.items and model.host is Host.TEXT:
        raise InvalidRequestError(
            f"{name} has {len(items)} items, and {model.id} takes at most {rule.items}", parameter=name
        )
    if rule.kind is ParameterKind.ORDER:
        _check_order(cast("Sequence[int]", items), model)
    else:
        largest = max((token for item in items for token in _token_ids(item, rule.kind)), default=0)
        if largest >= 65_536 and largest >= 256**model.token_width:
            raise InvalidRequestError(
                f"{name} holds the token id {largest}, which no tokenizer of {model.id} has", parameter=name
            )


def _check_order(order: Sequence[int], model: Model) -> None:
    for place, sampler in enumerate(order):
        if not 0 <= sampler < len(SAMPLERS):
            raise InvalidRequestError(
                f"order holds {sampler:d}, and sampler ids are 0 to {len(SAMPLERS) - 1}", parameter="order"
            )
        if sampler in order[:place]:
            raise InvalidRequestError(f"order holds {SAMPLERS[sampler].name} ({sampler:d}) twice", parameter="order")
        if not model.has_sampler(SamplerOrder(sampler)):
            raise InvalidRequestError(
                f"order holds {SAMPLERS[sampler].name} ({sampler:d}), which {model.id} does not take", parameter="order"
            )


def describe_value(value: object) -> str:
    """Return a value for a message: a number as it is, of anything else the type, since texts are private."""
    return repr(value) if isinstance(value, int | float) else f"a {type(value).__name__}"


# ---- types


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return _is_integer(value) or (isinstance(value, float) and math.isfinite(value))


def _is_id(value: object) -> bool:
    return _is_integer(value) and cast("int", value) >= 0


def _is_list(value: object, of: Callable[[object], bool], least: int = 0) -> bool:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes | bytearray):
        return False
    items = cast("Sequence[object]", value)
    return len(items) >= least and all(map(of, items))


def _is_phrase(value: object) -> bool:
    return _is_list(value, _is_id, 1)


def _is_pair(value: object) -> bool:
    items = cast("Sequence[object]", value)
    return _is_list(value, _is_number, 2) and len(items) == 2 and _is_id(items[0])


def _is_bias(value: object) -> bool:
    if not isinstance(value, Mapping):
        return False
    entry = cast("Mapping[object, object]", value)
    flags = (entry.get("ensure_sequence_finish"), entry.get("generate_once"))
    return (
        _is_phrase(entry.get("sequence"))
        and _is_number(entry.get("bias"))
        and all(isinstance(flag, bool) for flag in flags)
    )


def _token_ids(item: object, kind: ParameterKind) -> Sequence[int]:
    """Return the token ids in an item of a list of this kind."""
    if isinstance(item, int):
        return (item,)
    if isinstance(item, Mapping):
        return cast("Sequence[int]", cast("Mapping[str, object]", item)["sequence"])
    phrase = cast("Sequence[int]", item)
    return phrase[:1] if kind is ParameterKind.PAIRS else phrase


_CHECKS: Final[Mapping[ParameterKind, Callable[[object], bool]]] = {
    ParameterKind.BOOLEAN: lambda value: isinstance(value, bool),
    ParameterKind.INTEGER: _is_integer,
    ParameterKind.NUMBER: _is_number,
    ParameterKind.TEXT: lambda value: isinstance(value, str),
    ParameterKind.IDS: lambda value: _is_list(value, _is_id),
    ParameterKind.PHRASES: lambda value: _is_list(value, _is_phrase),
    ParameterKind.ORDER: lambda value: _is_list(value, _is_integer),
    ParameterKind.PHRASE_REP_PEN: lambda value: isinstance(value, str) and value in frozenset(PhraseRepPen),
    ParameterKind.PAIRS: lambda value: _is_list(value, _is_pair),
    ParameterKind.BIASES: lambda value: _is_list(value, _is_bias),
}
