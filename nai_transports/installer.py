"""The command that installs a package into the Python environment of this program, with the installer that there is.

An environment made by `python -m venv` has pip, one made by uv has none.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from importlib.util import find_spec

__all__ = ["build_pip_command", "explain_install", "find_installer", "format_install_command", "has_pip"]


def has_pip() -> bool:
    """Return whether this environment has pip."""
    return find_spec("pip") is not None


def build_pip_command(python: str) -> list[str]:
    """Return the command, without options, that installs with the pip of an interpreter."""
    return [python, "-m", "pip", "install"]


def find_installer() -> list[str] | None:
    """Return the command, without options, that installs into this environment; None if there is no installer."""
    if has_pip():
        return build_pip_command(sys.executable)
    return None if shutil.which("uv") is None else _build_uv_command()


def _build_uv_command() -> list[str]:
    return ["uv", "pip", "install", "--python", sys.executable]


def format_install_command(*arguments: str) -> str:
    """Return a line to type that installs into this environment, also if it is not activated.

    Args:
        arguments: of ``pip install``.
    """
    if (command := find_installer()) is not None:
        return shlex.join([*command, *arguments])
    if find_spec("ensurepip") is not None:
        make_pip = shlex.join([sys.executable, "-m", "ensurepip"])
        return f"{make_pip} && {shlex.join([*build_pip_command(sys.executable), *arguments])}"
    return shlex.join([*_build_uv_command(), *arguments])


def explain_install(extra: str) -> str:
    """Return how to install an extra of this package into this environment, such as ``in a checkout, type: …``.

    The package is in no registry, so that only a checkout of its repository can be installed.

    Args:
        extra: its name in pyproject.toml; an empty text for the libraries that are always needed.
    """
    return f"in a checkout, type: {format_install_command(f'.[{extra}]' if extra else '.')}"
