"""The options of what is generated beside texts and pictures: changed pictures, vibes, speech, tags, older outputs."""

from __future__ import annotations

from base64 import b64encode
from typing import Any, Final

from nai_proto.image import annotate, augment, encode_vibe, suggest_tags, upscale
from nai_proto.openai import token_count
from nai_proto.text import generate_prompt, get_hidden_states, get_next_words
from nai_proto.voice import speak

from ..image_tools_support import draw_face
from .row import Ignored, NotSent, Refused, Row, Table, differs

SOURCE: Final = draw_face()
OTHER: Final = draw_face("L", as_mode="RGB")
WIRE_OTHER: Final = b64encode(OTHER).decode()
PRICE: Final = "would cost"
V45: Final = "nai-diffusion-4-5-full"
V4: Final = "nai-diffusion-4-full"


AUGMENT: Final = Table(
    "augment",
    augment,
    (
        Row("image", OTHER, {"image": WIRE_OTHER}, differs),
        Row("tool", "sketch", {"req_type": "sketch"}, differs),
        Row("emotion", "smug", {"prompt": "smug;;"}, differs, {"tool": "emotion", "emotion": "happy"}),
        Row("prompt", "red dusk", {"prompt": "red dusk"}, differs, {"tool": "colorize"}),
        Row("defry", 5, {"defry": 5}, differs, {"tool": "colorize"}),
        Row("size", (32, 32), {"width": 32, "height": 32}, Ignored("the answer has the size of the picture itself")),
        Row("max_anlas", 0, {}, NotSent(PRICE), {"image": draw_face()}),
        Row("allowance", "x", {}, NotSent("allowance takes an Allowance")),
        Row("validate", False, {"req_type": "quux"}, Refused(400, "req_type must be one of"), {"tool": "quux"}),
    ),
    given={"image": SOURCE, "tool": "lineart"},
)

UPSCALE: Final = Table(
    "upscale",
    upscale,
    (
        Row("image", OTHER, {"image": WIRE_OTHER}, differs),
        Row("model", "nai-diffusion-5-full", {"model": "nai-diffusion-5-full"}, differs),
        Row("declared_blur_sigma", 0.45, {"declared_blur_sigma": 0.45}, differs),
        Row("size", (4096, 4096), {}, NotSent("upscaling takes at most 3145728")),
        Row("max_anlas", 0, {}, NotSent(PRICE)),
        Row("allowance", "x", {}, NotSent("allowance takes an Allowance")),
        Row("validate", False, {"model": V4}, Refused(400, "model"), {"model": V4}),
    ),
    given={"image": SOURCE},
)

VIBE: Final = Table(
    "encode_vibe",
    encode_vibe,
    (
        Row("image", OTHER, {"image": WIRE_OTHER}, differs),
        Row("model", V4, {"model": V4}, differs),
        Row("information_extracted", 0.15, {"information_extracted": 0.15}, differs),
        Row("strength", 0.15, {}, lambda a, b: (a.encoding, 0.6, 0.15) == (b.encoding, a.strength, b.strength)),
        Row("mask", OTHER, {"mask": WIRE_OTHER}, differs),
        Row("crop_to_mask", True, {"crop_to_mask": True}, differs, {"mask": OTHER}),
        Row("focus_seed", 99, {"focus_seed": 99}, differs),
        Row("info_extract_seed", 99, {"info_extract_seed": 99}, differs),
        Row("max_anlas", 0, {}, NotSent(PRICE)),
        Row("allowance", "x", {}, NotSent("allowance takes an Allowance")),
        Row(
            "validate",
            False,
            {"model": "nai-diffusion-3"},
            Refused(400, "support encoded vibes"),
            {"model": "nai-diffusion-3"},
        ),
    ),
    given={"image": SOURCE, "model": V45},
)

ANNOTATE: Final = Table(
    "annotate",
    annotate,
    (
        Row("image", OTHER, {"parameters.image": WIRE_OTHER}, differs),
        Row("annotator", "midas", {"model": "midas"}, differs),
        Row("validate", False, {"model": "quux"}, Refused(400, "model must be one of"), {"annotator": "quux"}),
    ),
    given={"image": SOURCE, "annotator": "hed"},
)

SPEAK: Final = Table(
    "speak",
    speak,
    (
        Row("text", "Ho", {"text": "Ho"}, lambda a, b: len(b.data) < len(a.data)),
        Row(
            "voice", "Orea", {"voice": -1, "seed": "Orea"}, lambda a, b: len(a.data) == len(b.data) and a.data != b.data
        ),
        Row("version", "v1", {"version": "v1"}, differs, {"validate": False, "voice": 5}),
        Row("opus", True, {"opus": True}, lambda a, b: (a.format, b.format) == ("mp3", "webm")),
        Row("method", "GET", {"opus": "false"}, lambda a, b: a == b),
        Row("validate", False, {"text": ""}, Refused(400, "text is required"), {"text": ""}),
    ),
    given={"text": "Once upon a time there was a harbour"},
)

TAGS: Final = Table(
    "suggest_tags",
    suggest_tags,
    (
        Row("prompt", "cat", {"prompt": "cat"}, differs),
        Row("model", "nai-diffusion-99", {"model": "nai-diffusion-99"}, Refused(400, "model"), {}),
        Row("lang", "jp", {"lang": "jp"}, differs),
    ),
    given={"prompt": "hair"},
)

TOKEN_COUNT: Final = Table(
    "token_count",
    token_count,
    (
        Row("prompt", "Quux", {"prompt": "Quux"}, differs),
        Row("model", "quux", {"model": "quux"}, Refused(400, "quux")),
    ),
    given={"prompt": "Once upon a time"},
)

PROMPT: Final = Table(
    "generate_prompt",
    generate_prompt,
    (
        Row("prompt", "a lake", {"prompt": "a lake"}, differs),
        Row("model", "6B-v0", {"model": "6B-v0"}, Refused(400, "model")),
        Row("temp", 77.5, {"temp": 77.5}, differs),
        Row("tokens_to_generate", 199, {"tokens_to_generate": 199}, lambda a, b: len(b) > 2 * len(a)),
    ),
    given={"prompt": "the sea"},
)


def older(name: str, function: Any, wire: str) -> Table:
    return Table(
        name,
        function,
        (
            Row("prompt", "a lake", {"input": "a lake", f"parameters.{wire}": True}, differs),
            Row("model", "kayra-v1", {}, NotSent("is a parameter of older models")),
        ),
        given={"prompt": "the sea"},
    )


TOOLS: Final = (
    *(AUGMENT, UPSCALE, VIBE, ANNOTATE, SPEAK, TAGS, TOKEN_COUNT, PROMPT),
    older("get_next_words", get_next_words, "next_word"),
    older("get_hidden_states", get_hidden_states, "get_hidden_states"),
)
