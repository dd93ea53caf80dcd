"""Global settings: what a client adds to every request, whatever the preset.

See docs/protocol/native.md#13-global-settings.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Final, Self, TypedDict

from ..arguments import FLAG, INTEGER, convert_fields, record, takes
from ..unknown_names import unknown_choice
from .models import MODEL, Model
from .phrases import BanList, BiasGroup
from .text_parameters import LogitBias
from .wordlists import find_wordlist

if TYPE_CHECKING:
    from typing import Unpack

__all__ = ["ALWAYS_SENT", "NO_LOGPROBS", "SETTINGS", "GlobalSettings", "build_adventure_bans"]

NO_LOGPROBS: Final = -1
"""The value of `GlobalSettings.num_logprobs` that asks for none."""


class _SettingChanges(TypedDict, total=False):
    generate_until_sentence: bool
    num_logprobs: int
    ban_brackets: bool
    bias_dinkus_asterism: bool
    ban_ambiguous_genji_tokens: bool
    rep_pen_whitelist: bool


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class GlobalSettings:
    """The switches of a client; the defaults are those of other clients.

    The repr shows those that differ from their defaults.
    """

    generate_until_sentence: bool = False
    "Go on for up to 20 tokens after ``max_length``, to the end of a sentence."
    num_logprobs: int = 10
    "How many candidates to report for each token, 0 to 30; `NO_LOGPROBS` for an answer without log probabilities."
    ban_brackets: bool = True
    "Ban brackets and braces, which belong to the prompt's own markup."
    bias_dinkus_asterism: bool = False
    "Make ``***`` and ``⁂`` rarer, the marks of a new scene."
    ban_ambiguous_genji_tokens: bool = True
    "Genji only: ban ids that are no whole characters, for which the service often fails."
    rep_pen_whitelist: bool = True
    "No repetition penalty for the commonest words."

    def __post_init__(self) -> None:
        flags = (each for each in _SettingChanges.__annotations__ if each != "num_logprobs")
        convert_fields(self, num_logprobs=INTEGER, **dict.fromkeys(flags, FLAG))

    def __repr__(self) -> str:
        values = ((each, getattr(self, each.name)) for each in fields(self))
        changed = (f"{each.name}={value!r}" for each, value in values if value != each.default)
        return f"{type(self).__name__}({', '.join(changed)})"

    def copy(self, **changes: Unpack[_SettingChanges]) -> Self:
        """Return these settings with some of them changed.

        Raises:
            InvalidRequestError: there is no such setting, or one is of another type.
        """
        for name in changes:
            if name not in _SettingChanges.__annotations__:
                raise unknown_choice(name, "global setting", _SettingChanges.__annotations__, parameter=name)
        return replace(self, **changes)

    def bans(self, model: Model | str) -> list[list[int]]:
        """Return the ids to ban: brackets, then Genji's.

        Raises:
            InvalidRequestError: nothing is known of the model's tokenizer.
        """
        model = Model.named(model)
        if not (self.ban_brackets or self.ban_ambiguous_genji_tokens):
            return []
        lists = find_wordlist(model.tokenizer)
        brackets = lists.brackets if self.ban_brackets else ()
        ambiguous = lists.ambiguous if self.ban_ambiguous_genji_tokens else ()
        return [[*phrase] for phrase in (*brackets, *ambiguous)]

    def biases(self, model: Model | str) -> list[LogitBias]:
        """Return the biases of the dinkus and the asterism; raise as `bans`."""
        model = Model.named(model)
        if not self.bias_dinkus_asterism:
            return []
        lists = find_wordlist(model.tokenizer)
        return BiasGroup(lists.dinkus_bias, phrases=lists.dinkus).encode()

    def whitelist(self, model: Model | str, *, on: bool = False) -> list[int]:
        """Return the ids without repetition penalty, if the setting or ``on`` is true; raise as `bans`."""
        wanted = FLAG.convert(on, "on") or self.rep_pen_whitelist
        model = Model.named(model)
        return [*find_wordlist(model.tokenizer).whitelist] if wanted else []

    def to_settings(self, model: Model | str) -> dict[str, object]:
        """Return what they add to the parameters of a request; empty lists are left out.

        Raises:
            InvalidRequestError: nothing is known of the model's tokenizer.
        """
        model = Model.named(model)
        parameters: dict[str, object] = {**ALWAYS_SENT, "generate_until_sentence": self.generate_until_sentence}
        if self.num_logprobs != NO_LOGPROBS:
            parameters["num_logprobs"] = self.num_logprobs
        if self.ban_brackets:
            parameters["bracket_ban"] = True  # off is no key, not false
        lists = {
            "repetition_penalty_whitelist": self.whitelist(model),
            "bad_words_ids": self.bans(model),
            "logit_bias_exp": self.biases(model),
        }
        return parameters | {name: entries for name, entries in lists.items() if entries}


ALWAYS_SENT: Final = {"return_full_text": False, "use_string": False, "use_cache": False}
"""Sent with every request, whatever the settings."""


SETTINGS: Final = record(GlobalSettings, "GlobalSettings or a mapping of them")
"""The type of a parameter that is global settings."""


@takes(model=MODEL)
def build_adventure_bans(model: Model | str) -> BanList:
    """Return bans that keep a text adventure from ending at once while its context is short.

    See docs/protocol/native.md#98-model-heads-preamble-and-special-token-use.

    Args:
        model: which model, or its id or name.

    Raises:
        InvalidRequestError: nothing is known of the model's tokenizer.
    """
    return BanList(*find_wordlist(Model.named(model).tokenizer).adventure_opening)
