"""The version of the distribution, which the build reads from here."""

__all__ = ["__version__"]

__version__ = "0.1.0"
