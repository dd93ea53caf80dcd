"""Profiles: named settings in a TOML file, so that a person with two accounts, or with an emulator, need not repeat options.

Each table of the file is a profile, and each of its keys stands for an option that is not given. The profile ``default`` is
used if neither ``--profile`` nor NAI_PROFILE names one. Options win over environment variables, and these over the file.

The file has no password and no token: `nai login` keeps those elsewhere (`stored_logins`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from nai_proto.errors import InvalidRequestError, NaiError
from nai_proto.exchange.session import Session
from nai_proto.limits import Timeouts
from nai_proto.unknown_names import suggest_name

from ... import files
from ...proxy import parse_proxy
from .errors import WrongUsage
from .output import escape_line

__all__ = [
    "DEFAULT",
    "DIRECTORY_VARIABLE",
    "PROFILE_VARIABLE",
    "Profiles",
    "UserProfile",
    "add_profile",
    "check_proxy",
    "check_url",
    "check_value",
    "config_directory",
    "load_profiles",
    "make_timeouts",
    "profile_path",
]

DEFAULT: Final = "default"
"""The name of the profile that is used if none is named. It need not be in the file."""
PROFILE_VARIABLE: Final = "NAI_PROFILE"
DIRECTORY_VARIABLE: Final = "NAI_CONFIG_DIR"
"""The environment variable with the directory of the profile file, if it is not the platform's."""
_FILE_NAME: Final = "profiles.toml"
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")
_POSITION: Final = re.compile(r"(?P<problem>.*) \(at line (?P<line>\d+), column \d+\)", re.DOTALL)

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class UserProfile:
    """One table of the file; None is not set. The repr does not show the proxy, whose URL may have a password."""

    name: str
    url: str | None = None
    "Send requests to this address, not to NovelAI."
    proxy: str | None = None
    "The proxy for https, ``http://[user[:password]@]host[:port]``."
    email: str | None = None
    "The account's e-mail."
    text_model: str | None = None
    "The model of commands that continue a prompt."
    chat_model: str | None = None
    "The model of commands that talk to a model."
    image_model: str | None = None
    "The model of commands that make pictures."
    preset: str | None = None
    "The preset of text generation."
    timeout: Timeouts | None = None
    "How long to wait: a number of seconds as for ``--timeout``, or a table with one for each phase."

    def __repr__(self) -> str:
        return f"UserProfile({self.name!r})"

    @property
    def settings(self) -> Mapping[str, str | Timeouts]:
        """The settings that the file has, by their keys."""
        return {key: value for key in _CHECKS if (value := getattr(self, key)) is not None}


@dataclass(frozen=True, slots=True)
class Profiles:
    """All profiles of the file."""

    path: Path
    by_name: Mapping[str, UserProfile]

    def get(self, name: str | None, *, is_new: bool = False) -> UserProfile:
        """Return a profile.

        Args:
            name: as ``--profile`` or NAI_PROFILE names it; None for the one of NAI_PROFILE, else the default.
            is_new: return an empty profile if there is none of this name?

        Raises:
            WrongUsage: there is no such profile, or it cannot have this name.
        """
        source = PROFILE_VARIABLE if name is None or name == os.environ.get(PROFILE_VARIABLE) else "--profile"
        name = name or os.environ.get(PROFILE_VARIABLE) or DEFAULT
        if name in self.by_name:
            return self.by_name[name]
        if is_new and not _NAME.fullmatch(name):
            raise WrongUsage(f"{source}: a profile's name has letters, digits, - and _", parameter="profile")
        if is_new or name == DEFAULT:
            return UserProfile(name=name)
        new = name if _NAME.fullmatch(name) else "NAME"
        raise WrongUsage(
            f"{source}: {self.explain_missing(name)} To create one, type: nai login --profile {new}",
            parameter="profile",
        )

    def explain_missing(self, name: str) -> str:
        """Return that there is no profile of this name, the nearest, and all that there are; empty if there is one."""
        if name in self.by_name or name == DEFAULT:
            return ""
        found = suggest_name(name, self.by_name) or "."
        names = f" {self.path} has {', '.join(map(escape_line, self.by_name))}." if self.by_name else ""
        return f"there is no profile {name!r}{found}{names}"


def profile_path() -> Path:
    """Return the path of the profile file: ``profiles.toml`` in `config_directory`."""
    return config_directory() / _FILE_NAME


def config_directory() -> Path:
    """Return the directory of the command line's settings.

    It is NAI_CONFIG_DIR, else the platform's: ``~/.config/nai-proto`` on Linux, ``~/Library/Application Support/nai-proto``
    on macOS, ``%LOCALAPPDATA%\\nai-proto`` on Windows.
    """
    if own := os.environ.get(DIRECTORY_VARIABLE):
        return Path(own)
    from platformdirs import user_config_path

    return user_config_path("nai-proto", appauthor=False)


# ---- reading


def load_profiles() -> Profiles:
    """Return the profiles of the file; none if there is no file.

    Raises:
        WrongUsage: the file is not TOML, or it has an unknown key or a value of a wrong type. The message names the
            file, and the line or the key.
        FileError: the file cannot be read.
    """
    path = profile_path()
    if not files.exists(path):
        return Profiles(path, {})
    document = _parse(path, files.read(path))
    return Profiles(path, {name: _build_profile(path, name, table) for name, table in document.items()})


def _parse(path: Path, data: bytes) -> dict[str, Any]:
    import tomllib  # only for those who have a file

    try:
        return tomllib.loads(data.decode("utf-8-sig"))  # editors of Windows write the mark
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = "not UTF-8" if data[:2] not in (b"\xff\xfe", b"\xfe\xff") else "UTF-16; save the file as UTF-8"
    except tomllib.TOMLDecodeError as error:
        parts = _POSITION.fullmatch(str(error))
        line = int(parts["line"]) if parts else data.count(b"\n") + 1
        problem = f"not TOML: {parts['problem'] if parts else error}"
    except RecursionError:
        line, problem = 1, "not TOML that can be read: it is nested too deeply"
    raise WrongUsage(f"{path}, line {line}: {escape_line(problem)}", parameter="profile")


def _build_profile(path: Path, name: str, table: object) -> UserProfile:
    if not isinstance(table, dict):
        raise WrongUsage(
            f"{path}: {escape_line(name)} is {_describe(table)}, not a profile; write [{DEFAULT}], or the name of another "
            "profile in single brackets, on a line of its own above the settings",
            parameter="profile",
        )
    values = _check_table(f"{path}: [{escape_line(name)}] ", cast("dict[str, Any]", table), _CHECKS)
    return UserProfile(name=name, **values)


def _check_table(
    where: str, table: Mapping[str, object], checks: Mapping[str, Callable[[Any], object]]
) -> dict[str, Any]:
    """Return the values of a table by their keys; an error begins with ``where`` and the key."""
    values: dict[str, Any] = {}
    for key, value in table.items():
        place = where + escape_line(key)
        if key not in checks:
            raise WrongUsage(
                f"{place}: there is no such key{suggest_name(key, checks) or '.'} The keys are {', '.join(checks)}",
                parameter="profile",
            )
        values[key] = check_value(place, checks[key], value)
    return values


def check_value(where: str, check: Callable[[Any], _Value], value: object) -> _Value:
    """Return what a check returns; its errors begin with the place of the value.

    Raises:
        WrongUsage: the value is not valid.
    """
    try:
        return check(value)
    except NaiError as error:
        problem = str(error)
    raise WrongUsage(f"{where}: {problem}")


def _check_text(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidRequestError(f"a text in quotes is expected, not {_describe(value)}")
    if not value.strip() or not value.isprintable():
        raise InvalidRequestError("a text that is not empty, without line ends and control characters, is expected")
    return value


def check_url(value: object) -> str:
    """Return an address that requests can be sent to.

    Raises:
        InvalidRequestError: it is none.
    """
    text = _check_text(value)
    if _is_url(text):
        return text
    if _is_url(f"http://{text}"):
        raise InvalidRequestError(f"http:// or https:// is missing: write http://{text}")
    raise InvalidRequestError("an address is http://HOST[:PORT] or https://HOST[:PORT], with or without a path")


def _is_url(text: str) -> bool:
    try:
        Session(base_url=text)
    except InvalidRequestError:
        return False
    return True


def check_proxy(value: object) -> str:
    """Return the URL of a proxy. An error does not quote it, since it may have a password.

    Raises:
        InvalidRequestError: it is none that the command line can use.
    """
    text = _check_text(value)
    try:
        parse_proxy(text)
        return text
    except InvalidRequestError:
        pass
    raise InvalidRequestError(
        "a proxy is http://[user[:password]@]HOST[:PORT]; SOCKS and TLS to a proxy are not supported"
    )


def _check_email(value: object) -> str:
    text = _check_text(value)
    if "@" not in text:
        raise InvalidRequestError("an e-mail has an @")
    return text


def _check_timeouts(value: object) -> Timeouts:
    if isinstance(value, dict):
        return Timeouts(**_check_table("", cast("dict[str, object]", value), _PHASES))
    return make_timeouts(_check_seconds(value))


def make_timeouts(seconds: float) -> Timeouts:
    """Return timeouts that wait so many seconds at each step, as ``--timeout`` says."""
    return Timeouts(pool=seconds, connect=seconds, write=seconds, read=seconds, idle=seconds)


def _check_seconds(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise InvalidRequestError(f"a number of seconds is expected, not {_describe(value)}")
    if not 0 < value < float("inf"):
        raise InvalidRequestError("a number of seconds above 0 is expected")
    return float(value)


def _describe(value: object) -> str:
    """Return what kind of TOML value this is. The value itself may be a secret that is at the wrong place."""
    match value:
        case bool():
            return "true or false"
        case str():
            return "a text"
        case int() | float():
            return "a number"
        case list():
            return "an array"
        case dict():
            return "a table"
        case _:
            return "a date or a time"


_CHECKS: Final[Mapping[str, Callable[[Any], object]]] = {
    "url": check_url,
    "proxy": check_proxy,
    "email": _check_email,
    "text_model": _check_text,
    "chat_model": _check_text,
    "image_model": _check_text,
    "preset": _check_text,
    "timeout": _check_timeouts,
}
"""The keys of a profile, each with a function that returns the value, or raises a NaiError."""
_PHASES: Final = {each.name: _check_seconds for each in fields(Timeouts)}
"""The keys of the table ``timeout``."""


# ---- writing


def add_profile(profile: UserProfile) -> Path:
    """Append a profile to the file, if it has none of this name, and return the file's path.

    The rest of the file is unchanged, with its comments.

    Args:
        profile: a new one, whose settings are texts.

    Raises:
        FileError: the file cannot be written; it is unchanged.
    """
    path = profile_path()
    files.make_directories(path.parent)
    with files.lock_directory(path.parent):  # two programs may log in at once
        before = files.read(path) if files.exists(path) else b""
        if profile.name not in _parse(path, before):
            # A link to a file that is kept elsewhere stays one.
            files.write(os.path.realpath(path), before + "".join(_format_profile(profile, bool(before))).encode())
    return path


def _format_profile(profile: UserProfile, is_after_others: bool) -> Iterator[str]:
    yield f"\n\n[{profile.name}]\n" if is_after_others else f"[{profile.name}]\n"
    for key, value in profile.settings.items():
        assert isinstance(value, str)  # `nai login` knows no timeouts
        yield f"{key} = {_quote(value)}\n"


def _quote(text: str) -> str:
    """Return a basic string of TOML; the checks allow printable characters only."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
