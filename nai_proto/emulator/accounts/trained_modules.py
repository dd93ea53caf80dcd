"""The modules that an account of the emulator trains: what became of each is computed from the clock when it is asked for.

A training waits, runs at a fixed speed and ends: ready, or in an error if there is nothing to learn from. A module that is
ready holds the texts that it was trained on, and that is all the emulator needs to generate with it.

See:
    docs/protocol/native.md#82-modules-training
    docs/protocol/native.md#173-text-voice-modules
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from math import exp, sin
from typing import Final

import msgspec

from ...codecs.module_ids import derive_module_id
from ...codecs.secret_box import from_base64, to_base64
from ...modules import ModuleStatus
from ..errors import Refused
from .journal import Journal, RowKey

__all__ = ["ModuleCollection", "ModuleTraining"]

_WAITING_S: Final = 2.0
"""Seconds that a training is pending."""
_STEPS_PER_LOSS: Final = 10
_LEAST_TEXT: Final = 100
"""Characters; with fewer a training fails."""
_MARK: Final = b"emulated module\n"
"""Begins the data of every module that the emulator has trained; the texts follow."""


class ModuleTraining(msgspec.Struct, frozen=True, dict=True):
    """A training, as it was begun. It is its own row in the stored state."""

    id: str
    name: str
    description: str
    model: str
    steps: int
    lr: float
    data: str
    "The training texts in base64."
    began: float
    "UNIX time in seconds."
    speed: float
    "Steps per second."

    @cached_property
    def texts(self) -> str:
        """Return the texts that it is trained on; an empty text if the data holds none."""
        try:
            return from_base64(self.data, "data").decode()
        except UnicodeDecodeError:
            return ""

    @property
    def failure(self) -> str | None:
        """Return why it ends in an error; None if it will be ready."""
        if len(self.texts) >= _LEAST_TEXT:
            return None
        return f"The data is no text in UTF-8 of {_LEAST_TEXT} characters or more."

    @cached_property
    def prefix(self) -> str:
        """Return the prefix of requests that use the module when it is ready."""
        return derive_module_id(self.model, self._result)

    @cached_property
    def _result(self) -> str:
        return to_base64(_MARK + from_base64(self.data, "data"))

    def _steps_done(self, now: float) -> int:
        """Return the steps that are done; below 0 while it is pending."""
        running = now - self.began - _WAITING_S
        return -1 if running < 0 else min(int(running * self.speed), self.steps)

    def status(self, now: float) -> ModuleStatus:
        """Return how far it is at a time."""
        done = self._steps_done(now)
        if done < 0:
            return ModuleStatus.PENDING
        if self.failure:
            return ModuleStatus.ERROR
        return ModuleStatus.READY if done == self.steps else ModuleStatus.TRAINING

    def is_finished(self, now: float) -> bool:
        """Return whether it has ended."""
        return self.status(now) in (ModuleStatus.READY, ModuleStatus.ERROR)

    def document(self, now: float) -> dict[str, object]:
        """Return the module as the service sends it, with all its keys."""
        status, done = self.status(now), max(self._steps_done(now), 0)
        losses = 0 if status is ModuleStatus.ERROR else done // _STEPS_PER_LOSS
        data = {ModuleStatus.READY: self._result, ModuleStatus.ERROR: self.failure}.get(status, "")
        changed = self.began if status is ModuleStatus.PENDING else self.began + _WAITING_S
        return {
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "model": self.model,
            "steps": self.steps,
            "lr": self.lr,
            "status": status,
            "data": data,
            "lossHistory": [self._loss(_STEPS_PER_LOSS * place) for place in range(1, losses + 1)],
            "lastUpdatedAt": int(changed + (losses * _STEPS_PER_LOSS / self.speed)),
        }

    def _loss(self, step: int) -> float:
        """Return the loss after some steps: it falls, quickly at first, and is never quite steady."""
        return round(1.9 + 1.5 * exp(-4 * step / self.steps) + 0.05 * sin(step + len(self.data)), 4)


class ModuleCollection:
    """The modules of one account, in training or trained, in order of their training.

    Args:
        journal: records every change.
        owner: number of the account.
    """

    def __init__(self, journal: Journal, owner: int) -> None:
        self._journal = journal
        self._owner = owner
        self._items: dict[str, ModuleTraining] = {}

    def __iter__(self) -> Iterator[ModuleTraining]:
        return iter(self._items.values())

    def find(self, id: str) -> ModuleTraining:  # noqa: A002
        """Return the module with this id.

        Raises:
            Refused: 404, there is none.
        """
        if id not in self._items:
            raise Refused(
                404,
                "Module not found",
                reason="the account of this token has trained no module of this id; GET /ai/module/all lists them",
            )
        return self._items[id]

    def add(self, training: ModuleTraining) -> None:
        """Add a training."""
        self._items[training.id] = training
        self._journal.put(self._key(training), lambda: training)

    def delete(self, id: str) -> ModuleTraining:  # noqa: A002
        """Remove a module, and return it.

        Raises:
            Refused: 404, there is none.
        """
        found = self.find(id)
        del self._items[id]
        self._journal.drop(self._key(found))
        return found

    def forget(self) -> None:
        """Remove everything, because the account is removed."""
        for id_ in [*self._items]:
            self.delete(id_)

    def _key(self, training: ModuleTraining) -> RowKey:
        return ("module", str(self._owner), training.id)
