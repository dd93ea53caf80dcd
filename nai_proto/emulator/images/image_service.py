"""The generation service: ``POST /ai/generate-image`` and ``POST /ai/generate-image-stream``.

See:
    docs/protocol/image.md#21-post-aigenerate-image
    docs/protocol/image.md#7-streaming
    docs/protocol/image.md#12-notes-for-an-emulator
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from ...codecs.pillow_images import has_pillow
from ...exchange.reply import Handler, Start, Wait, Write
from ...http import Head, Headers
from ...image.families import Generation
from ...image.price import Price
from ..errors import Refused
from ..http.request_context import EndpointHandler, RequestContext
from ..http.responses import ALLOW_ANY_ORIGIN, compute, ignored_fields
from ..http.throttling import GenerationLock
from ..seeded_random import SeededRandom
from ..switches import Switches
from .billing import charge, check_balance, price_generation
from .decode import TaskImages, decode_task_images
from .refusals import GenerationTask, validate_request
from .render import Sample, make_sample_rng, render_previews
from .request import collect_attachments, read_body
from .response import (
    RenderedPicture,
    count_messages,
    error_message,
    find_framing,
    noise_levels,
    replace_by_reply,
    send_pictures,
)

__all__ = ["ImageService"]

_SEED_BOUND: Final = 2**32 - 8
"""Bound of drawn seeds: seven more samples still have valid seeds."""
_GENERATION_ID_BOUND: Final = 10_000_000
_NO_WEBP: Final = "Install Pillow (the extra 'image') for image_format webp, or ask for png."


class ImageService:
    """Generates images.

    Args:
        seed: Seed of the seeds that requests leave out.
        pace: Seconds per step.
        lock: The account's generation lock.
        switches: Variants of the service's behaviour.
    """

    def __init__(self, seed: str, pace: float, lock: GenerationLock, switches: Switches) -> None:
        self._rng = SeededRandom(seed).fork("seeds")
        self._pace = pace
        self._lock = lock
        self._switches = switches

    def handlers(self) -> Mapping[str, EndpointHandler]:
        """Return the handlers by their names in the table of endpoints."""
        return {
            "generate_image": lambda context: self._handle(context, self._send_whole),
            "generate_image_stream": lambda context: self._handle(context, self._send_stream),
        }

    def _handle(
        self, context: RequestContext, send: Callable[[RequestContext, GenerationTask, TaskImages, Price], Handler]
    ) -> Handler:
        """Check and price the request under the lock, and send the response."""
        body = read_body(context)
        attachments = collect_attachments(body, context.owner.images, self._switches.image_cache)

        def generate() -> Handler:
            task = validate_request(body, attachments, self._draw_seed())
            if task.parameters.image_format == "webp" and not has_pillow():
                raise Refused(501, "this emulator needs Pillow to write WebP", reason=_NO_WEBP)
            price = price_generation(task, context.owner, context.now)
            check_balance(context.owner, price)
            images = yield from compute(lambda: decode_task_images(task))
            yield from send(context, task, images, price)

        yield from self._lock.hold(context.owner, generate)

    def _send_whole(self, context: RequestContext, task: GenerationTask, images: TaskImages, price: Price) -> Handler:
        """Send all images at once."""
        yield from self._wait(task.parameters.steps * task.parameters.n_samples)
        pictures: list[RenderedPicture] = []
        for index in range(task.parameters.n_samples):
            sample = yield from compute(partial(Sample.render, task, images, index))
            pictures.append((yield from compute(sample.encode)))
        self._charge(context, task, price)
        yield from send_pictures(context, pictures, self._switches.image_status, task.ignored)

    def _send_stream(self, context: RequestContext, task: GenerationTask, images: TaskImages, price: Price) -> Handler:
        """Send the messages of one sample after the other. They are paid before the last image is sent.

        Without Pillow, which encodes them, there are no previews.
        """
        framing = find_framing(task)
        fields = [("Content-Type", framing.content_type), ("Cache-Control", "no-cache"), ALLOW_ANY_ORIGIN]
        fields += ignored_fields(task.ignored)
        yield Start(Head(context.endpoint.status, Headers(fields)))
        sigmas = noise_levels(count_messages(task) - 1) if has_pillow() else []
        reply = context.use_reply("picture")
        generation_id = int(make_sample_rng(task, 0).fork("number").uniform() * _GENERATION_ID_BOUND)
        for index in range(task.parameters.n_samples):
            ids = {"samp_ix": index, "gen_id": generation_id}
            sample = yield from compute(partial(Sample.render, task, images, index, len(sigmas)))
            previews = sample.previews
            if reply is not None and reply.picture is not None:
                previews = yield from compute(partial(render_previews, reply.picture, sample.rng, len(sigmas)))
            for step, (sigma, preview) in enumerate(zip(sigmas, previews, strict=False)):
                yield from self._wait()
                message = {"event_type": "intermediate", **ids, "step_ix": step, "sigma": sigma, "image": preview}
                yield Write(framing.encode(message))
            yield from self._wait()
            (picture,) = replace_by_reply(reply, [(yield from compute(sample.encode))])
            if index == task.parameters.n_samples - 1:
                try:
                    self._charge(context, task, price)
                except Refused as refused:  # the account has paid for something else in the meantime
                    yield Write(framing.encode(error_message(refused, index)))
                    return
            yield Write(framing.encode({"event_type": "final", **ids, "image": picture.data}))

    def _wait(self, steps: int = 1) -> Handler:
        """Wait for the time of so many steps."""
        if self._pace:
            yield Wait(self._pace * steps)

    def _charge(self, context: RequestContext, task: GenerationTask, price: Price) -> None:
        charge(context.owner, price, context.now, v5=task.model.generation is Generation.V5)

    def _draw_seed(self) -> int:
        """Return a seed for a request without one."""
        return int(self._rng.uniform() * _SEED_BOUND)
