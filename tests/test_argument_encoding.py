"""A text on the command line that is not UTF-8 is refused with its byte; the name of a file may be any bytes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from nai_proto.errors import InvalidRequestError
from nai_transports.cli.common.argument_encoding import check_encoding
from tests.cases import for_each
from tests.forked_python import forked_nai

BAD = os.fsdecode(b"caf\xe9")


@for_each("value", [BAD, ["fine", BAD], f"ü{BAD}"])
def test_a_text_that_is_not_utf_8_is_refused_with_the_first_byte_that_is_not(value: object) -> None:
    with pytest.raises(InvalidRequestError, match=r"^--stop is not UTF-8: byte [35] is 0xe9, after 'ü?caf'$"):
        check_encoding("--stop", value)


@for_each("value", ["café", None, 3, Path(BAD), ("a", "b")])
def test_all_other_values_pass(value: object) -> None:
    check_encoding("prompt", value)


def test_the_name_of_a_file_may_be_any_bytes(tmp_path: Path) -> None:
    file = tmp_path / BAD
    file.write_text("hello")
    check_encoding("--vibe", [str(file), f"{file}=0.5"])


def test_a_command_ends_as_after_a_wrong_option() -> None:
    done = subprocess.run([*forked_nai(), "generate", BAD], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "nai generate: prompt is not UTF-8: byte 3 is 0xe9, after 'caf'\n"
