"""What `ControlNet` is guided by. No source tells what it costs: nothing.

See docs/protocol/image.md#27-post-aiannotate-image-controlnet-conditions-v1v2.
"""

from __future__ import annotations

from typing import cast

from ...codecs.pixels import write_png
from ...exchange.reply import Handler
from ...image.tools import Annotator
from ..answers import computed
from ..asked import Asked
from .answering import Picture, answer_archive
from .bodies import invalid, read_body
from .effects import ANNOTATIONS
from .opening import Source, opened, source_of
from .retouching import grey

__all__ = ["annotate"]


def annotate(asked: Asked) -> Handler:
    """``POST /ai/annotate-image``."""
    body = read_body(asked)
    annotator = _annotator(body.document.get("model"))
    parameters = body.document.get("parameters")
    if not isinstance(parameters, dict):
        raise invalid("parameters are no object")
    source = source_of(body, cast("dict[str, object]", parameters).get("image"), "image")
    pictures = yield from computed(lambda: _annotated(annotator, source))
    yield from answer_archive(pictures)


def _annotator(named: object) -> Annotator:
    try:
        return Annotator(str(named))
    except ValueError:
        pass
    raise invalid(f"model is one of {', '.join(Annotator)}")


def _annotated(annotator: Annotator, source: Source) -> list[Picture]:
    return [Picture(write_png(pixels)) for pixels in ANNOTATIONS[annotator](grey(opened(source)))]
