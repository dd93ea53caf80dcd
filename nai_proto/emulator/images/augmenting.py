"""Director tools: one picture in, one out, or three, with a note of what was done to it.

See docs/protocol/image.md#23-post-aiaugment-image-director-tools.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from ...codecs.pixels import write_png
from ...errors import InvalidRequestError
from ...exchange.reply import Handler
from ...image.price import tool_price
from ...image.tools import DirectorTool, Emotion
from ..answers import computed
from ..asked import Asked
from ..lock import Lock
from ..switches import Switches
from .answering import Picture, answer_archive
from .bodies import Body, invalid
from .effects import EFFECTS, WEAKEST, Told
from .opening import Source, opened, received, source_of
from .paying import afford, allowance, pay

__all__ = ["Augmenting"]

_TOLD: Final = frozenset((DirectorTool.COLORIZE, DirectorTool.EMOTION))
_PIXELS_A_SECOND: Final = 250_000
"""About as fast as the one that was seen: 4.0834 s for a picture of one megapixel."""


class Augmenting:
    """``POST /ai/augment-image``.

    See docs/protocol/image.md#12-notes-for-an-emulator.

    Args:
        lock: under which it is done: a guess.
        switches: which status it is answered with.
    """

    def __init__(self, lock: Lock, switches: Switches) -> None:
        self._lock: Final = lock
        self._switches: Final = switches

    def __call__(self, asked: Asked) -> Handler:
        body = received(asked, "image")
        yield from self._lock.held(asked.owner, lambda: self._augmented(asked, body))

    def _augmented(self, asked: Asked, body: Body) -> Handler:
        tool = _tool(body.document.get("req_type"))
        source = source_of(body, body.document.get("image"), "image")
        told = _told(tool, body.document)
        try:
            price = tool_price(tool, source.width, source.height, allowance=allowance(asked.owner))
        except InvalidRequestError as error:
            raise invalid(str(error)) from None
        afford(asked.owner, price)
        pictures = yield from computed(lambda: _done(tool, source, told))
        pay(asked.owner, price)
        yield from answer_archive(pictures, self._switches.drawn, deflated=False)


def _tool(named: object) -> DirectorTool:
    try:
        return DirectorTool(str(named))
    except ValueError:
        pass
    raise invalid(f"req_type is one of {', '.join(DirectorTool)}")


def _told(tool: DirectorTool, document: Mapping[str, object]) -> Told:
    """What the tool is told, where it can be told anything; of an emotion the mood, and nothing that follows it."""
    if tool not in _TOLD:
        return Told()
    prompt, defry = document.get("prompt", ""), document.get("defry", 0)
    if not isinstance(prompt, str):
        raise invalid("prompt is no text")
    weakness = next((each for each in range(WEAKEST + 1) if defry == each and not isinstance(defry, bool)), None)
    if weakness is None:
        raise invalid(f"defry is from 0 to {WEAKEST}")
    if tool is DirectorTool.EMOTION:
        prompt = prompt.partition(";;")[0].strip()
        if prompt not in [*Emotion]:
            raise invalid(f"prompt begins with an emotion and ;;, and there are {', '.join(Emotion)}")
    return Told(prompt, weakness)


def _done(tool: DirectorTool, source: Source, told: Told) -> list[Picture]:
    texts = _texts(tool, source, told)
    return [Picture(write_png(pixels, texts)) for pixels in EFFECTS[tool](opened(source), told)]


def _texts(tool: DirectorTool, source: Source, told: Told) -> dict[str, str]:
    """In the order of docs/protocol/image.md#23-post-aiaugment-image-director-tools."""
    comment: dict[str, object] = {"req_type": tool.value}
    if tool in _TOLD:
        comment |= {"prompt": told.prompt, "defry": told.defry}
    return {
        "Title": "AI augmented image",
        "Software": "NovelAI",
        "Generation time": f"{source.width * source.height / _PIXELS_A_SECOND:.4f}s",
        "Comment": json.dumps(comment),
    }
