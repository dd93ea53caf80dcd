"""Token ids that global settings stand for, by tokenizer; the lists are loaded when one is first needed.

See docs/protocol/native.md#13-global-settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Final

from ...unknown_names import unknown_choice

__all__ = ["Wordlist", "find_wordlist", "parse_ids", "parse_phrases"]


@dataclass(frozen=True, slots=True)
class Wordlist:
    """The lists of one tokenizer."""

    brackets: tuple[tuple[int, ...], ...] = ()
    "Phrases with square brackets or braces, which belong to the prompt's own markup."
    ambiguous: tuple[tuple[int, ...], ...] = ()
    "Genji only: without a ban of these the service often fails."
    whitelist: tuple[int, ...] = ()
    "Words so common that the repetition penalty leaves them out."
    dinkus: tuple[tuple[int, ...], ...] = ()
    "``***`` and ``⁂``."
    dinkus_bias: float = 0.0
    adventure_end: int | None = None
    """The ``>`` before a player's next action, where an answer of a text adventure ends.

    See docs/protocol/native.md#98-model-heads-preamble-and-special-token-use.
    """
    adventure_opening: tuple[tuple[int, ...], ...] = ()
    "The same at the start of a line; banned while the context is short."


_NAMES: Final = {
    "gpt2": "GPT2",
    "gpt2-genji": "GENJI",
    "pile": "PILE",
    "nerdstash_v1": "NERDSTASH_V1",
    "nerdstash_v2": "NERDSTASH_V2",
    "llama3": "LLAMA3",
}


def find_wordlist(tokenizer: str) -> Wordlist:
    """Return the lists for a tokenizer.

    Args:
        tokenizer: its name (`Model.tokenizer`).

    Raises:
        UnknownChoiceError: there are no lists for it.
    """
    if tokenizer not in _NAMES:
        raise unknown_choice(
            tokenizer,
            "tokenizer with bracket bans, whitelists and biases",
            _NAMES,
            parameter="model",
            advice="settings=None switches these global settings off",
        )
    words: Wordlist = getattr(import_module(".tables", __name__), _NAMES[tokenizer])
    return words


def parse_phrases(text: str) -> tuple[tuple[int, ...], ...]:
    """Parse phrases as these tables write them: the ids of a phrase joined by ``+``."""
    return tuple(tuple(map(int, phrase.split("+"))) for phrase in text.split())


def parse_ids(text: str) -> tuple[int, ...]:
    """Parse ids as these tables write them."""
    return tuple(map(int, text.split()))
