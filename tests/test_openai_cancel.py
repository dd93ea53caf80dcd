"""Leaving an answer on the OpenAI-compatible API: the connection closes at once, and the next request waits for the lock.

A generation takes half a minute per token here, so that whatever is noticed, is noticed while the server waits.

See docs/protocol/openai.md#10-cancellation.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import anyio
import pytest

from nai_proto import openai
from nai_proto.emulator import Account
from nai_proto.errors import TimedOut
from nai_proto.exchange.retry import RetryPolicy
from nai_proto.exchange.session import Session
from nai_proto.limits import Timeouts
from nai_transports.servers.serve import serve_in_thread
from tests.cases import for_each
from tests.support import ASYNC, SYNC, an_emulator, connecting, opened, running, switched

CHAT = openai.chat_completion_stream([openai.Message.user("Tell me a tale.")], max_tokens=500)
EAGER = RetryPolicy(lock_wait=30.0)


@contextmanager
def emulating(*, pace: float = 0.0, **switches: Any) -> Generator[tuple[Account, str]]:
    emulator, owner = an_emulator(pace=pace, **switched(**switches))
    with serve_in_thread(emulator) as url:
        yield owner, url


def session(owner: Account, url: str, **timeouts: float) -> Session:
    return Session(base_url=url, token=owner.persistent_token, timeouts=Timeouts(**timeouts))


def soon(holds: Callable[[], bool]) -> bool:
    """Within some seconds, which is nothing beside half a minute."""
    for _ in range(500):
        if holds():
            return True
        time.sleep(0.01)
    return False


@for_each("transport", ASYNC, at_once=True)
@pytest.mark.parametrize(
    "switches", [{"pace": 30.0}, {"delay": 30.0}, {"stall_after": 0}], ids=["waits", "delays", "stalls"]
)
def test_a_cancelled_answer_ends_the_generation_while_nothing_comes(transport: str, switches: Any) -> None:
    with emulating(**switches) as (owner, url):

        async def main() -> None:
            async with connecting(transport, session(owner, url)) as client:
                with anyio.move_on_after(0.3) as scope:
                    async with client.stream(CHAT) as stream:
                        async for _ in stream:
                            pass
                assert scope.cancelled_caught
                while owner.generating:
                    await anyio.sleep(0.005)
                assert owner.locked_until  # there was a generation, and it was left

        def bounded() -> Any:
            async def with_limit() -> None:
                with anyio.fail_after(10):
                    await main()

            return with_limit()

        running(transport, bounded)


@for_each("transport", SYNC, at_once=True)
@pytest.mark.parametrize("switches", [{"delay": 30.0}, {"stall_after": 2}], ids=["delays", "stalls"])
def test_an_answer_that_is_not_waited_for_any_longer_ends_the_generation(transport: str, switches: Any) -> None:
    with emulating(**switches) as (owner, url), opened(transport, session(owner, url, read=0.3, idle=0.3)) as client:
        with pytest.raises(TimedOut), client.stream(CHAT) as stream:
            for _ in stream:
                pass
        assert soon(lambda: not owner.generating)
        assert owner.locked_until  # there was a generation, and it was left


@for_each("transport", ASYNC, at_once=True)
def test_a_request_right_after_a_cancel_waits_for_the_lock_with_patience(transport: str) -> None:
    with emulating(linger=0.4) as (owner, url):

        async def main() -> None:
            async with connecting(transport, session(owner, url)) as client:
                async with client.stream(CHAT) as stream:
                    async for _ in stream:
                        break
                assert isinstance(stream.partial, openai.ChatCompletion)
                short = openai.chat_completion([openai.Message.user("And then?")], max_tokens=5)
                answer = await client.run(short.with_options(retry=EAGER))
                assert answer.choices[0].finish_reason in ("length", "stop")

        running(transport, main)
