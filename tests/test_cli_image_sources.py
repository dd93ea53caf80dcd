"""``nai image`` from pictures: begun with one, drawn within one, after vibes and references, and asked for again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from nai_proto.codecs.picture_files import with_metadata
from nai_proto.codecs.picture_metadata import Metadata, read_metadata
from nai_proto.emulator import Account
from nai_proto.image import box_mask
from nai_proto.image.options import ImageOptions
from nai_transports.cli.images.image_request import add_source_image
from tests.cli_images import (
    PROMPT,
    SMALL,
    count_anlas,
    emulated_images,
    generate_image,
    nai,
    read_parameters,
    write_image,
)

_Box = tuple[int, int, int, int]


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Account]:
    with emulated_images(monkeypatch, tmp_path) as owner:
        yield owner


# ---- pictures that go in


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
def test_a_source_image_is_cropped_to_the_size(owner: Account, name: str) -> None:
    source = write_image(name, 100, 200)
    facts = json.loads(nai("image", PROMPT, "--image", source, "--strength", "0.4", "--noise", "0.1", "--json").stdout)
    assert (facts["width"], facts["height"]) == (128, 192)
    said = read_parameters(facts["files"][0])
    assert (said["request_type"], said["strength"], said["noise"]) == ("Img2ImgRequest", 0.4, 0.1)
    assert generate_image("--image", source)["height"] == 128  # SMALL's


def test_enhance_multiplies_the_size(owner: Account) -> None:
    facts = json.loads(
        nai("image", PROMPT, "--image", write_image("a.png", 128, 192), "--enhance", "1.5", "--json").stdout
    )
    assert (facts["width"], facts["height"]) == (
        192,
        256,
    )  # 288 is as far from 256 as from 320, and Python rounds to even


def test_max_enhance_is_for_v5(owner: Account) -> None:
    arguments = ("image", PROMPT, "--image", write_image("a.png", 64, 64), "--max-enhance")
    done = nai(*arguments, "--yes", "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    assert read_parameters(json.loads(done.stdout)["files"][0])["upscaled_enhance"] is True
    assert "--max-enhance is not for nai-diffusion-4-5-full" in nai(*arguments, "--model", "V4.5 Full").stderr


@pytest.mark.parametrize("part", [("--mask", "mask.png"), ("--box", "0,0,40,40", "--box", "40,64,64,70")])
def test_a_part_is_inpainted_by_the_inpainting_model(owner: Account, part: tuple[str, ...]) -> None:
    write_image("mask.png", 60, 60, (255, 255, 255))
    done = nai("image", PROMPT, "--model", "V4.5 Full", "--image", write_image("a.png", 64, 128), *part, "--json")
    facts = json.loads(done.stdout)
    used = "nai-diffusion-4-5-full-inpainting"
    assert (facts["model"], facts["requested_model"]) == (used, "nai-diffusion-4-5-full")
    assert done.stderr == f"nai image: inpainting with {used}, the model of nai-diffusion-4-5-full for it\n"
    assert read_parameters(facts["files"][0])["request_type"] == "NativeInfillingRequest"


def test_inpainting_with_a_model_of_another_name_says_so(owner: Account) -> None:
    done = nai("image", PROMPT, "--image", write_image("a.png", 64, 128), "--box", "0,0,8,8", "--json")
    assert json.loads(done.stdout)["model"] == "nai-diffusion-4-5-curated-inpainting"
    assert done.stderr == (
        "nai image: inpainting with nai-diffusion-4-5-curated-inpainting, as nai-diffusion-5-curated has no model for it\n"
    )


@pytest.mark.parametrize(
    ("size", "request_size", "box", "fitted"),
    [
        ((64, 128), (64, 128), (8, 16, 24, 32), (8, 16, 24, 32)),
        ((32, 64), (64, 128), (8, 16, 24, 32), (16, 32, 48, 64)),  # scaled
        ((128, 64), (64, 64), (32, 0, 96, 64), (0, 0, 64, 64)),  # a quarter is cut off at the left and the right
        ((128, 64), (64, 64), (0, 0, 40, 8), (0, 0, 8, 8)),
        ((100, 100), (64, 64), (0, 0, 1, 1), (0, 0, 1, 1)),  # never less than a pixel
    ],
)
def test_a_box_is_scaled_and_cropped_as_its_image_is(
    tmp_path: Path, size: tuple[int, int], request_size: tuple[int, int], box: _Box, fitted: _Box
) -> None:
    options: ImageOptions = {"size": request_size}
    add_source_image(options, Path(write_image(str(tmp_path / "a.png"), *size)), None, [box], None)
    assert options["mask"] == box_mask(*request_size, [fitted])


def test_a_box_in_a_part_that_is_cut_off_is_refused(owner: Account) -> None:
    write_image("a.png", 256, 64)
    done = nai("image", PROMPT, "--size", "64x64", "--image", "a.png", "--box", "0,0,9,9")
    assert done.exit_code != 0
    assert "--box 0,0,9,9 is in a part of a.png that is cut off to make it 64 × 64 pixels" in done.stderr


def test_references_are_padded_to_their_canvas_and_paid_for(owner: Account) -> None:
    write_image("face.jpg", 300, 310)
    model = ("--model", "V4.5 Full")
    done = nai("image", PROMPT, *SMALL, *model, "--reference", "face.jpg")
    assert done.exit_code == 2
    assert "this costs 5 Anlas" in done.stderr
    done = nai("image", PROMPT, *SMALL, *model, "--reference", "face.jpg=stile")
    assert done.exit_code == 2
    assert "no kind of reference is called 'stile'; did you mean 'style'?" in done.stderr
    facts = generate_image(*model, "--reference", "face.jpg=style=0.8,0.5", "--yes")
    said = read_parameters(facts["files"][0])
    assert said["director_reference_strengths"] == [0.8]
    assert facts["anlas"] == 5


# ---- vibes


def test_vibes_are_encoded_once_and_the_price_says_so(owner: Account) -> None:
    write_image("sea.png", 64, 64)
    arguments = ("--model", "V4.5 Full", "--vibe", "sea.png=0.4,0.5", "--vibe", "sea.png=0.2,0.5")
    refused = nai("image", PROMPT, *SMALL, *arguments)
    assert refused.exit_code == 2
    assert "this costs 2 Anlas" in refused.stderr
    before = count_anlas(owner)
    facts = generate_image(*arguments, "--yes")
    assert (facts["anlas"], count_anlas(owner)) == (2, before - 2)
    assert read_parameters(facts["files"][0])["reference_strength_multiple"] == [0.4, 0.2]
    again = generate_image(*arguments, "--force")
    assert (again["anlas"], count_anlas(owner)) == (0, before - 2)


def test_encodings_of_vibe_files_are_used(owner: Account) -> None:
    write_image("sea.png", 64, 64)
    assert nai("vibe", "sea.png", "--strength", "0.3", "--yes").exit_code == 0
    facts = generate_image("--model", "V4.5 Full", "--vibe", "sea.naiv4vibe")
    assert facts["anlas"] == 0
    assert read_parameters(facts["files"][0])["reference_strength_multiple"] == [0.3]
    with_another = nai("image", PROMPT, *SMALL, "--model", "V4 Full", "--vibe", "sea.naiv4vibe", "--force")
    assert "1 vibe to encode at 2" in with_another.stderr


def test_encodings_that_cannot_be_cached_are_not_paid_for(owner: Account, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("no directory")
    before = count_anlas(owner)
    done = nai("image", PROMPT, *SMALL, "--model", "V4.5 Full", "--vibe", write_image("sea.png", 64, 64), "--yes")
    assert done.exit_code == 1
    assert "cannot write to" in done.stderr
    assert count_anlas(owner) == before


def test_v3_gets_vibes_as_images(owner: Account) -> None:
    facts = generate_image("--model", "Anime V3", "--vibe", write_image("sea.png", 64, 96))
    assert facts["anlas"] == 0
    assert read_parameters(facts["files"][0])["reference_strength_multiple"] == [0.6]


# ---- again


@pytest.mark.parametrize("model", ["Anime V3", "V4.5 Full", "V5 Curated"])
def test_rebuild_generates_an_image_again_from_its_metadata(owner: Account, model: str) -> None:
    (first,) = generate_image("--model", model, "--negative", "fog")["files"]
    done = nai("image", "--rebuild", first, "-o", "again.png")
    assert (done.exit_code, done.stderr) == (0, "free with Opus\n")
    assert Path("again.png").read_bytes() == Path(first).read_bytes()
    done = nai("image", "--rebuild", first, "--steps", "3", "--seed", "9", "-o", "other.png")
    assert done.exit_code == 0
    after = read_parameters("other.png")
    assert (after["steps"], after["seed"]) == (3, 9)
    assert after["prompt"] == read_parameters(first)["prompt"]


def test_an_image_is_enhanced_with_its_own_prompt_and_settings(owner: Account) -> None:
    (first,) = generate_image("--model", "V4.5 Full")["files"]
    done = nai("image", "--rebuild", first, "--image", first, "--enhance", "2", "--strength", "0.4", "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    facts = json.loads(done.stdout)
    assert (facts["width"], facts["height"]) == (128, 256)
    said = read_parameters(facts["files"][0])
    assert (said["prompt"], said["strength"]) == (read_parameters(first)["prompt"], 0.4)


def test_an_image_of_an_unknown_model_needs_the_option_model(owner: Account) -> None:
    (first,) = generate_image("--model", "V4.5 Full")["files"]
    metadata = read_metadata(Path(first).read_bytes())
    assert metadata is not None
    unknown = Metadata({**metadata.texts, "Source": "NovelAI Diffusion V9 00000000"})
    Path(first).write_bytes(with_metadata(Path(first).read_bytes(), unknown))
    done = nai("image", "--rebuild", first)
    assert done.stderr == f"nai image: the metadata of {first} names no known model; give --model as well\n"
    assert nai("image", "--rebuild", first, "--model", "V4.5 Full").exit_code == 0


def test_what_the_metadata_lacks_must_be_given(owner: Account) -> None:
    source = write_image("a.png", 64, 128)
    (first,) = generate_image("--image", source)["files"]
    done = nai("image", "--rebuild", first)
    assert done.stderr == f"nai image: the metadata of {first} is incomplete; give --image as well\n"
    assert nai("image", "--rebuild", first, "--image", source).exit_code == 0
    assert nai("image", "--rebuild", source).stderr == "nai image: a.png has no metadata of how it was made\n"
