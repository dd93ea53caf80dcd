"""The OpenAI-compatible endpoints as the service has them, over the emulator's own language model.

They answer in the ids of the model's tokenizer where it is to be had, and else in the emulator's own vocabulary; only what
holds ids in a request needs the real one.

See docs/protocol/openai.md#1-endpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count, zip_longest
from typing import TYPE_CHECKING, Final, TypeAlias

from ...exchange.endpoints import Endpoint
from ...exchange.reply import Handler, Wait
from ..accounts.account import Account, StreamProgress
from ..errors import Refused
from ..http.responses import HandlerSteps, compute, send_error, send_json
from ..http.throttling import GenerationLock
from ..seeded_random import SeededRandom
from ..text.language_model import LanguageModel
from ..text.model_registry import ModelRegistry
from .forms import Choice, Form, Usage, form_for
from .models import Models
from .parameters import ChatRequest, CompletionRequest, Prompts, TokenCountRequest, read, settings_of
from .stream import FAILURE, stream
from .switches import OpenAISwitches
from .telling import Piece, Plan, tell
from .template import ASSISTANT, rendered

if TYPE_CHECKING:
    from ...tokenizers import Tokenizer

__all__ = ["OpenAIService"]

_DEFAULT_LENGTH: Final = 256
"""Tokens where ``max_tokens`` is not given; the service's default is not known."""
_Request: TypeAlias = CompletionRequest | ChatRequest


@dataclass(frozen=True, slots=True)
class _Task:
    """A request, understood."""

    row: Endpoint
    request: _Request
    form: Form
    prompt_tokens: int
    choices: list[Iterator[Piece]]


class OpenAIService:
    """The four endpoints.

    Args:
        seed: of all chance that a request does not seed itself.
        pace: seconds per token.
        tellers: who writes.
        lock: under which it is written.
        now: UNIX time in seconds.
        switches: everything else.
    """

    def __init__(
        self,
        seed: str,
        pace: float,
        tellers: ModelRegistry,
        lock: GenerationLock,
        now: Callable[[], float],
        switches: OpenAISwitches,
    ) -> None:
        self._chance = SeededRandom(seed).fork("openai")
        self._pace = pace
        self._tellers = tellers
        self._lock = lock
        self._now = now
        self._switches = switches
        self._models = Models(switches.models)
        self._numbers = count(1)

    def completions(self, row: Endpoint, account: Account, body: bytes) -> Handler:
        """``POST /oa/v1/completions``."""

        def handler() -> Handler:
            request = read(body, CompletionRequest, ranges=self._switches.ranges)
            yield from self._told((yield from self._prepared(row, account, request, request.prompts)), account)

        yield from self._lock.hold(account, handler)

    def chat_completions(self, row: Endpoint, account: Account, body: bytes) -> Handler:
        """``POST /oa/v1/chat/completions``."""

        def handler() -> Handler:
            request = read(body, ChatRequest, ranges=self._switches.ranges)
            prompt = rendered(request.messages, thinking=self._thinking(request))
            yield from self._told((yield from self._prepared(row, account, request, [prompt])), account)

        yield from self._lock.hold(account, handler)

    def models(self, row: Endpoint, account: Account) -> Handler:
        """``GET /oa/v1/models``.

        See docs/protocol/openai.md#72-get-oav1models.
        """
        yield from send_json(row.status, {"object": "list", "data": self._models.listed(account.tier)})

    def token_count(self, row: Endpoint, body: bytes) -> Handler:
        """``POST /oa/v1/internal/token-count``. The ids of several prompts are joined: no source tells.

        See docs/protocol/openai.md#8-token-count.
        """
        request = read(body, TokenCountRequest, ranges=False)
        tokenizer = yield from self._tellers.tokenizer(self._models.tokenizer(request.model))
        _, encoded = yield from self._encoded(tokenizer, request.prompts)
        ids = [token for prompt in encoded for token in prompt]
        yield from send_json(row.status, {"length": len(ids), "encoded": ids})

    def send_error(self, refused: Refused) -> Handler:
        """An error in the shape that is wanted.

        See docs/protocol/openai.md#91-bodies.
        """
        if self._switches.errors == "gateway":
            return send_error(refused)
        kind = "server_error" if refused.status >= 500 else "invalid_request_error"
        error = {"message": refused.message, "code": refused.status, "type": kind, "param": None}
        return send_error(refused, {"error": error})

    # ---- what is asked

    def _thinking(self, request: ChatRequest) -> bool:
        """Does the answer begin with reasoning? Not where it goes on with what the model has said already."""
        wanted = self._switches.thinks if request.enable_thinking is None else request.enable_thinking
        return wanted and self._switches.thinking != "off" and request.messages[-1].role != "assistant"

    def _prepared(self, row: Endpoint, account: Account, request: _Request, prompts: Prompts) -> HandlerSteps[_Task]:
        """The request with everything that can be wrong with it behind it, and no token made."""
        model = self._models.allowed(request.model, account.tier)
        settings = settings_of(request)
        tokenizer = yield from self._tellers.tokenizer(model.tokenizer)
        holding_ids = "logit_bias" if settings.logit_bias else "" if isinstance(prompts[0], str) else "prompt"
        if holding_ids and tokenizer is None:
            raise Refused(
                501, f"this emulator has no tokenizer of {model.tokenizer}, and {holding_ids} holds token ids"
            )
        teller, encoded = yield from self._encoded(tokenizer, prompts)
        plan = Plan(
            most=_DEFAULT_LENGTH if request.max_tokens is None else max(request.max_tokens, 1),
            stops=request.stops,
            prefix=request.generation_prefix or "",
            thinking=isinstance(request, ChatRequest) and self._thinking(request),
        )
        model.check_length(account.tier, max(map(len, encoded)), plan.most)
        decode = teller.vocabulary.decode
        chance = self._chance.fork(next(self._numbers)) if request.seed is None else SeededRandom(request.seed)
        choices: list[Iterator[Piece]] = []
        for prompt, ids in zip(prompts, encoded, strict=True):
            turn = ASSISTANT in (prompt if isinstance(prompt, str) else decode(prompt))
            for _ in range(request.n or 1):
                own = chance.fork(len(choices)) if choices else chance
                choices.append(tell(teller, ids, settings, own, replace(plan, turn=turn)))
        return _Task(row, request, form_for(request, self._switches, decode), sum(map(len, encoded)), choices)

    def _encoded(
        self, tokenizer: Tokenizer | None, prompts: Prompts
    ) -> HandlerSteps[tuple[LanguageModel, list[list[int]]]]:
        """Who tells in the tokenizer's ids, and these of all prompts, which are texts or ids already."""
        teller = yield from self._tellers.language_model(tokenizer)
        encode = teller.vocabulary.encode
        encoded = yield from compute(
            lambda: [encode(prompt) if isinstance(prompt, str) else [*prompt] for prompt in prompts]
        )
        return teller, encoded

    # ---- what is answered

    def _told(self, task: _Task, account: Account) -> Handler:
        switches = self._switches
        if switches.delay:
            yield Wait(switches.delay)
        if switches.error_after is not None and switches.error_form == "document":
            yield from send_json(task.row.status, FAILURE)
        elif task.request.stream:
            record = StreamProgress(task.row.name)
            account.streams.append(record)
            yield from stream(switches, task.row.status, self._chunks(task), self._pace, record)
        else:
            yield from self._whole(task)

    def _whole(self, task: _Task) -> Handler:
        told = yield from compute(lambda: [list(choice) for choice in task.choices])
        usage = Usage(task.prompt_tokens, sum(map(len, told)))
        if self._pace:
            yield Wait(self._pace * usage.completion)
        choices = [task.form.whole(index, pieces) for index, pieces in enumerate(told)]
        yield from send_json(
            task.row.status,
            {**self._envelope(task, task.form.whole_object), "choices": choices, "usage": usage.wire()},
        )

    def _chunks(self, task: _Task) -> Iterator[dict[str, object] | None]:
        """The chunks of all choices, a token of each in turn; None before each token."""
        form, place = task.form, self._switches.usage
        envelope = self._envelope(task, form.chunk_object)

        def chunk(choice: Choice, **more: object) -> dict[str, object]:
            return {**envelope, "choices": [choice], **more}

        for index in range(len(task.choices)):
            yield from map(chunk, form.opening(index))
        going, made = len(task.choices), 0
        for pieces in zip_longest(*task.choices):
            for index, piece in enumerate(pieces):
                if piece is None:
                    continue
                yield None
                made += 1
                going -= piece.finish_reason is not None
                *others, last = form.chunks(index, piece)
                yield from map(chunk, others)
                if going or place != "with_finish":
                    yield chunk(last)
                else:
                    yield chunk(last, usage=Usage(task.prompt_tokens, made).wire())
        if place == "on_request" and task.request.wants_usage:
            yield {**envelope, "choices": [], "usage": Usage(task.prompt_tokens, made).wire()}

    def _envelope(self, task: _Task, kind: str) -> dict[str, object]:
        number = self._chance.fork(next(self._numbers)).uniform()
        return {
            "id": f"{task.form.prefix}-{int(number * 2**53):014x}",
            "object": kind,
            "created": int(self._now()),
            "model": task.request.model,
        }
