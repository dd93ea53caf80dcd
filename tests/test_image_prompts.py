"""Emphasis, mixing and the counting of tokens in prompts for images.

See:
    docs/protocol/image.md#61-emphasis-syntax
    docs/protocol/image.md#63-token-counting
"""

from __future__ import annotations

import math
import pickle
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto.errors import InvalidRequestError
from nai_proto.image.choices import QualityPreset
from nai_proto.image.emphasis import MAX_DEPTH, Emphasis, Piece, Prompt, normalize_prompt, parse_prompt, split_segments
from nai_proto.image.models import ImageModel, find_base_model
from nai_proto.image.quality_tags import with_quality_tags
from nai_proto.image.token_counts import PromptTokenCount, count_tokens, strip_emphasis, token_limit
from nai_proto.tokenizers import tokenizer_name
from tests.cases import for_each
from tests.support import ByteTokenizer

BYTES = ByteTokenizer()
V45 = "nai-diffusion-4-5-full"

ODD = st.lists(st.sampled_from([*"{}[]:|.-,a 0159²٣", "::", "1.5::", "-2::", "0.8::", "||", "girl"]), max_size=30).map(
    "".join
)
TEXTS = st.one_of(ODD, st.text(st.characters(), max_size=30))


def weights(text: str, *, numeric: bool = True) -> list[tuple[str, float]]:
    return [(words, round(weight, 6)) for words, weight in parse_prompt(text, numeric=numeric).weighted()]


def emphases(pieces: tuple[Piece, ...]) -> Iterator[Emphasis]:
    for piece in pieces:
        if isinstance(piece, Emphasis):
            yield piece
            yield from emphases(piece.pieces)


# ---- emphasis


@given(TEXTS, st.booleans())
def test_what_is_read_is_written_as_it_was(text: str, numeric: bool) -> None:
    prompt = parse_prompt(text, numeric=numeric)
    assert str(prompt) == text
    assert parse_prompt(str(prompt), numeric=numeric) == prompt
    assert all(words for words, _ in prompt.weighted())


@for_each(
    "text, found",
    [
        ("", []),
        ("a cat", [("a cat", 1)]),
        ("{a} cat", [("a", 1.05), (" cat", 1)]),
        ("{{a}}", [("a", 1.1025)]),
        ("[a]", [("a", 0.952381)]),
        ("[[a]b]", [("a", 0.907029), ("b", 0.952381)]),
        ("{[a]}", [("a", 1)]),
        ("1.5::rain, night:: day", [("rain, night", 1.5), (" day", 1)]),
        ("-1::hat::", [("hat", -1)]),
        ("2.::a::", [("a", 2)]),
        ("0::a::b", [("a", 0), ("b", 1)]),
        ("a 1.5::{b}c::", [("a ", 1), ("b", 1.575), ("c", 1.5)]),
        ("{1.5::a::}", [("a", 1.575)]),
        ("1.5::a::2::b::", [("a", 1.5), ("b", 2)]),
        # What is not closed, or closes nothing.
        ("{a", [("a", 1.05)]),
        ("a}", [("a}", 1)]),
        ("a ]{b", [("a ]", 1), ("b", 1.05)]),
        ("a::b", [("a::b", 1)]),
        ("1.5::a", [("a", 1.5)]),
        ("{}", []),
        # What crosses.
        ("{a[b}c]", [("a", 1.05), ("b", 1), ("c]", 1)]),
        ("1.5::{a:: b", [("a", 1.575), (" b", 1)]),
        ("{1.5::a}b::", [("a", 1.575), ("b::", 1)]),
        ("1.5::a 2::b::c", [("a ", 1.5), ("b", 2), ("c", 1)]),
        ("1.5::{2::a::}b::", [("a", 3.15), ("b", 1.5)]),
        # What is a number.
        ("3-1::a::", [("3", 1), ("a", -1)]),
        ("1.2.3::a::", [("1.", 1), ("a", 2.3)]),
        (".5::a::", [(".", 1), ("a", 5)]),
        ("2::in 2077::", [("in ", 2)]),
        ("2::in 2077 ::", [("in 2077 ", 2)]),
        ("²::a", [("²::a", 1)]),
        ("a:::b", [("a:::b", 1)]),
    ],
)
def test_words_weigh_what_is_written_around_them(text: str, found: list[tuple[str, float]]) -> None:
    assert weights(text) == found


def test_before_v4_numbers_are_text() -> None:
    assert weights("1.5::{a}::", numeric=False) == [("1.5::", 1), ("a", 1.05), ("::", 1)]


def test_an_emphasis_is_a_value() -> None:
    prompt = parse_prompt("a {b 1.5::c")
    assert prompt == Prompt(("a ", Emphasis("{", ("b ", Emphasis("1.5::", ("c",), closed=False)), closed=False)))
    assert pickle.loads(pickle.dumps(prompt)) == prompt
    assert hash(prompt) == hash(parse_prompt("a {b 1.5::c"))
    assert repr(prompt) == "Prompt()"
    assert repr(parse_prompt("{secret}").pieces[0]) == "Emphasis(opening='{', closed=True)"


CLIENTS_NUMBER = re.compile(r"(-?\d+\.?\d*)?::", re.ASCII)


@given(st.text("12.-:a", max_size=12))
def test_a_number_begins_where_the_clients_see_one(text: str) -> None:
    openings = [found[0] for found in CLIENTS_NUMBER.finditer(text) if found[1]]
    assert [emphasis.opening for emphasis in emphases(parse_prompt(text).pieces)] == openings


def test_a_number_of_any_length_is_a_weight() -> None:
    assert weights("9" * 400 + "::a::") == [("a", math.inf)]


@pytest.mark.parametrize("digits", ["9", "9.", "-9"])
def test_a_million_digits_are_read_once(digits: str) -> None:
    """Were each the beginning of a search for all the others, this would take hours."""
    text = digits * (1_000_000 // len(digits))
    assert parse_prompt(text) == Prompt((text,))


@pytest.mark.parametrize("piece", ["{", "}", "1.5::", "::", "{}", "{[", "9", "9.", "-", "|", "1::{"])
def test_a_prompt_as_long_as_the_service_takes_is_read_at_any_depth(piece: str) -> None:
    text = piece * (51_200 // len(piece))
    prompt = parse_prompt(text)
    assert str(prompt) == text
    clean = normalize_prompt(text)
    assert str(parse_prompt(clean)) == clean
    assert hash(prompt) == hash(parse_prompt(text))


def test_what_is_deeper_than_the_limit_is_text() -> None:
    assert weights("{" * MAX_DEPTH + "a") == [("a", round(1.05**MAX_DEPTH, 6))]
    assert weights("{" * MAX_DEPTH + "[a") == [("[a", round(1.05**MAX_DEPTH, 6))]
    assert weights("{" * (MAX_DEPTH - 1) + "2::a 3::b") == [
        ("a ", round(2 * 1.05 ** (MAX_DEPTH - 1), 6)),
        ("b", round(3 * 1.05 ** (MAX_DEPTH - 1), 6)),
    ]


# ---- normalising


@given(TEXTS, st.booleans())
def test_normalising_closes_all_and_changes_no_weight(text: str, numeric: bool) -> None:
    clean = normalize_prompt(text, numeric=numeric)
    assert all(emphasis.closed for emphasis in emphases(parse_prompt(clean, numeric=numeric).pieces))
    assert normalize_prompt(clean, numeric=numeric) == clean
    before, after = (
        [(words.rstrip(" "), weight) for words, weight in weights(each, numeric=numeric)] for each in (text, clean)
    )
    assert after == before


@for_each(
    "text, clean",
    [
        ("a {b [c", "a {b [c]}"),
        ("1.5::a 2::b", "1.5::a ::2::b::"),
        ("2::in 2077", "2::in 2077 ::"),
        ("2::see 5.", "2::see 5. ::"),
        ("2::so:", "2::so: ::"),
        ("{1.5::a}b", "{1.5::a::}b"),
        ("a}} ::", "a}} ::"),
        ("{a}, 1.5::b::", "{a}, 1.5::b::"),
    ],
)
def test_a_normal_prompt_closes_where_its_emphasis_ends(text: str, clean: str) -> None:
    assert normalize_prompt(text) == clean


# ---- mixing


@given(TEXTS)
def test_segments_joined_are_the_prompt(text: str) -> None:
    parts = split_segments(text)
    assert "|".join(parts) == text
    assert not any("|" in part.replace("||", "") for part in parts)


@for_each(
    "text, parts",
    [
        ("", [""]),
        ("a", ["a"]),
        ("a | b:2", ["a ", " b:2"]),
        ("a||b", ["a||b"]),
        ("a|||b", ["a||", "b"]),
        ("|a|", ["", "a", ""]),
    ],
)
def test_single_pipes_part_a_prompt(text: str, parts: list[str]) -> None:
    assert split_segments(text) == parts


@given(st.text("ab|,: ", max_size=12))
def test_tags_go_where_the_segments_are(text: str) -> None:
    first, *rest = split_segments(text)
    tagged = split_segments(with_quality_tags(text, ImageModel.V4_FULL, QualityPreset.STANDARD))
    assert tagged[1:] == rest
    assert tagged[0].startswith(first.rstrip() if first.strip() else "")
    everywhere = split_segments(with_quality_tags(text, ImageModel.ANIME_V3, QualityPreset.STANDARD))
    assert len(everywhere) == len(rest) + 1
    assert with_quality_tags("a|||b", ImageModel.V4_FULL, QualityPreset.STANDARD).startswith("a||, ")


# ---- counting


@for_each(
    "model, limit, tokenizer",
    [
        ("nai-diffusion", 225, "clip"),
        ("nai-diffusion-2", 225, "clip"),
        ("nai-diffusion-3-inpainting", 225, "clip"),
        ("nai-diffusion-4-curated-inpainting", 512, "t5"),
        (V45, 512, "t5"),
        ("nai-diffusion-5-full", 1471, "qwen35"),
        ("nai-diffusion-5-full-inpainting", 1471, "qwen35"),
        ("nai-diffusion-5-curated", 703, "qwen35"),
    ],
)
def test_a_model_has_a_limit_and_a_tokenizer(model: str, limit: int, tokenizer: str) -> None:
    assert token_limit(model) == limit
    assert tokenizer_name(find_base_model(model).id) == tokenizer


def test_of_a_model_that_is_not_known_nothing_is_counted() -> None:
    for question in (
        token_limit,
        lambda model: strip_emphasis("", model),
        lambda model: count_tokens(model, BYTES, ""),
    ):
        with pytest.raises(InvalidRequestError, match="no image model with known prices is called 'nai-diffusion-9'"):
            question("nai-diffusion-9")


@for_each(
    "prompt, words",
    [
        ("{a}, [b]", "a, b"),
        ("1.5::rain:: x", "rain x"),
        ("1.5::{rain}::", "rain"),
        ("{1.5::a::", "a"),
        ("1.5::a", "1.5::a"),
        ("a} ::", "a ::"),
    ],
)
def test_t5_counts_no_signs_of_emphasis(prompt: str, words: str) -> None:
    assert strip_emphasis(prompt, V45) == words
    assert strip_emphasis(prompt, "nai-diffusion-5-full") == strip_emphasis(prompt, "nai-diffusion-3") == prompt
    assert count_tokens(V45, BYTES, prompt) == PromptTokenCount(512, (len(words),), ends=1)
    assert count_tokens("nai-diffusion-5-full", BYTES, prompt) == PromptTokenCount(1471, (len(prompt),))


@for_each(
    "prompt, characters, over, left",
    [
        (511, [], None, 0),
        (512, [], 0, -1),
        (500, [11], None, 0),
        (500, [12], 1, -1),
        (500, [0, 11, 5, 7], 3, -12),
        (600, [5], 0, -94),
        (0, [], None, 511),
    ],
)
def test_the_part_in_which_the_limit_is_passed_is_named(
    prompt: int, characters: list[int], over: int | None, left: int
) -> None:
    count = count_tokens(V45, BYTES, "a" * prompt, ["b" * length for length in characters])
    assert (count.over, count.left) == (over, left)
    assert count.parts == (prompt, *characters)


@given(st.integers(1, 50), st.lists(st.integers(0, 30), min_size=1, max_size=6), st.integers(0, 1))
def test_a_part_is_named_if_and_only_if_there_are_too_many(limit: int, parts: list[int], ends: int) -> None:
    count = PromptTokenCount(limit, tuple(parts), ends)
    assert (count.over is None) == (count.left >= 0) == (sum(parts) + ends <= limit)
    if count.over is not None:
        assert sum(parts[: count.over]) + ends <= limit < sum(parts[: count.over + 1]) + ends
