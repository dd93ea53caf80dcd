"""One request and the head of its response, as values.

Requests are relative and unsigned until a session signs them (`exchange.session`): an operation's request has no host and no
token, so that it can be logged, pickled and compared.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, cast

from ..errors import InvalidRequestError, InvalidTypeError
from ..secret import AccessToken, PersistentToken

__all__ = ["NO_HEADERS", "Head", "Headers", "Host", "Request", "is_target"]


class Host(enum.Enum):
    """The four roles of the service's three hosts; a session has an address for each role.

    See docs/protocol/native.md#11-host-migration-important.
    """

    ACCOUNT = "account"
    TEXT = "text"
    IMAGE = "image"
    API = "api"


class Headers(tuple[tuple[str, str], ...]):
    """Header fields in their order; names in any case. The repr has no values, which may be secret."""

    __slots__ = ()

    @classmethod
    def of(cls, **fields: str) -> Headers:
        """Return fields from keyword arguments: ``content_type="text/plain"`` is the field ``content-type``."""
        return cls((name.replace("_", "-"), value) for name, value in fields.items())

    @classmethod
    def parse(cls, fields: Mapping[str, str] | Iterable[tuple[str, str]]) -> Headers:
        """Return the fields of a mapping or of (name, value) pairs.

        Raises:
            InvalidTypeError: ``fields`` is neither, or a name or a value is not a str.
        """
        items: object = cast("Mapping[str, str]", fields).items() if isinstance(fields, Mapping) else fields
        if not isinstance(items, str | bytes) and hasattr(items, "__iter__"):
            pairs = [*cast("Iterable[object]", items)]
            if all(map(_is_field, pairs)):
                return cls(cast("list[tuple[str, str]]", pairs))
        raise InvalidTypeError("headers takes a mapping of names to values, or pairs of them", parameter="headers")

    def get_all(self, name: str) -> list[str]:
        """Return the values of all fields with this name."""
        name = name.lower()
        return [value for key, value in self if key.lower() == name]

    def get(self, name: str) -> str | None:
        """Return the first value of the field with this name, or None."""
        name = name.lower()
        for key, value in self:
            if key.lower() == name:
                return value
        return None

    def without(self, *names: str) -> Headers:
        """Return these fields without the named ones."""
        gone = {name.lower() for name in names}
        return Headers(pair for pair in self if pair[0].lower() not in gone)

    def adding(self, fields: Iterable[tuple[str, str]]) -> Headers:
        """Return these fields, and those of ``fields`` whose names are new."""
        mine = {name.lower() for name, _ in self}
        new = [field for field in fields if field[0].lower() not in mine]
        return Headers([*self, *new]) if new else self

    def __repr__(self) -> str:
        return f"Headers({', '.join(name for name, _ in self)})"


def _is_field(pair: object) -> bool:
    parts = cast("tuple[object, ...]", pair) if isinstance(pair, tuple | list) else ()
    return len(parts) == 2 and all(isinstance(part, str) for part in parts)


NO_HEADERS: Final = Headers()
"""No header fields."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request, from an operation's relative one to the signed one that a transport sends."""

    method: str
    target: str = field(repr=False)
    "Path and query, percent-encoded. Not in the repr: some endpoints take a prompt in the query."
    headers: Headers = NO_HEADERS
    body: bytes = field(default=b"", repr=False)
    host: Host | None = None
    "The role that the request is for. On a server: the role whose address received it; None if all roles share it."
    token: AccessToken | PersistentToken | None = None
    base: str = ""
    "``scheme://authority``; empty until signed."
    login_only: bool = False
    """Does the endpoint refuse persistent tokens? Then a session does not sign the request with one.

    See docs/protocol/native.md#21-tokens.
    """

    def __repr__(self) -> str:
        return f"Request({self.method} {self.base}{self.path}, {self.headers!r}, body={len(self.body)} bytes)"

    @property
    def path(self) -> str:
        """The target without its query, which is safe to show."""
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

    def check_target(self) -> None:
        """Raise InvalidRequestError unless the target is a path and query, so that it cannot name another host.

        See docs/connections.md#targets.
        """
        if not is_target(self.target):
            raise InvalidRequestError(
                "a request's target is a path with at most one query: it begins with one '/', is printable ASCII without "
                "blanks, '#' and, in its path, '\\', '.' and '..' segments and control characters; percent-encode the rest",
                parameter="target",
            )

    def fields(self) -> list[tuple[str, str]]:
        """Return all header fields except Content-Length, with the token revealed: only to be sent.

        An Authorization field replaces the token.
        """
        fields: list[tuple[str, str]] = [("Host", self.authority)] if self.base else []
        if self.token is not None and self.headers.get("authorization") is None:
            fields.append(("Authorization", f"Bearer {self.token.reveal()}"))
        return [*fields, *self.headers]

    def adding(self, fields: Iterable[tuple[str, str]]) -> Request:
        """Return this request, and those of ``fields`` whose names are new in it."""
        return replace(self, headers=self.headers.adding(fields))


# Programs disagree on what is refused here: "//host" and "/\\host" are addresses to some, others resolve "..", drop "#…", or
# decode an encoded line end. A text in a query may have lines.
_TARGET: Final = re.compile(
    r"(?!//)"
    r"(?:/(?!(?:\.|%2[Ee]){1,2}(?:[/?]|\Z))(?:%(?![01]|7[Ff])|[!\"$&-.0->@-\[\]-~])*)+"  # segments
    r"(?:\?[!\"$-~]*)?"
)


def is_target(text: str) -> bool:
    """Return whether a text is the target of a request: a path, and perhaps a query."""
    return _TARGET.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Head:
    """Status and header fields of a response."""

    status: int
    headers: Headers = NO_HEADERS

    @property
    def content_type(self) -> str:
        """The media type, in lower case and without parameters; empty if the field is missing."""
        return (self.headers.get("content-type") or "").partition(";")[0].strip().lower()
