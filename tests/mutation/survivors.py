"""Mutants that no test notices, and the list of those that are accepted."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["ACCEPTED", "Mutant", "find_unused", "is_always_equivalent", "parse_diff", "parse_name", "read_accepted"]

ACCEPTED: Final = Path(__file__).with_name("accepted.toml")
_NAME: Final = re.compile(r"(?P<module>[\w.]+)\.x(?:_|ǁ(?P<owner>\w+)ǁ)(?P<function>\w+)__mutmut_\d+")
_CODEC: Final = re.compile(r'"(?:UTF-8|ASCII|LATIN-1)"')
_CAST: Final = re.compile(r'\bcast\((?:None|"[^"]*"), ')


@dataclass(frozen=True, order=True)
class Mutant:
    """A change of the code, without the number of its line."""

    module: str
    function: str
    "A method has its class before it: ``Pool.acquire``."
    change: str
    "The lines that go, each after ``- ``, and those that come, each after ``+ ``."

    def __str__(self) -> str:
        return f"{self.module}: {self.function}\n  " + self.change.replace("\n", "\n  ")


def parse_name(name: str) -> tuple[str, str]:
    """Return the module and the function of a mutant, from its name in mutmut."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"mutmut's name of a mutant has another form: {name}")
    return match["module"], ".".join(filter(None, (match["owner"], match["function"])))


def parse_diff(diff: str) -> str:
    """Return the lines of a unified diff that differ, without their indentation."""
    _, _, lines = diff.partition("\n@@")
    return "\n".join(f"{line[0]} {line[1:].strip()}" for line in lines.splitlines()[1:] if line.startswith(("-", "+")))


def read_accepted(path: Path = ACCEPTED) -> dict[Mutant, str]:
    """Return the accepted mutants with the reasons.

    The file has a table for each reason, and in it a list of the mutants that it holds for.
    """
    accepted: dict[Mutant, str] = {}
    for table in tomllib.loads(path.read_text(encoding="utf-8"))["accepted"]:
        for change in table["changes"]:
            accepted[Mutant(table["module"], table["function"], change.strip("\n"))] = table["why"]
    return accepted


def is_always_equivalent(mutant: Mutant) -> bool:
    """Tell whether the change means the same everywhere, or is an error for the type checker: such survivors are accepted.

    Python knows a codec in capitals too. A flag that is None instead of False is as false, and is no bool. `typing.cast`
    looks at no type.
    """
    before, after = (_CAST.sub("cast(", line[2:]) for line in mutant.change.partition("\n")[::2])
    known_codec = _CODEC.sub(lambda codec: codec[0].lower(), after)
    return before in (after, known_codec, re.sub(r"=( ?)None\b", r"=\1False", after))


def find_unused(accepted: Iterable[Mutant], survivors: Iterable[Mutant], modules: Iterable[str]) -> list[Mutant]:
    """Return the accepted mutants of these modules that did not survive."""
    tried = {*modules}
    return sorted(mutant for mutant in {*accepted} - {*survivors} if mutant.module in tried)
