"""A request as the emulator's handlers see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

import msgspec

from ...codecs.json import find_problem
from ...exchange.endpoints import Endpoint, EndpointParameters
from ...exchange.reply import Handler
from ...http import Headers
from ..accounts.account import Account
from ..errors import Refused
from .host_profiles import ALL_HOSTS, HostProfile

__all__ = ["EndpointHandler", "RequestContext"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What is asked, and by whom."""

    endpoint: Endpoint
    parameters: EndpointParameters
    account: Account | None
    persistent: bool = False
    "Was it signed with a persistent token?"
    host_profile: HostProfile = ALL_HOSTS
    "Where it was asked."
    headers: Headers = field(default=Headers(), repr=False)
    "What else was said of the request: which answer it accepts, what form its body has."

    @property
    def owner(self) -> Account:
        """The account, on endpoints that want a token."""
        assert self.account is not None
        return self.account

    def body(self, type: type[T], *, lax: bool = False) -> T:  # noqa: A002
        """The body as a value of the type; whatever else it is, is 400. No body is an empty object.

        See docs/protocol/native.md#61-request-schemas.

        Args:
            type: of the body.
            lax: take ``"3"`` for ``3``, as some clients send it.
        """
        body = self.parameters.body or b"{}"
        try:
            return msgspec.json.decode(body, type=type, strict=not lax)
        except (ValueError, RecursionError):
            pass  # and explain below
        raise Refused(400, f"Validation error: {find_problem(body, type, strict=not lax)}")


EndpointHandler: TypeAlias = Callable[[RequestContext], Handler]
