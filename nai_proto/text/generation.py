"""Text generation on the native API.

See:
    docs/protocol/native.md#9-aigenerate-request
    docs/protocol/native.md#10-streaming-aigenerate-stream
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Never, TypeVar, cast, overload

import msgspec

from ..arguments import FLOW, TEXT, TOKENIZER, ArgumentType, takes
from ..codecs.json import encode_json
from ..codecs.token_packing import pack
from ..errors import InvalidRequestError, NaiError
from ..exchange.actions import Runnable, Steps
from ..exchange.endpoints import EndpointParameters, build, endpoint
from ..exchange.flow import flow, map_batches
from ..exchange.operation import Operation
from ..exchange.readers import JsonBodyReader
from ..http import Headers, Host, Request
from .completion import Completion, CompletionIds, Token, TokenIds
from .models import Model
from .token_stream import AS_TEXT, Answer, AnswerBuilder, AsIds, TokenReaderFactory

if TYPE_CHECKING:
    from typing import Unpack

    from ..tokenizers import Tokenizer
    from .options import TextOptions

__all__ = ["build_generation_request", "decode_tokens", "generate", "generate_stream"]

T = TypeVar("T")


@overload
def generate(prompt: str, **options: Unpack[TextOptions]) -> Operation[Never, Completion]: ...
@overload
def generate(prompt: Sequence[int], **options: Unpack[TextOptions]) -> Operation[Never, CompletionIds]: ...
@takes()
def generate(prompt: str | Sequence[int], **options: Unpack[TextOptions]) -> Operation[Never, Any]:
    """Continue a prompt; the answer comes in one piece.

    The result is a `Completion` for a text, and `CompletionIds` for token ids.

    See docs/protocol/native.md#9-aigenerate-request.

    Args:
        prompt: the text, which the service tokenises (``use_string``), or the ids of the model's tokenizer.
        options: keyword arguments such as ``model``, ``preset``, ``max_length`` and ``temperature``. `TextOptions` lists
            them all, with meaning and range: ``help(nai.text.TextOptions)``.

    Raises:
        InvalidRequestError: something cannot be sent: an option that is not for this model, a phrase that is text where
            there is no tokenizer, a parameter out of its range, an id that does not fit into the model's token width.
    """
    model, parameters = _build_parameters(prompt, options)
    request = build_generation_request("generate", prompt, model, parameters, "application/json")
    whole, _ = _build_readers(prompt, model, parameters)
    return Operation(request, (("application/json", whole),))


@overload
def generate_stream(prompt: str, **options: Unpack[TextOptions]) -> Operation[Token, Completion]: ...
@overload
def generate_stream(prompt: Sequence[int], **options: Unpack[TextOptions]) -> Operation[TokenIds, CompletionIds]: ...
@takes()
def generate_stream(prompt: str | Sequence[int], **options: Unpack[TextOptions]) -> Operation[Any, Any]:
    """Continue a prompt token by token.

    The events are `Token`s for a text, and `TokenIds` for token ids; the result is as for `generate`. An answer that is one
    JSON document, where a stream was asked for, gives no events but the result.

    See:
        docs/protocol/native.md#10-streaming-aigenerate-stream
        docs/protocol/sse.md#2-what-an-openai-style-client-adds-on-top

    Args:
        prompt: as for `generate`.
        options: as for `generate`: ``help(nai.text.TextOptions)`` lists them.

    Raises:
        InvalidRequestError: as `generate`.
    """
    model, parameters = _build_parameters(prompt, options)
    request = build_generation_request("generate_stream", prompt, model, parameters, "text/event-stream")
    whole, stream = _build_readers(prompt, model, parameters)
    return Operation(request, (("text/event-stream", stream), ("application/json", whole)))


def _build_parameters(prompt: object, options: TextOptions) -> tuple[Model, dict[str, object]]:
    """Return the model, and the parameters of the request."""
    from .request import PRESET, build_parameters  # presets and word lists, which not every program needs

    every = dict[str, Any](options)
    given: dict[str, Any] = {name: value for name, value in every.items() if value is not None or name == "settings"}
    chosen = {name: given.pop(name) for name in _NOT_SENT if name in given}
    preset = (PRESET | None).convert(chosen.get("preset"), "preset")
    default = Model.KAYRA if preset is None or isinstance(preset, str) else preset.model
    model = Model.named(given.pop("model", default))
    if preset is None:
        chosen.setdefault("settings", None)
    return model, build_parameters(model, **chosen, overrides={**given, "use_string": isinstance(prompt, str)})


_NOT_SENT: Final = (
    "preset",
    "settings",
    "module",
    "bans",
    "biases",
    "text_adventure",
    "tokenizer",
    "validate",
    "extra",
)
"""Options that are no parameters of the request."""


def _build_readers(
    prompt: str | Sequence[int], model: Model, parameters: Mapping[str, object]
) -> tuple[JsonBodyReader[Answer, Any], TokenReaderFactory[Any, Any]]:
    """Return what reads an answer in one piece, and what reads a stream."""
    form: Any = AS_TEXT if isinstance(prompt, str) else AsIds(model.token_width)
    max_length = cast("int", parameters["max_length"])
    is_repeated = parameters.get("return_full_text") is True
    repeated = None if not is_repeated else prompt if isinstance(prompt, str) else tuple(prompt)
    whole = AnswerBuilder(form, max_length, repeated)
    return JsonBodyReader(Answer, whole), TokenReaderFactory(form, max_length, repeated)


def build_generation_request(
    name: str, prompt: str | Sequence[int], model: Model, parameters: Mapping[str, object], accept: str
) -> Request:
    """Build a request to the endpoint of this name, on the host that has the model.

    See docs/protocol/native.md#12-which-host-per-text-model.

    Raises:
        InvalidRequestError: the prompt is neither text nor a list of ids, or something cannot be written as JSON.
    """
    _PROMPT.convert(prompt, "prompt")
    body = {
        "input": prompt if isinstance(prompt, str) else _pack_prompt(prompt, model),
        "model": model.id,
        "parameters": parameters,
    }
    row = endpoint(name if model.host is Host.TEXT else f"api_{name}")
    headers = Headers.of(content_type="application/json", accept=accept)
    return build(row, EndpointParameters(body=encode_json(body)), headers)


_PROMPT: Final = TEXT | ArgumentType("a list of token ids", Sequence, but=(bytes, bytearray, memoryview))
"""Bytes are sequences of integers as well, and hardly meant as ids."""


def _pack_prompt(prompt: Sequence[int], model: Model) -> str:
    try:
        return pack(prompt, model.token_width)
    except NaiError as error:
        problem = str(error)
    raise InvalidRequestError(f"prompt: {problem}", parameter="prompt")


# ---- text for token ids: an operation stays a value that pickles, and a tokenizer is none, so a flow joins the two


@flow
@takes(flow=FLOW, tokenizer=TOKENIZER)
def decode_tokens(flow: Runnable[TokenIds, CompletionIds], tokenizer: Tokenizer) -> Steps[Token, Completion]:
    """Decode the token ids of a flow: of each event, of the result, and of the partial result, of errors too.

    A character that is spread over tokens comes with the last of them, so the events' texts joined are the result's text,
    and neither has half a character that later became whole.

    Args:
        flow: `generate` or `generate_stream` of a prompt of token ids, or any flow with such events and such a result.
        tokenizer: of the model that answers.
    """
    decoder = tokenizer.decoder()

    def decode_event(event: TokenIds) -> Token:
        text = decoder.receive(event.ids)
        if event.final:
            text += decoder.receive_eof()
        return Token(text, event.ptr, event.final, event.logprobs, event.ids)

    result = yield from map_batches(
        flow,
        lambda events: [decode_event(event) for event in events],
        lambda partial: _decode_partial(partial, tokenizer),
    )
    return _decode_completion(result, tokenizer)


def _decode_partial(partial: object, tokenizer: Tokenizer) -> object:
    """Return a partial result with text; of a character that has only begun the ids are kept, and no text."""
    if not isinstance(partial, CompletionIds):
        return partial
    text = tokenizer.decoder().receive(partial.ids)
    return msgspec.structs.replace(_decode_completion(partial, tokenizer), text=text)


def _decode_completion(completion: CompletionIds, tokenizer: Tokenizer) -> Completion:
    return Completion(
        tokenizer.decode(completion.ids),
        completion.logprobs,
        completion.finish_reason,
        completion.ids,
        tokenizer.decode(completion.prompt),
        tuple([_decode_completion(other, tokenizer) for other in completion.alternatives]),
    )
