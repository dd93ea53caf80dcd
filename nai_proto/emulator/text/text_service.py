"""The native text endpoints of the emulator, over its own language model.

Tokens are those of the requested model's tokenizer if it is available, and the language model works in its ids. Without it,
a request is answered in the language model's own vocabulary if its ids are only of tokens that must not come up: this
vocabulary has none of them.

See:
    docs/protocol/native.md#9-aigenerate-request
    docs/protocol/native.md#10-streaming-aigenerate-stream
    docs/protocol/native.md#173-text-voice-modules
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ...codecs.json import encode_json
from ...codecs.sse import ServerSentEvent, encode_event
from ...codecs.token_packing import pack, unpack
from ...errors import RemoteProtocolError
from ...exchange.reply import Handler, Start, Wait, Write
from ...http import Head, Headers
from ...text.models import Model
from ...text.modules import NO_MODULE, is_trained_prefix
from ..accounts.trained_modules import ModuleTraining
from ..errors import Refused
from ..http.request_context import EndpointHandler, RequestContext
from ..http.responses import ALLOW_ANY_ORIGIN, HandlerSteps, ignored_fields, send_json
from ..http.throttling import GenerationLock
from ..replies.scripted_reply import ScriptedReply
from ..seeded_random import SeededRandom
from ..switches import Switches
from . import plan_limits
from .generation import SampledLogprobs, SamplingStep, describe_given, generate
from .generation_settings import GenerationSettings
from .language_model import LanguageModel
from .model_registry import ModelRegistry, missing_tokenizer, vocabulary_fields
from .rare_outputs import build_hidden_state, list_next_words
from .text_request import (
    TextRequest,
    TextRequestParameters,
    check_prefix,
    parse_prompt_request,
    parse_text_request,
    to_generation_settings,
)

__all__ = ["TextService"]


@dataclass(frozen=True, slots=True)
class _PreparedGeneration:
    """A generation that is ready to start."""

    request: TextRequest
    language_model: LanguageModel
    prompt: list[int]
    settings: GenerationSettings
    pace: float
    "Seconds per token."
    reply: ScriptedReply | None = None
    "The answer, if it is scripted."

    @property
    def parameters(self) -> TextRequestParameters:
        return self.request.parameters

    @property
    def fields(self) -> tuple[tuple[str, str], ...]:
        """Header fields of the response that say whose tokens it has, and what the request had in vain."""
        return (*vocabulary_fields(self.language_model), *ignored_fields(self.request.ignored))

    def use_reply(self, context: RequestContext) -> _PreparedGeneration:
        """Return the generation with the scripted text that answers the request, if there is one."""
        reply = context.use_reply("text")
        if reply is None:
            return self
        return replace(self, reply=reply, pace=self.pace if reply.pace is None else reply.pace)

    def encode_tokens(self, tokens: Sequence[int]) -> str:
        """Return tokens in the form of the response: text, or ids in base64."""
        if self.request.as_text:
            return self.language_model.vocabulary.decode(tokens)
        return pack(tokens, self.request.model.token_width)

    def encode_output(self, tokens: Sequence[int]) -> str:
        """Return an answer in the form of the response, after the prompt if ``return_full_text`` is set."""
        if not self.parameters.return_full_text:
            return self.encode_tokens(tokens)
        if self.request.as_text:
            return self.request.input + self.encode_tokens(tokens)
        return self.encode_tokens([*self.prompt, *tokens])


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
        status, parameters = context.endpoint.status, generation.parameters
        fields = generation.fields
        if parameters.next_word:
            words = list_next_words(generation.language_model, generation.prompt)
            yield from send_json(status, {"output": words}, *fields)
            return
        if parameters.get_hidden_states:
            state = build_hidden_state(generation.request.model, generation.prompt)
            yield from send_json(status, {"output": state}, *fields)
            return
        generation = generation.use_reply(context)
        answers = [list(steps) for steps in self._run(generation)]
        if generation.pace:
            yield Wait(generation.pace * sum(map(len, answers)))
        outputs = [
            *map(generation.encode_output, _pad(generation, [[step.token for step in each] for each in answers]))
        ]
        document: dict[str, object] = {"output": outputs if len(outputs) > 1 else outputs[0]}
        if any(step.logprobs for steps in answers for step in steps):
            logprobs = [[_logprobs_document(step.logprobs) for step in steps if step.logprobs] for steps in answers]
            document["logprobs"] = logprobs if len(logprobs) > 1 else logprobs[0]
        yield from send_json(status, document, *fields)

    def _send_prompt(self, context: RequestContext) -> Handler:
        request = parse_prompt_request(context.parameters.body, context.host_profile)
        model, length = Model.named(request.model), request.tokens_to_generate
        plan_limits.check_plan(context.owner, model)
        tokenizer = yield from self._models.local_tokenizer(model.id)
        language_model = yield from self._models.language_model(tokenizer)
        settings = GenerationSettings(max_length=length, temperature=request.temp)
        vocabulary = language_model.vocabulary
        prompt = vocabulary.encode(request.prompt)
        if self._switches.strict_limits and tokenizer is not None:
            host = context.endpoint.host
            plan_limits.check_context(context.owner, model, host, len(prompt), length, sentence=False, module=False)
        plan_limits.count_trial_action(context.owner)
        if (reply := context.use_reply("text")) is not None:
            text = reply.text or ""
        else:
            self._count += 1
            steps = _generate(language_model, prompt, settings, self._random.fork(self._count))
            text = vocabulary.decode([step.token for step in steps])
        yield from send_json(context.endpoint.status, {"generated_text": text}, *vocabulary_fields(language_model))

    def _send_stream(self, context: RequestContext) -> Handler:
        generation = yield from self._prepare(context)
        if generation.parameters.num_return_sequences > 1:
            raise Refused(
                400,
                "Validation error: num_return_sequences must be 1 in a stream",
                reason="a stream has one answer; POST /ai/generate gives several",
            )
        generation = generation.use_reply(context)
        headers = Headers([("Content-Type", "text/event-stream"), ALLOW_ANY_ORIGIN, *generation.fields])
        yield Start(Head(context.endpoint.status, headers))
        text = generation.language_model.vocabulary.decoder()
        final, first = False, 0
        if repeated := generation.encode_output(()) if generation.parameters.return_full_text else "":
            yield Write(_encode_event(repeated, 0, False, None))
            first = 1
        (steps,) = self._run(generation)
        for step in steps:
            if generation.pace:
                yield Wait(generation.pace)
            final = step.final
            if not generation.request.as_text:
                token = generation.encode_tokens((step.token,))
            else:  # only whole characters, since one may be spread over tokens
                token = text.receive((step.token,)) + (text.receive_eof() if final else "")
            yield Write(_encode_event(token, first + step.ptr, final, step.logprobs))
        if not final:  # the output can be empty, and the stream still has a final event
            yield Write(_encode_event("", first, True, None))

    def _prepare(self, context: RequestContext) -> HandlerSteps[_PreparedGeneration]:
        request = parse_text_request(
            context.parameters.body, context.endpoint.host, context.host_profile, self._switches
        )
        model, parameters = request.model, request.parameters
        try:
            ids = None if request.as_text else unpack(request.input, model.token_width)
        except RemoteProtocolError as error:
            raise Refused(
                400,
                f"Validation error: input: {error}",
                reason=f"without use_string, or with false, input is base64 of token ids of {model.token_width} bytes; send "
                '"use_string": true for a text',
            ) from None
        module = self._find_module(parameters.prefix)
        if self._switches.strict_bodies:
            check_prefix(parameters.prefix, model, trained=module is not None)
        plan_limits.check_plan(context.owner, model)
        id_parameter = parameters.id_parameter if request.as_text else "input"
        if id_parameter or parameters.exclusions or parameters.num_logprobs:
            tokenizer = yield from self._models.tokenizer(model.id)
        else:
            tokenizer = yield from self._models.local_tokenizer(model.id)
        if tokenizer is None:
            if id_parameter:
                raise missing_tokenizer(model.id, id_parameter)
            request = request.without_exclusions()
            parameters = request.parameters
        language_model = yield from self._models.language_model(tokenizer, module)
        encode = language_model.vocabulary.encode
        prompt = encode(request.input) if ids is None else ids
        if not prompt and parameters.bos_token_id is not None:
            prompt = [parameters.bos_token_id]
        settings = to_generation_settings(parameters, encode, include_stop=self._switches.include_stop)
        if parameters.max_time is not None and self._pace:
            settings = replace(settings, max_length=min(settings.max_length, int(parameters.max_time / self._pace)))
        if self._switches.strict_limits:
            host, most = context.endpoint.host, parameters.max_length
            plan_limits.check_max_length(context.owner, model, host, most)
            if tokenizer is not None:
                sentence, trained = parameters.generate_until_sentence, is_trained_prefix(parameters.prefix)
                plan_limits.check_context(
                    context.owner, model, host, len(prompt), most, sentence=sentence, module=trained
                )
        plan_limits.count_trial_action(context.owner)
        return _PreparedGeneration(request, language_model, prompt, settings, self._pace)

    def _run(self, generation: _PreparedGeneration) -> list[Iterator[SamplingStep]]:
        """Return the steps of each answer, which are generated when they are iterated."""
        if (reply := generation.reply) is not None:
            model, count = generation.language_model, generation.parameters.num_return_sequences
            steps = [*_script_steps(model, generation.prompt, reply, generation.settings.num_logprobs)]
            return [iter(steps) for _ in range(count)]
        self._count += 1
        seed, prefix = generation.parameters.seed, generation.parameters.prefix
        rng = self._random.fork(self._count) if seed is None else SeededRandom(seed)
        if prefix not in ("", NO_MODULE):  # a built-in module changes the text: here, by other random numbers
            rng = rng.fork(prefix)
        return [
            _generate(
                generation.language_model,
                generation.prompt,
                generation.settings,
                rng.fork(number) if number else rng,
                ban_brackets=generation.parameters.bracket_ban,
            )
            for number in range(generation.parameters.num_return_sequences)
        ]


def _generate(
    model: LanguageModel,
    prompt: list[int],
    settings: GenerationSettings,
    rng: SeededRandom,
    *,
    ban_brackets: bool = False,
) -> Iterator[SamplingStep]:
    decode = model.vocabulary.decode
    return generate(
        model,
        prompt,
        settings,
        rng,
        ends_sentence=lambda token: decode((token,)).rstrip(_CLOSING).endswith(_SENTENCE_ENDS),
        begins_with=lambda token, start: decode((token,)).startswith(decode((start,))),
        is_banned=(lambda token: not _BRACKETS.isdisjoint(decode((token,)))) if ban_brackets else None,
    )


def _pad(generation: _PreparedGeneration, answers: list[list[int]]) -> list[list[int]]:
    """Fill up outputs of ids to the length of the longest one with ``pad_token_id``; a text has no padding."""
    padding = generation.parameters.pad_token_id
    if padding is None or generation.request.as_text:
        return answers
    longest = max(map(len, answers))
    return [[*answer, *[padding] * (longest - len(answer))] for answer in answers]


def _script_steps(
    model: LanguageModel, prompt: Sequence[int], reply: ScriptedReply, num_logprobs: int | None
) -> Iterator[SamplingStep]:
    """Yield the text of a reply, token by token, as `generate` yields drawn ones.

    Args:
        model: gives the tokens and their log probabilities.
        prompt: Token ids of the prompt.
        reply: with a text.
        num_logprobs: How many candidates to report for each token; None reports nothing.
    """
    context = [*prompt]
    tokens = model.vocabulary.encode(reply.text or "")
    for ptr, token in enumerate(tokens):
        logprobs = None if num_logprobs is None else describe_given(token, model.distribution(context), num_logprobs)
        yield SamplingStep(token, ptr, logprobs, reply.finish_reason if ptr == len(tokens) - 1 else None)
        context.append(token)


_SENTENCE_ENDS: Final = (".", "!", "?", "…", "。")
_BRACKETS: Final = frozenset("[]{}")
_CLOSING: Final = " \n\"')]\u201d\u2019»」"


def _encode_event(token: str, ptr: int, final: bool, logprobs: SampledLogprobs | None) -> bytes:
    """Return an event of the stream, always with all four keys, since some clients require them."""
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
