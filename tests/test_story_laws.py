"""Whatever is done to a story, in whatever order: text, tree and file stay one.

See:
    docs/protocol/content.md#5-old-story-format-story
    docs/protocol/content.md#7-the-document-field
"""

from __future__ import annotations

from typing import TypeAlias

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from nai_proto.story import Origin, Story
from tests.hypothesis_profiles import scale_examples

Letter: TypeAlias = tuple[str, Origin]
Line: TypeAlias = tuple[Letter, ...]
Lines: TypeAlias = tuple[Line, ...]

TEXTS = st.text("ab é語🪿\U0001f986\n", max_size=8)
ORIGINS = st.sampled_from([Origin.USER, Origin.AI, Origin.EDIT, Origin.PROMPT])
END: Letter = ("\n", Origin.UNKNOWN)


def make_lines(text: str, origin: Origin) -> Lines:
    return tuple(tuple((letter, origin) for letter in line) for line in text.split("\n"))


def to_letters(lines: Lines) -> list[Letter]:
    return [letter for number, line in enumerate(lines) for letter in (*([END] if number else []), *line)]


def to_lines(letters: list[Letter]) -> Lines:
    lines: list[list[Letter]] = [[]]
    for letter in letters:
        if letter[0] == "\n":
            lines.append([])
        else:
            lines[-1].append(letter)
    return tuple(map(tuple, lines))


def read_lines(story: Story) -> Lines:
    """The sections with the origin of each letter."""
    return tuple(
        tuple((section.text[at], span.origin) for span in section.origins for at in range(span.start, span.end))
        for section in story.sections
    )


class StoryMachine(RuleBasedStateMachine):
    """Beside the story a model: for each node its lines, its parent, and where redo leads."""

    legacy: bool
    story: Story

    @initialize()
    def begin(self) -> None:
        self.now = 1_700_000_000
        self.drawn = 0
        self.story = Story.new("A story", now=self.now, legacy=self.legacy, entropy=self.entropy)
        root = self.node
        self.lines: dict[int, Lines] = {root: ()}
        self.parents: dict[int, int | None] = {root: None}
        self.leads: dict[int, int] = {}

    @property
    def node(self) -> int:
        assert self.story.current is not None
        return self.story.current

    def entropy(self, size: int) -> bytes:
        self.drawn += 1
        return self.drawn.to_bytes(size)

    def next_date(self) -> int:
        self.now += 1000
        return self.now

    def record_node(self, parent: int, lines: Lines) -> None:
        """An edit was made: there is a node, unless nothing changed."""
        lines = () if self.legacy and lines == ((),) else lines
        if self.node == parent:
            assert lines == self.lines[parent]
            return
        assert self.node not in self.lines
        self.lines[self.node], self.parents[self.node] = lines, parent
        self.leads[parent] = self.node

    def splice(self, start: int, end: int, text: str, origin: Origin) -> Lines:
        letters = to_letters(self.lines[self.node])
        letters[start:end] = to_letters(make_lines(text, origin))
        return to_lines(letters) if letters or self.lines[self.node] else ()

    # ---- edits

    @rule(text=TEXTS, origin=ORIGINS)
    def append(self, text: str, origin: Origin) -> None:
        parent, size = self.node, len(self.story.text)
        lines = self.splice(size, size, text, origin)
        self.story.append(text, now=self.next_date(), origin=origin)
        self.record_node(parent, lines)

    @rule(text=TEXTS, origin=ORIGINS, data=st.data())
    def replace(self, text: str, origin: Origin, data: st.DataObject) -> None:
        edges = st.integers(0, len(self.story.text))
        start, end = sorted((data.draw(edges), data.draw(edges)))
        parent, lines = self.node, self.splice(start, end, text, origin)
        self.story.replace(start, end, text, now=self.next_date(), origin=origin)
        self.record_node(parent, lines)

    @rule(text=TEXTS, origin=ORIGINS, data=st.data())
    def insert(self, text: str, origin: Origin, data: st.DataObject) -> None:
        parent, lines = self.node, self.lines[self.node]
        at = data.draw(st.integers(0, len(lines)))
        self.story.insert_sections(at, text, now=self.next_date(), origin=origin)
        self.record_node(parent, lines[:at] + make_lines(text, origin) + lines[at:])

    @precondition(lambda self: self.story.sections)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        parent, lines = self.node, self.lines[self.node]
        at = data.draw(st.integers(0, len(lines) - 1))
        self.story.remove_section(at, now=self.next_date())
        self.record_node(parent, lines[:at] + lines[at + 1 :])

    @precondition(lambda self: self.story.siblings and self.parents[self.node] is not None)
    @rule(text=TEXTS.filter(bool))
    def retry(self, text: str) -> None:
        parent = self.parents[self.node]
        assert parent is not None
        before = self.lines[parent]
        self.story.retry(text, now=self.next_date())
        letters = to_letters(before) + to_letters(make_lines(text, Origin.AI))
        self.record_node(parent, to_lines(letters))

    # ---- history

    @precondition(lambda self: self.parents[self.node] is not None)
    @rule()
    def undo(self) -> None:
        node, parent = self.node, self.parents[self.node]
        self.story.undo()
        assert self.node == parent
        self.leads[self.node] = node

    @precondition(lambda self: self.node in self.leads)
    @rule()
    def redo(self) -> None:
        expected = self.leads[self.node]
        self.story.redo()
        assert self.node == expected

    @rule(data=st.data())
    def choose(self, data: st.DataObject) -> None:
        goal = data.draw(st.sampled_from(sorted(self.lines)))
        start = self.node
        self.story.go_to(goal)
        for end in (start, goal):  # what was left can be gone back to, what was chosen can be undone and redone
            if end == start and start in self.path(goal):
                continue
            self.lead_redo(end, stop=self.path(goal) if end == start else self.path(start))

    def path(self, node: int) -> list[int]:
        ids, at = [node], self.parents[node]
        while at is not None:
            ids.append(at)
            at = self.parents[at]
        return ids

    def lead_redo(self, node: int, stop: list[int]) -> None:
        at = node
        while at not in stop:
            parent = self.parents[at]
            assert parent is not None
            self.leads[parent] = at
            at = parent

    @rule()
    def read_again(self) -> None:
        """Goes on with what was packed."""
        self.story = Story.from_data(*self.story.to_data(now=self.now), entropy=self.entropy)

    # ---- what always holds

    @invariant()
    def text_history_and_file_agree(self) -> None:
        card, content = self.story.to_data(now=self.now)
        for story in (self.story, Story.from_data(card, content)):
            assert read_lines(story) == self.lines[story.current or 0]
            assert story.text == "".join(letter for letter, _ in to_letters(self.lines[self.node]))
            assert story.current == self.node
            assert {node.id: node.parent for node in story.history.values()} == self.parents
            assert [node.id for node in story.history.get_path()] == self.path(self.node)[::-1]
            assert story.problems == ()
        assert card["textPreview"] == self.story.text[:250]


class Document(StoryMachine):
    legacy = False


class LegacyStoryMachine(StoryMachine):
    legacy = True


TestDocument = Document.TestCase
TestOlder = LegacyStoryMachine.TestCase
TestDocument.settings = TestOlder.settings = settings(
    max_examples=scale_examples(40), stateful_step_count=20, deadline=None
)
