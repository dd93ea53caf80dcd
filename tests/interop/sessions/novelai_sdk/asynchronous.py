"""The same on asyncio, as far as it differs."""

from __future__ import annotations

from novelai.types import GenerateImageParams, GenerateImageStreamParams, LineArtParams

from ..checking import check
from .client import SMALL, async_client, picture


async def session() -> None:
    """All of it."""
    async with async_client() as novel:
        with check("asyncio: an image"):
            (image,) = await novel.image.generate(GenerateImageParams(**SMALL))
            assert image.size == (128, 64)
        with check("asyncio: a stream"):
            parameters = GenerateImageStreamParams(**SMALL, steps=5, stream="sse")
            kinds = [chunk.event_type async for chunk in novel.image.generate_stream(parameters)]
            assert kinds == 4 * ["intermediate"] + ["final"]
        with check("asyncio: a director tool"):
            (image,) = await novel.tools.augment(LineArtParams(image=picture()))
            assert image.size == (128, 64)
        with check("asyncio: what is left"):
            assert await novel.user.get_anlas() > 0
