"""What a vault tells of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Report", "Run", "Summary"]


@dataclass(frozen=True, slots=True)
class Run:
    """One backup."""

    id: int
    "Counts from 1."
    started: float
    "Seconds since 1970."
    finished: float | None
    "When all of it was in the vault, and had been verified; None if it did not come so far."
    aside: bool = False
    "Made before a restore, to go back to: what it saw is had by its number only."


@dataclass(frozen=True, slots=True)
class Summary:
    """What a backup found, compared with the complete one before it."""

    run: int
    new: int
    changed: int
    "Also what only was sealed anew, or has another change index."
    unchanged: int
    gone: int
    "No longer in the account; still in the vault."
    failed: int
    "Of all these, what did not open. It is kept sealed, and so is what it was when it opened."
    written: int
    "Versions that the vault did not have when this run began."
    unread: Mapping[str, str] = field(default_factory=dict[str, str])
    "Types that could not be listed, and why. What the vault has of them stays as it is."

    @property
    def listed(self) -> int:
        """How many objects the account has."""
        return self.new + self.changed + self.unchanged


@dataclass(frozen=True, slots=True)
class Report:
    """What reading a whole vault back found."""

    objects: int
    versions: int
    files: int
    problems: tuple[str, ...] = ()
    "A line each: what is missing, or is not what was backed up."

    @property
    def ok(self) -> bool:
        """Is everything there, and as it was written?"""
        return not self.problems
