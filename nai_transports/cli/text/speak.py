"""``nai speak``: a text, spoken, as a file."""

from __future__ import annotations

import re
import sys
from typing import Annotated, Literal

import typer

from nai_proto import voice as voices
from nai_proto.errors import InvalidRequestError

from ..common.credentials import Email, UnsafePassword, Url, open_client, sign_in
from ..common.errors import exit_on_error
from ..common.output import Json, print_facts
from ..common.output_files import STDOUT, Output, Overwrite, build_file_name, choose_path, save_file
from ..common.text_input import read_text_argument

__all__ = ["speak"]


def speak(
    text: Annotated[str, typer.Argument(help="What to say, up to 1000 characters; - reads it from stdin.")],
    voice: Annotated[
        str | None,
        typer.Option(
            help=f"For v2 {', '.join(voices.SEEDS)}, or any text, which makes a voice of its own; for v1 "
            f"{', '.join(voices.VOICES)}, or a number. Ligeia, or Cyllene, if not given.",
            show_default=False,
        ),
    ] = None,
    version: Annotated[str, typer.Option(metavar="v1|v2", help="Of the voices.")] = "v2",
    opus: Annotated[
        bool, typer.Option("--opus", help="Opus in WebM instead of MP3, which a name that ends in .webm says as well.")
    ] = False,
    output: Output = None,
    overwrite: Overwrite = False,
    email: Email = None,
    unsafe_password: UnsafePassword = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Have a text spoken, and write it to a file that is named after it; -o - writes it to stdout."""
    with exit_on_error("speak"):
        if output == STDOUT and as_json:
            raise InvalidRequestError("stdout cannot take both the sound and --json: name a file")
        opus = opus or (output is not None and output.suffix.lower() == ".webm")
        chosen, kind = _parse_voice(voice, version)
        said = read_text_argument(text)
        flow = voices.speak(said, chosen, version=kind, opus=opus)
        name = f"{build_file_name(said, voice or chosen)}.{'webm' if opus else 'mp3'}"
        path = STDOUT if output == STDOUT else choose_path(output, name, overwrite=overwrite)
        with open_client(sign_in(url, email, unsafe_password)) as client:
            speech = client.run(flow)
        if path == STDOUT:
            sys.stdout.buffer.write(speech.data)
            sys.stdout.flush()
            return
        path = save_file(path, speech.data, overwrite=overwrite)
    facts = {"file": str(path), "format": speech.format, "bytes": len(speech.data), "voice": chosen, "version": kind}
    print_facts(facts, as_json)


def _parse_voice(voice: str | None, version: str) -> tuple[str | int, Literal["v1", "v2"]]:
    """The voice, which of v1 may be a number, and the version."""
    if version == "v2":
        return "Ligeia" if voice is None else voice, "v2"
    if version == "v1":
        chosen = "Cyllene" if voice is None else voice
        return int(chosen) if re.fullmatch("[0-9]{1,9}", chosen) else chosen, "v1"
    raise InvalidRequestError(f"voices have the versions v1 and v2, not {version!r}")
