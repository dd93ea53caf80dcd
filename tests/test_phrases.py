"""Ban lists and bias groups.

See:
    docs/protocol/native.md#93-logit_bias_exp
    docs/protocol/native.md#13-global-settings
    docs/protocol/native.md#195-ban-lists-biases-global-settings
"""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto.errors import InvalidRequestError, RemoteProtocolError
from nai_proto.text.phrases import BanList, BiasGroup, encode_phrase
from nai_proto.text.text_parameters import Phrase
from tests.cases import for_each
from tests.test_request_parameters import Letters

FORMS: list[tuple[Any, object]] = [
    ("ab", "ab"),
    ([1, 2], (1, 2)),
    ((1,), (1,)),
    ({"sequence": [3]}, (3,)),
    ({"sequence": "ab"}, "ab"),
    ({"sequences": [[4, 5], [6]]}, (4, 5)),
    ({"sequences": ["ab"]}, "ab"),
    ("the word sequence", "the word sequence"),
]
NO_FORMS: list[Any] = [
    "",
    [],
    [True],
    [-1],
    [1.0],
    ["a"],
    {},
    {"sequences": []},
    {"sequences": "ab"},
    {"sequence": None},
    5,
    None,
]


@for_each("given_form, plain", FORMS)
def test_every_form_of_a_phrase_is_taken(given_form: Phrase, plain: object) -> None:
    assert [*BanList(given_form)] == [plain]
    assert [*BanList().add(given_form)] == [plain]
    assert [*BiasGroup(1, phrases=[given_form])] == [plain]
    added = BanList()
    added += given_form
    assert [*added] == [plain]
    want = [97, 98] if plain == "ab" else [*plain] if isinstance(plain, tuple) else Letters().encode(str(plain))
    assert BanList(given_form).encode(Letters()) == [want]


@for_each("phrase", NO_FORMS)
def test_what_is_no_phrase_is_refused_and_nothing_is_added(phrase: Any) -> None:
    bans = BanList([1])
    with pytest.raises(InvalidRequestError, match="a phrase is text, token ids"):
        bans.add("ab", phrase)
    assert [*bans] == [(1,)]
    with pytest.raises(InvalidRequestError):
        encode_phrase(phrase, None, "a test")


def test_a_list_that_is_off_adds_nothing() -> None:
    assert BanList("ab", enabled=False).encode() == []
    group = BiasGroup(1, enabled=False, phrases=["ab"])
    assert group.encode() == []
    group.enabled = True
    assert len(group.encode(Letters())) == 1


def test_a_bias_group_is_an_entry_for_each_phrase() -> None:
    group = BiasGroup(-0.5, ensure_sequence_finish=True, generate_once=True)
    group += "a"
    group += [1, 2]
    rest = {"bias": -0.5, "ensure_sequence_finish": True, "generate_once": True}
    assert group.encode(Letters()) == [{"sequence": [97], **rest}, {"sequence": [1, 2], **rest}]


@for_each("bias", [True, "1", float("nan"), float("inf"), None])
def test_a_bias_is_a_finite_number(bias: Any) -> None:
    with pytest.raises(InvalidRequestError, match="number"):
        BiasGroup(bias)


@for_each("names", [("ensure_sequence_finish", "generate_once"), ("ensureSequenceFinish", "generateOnce")])
def test_a_stored_group_is_read_in_either_spelling(names: tuple[str, str]) -> None:
    data = {"phrases": ["ab", [1]], "bias": 1, names[0]: True, names[1]: False, "enabled": True, "whenInactive": False}
    assert BiasGroup.from_data(data) == BiasGroup(1, True, False, phrases=["ab", [1]])
    assert BiasGroup.from_data({"bias": 0.5, "enabled": False}) == BiasGroup(0.5, enabled=False)


@for_each(
    "data, said",
    [
        ({"enabled": True}, "bias is missing"),
        ({"bias": 1}, "enabled is missing"),
        ({"bias": "1", "enabled": True}, "bias is a str, where a number was expected"),
        ({"bias": 1, "enabled": 1}, "enabled is 1, where true or false was expected"),
        ({"bias": 1, "enabled": True, "generateOnce": 1}, "generate_once is 1, where true or false"),
        ({"bias": 1, "enabled": True, "phrases": {}}, "phrases is a dict, where a list was expected"),
        ({"bias": 1, "enabled": True, "phrases": [3]}, "a phrase is text"),
    ],
)
def test_a_damaged_group_is_reported_in_one_line(data: dict[str, object], said: str) -> None:
    with pytest.raises(RemoteProtocolError, match=f"^bias group: .*{said}"):
        BiasGroup.from_data(data)


def test_phrases_are_not_shown() -> None:
    assert repr(BanList("secret", [1])) == "<BanList of 2>"
    assert repr(BiasGroup(1, enabled=False, phrases=["secret"])) == "<BiasGroup of 1, off>"
    with pytest.raises(InvalidRequestError) as caught:
        BanList("secret").encode()
    assert "secret" not in str(caught.value)


def test_an_empty_list_is_a_list() -> None:
    assert BanList()
    assert len(BanList()) == 0
    assert BanList() != BanList([1])
    assert BanList() != BiasGroup(1)


@given(st.lists(st.text(min_size=1) | st.lists(st.integers(0, 65_535), min_size=1)), st.booleans())
def test_lists_are_values_that_pickle_and_iterating_while_adding_ends(phrases: list[Any], enabled: bool) -> None:
    bans = BanList(*phrases, enabled=enabled)
    assert pickle.loads(pickle.dumps(bans)) == bans == BanList(*bans, enabled=enabled)
    for phrase in bans:
        bans += phrase
    assert len(bans) == 2 * len(phrases)
