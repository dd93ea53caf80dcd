"""A whole session of openai's client: models, completions, chats, all of it on asyncio as well, and what goes wrong."""

from __future__ import annotations

import asyncio

from ..checking import running
from . import asynchronous, chats, completions, errors, models, slow


def session() -> None:
    """One part after the other."""
    models.session()
    completions.session()
    chats.session()
    asyncio.run(asynchronous.session())
    errors.session()
    slow.session()


running(session)
