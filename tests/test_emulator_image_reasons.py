"""Each refusal of an image says in ``X-Emulator-Reason`` what to change.

See docs/protocol/image.md#211-errors.
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Any

from tests.cases import for_each

from .image_support import PNG
from .support import an_emulator
from .test_emulator import send_request
from .test_emulator_images import body

BASE64 = b64encode(PNG).decode()
V45 = "nai-diffusion-4-5-full"


@for_each(
    "sent, status, said",
    [
        (body(v4_prompt=None), 500, "V4 and newer need v4_prompt;"),
        (body(v4_negative_prompt=None), 500, "V4 and newer need v4_negative_prompt"),
        (body(sm=True), 500, "sm"),
        (body("nai-diffusion-5-full", reference_image_multiple=[BASE64]), 500, "vibes"),
        (body(sampler="ddim"), 500, "sampler ddim"),
        (body("V4.5 Full"), 400, "id"),
        (body(f"{V45}-inpainting"), 400, "infill"),
        (body(V45, "infill", image=BASE64, mask=BASE64), 400, "inpainting model"),
        (body(image=BASE64), 400, "img2img or infill"),
        (body(action="img2img"), 400, "parameters.image"),
        (body(f"{V45}-inpainting", "infill", image=BASE64), 400, "parameters.mask"),
        (body("nai-diffusion-4-full", director_reference_images=[BASE64]), 400, "Only V4.5"),
        (body(action="img2img", image=f"data:image/png;base64,{BASE64}"), 400, "without a data: prefix"),
        (body(action="img2img", image=b64encode(b"<html>").decode()), 400, "a web page"),
        (body(action="img2img", image=b64encode(PNG[:-20]).decode()), 400, "damaged or missing"),
        (body(action="img2img", image_cache_secret_key="ab"), 400, "invalidKeys"),
        (body(width=65), 400, "multiple of 64"),
        (b"no JSON", 400, "no JSON object"),
    ],
)
def test_a_refused_generation_says_why(sent: Any, status: int, said: str) -> None:
    emulator, owner = an_emulator()
    for path in ("/ai/generate-image", "/ai/generate-image-stream"):
        head, _ = send_request(emulator, "POST", path, sent, owner=owner)
        reason = head.headers.get("x-emulator-reason") or ""
        assert (head.status, said in reason) == (status, True), reason
        assert BASE64[:40] not in reason


@for_each(
    "path, sent, said",
    [
        ("/ai/upscale", {"model": V45, "image": BASE64}, "nai-diffusion-5-curated"),
        ("/ai/encode-vibe", {"model": "nai-diffusion-3", "image": BASE64}, "V4.5"),
        ("/ai/augment-image", {"req_type": "lineart"}, "image is required"),
        ("/ai/annotate-image", {"model": "quux", "parameters": {"image": BASE64}}, "canny"),
    ],
)
def test_a_refused_tool_says_why(path: str, sent: dict[str, Any], said: str) -> None:
    emulator, owner = an_emulator()
    head, _ = send_request(emulator, "POST", path, sent, owner=owner)
    assert (head.status, said in (head.headers.get("x-emulator-reason") or "")) == (400, True)


@for_each("path", ["/ai/upscale", "/ai/encode-vibe", "/ai/generate-image"])
def test_an_account_without_anlas_reads_what_it_costs(path: str) -> None:
    emulator, owner = an_emulator()
    owner.profile.anlas = owner.profile.bought_anlas = 0
    sent: dict[str, Any] = {
        "/ai/upscale": {"model": "nai-diffusion-5-curated", "image": BASE64},
        "/ai/encode-vibe": {"model": V45, "image": BASE64},
        "/ai/generate-image": body(steps=29),
    }[path]
    head, _ = send_request(emulator, "POST", path, sent, owner=owner)
    reason = head.headers.get("x-emulator-reason") or ""
    assert head.status == 402
    assert re.search(r"costs [1-9]\d* Anlas.* has 0 Anlas", reason)
