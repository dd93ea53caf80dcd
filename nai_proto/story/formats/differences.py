"""What an update does to a section: its difference, applied, undone, and made.

A difference has parts, which replace text, and numbers that are added to those of the runs and to the section's source.
A section is what the file has: a dict, never changed in place. Each function is linear in the section and the difference.

See docs/protocol/content.md#74-steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias, cast

from ...codecs.msgpackr import UNDEFINED, Map, Value, Wrapped
from ...errors import Damaged
from ..utf16 import count_units, decode_units, encode_units
from .lines import Line, Run

__all__ = [
    "Part",
    "RawSection",
    "applied",
    "damaged",
    "difference",
    "has_text",
    "line_of",
    "new_section",
    "parts_of",
    "runs_in",
    "runs_of",
    "same_section",
    "source_of",
    "text_of",
    "undone",
]

RawSection: TypeAlias = "dict[str, Value]"
_SECTION_DIFFERENCE: Final = 40
_TEXT_DIFFERENCE: Final = 41
_FORMATS: Final = 2
"""The key of the runs that tell how text is set, which each section has."""


def damaged(problem: str, category: str = "bad step") -> Damaged:
    """The error for a history with this problem."""
    return Damaged(f"story history: {problem}", category=category)


# ---- a section's fields


def has_text(section: object) -> bool:
    """Is this a section that can be shown?"""
    return isinstance(section, dict) and isinstance(cast("RawSection", section).get("text"), str)


def text_of(section: RawSection) -> str:
    """Its text; of one that has none, the empty one."""
    text = section.get("text")
    return text if isinstance(text, str) else ""


def source_of(section: RawSection) -> int:
    """Its kind as a number; to not have any is 0."""
    source = section.get("source")
    return source if type(source) is int else 0


def runs_in(section: RawSection) -> dict[int, list[Value]]:
    """All its runs by key, as the file has them."""
    meta = section.get("meta")
    found = meta.lookup() if isinstance(meta, Map) else {}
    return {key: _list(runs) for key, runs in found.items() if type(key) is int}


def runs_of(section: RawSection) -> dict[int, list[Run]]:
    """The same as runs, as far as they are such."""
    return {key: [*map(_run, runs)] for key, runs in runs_in(section).items()}


def line_of(section: RawSection) -> Line:
    """Text and runs; those that mark nothing are left out."""
    full = {key: tuple(run for run in runs if run.length > 0) for key, runs in runs_of(section).items()}
    return Line(text_of(section), {key: runs for key, runs in full.items() if runs})


def new_section(line: Line, source: int) -> RawSection:
    """A section as the website makes it."""
    meta = _written({1: [], _FORMATS: [], **{key: list(runs) for key, runs in line.runs.items()}})
    return {"type": 1, "text": line.text, "meta": meta, "source": source or UNDEFINED}


def same_section(one: RawSection, other: RawSection) -> bool:
    """Do they show the same?"""
    return source_of(one) == source_of(other) and line_of(one) == line_of(other)


def _written(runs: Mapping[int, Iterable[Run]]) -> Map:
    return Map(tuple((key, [cast("Value", run._asdict()) for run in each]) for key, each in runs.items()))


def _run(value: Value) -> Run:
    if not isinstance(value, dict):
        return Run(0, 0, 0)
    return Run(_number(value.get("position")), _number(value.get("data")), _number(value.get("length")))


def _number(value: object) -> int:
    return value if type(value) is int else 0


def _list(value: object) -> list[Value]:
    return cast("list[Value]", value) if isinstance(value, list) else []


# ---- a difference's fields


class Part(NamedTuple):
    """A piece of text that takes the place of another."""

    skipped: int
    "UTF-16 units that stay, counted from the end of the part before, in the old text."
    inserted: str
    deleted: str

    @property
    def turned(self) -> Part:
        """The same, undone."""
        return Part(self.skipped, self.deleted, self.inserted)


class _Difference(NamedTuple):
    parts: list[Part]
    deltas: dict[int, list[tuple[int, Run]]]
    "By key: indices of runs, and what is added to each."
    source: int


def _read(value: Value) -> _Difference:
    if isinstance(value, Wrapped) and value.type == _SECTION_DIFFERENCE:
        value = value.value
    if not (isinstance(value, Wrapped) and value.type == _TEXT_DIFFERENCE and isinstance(value.value, dict)):
        raise damaged("a section is updated in a way that is not known", "unknown difference")
    fields = value.value
    metas = fields.get("metas")
    found = metas.lookup() if isinstance(metas, Map) else {}
    deltas = {
        key: [(_index(each), _run(each)) for each in _list(runs)] for key, runs in found.items() if type(key) is int
    }
    return _Difference([*map(_part, _list(fields.get("parts")))], deltas, _number(fields.get("source")))


def parts_of(value: Value) -> list[Part]:
    """The parts of a difference. Raises Damaged."""
    return _read(value).parts


def _part(value: Value) -> Part:
    match value:
        case {"from": int(skipped), "insert": str(inserted), "delete": str(deleted)} if skipped >= 0:
            return Part(skipped, inserted, deleted)
        case _:
            raise damaged("a part of an update is not whole")


def _index(value: Value) -> int:
    match value:
        case {"index": int(index)} if index >= 0:
            return index
        case _:
            raise damaged("an update of runs does not say which")


# ---- applied


def applied(section: RawSection, value: Value) -> RawSection:
    """The section after an update.

    Raises:
        Damaged: the update does not fit the section, or is of a kind that is not known.
    """
    parts, deltas, source = _read(value)
    return _moved(section, parts, deltas, source, 1)


def undone(section: RawSection, value: Value) -> RawSection:
    """The section before an update: its text to the letter, its runs unless some went away with the update.

    Raises:
        Damaged: as for `applied`.
    """
    parts, deltas, source = _read(value)
    return _moved(section, [part.turned for part in parts], deltas, -source, -1)


def _moved(
    section: RawSection, parts: list[Part], deltas: Mapping[int, list[tuple[int, Run]]], source: int, sign: int
) -> RawSection:
    runs = runs_in(section)
    for key, entries in deltas.items():
        runs[key] = _added(runs.get(key, []), entries, sign)
    meta = section.get("meta")
    pairs = meta.pairs if isinstance(meta, Map) else ()
    old = [(key, runs.pop(key, value) if type(key) is int else value) for key, value in pairs]
    text = _spliced(text_of(section), parts)
    moved: RawSection = {**section, "text": text, "meta": Map((*old, *cast("dict[Value, Value]", runs).items()))}
    return {**moved, "source": source_of(section) + source} if source else moved


def _added(runs: list[Value], entries: list[tuple[int, Run]], sign: int) -> list[Value]:
    """Runs after numbers were added to them; those that are not touched stay what they are."""
    changed: dict[int, Run] = {}
    for index, delta in entries:
        was = changed.get(index) or (_run(runs[index]) if index < len(runs) else Run(0, 0, 0))
        changed[index] = Run(*(a + sign * b for a, b in zip(was, delta, strict=True)))
    result = list(runs)
    for index in sorted(changed):
        before = result[index] if index < len(runs) else None
        written = {**(before if isinstance(before, dict) else {}), **cast("dict[str, Value]", changed[index]._asdict())}
        if before is None:
            result.append(written)
        else:
            result[index] = written
    gone = {index for index, run in changed.items() if run.length <= 0}
    if not gone:
        return result
    places = [*range(len(runs)), *sorted(index for index in changed if index >= len(runs))]
    return [run for place, run in zip(places, result, strict=True) if place not in gone]


def _spliced(text: str, parts: list[Part]) -> str:
    if count_units(text) == len(text):
        return "".join(_pieces(text, parts))
    units = [(2 * part.skipped, encode_units(part.inserted), encode_units(part.deleted)) for part in parts]
    return decode_units(b"".join(_pieces(encode_units(text), units)))


def _pieces(old: Any, parts: Iterable[tuple[int, Any, Any]]) -> Iterator[Any]:
    """What the new text is joined from: texts or bytes, and so are the parts."""
    at = 0
    for skipped, inserted, deleted in parts:
        place = at + skipped
        if place > len(old) or not old.startswith(deleted, place):
            raise damaged("an update takes away what is not there")
        yield old[at:place]
        yield inserted
        at = place + len(deleted)
    yield old[at:]


# ---- made


def difference(old: RawSection, new: Line) -> Value:
    """The update that makes a section's line another one."""
    text = text_of(old)
    start, stop = _common(text, new.text)
    part: Value = {
        "from": count_units(text[:start]),
        "insert": new.text[start : len(new.text) - stop],
        "delete": text[start : len(text) - stop],
    }
    before = runs_of(old)
    metas = {key: _deltas(before.get(key, []), new.runs.get(key, ())) for key in {**before, **new.runs}}
    pairs: list[tuple[Value, Value]] = [(key, each) for key, each in metas.items() if each]
    parts: list[Value] = [part] if text != new.text else []
    fields: dict[str, Value] = {"parts": parts, "metas": Map(tuple(pairs)), "source": 0}
    return Wrapped(_SECTION_DIFFERENCE, Wrapped(_TEXT_DIFFERENCE, fields))


def _deltas(old: list[Run], new: tuple[Run, ...]) -> list[Value]:
    """What is added to the runs; one that goes gives up its length."""
    entries: list[Value] = []
    for index in range(max(len(old), len(new))):
        was = old[index] if index < len(old) else Run(0, 0, 0)
        now = new[index] if index < len(new) else was._replace(length=min(0, was.length))
        if was != now:
            position, data, length = (b - a for a, b in zip(was, now, strict=True))
            entries.append({"index": index, "position": position, "data": data, "length": length})
    return entries


def _common(one: str, other: str) -> tuple[int, int]:
    """How many characters two texts have in common at the beginning, and of the rest at the end."""
    most = min(len(one), len(other))
    start = _longest(most, lambda size: one.startswith(other[:size]))
    stop = _longest(most - start, lambda size: one.endswith(other[len(other) - size :]))
    return start, stop


def _longest(most: int, fits: Callable[[int], bool]) -> int:
    """The largest size that fits, where each smaller one does as well."""
    fitting, failing = 0, most + 1
    while failing - fitting > 1:
        size = (fitting + failing) // 2
        fitting, failing = (size, failing) if fits(size) else (fitting, size)
    return fitting
