"""Run the tests on another Python, or with other versions of the packages, in an environment made for this one run:

    python -m tests.versions                                  # the pinned versions, on this Python
    python -m tests.versions newest --python 3.13             # the newest of everything
    python -m tests.versions lowest -- -q -n 2 -k stream      # the lowest that pyproject.toml allows, and pytest's options

It needs nothing but Python, venv and pip. Its exit status is pytest's, or 2 if the environment could not be made.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

__all__ = ["find_python", "lowest_versions", "main"]

ROOT: Final = Path(__file__).parent.parent
PINNED: Final = ROOT / "tests" / "constraints.txt"
_REQUIREMENT: Final = re.compile(r"(?P<name>[\w.-]+)(?:\[[\w,]+\])?(?:>=(?P<lowest>[\w.]+))?(?:,<[\w.]+)?(?:;.*)?")


def lowest_versions() -> dict[str, str]:
    """Return the lowest version of each package that the library or one of its extras requires."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    lowest: dict[str, str] = {}
    for requirement in (*project["dependencies"], *(one for extra in extras for one in extra)):
        match = _REQUIREMENT.fullmatch(requirement)
        if match is None:
            raise SystemExit(f"pyproject.toml: {requirement!r} is not NAME>=VERSION, or NAME>=VERSION,<VERSION")
        if match["name"] != project["name"]:
            lowest[match["name"]] = match["lowest"]
    return lowest


def find_python(version: str) -> str:
    """Return the path of a Python of this version ("3.13"): one on the path, or one that pyenv has.

    Raises:
        SystemExit: there is none.
    """
    name = f"python{version}"
    candidates = [name]
    if pyenv := shutil.which("pyenv"):
        root = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=True).stdout.strip()
        candidates += sorted(str(found) for found in Path(root).glob(f"versions/{version}.*/bin/{name}"))
    for candidate in candidates:
        if shutil.which(candidate) and subprocess.run([candidate, "-c", ""], capture_output=True).returncode == 0:
            return candidate
    raise SystemExit(f"there is no {name} here; install Python {version}, for example with: pyenv install {version}")


def make_environment(environment: Path, python: str, versions: str) -> Path:
    """Make a virtual environment that has the library with all its extras, and return its Python."""
    subprocess.run([python, "-m", "venv", environment], check=True)
    constraints: list[str | Path] = []
    if versions == "pinned":
        constraints = ["--constraint", PINNED]
    elif versions == "lowest":
        lowest = environment / "lowest.txt"
        lowest.write_text("".join(f"{name}=={version}\n" for name, version in lowest_versions().items()))
        constraints = ["--constraint", lowest]
    its_python = environment / "bin" / "python"
    pip: list[str | Path] = [its_python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *constraints, "--editable", ".[dev]"], cwd=ROOT, check=True)
    return its_python


def main(arguments: Sequence[str]) -> int:
    """Make the environment, run the tests in it, remove it, and return pytest's status."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    ours, theirs = arguments[:end], arguments[end + 1 :] or ["-q", "-n", "2", "--dist", "worksteal"]
    parser = argparse.ArgumentParser(
        prog="python -m tests.versions",
        description="Run the tests with other versions.",
        epilog="After -- come the options of pytest.",
    )
    parser.add_argument(
        "versions", choices=["pinned", "newest", "lowest"], nargs="?", default="pinned", help="of packages"
    )
    parser.add_argument("--python", metavar="3.N", help="which Python; without it the one that runs this")
    options = parser.parse_args(ours)
    python = find_python(options.python) if options.python else sys.executable
    with tempfile.TemporaryDirectory(prefix="versions-") as directory:
        try:
            tested = make_environment(Path(directory), python, options.versions)
        except subprocess.CalledProcessError as error:
            parser.exit(2, f"the environment could not be made: {error}\n")
        tests: list[str | Path] = [tested, "-m", "pytest", *theirs]
        return subprocess.run(tests, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
