"""A whole session of novelai-sdk: an account, images whole and over SSE, what they say of themselves, and tools."""

from __future__ import annotations

import asyncio

from ..checking import running
from . import account, asynchronous, images, tools
from .client import client


def session() -> None:
    """One part after the other."""
    with client() as novel:
        account.session(novel)
        images.session(novel)
        tools.session(novel)
    asyncio.run(asynchronous.session())


running(session)
