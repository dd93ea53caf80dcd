"""Tools for existing images: director tools, upscaling, encoding as vibes, annotating.

See:
    docs/protocol/image.md#23-post-aiaugment-image-director-tools
    docs/protocol/image.md#24-post-aiupscale
    docs/protocol/image.md#25-post-aiencode-vibe-v4-v45
    docs/protocol/image.md#26-get-aigenerate-imagesuggest-tags
    docs/protocol/image.md#27-post-aiannotate-image-controlnet-conditions-v1v2
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Never

from ..arguments import BYTES, FLAG, INTEGER, NUMBER, TEXT, takes
from ..codecs.json import encode_json
from ..errors import InvalidRequestError, RemoteProtocolError
from ..exchange.endpoints import EndpointParameters, build, endpoint
from ..exchange.operation import Operation
from ..exchange.readers import BodyReader
from ..http import Head, Headers, Request
from ..limits import Limits
from ..unknown_names import unknown_choice
from .argument_types import SIZE, VIBE_SOURCE
from .choices import ControlNetModel
from .cost_limits import check_max_anlas
from .features import EncodedVibe
from .image_files import IMAGE_TYPES, FirstImageReaderFactory, Image, ImagesReaderFactory, image_size
from .models import IMAGE_MODEL, ImageModel, unknown_model
from .parameter_rules import MAX_PIXELS
from .price import ALLOWANCE, NOTHING_FREE, Allowance, encoding_price, tool_price, upscale_price

__all__ = ["Annotator", "DirectorTool", "Emotion", "annotate", "augment", "encode_vibe", "upscale"]


class DirectorTool(StrEnum):
    """The director tools, for `augment`."""

    BG_REMOVAL = "bg-removal"
    "Gives three images: masked, generated, blend."
    LINEART = "lineart"
    SKETCH = "sketch"
    COLORIZE = "colorize"
    EMOTION = "emotion"
    DECLUTTER = "declutter"
    DECLUTTER_KEEP_BUBBLES = "declutter-keep-bubbles"


class Emotion(StrEnum):
    """The emotions that the tool of that name can give a face."""

    NEUTRAL = "neutral"
    HAPPY = "happy"
    SAD = "sad"
    ANGRY = "angry"
    SCARED = "scared"
    SURPRISED = "surprised"
    TIRED = "tired"
    EXCITED = "excited"
    NERVOUS = "nervous"
    THINKING = "thinking"
    CONFUSED = "confused"
    SHY = "shy"
    DISGUSTED = "disgusted"
    SMUG = "smug"
    BORED = "bored"
    LAUGHING = "laughing"
    IRRITATED = "irritated"
    AROUSED = "aroused"
    EMBARRASSED = "embarrassed"
    WORRIED = "worried"
    LOVE = "love"
    DETERMINED = "determined"
    HURT = "hurt"
    PLAYFUL = "playful"


class Annotator(StrEnum):
    """The annotators, for `annotate`."""

    HED = "hed"
    MIDAS = "midas"
    "Gives two images: depth and normals."
    FAKE_SCRIBBLE = "fake_scribble"
    MLSD = "mlsd"
    UNIFORMER = "uniformer"
    OPENPOSE = "openpose"
    CANNY = "canny"

    @property
    def controlnet(self) -> ControlNetModel | None:
        """Return what its images guide; None for the last two, which no ControlNet model takes."""
        return _CONTROLNETS.get(self)


_CONTROLNETS: Final = {
    Annotator.HED: ControlNetModel.PALETTE_SWAP,
    Annotator.MIDAS: ControlNetModel.FORM_LOCK,
    Annotator.FAKE_SCRIBBLE: ControlNetModel.SCRIBBLER,
    Annotator.MLSD: ControlNetModel.BUILDING_CONTROL,
    Annotator.UNIFORMER: ControlNetModel.LANDSCAPER,
}
_WITH_PROMPT: Final = (DirectorTool.COLORIZE, DirectorTool.EMOTION)
_BLURS: Final = (0.0, 0.3, 0.35, 0.4, 0.45, 0.5)
_HEADERS: Final = Headers.of(content_type="application/json", accept="*/*")
_IMAGES: Final = tuple((each, ImagesReaderFactory()) for each in IMAGE_TYPES)
_ONE_IMAGE: Final = tuple((each, FirstImageReaderFactory()) for each in IMAGE_TYPES)


def _build_request(name: str, body: Mapping[str, object]) -> Request:
    given = {key: value for key, value in body.items() if value is not None}
    return build(endpoint(name), EndpointParameters(body=encode_json(given)), _HEADERS)


def _find_size(image: bytes, size: tuple[int, int] | None) -> tuple[int, int]:
    known = size or image_size(image)
    if known is None:
        raise InvalidRequestError(
            "the size of the image is not known", parameter="size", advice="give it: size=(width, height)"
        )
    return known


@takes(
    image=BYTES,
    tool=TEXT,
    emotion=TEXT | None,
    prompt=TEXT | None,
    defry=INTEGER | None,
    size=SIZE | None,
    max_anlas=INTEGER | None,
    allowance=ALLOWANCE,
    validate=FLAG,
)
def augment(
    image: bytes,
    tool: DirectorTool | str,
    *,
    emotion: Emotion | str | None = None,
    prompt: str | None = None,
    defry: int | None = None,
    size: tuple[int, int] | None = None,
    max_anlas: int | None = None,
    allowance: Allowance = NOTHING_FREE,
    validate: bool = True,
) -> Operation[Never, tuple[Image, ...]]:
    """Change an image with one of the director tools.

    See docs/protocol/image.md#23-post-aiaugment-image-director-tools.

    Args:
        image: PNG, JPEG or WebP.
        tool: a `DirectorTool` or its word.
        emotion: an `Emotion` or its word; for the tool of that name, which needs it.
        prompt: more words; for `DirectorTool.COLORIZE` and `DirectorTool.EMOTION`.
        defry: how weakly the tool works, from 0 to 5; for the same two tools, 0 if not given.
        size: width and height in pixels; if None, those of its header.
        max_anlas: refuse a request that costs more Anlas; any price if None.
        allowance: what is free for the account, when ``max_anlas`` is checked.
        validate: check everything before it is sent.

    Raises:
        InvalidRequestError: there is no such tool or emotion, a number is out of its range, something is not for this tool,
            the size is not known, or the price is above ``max_anlas``.
    """
    width, height = _find_size(image, size)
    takes_prompt = tool in _WITH_PROMPT
    if validate:
        if tool not in [*DirectorTool]:
            raise unknown_choice(tool, "director tool", DirectorTool, parameter="tool")
        if not takes_prompt and not (prompt is None and defry is None):
            raise InvalidRequestError(
                f"prompt and defry are for {' and '.join(_WITH_PROMPT)}, not for {tool}", parameter="prompt"
            )
        if (tool == DirectorTool.EMOTION) is not (emotion is not None):
            raise InvalidRequestError(
                "the director tool emotion needs an emotion, and no other takes one", parameter="emotion"
            )
        if emotion is not None and emotion not in [*Emotion]:
            raise unknown_choice(emotion, "emotion", Emotion, parameter="emotion")
        if defry is not None and defry not in range(6):
            raise InvalidRequestError(f"defry is {defry!r}, and may be from 0 to 5", parameter="defry")
    check_max_anlas(lambda free: tool_price(str(tool), width, height, allowance=free), max_anlas, allowance)
    body = {
        "req_type": str(tool),
        "image": image,
        "width": width,
        "height": height,
        "prompt": f"{emotion};;{prompt or ''}" if emotion is not None else prompt or "" if takes_prompt else prompt,
        "defry": 0 if takes_prompt and defry is None else defry,
        "use_new_shared_trial": True,
    }
    return Operation(_build_request("augment_image", body), _IMAGES)


@takes(
    image=BYTES,
    model=IMAGE_MODEL,
    declared_blur_sigma=NUMBER | None,
    size=SIZE | None,
    max_anlas=INTEGER | None,
    allowance=ALLOWANCE,
    validate=FLAG,
)
def upscale(
    image: bytes,
    *,
    model: ImageModel | str = ImageModel.V5_CURATED,
    declared_blur_sigma: float | None = None,
    size: tuple[int, int] | None = None,
    max_anlas: int | None = None,
    allowance: Allowance = NOTHING_FREE,  # noqa: ARG001 -- whatever costs takes it, and this is never free
    validate: bool = True,
) -> Operation[Never, Image]:
    """Upscale an image to twice its width and height.

    See docs/protocol/image.md#24-post-aiupscale.

    Args:
        image: PNG of at most 3,145,728 pixels.
        model: V5 Full or V5 Curated.
        declared_blur_sigma: how blurred it is: 0, or 0.3 to 0.5 in steps of 0.05. The service takes 0 if it is not sent.
        size: width and height in pixels, to check the price; if None, those of its header. Not sent.
        max_anlas: refuse a request that costs more Anlas; any price if None.
        allowance: without effect: upscaling is never free.
        validate: check everything before it is sent.

    Raises:
        InvalidRequestError: the image is too large, the model cannot do it, there is no such sigma, or the price is above
            ``max_anlas``, or not known as the size is not.
    """
    model = ImageModel.named(model)
    if validate:
        if not model.is_listed and not model.facts.upscales:
            raise unknown_model(model.id)
        if not model.facts.upscales:
            raise InvalidRequestError(
                f"the model {model.id} does not upscale; V5 Full and V5 Curated do", parameter="model"
            )
        width, height = size or image_size(image) or (0, 0)
        if width * height > MAX_PIXELS:
            raise InvalidRequestError(
                f"the image has {width * height} pixels, and upscaling takes at most {MAX_PIXELS}", parameter="image"
            )
        if declared_blur_sigma is not None and declared_blur_sigma not in _BLURS:
            allowed = ", ".join(f"{each:g}" for each in _BLURS)
            raise InvalidRequestError(
                f"declared_blur_sigma is {declared_blur_sigma!r}, and may be one of {allowed}",
                parameter="declared_blur_sigma",
            )
    check_max_anlas(lambda _: upscale_price(*_find_size(image, size)), max_anlas)
    body = {"image": image, "model": model.id, "declared_blur_sigma": declared_blur_sigma}
    return Operation(_build_request("upscale", body), _ONE_IMAGE)


@takes(
    **VIBE_SOURCE,
    model=IMAGE_MODEL,
    strength=NUMBER,
    max_anlas=INTEGER | None,
    allowance=ALLOWANCE,
    validate=FLAG,
)
def encode_vibe(
    image: bytes,
    model: ImageModel | str,
    *,
    information_extracted: float = 1.0,
    strength: float = 0.6,
    mask: bytes | None = None,
    crop_to_mask: bool | None = None,
    focus_seed: int | None = None,
    info_extract_seed: int | None = None,
    max_anlas: int | None = None,
    allowance: Allowance = NOTHING_FREE,  # noqa: ARG001 -- whatever costs takes it, and this is never free
    validate: bool = True,
) -> Operation[Never, EncodedVibe]:
    """Encode an image as a vibe for V4 or V4.5. It costs Anlas; the vibe may be kept and used again.

    See docs/protocol/image.md#25-post-aiencode-vibe-v4-v45.

    Args:
        image: the image.
        model: that the vibe is for: V4 or V4.5.
        information_extracted: how much is taken over, from 0 to 1.
        strength: the strength of the vibe that is returned, -1 to 1; not sent.
        mask: PNG, white in the part of the image that counts; not sent if None.
        crop_to_mask: crop the image to the mask; not sent if None.
        focus_seed: the service's parameter of that name; not sent if None.
        info_extract_seed: the service's parameter of that name; not sent if None.
        max_anlas: refuse a request that costs more Anlas; any price if None.
        allowance: without effect: encoding is never free.
        validate: check model and numbers before they are sent.

    Raises:
        InvalidRequestError: the model takes no encoded vibes, a number is out of its range, or the price is above
            ``max_anlas``.
    """
    model = ImageModel.named(model)
    if validate:
        if model.family.vibes != "encoded":
            raise InvalidRequestError(f"{model.id} takes no encoded vibes: V4 and V4.5 do", parameter="model")
        if not 0 <= information_extracted <= 1:
            raise InvalidRequestError(
                f"information_extracted is {information_extracted!r}, and may be from 0 to 1",
                parameter="information_extracted",
            )
    check_max_anlas(lambda _: encoding_price(), max_anlas)
    body = {
        "image": image,
        "model": model.base.id,
        "information_extracted": information_extracted,
        "mask": mask,
        "crop_to_mask": crop_to_mask,
        "focus_seed": focus_seed,
        "info_extract_seed": info_extract_seed,
    }
    reader = _VibeReaderFactory(strength, information_extracted, model.vibe_key if validate else None)
    types = ("application/binary", "binary/octet-stream", "application/octet-stream")
    return Operation(_build_request("encode_vibe", body), tuple((each, reader) for each in types))


@dataclass(frozen=True, slots=True)
class _VibeReaderFactory:
    """Make the reader of an encoded vibe."""

    strength: float
    information_extracted: float
    key: str | None

    def __call__(self, where: str, head: Head, limits: Limits, /) -> BodyReader[EncodedVibe]:  # noqa: ARG002 -- a ReaderFactory
        def finish(body: bytes) -> EncodedVibe:
            if not body:
                raise RemoteProtocolError(f"{where}: an encoded vibe was expected, and nothing came")
            return EncodedVibe(body, self.strength, self.information_extracted, self.key)

        return BodyReader(finish, limits)


@takes(image=BYTES, annotator=TEXT, validate=FLAG)
def annotate(image: bytes, annotator: Annotator | str, *, validate: bool = True) -> Operation[Never, tuple[Image, ...]]:
    """Get what `ControlNet` needs of an image: its edges, its depth and so on.

    See docs/protocol/image.md#27-post-aiannotate-image-controlnet-conditions-v1v2.

    Args:
        image: bytes of an image file.
        annotator: an `Annotator` or its word.
        validate: check the annotator before it is sent.

    Raises:
        InvalidRequestError: there is no such annotator.
    """
    if validate and annotator not in [*Annotator]:
        raise unknown_choice(annotator, "annotator", Annotator, parameter="annotator")
    body = {"model": str(annotator), "parameters": {"image": image}}
    return Operation(_build_request("annotate_image", body), _IMAGES)
