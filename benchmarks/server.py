"""A server in a process of its own, so that its work is not taken for the client's."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable, Generator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, Final

from nai_proto.exchange.reply import Cut, Handler, RawWrite, Read, Start, Write
from nai_proto.http import Head, Headers, Request
from nai_transports.servers.serve import run_on_selector_loop, serve

from .data import body, cut

__all__ = ["ANSWER", "apart", "fork_cheaply", "serving"]

ANSWER = (
    b'{"tier":3,"active":true,"expiresAt":1798761600,"perks":{"maxPriorityActions":0,"startPriority":0,"moduleTrainingSteps":'
    b'10000,"unlimitedMaxPriority":true,"voiceGeneration":true,"imageGeneration":true,"unlimitedImageGeneration":true,'
    b'"unlimitedImageGenerationLimits":[{"resolution":4194304,"maxPrompts":0},{"resolution":1048576,"maxPrompts":1}],'
    b'"contextTokens":8192},"paymentProcessorData":null,"trainingStepsLeft":{"fixedTrainingStepsLeft":8950,'
    b'"purchasedTrainingSteps":1200},"accountType":0,"isGracePeriod":false}'
)
"""What an account pays for.

See docs/protocol/native.md#64-subscription.
"""
_STREAM = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
)


class _App:
    """Streams ``count`` events, each a chunk of its own, written ahead of time; anything else gets `ANSWER`."""

    def __init__(self, count: int) -> None:
        self._pieces = cut(_STREAM + b"".join(body(count)), 65_536)

    def __call__(self, request: Request) -> Handler:
        while (yield Read()):
            pass
        if not request.path.endswith("-stream"):
            yield Start(Head(200, Headers.of(content_type="application/json", content_length=str(len(ANSWER)))))
            yield Write(ANSWER)
            return
        for piece in self._pieces:
            yield RawWrite(piece)
        yield Cut()


def _work(count: int, pipe: Connection) -> None:
    async def main() -> None:
        async with serve(_App(count)) as url:
            pipe.send(url)
            await asyncio.to_thread(pipe.recv)

    run_on_selector_loop(main())


_START_METHOD: Final = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
"A server that forks imports what it serves once; where there is none, each process does."
_SERVED: Final = [f"{__package__}.{name}" for name in ("scale", "server", "soak")]
"The modules whose functions run in such processes. What forks them starts once: it has to know all of them."


def fork_cheaply() -> Any:
    """Return what starts processes (`multiprocessing.get_context`) that have imported what they run."""
    multiprocessing.set_forkserver_preload(_SERVED)
    return multiprocessing.get_context(_START_METHOD)


@contextmanager
def apart(work: Callable[..., None], *arguments: object) -> Generator[str, None, None]:
    """A server in a process of its own for the block's time; gives its base URL.

    Args:
        work: gets the arguments and a pipe; sends the URL through it, and ends when something comes.
        arguments: whatever pickles.
    """
    context = fork_cheaply()
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(*arguments, theirs), daemon=True)
    process.start()
    try:
        yield str(ours.recv())
    finally:
        ours.send(None)
        process.join(10)
        ours.close()
        theirs.close()


@contextmanager
def serving(count: int) -> Generator[tuple[str, int], None, None]:
    """Host and port of a server for the block's time."""
    with apart(_work, count) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        yield host, int(port)
