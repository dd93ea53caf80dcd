"""What a picture of the emulator says of itself, as the service writes it, signed with the test key.

See docs/protocol/image.md#8-files-and-metadata.
"""

from __future__ import annotations

from typing import Final

from ...codecs.picture import Metadata, write_picture
from ...codecs.pixels import Pixels
from ...image.generations import Generation
from ..chance import Chance
from .checks import Task
from .comment import comment, source_name

__all__ = ["described", "written"]

_SECONDS: Final = 0.1
"""For a step, about."""


def written(task: Task, sample: int, picture: Pixels, chance: Chance, *, clear: bool) -> bytes:
    """A picture as a file of the service, in the format that is asked for.

    Args:
        task: that it was drawn for.
        sample: which of several it is.
        picture: as drawn.
        chance: how long it took is up to that.
        clear: keep its alpha.
    """
    rule = task.model.generation is Generation.V5  # which signs alpha as well (docs/protocol/image.md#84-signature)
    said = described(task, sample, chance).signed(picture, alpha=rule)
    return write_picture(picture, said, transparent=clear, image_format=task.wish.image_format)


def described(task: Task, sample: int, chance: Chance) -> Metadata:
    """What it says, but for the signature. NUL, which no PNG can hold, is left out of the prompt."""
    seconds = task.wish.steps * _SECONDS * (0.8 + 0.4 * chance.fork("seconds").uniform())
    return Metadata.of(
        comment(task, sample),
        description=task.prompt.replace("\0", ""),
        source=" ".join(source_name(task.model)),
        seconds=seconds,
    )
