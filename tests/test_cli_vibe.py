"""``nai vibe``: vibe files made, extended and looked at; an encoding is paid for once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from nai_proto.codecs.pixels import Pixels, write_png
from nai_proto.codecs.vibe_files import StoredVibe, VibeBundle, read_vibe_file, write_vibe_file
from nai_proto.emulator import Account
from nai_proto.errors import FileError
from nai_transports.cli.common import output_files
from tests.cli_images import count_anlas, emulated_images, list_files, nai

PICTURE = write_png(Pixels(64, 64, bytes(range(256)) * 48))


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Account]:
    with emulated_images(monkeypatch, tmp_path) as owner:
        Path("sea.png").write_bytes(PICTURE)
        yield owner


def read_vibe(name: str) -> StoredVibe:
    found = read_vibe_file(Path(name).read_bytes())
    assert isinstance(found, StoredVibe)
    return found


def test_an_image_becomes_a_vibe_file_after_payment(owner: Account) -> None:
    before = count_anlas(owner)
    refused = nai("vibe", "sea.png")
    assert refused.exit_code == 2
    assert "this costs 2 Anlas" in refused.stderr
    assert (list_files(), count_anlas(owner)) == (["sea.png"], before)
    done = nai("vibe", "sea.png", "--yes", "--strength", "0.4", "--information", "0.5")
    assert (done.exit_code, done.stderr) == (0, f"paid: 2 Anlas, {before - 2:,} left\n")
    assert count_anlas(owner) == before - 2
    made = read_vibe("sea.naiv4vibe")
    assert made.intact
    assert (made.image, made.strength, made.information_extracted) == (PICTURE, 0.4, 0.5)
    assert made.encoding("v4-5full", 0.5)
    assert made.encoding("v4-5full", 1.0) is None


def test_an_encoding_is_paid_for_once(owner: Account) -> None:
    for output in ("sea.naiv4vibe", "two.naiv4vibe"):
        assert nai("vibe", "sea.png", "--yes", "-o", output).exit_code == 0
    before = count_anlas(owner)
    assert nai("vibe", "sea.png", "--yes").stderr == "nai vibe: sea.naiv4vibe already exists (--force replaces it)\n"
    assert list_files() == ["sea.naiv4vibe", "sea.png", "two.naiv4vibe"]
    assert read_vibe("two.naiv4vibe").encoding("v4-5full") == read_vibe("sea.naiv4vibe").encoding("v4-5full")
    done = nai("vibe", "sea.png", "--max-anlas", "0", "-o", "again.naiv4vibe", "--json")
    assert json.loads(done.stdout)["anlas"] == 0
    assert nai("vibe", "sea.png", "--information", "0.3", "--yes", "--force").exit_code == 0
    assert nai("vibe", "sea.png", "--model", "V4 Full", "--yes", "--force").exit_code == 0
    assert count_anlas(owner) == before - 4


def test_a_damaged_file_of_the_cache_is_encoded_again(owner: Account, tmp_path: Path) -> None:
    assert nai("vibe", "sea.png", "--yes").exit_code == 0
    (kept,) = (tmp_path / "kept").iterdir()
    for damage in (b"{", kept.read_bytes().replace(b'"id":"', b'"id":"0')):
        kept.write_bytes(damage)
        before = count_anlas(owner)
        assert nai("vibe", "sea.png", "--yes", "--force").exit_code == 0
        assert count_anlas(owner) == before - 2


def test_an_encoding_for_another_model_keeps_the_rest_of_the_file(owner: Account) -> None:
    assert nai("vibe", "sea.png", "--yes").exit_code == 0
    first = {**read_vibe("sea.naiv4vibe").document, "name": "my sea", "more": [1]}
    Path("sea.naiv4vibe").write_bytes(write_vibe_file(StoredVibe(first)))
    done = nai("vibe", "sea.naiv4vibe", "--model", "V4 Curated", "--yes", "-o", "both.naiv4vibe")
    assert done.exit_code == 0
    both = read_vibe("both.naiv4vibe")
    assert (both.name, both.document["more"]) == ("my sea", [1])
    assert set(both.document["encodings"]) == {"v4-5full", "v4curated"}


def test_a_vibe_file_is_shown(owner: Account) -> None:
    assert nai("vibe", "sea.png", "--yes", "--information", "0.7").exit_code == 0
    (facts,) = json.loads(nai("vibe", "sea.naiv4vibe", "--json").stdout)["vibes"]
    assert facts["encodings"] == {"v4-5full": [0.7]}
    assert (facts["strength"], facts["intact"]) == (0.6, True)
    assert (facts["picture_format"], facts["picture_bytes"]) == ("png", len(PICTURE))
    alone = StoredVibe.from_encoding(b"encoded", "v4full", created_at=1_700_000_000)
    bundle = VibeBundle((read_vibe("sea.naiv4vibe"), alone))
    Path("two.naiv4vibebundle").write_bytes(write_vibe_file(bundle))
    first, second = json.loads(nai("vibe", "two.naiv4vibebundle", "--json").stdout)["vibes"]
    assert first == facts
    assert second["encodings"] == {"v4full": [None]}
    assert second["created_at"] == "2023-11-14T22:13:20Z"
    assert (second["picture_format"], second["picture_bytes"]) == (None, None)
    shown = nai("vibe", "two.naiv4vibebundle").stdout
    for text in (facts["id"], alone.id, "v4-5full", "v4full", "2023-11-14"):
        assert text in shown


@pytest.mark.parametrize("arguments", [("vibe", "sea.png"), ("image", "x", "--model", "V4 Full", "--vibe", "sea.png")])
def test_an_encoding_that_the_cache_cannot_take_is_kept_elsewhere(
    owner: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    def refuse(*_: object) -> None:
        raise FileError("No space left on device")

    (tmp_path / "rescued").mkdir()
    monkeypatch.setattr(output_files, "_rescue_directories", lambda: [tmp_path / "rescued"])
    monkeypatch.setattr("nai_transports.vibe_files.save_vibes", refuse)
    done = nai(*arguments, "--yes")
    (kept,) = (tmp_path / "rescued").glob("*/*.naiv4vibe")
    assert done.exit_code == 1
    assert f"No space left on device; it was kept as {kept}. written: " in done.stderr
    assert read_vibe(str(kept)).document["encodings"]
    assert len(list_files()) == 2


def test_text_of_a_vibe_file_cannot_control_the_terminal(owner: Account) -> None:
    made = StoredVibe.from_image(PICTURE, created_at=0)
    odd = {**made.document, "name": "\x1b]0;\ud800", "createdAt": float("inf"), "encodings": {"\x1b": {}}}
    Path("odd.naiv4vibe").write_text(json.dumps(odd).replace("Infinity", "1e999"))
    shown = nai("vibe", "odd.naiv4vibe")
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert "\x1b" not in shown.stdout
    (facts,) = json.loads(nai("vibe", "odd.naiv4vibe", "--json").stdout)["vibes"]
    assert (facts["name"], facts["encodings"]) == ("\x1b]0;\ud800", {"\x1b": []})
    assert facts["created_at"] is None


@pytest.mark.parametrize(
    ("arguments", "about", "status"),
    [
        (("nowhere.png",), "nowhere.png cannot be read", 1),
        (("text",), "text: vibe: not JSON (byte 0)", 1),
        (("sea.png", "--model", "V5 Full"), "takes no encoded vibes", 2),
        (("sea.png", "--model", "xyz"), "no image model is called 'xyz'", 2),
        (("alone", "--strength", "0.3"), "need --model", 2),
        (("alone", "--model", "V4.5 Full"), "has no encoding for this model", 1),
        (("torn",), "torn: vibe: its image is no base64", 1),
        (("two", "--model", "V4.5 Full"), "two has 2 vibes; give a file with one vibe", 2),
        (("sea.png", "-o", "text"), "text already exists", 1),
    ],
)
def test_an_error_is_one_line_and_nothing_is_paid(
    owner: Account, arguments: tuple[str, ...], about: str, status: int
) -> None:
    """2 for wrong arguments, 1 for files that cannot be used."""
    alone = StoredVibe.from_encoding(b"encoded", "v4full", created_at=0)
    Path("alone").write_bytes(write_vibe_file(alone))
    Path("two").write_bytes(write_vibe_file(VibeBundle((alone, alone))))
    Path("text").write_text("no vibe")
    Path("torn").write_bytes(
        write_vibe_file(StoredVibe({**StoredVibe.from_image(PICTURE, created_at=0).document, "image": "A"}))
    )
    there, before = list_files(), count_anlas(owner)
    done = nai("vibe", *arguments, "--yes")
    assert (done.exit_code, done.stdout) == (status, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("nai vibe: ")
    assert about in line
    assert (list_files(), count_anlas(owner)) == (there, before)
