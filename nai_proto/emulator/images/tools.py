"""The image tools: director tools, upscale, vibe encoding and annotators.

See:
    docs/protocol/image.md#23-post-aiaugment-image-director-tools
    docs/protocol/image.md#24-post-aiupscale
    docs/protocol/image.md#25-post-aiencode-vibe-v4-v45
    docs/protocol/image.md#27-post-aiannotate-image-controlnet-conditions-v1v2
"""

from __future__ import annotations

import json
import string
from collections.abc import Mapping
from hashlib import sha256, shake_256
from typing import Final, cast

from ...codecs.picture_metadata import Metadata, read_metadata
from ...codecs.pixels import Pixels, write_png
from ...errors import InvalidRequestError, NaiError
from ...exchange.reply import Handler
from ...http import Host
from ...image.models import ImageModel
from ...image.price import encoding_price
from ...image.tools import Annotator, DirectorTool, Emotion
from ..errors import Refused
from ..http.request_context import EndpointHandler, RequestContext
from ..http.responses import compute
from ..http.throttling import GenerationLock
from ..switches import Switches
from .background import flatten
from .billing import account_allowance, charge, check_balance, price_director_tool, price_old_upscale, price_upscale
from .decode import SourceImage, decode_mask, decode_source, find_source
from .effects import ANNOTATIONS, EFFECTS, MAX_DEFRY, ToolOptions
from .pixel_operations import mix, to_grey
from .refusals import find_model
from .request import DecodedBody, read_body, validation_error
from .response import RenderedPicture, replace_by_reply, send_archive, send_file, send_pictures
from .scaling import resize, scale_up

__all__ = ["ToolService"]


class ToolService:
    """Changes images, and derives vibes and ControlNet conditions from them.

    Args:
        lock: The account's generation lock. Only director tools take it, which is a guess.
        switches: Variants of the service's behaviour.
    """

    def __init__(self, lock: GenerationLock, switches: Switches) -> None:
        self._lock: Final = lock
        self._switches: Final = switches

    def handlers(self) -> Mapping[str, EndpointHandler]:
        """Return the handlers by their names in the table of endpoints."""
        return {
            "augment_image": self._augment,
            "upscale": self._upscale,
            "encode_vibe": self._encode_vibe,
            "annotate_image": self._annotate,
        }

    def _augment(self, context: RequestContext) -> Handler:
        """Handle ``POST /ai/augment-image``.

        See docs/protocol/image.md#12-notes-for-an-emulator.
        """
        body = read_body(context, "image")

        def augment() -> Handler:
            tool = _find_director_tool(body.document.get("req_type"))
            source = find_source(body, body.document.get("image"), "image")
            options = _parse_options(tool, body.document)
            price = price_director_tool(
                tool, source.width, source.height, account_allowance(context.owner, context.now)
            )
            check_balance(context.owner, price)
            pictures = yield from compute(lambda: _apply_director_tool(tool, source, options))
            charge(context.owner, price, context.now)
            sent = replace_by_reply(context.use_reply("picture"), pictures)
            ignored = _list_ignored(tool, source, body.document)
            yield from send_archive(sent, self._switches.image_status, ignored, deflated=False)

        yield from self._lock.hold(context.owner, augment)

    def _upscale(self, context: RequestContext) -> Handler:
        """Handle ``POST /ai/upscale``, and the request of older clients for it to the old host."""
        body = read_body(context, "image")
        document = body.document
        is_old = self._switches.old_routes and Host.IMAGE not in context.host_profile.roles and "model" not in document
        softness = 0.0 if is_old else _SOFTNESS[_find_upscale_model(document.get("model"))]
        source = find_source(body, document.get("image"), "image")
        if is_old:
            times, blur = _parse_scale(document), 0.0
            price = price_old_upscale(source.width, source.height, context.owner)
        else:
            times, blur = 2, _parse_number(document, "declared_blur_sigma", 0.0)
            price = price_upscale(source.width, source.height)
        check_balance(context.owner, price)
        picture = yield from compute(lambda: _upscale_picture(source, times, blur / _MOST_BLUR + softness))
        charge(context.owner, price, context.now)
        yield from send_pictures(context, [picture])

    def _encode_vibe(self, context: RequestContext) -> Handler:
        """Handle ``POST /ai/encode-vibe``. A vibe is meaningless bytes, always the same for the same request."""
        body = read_body(context, "image", "mask")
        model = _find_vibe_model(body.document.get("model"))
        digest = yield from compute(lambda: _digest_vibe_request(body, model))
        check_balance(context.owner, encoding_price())
        charge(context.owner, encoding_price(), context.now)
        name = "".join(_NAME_LETTERS[byte % len(_NAME_LETTERS)] for byte in sha256(digest).digest()[:8])
        data = shake_256(digest).digest(_VIBE_BYTES)
        yield from send_file(data, f"{name}.vibe40", "application/binary", self._switches.image_status)

    def _annotate(self, context: RequestContext) -> Handler:
        """Handle ``POST /ai/annotate-image``. It is free: no source gives a price."""
        body = read_body(context)
        annotator = _find_annotator(body.document.get("model"))
        parameters = body.document.get("parameters")
        if not isinstance(parameters, dict):
            raise validation_error("parameters is not an object")
        source = find_source(body, cast("dict[str, object]", parameters).get("image"), "image")
        pictures = yield from compute(lambda: _annotate_picture(annotator, source))
        yield from send_archive(replace_by_reply(context.use_reply("picture"), pictures))


# ---- director tools

_TOOLS_WITH_OPTIONS: Final = frozenset((DirectorTool.COLORIZE, DirectorTool.EMOTION))
_PIXELS_PER_SECOND: Final = 250_000
"""Speed that the metadata claims, close to a captured one: 4.0834 s for one megapixel."""


def _find_director_tool(name: object) -> DirectorTool:
    try:
        return DirectorTool(str(name))
    except ValueError:
        pass
    raise validation_error(f"req_type must be one of {', '.join(DirectorTool)}")


def _parse_options(tool: DirectorTool, document: Mapping[str, object]) -> ToolOptions:
    """Return the options of a tool that has some. Of an emotion's prompt, only the emotion itself has an effect.

    Raises:
        Refused: 400, an option is invalid.
    """
    if tool not in _TOOLS_WITH_OPTIONS:
        return ToolOptions()
    prompt, value = document.get("prompt", ""), document.get("defry", 0)
    if not isinstance(prompt, str):
        raise validation_error("prompt is not a string")
    defry = next((each for each in range(MAX_DEFRY + 1) if value == each and not isinstance(value, bool)), None)
    if defry is None:
        raise validation_error(f"defry must be from 0 to {MAX_DEFRY}")
    if tool is DirectorTool.EMOTION:
        prompt = prompt.partition(";;")[0].strip()
        if prompt not in [*Emotion]:
            raise validation_error(f"prompt must begin with one of {', '.join(Emotion)}, followed by ;;")
    return ToolOptions(prompt, defry)


def _list_ignored(tool: DirectorTool, source: SourceImage, document: Mapping[str, object]) -> list[str]:
    """Return the names of what changes nothing: a size that is not the image's, options of other tools, unknown keys."""
    size = {"width": source.width, "height": source.height}
    options = {"prompt", "defry"} if tool in _TOOLS_WITH_OPTIONS else set[str]()
    acting = {"req_type", "image", "use_new_shared_trial", *options}
    return [name for name, value in document.items() if name not in acting and value != size.get(name, "")]


def _apply_director_tool(tool: DirectorTool, source: SourceImage, options: ToolOptions) -> list[RenderedPicture]:
    texts = _build_texts(tool, source, options)
    picture = decode_source(source)
    if tool is not DirectorTool.BG_REMOVAL:
        picture = flatten(picture)
    return [RenderedPicture(write_png(pixels, texts)) for pixels in EFFECTS[tool](picture, options)]


def _build_texts(tool: DirectorTool, source: SourceImage, options: ToolOptions) -> dict[str, str]:
    """Return the texts of a tool's images, in the order of docs/protocol/image.md#23-post-aiaugment-image-director-tools."""
    comment: dict[str, object] = {"req_type": tool.value}
    if tool in _TOOLS_WITH_OPTIONS:
        comment |= {"prompt": options.prompt, "defry": options.defry}
    return {
        "Title": "AI augmented image",
        "Software": "NovelAI",
        "Generation time": f"{source.width * source.height / _PIXELS_PER_SECOND:.4f}s",
        "Comment": json.dumps(comment),
    }


# ---- upscale

_MOST_BLUR: Final = 0.5
"""The blur of a source from which on an upscaled image is as smooth as possible.

See docs/protocol/image.md#24-post-aiupscale.
"""
_KEPT_TEXTS: Final = ("Source", "Comment", "Title", "Description", "Software")
"""Texts of the source that an upscaled image keeps, in the captured order."""


_SOFTNESS: Final[Mapping[str, float]] = {"nai-diffusion-5-curated": 0.0, "nai-diffusion-5-full": 0.25}
"""How soft the models draw, from 0 to 1: no source tells how they differ, and this is the emulator's own way.

See docs/protocol/image.md#12-notes-for-an-emulator.
"""


def _find_upscale_model(name: object) -> str:
    """Return the model that upscales. An old body names no model, so its refusal has two blanks, as the service's has.

    Raises:
        Refused: 400, there is no such model, or it does not upscale.
    """
    model = find_model(name)
    if not model.facts.upscales:
        reason = "Only nai-diffusion-5-full and nai-diffusion-5-curated upscale."
        raise Refused(400, f"Validation error: model {model.id} doesn't support standalone upscaling", reason=reason)
    return model.id


def _parse_scale(document: Mapping[str, object]) -> int:
    scale = document.get("scale")
    if scale not in (2, 4):
        raise validation_error("scale must be 2 or 4")
    return 2 if scale == 2 else 4


def _upscale_picture(source: SourceImage, times: int, softness: float) -> RenderedPicture:
    """Return the image so many times as large: in squares for a softness of 0, and as smooth as can be from 1 on."""
    picture = decode_source(source)
    large = scale_up(picture, times)
    if softness > 0:
        smooth = resize(picture, large.width, large.height)
        share = min(1.0, softness)
        large = Pixels(large.width, large.height, mix(large.data, smooth.data, share))
    metadata = _read_metadata_or_none(source.data)
    texts = {} if metadata is None else {key: metadata.texts[key] for key in _KEPT_TEXTS if key in metadata.texts}
    return RenderedPicture(_write_png_with_texts(large, texts), seed=_find_seed(metadata))


def _write_png_with_texts(pixels: Pixels, texts: Mapping[str, str]) -> bytes:
    try:
        return write_png(pixels, texts)
    except InvalidRequestError:  # another program wrote texts that a PNG of ours cannot hold
        return write_png(pixels)


def _read_metadata_or_none(data: bytes) -> Metadata | None:
    try:
        return read_metadata(data)
    except NaiError:
        return None


def _find_seed(metadata: Metadata | None) -> int | None:
    """Return the seed that the source was drawn with, if its metadata has one."""
    if metadata is None:
        return None
    try:
        seed = metadata.parameters().get("seed")
    except NaiError:
        return None
    return seed if isinstance(seed, int) else None


# ---- vibes

_VIBE_BYTES: Final = 48_916
"""Length of a captured vibe.

See docs/protocol/image.md#12-notes-for-an-emulator.
"""
_NAME_LETTERS: Final = string.ascii_letters + string.digits
_VIBE_SEEDS: Final = ("focus_seed", "info_extract_seed")


def _find_vibe_model(name: object) -> ImageModel:
    """Return the model that a vibe is for. An inpainting model has the vibes of its base.

    Raises:
        Refused: 400, there is no such model, or it takes no encoded vibes.
    """
    model = find_model(name)
    if model.family.vibes != "encoded":
        reason = "Only V4 and V4.5 take encoded vibes; V3 takes the images themselves, and V5 none."
        raise Refused(400, f"Model {model.id} doesn't support encoded vibes", reason=reason)
    return model.base


def _digest_vibe_request(body: DecodedBody, model: ImageModel) -> bytes:
    """Return a few bytes that differ whenever the request differs in something that has an effect.

    Raises:
        Refused: 400, a field is invalid.
    """
    document = body.document
    image = find_source(body, document.get("image"), "image")
    mask = find_source(body, document["mask"], "mask") if "mask" in document else None
    information_extracted = _parse_number(document, "information_extracted", 1.0)
    numbers = [information_extracted, *(_parse_number(document, name, -1.0) for name in _VIBE_SEEDS)]
    if not 0 <= information_extracted <= 1:
        raise validation_error("information_extracted must be from 0 to 1")
    decode_source(image)  # only to refuse what is no picture
    if mask is not None:
        decode_mask(mask)
    is_cropped = bool(mask and document.get("crop_to_mask"))
    options = "\n".join([model.id, *map(repr, numbers), str(is_cropped)])
    return sha256(image.data).digest() + sha256(mask.data if mask else b"").digest() + options.encode()


def _parse_number(document: Mapping[str, object], name: str, default: float) -> float:
    value = document.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise validation_error(f"{name} is not a number")
    return float(value)


# ---- annotators


def _find_annotator(name: object) -> Annotator:
    try:
        return Annotator(str(name))
    except ValueError:
        pass
    raise validation_error(f"model must be one of {', '.join(Annotator)}")


def _annotate_picture(annotator: Annotator, source: SourceImage) -> list[RenderedPicture]:
    brightness = to_grey(flatten(decode_source(source)))
    return [RenderedPicture(write_png(pixels)) for pixels in ANNOTATIONS[annotator](brightness)]
