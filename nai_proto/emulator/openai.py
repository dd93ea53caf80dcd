"""The OpenAI-compatible endpoints as the service has them (openai §1), over the emulator's own language model.

They answer in the ids of the model's tokenizer where it is to be had, and else in the emulator's own vocabulary; only what
holds ids in a request needs the real one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count, zip_longest
from typing import TYPE_CHECKING, Final

from ..exchange.endpoints import Endpoint
from ..exchange.reply import Handler, Wait
from ..text.models import MODELS, Tier
from .accounts import Account, Streamed
from .answers import Refused, Steps, answer_json, computed, refuse
from .chance import Chance
from .lock import Lock
from .openai_forms import Choice, CompletionForm, Form, Usage, form_of_chat
from .openai_parameters import ChatRequest, CompletionRequest, Prompts, TokenCountRequest, read, settings_of
from .openai_stream import FAILURE, stream
from .openai_switches import OpenAISwitches
from .openai_telling import Piece, Plan, tell
from .openai_template import ASSISTANT, rendered
from .tellers import Tellers

if TYPE_CHECKING:
    from ..tokenizers import Tokenizer

__all__ = ["OpenAIService"]

_DEFAULT_LENGTH: Final = 256
"""Tokens where ``max_tokens`` is not given; the service's default is not known."""
_CREATED: Final = 1_735_689_600
"""UNIX time at which every model was made, as far as the list says."""


@dataclass(frozen=True, slots=True)
class _Served:
    """A model of these endpoints."""

    tokenizer: str
    "The model whose tokenizer it has."
    context: Mapping[Tier, int] | None = None
    "Tokens that prompt and answer may have together, for the tiers that have it; None is no limit (openai §7.3)."


_GLM: Final = _Served("glm-4-6", {Tier.TABLET: 12_288, Tier.SCROLL: 16_384, Tier.OPUS: 36_864})
_SERVED: Final = {"glm-4-5": _GLM, "glm-4-6": _GLM, "xialong-v1": _Served("xialong-v1", {Tier.OPUS: 36_864})}
_COUNTED: Final = frozenset(model.id for model in MODELS)
"""The native models, which the token count knows too (openai §8)."""


@dataclass(frozen=True, slots=True)
class _Task:
    """A request, understood."""

    row: Endpoint
    model: str
    form: Form
    prompt_tokens: int
    choices: list[Iterator[Piece]] = field(repr=False)
    wants_usage: bool


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
        tellers: Tellers,
        lock: Lock,
        now: Callable[[], float],
        switches: OpenAISwitches,
    ) -> None:
        self._chance = Chance(seed).fork("openai")
        self._pace = pace
        self._tellers = tellers
        self._lock = lock
        self._now = now
        self._switches = switches
        self._numbers = count(1)

    def completions(self, row: Endpoint, account: Account, body: bytes) -> Handler:
        """``POST /oa/v1/completions``."""

        def handler() -> Handler:
            request = read(body, CompletionRequest, ranges=self._switches.ranges)
            task = yield from self._task(row, account, request, request.prompts, chat=False)
            yield from self._told(task, account, bool(request.stream))

        yield from self._lock.held(account, handler)

    def chat_completions(self, row: Endpoint, account: Account, body: bytes) -> Handler:
        """``POST /oa/v1/chat/completions``."""

        def handler() -> Handler:
            request = read(body, ChatRequest, ranges=self._switches.ranges)
            prompt = rendered(request.messages, thinking=self._thinking(request))
            task = yield from self._task(row, account, request, [prompt], chat=True)
            yield from self._told(task, account, bool(request.stream))

        yield from self._lock.held(account, handler)

    def models(self, row: Endpoint, account: Account) -> Handler:
        """``GET /oa/v1/models`` (openai §7.2)."""
        listed = [
            {"id": model, "object": "model", "created": _CREATED, "owned_by": "novelai"}
            for model in self._switches.models
            if _is_for(account.tier, self._served(model))
        ]
        yield from answer_json(row.status, {"object": "list", "data": listed})

    def token_count(self, row: Endpoint, body: bytes) -> Handler:
        """``POST /oa/v1/internal/token-count`` (openai §8). The ids of several prompts are joined: no source tells."""
        request = read(body, TokenCountRequest, ranges=False)
        model = request.model if request.model in _COUNTED else self._served(request.model).tokenizer
        tokenizer = yield from self._tellers.tokenizer(model)
        encoded = yield from self._encoded(tokenizer, request.prompts)
        ids = [token for prompt in encoded for token in prompt]
        yield from answer_json(row.status, {"length": len(ids), "encoded": ids})

    def refuse(self, refused: Refused) -> Handler:
        """An error in the shape that is wanted (openai §9.1)."""
        if self._switches.errors == "gateway":
            return refuse(refused)
        kind = "server_error" if refused.status >= 500 else "invalid_request_error"
        error = {"message": refused.message, "code": refused.status, "type": kind, "param": None}
        return refuse(refused, {"error": error})

    # ---- what is asked

    def _thinking(self, request: ChatRequest) -> bool:
        """Does the answer begin with reasoning? Not where it goes on with what the model has said already."""
        wanted = self._switches.thinks if request.enable_thinking is None else request.enable_thinking
        return wanted and self._switches.thinking != "off" and request.messages[-1].role != "assistant"

    def _served(self, model: str) -> _Served:
        if model not in self._switches.models:
            raise Refused(400, f"Validation error: model {model[:60]} doesn't exist")
        return _SERVED.get(model) or _Served(model)

    def _task(
        self,
        row: Endpoint,
        account: Account,
        request: CompletionRequest | ChatRequest,
        prompts: Prompts,
        *,
        chat: bool,
    ) -> Steps[_Task]:
        served = self._served(request.model)
        settings = settings_of(request)
        if account.tier is Tier.PAPER:
            raise Refused(402, "An active subscription is required")
        if not _is_for(account.tier, served):
            raise Refused(403, "Not eligible for this model")
        tokenizer = yield from self._tellers.tokenizer(served.tokenizer)
        holding_ids = "prompt" if not isinstance(prompts[0], str) else "logit_bias" if settings.logit_bias else None
        if holding_ids and tokenizer is None:
            raise Refused(
                501, f"this emulator has no tokenizer of {served.tokenizer}, and {holding_ids} holds token ids"
            )
        teller = yield from self._tellers.teller(tokenizer)
        encoded = yield from self._encoded(tokenizer, prompts)
        most = _DEFAULT_LENGTH if request.max_tokens is None else max(request.max_tokens, 1)
        limit = None if served.context is None else served.context[account.tier]
        for ids in encoded:
            if limit is not None and len(ids) + most > limit:
                asked = f"{len(ids)} tokens of prompt and {most} of max_tokens"
                raise Refused(
                    400, f"Validation error: {request.model} has {limit} tokens maximum, {asked} were requested"
                )
        decode = teller.vocabulary.decode
        thinking = isinstance(request, ChatRequest) and self._thinking(request)
        prefix, stops = request.generation_prefix or "", request.stops
        chance = self._chance.fork(next(self._numbers)) if request.seed is None else Chance(request.seed)
        choices: list[Iterator[Piece]] = []
        for prompt, ids in zip(prompts, encoded, strict=True):
            talk = ASSISTANT in (prompt if isinstance(prompt, str) else decode(prompt))
            plan = Plan(most=most, stops=stops, prefix=prefix, thinking=thinking, turn=talk)
            for _ in range(request.n or 1):
                own = chance.fork(len(choices)) if choices else chance
                choices.append(tell(teller, ids, settings, own, plan))
        wants_logprobs = request.logprobs is not None
        form: Form = (
            form_of_chat(self._switches, decode, wants_logprobs, streamed=bool(request.stream))
            if chat
            else CompletionForm(self._switches, decode, wants_logprobs)
        )
        return _Task(row, request.model, form, sum(map(len, encoded)), choices, request.wants_usage)

    def _encoded(self, tokenizer: Tokenizer | None, prompts: Prompts) -> Steps[list[list[int]]]:
        """The ids of all prompts, which are texts or ids already."""
        teller = yield from self._tellers.teller(tokenizer)
        encode = teller.vocabulary.encode
        return (
            yield from computed(
                lambda: [encode(prompt) if isinstance(prompt, str) else list(prompt) for prompt in prompts]
            )
        )

    # ---- what is answered

    def _told(self, task: _Task, account: Account, streamed: bool) -> Handler:
        switches = self._switches
        if switches.delay:
            yield Wait(switches.delay)
        if switches.error_after is not None and switches.error_form == "document":
            yield from answer_json(task.row.status, FAILURE)
        elif streamed:
            record = Streamed(task.row.name)
            account.streams.append(record)
            yield from stream(switches, task.row.status, self._chunks(task), self._pace, record)
        else:
            yield from self._whole(task)

    def _whole(self, task: _Task) -> Handler:
        told = yield from computed(lambda: [list(choice) for choice in task.choices])
        usage = Usage(task.prompt_tokens, sum(map(len, told)))
        if self._pace:
            yield Wait(self._pace * usage.completion)
        choices = [task.form.whole(index, pieces) for index, pieces in enumerate(told)]
        yield from answer_json(
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
        if place == "on_request" and task.wants_usage:
            yield {**envelope, "choices": [], "usage": Usage(task.prompt_tokens, made).wire()}

    def _envelope(self, task: _Task, kind: str) -> dict[str, object]:
        number = self._chance.fork(next(self._numbers)).uniform()
        return {
            "id": f"{task.form.prefix}-{int(number * 2**53):014x}",
            "object": kind,
            "created": int(self._now()),
            "model": task.model,
        }


def _is_for(tier: Tier, served: _Served) -> bool:
    """Does this tier have the model?"""
    return tier is not Tier.PAPER and (served.context is None or tier in served.context)
