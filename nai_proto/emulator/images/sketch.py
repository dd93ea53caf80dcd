"""One sample of a request, from the first line to the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from ...codecs.pixels import Pixels
from ..chance import Chance
from .answering import Picture
from .checks import Task
from .describing import written
from .drawing import drawn, luck, previews, transparent

__all__ = ["Sketch"]


@dataclass(frozen=True, slots=True)
class Sketch:
    """A picture that is no file yet. Both of its steps are work for a `Compute`."""

    task: Task
    sample: int
    "Which of several it is."
    pixels: Pixels
    chance: Chance
    previews: Sequence[bytes] = field(repr=False)
    "How it came out of noise: JPEGs."

    @classmethod
    def of(cls, task: Task, sample: int, steps: int = 0) -> Self:
        """The sample of a request, with so many previews."""
        chance = luck(task, sample)
        pixels = drawn(task, chance)
        return cls(task, sample, pixels, chance, previews(pixels, chance, steps))

    def finished(self) -> Picture:
        """The picture as a file, in the format that is asked for."""
        task = self.task
        data = written(task, self.sample, self.pixels, self.chance, clear=transparent(task))
        return Picture(data, task.wish.image_format, task.wish.seed + self.sample)
