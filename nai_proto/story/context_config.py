"""How one part of the context is treated: its ``contextConfig``, and what its numbers mean.

A stored configuration is read with patience: what is missing, or of a wrong type, is the default of its kind. Nothing is
lost by that: `ContextConfig.to_data` gives back what was stored, but for what was changed since.

See:
    docs/protocol/content.md#43-context-configuration-contextconfig
    docs/protocol/content.md#83-budgets
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias, get_args

from ..arguments import FLAG, INTEGER, NUMBER, TEXT, check_type, one_of
from ..errors import InvalidRequestError
from .json_records import as_flag, as_integer, as_number, as_text, object_or_empty

__all__ = ["DEFAULT_CONFIGS", "ContextConfig", "ContextKind", "ContextUnit", "TrimDirection", "resolve_token_amount"]

TrimDirection: TypeAlias = Literal["trimTop", "trimBottom", "doNotTrim"]
"""What is dropped where not all fits: the beginning, the end, or all of it."""

ContextUnit: TypeAlias = Literal["newline", "sentence", "token"]
"""What is counted or cut, from coarse to fine."""

_TRIM_DIRECTION: Final = one_of(*get_args(TrimDirection))
_UNIT: Final = one_of(*get_args(ContextUnit))


class ContextKind(StrEnum):
    """What a part of the context is; their natural order.

    See docs/protocol/content.md#85-order-and-reservation.
    """

    STORY = "story"
    MEMORY = "memory"
    AUTHORS_NOTE = "author's note"
    EPHEMERAL = "ephemeral"
    LORE = "lore"
    SUBCONTEXT = "sub-context"
    """The entries of a category, put together by themselves; it counts as lore.

    See docs/protocol/content.md#84-sub-contexts.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextConfig:
    """How a part of the context is treated; `DEFAULT_CONFIGS` has the usual one of each kind."""

    prefix: str = ""
    "Put in front of the trimmed text; counts."
    suffix: str = ""
    "Put behind the trimmed text; counts."
    token_budget: float = 1
    "The most that it may take, in tokens or as a share of the context: see `budget`."
    reserved_tokens: float = 0
    "What is kept free for it beforehand, likewise: see `reservation`."
    budget_priority: float = 0
    "Higher is served first."
    trim_direction: TrimDirection = "trimBottom"
    "What is dropped where not all fits."
    insertion_type: ContextUnit = "newline"
    "What `insertion_position` counts."
    maximum_trim_type: ContextUnit = "sentence"
    "The finest cut."
    insertion_position: int = -1
    "0 and more is counted from the top, less from the bottom: -1 is the end."
    allow_inner_insertion: bool = True
    "May it be put inside of another?"
    allow_insertion_inside: bool = False
    "May another be put inside of it?"
    data: Mapping[str, object] = field(default_factory=dict[str, object], repr=False, compare=False)
    "As it was stored."
    read: Mapping[str, object] = field(default_factory=dict[str, object], repr=False, compare=False)
    "What that was read as, by the names here."

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
        """What is stored, whatever it is.

        Args:
            data: the value of ``contextConfig``.
            default: for what is missing or of a wrong type; one of `DEFAULT_CONFIGS`, mostly.
        """
        check_type(default, ContextConfig, "default", "a ContextConfig")
        stored = dict(object_or_empty(data))
        told: dict[str, Any] = {
            name: value
            for name, (wire, reader) in _FIELDS.items()
            if wire in stored and (value := reader(stored[wire])) is not None
        }
        made = replace(default, **told)
        return replace(made, data=stored, read={name: getattr(made, name) for name in _FIELDS})

    def to_data(self) -> dict[str, object]:
        """What is to be stored: what was, with the fields that have changed since; all fields of one that is new."""
        now = {name: getattr(self, name) for name in _FIELDS}
        changed = {_FIELDS[name][0]: value for name, value in now.items() if self.read.get(name, _UNREAD) != value}
        return {**self.data, **changed}

    def budget(self, size: int) -> int:
        """The most tokens it may take in a context of this size: all where ``token_budget`` is 0 or less.

        See docs/protocol/content.md#83-budgets.
        """
        INTEGER.check(size, "size")
        return resolve_token_amount(self.token_budget, size) if self.token_budget > 0 else size

    def reservation(self, size: int) -> int:
        """The tokens that are kept for it in a context of this size, at most its budget.

        See docs/protocol/content.md#85-order-and-reservation.
        """
        INTEGER.check(size, "size")
        return min(self.budget(size), resolve_token_amount(self.reserved_tokens, size))


def resolve_token_amount(number: float, size: int) -> int:
    """Tokens, as a number above 1 says, without its fraction; up to and with 1 a share of the size, rounded down.

    0 and less is none.

    See docs/protocol/content.md#83-budgets.
    """
    return math.floor(number * size if number <= 1 else number) if number > 0 else 0


def _read_tokens(value: object) -> float:
    """No number is 0: all, as a budget; none, as a reservation.

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
"""Name, name as it is stored, reader: None is what it could not read."""

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
"""The newer defaults; files from before say 2048 where these have 1.

See docs/protocol/content.md#43-context-configuration-contextconfig.
"""
