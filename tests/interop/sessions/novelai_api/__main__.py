"""A whole session of novelai-api: an account, its keystore and objects, its texts.

Left out until the emulator has them: images, director tools, vibes, tags, upscaling and control nets, which come with the
image work; speech, which comes with the voice work; modules that are trained.
"""

from __future__ import annotations

import asyncio

from ..checking import running
from . import account, commands, keystore, objects, stories, text
from .novel import Novel


async def session() -> None:
    """One part after the other, over one connection pool."""
    async with Novel.connected() as novel:
        await account.session(novel)
        await keystore.session(novel)
        await objects.session(novel)
        await text.session(novel)
        await stories.session(novel)
        await commands.session(novel)


running(lambda: asyncio.run(session()))
