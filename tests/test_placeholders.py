"""Placeholders of scenarios.

See docs/protocol/content.md#10-exported-files.
"""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto import InvalidRequestError
from nai_proto.story.placeholders import (
    Placeholder,
    check_answers,
    fill_placeholders,
    find_placeholders,
    merge_placeholders,
)
from tests.cases import for_each

WHOLE = Placeholder("hero", "Mira", "Name", "of the hero", 2)
TABLE = "%{\n2#hero[Mira]Name:of the hero\n1#place[Avalon]\nnot { a placeholder\n}\nIn ${place}, ${hero} slept."


@for_each(
    "text, found",
    [
        ("${hero}", Placeholder("hero")),
        ("${hero[Mira]}", Placeholder("hero", "Mira")),
        ("${hero[Mira]Name}", Placeholder("hero", "Mira", "Name")),
        ("${2#hero[Mira]Name:of the hero}", WHOLE),
        ("${hero:who?}", Placeholder("hero", description="who?")),
        ("${hero[Mira]:who: she?}", Placeholder("hero", "Mira", description="who: she?")),
        ("${1#hero}", Placeholder("hero", order=1)),
        ("${a hero[]}", Placeholder("a hero")),
        ("a ${hero} b", Placeholder("hero")),
    ],
)
def test_every_part_except_the_key_may_be_missing(text: str, found: Placeholder) -> None:
    assert find_placeholders(text) == [found]


@for_each("text", ["", "$hero", "{hero}", "${}", "${[Mira]}", "${he{ro}", "${he\nro}", "${hero", "%{\n}\n"])
def test_texts_without_placeholders(text: str) -> None:
    assert find_placeholders(text) == []


def test_table_at_the_top_is_no_part_of_the_text() -> None:
    assert find_placeholders(TABLE) == [Placeholder("place", "Avalon", order=1), WHOLE]
    assert fill_placeholders(TABLE, {}) == "In Avalon, Mira slept."
    assert fill_placeholders(TABLE, {"hero": "Ana"}) == "In Avalon, Ana slept."
    assert fill_placeholders("x" + TABLE, {"hero": "Ana", "place": "it"}).startswith("x%{\n2#hero")


def test_a_table_may_have_the_line_ends_of_windows() -> None:
    table = TABLE.replace("\n", "\r\n")
    assert find_placeholders(table) == find_placeholders(TABLE)
    assert fill_placeholders(table, {"hero": "Ana"}) == "In Avalon, Ana slept."


def test_each_key_is_listed_once_with_its_parts_merged() -> None:
    assert find_placeholders("${b} ${hero[Mira]} ${1#a}", "${2#hero[Ana]Name:of the hero}") == [
        Placeholder("a", order=1),
        WHOLE,
        Placeholder("b"),
    ]


def test_placeholders_are_asked_by_number_and_then_by_the_alphabet() -> None:
    text = "${1Age} ${2Name} ${4Gender} ${3Job} ${5#zeta} ${5#alpha} ${2#Beta} ${town} ${Sea}"
    keys = ["Beta", "alpha", "zeta", "1Age", "2Name", "3Job", "4Gender", "Sea", "town"]
    assert [each.key for each in find_placeholders(text)] == keys
    assert [each.key for each in merge_placeholders([Placeholder("z"), Placeholder("a", order=9)], "${m}")] == [
        *("a", "m", "z")
    ]


@for_each(
    "answers, problem",
    [
        ({"heroo": "x"}, "no placeholder 'heroo'; the placeholders are hero, place; did you mean 'hero'?"),
        ({"hero": "x", "q": ""}, "no placeholder 'q'; the placeholders are hero, place"),
    ],
)
def test_an_answer_to_no_placeholder_is_refused_with_the_known_names(answers: dict[str, str], problem: str) -> None:
    placeholders = find_placeholders("${hero} ${place}")
    check_answers({"hero": "x"}, placeholders)
    with pytest.raises(InvalidRequestError, match=re.escape(problem)):
        check_answers(answers, placeholders)
    with pytest.raises(InvalidRequestError, match="there are no placeholders"):
        check_answers(answers, [])


def test_listed_placeholders_win_over_those_in_texts() -> None:
    listed = [Placeholder("hero", "Ana", order=1)]
    assert merge_placeholders(listed, "${hero[Mira]Name} ${b}") == [
        Placeholder("hero", "Ana", "Name", order=1),
        Placeholder("b"),
    ]


def test_missing_answer_is_the_default_or_leaves_the_placeholder() -> None:
    text = "${hero} and ${hero[Mira]} and ${foe}"
    assert fill_placeholders(text, {}) == "Mira and Mira and ${foe}"
    assert (
        fill_placeholders(text, {}, [Placeholder("foe", "Ork"), Placeholder("hero", "Ana")]) == "Ana and Mira and Ork"
    )
    assert fill_placeholders(text, {"hero": "", "foe": "$\\1"}) == " and  and $\\1"


@given(st.text("${}#[]:%ab1\n", max_size=40))
def test_text_without_placeholders_is_unchanged(text: str) -> None:
    if not find_placeholders(text) and "%{" not in text:
        assert fill_placeholders(text, {"a": "x", "b": "y"}) == text


@given(st.lists(st.sampled_from(["${a}", "${b[x]}", "lorem", "\n", "$", "{", "}"]), max_size=12))
def test_answers_replace_placeholders(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert fill_placeholders(text, {"a": "A", "b": "B"}) == text.replace("${a}", "A").replace("${b[x]}", "B")


@pytest.mark.parametrize("piece", ["${", "${a[", "${a[b]", "${a:", "%{\n", "1#"])
def test_text_full_of_opening_braces_is_read_in_linear_time(piece: str) -> None:
    text = "%{\n" + piece * 200_000
    assert find_placeholders(text) == []  # within the time that a test has
