"""Operations: completions and chats, the list of models, token counts.

See docs/protocol/openai.md#1-endpoints.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Never, cast

import msgspec

from ..arguments import FLAG, MAPPING, takes
from ..codecs.json import encode_json
from ..errors import InvalidRequestError, RemoteProtocolError
from ..exchange.endpoints import EndpointParameters, build, endpoint
from ..exchange.operation import Operation
from ..exchange.retry import Repeat
from ..http import Headers, Request
from ..text.model_kinds import check_openai
from ..text.models import MODEL, Model
from .accumulators import ChatAccumulator, CompletionAccumulator
from .chunk_stream import ChunkReaderFactory, ResultReaderFactory
from .request_checks import check_parameters, messages_to_json, prompt_to_json
from .response_objects import (
    ChatChunk,
    ChatCompletion,
    CompletionChunk,
    ModelCard,
    OpenAICompletion,
    TokenCount,
)
from .response_parser import DocumentReaderFactory, ModelList

if TYPE_CHECKING:
    from typing import Unpack

    from .request_options import CompletionOptions, Messages, OpenAIOptions, Prompt

__all__ = [
    "chat_completion",
    "chat_completion_stream",
    "completion",
    "completion_stream",
    "list_models",
    "token_count",
]

_JSON: Final = "application/json"
_STREAM: Final = "text/event-stream"
_END_OF_TURN: Final = 151_336
"""``<|user|>``, which GLM models end their turn with.

See docs/protocol/openai.md#31-request.
"""


@takes(stream=FLAG, model=MODEL | None, extra=MAPPING | None, validate=FLAG | None)
def completion(
    prompt: Prompt, *, stream: bool = False, **options: Unpack[CompletionOptions]
) -> Operation[Never, OpenAICompletion]:
    """Continue a prompt; the answer comes in one piece.

    See docs/protocol/openai.md#3-completions.

    Args:
        prompt: text, a list of texts, token ids, or a list of lists of ids. It is raw: for a GLM model `render_chat`
            writes the markers that a chat needs.
        stream: have the answer streamed, and joined here: then an answer that is cut short leaves its part in
            ``error.partial``.
        options: keyword arguments such as ``model``, ``max_tokens`` and ``temperature``. `CompletionOptions` lists them
            all, with meaning and range: ``help(nai.openai.CompletionOptions)``.

    Raises:
        InvalidRequestError: something cannot be sent, is out of its documented range, or the model is known not to be
            one of this API.
    """
    request = _build_generation("completions", {"prompt": prompt_to_json(prompt)}, options, stream=stream)
    return Operation(request, ((_JSON, _COMPLETION), (_STREAM, ResultReaderFactory(_COMPLETION_CHUNKS))))


@takes(model=MODEL | None, extra=MAPPING | None, validate=FLAG | None)
def completion_stream(
    prompt: Prompt, **options: Unpack[CompletionOptions]
) -> Operation[CompletionChunk, OpenAICompletion]:
    """Continue a prompt chunk by chunk.

    An answer that is one JSON document, where a stream was asked for, gives no events but the result.

    See:
        docs/protocol/openai.md#6-streaming
        docs/protocol/sse.md#2-what-an-openai-style-client-adds-on-top

    Args:
        prompt: as for `completion`.
        options: as for `completion`: ``help(nai.openai.CompletionOptions)`` lists them.

    Raises:
        InvalidRequestError: as `completion`.
    """
    request = _build_generation("completions", {"prompt": prompt_to_json(prompt)}, options, stream=True)
    return Operation(request, ((_STREAM, _COMPLETION_CHUNKS), (_JSON, _COMPLETION)))


@takes(stream=FLAG, model=MODEL | None, extra=MAPPING | None, validate=FLAG | None)
def chat_completion(
    messages: Messages, *, stream: bool = True, **options: Unpack[OpenAIOptions]
) -> Operation[Never, ChatCompletion]:
    """Answer a chat; the answer comes in one piece.

    It is streamed, and joined here, since the service answers a chat that is not streamed with token ids and no text. If a
    streamed answer is cut short, ``error.partial`` has what came.

    See:
        docs/protocol/openai.md#4-chat-completions
        docs/protocol/openai.md#43-response-not-streamed-observed-form--important

    Args:
        messages: `Message`s, or mappings with ``role`` and ``content``; at least one. If the last one is the
            assistant's, the answer continues it.
        stream: have the answer streamed. If false, an answer without text is an error.
        options: keyword arguments such as ``model``, ``max_tokens`` and ``temperature``. `OpenAIOptions` lists them all,
            with meaning and range: ``help(nai.openai.OpenAIOptions)``.

    Raises:
        InvalidRequestError: something cannot be sent, is out of its documented range, or the model is known not to be
            one of this API.

    Raises (when run):
        RemoteProtocolError: the answer has token ids and no text; ``partial`` has the ids.
    """
    request = _build_generation("chat_completions", _chat_body(messages, options), options, stream=stream)
    return Operation(request, ((_STREAM, ResultReaderFactory(_CHAT_CHUNKS)), (_JSON, _CHAT)))


@takes(model=MODEL | None, extra=MAPPING | None, validate=FLAG | None)
def chat_completion_stream(
    messages: Messages, **options: Unpack[OpenAIOptions]
) -> Operation[ChatChunk, ChatCompletion]:
    """Answer a chat chunk by chunk.

    An answer that is one JSON document, where a stream was asked for, gives no events but the result.

    See:
        docs/protocol/openai.md#6-streaming
        docs/protocol/sse.md#2-what-an-openai-style-client-adds-on-top

    Args:
        messages: as for `chat_completion`.
        options: as for `chat_completion`: ``help(nai.openai.OpenAIOptions)`` lists them.

    Raises:
        InvalidRequestError: as `chat_completion`.
    """
    request = _build_generation("chat_completions", _chat_body(messages, options), options, stream=True)
    return Operation(request, ((_STREAM, _CHAT_CHUNKS), (_JSON, _CHAT)))


def list_models() -> Operation[Never, tuple[ModelCard, ...]]:
    """List the models that this account can use; none if its subscription has no text.

    See docs/protocol/openai.md#72-get-oav1models.
    """
    request = build(endpoint("models"), headers=Headers.of(accept=_JSON))
    return Operation(request, ((_JSON, _MODELS),), Repeat.ALWAYS)


def token_count(prompt: Prompt, *, model: Model | str = Model.GLM) -> Operation[Never, TokenCount]:
    """Have the service count the tokens of a prompt, which costs nothing; `count_tokens` can count without a request.

    See docs/protocol/openai.md#8-token-count.

    Args:
        prompt: as for `completion`.
        model: which model, or its id or name.

    Raises:
        InvalidRequestError: the prompt is none of the four forms.
    """
    request = _post("token_count", {"model": Model.named(model).id, "prompt": prompt_to_json(prompt)}, _JSON)
    return Operation(request, ((_JSON, _TOKEN_COUNT),), Repeat.ALWAYS)


# ---- requests


def _build_generation(name: str, body: Mapping[str, object], options: Mapping[str, Any], *, stream: bool) -> Request:
    given = {name: value for name, value in options.items() if value is not None}
    model = Model.named(given.pop("model", Model.GLM))
    extra: Mapping[str, object] = given.pop("extra", {})
    if given.pop("validate", True):
        check_openai(model)
        check_parameters(given)
    if isinstance(given.get("logit_bias"), Mapping):
        biases = cast("Mapping[object, object]", given["logit_bias"])
        given["logit_bias"] = {str(token): bias for token, bias in biases.items()}
    if stream:
        chosen: object = given.get("stream_options", {})
        if isinstance(chosen, Mapping):
            chosen = {"include_usage": True, **cast("Mapping[str, object]", chosen)}
        given |= {"stream": True, "stream_options": chosen}
    return _post(name, {"model": model.id, **body, **given, **extra}, _STREAM if stream else _JSON)


def _chat_body(messages: Messages, options: Mapping[str, Any]) -> Mapping[str, object]:
    validate = options.get("validate") is not False
    listed = messages_to_json(messages, validate=validate)
    if validate and not listed:
        raise InvalidRequestError("messages is empty, and a chat has at least one message", parameter="messages")
    return {"messages": listed}


def _post(name: str, body: object, accept: str) -> Request:
    headers = Headers.of(content_type=_JSON, accept=accept)
    return build(endpoint(name), EndpointParameters(body=encode_json(body)), headers)


# ---- answers


class _TokenCountResponse(msgspec.Struct):
    """A token count, under any of the names seen in responses.

    See docs/protocol/openai.md#8-token-count.
    """

    length: int | None = None
    token_count: int | None = None
    tokens: int | None = None
    count: int | None = None
    encoded: tuple[int, ...] | None = None


def _to_token_count(answer: _TokenCountResponse, where: str) -> TokenCount:
    counts = (answer.length, answer.token_count, answer.tokens, answer.count)
    number = next((one for one in counts if one is not None), None)
    if number is None and answer.encoded is None:
        raise RemoteProtocolError(f"{where}: Object missing required field `length`")
    encoded = answer.encoded or ()
    return TokenCount(len(encoded) if number is None else number, encoded)


def _to_completion(answer: OpenAICompletion, where: str) -> OpenAICompletion:  # noqa: ARG001 -- as `DocumentReaderFactory` calls it
    return answer


def _to_chat_completion(answer: ChatCompletion, where: str) -> ChatCompletion:
    for choice in answer.choices:
        silent = not (choice.text or choice.message.reasoning_content)
        if silent and any(token != _END_OF_TURN for token in choice.token_ids):
            error = RemoteProtocolError(
                f"{where}: the answer has token ids and no text, as this service answers a chat that is not streamed; "
                "ask for a stream"
            )
            error.partial = answer
            raise error
    return answer


def _to_models(answer: ModelList, where: str) -> tuple[ModelCard, ...]:  # noqa: ARG001 -- as `DocumentReaderFactory` calls it
    return answer.data


_COMPLETION: Final = DocumentReaderFactory(OpenAICompletion, _to_completion)
_COMPLETION_CHUNKS: Final = ChunkReaderFactory(CompletionChunk, CompletionAccumulator)
_CHAT: Final = DocumentReaderFactory(ChatCompletion, _to_chat_completion)
_CHAT_CHUNKS: Final = ChunkReaderFactory(ChatChunk, ChatAccumulator)
_MODELS: Final = DocumentReaderFactory(ModelList, _to_models)
_TOKEN_COUNT: Final = DocumentReaderFactory(_TokenCountResponse, _to_token_count)
