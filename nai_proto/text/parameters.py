"""The parameters of a text request, under the service's own names.

See docs/protocol/native.md#91-parameters--complete-list.
"""

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
    """One phrase made likelier or rarer; the service wants all four keys.

    See docs/protocol/native.md#93-logit_bias_exp.
    """

    sequence: Sequence[int]
    bias: float
    ensure_sequence_finish: bool
    generate_once: bool


class Parameters(TypedDict, total=False):
    """What can be asked for, as it is sent. What is not given, or is None, is not sent, or is what `Options` say."""

    temperature: float | None
    max_length: int | None
    min_length: int | None
    top_k: int | None
    top_p: float | None
    tail_free_sampling: float | None
    top_a: float | None
    typical_p: float | None
    cfg_scale: float | None
    cfg_uc: str | None
    cfg_alpha: float | None
    top_g: int | None
    mirostat_tau: float | None
    mirostat_lr: float | None
    math1_temp: float | None
    math1_quad: float | None
    math1_quad_entropy_scale: float | None
    min_p: float | None
    order: Sequence[int] | None
    repetition_penalty: float | None
    repetition_penalty_range: int | None
    repetition_penalty_slope: float | None
    repetition_penalty_frequency: float | None
    repetition_penalty_presence: float | None
    repetition_penalty_whitelist: Sequence[int] | None
    phrase_rep_pen: (
        PhraseRepPen | Literal["off", "very_light", "light", "medium", "aggressive", "very_aggressive"] | None
    )
    bad_words_ids: Sequence[Sequence[int]] | None
    stop_sequences: Sequence[Phrase] | None
    "What ends the answer, in place of the preset's; text needs the tokenizer."
    logit_bias: Sequence[tuple[int, float]] | None
    logit_bias_exp: Sequence[LogitBias] | None
    generate_until_sentence: bool | None
    return_full_text: bool | None
    use_cache: bool | None
    prefix: str | None
    num_logprobs: int | None
    bracket_ban: bool | None
    force_emotion: bool | None
    eos_token_id: int | None
    bos_token_id: int | None
    pad_token_id: int | None
    line_start_ids: Sequence[Sequence[int]] | None
    cropped_token: int | None
    valid_first_tokens: Sequence[int] | None
    do_sample: bool | None
    early_stopping: bool | None
    output_nonzero_probs: bool | None
    num_beams: float | None
    num_beam_groups: float | None
    num_return_sequences: int | None
    length_penalty: float | None
    diversity_penalty: float | None
    no_repeat_ngram_size: int | None
    encoder_no_repeat_ngram_size: int | None
    max_time: int | None
