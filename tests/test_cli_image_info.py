"""``nai image-info``: what pictures say of themselves, wherever they say it, and what vouches for it."""

from __future__ import annotations

import base64
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
from PIL import Image
from typer.testing import Result

from nai_proto.codecs.exif import write_exif
from nai_proto.codecs.picture_files import with_metadata, write_picture
from nai_proto.codecs.picture_metadata import Metadata, examine_picture
from nai_proto.codecs.picture_signature import TEST_VERIFY_KEY, public_key
from nai_proto.codecs.pixels import Pixels, read_pixels, write_png
from nai_proto.codecs.png import build_png_chunk
from nai_proto.codecs.webp import with_webp_text
from tests.cli_images import nai
from tests.forked_python import forked_nai

PIXELS = Pixels(96, 128, bytes(range(256)) * (96 * 128 * 3 // 256))
PARAMETERS: dict[str, Any] = {
    "prompt": "a harbour\nat night",
    "uc": "fog",
    "seed": 7,
    "steps": 23,
    "sampler": "k_euler",
    "scale": 5.0,
    "width": 96,
    "height": 128,
    "v4_prompt": {"caption": {"base_caption": "…", "char_captions": [{"char_caption": "a keeper"}, 7]}},
    "reference_strength_multiple": [0.6, 0.2],
}
METADATA = Metadata.from_comment(
    PARAMETERS, description="a harbour", source="NovelAI Diffusion V4.5 4BDE2A90", seconds=2.5
)
OTHER_SEED = b"another seed of thirty-two bytes"


def signed_image(seed: bytes | None = None) -> bytes:
    """A picture as the service makes it, signed with the key of this seed."""
    return write_picture(PIXELS, METADATA if seed is None else METADATA.with_signature(PIXELS, seed))


def webp(texts: dict[str, str] | None = None) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 96), (1, 2, 3)).save(out, "WEBP", lossless=True)
    return out.getvalue() if texts is None else with_webp_text(out.getvalue(), texts)


def run_image_info(*arguments: object) -> Result:
    return nai("image-info", *arguments)


def read_facts(tmp_path: Path, data: bytes, *arguments: str) -> dict[str, Any]:
    (tmp_path / "picture").write_bytes(data)
    done = run_image_info(tmp_path / "picture", "--json", *arguments)
    assert (done.exit_code, done.stderr) == (0, "")
    (facts,) = json.loads(done.stdout)
    assert isinstance(facts, dict)
    return facts


def test_image_info_prints_the_metadata(tmp_path: Path) -> None:
    facts = read_facts(tmp_path, signed_image())
    assert facts["format"] == "png"
    assert (facts["width"], facts["height"]) == (96, 128)
    assert facts["metadata"] == ["text", "alpha"]
    assert facts["copies_agree"] is True
    assert facts["signatures"] == {"text": "none", "alpha": "none"}
    assert facts["source"] == "NovelAI Diffusion V4.5 4BDE2A90"
    assert (facts["seconds"], facts["seed"], facts["steps"], facts["sampler"]) == (2.5, 7, 23, "k_euler")
    assert (facts["prompt"], facts["negative_prompt"]) == (PARAMETERS["prompt"], "fog")
    assert (facts["characters"], facts["vibes"]) == (["a keeper"], 2)
    assert facts["parameters"] == PARAMETERS


def test_facts_are_printed_as_lines_that_cannot_control_the_terminal(tmp_path: Path) -> None:
    evil = Metadata.from_comment({**PARAMETERS, "uc": "\x1b]0;\x07"}, description=None, source=None)
    (tmp_path / "a.png").write_bytes(signed_image())
    (tmp_path / "b.png").write_bytes(write_picture(PIXELS, evil))
    done = run_image_info(tmp_path / "a.png", tmp_path / "b.png")
    assert (done.exit_code, done.stderr) == (0, "")
    first, second = done.stdout.split("\n\n")
    for text in ("a.png", "96 × 128", "text", "alpha", "a harbour\\nat night", "fog", "k_euler", "a keeper"):
        assert text in first
    assert "b.png" in second
    assert not set("\x1b\x07") & set(done.stdout)


@pytest.mark.parametrize(
    ("seed", "key", "outcome"),
    [
        (None, None, "none"),
        (b"not secret: signs test pictures!", None, "emulator"),
        (b"not secret: signs test pictures!", "emulator", "valid"),
        (b"not secret: signs test pictures!", TEST_VERIFY_KEY.hex(), "valid"),
        (OTHER_SEED, base64.b64encode(public_key(OTHER_SEED)).decode(), "valid"),
        (OTHER_SEED, None, "invalid"),
    ],
)
def test_the_signature_is_verified_with_the_published_key_or_the_given_one(
    tmp_path: Path, seed: bytes | None, key: str | None, outcome: str
) -> None:
    arguments = () if key is None else ("--key", key)
    assert read_facts(tmp_path, signed_image(seed), *arguments)["signature"] == outcome


def test_differing_copies_are_reported_with_their_signatures(tmp_path: Path) -> None:
    signed = signed_image(b"not secret: signs test pictures!")
    changed = with_metadata(
        signed, Metadata.from_comment({**PARAMETERS, "seed": 8}, description="a harbour", source="?")
    )
    facts = read_facts(tmp_path, changed, "--key", "emulator")
    assert facts["copies_agree"] is False
    assert set(facts["differing"]) == {"Source", "seed", "Generation time"}
    assert (facts["signature"], facts["signatures"]) == ("differing", {"text": "none", "alpha": "valid"})
    assert facts["seed"] == 8


def test_the_signature_of_changed_pixels_is_invalid(tmp_path: Path) -> None:
    signed = signed_image(b"not secret: signs test pictures!")
    (text, _), pixels = examine_picture(signed).copies, read_pixels(signed)
    changed = Pixels(96, 128, bytes([pixels.data[0] ^ 1]) + pixels.data[1:])
    facts = read_facts(tmp_path, write_picture(changed, text), "--key", "emulator")
    assert facts["signature"] == "invalid"


def test_the_copy_in_alpha_is_read_without_the_text(tmp_path: Path) -> None:
    facts = read_facts(tmp_path, write_png(read_pixels(signed_image())))
    assert (facts["metadata"], facts["seed"]) == (["alpha"], 7)
    assert facts["copies_agree"] is None


def test_a_damaged_copy_in_alpha_does_not_hide_the_text(tmp_path: Path) -> None:
    pixels = read_pixels(signed_image())
    alpha = bytearray(pixels.alpha.data if pixels.alpha else b"")
    for row in range(40, 100):
        alpha[row * 96 + 1] ^= 1
        alpha[row * 96 + 2] ^= 1
    facts = read_facts(tmp_path, write_png(pixels.with_alpha(bytes(alpha)), METADATA.texts))
    assert (facts["metadata"], facts["seed"]) == (["text"], 7)
    assert facts["damaged"]


def test_webp_has_its_metadata_in_exif(tmp_path: Path) -> None:
    facts = read_facts(tmp_path, with_metadata(webp(), METADATA.with_signature(PIXELS)))
    assert (facts["format"], (facts["width"], facts["height"]), facts["metadata"]) == ("webp", (64, 96), ["EXIF"])
    assert (facts["seed"], facts["prompt"]) == (7, PARAMETERS["prompt"])
    assert facts["signature"] == "invalid"


def test_lossless_webp_has_a_copy_in_alpha_and_a_signature(tmp_path: Path) -> None:
    signed = METADATA.with_signature(PIXELS)
    drawn = read_pixels(write_picture(PIXELS, signed))
    out = io.BytesIO()
    Image.frombytes("RGBA", (96, 128), drawn.data).save(out, "WEBP", lossless=True, exact=True)
    facts = read_facts(tmp_path, with_metadata(out.getvalue(), signed), "--key", "emulator")
    assert facts["metadata"] == ["EXIF", "alpha"]
    assert (facts["copies_agree"], facts["signature"]) == (True, "valid")


@pytest.mark.parametrize(
    ("image_format", "options", "signature"),
    [
        ("JPEG", {"quality": 95}, "lost"),
        ("WEBP", {"quality": 100}, "lost"),
        ("AVIF", {"quality": 90}, "lost"),
        ("GIF", {}, "lost"),
        ("WEBP", {"lossless": True}, "invalid"),
        ("PNG", {}, "invalid"),
    ],
)
def test_a_format_that_loses_colours_has_lost_the_signature_and_another_has_an_invalid_one(
    tmp_path: Path, image_format: str, options: dict[str, Any], signature: str
) -> None:
    if image_format not in Image.registered_extensions().values():
        pytest.skip(f"this Pillow writes no {image_format}")
    pixels = Pixels(96, 128, Random(7).randbytes(96 * 128 * 3))  # more colours than a palette has
    comment = METADATA.with_signature(pixels).comment or ""
    exif = b"Exif\0\0" + write_exif({"Software": "NovelAI", "UserComment": comment})
    out = io.BytesIO()
    picture = Image.frombytes("RGB", (96, 128), pixels.data)
    if signature == "invalid":
        picture.putpixel((0, 0), (9, 9, 9))
    picture.save(out, image_format, exif=exif, comment=comment.encode(), **options)
    facts = read_facts(tmp_path, out.getvalue(), "--key", "emulator")
    assert (facts["format"], facts["seed"], facts["signature"]) == (image_format.lower(), 7, signature)
    shown = " ".join(run_image_info(tmp_path / "picture", "--key", "emulator").stdout.split())
    assert ("lost: this format cannot keep it, so nothing says whether" in shown) is (signature == "lost")


def test_the_signature_of_unreadable_pixels_is_not_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signed = METADATA.with_signature(PIXELS)
    torn = write_png(PIXELS)
    torn = torn.replace(b"IDAT", b"abCd")
    at = torn.index(b"abCd")
    size = int.from_bytes(torn[at - 4 : at])
    torn = torn[: at - 4] + build_png_chunk(b"abCd", torn[at + 4 : at + 4 + size]) + torn[at + 8 + size :]
    facts = read_facts(tmp_path, with_metadata(torn, signed))
    assert (facts["signature"], facts["signature_problem"]) == ("not_checked", "the pixels cannot be read")
    out = io.BytesIO()
    Image.new("RGBA", (64, 96), (1, 2, 3, 4)).save(out, "WEBP", lossless=True)
    file = with_metadata(out.getvalue(), signed)
    assert read_facts(tmp_path, file)["signature"] == "invalid"
    monkeypatch.setitem(sys.modules, "PIL", None)
    facts = read_facts(tmp_path, file)
    assert facts["metadata"] == ["EXIF"]
    for name in ("signature_problem", "not_read"):
        assert "the extra 'image'" in str(facts[name])


@pytest.mark.parametrize("data", [write_png(PIXELS), webp()])
def test_an_image_without_metadata_is_no_error(tmp_path: Path, data: bytes) -> None:
    facts = read_facts(tmp_path, data)
    assert (facts["metadata"], facts["parameters"]) == ([], {})


def test_metadata_of_another_program_is_no_error(tmp_path: Path) -> None:
    facts = read_facts(tmp_path, write_png(PIXELS, {"parameters": "a lamp, steps: 20"}))
    assert (facts["metadata"], facts["signature"], facts["parameters"]) == (["text"], "none", {})


def test_an_unreadable_file_is_one_line_and_the_others_are_printed(tmp_path: Path) -> None:
    files = {
        "a.png": b"nothing",
        "b.png": signed_image(),
        "d.jpg": b"\xff\xd8\xff",
        "e.png": signed_image()[:30],
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    done = run_image_info(*(tmp_path / name for name in ("a.png", "b.png", "c.png", "d.jpg", "e.png")), "--json")
    assert done.exit_code == 1
    (facts,) = json.loads(done.stdout)
    assert facts["file"].endswith("b.png")
    lines = done.stderr.splitlines()
    assert len(lines) == 4
    for line, name in zip(lines, ("a.png", "c.png", "d.jpg", "e.png"), strict=True):
        assert line.startswith("nai image-info: ")
        assert name in line


def test_a_file_of_another_kind_is_named_for_what_it_is(tmp_path: Path) -> None:
    for name, data, kind in (
        ("notes.zip", b"PK\3\4", "a ZIP archive"),
        ("empty.png", b"", "an empty file"),
        ("text.png", b"hello", "no picture"),
    ):
        (tmp_path / name).write_bytes(data)
        done = run_image_info(tmp_path / name)
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.startswith(f"nai image-info: {tmp_path / name}: this is {kind}; PNG, WebP, JPEG")


def test_a_jpeg_has_its_metadata_in_exif(tmp_path: Path) -> None:
    out = io.BytesIO()
    exif = write_exif({"Software": "NovelAI Diffusion V4.5 4BDE2A90", "UserComment": json.dumps(PARAMETERS)})
    Image.new("RGB", (96, 128)).save(out, "JPEG", exif=b"Exif\0\0" + exif)
    facts = read_facts(tmp_path, out.getvalue())
    assert (facts["format"], (facts["width"], facts["height"]), facts["metadata"]) == ("jpeg", (96, 128), ["EXIF"])
    assert (facts["seed"], facts["model"]) == (7, "nai-diffusion-4-5-full")


def test_texts_of_an_editor_do_not_hide_the_copy_in_alpha(tmp_path: Path) -> None:
    texts = {"Software": "GIMP 2.10.34", "Comment": "Created with GIMP"}
    signed = write_picture(PIXELS, METADATA.with_signature(PIXELS))
    facts = read_facts(tmp_path, with_metadata(signed, Metadata(texts)), "--key", "emulator")
    assert (facts["metadata"], facts["seed"], facts["software"]) == (["alpha"], 7, "NovelAI")
    assert facts["other_programs"] == {"text": ["Software", "Comment"]}
    assert (facts["signature"], facts["damaged"], facts["copies_agree"]) == ("valid", [], None)
    facts = read_facts(tmp_path, write_png(PIXELS, texts))
    assert (facts["metadata"], facts["software"]) == (["text"], "GIMP 2.10.34")
    assert facts["other_programs"] == {"text": ["Software", "Comment"]}


def test_what_is_damaged_is_named_beside_what_is_whole(tmp_path: Path) -> None:
    signed = signed_image()
    facts = read_facts(tmp_path, signed[:33] + build_png_chunk(b"tEXt", b"no keyword") + signed[33:])
    assert (facts["metadata"], facts["seed"], facts["copies_agree"]) == (["text", "alpha"], 7, True)
    assert facts["damaged"] == ["the tEXt chunk at byte 33 has no keyword"]
    facts = read_facts(tmp_path, signed[:-30])
    assert (facts["metadata"], facts["seed"]) == (["text"], 7)
    assert facts["damaged"] == ["the PNG ends too early"]


def test_what_is_left_of_a_damaged_file_is_shown_with_the_damage(tmp_path: Path) -> None:
    facts = read_facts(tmp_path, signed_image()[:-12])
    assert (facts["metadata"], facts["seed"], (facts["width"], facts["height"])) == (["text", "alpha"], 7, (96, 128))
    assert facts["damaged"] == ["the PNG ends too early"]
    out = io.BytesIO()
    exif = write_exif({"Software": "NovelAI Diffusion V4.5 4BDE2A90", "UserComment": json.dumps(PARAMETERS)})
    Image.new("RGB", (96, 128)).save(out, "JPEG", exif=b"Exif\0\0" + exif)
    facts = read_facts(tmp_path, out.getvalue()[: len(exif) + 40])
    assert (facts["metadata"], facts["seed"], facts["width"]) == (["EXIF"], 7, None)
    assert facts["damaged"] == ["the JPEG ends too early"]


def test_what_pillow_logs_of_a_damaged_file_is_not_printed(tmp_path: Path) -> None:
    out = io.BytesIO()
    Image.new("RGB", (9, 9)).save(out, "TIFF")
    at = out.getvalue().index(b"\x15\x01\x03\0") + 8  # how many samples a pixel has
    (tmp_path / "a.tif").write_bytes(out.getvalue()[:at] + b"\xc8" + out.getvalue()[at + 1 :])
    command = [*forked_nai(), "image-info", str(tmp_path / "a.tif")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "the pixels of this TIFF cannot be decoded" in done.stdout
    assert done.stderr == ""


def test_a_copy_in_the_colours_is_shown_as_another_program_s(tmp_path: Path) -> None:
    content = b"a lamp, steps: 20"
    bits = "".join(f"{byte:08b}" for byte in b"stealth_rgbinfo" + (8 * len(content)).to_bytes(4) + content)
    picture = Image.new("RGB", (4, 200))
    for at in range(0, len(bits) - 2, 3):
        picture.putpixel((at // 3 // 200, at // 3 % 200), (int(bits[at]), int(bits[at + 1]), int(bits[at + 2])))
    out = io.BytesIO()
    picture.save(out, "PNG")
    facts = read_facts(tmp_path, out.getvalue())
    assert (facts["metadata"], facts["other_programs"]) == (["colours"], {"colours": ["parameters"]})


def test_what_was_not_looked_at_is_not_shown_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    pixels = read_pixels(signed_image())
    Image.frombytes("RGBA", (96, 128), pixels.data).save(out, "TIFF")
    facts = read_facts(tmp_path, out.getvalue())
    assert (facts["metadata"], facts["seed"], (facts["width"], facts["height"])) == (["alpha"], 7, (96, 128))
    assert facts["not_read"] == {}
    out = io.BytesIO()
    Image.frombytes("RGBA", (96, 128), pixels.data).quantize(colors=9).save(out, "PNG", transparency=0)
    monkeypatch.setitem(sys.modules, "PIL", None)
    facts = read_facts(tmp_path, out.getvalue())
    assert facts["metadata"] == []
    assert "the extra 'image'" in facts["not_read"]["alpha"]
    assert re.search(r"^metadata in\tnot known$", run_image_info(tmp_path / "picture").stdout, re.MULTILINE)


def test_parameters_are_shown_in_words_and_what_is_switched_off_is_not(tmp_path: Path) -> None:
    switches = {"sm": True, "sm_dyn": False, "dynamic_thresholding": False, "cfg_rescale": 0.0, "uncond_scale": 0}
    said = {**PARAMETERS, **switches, "skip_cfg_above_sigma": None, "request_type": "PromptGenerateRequest"}
    (tmp_path / "a.png").write_bytes(write_picture(PIXELS, Metadata.from_comment(said, description=None, source=None)))
    done = run_image_info(tmp_path / "a.png")
    names = [line.split("\t")[0] for line in done.stdout.splitlines()]
    assert [name for name in names if name in ("SMEA", "SMEA DYN", "decrisper", "Variety+ above sigma")] == ["SMEA"]
    assert {"prompt guidance", "undesired content", "guidance rescale", "kind of request"} < {*names}
    assert not {"sm", "sm dyn", "scale", "uc", "cfg rescale"} & {*names}


def test_the_json_always_has_the_same_keys(tmp_path: Path) -> None:
    with_all, with_none = (read_facts(tmp_path, data) for data in (signed_image(OTHER_SEED), write_png(PIXELS)))
    assert [*with_all] == [*with_none]
    assert (with_none["signature"], with_none["signatures"], with_none["copies_agree"]) == ("none", {}, None)
    assert (with_none["seed"], with_none["characters"], with_none["vibes"]) == (None, [], 0)


def test_the_signature_is_verified_in_every_encoding_of_the_pixels(tmp_path: Path) -> None:
    grey = Pixels(96, 128, bytes(96 * 128 * 3))
    drawn = read_pixels(write_picture(grey, METADATA.with_signature(grey)))
    picture = Image.frombytes("RGBA", (96, 128), drawn.data)
    for mode, image_format in (("LA", "PNG"), ("RGBA", "TIFF")):
        out = io.BytesIO()
        picture.convert(mode).save(out, image_format)
        facts = read_facts(tmp_path, out.getvalue(), "--key", "emulator")
        assert (facts["metadata"], facts["signature"]) == (["alpha"], "valid")


@pytest.mark.parametrize("key", ["", "abc", "00" * 31, "Y2JcQAOhLwzwSDUJPNgL04nS0Tbqm7cSRc4xk0vRMg=="])
def test_an_invalid_key_is_a_one_line_error(tmp_path: Path, key: str) -> None:
    done = run_image_info(tmp_path / "nothing.png", "--key", key)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == "nai image-info: --key is 32 bytes in base64 or hex, or `emulator`\n"
