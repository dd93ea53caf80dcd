"""What may be shown of an exchange, in events and recordings: a list of header fields, and the forms that secrets have.

Every field that is not in the list is hidden: a list of secret fields would forget one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from .messages import Headers

__all__ = ["HIDDEN", "PUBLIC_FIELDS", "SECRET_FORMS", "hide_secret_fields", "hide_secrets"]

PUBLIC_FIELDS: Final = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "access-control-allow-headers",
        "access-control-allow-methods",
        "access-control-allow-origin",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "expect",
        "host",
        "keep-alive",
        "retry-after",
        "server",
        "transfer-encoding",
        "user-agent",
        "vary",
        "x-correlation-id",
        "x-request-id",
    }
)
"""Names of header fields whose values are shown, in lower case."""

SECRET_FORMS: Final = re.compile(
    rb"pst-[\w-]+"
    rb"|(?:(?<![\w-])|(?<=%20))eyJ[\w-]++\.[\w-]*+(?:\.[\w-]*+)?"
    rb"|(?<![\w.+-])[\w.+-]++(?:@|%40)[\w-]++(?:\.[\w-]++)+"
    rb"|\A[\w-]{64}\Z",
    re.ASCII,
)
"""What is secret anywhere: persistent tokens, JWTs, e-mails, and texts with the length of an access key or a hash."""

HIDDEN: Final = "[hidden]"
"""Stands for what is not shown."""


def hide_secret_fields(fields: Iterable[tuple[str, str]]) -> Headers:
    """Return header fields with `HIDDEN` for each value that may be secret."""
    return Headers((name, hide_secrets(value) if name.lower() in PUBLIC_FIELDS else HIDDEN) for name, value in fields)


def hide_secrets(text: str) -> str:
    """Return a text with `HIDDEN` for what has the form of a secret."""
    shown = SECRET_FORMS.sub(HIDDEN.encode(), text.encode("utf-8", "surrogatepass"))
    return shown.decode("utf-8", "surrogatepass")
