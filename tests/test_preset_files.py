"""Preset files on a disk, and `nai presets`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nai_proto.codecs.pixels import Pixels, write_jpeg
from nai_proto.errors import FileError, InvalidFile, InvalidRequestError
from nai_proto.image import MODELS, ImageModel, ImagePreset, build_image_request
from nai_proto.text.models import Model
from nai_proto.text.preset import Preset
from nai_transports.preset_files import load_image_preset, load_preset, save_image_preset, save_preset
from tests.test_cli import nai

CAREFREE = Preset.from_default(Model.KAYRA)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "私の preset.preset"
    save_preset(CAREFREE, path)
    assert load_preset(path) == load_preset(str(path), model="kayra-v1") == CAREFREE
    save_preset(CAREFREE.copy().set("top_k", 3), str(path))
    assert load_preset(path).top_k == 3
    assert [*tmp_path.iterdir()] == [path]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"none\.preset cannot be read: No such file"):
        load_preset(tmp_path / "none.preset")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cut.preset"
    path.write_bytes(CAREFREE.dumps()[:-9])
    with pytest.raises(InvalidFile, match=r"cut\.preset: "):
        load_preset(path)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "an empty file"),
        (write_jpeg(Pixels(5, 3, bytes(45))), "a JPEG of 5 × 3 pixels"),
        (b"PK\3\4", "a ZIP archive"),
        ("{}".encode("utf-16"), "text in UTF-16; save it as UTF-8"),
    ],
)
def test_a_file_of_another_kind_is_named_for_what_it_is(content: bytes, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "x.preset"
    path.write_bytes(content)
    for load in (load_preset, load_image_preset):
        with pytest.raises(InvalidFile) as caught:
            load(path)
        assert str(caught.value) == f"{path}: this is {kind}"


def test_another_model_s_file_is_named(tmp_path: Path) -> None:
    save_preset(CAREFREE, tmp_path / "x.preset")
    with pytest.raises(InvalidFile, match=r"x\.preset: 'Carefree' is a preset for kayra-v1, not for clio-v1"):
        load_preset(tmp_path / "x.preset", model="clio-v1")


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "x.preset"
    save_preset(CAREFREE, path)
    with pytest.raises(InvalidRequestError, match="surrogate"):
        save_preset(CAREFREE.copy().set("cfg_uc", "\ud800"), path)
    with pytest.raises(FileError, match=r"x\.preset cannot be written: "):
        save_preset(CAREFREE, tmp_path / "nowhere" / "x.preset")
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileError, match="folder cannot be written: "):
        save_preset(CAREFREE, tmp_path / "folder")
    assert load_preset(path) == CAREFREE
    assert sorted(each.name for each in tmp_path.iterdir()) == ["folder", "x.preset"]


# ---- the command


def test_presets_are_listed_for_all_models_or_for_one() -> None:
    everything = json.loads(nai("presets", "list", "--json").stdout)
    assert {entry["model"] for entry in everything} >= {"6B-v4", "kayra-v1", "llama-3-erato-v1"}
    done = nai("presets", "list", "--model", "kayra-v1")
    assert done.returncode == 0, done.stderr
    assert "Carefree (default)" in done.stdout
    mine = [entry for entry in everything if entry["model"] == "kayra-v1"]
    assert json.loads(nai("presets", "list", "--model", "Kayra", "--json").stdout) == mine
    assert [entry["name"] for entry in mine if entry["default"]] == ["Carefree"]
    assert [entry["order"] for entry in mine if entry["default"]] == [["top_p", "tfs", "temperature", "top_a", "top_k"]]


def test_a_preset_is_shown_as_its_file_or_beside_what_is_sent() -> None:
    shown = nai("presets", "show", "Carefree", "--model", "kayra-v1")
    assert shown.returncode == 0, shown.stderr
    assert "repetition_penalty_default_whitelist" in shown.stdout
    assert "[2, 3, 0, 4, 1]" in shown.stdout
    assert "yes" in shown.stdout.split()
    assert "True" not in shown.stdout
    document = nai("presets", "show", "小説家", "--model", "Erato", "--json")
    assert Preset.loads(document.stdout) == Preset.from_official("llama-3-erato-v1", "小説家")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("list", "--model", "kayra"), ""),
        (("list", "--model", "kayra-v9"), "no model for stories is called 'kayra-v9'"),
        (("list", "--model", "cassandra"), "cassandra has no official presets"),
        (("show", "Carefre", "--model", "kayra-v1"), "did you mean 'Carefree'"),
    ],
)
def test_an_unknown_name_is_reported_in_one_line(arguments: tuple[str, ...], said: str) -> None:
    done = nai("presets", *arguments)
    assert done.returncode == (2 if said else 0)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == bool(said)


# ---- of images


@pytest.mark.parametrize("model", MODELS, ids=[model.id for model in MODELS])
def test_an_image_preset_that_is_saved_is_loaded(model: ImageModel, tmp_path: Path) -> None:
    path = tmp_path / "描く.json"
    preset = ImagePreset.from_default(model) | {"steps": 28, "negative_prompt": "犬"}
    save_image_preset(preset, path)
    assert load_image_preset(path) == preset
    assert [*tmp_path.iterdir()] == [path]


def test_an_image_preset_may_serve_another_model(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    save_image_preset(ImagePreset("V4 Full", {"steps": 28}), path)
    assert load_image_preset(path, model="V5 Full") == ImagePreset("V5 Full", {"steps": 28})
    request = build_image_request("a cat", preset=load_image_preset(path, model="V5 Full"), seed=1)
    assert request.parameters["steps"] == 28


@pytest.mark.parametrize("content", [b"", b"{}", b'{"model":"V4 Full","parameters":{"stepz":1}}', b"\xff"])
def test_a_damaged_image_preset_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cut.json"
    path.write_bytes(content)
    with pytest.raises(InvalidFile, match=r"cut\.json: "):
        load_image_preset(path)
    with pytest.raises(FileError, match=r"none\.json cannot be read"):
        load_image_preset(tmp_path / "none.json")


def test_an_image_preset_that_cannot_be_written_leaves_what_stood_there(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    save_image_preset(ImagePreset("V4 Full", {"steps": 28}), path)
    with pytest.raises(InvalidRequestError, match="not finite"):
        save_image_preset(ImagePreset("V4 Full", {"scale": float("nan")}), path)
    assert load_image_preset(path)["steps"] == 28
