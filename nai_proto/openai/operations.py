"""Completions and chats, the list of models, and token counts.

See docs/protocol/openai.md#1-endpoints.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Never, cast

import msgspec

from ..arguments import FLAG, MAPPING, takes
from ..codecs.json import encode
from ..errors import RemoteProtocolError
from ..exchange.endpoints import EndpointParameters, build, endpoint
from ..exchange.operation import Operation
from ..exchange.retry import Repeat
from ..http import Headers, Request
from ..text.models import MODEL, Model
from .answers import (
    ChatChunk,
    ChatCompletion,
    Completion,
    CompletionChunk,
    ModelCard,
    TokenCount,
)
from .assembling import ChatAccumulator, CompletionAccumulator
from .reading import Document, Listed
from .rules import check, sent_messages, sent_prompt
from .stream import Assembled, Chunks

if TYPE_CHECKING:
    from typing import Unpack

    from .parameters import CompletionOptions, Messages, Options, Prompt

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
) -> Operation[Never, Completion]:
    """What goes on from ``prompt``, in one piece.

    See docs/protocol/openai.md#3-completions.

    Args:
        prompt: text, a list of texts, token ids, or a list of lists of ids. It is raw: for a GLM model `render_chat`
            writes the markers that a chat needs.
        stream: have it streamed, and put together here: then an answer that is cut short leaves its part in
            ``error.partial``.
        options: `CompletionOptions`.

    Raises:
        InvalidRequestError: something cannot be sent, or is out of its documented range.
    """
    asked = _generation("completions", {"prompt": sent_prompt(prompt)}, options, stream=stream)
    return Operation(asked, ((_JSON, _COMPLETION), (_STREAM, Assembled(_COMPLETION_CHUNKS))))


@takes(model=MODEL | None, extra=MAPPING | None, validate=FLAG | None)
def completion_stream(prompt: Prompt, **options: Unpack[CompletionOptions]) -> Operation[CompletionChunk, Completion]:
    """What goes on from ``prompt``, chunk by chunk; arguments and errors as for `completion`.

    An answer that is one JSON document, where a stream was asked for, gives no events but the result.

    See:
        docs/protocol/openai.md#6-streaming
        docs/protocol/sse.md#2-what-an-openai-style-client-adds-on-top
    """
    asked = _generation("completions", {"prompt": sent_prompt(prompt)}, options, stream=True)
    return Operation(asked, ((_STREAM, _COMPLETION_CHUNKS), (_JSON, _COMPLETION)))


@takes(stream=FLAG, model=MODEL | None, extra=MAPPING | None, validate=FLAG | None)
def chat_completion(
    messages: Messages, *, stream: bool = True, **options: Unpack[Options]
) -> Operation[Never, ChatCompletion]:
    """The answer to a chat, in one piece.

    It is streamed, and put together here: the service answers a chat that is not streamed with token ids and no text, and
    of a streamed one nothing is lost when it is cut short: ``error.partial`` has what came.

    See:
        docs/protocol/openai.md#4-chat-completions
        docs/protocol/openai.md#43-response-not-streamed-observed-form--important

    Args:
        messages: `Message`s or mappings. If the last one is the assistant's, the answer goes on from it.
        stream: have it streamed. Without, an answer is taken in both forms, and one that has no text is an error.
        options: `Options`.

    Raises:
        InvalidRequestError: something cannot be sent, or is out of its documented range.

    Raises (when run):
        RemoteProtocolError: the answer has token ids and no text; ``partial`` has the ids.
    """
    asked = _generation("chat_completions", _chat(messages, options), options, stream=stream)
    return Operation(asked, ((_STREAM, Assembled(_CHAT_CHUNKS)), (_JSON, _CHAT)))


@takes(model=MODEL | None, extra=MAPPING | None, validate=FLAG | None)
def chat_completion_stream(messages: Messages, **options: Unpack[Options]) -> Operation[ChatChunk, ChatCompletion]:
    """The answer to a chat, chunk by chunk; arguments and errors as for `chat_completion`.

    An answer that is one JSON document, where a stream was asked for, gives no events but the result.

    See:
        docs/protocol/openai.md#6-streaming
        docs/protocol/sse.md#2-what-an-openai-style-client-adds-on-top
    """
    asked = _generation("chat_completions", _chat(messages, options), options, stream=True)
    return Operation(asked, ((_STREAM, _CHAT_CHUNKS), (_JSON, _CHAT)))


def list_models() -> Operation[Never, tuple[ModelCard, ...]]:
    """The models that this account can use; none if its plan has no text.

    See docs/protocol/openai.md#72-get-oav1models.
    """
    asked = build(endpoint("models"), headers=Headers.of(accept=_JSON))
    return Operation(asked, ((_JSON, _MODELS),), Repeat.ALWAYS)


def token_count(prompt: Prompt, *, model: Model | str = Model.GLM) -> Operation[Never, TokenCount]:
    """How many tokens a prompt has, as the service counts; costs nothing. `count_tokens` can do without.

    See docs/protocol/openai.md#8-token-count.

    Raises:
        InvalidRequestError: the prompt is none of the four forms.
    """
    asked = _post("token_count", {"model": Model.named(model).id, "prompt": sent_prompt(prompt)}, _JSON)
    return Operation(asked, ((_JSON, _COUNTED),), Repeat.ALWAYS)


# ---- requests


def _generation(name: str, body: Mapping[str, object], options: Mapping[str, Any], *, stream: bool) -> Request:
    given = {name: value for name, value in options.items() if value is not None}
    model = Model.named(given.pop("model", Model.GLM)).id
    extra: Mapping[str, object] = given.pop("extra", {})
    if given.pop("validate", True):
        check(given)
    if isinstance(given.get("logit_bias"), Mapping):
        biases = cast("Mapping[object, object]", given["logit_bias"])
        given["logit_bias"] = {str(token): bias for token, bias in biases.items()}
    streamed = {"stream": True} if stream else {}
    return _post(name, {"model": model, **body, **given, **streamed, **extra}, _STREAM if stream else _JSON)


def _chat(messages: Messages, options: Mapping[str, Any]) -> Mapping[str, object]:
    return {"messages": sent_messages(messages, validate=options.get("validate") is not False)}


def _post(name: str, body: object, accept: str) -> Request:
    headers = Headers.of(content_type=_JSON, accept=accept)
    return build(endpoint(name), EndpointParameters(body=encode(body)), headers)


# ---- answers


class _Counted(msgspec.Struct):
    """A token count under the names that it was seen with.

    See docs/protocol/openai.md#8-token-count.
    """

    length: int | None = None
    token_count: int | None = None
    tokens: int | None = None
    count: int | None = None
    encoded: tuple[int, ...] | None = None


def _counted(answer: _Counted, where: str) -> TokenCount:
    told = (answer.length, answer.token_count, answer.tokens, answer.count)
    number = next((one for one in told if one is not None), None)
    if number is None and answer.encoded is None:
        raise RemoteProtocolError(f"{where}: Object missing required field `length`")
    encoded = answer.encoded or ()
    return TokenCount(len(encoded) if number is None else number, encoded)


def _completed(answer: Completion, where: str) -> Completion:  # noqa: ARG001 -- as `Document` calls it
    return answer


def _answered(answer: ChatCompletion, where: str) -> ChatCompletion:
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


def _listed(answer: Listed, where: str) -> tuple[ModelCard, ...]:  # noqa: ARG001 -- as `Document` calls it
    return answer.data


_COMPLETION: Final = Document(Completion, _completed)
_COMPLETION_CHUNKS: Final = Chunks(CompletionChunk, CompletionAccumulator)
_CHAT: Final = Document(ChatCompletion, _answered)
_CHAT_CHUNKS: Final = Chunks(ChatChunk, ChatAccumulator)
_MODELS: Final = Document(Listed, _listed)
_COUNTED: Final = Document(_Counted, _counted)
