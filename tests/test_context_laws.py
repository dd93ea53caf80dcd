"""What holds of every context, whatever it is made of (content §8)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nai_proto.story.context.building import build_context
from nai_proto.story.context.config import DEFAULTS, ContextConfig, ContextKind
from nai_proto.story.context.ephemeral import EphemeralEntry
from nai_proto.story.context.measuring import Meter, ends_of_units
from nai_proto.story.context.parts import ContextParts, ContextText
from nai_proto.story.context.report import Context, ContextRow, ContextStatus
from nai_proto.story.entries import Category, Entry
from nai_proto.text import Preamble
from nai_proto.tokenizers.base import Tokenizer
from tests.context_support import BYTES, Seams, Words

FINER = ["newline", "sentence", "token"]
IDS = ["", "c", "d"]

texts = st.lists(st.sampled_from(["cat", "a dog.", "Red!", "é", "x", "\n", "\n", " "]), max_size=14).map("".join)
amounts = st.sampled_from([0, 0.1, 0.5, 1, 1.0, 3, 8, 20, 2048])
configs = st.builds(
    ContextConfig,
    prefix=st.sampled_from(["", "", "<", "<\n"]),
    suffix=st.sampled_from(["", "\n", "\n>"]),
    token_budget=amounts,
    reserved_tokens=amounts,
    budget_priority=st.sampled_from([-400, 0, 0, 400]),
    trim_direction=st.sampled_from(["trimTop", "trimBottom", "doNotTrim"]),
    insertion_type=st.sampled_from(FINER),
    maximum_trim_type=st.sampled_from(FINER),
    insertion_position=st.integers(-5, 4),
    allow_inner_insertion=st.booleans(),
    allow_insertion_inside=st.booleans(),
)


def _entry(config: ContextConfig, **fields: Any) -> Entry:
    return Entry().changed(config=config, **fields)


def _category(id: str, config: ContextConfig, enabled: bool, together: bool) -> Category:  # noqa: A002 -- its name there
    return Category().changed(
        id=id, enabled=enabled, create_subcontext=together, subcontext_settings=Entry().changed(config=config)
    )


parts = st.builds(
    ContextParts,
    story=st.builds(ContextText, text=texts, config=configs),
    memory=st.builds(ContextText, text=texts, config=configs),
    authors_note=st.builds(ContextText, text=texts, config=configs),
    ephemeral=st.lists(
        st.builds(
            EphemeralEntry, text=texts, config=configs, starting_step=st.integers(0, 2), duration=st.integers(0, 2)
        ),
        max_size=2,
    ).map(tuple),
    lore=st.lists(
        st.builds(
            _entry,
            config=configs,
            text=texts,
            keys=st.lists(st.sampled_from(["cat", "dog", "/x/", "nowhere"]), max_size=2).map(tuple),
            enabled=st.sampled_from([True, True, True, False]),
            force_activation=st.booleans(),
            key_relative=st.sampled_from([False, False, True]),
            non_story_activatable=st.booleans(),
            category=st.sampled_from(IDS),
        ),
        max_size=5,
    ).map(tuple),
    categories=st.tuples(
        st.builds(_category, st.just("c"), configs, st.sampled_from([True, True, False]), st.booleans()),
        st.builds(_category, st.just("d"), configs, st.just(True), st.just(True)),
    ),
    order_by_key_locations=st.booleans(),
    step=st.integers(0, 3),
)
sizes = st.integers(0, 60)
tokenizers = st.sampled_from([BYTES, Words(), Seams()])
preambles = st.sampled_from([None, Preamble("**", (1, 2)), Preamble("*", (1, 2, 3), always=True)])


def shown(context: Context, row: ContextRow) -> str:
    return "".join([context.text[start:end] for start, end in row.spans])


def configs_of(made: ContextParts) -> list[ContextConfig]:
    """That of each row."""
    together = [category for category in made.categories if category.create_subcontext]
    fixed = [made.story.config, made.memory.config, made.authors_note.config]
    lore = [entry.config for entry in made.lore]
    return [
        *fixed,
        *(each.config for each in made.ephemeral),
        *lore,
        *(each.subcontext_settings.config for each in together),
    ]


def texts_of(made: ContextParts) -> list[str]:
    """That of each row that has one of its own."""
    fixed = [made.story.text, made.memory.text, made.authors_note.text]
    return [*fixed, *(each.text for each in made.ephemeral), *(each.text for each in made.lore)]


def homes_of(made: ContextParts, context: Context) -> list[ContextRow | None]:
    """The sub-context that each row is in."""
    subcontexts = {row.category: row for row in context.rows if row.kind is ContextKind.SUBCONTEXT}
    return [subcontexts.get(row.category) if row.kind is ContextKind.LORE else None for row in context.rows]


@given(parts, sizes, tokenizers, preambles)
def test_a_context_is_never_larger_than_its_size(
    made: ContextParts, size: int, tokenizer: Tokenizer, preamble: Preamble | None
) -> None:
    context = build_context(made, tokenizer=tokenizer, size=size, preamble=preamble)
    front = list(context.preamble.tokens) if context.preamble else []
    assert context.tokens == [*front, *tokenizer.encode(context.text)]
    assert len(context.tokens) <= size
    assert len(context.tokens) - len(front) <= size - (len(preamble.tokens) if preamble else 0) or not context.text


@given(parts, sizes, tokenizers)
def test_the_same_parts_make_the_same_context(made: ContextParts, size: int, tokenizer: Tokenizer) -> None:
    first = build_context(made, tokenizer=tokenizer, size=size)
    assert build_context(made, tokenizer=tokenizer, size=size) == first


@given(parts, sizes, tokenizers)
def test_each_part_is_told_of_once(made: ContextParts, size: int, tokenizer: Tokenizer) -> None:
    context = build_context(made, tokenizer=tokenizer, size=size)
    together = sum(category.create_subcontext for category in made.categories)
    assert [(row.kind, row.index) for row in context.rows] == [
        (ContextKind.STORY, 0),
        (ContextKind.MEMORY, 0),
        (ContextKind.AUTHORS_NOTE, 0),
        *((ContextKind.EPHEMERAL, index) for index in range(len(made.ephemeral))),
        *((ContextKind.LORE, index) for index in range(len(made.lore))),
        *((ContextKind.SUBCONTEXT, index) for index in range(together)),
    ]
    for row in context.rows:
        assert row.included == bool(row.spans) == (row.tokens > 0)
        assert row.reason
        assert row.active or not row.included


@given(parts, sizes, tokenizers)
def test_the_blocks_are_the_text_and_the_spans_are_the_blocks(
    made: ContextParts, size: int, tokenizer: Tokenizer
) -> None:
    context = build_context(made, tokenizer=tokenizer, size=size)
    assert "".join(block.text for block in context.blocks) == context.text
    for block in context.blocks:
        assert context.text[block.start : block.end] == block.text != ""
        assert any(start <= block.start and block.end <= end for start, end in context.rows[block.row].spans)
    for row in context.rows:
        assert all(before[1] < after[0] for before, after in zip(row.spans, row.spans[1:], strict=False))


@given(parts, sizes, tokenizers)
def test_the_positions_point_at_the_texts(made: ContextParts, size: int, tokenizer: Tokenizer) -> None:
    context = build_context(made, tokenizer=tokenizer, size=size)
    homes = homes_of(made, context)
    for row, config, text, home in zip(context.rows, configs_of(made), texts_of(made), homes, strict=False):
        found = shown(context, row)
        whole = config.prefix + text + config.suffix
        if not row.included:
            continue
        assert len(found) == len(whole) - row.dropped
        if home is None or home.trimmed is None:
            kept = found.removeprefix(config.prefix).removesuffix(config.suffix)
            assert config.prefix + kept + config.suffix == found
            assert text.startswith(kept) if config.trim_direction == "trimBottom" else text.endswith(kept)
        else:
            assert found in whole or config.prefix + text.strip() == found or text
        if home is None:
            assert tokenizer.count(found) <= row.tokens or row.spans[1:]
        assert (found == whole) == (row.dropped == 0)


@given(parts, sizes, tokenizers)
def test_nothing_is_cut_finer_than_allowed(made: ContextParts, size: int, tokenizer: Tokenizer) -> None:
    context = build_context(made, tokenizer=tokenizer, size=size)
    for row, config, home in zip(context.rows, configs_of(made), homes_of(made, context), strict=True):
        if row.trimmed is None:
            assert row.dropped == 0 or home is not None
            continue
        if home is None or home.trimmed is None:
            assert FINER.index(row.trimmed) <= FINER.index(config.maximum_trim_type)
            assert config.trim_direction != "doNotTrim"


@given(parts, sizes)
def test_a_cut_by_lines_leaves_whole_lines(made: ContextParts, size: int) -> None:
    context = build_context(made, tokenizer=BYTES, size=size)
    for row, config, text in zip(context.rows[:3], configs_of(made), texts_of(made), strict=False):
        if row.trimmed in ("newline", "sentence"):
            kept = len(shown(context, row)) - len(config.prefix) - len(config.suffix)
            edges = [0, *ends_of_units(text, row.trimmed, Meter(BYTES))]
            if config.trim_direction == "trimTop":
                assert any(not text[edge : len(text) - kept].strip() for edge in edges if edge <= len(text) - kept)
            else:
                assert any(not text[kept:edge].strip() for edge in edges if edge >= kept)


@given(parts, sizes, tokenizers)
def test_what_may_not_be_split_is_in_one_piece(made: ContextParts, size: int, tokenizer: Tokenizer) -> None:
    context = build_context(made, tokenizer=tokenizer, size=size)
    for row, config in zip(context.rows, configs_of(made), strict=True):
        if row.included and not config.allow_insertion_inside:
            assert len(row.spans) == 1


@given(parts, sizes, tokenizers)
def test_what_does_not_want_to_be_inside_is_not(made: ContextParts, size: int, tokenizer: Tokenizer) -> None:
    context = build_context(made, tokenizer=tokenizer, size=size)
    homes = homes_of(made, context)
    for row, config, home in zip(context.rows, configs_of(made), homes, strict=True):
        if not row.included or config.allow_inner_insertion:
            continue
        start, end = row.spans[0][0], row.spans[-1][1]
        for other, home_of_other in zip(context.rows, homes, strict=True):
            if other is row or other is home or home_of_other is row or not other.spans:
                continue
            if home is None or home.spans[0][0] > start or home.spans[-1][1] < end or home_of_other is home:
                assert not (other.spans[0][0] < start and end < other.spans[-1][1]) or home is not None


@given(parts, sizes, tokenizers)
def test_what_may_not_be_trimmed_is_there_as_a_whole_or_not_at_all(
    made: ContextParts, size: int, tokenizer: Tokenizer
) -> None:
    context = build_context(made, tokenizer=tokenizer, size=size)
    for row, config, home in zip(context.rows, configs_of(made), homes_of(made, context), strict=True):
        if config.trim_direction == "doNotTrim" and (home is None or home.trimmed is None):
            assert row.dropped == 0


@given(parts, sizes, st.sampled_from([BYTES, Words()]))
def test_what_is_reserved_is_there_when_its_turn_comes(made: ContextParts, size: int, tokenizer: Tokenizer) -> None:
    """As long as the reservations are no more than the size (content §8.5.3)."""
    context = build_context(made, tokenizer=tokenizer, size=size)
    served = [
        row
        for row, home in zip(context.rows, homes_of(made, context), strict=True)
        if home is None and row.turn is not None
    ]
    assert sorted(row.turn for row in served if row.turn is not None) == list(range(len(served)))
    if sum(row.reserved for row in served) <= size:
        assert all(row.allowed >= row.reserved for row in served)
    assert all(row.tokens <= row.allowed for row in served)


@given(parts, sizes, tokenizers)
def test_a_sub_context_keeps_to_its_budget(made: ContextParts, size: int, tokenizer: Tokenizer) -> None:
    context = build_context(made, tokenizer=tokenizer, size=size)
    homes = homes_of(made, context)
    for row, config in zip(context.rows, configs_of(made), strict=True):
        if row.kind is ContextKind.SUBCONTEXT:
            budget = min(size, config.budget(size))
            assert row.tokens <= budget
            for member, home in zip(context.rows, homes, strict=True):
                if home is row:
                    assert member.allowed <= budget
                    assert all(
                        any(start <= one and other <= end for start, end in row.spans) for one, other in member.spans
                    )


@given(parts, sizes, tokenizers)
def test_the_status_tells_why_something_is_not_in(made: ContextParts, size: int, tokenizer: Tokenizer) -> None:
    context = build_context(made, tokenizer=tokenizer, size=size)
    for row, text in zip(context.rows, texts_of(made), strict=False):
        if row.status is ContextStatus.NO_TEXT:
            assert text == ""
        if row.status in (ContextStatus.NO_SPACE, ContextStatus.NO_KEY_IN_CONTEXT):
            assert row.active
    large = build_context(made, tokenizer=BYTES, size=100_000)
    for row, config in zip(large.rows, configs_of(made), strict=True):
        if config.token_budget in (0, 1):
            assert row.trimmed is None or row.category


@given(parts, sizes)
def test_what_is_not_active_changes_nothing(made: ContextParts, size: int) -> None:
    before = build_context(made, tokenizer=BYTES, size=size)
    off = Entry().changed(text="cat dog", enabled=False, config=DEFAULTS[ContextKind.LORE])
    after = build_context(replace(made, lore=(*made.lore, off)), tokenizer=BYTES, size=size)
    assert after.text == before.text
