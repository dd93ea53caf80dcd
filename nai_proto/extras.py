"""The extras of this package, which install its optional libraries."""

from __future__ import annotations

__all__ = ["explain_install"]


def explain_install(extra: str) -> str:
    """Return how to install an extra, such as ``pip install '.[image]' in a checkout``.

    The package is in no registry, so that only a checkout of its repository can be installed.

    Args:
        extra: its name in pyproject.toml; an empty text for the libraries that are always needed.
    """
    target = f"'.[{extra}]'" if extra else "."
    return f"pip install {target} in a checkout"
