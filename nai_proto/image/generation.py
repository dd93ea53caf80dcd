"""Images from words, and from other images (image §2.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Never, TypeVar

from ..codecs.json import encode
from ..exchange.endpoints import Parameters, build, endpoint
from ..exchange.operation import Operation
from ..http import Headers, Request
from .answers import IMAGE_TYPES, Image, Pictures
from .request import ImageRequest, image_request

if TYPE_CHECKING:
    from typing import Unpack

    from .parameters import Options

__all__ = ["Drawing", "drawing", "generate"]

E_co = TypeVar("E_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Drawing(Operation[E_co, R_co], Generic[E_co, R_co]):
    """An operation that knows the seed of its first image; each further one has one more."""

    seed: int = 0


def generate(prompt: str, **options: Unpack[Options]) -> Drawing[Never, tuple[Image, ...]]:
    """Draw what ``prompt`` says: from nothing, or from ``image``, or within it where ``mask`` is white (image §3).

    Args:
        prompt: what is wanted. Ready-made tags for quality are put into it, unless ``quality`` is ``"none"``.
        options: `Options`. With ``mask`` the request goes to the model's `ImageModel.inpainting`. Without ``seed`` one is
            drawn from ``entropy``: the operation has it, and so has each image.

    Raises:
        LocalProtocolError: something is not for this model or does not go together, or a fact of an unlisted model is
            needed and not known.
    """
    return drawing(image_request(prompt, **options))


def drawing(request: ImageRequest, form: tuple[str, bytes] | None = None) -> Drawing[Never, tuple[Image, ...]]:
    """The operation of a request: as JSON, or as the form that was made of it (`caching`)."""
    asked = _asked("generate_image", request, "*/*", form)
    return Drawing(asked, _whole(request), seed=request.seed)


def _asked(name: str, request: ImageRequest, accept: str, form: tuple[str, bytes] | None) -> Request:
    content_type, body = form or ("application/json", encode(request.body))
    return build(endpoint(name), Parameters(body=body), Headers.of(content_type=content_type, accept=accept))


def _whole(request: ImageRequest) -> tuple[tuple[str, Pictures], ...]:
    reader = Pictures(request.seed)
    return tuple((each, reader) for each in IMAGE_TYPES)
