"""Image generation of the emulator: refused requests, accepted bodies, the cache, and charges.

See:
    docs/protocol/image.md#2-endpoints
    docs/protocol/image.md#3-request-body
    docs/protocol/image.md#9-anlas-price
    docs/protocol/image.md#12-notes-for-an-emulator
"""

from __future__ import annotations

import json
import time
from base64 import b64decode, b64encode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nai_proto import image
from nai_proto.codecs.multipart import FormPart, encode
from nai_proto.codecs.picture_metadata import read_metadata
from nai_proto.codecs.pixels import Pixels
from nai_proto.codecs.zip_archive import unzip
from nai_proto.emulator import Account, Emulator, Switches
from nai_proto.emulator.images.refusals import GenerationTask
from nai_proto.emulator.images.request import Attachments, parse_parameters
from nai_proto.errors import PaymentRequiredError
from nai_proto.image.choices import ImageGenerationType
from nai_proto.image.image_files import png_size
from nai_proto.testing import run_in_memory
from nai_proto.testing.strategies import hostile_bytes
from nai_proto.tier import Tier
from tests.cases import for_each
from tests.hypothesis_profiles import scale_examples
from tests.protocol_data import DATA
from tests.support import with_token

from .image_support import PNG, png
from .support import an_emulator
from .test_emulator import parse_error, send_request

PATH = "/ai/generate-image"
BASE64 = b64encode(PNG).decode()
CAPTION: dict[str, Any] = {"caption": {"base_caption": "", "char_captions": []}, "use_coords": False, "use_order": True}
STRUCTURED: dict[str, Any] = {"v4_prompt": CAPTION, "v4_negative_prompt": {"caption": CAPTION["caption"]}}
INVALID = "Validation error: error validating request: "
SECRET = bytes(range(32))


def body(model: str = "nai-diffusion-4-5-full", action: str = "generate", **parameters: Any) -> dict[str, Any]:
    """Return the body of a small generation of one step. A parameter of None is left out."""
    sent = {"width": 64, "height": 64, "steps": 1, "seed": 7, **STRUCTURED, **parameters}
    sent = {name: value for name, value in sent.items() if value is not None}
    return {"input": "a swan", "model": model, "action": action, "parameters": sent}


def generate(emulator: Emulator, owner: Account, sent: object, **headers: str) -> list[bytes]:
    """Generate images and return the members of the archive."""
    head, answer = send_request(emulator, "POST", PATH, sent, owner=owner, **headers)
    assert head.status == 200, answer
    return [bytes(member.data) for member in unzip(answer)]


def get_refusal(sent: object, **options: Any) -> tuple[int, str]:
    """Return the status and message of a refused request."""
    emulator, owner = an_emulator(**options)
    head, answer = send_request(emulator, "POST", PATH, sent, owner=owner)
    assert answer.endswith(b"}\n")
    assert not owner.generating
    assert owner.profile.anlas == 10_000
    return parse_error((head, answer))


# ---- the checks, in their order


@for_each("model", ["", "Anime V3", "nai-diffusion-5-curated-inpainting", "nai-diffusion-4-curated", None])
def test_an_unknown_model_is_named_in_the_error(model: Any) -> None:
    assert get_refusal(body(model)) == (400, f"Validation error: model {model or ''} doesn't exist")


@for_each(
    "model, action",
    [
        ("nai-diffusion-4-5-full", "infill"),
        ("nai-diffusion-4-5-full-inpainting", "generate"),
        ("nai-diffusion-3-inpainting", "img2img"),
        ("nai-diffusion-3", "image2image"),
    ],
)
def test_a_model_refuses_an_action_that_it_does_not_support(model: str, action: str) -> None:
    assert get_refusal(body(model, action)) == (400, f"Model {model} doesn't support action {action}")


@for_each(
    "parameters, problem",
    [
        ({"width": 65}, "width must be a multiple of 64, and at least 64"),
        ({"height": 0}, "height must be a multiple of 64, and at least 64"),
        ({"height": -64}, "height must be a multiple of 64, and at least 64"),
        ({"width": 2048, "height": 1600}, "image is too large: 3276800 pixels, maximum is 3145728"),
        ({"steps": 0}, "steps must be 1 to 50"),
        ({"steps": 51}, "steps must be 1 to 50"),
        ({"n_samples": 9}, "n_samples must be 1 to 8"),
        ({"n_samples": 0}, "n_samples must be 1 to 8"),
        ({"seed": -1}, "seed must be 0 to 4294967295"),
        ({"seed": 1 << 70}, "seed must be 0 to 4294967295"),
        ({"steps": 1.5}, "Expected `int`, got `float` - at `$.steps`"),
        ({"scale": "5"}, "Expected `float`, got `str` - at `$.scale`"),
        ({"v4_prompt": {"caption": 1}}, "Expected `object`, got `int` - at `$.v4_prompt.caption`"),
        ({"reference_image_multiple": "x"}, "reference_image_multiple is not a list"),
        ({"image": 1}, "image is not a string"),
        ({"image": "not base64"}, "image is not valid base64"),
        ({"image": BASE64}, "image is not allowed for regular generations, use img2img or infill"),
        (
            {"reference_image": BASE64, "reference_image_multiple": [BASE64]},
            "reference_image and reference_image_multiple cannot be set at the same time",
        ),
        (
            {"reference_image_multiple": [BASE64], "director_reference_images": [BASE64]},
            "cannot mix reference and director_reference at the same time, got 1 refs, 1 director refs",
        ),
    ],
)
def test_an_invalid_parameter_is_refused_with_400(parameters: dict[str, Any], problem: str) -> None:
    assert get_refusal(body(**parameters)) == (400, INVALID + problem)


@for_each("place", ["input", "negative_prompt", "base_caption", "char_caption"])
def test_a_prompt_has_at_most_51200_characters(place: str) -> None:
    def sent(size: int) -> dict[str, Any]:
        text = "x" * size
        caption = {"base_caption": text} if place == "base_caption" else {"char_captions": [{"char_caption": text}]}
        match place:
            case "input":
                return {**body(), "input": text}
            case "negative_prompt":
                return body(negative_prompt=text)
            case _:
                return body(v4_negative_prompt={"caption": caption})

    problem = "request contains an excessively-long prompt (51201 chars; max 51200)"
    assert get_refusal(sent(51_201)) == (400, INVALID + problem)
    assert generate(*an_emulator(), sent(51_200))


def test_img2img_requires_an_image_and_infill_a_mask_as_well() -> None:
    assert get_refusal(body(action="img2img")) == (400, INVALID + "image is required")
    infill = body("nai-diffusion-4-5-full-inpainting", "infill", mask=BASE64)
    assert get_refusal(infill) == (400, INVALID + "image is required")
    infill = body("nai-diffusion-4-5-full-inpainting", "infill", image=BASE64)
    assert get_refusal(infill) == (400, INVALID + "mask is required")


def test_a_mask_is_ignored_by_img2img() -> None:
    emulator, owner = an_emulator()
    plain, masked = body(action="img2img", image=BASE64), body(action="img2img", image=BASE64, mask=BASE64)
    assert generate(emulator, owner, plain) == generate(emulator, owner, masked)


@for_each("model", ["nai-diffusion-5-full", "nai-diffusion-4-full", "nai-diffusion-3"])
def test_only_v4_5_supports_references(model: str) -> None:
    answer = get_refusal(body(model, director_reference_images=[BASE64]))
    assert answer == (400, "Error encoding v4 director references: not supported")


@for_each(
    "model, parameters",
    [
        ("nai-diffusion-4-full", {"v4_prompt": None}),
        ("nai-diffusion-5-full", {"v4_negative_prompt": None}),
        ("nai-diffusion-4-5-curated", {"sm": True}),
        ("nai-diffusion-5-curated", {"reference_image_multiple": [BASE64]}),
        ("nai-diffusion-5-full", {"sampler": "ddim"}),
        ("nai-diffusion-4-5-full", {"sampler": "k_dpm_fast"}),
    ],
)
def test_a_mistake_that_the_service_does_not_check_is_500(model: str, parameters: dict[str, Any]) -> None:
    assert get_refusal(body(model, **parameters)) == (500, "Internal Server Error")


@for_each("model", ["nai-diffusion-5-full", "nai-diffusion-4-5-full", "nai-diffusion-4-full"])
@for_each("sampler", [*image.ImageSampler, "native", "of my own"])
def test_since_v4_every_sampler_is_taken_but_those_of_the_deny_list(model: str, sampler: str) -> None:
    failing = ["plms", "ddim", "ddim_v3", "k_dpm_fast", "k_dpm_adaptive", "k_dpmpp_3m_sde", "nai_smea", "nai_smea_dyn"]
    emulator, owner = an_emulator()
    sent = body(model, sampler=sampler, width=64, height=64, steps=1)
    head, _ = send_request(emulator, "POST", PATH, sent, owner=owner)
    assert head.status == (500 if sampler in failing else 200)


@for_each("sampler", [*image.ImageSampler, "of my own"])
def test_v3_takes_every_sampler(sampler: str) -> None:
    emulator, owner = an_emulator()
    sent = body("nai-diffusion-3", sampler=sampler, width=64, height=64, steps=1)
    assert len(generate(emulator, owner, sent)) == 1


def test_an_image_for_more_than_140_anlas_is_refused() -> None:
    status, message = get_refusal(body("nai-diffusion-5-full", width=2048, height=1536, steps=50))
    assert (status, message.startswith(f"{INVALID}one image would cost 150 Anlas")) == (400, True)


@for_each("sent", [b"", b"[]", b"{", b'{"input": 1e999}', b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_refused(sent: bytes) -> None:
    assert get_refusal(sent) == (400, "Validation error: invalid request body")


def test_the_checks_are_made_in_their_order() -> None:
    emulator, owner = an_emulator()
    owner.profile.anlas = 0
    sent = body("x", "y", width=65, negative_prompt="x" * 60_000, image=BASE64, sampler="ddim")
    sent["parameters"] |= {"reference_image": BASE64, "reference_image_multiple": [BASE64]}

    def message() -> str:
        return parse_error(send_request(emulator, "POST", PATH, sent, owner=owner))[1]

    assert parse_error(send_request(emulator, "POST", PATH, sent)) == (401, "Unauthorized")
    owner.generating = True
    assert message() == "Concurrent generation is locked"
    owner.generating = False
    assert message() == "Validation error: model x doesn't exist"
    sent["model"] = "nai-diffusion-4-5-full"
    assert message() == "Model nai-diffusion-4-5-full doesn't support action y"
    sent["action"] = "generate"
    assert message() == INVALID + "width must be a multiple of 64, and at least 64"
    sent["parameters"]["width"] = 1088
    sent["parameters"]["height"] = 1024
    assert "excessively-long" in message()
    sent["parameters"]["negative_prompt"] = ""
    assert "image is not allowed" in message()
    del sent["parameters"]["image"]
    assert "cannot be set at the same time" in message()
    del sent["parameters"]["reference_image"]
    assert message() == "Internal Server Error"
    sent["parameters"]["sampler"] = "k_euler"
    assert message() == "Not enough Anlas"
    owner.profile.anlas = 4
    assert len(generate(emulator, owner, sent)) == 1
    assert owner.profile.anlas == 0


# ---- forms and the cache


def build_form(sent: dict[str, Any], **images: bytes) -> tuple[bytes, dict[str, str]]:
    parts = [FormPart(name, data, "image/png") for name, data in images.items()]
    content_type, encoded = encode([*parts, FormPart("request", json.dumps(sent).encode(), "application/json")])
    return encoded, {"content_type": content_type}


def test_a_form_gives_the_same_images_as_json() -> None:
    emulator, owner = an_emulator()
    sent, fields = build_form(body(action="img2img", image="image"), image=PNG)
    assert generate(emulator, owner, sent, **fields) == generate(emulator, owner, body(action="img2img", image=BASE64))
    sent, fields = build_form(body())
    assert generate(emulator, owner, sent, **fields) == generate(emulator, owner, body())


@for_each("value, shown", [(BASE64, BASE64[:12] + "..."), ("mask", "mask"), ("twelve chars", "twelve chars")])
def test_an_image_field_that_names_no_part_is_quoted_in_the_error(value: str, shown: str) -> None:
    emulator, owner = an_emulator()
    sent, fields = build_form(body(action="img2img", image=value), image=PNG)
    answer = parse_error(send_request(emulator, "POST", PATH, sent, owner=owner, **fields))
    assert answer == (400, f'image field references unknown form part "{shown}"')


@for_each("content_type", ["multipart/form-data", "multipart/form-data; boundary=x", "multipart/mixed; boundary=x"])
def test_an_invalid_form_is_refused(content_type: str) -> None:
    emulator, owner = an_emulator()
    answer = parse_error(send_request(emulator, "POST", PATH, body(), owner=owner, content_type=content_type))
    assert answer == (400, "Validation error: invalid request body")


def generate_cached(emulator: Emulator, owner: Account, **options: Any) -> Any:
    flow = image.generate_cached("a swan", SECRET, seed=3, steps=1, model="nai-diffusion-4-5-full", **options)
    return run_in_memory(with_token(owner.persistent_token, flow), emulator)


def test_images_with_a_key_are_cached_for_each_account() -> None:
    emulator, owner = an_emulator()
    first = generate_cached(emulator, owner, image=PNG, strength=0.5)
    again = generate_cached(emulator, owner, image=PNG, strength=0.5)
    assert (len(first.requests), len(again.requests)) == (2, 1)
    assert first.result == again.result
    whole = run_in_memory(
        with_token(
            owner.persistent_token,
            image.generate("a swan", seed=3, steps=1, model="nai-diffusion-4-5-full", image=PNG, strength=0.5),
        ),
        emulator,
    )
    assert whole.result == first.result


def test_unknown_cache_keys_are_listed_in_the_error() -> None:
    emulator, owner = an_emulator()
    sent = body(
        action="img2img",
        image_cache_secret_key="ab",
        mask_cache_secret_key="cd",
        reference_image_multiple_cached=[{"cache_secret_key": "ef"}],
    )
    head, answer = send_request(emulator, "POST", PATH, sent, owner=owner)
    document = json.loads(answer)
    assert (head.status, document["message"]) == (400, "INVALID_CACHE_KEYS")
    assert document["details"] == {"invalidKeys": ["ab", "cd", "ef"]}


def test_the_cache_has_a_size_limit_and_drops_the_least_recently_used() -> None:
    for most, requests in ((0, 2), (len(PNG) - 1, 2), (len(PNG), 1)):
        emulator, owner = an_emulator(switches=Switches(image_cache=most))
        generate_cached(emulator, owner, image=PNG)
        assert len(generate_cached(emulator, owner, image=PNG).requests) == requests
    emulator, owner = an_emulator(switches=Switches(image_cache=2 * len(PNG)))
    others = [png(64, 64)[:-12] + bytes((each,)) * 12 for each in range(2)]
    for source in (PNG, others[0], PNG, others[1]):  # which drops what was not used for longest
        generate_cached(emulator, owner, image=source)
    assert [len(generate_cached(emulator, owner, image=each).requests) for each in (PNG, others[0])] == [1, 2]


def test_vibes_and_references_are_cached_too() -> None:
    emulator, owner = an_emulator()
    vibes = [image.EncodedVibe(b"\1" * 100, 0.4), image.EncodedVibe(b"\2" * 100, 0.2)]
    assert len(generate_cached(emulator, owner, vibes=vibes).requests) == 2
    assert len(generate_cached(emulator, owner, vibes=vibes[1:]).requests) == 1
    references = [image.PreciseReference(png(1472, 1472))]
    assert len(generate_cached(emulator, owner, references=references).requests) == 2
    assert len(generate_cached(emulator, owner, references=references).requests) == 1


# ---- accepted bodies


def test_a_request_that_accepts_json_gets_json_and_others_an_archive() -> None:
    emulator, owner = an_emulator()
    sent = body(n_samples=2)
    head, answer = send_request(emulator, "POST", PATH, sent, owner=owner, accept="application/json")
    assert (head.status, head.content_type) == (200, "application/json")
    images = json.loads(answer)["images"]
    assert [(each["index"], each["seed"]) for each in images] == [(0, 7), (1, 8)]
    assert [b64decode(each["image"]) for each in images] == generate(emulator, owner, sent)
    head, answer = send_request(emulator, "POST", PATH, sent, owner=owner, accept="*/*")
    assert head.content_type == "binary/octet-stream"
    assert head.headers.get("content-disposition") == "attachment; filename=images.zip"
    assert [member.name for member in unzip(answer)] == ["image_0.png", "image_1.png"]


def test_a_switch_selects_the_documented_status_201() -> None:
    emulator, owner = an_emulator(switches=Switches(created=True))
    assert send_request(emulator, "POST", PATH, body(), owner=owner)[0].status == 201
    assert send_request(emulator, "POST", PATH, body(), owner=owner, accept="application/json")[0].status == 201


def load_website_bodies() -> list[Any]:
    """Return the website's bodies, with the placeholders filled in."""
    known = json.loads((DATA / "image_defaults.json").read_text())
    models = {
        "v3": "nai-diffusion-3",
        "v3_furry": "nai-diffusion-furry-3",
        "v4": "nai-diffusion-4-full",
        "v4_5": "nai-diffusion-4-5-full",
        "v5": "nai-diffusion-5-full",
    }
    return [pytest.param(models[name], sent, id=name) for name, sent in known["web_client"].items()]


@pytest.mark.parametrize(("model", "parameters"), load_website_bodies())
def test_the_bodies_of_the_website_are_accepted(model: str, parameters: dict[str, Any]) -> None:
    emulator, owner = an_emulator()
    sent = {**parameters, "seed": 5, "width": 64, "height": 64, "image_format": "png"}
    request = {"input": "x", "model": model, "action": "generate", "parameters": sent, "use_new_shared_trial": True}
    assert png_size(generate(emulator, owner, request)[0]) == (64, 64)


@pytest.mark.parametrize("model", ["nai-diffusion-3", "nai-diffusion-5-full", "nai-diffusion-furry"])
def test_missing_parameters_get_the_defaults_of_the_model_family(model: str) -> None:
    emulator, owner = an_emulator()
    known = image.ImageModel.named(model)
    parameters = STRUCTURED if known.family.structured else {}
    (data,) = generate(emulator, owner, {"input": "x", "model": model, "parameters": parameters})
    assert png_size(data) == known.family.size


def test_whole_floats_empty_lists_and_unknown_keys_are_accepted() -> None:
    emulator, owner = an_emulator()
    plain = generate(emulator, owner, body(reference_image_multiple=None))
    older = body(width=64.0, steps=1.0, n_samples=1.0, seed=7.0, params_version=1, ucPreset=0, qualityToggle=True)
    older["parameters"] |= {
        "reference_image_multiple": [],
        "reference_strength_multiple": [],
        "director_reference_images": [],
        "characterPrompts": [],
        "mask": None,
        "image": None,
        "never heard of": {"a": 1},
    }
    assert generate(emulator, owner, older) == plain
    uc = generate(emulator, owner, body(uc="lowres"))
    assert uc == generate(emulator, owner, body(negative_prompt="lowres"))
    assert uc != plain


def test_the_single_vibe_of_older_clients_is_a_list_in_the_metadata() -> None:
    sent = body("nai-diffusion-3", reference_image=BASE64, reference_strength=0.25)
    metadata = read_metadata(generate(*an_emulator(), sent)[0])
    assert metadata is not None
    comment = metadata.parameters()
    assert comment["reference_image_multiple"] == [BASE64]
    assert comment["reference_strength_multiple"] == [0.25]
    assert comment["reference_information_extracted_multiple"] == [1.0]


@pytest.mark.parametrize("model", image.MODELS, ids=lambda model: model.id)
def test_every_model_generates_with_each_of_its_samplers(model: image.ImageModel) -> None:
    emulator, owner = an_emulator()
    for sampler in model.samplers:
        flow = image.generate("a swan", model=model, sampler=sampler, size=(64, 64), steps=1, seed=1, validate=False)
        (made,) = run_in_memory(with_token(owner.persistent_token, flow), emulator).result
        assert png_size(made.data) == (64, 64)


@for_each("model", [each for each in image.MODELS if each.inpainting], ids=lambda model: model.id)
def test_every_inpainting_model_inpaints(model: image.ImageModel) -> None:
    emulator, owner = an_emulator()
    mask = image.box_mask(64, 64, [(0, 0, 32, 32)])
    flow = image.generate("a swan", model=model, image=PNG, mask=mask, steps=1, seed=1)
    assert len(run_in_memory(with_token(owner.persistent_token, flow), emulator).result) == 1


JUNK = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3)
)
NAMES = (
    *("width", "height", "scale", "sampler", "steps", "n_samples", "seed", "image", "mask", "strength", "v4_prompt"),
    *("v4_negative_prompt", "image_format", "reference_image_multiple", "image_cache_secret_key", "upscale"),
)


@settings(deadline=None, max_examples=scale_examples(80))
@given(
    hostile_bytes()
    | st.fixed_dictionaries(
        {},
        optional={
            "input": JUNK,
            "model": st.sampled_from(["nai-diffusion-3", "nai-diffusion-5-full"]) | JUNK,
            "action": st.sampled_from(["generate", "img2img"]) | JUNK,
            "parameters": JUNK | st.dictionaries(st.sampled_from(NAMES), JUNK | st.lists(JUNK, max_size=2)),
        },
    )
)
def test_any_body_gets_an_image_or_a_documented_error(sent: object) -> None:
    emulator, owner = an_emulator()
    head, answer = send_request(emulator, "POST", PATH, sent, owner=owner)
    assert head.status in (200, 400, 402, 500)
    assert head.status == 200 or json.loads(answer)["statusCode"] == head.status
    assert not owner.generating


# ---- charges


def load_price_vectors() -> list[dict[str, Any]]:
    """Return the price vectors of generations that are one request. Encoding a vibe is a request of its own."""
    known = json.loads((DATA / "anlas_vectors.json").read_text())["generation"]
    return [each for each in known if not each["request"]["uncached_vibes"] and each["expected_total"] >= 0]


@for_each("vector", load_price_vectors(), ids=lambda vector: vector["id"])
def test_a_generation_is_charged_its_price(vector: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    case, anlas = vector["request"], vector["expected_total"]
    blank, where = Pixels(64, 64, bytes(3 * 64 * 64)), "nai_proto.emulator.images.render"
    for name, made in (("_draw", blank), ("compose", blank), ("encode_picture", PNG)):  # faster than rendering
        monkeypatch.setattr(f"{where}.{name}", lambda *_, made=made, **__: made)
    emulator, owner = an_emulator()
    owner.profile.subscribe(Tier.OPUS if case["opus"] else Tier.SCROLL, 0)
    if case["usage_negative"]:
        owner.profile.spend_v5(100.1, time.time())
    same = {name: case[name] for name in ("width", "height", "steps", "n_samples", "sampler", "sm", "sm_dyn")}
    sent = body(case["model"], case["action"], **same, strength=case["strength"])
    sent["parameters"] |= {
        "reference_image_multiple": [BASE64] * case["vibes"],
        "director_reference_images": [BASE64] * case["char_refs"],
        "image": None if case["action"] == "generate" else BASE64,
        "mask": BASE64,
        "inpaintImg2ImgStrength": case["inpaint_strength"],
    }
    before = owner.profile.anlas
    assert send_request(emulator, "POST", PATH, sent, owner=owner)[0].status == 200
    assert before - owner.profile.anlas == anlas


def test_an_account_with_too_few_anlas_pays_nothing_and_gets_nothing() -> None:
    emulator, owner = an_emulator()
    owner.profile.subscribe(Tier.TABLET, 0)
    owner.profile.anlas, owner.profile.bought_anlas = 1, 0
    flow = image.generate("a swan", size=(64, 64), steps=1)
    assert isinstance(run_in_memory(with_token(owner.persistent_token, flow), emulator).error, PaymentRequiredError)
    owner.profile.bought_anlas = 9
    assert run_in_memory(with_token(owner.persistent_token, flow), emulator).result
    assert (owner.profile.anlas, owner.profile.bought_anlas) == (0, 8)


def get_usage(emulator: Emulator, owner: Account) -> Any:
    _, answer = send_request(emulator, "GET", "/user/subscription", owner=owner)
    return json.loads(answer)["usage"]


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_free_v5_image_lowers_the_allowance() -> None:
    clock = Clock()
    emulator, owner = an_emulator(now=clock)
    assert get_usage(emulator, owner) == {"percent": 100, "isNegative": False, "timeUntilNextPercent": 0}
    for _ in range(18):
        generate(emulator, owner, body("nai-diffusion-5-full"))
    generate(emulator, owner, body("nai-diffusion-4-5-full"))
    assert get_usage(emulator, owner)["percent"] == 99
    assert owner.profile.v5_percent(clock.now) == pytest.approx(100 - 18 / 17.3)
    owner.profile.spend_v5(owner.profile.v5_percent(clock.now) - 0.01, clock.now)
    generate(emulator, owner, body("nai-diffusion-5-full"))
    assert owner.profile.anlas == 10_000
    assert get_usage(emulator, owner) == {"percent": 0, "isNegative": True, "timeUntilNextPercent": 7889}
    left = owner.profile.v5_percent(clock.now)
    generate(emulator, owner, body("nai-diffusion-5-full"))
    assert (owner.profile.anlas, owner.profile.v5_percent(clock.now)) == (9_998, left)


def test_the_allowance_of_v5_refills_by_the_emulator_s_clock() -> None:
    clock = Clock()
    emulator, owner = an_emulator(now=clock)
    owner.profile.spend_v5(103, clock.now)
    assert get_usage(emulator, owner) == {"percent": 0, "isNegative": True, "timeUntilNextPercent": 7889}
    clock.now += 3 * 7889
    assert get_usage(emulator, owner)["isNegative"] is True
    clock.now += 1
    assert get_usage(emulator, owner) == {"percent": 1, "isNegative": False, "timeUntilNextPercent": 7889}
    before = owner.profile.anlas
    generate(emulator, owner, body("nai-diffusion-5-full"))  # free again, and it overdraws the allowance again
    assert (owner.profile.anlas, get_usage(emulator, owner)["isNegative"]) == (before, True)
    clock.now += 40 * 7889
    assert get_usage(emulator, owner)["percent"] == 40
    clock.now += 100 * 7889
    assert get_usage(emulator, owner) == {"percent": 100, "isNegative": False, "timeUntilNextPercent": 0}


# ---- repr


def test_a_request_shows_no_texts_and_no_images() -> None:
    caption = {"base_caption": "secret", "char_captions": [{"char_caption": "secret"}]}
    document = body(negative_prompt="secret", v4_prompt={"caption": caption})["parameters"]
    model = image.ImageModel.named("nai-diffusion-4-5-full")
    parameters = parse_parameters(document, model, 1)
    assert parameters.v4_prompt is not None
    assert repr(parameters) == "ImageRequestBody(64×64, steps=1, n_samples=1)"
    task = GenerationTask(model, ImageGenerationType.NORMAL, "secret", parameters, Attachments(b"secret"))
    for value in (parameters.v4_prompt, *parameters.v4_prompt.caption.char_captions, task):
        assert "secret" not in repr(value)
