"""``nai speak`` and ``nai tags``: a text as sound, and tags for a word, against the emulator."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from nai_proto.emulator import Account
from nai_proto.testing import run_in_memory
from nai_proto.voice import speak
from nai_transports.servers.serve import serve_in_thread
from tests.cli_images import emulated_images, nai
from tests.forked_python import forked_nai
from tests.support import an_emulator, answers, with_token

TEXT = "The lamp, in the old lighthouse!"


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Account]:
    with emulated_images(monkeypatch, tmp_path) as owner:
        yield owner


def sound(*voice: Any, **options: Any) -> bytes:
    """Return what the emulator answers for the text."""
    emulator, owner = an_emulator()
    return run_in_memory(with_token(owner.persistent_token, speak(TEXT, *voice, **options)), emulator).result.data


def run_speak(*arguments: str, stdin: str | bytes = "") -> Result:
    return nai("speak", *arguments, stdin=stdin)


# ---- speak


@pytest.mark.usefixtures("owner")
def test_the_file_is_named_after_the_text_and_the_voice() -> None:
    done = run_speak(TEXT)
    assert (done.exit_code, done.stderr) == (0, "")
    path = Path("The-lamp-in-the-old-lighthouse-Ligeia.mp3")
    assert path.read_bytes() == sound()
    assert str(path) in done.stdout
    assert [each.name for each in Path().iterdir()] == [path.name]


@pytest.mark.usefixtures("owner")
def test_files_are_replaced_only_with_overwrite() -> None:
    assert run_speak(TEXT).exit_code == 0
    done = run_speak(TEXT)
    assert done.stderr == "nai speak: The-lamp-in-the-old-lighthouse-Ligeia.mp3 already exists (--force replaces it)\n"
    Path("here.mp3").write_text("mine")
    done = run_speak(TEXT, "-o", "here.mp3")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "nai speak: here.mp3 already exists (--force replaces it)\n"
    assert Path("here.mp3").read_text() == "mine"
    assert run_speak(TEXT, "-o", "here.mp3", "--force").exit_code == 0
    assert Path("here.mp3").read_bytes() == sound()


@pytest.mark.usefixtures("owner")
@pytest.mark.parametrize(
    ("arguments", "voice"),
    [
        ((), "Ligeia"),
        (("--voice", "Aini"), "Aini"),
        (("--version", "v1"), "Cyllene"),
        (("--version", "v1", "--voice", "Ida"), "Ida"),
        (("--version", "v1", "--voice", "41"), 41),
    ],
)
def test_voices_are_names_seeds_and_numbers(arguments: tuple[str, ...], voice: Any) -> None:
    facts = json.loads(run_speak(TEXT, *arguments, "--opus", "--json").stdout)
    assert (facts["voice"], facts["format"]) == (voice, "webm")
    data = Path(facts["file"]).read_bytes()
    assert facts["file"].endswith(".webm")
    assert (data, facts["bytes"]) == (sound(voice, version="v1" if "v1" in arguments else "v2", opus=True), len(data))


@pytest.mark.usefixtures("owner")
def test_a_seed_is_a_voice_without_a_name() -> None:
    facts = json.loads(run_speak(TEXT, "--seed", "an old keeper", "--json").stdout)
    assert (facts["voice"], facts["seed"], facts["version"]) == (None, "an old keeper", "v2")
    assert Path(facts["file"]).read_bytes() == sound("an old keeper")


@pytest.mark.usefixtures("owner")
def test_the_suffix_of_the_name_chooses_the_format() -> None:
    assert run_speak(TEXT, "-o", "lamp.webm").exit_code == 0
    assert Path("lamp.webm").read_bytes() == sound(opus=True)


@pytest.mark.usefixtures("owner")
def test_the_text_comes_from_stdin_and_the_sound_goes_to_stdout() -> None:
    done = run_speak("-", "-o", "-", stdin=TEXT + "\n")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout_bytes == sound()
    assert list(Path().iterdir()) == []


@pytest.mark.usefixtures("owner")
def test_a_voice_is_no_directory() -> None:
    assert run_speak(TEXT, "--seed", "../up/there").exit_code == 0
    assert [each.name for each in Path().iterdir()] == ["The-lamp-in-the-old-lighthouse-up-there.mp3"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_sound_that_stdout_cannot_take_is_kept_in_a_file(owner: Account, tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path / "data")}
    with Path("/dev/full").open("wb") as full:
        line = [*forked_nai(), "speak", TEXT, "-o", "-"]
        done = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, text=True, env=environment, check=False)
    (kept,) = (tmp_path / "data/nai-proto/rescued").glob("*/*")
    assert (kept.name, kept.read_bytes()) == ("The-lamp-in-the-old-lighthouse-Ligeia.mp3", sound())
    assert done.returncode == 1
    assert done.stderr == f"nai speak: stdout cannot be written: No space left on device; it was kept as {kept}\n"


@pytest.mark.usefixtures("owner")
@pytest.mark.parametrize(
    ("arguments", "about", "status"),
    [
        (("",), "the text has 0 characters", 2),
        (("a" * 1001,), "the text has 1001 characters, and 1 to 1000 can be spoken", 2),
        ((TEXT, "--version", "v3"), "not 'v3'", 2),
        ((TEXT, "--version", "v1", "--voice", "Ligeia"), "no voice of v1 is called 'Ligeia'", 2),
        ((TEXT, "--version", "v1", "--seed", "x"), "give it without --version v1", 2),
        ((TEXT, "--voice", "Aini", "--seed", "x"), "give it without --voice", 2),
        ((TEXT, "--voice", "ligea"), "no voice of v2 is called 'ligea'; did you mean 'Ligeia'?", 2),
        ((TEXT, "--voice", ""), "no voice of v2 is called ''", 2),
        ((TEXT, "--seed", "a" * 51), "a seed of 1 to 50 characters", 2),
        ((TEXT, "-o", "nowhere/here.mp3"), "nowhere does not exist", 1),
        ((TEXT, "-o", "-", "--json"), "stdout cannot take both", 2),
    ],
)
def test_an_error_is_one_line_and_leaves_nothing(arguments: tuple[str, ...], about: str, status: int) -> None:
    """2 for wrong arguments, 1 for files that cannot be used."""
    done = run_speak(*arguments)
    assert (done.exit_code, done.stdout) == (status, "")
    (line,) = done.stderr.splitlines()
    assert "nai speak" in line
    assert about in line
    assert list(Path().iterdir()) == []


@pytest.mark.usefixtures("owner")
def test_input_that_is_not_text_is_a_one_line_error() -> None:
    done = run_speak("-", stdin=b"\xff")
    assert (
        done.stderr
        == "nai speak: standard input is not UTF-8 (byte 0); iconv converts it, such as: iconv -f latin1 -t utf-8\n"
    )


@pytest.mark.usefixtures("owner")
def test_a_failed_response_leaves_no_file() -> None:
    with serve_in_thread(answers(200, b"", content_type="audio/mpeg")) as url:
        done = run_speak(TEXT, "--url", url)
    assert (done.exit_code, done.stdout) == (1, "")
    assert list(Path().iterdir()) == []


# ---- tags


@pytest.mark.usefixtures("owner")
def test_tags_need_no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NAI_TOKEN")
    done = nai("tags", "lighth", "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    (tag,) = json.loads(done.stdout)
    assert tag["tag"] == "lighthouse"
    assert set(tag) == {"tag", "count", "confidence"}
    shown = nai("tags", "girl").stdout
    assert "1girl" in shown
    assert "10,000+" in shown


@pytest.mark.usefixtures("owner")
def test_tags_in_japanese_come_with_the_english_ones() -> None:
    found = json.loads(nai("tags", "猫", "--lang", "jp", "--json").stdout)
    assert [(each["jp_tag"], each["en_tag"]) for each in found] == [("猫", "cat"), ("猫耳", "cat ears")]
    assert found[0]["power"] > found[1]["power"]
    shown = nai("tags", "猫", "--lang", "jp").stdout
    assert "cat ears" in shown


@pytest.mark.usefixtures("owner")
def test_a_word_without_tags_is_reported() -> None:
    done = nai("tags", "xyzzy")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "nai tags: no tag contains 'xyzzy'\n"
    assert nai("tags", "xyzzy", "--json").stdout == "[]\n"


@pytest.mark.usefixtures("owner")
@pytest.mark.parametrize(
    ("arguments", "about"),
    [
        (("",), "not for nothing"),
        (("cat", "--lang", "de"), "en or jp"),
        (("cat", "--model", "x"), "no image model is called 'x'"),
    ],
)
def test_a_usage_error_about_tags_is_one_line(arguments: tuple[str, ...], about: str) -> None:
    done = nai("tags", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("nai tags: ")
    assert about in line
