"""Request bodies of the OpenAI-compatible endpoints, and the service's checks of them.

See:
    docs/protocol/openai.md#2-names-typescript-sdk--wire--python
    docs/protocol/openai.md#3-completions
    docs/protocol/openai.md#4-chat-completions
    docs/protocol/openai.md#5-unified-sampling

Keys that the service does not know are ignored, such as ``tools`` and ``response_format``. ``user`` and ``recaptcha_token``
are checked, and are ignored too; so is ``enable_thinking`` of a completion, which has no chat template that it could act
through. Null means that a key is absent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

import msgspec

from ...codecs.json import find_problem
from ...codecs.lone_surrogates import replace_lone_escapes
from ...codecs.type_mismatch import Mismatch
from ..errors import Refused
from ..text.generation_settings import GenerationSettings

__all__ = [
    "ChatMessage",
    "ChatRequest",
    "CompletionRequest",
    "Prompts",
    "TokenCountRequest",
    "build_settings",
    "list_ignored",
    "parse_request",
]

_TokenId = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]
_Prompt: TypeAlias = str | tuple[str | _TokenId | tuple[_TokenId, ...], ...]

Prompts: TypeAlias = "list[str | tuple[int, ...]]"
"""All prompts of a request: all are texts, or all are token ids."""


class _StreamOptions(msgspec.Struct, frozen=True):
    include_usage: bool | None = None


class _SamplingRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters that completions and chats share, under their names on the wire."""

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
    user: str | None = None
    recaptcha_token: str | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(model={self.model!r}, max_tokens={self.max_tokens}, n={self.n}, stream={self.stream})"

    @property
    def stops(self) -> tuple[str, ...]:
        """Return the stop texts; empty ones are dropped."""
        stops = (self.stop,) if isinstance(self.stop, str) else self.stop or ()
        return tuple(filter(None, stops))

    @property
    def wants_usage(self) -> bool:
        """Return whether a stream shall end with its usage."""
        return self.stream_options is not None and bool(self.stream_options.include_usage)

    @property
    def biases(self) -> tuple[tuple[int, float], ...]:
        """Return ``logit_bias`` as pairs of token id and bias.

        Raises:
            Refused: 400, a key is not a token id.
        """
        biases = self.logit_bias or {}
        if wrong := next((key for key in biases if not _TOKEN_ID.fullmatch(key)), None):
            raise Refused(400, f"Validation error: logit_bias: {wrong[:20]!r} is not a token id")
        return tuple((int(key), bias) for key, bias in biases.items())


class CompletionRequest(_SamplingRequest, frozen=True, kw_only=True):
    """Body of ``POST /oa/v1/completions``."""

    prompt: _Prompt
    best_of: int | None = None
    echo: bool | None = None
    suffix: str | None = None

    @property
    def prompts(self) -> Prompts:
        """Return the prompts as a list. Raises Refused, 400, if they are empty or of different kinds."""
        return _list_prompts(self.prompt)


class ChatMessage(msgspec.Struct, frozen=True):
    """One message of a chat.

    See docs/protocol/openai.md#41-messages.
    """

    role: Literal["system", "user", "assistant"]
    content: str
    name: str | None = None

    def __repr__(self) -> str:
        return f"ChatMessage(role={self.role!r}, {len(self.content)} characters of text)"


class ChatRequest(_SamplingRequest, frozen=True, kw_only=True):
    """Body of ``POST /oa/v1/chat/completions``."""

    messages: Annotated[tuple[ChatMessage, ...], msgspec.Meta(min_length=1)]


class TokenCountRequest(msgspec.Struct, frozen=True):
    """Body of ``POST /oa/v1/internal/token-count``."""

    model: str
    prompt: _Prompt

    def __repr__(self) -> str:
        return f"TokenCountRequest(model={self.model!r})"

    @property
    def prompts(self) -> Prompts:
        """Return the prompts as a list. Raises Refused, 400, if they are empty or of different kinds."""
        return _list_prompts(self.prompt)


def _list_prompts(prompt: _Prompt) -> Prompts:
    """Return a prompt in any of its four forms as a list of at least one prompt.

    Raises:
        Refused: 400, a list is empty or mixed.
    """
    if isinstance(prompt, str):
        return [prompt]
    ids = tuple([item for item in prompt if isinstance(item, int)])
    prompts = [item for item in prompt if not isinstance(item, int)]
    if len({type(item) for item in prompt}) > 1:
        raise Refused(400, "Validation error: prompt: texts, token ids and lists of token ids cannot be mixed")
    if not prompt or () in prompt:
        raise Refused(400, "Validation error: prompt: a list must not be empty")
    return [ids] if ids else prompts


_AnyRequest = TypeVar("_AnyRequest", CompletionRequest, ChatRequest, TokenCountRequest)

_TOKEN_ID: Final = re.compile(r"[0-9]{1,9}")
_RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "max_tokens": (1, 2048),
    "temperature": (0, 2),
    "top_p": (0, 1),
    "min_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
}
"""Minimum and maximum of each parameter, as documented."""
_MAX_CHOICES: Final = 128
"""Bound on the work of one request. It is the emulator's own."""


def parse_request(body: bytes, type: type[_AnyRequest], *, ranges: bool) -> _AnyRequest:  # noqa: A002
    """Parse and check the body of a request.

    Args:
        body: The body, as JSON.
        type: Type of the request.
        ranges: Whether numbers outside the documented ranges are refused.

    Raises:
        Refused: 400, the body is invalid; the message says what is wrong and where. 500 where the service itself fails.
    """
    try:
        request = msgspec.json.decode(replace_lone_escapes(body), type=type)
    except (ValueError, RecursionError):
        problem = find_problem(body, type)
    else:
        if not isinstance(request, TokenCountRequest):
            _check_values(request, ranges)
        return request
    raise Refused(400, _format_as_go(problem), reason=_explain(problem))


def list_ignored(body: bytes, request: CompletionRequest | ChatRequest) -> list[str]:
    """Return the names of what changes no answer: keys that the service does not know, and three that it does.

    Args:
        body: of the request, as JSON.
        request: what `parse_request` returned for it.
    """
    # The names of unknown keys may be no UTF-8: nothing has read them yet.
    given: dict[str, object] = msgspec.json.decode(replace_lone_escapes(body).decode("utf-8", "replace"))
    idle = {"user", "recaptcha_token"}
    if isinstance(request, CompletionRequest):
        idle.add("enable_thinking")
    acting = {*request.__struct_fields__} - idle
    return [name for name, value in given.items() if name not in acting and value is not None and value is not False]


def _check_values(request: _SamplingRequest, ranges: bool) -> None:
    for name, (low, high) in _RANGES.items() if ranges else ():
        value = getattr(request, name)
        if value is not None and not low <= value <= high:
            raise Refused(
                400,
                f"Validation error: {name} must be from {low} to {high}",
                reason=f"{name} is outside of the documented range; the switch ranges turns this check off",
            )
    prompts = len(request.prompts) if isinstance(request, CompletionRequest) else 1
    n = 1 if request.n is None else request.n
    best_of = n if not isinstance(request, CompletionRequest) or request.best_of is None else request.best_of
    for name, count in (("n", n), ("best_of", best_of)):
        if not 1 <= count <= _MAX_CHOICES // prompts:
            raise Refused(400, f"Validation error: {name} must be from 1 to {_MAX_CHOICES} for all prompts together")
    if best_of < n:
        raise Refused(400, f"Validation error: best_of must not be below n, which is {n}")
    if best_of > n and request.stream:
        raise Refused(400, "Validation error: best_of must not be above n in a stream")
    if request.logprobs is not None and request.logprobs < 0:
        raise Refused(400, "Validation error: logprobs must be 0 or more")
    if request.logprobs == 0:  # as captured from GLM-4.6 (docs/protocol/openai.md#33-log-probabilities)
        raise Refused(
            500,
            "Internal server error",
            reason="logprobs is 0, for which the service was seen to fail like this; leave it out, or send 1 or more",
        )


def _explain(problem: str | Mismatch) -> str:
    """Return what is wrong with a body in plain words, for the reason."""
    if isinstance(problem, Mismatch) and problem.path.endswith(".content") and problem.got == "array":
        return "content is one text on this API; join the parts of a message, it takes no list of parts"
    return str(problem)


_GO_TYPES: Final = {"str": "string", "float": "float64"}
_GO_VALUES: Final = {"str": "string", "int": "number", "float": "number"}


def _format_as_go(problem: str | Mismatch) -> str:
    """Return the error message. For a wrong type it is the service's message, which comes from Go.

    See docs/protocol/openai.md#41-messages.
    """
    if not isinstance(problem, Mismatch) or not problem.expected:
        return f"Validation error: {problem}"
    expected, got = problem.expected.removesuffix(" | null"), problem.got
    field = re.sub(r"\[[^]]*\]", "", problem.path.removeprefix("."))
    where = f"Go struct field {field}" if field else "Go value"
    return f"json: cannot unmarshal {_GO_VALUES.get(got, got)} into {where} of type {_GO_TYPES.get(expected, expected)}"


_NATIVE_NAMES: Final = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "frequency_penalty": "repetition_penalty_frequency",
    "presence_penalty": "repetition_penalty_presence",
}
_UNIFIED_NAMES: Final = {
    "unified_linear": "math1_temp",
    "unified_quadratic": "math1_quad",
    "unified_increase_linear_with_entropy": "math1_quad_entropy_scale",
    "unified_cubic": "math2_cubic",
}
"""Native names of the parameters of unified sampling."""


def build_settings(request: CompletionRequest | ChatRequest) -> GenerationSettings:
    """Return the sampler's settings, without the length of the answer.

    Unified sampling is off if all its parameters are 0 or absent, the linear one included.

    Raises:
        Refused: 400, a key of ``logit_bias`` is not a token id.
    """
    is_unified = any(getattr(request, name) for name in _UNIFIED_NAMES)
    names = {**_NATIVE_NAMES, **_UNIFIED_NAMES} if is_unified else _NATIVE_NAMES
    settings = {native: value for name, native in names.items() if (value := getattr(request, name)) is not None}
    return GenerationSettings(**settings, logit_bias=request.biases, num_logprobs=request.logprobs)
