"""Text generation on the native API.

See:
    docs/protocol/native.md#9-aigenerate-request
    docs/protocol/native.md#10-streaming-aigenerate-stream
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Never, TypeVar, cast, overload

from ..arguments import TEXT, ArgumentType
from ..codecs.json import encode
from ..codecs.tokens import pack
from ..errors import InvalidRequestError, NaiError
from ..exchange.endpoints import Parameters, build, endpoint
from ..exchange.operation import Operation
from ..exchange.readers import Json
from ..http import Headers, Host, Request
from .answers import AS_TEXT, AsIds, Completion, CompletionIds, Token, TokenIds, Tokens, Whole
from .models import Model

if TYPE_CHECKING:
    from typing import Unpack

    from .options import Options

__all__ = ["generate", "generate_stream", "request"]

T = TypeVar("T")


@overload
def generate(prompt: str, **options: Unpack[Options]) -> Operation[Never, Completion]: ...
@overload
def generate(prompt: Sequence[int], **options: Unpack[Options]) -> Operation[Never, CompletionIds]: ...
def generate(prompt: str | Sequence[int], **options: Unpack[Options]) -> Operation[Never, Any]:
    """Generate what goes on from ``prompt``; the answer comes in one piece.

    See docs/protocol/native.md#9-aigenerate-request.

    Args:
        prompt: text, which the service tokenises (``use_string``), or the ids of the model's tokenizer.
        options: `Options`, with the parameters of the request among them; ``max_length`` is the preset's, else 40.

    Raises:
        InvalidRequestError: something cannot be sent: an option that is not for this model, a phrase that is text where
            there is no tokenizer, a parameter out of its range, an id that does not fit into the model's token width.
    """
    model, made = _made(prompt, options)
    asked = request("generate", prompt, model, made, "application/json")
    return Operation(asked, (("application/json", _whole(prompt, model, made)),))


@overload
def generate_stream(prompt: str, **options: Unpack[Options]) -> Operation[Token, Completion]: ...
@overload
def generate_stream(prompt: Sequence[int], **options: Unpack[Options]) -> Operation[TokenIds, CompletionIds]: ...
def generate_stream(prompt: str | Sequence[int], **options: Unpack[Options]) -> Operation[Any, Any]:
    """Generate what goes on from ``prompt``, token by token; arguments and errors as for `generate`.

    An answer that is one JSON document, where a stream was asked for, gives no events but the result.

    See:
        docs/protocol/native.md#10-streaming-aigenerate-stream
        docs/protocol/sse.md#2-what-an-openai-style-client-adds-on-top
    """
    model, made = _made(prompt, options)
    asked = request("generate_stream", prompt, model, made, "text/event-stream")
    form = AS_TEXT if isinstance(prompt, str) else AsIds(model.token_width)
    stream: Tokens[Any, Any] = Tokens(form, _max_length(made))
    return Operation(asked, (("text/event-stream", stream), ("application/json", _whole(prompt, model, made))))


def _made(prompt: object, options: Options) -> tuple[Model, dict[str, object]]:
    """The model, and the parameters of the request."""
    from .request import PRESET, request_parameters  # which knows of presets and word lists: not every program asks

    said = dict[str, Any](options)
    given: dict[str, Any] = {name: value for name, value in said.items() if value is not None or name == "settings"}
    chosen = {name: given.pop(name) for name in _OPTIONS if name in given}
    preset = (PRESET | None).convert(chosen.get("preset"), "preset")
    usual = Model.KAYRA if preset is None or isinstance(preset, str) else preset.model
    model = Model.named(given.pop("model", usual))
    if preset is None:
        chosen.setdefault("settings", None)
    return model, request_parameters(model, **chosen, overrides={**given, "use_string": isinstance(prompt, str)})


_OPTIONS: Final = ("preset", "settings", "module", "bans", "biases", "text_adventure", "tokenizer", "validate", "extra")


def _max_length(made: Mapping[str, object]) -> int:
    return cast("int", made["max_length"])


def _same(value: T) -> T:
    return value


_WHOLE: Final = Json(Completion, _same)


def _whole(prompt: object, model: Model, made: Mapping[str, object]) -> Json[Completion, Any]:
    return _WHOLE if isinstance(prompt, str) else Json(Completion, Whole(model.token_width, _max_length(made)))


def request(
    name: str, prompt: str | Sequence[int], model: Model, parameters: Mapping[str, object], accept: str
) -> Request:
    """A request to the endpoint of this name, on the host that has the model.

    See docs/protocol/native.md#12-which-host-per-text-model.

    Raises:
        InvalidRequestError: the prompt is no text and holds no ids, or something cannot be written as JSON.
    """
    _PROMPT.convert(prompt, "prompt")
    body = {
        "input": prompt if isinstance(prompt, str) else _packed(prompt, model),
        "model": model.id,
        "parameters": parameters,
    }
    row = endpoint(name if model.host is Host.TEXT else f"api_{name}")
    headers = Headers.of(content_type="application/json", accept=accept)
    return build(row, Parameters(body=encode(body)), headers)


_PROMPT: Final = TEXT | ArgumentType("a list of token ids", Sequence, but=(bytes, bytearray, memoryview))
"""Bytes are sequences of integers as well, and hardly meant as ids."""


def _packed(prompt: Sequence[int], model: Model) -> str:
    try:
        return pack(prompt, model.token_width)
    except NaiError as error:
        problem = str(error)
    raise InvalidRequestError(f"prompt: {problem}", parameter="prompt")
