"""How much, and how long: bounds on everything that the network can make grow or wait."""

from __future__ import annotations

from dataclasses import dataclass, fields

from .errors import InvalidRequestError, InvalidTypeError

__all__ = ["Limits", "Timeouts", "repr_changed"]


def repr_changed(self: object) -> str:
    """Return the repr of a dataclass without the fields that have their defaults: as a default value it stays short."""
    values = ((each.name, getattr(self, each.name), each.default) for each in fields(self))  # type: ignore[arg-type]
    changed = ", ".join(f"{name}={value!r}" for name, value, default in values if value != default)
    return f"{type(self).__name__}({changed})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Upper bounds in bytes, unless said otherwise. A partial tail counts, so nothing grows unseen."""

    head: int = 65_536
    "Status line and header fields together, or a trailer section. Servers in use stop between 8 and 64 KiB."
    chunk_line: int = 16_384
    "A chunk's size line with its extensions. A size needs 16 characters; the rest is room for what proxies add."
    line: int = 1_048_576
    """One line of an event stream. An event with 30 logprobs before and after has about 4 kB.

    See docs/protocol/sse.md#3-hazards.
    """
    event: int = 4_194_304
    "All data lines of one event together. An image in an event is the largest thing seen, at about 2 MB."
    frame: int = 16_777_216
    """One frame of an image stream. A picture of 3 MP in which nothing compresses has 12.6 MB.

    See docs/protocol/image.md#71-msgpack-stream-msgpack.
    """
    body: int = 268_435_456
    "A body that is kept whole. A library of thousands of stories comes as one list and passes 100 MB."
    error_body: int = 16_384
    "How much of a refusal's body is kept; more is cut, not an error, or a verbose gateway would hide its status."
    unpacked: int = 67_108_864
    "One stored object after inflating. A novel of a million words has 6 MB; the rest is room for its history."
    unpacked_ratio: int = 200
    "Bytes inflated per byte stored, beyond the first MiB. Prose gives 3, lists of numbers 20, a bomb up to 1032."
    archive: int = 268_435_456
    "All members of a ZIP after inflating. Eight pictures of 3 MP in which nothing compresses have 101 MB."
    archive_members: int = 64
    """Members of a ZIP. The service sends at most eight pictures in one answer.

    See docs/protocol/image.md#12-notes-for-an-emulator.
    """
    pixels: int = 16_777_216
    """Pixels of one picture. The largest that the service makes is one of 3 MP at twice its size: 12.6 MP.

    See docs/protocol/image.md#24-post-aiupscale.
    """
    picture_text: int = 16_777_216
    """All text in one picture after inflating. Vibes stand in it: 65 kB each, or whole pictures before V4.

    See docs/protocol/image.md#81-png-text.
    """
    json_depth: int = 128
    "Levels of nesting in JSON. The service's own answers stay under 20; stories made by people under 64."
    document_depth: int = 64
    """Levels of nesting in a story document, wrappers counted. Those seen have 16.

    See docs/protocol/content.md#7-the-document-field.
    """
    document_values: int = 4_000_000
    "Values in a story document, the nested ones too. A novel of a million words with its history has about a million."
    regex: int = 8_192
    "Characters of a lorebook's key, or of a regular expression. Most have under a hundred; lists of names, thousands."
    regex_depth: int = 64
    "Levels of groups in it. People stop at five."
    regex_steps: int = 500_000
    "Steps of one search, each about 0.3 µs. A usual key takes a few for every place where it may begin."

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value: object = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool):
                raise InvalidTypeError(f"{name} takes a whole number, not {value!r}", parameter=name)
            if value < 0:
                raise InvalidRequestError(f"{name} is {value}; it takes 0 or more", parameter=name)

    __repr__ = repr_changed


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds to wait, per phase; None waits for ever.

    Each wait for the network has one limit: that of its phase, or what is left of ``total`` if that is less.
    """

    pool: float | None = 30.0
    "Until one of the client's connections is free, when as many are open as its pool allows."
    connect: float | None = 10.0
    "Until the connection stands, name look-up and TLS included."
    write: float | None = 30.0
    "For each piece of the request to be taken."
    read: float | None = 180.0
    """From the request's end until the response's head is complete, however slowly it drips: a generation that is not
    streamed is silent until it is done."""
    idle: float | None = 60.0
    """Between two pieces of the body. Streams sometimes stop without closing.

    See docs/protocol/native.md#43-concurrency-timeouts-retry.
    """
    total: float | None = None
    "For all waiting of one run or stream together; the caller's own work between events is not charged."

    __repr__ = repr_changed

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value: object = getattr(self, name)
            if value is None:
                continue
            if not isinstance(value, int | float) or isinstance(value, bool):
                raise InvalidTypeError(f"{name} takes seconds, or None for no limit, not {value!r}", parameter=name)
            if not value >= 0:
                raise InvalidRequestError(
                    f"{name} is {value}; it takes 0 or more seconds, or None for no limit", parameter=name
                )
