"""Load the account's library for a command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nai_proto.library import Library, open_library
from nai_proto.objects import TYPES

from ..common.credentials import Credentials, build_session, get_credentials, open_client
from ..common.progress import show_progress

__all__ = ["STORY_TYPES", "load_library", "open_account"]

STORY_TYPES: Final = ("stories", "storycontent")
"""The types of objects that a story consists of."""


def load_library(
    url: str | None, email: str | None, unsafe_password: str | None, *, types: Sequence[str] = TYPES
) -> Library:
    """Log in, and return the account's library; show the progress on stderr.

    Args:
        url: as for `nai_transports.cli.common.credentials.build_session`.
        email, unsafe_password: as for `nai_transports.cli.common.credentials.get_credentials`.
        types: the types of objects to load.

    Raises:
        InvalidRequestError: the address is not valid, or there is no e-mail or no password.
        NaiError: logging in failed, the keystore does not open, or stories cannot be listed.
    """
    return open_account(url, get_credentials(email, unsafe_password), types=types)


def open_account(url: str | None, login: Credentials, *, types: Sequence[str] = TYPES) -> Library:
    """Return the library of an account, as `load_library` does.

    Args:
        url, types: as for `load_library`.
        login: e-mail and password of the account.
    """
    flow = open_library(login.email, login.password, types=types)
    with (
        open_client(build_session(url)) as client,
        show_progress("logging in") as progress,
        client.stream(flow) as stream,
    ):
        for event in stream:
            progress.show_event(event)
        return stream.result
