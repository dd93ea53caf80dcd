"""Regular expressions of JavaScript against other engines: Python's, where both say the same, and node's, if it is here."""

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

from .regex_tables import LENIENT, MATCHES, REFUSED

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

# ---- Python's engine: the same syntax, without what the two do not share


def repeated(atoms: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    quantifiers = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{1,2}", "{0,3}", "{1,}"])
    lazy = st.sampled_from(["", "?"])
    return st.builds(lambda atom, mark, end: atom + mark + (end if mark else ""), atoms, quantifiers, lazy)


ATOMS: Final = repeated(
    st.sampled_from([*"abcAB1_ -", ".", r"\d", r"\w", r"\S", r"\D", "[ab]", "[^a]", "[a-c1]", r"[^\w]", "é", "[à-ý]"])
)
EDGES: Final = st.sampled_from(["^", r"\b", r"\B", "(?<=a)", "(?<!b)", "(?<= |c)"])


def alternatives(parts: st.SearchStrategy[str], least: int = 0) -> st.SearchStrategy[str]:
    sequence = st.lists(parts, min_size=least, max_size=3).map("".join)
    return st.lists(sequence, min_size=1, max_size=3).map("|".join)


SIMPLE: Final = st.sampled_from([*"abc1", "ab", ".", r"\w", "[ab]", "b[a-c]"])  # what a turn takes is never nothing
PATTERNS: Final = alternatives(
    ATOMS
    | EDGES
    | repeated(alternatives(SIMPLE, 1).map("(?:{})".format))
    | alternatives(ATOMS | EDGES).map("({})".format)
    | alternatives(ATOMS).flatmap(lambda inside: st.sampled_from([f"(?={inside})", f"(?!{inside})"]))
)


@given(PATTERNS, st.sampled_from(["", "i", "m", "s", "is", "iu", "u"]), st.text("aaabbcAB1_ -éÉ\n", max_size=20))
def test_python_finds_the_same_where_the_syntax_is_the_same(pattern: str, flags: str, text: str) -> None:
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
def test_any_text_is_a_pattern_or_a_documented_error(pattern: str, flags: str, text: str) -> None:
    try:
        for match in jsregex.compile(pattern, flags).finditer(text):
            assert 0 <= match.start <= match.end <= len(text)
    except (jsregex.PatternError, LimitExceeded):
        pass


# ---- node's engine


def answers(cases: list[tuple[str, str, str]]) -> list[Any]:
    """What node finds: spans in UTF-16 units, or what it says of a pattern that is none."""
    if NODE is None:
        pytest.skip("node is not installed")
    lines = "\n".join(map(json.dumps, cases))
    done = subprocess.run([NODE, "-e", PROGRAM], input=lines, capture_output=True, text=True, check=True, timeout=50)
    return [json.loads(line) for line in done.stdout.splitlines()]


def ours(pattern: str, flags: str, text: str) -> object:
    """The same of our own; None where we are more careful."""
    try:
        matches = jsregex.compile(pattern, flags).finditer(text)
        return [[match.span, *match.groups] for match in matches]
    except (jsregex.UnsupportedPattern, LimitExceeded):
        return None
    except jsregex.PatternError as error:
        return str(error)


def compared(cases: list[tuple[str, str, str]]) -> None:
    for case, theirs in zip(cases, answers(cases), strict=True):
        found = ours(*case)
        if found is None or "Duplicate capture group" in theirs:  # some of its versions do not know of alternatives
            continue
        if isinstance(theirs, str):
            assert isinstance(found, str), (case, theirs, found)
        else:
            assert json.loads(json.dumps(found)) == theirs, case


def test_node_agrees_with_what_is_written_by_hand() -> None:
    cases = [(pattern, flags, text) for pattern, flags, text, _ in MATCHES]
    cases += [(pattern, "", text) for pattern, text, _ in LENIENT]
    cases += [(pattern, flags, "") for pattern, flags, _ in REFUSED]
    compared([case for case in cases if "😀" not in case[2]])


class Patterns:
    """Draws patterns that use all of the syntax, and some that are none."""

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
def test_node_agrees_on_patterns_drawn_at_random(seed: int) -> None:
    patterns = Patterns(seed)
    compared([patterns.case() for _ in range(1000)])


def test_node_agrees_on_what_flags_make_equal() -> None:
    letters = "kKſsSßẞσςΣµμΜåÅÅΩωΩθϑΘϴǅǄǆıIiİᾈᾀ"  # noqa: RUF001 - letters that look alike are the point
    compared([(one, flags, letters) for one in letters for flags in ("i", "iu")])
    compared([(f"[{one}]|[^{one}]", flags, letters) for one in letters for flags in ("i", "iu")])


def test_node_agrees_on_characters_of_two_units_with_u() -> None:
    text = "a😀😀😁"
    units = [len(text[:place].encode("utf-16-le")) // 2 for place in range(len(text) + 1)]
    patterns = ("😀+", ".", "[^a]", "[😀-😂]", "(?<=😀)😁", "\\u{1f600}", "[\\ud83d\\ude00]", "\\p{So}")
    for pattern, theirs in zip(patterns, answers([(pattern, "u", text) for pattern in patterns]), strict=True):
        found = jsregex.compile(pattern, "u").finditer(text)
        assert [[units[place] for place in match.span] for match in found] == [match[0] for match in theirs]
