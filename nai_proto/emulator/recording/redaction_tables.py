"""The tables of redaction: which header fields and JSON keys have secret values, and which values may be shown.

Lists are never complete. So everything that is not in a list of what may be shown is private.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = [
    "HARMLESS",
    "MAPS",
    "MESSAGE_KEYS",
    "NAMES_IN_MAPS",
    "PATTERNS",
    "PLAIN_HEADERS",
    "PLAIN_KEYS",
    "SECRET_HEADERS",
    "SECRET_KEYS",
]

PLAIN_HEADERS: Final = frozenset(
    b"accept accept-encoding accept-language access-control-allow-headers access-control-allow-methods "
    b"access-control-allow-origin cache-control connection content-encoding content-length content-type date expect host "
    b"keep-alive retry-after server transfer-encoding user-agent vary x-correlation-id x-request-id".split()
)
"""Header fields whose values are shown."""

SECRET_HEADERS: Final = frozenset(
    b"api-key authorization cookie proxy-authorization set-cookie x-api-key x-auth-token".split()
)
"""Header fields whose values are secrets, which are removed elsewhere too. All other fields are hidden as well."""

SECRET_KEYS: Final = frozenset(
    b"key accessToken idToken currentAccessKey newAccessKey persistentToken recoveryToken verificationToken "
    b"deletionToken recaptcha recapcha password email emailCleartext newEmail plaintextEmail giftkey giftKey giftKeys "
    b"subscriptionId externalOsanoId".split()
)
"""Keys whose texts are secret even where contents are kept. Persistent tokens are recognised by their form.

See docs/protocol/native.md#6-account-endpoints-user.
"""

PLAIN_KEYS: Final = frozenset(
    b"model id meta type types object role finish_reason owned_by event status statusCode code param "
    b"banStatus paymentProcessor order prefix preset phrase_rep_pen reasoning_effort jurisdiction voice version lang "
    b"fault shape endpoint method text_offset token_logprobs".split()
)
"""Keys whose texts are names of kinds. They are shown if they match `HARMLESS`."""

MESSAGE_KEYS: Final = frozenset(b"message error".split())
"""Keys of a response whose texts are error messages. They are shown, without what they quote from the request."""

MAPS: Final = frozenset(b"top_logprobs logit_bias".split())
"""Keys of objects whose own keys are texts or token ids.

See docs/protocol/openai.md#3-completions.
"""
NAMES_IN_MAPS: Final = frozenset(b"token logprob bytes".split())

HARMLESS: Final = re.compile(rb" ?[\w.:/+-]{0,48}", re.ASCII)
"""A word, a name or an id, but no prose."""

PATTERNS: Final = re.compile(
    rb"pst-[\w-]+"
    rb"|(?:(?<![\w-])|(?<=%20))eyJ[\w-]++\.[\w-]*+(?:\.[\w-]*+)?"
    rb"|(?<![\w.+-])[\w.+-]++(?:@|%40)[\w-]++(?:\.[\w-]++)+"
    rb"|\A[\w-]{64}\Z",
    re.ASCII,
)
"""What is secret anywhere: persistent tokens, JWTs, e-mails, and texts with the length of an access key or a hash."""
