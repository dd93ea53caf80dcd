"""Fuzz one target with atheris. `python -m tests.fuzz TARGET --minutes N` starts it; it needs the extra ``fuzz``."""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["nai_proto", "nai_transports"]):
    from tests.fuzz.runs import all_targets, write_crash

    TARGETS = all_targets()  # imports what is fuzzed


def main(name: str, directory: str, corpus: str, *options: str) -> None:
    """Fuzz until the time is over, which ends the process, or until the first crash."""
    target = TARGETS[name]

    def run(data: bytes) -> None:
        try:
            target.run(data)
        except Exception:
            path = write_crash(Path(directory), name, data)
            print(f"{name}: the input is in {path}\n  python -m tests.fuzz {name} --replay {path}", file=sys.stderr)
            raise

    atheris.Setup([sys.argv[0], corpus, f"-artifact_prefix={directory}/", *options], run)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
