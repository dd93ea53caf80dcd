"""The native text endpoints of the emulator, over its own language model.

Ids in requests and responses are those of the requested model's tokenizer, so a request with ids needs the tokenizer, and
the language model works in its ids. A request without ids is answered in the language model's own vocabulary, which needs
no tokenizer.

See:
    docs/protocol/native.md#9-aigenerate-request
    docs/protocol/native.md#10-streaming-aigenerate-stream
    docs/protocol/native.md#173-text-voice-modules
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ...codecs.json import encode_json
from ...codecs.sse import ServerSentEvent, encode_event
from ...codecs.token_packing import pack, unpack
from ...errors import RemoteProtocolError
from ...exchange.reply import Handler, Start, Wait, Write
from ...http import Head, Headers
from ...text.models import Model
from ..accounts.trained_modules import ModuleTraining
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
class _PreparedGeneration:
    """A generation that is ready to start."""

    language_model: LanguageModel
    prompt: list[int]
    settings: GenerationSettings
    seed: int | None
    width: int | None
    "Bytes per token of the output; None if it is text."

    def encode_output(self, tokens: list[int]) -> str:
        """Return tokens in the form of the response: text, or ids in base64."""
        return self.language_model.vocabulary.decode(tokens) if self.width is None else pack(tokens, self.width)


class TextService:
    """The native text generation endpoints.

    Args:
        seed: for requests without a seed.
        pace: seconds per token.
        models: the language models and tokenizers.
        lock: held during each generation.
        switches: how strict the checks are.
        find_module: returns the trained module with a prefix, or None.
    """

    def __init__(
        self,
        seed: str,
        pace: float,
        models: ModelRegistry,
        lock: GenerationLock,
        switches: Switches,
        find_module: Callable[[str], ModuleTraining | None],
    ) -> None:
        self._random = SeededRandom(seed)
        self._pace = pace
        self._models = models
        self._lock = lock
        self._switches = switches
        self._find_module = find_module
        self._count = 0

    def handlers(self) -> Mapping[str, EndpointHandler]:
        """Return the handlers by the names of the endpoint table."""
        return {
            "generate": self.generate,
            "api_generate": self.generate,
            "generate_stream": self.generate_stream,
            "api_generate_stream": self.generate_stream,
            "generate_prompt": self.generate_prompt,
        }

    def generate(self, context: RequestContext) -> Handler:
        """Handle ``POST /ai/generate``: the output in one piece."""
        yield from self._lock.hold(context.owner, lambda: self._send_whole(context))

    def generate_stream(self, context: RequestContext) -> Handler:
        """Handle ``POST /ai/generate-stream``: an event for each token."""
        yield from self._lock.hold(context.owner, lambda: self._send_stream(context))

    def generate_prompt(self, context: RequestContext) -> Handler:
        """Handle ``POST /ai/generate-prompt``: a generated prompt, always as text."""
        yield from self._lock.hold(context.owner, lambda: self._send_prompt(context))

    def _send_whole(self, context: RequestContext) -> Handler:
        generation = yield from self._prepare(context)
        steps = list(self._run(generation))
        if self._pace:
            yield Wait(self._pace * len(steps))
        document: dict[str, object] = {"output": generation.encode_output([step.token for step in steps])}
        if steps and steps[0].logprobs is not None:
            document["logprobs"] = [_logprobs_document(step.logprobs) for step in steps if step.logprobs is not None]
        yield from send_json(context.endpoint.status, document)

    def _send_prompt(self, context: RequestContext) -> Handler:
        request = parse_prompt_request(context.parameters.body, context.host_profile)
        plan_limits.check_plan(context.owner, Model.named(request.model))
        plan_limits.count_trial_action(context.owner)
        language_model = get_tale_model()
        settings = GenerationSettings(max_length=request.tokens_to_generate, temperature=request.temp)
        generation = _PreparedGeneration(
            language_model, language_model.vocabulary.encode(request.prompt), settings, None, None
        )
        text = generation.encode_output([step.token for step in self._run(generation)])
        yield from send_json(context.endpoint.status, {"generated_text": text})

    def _send_stream(self, context: RequestContext) -> Handler:
        generation = yield from self._prepare(context)
        yield Start(Head(context.endpoint.status, Headers([("Content-Type", "text/event-stream"), ALLOW_ANY_ORIGIN])))
        text = generation.language_model.vocabulary.decoder()
        final = False
        for step in self._run(generation):
            if self._pace:
                yield Wait(self._pace)
            final = step.final
            if generation.width is not None:
                token = pack((step.token,), generation.width)
            else:  # only whole characters, since one may be spread over tokens
                token = text.receive((step.token,)) + (text.receive_eof() if final else "")
            yield Write(_encode_event(token, step.ptr, final, step.logprobs))
        if not final:  # the output can be empty, and the stream still has a final event
            yield Write(_encode_event("", 0, True, None))

    def _prepare(self, context: RequestContext) -> HandlerSteps[_PreparedGeneration]:
        strict = self._switches.strict_limits
        request = parse_text_request(
            context.parameters.body, context.endpoint.host, context.host_profile, self._switches
        )
        model, parameters = request.model, request.parameters
        try:
            ids = None if request.as_text else unpack(request.input, model.token_width)
        except RemoteProtocolError as error:
            raise Refused(400, f"Validation error: input: {error}") from None
        plan_limits.check_plan(context.owner, model)
        id_parameter = parameters.id_parameter if request.as_text else "input"
        tokenizer = None
        if id_parameter or parameters.num_logprobs or strict:
            tokenizer = yield from self._models.tokenizer(model.id)
        if id_parameter and tokenizer is None:
            raise Refused(501, f"this emulator has no tokenizer of {model.id}, and {id_parameter} holds token ids")
        language_model = yield from self._models.language_model(tokenizer, self._find_module(parameters.prefix))
        encode = language_model.vocabulary.encode
        prompt = encode(request.input) if ids is None else ids
        settings = to_generation_settings(parameters, encode, include_stop=self._switches.include_stop)
        if strict:
            most, sentence = parameters.max_length, parameters.generate_until_sentence
            plan_limits.check_length(context.owner, model, context.endpoint.host, len(prompt), most, sentence=sentence)
        plan_limits.count_trial_action(context.owner)
        return _PreparedGeneration(
            language_model, prompt, settings, parameters.seed, None if request.as_text else model.token_width
        )

    def _run(self, generation: _PreparedGeneration) -> Iterator[SamplingStep]:
        self._count += 1
        rng = self._random.fork(self._count) if generation.seed is None else SeededRandom(generation.seed)
        decode = generation.language_model.vocabulary.decode
        return generate(
            generation.language_model,
            generation.prompt,
            generation.settings,
            rng,
            ends_sentence=lambda token: decode((token,)).rstrip(_CLOSING).endswith(_SENTENCE_ENDS),
            begins_with=lambda token, start: decode((token,)).startswith(decode((start,))),
        )


_SENTENCE_ENDS: Final = (".", "!", "?", "…", "。")
_CLOSING: Final = " \n\"')]\u201d\u2019»」"


def _encode_event(token: str, ptr: int, final: bool, logprobs: SampledLogprobs | None) -> bytes:
    """Return an event of the stream, always with all four keys, since some clients require them.

    See docs/protocol/native.md#10-streaming-aigenerate-stream.
    """
    data = {
        "token": token,
        "ptr": ptr,
        "final": final,
        "logprobs": None if logprobs is None else _logprobs_document(logprobs),
    }
    return encode_event(ServerSentEvent(event="newToken", data=encode_json(data).decode(), id=str(ptr)))


def _logprobs_document(logprobs: SampledLogprobs) -> dict[str, object]:
    return {
        part: [[[logprob.token], [logprob.before, logprob.after]] for logprob in getattr(logprobs, part)]
        for part in ("chosen", "before", "after")
    }
