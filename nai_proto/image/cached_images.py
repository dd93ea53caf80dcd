"""Image requests as multipart forms, and the service's cache of images.

In a form each image is a part of its own instead of base64 in JSON: a quarter less to send. With a secret of the caller's
each image gets a key as well, under which the service may remember it: then the key alone is enough.

See docs/protocol/image.md#31-transport.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from ..arguments import BYTES, TEXT, ArgumentType, list_of, takes
from ..codecs.json import encode_json
from ..codecs.multipart import FormPart
from ..codecs.multipart import encode as encode_multipart
from ..errors import InvalidRequestError, RejectedRequestError
from ..exchange.actions import Steps
from ..exchange.flow import Flow, flow
from .argument_types import OPTION_TYPES
from .generation import build_operation
from .image_files import Image
from .request import ImageRequest, build_image_request

if TYPE_CHECKING:
    from typing import Never, Unpack

    from .options import ImageOptions

__all__ = ["cache_key", "encode_form", "find_missed_keys", "generate_cached"]

_SINGLE: Final = ("image", "mask")
_LISTS: Final = {
    "reference_image_multiple": ("ref_multiple_", "reference_image_multiple_cached"),
    "director_reference_images": ("director_ref_", "director_reference_images_cached"),
}
SECRET: Final = 32


@takes(secret=BYTES, image=BYTES)
def cache_key(secret: bytes, image: bytes) -> str:
    """Return the key under which the service remembers an image for a secret.

    Args:
        secret: 32 bytes of the caller's.
        image: bytes of the image file.
    """
    import hmac  # loads OpenSSL

    return hmac.new(secret, b64encode(image), "sha256").hexdigest()


@takes(
    request=ArgumentType("an ImageRequest, as image_request makes it", ImageRequest),
    secret=BYTES | None,
    known=list_of(TEXT),
)
def encode_form(
    request: ImageRequest, *, secret: bytes | None = None, known: Collection[str] = ()
) -> tuple[str, bytes]:
    """Encode a request as a form; return its content type and its body.

    Args:
        request: as `build_image_request` makes it.
        secret: 32 bytes of the caller's; None sends no keys.
        known: keys of images that need not be sent, since the service remembers them.

    Raises:
        InvalidRequestError: an image of this request has no part in forms, or the secret has not 32 bytes.
    """
    if secret is not None and len(secret) != SECRET:
        raise _secret_error(secret)
    parameters = dict(request.parameters)
    parts: list[FormPart] = []

    def add_part(image: bytes, name: str) -> tuple[str | None, str | None]:
        """Add a part for the image; return its key and the name of the part, None where there is none."""
        key = None if secret is None else cache_key(secret, image)
        if key is not None and key in known:
            return key, None
        parts.append(FormPart(name, image, "image/png"))
        return key, name

    for name in _SINGLE:
        if isinstance(image := parameters.pop(name, None), bytes):
            key, part = add_part(image, name)
            parameters |= {} if part is None else {name: part}
            parameters |= {} if key is None else {f"{name}_cache_secret_key": key}
    for name, (prefix, cached) in _LISTS.items():
        if name in parameters:
            images = cast("Sequence[bytes]", parameters.pop(name))
            pairs = [add_part(image, f"{prefix}{at}") for at, image in enumerate(images)]
            if secret is None:
                parameters[name] = [part for _, part in pairs]
            else:
                parameters[cached] = [
                    {"cache_secret_key": key} if part is None else {"cache_secret_key": key, "data": part}
                    for key, part in pairs
                ]
    if any(isinstance(value, bytes) for value in parameters.values()):
        raise InvalidRequestError(
            "an image of this request has no part in a form: send it as JSON, with generate", parameter="request"
        )
    body = {**request.body, "parameters": parameters}
    return encode_multipart([*parts, FormPart("request", encode_json(body), "application/json")])


def _secret_error(secret: bytes) -> InvalidRequestError:
    problem = f"secret: the secret of the image cache has {SECRET} bytes, not {len(secret)}"
    return InvalidRequestError(problem, parameter="secret")


def image_keys(request: ImageRequest, secret: bytes) -> frozenset[str]:
    """Return the keys of all images of a request."""
    singles = [request.parameters[name] for name in _SINGLE if name in request.parameters]
    lists = [image for name in _LISTS for image in cast("Sequence[object]", request.parameters.get(name, ()))]
    return frozenset(cache_key(secret, image) for image in (*singles, *lists) if isinstance(image, bytes))


@takes(prompt=TEXT, secret=BYTES, **OPTION_TYPES)
def generate_cached(prompt: str, secret: bytes, **options: Unpack[ImageOptions]) -> Flow[Never, tuple[Image, ...]]:
    """Generate images as `generate` does, but send source images only if the service does not remember them.

    Their keys alone are tried first.

    Worth it where the same images are sent again and again. A request without images is sent once, as a form.

    Args:
        prompt: what is wanted.
        secret: 32 random bytes, the same ones for as long as images are to be recognised. They show which images were
            sent, so keep them secret.
        options: as for `generate`: ``help(nai.image.ImageOptions)`` lists them.

    Raises:
        InvalidRequestError: as `generate`, or the secret has not 32 bytes.
    """
    if len(secret) != SECRET:
        raise _secret_error(secret)
    return _generate_cached(build_image_request(prompt, **options), secret)


@flow
def _generate_cached(request: ImageRequest, secret: bytes) -> Steps[Never, tuple[Image, ...]]:
    known = image_keys(request, secret)
    try:
        return (yield from build_operation(request, encode_form(request, secret=secret, known=known)))
    except RejectedRequestError as error:
        missed = find_missed_keys(error)
        if missed is None or not known:
            raise
    known = known - missed if missed & known else frozenset[str]()
    return (yield from build_operation(request, encode_form(request, secret=secret, known=known)))


_REFUSAL: Final = msgspec.json.Decoder(dict[str, Any])


def find_missed_keys(error: RejectedRequestError) -> frozenset[str] | None:
    """Return the keys that the service does not know, perhaps none by name; None if the error is about something else."""
    if b"INVALID_CACHE_KEYS" not in error.body:
        return None
    try:
        details = _REFUSAL.decode(error.body).get("details")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return frozenset()
    named = cast("Mapping[str, object]", details).get("invalidKeys") if isinstance(details, dict) else None
    listed = cast("list[object]", named) if isinstance(named, list) else []
    return frozenset(each for each in listed if isinstance(each, str))
