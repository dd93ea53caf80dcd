"""What commands read from standard input: after the arguments are checked, to a limit, and nothing where it is closed."""

from __future__ import annotations

import io
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nai_proto.errors import FileError
from nai_transports import files
from nai_transports.cli.app import app
from nai_transports.cli.common.text_input import read_text_argument


@pytest.mark.parametrize(
    "line",
    [
        "decode abc",
        "tokens decode --model abc",
        "tokens encode --model abc",
        "tokens count --model abc --path abc",
        "generate --model abc",
        "generate --set abc=1",
        "generate - --set top_p=7",
        "image - --steps 99",
        "image --sampler abc",
        "image - -o fox.gif",
        "speak -o fox.gif",
        "story append Tides - --file -",
        "complete --model kayra",
        "complete --set top_p=7",
        "speak --version v3",
        "speak --version v1 --voice abc",
        "story create Tides --text - --model abc",
        "module train - --name Tides --steps 9 --learning-rate 1",
    ],
)
def test_a_wrong_argument_is_refused_before_anything_is_read(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    def read(*_: object) -> bytes:
        raise AssertionError("it was read")

    monkeypatch.setattr(files, "read_stream", read)
    done = CliRunner().invoke(app, line.split())
    assert done.exit_code == 2, done.output
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "line",
    [
        "login --with-token",
        "tokens count --remote",
        "generate",
        "generate -",
        "generate --file -",
        "complete",
        "chat -",
        "chat",
    ],
)
def test_standard_input_is_read_to_its_limit_only(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 1000)
    monkeypatch.setenv("NAI_TOKEN", "pst-abc")
    monkeypatch.setenv("NAI_URL", "http://127.0.0.1:9")
    done = CliRunner().invoke(app, line.split(), input="a" * 1001)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "standard input" in done.stderr
    assert "more than 1000 bytes" in done.stderr


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        ("my tale.txt", "my tale.txt is the text itself here, not the file; - < 'my tale.txt' reads the file"),
        ("no.txt", ""),
        ("tale", ""),
        ("x." * 999, ""),
    ],
)
def test_a_text_that_names_a_file_is_the_text_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str, remark: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("my tale.txt", "tale"):
        Path(name).write_text("Once", "utf-8")
    assert read_text_argument(text) == text
    out, err = capsys.readouterr()
    assert (out, " ".join(err.split()).partition(": ")[2]) == ("", remark)


@pytest.mark.parametrize("size", [0, 1, 1000])
def test_a_stream_up_to_the_limit_is_read_whole(size: int) -> None:
    data = os.urandom(size)
    assert files.read_stream(io.BytesIO(data).read1, "standard input", size) == data
    if size:
        with pytest.raises(FileError, match=f"standard input cannot be read: it has more than {size - 1} bytes"):
            files.read_stream(io.BytesIO(data).read1, "standard input", size - 1)


def test_a_stream_that_cannot_be_read_is_an_error() -> None:
    def read(_: int) -> bytes:
        raise OSError(5, "Input/output error")

    with pytest.raises(FileError, match=r"^standard input cannot be read: Input/output error$"):
        files.read_stream(read, "standard input", 1)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX")
def test_a_closed_standard_input_is_an_empty_one() -> None:
    line = shlex.join([sys.executable, "-c", "from nai_transports.cli import main; main()", "generate"])
    done = subprocess.run(["/bin/sh", "-c", f"exec {line} <&-"], capture_output=True, text=True, check=False)
    assert done.stderr.startswith("nai generate: give a text ")
