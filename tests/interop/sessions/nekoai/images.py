"""Images: by every model, as an archive from V3 and as msgpack frames from all others."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from nekoai import Action, APIError, EventType, Metadata, Model
from nekoai.constant import is_v4_model

from ..checking import check, failed
from ..pictures import JPEG, drawing, shape
from .neko import anlas

SMALL = {"width": 128, "height": 64, "seed": 7}
SIZE = (128, 64, "RGBA")
SOURCE = b64encode(drawing(128, 64)).decode()
PAINTING = [model for model in Model if model.value.endswith("inpainting")]


async def session(client: Any) -> None:
    """All of it."""
    await _drawing(client)
    await _streams(client)
    await _from_images(client)
    await _vibes(client)
    await _prices(client)
    await _refusals(client)


async def _drawing(client: Any) -> None:
    for model in (model for model in Model if model not in PAINTING):
        form = "frames" if is_v4_model(model) else "an archive"
        with check(f"images: {model.name} draws, and comes in {form}"):
            for preset in (0, 1, 2, 3):
                (image,) = await client.generate_image(
                    prompt="a lighthouse", model=model, ucPreset=preset, negative_prompt="fog", **SMALL
                )
                assert shape(image.data) == SIZE
    with check("images: of three each is another"):
        images = await client.generate_image(prompt="a lighthouse", n_samples=3, **SMALL)
        assert len({image.data for image in images}) == 3


async def _streams(client: Any) -> None:
    for model in (Model.V4, Model.V4_CUR, Model.V4_5, Model.V4_5_CUR):
        with check(f"streams: {model.name} shows a JPEG for each step, and a PNG"):
            metadata = Metadata(prompt="a lighthouse", model=model, steps=12, **SMALL)
            events = [event async for event in client.generate_image_stream(metadata)]
            assert [event.event_type for event in events] == 11 * [EventType.INTERMEDIATE] + [EventType.FINAL]
            assert [event.step_ix for event in events[:-1]] == [*range(11)]
            assert all(event.image.data.startswith(JPEG) for event in events[:-1])
            assert [event.sigma for event in events[:-1]] == sorted(
                (event.sigma for event in events[:-1]), reverse=True
            )
            assert shape(events[-1].image.data) == SIZE
            assert len({event.gen_id for event in events}) == 1
    with check("streams: several samples each end with a PNG"):
        metadata = Metadata(prompt="a lighthouse", n_samples=2, steps=5, **SMALL)
        events = [event async for event in client.generate_image_stream(metadata)]
        assert [event.samp_ix for event in events if event.event_type is EventType.FINAL] == [0, 1]


async def _from_images(client: Any) -> None:
    for model in (Model.V3, Model.FURRY, Model.V4, Model.V4_5_CUR):
        with check(f"images: {model.name} draws from an image"):
            (image,) = await client.generate_image(
                prompt="a lighthouse", model=model, action=Action.IMG2IMG, image=SOURCE, strength=0.5, **SMALL
            )
            assert shape(image.data) == SIZE
    for model in PAINTING:
        with check(f"images: {model.name} draws into an image"):
            (image,) = await client.generate_image(
                prompt="a lighthouse", model=model, action=Action.INPAINT, image=SOURCE, mask=SOURCE, **SMALL
            )
            assert shape(image.data) == SIZE


async def _vibes(client: Any) -> None:
    with check("vibes: V3 takes an image as it is"):
        assert await client.generate_image(prompt="fog", model=Model.V3, reference_image_multiple=[SOURCE], **SMALL)
    with check("vibes: V4 and later take it encoded, once for each model and 2 Anlas"):
        before = await anlas(client)
        for model in (Model.V4, Model.V4_5, Model.V4):
            assert await client.generate_image(
                prompt="fog",
                model=model,
                reference_image_multiple=[SOURCE],
                reference_information_extracted_multiple=[0.5],
                reference_strength_multiple=[0.6],
                **SMALL,
            )
        assert before - await anlas(client) == 4


async def _prices(client: Any) -> None:
    for samples, steps in ((1, 28), (2, 28), (1, 29)):
        with check(f"prices: {samples} with {steps} steps cost what the client reckons"):
            metadata = Metadata(prompt="a lighthouse", n_samples=samples, steps=steps, width=512, height=768)
            before = await anlas(client)
            await client.generate_image(metadata)
            assert before - await anlas(client) == metadata.calculate_cost(is_opus=True)


async def _refusals(client: Any) -> None:
    with check("images: inpainting with another model is refused with 400 and the service's words"):
        call = client.generate_image(
            prompt="fog", model=Model.V4, action=Action.INPAINT, image=SOURCE, mask=SOURCE, **SMALL
        )
        assert "Model nai-diffusion-4-full doesn't support action infill" in str(await failed(APIError, call))
