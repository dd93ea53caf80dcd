"""What the parameters of account calls take, secrets among them: text is wrapped at once, so that it shows nowhere."""

from __future__ import annotations

from typing import Any, Final

from ..arguments import Kind, invalid
from ..errors import NaiError
from ..limits import Limits
from ..secret import AccessKey, Password
from ..tier import Tier

__all__ = ["ACCESS_KEY", "LIMITS", "PASSWORD", "TIER"]


def _secret(type_: type[Password] | type[AccessKey], takes: str) -> Kind:
    """Return the kind of a secret that may be given as text."""

    def wrap(name: str, value: Any) -> object:
        if isinstance(value, type_):
            return value
        try:
            return type_(value)
        except NaiError as error:
            problem = str(error)
        raise invalid(name, f"{name}: {problem}")

    return Kind(takes, type_, str, convert=wrap)


def _tier(name: str, value: Tier | int | str) -> Tier:
    try:
        return Tier[value.upper()] if isinstance(value, str) else Tier(value)
    except (KeyError, ValueError):
        pass
    raise invalid(name, f"{name} is one of {', '.join(each.name.capitalize() for each in Tier)}, or its number")


PASSWORD: Final = _secret(Password, "a Password or its text")
ACCESS_KEY: Final = _secret(AccessKey, "an AccessKey or its text")
TIER: Final = Kind("a Tier, its name or its number", Tier, str, int, convert=_tier)
LIMITS: Final = Kind("Limits", Limits)
