"""Load the account's library for a command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nai_proto.library import KeepObject, Library, keep_whole, open_library
from nai_proto.objects import TYPES

from ..common.account_options import AccountOptions, ServiceOptions
from ..common.credentials import Credentials

__all__ = ["STORY_TYPES", "UnreadType", "list_unread", "load_library", "open_account"]

STORY_TYPES: Final = ("stories", "storycontent")
"""The types of objects that a story consists of."""


@dataclass(frozen=True, slots=True)
class UnreadType:
    """A type of objects that could not be listed."""

    type: str
    reason: str


def list_unread(unread: Mapping[str, object]) -> list[UnreadType]:
    """Return the types that could not be listed, each with the reason."""
    return [UnreadType(type_, str(reason)) for type_, reason in unread.items()]


def load_library(account: AccountOptions, *, types: Sequence[str] = TYPES, keep: KeepObject = keep_whole) -> Library:
    """Log in, and return the account's library; show the progress on stderr.

    Args:
        account: whose library.
        types: the types of objects to load.
        keep: returns what stays of each object, as for `open_library`.

    Raises:
        InvalidRequestError: the address is not valid, or there is no e-mail or no password.
        NaiError: logging in failed, the keystore does not open, or stories cannot be listed.
    """
    return open_account(account, account.get_credentials(), types=types, keep=keep)


def open_account(
    service: ServiceOptions, login: Credentials, *, types: Sequence[str] = TYPES, keep: KeepObject = keep_whole
) -> Library:
    """Return the library of an account, as `load_library` does.

    Args:
        service: where the account is.
        login: e-mail and password of the account.
        types: the types of objects to load.
        keep: returns what stays of each object, as for `open_library`.
    """
    flow = open_library(login.email, login.password, types=types, keep=keep)
    with (
        service.open_client() as client,
        service.show_progress("logging in") as progress,
        client.stream(flow) as stream,
    ):
        for event in stream:
            progress.show_event(event)
        return stream.result
