"""What an error message quotes from the request is hidden, at a cost that grows with the sizes only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto.emulator.recording.quotations import Quotations

CONTENTS = st.lists(st.text("abc", min_size=6, max_size=30).map(str.encode), max_size=4)


def add_all(contents: list[bytes]) -> Quotations:
    quotations = Quotations()
    for content in contents:
        quotations.add(content)
    return quotations


@given(CONTENTS, st.text("abc .", max_size=60).map(str.encode))
def test_no_quotation_of_twelve_bytes_is_left_and_nothing_else_changes(contents: list[bytes], message: bytes) -> None:
    shown = add_all(contents).hide(message)
    assert len(shown) == len(message)
    assert not any(content[:12] in shown for content in contents)
    if not any(content[:12] in message for content in contents):
        assert shown == message


def test_a_quotation_is_hidden_as_far_as_it_goes() -> None:
    quotations = add_all([b"The keeper lit the lamp, and", b"The keeper lit a fire"])
    assert quotations.hide(b"bad: The keeper lit the lamp! ok") == b"bad: redactedredactedredacte! ok"
    assert quotations.hide(b"The keeper lit a fire") == b"redactedredactedredac"
    assert quotations.hide(b"The keeper") == b"The keeper", "less than twelve bytes are no quotation"


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ([b"The keeper lit the lamp"], b"The keeper lit the lamp" * 40_000),
        ([b"keeper %d lit" % number for number in range(20_000)], b"keeper 9999 lit" * 20_000),
        ([b"keeper lit the lamp %d" % number for number in range(20_000)], b"keeper lit the lamp" * 20_000),
    ],
    ids=["many quotations", "many contents", "contents alike"],
)
def test_the_message_is_read_once(contents: list[bytes], message: bytes) -> None:
    assert b"keeper" not in add_all(contents).hide(message)
