"""Image generation: from a prompt, and from other images.

See docs/protocol/image.md#21-post-aigenerate-image.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Generic, Literal, Never, TypeVar

from ..arguments import TEXT, takes
from ..codecs.json import encode_json
from ..errors import InvalidRequestError
from ..exchange.call import ReaderFactory
from ..exchange.endpoints import EndpointParameters, build, endpoint
from ..exchange.operation import Operation
from ..http import Headers, Request
from .image_files import IMAGE_TYPES, Image, ImagesReaderFactory
from .image_stream import FrameReaderFactory, ImageEvent, ImageEventReaderFactory, RequestedImages
from .request import ImageRequest, build_image_request

if TYPE_CHECKING:
    from typing import Unpack

    from .options import ImageOptions

__all__ = ["ImageOperation", "build_operation", "generate", "generate_stream"]

_JSON: Final = "application/json"
_EVENTS: Final = "text/event-stream"

E_co = TypeVar("E_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True)
class ImageOperation(Operation[E_co, R_co], Generic[E_co, R_co]):
    """An operation that knows the seed of its first image."""

    seed: int = 0
    "Seed of the first image; each further image has one more."


@takes()
def generate(prompt: str, **options: Unpack[ImageOptions]) -> ImageOperation[Never, tuple[Image, ...]]:
    """Generate images of what a prompt says: from nothing, from ``image``, or within ``image`` where ``mask`` is white.

    See docs/protocol/image.md#3-request-body.

    Args:
        prompt: what is wanted. Ready-made tags for quality are put into it, unless ``quality`` is ``"none"``.
        options: keyword arguments such as ``model``, ``size``, ``steps``, ``seed`` and ``characters``. `ImageOptions` lists
            them all, with meaning and range: ``help(nai.image.ImageOptions)``. With ``mask`` the request goes to the
            model's `ImageModel.inpainting`. Without ``seed`` one is drawn: the operation has it, and so has each image.

    Raises:
        InvalidRequestError: something is not for this model or does not go together, or a fact of an unlisted model is
            needed and not known.
    """
    return build_operation(build_image_request(prompt, **options))


@takes(framing=TEXT)
def generate_stream(
    prompt: str, *, framing: Literal["msgpack", "sse"] = "msgpack", **options: Unpack[ImageOptions]
) -> ImageOperation[ImageEvent, tuple[Image, ...]]:
    """Generate images as `generate` does, with previews: events are `PreviewStep`s and, for each sample, its `Image`.

    An answer that is no stream, where one was asked for, gives no events but the result.

    See:
        docs/protocol/image.md#7-streaming
        docs/protocol/image.md#22-post-aigenerate-image-stream

    Args:
        prompt: what is wanted.
        framing: the form in which events come, ``"msgpack"`` or ``"sse"``; the events are the same.
        options: as for `generate`: ``help(nai.image.ImageOptions)`` lists them.

    Raises:
        InvalidRequestError: as `generate`, or the model does not stream: V4 and later do.
    """
    request = build_image_request(prompt, **options)
    if options.get("validate") is not False:
        if not request.model.family.streaming:
            raise InvalidRequestError(f"{request.model.id} does not stream: V4 and later do", parameter="model")
        if framing not in ("msgpack", "sse"):
            raise InvalidRequestError(f"framing is msgpack or sse, not {framing!r}", parameter="framing")
    samples = request.parameters.get("n_samples")
    request = replace(request, parameters={**request.parameters, "stream": framing})
    expected = RequestedImages(request.seed, samples if isinstance(samples, int) else 1)
    http_request = _build_request("generate_image_stream", request, "*/*", None)
    types = ("application/msgpack", "application/x-msgpack", *(each for each in IMAGE_TYPES if each != _JSON))
    frames = tuple((each, FrameReaderFactory(expected)) for each in types)
    readers: tuple[tuple[str, ReaderFactory[ImageEvent, tuple[Image, ...]]], ...]
    readers = ((_EVENTS, ImageEventReaderFactory(expected)), *frames, (_JSON, ImagesReaderFactory(request.seed)))
    return ImageOperation(http_request, readers, seed=request.seed)


def build_operation(
    request: ImageRequest, form: tuple[str, bytes] | None = None
) -> ImageOperation[Never, tuple[Image, ...]]:
    """Return the operation of a request: as JSON, or as the form that `encode_form` made of it."""
    http_request = _build_request("generate_image", request, "*/*", form)
    return ImageOperation(http_request, _image_readers(request), seed=request.seed)


def _build_request(name: str, request: ImageRequest, accept: str, form: tuple[str, bytes] | None) -> Request:
    content_type, body = form or (_JSON, encode_json(request.body))
    return build(endpoint(name), EndpointParameters(body=body), Headers.of(content_type=content_type, accept=accept))


def _image_readers(request: ImageRequest) -> tuple[tuple[str, ImagesReaderFactory], ...]:
    reader = ImagesReaderFactory(request.seed)
    return tuple((each, reader) for each in IMAGE_TYPES)
