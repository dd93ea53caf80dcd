"""A request as the emulator's handlers see it: its endpoint, parameters, account and host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

import msgspec

from ...codecs.json import find_problem
from ...codecs.lone_surrogates import replace_lone_escapes
from ...exchange.endpoints import Endpoint, EndpointParameters
from ...exchange.reply import Handler
from ...http import Headers
from ..accounts.account import Account
from ..errors import Refused
from ..replies.scripted_reply import Answer, ScriptedReply
from .host_profiles import ALL_HOSTS, HostProfile

__all__ = ["EndpointHandler", "RequestContext"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RequestContext:
    """A request that has been matched to an endpoint and, where that requires it, to an account."""

    endpoint: Endpoint
    parameters: EndpointParameters
    account: Account | None
    now: float
    "When it came, in seconds since 1970."
    persistent: bool = False
    "Did it carry a persistent token?"
    host_profile: HostProfile = ALL_HOSTS
    "The host that it was sent to."
    headers: Headers = field(default=Headers(), repr=False)
    "The request's header fields, such as ``Accept`` and ``Content-Type``."
    find_reply: Callable[..., ScriptedReply | None] | None = None
    "`ReplyList.use` with the request's facts; None if there is no scripted reply."

    def use_reply(self, *answers: Answer) -> ScriptedReply | None:
        """Return the scripted reply to the request if it consists of one of these answers, and count it as used."""
        return None if self.find_reply is None else self.find_reply(*answers)

    @property
    def owner(self) -> Account:
        """The account; only for endpoints that require a token."""
        assert self.account is not None
        return self.account

    def body(self, type: type[T], *, lax: bool = False) -> T:  # noqa: A002
        """Return the body, decoded from JSON; no body is an empty object.

        See docs/protocol/native.md#61-request-schemas.

        Args:
            type: of the result.
            lax: accept ``"3"`` for ``3``, as some clients send it.

        Raises:
            Refused: 400, the body does not have this type.
        """
        body = replace_lone_escapes(self.parameters.body) or b"{}"
        try:
            return msgspec.json.decode(body, type=type, strict=not lax)
        except (ValueError, RecursionError):
            pass  # explained below
        raise Refused(400, f"Validation error: {find_problem(body, type, strict=not lax)}")


EndpointHandler: TypeAlias = Callable[[RequestContext], Handler]
