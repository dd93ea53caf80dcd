"""What a person is told of an error: what failed, and what to do next.

The errors of the library speak to programs: they name operations, parameters and statuses. Here each that a person can meet
has a sentence about the account, the network or the address.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from nai_proto.codecs.json import HTML_PAGE
from nai_proto.errors import (
    AuthenticationError,
    ConcurrentGenerationError,
    InvalidRequestError,
    MissingExtra,
    NaiError,
    NotFoundError,
    PaymentRequiredError,
    PermissionDeniedError,
    RateLimitError,
    RejectedRequestError,
    RemoteProtocolError,
    RequestTimeoutError,
    ServerError,
    StatusError,
    StreamError,
    TimedOut,
    TransportError,
    Truncated,
    UnknownChoiceError,
    UnknownNameError,
)
from nai_proto.exchange.connection_setup import NO_TLS

from ...installer import explain_install
from .output import format_duration
from .usage_messages import explain_choice

__all__ = [
    "ServiceAddress",
    "advise_on_address",
    "explain",
    "is_gateway_page",
    "is_of_proxy",
    "is_refused_login",
    "name_other_scheme",
]

_LOGIN_PATH: Final = "/user/login"
_GATEWAY_STATUSES: Final = frozenset({502, 503, 504, *range(520, 531)})
"Those of a gateway that cannot reach the service; from 520 on, Cloudflare's own."
_HTML: Final = re.compile(rb"\s*(?:\xef\xbb\xbf)?<(?:!doctype\s+html|html|head|title)\b", re.IGNORECASE)
_METHOD_NOT_ALLOWED: Final = 405
_NOT_IMPLEMENTED: Final = 501
_SCHEME: Final = re.compile(r"its address begins with (https?://)")
_PLAIN_TO_TLS: Final = re.compile(rb"HTTP request (?:was sent )?to (?:an )?HTTPS (?:port|server)", re.IGNORECASE)
"What nginx, Apache and Go's servers say on a port for TLS."
_EMULATOR_NEED: Final = re.compile(
    r"this emulator has no tokenizer of (?P<model>\S+), and (?P<parameter>\S+) holds token ids"
)
_NOT_RECORDED: Final = "the recording has no such request"
"What `nai replay` answers."
_NO_TOKENIZER: Final = "no tokenizer file is in"
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_FIRST_FREE_PORT: Final = 1024
"Only the administrator may listen on lower ones."


@dataclass(frozen=True, slots=True)
class ServiceAddress:
    """The address of the service, if it is not NovelAI's own."""

    url: str
    source: str
    "Where it is from: an option, a variable or a profile."


def is_gateway_page(error: NaiError) -> bool:
    """Return whether a gateway answered in place of the service, such as Cloudflare with a page for browsers."""
    if not isinstance(error, StatusError):
        return False
    is_page = _HTML.match(error.body) is not None
    return is_page or (error.status in _GATEWAY_STATUSES and not error.body.lstrip().startswith(b"{"))


def name_other_scheme(message: str, url: str) -> str:
    """Return a message about the wrong scheme with the address to write.

    Args:
        message: of an error.
        url: that is wrong.
    """
    authority = urlsplit(url).netloc
    return _SCHEME.sub(lambda scheme: f"write {scheme[1]}{authority}", message)


def is_of_proxy(error: TransportError) -> bool:
    """Return whether the proxy failed, and not the service."""
    return "the proxy" in str(error)


def is_refused_login(error: AuthenticationError) -> bool:
    """Return whether e-mail and password were refused, and not a token."""
    return error.url.endswith(_LOGIN_PATH)


def explain(error: NaiError, address: ServiceAddress | None = None) -> str:
    """Return a message for the person at the command line.

    Args:
        error: ended the command.
        address: of the service; None if it is NovelAI's own.
    """
    if isinstance(error, StatusError) and address is not None and _PLAIN_TO_TLS.search(error.body):
        message = "what answers there speaks TLS: its address begins with https://"
        return f"{name_other_scheme(message, address.url)}.{_name_address(address)}"
    if isinstance(error, NotFoundError) and address is not None and is_gateway_page(error):
        return f"the server has no such path ({error.method} {error.url}).{_name_address(address)}"
    if is_gateway_page(error):
        return _explain_gateway(error, address)
    for type_, write in _MESSAGES:
        if isinstance(error, type_):
            return write(error, address)
    return error.plain_message


def advise_on_address(problem: str, address: ServiceAddress) -> str:
    """Return a sentence that says where an address is from that does not answer, and what to do.

    Args:
        problem: why it does not answer, in words.
        address: of the service.
    """
    return _name_address(address, is_down=problem.endswith(os.strerror(errno.ECONNREFUSED))).lstrip()


# ---- of the service


def _explain_gateway(error: NaiError, address: ServiceAddress | None) -> str:
    assert isinstance(error, StatusError)
    answer = _quote(error)
    if address is not None and error.status in (_METHOD_NOT_ALLOWED, _NOT_IMPLEMENTED):
        return f"what answers there is not NovelAI's service ({answer}).{_name_address(address)}"
    if "maintenance" in error.message.lower():
        return f"the service is under maintenance ({answer}): try again later"
    if error.status in (401, 403, 429):
        return (
            f"the gateway in front of the service refuses the connection ({answer}): wait a while, and try another "
            "network or no VPN"
        )
    return (
        f"a gateway answers in place of the service ({answer}), which is down or overloaded: try again in a few minutes; "
        f"nai health shows which hosts answer.{_name_address(address)}".rstrip(".")
    )


def _quote(error: StatusError) -> str:
    """Return the status and the title of the gateway's page, which often begins with the status."""
    title = error.message.removeprefix(HTML_PAGE).removeprefix(": ").removeprefix(f"{error.status} ")
    return f"{error.status} {title}".rstrip()


def _explain_authentication(error: AuthenticationError, _: ServiceAddress | None) -> str:
    if is_refused_login(error):
        return "no account has this e-mail and password: check both, and capital letters in the e-mail"
    if "persistent" in error.message.lower():
        return "this takes the token of a login, and no persistent token: give --email, and a password"
    return f"the service does not accept the token ({error.status} {error.message})"


def _explain_payment(error: PaymentRequiredError, _: ServiceAddress | None) -> str:
    said = error.message.lower()
    if "anlas" in said:
        return f"the account has too few Anlas ({error.message}): nai subscription shows how many it has"
    if "eligible" in said:
        return f"the account's tier does not have this model ({error.message}): nai models lists those that it has"
    if "subscription" in said:
        return f"the account has no subscription that allows this ({error.message}): nai subscription shows its plan"
    return f"the account cannot pay for this ({error.message}): nai subscription shows its plan and its Anlas"


def _explain_permission(error: PermissionDeniedError, _: ServiceAddress | None) -> str:
    return f"the account may not do this (403 {error.message}): nai subscription shows its plan"


def _explain_lock(_: ConcurrentGenerationError, __: ServiceAddress | None) -> str:
    return "another generation is running on this account, which allows one at a time: try again when it has ended"


def _explain_rate_limit(error: RateLimitError, _: ServiceAddress | None) -> str:
    wait = "a minute" if error.retry_after is None else format_duration(error.retry_after)
    said = "" if error.message.casefold() == "too many requests" else f" ({error.message})"
    return f"too many requests{said}: try again in {wait}"


def _explain_rejection(error: RejectedRequestError, _: ServiceAddress | None) -> str:
    return f"the service refuses the request ({error.status} {error.message})"


def _explain_missing(error: NotFoundError, _: ServiceAddress | None) -> str:
    if error.message.startswith(_NOT_RECORDED):  # it names the request
        return error.message
    return f"the service has no such object or path (404 {error.message}; {error.method} {error.url})"


def _explain_server(error: ServerError | RequestTimeoutError, address: ServiceAddress | None) -> str:
    if "maintenance" in error.message.lower():
        return _explain_gateway(error, address)
    if (need := _EMULATOR_NEED.search(error.message)) is not None:
        return (
            f"the emulator has no tokenizer file of {need['model']}, and cannot read the token ids in {need['parameter']} "
            f"of this request without it. To get the file, type: nai tokens encode test --model {need['model']}; then start "
            "the emulator again"
        )
    if error.status == _NOT_IMPLEMENTED:
        return f"the service cannot do this ({error.status} {error.message})"
    quoted = f"; when it lasts, quote {error.request_id} to NovelAI's support" if error.request_id else ""
    return f"the service failed ({error.status} {error.message}): try again later{quoted}"


def _explain_status(error: StatusError, _: ServiceAddress | None) -> str:
    return f"the service answers {error.status} {error.message} ({error.method} {error.url})"


def _explain_stream(error: StreamError, _: ServiceAddress | None) -> str:
    status = "" if error.status is None else f" ({error.status})"
    return f"the service ended the response with an error{status}: {error.message}"


# ---- of the network


def _explain_transport(error: TransportError, address: ServiceAddress | None) -> str:
    message = str(error)
    if is_of_proxy(error) or _NO_TOKENIZER in message:  # the proxy is named in a note, and the other says what to do
        return message
    if address is not None and (error.phase == "idle" or not _is_named(address, message)):
        address = None  # it has answered, or another one has not
        if not isinstance(error, TimedOut):
            return message
    if isinstance(error, TimedOut):
        return f"{message}: --timeout SECONDS waits longer.{_name_address(address)}"
    if address is not None:
        message = name_other_scheme(message, address.url)
        return f"{message}. {advise_on_address(message, address)}"
    if message.endswith(NO_TLS):
        return f"{message}: a firewall in between may answer for the service; nai doctor checks each of its hosts"
    return f"{message}: is this machine online? nai health asks each of the service's hosts"


def _explain_protocol(error: RemoteProtocolError, address: ServiceAddress | None) -> str:
    if isinstance(error, Truncated) and error.plain_message.startswith("the connection closed"):
        return "the connection was lost before the response was complete: trying again makes a new request"
    received = f": it sent {error.excerpt!r}" if error.excerpt else ""
    message = f"{error.plain_message}{received}"
    if address is None or isinstance(error, Truncated):
        return message
    return f"{name_other_scheme(message, address.url)}.{_name_address(address)}"


def _is_named(address: ServiceAddress, message: str) -> bool:
    """Return whether a message names the host and the port of the address."""
    parts = urlsplit(address.url)
    return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}" in message


def _name_address(address: ServiceAddress | None, *, is_down: bool = False) -> str:
    """Return a sentence that says where the address is from, and what to check."""
    if address is None:
        return ""
    parts = urlsplit(address.url)
    check = "is it right?"
    if is_down and parts.hostname in _LOOPBACK:
        check = "nai emulate starts an emulator, and prints its address"
        if (parts.port or 0) >= _FIRST_FREE_PORT:
            check = f"nai emulate --port {parts.port} starts an emulator there"
    return f" The address {address.url} is from {address.source}: {check}"


def _explain_missing_extra(error: MissingExtra, _: ServiceAddress | None) -> str:
    return f"{error.plain_message}: {explain_install(error.extra)}"


def _explain_request(error: InvalidRequestError, address: ServiceAddress | None) -> str:
    if isinstance(error, UnknownChoiceError):
        return explain_choice(error)
    if isinstance(error, UnknownNameError) and error.advice is not None:  # nothing resembles the name
        return f"{error.plain_message}; nai story list lists all"
    if error.parameter == "base_url" and address is not None:
        return error.plain_message.replace("base_url", address.source, 1)
    return error.plain_message


_MESSAGES: Final[tuple[tuple[type[NaiError], Callable[..., str]], ...]] = (
    (MissingExtra, _explain_missing_extra),
    (RejectedRequestError, _explain_rejection),
    (InvalidRequestError, _explain_request),
    (AuthenticationError, _explain_authentication),
    (PaymentRequiredError, _explain_payment),
    (PermissionDeniedError, _explain_permission),
    (ConcurrentGenerationError, _explain_lock),
    (RateLimitError, _explain_rate_limit),
    (NotFoundError, _explain_missing),
    (ServerError, _explain_server),
    (RequestTimeoutError, _explain_server),
    (StatusError, _explain_status),
    (StreamError, _explain_stream),
    (TransportError, _explain_transport),
    (RemoteProtocolError, _explain_protocol),
)
"The first row that fits an error writes its message."
