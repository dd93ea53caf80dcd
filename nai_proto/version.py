"""The version of the distribution, which the build reads from here."""

from typing import Final

__all__ = ["__version__"]

__version__: Final = "0.1.0"
