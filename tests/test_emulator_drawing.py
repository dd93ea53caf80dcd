"""The pictures that the emulator draws: their size, what they depend on, what they say, who signed them.

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
from nai_proto.codecs.picture import Place, copies, read_metadata
from nai_proto.codecs.pixels import Pixels, Plane, read_pixels, write_png, write_webp
from nai_proto.codecs.signature import TEST_VERIFY_KEY, VERIFY_KEY, verify
from nai_proto.emulator import Account, Emulator
from nai_proto.emulator.images.pixel_operations import make_mask, merge, mix, resample, scale_up
from nai_proto.errors import ServerError
from nai_proto.testing import run_in_memory
from tests.support import with_token

from .support import an_emulator

SOURCE = scale_up(Pixels(24, 16, bytes(range(256)) * 6), 8)  # 192 × 128 RGBA
SOURCE_PNG = write_png(SOURCE)
V45 = "nai-diffusion-4-5-full"


def generated(prompt: str = "a swan", among: tuple[Emulator, Account] | None = None, **options: Any) -> list[bytes]:
    emulator, owner = among or an_emulator()
    options = {"model": V45, "seed": 7, "steps": 2, **({} if "image" in options else {"size": (192, 128)}), **options}
    made = run_in_memory(with_token(owner.persistent_token, image.generate(prompt, **options)), emulator).result
    return [each.data for each in made]


def opened(data: bytes) -> Pillow.Image:
    picture = Pillow.open(io.BytesIO(data))
    picture.load()
    return picture


# ---- what is drawn


@pytest.mark.parametrize("size", [(64, 64), (832, 1216), (2048, 1536), (64, 3072)])
def test_a_picture_has_the_size_that_is_asked_for_and_pillow_reads_it(size: tuple[int, int]) -> None:
    (data,) = generated(size=size, steps=28)
    picture = opened(data)
    assert (picture.format, picture.size, picture.mode) == ("PNG", size, "RGBA")
    pixels = read_pixels(data)
    assert picture.tobytes() == pixels.data


def test_equal_requests_are_equal_pictures_and_others_are_others() -> None:
    first = generated()
    assert generated() == first
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
        {"image": b"\xff\xd8\xff no picture", "size": (192, 128)},
    ]
    pixels = {read_pixels(first[0]).data}
    for options in others:
        prompt = options.pop("prompt", "a swan")
        (data,) = generated(prompt, **options)
        seen.add(data)
        pixels.add(read_pixels(data).rgb)
    assert len(seen) == len(pixels) == 1 + len(others)


def test_a_sample_is_what_the_request_for_it_alone_would_give() -> None:
    several = generated(n_samples=3)
    assert len(set(several)) == 3
    for at, data in enumerate(several):
        (alone,) = generated(seed=7 + at)
        assert read_pixels(data).rgb == read_pixels(alone).rgb


def test_who_says_no_seed_gets_another_each_time_and_the_same_ones_in_each_run() -> None:
    def seeds() -> list[int]:
        emulator, owner = an_emulator()
        flows = [image.generate("a swan", model=V45, size=(64, 64), extra={"seed": None}) for _ in range(3)]
        made = [run_in_memory(with_token(owner.persistent_token, flow), emulator).result[0] for flow in flows]
        found = [read_metadata(each.data) for each in made]
        return [each.parameters()["seed"] for each in found if each is not None]

    assert len(set(seeds())) == 3
    assert seeds() == seeds()


def test_img2img_shows_as_much_of_its_source_as_strength_leaves() -> None:
    def far(strength: float) -> int:
        (data,) = generated(image=SOURCE_PNG, strength=strength)
        pairs = zip(read_pixels(data).rgb[::7], SOURCE.rgb[::7], strict=True)
        return sum(abs(one - other) for one, other in pairs)

    distances = [far(strength) for strength in (0.01, 0.3, 0.6, 0.99)]
    assert distances == sorted(distances)
    assert distances[0] < distances[-1] / 10


def test_a_source_of_another_size_is_fitted() -> None:
    (data,) = generated(image=SOURCE_PNG, strength=0.01, size=(384, 256))
    half = resample(read_pixels(data), 192, 128)
    assert max(abs(one - other) for one, other in zip(half.rgb, SOURCE.rgb, strict=True)) <= 3


def test_a_source_may_be_grey() -> None:
    out = io.BytesIO()
    Pillow.new("L", (192, 128), 77).save(out, "PNG")
    pixels = read_pixels(generated(image=out.getvalue(), strength=0.01)[0])
    assert {abs(byte - 77) // 4 for byte in pixels.rgb} == {0}


def test_a_source_larger_than_any_picture_is_not_looked_at() -> None:
    def kept(height: int) -> bool:
        source = write_png(Pixels(2048, height, b"\x80" * (3 * 2048 * height)))
        (data,) = generated(image=source, size=(64, 64), strength=0.01)
        return max(abs(byte - 128) for byte in read_pixels(data).rgb) <= 3

    assert kept(1536)
    assert not kept(1537)


@pytest.mark.parametrize("form", ["grey blocks", "grey pixels", "RGB", "RGBA"])
def test_infill_keeps_what_is_black_in_the_mask(form: str) -> None:
    mask = image.box_mask(192, 128, [(64, 32, 128, 96)])
    if form != "grey blocks":
        grey = opened(mask).resize((192, 128), Pillow.Resampling.NEAREST)
        out = io.BytesIO()
        (grey if form == "grey pixels" else grey.convert(form)).save(out, "PNG")
        mask = out.getvalue()
    (data,) = generated(image=SOURCE_PNG, mask=mask)
    pixels = read_pixels(data).rgb
    inside = [96 + 192 * 64, 64 + 192 * 32, 127 + 192 * 95]
    outside = [0, 63 + 192 * 64, 128 + 192 * 64, 96 + 192 * 31, 96 + 192 * 96]
    assert all(pixels[3 * at : 3 * at + 3] == SOURCE.rgb[3 * at : 3 * at + 3] for at in outside)
    assert sum(pixels[3 * at : 3 * at + 3] != SOURCE.rgb[3 * at : 3 * at + 3] for at in inside) >= 2


def test_where_mask_or_source_cannot_be_read_all_is_drawn_anew() -> None:
    mask = image.box_mask(192, 128, [(0, 0, 8, 8)])
    torn = write_png(Pixels(192, 128, bytes(3 * 192 * 128)))
    torn = torn[:41] + b"\0\0" + torn[43:]  # its IDAT does not inflate
    whole = read_pixels(generated(image=SOURCE_PNG, mask=torn)[0]).rgb
    assert sum(a != b for a, b in zip(whole, SOURCE.rgb, strict=True)) > len(whole) // 2
    assert whole != read_pixels(generated(image=SOURCE_PNG, mask=b"none", validate=False)[0]).rgb
    jpeg = b"\xff\xd8\xff" + bytes(20)
    assert len(generated(image=jpeg, mask=mask, size=(192, 128))) == 1


@pytest.mark.parametrize("form", ["1", "P", "JPEG"])
def test_a_source_and_a_mask_of_any_form_are_seen(form: str) -> None:
    out, mask = io.BytesIO(), io.BytesIO()
    black = Pillow.new("RGB", (192, 128), (90, 90, 90))
    black.save(out, "JPEG") if form == "JPEG" else black.convert(form).save(out, "PNG")
    Pillow.new("1" if form == "JPEG" else form, (192, 128)).save(mask, "PNG")
    kept = read_pixels(generated(image=out.getvalue(), mask=mask.getvalue(), size=(192, 128))[0]).rgb
    assert kept == read_pixels(out.getvalue()).rgb


def test_without_pillow_what_has_to_be_encoded_by_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    emulator, owner = an_emulator()
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert len(generated(among=(emulator, owner))) == 1
    flow = image.generate("a swan", model=V45, size=(64, 64), seed=1, image_format="webp")
    streamed = image.generate_stream("a swan", model=V45, size=(64, 64), seed=1)
    before = owner.profile.anlas
    for each in (flow, streamed):
        error = run_in_memory(with_token(owner.persistent_token, each), emulator).error
        assert isinstance(error, ServerError)
        assert error.status == 501
        assert "pip install 'nai-proto[image]'" in str(error)
    assert owner.profile.anlas == before


def test_v5_leaves_out_the_background_where_that_is_wished_for() -> None:
    def alphas(**options: Any) -> set[int]:
        plane = read_pixels(generated(**options)[0]).alpha
        assert plane is not None
        return {each | 1 for each in plane.data}

    assert alphas(model="nai-diffusion-5-full", transparent=True) == {1, 255}
    assert alphas(model="nai-diffusion-5-full") == {255}
    assert alphas(model=V45, prompt="transparent background") == {255}


# ---- bytes of pictures


def test_cells_become_squares_and_squares_cells() -> None:
    cells = Pixels(2, 2, bytes(range(12)))
    large = scale_up(cells, 3)
    assert (large.width, large.height) == (6, 6)
    assert large.data[:18] == bytes((0, 1, 2)) * 3 + bytes((3, 4, 5)) * 3
    assert large.data[-9:] == bytes((9, 10, 11)) * 3
    assert resample(large, 2, 2) == cells


def test_what_is_mixed_never_runs_over() -> None:
    every = bytes(range(256))
    for share in (0, 0.1, 1 / 3, 0.5, 0.7, 0.99, 1):
        for other in (0, 1, 127, 254, 255):
            made = mix(every, bytes((other,)) * 256, share)
            assert all(
                abs(got - (byte * (1 - share) + other * share)) <= 1 for byte, got in zip(every, made, strict=True)
            )
    assert merge(b"abcd", b"efgh", b"\xff\0\xff\0") == b"ebgd"
    assert make_mask(Plane(2, 1, b"\x7f\x80"), 16, 8) == (bytes(32) + b"\xff" * 32) * 8


# ---- what they say


KEYS = """
prompt steps height width scale uncond_scale cfg_rescale seed n_samples noise_schedule legacy_v3_extend
reference_information_extracted_multiple reference_strength_multiple extra_passthrough_testing v4_prompt v4_negative_prompt
director_reference_strengths director_reference_descriptions director_reference_information_extracted
director_reference_secondary_strengths sampler controlnet_strength controlnet_model dynamic_thresholding
dynamic_thresholding_percentile dynamic_thresholding_mimic_scale sm sm_dyn skip_cfg_above_sigma skip_cfg_below_sigma
lora_unet_weights lora_clip_weights deliberate_euler_ancestral_bug prefer_brownian cfg_sched_eligibility
explike_fine_detail minimize_sigma_inf uncond_per_vibe wonky_vibe_correlation stream version uc request_type signed_hash
"""
"""Of a picture of V4.5, in their order.

See docs/protocol/image.md#81-png-text.
"""


def said(data: bytes) -> dict[str, Any]:
    found = read_metadata(data)
    assert found is not None
    return found.parameters()


def test_a_picture_says_what_pictures_of_v4_5_say() -> None:
    (data,) = generated(negative_prompt="lowres")
    info = opened(data).info
    assert list(info) == ["Title", "Description", "Software", "Source", "Generation_time", "Comment"]
    assert info["Title"] == "AI generated image"
    assert info["Description"] == "a swan, very aesthetic, masterpiece, no text"
    assert (info["Software"], info["Source"]) == ("NovelAI", "NovelAI Diffusion V4.5 4BDE2A90")
    assert 0 < float(info["Generation_time"]) < 1
    assert json.dumps(json.loads(info["Comment"])) == info["Comment"]
    comment = said(data)
    assert list(comment) == KEYS.split()
    assert (comment["prompt"], comment["seed"], comment["steps"]) == (info["Description"], 7, 2)
    assert '"scale": 5.0, "uncond_scale": 0.0, "cfg_rescale": 0.0, "seed": 7' in info["Comment"]
    assert comment["uc"].endswith("lowres")
    assert comment["v4_negative_prompt"]["caption"]["base_caption"] == comment["uc"]
    assert list(comment["v4_prompt"]) == ["caption", "use_coords", "use_order", "legacy_uc"]
    assert comment["request_type"] == "PromptGenerateRequest"


def test_both_copies_say_the_same_but_for_the_title() -> None:
    texts, alpha = copies(generated()[0])
    assert (texts.place, alpha.place) == (Place.TEXT, Place.ALPHA)
    assert dict(alpha.texts) == {name: text for name, text in texts.texts.items() if name != "Title"}


def test_a_prompt_beyond_latin_1_is_said_too_and_nul_is_left_out() -> None:
    info = opened(generated("白鳥 ♥", quality="none")[0]).info
    assert info["Description"] == "白鳥 ♥"
    assert json.loads(info["Comment"])["prompt"] == "白鳥 ♥"
    assert info["Comment"].isascii()
    assert opened(generated("a\0b", quality="none")[0]).info["Description"] == "ab"


@pytest.mark.parametrize("model", image.MODELS, ids=lambda model: model.id)
def test_each_family_says_what_it_has(model: image.ImageModel) -> None:
    (data,) = generated(model=model)
    comment = said(data)
    info = opened(data).info
    assert ("v4_prompt" in comment) is model.family.structured
    assert ("model_hash" in comment) is (model.generation is image.Generation.V5)
    if model.generation is image.Generation.V5:
        assert info["Source"] == f"{comment['model_name']} {comment['model_hash']}"
        assert (comment["tag_hint_qt"], comment["tag_hint_uc_preset"]) == (1, 2)
        forced = said(generated(model=model, extra={"noise_schedule": "exponential"})[0])
        assert forced["noise_schedule"] == comment["noise_schedule"] == "karras"
    assert ("cfg_rescale" in comment) is (model.generation is not image.Generation.V1)
    assert ("reference_strength_multiple" in comment) is bool(model.family.vibes)
    assert list(comment)[-2:] == ["request_type", "signed_hash"]


def test_a_source_and_vibes_are_told_of() -> None:
    comment = said(generated(image=SOURCE_PNG, strength=0.4, vibes=[image.EncodedVibe(b"\1\2\3", 0.25)])[0])
    assert comment["request_type"] == "Img2ImgRequest"
    assert (comment["strength"], comment["noise"], comment["extra_noise_seed"]) == (0.4, 0.0, 6)
    assert comment["reference_image_multiple"] == [b64encode(b"\1\2\3").decode()]
    assert comment["reference_strength_multiple"] == [0.25]
    mask = image.box_mask(192, 128, [])
    comment = said(generated(image=SOURCE_PNG, mask=mask, inpaint_img2img_strength=0.5)[0])
    assert (comment["request_type"], comment["inpaintImg2ImgStrength"]) == ("NativeInfillingRequest", 0.5)


def test_references_are_told_of_twice_and_their_images_matter() -> None:
    black, white = (write_png(Pixels(1472, 1472, each * (3 * 1472 * 1472))) for each in (b"\0", b"\xff"))
    (data,) = generated(references=[image.Reference(black, "style", 0.8, 0.75)])
    comment = said(data)
    (other,) = generated(references=[image.Reference(white, "style", 0.8, 0.75)])
    assert said(other).keys() == comment.keys()
    assert read_pixels(other).rgb != read_pixels(data).rgb
    assert comment["director_reference_strengths"] == [0.8]
    assert comment["director_reference_secondary_strengths"] == [0.25]
    assert comment["director_reference_descriptions"][0]["caption"]["base_caption"] == "style"
    assert comment["extra_passthrough_testing"]["director_reference_strengths"] == [0.8]


# ---- who signed them


def official(pixels: Pixels, comment: str) -> bool:
    """The rule of the service's own reader: colours, then the text without the signature.

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


@pytest.mark.parametrize("model", image.MODELS, ids=lambda model: model.id)
def test_every_copy_is_signed_with_the_test_key_and_not_by_the_service(model: image.ImageModel) -> None:
    (data,) = generated(model=model)
    pixels = read_pixels(data)
    found = copies(data)
    assert len(found) == 2
    newest = model.generation is image.Generation.V5
    for each in found:
        assert each.comment is not None
        assert verify(pixels, each.comment, TEST_VERIFY_KEY)
        assert not verify(pixels, each.comment, VERIFY_KEY)
        assert official(pixels, each.comment) is not newest
    altered = Pixels(pixels.width, pixels.height, bytes((pixels.data[0] ^ 1,)) + pixels.data[1:])
    assert not verify(altered, found[0].comment or "", TEST_VERIFY_KEY)


# ---- WebP


@pytest.mark.parametrize("model", [V45, "nai-diffusion-5-full", "nai-diffusion-3"])
def test_webp_holds_the_same_picture_and_says_the_same(model: str) -> None:
    (plain,), (data,) = generated(model=model), generated(model=model, image_format="webp")
    picture = opened(data)
    assert (picture.format, picture.size, picture.mode) == ("WEBP", (192, 128), "RGBA")
    pixels = Pixels(192, 128, picture.tobytes())
    assert pixels.rgb == read_pixels(plain).rgb
    assert read_pixels(data) == pixels
    outside, hidden = copies(data)
    drawn = read_metadata(plain)
    assert drawn is not None
    assert (outside.place, hidden.place) == (Place.EXIF, Place.ALPHA)
    for name in ("Title", "Description", "Source", "Generation_time", "Comment"):
        assert outside.texts[name] == drawn.texts[name]
    assert outside.comment == hidden.comment
    assert verify(pixels, outside.comment or "", TEST_VERIFY_KEY)


def test_a_source_in_webp_is_as_good_as_one_in_png() -> None:
    plain = generated(image=SOURCE_PNG)[0]
    assert plain != generated(image=write_webp(SOURCE), size=(192, 128))[0]
    close = read_pixels(generated(image=write_webp(SOURCE), size=(192, 128), strength=0.01)[0])
    assert max(abs(one - other) for one, other in zip(close.rgb, SOURCE.rgb, strict=True)) <= 3


def test_webp_is_named_so() -> None:
    emulator, owner = an_emulator()
    flow = image.generate("a swan", model=V45, size=(64, 64), steps=1, n_samples=2, image_format="webp")
    made = run_in_memory(with_token(owner.persistent_token, flow), emulator).result
    assert [(each.name, each.format) for each in made] == [("image_0.webp", "webp"), ("image_1.webp", "webp")]
