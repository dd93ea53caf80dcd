"""Find what a person means by a name: an id, a title, or the beginning of one that nothing else has.

Four ways in which a name fits are tried, the strictest one first, and the first that anything fits decides:

===  ================================================================
1.   it is an id
2.   it is the title
3.   it is the title, apart from case and from how Unicode writes it
4.   it is an id without the dashes at its beginning
5.   the title or an id begins with it
===  ================================================================

So the whole title or the whole id always finds its owner, even if it is the beginning of another one. Some ids begin with a
dash, and a command line takes such a word for an option; without the dash it is none.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any, Final, Generic, TypeVar

from ..arguments import TEXT
from ..errors import AmbiguousNameError, UnknownNameError

__all__ = ["Candidate", "describe_change", "find_candidate"]

T = TypeVar("T")

_SHOWN_CANDIDATES: Final = 5
"""How many candidates an error message lists."""


@dataclass(frozen=True, slots=True)
class Candidate(Generic[T]):
    """Something that can be found, and its names."""

    value: T
    title: str
    ids: tuple[str, ...]
    "Each finds it; messages show the first one."
    detail: str = ""
    "What tells it apart from others with its title, such as when it was changed."

    def __str__(self) -> str:
        return f"{self.title!r} ({self._id})"  # one line, whatever the title has

    def describe(self) -> str:
        """Return its title, id and detail."""
        return f"{self.title!r} ({', '.join(filter(None, (self._id, self.detail)))})"

    @property
    def _id(self) -> str:
        return self.ids[0] if self.ids else "without id"


def describe_change(seconds: float | None) -> str:
    """Return when something was changed, as a detail of a candidate; empty if that is not known.

    Args:
        seconds: since 1970.
    """
    try:
        return "" if seconds is None else f"changed {datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
    except (OverflowError, OSError, ValueError):  # not a year from 1 to 9999
        return ""


def find_candidate(candidates: Iterable[Candidate[T]], name: str, *, kind: str = "story", kinds: str = "stories") -> T:
    """Return the value of the candidate that a name means.

    Args:
        candidates: in the order in which messages list them; it does not change what is found.
        name: what a person types. Blanks around it are ignored.
        kind, kinds: what the candidates are, for messages.

    Raises:
        UnknownNameError: no candidate fits; the message lists those that resemble the name, else the first ones as advice.
        AmbiguousNameError: several fit in the same way; the message lists them.
    """
    TEXT.check(name, "name")
    listed, wanted = [*candidates], name.strip()
    for fits in _WAYS_TO_FIT if wanted else ():
        fitting = [each for each in listed if fits(each, wanted)]
        if len(fitting) == 1:
            return fitting[0].value
        if fitting:
            raise AmbiguousNameError(
                f"{len(fitting)} {kinds} fit {name!r}: {_join(fitting, with_details=True)}; give one of the ids",
                parameter="name",
            )
    problem = f"no {kind} has the title or id {name!r}"
    if not listed:
        raise UnknownNameError(f"{problem}: there are no {kinds}", parameter="name")
    if similar := _find_similar(listed, name):
        raise UnknownNameError(f"{problem}; similar: {_join(similar)}", parameter="name")
    raise UnknownNameError(problem, parameter="name", advice=f"there are {_join(listed)}")


def _fold(text: str) -> str:
    """Return the text in a form that is the same for titles that people write alike."""
    return unicodedata.normalize("NFKC", text).casefold().strip()


def _strip_dashes(id_: str) -> str:
    """Return an id without the dashes at its beginning, unless it has nothing else."""
    return id_.lstrip("-") or id_


_WAYS_TO_FIT: Final[tuple[Callable[[Candidate[Any], str], bool], ...]] = (
    lambda each, name: name in each.ids,
    lambda each, name: each.title.strip() == name,
    lambda each, name: _fold(each.title) == _fold(name),
    lambda each, name: _strip_dashes(name) in map(_strip_dashes, each.ids),
    lambda each, name: (
        _fold(each.title).startswith(_fold(name))
        or any(id_.startswith(name) or _strip_dashes(id_).startswith(_strip_dashes(name)) for id_ in each.ids)
    ),
)


def _find_similar(candidates: Sequence[Candidate[Any]], name: str) -> list[Candidate[Any]]:
    """Return the candidates whose titles resemble the name."""
    folded = [_fold(each.title) for each in candidates]
    close = {*get_close_matches(_fold(name), folded, _SHOWN_CANDIDATES)}
    return [
        each
        for each, title in zip(candidates, folded, strict=True)
        if title in close or (name and _fold(name) in title)
    ]


def _join(candidates: Sequence[Candidate[Any]], *, with_details: bool = False) -> str:
    left = len(candidates) - _SHOWN_CANDIDATES
    shown = (each.describe() if with_details else str(each) for each in candidates[:_SHOWN_CANDIDATES])
    return ", ".join(shown) + (f" and {left} more" if left > 0 else "")
