"""What goes wrong: each status has its class, and says why."""

from __future__ import annotations

from typing import Any

import openai

from ..checking import check, raised
from .client import ASK, MODEL, ONCE, client


def session() -> None:
    """All of it."""
    with client(api_key="pst-made-up") as api:
        with check("errors: a wrong key is an AuthenticationError"):
            error = raised(openai.AuthenticationError, lambda: api.models.list())
            assert error.status_code == 401
            assert "Unauthorized" in str(error)
        with check("errors: so it is for a chat that is to be streamed"):
            stream: Any = {"stream": True}
            raised(
                openai.AuthenticationError,
                lambda: api.chat.completions.create(model=MODEL, messages=ASK, **stream),
            )
    with client(max_retries=0) as api:
        _refused(api)
    with (
        check("errors: nobody listening is an APIConnectionError"),
        client(base_url="http://127.0.0.1:9/oa/v1", max_retries=0) as api,
    ):
        raised(openai.APIConnectionError, lambda: api.models.list())


def _refused(api: openai.OpenAI) -> None:
    wrong: dict[str, dict[str, Any]] = {
        "a model that there is not": {"model": "gpt-17"},
        "a temperature out of range": {"temperature": -1.0},
        "no tokens at all": {"max_tokens": 0},
    }
    for what, values in wrong.items():
        with check(f"errors: {what} is a BadRequestError"):
            parameters: dict[str, Any] = {"model": MODEL, "prompt": ONCE, **values}
            error = raised(openai.BadRequestError, lambda: api.completions.create(**parameters))
            assert error.status_code == 400
            assert str(error).startswith("Error code: 400 - ")
            assert isinstance(error.body, dict)
    with check("errors: a message whose content is a list is a BadRequestError"):
        pieces: Any = [{"role": "user", "content": [{"type": "text", "text": "Tell me one."}]}]
        raised(openai.BadRequestError, lambda: api.chat.completions.create(model=MODEL, messages=pieces))
    with check("errors: a path that there is not is a NotFoundError"):
        raised(openai.NotFoundError, lambda: api.embeddings.create(model=MODEL, input=ONCE))
