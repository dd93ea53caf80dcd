# pyright: strict, reportUnnecessaryTypeIgnoreComment=true
"""Images and speech, as the type checkers see them; only checked, never run."""

from __future__ import annotations

from typing import Never, assert_type

from nai_proto.exchange.flow import Flow
from nai_proto.exchange.operation import Operation
from nai_proto.image import (
    Character,
    Drawing,
    EncodedVibe,
    Image,
    ImageModel,
    ImagePreset,
    ImageRequest,
    ImageResolution,
    JapaneseTag,
    Step,
    Tag,
    augment,
    encode_vibe,
    generate,
    generate_cached,
    generate_stream,
    image_request,
    suggest_tags,
    upscale,
)
from nai_proto.voice import Speech, speak


def operations_have_their_types(image: bytes) -> None:
    assert_type(generate("a cat"), Drawing[Never, tuple[Image, ...]])
    assert_type(generate("a cat").seed, int)
    assert_type(generate_stream("a cat", framing="sse"), Drawing[Step | Image, tuple[Image, ...]])
    assert_type(generate_cached("a cat", b"", image=image), Flow[Never, tuple[Image, ...]])
    assert_type(augment(image, "sketch"), Operation[Never, tuple[Image, ...]])
    assert_type(upscale(image), Operation[Never, Image])
    assert_type(encode_vibe(image, ImageModel.V4_FULL), Operation[Never, EncodedVibe])
    assert_type(suggest_tags("x"), Operation[Never, tuple[Tag, ...]])
    assert_type(suggest_tags("x", lang="jp"), Operation[Never, tuple[JapaneseTag, ...]])
    assert_type(speak("x"), Operation[Never, Speech])
    assert_type(image_request("a cat"), ImageRequest)


def options_are_known_by_name(preset: ImagePreset) -> None:
    generate("a cat", preset=preset, size=ImageResolution.LARGE_SQUARE, characters=[Character("a", position="A1")])
    generate("a cat", size=(512, 768), sampler="k_euler", variety_plus=True, extra={"new": 1})
    generate("a cat", step=3)  # type: ignore[call-arg]
    generate("a cat", steps="3")  # type: ignore[arg-type]
    assert_type(preset | {"steps": 3}, ImagePreset)
