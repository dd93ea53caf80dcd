"""What a prompt asks for: subjects with their number, colours and places, the time of day, the weather, and words to draw.

It is read as tags and simple phrases. A colour belongs to the nearest noun: the next one in its tag, else the last one
before. What the negative prompt names is left out. Everything else has no effect here; the caption shows it all the same.

See:
    docs/protocol/image.md#54-v4-prompts-and-characters
    docs/protocol/image.md#61-emphasis-syntax
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from .canvas import Colour, Point
from .refusals import GenerationTask
from .request import StructuredPrompt
from .words import BEINGS, COLOURS, HAIR_COLOURS, MEN, NUMBERS, PARTS, PLURALS, SHADES, SUBJECTS, TIMES, WEATHER

__all__ = ["BODY", "MAN", "Scene", "Subject", "read_scene", "read_task"]

BODY: Final = "body"
"""The part of a subject that a colour before its name belongs to."""
MAN: Final = "man"
"""What a person has as a part that has short hair and trousers."""

_MANY: Final = 3
"""How many a plural without a number means."""
_MOST: Final = 12
_SCENERY: Final = ("sky", "ground", "background")
_LONGEST_PHRASE: Final = 3
_NEGATIONS: Final = frozenset(("no", "without"))
_COPULAS: Final = frozenset(("is", "are", "was", "were"))
_EMPHASIS: Final = re.compile(r"-?\d*\.?\d*::|[{}\[\]()\\]")
_TEXT: Final = re.compile(r"\btext:\s*(.*)", re.IGNORECASE | re.DOTALL)
_TAG_END: Final = re.compile(r"[,|.;:\n]+")
_WORD: Final = re.compile(r"[a-z0-9'+-]+")
_COUNTED: Final = re.compile(r"(\d{1,2})\+?([a-z]+)")


@dataclass(slots=True)
class Subject:
    """One thing to draw, or several of it."""

    kind: str
    count: int = 1
    colours: dict[str, Colour] = field(default_factory=dict[str, Colour])
    "By part; `BODY` is the thing itself."
    parts: set[str] = field(default_factory=set[str])
    "Parts that were named."
    place: Point | None = None
    "Where the middle is, as parts of width and height; None leaves it open."


@dataclass(slots=True)
class Scene:
    """All that a prompt asks for."""

    subjects: list[Subject] = field(default_factory=list[Subject])
    colours: dict[str, Colour] = field(default_factory=dict[str, Colour])
    "Of sky, ground and background; `BODY` is a colour that belongs to no noun."
    parts: set[str] = field(default_factory=set[str])
    "Which of sky, ground and background were named."
    time: str = ""
    "day, dawn, sunset or night; empty if it was not said."
    weather: set[str] = field(default_factory=set[str])
    text: str = ""
    "Words to draw."

    def without(self, negative_prompt: str) -> Scene:
        """Return the scene without what a negative prompt names."""
        reader = _read(negative_prompt)
        other, parts = reader.scene, reader.list_parts()
        kinds = {each.kind for each in other.subjects}
        kept = [replace(each, parts=each.parts - parts) for each in self.subjects if each.kind not in kinds]
        time = "" if self.time == other.time else self.time
        return replace(self, subjects=kept, time=time, weather=self.weather - other.weather)


def read_task(task: GenerationTask) -> Scene:
    """Return what a generation asks for: its prompt, and the characters of V4 and later in their places."""
    parameters = task.parameters
    positive, negative = (
        (parameters.v4_prompt, parameters.v4_negative_prompt) if task.model.family.structured else (None, None)
    )
    scene = read_scene(positive.caption.base_caption if positive and positive.caption.base_caption else task.prompt)
    characters = [] if positive is None else list(_read_characters(positive, negative))
    persons = sum(each.count for each in characters if each.kind == "person")
    for subject in scene.subjects:
        if subject.kind == "person":  # the prompt counts the persons that the characters describe
            described = min(persons, subject.count)
            persons, subject.count = persons - described, subject.count - described
    scene.subjects = [*(each for each in scene.subjects if each.count), *characters]
    unwanted = negative.caption.base_caption if negative is not None else ""
    return scene.without(f"{parameters.negative_prompt}\n{unwanted}")


def _read_characters(positive: StructuredPrompt, negative: StructuredPrompt | None) -> Iterator[Subject]:
    unwanted = [] if negative is None else [each.char_caption for each in negative.caption.char_captions]
    for index, character in enumerate(positive.caption.char_captions):
        wanted = read_scene(character.char_caption)
        if not wanted.subjects:
            wanted.subjects.append(Subject("person"))
        scene = wanted.without(unwanted[index] if index < len(unwanted) else "")
        for subject in scene.subjects:
            if positive.use_coords and character.centers:
                subject.place = character.centers[0].x, character.centers[0].y
            yield subject


def read_scene(prompt: str) -> Scene:
    """Return what a text asks for. Parts of nobody make a person."""
    reader = _read(prompt)
    scene = reader.scene
    if reader.loose.parts:
        scene.subjects.append(reader.loose)
    return scene


def _read(prompt: str) -> _Reader:
    reader = _Reader()
    plain = _EMPHASIS.sub(" ", prompt.replace("_", " "))
    if found := _TEXT.search(plain):
        reader.scene.text = found[1].strip()
        plain = plain[: found.start()]
    for tag in _TAG_END.split(plain.lower()):
        reader.read_tag(_WORD.findall(tag))
    return reader


class _Reader:
    """Reads a prompt tag by tag."""

    def __init__(self) -> None:
        self.scene = Scene()
        self.loose = Subject("person")
        "Parts that were named before any being."
        self._being: Subject | None = None
        self._target: tuple[dict[str, Colour], str] | None = None
        "Whose colour a colour that follows its noun is."
        self._start()

    def _start(self) -> None:
        self._colour: Colour | None = None
        self._is_hair = self._negated = self._describes = False
        self._count = 0
        self._shade = 0.0

    def read_tag(self, words: Sequence[str]) -> None:
        """Read one tag, as its words in lower case."""
        self._start()
        at = 0
        while at < len(words):
            at += self._read_phrase(words[at:])
        if self._colour is not None:
            colours, part = self._target or (self.scene.colours, BODY)
            colours.setdefault(part, self._colour)

    def list_parts(self) -> set[str]:
        """Return all parts that were named, whosever they are."""
        return self.loose.parts.union(*(each.parts for each in self.scene.subjects))

    def _read_phrase(self, words: Sequence[str]) -> int:
        """Read the longest phrase that is known. Return how many words it has; of an unknown word, 1."""
        for length in range(min(_LONGEST_PHRASE, len(words)), 0, -1):
            if self._take(" ".join(words[:length])):
                return length
        if counted := _COUNTED.fullmatch(words[0]):
            self._count = int(counted[1])
            self._take(counted[2])
        elif words[0].isdecimal():
            self._count = min(_MOST, int(words[0][:3]))
        self._negated |= words[0] in _NEGATIONS
        self._describes = words[0] in _COPULAS
        return 1

    def _take(self, phrase: str) -> bool:
        """Take a phrase into the scene, and return whether it is known."""
        kind, is_plural = _find_subject(phrase)
        known = kind or phrase in PARTS or phrase in COLOURS or phrase in TIMES or phrase in WEATHER
        if self._negated and known:
            self._negated = False
            return True
        if phrase in TIMES:
            self.scene.time = self.scene.time or TIMES[phrase]
        if phrase in WEATHER:
            self.scene.weather.add(WEATHER[phrase])
        if phrase in NUMBERS:
            self._count = NUMBERS[phrase]
        if phrase in SHADES:
            self._shade = SHADES[phrase]
        if phrase in COLOURS:
            self._colour, self._is_hair = _shift(COLOURS[phrase], self._shade), phrase in HAIR_COLOURS
            self._shade = 0.0
            if self._describes and self._target is not None:  # "her hair is green"
                colours, part = self._target
                colours[part], self._colour = self._colour, None
        if phrase in PARTS:
            self._add_part(PARTS[phrase])
        elif kind:
            self._add_subject(kind, self._count or (_MANY if is_plural else 1))
            if phrase in MEN:
                self.scene.subjects[-1].parts.add(MAN)
        return bool(known) or phrase in NUMBERS or phrase in SHADES

    def _add_subject(self, kind: str, count: int) -> None:
        subject = next((each for each in self.scene.subjects if each.kind == kind), None)
        is_another = bool(self._count) or (self._colour is not None and subject is not None and BODY in subject.colours)
        if subject is None or is_another:  # "1girl, 1boy" are two
            subject = Subject(kind, min(count, _MOST))
            self.scene.subjects.append(subject)
        if self._colour is not None:
            subject.colours["hair" if self._is_hair and kind == "person" else BODY] = self._colour
        self._target = subject.colours, BODY
        self._colour, self._count = None, 0
        if kind in BEINGS:
            self._being = subject
            subject.parts |= self.loose.parts
            subject.colours |= self.loose.colours
            self.loose = Subject("person")

    def _add_part(self, part: str) -> None:
        owner = self.scene if part in _SCENERY else self._being or self.loose
        owner.parts.add(part)
        if self._colour is not None:
            owner.colours[part] = self._colour
        self._target = owner.colours, part
        self._colour = None


def _find_subject(phrase: str) -> tuple[str, bool]:
    """Return the subject of a noun, and whether it is a plural; an empty name if it is none that is known."""
    if phrase in SUBJECTS:
        return SUBJECTS[phrase], phrase in PLURALS
    for ending in ("s", "es"):
        singular = phrase.removesuffix(ending)
        if singular != phrase and singular in SUBJECTS:
            return SUBJECTS[singular], True
    return "", False


def _shift(colour: Colour, shade: float) -> Colour:
    """Return the colour moved to white, or below 0 to black."""
    goal = 255 if shade > 0 else 0
    red, green, blue = (round(value + abs(shade) * (goal - value)) for value in colour)
    return red, green, blue
