"""A scripted reply as a value: which requests it answers, how often, and with what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias, cast

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ...codecs.json import encode_json
from ...codecs.type_mismatch import find_mismatch
from ...errors import InvalidRequestError, excerpt
from ...exchange.endpoints import ENDPOINTS
from ...http.heads import build_response
from ...text.completion import FinishReason
from .request_facts import RequestFacts

__all__ = ["Answer", "ScriptedReply", "check_reply", "decode_reply"]

Answer: TypeAlias = Literal["text", "chunks", "picture", "response"]
"""What a reply consists of; ``"response"`` is a status with header fields and a body."""

_CHATS: Final = frozenset(("chat_completions", "completions"))
_TEXTS: Final = _CHATS | {"generate", "generate_stream", "api_generate", "api_generate_stream", "generate_prompt"}
_PICTURES: Final = frozenset(("generate_image", "generate_image_stream", "augment_image", "upscale", "annotate_image"))
_ENDPOINTS: Final[Mapping[Answer, frozenset[str]]] = {"text": _TEXTS, "chunks": _CHATS, "picture": _PICTURES}
"""The endpoints that each answer is for, by their names in the endpoint table; a response is for every path."""


_WITHOUT_BODY: Final = (204, 304)
"Statuses whose responses have no body (RFC 9110 §6.4.1)."


class ScriptedReply(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, repr_omit_defaults=True
):
    """What the emulator answers to requests that match.

    A reply has a ``text``, ``chunks``, a ``picture``, or a ``status``. The first three are answers of a model: the request
    is checked and paid for as always. A reply with a status answers every request that matches, also one without a
    token, and the emulator does nothing else.

    Raises:
        InvalidRequestError: the values contradict each other, or one is out of range. `ReplyList.add` checks their types.
    """

    # Which requests.
    method: str | None = None
    "Only requests with this method."
    path: str | None = None
    "Only requests with this path, such as ``/ai/generate``."
    model: str | None = None
    "Only requests for the model with this id."
    prompt: str | None = None
    """Only requests whose prompt contains this text. Messages of a chat are joined by line feeds; of other requests it is
    the whole body."""
    prompt_pattern: str | None = None
    """Only requests in whose prompt this regular expression of Python is found. Nothing bounds its search: one that
    backtracks without end, such as ``(a+)+$``, stops the emulator."""
    times: Annotated[int, Meta(ge=1)] | None = 1
    "How many requests it answers; None is all of them."

    # With what.
    text: str | None = None
    "The whole answer, whatever the request says of length and stop sequences."
    reasoning: str | None = None
    "The model's thoughts, before the text of a chat."
    finish_reason: FinishReason = "stop"
    "Why the answer ends, where an endpoint says so."
    pace: Annotated[float, Meta(ge=0, le=86_400)] | None = None
    "Seconds per token or chunk; None is the emulator's own."
    chunks: tuple[str | dict[str, Any], ...] | None = None
    """The chunks of a chat or completion that is streamed: texts, or objects whose keys replace those of a chunk. A
    request that does not stream gets the texts of all choices 0 together."""
    picture: bytes | None = None
    "A file of any picture format; base64 in JSON."
    status: Annotated[int, Meta(ge=200, le=599)] | None = None
    "The status of the response. An error without a body gets the service's error object."
    headers: dict[str, str] = {}
    "Further header fields of the response; Content-Length follows from the body."
    json: Any | UnsetType = UNSET
    "The response's body as a JSON document. A response with the status 204 or 304 has no body."
    body: str | None = None
    "The response's body as text."
    body_bytes: bytes | None = None
    "The response's body as bytes; base64 in JSON."

    def __post_init__(self) -> None:
        answers = [name for name in ("text", "chunks", "picture", "status") if getattr(self, name) is not None]
        bodies = [name for name in ("json", "body", "body_bytes") if getattr(self, name) not in (None, UNSET)]
        if self.json is None:
            bodies.insert(0, "json")
        if len(answers) != 1:
            given = f"not {' and '.join(answers)}" if answers else "and this one has none of them"
            raise InvalidRequestError(f"a reply has a text, chunks, a picture or a status, {given}", parameter="text")
        if self.status is None and (self.headers or bodies):
            raise InvalidRequestError("headers, json and body belong to a reply with a status", parameter="status")
        if len(bodies) > 1:
            raise InvalidRequestError(f"a reply has one body, not {' and '.join(bodies)}", parameter=bodies[1])
        if bodies and self.status in _WITHOUT_BODY:
            raise InvalidRequestError(f"a response with the status {self.status} has no body", parameter=bodies[0])
        if self.chunks is not None and not self.chunks:
            raise InvalidRequestError("chunks must not be empty", parameter="chunks")
        if self.reasoning is not None and self.text is None:
            raise InvalidRequestError("reasoning belongs to a reply with a text", parameter="reasoning")
        self._check_path()
        self._check_pattern()

    def _check_path(self) -> None:
        """Raise InvalidRequestError if no request to this path can have such an answer."""
        path = self.path
        if path is None:
            return
        if not path.startswith("/"):
            raise InvalidRequestError(f"path {excerpt(path)!r} does not begin with /", parameter="path")
        names = _ENDPOINTS.get(self.answer)
        paths = {ENDPOINTS[name].path for name in names or ()}
        if paths and path not in paths:
            problem = f"path {excerpt(path)} does not answer with {self.answer}: {', '.join(sorted(paths))} do"
            raise InvalidRequestError(problem, parameter="path")

    def _check_pattern(self) -> None:
        if self.prompt_pattern is None:
            return
        try:
            re.compile(self.prompt_pattern)
        except (re.error, RecursionError, OverflowError):
            shown = excerpt(self.prompt_pattern)
            problem = f"prompt_pattern {shown!r} is not a regular expression of Python"
            raise InvalidRequestError(problem, parameter="prompt_pattern") from None

    @property
    def answer(self) -> Answer:
        """What it consists of."""
        if self.text is not None:
            return "text"
        if self.chunks is not None:
            return "chunks"
        return "response" if self.picture is None else "picture"

    @property
    def whole_text(self) -> str:
        """The text, or that of all chunks together."""
        return self.text or "".join(map(_chunk_text, self.chunks or ()))

    def matches(self, facts: RequestFacts) -> bool:
        """Return whether it answers a request with these facts."""
        names = _ENDPOINTS.get(self.answer)
        return (
            (names is None or facts.endpoint in names)
            and (self.method is None or self.method.upper() == facts.method)
            and self.path in (None, facts.path)
            and self.model in (None, facts.model)
            and (self.prompt is None or self.prompt in facts.prompt)
            and (self.prompt_pattern is None or re.search(self.prompt_pattern, facts.prompt) is not None)
        )


def _chunk_text(chunk: str | Mapping[str, Any]) -> str:
    """Return the text that a chunk adds to choice 0."""
    if isinstance(chunk, str):
        return chunk
    choices = chunk.get("choices")
    return "".join(map(_choice_text, cast("list[object]", choices))) if isinstance(choices, list) else ""


def _choice_text(given: object) -> str:
    choice: Mapping[str, object] = cast("Mapping[str, object]", given) if isinstance(given, Mapping) else {}
    delta = choice.get("delta")
    text = cast("Mapping[str, object]", delta).get("content") if isinstance(delta, Mapping) else choice.get("text")
    return text if isinstance(text, str) and not choice.get("index") else ""


def decode_reply(document: object) -> ScriptedReply:
    """Decode a reply from its JSON object.

    Raises:
        InvalidRequestError: it is not one. The message is one line, and names what is wrong.
    """
    if not isinstance(document, Mapping):
        raise InvalidRequestError('a reply is an object such as {"text": " a dragon."}', parameter="replies")
    given = cast("Mapping[str, object]", document)
    known = ScriptedReply.__struct_fields__
    for key in given:
        if key not in known:
            raise InvalidRequestError(
                f"a reply has no {excerpt(str(key))!r}, only {', '.join(known)}", parameter=str(key)
            )
    try:
        reply = msgspec.convert(given, ScriptedReply)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, InvalidRequestError):  # raised by the reply's own checks
            raise error.__cause__ from None
    else:
        _check_sendable(given, reply)
        return reply
    mismatch = find_mismatch(given, ScriptedReply)
    key = mismatch.path.removeprefix(".")
    raise InvalidRequestError(f"a reply's {key}: {mismatch.problem}", parameter=key.partition("[")[0] or None)


def _check_sendable(given: Mapping[str, object], reply: ScriptedReply) -> None:
    """Raise InvalidRequestError now, and not when it is sent, if a value of the reply fits in no response."""
    for key, value in given.items():
        try:
            if value is not UNSET:
                encode_json(value)
        except InvalidRequestError as error:
            raise InvalidRequestError(f"a reply's {key}: {error}", parameter=key) from None
    if any(name.lower() == "content-length" for name in reply.headers):
        problem = "Content-Length follows from the body; the faults cut and length end a response early"
        raise InvalidRequestError(f"a reply's headers: {problem}", parameter="headers")
    try:
        build_response(reply.status or 200, [*reply.headers.items()])
    except InvalidRequestError as error:
        raise InvalidRequestError(f"a reply's headers: {error}", parameter="headers") from None


def check_reply(reply: ScriptedReply) -> ScriptedReply:
    """Return a reply after a check of the types of its values.

    Raises:
        InvalidRequestError: a value is of a wrong type, or out of range.
    """
    return decode_reply({name: value for name, value in msgspec.structs.asdict(reply).items() if value is not UNSET})
