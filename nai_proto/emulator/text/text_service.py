"""Text generation as the service does it, over the emulator's own language model.

Ids in a request, and ids in an answer, are those of the model's tokenizer: where there are any, the tokenizer is asked
for, and the language model reads and writes in its ids. A request that is all text is answered in pieces of the language
model's own, for which no file is needed.

See:
    docs/protocol/native.md#9-aigenerate-request
    docs/protocol/native.md#10-streaming-aigenerate-stream
    docs/protocol/native.md#173-text-voice-modules
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ...codecs.json import encode
from ...codecs.sse import ServerSentEvent, encode_event
from ...codecs.tokens import pack, unpack
from ...errors import RemoteProtocolError
from ...exchange.reply import Handler, Start, Wait, Write
from ...http import Head, Headers
from ...text.models import Model
from ..errors import Refused
from ..http.request_context import EndpointHandler, RequestContext
from ..http.responses import ALLOW_ANY_ORIGIN, HandlerSteps, send_json
from ..http.throttling import GenerationLock
from ..seeded_random import SeededRandom
from ..switches import Switches
from . import plan_limits
from .generation import SampledLogprobs, SamplingStep, generate
from .generation_settings import GenerationSettings
from .language_model import LanguageModel, get_tale_model
from .model_registry import ModelRegistry
from .text_request import parse_prompt_request, parse_text_request, to_generation_settings

__all__ = ["TextService"]


@dataclass(frozen=True, slots=True)
class _Task:
    """A request, understood."""

    teller: LanguageModel
    prompt: list[int]
    settings: GenerationSettings
    seed: int | None
    width: int | None
    "Bytes per token of the answer; None if it is text."

    def spelled(self, tokens: list[int]) -> str:
        """Tokens in the form of the answer."""
        return self.teller.vocabulary.decode(tokens) if self.width is None else pack(tokens, self.width)


class TextService:
    """The generation endpoints.

    Args:
        seed: of all chance that a request does not seed itself.
        pace: seconds per token.
        tellers: who writes it.
        lock: under which it is written.
        switches: how strict it is.
    """

    def __init__(
        self, seed: str, pace: float, tellers: ModelRegistry, lock: GenerationLock, switches: Switches
    ) -> None:
        self._chance = SeededRandom(seed)
        self._pace = pace
        self._tellers = tellers
        self._lock = lock
        self._switches = switches
        self._count = 0

    def handlers(self) -> Mapping[str, EndpointHandler]:
        """By the names of the endpoint table."""
        return {
            "generate": self.generate,
            "api_generate": self.generate,
            "generate_stream": self.generate_stream,
            "api_generate_stream": self.generate_stream,
            "generate_prompt": self.generate_prompt,
        }

    def generate(self, context: RequestContext) -> Handler:
        """``POST /ai/generate``: the answer in one piece."""
        yield from self._lock.hold(context.owner, lambda: self._whole(context))

    def generate_stream(self, context: RequestContext) -> Handler:
        """``POST /ai/generate-stream``: an event per token."""
        yield from self._lock.hold(context.owner, lambda: self._streamed(context))

    def generate_prompt(self, context: RequestContext) -> Handler:
        """``POST /ai/generate-prompt``: a prompt made up, always as text."""
        yield from self._lock.hold(context.owner, lambda: self._made_up(context))

    def _whole(self, context: RequestContext) -> Handler:
        task = yield from self._task(context)
        steps = list(self._steps(task))
        if self._pace:
            yield Wait(self._pace * len(steps))
        answer: dict[str, object] = {"output": task.spelled([step.token for step in steps])}
        if steps and steps[0].logprobs is not None:
            answer["logprobs"] = [_wire(step.logprobs) for step in steps if step.logprobs is not None]
        yield from send_json(context.endpoint.status, answer)

    def _made_up(self, context: RequestContext) -> Handler:
        wanted = parse_prompt_request(context.parameters.body, context.host_profile)
        plan_limits.check_plan(context.owner, Model.named(wanted.model))
        plan_limits.count_trial_action(context.owner)
        teller = get_tale_model()
        settings = GenerationSettings(max_length=wanted.tokens_to_generate, temperature=wanted.temp)
        task = _Task(teller, teller.vocabulary.encode(wanted.prompt), settings, None, None)
        text = task.spelled([step.token for step in self._steps(task)])
        yield from send_json(context.endpoint.status, {"generated_text": text})

    def _streamed(self, context: RequestContext) -> Handler:
        task = yield from self._task(context)
        yield Start(Head(context.endpoint.status, Headers([("Content-Type", "text/event-stream"), ALLOW_ANY_ORIGIN])))
        text = task.teller.vocabulary.decoder()
        final = False
        for step in self._steps(task):
            if self._pace:
                yield Wait(self._pace)
            final = step.final
            if task.width is not None:
                token = pack((step.token,), task.width)
            else:  # as text only what is certain: a character may be spread over tokens
                token = text.receive((step.token,)) + (text.receive_eof() if final else "")
            yield Write(_event(token, step.ptr, final, step.logprobs))
        if not final:  # nothing may come at all, and that is said as well
            yield Write(_event("", 0, True, None))

    def _task(self, context: RequestContext) -> HandlerSteps[_Task]:
        strict = self._switches.strict_limits
        wanted = parse_text_request(
            context.parameters.body, context.endpoint.host, context.host_profile, self._switches
        )
        model, parameters = wanted.model, wanted.parameters
        try:
            ids = None if wanted.as_text else unpack(wanted.input, model.token_width)
        except RemoteProtocolError as error:
            raise Refused(400, f"Validation error: input: {error}") from None
        plan_limits.check_plan(context.owner, model)
        holding_ids = parameters.holding_ids if wanted.as_text else "input"
        tokenizer = None
        if holding_ids or parameters.num_logprobs or strict:
            tokenizer = yield from self._tellers.tokenizer(model.id)
        if holding_ids and tokenizer is None:
            raise Refused(501, f"this emulator has no tokenizer of {model.id}, and {holding_ids} holds token ids")
        teller = yield from self._tellers.language_model(tokenizer)
        encode = teller.vocabulary.encode
        prompt = encode(wanted.input) if ids is None else ids
        settings = to_generation_settings(parameters, encode, include_stop=self._switches.include_stop)
        if strict:
            most, sentence = parameters.max_length, parameters.generate_until_sentence
            plan_limits.check_length(context.owner, model, context.endpoint.host, len(prompt), most, sentence=sentence)
        plan_limits.count_trial_action(context.owner)
        return _Task(teller, prompt, settings, parameters.seed, None if wanted.as_text else model.token_width)

    def _steps(self, task: _Task) -> Iterator[SamplingStep]:
        self._count += 1
        chance = self._chance.fork(self._count) if task.seed is None else SeededRandom(task.seed)
        decode = task.teller.vocabulary.decode
        return generate(
            task.teller,
            task.prompt,
            task.settings,
            chance,
            ends_sentence=lambda token: decode((token,)).rstrip(_CLOSING).endswith(_SENTENCE_ENDS),
            begins_with=lambda token, start: decode((token,)).startswith(decode((start,))),
        )


_SENTENCE_ENDS: Final = (".", "!", "?", "…", "。")
_CLOSING: Final = " \n\"')]\u201d\u2019»」"


def _event(token: str, ptr: int, final: bool, logprobs: SampledLogprobs | None) -> bytes:
    """An event of the stream, with all four keys each time: some clients insist on them.

    See docs/protocol/native.md#10-streaming-aigenerate-stream.
    """
    data = {"token": token, "ptr": ptr, "final": final, "logprobs": None if logprobs is None else _wire(logprobs)}
    return encode_event(ServerSentEvent(event="newToken", data=encode(data).decode(), id=str(ptr)))


def _wire(logprobs: SampledLogprobs) -> dict[str, object]:
    return {
        part: [[[one.token], [one.before, one.after]] for one in getattr(logprobs, part)]
        for part in ("chosen", "before", "after")
    }
