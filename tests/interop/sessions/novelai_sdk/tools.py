"""What is done with images that there are."""

from __future__ import annotations

from typing import Any

from novelai.exceptions import InvalidRequestError
from novelai.types import (
    BackgroundRemovalParams,
    ColorizeParams,
    DeclutterParams,
    EmotionParams,
    LineArtParams,
    SketchParams,
    UpscaleParams,
)

from ..checking import check, raised
from .client import picture


def session(novel: Any) -> None:
    """All of it."""
    source = picture()
    for params in (
        LineArtParams(image=source),
        SketchParams(image=source),
        BackgroundRemovalParams(image=source),
        DeclutterParams(image=source),
        DeclutterParams(image=source, keep_bubbles=True),
        ColorizeParams(image=source, prompt="blue", defry=2),
        EmotionParams(image=source, emotion="happy", prompt="a hat", defry=1),
    ):
        tool = params._req_type()
        with check(f"director tools: {tool} gives images of the same size, for the price that the client reckons"):
            before = novel.user.get_anlas()
            images = novel.tools.augment(params)
            masked = tool == "bg-removal"
            assert [image.mode for image in images] == (3 * ["RGBA"] if masked else ["RGB"])
            assert {image.size for image in images} == {source.size}
            assert before - novel.user.get_anlas() == params.calculate_anlas(is_opus=True).total_anlas
    with check("upscaling: twice the size for 1 Anlas"):
        before = novel.user.get_anlas()
        (image,) = novel.tools.upscale(UpscaleParams(image=source))
        assert image.size == (256, 128)
        assert before - novel.user.get_anlas() == 1
    with check("upscaling: with another model it is refused with 400"):
        parameters = UpscaleParams(image=source, model="nai-diffusion-4-5-full")
        error = raised(InvalidRequestError, lambda: novel.tools.upscale(parameters))
        assert "doesn't support standalone upscaling" in str(error)
