"""The command `nai`, whose servers are uvicorn's: it serves each app as an ASGI application.

    python -m tests.interop.under_uvicorn emulate --hosts strict

All else is the command's own: its options, the line of JSON that it prints when it is ready, its state and its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from unittest.mock import patch

import uvicorn

from nai_proto.exchange.reply import App
from nai_transports.asgi import AsgiApp
from nai_transports.cli import main
from nai_transports.servers.ordered_store import StoreChanges


class _Server(uvicorn.Server):
    """A server that leaves the signals to the command."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@asynccontextmanager
async def serve(
    app: App, host: str = "127.0.0.1", port: int = 0, *, store: StoreChanges | None = None
) -> AsyncGenerator[str, None]:
    """Serve an app under uvicorn while the block runs; yield the base URL, as `nai_transports.servers.serve.serve`."""
    application = AsgiApp(app, store=store)
    server = _Server(
        uvicorn.Config(application, host, port, log_level="error", lifespan="on", timeout_graceful_shutdown=1)
    )
    running = asyncio.create_task(server.serve())
    while not server.started:
        assert not running.done(), running
        await asyncio.sleep(0.01)
    (listener,) = server.servers[0].sockets
    try:
        yield f"http://{host}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


if __name__ == "__main__":
    with patch("nai_transports.cli.emulator.serve_until_stopped.serve", serve):
        main()
