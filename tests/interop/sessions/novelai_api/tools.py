"""What is done with images that there are: director tools, vibes, control nets, upscaling, each at its host."""

from __future__ import annotations

from base64 import b64decode, b64encode
from io import BytesIO
from typing import Any

from novelai_api.DirectorToolsPreset import DirectorToolsPreset, RequestType
from novelai_api.ImagePreset import ControlNetModel, ImageModel
from PIL import Image

from ..checking import check
from .novel import Novel, refused

SIZE = (96, 64)


def picture(size: tuple[int, int] = SIZE) -> bytes:
    """A PNG as Pillow writes it."""
    file = BytesIO()
    Image.radial_gradient("L").resize(size).convert("RGB").save(file, "PNG")
    return file.getvalue()


def opened(data: bytes) -> Image.Image:
    """An image to its last pixel."""
    image = Image.open(BytesIO(data))
    image.load()
    return image


async def session(novel: Novel) -> None:
    """All of it; addresses are apart."""
    api = await novel.bearer()
    await _director(api)
    await _vibes(api)
    await _controlnet(api)
    await _upscaling(api)


async def anlas(api: Any) -> int:
    """What the account has left."""
    left = (await api.low_level.get_subscription())["trainingStepsLeft"]
    balance: int = left["fixedTrainingStepsLeft"] + left["purchasedTrainingSteps"]
    return balance


async def _director(api: Any) -> None:
    high = api.high_level
    tools = {
        RequestType.BG_REMOVAL: high.remove_background,
        RequestType.LINE_ART: high.line_art,
        RequestType.SKETCH: high.sketch,
        RequestType.COLORIZE: high.colorize,
        RequestType.EMOTION: high.emotion,
        RequestType.DECLUTTER: high.declutter,
    }
    for tool, call in tools.items():
        with check(f"director tools: {tool.value} gives an image of the same size"):
            preset = DirectorToolsPreset.from_image(picture())
            preset.prompt, preset.emotion, preset.defry = "blue", "happy", 2
            name, data = await call(preset)
            image = opened(data)
            assert name == "image_0.png"
            assert (image.size, image.mode) == (SIZE, "RGBA" if tool is RequestType.BG_REMOVAL else "RGB")
            assert image.info["Title"] == "AI augmented image"
    with check("director tools: removing a background costs 65 Anlas, the others nothing for Opus"):
        before = await anlas(api)
        for call in tools.values():
            await call(DirectorToolsPreset(64, 96, b64encode(picture()).decode(), emotion="sad"))
        assert before - await anlas(api) == 65
    with check("director tools: a mood that there is not is refused with 400"):
        preset = DirectorToolsPreset.from_image(picture())
        preset.emotion = "hungry"
        assert (await refused(high.emotion(preset)))[0] == 400


async def _vibes(api: Any) -> None:
    high = api.high_level
    for model in (ImageModel.Anime_v4_Full, ImageModel.Anime_v4_Curated, ImageModel.Anime_v45_Full):
        with check(f"vibes: {model.name} has an image encoded, always the same, for 2 Anlas"):
            before = await anlas(api)
            vibes = [await high.encode_vibe(picture(), model, 1.0) for _ in range(2)]
            assert len(b64decode(vibes[0])) == 48916
            assert vibes[0] == vibes[1]
            assert before - await anlas(api) == 4
    with check("vibes: for V3 none is encoded, which is 400"):
        assert (await refused(high.encode_vibe(picture(), ImageModel.Anime_v3, 1.0)))[0] == 400


async def _controlnet(api: Any) -> None:
    for model in ControlNetModel:
        with check(f"control nets: {model.name} is annotated at the api host"):
            name, data = await api.low_level.generate_controlnet_mask(model, b64encode(picture()).decode())
            assert name == "image_0.png"
            assert opened(data).size == SIZE


async def _upscaling(api: Any) -> None:
    low, source = api.low_level, b64encode(picture()).decode()
    for scale in (2, 4):
        with check(f"upscaling: {scale} times at the api host, where a switch has kept it"):
            _, data = await low.upscale_image(source, *SIZE, scale)
            assert opened(data).size == (SIZE[0] * scale, SIZE[1] * scale)
    with check("upscaling: what is too large is refused with 400"):
        large = b64encode(picture((1100, 1000))).decode()
        status, message = await refused(low.upscale_image(large, 1100, 1000, 2))
        assert (status, message.partition(":")[0]) == (400, "image is too large to upscale")
    with check("upscaling: without the switch the old body is refused with 400 and its two blanks"):
        async with Novel.connected() as here:
            call = (await here.bearer()).low_level.upscale_image(source, *SIZE, 2)
            assert await refused(call) == (400, "Validation error: model  doesn't exist")
