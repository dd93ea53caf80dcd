"""HTTP/1.1 without I/O: requests and heads as values (`messages`), and a connection as bytes in, events out (`wire`).

`first_bytes` recognises a peer that does not speak HTTP, `heads` checks and formats heads, `body_framing` frames bodies,
`wire_states` has the tables of the wire's transitions.
"""

from .messages import NO_HEADERS, Head, Headers, Host, Request

__all__ = ["NO_HEADERS", "Head", "Headers", "Host", "Request"]
