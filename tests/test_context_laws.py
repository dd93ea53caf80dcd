"""Laws that hold for every context, whatever it is made of.

See docs/protocol/content.md#8-building-the-context.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nai_proto.story.context.build import build_context
from nai_proto.story.context.candidates import ContextStatus
from nai_proto.story.context.ephemeral import EphemeralEntry
from nai_proto.story.context.parts import ContextParts, ContextText
from nai_proto.story.context.report import Context, ContextRow
from nai_proto.story.context.token_counters import TokenizerCounter
from nai_proto.story.context.trimming import find_unit_ends
from nai_proto.story.context_config import ContextConfig, ContextKind
from nai_proto.story.lore.entries import Category, Entry
from nai_proto.story.lore.lorebook import Lorebook
from nai_proto.text import Preamble
from nai_proto.tokenizers.base import Tokenizer
from tests.context_support import BYTES, Pairs, Seams, Words, parts
from tests.hypothesis_profiles import scale_examples

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
    return Entry().with_fields(config=config, **fields)


def _category(id: str, config: ContextConfig, enabled: bool, together: bool) -> Category:  # noqa: A002 -- its name there
    return Category().with_fields(
        id=id, enabled=enabled, create_subcontext=together, subcontext_settings=Entry().with_fields(config=config)
    )


def _lorebook(entries: Iterable[Entry], categories: Iterable[Category], by_location: bool) -> Lorebook:
    return parts(lore=entries, categories=categories, by_location=by_location).lorebook


stories = st.builds(
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
    lorebook=st.builds(
        _lorebook,
        st.lists(
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
        ),
        st.tuples(
            st.builds(_category, st.just("c"), configs, st.sampled_from([True, True, False]), st.booleans()),
            st.builds(_category, st.just("d"), configs, st.just(True), st.just(True)),
        ),
        st.booleans(),
    ),
    step=st.integers(0, 3),
)
sizes = st.integers(0, 60)
tokenizers = st.sampled_from([BYTES, Words(), Pairs(), Seams()])
preambles = st.sampled_from([None, Preamble("**", (1, 2)), Preamble("*", (1, 2, 3), always=True)])


@dataclass
class Case:
    """A context, and what it was made of."""

    story_parts: ContextParts
    size: int
    tokenizer: Tokenizer
    preamble: Preamble | None
    context: Context

    @property
    def available(self) -> int:
        """The tokens without the preamble."""
        return max(0, self.size - (len(self.preamble.tokens) if self.preamble else 0))

    def rows(self) -> Iterator[tuple[ContextRow, ContextConfig, ContextRow | None]]:
        """Yield each row with its configuration, and with the sub-context that it is in."""
        story_parts, rows = self.story_parts, self.context.rows
        together = [category for category in story_parts.lorebook.categories if category.create_subcontext]
        configs = [
            *(story_parts.story.config, story_parts.memory.config, story_parts.authors_note.config),
            *(each.config for each in story_parts.ephemeral),
            *(each.config for each in story_parts.lorebook.entries),
            *(each.subcontext_settings.config for each in together),
        ]
        homes = {row.category: row for row in rows if row.kind is ContextKind.SUBCONTEXT}
        for row, config in zip(rows, configs, strict=True):
            yield row, config, homes.get(row.category) if row.kind is ContextKind.LORE else None

    def texts(self) -> Iterator[tuple[ContextRow, ContextConfig, str]]:
        """Yield each row that has a text of its own and is not in a sub-context that was cut."""
        story_parts = self.story_parts
        texts = [
            *(story_parts.story.text, story_parts.memory.text, story_parts.authors_note.text),
            *(each.text for each in story_parts.ephemeral),
            *(each.text for each in story_parts.lorebook.entries),
        ]
        for (row, config, home), text in zip(self.rows(), texts, strict=False):
            if home is None or home.trimmed is None:
                yield row, config, text

    def text_in_spans(self, row: ContextRow) -> str:
        return "".join([self.context.text[start:end] for start, end in row.spans])


def the_size_holds(case: Case) -> None:
    context = case.context
    front = list(context.preamble.tokens) if context.preamble else []
    assert context.tokens == [*front, *case.tokenizer.encode(context.text)]
    assert len(context.tokens) <= case.size
    assert len(context.tokens) - len(front) <= case.available


def the_same_parts_give_the_same_context(case: Case) -> None:
    again = build_context(case.story_parts, tokenizer=case.tokenizer, size=case.size, preamble=case.preamble)
    assert again == case.context


def each_part_has_one_row(case: Case) -> None:
    book = case.story_parts.lorebook
    assert [(row.kind, row.index) for row in case.context.rows] == [
        (ContextKind.STORY, 0),
        (ContextKind.MEMORY, 0),
        (ContextKind.AUTHORS_NOTE, 0),
        *((ContextKind.EPHEMERAL, index) for index in range(len(case.story_parts.ephemeral))),
        *((ContextKind.LORE, index) for index in range(len(book.entries))),
        *((ContextKind.SUBCONTEXT, index) for index in range(sum(each.create_subcontext for each in book.categories))),
    ]
    for row in case.context.rows:
        assert row.included == bool(row.spans) == (row.tokens > 0)
        assert row.active or not row.included
        assert row.reason


def the_blocks_are_the_text_and_the_spans_are_the_blocks(case: Case) -> None:
    context = case.context
    assert "".join(block.text for block in context.blocks) == context.text
    for block in context.blocks:
        assert context.text[block.start : block.end] == block.text != ""
        assert any(start <= block.start and block.end <= end for start, end in context.rows[block.row].spans)
    for row in context.rows:
        assert all(before < after for (_, before), (after, _) in pairwise(row.spans))


def the_spans_are_what_is_left_of_each_text(case: Case) -> None:
    for row, config, text in case.texts():
        found = case.text_in_spans(row)
        if row.included:
            kept = found.removeprefix(config.prefix).removesuffix(config.suffix)
            assert found == config.prefix + kept + config.suffix
            assert text.endswith(kept) if config.trim_direction == "trimTop" else text.startswith(kept)
            assert row.dropped == len(text) - len(kept)
            assert row.tokens == case.tokenizer.count(found) <= row.allowed
            assert (row.trimmed is None) == (kept == text)


def cuts_follow_the_settings(case: Case) -> None:
    for row, config, text in case.texts():
        if row.trimmed is None:
            continue
        assert config.trim_direction != "doNotTrim"
        assert FINER.index(row.trimmed) <= FINER.index(config.maximum_trim_type)
        edges = [0, *find_unit_ends(text, row.trimmed, TokenizerCounter(case.tokenizer))]
        if config.trim_direction == "trimTop":
            assert any(edge <= row.dropped and not text[edge : row.dropped].strip() for edge in edges)
        else:
            kept = len(text) - row.dropped
            assert any(kept <= edge and not text[kept:edge].strip() for edge in edges)


def a_part_that_is_not_open_is_in_one_piece(case: Case) -> None:
    for row, config, _ in case.rows():
        assert len(row.spans) <= 1 or config.allow_insertion_inside


def a_part_that_may_not_be_inside_another_is_not(case: Case) -> None:
    for row, config, home in case.rows():
        if row.included and not config.allow_inner_insertion:
            start, end = row.spans[0][0], row.spans[-1][1]
            around = (other for other, _, _ in case.rows() if other.spans and other is not home)
            inside_of = [other for other in around if other.spans[0][0] < start and end < other.spans[-1][1]]
            # Its sub-context may be inside of others.
            assert all(home and other.spans[0][0] < home.spans[0][0] for other in inside_of)


def reserved_tokens_are_available_in_turn(case: Case) -> None:
    """As long as the reservations are no more than the size, and the seams cost nothing.

    See docs/protocol/content.md#85-order-and-reservation.
    """
    served = {row.turn: row for row, _, home in case.rows() if home is None and row.turn is not None}
    assert sorted(served) == [*range(len(served))]
    if sum(row.reserved for row in served.values()) <= case.available and not isinstance(case.tokenizer, Seams):
        assert all(row.allowed >= row.reserved for row in served.values())


def higher_priorities_are_served_first(case: Case) -> None:
    served = {row.turn: config for row, config, home in case.rows() if home is None and row.turn is not None}
    priorities = [served[turn].budget_priority for turn in sorted(served)]
    assert priorities == sorted(priorities, reverse=True)


def a_sub_context_keeps_to_its_budget(case: Case) -> None:
    for row, config, _ in case.rows():
        if row.kind is ContextKind.SUBCONTEXT:
            budget = min(case.available, config.budget(case.available))
            assert row.tokens <= budget
            for member, _, home in case.rows():
                if home is row:
                    assert member.allowed <= budget
                    for start, end in member.spans:
                        assert any(first <= start and end <= last for first, last in row.spans)


def the_status_is_true(case: Case) -> None:
    for row, config, text in case.texts():
        match row.status:
            case ContextStatus.NO_TEXT:
                assert text == ""
            case ContextStatus.NO_SPACE:
                whole = case.tokenizer.count(config.prefix + text + config.suffix)
                assert whole > row.allowed or row.category
            case ContextStatus.NO_KEY_IN_CONTEXT | ContextStatus.KEY:
                assert row.kind is ContextKind.LORE
            case ContextStatus.DISABLED | ContextStatus.NO_KEY | ContextStatus.EPHEMERAL_INACTIVE:
                assert not row.active
            case _:
                assert row.included
    cut = any(row.trimmed or row.status is ContextStatus.NO_SPACE for row in case.context.rows)
    assert cut or not case.context.full


LAWS: list[Callable[[Case], None]] = [
    the_size_holds,
    the_same_parts_give_the_same_context,
    each_part_has_one_row,
    the_blocks_are_the_text_and_the_spans_are_the_blocks,
    the_spans_are_what_is_left_of_each_text,
    cuts_follow_the_settings,
    a_part_that_is_not_open_is_in_one_piece,
    a_part_that_may_not_be_inside_another_is_not,
    reserved_tokens_are_available_in_turn,
    higher_priorities_are_served_first,
    a_sub_context_keeps_to_its_budget,
    the_status_is_true,
]


@settings(max_examples=scale_examples(100))
@given(stories, sizes, tokenizers, preambles)
def test_every_context_obeys_the_laws(
    story_parts: ContextParts, size: int, tokenizer: Tokenizer, preamble: Preamble | None
) -> None:
    context = build_context(story_parts, tokenizer=tokenizer, size=size, preamble=preamble)
    for law in LAWS:
        law(Case(story_parts, size, tokenizer, preamble, context))


@settings(max_examples=scale_examples(50))
@given(stories, sizes)
def test_a_disabled_entry_changes_nothing(story_parts: ContextParts, size: int) -> None:
    before = build_context(story_parts, tokenizer=BYTES, size=size)
    off = Entry().with_fields(text="cat dog", enabled=False, id="off")
    after = build_context(
        replace(story_parts, lorebook=story_parts.lorebook.with_entry(off)), tokenizer=BYTES, size=size
    )
    assert after.text == before.text
