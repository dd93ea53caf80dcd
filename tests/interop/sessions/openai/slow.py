"""What takes time: time-outs, streams that are left, and the account's one generation at a time."""

from __future__ import annotations

import openai

from ..checking import check, raised
from .client import MODEL, ONCE, client


def session() -> None:
    """All of it, against an emulator that takes its time for each token, and says when to come again."""
    with client("slow", max_retries=0) as api:
        with check("time-out: a call that takes longer ends with an APITimeoutError"):
            call = api.with_options(timeout=0.2).completions.create
            raised(openai.APITimeoutError, lambda: call(model=MODEL, prompt=ONCE, max_tokens=2000))
        with check("time-out: between two tokens of a stream is time enough"):
            stream = api.with_options(timeout=5, max_retries=3).completions.create(
                model=MODEL, prompt=ONCE, max_tokens=10, stream=True
            )
            assert len([*stream]) == 10
        _locked(api)


def _locked(api: openai.OpenAI) -> None:
    create = api.completions.create
    stream = create(model=MODEL, prompt=ONCE, max_tokens=2000, stream=True)
    next(stream)
    with check("lock: a second generation meanwhile is a RateLimitError"):
        error = raised(openai.RateLimitError, lambda: create(model=MODEL, prompt=ONCE, max_tokens=1))
        assert "Concurrent generation is locked" in str(error)
        assert error.response.headers["retry-after"] == "1"
    with check("lock: max_retries are tried in vain while the stream goes on"):
        raised(
            openai.RateLimitError,
            lambda: api.with_options(max_retries=1).completions.create(model=MODEL, prompt=ONCE, max_tokens=1),
        )
    with check("lock: after a stream that is closed the account is free"):
        stream.close()
        raw = api.with_options(max_retries=10).completions.with_raw_response.create(
            model=MODEL, prompt=ONCE, max_tokens=1
        )
        assert raw.parse().choices[0].text
    with check("lock: a client with retries waits for the end of a stream, and counts them"):
        stream = create(model=MODEL, prompt=ONCE, max_tokens=100, stream=True)
        next(stream)
        patient = api.with_options(max_retries=10).completions.with_raw_response
        assert patient.create(model=MODEL, prompt=ONCE, max_tokens=1).retries_taken >= 1
        stream.close()
