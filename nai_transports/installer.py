"""The command that installs a package into the Python environment of this program, with the installer that there is.

An environment made by `python -m venv` has pip, one made by uv has none.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from importlib.util import find_spec

__all__ = ["explain_install", "format_install_command", "has_pip"]


def has_pip() -> bool:
    """Return whether this environment has pip."""
    return find_spec("pip") is not None


def format_install_command(*arguments: str) -> str:
    """Return a line to type that installs into this environment, also if it is not activated.

    Args:
        arguments: of ``pip install``.
    """
    python = shlex.quote(sys.executable)
    what = " ".join(map(shlex.quote, arguments))
    if has_pip():
        return f"{python} -m pip install {what}"
    if shutil.which("uv") is None and find_spec("ensurepip") is not None:
        return f"{python} -m ensurepip && {python} -m pip install {what}"
    return f"uv pip install --python {python} {what}"


def explain_install(extra: str) -> str:
    """Return how to install an extra of this package into this environment, such as ``in a checkout, type: …``.

    The package is in no registry, so that only a checkout of its repository can be installed.

    Args:
        extra: its name in pyproject.toml; an empty text for the libraries that are always needed.
    """
    return f"in a checkout, type: {format_install_command(f'.[{extra}]' if extra else '.')}"
