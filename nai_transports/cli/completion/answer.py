"""Answer a shell's script: print a line for each candidate, or nothing. No error is ever shown, and nobody is asked.

A line is ``VALUE``, or ``VALUE TAB SUMMARY``. A line that begins with a tab asks the shell for paths: ``TAB file`` or
``TAB directory``, and behind further tabs the suffixes that files may have. For bash a line is what is inserted, or what is
listed if it only lists the choices; paths are listed here, so that values and paths are quoted alike.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import Final

from .bash_line import complete_word, split_line
from .candidates import Candidates, PathCandidates, complete

__all__ = ["print_answer"]


def print_answer(arguments: Sequence[str]) -> None:
    """Print the candidates for a shell.

    Args:
        arguments: for zsh and fish, the shell's name and the words of the line up to the cursor, without the program's;
            for bash, its name, the value of COMP_WORDBREAKS, the line up to the cursor, and the value of COMP_TYPE.
    """
    sys.stdin, sys.stderr = open(os.devnull, encoding="utf-8"), open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    try:
        lines = [*(_answer_bash(*arguments[1:]) if arguments[0] == "bash" else _answer(*arguments[1:]))]
        answer = "".join(f"{line}\n" for line in lines if line.replace("\t", "").isprintable())
        sys.stdout.buffer.write(answer.encode(errors="surrogateescape"))
        sys.stdout.flush()
    except Exception:  # the person is typing: a message would be written into the line
        os._exit(1)


def _find(words: Sequence[str], typed: str) -> Candidates:
    from .shape_cache import load_shape
    from .values import find_values

    return complete(words, typed, load_shape, find_values)


def _answer(*words: str) -> Iterator[str]:
    found = _find(words[:-1], words[-1])
    for value, summary, _ in found.words:
        yield f"{value}\t{summary}" if summary else value
    if found.paths is not None:
        kind = "directory" if found.paths.is_directory else "file"
        yield "\t".join(("", kind, *found.paths.suffixes))


# ---- bash


_LISTING: Final = ("33", "63", "64")
"""Values of COMP_TYPE with which bash inserts no more than what all choices have in common: ``!``, ``?`` and ``@``."""


def _answer_bash(breaks: str, line: str, kind: str = "") -> Iterator[str]:
    words, typed = split_line(line, breaks)
    found = _find(words, typed.value)
    values = _match([candidate.value for candidate in found.words], typed.value, found.prefix)
    if found.paths is not None:
        values += (path for path in _list_paths(typed.value, found.prefix, found.paths) if path.startswith(typed.value))
    unique = dict.fromkeys(values)
    summaries = {each.value: f"  ({each.summary})" for each in found.words if each.is_id and each.summary}
    is_list = kind in _LISTING and len(unique) > 1
    for value in unique:
        yield complete_word(typed, value) + (summaries.get(value, "") if is_list else "")
    if len({value[typed.kept : len(typed.value)] for value in values}) > 1:
        yield ""  # what is typed stays: bash would delete what follows the letters that all have in common


def _match(values: Sequence[str], typed: str, prefix: str) -> list[str]:
    """Return the values that begin with what is typed; if none does, those that do in capital or in small letters.

    The letters of options, behind which no value is typed, are not changed: ``-v`` and ``-V`` are two.
    """
    exact = [value for value in values if value.startswith(typed)]
    if exact or (typed.startswith("-") and not prefix):
        return exact
    return [value for value in values if value[: len(typed)].casefold() == typed.casefold()]


def _list_paths(typed: str, prefix: str, paths: PathCandidates) -> Iterator[str]:
    """Yield the paths that begin with what is typed; those of directories end with a slash."""
    directory, slash, name = typed.removeprefix(prefix).rpartition("/")
    expanded = os.path.expandvars(os.path.expanduser(directory + slash))
    for entry in sorted(os.scandir(expanded or "."), key=lambda each: each.name):
        if entry.name.startswith(".") and not name:
            continue
        if entry.is_dir():
            yield f"{prefix}{directory}{slash}{entry.name}/"
        elif not paths.is_directory and entry.name.endswith(paths.suffixes or ("",)):
            yield f"{prefix}{directory}{slash}{entry.name}"
