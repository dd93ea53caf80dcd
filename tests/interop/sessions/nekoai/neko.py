"""What the parts of the session share: the client at the emulator's addresses, which it has settings for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nekoai import NovelAI

__all__ = ["Neko", "anlas"]


@dataclass
class Neko:
    """The emulator's account."""

    url: str
    email: str
    password: str
    token: str
    hosts: dict[str, str]

    def client(self, **credentials: str) -> Any:
        """A client."""
        url = self.hosts
        return NovelAI(**credentials, host=url["image"], api_host=url["api"], text_host=url["text"])

    def member(self) -> Any:
        """A client with the persistent token."""
        return self.client(token=self.token)


async def anlas(client: Any) -> int:
    """What the account has left."""
    left = (await client.get_subscription())["trainingStepsLeft"]
    balance: int = left["fixedTrainingStepsLeft"] + left["purchasedTrainingSteps"]
    return balance
