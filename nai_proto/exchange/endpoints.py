"""The table of all endpoints, from which the client builds requests and by which the emulator routes them.

`match` is the inverse of `build`: parameters in a path are percent-encoded, so that any text without control characters,
except ``""``, ``"."`` and ``".."``, is restored. A literal segment wins over a parameter, and `build` refuses a value that
is another endpoint's name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Final

import msgspec

from ..codecs.lone_surrogates import replace_lone_escapes
from ..errors import InvalidRequestError
from ..http import Headers, Host, Request
from ..unknown_names import unknown_choice

__all__ = ["ENDPOINTS", "Endpoint", "EndpointParameters", "build", "endpoint", "host_of_model", "match"]


class Endpoint(msgspec.Struct, frozen=True, dict=True):
    """One row of the table."""

    name: str
    method: str
    host: Host
    path: str
    "With parameters in braces, such as ``/user/objects/{type}``."
    status: int
    """The service's status for success; a client accepts every 2xx.

    See docs/protocol/native.md#42-status-codes.
    """
    answers: str
    "The content type of a successful response; empty if it has no body."
    auth: bool = True
    "Does it need a token?"
    login_only: bool = False
    "Does it refuse persistent tokens? See docs/protocol/native.md#21-tokens."

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The path's parts, parameters in their braces."""
        return tuple(self.path.split("/")[1:])

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the path's parameters, in order."""
        return tuple(segment[1:-1] for segment in self.segments if segment.startswith("{"))


@dataclass(frozen=True, slots=True)
class EndpointParameters:
    """A request's parameters of its endpoint."""

    path: Mapping[str, str] = field(default_factory=dict[str, str])
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)


_JSON: Final = "application/json"
_STREAM: Final = "text/event-stream"
_TEXT: Final = "text/plain"
_ZIP: Final = "binary/octet-stream"
_ACCOUNT, _TEXTS, _IMAGE, _API = Host.ACCOUNT, Host.TEXT, Host.IMAGE, Host.API

_ROWS: Final = (
    # docs/protocol/native.md#5-get--health-check
    Endpoint("health", "GET", _API, "/", 200, _TEXT, auth=False),
    # docs/protocol/native.md#6-account-endpoints-user: accounts
    Endpoint("register", "POST", _ACCOUNT, "/user/register", 201, _JSON, auth=False),
    Endpoint("login", "POST", _ACCOUNT, "/user/login", 201, _JSON, auth=False),
    Endpoint("sso_google", "POST", _ACCOUNT, "/user/sso/google", 201, _JSON, auth=False),
    Endpoint("change_access_key", "POST", _ACCOUNT, "/user/change-access-key", 200, _JSON),
    Endpoint("resend_verification", "POST", _ACCOUNT, "/user/resend-email-verification", 201, "", auth=False),
    Endpoint("verify_email", "POST", _ACCOUNT, "/user/verify-email", 200, "", auth=False),
    Endpoint("change_mailing_consent", "PATCH", _ACCOUNT, "/user/change-mailing-list-consent", 200, ""),
    Endpoint("information", "GET", _ACCOUNT, "/user/information", 200, _JSON),
    Endpoint("osano_external_id", "GET", _ACCOUNT, "/user/osano-external-id", 200, _JSON),
    Endpoint("put_consent", "PUT", _ACCOUNT, "/user/consent", 200, ""),
    Endpoint("request_deletion", "POST", _ACCOUNT, "/user/deletion/request", 202, ""),
    Endpoint("finish_deletion", "POST", _ACCOUNT, "/user/deletion/delete", 200, "", auth=False),
    Endpoint("request_recovery", "POST", _ACCOUNT, "/user/recovery/request", 202, "", auth=False),
    Endpoint("recover", "POST", _ACCOUNT, "/user/recovery/recover", 201, _JSON, auth=False),
    Endpoint("delete_account", "POST", _ACCOUNT, "/user/delete", 200, ""),
    Endpoint("user_data", "GET", _ACCOUNT, "/user/data", 200, _JSON),
    Endpoint("priority", "GET", _ACCOUNT, "/user/priority", 200, _JSON),
    Endpoint("gift_keys", "GET", _ACCOUNT, "/user/giftkeys", 200, _JSON, login_only=True),
    Endpoint("subscription", "GET", _ACCOUNT, "/user/subscription", 200, _JSON),
    Endpoint("bind_subscription", "POST", _ACCOUNT, "/user/subscription/bind", 201, ""),
    Endpoint("change_subscription", "POST", _ACCOUNT, "/user/subscription/change", 200, ""),
    Endpoint("create_persistent_token", "POST", _ACCOUNT, "/user/create-persistent-token", 201, _JSON, login_only=True),
    Endpoint("get_settings", "GET", _ACCOUNT, "/user/clientsettings", 200, _TEXT, login_only=True),
    Endpoint("put_settings", "PUT", _ACCOUNT, "/user/clientsettings", 200, "", login_only=True),
    Endpoint("submit", "POST", _ACCOUNT, "/user/submission", 200, ""),
    Endpoint("get_submission", "GET", _ACCOUNT, "/user/submission/{event}", 200, _JSON),
    Endpoint("get_vote", "GET", _ACCOUNT, "/user/vote-submission/{event}", 200, _JSON),
    Endpoint("vote", "POST", _ACCOUNT, "/user/vote-submission/{event}", 201, ""),
    Endpoint("delete_vote", "DELETE", _ACCOUNT, "/user/vote-submission/{event}", 200, ""),
    # docs/protocol/native.md#7-keystore-and-user-objects: keystore and objects
    Endpoint("get_keystore", "GET", _ACCOUNT, "/user/keystore", 200, _JSON, login_only=True),
    Endpoint("put_keystore", "PUT", _ACCOUNT, "/user/keystore", 200, "", login_only=True),
    Endpoint("list_objects", "GET", _ACCOUNT, "/user/objects/{type}", 200, _JSON, login_only=True),
    Endpoint("create_object", "PUT", _ACCOUNT, "/user/objects/{type}", 200, _JSON, login_only=True),
    Endpoint("get_object", "GET", _ACCOUNT, "/user/objects/{type}/{id}", 200, _JSON, login_only=True),
    Endpoint("update_object", "PATCH", _ACCOUNT, "/user/objects/{type}/{id}", 200, _JSON, login_only=True),
    Endpoint("delete_object", "DELETE", _ACCOUNT, "/user/objects/{type}/{id}", 200, _JSON, login_only=True),
    Endpoint("delete_objects", "DELETE", _ACCOUNT, "/user/objects/batch", 200, "", login_only=True),
    # Text: docs/protocol/native.md#8-ai-endpoints-text-side, docs/protocol/native.md#9-aigenerate-request,
    # docs/protocol/native.md#10-streaming-aigenerate-stream. Two hosts have these paths: the text host for newer models, the
    # api host for older ones.
    Endpoint("generate", "POST", _TEXTS, "/ai/generate", 200, _JSON),
    Endpoint("generate_stream", "POST", _TEXTS, "/ai/generate-stream", 200, _STREAM),
    Endpoint("api_generate", "POST", _API, "/ai/generate", 201, _JSON),
    Endpoint("api_generate_stream", "POST", _API, "/ai/generate-stream", 201, _STREAM),
    Endpoint("generate_prompt", "POST", _API, "/ai/generate-prompt", 201, _JSON),
    Endpoint("trial_status", "GET", _TEXTS, "/ai/trial-status", 200, _JSON),
    Endpoint("link_usage", "POST", _TEXTS, "/usage/link", 200, ""),
    # docs/protocol/native.md#81-text-to-speech, docs/protocol/native.md#82-modules-training
    Endpoint("get_voice", "GET", _API, "/ai/generate-voice", 200, "audio/mpeg"),
    Endpoint("post_voice", "POST", _API, "/ai/generate-voice", 201, "audio/mpeg"),
    Endpoint("train_module", "POST", _API, "/ai/module/train", 201, _JSON),
    Endpoint("list_modules", "GET", _API, "/ai/module/all", 200, _JSON),
    Endpoint("get_module", "GET", _API, "/ai/module/{id}", 200, _JSON),
    Endpoint("delete_module", "DELETE", _API, "/ai/module/{id}", 200, _JSON),
    Endpoint("buy_training_steps", "POST", _API, "/ai/module/buy-training-steps", 200, ""),
    # docs/protocol/openai.md#1-endpoints
    Endpoint("completions", "POST", _TEXTS, "/oa/v1/completions", 200, _JSON),
    Endpoint("chat_completions", "POST", _TEXTS, "/oa/v1/chat/completions", 200, _JSON),
    Endpoint("models", "GET", _TEXTS, "/oa/v1/models", 200, _JSON),
    Endpoint("token_count", "POST", _TEXTS, "/oa/v1/internal/token-count", 200, _JSON),
    # docs/protocol/image.md#2-endpoints
    Endpoint("generate_image", "POST", _IMAGE, "/ai/generate-image", 200, _ZIP),
    Endpoint("generate_image_stream", "POST", _IMAGE, "/ai/generate-image-stream", 200, "application/msgpack"),
    Endpoint("augment_image", "POST", _IMAGE, "/ai/augment-image", 200, _ZIP),
    Endpoint("upscale", "POST", _IMAGE, "/ai/upscale", 200, _ZIP),
    Endpoint("encode_vibe", "POST", _IMAGE, "/ai/encode-vibe", 200, "application/binary"),
    Endpoint("suggest_tags", "GET", _IMAGE, "/ai/generate-image/suggest-tags", 200, _JSON, auth=False),
    Endpoint("annotate_image", "POST", _API, "/ai/annotate-image", 200, _ZIP),
    Endpoint("classify", "POST", _API, "/ai/classify", 201, _JSON),
)

ENDPOINTS: Final[Mapping[str, Endpoint]] = {row.name: row for row in _ROWS}
"""The table, by name."""


def endpoint(name: str) -> Endpoint:
    """Return the row with this name.

    Raises:
        InvalidRequestError: there is no such row.
    """
    try:
        return ENDPOINTS[name]
    except KeyError:
        raise unknown_choice(name, "endpoint", ENDPOINTS, parameter="name") from None


# docs/protocol/native.md#12-which-host-per-text-model: the text host has these, and the staging models, which are named
# by colours.
_TEXT_HOST_MODELS: Final = frozenset(
    ("kayra-v1", "llama-3-erato-v1", "blue", "red", "green", "purple", "pink", "yellow", "white", "black")
)


def host_of_model(model: str) -> Host:
    """Return the host that serves a native text model; the api host for an unknown model.

    See docs/protocol/native.md#12-which-host-per-text-model.
    """
    return Host.TEXT if model in _TEXT_HOST_MODELS else Host.API


def build(
    row: Endpoint, parameters: EndpointParameters = EndpointParameters(), headers: Headers = Headers()
) -> Request:
    """Return the request for an endpoint, relative and unsigned.

    Raises:
        InvalidRequestError: a path parameter is missing, unknown, empty, ``.``, ``..``, or another endpoint's name, or has
            a control character; or a parameter is not Unicode text.
    """
    if set(parameters.path) != set(row.names):
        raise InvalidRequestError(f"{row.name} takes {', '.join(row.names) or 'no path parameters'}")
    path = "".join("/" + _segment(row, part, parameters.path) for part in row.segments)
    try:
        query = "&".join(f"{_percent_encode(name)}={_percent_encode(value)}" for name, value in parameters.query)
        target = f"{path}?{query}" if query else path
    except UnicodeEncodeError:
        target = ""
    if not target:
        raise InvalidRequestError(f"{row.name}: the query is not Unicode text (a lone surrogate)")
    return Request(row.method, target, headers, parameters.body, row.host, login_only=row.login_only)


def _segment(row: Endpoint, part: str, values: Mapping[str, str]) -> str:
    if not part.startswith("{"):
        return part
    name = part[1:-1]
    value = values[name]
    if value in ("", ".", ".."):
        raise InvalidRequestError(f"{row.name}: {name} is {value!r}, which is no path segment")
    if _CONTROL.search(value):
        raise InvalidRequestError(f"{row.name}: {name} has a line end or another control character")
    if value in _collisions(row):
        raise InvalidRequestError(f"{row.name}: {name} {value!r} is the name of another endpoint")
    try:
        return _percent_encode(value)
    except UnicodeEncodeError:
        raise InvalidRequestError(f"{row.name}: {name} is not Unicode text (a lone surrogate)") from None


def _percent_encode(text: str) -> str:
    """Percent-encode all characters except the unreserved ones (RFC 3986 §2.3)."""
    return _ESCAPED.sub(lambda byte: b"%%%02X" % byte[0][0], text.encode()).decode("ascii")


_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_ESCAPED: Final = re.compile(rb"[^A-Za-z0-9._~-]")


def match(method: str, host: Host | None, target: str, body: bytes = b"") -> tuple[Endpoint, EndpointParameters] | None:
    """Return the endpoint of a request, and its parameters; None if there is no such endpoint.

    See:
        docs/protocol/native.md#171-general-behaviour
        docs/protocol/native.md#72-userdata-object

    Args:
        method: HTTP method.
        host: the role whose address received the request; None if the address serves all roles. Then the model in the
            body decides between two hosts that have the same path.
        target: path and query as received. A slash at the end is ignored.
        body: becomes part of the parameters.
    """
    from urllib.parse import parse_qsl, unquote  # for servers only: a client imports faster without it

    path, _, query = target.partition("?")
    if not path.startswith("/"):
        return None
    try:
        segments = tuple(unquote(part, errors="strict") for part in _SLASHES.sub("", path).split("/")[1:] or [""])
    except UnicodeDecodeError:
        return None
    rows = [
        row
        for row in _BY_METHOD.get((method.upper(), len(segments)), ())
        if host in (None, row.host)
        and all(part.startswith("{") or part == segment for part, segment in zip(row.segments, segments, strict=True))
    ]
    if not rows:
        return None
    most = max(_literalness(row) for row in rows)
    rows = [row for row in rows if _literalness(row) == most]
    row = rows[0] if len(rows) == 1 else _by_model(rows, body)
    values = {part[1:-1]: got for part, got in zip(row.segments, segments, strict=True) if part.startswith("{")}
    pairs = tuple(parse_qsl(query, keep_blank_values=True)) if query else ()
    return row, EndpointParameters(values, pairs, body)


_SLASHES: Final = re.compile(r"(?<=.)/+\Z")


class _Model(msgspec.Struct):
    model: str = ""


def _by_model(rows: list[Endpoint], body: bytes) -> Endpoint:
    try:
        model = msgspec.json.decode(replace_lone_escapes(body), type=_Model).model
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        model = ""
    host = host_of_model(model)
    return next((row for row in rows if row.host is host), rows[0])


def _literalness(row: Endpoint) -> tuple[bool, ...]:
    return tuple(not part.startswith("{") for part in row.segments)


_BY_METHOD: Final[dict[tuple[str, int], list[Endpoint]]] = {}
for _row in _ROWS:
    _BY_METHOD.setdefault((_row.method, len(_row.segments)), []).append(_row)


@cache
def _collisions(row: Endpoint) -> frozenset[str]:
    """Return the parameter values that would make the path another row's, of the same method."""
    collisions: set[str] = set()
    for other in _BY_METHOD[row.method, len(row.segments)]:
        pairs = [*zip(row.segments, other.segments, strict=True)]
        if other is not row and all(mine == theirs or "{" in (mine[:1], theirs[:1]) for mine, theirs in pairs):
            collisions.update(theirs for mine, theirs in pairs if mine[:1] == "{" != theirs[:1])
    return frozenset(collisions)
