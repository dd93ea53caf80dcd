"""Rendered images of the emulator: size, determinism, metadata and signature.

See:
    docs/protocol/image.md#8-files-and-metadata
    docs/protocol/image.md#12-notes-for-an-emulator
"""

from __future__ import annotations

import io
import json
import sys
from base64 import b64encode
from typing import Any

import pytest
from PIL import Image as Pillow

from nai_proto import image
from nai_proto.codecs.picture_metadata import examine_picture, read_metadata
from nai_proto.codecs.picture_places import Place
from nai_proto.codecs.picture_signature import TEST_VERIFY_KEY, VERIFY_KEY, verify
from nai_proto.codecs.pixels import Pixels, read_pixels, write_png
from nai_proto.emulator import Account, Emulator
from nai_proto.emulator.images.scaling import scale_up
from nai_proto.errors import ServerError
from nai_proto.testing import run_in_memory
from tests.cases import for_each
from tests.support import with_token

from .support import an_emulator

SOURCE = scale_up(Pixels(24, 16, bytes(range(256)) * 6), 8)  # 192 × 128 RGBA
SOURCE_PNG = write_png(SOURCE)
V45 = "nai-diffusion-4-5-full"


def generate(prompt: str = "a swan", among: tuple[Emulator, Account] | None = None, **options: Any) -> list[bytes]:
    emulator, owner = among or an_emulator()
    options = {"model": V45, "seed": 7, "steps": 2, **({} if "image" in options else {"size": (192, 128)}), **options}
    made = run_in_memory(with_token(owner.persistent_token, image.generate(prompt, **options)), emulator).result
    return [each.data for each in made]


def open_image(data: bytes) -> Pillow.Image:
    picture = Pillow.open(io.BytesIO(data))
    picture.load()
    return picture


# ---- pixels


@pytest.mark.parametrize("size", [(64, 64), (832, 1216), (2048, 1536), (64, 3072)])
def test_an_image_has_the_requested_size_and_pillow_reads_it(size: tuple[int, int]) -> None:
    (data,) = generate(size=size, steps=28)
    picture = open_image(data)
    assert (picture.format, picture.size, picture.mode) == ("PNG", size, "RGBA")
    pixels = read_pixels(data)
    assert picture.tobytes() == pixels.data


def test_equal_requests_give_equal_images_and_different_requests_different_ones() -> None:
    first = generate()
    assert generate() == first
    seen = {first[0]}
    others: list[dict[str, Any]] = [
        {"prompt": "a goose"},
        {"negative_prompt": "lowres"},
        {"seed": 8},
        {"steps": 3},
        {"scale": 6},
        {"size": (128, 192)},
        {"model": "nai-diffusion-4-5-curated"},
        {"model": "nai-diffusion-3"},
        {"model": "nai-diffusion-5-full"},
        {"sampler": "k_euler"},
        {"characters": [image.Character("a girl")]},
        {"vibes": [image.EncodedVibe(b"1")]},
        {"vibes": [image.EncodedVibe(b"2")]},
        {"vibes": [image.EncodedVibe(b"2", 0.1)]},
        {"image": SOURCE_PNG},
        {"image": SOURCE_PNG, "strength": 0.2},
    ]
    pixels = {read_pixels(first[0]).data}
    for options in others:
        prompt = options.pop("prompt", "a swan")
        (data,) = generate(prompt, **options)
        seen.add(data)
        pixels.add(read_pixels(data).rgb)
    assert len(seen) == len(pixels) == 1 + len(others)


def test_a_sample_is_the_image_of_a_request_for_its_seed() -> None:
    several = generate(n_samples=3)
    assert len(set(several)) == 3
    for at, data in enumerate(several):
        (alone,) = generate(seed=7 + at)
        assert read_pixels(data).rgb == read_pixels(alone).rgb


def test_missing_seeds_are_drawn_and_are_the_same_in_each_run() -> None:
    def seeds() -> list[int]:
        emulator, owner = an_emulator()
        flows = [image.generate("a swan", model=V45, size=(64, 64), extra={"seed": None}) for _ in range(3)]
        made = [run_in_memory(with_token(owner.persistent_token, flow), emulator).result[0] for flow in flows]
        found = [read_metadata(each.data) for each in made]
        return [each.parameters()["seed"] for each in found if each is not None]

    assert len(set(seeds())) == 3
    assert seeds() == seeds()


def test_without_pillow_webp_is_refused_with_501_and_a_stream_has_no_previews(monkeypatch: pytest.MonkeyPatch) -> None:
    emulator, owner = an_emulator()
    monkeypatch.setitem(sys.modules, "PIL", None)
    whole = generate(among=(emulator, owner))
    flow = image.generate("a swan", model=V45, size=(64, 64), seed=1, image_format="webp")
    before = owner.profile.anlas
    error = run_in_memory(with_token(owner.persistent_token, flow), emulator).error
    assert isinstance(error, ServerError)
    assert (error.status, owner.profile.anlas) == (501, before)
    stream = image.generate_stream("a swan", model=V45, size=(192, 128), seed=7, steps=2)
    streamed = run_in_memory(with_token(owner.persistent_token, stream), emulator)
    assert [each.data for each in streamed.result] == whole
    assert len(streamed.events) == 1


def test_only_v5_renders_a_transparent_background_on_request() -> None:
    def alphas(**options: Any) -> set[int]:
        plane = read_pixels(generate(**options)[0]).alpha
        assert plane is not None
        return {each | 1 for each in plane.data}

    assert alphas(model="nai-diffusion-5-full", transparent=True) == {1, 255}
    assert alphas(model="nai-diffusion-5-full") == {255}
    assert alphas(model=V45, prompt="transparent background") == {255}


# ---- metadata


KEYS = """
prompt steps height width scale uncond_scale cfg_rescale seed n_samples noise_schedule legacy_v3_extend
reference_information_extracted_multiple reference_strength_multiple extra_passthrough_testing v4_prompt v4_negative_prompt
director_reference_strengths director_reference_descriptions director_reference_information_extracted
director_reference_secondary_strengths sampler controlnet_strength controlnet_model dynamic_thresholding
dynamic_thresholding_percentile dynamic_thresholding_mimic_scale sm sm_dyn skip_cfg_above_sigma skip_cfg_below_sigma
lora_unet_weights lora_clip_weights deliberate_euler_ancestral_bug prefer_brownian cfg_sched_eligibility
explike_fine_detail minimize_sigma_inf uncond_per_vibe wonky_vibe_correlation stream version uc request_type signed_hash
"""
"""Keys of the metadata of V4.5, in their order.

See docs/protocol/image.md#81-png-text.
"""


def read_comment(data: bytes) -> dict[str, Any]:
    found = read_metadata(data)
    assert found is not None
    return found.parameters()


def test_the_metadata_has_the_keys_and_the_order_of_v4_5() -> None:
    (data,) = generate(negative_prompt="lowres")
    info = open_image(data).info
    assert list(info) == ["Title", "Description", "Software", "Source", "Generation_time", "Comment"]
    assert info["Title"] == "AI generated image"
    assert info["Description"] == "a swan, very aesthetic, masterpiece, no text"
    assert (info["Software"], info["Source"]) == ("NovelAI", "NovelAI Diffusion V4.5 4BDE2A90")
    assert 0 < float(info["Generation_time"]) < 1
    assert json.dumps(json.loads(info["Comment"])) == info["Comment"]
    comment = read_comment(data)
    assert list(comment) == KEYS.split()
    assert (comment["prompt"], comment["seed"], comment["steps"]) == (info["Description"], 7, 2)
    assert '"scale": 5.0, "uncond_scale": 0.0, "cfg_rescale": 0.0, "seed": 7' in info["Comment"]
    assert comment["uc"].endswith("lowres")
    assert comment["v4_negative_prompt"]["caption"]["base_caption"] == comment["uc"]
    assert list(comment["v4_prompt"]) == ["caption", "use_coords", "use_order", "legacy_uc"]
    assert comment["request_type"] == "PromptGenerateRequest"


def test_both_copies_of_the_metadata_are_equal_except_for_the_title() -> None:
    texts, alpha = examine_picture(generate()[0]).copies
    assert (texts.place, alpha.place) == (Place.TEXT, Place.ALPHA)
    assert dict(alpha.texts) == {name: text for name, text in texts.texts.items() if name != "Title"}


def test_the_metadata_holds_a_prompt_beyond_latin_1_and_drops_nul() -> None:
    info = open_image(generate("白鳥 ♥", quality="none")[0]).info
    assert info["Description"] == "白鳥 ♥"
    assert json.loads(info["Comment"])["prompt"] == "白鳥 ♥"
    assert info["Comment"].isascii()
    assert open_image(generate("a\0b", quality="none")[0]).info["Description"] == "ab"


@for_each("model", image.MODELS, ids=lambda model: model.id)
def test_each_model_family_has_its_own_metadata_keys(model: image.ImageModel) -> None:
    (data,) = generate(model=model)
    comment = read_comment(data)
    info = open_image(data).info
    assert ("v4_prompt" in comment) is model.family.structured
    assert ("model_hash" in comment) is (model.generation is image.Generation.V5)
    if model.generation is image.Generation.V5:
        assert info["Source"] == f"{comment['model_name']} {comment['model_hash']}"
        assert (comment["tag_hint_qt"], comment["tag_hint_uc_preset"]) == (1, 2)
        forced = read_comment(generate(model=model, extra={"noise_schedule": "exponential"})[0])
        assert forced["noise_schedule"] == comment["noise_schedule"] == "karras"
    assert ("cfg_rescale" in comment) is (model.generation is not image.Generation.V1)
    assert ("reference_strength_multiple" in comment) is bool(model.family.vibes)
    assert list(comment)[-2:] == ["request_type", "signed_hash"]


def test_the_metadata_describes_source_and_vibes() -> None:
    comment = read_comment(generate(image=SOURCE_PNG, strength=0.4, vibes=[image.EncodedVibe(b"\1\2\3", 0.25)])[0])
    assert comment["request_type"] == "Img2ImgRequest"
    assert (comment["strength"], comment["noise"], comment["extra_noise_seed"]) == (0.4, 0.0, 6)
    assert comment["reference_image_multiple"] == [b64encode(b"\1\2\3").decode()]
    assert comment["reference_strength_multiple"] == [0.25]
    mask = image.box_mask(192, 128, [])
    comment = read_comment(generate(image=SOURCE_PNG, mask=mask, inpaint_img2img_strength=0.5)[0])
    assert (comment["request_type"], comment["inpaintImg2ImgStrength"]) == ("NativeInfillingRequest", 0.5)


def test_the_metadata_describes_references_twice_and_their_images_change_the_result() -> None:
    black, white = (write_png(Pixels(1472, 1472, each * (3 * 1472 * 1472))) for each in (b"\0", b"\xff"))
    (data,) = generate(references=[image.PreciseReference(black, "style", 0.8, 0.75)])
    comment = read_comment(data)
    (other,) = generate(references=[image.PreciseReference(white, "style", 0.8, 0.75)])
    assert read_comment(other).keys() == comment.keys()
    assert read_pixels(other).rgb != read_pixels(data).rgb
    assert comment["director_reference_strengths"] == [0.8]
    assert comment["director_reference_secondary_strengths"] == [0.25]
    assert comment["director_reference_descriptions"][0]["caption"]["base_caption"] == "style"
    assert comment["extra_passthrough_testing"]["director_reference_strengths"] == [0.8]


# ---- signatures


def verify_as_the_website(pixels: Pixels, comment: str) -> bool:
    """Verify a signature as the website does: over the colours, then the text without the signature.

    See docs/protocol/image.md#84-signature.
    """
    from base64 import b64decode

    from nacl.exceptions import BadSignatureError
    from nacl.signing import VerifyKey

    document = json.loads(comment)
    signature = b64decode(document.pop("signed_hash"))
    try:
        VerifyKey(TEST_VERIFY_KEY).verify(pixels.rgb + json.dumps(document).encode(), signature)
    except BadSignatureError:
        return False
    return True


@for_each("model", image.MODELS, ids=lambda model: model.id)
def test_every_copy_is_signed_with_the_test_key_and_not_with_the_services(model: image.ImageModel) -> None:
    (data,) = generate(model=model)
    pixels = read_pixels(data)
    found = examine_picture(data).copies
    assert len(found) == 2
    newest = model.generation is image.Generation.V5
    for each in found:
        assert each.comment is not None
        assert verify(pixels, each.comment, TEST_VERIFY_KEY)
        assert not verify(pixels, each.comment, VERIFY_KEY)
        assert verify_as_the_website(pixels, each.comment) is not newest
    changed = Pixels(pixels.width, pixels.height, bytes((pixels.data[0] ^ 1,)) + pixels.data[1:])
    assert not verify(changed, found[0].comment or "", TEST_VERIFY_KEY)


# ---- WebP


@for_each("model", [V45, "nai-diffusion-5-full", "nai-diffusion-3"])
def test_webp_holds_the_same_image_and_the_same_metadata(model: str) -> None:
    (plain,), (data,) = generate(model=model), generate(model=model, image_format="webp")
    picture = open_image(data)
    assert (picture.format, picture.size, picture.mode) == ("WEBP", (192, 128), "RGBA")
    pixels = Pixels(192, 128, picture.tobytes())
    assert pixels.rgb == read_pixels(plain).rgb
    assert read_pixels(data) == pixels
    exif, alpha = examine_picture(data).copies
    plain_metadata = read_metadata(plain)
    assert plain_metadata is not None
    assert (exif.place, alpha.place) == (Place.EXIF, Place.ALPHA)
    for name in ("Title", "Description", "Source", "Generation_time", "Comment"):
        assert exif.texts[name] == plain_metadata.texts[name]
    assert exif.comment == alpha.comment
    assert verify(pixels, exif.comment or "", TEST_VERIFY_KEY)


def test_webp_members_have_the_suffix_webp() -> None:
    emulator, owner = an_emulator()
    flow = image.generate("a swan", model=V45, size=(64, 64), steps=1, n_samples=2, image_format="webp")
    made = run_in_memory(with_token(owner.persistent_token, flow), emulator).result
    assert [(each.name, each.format) for each in made] == [("image_0.webp", "webp"), ("image_1.webp", "webp")]
