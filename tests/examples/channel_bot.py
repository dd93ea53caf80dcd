"""The skeleton of a bot for Discord and the like, which edits its answers in place.

Your chat library needs two methods, which `Channel` and `Message` describe. Messages
are edited at most once a second, since chat services limit how often a bot may edit.
``!stop`` ends the answer of the user who writes it. It runs on asyncio and on trio. To
try it in the terminal, with NAI_TOKEN set, write lines such as ``ann: What is in the
chest?``::

    python channel_bot.py
"""

from __future__ import annotations

import sys
from typing import Protocol

import anyio
import anyio.lowlevel

import nai_proto as nai
from nai_transports.clients import AsyncClient as AnyClient
from nai_transports.httpx import AsyncClient

SYSTEM = nai.openai.Message.system(
    "You are the narrator of a game. Answer in a few sentences."
)


class Message(Protocol):
    """A message that the bot has sent."""

    async def edit(self, text: str) -> None:
        """Replace its text."""
        ...


class Channel(Protocol):
    """Where messages are sent to."""

    async def send(self, text: str) -> Message:
        """Send a message."""
        ...


class Bot:
    """Answers messages.

    Args:
        client: any asynchronous client; all users share its account.
        edit_every_s: the least time between two edits of a message.
    """

    def __init__(self, client: AnyClient, *, edit_every_s: float = 1.0) -> None:
        self.client = client
        self.edit_every_s = edit_every_s
        self._running: dict[str, anyio.CancelScope] = {}

    async def on_message(self, channel: Channel, user: str, text: str) -> None:
        """Answer a message. Call it in a task of its own, as chat libraries do."""
        if text == "!stop":
            if scope := self._running.get(user):
                scope.cancel()
        elif user in self._running:
            await channel.send(f"{user}, one thing at a time. !stop ends the answer.")
        else:
            with anyio.CancelScope() as self._running[user]:
                try:
                    await self._answer(await channel.send("…"), text)
                finally:
                    del self._running[user]

    async def _answer(self, message: Message, question: str) -> None:
        operation = nai.openai.chat_completion_stream(
            [SYSTEM, nai.openai.Message.user(question)], max_tokens=200
        )
        text, ending, edited = "", "", anyio.current_time()
        try:
            async with self.client.stream(operation) as answer:
                async for chunk in answer:
                    text += chunk.text
                    if (
                        chunk.text
                        and anyio.current_time() - edited >= self.edit_every_s
                    ):
                        await message.edit(text)
                        edited = anyio.current_time()
        except nai.NaiError as error:
            ending = f" [{error.plain_message}]"
        except anyio.get_cancelled_exc_class():
            ending = " [stopped]"
            raise
        finally:
            # The last edit is made even if the answer was stopped.
            with anyio.CancelScope(shield=True):
                await message.edit(text + ending or "[no answer]")


class Terminal:
    """A channel, and its only message, in the terminal."""

    async def send(self, text: str) -> Terminal:
        """Print the text."""
        await self.edit(text)
        return self

    async def edit(self, text: str) -> None:
        """Print the text."""
        print(text)


async def run() -> None:
    """Answer the lines of the terminal."""
    async with AsyncClient() as client, anyio.create_task_group() as tasks:
        bot = Bot(client)
        while line := await anyio.to_thread.run_sync(sys.stdin.readline):
            user, _, text = line.strip().partition(": ")
            tasks.start_soon(bot.on_message, Terminal(), user, text)
            await anyio.lowlevel.checkpoint()  # before the next line


def main() -> None:
    """Run on asyncio; ``backend="trio"`` would do as well."""
    anyio.run(run)


if __name__ == "__main__":
    main()
