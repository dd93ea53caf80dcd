"""Text generation on the native API. Facts: native §9, §10, §11.1.

A prompt is text or token ids, and the answer is the same: with ids the service neither tokenises nor detokenises, so that
what is generated goes on from exactly these tokens. `decoded` gives such an answer its text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Never, TypeVar, overload

from ..codecs.json import encode
from ..codecs.tokens import pack
from ..errors import LocalProtocolError
from ..exchange.endpoints import Parameters as _EndpointParameters
from ..exchange.endpoints import build, endpoint
from ..exchange.operation import Operation
from ..exchange.readers import Json
from ..http import Headers, Host, Request
from .answers import (
    AS_TEXT,
    AsIds,
    Candidate,
    Completion,
    CompletionIds,
    FinishReason,
    Logprobs,
    Token,
    TokenIds,
    Tokens,
    Whole,
)
from .decoding import decoded
from .models import Model
from .parameters import LogitBias, Parameters, PhraseRepPen

if TYPE_CHECKING:
    from typing import Unpack

__all__ = [
    "Candidate",
    "Completion",
    "CompletionIds",
    "FinishReason",
    "LogitBias",
    "Logprobs",
    "Model",
    "Parameters",
    "PhraseRepPen",
    "Token",
    "TokenIds",
    "decoded",
    "generate",
    "generate_stream",
]

T = TypeVar("T")

_MAX_LENGTH: Final = 40
"""Tokens, when the caller does not say; the service requires the key (native §9.1)."""


def _same(value: T) -> T:
    return value


_WHOLE: Final = Json(Completion, _same)


@overload
def generate(
    prompt: str,
    *,
    model: Model | str = Model.KAYRA,
    extra: Mapping[str, object] | None = None,
    **parameters: Unpack[Parameters],
) -> Operation[Never, Completion]: ...
@overload
def generate(
    prompt: Sequence[int],
    *,
    model: Model | str = Model.KAYRA,
    extra: Mapping[str, object] | None = None,
    **parameters: Unpack[Parameters],
) -> Operation[Never, CompletionIds]: ...
def generate(
    prompt: str | Sequence[int],
    *,
    model: Model | str = Model.KAYRA,
    extra: Mapping[str, object] | None = None,
    **parameters: Unpack[Parameters],
) -> Operation[Never, Any]:
    """Generate what goes on from ``prompt``; the answer comes in one piece (native §9).

    Args:
        prompt: text, which the service tokenises (``use_string``), or the ids of the model's tokenizer.
        model: which model, or its id.
        extra: parameters that `Parameters` does not know, sent as they are.
        parameters: as `Parameters` lists them; ``max_length`` is 40 and ``min_length`` 1 when not given.

    Raises:
        LocalProtocolError: something cannot be written as JSON, or an id does not fit into the model's token width.
    """
    named = Model.named(model)
    request = _request("generate", prompt, named, parameters, extra, "application/json")
    return Operation(request, (("application/json", _whole(prompt, named, parameters)),))


@overload
def generate_stream(
    prompt: str,
    *,
    model: Model | str = Model.KAYRA,
    extra: Mapping[str, object] | None = None,
    **parameters: Unpack[Parameters],
) -> Operation[Token, Completion]: ...
@overload
def generate_stream(
    prompt: Sequence[int],
    *,
    model: Model | str = Model.KAYRA,
    extra: Mapping[str, object] | None = None,
    **parameters: Unpack[Parameters],
) -> Operation[TokenIds, CompletionIds]: ...
def generate_stream(
    prompt: str | Sequence[int],
    *,
    model: Model | str = Model.KAYRA,
    extra: Mapping[str, object] | None = None,
    **parameters: Unpack[Parameters],
) -> Operation[Any, Any]:
    """Generate what goes on from ``prompt``, token by token (native §10); arguments as for `generate`.

    An answer that is one JSON document, where a stream was asked for, gives no events but the result (sse §2.6).
    """
    named = Model.named(model)
    request = _request("generate_stream", prompt, named, parameters, extra, "text/event-stream")
    form = AS_TEXT if isinstance(prompt, str) else AsIds(named.token_width)
    stream: Tokens[Any, Any] = Tokens(form, parameters.get("max_length", _MAX_LENGTH))
    return Operation(request, (("text/event-stream", stream), ("application/json", _whole(prompt, named, parameters))))


def _whole(prompt: str | Sequence[int], model: Model, parameters: Parameters) -> Json[Completion, Any]:
    if isinstance(prompt, str):
        return _WHOLE
    return Json(Completion, Whole(model.token_width, parameters.get("max_length", _MAX_LENGTH)))


def _request(
    name: str,
    prompt: str | Sequence[int],
    model: Model,
    parameters: Parameters,
    extra: Mapping[str, object] | None,
    accept: str,
) -> Request:
    if isinstance(prompt, bytes | bytearray | memoryview):  # sequences of ints as well, but hardly meant as ids
        raise LocalProtocolError("a prompt is text or token ids, not bytes: decode them first")
    given = {"max_length": _MAX_LENGTH, "min_length": 1, **parameters, **(extra or {})}
    body = {
        "input": prompt if isinstance(prompt, str) else pack(prompt, model.token_width),
        "model": model.id,
        "parameters": {**given, "use_string": isinstance(prompt, str)},
    }
    row = endpoint(name if model.host is Host.TEXT else f"api_{name}")
    headers = Headers.of(content_type="application/json", accept=accept)
    return build(row, _EndpointParameters(body=encode(body)), headers)
