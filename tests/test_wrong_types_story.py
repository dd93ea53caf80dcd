"""Stories, lorebooks, their files and objects take values of the right types, and refuse others by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nai_proto import Tier, objects
from nai_proto.codecs.pixels import Pixels, write_png
from nai_proto.errors import InvalidRequestError, InvalidTypeError
from nai_proto.limits import Limits
from nai_proto.secret import parse_token
from nai_proto.story import (
    Category,
    ConditionInputs,
    ContextConfig,
    ContextKind,
    ContextParts,
    ContextRules,
    ContextText,
    Entry,
    EphemeralEntry,
    Key,
    Lorebook,
    Origin,
    SectionKind,
    StoredBans,
    StoredBiases,
    Story,
    StorySettings,
    build_chat_messages,
    build_context,
    build_continuation,
    context_size,
    count_characters,
    count_units,
    evaluate_condition,
    evaluate_conditions,
    resolve_model,
    select_bans,
    select_biases,
    try_lorebook,
)
from nai_proto.story import files as story_files
from nai_proto.story.book import Book, TextRun, build_book, split_lines, to_epub, to_html, to_markdown
from nai_proto.story.context_config import DEFAULT_CONFIGS
from nai_proto.story.json_records import Record
from nai_proto.story.jsregex import compile as compile_pattern
from nai_proto.story.lore.biases import expand_phrase, list_case_variants
from nai_proto.story.placeholders import Placeholder, fill_placeholders, find_placeholders
from nai_proto.text import BanList, BiasGroup, Model
from tests.cases import for_each
from tests.context_support import BYTES
from tests.wrong_types import Case, check

LIMITS = Limits()
NOW = 1_700_000_000


def entropy(size: int) -> bytes:
    return bytes(size)


def story() -> Story:
    made = Story.new("Swans", now=NOW, entropy=entropy)
    made.append("The lake was frozen.\nSo", now=NOW)
    return made


def changed(change: str, legacy: bool = False) -> Any:
    """A method of a story that is made anew for each call."""

    def call(**arguments: Any) -> Any:
        made = Story.new("Swans", now=NOW, entropy=entropy, legacy=legacy)
        made.append("The lake was frozen.\nSo", now=NOW)
        return getattr(made, change)(**arguments)

    call.__qualname__ = f"Story.{change}"
    return call


def setting(where: str, name: str) -> Any:
    """A property of a story, or of its settings, that is set."""

    def call(value: Any) -> None:
        made = story()
        setattr(made.settings if where == "settings" else made, name, value)

    call.__qualname__ = f"{where}.{name}"
    return call


def field_of(record: Any, name: str) -> Any:
    """A field of a record that is changed."""

    def call(value: Any) -> Any:
        return record.with_fields(**{name: value})

    call.__qualname__ = f"{type(record).__name__}.with_fields({name})"
    return call


STORY = story()
CARD, CONTENT = STORY.to_data(now=NOW)
ENTRY = Entry().with_fields(id="e", text="Swans.", keys=("swan",))
CATEGORY = Category().with_fields(id="c")
BOOK = Lorebook.new().with_entry(ENTRY).with_category(CATEGORY)
SCENARIO = story_files.Scenario.from_story(STORY, placeholders=[Placeholder("a")])
PNG = write_png(Pixels(1, 1, b"abc"))
CARD_PICTURE = story_files.write_card(PNG, SCENARIO.dumps())
STORY_FILE = story_files.build_story_file(b'{"title":"Swans"}', b"{}")
PARTS = ContextParts.from_content(CONTENT, text="Swans.")
CONTEXT = build_context(PARTS, tokenizer=BYTES, size=500)
INPUTS = ConditionInputs()
READER = build_book(STORY)
STORED = objects.StoredObject(id="i", type="stories", meta="m", data="d", changeIndex=1)
CONDITION = Record({"type": "true"})

RECORDS = (ENTRY, CATEGORY, BOOK, SCENARIO, StoredBans(), StoredBiases())


def a_placeholder(texts: Any) -> object:
    return find_placeholders(texts)


CASES = [
    # ---- stories
    Case(Story.from_data, {"card": CARD, "content": CONTENT, "limits": LIMITS, "entropy": entropy}),
    Case(Story.new, {"title": "a", "now": NOW, "model": Model.KAYRA, "limits": LIMITS, "entropy": entropy}),
    *(
        Case(changed(name, legacy), arguments)
        for legacy in (False, True)
        for name, arguments in (
            ("append", {"text": "a", "now": NOW, "origin": Origin.USER}),
            ("retry", {"text": "a", "now": NOW}),
            ("replace", {"start": 0, "end": 1, "text": "a", "now": NOW, "origin": Origin.AI}),
            (
                "insert_sections",
                {"index": 0, "text": "a", "now": NOW, "origin": Origin.USER, "kind": SectionKind.STORY},
            ),
            ("remove_section", {"index": 0, "now": NOW}),
            ("commit_pending", {"now": NOW}),
            ("to_data", {"now": NOW}),
        )
    ),
    Case(changed("go_to"), {"node": STORY.history.root}),
    Case(setting("story", "memory"), {"value": "a"}),
    Case(setting("story", "authors_note"), {"value": "a"}),
    Case(setting("settings", "model"), {"value": Model.CLIO}),
    Case(setting("settings", "module"), {"value": "vanilla"}),
    Case(setting("settings", "preset"), {"value": STORY.settings.preset}),
    Case(setting("settings", "bans"), {"value": [BanList("a")]}),
    Case(setting("settings", "biases"), {"value": [BiasGroup(1, phrases=["a"])]}),
    Case(StorySettings, {"fields": {}}),
    Case(STORY.history.get_path, {"to": STORY.history.root}),
    Case(Origin.from_code, {"code": 1}),
    Case(SectionKind.from_code, {"code": 1}),
    # ---- lorebooks
    Case(Entry, {"data": {}}),
    Case(Lorebook, {"data": {}}),
    Case(Lorebook.loads, {"data": BOOK.dumps(), "where": "book", "limits": LIMITS}),
    Case(BOOK.entry, {"entry_id": "e"}),
    Case(BOOK.new_entry, {"entry_id": "f", "category": "c", "template": {}, "text": "a", "keys": ("a",)}),
    Case(BOOK.with_entry, {"entry": ENTRY}),
    Case(BOOK.without_entry, {"entry_id": "e"}),
    Case(BOOK.with_entry_moved, {"entry_id": "e", "before": None}),
    Case(BOOK.category, {"category_id": "c"}),
    Case(BOOK.with_category, {"category": CATEGORY}),
    Case(BOOK.without_category, {"category_id": "c"}),
    *(Case(field_of(record, name), {"value": getattr(record, name)}) for record in RECORDS for name in record.fields),
    Case(ENTRY.parse_keys, {"fill": str.upper, "limits": LIMITS}),
    Case(Key.parse, {"text": "a", "fill": str.upper, "limits": LIMITS}),
    Case(Key.parse("a").search, {"text": "a", "start": 0, "end": 1}),
    Case(try_lorebook, {"lorebook": BOOK, "text": "a swan", "fill": str.upper, "limits": LIMITS}),
    Case(select_bans, {"groups": [StoredBans()]}),
    Case(select_biases, {"groups": [StoredBiases()], "lorebook": BOOK, "active": {0}}),
    Case(StoredBans.of, {"bans": BanList("a")}),
    Case(StoredBiases.of, {"group": BiasGroup(1)}),
    Case(StoredBans().to_ban_list, {"expand": list_case_variants}),
    Case(StoredBiases().to_group, {"expand": list_case_variants}),
    Case(list_case_variants, {"text": "a"}),
    Case(expand_phrase, {"phrase": "a", "expand": list_case_variants}),
    Case(
        evaluate_conditions,
        {"conditions": [CONDITION], "inputs": INPUTS, "combine": "all", "fill": str.upper, "limits": LIMITS},
    ),
    Case(evaluate_condition, {"condition": CONDITION, "inputs": INPUTS, "fill": str.upper, "limits": LIMITS}),
    Case(
        ConditionInputs,
        {"story": "a", "memory": "", "lore": ("a",), "lore_ids": {"e"}, "mode": "normal", "step": 1, "chance": float},
    ),
    Case(compile_pattern, {"pattern": "a", "flags": "i", "limits": LIMITS}),
    Case(compile_pattern("a").search, {"text": "a", "start": 0, "end": 1}),
    # ---- files
    Case(story_files.read_file, {"data": BOOK.dumps(), "where": "file", "limits": LIMITS}),
    Case(story_files.read_card, {"picture": CARD_PICTURE, "where": "card", "limits": LIMITS}),
    Case(story_files.write_card, {"picture": PNG, "data": b"a", "limits": LIMITS}),
    Case(story_files.build_story_file, {"card": b"{}", "content": b"{}"}),
    Case(story_files.read_story_file, {"data": STORY_FILE, "where": "story", "limits": LIMITS}),
    Case(story_files.Scenario.loads, {"data": SCENARIO.dumps(), "where": "scenario", "limits": LIMITS}),
    Case(SCENARIO.start_story, {"answers": {}, "now": NOW, "limits": LIMITS, "entropy": entropy}),
    Case(story_files.Scenario.from_story, {"story": STORY, "author": "a", "placeholders": [Placeholder("a")]}),
    Case(fill_placeholders, {"text": "${a}", "values": {"a": "b"}, "placeholders": [Placeholder("a")]}),
    Case(a_placeholder, {"texts": "${a}"}),
    Case(build_book, {"story": STORY, "author": "a", "language": "en"}),
    Case(
        Book,
        {"title": "a", "lines": [[TextRun("a")]], "author": "b", "description": "c", "tags": ["d"], "language": "en"},
    ),
    Case(split_lines, {"text": "a"}),
    Case(to_epub, {"book": READER, "identifier": "urn:a", "modified": 5}),
    Case(to_html, {"book": READER}),
    Case(to_markdown, {"book": READER}),
    # ---- contexts
    Case(
        ContextConfig,
        {
            "prefix": "a",
            "token_budget": 0.5,
            "trim_direction": "trimTop",
            "insertion_position": 1,
            "allow_inner_insertion": True,
        },
    ),
    Case(ContextConfig.from_data, {"data": {}, "default": DEFAULT_CONFIGS[ContextKind.LORE]}),
    Case(DEFAULT_CONFIGS[ContextKind.LORE].budget, {"size": 5}),
    Case(DEFAULT_CONFIGS[ContextKind.LORE].reservation, {"size": 5}),
    Case(ContextText.of, {"kind": ContextKind.MEMORY, "text": "a"}),
    Case(ContextText.from_data, {"data": {}, "kind": ContextKind.MEMORY}),
    Case(ContextText, {"text": "a", "config": DEFAULT_CONFIGS[ContextKind.LORE]}),
    Case(
        ContextParts,
        {
            name: getattr(PARTS, name)
            for name in ("story", "memory", "ephemeral", "lorebook", "biases", "bans", "step", "model", "mode")
        },
    ),
    Case(ContextParts.from_content, {"content": CONTENT, "text": "a", "step": 1, "mode": "normal"}),
    Case(ContextRules, {"conditions": "all"}),
    Case(EphemeralEntry, {"text": "a", "config": DEFAULT_CONFIGS[ContextKind.LORE], "delay": 1, "repeat": True}),
    Case(EphemeralEntry.from_data, {"data": {}}),
    Case(EphemeralEntry.parse, {"form": "{1+2~3,-1:a}"}),
    Case(EphemeralEntry(text="a").is_active, {"step": 1}),
    Case(context_size, {"model": Model.KAYRA, "tier": Tier.OPUS, "max_length": 40, "module": None}),
    Case(
        build_context,
        {
            "parts": PARTS,
            "tokenizer": BYTES,
            "size": 500,
            "preamble": None,
            "placeholders": {"a": "b"},
            "chance": float,
            "rules": ContextRules(),
        },
    ),
    Case(build_chat_messages, {"context": CONTEXT, "system_prompt": "a", "prefill": "b"}),
    Case(
        build_continuation,
        {
            "story": STORY,
            "tokenizer": BYTES,
            "tier": Tier.OPUS,
            "model": None,
            "max_length": 40,
            "placeholders": {},
            "chance": float,
            "rules": ContextRules(),
            "size": 500,
        },
    ),
    Case(resolve_model, {"story": STORY, "model": Model.CLIO}),
    Case(count_characters, {"text": "a", "units": 1}),
    Case(count_units, {"text": "a"}),
    # ---- objects
    Case(objects.put_keystore, {"sealed": "a", "change_index": 1.0}),
    Case(objects.list_objects, {"type": "stories"}),
    Case(objects.get_object, {"type": "stories", "id": "i"}),
    Case(objects.create_object, {"type": "stories", "meta": "m", "data": "d"}),
    Case(objects.update_object, {"stored": STORED, "data": "d"}),
    Case(objects.delete_object, {"type": "stories", "id": "i"}),
    Case(objects.delete_objects, {"types": ["stories"]}),
    Case(objects.generate_id, {"entropy": entropy, "taken": {"a"}}),
    Case(objects.StoredKeystore, {"keystore": "a", "changeIndex": 1.0}),
    # ---- secrets
    Case(parse_token, {"token": "pst-a"}),
]


@for_each("case", CASES, ids=[f"{number}-{case.name}" for number, case in enumerate(CASES)])
def test_what_is_of_another_type_is_taken_or_refused_by_name(case: Case) -> None:
    check(case)


@for_each("legacy", [False, True])
def test_an_origin_and_a_kind_may_be_given_by_their_texts(legacy: bool) -> None:
    results: list[tuple[object, object]] = []
    for origin in (Origin.AI, "ai"):
        made = Story.new("Swans", now=NOW, entropy=entropy, legacy=legacy)
        changed_by: Any = origin
        made.append("The lake.", now=NOW, origin=changed_by)
        results.append((made.step, made.to_data(now=NOW)))
    assert results[0] == results[1]
    any_kind: Any = "story"
    story().insert_sections(0, "a", now=NOW, kind=any_kind)
    with pytest.raises(InvalidRequestError, match=r"^no origin is called 'nobody'; there are user, ai, edit, "):
        changed("append", legacy)(text="a", now=NOW, origin="nobody")


def test_a_model_may_be_given_by_its_id_or_name() -> None:
    sizes = {context_size(model, Tier.OPUS, max_length=40) for model in (Model.KAYRA, "kayra-v1", "Kayra")}
    assert len(sizes) == 1


def test_the_lists_of_parts_may_be_any_iterable_but_no_text() -> None:
    entries: Any = (each for each in [EphemeralEntry(text="a")])
    assert ContextParts(story=PARTS.story, ephemeral=entries).ephemeral == (EphemeralEntry(text="a"),)
    wrong: Any = "abc"
    with pytest.raises(InvalidTypeError, match=r"^ephemeral takes a tuple of EphemeralEntry, not a str$"):
        ContextParts(story=PARTS.story, ephemeral=wrong)


SENTENCES: list[tuple[Callable[..., Any], dict[str, Any], str]] = [
    (Story.new, {"title": None, "now": NOW}, "title takes a str, not None"),
    (Story.new, {"title": "a", "now": "today"}, "now takes seconds since 1970, as time.time() returns them, not a str"),
    (Story.from_data, {"card": [], "content": {}}, "card takes a mapping, not a list"),
    (STORY.append, {"text": None, "now": NOW}, "text takes a str, not None"),
    (STORY.append, {"text": "a", "now": None}, "now takes seconds since 1970, as time.time() returns them, not None"),
    (Lorebook.loads, {"data": "{}"}, "data takes bytes, not a str"),
    (BOOK.with_entry, {"entry": {"id": "e"}}, "entry takes an Entry, not a dict"),
    (BOOK.entry, {"entry_id": 5}, "entry_id takes a str, not an int"),
    (build_context, {"parts": STORY, "tokenizer": BYTES, "size": 5}, "parts takes ContextParts, not a Story"),
    (
        build_context,
        {"parts": PARTS, "tokenizer": None, "size": 5},
        "tokenizer takes a tokenizer, such as nai_proto.tokenizers.read gives, not None",
    ),
    (context_size, {"model": Model.KAYRA, "tier": "opus", "max_length": 5}, "tier takes a Tier, not a str"),
    (objects.list_objects, {"type": None}, "type takes a str, not None"),
    (objects.delete_objects, {"types": [None]}, "types takes a list of str; one of its items is None"),
]


@for_each("call, arguments, problem", SENTENCES)
def test_the_sentence_names_the_parameter_and_what_it_takes(
    call: Callable[..., Any], arguments: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InvalidTypeError) as caught:
        call(**arguments)
    assert str(caught.value) == problem
    assert caught.value.parameter == problem.split(" ")[0]
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, ValueError)
