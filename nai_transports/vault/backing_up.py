"""A whole backup, for programs that block."""

from __future__ import annotations

import os
from collections.abc import Callable

from nai_proto.library import LoadEvent, open_library
from nai_proto.secret import Password

from .._runner import Client
from .values import Summary
from .vault import Vault

__all__ = ["backup"]


def backup(
    client: Client,
    email: str,
    password: Password | str,
    directory: str | os.PathLike[str],
    progress: Callable[[LoadEvent], None] = lambda _: None,
) -> Summary:
    """Backs up all that an account has. What the vault has already is not written again.

    Args:
        client: of `nai_transports.httpx`, or any other that blocks.
        email, password: of the account, as for `nai_proto.library.open_library`.
        directory: of the vault, which is made if it is not there.
        progress: is told of each event once it is on the disk.

    Raises:
        FileError: the vault is in use, or cannot be written.
        InvalidFile: the vault is another account's, of a newer format, or damaged.
        AuthenticationError: no account has these.
        DecryptionFailed, Damaged: the keystore does not open, or was withheld; or the vault did not stand verification.
    """
    with Vault(directory, email) as vault, client.stream(open_library(email, password)) as events:
        for event in events:
            vault.keep(event)
            progress(event)
        return vault.finish(events.result)
