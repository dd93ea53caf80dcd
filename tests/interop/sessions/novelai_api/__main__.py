"""A whole session of novelai-api: an account, its keystore and objects, its texts, modules, speech, tags and images."""

from __future__ import annotations

import asyncio

from ..checking import running
from . import account, commands, images, keystore, media, modules, objects, stories, text, tools
from .novel import Novel


async def session() -> None:
    """One part after the other, over one connection pool."""
    async with Novel.connected() as novel:
        await account.session(novel)
        await keystore.session(novel)
        await objects.session(novel)
        await text.session(novel)
        await stories.session(novel)
        await modules.session(novel)
        await media.session(novel)
        await commands.session(novel)
    async with Novel.apart() as novel:
        await images.session(novel)
        await tools.session(novel)


running(lambda: asyncio.run(session()))
