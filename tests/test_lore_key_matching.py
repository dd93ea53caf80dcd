"""Keys of lorebook entries.

See docs/protocol/content.md#82-which-entries-take-part.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nai_proto import LimitExceeded, Limits
from nai_proto.story import Key, KeyMatch
from nai_proto.story.lore.key_matching import BLANKS, KeyMatcher, fill_key
from nai_proto.story.lore.search_text import SearchTexts, clean_text, tail_start
from nai_proto.story.utf16 import count_units
from tests.cases import for_each


def matched_text(key: str, text: str) -> str | None:
    """Return the text that a key matches."""
    found = Key.parse(key).find_last(text)
    return None if found is None else text[found.start : found.end]


@for_each(
    "key, text, found",
    [
        ("dragon", "A dragon sleeps", "dragon"),
        ("dragon", "DRAGON!", "DRAGON"),
        ("dragon", "dragons", None),
        ("dragon", "snapdragon", None),
        ("dragon", "dragon_", None),
        ("dragon", "dragon2", None),
        ("dragon", "dragon-rider", "dragon"),
        (" dragon ", "the dragon.", "dragon"),
        ("the old tower", "At The Old Tower…", "The Old Tower"),
        ("C++", "in C++17", "C++"),
        ("C++", "xC++", None),
        ("$5", "a$5.", "$5"),
        ("...", "well...so", "..."),
        ("ночь", "Ночь.", "Ночь"),
        ("ночь", "ночью", "ночь"),
        ("дракон", "Все ДРАКОНЫ спят", "ДРАКОН"),  # noqa: RUF001
        ("été", "L'ÉTÉ", "ÉTÉ"),
        ("a.c", "abc", None),
        ("Σας", "ΣΑΣ", "ΣΑΣ"),
        ("猫", "黒 猫 が", "猫"),
        ("猫", "黒猫", "猫"),
        ("アリス", "昨日アリスは森へ行った", "アリス"),
        ("王", "国王来了", "王"),
        ("용", "용은", "용"),
        ("มังกร", "เห็นมังกรตัวใหญ่", "มังกร"),
        ("ΟΔΟΣ", "η οδος. η οδός", "οδος"),
        ("Mira", "ミラMiraだ", "Mira"),
        ("Mira", "ミラMiras", None),
        ("café", "cafés", "café"),
        ("café", "xcafé", None),
        ("élan", "rélan", "élan"),
        ("ß", "STRAẞE", "ẞ"),
        ("ss", "straße", None),
        ("mask", "mas\u212a", "mas\u212a"),
        ("mask", "the \u017fmask", None),
        ("mask", "mask\u212a", None),
        ("\u017fea", "isea", "sea"),
        ("cat\u017f", "catsy", "cats"),
        ("a b", "xa b a a", None),
        ("😀", "a😀b", "😀"),
        ("\ufeffcat\u3000", "a cat", "cat"),
        ("\x1f/dragon/", "dragon", None),  # JavaScript trims no control character but TAB, LF, VT, FF and CR
    ],
)
def test_a_plain_key_is_a_word_in_any_case_as_in_javascript(key: str, text: str, found: str | None) -> None:
    assert Key.parse(key).kind == "plain"
    assert matched_text(key, text) == found


@for_each(
    "key, text, found",
    [
        ("/dragon/", "dragons", "dragon"),
        ("/dragon/", "Dragon", None),
        ("/dragon/i", "Dragon", "Dragon"),
        (r"/\bdrag(on|oness)\b/i", "The Dragoness", "Dragoness"),
        ("/a.b/", "a\nb", None),
        ("/a.b/s", "a\nb", "a\nb"),
        ("/^b$/", "a\nb", None),
        ("/^b$/m", "a\nb\nc", "b"),
        (r"/^\p{Lu}/u", "Émile", "É"),
        ("/a/b/", "a/b", "a/b"),
        ("/(?<hl>King) Arthur/", "King Arthur, King", "King"),
        ("/(?<hl>King)?Arthur/", "Arthur", "Arthur"),
        ("\ufeff/dragon/i\u3000", "Dragons", "Dragon"),
        ("//", "//", "//"),
        ("/", "a / b", "/"),
    ],
)
def test_a_regular_expression_is_one_of_javascript(key: str, text: str, found: str | None) -> None:
    assert Key.parse(key).kind == ("plain" if key.strip("/") == "" else "regex")
    assert matched_text(key, text) == found


@for_each(
    "text, found",
    [("the Queen, the king", "king"), ("king and queen", "queen"), ("king", None), ("kingqueen", None)],
)
def test_all_words_of_a_key_have_to_be_in_the_text(text: str, found: str | None) -> None:
    assert Key.parse("king & queen").kind == "all"
    assert matched_text("king & queen", text) == found
    assert matched_text("king&queen&", text) == found
    assert matched_text("lamp & lamp post", "a lamp post") == "lamp", "of two that begin together, the first"


@for_each(
    "key, text, found",
    [
        ("D&D", "We play D&D tonight, D.", "D&D"),
        ("D&D", "AD&D", "D"),
        ("D&D", "a D and a D", "D"),
        ("Q&A & form", "a form for Q&A", "Q&A"),
        ("Q&A & form", "a form, a question", None),
        ("Q&A & form", "Q then A, no paper form", "form"),
        ("Tom&Jerry", "Jerry, Tom&jerry, Tom", "Tom&jerry"),
        ("Tom&Jerry", "Jerry met Tom", "Tom"),
        ("Tom& Jerry", "Tom& Jerry or Tom", "Tom"),
        ("王&妃", "王妃", "妃"),
        ("Tom&\ufeffJerry", "Jerry met Tom", "Tom"),
        ("Tom&\x1f", "Tom", None),
        ("&&", "&&", None),
    ],
)
def test_a_key_with_an_ampersand_in_a_word_matches_as_a_word_first_and_as_parts_second(
    key: str, text: str, found: str | None
) -> None:
    assert matched_text(key, text) == found


def test_the_last_match_counts_even_inside_of_another() -> None:
    assert Key.parse("a a").find_last("a a a") == KeyMatch(2, 5)
    assert Key.parse("/[ab]/").find_last("xaxb") == KeyMatch(3, 4)


@for_each(
    "key, problem",
    [
        ("", "it is empty"),
        ("  ", "it is empty"),
        (" & ", "it is empty"),
        ("/(/", "unclosed parenthesis"),
        ("/a/x", "flag"),
        ("/a/ii", "twice"),
        ("/[a]/v", "not supported"),
        ("/*/", "nothing to repeat"),
        ("/(?i:a)/", "not supported"),
        ("/\\p{Emoji}/u", "not supported"),
    ],
)
def test_a_key_that_cannot_be_parsed_never_matches_and_has_a_problem(key: str, problem: str) -> None:
    parsed = Key.parse(key)
    found = parsed.search(key + " a a")
    assert found.match is None
    assert parsed.kind == ("regex" if "/" in key else "plain")
    assert problem in (parsed.problem or "")
    assert found.problem == parsed.problem


def test_a_search_that_takes_too_many_steps_has_a_problem() -> None:
    key = Key.parse("/(a+)+$/")
    assert key.problem is None
    found = key.search("a" * 60 + "b")
    assert found.match is None
    assert "/(a+)+$/" in (found.problem or "")
    assert key.find_last("b aaa") == KeyMatch(2, 5)


def test_limits_bound_length_depth_and_steps_of_keys() -> None:
    assert Key.parse("/.*x/", limits=Limits(regex_steps=2)).search("abcx").problem is not None
    assert "more than 4 characters" in (Key.parse("/abc/", limits=Limits(regex=4)).problem or "")
    assert Key.parse("abcd", limits=Limits(regex=4)).find_last("abcd") == KeyMatch(0, 4)
    assert Key.parse("abcde", limits=Limits(regex=4)).find_last("abcde") is None
    long = Key.parse("abcde", limits=Limits(regex=4))
    assert (long.text, long.kind) == ("abcde", "plain")
    assert "levels" in (Key.parse("/((a))/", limits=Limits(regex_depth=1)).problem or "")


def test_a_key_that_is_too_long_with_its_placeholders_filled_in_has_a_problem() -> None:
    error = LimitExceeded("characters", limit=1, value=2)

    def fill(_: str) -> str:
        raise error

    key = Key.parse("the ${a}", fill=fill)
    assert (key.text, key.kind, key.problem) == ("the ${a}", "plain", str(error))


def test_placeholders_are_filled_in_before_parsing() -> None:
    values = {"${1#name[Ann]Name:who}": "Dr. Bob"}

    def fill(text: str) -> str:
        for placeholder, value in values.items():
            text = text.replace(placeholder, value)
        return text

    key = Key.parse("${1#name[Ann]Name:who}", fill=fill)
    assert key.find_last("say, dr. bob") == KeyMatch(5, 12)
    assert key.text == "${1#name[Ann]Name:who}"
    with_values = Key.parse("$/${1#name[Ann]Name:who}(’s)?/i", fill=fill)
    assert with_values.find_last("dr. bob’s") == KeyMatch(0, 9)
    assert with_values.find_last("dr! bob") is None, "a value counts as it is"
    for filler in (None, str):
        without_values = Key.parse("$/an? ${name}/i", fill=filler)
        assert without_values.find_last("A ${name}") == KeyMatch(0, 9), "without a value it stands for itself"
    assert Key.parse("/a${1#name[Ann]Name:who}/", fill=fill).find_last("aDr. Bob") is None, "without $ it is not filled"


@for_each(
    "key, filled",
    [
        ("the ${a}", "the (x)"),
        ("/${a}/", "/${a}/"),
        ("$/${a}/i", r"/\(x\)/i"),
        (" $/${a}/i\ufeff", r"/\(x\)/i"),
        ("$/${a}${b}/", r"$/\(x\)${b}/"),  # what is left to fill in needs its $
        ("\x1f$/${a}/", "\x1f$/(x)/"),
    ],
)
def test_a_key_that_is_filled_in_is_written_without_the_dollar_that_it_needs_no_longer(key: str, filled: str) -> None:
    assert fill_key(key, lambda text: text.replace("${a}", "(x)")) == filled


def test_a_placeholder_of_an_expression_that_has_no_value_yet_is_filled_in_later() -> None:
    key = fill_key("$/${a}${b}/i", lambda text: text.replace("${a}", "${b}"))
    assert fill_key(key, lambda text: text.replace("${b}", "y.")) == r"/\$\{b\}y\./i", "a value is not filled in again"


def test_the_match_of_several_keys_is_the_one_furthest_down_and_of_the_first_key_there() -> None:
    keys = ("oil lamp", "lamp", "/lamps?/", "/(/", "the lamp", "/keeper|lamps/")
    matcher = KeyMatcher([Key.parse(key) for key in keys])
    assert matcher.problems == ['"/(/": regular expression /(/: unclosed parenthesis, at 0']
    assert (bool(matcher), bool(KeyMatcher([Key.parse("/(/")]))) == (True, False)
    found = [
        matcher.find_last(SearchTexts(Limits()).prepare(text)) for text in ("the lamp", "the lamps", "oil lamp", "the")
    ]
    assert found == [(4, 8, "lamp"), (4, 9, "/lamps?/"), (4, 8, "lamp"), None]


@for_each("keys", [["lamp"], ["/lamps?/"], ["lamp & oil"], ["sea", "lamp"], ["/sea/", "/lamp$/"]])
@for_each("text, may", [("the lamp and the oil", True), ("the light", False)])
def test_keys_may_match_unless_what_they_need_is_not_in_the_text(keys: list[str], text: str, may: bool) -> None:
    searched = SearchTexts(Limits()).prepare(text)
    assert KeyMatcher([Key.parse(key) for key in keys]).may_match(searched) == may


def test_a_key_that_takes_too_many_steps_once_is_not_searched_for_again() -> None:
    slow = "/(a+)+$/"
    matcher = KeyMatcher([Key.parse(slow), Key.parse("b")])
    texts = SearchTexts(Limits())
    for _ in range(2):
        assert matcher.find_last(texts.prepare("a" * 60 + " b ")) == (61, 62, "b")
        assert [problem.startswith(f'"{slow}": ') for problem in matcher.problems] == [True]


def test_text_outside_of_the_range_is_ignored() -> None:
    assert Key.parse("ragon").find_last("a dragon", 3) == KeyMatch(3, 8), "a range cut in a word is a start of text"
    assert Key.parse("drag").find_last("a dragon", 0, 6) == KeyMatch(2, 6)
    assert Key.parse("/^d/").find_last("a dragon", -6) == KeyMatch(2, 3)
    assert Key.parse("dragon").find_last("dragon ", 1) is None


def test_a_text_is_searched_without_its_comments_once_it_is_filled_in() -> None:
    assert clean_text("## ${a}\nthe ${a}\n##\nlamp ##\n##", lambda text: text.replace("${a}", "a\n##b")) == (
        "the a\nlamp ##\n"
    )


@given(st.text(), st.integers(-3, 40))
def test_a_range_counts_units_and_has_whole_characters(text: str, units: int) -> None:
    start = tail_start(text, units)
    assert count_units(text[start:]) <= max(units, 0)
    assert start == 0 or count_units(text[start - 1 :]) > units


@given(st.text(), st.text())
def test_any_text_can_be_parsed_and_searched_for(key: str, text: str) -> None:
    found = Key.parse(key).search(text)
    assert found.match is None or 0 <= found.match.start <= found.match.end <= len(text)


@given(st.text(min_size=1), st.text(), st.text())
def test_a_plain_key_matches_between_blanks(key: str, before: str, after: str) -> None:
    word = key.strip(BLANKS)
    if not word or "&" in word or word.startswith(("/", "$/")):
        return
    found = Key.parse(key).find_last(f"{before} {word} {after}")
    assert found is not None
    assert found.start >= len(before)


def test_the_repr_of_a_key_does_not_show_its_text() -> None:
    assert "secret" not in repr(Key.parse("secret"))
    assert "secret" not in repr(Key.parse("/secret(/").search("secret"))
