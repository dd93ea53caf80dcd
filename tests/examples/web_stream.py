"""A web page that shows a story while it is written: Starlette and SSE.

One client serves all visitors. A visitor who leaves ends the generation, so that nobody
waits for a text that no one reads. Install starlette and uvicorn, and run it with
NAI_TOKEN set::

    python web_stream.py

Then open http://127.0.0.1:8000 in a browser.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, StreamingResponse
from starlette.routing import Route

import nai_proto as nai
from nai_transports.asyncio import Client

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>A story</title>
<link rel="icon" href="data:,">
<style>
  body { max-width: 40em; margin: 2em auto; font: 1.1em/1.5 serif }
  #story { white-space: pre-wrap }
</style>
<form>
  <input id="prompt" value="Once upon a time" aria-label="How it begins">
  <button>Tell</button>
</form>
<p id="story" aria-live="polite"></p><p id="state"></p>
<script>
  let source;
  document.querySelector("form").onsubmit = submitted => {
    submitted.preventDefault();
    const prompt = document.getElementById("prompt").value;
    const story = document.getElementById("story");
    const state = document.getElementById("state");
    story.textContent = prompt;
    state.textContent = "writing";
    source?.close();
    source = new EventSource("/tell?" + new URLSearchParams({prompt}));
    source.onmessage = event => story.textContent += JSON.parse(event.data);
    const end = text => { source.close(); state.textContent = text };
    source.addEventListener("end", event => end(JSON.parse(event.data)));
    source.onerror = () => end("the connection was lost");
  };
</script>
"""


def format_event(data: str, event: str = "message") -> str:
    """Return a server-sent event; as JSON its data is one line, whatever is in it."""
    return f"event: {event}\ndata: {json.dumps(data)}\n\n"


async def tell(request: Request) -> StreamingResponse:
    """Stream the continuation of the prompt in the query."""
    client: Client = request.app.state.client
    operation = nai.text.generate_stream(
        request.query_params["prompt"], model=nai.Model.KAYRA, max_length=100
    )

    async def write_events() -> AsyncGenerator[str, None]:
        # When the visitor leaves, this generator is closed, and so is the stream.
        try:
            async with client.stream(operation) as story:
                async for token in story:
                    yield format_event(token.text)
            yield format_event(f"finished: {story.result.finish_reason}", "end")
        except nai.NaiError as error:
            yield format_event(error.plain_message, "end")

    # Proxies pass each event on at once.
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(
        write_events(), media_type="text/event-stream", headers=headers
    )


async def show_page(_: Request) -> HTMLResponse:
    """Return the page."""
    return HTMLResponse(PAGE)


def make_app(session: nai.Session | None = None) -> Starlette:
    """Return the application; without a session, NAI_TOKEN and NAI_URL say whose."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None, None]:
        async with Client(session) as app.state.client:
            yield

    return Starlette(
        routes=[Route("/", show_page), Route("/tell", tell)], lifespan=lifespan
    )


def main() -> None:
    """Serve the page on this machine."""
    import uvicorn

    uvicorn.run(make_app(), port=8000)


if __name__ == "__main__":
    main()
