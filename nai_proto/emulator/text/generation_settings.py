"""The parameters that decide how tokens are drawn and when it ends, in terms of ids.

See:
    docs/protocol/native.md#91-parameters--complete-list
    docs/protocol/native.md#93-logit_bias_exp
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["ALL_SAMPLERS", "GenerationSettings", "SequenceBias"]

ALL_SAMPLERS: Final = tuple(range(11))
"""In the order of their ids."""


@dataclass(frozen=True, slots=True)
class SequenceBias:
    """One entry of ``logit_bias_exp``.

    See docs/protocol/native.md#93-logit_bias_exp.
    """

    sequence: tuple[int, ...]
    "An empty one does nothing."
    bias: float
    "Added to the logit of the token that goes on with the sequence; positive makes it likelier."
    ensure_sequence_finish: bool = False
    "Once a token of the output has begun it, nothing but the rest comes."
    generate_once: bool = False
    "All this is over when the output has had the sequence."


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationSettings:
    """The parameters under their names on the wire; those that are text there are ids here.

    See docs/protocol/native.md#91-parameters--complete-list.

    The defaults change nothing. Where sources use 0 as well as 1 for *off*, both are. No value is refused: what is out
    of range does what its formula says, or the nearest thing. ``line_start_ids`` is left out, because no source says
    what it does, and so is ``cfg_alpha``.

    A token that a bias makes likelier, goes on with a sequence to finish, or is the only valid first one may come where
    the model does not expect it, so it has to be one of the vocabulary.
    """

    # How it ends.
    max_length: int = 40
    "Tokens at most; fewer than one is one."
    min_length: int = 1
    """No end token is drawn, and no stop sequence ends anything, before this many tokens are there; ``max_length`` is
    stronger."""
    generate_until_sentence: bool = False
    "After ``max_length``, up to 20 more tokens until a sentence ends."
    stop_sequences: tuple[tuple[int, ...], ...] = ()
    "What ends the generation when the output, without the prompt, ends with it. Empty ones do nothing."
    eos_ids: frozenset[int] = frozenset()
    "Tokens that end the generation."
    include_stop: bool = True
    "Whether the end token or stop sequence is part of the output (docs/protocol/native.md#18-open-points: not known)."

    # What may come.
    bad_words_ids: tuple[tuple[int, ...], ...] = ()
    """Sequences that the output never completes, also when they begin in the prompt. Empty ones do nothing. Where
    nothing else can come, the generation stops."""
    valid_first_tokens: frozenset[int] = frozenset()
    "What the first token must be one of; anything when empty."
    cropped_token: int | None = None
    "The prompt's last token, taken from it; the first new one begins with its text."

    # How the model's expectation is changed.
    logit_bias: tuple[tuple[int, float], ...] = ()
    "The old form: tokens, and what is added to their logits."
    logit_bias_exp: tuple[SequenceBias, ...] = ()
    repetition_penalty: float = 1.0
    repetition_penalty_range: int = 0
    "Tokens back from the end in which a repetition counts; 0 is all."
    repetition_penalty_slope: float = 0.0
    "0 is the same penalty in the whole range."
    repetition_penalty_frequency: float = 0.0
    repetition_penalty_presence: float = 0.0
    repetition_penalty_whitelist: frozenset[int] = frozenset()
    "Tokens that no penalty touches."
    phrase_rep_pen: str = "off"
    "A level of `PHRASE_LEVELS`; any other is off."

    # The samplers.
    temperature: float = 1.0
    "At 0 only the best candidates are left."
    top_k: int = 0
    top_p: float = 1.0
    tail_free_sampling: float = 1.0
    top_a: float = 0.0
    typical_p: float = 1.0
    cfg_scale: float = 1.0
    cfg_uc: tuple[int, ...] = ()
    "The opposing prompt; an empty one opposes as well."
    top_g: int = 0
    mirostat_tau: float = 0.0
    mirostat_lr: float = 1.0
    math1_temp: float = 1.0
    math1_quad: float = 0.0
    math1_quad_entropy_scale: float = 0.0
    math2_cubic: float = 0.0
    "``unified_cubic``. See docs/protocol/openai.md#5-unified-sampling."
    min_p: float = 0.0
    order: tuple[int, ...] = ALL_SAMPLERS
    """Sampler ids, first applied first; those not in `SAMPLERS` do nothing.

    See docs/protocol/native.md#92-sampler-ids-order.
    """

    num_logprobs: int | None = None
    "How many candidates to report before and after sampling; None reports nothing, not even the chosen one."
