"""What `nai doctor` finds in the settings: which are in force, where each comes from, and whether its value exists."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Final

from nai_proto.errors import NaiError
from nai_proto.image.models import ImageModel, unknown_model
from nai_proto.limits import Timeouts

from ..common.account_options import ServiceOptions
from ..common.profile_file import PROFILE_VARIABLE, UserProfile, profile_path
from ..text.model_choice import choose_chat_model, choose_story_model
from .doctor_checks import Diagnosis, Outcome

__all__ = ["check_settings"]


def check_settings(options: ServiceOptions, profile: UserProfile) -> Iterator[Diagnosis]:
    """Yield the profile, and each setting with its source. The proxy and the login have checks of their own."""
    yield Diagnosis("profile", Outcome.OK, _describe_profile(options, profile))
    source = f"the profile {profile.name}"
    if address := options.find_address():
        yield Diagnosis("setting url", Outcome.OK, f"{address.url}, from {address.source}")
    if options.timeout is not None:
        yield Diagnosis("setting timeout", Outcome.OK, f"{options.timeout:g} s at each step, from --timeout")
    elif profile.timeout is not None:
        yield Diagnosis("setting timeout", Outcome.OK, f"{_format_timeouts(profile.timeout)}, from {source}")
    for key in ("text_model", "chat_model", "image_model", "preset"):
        value = profile.settings.get(key)
        if isinstance(value, str):
            yield _check_name(key, value, source)


def _describe_profile(options: ServiceOptions, profile: UserProfile) -> str:
    path = profile_path()
    if not os.path.exists(path):
        return f"{profile.name}, without settings: there is no {path}"
    if options.is_profile_named:
        chosen = "named by --profile"
    else:
        chosen = (
            f"named by {PROFILE_VARIABLE}"
            if os.environ.get(PROFILE_VARIABLE)
            else f"without --profile or {PROFILE_VARIABLE}"
        )
    return f"{profile.name} of {path}, {chosen}: {', '.join(profile.settings) or 'no settings'}"


def _format_timeouts(timeouts: Timeouts) -> str:
    phases = ((each.name, getattr(timeouts, each.name)) for each in fields(Timeouts))
    return ", ".join(f"{name} {seconds:g} s" for name, seconds in phases if seconds is not None)


def _check_name(key: str, value: str, source: str) -> Diagnosis:
    detail = f"{value}, from {source}"
    try:
        _CHECKS.get(key, _accept)(value)
    except NaiError as error:
        return Diagnosis(f"setting {key}", Outcome.PROBLEM, f"{detail}: {error}", f"correct {profile_path()}")
    return Diagnosis(f"setting {key}", Outcome.OK, detail)


def _accept(_: str) -> None:
    """Accept any name: whether a preset exists depends on the model."""


def _check_chat_model(name: str) -> None:
    choose_chat_model(name, lambda: [name])  # the service may have one that is not listed


def _check_image_model(name: str) -> None:
    if not ImageModel.named(name).is_listed:
        raise unknown_model(name)


_CHECKS: Final[Mapping[str, Callable[[str], object]]] = {
    "text_model": choose_story_model,
    "chat_model": _check_chat_model,
    "image_model": _check_image_model,
}
