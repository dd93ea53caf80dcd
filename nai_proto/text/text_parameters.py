"""The parameters of a text request, as the service takes them.

Each parameter is described twice in the same words: under its key, where an editor shows it, and in the class docstring,
where ``help(TextOptions)`` does.

See:
    docs/protocol/native.md#91-parameters--complete-list
    docs/protocol/native.md#96-context-and-length-limits
    docs/protocol/native.md#11-token-encoding-and-tokenizers
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Literal, TypeAlias, TypedDict

__all__ = ["LogitBias", "Phrase", "PhraseRepPen", "TextParameters", "list_inherited_options"]

Phrase: TypeAlias = str | Sequence[int] | Mapping[str, object]
"""Text; token ids; ``{"sequence": phrase}``; or ``{"sequences": [phrase, …]}``, of which the first counts."""


class PhraseRepPen(StrEnum):
    """How hard repeated phrases are penalised; equal to its word on the wire."""

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
    "Token ids of the phrase."
    bias: float
    "What is added to the logits: positive is likelier, negative rarer."
    ensure_sequence_finish: bool
    "Once the phrase has begun, make sure that it is finished."
    generate_once: bool
    "Apply only until the phrase has appeared once."


class TextParameters(TypedDict, total=False):
    """Parameters of a text request, under the service's own names.

    A parameter that is None or not given is not sent, unless a preset or another of the `TextOptions` sets it. The text host
    serves Kayra and Erato, the api host Clio and older models.

    See docs/protocol/native.md#91-parameters--complete-list.

    Parameters:
        temperature: Randomness of the choice of tokens, 0.1 to 100; 1 changes nothing, lower is more predictable.
        max_length: Most tokens to generate, 1 to 2048; the subscription allows 150, Opus 250. If not given: the
            preset's, else 40. With ``generate_until_sentence`` up to 20 more tokens come; a continued story has that on
            unless the story says otherwise.
        min_length: Fewest tokens to generate before a stop sequence or an end token may end the answer, 1 to 2048. If
            not given: the preset's, else 1; a text adventure has at least 5.
        top_k: Keep the ``top_k`` likeliest tokens, 0 or more; 0 is off.
        top_p: Keep the likeliest tokens whose probabilities add up to this, 0 to 1; 1 is off.
        tail_free_sampling: Cut the tail of unlikely tokens, 0 to 1; 1 is off.
        top_a: Drop tokens below this factor times the square of the best probability, 0 or more; 0 is off.
        typical_p: Keep the tokens of most typical information up to this total probability, 0 to 1; 1 is off.
        cfg_scale: Strength of guidance away from ``cfg_uc``, 0 or more; 1 is off. Deprecated by the service since
            Erato.
        cfg_uc: Text that guidance leads away from.
        cfg_alpha: Share of guidance, 0 to 1; the api host's documents alone name it.
        top_g: Keep this many groups of likely tokens, 0 to 65,536; 0 is off. Clio and Kayra only.
        mirostat_tau: Surprise per token that Mirostat aims for, 0 or more; 0 is off. Clio, Kayra and Erato.
        mirostat_lr: How fast Mirostat adapts, 0 to 1; 1 is off. Clio, Kayra and Erato.
        math1_temp: Linear factor of unified sampling, any number; 1 changes nothing. Kayra and Erato.
        math1_quad: Quadratic factor of unified sampling, any number; 0 changes nothing. Kayra and Erato.
        math1_quad_entropy_scale: How far unified sampling follows the model's uncertainty, any number, negative ones
            too; 0 changes nothing. Kayra and Erato.
        min_p: Drop tokens less likely than this share of the best, 0 to 1; 0 is off. Kayra and Erato.
        order: Samplers that are on, in the order in which they run, as `SamplerOrder` or numbers 0 to 10; each once.
        repetition_penalty: Factor against tokens that were there before, 1 to 8; 1 changes nothing. For Sigurd and
            Euterpe it is rescaled as the website does.
        repetition_penalty_range: How many tokens back the penalties look, 0 to 8192. Leave it out instead of sending 0.
        repetition_penalty_slope: How much more nearer repetitions count, 0 to 10. Leave it out instead of sending 0:
            the service fails at 0.
        repetition_penalty_frequency: Penalty added for each earlier occurrence, -16 to 16 on the text host, -2 to 2 on
            the api host; 0 is off.
        repetition_penalty_presence: Penalty added once for a token that was there, -16 to 16 on the text host, -2 to 2
            on the api host; 0 is off.
        repetition_penalty_whitelist: Token ids without repetition penalty, in place of those of preset and settings.
        phrase_rep_pen: How hard repeated phrases are penalised: a `PhraseRepPen` or its word.
        bad_words_ids: Sequences of token ids that must not appear, at most 2048 on the text host; `TextOptions` has
            ``bans`` for texts.
        stop_sequences: Phrases that end the answer, in place of the preset's; at most 1024 on the text host. Text needs
            ``tokenizer``.
        logit_bias: Pairs of a token id and what is added to its logit; the old form, on the api host only.
        logit_bias_exp: Biases of phrases by token ids, at most 1024 on the text host; `TextOptions` has ``biases`` for
            texts.
        generate_until_sentence: Go on for up to 20 tokens after ``max_length``, to the end of a sentence.
        return_full_text: Have the prompt repeated before the answer; false if not given.
        use_cache: Let the service use its cache of prompts; false if not given, as all clients send it.
        prefix: Id of a module; ``"vanilla"`` is none. `TextOptions` has ``module`` for it.
        num_logprobs: How many candidates to report for each token, 0 to 30; no log probabilities come if it is not
            sent.
        bracket_ban: Tell the service that brackets are banned; sent by `GlobalSettings` together with the bans
            themselves.
        force_emotion: Listed in the service's documents without a meaning; clients leave it out.
        eos_token_id: Id of one more token that ends the answer.
        bos_token_id: Id of the token that begins a text; api host only.
        pad_token_id: Id of the token that fills up; api host only.
        line_start_ids: Sequences of token ids that begin a line; the service's documents say no more.
        cropped_token: Id of a last token that was taken off the prompt: the first new token must begin with its text.
        valid_first_tokens: Token ids of which the first new token must be one.
        do_sample: Draw tokens instead of taking the best; api host only.
        early_stopping: End a beam search early; api host only.
        output_nonzero_probs: Report the probabilities that are not 0; api host only.
        num_beams: Number of beams of a beam search; api host only.
        num_beam_groups: Number of groups of beams; api host only.
        num_return_sequences: Number of answers; api host only.
        length_penalty: Factor for the length of beams, any number; 1 changes nothing. Api host only.
        diversity_penalty: Penalty for beams that are alike, any number; 0 is off. Api host only.
        no_repeat_ngram_size: Length in tokens of sequences that may not come twice; 0 is off. Api host only.
        encoder_no_repeat_ngram_size: The same for sequences of the prompt; api host only.
        max_time: Seconds that a generation may take; api host only.
    """

    temperature: float | None
    "Randomness of the choice of tokens, 0.1 to 100; 1 changes nothing, lower is more predictable."
    max_length: int | None
    """Most tokens to generate, 1 to 2048; the subscription allows 150, Opus 250. If not given: the preset's, else 40.
    With ``generate_until_sentence`` up to 20 more tokens come; a continued story has that on unless the story says
    otherwise."""
    min_length: int | None
    """Fewest tokens to generate before a stop sequence or an end token may end the answer, 1 to 2048. If not given: the
    preset's, else 1; a text adventure has at least 5."""
    top_k: int | None
    "Keep the ``top_k`` likeliest tokens, 0 or more; 0 is off."
    top_p: float | None
    "Keep the likeliest tokens whose probabilities add up to this, 0 to 1; 1 is off."
    tail_free_sampling: float | None
    "Cut the tail of unlikely tokens, 0 to 1; 1 is off."
    top_a: float | None
    "Drop tokens below this factor times the square of the best probability, 0 or more; 0 is off."
    typical_p: float | None
    "Keep the tokens of most typical information up to this total probability, 0 to 1; 1 is off."
    cfg_scale: float | None
    "Strength of guidance away from ``cfg_uc``, 0 or more; 1 is off. Deprecated by the service since Erato."
    cfg_uc: str | None
    "Text that guidance leads away from."
    cfg_alpha: float | None
    "Share of guidance, 0 to 1; the api host's documents alone name it."
    top_g: int | None
    "Keep this many groups of likely tokens, 0 to 65,536; 0 is off. Clio and Kayra only."
    mirostat_tau: float | None
    "Surprise per token that Mirostat aims for, 0 or more; 0 is off. Clio, Kayra and Erato."
    mirostat_lr: float | None
    "How fast Mirostat adapts, 0 to 1; 1 is off. Clio, Kayra and Erato."
    math1_temp: float | None
    "Linear factor of unified sampling, any number; 1 changes nothing. Kayra and Erato."
    math1_quad: float | None
    "Quadratic factor of unified sampling, any number; 0 changes nothing. Kayra and Erato."
    math1_quad_entropy_scale: float | None
    """How far unified sampling follows the model's uncertainty, any number, negative ones too; 0 changes nothing. Kayra
    and Erato."""
    min_p: float | None
    "Drop tokens less likely than this share of the best, 0 to 1; 0 is off. Kayra and Erato."
    order: Sequence[int] | None
    "Samplers that are on, in the order in which they run, as `SamplerOrder` or numbers 0 to 10; each once."
    repetition_penalty: float | None
    """Factor against tokens that were there before, 1 to 8; 1 changes nothing. For Sigurd and Euterpe it is rescaled as
    the website does."""
    repetition_penalty_range: int | None
    "How many tokens back the penalties look, 0 to 8192. Leave it out instead of sending 0."
    repetition_penalty_slope: float | None
    "How much more nearer repetitions count, 0 to 10. Leave it out instead of sending 0: the service fails at 0."
    repetition_penalty_frequency: float | None
    "Penalty added for each earlier occurrence, -16 to 16 on the text host, -2 to 2 on the api host; 0 is off."
    repetition_penalty_presence: float | None
    "Penalty added once for a token that was there, -16 to 16 on the text host, -2 to 2 on the api host; 0 is off."
    repetition_penalty_whitelist: Sequence[int] | None
    "Token ids without repetition penalty, in place of those of preset and settings."
    phrase_rep_pen: (
        PhraseRepPen | Literal["off", "very_light", "light", "medium", "aggressive", "very_aggressive"] | None
    )
    "How hard repeated phrases are penalised: a `PhraseRepPen` or its word."
    bad_words_ids: Sequence[Sequence[int]] | None
    "Sequences of token ids that must not appear, at most 2048 on the text host; `TextOptions` has ``bans`` for texts."
    stop_sequences: Sequence[Phrase] | None
    "Phrases that end the answer, in place of the preset's; at most 1024 on the text host. Text needs ``tokenizer``."
    logit_bias: Sequence[tuple[int, float]] | None
    "Pairs of a token id and what is added to its logit; the old form, on the api host only."
    logit_bias_exp: Sequence[LogitBias] | None
    "Biases of phrases by token ids, at most 1024 on the text host; `TextOptions` has ``biases`` for texts."
    generate_until_sentence: bool | None
    "Go on for up to 20 tokens after ``max_length``, to the end of a sentence."
    return_full_text: bool | None
    "Have the prompt repeated before the answer; false if not given."
    use_cache: bool | None
    "Let the service use its cache of prompts; false if not given, as all clients send it."
    prefix: str | None
    'Id of a module; ``"vanilla"`` is none. `TextOptions` has ``module`` for it.'
    num_logprobs: int | None
    "How many candidates to report for each token, 0 to 30; no log probabilities come if it is not sent."
    bracket_ban: bool | None
    "Tell the service that brackets are banned; sent by `GlobalSettings` together with the bans themselves."
    force_emotion: bool | None
    "Listed in the service's documents without a meaning; clients leave it out."
    eos_token_id: int | None
    "Id of one more token that ends the answer."
    bos_token_id: int | None
    "Id of the token that begins a text; api host only."
    pad_token_id: int | None
    "Id of the token that fills up; api host only."
    line_start_ids: Sequence[Sequence[int]] | None
    "Sequences of token ids that begin a line; the service's documents say no more."
    cropped_token: int | None
    "Id of a last token that was taken off the prompt: the first new token must begin with its text."
    valid_first_tokens: Sequence[int] | None
    "Token ids of which the first new token must be one."
    do_sample: bool | None
    "Draw tokens instead of taking the best; api host only."
    early_stopping: bool | None
    "End a beam search early; api host only."
    output_nonzero_probs: bool | None
    "Report the probabilities that are not 0; api host only."
    num_beams: float | None
    "Number of beams of a beam search; api host only."
    num_beam_groups: float | None
    "Number of groups of beams; api host only."
    num_return_sequences: int | None
    "Number of answers; api host only."
    length_penalty: float | None
    "Factor for the length of beams, any number; 1 changes nothing. Api host only."
    diversity_penalty: float | None
    "Penalty for beams that are alike, any number; 0 is off. Api host only."
    no_repeat_ngram_size: int | None
    "Length in tokens of sequences that may not come twice; 0 is off. Api host only."
    encoder_no_repeat_ngram_size: int | None
    "The same for sequences of the prompt; api host only."
    max_time: int | None
    "Seconds that a generation may take; api host only."


def list_inherited_options(options: type, base: type) -> None:
    """Append the list of parameters in the docstring of ``base`` to that of ``options``, for ``help(options)``."""
    if options.__doc__ and base.__doc__:  # Python drops docstrings with -OO
        # With the line's indentation, if it has any: Python 3.13 takes it away.
        line = base.__doc__.rindex("\n", 0, base.__doc__.index("Parameters:\n")) + 1
        options.__doc__ = f"{options.__doc__.rstrip()}\n\n{base.__doc__[line:]}"
