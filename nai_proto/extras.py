"""The extras of this package, which install its optional libraries."""

from __future__ import annotations

__all__ = ["explain_install"]


def explain_install(extra: str) -> str:
    """Return how to install an extra, such as ``in a checkout, type: pip install '.[image]'``.

    The package is in no registry, so that only a checkout of its repository can be installed.

    Args:
        extra: its name in pyproject.toml; an empty text for the libraries that are always needed.
    """
    target = f"'.[{extra}]'" if extra else "."
    return f"in a checkout, type: pip install {target}"
