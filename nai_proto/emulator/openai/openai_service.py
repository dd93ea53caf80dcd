"""The service of the OpenAI-compatible endpoints, over the emulator's own language model.

Tokens are those of the model's tokenizer if it is available, else those of the emulator's own vocabulary: all of them, in
prompts, answers, usage, counts and log probabilities. The header field ``X-Emulator-Vocabulary: own`` says so. Only requests
that contain token ids need the tokenizer; for others it is looked for only where it is at hand.

See docs/protocol/openai.md#1-endpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count, groupby, zip_longest
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ...exchange.endpoints import Endpoint
from ...exchange.reply import Handler, Wait
from ...http import Head, Headers
from ..accounts.account import Account, StreamProgress
from ..errors import Refused
from ..http.request_context import EndpointHandler, RequestContext
from ..http.responses import ALLOW_ANY_ORIGIN, HandlerSteps, compute, ignored_fields, send_error, send_json
from ..http.throttling import GenerationLock
from ..replies.scripted_reply import ScriptedReply
from ..seeded_random import SeededRandom
from ..text.language_model import LanguageModel
from ..text.model_registry import ModelRegistry, missing_tokenizer, vocabulary_fields
from .chat_template import ASSISTANT, render_chat
from .event_stream import FAILURE, send_stream
from .request_body import (
    ChatRequest,
    CompletionRequest,
    Prompts,
    TokenCountRequest,
    build_settings,
    list_ignored,
    parse_request,
)
from .response_shapes import Choice, ResponseShape, UsageCounts, choose_shape
from .served_models import ServedModels
from .switches import OpenAISwitches
from .text_generation import (
    GenerationPlan,
    StreamPart,
    TextPiece,
    generate_pieces,
    list_prompt_pieces,
    script_pieces,
)

if TYPE_CHECKING:
    from ...tokenizers import Tokenizer

__all__ = ["OpenAIService"]

_DEFAULT_MAX_TOKENS: Final = 256
"""Maximum tokens of a request without ``max_tokens``. The service's default is not known."""
_SUFFIX_BIAS: Final = 4.0
"""Added to the logit of the token that begins the suffix, so that the answer leads to it. It is the emulator's own."""
_Request: TypeAlias = CompletionRequest | ChatRequest


@dataclass(frozen=True, slots=True)
class _Choice:
    """A choice: the prompt if it is repeated, and the answer."""

    prompt: int
    "The number of the prompt."
    echo: list[TextPiece]
    pieces: Iterator[TextPiece]


@dataclass(frozen=True, slots=True)
class _GenerationTask:
    """A valid request, and its choices, which are generated when they are iterated."""

    endpoint: Endpoint
    request: _Request
    shape: ResponseShape
    prompt_tokens: int
    choices: list[_Choice]
    fields: tuple[tuple[str, str], ...]
    "Header fields of the response that say whose tokens it has, and what the request had in vain."
    kept: int
    "How many choices of each prompt are sent: the best ones."
    pace: float
    "Seconds per token."
    reply: ScriptedReply | None = None
    "The answer, if it is scripted."


class OpenAIService:
    """Handles the four endpoints.

    Args:
        seed: Seed of the answers to requests without a seed.
        pace: Seconds per token.
        registry: Tokenizers and language models.
        lock: The account's generation lock.
        now: Returns the UNIX time in seconds.
        switches: Variants of the service's behaviour.
    """

    def __init__(
        self,
        seed: str,
        pace: float,
        registry: ModelRegistry,
        lock: GenerationLock,
        now: Callable[[], float],
        switches: OpenAISwitches,
    ) -> None:
        self._rng = SeededRandom(seed).fork("openai")
        self._pace = pace
        self._registry = registry
        self._lock = lock
        self._now = now
        self._switches = switches
        self._models = ServedModels(switches.models)
        self._numbers = count(1)

    def handlers(self) -> Mapping[str, EndpointHandler]:
        """Return the handlers by their names in the table of endpoints."""
        return {
            "completions": self._complete,
            "chat_completions": self._complete_chat,
            "models": self._list_models,
            "token_count": self._count_tokens,
        }

    def _complete(self, context: RequestContext) -> Handler:
        """Handle ``POST /oa/v1/completions``."""

        def generate() -> Handler:
            request = parse_request(context.parameters.body, CompletionRequest, ranges=self._switches.ranges)
            task = yield from self._prepare(context, request, request.prompts)
            yield from self._send(task, context.owner)

        yield from self._lock.hold(context.owner, generate)

    def _complete_chat(self, context: RequestContext) -> Handler:
        """Handle ``POST /oa/v1/chat/completions``."""

        def generate() -> Handler:
            request = parse_request(context.parameters.body, ChatRequest, ranges=self._switches.ranges)
            prompt = render_chat(request.messages, thinking=self._wants_thinking(request))
            task = yield from self._prepare(context, request, [prompt])
            yield from self._send(task, context.owner)

        yield from self._lock.hold(context.owner, generate)

    def _list_models(self, context: RequestContext) -> Handler:
        """Handle ``GET /oa/v1/models``.

        See docs/protocol/openai.md#72-get-oav1models.
        """
        models = self._models.list_for(context.owner.tier)
        yield from send_json(context.endpoint.status, {"object": "list", "data": models})

    def _count_tokens(self, context: RequestContext) -> Handler:
        """Handle ``POST /oa/v1/internal/token-count``. The ids of several prompts are joined, which is a guess.

        See docs/protocol/openai.md#8-token-count.
        """
        request = parse_request(context.parameters.body, TokenCountRequest, ranges=False)
        self._models.check_countable(request.model)
        tokenizer = yield from self._registry.tokenizer(request.model)
        language_model, encoded = yield from self._encode(tokenizer, request.prompts)
        ids = [token for prompt in encoded for token in prompt]
        document = {"length": len(ids), "encoded": ids}
        yield from send_json(context.endpoint.status, document, *vocabulary_fields(language_model))

    def send_error(self, refused: Refused) -> Handler:
        """Send an error in the shape that the switches ask for.

        See docs/protocol/openai.md#91-bodies.
        """
        if self._switches.errors == "gateway":
            return send_error(refused)
        kind = "server_error" if refused.status >= 500 else "invalid_request_error"
        error = {"message": refused.message, "code": refused.status, "type": kind, "param": None}
        return send_error(refused, {"error": error})

    # ---- requests

    def _wants_thinking(self, request: ChatRequest) -> bool:
        """Return whether the answer begins with reasoning. It does not if it continues a message of the model."""
        wanted = self._switches.thinks if request.enable_thinking is None else request.enable_thinking
        return wanted and self._switches.thinking != "off" and request.messages[-1].role != "assistant"

    def _prepare(self, context: RequestContext, request: _Request, prompts: Prompts) -> HandlerSteps[_GenerationTask]:
        """Check the rest of the request, and return the task. No token is generated yet."""
        model = self._models.find_for_generation(request.model, context.owner.tier)
        settings = build_settings(request)
        field_with_ids = "logit_bias" if settings.logit_bias else "" if isinstance(prompts[0], str) else "prompt"
        find_tokenizer = self._registry.tokenizer if field_with_ids else self._registry.local_tokenizer
        tokenizer = yield from find_tokenizer(model.id)
        if field_with_ids and tokenizer is None:
            raise missing_tokenizer(model.id, field_with_ids)
        language_model, encoded = yield from self._encode(tokenizer, prompts)
        kept, drawn, suffix = request.n or 1, request.n or 1, list[int]()
        if isinstance(request, CompletionRequest):
            drawn = request.best_of or kept
            suffix = language_model.vocabulary.encode(request.suffix or "")
        if suffix:
            settings = replace(settings, logit_bias=(*settings.logit_bias, (suffix[0], _SUFFIX_BIAS)))
        if drawn > kept and settings.num_logprobs is None:
            settings = replace(settings, num_logprobs=0)
        plan = GenerationPlan(
            max_tokens=_DEFAULT_MAX_TOKENS if request.max_tokens is None else max(request.max_tokens, 1),
            stops=request.stops,
            prefix=request.generation_prefix or "",
            thinking=isinstance(request, ChatRequest) and self._wants_thinking(request),
            suffix_start=suffix[0] if suffix else None,
        )
        model.check_length(context.owner.tier, max(map(len, encoded)) + len(suffix), plan.max_tokens)
        reply = context.use_reply("text", "chunks")
        decode = language_model.vocabulary.decode
        rng = self._rng.fork(next(self._numbers)) if request.seed is None else SeededRandom(request.seed)
        choices: list[_Choice] = []
        echoes = isinstance(request, CompletionRequest) and bool(request.echo)
        for number, (prompt, ids) in enumerate(zip(prompts, encoded, strict=True)):
            turn = ASSISTANT in (prompt if isinstance(prompt, str) else decode(prompt))
            echo = list_prompt_pieces(language_model, ids, request.logprobs) if echoes else []
            here = replace(plan, turn=turn, offset=sum([len(piece.text) for piece in echo]))
            for _ in range(drawn):
                choice_rng = rng.fork(len(choices)) if choices else rng
                if reply is None:
                    pieces = generate_pieces(language_model, ids, settings, choice_rng, here)
                else:
                    pieces = script_pieces(language_model, ids, reply, settings.num_logprobs, here.offset)
                choices.append(_Choice(number, echo, pieces))
        shape = choose_shape(request, self._switches, decode)
        prompt_tokens = sum([len(ids) + len(suffix) for ids in encoded])
        ignored = list_ignored(context.parameters.body, request)
        fields = (*vocabulary_fields(language_model), *ignored_fields(ignored))
        pace = self._pace if reply is None or reply.pace is None else reply.pace
        return _GenerationTask(context.endpoint, request, shape, prompt_tokens, choices, fields, kept, pace, reply)

    def _encode(
        self, tokenizer: Tokenizer | None, prompts: Prompts
    ) -> HandlerSteps[tuple[LanguageModel, list[list[int]]]]:
        """Return the language model in the tokenizer's ids, and the ids of all prompts."""
        language_model = yield from self._registry.language_model(tokenizer)
        encode = language_model.vocabulary.encode
        encoded = yield from compute(
            lambda: [encode(prompt) if isinstance(prompt, str) else [*prompt] for prompt in prompts]
        )
        return language_model, encoded

    # ---- responses

    def _send(self, task: _GenerationTask, account: Account) -> Handler:
        """Send the response: an error document, a stream, or a whole response."""
        switches = self._switches
        if switches.delay:
            yield Wait(switches.delay)
        if switches.error_after is not None and switches.error_form == "document":
            yield from send_json(task.endpoint.status, FAILURE)
        elif task.request.stream:
            record = StreamProgress(task.endpoint.name)
            account.streams.append(record)
            headers = Headers([("Content-Type", "text/event-stream"), ALLOW_ANY_ORIGIN, *task.fields])
            head = Head(task.endpoint.status, headers)
            scripted = None if task.reply is None else task.reply.chunks
            chunks = self._generate_chunks(task) if scripted is None else self._script_chunks(task, scripted)
            yield from send_stream(switches, head, chunks, task.pace, record)
        else:
            yield from self._send_whole(task)

    def _send_whole(self, task: _GenerationTask) -> Handler:
        answers = yield from compute(lambda: [list(choice.pieces) for choice in task.choices])
        usage = UsageCounts(task.prompt_tokens, sum(map(len, answers)))
        if task.pace:
            yield Wait(task.pace * usage.completion_tokens)
        chosen = _choose_best(task, answers)
        choices = [task.shape.build_whole(index, pieces) for index, pieces in enumerate(chosen)]
        yield from send_json(
            task.endpoint.status,
            {**self._build_envelope(task, task.shape.whole_object), "choices": choices, "usage": usage.to_wire()},
            *task.fields,
        )

    def _generate_chunks(self, task: _GenerationTask) -> Iterator[dict[str, object] | None]:
        """Generate the chunks of all choices, one token of each in turn, and None before each token."""
        shape, usage_place = task.shape, self._switches.usage
        envelope = self._build_envelope(task, shape.chunk_object)

        def chunk(choice: Choice, **more: object) -> dict[str, object]:
            return {**envelope, "choices": [choice], **more}

        for index, choice in enumerate(task.choices):
            yield from map(chunk, shape.build_opening(index, choice.echo))
        unfinished, generated = len(task.choices), 0
        for pieces in zip_longest(*(choice.pieces for choice in task.choices)):
            for index, piece in enumerate(pieces):
                if piece is None:
                    continue
                yield None
                generated += 1
                unfinished -= piece.finish_reason is not None
                *others, last = shape.build_chunks(index, piece)
                yield from map(chunk, others)
                if unfinished or usage_place != "with_finish":
                    yield chunk(last)
                else:
                    yield chunk(last, usage=UsageCounts(task.prompt_tokens, generated).to_wire())
        if usage_place == "on_request" and task.request.wants_usage:
            yield {**envelope, "choices": [], "usage": UsageCounts(task.prompt_tokens, generated).to_wire()}

    def _script_chunks(
        self, task: _GenerationTask, chunks: Sequence[str | dict[str, Any]]
    ) -> Iterator[dict[str, object] | None]:
        """Yield the chunks of a scripted reply, and None before each.

        Objects are sent as they are. A text at the beginning or end has the chunks before and behind it that a generated
        answer has.
        """
        shape, choice = task.shape, task.choices[0]
        envelope = self._build_envelope(task, shape.chunk_object)
        *others, last = choice.pieces
        piece = last._replace(part=StreamPart.CONTENT, logprobs=None, finish_reason=None)
        if isinstance(chunks[0], str):
            for opening in shape.build_opening(0, choice.echo):
                yield {**envelope, "choices": [opening]}
        for chunk in chunks:
            yield None
            if isinstance(chunk, str):
                chunk = {"choices": shape.build_chunks(0, piece._replace(text=chunk))}
            yield {**envelope, **chunk}
        if isinstance(chunks[-1], str):
            end = piece._replace(part=StreamPart.END, text="", finish_reason=last.finish_reason)
            counts = UsageCounts(task.prompt_tokens, len(others) + 1).to_wire()
            in_place = self._switches.usage == "with_finish"
            yield {**envelope, "choices": shape.build_chunks(0, end), **({"usage": counts} if in_place else {})}
            if self._switches.usage == "on_request" and task.request.wants_usage:
                yield {**envelope, "choices": [], "usage": counts}

    def _build_envelope(self, task: _GenerationTask, kind: str) -> dict[str, object]:
        number = self._rng.fork(next(self._numbers)).uniform()
        return {
            "id": f"{task.shape.prefix}-{int(number * 2**53):014x}",
            "object": kind,
            "created": int(self._now()),
            "model": task.request.model,
        }


def _choose_best(task: _GenerationTask, answers: list[list[TextPiece]]) -> Iterator[list[TextPiece]]:
    """Return the choices that are sent, each after the prompt if that is repeated.

    If more were generated than are wanted, those of each prompt with the highest log probability per token are sent, best
    first.
    """
    generated = [*zip(task.choices, answers, strict=True)]
    for _, group in groupby(generated, key=lambda pair: pair[0].prompt):
        of_prompt = [*group]
        if len(of_prompt) > task.kept:
            of_prompt.sort(key=lambda pair: -_mean_logprob(pair[1]))
        for choice, pieces in of_prompt[: task.kept]:
            yield [*choice.echo, *pieces]


def _mean_logprob(pieces: list[TextPiece]) -> float:
    return sum([piece.logprobs.chosen[0].before for piece in pieces if piece.logprobs]) / len(pieces)
