"""Targets of what people write and share: stories, scenarios, lorebooks, expressions, presets, prompts, tokenizers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache, partial
from typing import Any, Final, cast

from ...emulator.seeded_random import seeded_entropy
from ...errors import InvalidRequestError
from ...image.emphasis import normalize_prompt, parse_prompt, split_segments
from ...image.preset import ImagePreset
from ...library.story_problems import find_document_problem
from ...limits import Limits
from ...story import jsregex
from ...story.context.ephemeral import EphemeralEntry
from ...story.files.cards import read_card, write_card
from ...story.files.file_kinds import read_file
from ...story.files.import_story import import_story
from ...story.files.scenario import Scenario
from ...story.files.story_file import build_story_file, read_story_file
from ...story.json_records import Record
from ...story.lore.conditions import ConditionInputs, evaluate_conditions
from ...story.lore.key_matching import Key
from ...story.lore.key_trial import try_lorebook
from ...story.lore.lorebook import Lorebook
from ...story.placeholders import fill_placeholders, find_placeholders
from ...story.story import Story
from ...text.phrases import BiasGroup
from ...text.preset import Preset
from ...tokenizers import loader
from ..target import Target
from .pictures import TARGETS as _PICTURES

__all__ = ["TARGETS"]

_NOW: Final = 1_767_225_600.0
_LIMITS: Final = Limits(regex_steps=20_000, lore_steps=20_000, pixels=1 << 16)
"""A search that takes long is bounded by its steps, and long searches are not what is tried here."""
_TEXT: Final = "Once upon a time, Ann sailed to the quiet harbour. ${name[Bob]:Who?} 1.2 ⚓ 😀\n" * 3
_PNG: Final = next(iter(_PICTURES[0].seeds()))


# ---- seeds


@cache
def _stories() -> tuple[tuple[dict[str, Any], dict[str, Any]], ...]:
    made: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for legacy in (False, True):
        story = Story.new("A ship", now=_NOW, legacy=legacy, entropy=seeded_entropy("story"))
        story.append("Once upon a time.", now=_NOW)
        story.append("\nAnn sailed away.", now=_NOW)
        story.undo()
        story.memory = "Ann: a captain"
        made.append(story.to_data(now=_NOW))
    return tuple(made)


def _dump(value: object) -> bytes:
    return json.dumps(value, default=lambda data: data.decode("latin-1")).encode()


def _story_files() -> Iterable[bytes]:
    return [build_story_file(_dump(card), _dump(content)) for card, content in _stories()]


def _lorebooks() -> Iterable[bytes]:
    condition = {"type": "key", "key": "/s(e|a)+/i", "in": "story", "range": 100}
    entry = {
        "text": "A harbour", "displayName": "Harbour", "id": "1", "keys": ["harbour", "/Ann\\b/i", "a & b"], "enabled": True,
        "forceActivation": False, "keyRelative": True, "searchRange": 1000, "advancedConditions": [condition],
        "contextConfig": {"prefix": "", "suffix": "\n", "tokenBudget": 1, "budgetPriority": 400},
    }  # fmt: skip
    return [
        _dump({"lorebookVersion": 5, "entries": [entry], "settings": {"orderByKeyLocations": False}, "categories": []})
    ]


def _scenarios() -> Iterable[bytes]:
    (lorebook,) = _lorebooks()
    placeholder = {"key": "name", "defaultValue": "Bob", "description": "Who?", "longDescription": "", "order": 1}
    fields = {"scenarioVersion": 3, "title": "A ship", "prompt": _TEXT, "tags": ["sea"], "placeholders": [placeholder]}
    return [_dump({**fields, "context": [], "lorebook": json.loads(lorebook)})]


def _cards() -> Iterable[bytes]:
    return [write_card(_PNG, each) for each in (*_lorebooks(), *_scenarios())]


def _files() -> Iterable[bytes]:
    return [*_story_files(), *_lorebooks(), *_scenarios(), *_cards()]


def _presets() -> Iterable[bytes]:
    return [preset.dumps() for model in ("kayra-v1", "euterpe-v2") for preset in Preset.official(model)[:2]]


def _tokenizer_file() -> bytes:
    pieces = [*(f"0x{byte:02x}" for byte in range(256)), "a", "b", "ab"]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    return _dump({"config": {"splitRegex": "."}, "specialTokens": [], "vocab": vocabulary, "merges": [["a", "b"]]})


# ---- what is done with them


def _to_object(document: object) -> dict[str, Any]:
    """Return what the JSON has; empty if it is no object."""
    return cast("dict[str, Any]", document) if isinstance(document, dict) else {}


def _open_story(document: object) -> object:
    """Everything that a person may do with a story, whatever is stored of it."""
    fields = _to_object(document)
    card, content = _to_object(fields.get("metadata")), _to_object(fields.get("content"))
    story = Story.from_data(
        card,
        content,
        limits=_LIMITS,
        entropy=seeded_entropy("edit"),
    )
    card_fields = story.title, story.problems, story.field_problems, story.memory, story.authors_note, story.settings
    find_document_problem(content)
    content_fields = story.text, story.sections, story.history
    story.append("More.", now=_NOW)
    story.undo()
    return card_fields, content_fields, story.to_data(now=_NOW)


def _edit_story(steps: bytes) -> object:
    """Each byte is an edit. Undone and redone, the text is the same; stored and opened, too."""
    story = Story.new("A ship", now=_NOW, entropy=seeded_entropy("steps"))
    for byte in steps[:12]:  # which take a millisecond together
        argument, size = byte // 8, len(story.text)
        match byte % 8:
            case 0 | 1:
                story.append("\n".join("a😀é x"[: argument % 6] for _ in range(argument % 3 + 1)), now=_NOW)
            case 2:
                start = argument * size // 64
                story.replace(start, min(size, start + argument), "new", now=_NOW)
            case 3 if story.current is not None and story.history:
                text = story.text
                story.append("x", now=_NOW)
                story.undo()
                assert story.text == text, "story: an append that was undone changed the text"
            case 4:
                _attempt(story.undo)
            case 5:
                _attempt(story.redo)
            case 6:
                _attempt(partial(story.retry, "again", now=_NOW))
            case _:
                card, content = story.to_data(now=_NOW)
                reopened = Story.from_data(card, content, entropy=seeded_entropy("again"))
                assert reopened.text == story.text, "story: storing changed the text"
                story = reopened
    return story.text


def _attempt(step: Any) -> None:
    """Perform a step that a story in this state may refuse."""
    try:
        step()
    except InvalidRequestError:
        pass


def _read_lorebook(data: bytes) -> object:
    lorebook = Lorebook.loads(data, limits=_LIMITS)
    trials = try_lorebook(lorebook, _TEXT, limits=_LIMITS)
    return [(trial.name, trial.active) for trial in trials], lorebook.dumps(), lorebook.problems


def _evaluate(document: object) -> object:
    conditions = cast("list[object]", document) if isinstance(document, list) else [document]
    records = [Record(_to_object(each)) for each in conditions]
    inputs = ConditionInputs(
        story=_TEXT, memory="Ann", lore=("A harbour",), model="kayra-v1", step=3, chance=lambda: 0.5
    )
    return evaluate_conditions(records, inputs, limits=_LIMITS)


def _search(text: str) -> object:
    """The first line is the pattern, the last its flags."""
    pattern, _, flags = text.partition("\n")
    return [(match.start, match.end) for match in jsregex.compile(pattern, flags, limits=_LIMITS).finditer(_TEXT)]


def _start_scenario(data: bytes) -> object:
    scenario = Scenario.loads(data, limits=_LIMITS)
    answers = {each.key: "x" for each in scenario.placeholders}
    story = scenario.start_story(answers, now=_NOW, limits=_LIMITS, entropy=seeded_entropy("scenario"))
    return story.text, scenario.problems, scenario.dumps()


def _import(data: bytes) -> object:
    read_file(data, limits=_LIMITS)
    return import_story(data, name="file", now=_NOW, limits=_LIMITS, entropy=seeded_entropy("import")).text


def _fill(text: str) -> object:
    return fill_placeholders(text, {"name": "Ann"}, find_placeholders(text))


def _read_prompt(text: str) -> object:
    parsed = [parse_prompt(text, numeric=numeric) for numeric in (True, False)]
    return parsed, normalize_prompt(text), split_segments(text)


TARGETS: Final = (
    Target("story.files.story_file", "bytes", read_story_file, _story_files),
    Target("story.files.cards", "bytes", lambda data: write_card(data, read_card(data, limits=_LIMITS)), _cards),
    Target("story.files.import_story", "bytes", _import, _files),
    Target("story.files.scenario", "bytes", _start_scenario, _scenarios),
    Target("story.Story", "JSON", _open_story, _story_files),
    Target("story.edits", "operations", _edit_story, lambda: [bytes([0, 8, 16, 2, 4, 5, 7, 6, 3, 24])]),
    Target("story.context.ephemeral", "text", EphemeralEntry.parse, lambda: [b"{1+2~3,-4:text}", b"{!5+1r:x}"]),
    Target("lore.lorebook", "bytes", _read_lorebook, _lorebooks),
    Target(
        "lore.conditions",
        "JSON",
        _evaluate,
        lambda: [
            b'[{"type":"and","conditions":[{"type":"key","key":"Ann","in":"story","range":10},{"type":"not"}]},'
            b'{"type":"equation","terms":[{"value":"currentStep"},{"operator":"/","value":0}],"comparison":">"},'
            b'{"type":"string","left":"storyText","comparison":"contains","right":"x"},{"type":"random","chance":50}]'
        ],
    ),
    Target(
        "lore.key_matching",
        "text",
        lambda text: Key.parse(text, limits=_LIMITS),
        lambda: [b"Ann & Bob", b"/a(b|c)+\\d{2,}/im", b"harbour"],
    ),
    Target(
        "jsregex",
        "text",
        _search,
        lambda: [b"(?<=a)(?<n>[a-z]{2,4}?)\\k<n>?\\b(?!x)\niu", b"^.*?(\\p{L}|\\d|\\x41|\\u{42})+\\P{L}*$\nmu"],
    ),
    Target("story.placeholders", "text", _fill, lambda: [_TEXT.encode(), b"%{1#a[b]:c}\n${a} ${2#b[d]:e}"]),
    Target("text.preset", "bytes", lambda data: Preset.loads(data).dumps(), _presets),
    Target(
        "text.phrases",
        "JSON",
        lambda document: BiasGroup.from_data(document).encode(),
        lambda: [
            b'{"phrases":[[1,2],{"sequences":[[3]],"type":1}],"bias":0.5,"ensureSequenceFinish":true,"enabled":true}'
        ],
    ),
    Target(
        "image.preset",
        "bytes",
        lambda data: ImagePreset.loads(data).dumps(),
        lambda: [ImagePreset.from_default("nai-diffusion-4-5-full").dumps()],
    ),
    Target("image.emphasis", "text", _read_prompt, lambda: [b"{{a}}, [b], 1.2::c::, -1::d :: ::e", b"a | b:-1 ||c||"]),
    Target(
        "tokenizers.loader",
        "bytes",
        loader.read,
        lambda: [_tokenizer_file()],
    ),
)
