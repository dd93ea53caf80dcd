"""``nai director`` and ``nai upscale``: pictures altered and enlarged, and nothing paid without consent."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nai_proto.codecs.pixels import Pixels, write_png
from nai_proto.emulator import Account
from nai_transports.servers.serve import serve_in_thread
from tests.cases import for_each
from tests.cli_images import count_anlas, emulated_images, list_files, nai
from tests.support import answers

SMALL = Pixels(64, 96, bytes(range(256)) * (64 * 96 * 3 // 256))


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Account]:
    with emulated_images(monkeypatch, tmp_path) as owner:
        Path("face.png").write_bytes(write_png(SMALL))
        yield owner


def size_of(path: str) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


@pytest.mark.parametrize("tool", ["lineart", "sketch", "colorize", "declutter", "declutter-keep-bubbles"])
def test_a_tool_writes_an_image_named_after_it_and_small_images_are_free_on_opus(owner: Account, tool: str) -> None:
    before = count_anlas(owner)
    done = nai("director", tool, "face.png")
    assert (done.exit_code, done.stderr) == (0, "free with Opus\n")
    assert list_files() == sorted([f"face-{tool}.png", "face.png"])
    assert f"face-{tool}.png" in done.stdout
    assert size_of(f"face-{tool}.png") == (64, 96)
    assert count_anlas(owner) == before


def test_an_emotion_has_a_name_and_may_be_weakened(owner: Account) -> None:
    done = nai(
        "director", "emotion", "face.png", "--emotion", "happy", "--prompt", "wide smile", "--defry", "2", "--json"
    )
    assert (done.exit_code, done.stderr) == (0, "")
    facts = json.loads(done.stdout)
    assert facts["files"] == ["face-happy.png"]
    assert facts["anlas"] == 0


def test_bg_removal_gives_three_and_is_never_free(owner: Account) -> None:
    before = count_anlas(owner)
    refused = nai("director", "bg-removal", "face.png")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "this costs 65 Anlas (never free), and there is no terminal" in refused.stderr
    assert "give --yes to confirm" in refused.stderr
    assert (list_files(), count_anlas(owner)) == (["face.png"], before)
    facts = json.loads(nai("director", "bg-removal", "face.png", "--yes", "--json").stdout)
    assert facts["files"] == [f"face-bg-removal-{part}.png" for part in ("masked", "generated", "blend")]
    assert all(map(size_of, facts["files"]))
    assert count_anlas(owner) == before - facts["anlas"] < before


def test_the_price_alone_needs_no_account_and_changes_nothing(owner: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAI_URL", "http://127.0.0.1:9")
    monkeypatch.delenv("NAI_TOKEN")
    for arguments, price in (
        (("director", "lineart", "face.png"), "20 Anlas, free with Opus"),
        (("director", "bg-removal", "face.png"), "65 Anlas (never free)"),
        (("upscale", "face.png"), "1 Anlas"),
        (("vibe", "face.png"), "2 Anlas"),
    ):
        done = nai(*arguments, "--price")
        assert (done.exit_code, done.stdout, done.stderr) == (0, f"{price}\n", "")
    facts = json.loads(nai("director", "lineart", "face.png", "--price", "--json").stdout)
    assert facts == {"anlas": 20, "anlas_with_opus": 0, "price": "20 Anlas, free with Opus"}
    assert list_files() == ["face.png"]


@pytest.mark.parametrize("arguments", [("director", "bg-removal"), ("upscale",)])
def test_the_pictures_are_shown_with_their_files(
    owner: Account, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    shown: list[tuple[int, bytes, str]] = []

    class Display:
        def show(self, *picture: Any) -> None:
            shown.append(picture)

    monkeypatch.setattr("nai_transports.cli.images.director.open_picture_display", lambda **_: Display())
    done = nai(*arguments, "face.png", "--show", "--yes", "--json")
    files = json.loads(done.stdout)["files"]
    captions = files if len(files) > 1 else [""]  # the facts that follow name a single one
    assert shown == [
        (number, Path(name).read_bytes(), caption)
        for number, (name, caption) in enumerate(zip(files, captions, strict=True))
    ]
    assert files


@pytest.mark.usefixtures("terminal")
def test_at_a_terminal_the_command_asks_and_an_empty_answer_is_no(owner: Account) -> None:
    before = count_anlas(owner)
    for said in ("\n", "n\n", ""):
        done = nai("upscale", "face.png", stdin=said)
        assert done.exit_code == 1
        assert "This costs 1 Anlas" in done.stderr
        assert f"The account has {before:,}" in done.stderr
        assert (list_files(), count_anlas(owner)) == (["face.png"], before)
    done = nai("upscale", "face.png", stdin="y\n")
    assert done.exit_code == 0
    assert done.stderr.endswith(f"paid: 1 Anlas, {before - 1:,} left\n")
    assert done.stdout == "file\tface-128x192.png\n"
    assert size_of("face-128x192.png") == (128, 192)
    assert count_anlas(owner) == before - 1


def test_a_price_above_the_limit_or_the_balance_is_refused(owner: Account) -> None:
    before = count_anlas(owner)
    done = nai("upscale", "face.png", "--yes", "--max-anlas", "0")
    assert done.exit_code == 4
    assert "this costs 1 Anlas, which is more than --max-anlas 0: to pay it, give --max-anlas 1" in done.stderr
    owner.profile.anlas = owner.profile.bought_anlas = 0
    done = nai("upscale", "face.png", "--yes")
    assert done.exit_code == 4
    assert "and the account has 0; nai subscription shows when it gets more" in done.stderr
    assert list_files() == ["face.png"]
    assert before > 0


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_images_of_all_formats_are_accepted(owner: Account, kind: str) -> None:
    out = io.BytesIO()
    Image.new("RGB", (96, 64), (200, 30, 10)).save(out, kind)
    Path("other").write_bytes(out.getvalue())
    assert nai("director", "lineart", "other").exit_code == 0
    assert nai("upscale", "other", "--yes").exit_code == 0
    assert list_files() == ["face.png", "other", "other-192x128.png", "other-lineart.png"]


def test_files_are_replaced_only_with_overwrite(owner: Account) -> None:
    Path("out.png").write_text("mine")
    before = count_anlas(owner)
    done = nai("upscale", "face.png", "--yes", "-o", "out.png")
    assert done.stderr == "nai upscale: out.png already exists (--force replaces it)\n"
    assert (Path("out.png").read_text(), count_anlas(owner)) == ("mine", before)
    assert nai("upscale", "face.png", "--yes", "-o", "out.png", "--force").exit_code == 0
    assert size_of("out.png") == (128, 192)
    Path("there").mkdir()
    assert json.loads(nai("director", "sketch", "face.png", "-o", "there", "--json").stdout)["files"] == [
        "there/face-sketch.png"
    ]


@for_each(
    "arguments, about, status",
    [
        (("director", "paint", "face.png"), "no director tool is called 'paint'", 2),
        (("director", "line-art", "face.png"), "did you mean 'lineart'?", 2),
        (("director", "emotion", "face.png", "--emotion", "happi"), "did you mean 'happy'?", 2),
        (("upscale", "face.png", "--model", "V5 Ful"), "did you mean 'nai-diffusion-5-full'? nai models lists all", 2),
        (("director", "paint", "nowhere.png"), "no director tool is called 'paint'; there are bg-removal, lineart,", 2),
        (("director", "emotion", "nowhere.png", "--emotion", "hapy"), "'happy'? nai director --help lists all", 2),
        (("upscale", "nowhere.png", "--model", "V5 Ful"), "did you mean 'nai-diffusion-5-full'?", 2),
        (("director", "lineart", "nowhere.png"), "nowhere.png cannot be read", 1),
        (("director", "lineart", "text.png"), "text.png: not a PNG, WebP or JPEG", 1),
        (("director", "lineart", "torn.png"), "torn.png: ", 1),
        (("director", "emotion", "face.png"), "--emotion happy", 2),
        (("director", "emotion", "face.png", "--emotion", "meh"), "no emotion is called 'meh'", 2),
        (("director", "lineart", "face.png", "--prompt", "x"), "prompt and defry are for", 2),
        (("director", "colorize", "face.png", "--defry", "6"), "defry is 6", 2),
        (("director", "lineart", "face.png", "-o", "no/where.png"), "no does not exist", 1),
        (("upscale", "face.png", "--model", "V4.5 Full"), "does not upscale", 2),
        (("upscale", "face.png", "--blur", "0.2"), "--blur is 0.2", 2),
    ],
)
def test_an_error_is_one_line_and_nothing_is_paid(
    owner: Account, arguments: tuple[str, ...], about: str, status: int
) -> None:
    """2 for wrong arguments, 1 for files that cannot be used."""
    Path("text.png").write_text("no picture")
    Path("torn.png").write_bytes(write_png(SMALL)[:20])
    there, before = list_files(), count_anlas(owner)
    done = nai(*arguments, "--yes")
    assert (done.exit_code, done.stdout) == (status, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"nai {arguments[0]}: ")
    assert about in line
    assert (list_files(), count_anlas(owner)) == (there, before)


def test_a_response_that_is_not_an_image_leaves_no_file(owner: Account) -> None:
    with serve_in_thread(answers(200, b"sorry", content_type="text/html")) as url:
        done = nai("upscale", "face.png", "--yes", "--url", url)
    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == 1
    assert list_files() == ["face.png"]
