"""Images from words, and from other images.

See docs/protocol/image.md#21-post-aigenerate-image.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Generic, Literal, Never, TypeVar

from ..arguments import TEXT, takes
from ..codecs.json import encode
from ..errors import InvalidRequestError
from ..exchange.call import ReaderFactory
from ..exchange.endpoints import EndpointParameters, build, endpoint
from ..exchange.operation import Operation
from ..http import Headers, Request
from .answers import IMAGE_TYPES, Image, Pictures
from .request import ImageRequest, image_request
from .stream import Asked, Drawn, Events, Frames

if TYPE_CHECKING:
    from typing import Unpack

    from .parameters import Options

__all__ = ["Drawing", "drawing", "generate", "generate_stream"]

_JSON: Final = "application/json"
_EVENTS: Final = "text/event-stream"

E_co = TypeVar("E_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Drawing(Operation[E_co, R_co], Generic[E_co, R_co]):
    """An operation that knows the seed of its first image; each further one has one more."""

    seed: int = 0


def generate(prompt: str, **options: Unpack[Options]) -> Drawing[Never, tuple[Image, ...]]:
    """Draw what ``prompt`` says: from nothing, or from ``image``, or within it where ``mask`` is white.

    See docs/protocol/image.md#3-request-body.

    Args:
        prompt: what is wanted. Ready-made tags for quality are put into it, unless ``quality`` is ``"none"``.
        options: `Options`. With ``mask`` the request goes to the model's `ImageModel.inpainting`. Without ``seed`` one is
            drawn from ``entropy``: the operation has it, and so has each image.

    Raises:
        InvalidRequestError: something is not for this model or does not go together, or a fact of an unlisted model is
            needed and not known.
    """
    return drawing(image_request(prompt, **options))


@takes(framing=TEXT)
def generate_stream(
    prompt: str, *, framing: Literal["msgpack", "sse"] = "msgpack", **options: Unpack[Options]
) -> Drawing[Drawn, tuple[Image, ...]]:
    """As `generate`, and see how the images come to be: events are `Step`s and, for each sample, its `Image`.

    An answer that is no stream, where one was asked for, gives no events but the result.

    See:
        docs/protocol/image.md#7-streaming
        docs/protocol/image.md#22-post-aigenerate-image-stream

    Args:
        prompt: what is wanted.
        framing: in which form the events come; they are the same in both.
        options: as for `generate`.

    Raises:
        InvalidRequestError: as `generate`, or the model does not stream: V4 and later do.
    """
    request = image_request(prompt, **options)
    if options.get("validate") is not False:
        if not request.model.family.streaming:
            raise InvalidRequestError(f"{request.model.id} does not stream: V4 and later do", parameter="model")
        if framing not in ("msgpack", "sse"):
            raise InvalidRequestError(f"framing is msgpack or sse, not {framing!r}", parameter="framing")
    samples = request.parameters.get("n_samples")
    request = replace(request, parameters={**request.parameters, "stream": framing})
    expected = Asked(request.seed, samples if isinstance(samples, int) else 1)
    asked = _asked("generate_image_stream", request, "*/*", None)
    types = ("application/msgpack", "application/x-msgpack", *(each for each in IMAGE_TYPES if each != _JSON))
    frames = tuple((each, Frames(expected)) for each in types)
    readers: tuple[tuple[str, ReaderFactory[Drawn, tuple[Image, ...]]], ...]
    readers = ((_EVENTS, Events(expected)), *frames, (_JSON, Pictures(request.seed)))
    return Drawing(asked, readers, seed=request.seed)


def drawing(request: ImageRequest, form: tuple[str, bytes] | None = None) -> Drawing[Never, tuple[Image, ...]]:
    """The operation of a request: as JSON, or as the form that was made of it (`caching`)."""
    asked = _asked("generate_image", request, "*/*", form)
    return Drawing(asked, _whole(request), seed=request.seed)


def _asked(name: str, request: ImageRequest, accept: str, form: tuple[str, bytes] | None) -> Request:
    content_type, body = form or (_JSON, encode(request.body))
    return build(endpoint(name), EndpointParameters(body=body), Headers.of(content_type=content_type, accept=accept))


def _whole(request: ImageRequest) -> tuple[tuple[str, Pictures], ...]:
    reader = Pictures(request.seed)
    return tuple((each, reader) for each in IMAGE_TYPES)
