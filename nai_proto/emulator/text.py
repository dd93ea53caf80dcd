"""Text generation as the service does it (native §9, §10, §17.3), over the emulator's own language model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Final

import msgspec

from ..codecs.json import encode
from ..codecs.sse import ServerSentEvent, encode_event
from ..exchange.endpoints import Endpoint, host_of_model
from ..exchange.reply import Handler, Start, Wait, Write
from ..http import Head, Headers, Host
from ..text.models import MODELS
from .accounts import Account
from .answers import OPEN, Refused, answer_json
from .chance import Chance
from .language import storyteller
from .sampling import Logprobs, Settings, Step, generate

__all__ = ["TextService"]

_Count = Annotated[int, msgspec.Meta(ge=1, le=2048)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class _Parameters(msgspec.Struct):
    """Those of native §9.1 that have a meaning here, with their ranges; all others are ignored."""

    max_length: _Count = 40
    min_length: _Count = 1
    temperature: Annotated[float, msgspec.Meta(ge=0.1, le=100)] = 1.0
    top_k: Annotated[int, msgspec.Meta(ge=0)] = 0
    top_p: float = 1.0
    tail_free_sampling: _Share = 1.0
    top_a: float = 0.0
    typical_p: float = 1.0
    min_p: _Share = 0.0
    order: tuple[Annotated[int, msgspec.Meta(ge=0)], ...] | None = None
    num_logprobs: Annotated[int, msgspec.Meta(ge=0, le=30)] | None = None
    use_string: bool | None = None
    seed: int | None = None
    "Not the service's: the same seed gives the same text, which tests want."


class _Asked(msgspec.Struct):
    input: str
    model: str
    parameters: _Parameters


_LONGEST_INPUT: Final = {Host.TEXT: 100_000, Host.API: 40_000}
"""Characters (native §9)."""
_KNOWN: Final = frozenset(model.id for model in MODELS)
_DEFAULTS: Final = Settings()


class TextService:
    """Both generation endpoints.

    Args:
        seed: of all chance that a request does not seed itself.
        pace: seconds per token.
    """

    def __init__(self, seed: str, pace: float) -> None:
        self._chance = Chance(seed)
        self._pace = pace
        self._count = 0

    def generate(self, row: Endpoint, account: Account, body: bytes) -> Handler:
        """``POST /ai/generate``: the answer in one piece."""
        yield from self._locked(account, lambda: self._whole(row, body))

    def generate_stream(self, row: Endpoint, account: Account, body: bytes) -> Handler:
        """``POST /ai/generate-stream``: an event per token."""
        yield from self._locked(account, lambda: self._streamed(row, body))

    def _locked(self, account: Account, handler: Callable[[], Handler]) -> Handler:
        """One generation at a time; the lock goes when the answer is sent or the client has left."""
        if account.generating:
            raise Refused(429, "Concurrent generation is locked")
        account.generating = True
        try:
            yield from handler()
        finally:
            account.generating = False

    def _whole(self, row: Endpoint, body: bytes) -> Handler:
        steps = list(self._steps(_asked(body)))
        if self._pace:
            yield Wait(self._pace * len(steps))
        answer: dict[str, object] = {"output": _text(steps)}
        if steps and steps[0].logprobs is not None:
            answer["logprobs"] = [_wire(step.logprobs) for step in steps if step.logprobs is not None]
        yield from answer_json(row.status, answer)

    def _streamed(self, row: Endpoint, body: bytes) -> Handler:
        steps = self._steps(_asked(body))
        yield Start(Head(row.status, Headers([("Content-Type", "text/event-stream"), OPEN])))
        decode = storyteller().vocabulary.decode
        for step in steps:
            if self._pace:
                yield Wait(self._pace)
            data = {
                "token": decode((step.token,)),
                "ptr": step.ptr,
                "final": step.final,
                "logprobs": None if step.logprobs is None else _wire(step.logprobs),
            }
            event = ServerSentEvent(event="newToken", data=encode(data).decode(), id=str(step.ptr))
            yield Write(encode_event(event))

    def _steps(self, asked: _Asked) -> Iterator[Step]:
        parameters = asked.parameters
        self._count += 1
        chance = self._chance.fork(self._count) if parameters.seed is None else Chance(parameters.seed)
        settings = Settings(
            max_length=parameters.max_length,
            min_length=parameters.min_length,
            temperature=parameters.temperature,
            top_k=parameters.top_k,
            top_p=parameters.top_p,
            tail_free_sampling=parameters.tail_free_sampling,
            top_a=parameters.top_a,
            typical_p=parameters.typical_p,
            min_p=parameters.min_p,
            num_logprobs=parameters.num_logprobs,
            order=_DEFAULTS.order if parameters.order is None else parameters.order,
        )
        teller = storyteller()
        return generate(teller, teller.vocabulary.encode(asked.input), settings, chance)


def _asked(body: bytes) -> _Asked:
    try:
        asked = msgspec.json.decode(body, type=_Asked)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(400, f"Validation error: {error}") from None
    host = host_of_model(asked.model)
    if asked.model not in _KNOWN:
        raise Refused(400, f"Validation error: model {asked.model[:60]} doesn't exist")
    if len(asked.input) > _LONGEST_INPUT[host]:
        raise Refused(400, f"Validation error: input must be at most {_LONGEST_INPUT[host]} characters long")
    use_string = asked.parameters.use_string
    if not (host is Host.TEXT if use_string is None else use_string):
        raise Refused(501, "this emulator takes prompts as text only: send use_string true")
    return asked


def _text(steps: list[Step]) -> str:
    return storyteller().vocabulary.decode(step.token for step in steps)


def _wire(logprobs: Logprobs) -> dict[str, object]:
    return {
        part: [[[one.token], [one.before, one.after]] for one in getattr(logprobs, part)]
        for part in ("chosen", "before", "after")
    }
