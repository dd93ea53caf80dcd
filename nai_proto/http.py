"""One request and the head of its answer, as values.

Requests are relative and unsigned until a session signs them (`exchange.session`): what an operation holds has no host
and no token, so it can be logged, pickled and compared.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from .limits import Limits
from .secret import AccessToken, PersistentToken

__all__ = ["NO_HEADERS", "Head", "Headers", "Host", "Request"]


class Host(enum.Enum):
    """The four roles of the service's three hosts (native §1.1); a session says where each of them is."""

    ACCOUNT = "account"
    TEXT = "text"
    IMAGE = "image"
    API = "api"


class Headers(tuple[tuple[str, str], ...]):
    """Header fields in the order they came; names in any case. Values stay out of the repr: they may be secret."""

    __slots__ = ()

    @classmethod
    def of(cls, **fields: str) -> Headers:
        """``Headers.of(content_type="text/plain")`` is the field ``content-type``."""
        return cls((name.replace("_", "-"), value) for name, value in fields.items())

    def get_all(self, name: str) -> list[str]:
        """The values of all fields with this name."""
        name = name.lower()
        return [value for key, value in self if key.lower() == name]

    def get(self, name: str) -> str | None:
        """The first value of the field with this name, or None."""
        name = name.lower()
        return next((value for key, value in self if key.lower() == name), None)

    def without(self, *names: str) -> Headers:
        """These fields but for the named ones."""
        gone = {name.lower() for name in names}
        return Headers(pair for pair in self if pair[0].lower() not in gone)

    def adding(self, fields: Iterable[tuple[str, str]]) -> Headers:
        """These fields and those of ``fields`` whose names they do not have yet."""
        mine = {name.lower() for name, _ in self}
        new = [field for field in fields if field[0].lower() not in mine]
        return Headers([*self, *new]) if new else self

    def __repr__(self) -> str:
        return f"Headers({', '.join(name for name, _ in self)})"


NO_HEADERS: Final = Headers()


@dataclass(frozen=True, slots=True)
class Request:
    """A request, from an operation's relative one to the signed one that a transport sends."""

    method: str
    target: str = field(repr=False)
    "Path and query, percent-encoded. Kept out of the repr: some endpoints take a prompt in the query."
    headers: Headers = NO_HEADERS
    body: bytes = field(default=b"", repr=False)
    host: Host | None = None
    "Which role answers it. On the server's side whose address got it; None at one that is for all of them."
    token: AccessToken | PersistentToken | None = None
    base: str = ""
    "``scheme://authority``; empty until signed."
    login_only: bool = False
    "Does its endpoint refuse persistent tokens (native §2.1)? A session then does not sign it with one."

    @property
    def path(self) -> str:
        """The target without its query, safe to show."""
        return self.target.partition("?")[0]

    @property
    def scheme(self) -> str:
        """``http`` or ``https``; empty until signed."""
        return self.base.partition("://")[0]

    @property
    def authority(self) -> str:
        """``host`` or ``host:port`` as the Host field has it; empty until signed."""
        return self.base.partition("://")[2]

    @property
    def url(self) -> str:
        """The absolute URL with its query."""
        return self.base + self.target

    def fields(self) -> list[tuple[str, str]]:
        """All header fields but for the body's length, with the token revealed: for the wire, and only there."""
        fields: list[tuple[str, str]] = [("Host", self.authority)] if self.base else []
        if self.token is not None:
            fields.append(("Authorization", f"Bearer {self.token.reveal()}"))
        return [*fields, *self.headers]

    def adding(self, fields: Iterable[tuple[str, str]]) -> Request:
        """This request with those fields that it does not have yet: what it says itself wins."""
        return replace(self, headers=self.headers.adding(fields))


@dataclass(frozen=True, slots=True)
class Head:
    """Status and header fields of an answer."""

    status: int
    headers: Headers = NO_HEADERS
    url: str = field(default="", compare=False)
    "What was asked, absolute and without query, as the driver knows it."
    limits: Limits | None = field(default=None, compare=False)
    "Within what the rest is to be read, as the driver's session says; None means the defaults."

    @property
    def content_type(self) -> str:
        """The media type in lower case without parameters; empty when the field is missing."""
        return (self.headers.get("content-type") or "").partition(";")[0].strip().lower()
