"""Images: whole in both formats, as streams of events, from other images, with vibes and references."""

from __future__ import annotations

import json
from base64 import b64decode
from functools import partial
from io import BytesIO
from typing import Any

from novelai.exceptions import InvalidRequestError
from novelai.types import (
    Character,
    CharacterReference,
    ControlNet,
    ControlNetImage,
    GenerateImageParams,
    GenerateImageStreamParams,
    I2iParams,
    InpaintParams,
)
from novelai.utils.metadata import extract_metadata
from PIL import Image

from ..checking import check, raised
from .client import SMALL, picture

MODELS = (
    *("nai-diffusion-5-full", "nai-diffusion-5-curated", "nai-diffusion-4-5-full", "nai-diffusion-4-5-curated"),
    *("nai-diffusion-4-full", "nai-diffusion-3"),
)
V45 = "nai-diffusion-4-5-full"


def session(novel: Any) -> None:
    """All of it."""
    _drawing(novel)
    _metadata(novel)
    _streams(novel)
    _from_images(novel)
    _references(novel)
    _prices(novel)


def _drawing(novel: Any) -> None:
    for model in MODELS:
        for form in ("png", "webp"):
            with check(f"images: {model} draws {form}"):
                (image,) = novel.image.generate(GenerateImageParams(**SMALL, model=model, image_format=form))
                image.load()
                assert (image.size, image.format) == ((128, 64), form.upper())
    for model in ("nai-diffusion-4-curated", "nai-diffusion-3-furry"):
        with check(f"images: {model}, which only this client knows, is refused with 400"):
            error = raised(InvalidRequestError, partial(novel.image.generate, _make_parameters(model=model)))
            assert f"Validation error: model {model} doesn't exist" in str(error)
    with check("images: the same seed draws the same, in both formats"):
        first, second, other = (
            novel.image.generate(_make_parameters(image_format=form))[0].convert("RGB").tobytes()
            for form in ("png", "png", "webp")
        )
        assert first == second == other
    with check("images: of three each is another"):
        images = novel.image.generate(_make_parameters(n_samples=3))
        assert len({image.tobytes() for image in images}) == 3
    with check("images: a transparent background of V5 is one"):
        words = {**SMALL, "prompt": "a lighthouse, transparent background"}
        hints: dict[str, Any] = {"straight_alpha": True, "tag_hint_transparent_background": True}
        (image,) = novel.image.generate(GenerateImageParams(**words, model=MODELS[0], **hints))
        assert image.getchannel("A").getextrema()[0] <= 1


def _metadata(novel: Any) -> None:
    for model in (V45, "nai-diffusion-3", "nai-diffusion-5-full"):
        with check(f"metadata: what {model} says in texts and in alpha is the same"):
            (image,) = novel.image.generate(GenerateImageParams(**{**SMALL, "size": (512, 512)}, model=model))
            metadata = extract_metadata(image)
            assert metadata.alpha_info["Comment"]["seed"] == json.loads(metadata.png_info["Comment"])["seed"] == 7
            assert "a lighthouse, fog" in metadata.alpha_info["Description"] == metadata.png_info["Description"]
            assert metadata.alpha_info["Source"] == metadata.png_info["Source"]


def _streams(novel: Any) -> None:
    for model in MODELS[:5]:
        with check(f"streams: {model} shows a JPEG for each step, and the image"):
            parameters = GenerateImageStreamParams(**SMALL, model=model, steps=8, stream="sse")
            chunks = list(novel.image.generate_stream(parameters))
            assert [chunk.event_type for chunk in chunks] == 7 * ["intermediate"] + ["final"]
            assert {_format(chunk) for chunk in chunks[:-1]} == {"JPEG"}
            assert _format(chunks[-1]) == "PNG"
    with check("streams: the image may be a WebP"):
        parameters = GenerateImageStreamParams(**SMALL, steps=3, stream="sse", image_format="webp")
        assert _format(list(novel.image.generate_stream(parameters))[-1]) == "WEBP"


def _from_images(novel: Any) -> None:
    for model in MODELS:
        with check(f"images: {model} draws from an image"):
            parameters = _make_parameters(model=model, i2i=I2iParams(image=picture(), strength=0.5))
            assert novel.image.generate(parameters)[0].size == (128, 64)
    for model in (V45, "nai-diffusion-4-5-curated", "nai-diffusion-4-full", "nai-diffusion-3", "nai-diffusion-5-full"):
        with check(f"images: {model} draws into an image"):
            parameters = _make_parameters(model=model, inpaint=InpaintParams(image=picture(), mask=picture()))
            assert novel.image.generate(parameters)[0].size == (128, 64)
    with check("images: inpainting with V5 Curated, for which the client has a wrong name, is refused with 400"):
        parameters = _make_parameters(
            model="nai-diffusion-5-curated", inpaint=InpaintParams(image=picture(), mask=picture())
        )
        raised(InvalidRequestError, lambda: novel.image.generate(parameters))


def _references(novel: Any) -> None:
    for model in (V45, "nai-diffusion-4-full"):
        with check(f"vibes: {model} has one encoded, and takes it"):
            vibe = ControlNetImage(image=picture(), controlnet_model=model)
            before = novel.user.get_anlas()
            assert novel.image.generate(_make_parameters(model=model, controlnet=ControlNet(images=[vibe])))
            assert novel.image.generate(_make_parameters(model=model, controlnet=ControlNet(images=[vibe])))
            assert before - novel.user.get_anlas() == 2
    with check("references: a precise one costs 5 Anlas"):
        before = novel.user.get_anlas()
        assert novel.image.generate(_make_parameters(character_references=[CharacterReference(image=picture())]))
        assert before - novel.user.get_anlas() == 5
    with check("characters: each stands where it is put"):
        characters = [Character(prompt="girl", position="A1"), Character(prompt="boy", position=(0.9, 0.9))]
        (image,) = novel.image.generate(_make_parameters(characters=characters))
        said = json.loads(image.info["Comment"])["v4_prompt"]["caption"]["char_captions"]
        assert [each["centers"] for each in said] == [[{"x": 0.1, "y": 0.1}], [{"x": 0.9, "y": 0.9}]]


def _prices(novel: Any) -> None:
    for samples, steps in ((1, 23), (2, 23), (1, 29)):
        with check(f"prices: {samples} with {steps} steps cost what the client reckons"):
            parameters = _make_parameters(n_samples=samples, steps=steps, size=(512, 768))
            before = novel.user.get_anlas()
            novel.image.generate(parameters)
            assert before - novel.user.get_anlas() == parameters.calculate_anlas(is_opus=True).total_anlas


def _make_parameters(**changed: Any) -> Any:
    return GenerateImageParams(**{**SMALL, **changed})


def _format(chunk: Any) -> str | None:
    return Image.open(BytesIO(b64decode(chunk.image))).format
