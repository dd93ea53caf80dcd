"""The version of the distribution, which the build reads from here."""

__all__ = ["__version__"]

__version__ = "0.2.0"
