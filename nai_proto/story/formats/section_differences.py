"""Differences between two states of a section: building, applying and undoing them.

A difference has parts, which replace text, and numbers that are added to the section's runs and to its source. A section is
a dict as the file has it, and is never changed in place. Each function takes time linear in the section and the difference.

See docs/protocol/content.md#74-steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias, cast

from ...codecs.msgpackr import UNDEFINED, JsMap, Value, Wrapped
from ...errors import Damaged
from ..utf16 import count_units, decode_units, encode_units
from .styled_lines import StyledLine, StyledRun

__all__ = [
    "RawSection",
    "SectionPart",
    "apply_difference",
    "build_difference",
    "build_section",
    "get_parts",
    "get_raw_runs",
    "get_runs",
    "get_section_line",
    "get_section_source",
    "get_section_text",
    "has_text",
    "is_same_section",
    "make_history_error",
    "undo_difference",
]

RawSection: TypeAlias = "dict[str, Value]"
_SECTION_DIFFERENCE: Final = 40
_TEXT_DIFFERENCE: Final = 41
_FORMATS: Final = 2
"""The key of the runs with the formatting of the text; each section has it."""


def make_history_error(problem: str, category: str = "bad step") -> Damaged:
    """Return the error for a damaged history."""
    return Damaged(f"story history: {problem}", category=category)


# ---- a section's fields


def has_text(section: object) -> bool:
    """Return whether a value is a section with a text."""
    return isinstance(section, dict) and isinstance(cast("RawSection", section).get("text"), str)


def get_section_text(section: RawSection) -> str:
    """Return the text of a section; empty if it has none."""
    text = section.get("text")
    return text if isinstance(text, str) else ""


def get_section_source(section: RawSection) -> int:
    """Return the number of a section's kind; 0 if it has none."""
    source = section.get("source")
    return source if type(source) is int else 0


def get_raw_runs(section: RawSection) -> dict[int, list[Value]]:
    """Return the runs of a section by key, as the file has them."""
    meta = section.get("meta")
    found = meta.lookup() if isinstance(meta, JsMap) else {}
    return {key: _list_or_empty(runs) for key, runs in found.items() if type(key) is int}


def get_runs(section: RawSection) -> dict[int, list[StyledRun]]:
    """Return the runs of a section by key; a malformed run is an empty one."""
    return {key: [*map(_parse_run, runs)] for key, runs in get_raw_runs(section).items()}


def get_section_line(section: RawSection) -> StyledLine:
    """Return the text and the runs of a section, without empty runs."""
    full = {key: tuple(run for run in runs if run.length > 0) for key, runs in get_runs(section).items()}
    return StyledLine(get_section_text(section), {key: runs for key, runs in full.items() if runs})


def build_section(line: StyledLine, source: int) -> RawSection:
    """Return a new section in the form that the website uses."""
    meta = _build_meta({1: [], _FORMATS: [], **{key: list(runs) for key, runs in line.runs.items()}})
    return {"type": 1, "text": line.text, "meta": meta, "source": source or UNDEFINED}


def is_same_section(one: RawSection, other: RawSection) -> bool:
    """Return whether two sections have the same source, text and runs."""
    return get_section_source(one) == get_section_source(other) and get_section_line(one) == get_section_line(other)


def _build_meta(runs: Mapping[int, Iterable[StyledRun]]) -> JsMap:
    return JsMap(tuple((key, [cast("Value", run._asdict()) for run in each]) for key, each in runs.items()))


def _parse_run(value: Value) -> StyledRun:
    if not isinstance(value, dict):
        return StyledRun(0, 0, 0)
    return StyledRun(
        _int_or_zero(value.get("position")), _int_or_zero(value.get("data")), _int_or_zero(value.get("length"))
    )


def _int_or_zero(value: object) -> int:
    return value if type(value) is int else 0


def _list_or_empty(value: object) -> list[Value]:
    return cast("list[Value]", value) if isinstance(value, list) else []


# ---- a difference's fields


class SectionPart(NamedTuple):
    """A piece of text that replaces another."""

    skipped: int
    "The UTF-16 units of the old text between the previous part and this one."
    inserted: str
    deleted: str

    @property
    def inverse(self) -> SectionPart:
        """The part that undoes this one."""
        return SectionPart(self.skipped, self.deleted, self.inserted)


class _Difference(NamedTuple):
    parts: list[SectionPart]
    deltas: dict[int, list[tuple[int, StyledRun]]]
    "By key: the index of a run, and the numbers to add to it."
    source: int


def _parse_difference(value: Value) -> _Difference:
    if isinstance(value, Wrapped) and value.type == _SECTION_DIFFERENCE:
        value = value.value
    if not (isinstance(value, Wrapped) and value.type == _TEXT_DIFFERENCE and isinstance(value.value, dict)):
        raise make_history_error("an update of a section is of an unknown kind", "unknown difference")
    fields = value.value
    metas = fields.get("metas")
    found = metas.lookup() if isinstance(metas, JsMap) else {}
    deltas = {
        key: [(_parse_index(each), _parse_run(each)) for each in _list_or_empty(runs)]
        for key, runs in found.items()
        if type(key) is int
    }
    return _Difference(
        [*map(_parse_part, _list_or_empty(fields.get("parts")))], deltas, _int_or_zero(fields.get("source"))
    )


def get_parts(value: Value) -> list[SectionPart]:
    """Return the parts of a difference.

    Raises:
        Damaged: the difference is malformed.
    """
    return _parse_difference(value).parts


def _parse_part(value: Value) -> SectionPart:
    match value:
        case {"from": int(skipped), "insert": str(inserted), "delete": str(deleted)} if skipped >= 0:
            return SectionPart(skipped, inserted, deleted)
        case _:
            raise make_history_error("a part of an update is malformed")


def _parse_index(value: Value) -> int:
    match value:
        case {"index": int(index)} if index >= 0:
            return index
        case _:
            raise make_history_error("an update of runs has no index")


# ---- applying and undoing


def apply_difference(section: RawSection, value: Value) -> RawSection:
    """Return a section after an update.

    Raises:
        Damaged: the update does not fit the section, or is of an unknown kind.
    """
    parts, deltas, source = _parse_difference(value)
    return _change_section(section, parts, deltas, source, 1)


def undo_difference(section: RawSection, value: Value) -> RawSection:
    """Return a section before an update: the exact text, and the runs that the update did not remove.

    Raises:
        Damaged: as for `apply_difference`.
    """
    parts, deltas, source = _parse_difference(value)
    return _change_section(section, [part.inverse for part in parts], deltas, -source, -1)


def _change_section(
    section: RawSection,
    parts: list[SectionPart],
    deltas: Mapping[int, list[tuple[int, StyledRun]]],
    source: int,
    sign: int,
) -> RawSection:
    runs = get_raw_runs(section)
    for key, entries in deltas.items():
        runs[key] = _add_to_runs(runs.get(key, []), entries, sign)
    meta = section.get("meta")
    pairs = meta.pairs if isinstance(meta, JsMap) else ()
    old = [(key, runs.pop(key, value) if type(key) is int else value) for key, value in pairs]
    text = _replace_parts(get_section_text(section), parts)
    changed: RawSection = {**section, "text": text, "meta": JsMap((*old, *cast("dict[Value, Value]", runs).items()))}
    return {**changed, "source": get_section_source(section) + source} if source else changed


def _add_to_runs(runs: list[Value], entries: list[tuple[int, StyledRun]], sign: int) -> list[Value]:
    """Return runs with numbers added to some of them; the other runs stay the same objects."""
    changed: dict[int, StyledRun] = {}
    for index, delta in entries:
        was = changed.get(index) or (_parse_run(runs[index]) if index < len(runs) else StyledRun(0, 0, 0))
        changed[index] = StyledRun(*(a + sign * b for a, b in zip(was, delta, strict=True)))
    result = list(runs)
    for index in sorted(changed):
        before = result[index] if index < len(runs) else None
        raw_run = {**(before if isinstance(before, dict) else {}), **cast("dict[str, Value]", changed[index]._asdict())}
        if before is None:
            result.append(raw_run)
        else:
            result[index] = raw_run
    removed = {index for index, run in changed.items() if run.length <= 0}
    if not removed:
        return result
    places = [*range(len(runs)), *sorted(index for index in changed if index >= len(runs))]
    return [run for place, run in zip(places, result, strict=True) if place not in removed]


def _replace_parts(text: str, parts: list[SectionPart]) -> str:
    if count_units(text) == len(text):
        return "".join(_iter_pieces(text, parts))
    units = [(2 * part.skipped, encode_units(part.inserted), encode_units(part.deleted)) for part in parts]
    return decode_units(b"".join(_iter_pieces(encode_units(text), units)))


def _iter_pieces(old: Any, parts: Iterable[tuple[int, Any, Any]]) -> Iterator[Any]:
    """Yield the pieces of the new text; they are str or bytes, as the arguments are."""
    at = 0
    for skipped, inserted, deleted in parts:
        place = at + skipped
        if place > len(old) or not old.startswith(deleted, place):
            raise make_history_error("an update deletes text that does not exist")
        yield old[at:place]
        yield inserted
        at = place + len(deleted)
    yield old[at:]


# ---- building


def build_difference(old: RawSection, new: StyledLine) -> Value:
    """Return the update that changes the line of a section into another."""
    text = get_section_text(old)
    start, stop = _measure_common_ends(text, new.text)
    part: Value = {
        "from": count_units(text[:start]),
        "insert": new.text[start : len(new.text) - stop],
        "delete": text[start : len(text) - stop],
    }
    before = get_runs(old)
    metas = {key: _build_deltas(before.get(key, []), new.runs.get(key, ())) for key in {**before, **new.runs}}
    pairs: list[tuple[Value, Value]] = [(key, each) for key, each in metas.items() if each]
    parts: list[Value] = [part] if text != new.text else []
    fields: dict[str, Value] = {"parts": parts, "metas": JsMap(tuple(pairs)), "source": 0}
    return Wrapped(_SECTION_DIFFERENCE, Wrapped(_TEXT_DIFFERENCE, fields))


def _build_deltas(old: list[StyledRun], new: tuple[StyledRun, ...]) -> list[Value]:
    """Return the numbers to add to the runs; a run that is removed loses its length."""
    entries: list[Value] = []
    for index in range(max(len(old), len(new))):
        was = old[index] if index < len(old) else StyledRun(0, 0, 0)
        now = new[index] if index < len(new) else was._replace(length=min(0, was.length))
        if was != now:
            position, data, length = (b - a for a, b in zip(was, now, strict=True))
            entries.append({"index": index, "position": position, "data": data, "length": length})
    return entries


def _measure_common_ends(one: str, other: str) -> tuple[int, int]:
    """Return how many characters two texts share at the beginning, and of the rest at the end."""
    maximum = min(len(one), len(other))
    start = _find_longest(maximum, lambda size: one.startswith(other[:size]))
    stop = _find_longest(maximum - start, lambda size: one.endswith(other[len(other) - size :]))
    return start, stop


def _find_longest(maximum: int, fits: Callable[[int], bool]) -> int:
    """Return the largest size that fits, if every smaller size fits as well."""
    fitting, failing = 0, maximum + 1
    while failing - fitting > 1:
        size = (fitting + failing) // 2
        fitting, failing = (size, failing) if fits(size) else (fitting, size)
    return fitting
