"""What is done with images that there are."""

from __future__ import annotations

from typing import Any

from nekoai import Controlnet, EmotionLevel, EmotionOptions

from ..checking import check
from ..pictures import drawing, shape
from .neko import anlas

SIZE = (96, 64)
SOURCE = drawing(*SIZE)


async def session(client: Any) -> None:
    """All of it."""
    for name, call in (
        ("background_removal", client.background_removal),
        ("lineart", client.lineart),
        ("sketch", client.sketch),
        ("declutter", client.declutter),
        ("colorize", lambda source: client.colorize(source, prompt="blue", defry=1)),
    ):
        with check(f"director tools: {name} gives an image of the same size"):
            image = await call(SOURCE)
            assert shape(image.data) == (*SIZE, "RGBA" if name == "background_removal" else "RGB")
    with check("director tools: every emotion in every strength gives another image"):
        moods = [(await client.change_emotion(SOURCE, mood, "a hat")).data for mood in EmotionOptions]
        weaker = [(await client.change_emotion(SOURCE, "sad", "", EmotionLevel(level))).data for level in range(1, 6)]
        assert len({*moods, *weaker}) == len(EmotionOptions) + 5
    for annotator in Controlnet:
        with check(f"control nets: {annotator.name} is annotated at the api host"):
            assert shape((await client.annotate_image(SOURCE, annotator)).data) == (*SIZE, "RGB")
    for scale in (2, 4):
        with check(f"upscaling: {scale} times at the api host, where a switch has kept it, free for Opus"):
            before = await anlas(client)
            image = await client.upscale(SOURCE, scale)
            assert shape(image.data) == (SIZE[0] * scale, SIZE[1] * scale, "RGB")
            assert await anlas(client) == before
