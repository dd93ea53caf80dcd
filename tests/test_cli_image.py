"""``nai image``: pictures as files, their price agreed to first, and nothing half done."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from nai_proto.codecs.image_frames import encode_frame
from nai_proto.emulator import Account
from nai_proto.emulator.images import image_service, render
from nai_proto.errors import FileError
from nai_proto.exchange.reply import App, Handler, Start, Write
from nai_proto.http import Head, Headers, Request
from nai_proto.image import ImagePreset
from nai_transports import files
from nai_transports.cli.common import output_files
from nai_transports.cli.common.standard_streams import OutputFailed
from nai_transports.installer import explain_install
from nai_transports.servers.serve import serve_in_thread
from tests.cases import for_each
from tests.cli_images import (
    NAME,
    PROMPT,
    SMALL,
    count_anlas,
    emulated_images,
    generate_image,
    list_files,
    nai,
    read_parameters,
    read_size,
    write_image,
)
from tests.forked_python import forked_nai
from tests.image_support import JPEG, PNG
from tests.support import an_emulator, reading
from tests.test_cli import NAI

TOO_LARGE = "more than the 1024×1024 pixels that are free with Opus"


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Account]:
    with emulated_images(monkeypatch, tmp_path) as owner:
        yield owner


# ---- files


@pytest.mark.usefixtures("owner")
def test_a_full_disk_loses_no_picture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write = files.write

    def refuse_here(path: Path, data: bytes) -> None:
        if "rescued" not in path.parts:
            raise FileError(f"{path} cannot be written: No space left on device", path=str(path))
        write(path, data)

    monkeypatch.setattr(files, "write", refuse_here)
    (tmp_path / "rescued").mkdir()
    monkeypatch.setattr(output_files, "_rescue_directories", lambda: [tmp_path / "rescued"])
    done = nai("image", PROMPT, "--model", "V4.5 Full", "--number", "2", "--yes", *SMALL)
    assert done.exit_code == 1
    rescued = sorted((tmp_path / "rescued").glob("*/*"))
    assert sorted(path.name for path in rescued) == [f"{NAME}-7.png", f"{NAME}-8.png"]
    for path in rescued:
        assert read_size(str(path)) == (64, 128)
        assert f"No space left on device; it was kept as {path}" in done.stderr
    assert list_files() == []


def run_nai(*arguments: str, prepare: Callable[[], None] | None = None, **environment: str) -> tuple[int, str, str]:
    """Run a command as a program of its own; return its status, stdout and stderr."""
    with subprocess.Popen(
        [*(NAI if prepare else forked_nai()), *arguments],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=prepare,
    ) as process:
        out, err = process.communicate(timeout=50)
    return process.returncode, out, err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize(
    "arguments", [("image", PROMPT, *SMALL), ("director", "sketch", "sea.png"), ("upscale", "sea.png", "--yes")]
)
def test_a_picture_that_a_full_device_cannot_take_is_kept(
    owner: Account, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    write_image("sea.png", 64, 64)
    status, out, err = run_nai(*arguments, "-o", "/dev/full", XDG_DATA_HOME=str(tmp_path / "data"))
    (kept,) = (tmp_path / "data/nai-proto/rescued").glob("*/*")
    assert read_size(str(kept))[0] >= 64
    assert kept.name == "full.png"
    assert (status, out) == (1, "")
    assert err == (f"nai {arguments[0]}: /dev/full cannot be written: No space left on device; it was kept as {kept}\n")
    assert list_files() == ["sea.png"]


@pytest.mark.skipif(sys.platform == "win32", reason="a limit of POSIX")
def test_where_no_file_may_grow_the_error_says_that_nothing_could_keep_the_picture(
    owner: Account, tmp_path: Path
) -> None:
    import resource

    def forbid_growth() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    environment = {"XDG_DATA_HOME": str(tmp_path / "data"), "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    status, out, err = run_nai("image", PROMPT, *SMALL, prepare=forbid_growth, **environment)
    assert (status, out) == (1, "")
    assert err == (f"nai image: {NAME}-7.png cannot be written: File too large; no other directory could keep it\n")
    assert list_files() == []
    assert list((tmp_path / "data/nai-proto/rescued").iterdir()) == []


@pytest.mark.parametrize("model", ["Anime V3", "V4.5 Full", "V5 Curated"])
def test_a_picture_is_a_file_named_after_its_prompt_and_seed(owner: Account, model: str) -> None:
    before = count_anlas(owner)
    done = nai("image", PROMPT, "--model", model, *SMALL)
    assert (done.exit_code, done.stderr) == (0, "free with Opus\n")
    assert list_files() == [f"{NAME}-7.png"]
    assert f"{NAME}-7.png" in done.stdout
    assert read_size(f"{NAME}-7.png") == (64, 128)
    assert read_parameters(f"{NAME}-7.png")["seed"] == 7
    assert count_anlas(owner) == before


def test_the_json_names_files_seeds_and_price(owner: Account) -> None:
    before = count_anlas(owner)
    facts = generate_image("-n", 3, "--model", "V4.5 Full", "--yes")
    assert facts["files"] == [f"{NAME}-{seed}.png" for seed in (7, 8, 9)]
    assert facts["seeds"] == [7, 8, 9]
    assert (facts["model"], facts["width"], facts["height"]) == ("nai-diffusion-4-5-full", 64, 128)
    assert facts["anlas"] == before - count_anlas(owner) > 0
    assert "3 images at" in facts["price"]
    assert [read_parameters(name)["seed"] for name in facts["files"]] == [7, 8, 9]


def test_a_random_seed_is_printed(owner: Account) -> None:
    facts = json.loads(nai("image", PROMPT, "--size", "64x64", "--json").stdout)
    assert read_parameters(facts["files"][0])["seed"] == facts["seeds"][0]


def test_files_are_replaced_only_with_overwrite(owner: Account) -> None:
    generate_image()
    done = nai("image", PROMPT, *SMALL)
    assert done.stderr == f"nai image: {NAME}-7.png already exists (--force replaces it)\n"
    Path("mine.png").write_text("mine")
    before = count_anlas(owner)
    done = nai("image", PROMPT, "-o", "mine.png", "-n", "1", "--yes")
    assert done.stderr == "nai image: mine.png already exists (--force replaces it)\n"
    assert (Path("mine.png").read_text(), count_anlas(owner)) == ("mine", before)
    assert generate_image("-o", "mine.png", "--force")["files"] == ["mine.png"]
    assert read_size("mine.png") == (64, 128)


def test_one_existing_file_of_several_stops_them_all_before_anything_is_paid(owner: Account) -> None:
    for mine, arguments in (
        (f"{NAME}-8.png", ()),
        ("two-8.jpg", ("-o", "two.jpg")),
        ("new/two-8", ("-o", "new/two")),
        (f"{NAME}-7-step-03.jpg", ("--previews",)),
        ("two-8-step-01.jpg", ("--previews", "-o", "two.png")),
    ):
        Path(mine).parent.mkdir(exist_ok=True)
        Path(mine).write_text("mine")
        before, there = count_anlas(owner), list_files()
        done = nai("image", PROMPT, *SMALL, "-n", 2, "--yes", *arguments)
        assert done.exit_code == 1
        assert done.stderr == f"nai image: {mine} already exists (--force replaces it)\n"
        assert (Path(mine).read_text(), count_anlas(owner), list_files()) == ("mine", before, there)
        Path(mine).unlink()


def test_a_picture_is_written_while_the_next_one_is_drawn(owner: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[int]] = []

    class Watching:
        def update(self, task: str, done: int, total: int) -> None:
            seen.append([Path(f"{NAME}-{seed}.png").stat().st_size for seed in (7, 8)])

        def hide_first(self) -> None: ...

    monkeypatch.setattr(
        "nai_transports.cli.images.image_request.show_progress", lambda *_, **__: nullcontext(Watching())
    )
    generate_image("--steps", 2, "-n", 2, "--yes")
    assert seen[0] == [0, 0]
    first, second = seen[-1]
    assert (first > 0, second) == (True, 0)


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_a_picture_has_the_permissions_of_new_files(owner: Account) -> None:
    old = os.umask(0o022)
    try:
        (name,) = generate_image()["files"]
    finally:
        os.umask(old)
    assert Path(name).stat().st_mode & 0o777 == 0o644


def test_a_picture_of_another_format_than_was_asked_for_says_where_it_is(owner: Account) -> None:
    with serve_in_thread(cut_short_stream({**FINAL, "image": JPEG})) as url:
        done = nai("image", PROMPT, *SMALL, "-o", "sea.png", "--url", url)
    assert done.exit_code == 1
    assert done.stderr == "nai image: sea.png cannot be written: the service sent a JPEG; it was kept as sea.jpg\n"
    assert list_files() == ["sea.jpg"]


def test_a_picture_that_cannot_be_a_jpeg_is_kept_as_it_is(owner: Account) -> None:
    with serve_in_thread(cut_short_stream({**FINAL, "image": PNG[:40]})) as url:
        done = nai("image", PROMPT, *SMALL, "-o", "sea.jpg", "--url", url)
    assert done.exit_code == 1
    assert done.stderr.startswith("nai image: sea.jpg cannot be written: ")
    assert done.stderr.endswith("; it was kept as sea.png\n")
    assert Path("sea.png").read_bytes() == PNG[:40]


def test_the_output_is_a_file_or_a_directory_and_several_files_have_their_seeds(owner: Account) -> None:
    Path("there").mkdir()
    assert generate_image("-o", "there")["files"] == [f"there/{NAME}-7.png"]
    assert generate_image("-o", "there/two.png", "-n", 2, "--yes")["files"] == ["there/two-7.png", "there/two-8.png"]


@pytest.mark.parametrize("arguments", [("-o", "sea.webp"), ("-o", "sea", "--format", "webp")])
def test_the_format_is_the_option_s_or_that_of_the_file_s_name(owner: Account, arguments: tuple[str, ...]) -> None:
    (name,) = generate_image(*arguments)["files"]
    assert name == arguments[1]
    assert Path(name).read_bytes()[8:12] == b"WEBP"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("-o", "sea.gif"), "-o sea.gif: this can be written as .png, .jpg, .jpeg, .webp, not as .gif"),
        (("-o", "sea.png", "--format", "webp"), "-o sea.png and --format webp are two formats: leave one "),
    ],
)
def test_a_suffix_of_another_format_is_refused_before_anything_is_paid(
    owner: Account, arguments: tuple[str, ...], problem: str
) -> None:
    before = count_anlas(owner)
    done = nai("image", PROMPT, "--yes", *SMALL, *arguments)
    assert (done.exit_code, problem in done.stderr) == (2, True)
    assert (list_files(), count_anlas(owner)) == ([], before)


@pytest.mark.parametrize("name", ["sea.jpg", "SEA.JPEG"])
def test_a_jpeg_is_written_with_the_parameters(owner: Account, name: str) -> None:
    done = nai("image", PROMPT, *SMALL, "-o", name)
    note = "nai image: a JPEG keeps neither the service's signature nor alpha; a PNG keeps both\n"
    assert done.stderr == f"{note}free with Opus\n"
    assert done.stdout.startswith(f"file\t{name}\nseed\t7\nmodel\t")
    assert Path(name).read_bytes().startswith(b"\xff\xd8\xff")
    assert read_parameters(name)["seed"] == 7


@pytest.mark.parametrize(
    ("name", "word"),
    [("sea.jpg", "lost"), ("sea.webp", "emulator"), ("sea.png", "emulator")],
)
def test_a_signature_is_told_as_lost_where_the_format_cannot_keep_it(owner: Account, name: str, word: str) -> None:
    generate = nai("image", PROMPT, *SMALL, "-n", "2", "--yes", "-o", name)
    assert generate.exit_code == 0
    assert generate.stderr.count("a JPEG keeps neither") == (word == "lost")
    (first, _) = paths = [line.split("\t")[1] for line in generate.stdout.splitlines() if line.startswith("files\t")]
    assert "seeds\t7\nseeds\t8\n" in generate.stdout
    assert [facts["signature"] for facts in json.loads(nai("image-info", *paths, "--json").stdout)] == [word, word]
    if word == "lost":
        assert "lost: this format cannot keep it" in nai("image-info", first).stdout


def test_a_name_with_a_slash_at_the_end_is_a_directory_that_is_made(owner: Account) -> None:
    assert generate_image("-o", "pictures/of the sea/")["files"] == [f"pictures/of the sea/{NAME}-7.png"]


@pytest.mark.parametrize("model", ["V4.5 Full", "V5 Curated"])
def test_previews_are_files_beside_the_picture(owner: Account, model: str) -> None:
    facts = generate_image("--previews", "--steps", 4, "--model", model)
    assert facts["previews"]
    assert facts["previews"] == [f"{NAME}-7-step-{step:02}.jpg" for step in range(1, len(facts["previews"]) + 1)]
    assert list_files() == sorted([*facts["previews"], f"{NAME}-7.png"])
    for name in facts["previews"]:
        assert Path(name).read_bytes().startswith(b"\xff\xd8\xff")


def test_the_bar_follows_the_steps_of_each_picture(owner: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, int, int]] = []

    class Watching:
        def update(self, task: str, done: int, total: int) -> None:
            seen.append((task, done, total))

        def hide_first(self) -> None: ...

    monkeypatch.setattr(
        "nai_transports.cli.images.image_request.show_progress", lambda *_, **__: nullcontext(Watching())
    )
    generate_image("--steps", 3)
    assert seen == [("steps", done, 3) for done in (1, 2, 3)]
    seen.clear()
    generate_image("--steps", 2, "-n", 2, "--yes", "--force")
    assert seen == [(f"image {which} of 2", done, 2) for which in (1, 2) for done in (1, 2)]


# ---- options


def test_every_option_reaches_the_picture(owner: Account) -> None:
    facts = generate_image(
        *(
            "--model",
            "V4.5 Full",
            "--negative",
            "fog",
            "--uc",
            "none",
            "--quality",
            "none",
            "--steps",
            5,
            "--scale",
            4.5,
        ),
        *("--sampler", "k_euler", "--noise-schedule", "exponential", "--cfg-rescale", 0.25, "--variety"),
        *("--character", "a keeper, lamp ;; hat @B2", "--character", "a whale@0.9,0.9"),
    )
    said = read_parameters(facts["files"][0])
    assert (said["prompt"], said["uc"], said["steps"], said["scale"]) == (PROMPT, "fog", 5, 4.5)
    assert (said["sampler"], said["noise_schedule"], said["cfg_rescale"]) == ("k_euler", "exponential", 0.25)
    assert said["skip_cfg_above_sigma"] > 0
    captions = said["v4_prompt"]["caption"]["char_captions"]
    assert [each["char_caption"] for each in captions] == ["a keeper, lamp", "a whale"]
    assert captions[0]["centers"] == [{"x": 0.3, "y": 0.3}]
    unwanted = said["v4_negative_prompt"]["caption"]["char_captions"]
    assert [each["char_caption"] for each in unwanted] == ["hat", ""]


def test_a_sampler_that_is_not_listed_is_sent_as_it_is(owner: Account) -> None:
    facts = generate_image("--unlisted-sampler", "k_new")
    assert read_parameters(facts["files"][0])["sampler"] == "k_new"


def test_the_options_of_older_models_reach_the_picture(owner: Account) -> None:
    said = read_parameters(generate_image("--model", "Anime V3", "--smea-dyn", "--decrisper")["files"][0])
    assert (said["sm"], said["sm_dyn"], said["dynamic_thresholding"]) == (True, True, True)


@pytest.mark.parametrize(
    ("written", "size"),
    [("portrait", (832, 1216)), ("Small-Square", (640, 640)), ("large landscape", (1536, 1024)), ("64X192", (64, 192))],
)
def test_a_size_is_a_name_or_two_numbers(owner: Account, written: str, size: tuple[int, int]) -> None:
    facts = json.loads(nai("image", PROMPT, "--size", written, "--steps", 1, "--yes", "--json").stdout)
    assert (facts["width"], facts["height"]) == size == read_size(facts["files"][0])


def test_options_override_the_settings_of_a_preset_file(owner: Account) -> None:
    preset = ImagePreset("nai-diffusion-3", {"steps": 3, "scale": 9, "width": 128, "height": 64})
    Path("mine.json").write_bytes(preset.dumps())
    facts = json.loads(nai("image", PROMPT, "--preset", "mine.json", "--steps", "2", "--json").stdout)
    said = read_parameters(facts["files"][0])
    assert facts["model"] == "nai-diffusion-3"
    assert (said["steps"], said["scale"], read_size(facts["files"][0])) == (2, 9, (128, 64))


def test_the_prompt_may_come_from_stdin(owner: Account) -> None:
    done = nai("image", "-", *SMALL, "--quality", "none", stdin="a boat\nat sea\n")
    assert done.exit_code == 0
    assert read_parameters("a-boat-at-sea-7.png")["prompt"] == "a boat\nat sea"


# ---- Anlas


@pytest.mark.usefixtures("terminal")
def test_at_a_terminal_the_command_asks_and_pays_only_after_yes(owner: Account) -> None:
    before = count_anlas(owner)
    arguments = ("image", PROMPT, "--model", "Anime V3", "--size", "64x64", "-n", "2")
    done = nai(*arguments, stdin="n\n")
    assert done.exit_code == 1
    assert "This costs 2 Anlas: 2 images at 2, 1 of them free with Opus." in done.stderr
    assert (list_files(), count_anlas(owner)) == ([], before)
    assert nai(*arguments, stdin="y\n").exit_code == 0
    assert (len(list_files()), count_anlas(owner)) == (2, before - 2)


def test_without_a_terminal_nothing_is_paid(owner: Account) -> None:
    before = count_anlas(owner)
    for more in ((), ("--max-anlas", "100")):
        done = nai("image", PROMPT, *SMALL, "-n", "2", *more)
        assert (done.exit_code, done.stdout) == (2, "")
        assert "there is no terminal to ask at; give --yes to confirm" in done.stderr
    done = nai("image", PROMPT, *SMALL, "-n", "2", "--yes", "--max-anlas", "1")
    assert done.exit_code == 4
    assert (
        "more than --max-anlas 1: to pay it, give --max-anlas 2; a smaller --size, fewer --steps or fewer images"
        in done.stderr
    )
    owner.profile.anlas = owner.profile.bought_anlas = 0
    assert (
        "and the account has 0; nai subscription shows when" in nai("image", PROMPT, *SMALL, "-n", "2", "--yes").stderr
    )
    assert (list_files(), before > 0) == ([], True)


def test_a_price_needs_no_account_no_prompt_and_no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAI_URL", "http://127.0.0.1:9")
    monkeypatch.delenv("NAI_TOKEN", raising=False)
    for arguments, price in (
        ((), "26 Anlas, free with Opus"),
        (("--steps", "40"), "41 Anlas (more than Opus' 28 free steps)"),
        (("--model", "V4.5 Full", "-n", "2"), "34 Anlas: 2 images at 17; 17 with Opus"),
        (
            ("-n", "3", "--size", "large_portrait"),
            f"117 Anlas: 3 images at 39 ({TOO_LARGE})",
        ),
        (("a prompt", "--size", "64x64", "-o", "sea.png"), "2 Anlas, free with Opus"),
    ):
        done = nai("image", "--price", *arguments)
        assert (done.exit_code, done.stdout, done.stderr) == (0, f"{price}\n", "")
    assert list_files() == []


def test_the_price_as_json_has_both_numbers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    facts = json.loads(nai("image", "--price", "--json", "--model", "V4.5 Full", "-n", "2").stdout)
    assert facts == {
        "model": "nai-diffusion-4-5-full",
        "requested_model": "nai-diffusion-4-5-full",
        "width": 832,
        "height": 1216,
        "steps": 23,
        "anlas": 34,
        "anlas_with_opus": 17,
        "price": "34 Anlas: 2 images at 17; 17 with Opus",
    }


def test_a_price_has_the_vibes_that_are_to_be_encoded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAI_VIBE_DIR", str(tmp_path / "kept"))
    write_image("sea.png", 64, 64)
    done = nai("image", "--price", *SMALL, "--model", "V4.5 Full", "--vibe", "sea.png")
    assert done.stdout == "4 Anlas: 1 image at 2; 1 vibe to encode at 2; 2 with Opus\n"


# ---- what goes wrong


@for_each(
    "arguments, about, status",
    [
        ((), "give a text as an argument, by --rebuild, or through a pipe; type: nai image ", 2),
        ((PROMPT, "--size", "big"), "--size: no size is called 'big'; there are small_portrait", 2),
        ((PROMPT, "--size", "potrait"), "did you mean 'portrait'?", 2),
        (
            (PROMPT, "--size", "100000x1"),
            "--size: width is 100000, and nai-diffusion-5-curated takes a number from 64 to 49152",
            2,
        ),
        (
            (PROMPT, "--size", "6400x6400"),
            "6400 × 6400 are 40960000 pixels, and nai-diffusion-5-curated takes at most",
            2,
        ),
        ((PROMPT, "--character", ";;;;@@@"), "--character is PROMPT[;;NEGATIVE][@PLACE], and in ';;;;@@@'", 2),
        ((PROMPT, "--character", " ;;hat"), "the PROMPT is missing", 2),
        ((PROMPT, "--character", "@A1"), "the PROMPT is missing", 2),
        ((PROMPT, "--character", ""), "the PROMPT is missing", 2),
        ((PROMPT, "--character", "girl;;hat;;bow@A1"), "only one NEGATIVE", 2),
        ((PROMPT, "--character", "girl@Z9"), "PLACE behind the @ is A1 to E5, or X,Y from 0 to 1", 2),
        ((PROMPT, "--character", "girl@A6"), "PLACE behind the @ is A1 to E5, or X,Y from 0 to 1", 2),
        ((PROMPT, "--character", "girl@0.5"), "PLACE behind the @ is A1 to E5, or X,Y from 0 to 1", 2),
        ((PROMPT, "--character", "girl@"), "PLACE behind the @ is A1 to E5, or X,Y from 0 to 1", 2),
        ((PROMPT, "--size", "65x64"), "--size: width is 65, and nai-diffusion-5-curated takes multiples of 64", 2),
        ((PROMPT, "--size", "1000x1000"), "pixels in all; the nearest size is 1024 × 1024", 2),
        ((PROMPT, "--noise-schedule", "kar"), "is called 'kar'; the only one is karras", 2),
        ((PROMPT, "--steps", "51"), "steps is 51", 2),
        ((PROMPT, "--seed", "-1"), "seed is -1", 2),
        ((PROMPT, "--sampler", "euler"), "--sampler: no sampler of nai-diffusion-5-curated is called 'euler'", 2),
        ((PROMPT, "--sampler", "k_new"), "to send it all the same, give --unlisted-sampler k_new", 2),
        (
            (PROMPT, "--sampler", "k_euler", "--unlisted-sampler", "k_new"),
            "--sampler or --unlisted-sampler, not both",
            2,
        ),
        ((PROMPT, "--model", "V3"), "did you mean 'nai-diffusion-3' or 'nai-diffusion-furry-3'?", 2),
        ((PROMPT, "--model", "V9"), "no image model is called 'V9'; nai models lists all", 2),
        ((PROMPT, "--format", "gif"), "--format: no image format of nai-diffusion-5-curated is called 'gif'", 2),
        ((PROMPT, "--uc", "x"), "--uc: no uc preset is called 'x'; there are heavy", 2),
        ((PROMPT, "--model", "x"), "no image model is called 'x'; nai models lists all", 2),
        ((PROMPT, "--strength", "0.5"), "strength does not go with generate", 2),
        ((PROMPT, "--mask", "a.png"), "need --image", 2),
        ((PROMPT, "--image", "a.png", "--mask", "a.png", "--box", "0,0,1,1"), "not both", 2),
        ((PROMPT, "--image", "a.png", "--box", "0,0,1"), "--box is LEFT,TOP,RIGHT,BOTTOM", 2),
        (
            (PROMPT, "--image", "a.png", "--box", "0,0,65,64"),
            "--box 0,0,65,64 is beyond a.png, which has 64 × 64 pixels",
            2,
        ),
        ((PROMPT, "--image", "a.png", "--box", "-1,0,9,9"), "--box -1,0,9,9 is beyond a.png", 2),
        ((PROMPT, "--image", "a.png", "--box", "9,0,9,9"), "9,0,9,9 has no area", 2),
        ((PROMPT, "--image", "a.png", "--box", "0,9,9,3"), "0,9,9,3 has no area", 2),
        ((PROMPT, "--image", "a.png", "--enhance", "-1"), "--enhance is a factor", 2),
        ((PROMPT, "--image", "a.png", "--enhance", "2", "--size", "64x64"), "not both", 2),
        (
            (PROMPT, "--image", "a.png", "--enhance", "2", "--max-enhance"),
            "give --enhance or --max-enhance, not both",
            2,
        ),
        ((PROMPT, "--rebuild", "a.png", "--preset", "mine"), "not both", 2),
        ((PROMPT, "--image", "nowhere.png"), "nowhere.png cannot be read", 1),
        ((PROMPT, "--image", "text"), "text: not a PNG, WebP or JPEG", 1),
        ((PROMPT, "--image", "torn.png"), "torn.png: ", 1),
        ((PROMPT, "--model", "Anime V3", "--previews"), "has no previews", 2),
        ((PROMPT, "--model", "Anime V3", "--transparent"), "draws no transparent backgrounds", 2),
        ((PROMPT, "--vibe", "a.png"), "takes no vibes", 2),
        ((PROMPT, "--vibe", "text", "--model", "V4 Full"), "text: vibe: not JSON (byte 0)", 1),
        ((PROMPT, "--reference", "a.png"), "takes no precise references", 2),
        ((PROMPT, "--character", "x@1.5,0"), "x and y from 0 to 1", 2),
        ((PROMPT, "--preset", "text"), "text: ", 1),
        ((PROMPT, "--rebuild", "nowhere.png"), "nowhere.png cannot be read", 1),
        ((PROMPT, "--rebuild", "text"), "text: this is no picture; PNG, WebP, JPEG", 1),
        ((PROMPT, "-n", "9"), "--number is 9, and nai-diffusion-5-curated takes a number from 1 to 4", 2),
        ((PROMPT, "--sampler", "k_eular"), "did you mean 'k_euler'?", 2),
        ((PROMPT, "--model", "V5 Currated"), "did you mean 'nai-diffusion-5-curated'?", 2),
        ((PROMPT, "--smea", "--model", "V4.5 Full"), "--smea is not for nai-diffusion-4-5-full", 2),
        ((PROMPT, "-o", "no/where.png"), "no does not exist", 1),
        ((PROMPT, "-o", "-"), "cannot write to stdout", 2),
        ((PROMPT, "-o", f"{'a' * 300}.png"), "File name too long", 1),
        ((PROMPT, "--image", "a" * 300), "File name too long", 1),
        ((PROMPT, "--vibe", f"{'a' * 300}=1"), "File name too long", 1),
        ((PROMPT, "--reference", f"{'a' * 300}=style"), "File name too long", 1),
    ],
)
def test_an_error_is_one_line_and_nothing_is_paid(
    owner: Account, arguments: tuple[str, ...], about: str, status: int
) -> None:
    """2 for wrong arguments, 1 for files that cannot be used."""
    write_image("a.png", 64, 64)
    Path("text").write_text("no picture")
    Path("mine").write_bytes(ImagePreset("nai-diffusion-3").dumps())
    Path("torn.png").write_bytes(Path("a.png").read_bytes()[:60])
    there, before = list_files(), count_anlas(owner)
    done = nai("image", *arguments, "--yes")
    assert (done.exit_code, done.stdout) == (status, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("nai image: ")
    assert about in line
    assert (list_files(), count_anlas(owner)) == (there, before)


def test_without_pillow_images_that_fit_are_sent_and_others_are_an_error(
    owner: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_image("fits.png", 64, 128)
    write_image("other.png", 64, 96)
    monkeypatch.setattr(image_service, "has_pillow", lambda: True)  # as the service's side has it
    monkeypatch.setattr(render, "write_jpeg", lambda pixels: b"\xff\xd8\xff")
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert nai("image", PROMPT, *SMALL, "--image", "fits.png").exit_code == 0
    done = nai("image", PROMPT, *SMALL, "--image", "other.png")
    assert done.exit_code == 1
    assert f"needs Pillow (the extra 'image'): {explain_install('image')}" in done.stderr


def cut_short_stream(*messages: dict[str, object]) -> App:
    """An emulator, but that its stream of pictures is this."""
    emulator, _ = an_emulator()

    def app(request: Request) -> Handler:
        if request.path != "/ai/generate-image-stream":
            yield from emulator(request)
            return
        yield from reading(request)
        yield Start(Head(200, Headers.of(content_type="application/msgpack")))
        for message in messages:
            yield Write(encode_frame(message))

    return app


FINAL = {"event_type": "final", "samp_ix": 0, "image": PNG}
STEP = {"event_type": "intermediate", "samp_ix": 0, "step_ix": 0, "sigma": 1.0, "image": JPEG}
ODD = {"event_type": "final", "samp_ix": -3, "image": PNG}


@pytest.mark.parametrize("then", [(), ({"event_type": "error", "samp_ix": 1, "code": 500, "message": "node lost"},)])
def test_images_that_were_complete_when_a_stream_broke_off_are_kept_and_named(
    owner: Account, then: tuple[Any, ...]
) -> None:
    with serve_in_thread(cut_short_stream(STEP, FINAL, *then)) as url:
        done = nai("image", PROMPT, *SMALL, "-n", "2", "--yes", "--url", url)
        again = nai("image", PROMPT, *SMALL, "-n", "2", "--yes", "--url", url, "--force", "--json")
    assert (done.exit_code, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.endswith(f"written before: {NAME}-7.png")
    assert list_files() == [f"{NAME}-7.png"]
    assert Path(f"{NAME}-7.png").read_bytes() == PNG
    assert json.loads(again.stderr)["error"]["files"] == [f"{NAME}-7.png"]


def test_a_stream_that_breaks_off_before_a_picture_leaves_nothing(owner: Account) -> None:
    with serve_in_thread(cut_short_stream(STEP)) as url:
        done = nai("image", PROMPT, *SMALL, "--url", url)
    assert (done.exit_code, done.stdout, list_files()) == (1, "", [])


def test_an_image_that_was_not_requested_replaces_no_other(owner: Account) -> None:
    with serve_in_thread(cut_short_stream(ODD, FINAL)) as url:
        done = nai("image", PROMPT, *SMALL, "--url", url)
    assert done.exit_code == 0
    assert list_files() == [f"{NAME}-7-sample--3.png"]


def test_ctrl_c_leaves_no_partial_file_and_no_unfinished_image(owner: Account) -> None:
    emulator, account = an_emulator(pace=1.0)
    with serve_in_thread(emulator) as url:
        environment = {**os.environ, "NAI_URL": url, "NAI_TOKEN": account.persistent_token.reveal()}
        # A shell that runs the tests in the background makes its children ignore the signal; a terminal does not.
        *python, code = forked_nai()
        program = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {code}"
        line = [*python, program, "image", PROMPT, *SMALL, "--previews"]
        with subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            while not any(name.endswith(".jpg") for name in list_files()) and process.poll() is None:
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
    there = list_files()
    assert there
    assert all(name.startswith(f"{NAME}-7-step-") for name in there)
    assert (process.returncode, out, err.decode()) == (130, b"", f"\nwritten before: {', '.join(there)}\n")


@pytest.mark.parametrize(("options", "cost"), [((), ""), (("-n", "2"), "This may have cost 2 Anlas")])
def test_ctrl_c_after_the_request_says_what_it_may_have_cost(
    owner: Account, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], cost: str
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nai_transports.cli.images.image_output.ImageWriter._handle", interrupt)
    done = nai("image", PROMPT, *SMALL, "--yes", *options)
    assert done.exit_code == 130
    assert (cost in done.stderr, "nai subscription" in done.stderr) == (True, bool(cost))


def test_a_picture_is_written_though_it_cannot_be_shown(owner: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    class Display:
        def show_preview(self, *_: object) -> None:
            raise OutputFailed("stdout cannot be written")

        show = show_preview

    monkeypatch.setattr("nai_transports.cli.images.image.open_picture_display", lambda **_: Display())
    done = nai("image", PROMPT, *SMALL, "--show")
    name = f"{NAME}-7.png"
    assert (done.exit_code, read_size(name)) == (1, (64, 128))
    assert done.stderr == f"nai image: stdout cannot be written. written before: {name}\n"
