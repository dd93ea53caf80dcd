"""A text of the command line is UTF-8 in every locale, else refused with its byte; a file's name may be any bytes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from nai_proto.errors import InvalidRequestError
from nai_transports.cli.account.login import LoginSecret
from nai_transports.cli.common.argument_encoding import decode_argument
from tests.cases import for_each
from tests.forked_python import forked_nai

BAD = os.fsdecode(b"caf\xe9")


@for_each("value", [BAD, ["fine", BAD], f"ü{BAD}"])
def test_a_text_that_is_not_utf_8_is_refused_with_the_first_byte_that_is_not(value: object) -> None:
    with pytest.raises(InvalidRequestError, match=r"^--stop is not UTF-8: byte [35] is 0xe9, after 'ü?caf'$"):
        decode_argument("--stop", value)


@for_each("value", ["café", None, 3, Path(BAD), ["a", "b"]])
def test_all_other_values_pass(value: object) -> None:
    assert decode_argument("prompt", value) == value


def test_a_choice_stays_what_it_is() -> None:
    assert decode_argument("--keep", LoginSecret.PASSWORD) is LoginSecret.PASSWORD


def test_bytes_that_are_utf_8_are_taken_as_such_whatever_the_locale() -> None:
    line = [*forked_nai(), "generate", "x", "--model", "Café"]
    ascii_only = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0"}
    done = subprocess.run(line, capture_output=True, text=True, check=False, env=ascii_only)
    assert done.stderr.startswith("nai generate: no model for stories is called 'Caf\\xe9'"), done.stderr


def test_in_another_locale_a_text_of_its_encoding_is_taken_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsencode", lambda text: text.encode("latin-1"))
    assert decode_argument("prompt", ["caf\xe9", "caf\xc3\xa9"]) == ["café", "café"]


def test_the_name_of_a_file_may_be_any_bytes(tmp_path: Path) -> None:
    file = tmp_path / BAD
    file.write_text("hello")
    named = [str(file), f"{file}=0.5"]
    assert decode_argument("--vibe", named) == named


def test_a_command_ends_as_after_a_wrong_option() -> None:
    done = subprocess.run([*forked_nai(), "generate", BAD], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "nai generate: prompt is not UTF-8: byte 3 is 0xe9, after 'caf'\n"
