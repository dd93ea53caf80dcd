"""Regular expressions of JavaScript, with expectations from the standard (ECMA-262 §22.2), and the bounds on their cost."""

from __future__ import annotations

import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto import LimitExceeded, Limits, RemoteProtocolError
from nai_proto.story import jsregex

from .cases import for_each
from .regex_tables import LENIENT_MATCHES, MATCHES, REJECTED


def find_first(pattern: str, text: str, flags: str = "") -> list[str | None] | None:
    """The first match and its groups, as ``exec`` returns them."""
    match = jsregex.compile(pattern, flags).search(text)
    if match is None:
        return None
    return [None if span is None else text[slice(*span)] for span in (match.span, *match.groups)]


@for_each("pattern, flags, text, expected", MATCHES)
def test_first_match_and_groups(pattern: str, flags: str, text: str, expected: list[str | None] | None) -> None:
    assert find_first(pattern, text, flags) == expected


@for_each("pattern, text, expected", LENIENT_MATCHES)
def test_lenient_syntax_of_annex_b_is_an_error_with_flag_u(pattern: str, text: str, expected: list[str | None]) -> None:
    assert find_first(pattern, text) == expected
    with pytest.raises(jsregex.PatternError):
        jsregex.compile(pattern, "u")


@for_each("pattern, flags, problem", REJECTED)
def test_invalid_pattern_is_rejected_with_the_problem(pattern: str, flags: str, problem: str) -> None:
    with pytest.raises(jsregex.PatternError, match=problem) as caught:
        jsregex.compile(pattern, flags)
    assert isinstance(caught.value, RemoteProtocolError)
    assert type(caught.value) is jsregex.PatternError
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@for_each(
    "pattern, flags",
    [
        ("a", "v"),
        ("(?i:a)", ""),
        ("(?-s:a)", ""),
        ("\\p{Emoji}", "u"),
        ("\\p{Script=Klingon}", "u"),
        ("\\p{scx=Greek}", "u"),
        ("\\p{gc=ASCII}", "u"),
        ("\\p{}", "u"),
        ("(?<\\u0061>x)", ""),
    ],
)
def test_unsupported_pattern_has_its_own_error(pattern: str, flags: str) -> None:
    with pytest.raises(jsregex.UnsupportedPattern, match="not supported"):
        jsregex.compile(pattern, flags)


@for_each("flags", ["g", "y", "d", "gyd"])
def test_flags_g_y_and_d_have_no_effect(flags: str) -> None:
    assert jsregex.compile("b", flags).search("ab") == jsregex.Match(1, 2)


# ---- repetitions


@given(st.integers(0, 3), st.integers(0, 3), st.integers(0, 8), st.sampled_from(["ab", "(?:a|bb|)b", "(a)b", "\\w{2}"]))
def test_a_group_is_repeated_as_often_as_its_bounds_allow(minimum: int, more: int, present: int, body: str) -> None:
    times = min(present, minimum + more)
    least = 2 * minimum if present >= minimum else None
    for lazy, width in (("", 2 * times if least is not None else None), ("?", least)):
        found = jsregex.compile(f"^(?:{body}){{{minimum},{minimum + more}}}{lazy}").search("ab" * present)
        assert (found and found.end) == width


# ---- units and characters


@for_each(
    "pattern, flags, span",
    [
        ("^.$", "", None),
        ("^..$", "", (0, 1)),
        ("^.$", "u", (0, 1)),
        ("\\ude00", "", (0, 1)),
        ("\\ude00", "u", None),
        ("[😀]", "u", (0, 1)),
        ("😀", "", (0, 1)),
        ("^😀{2}", "", None),
        ("[^😀]", "u", None),
    ],
)
def test_pattern_sees_units_without_u_and_code_points_with_it(
    pattern: str, flags: str, span: jsregex.Span | None
) -> None:
    found = jsregex.compile(pattern, flags).search("😀")
    assert (found and found.span) == span


def test_positions_are_characters() -> None:
    text = "😀a😀b😀"
    for flags in ("", "u"):
        assert [match.span for match in jsregex.compile("[ab]", flags).finditer(text)] == [(1, 2), (3, 4)]
        assert jsregex.compile("(?<x>😀)(?<y>b)?", flags).search(text, 2) == jsregex.Match(
            2, 4, ((2, 3), (3, 4)), {"x": (2, 3), "y": (3, 4)}
        )
    assert [match.span for match in jsregex.compile(".").finditer("😀")] == [(0, 1), (0, 1)], "both halves"


def test_matches_come_from_left_to_right_without_overlaps() -> None:
    assert [match.span for match in jsregex.compile("a*").finditer("baac")] == [(0, 0), (1, 3), (3, 3), (4, 4)]
    assert [match.span for match in jsregex.compile("aa").finditer("aaaa")] == [(0, 2), (2, 4)]
    last = jsregex.compile("(?<n>\\w+)").search_last("one two")
    assert last == jsregex.Match(4, 7, ((4, 7),), {"n": (4, 7)})
    assert jsregex.compile("x").search_last("one two") is None


def test_search_sees_nothing_outside_its_range() -> None:
    regex = jsregex.compile("^b$")
    assert regex.search("abc", 1, 2) == jsregex.Match(1, 2)
    assert regex.search("abc", -2, -1) == jsregex.Match(1, 2)
    assert jsregex.compile("(?<=a)b").search("ab", 1) is None
    assert regex.search("abc", 2, 1) is None


# ---- limits


@for_each(
    "pattern, text",
    [
        ("(a+)+$", "a" * 60 + "b"),
        ("(a|aa)+$", "a" * 60 + "b"),
        ("(a|a)*[bc]", "a" * 60),
        ("(.*)*x$", "y" * 60 + "xy"),
        ("(?:a?){30}a{30}[bc]", "a" * 30),
        ("^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 60),
        ("(?=(a+)+$)a", "a" * 60 + "b"),
        ("(?<!^(a+)+)b$", "c" + "a" * 60 + "b"),
        ("(x+x+)+y", "x" * 5000 + "zy"),
        ("(?:){1000000000}", ""),
        ("((((((((a*)*)*)*)*)*)*)*)*[b]", "a" * 60),
        ("(a+)\\1+$", ("a" * 101 + "b") * 90),
    ],
)
def test_catastrophic_patterns_stop_at_the_limit(pattern: str, text: str) -> None:
    regex = jsregex.compile(pattern, limits=Limits(regex_steps=20_000))
    for search in (regex.search, regex.search_last):
        with pytest.raises(LimitExceeded) as caught:
            search(text)
        assert (caught.value.limit, caught.value.value > 20_000) == (20_000, True)
        assert pattern[:20] in str(caught.value)
        assert text not in str(caught.value) or not text


@for_each(
    "pattern, flags",
    [
        (r"\bdrag(?:on|oness|ons)\b", "i"),
        ("(king|queen|prince|princess) of .*", ""),
        (".*foo", ""),
        (r"\w+\s\w+ly\b", ""),
        (r"[A-Z]\w+ the [A-Z]\w+", ""),
        (r"(?<!\w)the\s+(?=tower)", "iu"),
        (r"^.*?\bend\b", "m"),
        ("|".join(f"{letter}ame{number}" for number in range(8) for letter in "abcdefghijklmnopqrstuvwxyz"), "i"),
    ],
)
def test_usual_patterns_search_a_long_text_within_the_limit(pattern: str, flags: str) -> None:
    words = "the quick brown Fox of the north jumps over some lazy dogs — "
    text = (words * 200)[:10_000]
    jsregex.compile(pattern, flags).search_last(text)


@for_each("pattern", [".*dragon", r"\w*?!", "a+b"])
def test_leading_run_is_tried_once(pattern: str) -> None:
    regex = jsregex.compile(pattern, limits=Limits(regex_steps=400))
    assert regex.search("a" * 9000) is None
    assert regex.search("a" * 9000 + "b dragon!") is not None


def test_long_run_takes_one_step_and_no_recursion() -> None:
    text = "a" * 50_000
    assert jsregex.compile("a*b?").search(text) == jsregex.Match(0, 50_000)
    assert jsregex.compile("(?:ab?)*", limits=Limits(regex_steps=2_000_000)).search(text) == jsregex.Match(0, 50_000)


@for_each(
    "pattern, flags, text",
    [
        ("(a|a)*b", "", "a" * 5000),
        ("(.*)*x", "", "y" * 5000),
        (r"(\w+ ?)+ (king|queen)", "i", "the quick brown fox " * 200),
        (r"(?=(a+)+dragon)a", "", "a" * 5000),
        ("(a+){2,}(?:b+c)+$", "", "ab" * 2000),
        ("(king|queen) of \\w+", "", "he is of the best. " * 200),
        ("(a+)+É", "i", "a" * 5000),
    ],
)
def test_a_text_that_lacks_what_each_match_contains_is_not_tried(pattern: str, flags: str, text: str) -> None:
    regex = jsregex.compile(pattern, flags, limits=Limits(regex_steps=100))
    assert regex.search(text) is None


@for_each(
    "pattern, text",
    [
        ("(the|a|an) (king|queen)", "a the an " * 900 + "the queen"),
        (r"\w+dragon", "many words are in this text " * 300 + "a snapdragon"),
        (r"[^\n]{0,9}dragon", "many words are in this text " * 300 + "a snapdragon"),
        (r"\bdragon", "dragons " + "snapdragon " * 900),
    ],
)
def test_a_match_is_tried_only_near_what_it_contains(pattern: str, text: str) -> None:
    regex = jsregex.compile(pattern, limits=Limits(regex_steps=8_000))
    assert regex.search(text) is not None


@for_each(
    "pattern, text",
    [
        (r"-(?=\w+lit)", "-abclit"),
        (r"-(\w+lit)", "x-abclit"),
        (r"[a-z]*([0-9]+lit)", "abc123lit"),
        (r"([a-z]*)([0-9]+lit)", "abc123lit"),
        (r"(?:[a-z]*|-)([0-9]{2}lit)", "abc12lit"),
        (r"(?:[a-z]+lit|--lot)", "abclit"),
        (r"(?=[a-z]+lit)abc", "abclit"),
        (r"\w{2,}lit", "abcdlit"),
        (r"(\w)\1*lit", "aaaalit"),
    ],
)
def test_what_is_in_front_of_a_required_text_is_part_of_the_match(pattern: str, text: str) -> None:
    found = jsregex.compile(pattern).search(text)
    theirs = re.search(pattern, text)
    assert found is not None
    assert theirs is not None
    assert found.span == theirs.span()


def test_length_and_depth_of_a_pattern_are_bounded() -> None:
    limits = Limits(regex=10, regex_depth=3)
    jsregex.compile("(((abcd)))", limits=limits)
    with pytest.raises(LimitExceeded, match="characters of a pattern"):
        jsregex.compile("a" * 11, limits=limits)
    with pytest.raises(LimitExceeded, match="levels of groups"):
        jsregex.compile("((((a))))", limits=limits)
    most = Limits()
    depth = "(?:" * most.regex_depth + "a" + ")*" * most.regex_depth
    assert jsregex.compile(depth).search("a") is not None
    assert jsregex.compile("(a)" * (most.regex // 3)).search("a") is None
    with pytest.raises(LimitExceeded):
        jsregex.compile("(" * 10_000)


@pytest.mark.parametrize(
    ("pattern", "flags"),
    [
        ("[" + r"\p{L}\P{Lu}" * 600 + "]", "iu"),
        (r"\P{L}" * 1300, "iu"),
        ("".join(f"[\\p{{L}}{chr(0x10000 + number)}]*" for number in range(600)), "u"),
        ("".join(f"(?<n{number}>a)" for number in range(700)), ""),
        ("(?:" + "(a?)" * 2000 + ")*", ""),
        ("|".join(f"name{number}" for number in range(800)), "i"),
    ],
)
def test_large_patterns_compile_quickly(pattern: str, flags: str) -> None:
    jsregex.compile(pattern, flags).search("a" * 10)


def test_more_than_100_groups_of_one_name_are_unsupported() -> None:
    assert jsregex.compile("|".join(["(?<n>a)"] * 100)).search("a") is not None
    with pytest.raises(jsregex.UnsupportedPattern, match="more than 100 groups"):
        jsregex.compile("|".join(["(?<n>a)"] * 101))


def test_repr_shows_the_pattern_and_the_flags() -> None:
    assert repr(jsregex.compile("a+", "i")) == "<Regex /a+/i>"
