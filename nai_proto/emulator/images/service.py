"""``POST /ai/generate-image``, and the same as a stream (image §2.1, §7, §12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ...exchange.reply import Handler, Wait
from ...image.generations import Generation
from ..answers import Steps, computed
from ..asked import Asked, Handle
from ..chance import Chance
from ..lock import Lock
from ..switches import Switches
from .answering import Picture, answer_pictures
from .bodies import read_body
from .brought import brought
from .checks import Task, price, understood
from .describing import png
from .drawing import drawn, luck, transparent
from .paying import afford, allowance, pay

__all__ = ["ImageService"]

_MOST_DRAWN: Final = 2**32 - 8


class ImageService:
    """Draws pictures.

    Args:
        seed: of the seeds that requests leave out.
        pace: seconds per step.
        lock: under which it draws.
        switches: how it answers.
    """

    def __init__(self, seed: str, pace: float, lock: Lock, switches: Switches) -> None:
        self._chance = Chance(seed).fork("seeds")
        self._pace = pace
        self._lock = lock
        self._switches = switches

    def handlers(self) -> Mapping[str, Handle]:
        """By the names of the endpoint table."""
        return {"generate_image": self.generate}

    def generate(self, asked: Asked) -> Handler:
        """All pictures at once."""
        body = read_body(asked)
        images = brought(body, asked.owner.images, self._switches.image_cache)
        yield from self._lock.held(asked.owner, lambda: self._whole(asked, understood(body, images, self._seed())))

    def _whole(self, asked: Asked, task: Task) -> Handler:
        cost = price(task, allowance(asked.owner))
        afford(asked.owner, cost)
        if self._pace:
            yield Wait(self._pace * task.wish.steps * task.wish.n_samples)
        pictures: list[Picture] = []
        for sample in range(task.wish.n_samples):
            pictures.append((yield from self._drawn(task, sample)))
        pay(asked.owner, cost, v5=task.model.generation is Generation.V5)
        yield from answer_pictures(asked, pictures, self._switches.drawn)

    def _drawn(self, task: Task, sample: int) -> Steps[Picture]:
        def draw() -> bytes:
            chance = luck(task, sample)
            picture = drawn(task, chance)
            return png(task, sample, picture, chance, clear=transparent(task))

        return Picture((yield from computed(draw)), "png", task.wish.seed + sample)

    def _seed(self) -> int:
        """One for whoever says none, that leaves room for seven more."""
        return int(self._chance.uniform() * _MOST_DRAWN)
