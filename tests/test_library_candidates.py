"""What a name means: an id, a title, or the beginning of one that nothing else has."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nai_proto.errors import InvalidRequestError
from nai_proto.library import Candidate, find_candidate
from tests.cases import for_each

IDS = st.text("abC-", min_size=1, max_size=6)
TITLES = st.text("abC ßÅ\u202e\t\n漢", max_size=5)
"""They may be beginnings of ids, or ids."""


@st.composite
def lists_of_candidates(draw: st.DrawFn) -> list[Candidate[int]]:
    """Candidates with two ids each, which no other has."""
    ids = draw(st.lists(IDS, min_size=2, max_size=10, unique=True))
    pairs = zip(ids[::2], ids[1::2], strict=False)
    return [Candidate(number, draw(TITLES), pair) for number, pair in enumerate(pairs)]


def result_of(candidates: list[Candidate[int]], name: str) -> int | str:
    try:
        return find_candidate(candidates, name)
    except InvalidRequestError as error:
        return str(error)


def fold(title: str) -> str:
    return unicodedata.normalize("NFKC", title).casefold().strip()


@given(lists_of_candidates(), st.data())
def test_every_whole_id_finds_its_owner_whatever_the_titles_are(
    candidates: list[Candidate[int]], data: st.DataObject
) -> None:
    owner = data.draw(st.sampled_from(candidates))
    for id_ in owner.ids:
        assert find_candidate(candidates, id_) == owner.value


@given(lists_of_candidates(), st.data())
def test_a_title_that_only_one_has_finds_it_even_if_ids_begin_with_it(
    candidates: list[Candidate[int]], data: st.DataObject
) -> None:
    owner = data.draw(st.sampled_from(candidates))
    title = owner.title.strip()
    assume(title and not any(title in each.ids for each in candidates))
    assume([each.title.strip() for each in candidates].count(title) == 1)
    assert find_candidate(candidates, owner.title) == owner.value


@given(lists_of_candidates(), st.data())
def test_every_beginning_of_an_id_that_nothing_else_begins_with_finds_its_owner(
    candidates: list[Candidate[int]], data: st.DataObject
) -> None:
    owner = data.draw(st.sampled_from(candidates))
    id_ = data.draw(st.sampled_from(owner.ids))
    name = id_[: data.draw(st.integers(1, len(id_)))]
    others = [each for each in candidates if each is not owner]
    bare = name.lstrip("-") or name
    assume(
        not any(other.lstrip("-").startswith(bare) or other.startswith(bare) for each in others for other in each.ids)
    )
    assume(not any(fold(each.title).startswith(fold(name)) for each in others))
    assert find_candidate(candidates, name) == owner.value


@given(lists_of_candidates(), IDS | TITLES)
def test_what_is_found_fits_and_nothing_else_fits_as_well_or_one_line_says_why_not(
    candidates: list[Candidate[int]], name: str
) -> None:
    found = result_of(candidates, name)
    if isinstance(found, str):
        assert found.isprintable()
        return
    names = [(each.title, *each.ids) for each in candidates]
    assert any(fold(each).lstrip("-").startswith(fold(name).lstrip("-")) for each in names[found])
    equal = [
        number for number, (title, *ids) in enumerate(names) if title.strip() == name.strip() or name.strip() in ids
    ]
    assert not equal or found in equal


@given(lists_of_candidates(), IDS | TITLES)
def test_the_order_of_candidates_changes_nothing(candidates: list[Candidate[int]], name: str) -> None:
    found = result_of(candidates, name)
    again = result_of(candidates[::-1], name)
    assert found == again or (isinstance(found, str) and isinstance(again, str))


@for_each(
    "name, message",
    [
        ("Se", "2 tales fit 'Se': 'Sea' (s0), 'Seaside' (s1); give one of the ids"),
        ("s", "3 tales fit 's': 'Sea' (s0), 'Seaside' (s1), 'Moon' (s2); give one of the ids"),
        ("Mon", "no tale has the title or id 'Mon'; similar: 'Moon' (s2)"),
        ("", "no tale has the title or id ''; there are 'Sea' (s0), 'Seaside' (s1), 'Moon' (s2)"),
        ("a\x1b\u202e", r"no tale has the title or id 'a\x1b\u202e'; there are"),
    ],
)
def test_a_message_lists_what_may_be_meant_with_whole_ids(name: str, message: str) -> None:
    tales = [Candidate(number, title, (f"s{number}",)) for number, title in enumerate(("Sea", "Seaside", "Moon"))]
    with pytest.raises(InvalidRequestError) as failure:
        find_candidate(tales, name, kind="tale", kinds="tales")
    assert str(failure.value).startswith(message)


def test_a_message_says_what_tells_things_with_one_title_apart() -> None:
    tales = [Candidate(number, "Sea", (f"s{number}",), detail) for number, detail in enumerate(("of May", ""))]
    with pytest.raises(InvalidRequestError, match=r"'Sea' \(s0, of May\), 'Sea' \(s1\); give one of the ids$"):
        find_candidate(tales, "Sea")


def test_an_id_is_found_without_the_dash_that_a_command_line_would_take_for_an_option() -> None:
    tales = [Candidate(id_, "", (id_,)) for id_ in ("-WS_mk", "WS_mx", "-abc", "abc", "--")]
    for name, id_ in {"WS_mk": "-WS_mk", "-WS_mk": "-WS_mk", "-WS_mx": "WS_mx", "abc": "abc", "-abc": "-abc"}.items():
        assert find_candidate(tales, name) == id_
    assert find_candidate(tales, "--") == "--"


def test_what_has_no_id_can_be_found_by_its_title() -> None:
    assert find_candidate([Candidate("here", "Moon", ())], "moon") == "here"
    with pytest.raises(InvalidRequestError, match="'Moon' \\(without id\\)"):
        find_candidate([Candidate("here", "Moon", ())], "sun")
