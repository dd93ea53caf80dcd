"""What a profile stands in for: options of a command that are not given on the command line."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from nai_proto.errors import InvalidRequestError

from .profile_file import UserProfile, profile_path

__all__ = ["DEFAULTS", "ProfileDefaults", "fill_in"]


@dataclass(frozen=True, slots=True)
class ProfileDefaults:
    """The options of a command that a profile can stand in for."""

    keys: Mapping[str, str]
    "Keys of the profile by the names of parameters."
    unless: tuple[str, ...]
    "Parameters that choose a model themselves: if one is given, the profile chooses nothing."


DEFAULTS: Final[Mapping[str, ProfileDefaults]] = {
    "nai generate": ProfileDefaults({"model": "text_model", "preset": "preset"}, ("model", "preset")),
    "nai chat": ProfileDefaults({"model": "chat_model"}, ("model", "go_on")),
    "nai complete": ProfileDefaults({"model": "chat_model"}, ("model",)),
    "nai image": ProfileDefaults({"model": "image_model"}, ("model", "preset", "rebuild")),
}
"""By commands."""


@contextmanager
def fill_in(
    command: str, values: dict[str, Any], is_given: Callable[[str], bool], load_profile: Callable[[], UserProfile]
) -> Generator[None, None, None]:
    """Replace defaults by what the profile has. If one of these values turns out to be wrong, the error says where it is.

    Args:
        command: the whole name of the command.
        values: its arguments by the names of parameters, which are changed.
        is_given: says whether an option is on the command line or in the environment.
        load_profile: returns the profile, if it is needed.
    """
    defaults = DEFAULTS.get(command)
    if defaults is None or any(map(is_given, defaults.unless)):
        yield
        return
    profile = load_profile()
    settings = {key: profile.settings[key] for key in defaults.keys.values() if key in profile.settings}
    values |= {name: settings[key] for name, key in defaults.keys.items() if key in settings}
    try:
        yield
    except InvalidRequestError as error:
        wrong = [key for key, value in settings.items() if str(value) in str(error)]
        if wrong:
            error.add_note(f"{' and '.join(wrong)} of the profile {profile.name} in {profile_path()}: correct the file")
        raise
