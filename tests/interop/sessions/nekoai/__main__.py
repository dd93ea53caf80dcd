"""A whole session of nekoai-api: an account, texts, images over msgpack streams, and tools, at addresses apart."""

from __future__ import annotations

import asyncio

from ..checking import emulator, hosts, running
from . import account, images, tools
from .neko import Neko


async def session() -> None:
    """One part after the other."""
    neko = Neko(**emulator("apart"), hosts=hosts("apart"))
    async with neko.member() as client:
        await account.session(neko, client)
        await images.session(client)
        await tools.session(client)


running(lambda: asyncio.run(session()))
