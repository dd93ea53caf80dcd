"""Stored groups of biases and bans, and which of them are in force.

See:
    docs/protocol/content.md#47-bias-and-ban-groups
    docs/protocol/content.md#88-biases
"""

from __future__ import annotations

from typing import Any

from nai_proto import text
from nai_proto.story import Lorebook, StoredBans, StoredBiases, select_bans, select_biases
from nai_proto.story.lore.biases import expand_phrase, list_case_variants
from tests.cases import for_each


@for_each(
    "phrase, forms",
    [
        ("{ dragon}", (" dragon",)),
        ("{a}b}", ("a}b",)),
        ("[1, 22,3]", ((1, 22, 3),)),
        (" [7]\n", ((7,),)),
        ("[1,,2]", tuple(list_case_variants("[1,,2]"))),
        ("[12345678901]", tuple(list_case_variants("[12345678901]"))),
        ("{}", ("{}", " {}")),
        ("[ Style ]", tuple(list_case_variants("[ Style ]"))),
        ([1, 2], ((1, 2),)),
        ({"sequences": [[1], [2, 3], [1]], "type": 0}, ((1,), (2, 3))),
        ({"sequences": [[5]], "type": 1}, ((5,),)),
        ({"sequences": ["Dragon"], "type": 2}, ("Dragon",)),
        ({"sequence": [4]}, ((4,),)),
        ("", ()),
        ([], ()),
        ([1, "a"], ()),
        ([True], ()),
        ([-1], ()),
        (None, ()),
        ({"sequences": None}, ()),
    ],
)
def test_a_stored_phrase_has_one_of_many_forms(phrase: object, forms: tuple[object, ...]) -> None:
    assert expand_phrase(phrase) == forms


def test_a_long_phrase_is_read_in_linear_time() -> None:
    phrase = "[1" + " " * 100_000 + "x"
    assert expand_phrase(phrase) == list_case_variants(phrase)


def test_a_plain_phrase_stands_for_its_case_variants() -> None:
    assert expand_phrase("dragon") == ("dragon", " dragon", "Dragon", " Dragon", "DRAGON", " DRAGON")
    assert set(expand_phrase(" mcDonald")) == {
        blank + form for blank in ("", " ") for form in ("mcDonald", "mcdonald", "McDonald", "MCDONALD")
    }
    assert expand_phrase("⁂") == ("⁂", " ⁂")
    assert expand_phrase("dragon", lambda plain: [plain]) == ("dragon",)


def test_both_spellings_are_read_and_the_one_that_was_read_is_written() -> None:
    for spelling in (("ensureSequenceFinish", "generateOnce"), ("ensure_sequence_finish", "generate_once")):
        stored: dict[str, Any] = {"phrases": ["{a}"], spelling[0]: True, "bias": 0.5, spelling[1]: False, "new": 1}
        group = StoredBiases(stored)
        assert (group.ensure_sequence_finish, group.generate_once, group.enabled, group.when_inactive) == (
            True,
            False,
            True,
            False,
        )
        changed = group.with_fields(generate_once=True, bias=-1)
        assert list(changed.data.items()) == [
            ("phrases", ["{a}"]),
            (spelling[0], True),
            ("bias", -1),
            (spelling[1], True),
            ("new", 1),
        ]


def test_if_both_spellings_are_present_camel_case_is_read() -> None:
    assert StoredBiases({"generateOnce": False, "generate_once": True}).generate_once


def test_stored_groups_are_converted_to_those_of_the_text_module() -> None:
    group = StoredBiases({"phrases": ["{ox}", [3], "{ox}"], "bias": -0.25, "generate_once": True, "enabled": False})
    assert group.to_group() == text.BiasGroup(-0.25, False, True, False, phrases=["ox", [3]])
    bans = StoredBans({"sequences": ["{ox}", {"sequences": [[1], [2]], "type": 0}]})
    assert bans.to_ban_list() == text.BanList("ox", [1], [2])
    assert StoredBiases({}).to_group() == text.BiasGroup(0)


def test_selected_groups_are_accepted_by_a_request() -> None:
    groups = select_biases([StoredBiases({"phrases": [[5, 6]], "bias": 1})], Lorebook.new(), ())
    parameters = text.build_parameters(
        "kayra-v1", biases=groups, bans=select_bans([StoredBans({"sequences": [[9]]})]), settings=None
    )
    assert parameters["logit_bias_exp"] == [
        {"sequence": [5, 6], "bias": 1, "ensure_sequence_finish": False, "generate_once": False}
    ]
    assert parameters["bad_words_ids"] == [[9]]


def group(name: str, **more: object) -> dict[str, object]:
    return {"phrases": [f"{{{name}}}"], "bias": 1, **more}


BOOK = Lorebook(
    {
        "entries": [
            {"id": "on", "category": "c", "loreBiasGroups": [group("on"), group("on-not", whenInactive=True)]},
            {"id": "idle", "category": "d", "loreBiasGroups": [group("idle"), group("idle-not", whenInactive=True)]},
            {"id": "off", "enabled": False, "loreBiasGroups": [group("off"), group("off-not", whenInactive=True)]},
            {"id": "out", "category": "x", "loreBiasGroups": [group("out-not", whenInactive=True)]},
        ],
        "categories": [
            {"id": "c", "categoryBiasGroups": [group("c"), group("c-not", whenInactive=True)]},
            {"id": "d", "categoryBiasGroups": [group("d"), group("d-not", whenInactive=True)]},
            {"id": "x", "enabled": False, "categoryBiasGroups": [group("x-not", whenInactive=True)]},
        ],
    }
)


def selected_phrases(active: set[int], *story: dict[str, object]) -> list[object]:
    selected = select_biases([StoredBiases(data) for data in story], BOOK, active)
    return [phrase for each in selected for phrase in each]


def test_biases_are_selected_by_active_entries_and_categories() -> None:
    assert selected_phrases({0}, group("s"), group("s-off", enabled=False)) == ["s", "on", "idle-not", "c", "d-not"]
    assert selected_phrases({0, 1}) == ["on", "idle", "c", "d"]
    assert selected_phrases(set()) == ["on-not", "idle-not", "c-not", "d-not"]


def test_all_enabled_bans_are_selected() -> None:
    groups = [StoredBans({"sequences": ["{a}"]}), StoredBans({"sequences": ["{b}"], "enabled": False})]
    assert select_bans(groups) == (text.BanList("a"),)
