"""Try a lorebook on a text.

See docs/protocol/content.md#82-which-entries-take-part.
"""

from __future__ import annotations

from nai_proto.story import KeyMatch, Lorebook, try_lorebook

BOOK = Lorebook(
    {
        "entries": [
            {"id": "a", "keys": ["dragon", "", "/gold|(/", "king"]},
            {"id": "b", "keys": ["dragon"], "searchRange": 8},
            {"id": "c", "keys": ["king"], "category": "off"},
            {"id": "d", "forceActivation": True},
            {"id": "e", "keys": ["${name}", "/(k+)+!/"], "enabled": False},
        ],
        "categories": [{"id": "off", "enabled": False}],
    }
)


def test_each_key_reports_where_it_matches_or_why_not() -> None:
    first, second, third, fourth, last = try_lorebook(BOOK, "the dragon and the king", fill=lambda _: "the")
    assert [trial.result.match for trial in first.keys] == [KeyMatch(4, 10), None, KeyMatch(19, 23)]
    assert "unclosed parenthesis" in (first.keys[1].result.problem or "")
    assert (first.match, first.active) == (KeyMatch(19, 23), True)
    assert (second.match, second.active) == (None, False), "its range is the last eight characters"
    assert (third.match, third.enabled, third.active) == (KeyMatch(19, 23), False, False)
    assert (fourth.keys, fourth.match, fourth.active) == ((), None, True)
    assert (last.match, last.enabled, last.active) == (KeyMatch(15, 18), False, False)
