"""Text generation as the service does it (native §9, §10, §17.3), over the emulator's own language model.

Ids in a request, and ids in an answer, are those of the model's tokenizer: where there are any, the tokenizer is asked
for, and the language model reads and writes in its ids. A request that is all text is answered in pieces of the language
model's own, for which no file is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import msgspec

from ..codecs.json import encode
from ..codecs.sse import ServerSentEvent, encode_event
from ..codecs.tokens import pack, unpack
from ..errors import RemoteProtocolError
from ..exchange.endpoints import Endpoint, host_of_model
from ..exchange.reply import Handler, Start, Wait, Write
from ..http import Head, Headers, Host
from ..text.models import MODELS, Model
from .accounts import Account
from .answers import OPEN, Refused, Steps, answer_json, computed
from .chance import Chance
from .corpus import TALES
from .language import LanguageModel, storyteller
from .sampling import Logprobs, Settings, Step, generate

if TYPE_CHECKING:
    from ..tokenizers import Tokenizer

__all__ = ["TextService", "Tokenizers"]

Tokenizers: TypeAlias = "Callable[[str], Tokenizer | None]"
"""Gives the tokenizer of a model by the model's id, or None if it is not to be had. May take its time."""

_Count = Annotated[int, msgspec.Meta(ge=1, le=2048)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Id = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]
_Ids = Annotated[tuple[_Id, ...], msgspec.Meta(min_length=1)]


class _Parameters(msgspec.Struct):
    """Those of native §9.1 that have a meaning here, with their ranges; all others are ignored."""

    max_length: _Count = 40
    min_length: _Count = 1
    temperature: Annotated[float, msgspec.Meta(ge=0.1, le=100)] = 1.0
    top_k: Annotated[int, msgspec.Meta(ge=0)] = 0
    top_p: float = 1.0
    tail_free_sampling: _Share = 1.0
    top_a: float = 0.0
    typical_p: float = 1.0
    min_p: _Share = 0.0
    order: tuple[Annotated[int, msgspec.Meta(ge=0)], ...] | None = None
    num_logprobs: Annotated[int, msgspec.Meta(ge=0, le=30)] | None = None
    stop_sequences: Annotated[tuple[_Ids, ...], msgspec.Meta(max_length=1024)] = ()
    bad_words_ids: Annotated[tuple[_Ids, ...], msgspec.Meta(max_length=2048)] = ()
    eos_token_id: _Id | None = None
    use_string: bool | None = None
    seed: int | None = None
    "Not the service's: the same seed gives the same text, which tests want."

    def ids(self) -> str | None:
        """The first parameter that holds token ids."""
        return next((name for name in ("stop_sequences", "bad_words_ids") if getattr(self, name)), None) or (
            None if self.eos_token_id is None else "eos_token_id"
        )


class _Asked(msgspec.Struct):
    input: str
    model: str
    parameters: _Parameters


_LONGEST_INPUT: Final = {Host.TEXT: 100_000, Host.API: 40_000}
"""Characters (native §9)."""
_KNOWN: Final = frozenset(model.id for model in MODELS)
_SHARED: Final = frozenset(field.name for field in fields(Settings)) & frozenset(_Parameters.__struct_fields__)


@dataclass(frozen=True, slots=True)
class _Task:
    """A request, understood."""

    teller: LanguageModel
    prompt: list[int]
    parameters: _Parameters
    width: int | None
    "Bytes per token of the answer; None if it is text."

    def spelled(self, tokens: list[int]) -> str:
        """Tokens in the form of the answer."""
        return self.teller.vocabulary.decode(tokens) if self.width is None else pack(tokens, self.width)


class TextService:
    """Both generation endpoints.

    Args:
        seed: of all chance that a request does not seed itself.
        pace: seconds per token.
        tokenizers: where the tokenizers of the models are.
    """

    def __init__(self, seed: str, pace: float, tokenizers: Tokenizers) -> None:
        self._chance = Chance(seed)
        self._pace = pace
        self._tokenizers = tokenizers
        self._tellers: dict[str, LanguageModel] = {}
        self._count = 0

    def generate(self, row: Endpoint, account: Account, body: bytes) -> Handler:
        """``POST /ai/generate``: the answer in one piece."""
        yield from self._locked(account, lambda: self._whole(row, body))

    def generate_stream(self, row: Endpoint, account: Account, body: bytes) -> Handler:
        """``POST /ai/generate-stream``: an event per token."""
        yield from self._locked(account, lambda: self._streamed(row, body))

    def _locked(self, account: Account, handler: Callable[[], Handler]) -> Handler:
        """One generation at a time; the lock goes when the answer is sent or the client has left."""
        if account.generating:
            raise Refused(429, "Concurrent generation is locked")
        account.generating = True
        try:
            yield from handler()
        finally:
            account.generating = False

    def _whole(self, row: Endpoint, body: bytes) -> Handler:
        task = yield from self._task(body)
        steps = list(self._steps(task))
        if self._pace:
            yield Wait(self._pace * len(steps))
        answer: dict[str, object] = {"output": task.spelled([step.token for step in steps])}
        if steps and steps[0].logprobs is not None:
            answer["logprobs"] = [_wire(step.logprobs) for step in steps if step.logprobs is not None]
        yield from answer_json(row.status, answer)

    def _streamed(self, row: Endpoint, body: bytes) -> Handler:
        task = yield from self._task(body)
        yield Start(Head(row.status, Headers([("Content-Type", "text/event-stream"), OPEN])))
        text = task.teller.vocabulary.decoder()
        for step in self._steps(task):
            if self._pace:
                yield Wait(self._pace)
            if task.width is not None:
                token = pack((step.token,), task.width)
            else:  # as text only what is certain: a character may be spread over tokens
                token = text.receive((step.token,)) + (text.receive_eof() if step.final else "")
            data = {
                "token": token,
                "ptr": step.ptr,
                "final": step.final,
                "logprobs": None if step.logprobs is None else _wire(step.logprobs),
            }
            event = ServerSentEvent(event="newToken", data=encode(data).decode(), id=str(step.ptr))
            yield Write(encode_event(event))

    def _task(self, body: bytes) -> Steps[_Task]:
        asked = _asked(body)
        parameters = asked.parameters
        model = Model.named(asked.model)
        as_text = parameters.use_string
        if as_text is None:
            as_text = model.host is Host.TEXT
        tokenizer = None
        holds_ids = parameters.ids() if as_text else "input"
        if holds_ids or parameters.num_logprobs:
            tokenizer = yield from computed(lambda: self._tokenizers(model.id))
        if tokenizer is None and holds_ids:
            raise Refused(501, f"this emulator has no tokenizer of {model.id}, and {holds_ids} holds token ids")
        teller = yield from computed(lambda: self._teller(tokenizer))
        if as_text:
            return _Task(teller, teller.vocabulary.encode(asked.input), parameters, None)
        try:
            prompt = unpack(asked.input, model.token_width)
        except RemoteProtocolError as error:
            raise Refused(400, f"Validation error: input: {error}") from None
        return _Task(teller, prompt, parameters, model.token_width)

    def _teller(self, tokenizer: Tokenizer | None) -> LanguageModel:
        if tokenizer is None:
            return storyteller()
        teller = self._tellers.get(tokenizer.name)
        if teller is None:
            teller = self._tellers[tokenizer.name] = LanguageModel(TALES, tokenizer)
        return teller

    def _steps(self, task: _Task) -> Iterator[Step]:
        parameters = task.parameters
        self._count += 1
        chance = self._chance.fork(self._count) if parameters.seed is None else Chance(parameters.seed)
        given = {name: value for name in _SHARED if (value := getattr(parameters, name)) is not None}
        if parameters.eos_token_id is not None:
            given["eos_ids"] = frozenset((parameters.eos_token_id,))
        return generate(task.teller, task.prompt, Settings(**given), chance)


def _asked(body: bytes) -> _Asked:
    try:
        asked = msgspec.json.decode(body, type=_Asked)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(400, f"Validation error: {error}") from None
    host = host_of_model(asked.model)
    if asked.model not in _KNOWN:
        raise Refused(400, f"Validation error: model {asked.model[:60]} doesn't exist")
    if len(asked.input) > _LONGEST_INPUT[host]:
        raise Refused(400, f"Validation error: input must be at most {_LONGEST_INPUT[host]} characters long")
    return asked


def _wire(logprobs: Logprobs) -> dict[str, object]:
    return {
        part: [[[one.token], [one.before, one.after]] for one in getattr(logprobs, part)]
        for part in ("chosen", "before", "after")
    }
