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

from ..checking import emulator


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
        """At the emulator; addresses are changed as its users change them, since there is no setting."""
        ready = emulator()
        NovelAIAPI.BASE_ADDRESS = ready["url"]
        for name in ("GENERAL_API_ADDRESS", "TEXT_API_ADDRESS", "IMAGE_API_ADDRESS"):
            setattr(novelai_api._low_level, name, ready["url"])
        async with ClientSession() as http:
            yield Novel(**ready, http=http)

    def stranger(self) -> Any:
        """A client that has not logged in."""
        return NovelAIAPI(self.http)

    async def member(self) -> Any:
        """A client that has, with the password."""
        api = self.stranger()
        await api.high_level.login(self.email, self.password)
        return api

    @property
    def key(self) -> bytes:
        """What opens the account's keystore."""
        key: bytes = get_encryption_key(self.email, self.password)
        return key


async def refused(call: Awaitable[object]) -> tuple[int, str]:
    """Status and message of the error that a call ends with."""
    try:
        await call
    except NovelAIError as error:
        return error.status, error.message
    raise AssertionError("it was not refused")
