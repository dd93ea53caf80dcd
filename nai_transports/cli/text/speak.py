"""``nai speak``: turn text into a sound file."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import typer

from nai_proto import voice as voices
from nai_proto.errors import InvalidRequestError, excerpt
from nai_proto.unknown_names import unknown_choice

from ..common.account_options import AccountOptions
from ..common.errors import reading_options
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
            metavar="NAME",
            help=f"v2: {', '.join(voices.SEEDS)}. v1: {', '.join(voices.VOICES)}, or a number. Default: Ligeia (v2), "
            "Cyllene (v1).",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        str | None, typer.Option(help="Any text of up to 50 characters: makes a voice of v2 that has no name.")
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
    with reading_options():
        chosen, chosen_version = _choose_voice(voice, seed, version)
    suffix = ".webm" if opus else ".mp3"
    if not to_stdout:
        choose_paths(output, "", (suffix,))  # whoever types the text learns before it what is wrong
    spoken_text = read_required_text(text, "speak")
    flow = voices.speak(spoken_text, chosen, version=chosen_version, opus=opus)
    name = f"{build_file_name(spoken_text)}-{build_file_name(str(chosen))}"
    paths = [] if to_stdout else choose_paths(output, name, (suffix,))
    with OutputFiles(paths, overwrite=overwrite) as outputs, account.log_in() as client:
        speech = client.run(flow)
        if to_stdout:
            outputs.write_stdout(speech.data, name + suffix)
            return
        path = outputs.write(paths[0], speech.data, suffix)
    facts = {
        "file": str(path),
        "format": speech.format,
        "bytes": len(speech.data),
        "voice": chosen if seed is None else None,
        "seed": seed,
        "version": chosen_version,
    }
    print_facts(facts, as_json)


def _choose_voice(name: str | None, seed: str | None, version: str) -> tuple[str | int, Literal["v1", "v2"]]:
    """Return the voice, which may be a number for v1, and the version.

    The service takes every name of v2 for a seed, so that a misspelled one would be another voice.

    Raises:
        InvalidRequestError: there is no such voice or version, or the options exclude each other.
    """
    if version not in ("v1", "v2"):
        raise InvalidRequestError(f"--version is v1 or v2, not {excerpt(version, 20)!r}")
    if seed is not None and (name is not None or version == "v1"):
        other = "--voice" if name is not None else "--version v1"
        raise InvalidRequestError(f"--seed makes a voice of v2: give it without {other}")
    if version == "v1":
        chosen = name or "Cyllene"
        voice = int(chosen) if re.fullmatch("[0-9]{1,9}", chosen) else chosen
        voices.check_voice(voice, "v1")
        return voice, "v1"
    if name is not None and name not in voices.SEEDS:
        raise unknown_choice(name, "voice of v2", voices.SEEDS, parameter="voice")
    voice = seed if seed is not None else name or "Ligeia"
    voices.check_voice(voice, "v2")
    return voice, "v2"
