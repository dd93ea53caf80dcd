"""The configuration of one part of the context, its ``contextConfig``, and the meaning of its numbers.

Reading is lenient: a field that is missing or of a wrong type has the default of its kind. Nothing is lost:
`ContextConfig.to_data` returns what was stored, with the fields that were changed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias, cast, get_args

from ..arguments import FLAG, INTEGER, NUMBER, TEXT, check_type, one_of
from ..errors import InvalidRequestError
from .json_records import (
    as_flag,
    as_integer,
    as_number,
    as_text,
    describe_expected,
    describe_mismatch,
    object_or_empty,
)

__all__ = [
    "DEFAULT_CONFIGS",
    "ContextConfig",
    "ContextKind",
    "ContextUnit",
    "TrimDirection",
    "make_config_reader",
    "resolve_token_amount",
]

TrimDirection: TypeAlias = Literal["trimTop", "trimBottom", "doNotTrim"]
"""What is dropped if a part does not fit: its beginning, its end, or all of it."""

ContextUnit: TypeAlias = Literal["newline", "sentence", "token"]
"""The unit of insertion positions and of trimming, from coarse to fine."""

_TRIM_DIRECTION: Final = one_of(*get_args(TrimDirection))
_UNIT: Final = one_of(*get_args(ContextUnit))


class ContextKind(StrEnum):
    """The kinds of context parts, in their natural order.

    See docs/protocol/content.md#85-order-and-reservation.
    """

    STORY = "story"
    MEMORY = "memory"
    AUTHORS_NOTE = "author's note"
    EPHEMERAL = "ephemeral"
    LORE = "lore"
    SUBCONTEXT = "sub-context"
    """The entries of a category, assembled separately; a sub-context counts as lore.

    See docs/protocol/content.md#84-sub-contexts.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextConfig:
    """The configuration of a context part; `DEFAULT_CONFIGS` has the default of each kind."""

    prefix: str = ""
    "Text in front of the trimmed text; its tokens count."
    suffix: str = ""
    "Text behind the trimmed text; its tokens count."
    token_budget: float = 1
    "The maximum size, in tokens or as a share of the context: see `budget`."
    reserved_tokens: float = 0
    "The reserved size, in tokens or as a share of the context: see `reservation`."
    budget_priority: float = 0
    "Parts with a higher priority get their tokens first."
    trim_direction: TrimDirection = "trimBottom"
    "What is dropped if the part does not fit."
    insertion_type: ContextUnit = "newline"
    "The unit of `insertion_position`."
    maximum_trim_type: ContextUnit = "sentence"
    "The finest unit for trimming."
    insertion_position: int = -1
    "Counted from the top if 0 or more, and from the bottom if negative: -1 is the end."
    allow_inner_insertion: bool = True
    "Whether the part may be inserted inside another."
    allow_insertion_inside: bool = False
    "Whether other parts may be inserted inside this one."
    data: Mapping[str, object] = field(default_factory=dict[str, object], repr=False, compare=False)
    "The stored object."
    read: Mapping[str, object] = field(default_factory=dict[str, object], repr=False, compare=False)
    "The values that were read from it, by Python names."

    def __post_init__(self) -> None:
        TEXT.check(self.prefix, "prefix")
        TEXT.check(self.suffix, "suffix")
        for name in ("token_budget", "reserved_tokens", "budget_priority"):
            number = getattr(self, name)
            NUMBER.check(number, name)
            if not math.isfinite(number):
                raise InvalidRequestError(f"{name} takes a finite number", parameter=name)
        _TRIM_DIRECTION.convert(self.trim_direction, "trim_direction")
        _UNIT.convert(self.insertion_type, "insertion_type")
        _UNIT.convert(self.maximum_trim_type, "maximum_trim_type")
        INTEGER.check(self.insertion_position, "insertion_position")
        for name in ("allow_inner_insertion", "allow_insertion_inside"):
            FLAG.check(getattr(self, name), name)

    @classmethod
    def from_data(cls, data: object, default: ContextConfig) -> ContextConfig:
        """Read a stored configuration, whatever the value is.

        Args:
            data: the value of ``contextConfig``.
            default: for fields that are missing or of a wrong type; usually one of `DEFAULT_CONFIGS`.
        """
        check_type(default, ContextConfig, "default", "a ContextConfig")
        stored = dict(object_or_empty(data))
        values: dict[str, Any] = {
            name: value
            for name, (wire, reader) in _FIELDS.items()
            if wire in stored and (value := reader(stored[wire])) is not None
        }
        config = replace(default, **values)
        return replace(config, data=stored, read={name: getattr(config, name) for name in _FIELDS})

    def find_problems(self, path: str) -> Iterator[str]:
        """Yield a sentence for each stored value that was not read; as `nai_proto.story.json_records.Checked`."""
        for name, (wire, reader) in _FIELDS.items():
            value = self.data.get(wire)
            read = as_number if reader is _read_tokens else reader
            if value is not None and read(value) is None:
                yield describe_mismatch(path + wire, value, describe_expected(getattr(_LORE, name)))

    def to_data(self) -> dict[str, object]:
        """Return the object to store: the stored one with the changed fields; all fields if nothing was stored."""
        now = {name: getattr(self, name) for name in _FIELDS}
        changed = {_FIELDS[name][0]: value for name, value in now.items() if self.read.get(name, _UNREAD) != value}
        return {**self.data, **changed}

    def budget(self, size: int) -> int:
        """Return the maximum number of tokens in a context of a size; the whole size if ``token_budget`` is 0 or less.

        See docs/protocol/content.md#83-budgets.
        """
        INTEGER.check(size, "size")
        return resolve_token_amount(self.token_budget, size) if self.token_budget > 0 else size

    def reservation(self, size: int) -> int:
        """Return the number of reserved tokens in a context of a size, at most the budget.

        See docs/protocol/content.md#85-order-and-reservation.
        """
        INTEGER.check(size, "size")
        return min(self.budget(size), resolve_token_amount(self.reserved_tokens, size))


def make_config_reader(default: ContextConfig) -> Callable[[object], ContextConfig | None]:
    """Return a reader of stored configurations, which returns None for a value that is no object.

    Args:
        default: as for `ContextConfig.from_data`.
    """
    return lambda value: ContextConfig.from_data(cast("object", value), default) if isinstance(value, dict) else None


def resolve_token_amount(number: float, size: int) -> int:
    """Return a number of tokens from a stored number.

    A number above 1 is tokens; a number up to 1 is a share of the size. Both are rounded down; 0 or less is 0 tokens.

    See docs/protocol/content.md#83-budgets.
    """
    return math.floor(number * size if number <= 1 else number) if number > 0 else 0


def _read_tokens(value: object) -> float:
    """Return a number, or 0 for any other value: 0 is the whole size as a budget, and nothing as a reservation.

    See docs/protocol/content.md#83-budgets.
    """
    return as_number(value) or 0


def _make_word_reader(words: object) -> Callable[[object], str | None]:
    known = frozenset(get_args(words))
    return lambda value: value if isinstance(value, str) and value in known else None


_UNREAD: Final = object()

_FIELDS: Final[Mapping[str, tuple[str, Callable[[object], object]]]] = {
    "prefix": ("prefix", as_text),
    "suffix": ("suffix", as_text),
    "token_budget": ("tokenBudget", _read_tokens),
    "reserved_tokens": ("reservedTokens", _read_tokens),
    "budget_priority": ("budgetPriority", as_number),
    "trim_direction": ("trimDirection", _make_word_reader(TrimDirection)),
    "insertion_type": ("insertionType", _make_word_reader(ContextUnit)),
    "maximum_trim_type": ("maximumTrimType", _make_word_reader(ContextUnit)),
    "insertion_position": ("insertionPosition", as_integer),
    "allow_inner_insertion": ("allowInnerInsertion", as_flag),
    "allow_insertion_inside": ("allowInsertionInside", as_flag),
}
"""By Python name: the stored name and the reader, which returns None for a value of another type."""

_LORE: Final = ContextConfig(suffix="\n", budget_priority=400)

DEFAULT_CONFIGS: Final[Mapping[ContextKind, ContextConfig]] = MappingProxyType(
    {
        ContextKind.STORY: ContextConfig(reserved_tokens=512, trim_direction="trimTop", allow_insertion_inside=True),
        ContextKind.MEMORY: ContextConfig(suffix="\n", budget_priority=800, insertion_position=0),
        ContextKind.AUTHORS_NOTE: ContextConfig(
            suffix="\n", reserved_tokens=1, budget_priority=-400, insertion_position=-4
        ),
        ContextKind.EPHEMERAL: ContextConfig(
            suffix="\n",
            reserved_tokens=1,
            budget_priority=-10_000,
            trim_direction="doNotTrim",
            maximum_trim_type="newline",
            insertion_position=-2,
        ),
        ContextKind.LORE: _LORE,
        ContextKind.SUBCONTEXT: _LORE,
    }
)
"""The current defaults; older files have 2048 where these have 1.

See docs/protocol/content.md#43-context-configuration-contextconfig.
"""
