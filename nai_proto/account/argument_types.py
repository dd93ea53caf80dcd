"""What the parameters of account calls take, secrets among them: text is wrapped at once, so that it shows nowhere."""

from __future__ import annotations

from typing import Any, Final

from ..arguments import ArgumentType, invalid
from ..errors import NaiError
from ..secret import AccessKey, Password

__all__ = ["ACCESS_KEY", "PASSWORD"]


def _secret(type_: type[Password] | type[AccessKey], takes: str) -> ArgumentType:
    """Return the kind of a secret that may be given as text."""

    def wrap(value: Any, name: str) -> object:
        if isinstance(value, type_):
            return value
        try:
            return type_(value)
        except NaiError as error:
            problem = str(error)
        raise invalid(name, f"{name}: {problem}")

    return ArgumentType(takes, type_, str, convert=wrap)


PASSWORD: Final = _secret(Password, "a Password or its text")
ACCESS_KEY: Final = _secret(AccessKey, "an AccessKey or its text")
