"""Keyrings for the tests: one that keeps passwords in memory, one that keeps none, one that raises at each call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keyring
from keyring.backend import KeyringBackend

__all__ = ["BrokenKeyring", "DeafKeyring", "MemoryKeyring", "keyring_entry", "use_keyring"]


class MemoryKeyring(KeyringBackend):
    """Passwords by service and e-mail."""

    priority = 1

    def __init__(self) -> None:  # not the base's, which has no types, and reads settings from the environment
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


class BrokenKeyring(MemoryKeyring):
    """Raises at each call, and tells what it was given."""

    def get_password(self, service: str, username: str) -> str | None:
        raise RuntimeError("the bus is gone")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise RuntimeError(f"the bus is gone, with {password}")

    def delete_password(self, service: str, username: str) -> None:
        raise RuntimeError("the bus is gone")


class DeafKeyring(MemoryKeyring):
    """Keeps nothing, and says nothing."""

    def set_password(self, service: str, username: str, password: str) -> None:
        pass


def keyring_entry(url: str, profile: str = "default") -> tuple[str, str]:
    """Return under which service and name the login of a profile at an address is kept."""
    return "nai-proto", f"{profile} {url}"


@contextmanager
def use_keyring(backend: KeyringBackend) -> Iterator[None]:
    """The system's keyring is this one."""
    before = keyring.get_keyring()
    keyring.set_keyring(backend)
    try:
        yield
    finally:
        keyring.set_keyring(before)
