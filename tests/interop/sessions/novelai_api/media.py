"""Speech, and tags that are suggested."""

from __future__ import annotations

from typing import Any

from novelai_api.ImagePreset import ImageModel

from ..checking import check
from .novel import Novel


async def session(novel: Novel) -> None:
    """All of it."""
    api = await novel.member()
    await _speech(api)
    await _tags(api)


async def _speech(api: Any) -> None:
    for version, seed, voice in (("v2", "Anananan", -1), ("v1", "", 17)):
        with check(f"voice: {version} speaks MP3"):
            data = await api.low_level.generate_voice("Once upon a time", seed, voice, False, version)
            assert data.startswith(b"\xff\xfb")
        with check(f"voice: {version} speaks Opus in WebM"):
            data = await api.low_level.generate_voice("Once upon a time", seed, voice, True, version)
            assert data.startswith(b"\x1aE\xdf\xa3")


async def _tags(api: Any) -> None:
    for model in (ImageModel.Anime_v3, ImageModel.Anime_v4_Full):
        with check(f"tags: {model.name} is suggested tags that contain a beginning"):
            suggestions = await api.low_level.suggest_tags("hair", model)
            assert suggestions["tags"]
            assert all("hair" in tag["tag"] for tag in suggestions["tags"])
