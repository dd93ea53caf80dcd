"""The settings of a generation: how tokens are drawn and when it ends, in token ids.

See:
    docs/protocol/native.md#91-parameters--complete-list
    docs/protocol/native.md#93-logit_bias_exp
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["ALL_SAMPLERS", "GenerationSettings", "SequenceBias"]

ALL_SAMPLERS: Final = tuple(range(11))
"""The ids of all samplers, in ascending order."""


@dataclass(frozen=True, slots=True)
class SequenceBias:
    """A bias towards or against a sequence of tokens: one entry of ``logit_bias_exp``."""

    sequence: tuple[int, ...]
    "An empty one does nothing."
    bias: float
    "Added to the logit of the token that continues the sequence; a positive one makes it likelier."
    ensure_sequence_finish: bool = False
    "Once the output has begun the sequence, only the rest of it can follow."
    generate_once: bool = False
    "The bias ends when the output contains the sequence."


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationSettings:
    """The parameters of a generation under their names on the wire; texts are token ids here.

    The defaults change nothing. Where sources use both 0 and 1 for *off*, both are. No value is refused: one that is out
    of range has the effect that its formula gives, or the nearest one. ``line_start_ids`` is left out, because no source
    says what it does.

    Biases, ``ensure_sequence_finish`` and ``valid_first_tokens`` can bring up a token that the model does not expect. It
    must be a token of the vocabulary.
    """

    # Its length and its end.
    max_length: int = 40
    "The most tokens; values below 1 count as 1."
    min_length: int = 1
    """The fewest tokens: before, no end token is drawn, and no stop sequence ends the generation. ``max_length`` takes
    precedence."""
    generate_until_sentence: bool = False
    "Generate up to 20 more tokens after ``max_length``, until a sentence ends?"
    stop_sequences: tuple[tuple[int, ...], ...] = ()
    "Sequences that end the generation when the output, without the prompt, ends with one. Empty ones do nothing."
    eos_ids: frozenset[int] = frozenset()
    "Tokens that end the generation."
    include_stop: bool = True
    "Is the end token or stop sequence part of the output? (docs/protocol/native.md#18-open-points: not known)."

    # Which tokens are allowed.
    bad_words_ids: tuple[tuple[int, ...], ...] = ()
    """Sequences that the output never completes, even if they begin in the prompt. Empty ones do nothing. If all
    candidates are banned, the generation stops."""
    valid_first_tokens: frozenset[int] = frozenset()
    "The allowed first tokens; all if empty."
    no_repeat_ngram_size: int = 0
    "How long sequences are that may not come twice, in prompt and output together; 0 is off."
    encoder_no_repeat_ngram_size: int = 0
    "How long sequences of the prompt are that may not come again; 0 is off."
    cropped_token: int | None = None
    "The token that was cut off the prompt's end; the text of the first new token begins with its text."

    # Biases and penalties.
    logit_bias: tuple[tuple[int, float], ...] = ()
    "The old form of biases: tokens, and what is added to their logits."
    logit_bias_exp: tuple[SequenceBias, ...] = ()
    repetition_penalty: float = 1.0
    repetition_penalty_range: int = 0
    "How many of the last tokens count as repeated; 0 is all."
    repetition_penalty_slope: float = 0.0
    "0 is the same penalty over the whole range."
    repetition_penalty_frequency: float = 0.0
    repetition_penalty_presence: float = 0.0
    repetition_penalty_whitelist: frozenset[int] = frozenset()
    "Tokens without penalties."
    phrase_rep_pen: str = "off"
    "A level of `PHRASE_LEVELS`; any other is off."

    # The samplers.
    do_sample: bool = True
    "Draw a token from what the samplers leave, or take the best one and leave the samplers out?"
    temperature: float = 1.0
    "At 0 only the best candidates are kept."
    top_k: int = 0
    top_p: float = 1.0
    tail_free_sampling: float = 1.0
    top_a: float = 0.0
    typical_p: float = 1.0
    cfg_scale: float = 1.0
    cfg_uc: tuple[int, ...] = ()
    "The opposing prompt of guidance; an empty one has an effect as well."
    cfg_alpha: float = 1.0
    "How much of guidance counts: at 0 none, at 1 all."
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
    """Sampler ids in the order of application; those that are not in `SAMPLERS` do nothing.

    See docs/protocol/native.md#92-sampler-ids-order.
    """

    num_logprobs: int | None = None
    "How many candidates are reported before and after sampling; None reports nothing, not even the chosen token."
