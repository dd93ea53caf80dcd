"""The parameters of a text request, under the service's own names (native §9.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Literal, TypeAlias, TypedDict

__all__ = ["LogitBias", "Parameters", "Phrase", "PhraseRepPen"]

Phrase: TypeAlias = str | Sequence[int] | Mapping[str, object]
"""Text; token ids; ``{"sequence": phrase}``; or ``{"sequences": [phrase, …]}``, of which the first counts."""


class PhraseRepPen(StrEnum):
    """How hard repeated phrases are punished; equal to its word on the wire."""

    OFF = "off"
    VERY_LIGHT = "very_light"
    LIGHT = "light"
    MEDIUM = "medium"
    AGGRESSIVE = "aggressive"
    VERY_AGGRESSIVE = "very_aggressive"


class LogitBias(TypedDict):
    """One phrase made likelier or rarer (native §9.3); the service wants all four keys."""

    sequence: Sequence[int]
    bias: float
    ensure_sequence_finish: bool
    generate_once: bool


class Parameters(TypedDict, total=False):
    """What can be asked for, as it is sent. What is not given is not sent, or is what `Options` say."""

    temperature: float
    max_length: int
    min_length: int
    top_k: int
    top_p: float
    tail_free_sampling: float
    top_a: float
    typical_p: float
    cfg_scale: float
    cfg_uc: str
    cfg_alpha: float
    top_g: int
    mirostat_tau: float
    mirostat_lr: float
    math1_temp: float
    math1_quad: float
    math1_quad_entropy_scale: float
    min_p: float
    order: Sequence[int]
    repetition_penalty: float
    repetition_penalty_range: int
    repetition_penalty_slope: float
    repetition_penalty_frequency: float
    repetition_penalty_presence: float
    repetition_penalty_whitelist: Sequence[int]
    phrase_rep_pen: PhraseRepPen | Literal["off", "very_light", "light", "medium", "aggressive", "very_aggressive"]
    bad_words_ids: Sequence[Sequence[int]]
    stop_sequences: Sequence[Phrase]
    "What ends the answer, in place of the preset's; text needs the tokenizer."
    logit_bias: Sequence[tuple[int, float]]
    logit_bias_exp: Sequence[LogitBias]
    generate_until_sentence: bool
    return_full_text: bool
    use_cache: bool
    prefix: str
    num_logprobs: int
    bracket_ban: bool
    force_emotion: bool
    eos_token_id: int
    bos_token_id: int
    pad_token_id: int
    line_start_ids: Sequence[Sequence[int]]
    cropped_token: int
    valid_first_tokens: Sequence[int]
    do_sample: bool
    early_stopping: bool
    output_nonzero_probs: bool
    num_beams: float
    num_beam_groups: float
    num_return_sequences: int
    length_penalty: float
    diversity_penalty: float
    no_repeat_ngram_size: int
    encoder_no_repeat_ngram_size: int
    max_time: int
