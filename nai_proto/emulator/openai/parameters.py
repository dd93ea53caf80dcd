"""What a request to the OpenAI-compatible endpoints asks for, checked as the service checks it.

See:
    docs/protocol/openai.md#2-names-typescript-sdk--wire--python
    docs/protocol/openai.md#3-completions
    docs/protocol/openai.md#4-chat-completions
    docs/protocol/openai.md#5-unified-sampling

What the service does not know is ignored, ``tools`` and ``response_format`` among it, and so is what has no meaning here:
``best_of``, ``echo``, ``suffix`` and ``user``. A null is a key that was left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

import msgspec

from ...codecs.json import find_problem
from ...codecs.mismatch import Mismatch
from ..errors import Refused
from ..text.generation_settings import GenerationSettings

__all__ = ["ChatRequest", "CompletionRequest", "Message", "Prompts", "TokenCountRequest", "read", "settings_of"]

_Id = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]
_Prompt: TypeAlias = str | tuple[str | _Id | tuple[_Id, ...], ...]

Prompts: TypeAlias = "list[str | tuple[int, ...]]"
"""All prompts of a request: texts, or token ids, never both."""


class _StreamOptions(msgspec.Struct, frozen=True):
    include_usage: bool | None = None


class _Sampled(msgspec.Struct, frozen=True, kw_only=True):
    """What completions and chats have in common, under the names of the wire.

    See docs/protocol/openai.md#2-names-typescript-sdk--wire--python.
    """

    model: str
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    unified_linear: float | None = None
    unified_quadratic: float | None = None
    unified_cubic: float | None = None
    unified_increase_linear_with_entropy: float | None = None
    stop: str | tuple[str, ...] | None = None
    n: int | None = None
    seed: int | None = None
    logprobs: int | None = None
    logit_bias: dict[str, float] | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    enable_thinking: bool | None = None
    generation_prefix: str | None = None

    @property
    def stops(self) -> tuple[str, ...]:
        """What ends the answer; empty texts do not."""
        given = (self.stop,) if isinstance(self.stop, str) else self.stop or ()
        return tuple(filter(None, given))

    @property
    def wants_usage(self) -> bool:
        """Was the usage of a stream asked for?"""
        return self.stream_options is not None and bool(self.stream_options.include_usage)

    @property
    def biases(self) -> tuple[tuple[int, float], ...]:
        """``logit_bias`` with its ids as numbers.

        Raises:
            Refused: 400, for a key that is no id.
        """
        given = self.logit_bias or {}
        if wrong := next((key for key in given if not _ID.fullmatch(key)), None):
            raise Refused(400, f"Validation error: logit_bias: {wrong[:20]!r} is no token id")
        return tuple((int(key), bias) for key, bias in given.items())


class CompletionRequest(_Sampled, frozen=True, kw_only=True):
    """``POST /oa/v1/completions``."""

    prompt: _Prompt

    @property
    def prompts(self) -> Prompts:
        """See `_prompts`."""
        return _prompts(self.prompt)


class Message(msgspec.Struct, frozen=True):
    """One message of a chat.

    See docs/protocol/openai.md#41-messages.
    """

    role: Literal["system", "user", "assistant"]
    content: str
    name: str | None = None


class ChatRequest(_Sampled, frozen=True, kw_only=True):
    """``POST /oa/v1/chat/completions``."""

    messages: Annotated[tuple[Message, ...], msgspec.Meta(min_length=1)]


class TokenCountRequest(msgspec.Struct, frozen=True):
    """``POST /oa/v1/internal/token-count``."""

    model: str
    prompt: _Prompt

    @property
    def prompts(self) -> Prompts:
        """See `_prompts`."""
        return _prompts(self.prompt)


def _prompts(prompt: _Prompt) -> Prompts:
    """All four forms of a prompt as a list of at least one.

    See docs/protocol/openai.md#2-names-typescript-sdk--wire--python.

    Raises:
        Refused: 400, for a list that is empty or mixed.
    """
    if isinstance(prompt, str):
        return [prompt]
    ids = tuple([item for item in prompt if isinstance(item, int)])
    whole = [item for item in prompt if not isinstance(item, int)]
    if len({type(item) for item in prompt}) > 1:
        raise Refused(400, "Validation error: prompt: texts, token ids and lists of them do not go together")
    if not prompt or () in prompt:
        raise Refused(400, "Validation error: prompt: a list is empty")
    return [ids] if ids else whole


_R = TypeVar("_R", CompletionRequest, ChatRequest, TokenCountRequest)

_ID: Final = re.compile(r"[0-9]{1,9}")
_RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "max_tokens": (1, 2048),
    "temperature": (0, 2),
    "top_p": (0, 1),
    "min_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
}
"""Of the documentation.

See docs/protocol/openai.md#2-names-typescript-sdk--wire--python.
"""
_MOST_CHOICES: Final = 128
"""Ours, to bound what one request can make the emulator do."""


def read(body: bytes, type: type[_R], *, ranges: bool) -> _R:  # noqa: A002
    """A request's body.

    Args:
        body: as it came.
        type: what it has to be.
        ranges: are numbers outside the documented ranges refused?

    Raises:
        Refused: 400, with what is wrong and where.
    """
    try:
        request = msgspec.json.decode(body, type=type)
    except (ValueError, RecursionError):
        problem = _in_go(find_problem(body, type))
    else:
        if not isinstance(request, TokenCountRequest):
            _check(request, ranges)
        return request
    raise Refused(400, problem)


def _check(request: _Sampled, ranges: bool) -> None:
    for name, (low, high) in _RANGES.items() if ranges else ():
        value = getattr(request, name)
        if value is not None and not low <= value <= high:
            raise Refused(400, f"Validation error: {name} must be from {low} to {high}")
    prompts = len(request.prompts) if isinstance(request, CompletionRequest) else 1
    if not 1 <= (1 if request.n is None else request.n) <= _MOST_CHOICES // prompts:
        raise Refused(400, f"Validation error: n must be from 1 to {_MOST_CHOICES} for all prompts together")
    if request.logprobs is not None and request.logprobs < 0:
        raise Refused(400, "Validation error: logprobs must be 0 or more")
    if request.logprobs == 0:  # seen with GLM-4.6 (docs/protocol/openai.md#33-log-probabilities)
        raise Refused(500, "Internal server error")


_GO_TYPES: Final = {"str": "string", "float": "float64"}
_GO_VALUES: Final = {"str": "string", "int": "number", "float": "number"}


def _in_go(problem: str | Mismatch) -> str:
    """The message for what is wrong; for a wrong type that of the service, which is written in Go.

    See docs/protocol/openai.md#41-messages.
    """
    if not isinstance(problem, Mismatch) or not problem.expected:
        return f"Validation error: {problem}"
    wanted, got = problem.expected.removesuffix(" | null"), problem.got
    field = re.sub(r"\[[^]]*\]", "", problem.path.removeprefix("."))
    where = f"Go struct field {field}" if field else "Go value"
    return f"json: cannot unmarshal {_GO_VALUES.get(got, got)} into {where} of type {_GO_TYPES.get(wanted, wanted)}"


_NATIVE: Final = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "frequency_penalty": "repetition_penalty_frequency",
    "presence_penalty": "repetition_penalty_presence",
}
_UNIFIED: Final = {
    "unified_linear": "math1_temp",
    "unified_quadratic": "math1_quad",
    "unified_increase_linear_with_entropy": "math1_quad_entropy_scale",
    "unified_cubic": "math2_cubic",
}
"""The native names of the parameters.

See docs/protocol/openai.md#5-unified-sampling.
"""


def settings_of(request: CompletionRequest | ChatRequest) -> GenerationSettings:
    """What the sampler has to know; how long the answer may be is not its business here.

    Unified sampling is off when all that is said of it is 0, the linear part included.

    See docs/protocol/openai.md#5-unified-sampling.

    Raises:
        Refused: 400, for a ``logit_bias`` that has no ids.
    """
    unified = any(getattr(request, name) for name in _UNIFIED)
    names = {**_NATIVE, **_UNIFIED} if unified else _NATIVE
    given = {native: value for name, native in names.items() if (value := getattr(request, name)) is not None}
    return GenerationSettings(**given, logit_bias=request.biases, num_logprobs=request.logprobs)
