"""Bounds for the sizes of what is received, and for the time to wait."""

from __future__ import annotations

from dataclasses import dataclass, fields

from .errors import InvalidRequestError, InvalidTypeError

__all__ = ["Limits", "ServerTimeouts", "Timeouts", "repr_changed"]


def repr_changed(self: object) -> str:
    """Return the repr of a dataclass without the fields that have their default values."""
    values = ((each.name, getattr(self, each.name), each.default) for each in fields(self))  # type: ignore[arg-type]
    changed = ", ".join(f"{name}={value!r}" for name, value, default in values if value != default)
    return f"{type(self).__name__}({changed})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Upper bounds, in bytes unless another unit is named. Incomplete data counts too, so that nothing grows unnoticed."""

    head: int = 65_536
    "Status line and header fields together, or all trailer fields. Common servers allow 8 to 64 KiB."
    chunk_line: int = 16_384
    "A chunk's size line with its extensions. A size needs 16 characters; the rest is for extensions that proxies add."
    line: int = 1_048_576
    """One line of an event stream. An event with 30 logprobs before and after has about 4 kB.

    See docs/protocol/sse.md#3-hazards.
    """
    event: int = 4_194_304
    "All data lines of one event together. The largest event seen is an image, of about 2 MB."
    frame: int = 16_777_216
    """One frame of an image stream. An image of 3 MP that does not compress has 12.6 MB.

    See docs/protocol/image.md#71-msgpack-stream-msgpack.
    """
    body: int = 268_435_456
    """A body that is kept whole, or a stream of text or of a chat, whose events are kept. The list of a library with
    thousands of stories has more than 100 MB."""
    error_body: int = 16_384
    "How much is kept of the body of an error response. The rest is dropped without an error: the status counts."
    unpacked: int = 67_108_864
    "One stored object after inflating. A novel of a million words has 6 MB; the rest is for its history."
    unpacked_ratio: int = 200
    "Bytes inflated per stored byte, beyond the first MiB. Prose has 3, lists of numbers 20, a bomb up to 1032."
    archive: int = 268_435_456
    "All members of a ZIP after inflating. Eight images of 3 MP that do not compress have 101 MB."
    archive_members: int = 64
    """Members of a ZIP. The service sends at most eight images in one response.

    See docs/protocol/image.md#12-notes-for-an-emulator.
    """
    pixels: int = 16_777_216
    """Pixels of one image. The service's largest image is one of 3 MP at twice its size: 12.6 MP.

    See docs/protocol/image.md#24-post-aiupscale.
    """
    picture_text: int = 16_777_216
    """Text in one image after inflating: that of all chunks of a PNG together, and each other one by itself. It may contain
    vibes: 65 kB each, or whole images before V4.

    See docs/protocol/image.md#81-png-text.
    """
    json_depth: int = 128
    "Levels of nesting in JSON. The service's own responses stay below 20, people's stories below 64."
    document_depth: int = 64
    """Levels of nesting in a story document, including wrappers. Known documents have 16.

    See docs/protocol/content.md#7-the-document-field.
    """
    document_values: int = 4_000_000
    "Values in a story document, including nested ones. A novel of a million words with its history has about a million."
    filled_text: int = 16_777_216
    "Characters that answers put into one text in place of its placeholders. Answers are names, or a few lines."
    regex: int = 8_192
    "Characters of a lorebook key or a regular expression. Most have less than 100, lists of names have thousands."
    regex_depth: int = 64
    "Levels of groups in a regular expression. People write up to five."
    regex_steps: int = 500_000
    "Steps of one search with a regular expression, about 0.3 µs each. A usual key takes a few for each character."
    lore_steps: int = 10_000_000
    """Steps of all searches for keys of a lorebook in one context together, plain keys, cascades and conditions included. A
    thousand entries with usual keys take 100,000."""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value: object = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool):
                raise InvalidTypeError(f"{name} takes a whole number, not {value!r}", parameter=name)
            if value < 0:
                raise InvalidRequestError(f"{name} is {value}; it takes 0 or more", parameter=name)

    __repr__ = repr_changed


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Seconds:
    """The base of both kinds of timeouts: each field is seconds, or None for no limit."""

    __repr__ = repr_changed

    def __post_init__(self) -> None:
        for name in (each.name for each in fields(self)):
            value: object = getattr(self, name)
            if value is None:
                continue
            if not isinstance(value, int | float) or isinstance(value, bool):
                raise InvalidTypeError(f"{name} takes seconds, or None for no limit, not {value!r}", parameter=name)
            if not value >= 0:
                raise InvalidRequestError(
                    f"{name} is {value}; it takes 0 or more seconds, or None for no limit", parameter=name
                )


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Timeouts(_Seconds):
    """Seconds to wait, per phase; None waits without a limit.

    Each wait has the limit of its phase, or the rest of ``total`` if that is less. A wait has one deadline, which nothing
    that the peer sends meanwhile extends: docs/connections.md#time.
    """

    pool: float | None = 30.0
    "For a free connection, while as many are open as the client's pool allows."
    connect: float | None = 10.0
    "To connect: name look-up, the proxy and its tunnel, and the TLS handshake together."
    write: float | None = 30.0
    "To send each piece of the request, of at most 64 KiB."
    read: float | None = 180.0
    """From the end of the request to the end of the response's head, with all interim responses. A generation that is not
    streamed sends nothing until it is complete."""
    idle: float | None = 60.0
    """From one piece of the body to the next, or to its end. Streams sometimes stop without being closed.

    See docs/protocol/native.md#43-concurrency-timeouts-retry.
    """
    total: float | None = None
    """For one run or stream with all its requests, retries, pauses and computations; the caller's own work between events
    does not count."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ServerTimeouts(_Seconds):
    """Seconds that a server waits for a client, per phase; None waits without a limit.

    Bytes that drip do not begin a limit anew: docs/testing.md#slow-and-idle-clients.
    """

    idle: float | None = 300.0
    "For the first byte of a connection, and from a response to the first byte of the next request."
    head: float | None = 30.0
    "From the first byte of a request to the end of its head."
    body: float | None = 60.0
    "For the body of a request; each KiB that arrives adds a second. What the server does meanwhile does not count."
    write: float | None = 60.0
    "For the client to take each 64 KiB of a response."
