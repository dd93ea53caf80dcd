"""``nai speak``: turn text into a sound file."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import typer

from nai_proto import voice as voices
from nai_proto.errors import InvalidRequestError

from ..common.account_options import AccountOptions
from ..common.output import Json, print_facts
from ..common.output_files import OutputFiles, OutputPath, Overwrite, build_file_name, build_output_option, choose_paths
from ..common.text_input import read_required_text

__all__ = ["speak"]


def speak(
    text: Annotated[
        str | None, typer.Argument(help="Text, up to 1000 characters. Default: read from stdin, as - is.")
    ] = None,
    voice: Annotated[
        str | None,
        typer.Option(
            help=f"v2: {', '.join(voices.SEEDS)}, or any text as the seed of a voice. v1: {', '.join(voices.VOICES)}, or a "
            "number. Default: Ligeia (v2), Cyllene (v1).",
            show_default=False,
        ),
    ] = None,
    version: Annotated[str, typer.Option(metavar="v1|v2", help="Version of the voices.")] = "v2",
    opus: Annotated[
        bool, typer.Option("--opus", help="Write Opus in WebM, not MP3; also chosen by a file name with .webm.")
    ] = False,
    output: Annotated[OutputPath | None, build_output_option(".mp3", ".webm")] = None,
    overwrite: Overwrite = False,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Turn text into speech, and write it to a file named after the text; -o - writes to stdout."""
    to_stdout = output is not None and output.is_stdout
    if to_stdout and as_json:
        raise InvalidRequestError("stdout cannot take both the sound and --json; give -o with a file name")
    opus = opus or (output is not None and output.suffix == ".webm")
    chosen, chosen_version = _parse_voice(voice, version)
    spoken_text = read_required_text(text, "speak")
    flow = voices.speak(spoken_text, chosen, version=chosen_version, opus=opus)
    suffix = ".webm" if opus else ".mp3"
    name = f"{build_file_name(spoken_text)}-{build_file_name(str(chosen))}"
    paths = [] if to_stdout else choose_paths(output, name, (suffix,))
    with OutputFiles(paths, overwrite=overwrite) as outputs, account.sign_in() as client:
        speech = client.run(flow)
        if to_stdout:
            outputs.write_stdout(speech.data, name + suffix)
            return
        path = outputs.write(paths[0], speech.data, suffix)
    facts = {
        "file": str(path),
        "format": speech.format,
        "bytes": len(speech.data),
        "voice": chosen,
        "version": chosen_version,
    }
    print_facts(facts, as_json)


def _parse_voice(voice: str | None, version: str) -> tuple[str | int, Literal["v1", "v2"]]:
    """Return the voice, which may be a number for v1, and the version."""
    if version == "v2":
        return "Ligeia" if voice is None else voice, "v2"
    if version == "v1":
        chosen = "Cyllene" if voice is None else voice
        return int(chosen) if re.fullmatch("[0-9]{1,9}", chosen) else chosen, "v1"
    raise InvalidRequestError(f"--version is v1 or v2, not {version!r}")
