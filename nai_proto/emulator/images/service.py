"""``POST /ai/generate-image``, and the same as a stream.

See:
    docs/protocol/image.md#21-post-aigenerate-image
    docs/protocol/image.md#7-streaming
    docs/protocol/image.md#12-notes-for-an-emulator
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from ...exchange.reply import Handler, Start, Wait, Write
from ...http import Head, Headers
from ...image.generations import Generation
from ...image.price import Price
from ..answers import OPEN, Refused, computed
from ..asked import Asked, Handle
from ..chance import Chance
from ..lock import Lock
from ..switches import Switches
from .answering import Picture, answer_pictures
from .bodies import read_body
from .brought import brought
from .checks import Task, price, understood
from .drawing import luck
from .paying import afford, allowance, pay
from .sketch import Sketch
from .streaming import frame_count, framing_of, refusal, sigmas

__all__ = ["ImageService"]

_MOST_DRAWN: Final = 2**32 - 8
_MOST_NUMBERED: Final = 10_000_000


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
        return {
            "generate_image": lambda asked: self._asked(asked, self._whole),
            "generate_image_stream": lambda asked: self._asked(asked, self._streamed),
        }

    def _asked(self, asked: Asked, answered: Callable[[Asked, Task, Price], Handler]) -> Handler:
        """A request is answered under the lock, if it can be done and can be paid."""
        body = read_body(asked)
        images = brought(body, asked.owner.images, self._switches.image_cache)

        def locked() -> Handler:
            task = understood(body, images, self._seed())
            cost = price(task, allowance(asked.owner))
            afford(asked.owner, cost)
            yield from answered(asked, task, cost)

        yield from self._lock.held(asked.owner, locked)

    def _whole(self, asked: Asked, task: Task, cost: Price) -> Handler:
        """All pictures at once."""
        yield from self._waited(task.wish.steps * task.wish.n_samples)
        pictures: list[Picture] = []
        for sample in range(task.wish.n_samples):
            sketch = yield from computed(partial(Sketch.of, task, sample))
            pictures.append((yield from computed(sketch.finished)))
        self._pay(asked, task, cost)
        yield from answer_pictures(asked, pictures, self._switches.drawn)

    def _streamed(self, asked: Asked, task: Task, cost: Price) -> Handler:
        """Sample by sample; it is paid before the last picture is sent."""
        framing = framing_of(task)
        fields = [("Content-Type", framing.content_type), ("Cache-Control", "no-cache"), OPEN]
        yield Start(Head(asked.row.status, Headers(fields)))
        steps = sigmas(frame_count(task) - 1)
        number = int(luck(task, 0).fork("number").uniform() * _MOST_NUMBERED)
        for sample in range(task.wish.n_samples):
            told = {"samp_ix": sample, "gen_id": number}
            sketch = yield from computed(partial(Sketch.of, task, sample, len(steps)))
            for step, (sigma, preview) in enumerate(zip(steps, sketch.previews, strict=True)):
                yield from self._waited()
                said = {**told, "step_ix": step, "sigma": sigma, "image": preview}
                yield Write(framing.written({"event_type": "intermediate", **said}))
            yield from self._waited()
            picture = yield from computed(sketch.finished)
            if sample == task.wish.n_samples - 1:
                try:
                    self._pay(asked, task, cost)
                except Refused as refused:  # by then it has paid for something else
                    yield Write(framing.written(refusal(refused, sample)))
                    return
            yield Write(framing.written({"event_type": "final", **told, "image": picture.data}))

    def _waited(self, steps: int = 1) -> Handler:
        """The time for so many steps."""
        if self._pace:
            yield Wait(self._pace * steps)

    def _pay(self, asked: Asked, task: Task, cost: Price) -> None:
        pay(asked.owner, cost, v5=task.model.generation is Generation.V5)

    def _seed(self) -> int:
        """One for whoever says none, that leaves room for seven more."""
        return int(self._chance.uniform() * _MOST_DRAWN)
