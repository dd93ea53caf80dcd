"""What decides how the emulator's tokens are drawn and when it ends.

See:
    docs/protocol/native.md#91-parameters--complete-list
    docs/protocol/native.md#92-sampler-ids-order
    docs/protocol/native.md#93-logit_bias_exp
    docs/protocol/native.md#910-response
    docs/protocol/native.md#173-text-voice-modules
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import accumulate, pairwise
from math import exp, fsum, isclose, log, log2
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from nai_proto.emulator.seeded_random import SeededRandom
from nai_proto.emulator.text import generation
from nai_proto.emulator.text.distribution import FLOOR, Distribution
from nai_proto.emulator.text.generation import SamplingStep, generate
from nai_proto.emulator.text.generation_settings import GenerationSettings, SequenceBias
from nai_proto.emulator.text.repetition_penalties import PHRASE_LEVELS
from nai_proto.emulator.text.samplers import SAMPLERS, SamplerContext, apply_samplers, has_guidance, has_mirostat
from tests.cases import for_each
from tests.hypothesis_profiles import scale_examples

ALPHABET = range(4)
tokens = st.sampled_from(ALPHABET)
some_tokens = st.lists(tokens, max_size=6)
sequences = st.lists(tokens, max_size=3).map(tuple)
some_sequences = st.lists(sequences, max_size=4).map(tuple)
seeds = st.integers(0, 1000)
few_weights = st.dictionaries(tokens, st.floats(0.01, 1), min_size=2)
some_weights = st.dictionaries(st.integers(0, 30), st.floats(1e-6, 1), min_size=1, max_size=20)
any_number = st.floats(allow_nan=False, allow_infinity=False)


class Table:
    """A model that goes by the last token; what is not in its rows is followed by anything alike."""

    def __init__(self, rows: Mapping[int | None, Mapping[int, float]]) -> None:
        self.rows = {last: Distribution(weights.items()) for last, weights in rows.items()}
        self.other = Distribution((token, 1.0) for token in ALPHABET)

    def distribution(self, context: Sequence[int], /) -> Distribution:
        return self.rows.get(context[-1] if context else None, self.other)


class Chain(Table):
    """A model that knows one text by heart, in which no token comes twice, and what it was asked."""

    def __init__(self, *text: int) -> None:
        super().__init__({last: {following: 1.0} for last, following in zip([None, *text], text, strict=False)})
        self.seen: list[list[int]] = []

    def distribution(self, context: Sequence[int], /) -> Distribution:
        self.seen.append(list(context))
        return super().distribution(context)


def still(weights: Mapping[int, float]) -> Table:
    """A model with one outlook."""
    model = Table({})
    model.other = Distribution(weights.items())
    return model


FAIR = Table({})

models = st.dictionaries(
    st.none() | tokens, st.dictionaries(tokens, st.floats(0.01, 1), min_size=1, max_size=4), max_size=4
).map(Table)
biases = st.builds(SequenceBias, sequences, st.floats(-5, 20), st.booleans(), st.booleans())


def generate_steps(
    model: Table, wanted: GenerationSettings, context: Sequence[int] = (), seed: int | str = 0
) -> list[SamplingStep]:
    return list(generate(model, context, wanted, SeededRandom(seed)))


def ids(steps: Sequence[SamplingStep]) -> list[int]:
    return [step.token for step in steps]


def weights_of(model: Table, wanted: GenerationSettings, context: Sequence[int] = ()) -> dict[int, float]:
    """What the first token is drawn from, as logprobs tell it."""
    step = generate_steps(model, replace(wanted, max_length=1, num_logprobs=50), context)[0]
    assert step.logprobs is not None
    return {token: exp(after) for token, _, after in step.logprobs.after if after is not None}


def shares(weights: Mapping[int, float]) -> dict[int, float]:
    total = fsum(weights.values())
    return {token: weight / total for token, weight in weights.items() if weight / total > 0}


def alike(one: Mapping[int, float], other: Mapping[int, float]) -> bool:
    return one.keys() == other.keys() and all(isclose(one[t], other[t], rel_tol=1e-9) for t in one)


def ends_with(text: Sequence[int], sequence: Sequence[int]) -> bool:
    return bool(sequence) and list(text[-len(sequence) :]) == list(sequence)


# The end


@given(models, some_tokens, some_sequences, st.frozensets(tokens, max_size=1), st.integers(1, 12), seeds)
def test_a_stop_sequence_ends_the_generation_and_is_the_last_of_it(
    model: Table, context: list[int], stops: tuple[tuple[int, ...], ...], eos: frozenset[int], shortest: int, seed: int
) -> None:
    wanted = GenerationSettings(max_length=20, min_length=shortest, stop_sequences=stops, eos_ids=eos)
    *steps, last = generate_steps(model, wanted, context, seed)
    output = ids([*steps, last])
    ends = [*stops, *((token,) for token in eos)]
    assert not any(step.final or step.stopped_by for step in steps)
    assert last.final
    assert (last.finish_reason == "stop") == bool(last.stopped_by)
    if last.finish_reason == "stop":
        assert last.stopped_by in ends
        assert ends_with(output, last.stopped_by)
        assert len(output) >= shortest
        assert last.stopped_by == max((end for end in ends if ends_with(output, end)), key=len)
    else:
        assert len(output) == 20
    for length in range(shortest, len(output)):
        assert not any(ends_with(output[:length], end) for end in ends)


@given(models, some_tokens, some_sequences, st.frozensets(tokens, max_size=1), st.integers(1, 12), seeds)
def test_the_stop_sequence_can_be_left_out(
    model: Table, context: list[int], stops: tuple[tuple[int, ...], ...], eos: frozenset[int], shortest: int, seed: int
) -> None:
    wanted = GenerationSettings(max_length=20, min_length=shortest, stop_sequences=stops, eos_ids=eos)
    whole = generate_steps(model, wanted, context, seed)
    left = generate_steps(model, replace(wanted, include_stop=False), context, seed)
    assert ids(left) == ids(whole)[: len(whole) - len(whole[-1].stopped_by)]
    assert [step.final for step in left] == [False] * (len(left) - 1) + [True] * bool(left)
    if left:
        assert left[-1].finish_reason == whole[-1].finish_reason
        assert left[-1].stopped_by == whole[-1].stopped_by
    else:
        assert whole[-1].finish_reason == "stop"


@for_each("include, delays", [(True, [1, 1, 1, 1, 1, 0]), (False, [3, 2, 1, 1, 1, 0])])
def test_tokens_that_may_begin_a_stop_sequence_are_held_back_until_they_can_no_longer(
    include: bool, delays: list[int]
) -> None:
    # 2 3 may go on with 9; when 4 comes they are free. 1 waits too, because it may be the last.
    model = Chain(1, 2, 3, 4, 5, 6)
    wanted = GenerationSettings(max_length=6, stop_sequences=((2, 3, 9),), include_stop=include)
    steps = generate(model, [], wanted, SeededRandom(0))
    assert [len(model.seen) - 1 - step.ptr for step in steps] == delays


def test_a_stop_sequence_of_the_prompt_stops_nothing() -> None:
    assert ids(
        generate_steps(Chain(1, 2, 3, 4), GenerationSettings(max_length=2, stop_sequences=((1, 2, 3),)), [1, 2])
    ) == [3, 4]


def test_a_stop_sequence_that_is_complete_before_min_length_stops_nothing() -> None:
    model = Table({None: {1: 1}, 1: {2: 1}, 2: {1: 1}})
    for shortest, length in ((1, 2), (2, 2), (3, 4), (4, 4), (5, 6)):
        wanted = GenerationSettings(max_length=9, min_length=shortest, stop_sequences=((1, 2),))
        assert len(generate_steps(model, wanted)) == length
        assert len(generate_steps(model, replace(wanted, include_stop=False))) == length - 2


def test_empty_sequences_do_nothing() -> None:
    wanted = GenerationSettings(
        max_length=5, stop_sequences=((),), bad_words_ids=((),), logit_bias_exp=(SequenceBias((), 9.0, True),)
    )
    assert generate_steps(FAIR, wanted) == generate_steps(FAIR, GenerationSettings(max_length=5))


@given(st.integers(1, 10), st.integers(0, 40), st.booleans())
def test_a_sentence_may_end_up_to_twenty_tokens_later(longest: int, end: int, until: bool) -> None:
    wanted = GenerationSettings(max_length=longest, generate_until_sentence=until)
    text = range(100, 150)
    steps = list(generate(Chain(*text), [], wanted, SeededRandom(0), ends_sentence=lambda token: token >= 100 + end))
    assert ids(steps) == list(text[: min(max(longest, end + 1), longest + 20) if until else longest])
    assert steps[-1].finish_reason == "length"


def test_without_ends_sentence_no_sentence_is_awaited() -> None:
    assert len(generate_steps(FAIR, GenerationSettings(max_length=7, generate_until_sentence=True))) == 7


# Bans


@settings(max_examples=scale_examples(300))
@given(
    models,
    some_tokens,
    some_sequences,
    st.lists(biases, max_size=3).map(tuple),
    st.frozensets(tokens, max_size=2),
    st.none() | tokens,
    seeds,
)
def test_banned_sequences_never_occur(
    model: Table,
    context: list[int],
    bans: tuple[tuple[int, ...], ...],
    entries: tuple[SequenceBias, ...],
    valid: frozenset[int],
    cropped: int | None,
    seed: int,
) -> None:
    wanted = GenerationSettings(
        max_length=20,
        bad_words_ids=bans,
        logit_bias_exp=entries,
        valid_first_tokens=valid,
        cropped_token=cropped,
        repetition_penalty=1.5,
    )
    text = list(context)
    for token in ids(generate_steps(model, wanted, context, seed)):
        text.append(token)
        assert not any(ends_with(text, ban) for ban in bans)


@given(models, some_tokens, some_sequences, seeds)
def test_a_generation_stops_only_where_all_candidates_are_banned(
    model: Table, context: list[int], bans: tuple[tuple[int, ...], ...], seed: int
) -> None:
    steps = generate_steps(model, GenerationSettings(max_length=20, bad_words_ids=bans), context, seed)
    text = [*context, *ids(steps)]
    over = all(any(ends_with([*text, token], ban) for ban in bans) for token in model.distribution(text).tokens)
    assert [step.final for step in steps] == [False] * (len(steps) - 1) + [True] * bool(steps)
    if len(steps) < 20:
        assert over
        assert not steps or (steps[-1].finish_reason, steps[-1].stopped_by) == ("stop", ())
    else:
        assert steps[-1].finish_reason == "length"


def test_a_ban_takes_the_last_token_of_its_sequence_and_leaves_the_rest_as_it_was() -> None:
    model = still({1: 0.5, 2: 0.3, 3: 0.2})
    bans = GenerationSettings(bad_words_ids=((1,), (7, 8, 2)))
    assert alike(weights_of(model, bans, [7, 8]), {3: 1.0})
    assert alike(weights_of(model, bans, [8]), {2: 0.6, 3: 0.4})
    assert alike(weights_of(model, bans, [7, 8, 9]), {2: 0.6, 3: 0.4})


# Biases


@given(some_weights, st.floats(-5, 5), st.integers(0, 30))
def test_a_bias_is_added_to_a_logit(weights: dict[int, float], bias: float, token: int) -> None:
    biased = dict(shares(weights))
    if token in biased or bias > 0:
        biased[token] = biased.get(token, FLOOR) * exp(bias)
    for wanted in (
        GenerationSettings(logit_bias=((token, bias),)),
        GenerationSettings(logit_bias_exp=(SequenceBias((token,), bias),)),
    ):
        assert alike(weights_of(still(weights), wanted), shares(biased))


@given(
    some_weights,
    st.lists(st.tuples(st.integers(0, 40), st.floats(-50, 50)), max_size=6).flatmap(
        lambda pairs: st.tuples(st.just(pairs), st.permutations(pairs))
    ),
    st.integers(0, 6),
)
def test_biases_on_one_token_act_as_their_sum_in_any_order_and_form(
    weights: dict[int, float], orders: tuple[list[tuple[int, float]], list[tuple[int, float]]], plain: int
) -> None:
    given_order, other_order = orders
    sums = {token: fsum(bias for one, bias in given_order if one == token) for token, _ in given_order}
    results = [
        weights_of(
            still(weights),
            GenerationSettings(
                logit_bias=tuple(pairs[:plain]),
                logit_bias_exp=tuple(SequenceBias((token,), bias) for token, bias in pairs[plain:]),
            ),
        )
        for pairs in (given_order, other_order, [*sums.items()])
    ]
    assert results[0] == results[1] == results[2]
    assert [*results[0]] == [*results[1]] == [*results[2]], "equally probable ones come in one order too"


def test_biases_that_cancel_out_bring_nothing_up() -> None:
    for first, second in ((7.0, -7.0), (-7.0, 7.0), (3.0, -5.0), (1e308, -1.7e308)):
        wanted = GenerationSettings(logit_bias=((7, first), (7, second)))
        assert weights_of(still({1: 0.5, 2: 0.5}), wanted) == {1: 0.5, 2: 0.5}


@for_each(
    "context, token",
    [
        ([], 1),
        ([9], 1),
        ([1], 2),
        ([1, 9], 1),
        ([1, 1], 2),
        ([1, 2], 1),
        ([1, 2, 1], 3),
        ([1, 2, 1, 2, 1], 3),
        ([1, 2, 1, 2], 1),
        ([1, 2, 1, 1], 2),
    ],
)
def test_a_bias_is_on_the_token_that_goes_on_with_the_longest_beginning(context: list[int], token: int) -> None:
    weights = {1: 0.25, 2: 0.25, 3: 0.25, 9: 0.25}
    biased = shares({**weights, token: 0.25 * exp(2)})
    assert alike(
        weights_of(still(weights), GenerationSettings(logit_bias_exp=(SequenceBias((1, 2, 1, 3), 2.0),)), context),
        biased,
    )


@settings(max_examples=scale_examples(50))
@example([], [0, 0, 1, 0, 0, 0], 4)  # 1 after all of it goes back to what is in itself twice
@given(st.lists(st.integers(0, 1), max_size=6), st.lists(st.integers(0, 1), max_size=6), seeds)
def test_a_bias_follows_the_growing_output(context: list[int], sequence: list[int], seed: int) -> None:
    # 9 never comes, so the sequence is never complete.
    wanted = GenerationSettings(max_length=100, num_logprobs=2, logit_bias_exp=(SequenceBias((*sequence, 9), -0.01),))
    text = list(context)
    for step in generate_steps(still({0: 0.5, 1: 0.5}), wanted, context, seed):
        reached = max(n for n in range(len(sequence) + 1) if n == 0 or ends_with(text, sequence[:n]))
        assert step.logprobs is not None
        worst = step.logprobs.after[-1]
        assert isclose(worst.after or 0, log(0.5 if reached == len(sequence) else 1 / (1 + exp(0.01))))
        assert reached == len(sequence) or worst.token == sequence[reached]
        text.append(step.token)


@for_each("context, step, token", [([1, 2], 1, 1), ([1, 2, 1], 0, 2)])
def test_what_completes_a_sequence_in_the_output_does_not_begin_its_next_one(
    context: list[int], step: int, token: int
) -> None:
    model = still({1: 0.5, 2: 0.5})
    model.rows[2] = Distribution([(1, 1.0)])
    wanted = GenerationSettings(max_length=2, num_logprobs=2, logit_bias_exp=(SequenceBias((1, 2, 1), -2.0),))
    logprobs = generate_steps(model, wanted, context)[step].logprobs
    assert logprobs is not None
    assert logprobs.after[-1].token == token


@given(models, st.lists(tokens, min_size=1, max_size=4).map(tuple), seeds)
def test_ensure_sequence_finish_completes_a_sequence_that_the_output_has_begun(
    model: Table, sequence: tuple[int, ...], seed: int
) -> None:
    reached = 0
    for token in ids(
        generate_steps(
            model, GenerationSettings(max_length=20, logit_bias_exp=(SequenceBias(sequence, 0.0, True),)), [], seed
        )
    ):
        assert reached == 0 or token == sequence[reached]
        reached = (reached + 1) % len(sequence) if token == sequence[reached] else 0


@pytest.mark.parametrize(
    ("entry", "context"),
    [
        (SequenceBias((0, 1, 2), 0.0, True), [0]),
        (SequenceBias((1, 2), 0.0), []),
        (SequenceBias((1, 2), 0.0, True), [0]),
    ],
)
def test_sequences_begun_in_the_prompt_or_without_the_flag_are_not_completed(
    entry: SequenceBias, context: list[int]
) -> None:
    pairs = [
        ids(generate_steps(FAIR, GenerationSettings(max_length=2, logit_bias_exp=(entry,)), context, seed))
        for seed in range(400)
    ]
    finished = entry.ensure_sequence_finish and entry.sequence[0] == 1
    assert {first for first, _ in pairs} == {*ALPHABET}
    assert {second for first, second in pairs if first == 1} == ({2} if finished else {*ALPHABET})


def test_a_ban_is_stronger_than_any_bias() -> None:
    wanted = GenerationSettings(max_length=5, logit_bias=((1, 1e6), (77, 1e6)), bad_words_ids=((1,), (77,)))
    assert all(len(generate_steps(FAIR, wanted, [], seed)) == 5 for seed in range(20))


def test_a_ban_is_stronger_than_a_sequence_that_should_be_finished() -> None:
    wanted = GenerationSettings(
        max_length=5, logit_bias_exp=(SequenceBias((1, 2), 0.0, True),), bad_words_ids=((1, 2),)
    )
    assert all(len(generate_steps(FAIR, wanted, [], seed)) == 5 for seed in range(20))


def test_a_sequence_may_be_finished_with_what_the_model_does_not_expect() -> None:
    wanted = GenerationSettings(max_length=3, logit_bias_exp=(SequenceBias((1, 77, 78), 0.0, True),))
    assert ids(generate_steps(still({1: 1.0}), wanted)) == [1, 77, 78]


@given(st.lists(tokens, min_size=1, max_size=3).map(tuple), seeds)
def test_a_generate_once_bias_ends_after_the_sequence(sequence: tuple[int, ...], seed: int) -> None:
    wanted = GenerationSettings(
        max_length=30, logit_bias_exp=(SequenceBias(sequence, 50.0, True, generate_once=True),), num_logprobs=9
    )
    steps = generate_steps(FAIR, wanted, [], seed)
    assert ids(steps)[: len(sequence)] == list(sequence)
    for step in steps[len(sequence) :]:
        assert step.logprobs is not None
        assert [pair.before for pair in step.logprobs.after] == [pair.after for pair in step.logprobs.after]


def test_a_sequence_in_the_prompt_does_not_end_a_generate_once_bias() -> None:
    wanted = GenerationSettings(max_length=1, logit_bias_exp=(SequenceBias((1, 2), 50.0, generate_once=True),))
    assert ids(generate_steps(FAIR, wanted, [1, 2])) == [1]


@given(models, some_tokens, st.lists(st.tuples(tokens, st.floats(-5, 50)), max_size=3), st.frozensets(tokens), seeds)
def test_what_is_banned_for_its_text_never_comes(
    model: Table, context: list[int], pairs: list[tuple[int, float]], valid: frozenset[int], seed: int
) -> None:
    wanted = GenerationSettings(max_length=20, logit_bias=tuple(pairs), valid_first_tokens=valid, cropped_token=1)
    odd = [*generate(model, context, wanted, SeededRandom(seed), is_banned=lambda token: token % 2 == 0)]
    assert all(token % 2 for token in ids(odd))
    assert ids(odd) == ids([*generate(model, context, replace(wanted, bad_words_ids=((0,), (2,))), SeededRandom(seed))])


# Penalties


@given(few_weights, some_tokens, st.floats(1, 8), st.integers(0, 8))
def test_repetition_penalty_multiplies_the_logits_of_tokens_in_the_range(
    weights: dict[int, float], context: list[int], penalty: float, reach: int
) -> None:
    recent = context[-reach:] if reach else context
    punished = {t: p**penalty if t in recent else p for t, p in shares(weights).items()}
    wanted = GenerationSettings(repetition_penalty=penalty, repetition_penalty_range=reach)
    left = weights_of(still(weights), wanted, context)
    assert all(isclose(left.get(t, 0), p, rel_tol=1e-6, abs_tol=1e-300) for t, p in shares(punished).items())


def test_the_slope_makes_a_curve_from_the_end_of_the_text_to_the_end_of_the_range() -> None:
    # Five places, x = 1, ½, 0, -½, -1; with slope 3, 3x / (1 - |x| + 3|x|) = 1, ¾, 0, -¾, -1.
    weights = dict.fromkeys(range(1, 7), 1.0)
    context = [6, 1, 2, 3, 4, 5]
    for slope, curve in (
        (0.0, [1, 1, 1, 1, 1]),
        (1.0, [0, 0.25, 0.5, 0.75, 1]),
        (3.0, [0, 0.125, 0.5, 0.875, 1]),
        (1e-300, [0, 0.5, 0.5, 0.5, 1]),
        (1e300, [0, 0, 0.5, 1, 1]),
    ):
        wanted = GenerationSettings(repetition_penalty=3, repetition_penalty_range=5, repetition_penalty_slope=slope)
        powers = {token: 1 + 2 * height for token, height in zip(range(1, 6), curve, strict=True)}
        expected = shares({token: (1 / 6) ** powers.get(token, 1) for token in weights})
        assert alike(weights_of(still(weights), wanted, context), expected)


def test_without_a_range_the_slope_goes_over_the_whole_text_and_one_token_is_its_end() -> None:
    wanted = GenerationSettings(repetition_penalty=2, repetition_penalty_slope=1)
    whole = shares({1: 0.5**1.0, 2: 0.5**2.0})
    assert alike(weights_of(still({1: 0.5, 2: 0.5}), wanted, [1, 9, 2]), whole)
    assert alike(weights_of(still({1: 0.5, 2: 0.5}), wanted, [2]), whole)


def test_the_last_occurrence_decides_the_penalty() -> None:
    wanted = GenerationSettings(repetition_penalty=2, repetition_penalty_slope=1)
    assert alike(weights_of(still({1: 0.5, 2: 0.5}), wanted, [1, 2, 1]), shares({1: 0.5**2.0, 2: 0.5**1.5}))


some_cost = st.just(0.0) | st.floats(-2, 2)


@given(few_weights, some_tokens, some_cost, some_cost, st.integers(0, 8))
def test_frequency_counts_and_presence_does_not(
    weights: dict[int, float], context: list[int], frequency: float, presence: float, reach: int
) -> None:
    counts = Counter(context[-reach:] if reach else context)
    wanted = GenerationSettings(
        repetition_penalty_frequency=frequency,
        repetition_penalty_presence=presence,
        repetition_penalty_range=reach,
    )
    cost = {token: n * frequency + presence for token, n in counts.items()}
    expected = shares({t: p * exp(-cost.get(t, 0)) for t, p in shares(weights).items()})
    assert alike(weights_of(still(weights), wanted, context), expected)


@given(few_weights, st.floats(0.5, 30), st.floats(1, 8), st.floats(0, 2), st.floats(0, 2))
def test_penalties_reach_a_token_that_only_a_bias_brings_up(
    weights: dict[int, float], bias: float, penalty: float, frequency: float, presence: float
) -> None:
    wanted = GenerationSettings(
        logit_bias_exp=(SequenceBias((9,), bias),),
        repetition_penalty=penalty,
        repetition_penalty_frequency=frequency,
        repetition_penalty_presence=presence,
    )
    brought_up = exp(log(FLOOR) * penalty - 2 * frequency - presence + bias)
    assert alike(weights_of(still(weights), wanted, [9, 8, 9]), shares({**shares(weights), 9: brought_up}))


def test_a_phrase_penalty_reaches_a_token_that_only_a_bias_brings_up() -> None:
    wanted = GenerationSettings(logit_bias=((9, 10.0),), phrase_rep_pen="very_aggressive")
    brought_up = FLOOR * exp(10 - PHRASE_LEVELS["very_aggressive"])
    assert alike(weights_of(still({1: 1.0}), wanted, [5, 6, 9, 5, 6]), shares({1: 1.0, 9: brought_up}))


def test_the_output_is_penalised_like_the_prompt() -> None:
    wanted = GenerationSettings(max_length=6, repetition_penalty_presence=100, repetition_penalty_range=3)
    for seed in range(20):
        output = ids(generate_steps(FAIR, wanted, [0, 1], seed))
        assert all(len(set(four)) == 4 for four in zip(*([0, 1, *output][i:] for i in range(4)), strict=False))


@given(
    few_weights,
    some_tokens,
    st.frozensets(tokens),
    st.sampled_from([*PHRASE_LEVELS]),
    st.floats(1, 8),
    st.floats(0, 2),
)
def test_whitelisted_tokens_have_no_penalties(
    weights: dict[int, float], context: list[int], white: frozenset[int], level: str, penalty: float, additive: float
) -> None:
    wanted = GenerationSettings(
        repetition_penalty=penalty,
        repetition_penalty_frequency=additive,
        repetition_penalty_presence=additive,
        repetition_penalty_whitelist=white,
        phrase_rep_pen=level,
    )
    before, after = shares(weights), weights_of(still(weights), wanted, context)
    gains = [after[token] / before[token] for token in weights.keys() & white]
    assert all(isclose(gain, gains[0], rel_tol=1e-9) and gain > 1 - 1e-9 for gain in gains)
    if weights.keys() <= white:
        assert alike(after, before)


@for_each("level", PHRASE_LEVELS)
@for_each(
    "context, length",
    [
        ([], 0),
        ([1, 2, 9, 2], 0),  # 2 9 would be a phrase of two, and 3 has never followed
        ([2, 3, 8, 2], 2),
        ([1, 2, 3, 8, 1, 2], 3),
        ([4, 1, 2, 3, 8, 4, 1, 2], 4),
        ([4, 1, 2, 3, 9, 1, 2, 3, 8, 4, 1, 2], 4),  # the longest counts, not the last
        ([*range(100, 150), 3, 8, *range(100, 150)], 32),
    ],
)
def test_a_phrase_costs_by_the_token_beyond_the_second(level: str, context: list[int], length: int) -> None:
    expected = shares({3: 0.5 * exp(-PHRASE_LEVELS[level] * max(length - 2, 0)), 5: 0.5})
    assert alike(weights_of(still({3: 0.5, 5: 0.5}), GenerationSettings(phrase_rep_pen=level), context), expected)


def test_the_levels_of_phrase_penalty_rise() -> None:
    levels = ["off", "very_light", "light", "medium", "aggressive", "very_aggressive"]
    assert [*PHRASE_LEVELS] == levels
    assert all(a < b for a, b in pairwise(PHRASE_LEVELS[level] for level in levels))
    assert generate_steps(FAIR, GenerationSettings(phrase_rep_pen="no such level")) == generate_steps(
        FAIR, GenerationSettings()
    )


# Samplers


@given(some_weights)
def test_samplers_that_are_neutral_return_the_very_distribution(weights: dict[int, float]) -> None:
    distribution = Distribution(weights.items())
    assert apply_samplers(distribution, SamplerContext(GenerationSettings())) is distribution
    off = GenerationSettings(top_p=0, typical_p=0, mirostat_tau=5, mirostat_lr=1, cfg_scale=1)
    assert apply_samplers(distribution, SamplerContext(off)) is distribution


@given(some_weights, st.floats(0.01, 0.99), st.integers(1, 20))
def test_a_sampler_keeps_the_candidates_of_its_definition(weights: dict[int, float], number: float, k: int) -> None:
    p = Distribution(weights.items()).probabilities
    best, greatest, entropy = [*p], max(p.values()), -fsum(share * log(share) for share in p.values())

    def find_fewest(ranked: Sequence[int]) -> list[int]:
        total = [*accumulate(p[token] for token in ranked)]
        return [token for token, before in zip(ranked, [0.0, *total], strict=False) if before < number]

    kept = {
        "top_k": best[:k],
        "top_p": find_fewest(best),
        "top_a": [token for token in best if p[token] >= number * greatest**2],
        "min_p": [token for token in best if p[token] >= number * greatest],
        "typical_p": find_fewest(sorted(best, key=lambda token: abs(-log(p[token]) - entropy))),
    }
    for name, expected in kept.items():
        wanted: dict[str, Any] = {name: k if name == "top_k" else number}
        left = weights_of(still(weights), replace(GenerationSettings(), **wanted))
        assert alike(left, shares({token: p[token] for token in expected})), name


def test_a_temperature_of_0_leaves_only_the_best() -> None:
    for close in ({1: 0.5, 2: 0.49999999999999994}, {1: 0.6, 2: 0.3, 3: 0.1}):
        assert weights_of(still(close), GenerationSettings(temperature=0)) == {1: 1.0}


def test_by_default_no_parameter_changes_anything() -> None:
    neutral = GenerationSettings(
        repetition_penalty_range=7,
        repetition_penalty_slope=3,
        repetition_penalty_whitelist=frozenset({1}),
        cfg_uc=(1, 2),
        mirostat_lr=0.1,
        bad_words_ids=((9,), (9, 1)),
        stop_sequences=((9,),),
        logit_bias_exp=(SequenceBias((9,), -3.0, True, True),),
        generate_until_sentence=True,
    )
    for seed in range(20):
        assert generate_steps(FAIR, neutral, [1, 2], seed) == generate_steps(FAIR, GenerationSettings(), [1, 2], seed)


@given(some_weights, some_weights, st.floats(0, 4))
def test_guidance_moves_away_from_the_opposing_prompt(
    weights: dict[int, float], opposing: dict[int, float], scale: float
) -> None:
    model = Table({1: weights, 2: opposing})
    p, q = shares(weights), shares(opposing)
    guided = {t: (p[t] / q.get(t, FLOOR)) ** scale * q.get(t, FLOOR) for t in p}
    left = weights_of(model, GenerationSettings(cfg_scale=scale, cfg_uc=(2,)), [1])
    assert all(isclose(left.get(t, 0), share, rel_tol=1e-6, abs_tol=1e-300) for t, share in shares(guided).items())


@for_each("opposing", [(), (7, 8)])
def test_the_opposing_prompt_is_continued_with_the_output(opposing: tuple[int, ...]) -> None:
    model = Chain(1, 2, 3)
    generate_steps(model, GenerationSettings(max_length=3, cfg_scale=2, cfg_uc=opposing), [])
    assert model.seen == [[], [*opposing], [1], [*opposing, 1], [1, 2], [*opposing, 1, 2]]


@for_each("unguided", [GenerationSettings(cfg_uc=(7,)), GenerationSettings(cfg_uc=(7,), cfg_scale=2, order=(0,))])
def test_without_guidance_the_opposing_prompt_is_not_read(unguided: GenerationSettings) -> None:
    model = Chain(1, 2, 3)
    generate_steps(model, replace(unguided, max_length=3), [])
    assert model.seen == [[], [1], [1, 2]]


@for_each("share, kept", [(0, 1), (0.49, 1), (0.5, 2), (0.74, 2), (0.75, 3), (0.99, 3), (1, 5)])
def test_tail_free_sampling_keeps_the_head_and_cuts_where_the_curve_has_bent_enough(share: float, kept: int) -> None:
    model = still({1: 8, 2: 4, 3: 2, 4: 1, 5: 1})  # bends by 2, 1 and 1
    left = weights_of(model, GenerationSettings(tail_free_sampling=share))
    assert sorted(left) == [1, 2, 3, 4, 5][:kept]


def test_top_g_keeps_the_best_groups_of_equal_probability() -> None:
    model = still({1: 0.3, 2: 0.3, 3: 0.2, 4: 0.1, 5: 0.1})
    left = [[*weights_of(model, GenerationSettings(top_g=groups))] for groups in range(5)]
    assert left == [[1, 2, 3, 4, 5], [1, 2], [1, 2, 3], [1, 2, 3, 4, 5], [1, 2, 3, 4, 5]]


@given(some_weights, st.floats(-5, 25))
def test_mirostat_bounds_the_surprise_and_always_keeps_the_best(weights: dict[int, float], bound: float) -> None:
    surprise = {t: -log2(p) for t, p in shares(weights).items()}
    assume(not any(isclose(bits, bound, abs_tol=1e-9) for bits in surprise.values()))
    distribution = Distribution(weights.items())
    left = apply_samplers(distribution, SamplerContext(GenerationSettings(), surprise=bound))
    assert {*left.tokens} == {t for t, bits in surprise.items() if bits < bound} | {distribution.tokens[0]}


@for_each(
    "off",
    [
        GenerationSettings(mirostat_tau=0),
        GenerationSettings(mirostat_tau=0, mirostat_lr=0.5),
        GenerationSettings(mirostat_tau=0.5),
    ],
)
def test_mirostat_is_off_without_a_target_and_with_a_rate_of_one(off: GenerationSettings) -> None:
    assert len(weights_of(FAIR, off)) == len(ALPHABET)
    assert len(weights_of(FAIR, replace(off, mirostat_tau=0.5, mirostat_lr=0.5))) == 1


def test_guidance_and_mirostat_have_an_effect_where_their_samplers_are_in_the_order() -> None:
    wanted = GenerationSettings(cfg_scale=2, mirostat_tau=0.5, mirostat_lr=0.5)
    orders = [(6,), (8,), tuple({*SAMPLERS} - {6, 8})]
    assert [has_guidance(replace(wanted, order=order)) for order in orders] == [True, False, False]
    assert [has_mirostat(replace(wanted, order=order)) for order in orders] == [False, True, False]


def test_mirostat_moves_its_bound_by_how_much_each_token_surprised() -> None:
    model = still({token: 2.0**-token for token in range(1, 20)})
    tau, rate = 2.5, 0.3
    steps = generate_steps(
        model, GenerationSettings(max_length=200, mirostat_tau=tau, mirostat_lr=rate, num_logprobs=30)
    )
    bound, counts = 2 * tau, set[int]()
    for step in steps:
        assert step.logprobs is not None
        (chosen,) = step.logprobs.chosen
        assert chosen.after is not None
        assert len(step.logprobs.after) == sum(1 for pair in step.logprobs.before if -pair.before / log(2) <= bound)
        counts.add(len(step.logprobs.after))
        bound -= rate * (-chosen.after / log(2) - tau)
    assert len(counts) > 3
    mean = fsum(-step.logprobs.chosen[0].after for step in steps if step.logprobs and step.logprobs.chosen[0].after)
    assert abs(mean / log(2) / 200 - 2) < 0.3, "the source has two bits, however many are asked for"


@given(some_weights, st.floats(-1, 2), st.floats(-0.5, 1), st.floats(-1, 1), st.floats(-0.2, 0.2))
def test_unified_sampling_is_a_polynomial_of_surprise(
    weights: dict[int, float], linear: float, quad: float, conf: float, cubic: float
) -> None:
    before = shares(weights)
    entropy = -fsum(p * log(p) for p in before.values())
    surprise = {t: -log(p) for t, p in before.items()}
    logits = {t: -(linear + conf * entropy) * s - quad * s**2 - cubic * s**3 for t, s in surprise.items()}
    expected = shares({t: exp(logit - max(logits.values())) for t, logit in logits.items()})
    wanted = GenerationSettings(math1_temp=linear, math1_quad=quad, math1_quad_entropy_scale=conf, math2_cubic=cubic)
    left = weights_of(still(weights), wanted)
    assert all(isclose(left.get(t, 0), p, rel_tol=1e-6, abs_tol=1e-300) for t, p in expected.items())


@given(some_weights, st.floats(0.2, 5))
def test_unified_linear_alone_is_one_over_temperature(weights: dict[int, float], heat: float) -> None:
    unified = weights_of(still(weights), GenerationSettings(math1_temp=1 / heat))
    tempered = weights_of(still(weights), GenerationSettings(temperature=heat))
    assert all(isclose(unified[token], tempered[token], rel_tol=1e-6) for token in weights)


def test_samplers_nine_and_two_apply_in_their_order() -> None:
    model = still({1: 0.5, 2: 0.3, 3: 0.2})
    unified = GenerationSettings(math1_temp=4, top_p=0.7)
    assert [*weights_of(model, replace(unified, order=(9, 2)))] == [1]
    assert [*weights_of(model, replace(unified, order=(2, 9)))] == [1, 2]


REALS = [name for name, value in asdict(GenerationSettings()).items() if isinstance(value, float)]


@given(
    some_weights,
    st.lists(st.sampled_from([*SAMPLERS]), max_size=11).map(tuple),
    st.lists(any_number, min_size=len(REALS), max_size=len(REALS)),
    st.integers(),
    any_number,
)
def test_no_number_is_too_much_for_the_samplers(
    weights: dict[int, float], order: tuple[int, ...], numbers: list[float], count: int, surprise: float
) -> None:
    named: dict[str, Any] = dict(zip(REALS, numbers, strict=True))
    wanted = replace(GenerationSettings(order=order, top_k=count, top_g=count), **named)
    before = Distribution(weights.items())
    left = apply_samplers(before, SamplerContext(wanted, Distribution([(1, 0.5), (2, 0.5)]), surprise))
    assert left.probabilities.keys() <= before.probabilities.keys()
    assert isclose(fsum(left.probabilities.values()), 1, rel_tol=1e-9)


@given(models, st.lists(any_number, min_size=6, max_size=6), some_tokens)
def test_no_number_is_too_much_for_penalties_and_biases(model: Table, numbers: list[float], context: list[int]) -> None:
    penalty, slope, frequency, presence, bias, other = numbers
    wanted = GenerationSettings(
        max_length=5,
        repetition_penalty=penalty,
        repetition_penalty_slope=slope,
        repetition_penalty_frequency=frequency,
        repetition_penalty_presence=presence,
        logit_bias=((1, bias), (1, other)),
        mirostat_tau=abs(bias),
        mirostat_lr=other,
    )
    assert len(generate_steps(model, wanted, context)) == 5


# The first token


@given(models, st.frozensets(tokens | st.integers(100, 105), min_size=1), some_tokens, seeds)
def test_the_first_token_is_a_valid_one_and_the_second_may_be_any(
    model: Table, valid: frozenset[int], context: list[int], seed: int
) -> None:
    steps = generate_steps(
        model, GenerationSettings(max_length=3, valid_first_tokens=valid, num_logprobs=30), context, seed
    )
    known = {*model.distribution(context).tokens} & valid
    assert steps[0].logprobs is not None
    assert {pair.token for pair in steps[0].logprobs.after} == (known or valid)
    assert steps[1].logprobs is not None
    assert len(steps[1].logprobs.after) == len(model.distribution([*context, steps[0].token]))


def begins(token: int, start: int) -> bool:
    return str(token).startswith(str(start))


@for_each(
    "wanted, first",
    [
        (GenerationSettings(cropped_token=1), {1, 12, 13}),
        (GenerationSettings(cropped_token=12), {12}),
        (GenerationSettings(cropped_token=3), {3}),  # the model knows none that begins with it
        (GenerationSettings(cropped_token=1, bad_words_ids=((12,),)), {1, 13}),
        (GenerationSettings(cropped_token=1, valid_first_tokens=frozenset({13, 2})), {13}),
        (GenerationSettings(cropped_token=1, valid_first_tokens=frozenset({14, 2})), {14}),
        (GenerationSettings(cropped_token=1, valid_first_tokens=frozenset({2})), {1}),
        (GenerationSettings(cropped_token=1, valid_first_tokens=frozenset({12, 14}), bad_words_ids=((12,),)), {14}),
        (GenerationSettings(cropped_token=3, bad_words_ids=((3,),)), set()),
        (GenerationSettings(valid_first_tokens=frozenset({2}), bad_words_ids=((2,),)), set()),
        (GenerationSettings(valid_first_tokens=frozenset({2, 7}), bad_words_ids=((2,),)), {7}),
        (GenerationSettings(valid_first_tokens=frozenset({2}), logit_bias=((12, 99.0),)), {2}),
    ],
)
def test_the_first_token_begins_with_the_cropped_one(wanted: GenerationSettings, first: set[int]) -> None:
    model = still({1: 0.3, 12: 0.3, 13: 0.2, 2: 0.2})
    wanted = replace(wanted, max_length=1)
    found = [
        step for seed in range(200) for step in generate(model, [], wanted, SeededRandom(seed), begins_with=begins)
    ]
    assert {step.token for step in found} == first


def test_without_knowing_texts_only_the_cropped_token_begins_with_itself() -> None:
    wanted = GenerationSettings(max_length=1, cropped_token=2)
    assert {generate_steps(FAIR, wanted, [], seed)[0].token for seed in range(50)} == {2}


# Logprobs


@given(models, some_tokens, st.lists(biases, max_size=2).map(tuple), some_sequences, st.integers(0, 9), seeds)
def test_logprobs_before_are_the_models_and_after_those_of_the_draw(
    model: Table,
    context: list[int],
    entries: tuple[SequenceBias, ...],
    bans: tuple[tuple[int, ...], ...],
    n: int,
    seed: int,
) -> None:
    wanted = GenerationSettings(
        max_length=6,
        num_logprobs=n,
        repetition_penalty=1.5,
        phrase_rep_pen="aggressive",
        logit_bias_exp=entries,
        bad_words_ids=bans,
        top_k=3,
        cfg_scale=1.5,
        mirostat_tau=3,
        mirostat_lr=0.2,
    )
    text = list(context)
    for step in generate_steps(model, wanted, context, seed):
        expected = model.distribution(text).probabilities
        assert step.logprobs is not None
        (chosen,) = step.logprobs.chosen
        assert chosen.token == step.token
        assert [pair.token for pair in step.logprobs.before] == [*expected][:n]
        for pair in (chosen, *step.logprobs.before, *step.logprobs.after):
            assert isclose(pair.before, log(expected.get(pair.token, FLOOR)), rel_tol=1e-12)
        assert chosen.after is not None
        assert all(pair.after is not None for pair in step.logprobs.after)
        if n >= 3:
            assert isclose(fsum(exp(pair.after or 0) for pair in step.logprobs.after), 1, rel_tol=1e-9)
            assert chosen in step.logprobs.after
        text.append(step.token)


# Chance and memory


@given(
    models,
    some_tokens,
    some_sequences,
    st.lists(biases, max_size=2).map(tuple),
    st.floats(1, 3),
    st.sampled_from([*PHRASE_LEVELS]),
    seeds,
)
def test_one_random_number_per_token_and_equal_outputs_for_equal_seeds(
    model: Table,
    context: list[int],
    bans: tuple[tuple[int, ...], ...],
    entries: tuple[SequenceBias, ...],
    penalty: float,
    level: str,
    seed: int,
) -> None:
    wanted = GenerationSettings(
        max_length=10,
        bad_words_ids=bans,
        logit_bias_exp=entries,
        repetition_penalty=penalty,
        phrase_rep_pen=level,
        mirostat_tau=4,
        mirostat_lr=0.1,
    )
    chance, twin = SeededRandom(seed), SeededRandom(seed)
    steps = list(generate(model, context, wanted, chance))
    for _ in steps:
        twin.uniform()
    assert chance.uniform() == twin.uniform()
    assert steps == generate_steps(model, wanted, context, seed)


@pytest.mark.parametrize("bans", [(), ((1,),), ((1,), (8, 9, 1))])
def test_the_result_of_the_samplers_is_cached(
    bans: tuple[tuple[int, ...], ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Distribution] = []

    def counted(distribution: Distribution, moment: SamplerContext) -> Distribution:
        found.append(distribution)
        return apply_samplers(distribution, moment)

    monkeypatch.setattr(generation, "apply_samplers", counted)
    model = still({1: 0.5, 2: 0.3, 3: 0.2})
    for seed in range(3):  # also over generations whose settings are equal
        generate_steps(model, GenerationSettings(max_length=50, temperature=0.75, bad_words_ids=bans), [], seed)
    assert len(found) == 1


# Statistics. The seeds are fixed, so none of these fails by chance; with another seed it would, as rarely as it says.


def test_a_ban_holds_where_its_token_is_likely() -> None:
    # Without the ban it would be missing in 2^-1000 of all cases.
    model = still({1: 0.5, 2: 0.3, 3: 0.2})
    assert 1 not in ids(generate_steps(model, GenerationSettings(max_length=1000, bad_words_ids=((1,),)), [], "ban"))


def test_strong_biases_make_rare_tokens_common_and_common_ones_rare() -> None:
    # 0.002 · e^4 is 0.0986 of all: of 1000 tokens at most 50, or 200 and more, have less than 2 · 10^-7 (Chernoff);
    # without the bias 50 and more have less than 10^-40. 0.5 · e^-9 is 0.00012 of all: ten and more have 10^-15.
    model = still({1: 0.5, 2: 0.498, 3: 0.002})
    assert (
        50
        < Counter(ids(generate_steps(model, GenerationSettings(max_length=1000, logit_bias=((3, 4.0),)), [], "bias")))[
            3
        ]
        < 200
    )
    assert (
        Counter(ids(generate_steps(model, GenerationSettings(max_length=1000, logit_bias=((1, -9.0),)), [], "bias")))[1]
        < 10
    )


def test_a_low_temperature_gives_less_variety() -> None:
    # Cold, 0.4 of 400 tokens are not the best, and 0.0004 not one of the two best: 20 of those, or two of these, which
    # four kinds take, have less than 10^-7. Hot, the best has 0.30 of all: 200 and more, or three kinds at most, 10^-14.
    model = still({token: 2.0**-token for token in range(10)})
    cold = Counter(ids(generate_steps(model, GenerationSettings(max_length=400, temperature=0.1), [], "heat")))
    hot = Counter(ids(generate_steps(model, GenerationSettings(max_length=400, temperature=2.0), [], "heat")))
    assert cold[0] > 380
    assert hot[0] < 200
    assert len(cold) <= 3 < len(hot)


def test_one_best_candidate_leaves_no_choice() -> None:
    model = still({1: 0.4, 2: 0.35, 3: 0.25})
    assert {
        tuple(ids(generate_steps(model, GenerationSettings(max_length=20, top_k=1), [], seed))) for seed in range(50)
    } == {(1,) * 20}


def test_a_penalty_makes_repetition_rarer() -> None:
    # Of 20,000 tokens of four alike, 1/4 repeat the one before; a presence of 1 on that one makes it 1 / (1 + 3e).
    # Either count is off by 0.02 of all with 3 · 10^-7 (Hoeffding).
    again = GenerationSettings(max_length=20_000, repetition_penalty_range=1)
    for wanted, share in ((again, 0.25), (replace(again, repetition_penalty_presence=1), 1 / (1 + 3 * exp(1)))):
        repeated = sum(a == b for a, b in pairwise(ids(generate_steps(FAIR, wanted, [], "again"))))
        assert abs(repeated / 20_000 - share) < 0.02
