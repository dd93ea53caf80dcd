"""`nai tokens` and `nai decode`, as a person or a script runs them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from nai_proto.codecs.token_packing import pack
from nai_proto.tokenizers import read
from nai_transports.cli.app import app
from nai_transports.tokenizer_files import finder
from tests.cases import for_each
from tests.test_tokenizers import hugging_face_file, sentencepiece_file

TEXT = "The lamp, 你好 😀"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every place but one is empty: a directory with small files under the names of large ones."""
    (tmp_path / "nerdstash_v2.model").write_bytes(sentencepiece_file())
    (tmp_path / "llama3.json").write_bytes(hugging_face_file())
    monkeypatch.setenv("NAI_TOKENIZER_DIR", str(tmp_path))
    monkeypatch.setattr(finder, "_loaded", {})
    return tmp_path


def nai(*arguments: str, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(app, arguments, input=stdin)


def run_failing(*arguments: str, stdin: str | bytes = "", status: int = 1) -> str:
    """The one line that it says."""
    done = nai(*arguments, stdin=stdin)
    assert (done.exit_code, done.stdout) == (status, "")
    (line,) = done.stderr.splitlines()
    assert re.match("nai (tokens (encode|decode|count)|decode): ", line)
    return line


def test_a_text_is_encoded_counted_and_decoded(files: Path) -> None:
    ids = read(sentencepiece_file()).encode(TEXT)
    encoded = nai("tokens", "encode", TEXT)
    assert (encoded.exit_code, encoded.stdout, encoded.stderr) == (0, " ".join(map(str, ids)) + "\n", "")
    assert nai("tokens", "count", TEXT).stdout == f"{len(ids)}\n"
    assert nai("tokens", "decode", *map(str, ids)).stdout == TEXT + "\n"


def test_input_that_is_not_an_argument_is_read_from_stdin_unchanged(files: Path) -> None:
    one = read(sentencepiece_file())
    assert nai("tokens", "count", stdin=TEXT + "\n").stdout == f"{one.count(TEXT + chr(10))}\n"
    ids = one.encode(TEXT)
    for written in (str(ids), " ".join(map(str, ids)), ",".join(map(str, ids)) + "\n"):
        assert nai("tokens", "decode", stdin=written).stdout == TEXT + "\n"
    assert nai("tokens", "decode", stdin="[]").stdout == "\n"


@for_each("command", ["count", "encode"])
def test_the_text_of_a_file_is_that_of_an_argument(command: str, files: Path) -> None:
    (file := files / "p.txt").write_text(TEXT)
    assert nai("tokens", command, "--file", str(file)).stdout == nai("tokens", command, TEXT).stdout
    assert nai("tokens", command, "--file", "-", stdin=TEXT).stdout == nai("tokens", command, TEXT).stdout
    assert run_failing("tokens", command, "x", "--file", str(file), status=2).endswith(
        "give a text or --file, not both"
    )


def test_each_command_prints_one_json_document_when_asked(files: Path) -> None:
    ids = read(sentencepiece_file()).encode(TEXT)
    facts = {"tokenizer": "nerdstash_v2", "tokens": ids, "count": len(ids)}
    assert json.loads(nai("tokens", "encode", "--json", TEXT).stdout) == facts
    assert json.loads(nai("tokens", "count", TEXT, "--json").stdout) == {
        "model": None,
        "tokenizer": "nerdstash_v2",
        "count": len(ids),
    }
    decoded = nai("tokens", "decode", "--json", *map(str, ids))
    assert json.loads(decoded.stdout) == {"tokenizer": "nerdstash_v2", "text": TEXT}


def test_the_tokenizer_is_chosen_by_model_name_or_file(files: Path) -> None:
    """Llama 3's file would begin every text with a token of its own accord; nothing is added here."""
    expected = " ".join(map(str, read(hugging_face_file()).encode("The lamp"))) + "\n"
    for which in (
        ("--model", "llama-3-erato-v1"),
        ("--tokenizer", "llama3"),
        ("--path", str(files / "llama3.json")),
        ("--path", str(files), "--model", "llama-3-erato-v1"),
        ("--path", str(files / "llama3.json"), "--tokenizer", "pile"),
    ):
        assert nai("tokens", "encode", "The lamp", *which).stdout == expected


def test_a_substitute_tokenizer_has_the_service_s_special_tokens(files: Path) -> None:
    """Llama 3's stock file has neither of these.

    See docs/protocol/native.md#98-model-heads-preamble-and-special-token-use.
    """
    head = "<|startoftext|><|reserved_special_token81|>"
    assert nai("tokens", "encode", "--model", "llama-3-erato-v1", head).stdout == "128000 128081\n"
    assert nai("decode", "llama-3-erato-v1", pack([128000, 128081], 4)).stdout.endswith(f"Text = {head}\n")


def test_packed_tokens_are_decoded_with_the_model_s_token_width(files: Path) -> None:
    """docs/protocol/native.md#191-command-line: two bytes each, four for Erato."""
    small, large = read(sentencepiece_file()).encode(TEXT), read(hugging_face_file()).encode(TEXT)
    done = nai("decode", "kayra-v1", pack(small, 2))
    assert (done.exit_code, done.stdout) == (0, f"Tokens = {small}\nText = {TEXT}\n")
    packed = pack(large, 4)
    assert nai("decode", "llama-3-erato-v1", packed).stdout == f"Tokens = {large}\nText = {TEXT}\n"
    assert nai("decode", "llama-3-erato-v1", stdin=packed + "\n").stdout == f"Tokens = {large}\nText = {TEXT}\n"
    given = nai("decode", "clio-v1", pack(small, 2), "--path", str(files / "nerdstash_v2.model"))
    assert given.stdout == f"Tokens = {small}\nText = {TEXT}\n"


@pytest.mark.parametrize(
    ("arguments", "why", "status"),
    [
        (("tokens", "encode", "a", "--model", "nobody"), "no model with a known tokenizer is called 'nobody'", 2),
        (("tokens", "encode", "a", "--tokenizer", "nobody"), "no tokenizer is called 'nobody'; there are gpt2,", 2),
        (("tokens", "count", "a", "--model", "clio-v1", "--tokenizer", "gpt2"), "not both", 2),
        (("tokens", "count", "a", "--path", "/nowhere/at.all"), "No such file", 1),
        (("tokens", "count", "a", "--path", __file__), "neither SentencePiece nor JSON", 1),
        (("tokens", "count", "a", "--tokenizer", "glm-4.6"), "none can be downloaded", 1),
        (("tokens", "decode", "1", "x2"), "'x2' is not a token id", 2),
        (("tokens", "decode", "1" * 11), "is not a token id", 2),
        (("decode", "nobody", "AAAA"), "no model with a known tokenizer is called 'nobody'", 2),
        (
            ("decode", "kayra-v1", "xx"),
            "nai decode: DATA: packed tokens: not base64 of the standard alphabet, with ",
            2,
        ),
        (("decode", "llama-3-erato-v1", "AAA="), "2 bytes are no whole number of tokens of 4", 2),
    ],
)
def test_an_error_is_one_line(files: Path, arguments: tuple[str, ...], why: str, status: int) -> None:
    """2 for wrong arguments, 1 for files and input that cannot be used."""
    assert why in run_failing(*arguments, status=status)


def test_input_that_is_not_utf_8_is_an_error(files: Path) -> None:
    assert "standard input is not UTF-8 (byte 1)" in run_failing("tokens", "count", stdin=b"a\xff")


@pytest.mark.parametrize("library", ["sentencepiece", "platformdirs"])
def test_without_its_extra_it_says_what_to_install(files: Path, library: str) -> None:
    """Whether the first thing that is missing reads the file or finds it."""
    program = f"import sys; sys.modules[{library!r}] = None; from nai_transports.cli import main; main()"
    directory = str(files) if library == "sentencepiece" else ""
    done = subprocess.run(
        [sys.executable, "-c", program, "tokens", "count", "a"],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        env={**os.environ, "NAI_TOKENIZER_DIR": directory},
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "pip install '.[tokenizers]'" in line


def test_the_commands_are_listed() -> None:
    listed = nai("--help").stdout
    assert "tokens" in listed
    assert "decode" in listed
    assert {"encode", "decode", "count"} <= set(nai("tokens", "--help").stdout.split())


def test_a_url_needs_the_name_of_its_tokenizer(files: Path) -> None:
    said = run_failing("tokens", "count", "x", "--path", "https://elsewhere.example/mine.json", status=2)
    assert said == "nai tokens count: --path with a URL needs --model or --tokenizer"


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("ids", [("999999999",), ("1", "65535", "2"), ("-1",), ("1", "-5"), ("[1,", "70000]")])
def test_an_id_that_the_tokenizer_does_not_have_is_refused_with_the_range(ids: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, ["tokens", "decode", *ids], prog_name="nai")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "is not a token id: those of nerdstash_v2 are 0 to " in done.stderr
