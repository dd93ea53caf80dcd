"""Regular expressions of JavaScript compared with other engines: Python's for shared syntax, and node's if installed."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto import LimitExceeded
from nai_proto.story import jsregex

from .regex_tables import LENIENT_MATCHES, MATCHES, REJECTED

NODE: Final = shutil.which("node")
PROGRAM: Final = """
const lines = require('fs').readFileSync(0, 'utf8').trim().split('\\n').map(JSON.parse)
for (const [pattern, flags, text] of lines) {
  let found
  try {
    const regex = new RegExp(pattern, flags + 'gd')
    found = [...text.matchAll(regex)].map(match => [...match.indices].map(span => span ?? null))
  } catch (error) { found = error.message }
  console.log(JSON.stringify(found))
}
"""

# ---- Python's engine, for the syntax that both have


def with_quantifiers(atoms: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    quantifiers = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{1,2}", "{0,3}", "{1,}"])
    lazy = st.sampled_from(["", "?"])
    return st.builds(lambda atom, mark, end: atom + mark + (end if mark else ""), atoms, quantifiers, lazy)


ATOMS: Final = with_quantifiers(
    st.sampled_from([*"abcAB1_ -", ".", r"\d", r"\w", r"\S", r"\D", "[ab]", "[^a]", "[a-c1]", r"[^\w]", "é", "[à-ý]"])
)
EDGES: Final = st.sampled_from(["^", r"\b", r"\B", "(?<=a)", "(?<!b)", "(?<= |c)"])


def alternatives(parts: st.SearchStrategy[str], least: int = 0) -> st.SearchStrategy[str]:
    sequence = st.lists(parts, min_size=least, max_size=3).map("".join)
    return st.lists(sequence, min_size=1, max_size=3).map("|".join)


SIMPLE: Final = st.sampled_from([*"abc1", "ab", ".", r"\w", "[ab]", "b[a-c]"])  # never matches the empty text
PATTERNS: Final = alternatives(
    ATOMS
    | EDGES
    | with_quantifiers(alternatives(SIMPLE, 1).map("(?:{})".format))
    | alternatives(ATOMS | EDGES).map("({})".format)
    | alternatives(ATOMS).flatmap(lambda inside: st.sampled_from([f"(?={inside})", f"(?!{inside})"]))
)


@given(PATTERNS, st.sampled_from(["", "i", "m", "s", "is", "iu", "u"]), st.text("aaabbcAB1_ -éÉ\n", max_size=20))
def test_python_finds_the_same_for_shared_syntax(pattern: str, flags: str, text: str) -> None:
    known = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "u": 0}
    translated = pattern.replace(r"\w", "[A-Za-z0-9_]").replace(r"[^[A-Za-z0-9_]]", r"[^A-Za-z0-9_]")
    edge = "(?:(?<![A-Za-z0-9_])(?=[A-Za-z0-9_])|(?<=[A-Za-z0-9_])(?![A-Za-z0-9_]))"
    opposite = "(?:(?<![A-Za-z0-9_])(?![A-Za-z0-9_])|(?<=[A-Za-z0-9_])(?=[A-Za-z0-9_]))"
    translated = translated.replace(r"\b", edge).replace(r"\B", opposite).replace(r"(?<= |c)", "(?<=[ c])")
    theirs = re.compile(translated, sum(known[flag] for flag in flags)).search(text)
    ours = jsregex.compile(pattern, flags).search(text)
    if theirs is None:
        assert ours is None
    else:
        assert ours is not None
        spans = [theirs.span(number) for number in range(theirs.re.groups + 1)]
        assert [ours.span, *ours.groups] == [None if span == (-1, -1) else span for span in spans]


SCRAPS: Final = st.lists(st.sampled_from([*r"()[]{}^$|*+?.\\-=!<>:abpukxcdwBn019", "(?<", r"\p{L}", "😀"])).map("".join)


@given(SCRAPS | st.text(), st.text("dgimsuvyx", max_size=3), st.text("ab😀\n", max_size=9))
def test_any_text_is_a_pattern_or_raises_a_documented_error(pattern: str, flags: str, text: str) -> None:
    try:
        for match in jsregex.compile(pattern, flags).finditer(text):
            assert 0 <= match.start <= match.end <= len(text)
    except (jsregex.PatternError, LimitExceeded):
        pass


# ---- node's engine


def run_node(cases: list[tuple[str, str, str]]) -> list[Any]:
    """Return what node finds for each case: spans in UTF-16 units, or the error message for an invalid pattern."""
    if NODE is None:
        pytest.skip("node is not installed")
    lines = "\n".join(map(json.dumps, cases))
    done = subprocess.run([NODE, "-e", PROGRAM], input=lines, capture_output=True, text=True, check=True, timeout=50)
    return [json.loads(line) for line in done.stdout.splitlines()]


def run_ours(pattern: str, flags: str, text: str) -> object:
    """Return what our matcher finds; None where it supports less than node."""
    try:
        matches = jsregex.compile(pattern, flags).finditer(text)
        return [[match.span, *match.groups] for match in matches]
    except (jsregex.UnsupportedPattern, LimitExceeded):
        return None
    except jsregex.PatternError as error:
        return str(error)


def compare_with_node(cases: list[tuple[str, str, str]]) -> None:
    for case, theirs in zip(cases, run_node(cases), strict=True):
        found = run_ours(*case)
        if found is None or "Duplicate capture group" in theirs:  # not all versions allow it
            continue
        if isinstance(theirs, str):
            assert isinstance(found, str), (case, theirs, found)
        else:
            assert json.loads(json.dumps(found)) == theirs, case


def test_node_agrees_with_the_tables() -> None:
    cases = [(pattern, flags, text) for pattern, flags, text, _ in MATCHES]
    cases += [(pattern, "", text) for pattern, text, _ in LENIENT_MATCHES]
    cases += [(pattern, flags, "") for pattern, flags, _ in REJECTED]
    compare_with_node([case for case in cases if "😀" not in case[2]])


class RandomPatterns:
    """Draws patterns that use the whole syntax, and some that are invalid."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def one(self, *options: str) -> str:
        return self.random.choice(options)

    def atom(self, depth: int) -> str:
        kind = self.random.random()
        if kind < 0.35 or depth == 0:
            return self.one(*"abcxAB ", ".", r"\d", r"\w", r"\s", r"\D", r"\W", r"\S", r"\b", r"\B", "^", "$")
        if kind < 0.5:
            return self.one("[ab]", "[^a]", "[a-c]", r"[\w-]", r"[^\d\s]", "[]", "[^]", "[A-Z]", r"[b\-]", r"[\W]")
        if kind < 0.6:
            return self.one(r"\1", r"\2", r"\k<n>")
        inside = self.choice(depth - 1)
        return self.one("({})", "({})", "(?:{})", "(?={})", "(?!{})", "(?<={})", "(?<!{})", "(?<n>{})").format(inside)

    def choice(self, depth: int) -> str:
        quantifiers = ("", "", "", "*", "+", "?", "{2}", "{1,2}", "{0,1}", "{2,}", "{0}", "*?", "+?", "??", "{1,2}?")
        sequences = (
            "".join(self.atom(depth) + self.one(*quantifiers) for _ in range(self.random.randint(0, 4)))
            for _ in range(self.random.choice((1, 1, 1, 2, 3)))
        )
        return "|".join(sequences)

    def scraps(self) -> str:
        pieces = [
            *"()[]{}^$|*+?.\\-,/=!<>:akbBnxu01239pPdDwWsScé",
            "(?",
            r"\u",
            r"\x",
            "{1",
            "[^",
            "(?<",
            r"\k<",
            r"\c",
        ]
        return "".join(self.one(*pieces) for _ in range(self.random.randint(1, 9)))

    def case(self) -> tuple[str, str, str]:
        pattern = self.choice(3) if self.random.random() < 0.7 else self.scraps()
        flags = "".join(flag for flag in "imsu" if self.random.random() < 0.3)
        text = "".join(self.one(*"aaabbcxAB 1_\né", "\u017f", "K", "k", "ß") for _ in range(self.random.randint(0, 12)))
        return pattern, flags, text


@pytest.mark.parametrize("seed", [1, 2])
def test_node_agrees_on_random_patterns(seed: int) -> None:
    patterns = RandomPatterns(seed)
    compare_with_node([patterns.case() for _ in range(1000)])


def test_node_agrees_on_case_folding() -> None:
    letters = "kKſsSßẞσςΣµμΜåÅÅΩωΩθϑΘϴǅǄǆıIiİᾈᾀ"  # noqa: RUF001 - letters that look alike are the point
    compare_with_node([(one, flags, letters) for one in letters for flags in ("i", "iu")])
    compare_with_node([(f"[{one}]|[^{one}]", flags, letters) for one in letters for flags in ("i", "iu")])


NEWEST = "\ua7cb\u0264\ua7dc\u019b\u1c89\u1c8a\U00010d50\U00010d70\U00016ea0\U00016ebb"
"""Letters that had no case before Unicode 16: in pairs, upper case first."""


def test_the_newest_letters_match_in_either_case() -> None:
    for upper, lower in zip(NEWEST[::2], NEWEST[1::2], strict=True):
        for one, other in ((upper, lower), (lower, upper)):
            assert jsregex.compile(one, "iu").search(other)
            assert jsregex.compile(f"[{one}]", "iu").search(other)
            assert not jsregex.compile(one, "u").search(other)


def test_node_agrees_on_the_newest_letters() -> None:
    if not run_node([("\ua7dc", "iu", "\u019b")])[0]:
        pytest.skip("this node has an older Unicode")
    compare_with_node([(one, flags, NEWEST[:6]) for one in NEWEST[:6] for flags in ("i", "iu")])


def test_node_agrees_on_astral_characters_with_flag_u() -> None:
    text = "a😀😀😁"
    units = [len(text[:place].encode("utf-16-le")) // 2 for place in range(len(text) + 1)]
    patterns = ("😀+", ".", "[^a]", "[😀-😂]", "(?<=😀)😁", "\\u{1f600}", "[\\ud83d\\ude00]", "\\p{So}")
    for pattern, theirs in zip(patterns, run_node([(pattern, "u", text) for pattern in patterns]), strict=True):
        found = jsregex.compile(pattern, "u").finditer(text)
        assert [[units[place] for place in match.span] for match in found] == [match[0] for match in theirs]
