# pyright: strict, reportUnnecessaryTypeIgnoreComment=true
"""Images and speech, as the type checkers see them; only checked, never run."""

from __future__ import annotations

from typing import Never, assert_type

from nai_proto.exchange.flow import Flow
from nai_proto.exchange.operation import Operation
from nai_proto.image import (
    Allowance,
    Character,
    EncodedVibe,
    Image,
    ImageModel,
    ImageOperation,
    ImagePreset,
    ImageRequest,
    ImageResolution,
    JapaneseTag,
    MemoryVibeCache,
    PreviewStep,
    Price,
    Recipe,
    Tag,
    Vibe,
    VibeCache,
    augment,
    build_image_request,
    encode_vibe,
    encode_vibe_cached,
    generate,
    generate_cached,
    generate_stream,
    request_if_affordable,
    suggest_tags,
    upscale,
    vibes_from_file,
)
from nai_proto.voice import Speech, speak
from nai_transports.vibe_files import VibeFolder, load_vibes


def operations_have_their_types(image: bytes) -> None:
    assert_type(generate("a cat"), ImageOperation[Never, tuple[Image, ...]])
    assert_type(generate("a cat").seed, int)
    assert_type(generate_stream("a cat", framing="sse"), ImageOperation[PreviewStep | Image, tuple[Image, ...]])
    assert_type(generate_cached("a cat", b"", image=image), Flow[Never, tuple[Image, ...]])
    assert_type(augment(image, "sketch"), Operation[Never, tuple[Image, ...]])
    assert_type(upscale(image), Operation[Never, Image])
    assert_type(encode_vibe(image, ImageModel.V4_FULL), Operation[Never, EncodedVibe])
    assert_type(suggest_tags("x"), Operation[Never, tuple[Tag, ...]])
    assert_type(suggest_tags("x", lang="jp"), Operation[Never, tuple[JapaneseTag, ...]])
    assert_type(speak("x"), Operation[Never, Speech])
    assert_type(build_image_request("a cat"), ImageRequest)


def options_are_known_by_name(preset: ImagePreset) -> None:
    generate("a cat", preset=preset, size=ImageResolution.LARGE_SQUARE, characters=[Character("a", position="A1")])
    generate("a cat", size=(512, 768), sampler="k_euler", variety_plus=True, extra={"new": 1})
    generate("a cat", step=3)  # type: ignore[call-arg]
    generate("a cat", steps="3")  # type: ignore[arg-type]
    assert_type(preset | {"steps": 3}, ImagePreset)


def what_costs_is_guarded(image: bytes) -> None:
    generate("a cat", max_anlas=0, allowance=Allowance(opus=True))
    assert_type(build_image_request("a cat").price(), Price)
    assert_type(request_if_affordable(generate, "a cat", max_anlas=0), Flow[Never, tuple[Image, ...]])
    assert_type(
        request_if_affordable(generate_stream, "a cat", framing="sse"), Flow[PreviewStep | Image, tuple[Image, ...]]
    )
    assert_type(request_if_affordable(encode_vibe, image, "V4 Full", strength=0.5), Flow[Never, EncodedVibe])
    request_if_affordable(generate, "a cat", max_anlass=0)  # type: ignore[call-arg]
    request_if_affordable(generate, 5)  # type: ignore[arg-type]


def recipes_and_vibes_are_what_a_request_takes(recipe: Recipe, image: bytes, folder: VibeFolder) -> None:
    generate(recipe.prompt, **recipe.options)
    assert_type(recipe.request(seed=1), ImageRequest)
    caches: list[VibeCache] = [folder, MemoryVibeCache()]
    assert_type(encode_vibe_cached(image, "V4 Full", cache=caches[0]), Flow[Never, EncodedVibe])
    assert_type(vibes_from_file(load_vibes("x"), "V4 Full"), tuple[Vibe | EncodedVibe, ...])
    generate("a cat", vibes=vibes_from_file(load_vibes("x"), "V4 Full"))
    generate("a cat", vibes=[EncodedVibe(b"")])
