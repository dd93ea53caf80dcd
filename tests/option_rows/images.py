"""The options of image requests."""

from __future__ import annotations

from base64 import b64encode
from typing import Any, Final

from nai_proto.errors import InvalidRequestError
from nai_proto.image import EncodedVibe, generate
from nai_proto.image.image_files import image_size

from ..image_support import png
from ..image_tools_support import draw_face
from .row import Ignored, NotSent, Refused, Row, Shows, Table, differs

SOURCE: Final = draw_face()
WIRE_SOURCE: Final = b64encode(SOURCE).decode()
REFERENCE: Final = png(1472, 1472)
V2: Final[dict[str, Any]] = {"model": "nai-diffusion-2"}
V3: Final[dict[str, Any]] = {"model": "nai-diffusion-3"}
V4: Final[dict[str, Any]] = {"model": "nai-diffusion-4-full"}
V45: Final[dict[str, Any]] = {"model": "nai-diffusion-4-5-full"}
IMG2IMG: Final[dict[str, Any]] = {"image": SOURCE}
INPAINTING: Final[dict[str, Any]] = {**V45, "image": SOURCE, "mask": draw_face("L")}
NO_SIZE: Final[dict[str, Any]] = {"width": None, "height": None}
TWO_VIBES: Final = [EncodedVibe(b"one", 0.9), EncodedVibe(b"other", 0.8)]
PRICE: Final = "this would cost 2 Anlas, more than the 0 allowed"


def parameter(option: str, value: Any, shows: Shows | Refused | Ignored = differs, **given: Any) -> Row:
    """A row for a parameter that is on the wire as it is given."""
    return Row(option, value, {f"parameters.{option}": value}, shows, given)


def has_size(width: int, height: int) -> Shows:
    return lambda without, with_: image_size(without[0].data) != image_size(with_[0].data) == (width, height)


def draw_seven(size: int) -> bytes:
    return b"\7" * size


IMAGE_ROWS: Final = (
    # The picture's size and number, and how it is drawn.
    parameter("width", 192, has_size(192, 128)),
    parameter("height", 192, has_size(128, 192)),
    parameter("scale", 9.75),
    parameter("sampler", "k_dpmpp_2m_sde"),
    parameter("steps", 7),
    parameter("n_samples", 3, lambda a, b: (len(a), len(b)) == (1, 3)),
    parameter("seed", 4_294_967_295, lambda a, b: (a[0].seed, b[0].seed) == (7, 4_294_967_295)),
    parameter("noise_schedule", "polyexponential", **V45),
    parameter("cfg_rescale", 0.95),
    parameter("uncond_scale", 0.35, **V2),
    parameter("dynamic_thresholding", True, **V3),
    parameter("sm", True, **V3),
    parameter("sm_dyn", True, **V3, sm=True),
    Row("auto_smea", True, {"parameters.autoSmea": True}, Ignored("since V4 there is no SMEA to turn on", "x"), V45),
    parameter("skip_cfg_above_sigma", 12.5, **V45),
    parameter("deliberate_euler_ancestral_bug", True),
    parameter("prefer_brownian", False),
    parameter("legacy", True, Ignored("no source says what it changes, and no metadata has it", "x")),
    parameter("legacy_v3_extend", True, **V3),
    Row("legacy_uc", True, {"parameters.v4_negative_prompt.legacy_uc": True}, differs, V4),
    parameter("straight_alpha", False),
    # The service draws the same for 1, 3 and 4 (docs/protocol/image.md#32-parameters-all-keys).
    parameter("params_version", 9, Refused(400, "params_version must be 1 to 4"), validate=False),
    parameter("image_format", "webp", lambda a, b: (a[0].format, b[0].format) == ("png", "webp")),
    # Pictures to begin from.
    Row("image", SOURCE, {"parameters.image": WIRE_SOURCE, "action": "img2img"}, differs),
    Row("mask", draw_face("L"), {"action": "infill", "parameters.strength": 0.7}, differs, {**V45, **IMG2IMG}),
    parameter("strength", 0.11, **IMG2IMG),
    parameter("noise", 0.77, **IMG2IMG),
    parameter("extra_noise_seed", 99, **IMG2IMG),
    parameter("add_original_image", True, Ignored("no pixel outside the mask changes in any case", "x"), **INPAINTING),
    parameter("color_correct", True, **IMG2IMG),
    Row("inpaint_img2img_strength", 0.25, {"parameters.inpaintImg2ImgStrength": 0.25}, differs, INPAINTING),
    parameter("upscaled_enhance", True, **IMG2IMG),
    # What the library makes of options of its own.
    Row("prompt", "a tower", {"input": "a tower, very aesthetic, masterpiece, no text"}, differs),
    Row("model", "nai-diffusion-4-full", {"model": "nai-diffusion-4-full"}, differs),
    Row("preset", {"steps": 9}, {"parameters.steps": 9}, differs, {"steps": None}),
    Row("size", (192, 64), {"parameters.width": 192, "parameters.height": 64}, has_size(192, 64), NO_SIZE),
    Row(
        "enhance",
        2.0,
        {"parameters.width": 192},
        lambda _, b: image_size(b[0].data) == (192, 128),
        {**NO_SIZE, **IMG2IMG, "size": None},
    ),
    Row("negative_prompt", "rain", {"parameters.negative_prompt": "rain"}, differs, {"uc_preset": "none"}),
    Row("uc_preset", "none", {"parameters.negative_prompt": "", "parameters.ucPresetId": "none"}, differs),
    Row("quality", "none", {"input": "a lake", "parameters.qualityPresetId": "none"}, differs),
    Row(
        "variety_plus",
        True,
        {"parameters.skip_cfg_above_sigma": 7.3809032505190215},
        differs,
        V45,
    ),
    Row("transparent", True, {"parameters.tag_hint_transparent_background": True}, differs),
    Row(
        "auto_text",
        True,
        {"input": 'a sign "Quux", very aesthetic, masterpiece, no text, teXt: Quux'},
        differs,
        {"prompt": 'a sign "Quux"'},
    ),
    Row(
        "characters",
        [{"prompt": "a cat", "position": "B3"}],
        {
            "parameters.v4_prompt.caption.char_captions.0.char_caption": "a cat",
            "parameters.v4_prompt.caption.char_captions.0.centers.0.x": 0.3,
            "parameters.use_coords": True,
        },
        differs,
    ),
    Row("use_coords", True, {"parameters.v4_prompt.use_coords": True}, differs, {"characters": [{"prompt": "a cat"}]}),
    Row(
        "as_typed",
        True,
        {"parameters.v4_prompt.caption.char_captions.0.char_caption": "1girl"},
        differs,
        {"characters": [{"prompt": "1girl"}]},
    ),
    Row(
        "vibes",
        [{"image": SOURCE, "strength": 0.2}],
        {"parameters.reference_image_multiple": [WIRE_SOURCE], "parameters.reference_strength_multiple": [0.2]},
        differs,
        V3,
    ),
    parameter("normalize_reference_strength_multiple", False, **V45, vibes=TWO_VIBES),
    Row(
        "references",
        [{"image": REFERENCE, "strength": 0.3}],
        {"parameters.director_reference_strength_values": [0.3]},
        differs,
        V45,
    ),
    Row(
        "controlnet",
        {"condition": SOURCE, "model": "hed", "strength": 0.3},
        {"parameters.controlnet_condition": WIRE_SOURCE, "parameters.controlnet_strength": 0.3},
        differs,
        V2,
    ),
    Row("entropy", draw_seven, {"parameters.seed": 0x0707_0707}, lambda _, b: b[0].seed == 0x0707_0707, {"seed": None}),
    Row("max_anlas", 0, {}, NotSent(PRICE)),
    Row(
        "allowance",
        {"opus": True, "v5": True},
        {},
        lambda a, b: isinstance(a, InvalidRequestError) and len(b) == 1,
        {"max_anlas": 0},
    ),
    Row("validate", False, {"parameters.steps": 99}, Refused(400, "steps must be 1 to 50"), {"steps": 99}),
    Row("extra", {"steps": 99}, {"parameters.steps": 99}, Refused(400, "steps must be 1 to 50")),
)

GIVEN: Final[dict[str, Any]] = {"prompt": "a lake", "width": 128, "height": 128, "steps": 4, "seed": 7}

IMAGE: Final = Table("image", generate, IMAGE_ROWS, given=GIVEN)
