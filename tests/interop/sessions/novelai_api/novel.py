"""What the parts of the session share: the client at the emulator's address."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import novelai_api._low_level
from aiohttp import ClientSession
from novelai_api import NovelAIAPI, NovelAIError
from novelai_api.utils import get_encryption_key

from ..checking import emulator, hosts


@dataclass
class Novel:
    """The client of the emulator's account, logged in."""

    url: str
    email: str
    password: str
    token: str
    http: ClientSession

    @staticmethod
    @asynccontextmanager
    async def connected() -> AsyncGenerator[Novel, None]:
        """At the emulator that has everything at one address."""
        ready = emulator()
        _at(ready["url"], ready["url"], ready["url"])
        async with ClientSession() as http:
            yield Novel(**ready, http=http)

    @staticmethod
    @asynccontextmanager
    async def apart() -> AsyncGenerator[Novel, None]:
        """At the one whose hosts have an address each, as the client knows them."""
        url = hosts("apart")
        _at(url["api"], url["text"], url["image"])
        async with ClientSession() as http:
            yield Novel(**emulator("apart"), http=http)

    def stranger(self) -> Any:
        """A client that has not logged in."""
        return NovelAIAPI(self.http)

    async def member(self) -> Any:
        """A client that has, with the password."""
        api = self.stranger()
        await api.high_level.login(self.email, self.password)
        return api

    async def bearer(self) -> Any:
        """A client with the persistent token: there is no logging in at the host where it tries to."""
        api = self.stranger()
        await api.high_level.login_with_token(self.token)
        return api

    @property
    def key(self) -> bytes:
        """What opens the account's keystore."""
        key: bytes = get_encryption_key(self.email, self.password)
        return key


def _at(api: str, text: str, image: str) -> None:
    """Addresses are changed as the client's users change them, since there is no setting."""
    NovelAIAPI.BASE_ADDRESS = novelai_api._low_level.GENERAL_API_ADDRESS = api
    novelai_api._low_level.TEXT_API_ADDRESS = text
    novelai_api._low_level.IMAGE_API_ADDRESS = image


async def refused(call: Awaitable[object]) -> tuple[int, str]:
    """Status and message of the error that a call ends with."""
    try:
        await call
    except NovelAIError as error:
        return error.status, error.message
    raise AssertionError("it was not refused")
