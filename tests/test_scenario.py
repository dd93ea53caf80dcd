"""Scenarios: read, begun, made of stories, and nothing of them lost.

See docs/protocol/content.md#10-exported-files.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto import InvalidFile, InvalidRequestError
from nai_proto.story import Key, Lorebook, Origin, Story
from nai_proto.story.files import Scenario
from nai_proto.story.placeholders import Placeholder

NOW = 1_700_000_000
FIELDS: dict[str, Any] = {
    "scenarioVersion": 3,
    "title": "${hero}'s dawn",
    "description": "About ${hero}.",
    "prompt": "%{\n1#hero[Mira]Name:of the hero\n}\n${hero} woke in ${place}.",
    "tags": ["quiet", 7],
    "author": "somebody",
    "context": [{"text": "${hero} is brave.", "contextConfig": {"prefix": "\n"}}, {"text": ""}],
    "ephemeralContext": [{"text": "It is ${weather[cold]}.", "startingStep": 1}],
    "placeholders": [
        {"key": "place", "defaultValue": "Avalon", "description": "Where?", "longDescription": "", "new": 1}
    ],
    "settings": {"model": "clio-v1", "parameters": {"temperature": 1.25}, "trimResponses": False},
    "lorebook": {
        "lorebookVersion": 5,
        "entries": [
            {"id": "1", "text": "${hero} has a sword.", "keys": ["${hero}", "$/${hero}s?/i", 4], "odd": True},
            {"id": "2", "text": "plain", "keys": ["swan"]},
            "?",
        ],
        "categories": [],
    },
    "unknown": {"kept": [1, 2.0]},
}
WRITTEN = json.dumps(FIELDS, indent=1).encode()
OLDER = pytest.mark.parametrize("legacy", [False, True], ids=["newer", "legacy"])


def test_scenario_lists_its_placeholders() -> None:
    scenario = Scenario.loads(WRITTEN)
    assert (scenario.title, scenario.author, scenario.tags) == ("${hero}'s dawn", "somebody", ("quiet",))
    assert scenario.placeholders == [
        Placeholder("hero", "Mira", "Name", "of the hero", 1),
        Placeholder("place", "Avalon", "Where?"),
        Placeholder("weather", "cold"),
    ]


@OLDER
def test_story_begins_with_the_answers(legacy: bool) -> None:
    story = Scenario.loads(WRITTEN).start_story({"hero": "A.na", "place": "Rome"}, now=NOW, legacy=legacy)
    assert story.text == "A.na woke in Rome."
    assert [span.origin for section in story.sections for span in section.origins] == [Origin.PROMPT]
    assert story.title == "A.na's dawn"
    assert (story.card["description"], story.card["tags"]) == ("About A.na.", ["quiet"])
    assert story.has_document is not legacy
    assert story.memory == "A.na is brave."
    assert story.fields["context"][0]["contextConfig"] == {"prefix": "\n"}
    assert story.fields["ephemeralContext"] == [{"text": "It is cold.", "startingStep": 1}]
    assert story.settings.model == "clio-v1"
    assert story.fields["settings"] == FIELDS["settings"]
    first, second = Lorebook(story.fields["lorebook"]).entries
    assert first.text == "A.na has a sword."
    assert first.keys == ("A.na", r"/A\.nas?/i")
    assert first.data["odd"] is True
    assert Key.parse(first.keys[1]).find_last("the A.NAs went") is not None
    assert Key.parse(first.keys[1]).find_last("the Axna went") is None
    assert second.data == FIELDS["lorebook"]["entries"][1]
    assert story.fields["lorebook"]["entries"][2] == "?"


def test_placeholders_stand_in_all_texts_of_a_lore_entry_and_in_conditions() -> None:
    conditions: list[dict[str, Any]] = [
        {"type": "not", "condition": {"type": "key", "key": "$/${foe}s?/", "in": ["story"]}},
        {
            "type": "or",
            "conditions": [{"type": "string", "left": "storyText", "comparison": "equals", "right": "${end}"}],
        },
    ]
    entry = {"displayName": "${hero[Bob]}", "text": "x", "keys": ["x"], "advancedConditions": conditions, "new": 1}
    scenario = Scenario({"scenarioVersion": 3, "prompt": "Hi.", "title": "${name}", "lorebook": {"entries": [entry]}})
    assert [each.key for each in scenario.placeholders] == ["end", "foe", "hero", "name"]
    story = scenario.start_story({"hero": "Ann", "foe": "a.b", "end": "fin", "name": "N"}, now=NOW)
    assert story.title == "N"
    (filled,) = story.fields["lorebook"]["entries"]
    assert filled == {
        **entry,
        "displayName": "Ann",
        "advancedConditions": [
            {"type": "not", "condition": {"type": "key", "key": r"/a\.bs?/", "in": ["story"]}},
            {"type": "or", "conditions": [{**conditions[1]["conditions"][0], "right": "fin"}]},
        ],
    }
    assert list(filled) == list(entry)


def test_an_answer_to_no_placeholder_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match=r"no placeholder 'heroo'.*did you mean 'hero'"):
        Scenario.loads(WRITTEN).start_story({"heroo": "Ann"}, now=NOW)


@OLDER
def test_missing_answers_are_defaults(legacy: bool) -> None:
    assert Scenario.loads(WRITTEN).start_story(now=NOW, legacy=legacy).text == "Mira woke in Avalon."


@OLDER
def test_empty_scenario_gives_an_empty_story(legacy: bool) -> None:
    story = Scenario({}).start_story(now=NOW, legacy=legacy)
    assert (story.text, story.title) == ("", "New Story")
    story.to_data(now=NOW)


@given(
    st.dictionaries(
        st.sampled_from([*FIELDS]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.text("$a{}[]", max_size=9)
        | st.lists(st.none() | st.text() | st.just({}))
        | st.just({})
        | st.just({"entries": [{"keys": 3}, {"text": 1}]}),
    )
)
def test_any_fields_of_a_scenario_give_a_story(fields: dict[str, Any]) -> None:
    story = Scenario(fields).start_story(now=NOW)
    again = Story.from_data(*story.to_data(now=NOW))
    assert again.text == story.text
    assert Scenario.from_story(again).prompt == story.text


def test_unchanged_scenario_is_written_byte_for_byte() -> None:
    scenario = Scenario.loads(WRITTEN)
    assert scenario.dumps() == WRITTEN
    changed = scenario.with_fields(title="Dusk")
    assert json.loads(changed.dumps()) == {**FIELDS, "title": "Dusk"}


def test_scenario_from_a_story_gives_the_same_story() -> None:
    story = Scenario.loads(WRITTEN).start_story(now=NOW)
    story.append("\nBirds sang to ${who[her]}.", now=NOW, origin=Origin.AI)
    made = Scenario.from_story(story, author="me", placeholders=[Placeholder("who", title="Whom?", order=2)])
    assert made.placeholders == [Placeholder("who", "her", "Whom?", order=2)]
    again = Scenario.loads(made.dumps()).start_story({"who": "him"}, now=NOW)
    assert again.text == "Mira woke in Avalon.\nBirds sang to him."
    assert again.memory == story.memory
    assert again.fields["settings"] == story.fields["settings"]
    assert again.fields["lorebook"] == story.fields["lorebook"]
    assert len(again.history) == 2  # the root and the prompt


def test_other_files_are_rejected() -> None:
    with pytest.raises(InvalidFile, match="x: a scenario was expected, and this is a lorebook"):
        Scenario.loads(b'{"lorebookVersion": 5, "entries": []}', where="x")
    assert "woke" not in repr(Scenario.loads(WRITTEN))
