"""Trimming: texts that do not fit. See docs/protocol/content.md#86-trimming-and-insertion."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto.story.context.token_counters import TokenizerCounter
from nai_proto.story.context.trimming import TrimResult, find_unit_ends, trim
from nai_proto.story.context_config import ContextConfig, ContextUnit, TrimDirection
from nai_proto.tokenizers.base import Tokenizer
from tests.cases import for_each
from tests.context_support import BYTES, Pairs, Words

STORY = "one a\ntwo b\nthree c\nfour d\nfive e"
SPEECH = 'He said "No." She left! What? And so…\nno end\n\n(Was it?) It was.\n'


def trimmed_text(text: str, allowed: int, tokenizer: Tokenizer = BYTES, **fields: Any) -> str | None:
    config = ContextConfig(**fields)
    trimmed = trim(text, config, allowed, TokenizerCounter(tokenizer))
    return None if trimmed is None else text[trimmed.start : trimmed.end]


def split_units(text: str, unit: ContextUnit, tokenizer: Tokenizer = BYTES) -> list[str]:
    ends = [0, *find_unit_ends(text, unit, TokenizerCounter(tokenizer))]
    return [text[start:end] for start, end in pairwise(ends)]


def test_a_line_keeps_its_line_feed() -> None:
    assert split_units("a\n\nb", "newline") == ["a\n", "\n", "b"]
    assert split_units("a\n", "newline") == ["a\n"]
    assert split_units("", "newline") == []


def test_a_sentence_ends_at_a_sign_and_what_closes_behind_it_or_with_its_line() -> None:
    assert split_units(SPEECH, "sentence") == [
        'He said "No." ',
        "She left! ",
        "What? ",
        "And so…\n",
        "no end\n",
        "\n",
        "(Was it?) ",
        "It was.\n",
    ]
    assert split_units("3.14 is pi... more or less?! Yes", "sentence") == ["3.14 is pi... ", "more or less?! ", "Yes"]


@for_each(
    "sentences",
    [
        ["The carriage stopped. ", "Dr. Wyrm stepped out. ", "Mrs. Vale waved~ ", "She smiled. ", "Jr. came."],
        ["I saw Mr. X and Prof. Y of St. Z at Col. Q's. ", "MR. BIG left."],
        ["Len Pennington Esq. at your service. ", "He met Ann Lee Sr. and Jr. again."],
        ["M. Dupont left. ", "He ran."],
        ["He is a Dr.\n", "She left."],
        ['They call him "Dr." ', "He left."],
        ["Dr... ", "Who? "],
        ["Mr.\u00a0Wyrm left. ", "Mrs.\u3000Vale stayed."],
        ["Adr. ", "Come on, hon. ", "It is _st. ", "Hon. Judge."],
        ["昨日、行った。", "本当？", "「うん！」", "そう……でも。 ", "終わり"],  # noqa: RUF001
        ["你好！？", "走吧。」", "他走了。", "“来吧。”", "好"],  # noqa: RUF001
        ["هل أنت بخير؟ ", "نعم."],
        ["Hm~ ", "10~20 are left! ", "„Ja.“ ", "»Nein!« ", "Wait… ", "go…on"],
    ],
)
def test_sentences_end_as_the_site_splits_them(sentences: list[str]) -> None:
    assert split_units("".join(sentences), "sentence") == sentences


@for_each(
    "sentences",
    [
        ["राम घर गया। ", "“ठीक है।” ", "सीता आई ॥१॥ ", "क्या? ", "हाँ।।"],
        ["وہ آیا۔ ", "ایم۔اے پاس ہے۔ ", "اچھا؟ ", "ہاں"],  # noqa: RUF001
        ["Նա եկավ։ ", "Այո։"],  # noqa: RUF001
        ["ሰላም። ", "ደህና፧ ", "አዎ፨"],
        ["မြန်မာ။", "ဟုတ်။ ", "ကောင်း"],
        ["សួស្តី។", "បាទ៕ ", "ទេ"],
        ["えっ⁉", "「ほんと｡」", "３．１４だ‼", "うん"],  # noqa: RUF001
        ["What‽ ", "No."],
    ],
)
def test_sentences_of_other_scripts_end_at_their_own_signs(sentences: list[str]) -> None:
    assert split_units("".join(sentences), "sentence") == sentences


def test_a_trimmed_text_does_not_end_in_an_honorific() -> None:
    text = "The lamp is old. It was lit by Dr. Wyrm in the year of the great storm."
    for allowed in range(4, 15):
        assert trimmed_text(text, allowed, Words(), trim_direction="trimBottom", maximum_trim_type="sentence") in (
            "The lamp is old.",
            text,
        )


def test_a_character_of_several_tokens_is_one_unit() -> None:
    assert split_units("aé😀b", "token") == ["a", "é", "😀", "b"]
    assert split_units("two words", "token", Words()) == ["two", " words"]


@pytest.mark.parametrize("unit", ["newline", "sentence", "token"])
@given(text=st.text(alphabet='ab .!\n"é😀', max_size=40))
def test_joined_units_are_the_text(unit: ContextUnit, text: str) -> None:
    found = split_units(text, unit)
    assert "".join(found) == text
    assert all(found)


def test_what_fits_stays_whole() -> None:
    assert trimmed_text(STORY, len(STORY), trim_direction="trimTop") == STORY
    assert trimmed_text(STORY, 14, Words()) == STORY


def test_lines_are_dropped_at_the_top_or_at_the_bottom() -> None:
    assert trimmed_text(STORY, 13, Words(), trim_direction="trimTop") == "two b\nthree c\nfour d\nfive e"
    assert trimmed_text(STORY, 13, Words(), trim_direction="trimBottom") == "one a\ntwo b\nthree c\nfour d"


def test_no_line_feed_is_left_where_it_was_cut() -> None:
    assert trimmed_text("a\n\n\nbcd\n", 4, trim_direction="trimBottom") == "a"
    assert trimmed_text("\nabc\n\n\nd\n", 4, trim_direction="trimTop") == "d\n"


def test_all_or_nothing_where_nothing_may_be_dropped() -> None:
    assert trimmed_text(STORY, 13, Words(), trim_direction="doNotTrim") is None
    assert trimmed_text(STORY, 14, Words(), trim_direction="doNotTrim") == STORY


def test_prefix_and_suffix_count() -> None:
    assert trimmed_text("abc", 4, prefix="[", suffix="]", maximum_trim_type="newline") is None
    assert trimmed_text("abc", 5, prefix="[", suffix="]") == "abc"
    assert trimmed_text("abc\nde", 5, prefix="[", suffix="]") == "abc"
    assert trim("abc\nde", ContextConfig(prefix="[", suffix="]"), 6, TokenizerCounter(BYTES)) == TrimResult(
        0, 3, 5, "newline"
    )


def test_sentences_are_tried_where_lines_leave_less_than_thirty_percent() -> None:
    text = "Hi.\nOne two three four. Five six seven eight."
    assert trimmed_text(text, 9, Words(), trim_direction="trimBottom") == "Hi.\nOne two three four."
    assert trimmed_text(text, 9, Words(), maximum_trim_type="newline") == "Hi."
    assert trimmed_text("Hi you all.\nOne two three four. Five six seven.", 10, Words()) == "Hi you all."  # 3 of 10
    below = "Hi you all.\nOne two. Three four five six seven eight nine ten."
    assert trimmed_text(below, 11, Words()) == "Hi you all.\nOne two."  # 3 of 11
    just_below = "One two three four five.\nSix seven. " + "and " * 20
    assert trimmed_text(just_below, 17, Words()) == "One two three four five.\nSix seven."  # 5 of 17 are 29.4 %


def test_a_finer_cut_that_keeps_no_more_is_not_taken() -> None:
    trimmed = trim(
        "Hi.\nOne two three four five.", ContextConfig(trim_direction="trimBottom"), 4, TokenizerCounter(Words())
    )
    assert trimmed == TrimResult(0, 3, 1, "newline")


def test_tokens_are_tried_where_sentences_leave_less_than_thirty_percent() -> None:
    text = "Hi. One two three four five six seven eight nine ten."
    assert (
        trimmed_text(text, 10, Words(), maximum_trim_type="token") == "Hi. One two three four five six seven eight nine"
    )
    assert trimmed_text(text, 10, Words(), maximum_trim_type="sentence") == "Hi."
    assert (
        trimmed_text(text, 4, Words(), maximum_trim_type="token", trim_direction="trimTop") == " seven eight nine ten."
    )
    assert trimmed_text("é" * 9, 5, maximum_trim_type="token") == "éé"


def test_nothing_is_left_of_one_long_line_that_may_not_be_cut() -> None:
    assert trimmed_text("one two three", 2, Words(), maximum_trim_type="newline") is None
    assert trimmed_text("one two three", 2, Words(), maximum_trim_type="sentence") is None
    assert trimmed_text("one two three", 2, Words(), maximum_trim_type="token") == "one two"


@for_each("allowed", [0, -1])
def test_nothing_fits_into_no_tokens(allowed: int) -> None:
    assert trimmed_text("a", allowed, maximum_trim_type="token") is None


@given(
    text=st.text(alphabet="ab .\n", min_size=1, max_size=60),
    around=st.tuples(st.sampled_from(["", "<"]), st.sampled_from(["", "\n"])),
    direction=st.sampled_from(["trimTop", "trimBottom", "doNotTrim"]),
    finest=st.sampled_from(["newline", "sentence", "token"]),
    allowed=st.integers(0, 30),
    tokenizer=st.sampled_from([BYTES, Words()]),
)
def test_a_trimmed_text_fits_and_is_cut_no_finer_than_allowed(
    text: str,
    around: tuple[str, str],
    direction: TrimDirection,
    finest: ContextUnit,
    allowed: int,
    tokenizer: Tokenizer,
) -> None:
    prefix, suffix = around
    config = ContextConfig(prefix=prefix, suffix=suffix, trim_direction=direction, maximum_trim_type=finest)
    trimmed = trim(text, config, allowed, TokenizerCounter(tokenizer))
    if trimmed is None:
        assert direction == "doNotTrim" or tokenizer.count(prefix + text + suffix) > allowed
        return
    kept = text[trimmed.start : trimmed.end]
    assert tokenizer.count(prefix + kept + suffix) == trimmed.tokens <= allowed
    assert kept
    order = ["newline", "sentence", "token"]
    if trimmed.unit is None:
        assert kept == text
        return
    assert direction != "doNotTrim"
    assert order.index(trimmed.unit) <= order.index(finest)
    # It is cut at the edge of a unit, but for what is not left there.
    edges = {0, *find_unit_ends(text, trimmed.unit, TokenizerCounter(tokenizer))}
    if direction == "trimTop":
        assert trimmed.end == len(text)
        dropped = text[: trimmed.start]
        assert any(edge <= trimmed.start and not text[edge : trimmed.start].strip() for edge in edges)
        assert not kept.startswith("\n")
        assert dropped
    else:
        assert trimmed.start == 0
        assert any(trimmed.end <= edge and not text[trimmed.end : edge].strip() for edge in edges)
        assert not kept.endswith("\n")


@given(st.text(alphabet="ab .\n\n\n", min_size=1, max_size=80), st.integers(1, 40), st.sampled_from([BYTES, Pairs()]))
def test_as_many_lines_are_kept_as_fit(text: str, allowed: int, tokenizer: Tokenizer) -> None:
    config = ContextConfig(trim_direction="trimTop", maximum_trim_type="newline")
    trimmed = trim(text, config, allowed, TokenizerCounter(tokenizer))
    edges = [0, *find_unit_ends(text, "newline", TokenizerCounter(BYTES))[:-1]]
    fitting = [
        kept
        for edge in edges
        if tokenizer.count(kept := text[edge:].lstrip("\n") if edge else text) <= allowed and kept
    ]
    assert (text[trimmed.start :] if trimmed else "") == max(fitting, key=len, default="")


def test_the_most_lines_are_kept_even_if_counts_of_single_lines_mislead() -> None:
    assert trimmed_text("ab\n" * 60, 30, Pairs()) == ("ab\n" * 20)[:-1]
    assert trimmed_text("ab\n" * 60, 30, Pairs(), trim_direction="trimTop") == "ab\n" * 20


def test_a_long_text_is_not_encoded_as_a_whole() -> None:
    class Counting(Words):
        characters = 0

        def encode(self, text: str) -> list[int]:
            self.characters += len(text)
            return super().encode(text)

    tokenizer = Counting()
    text = "a line of five words\n" * 50_000
    trimmed = trim(text, ContextConfig(trim_direction="trimTop"), 2000, TokenizerCounter(tokenizer))
    assert trimmed is not None
    assert 1990 < trimmed.tokens <= 2000
    assert tokenizer.characters < len(text) / 10


def test_long_tokens_are_counted_right() -> None:
    text = f"{'x' * 1000} {'y' * 1000}\n{'z' * 1000}"
    assert trimmed_text(text, 4, Words()) == text
    assert trimmed_text(text, 3, Words()) == text[:2001]


def test_a_long_line_is_cut_without_encoding_all_of_it() -> None:
    text = "word " * 200_000
    config = ContextConfig(trim_direction="trimTop", maximum_trim_type="token")
    trimmed = trim(text, config, 100, TokenizerCounter(Words()))
    assert trimmed is not None
    assert trimmed.tokens == 100
    assert trimmed.end == len(text)
