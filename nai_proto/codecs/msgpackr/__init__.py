"""msgpackr's dialect of MessagePack, in which the website keeps its story documents.

``packb`` and ``unpackb`` are inverses: nothing that was read is lost when it is written, be it known or not. Written are
the plain forms, so the bytes may differ; to whoever reads them they are equal.

See:
    docs/protocol/content.md#6-msgpackr-encoding
    docs/protocol/content.md#71-wrappers
"""

from .reading import DOCUMENT_WRAPPERS, unpackb
from .values import (
    INVALID_DATE,
    UNDEFINED,
    BigInt,
    ErrorValue,
    Map,
    Raw,
    Reference,
    RegExp,
    Set,
    Shared,
    Special,
    Timestamp,
    TypedArray,
    Value,
    Wrapped,
)
from .writing import packb

__all__ = [
    "DOCUMENT_WRAPPERS",
    "INVALID_DATE",
    "UNDEFINED",
    "BigInt",
    "ErrorValue",
    "Map",
    "Raw",
    "Reference",
    "RegExp",
    "Set",
    "Shared",
    "Special",
    "Timestamp",
    "TypedArray",
    "Value",
    "Wrapped",
    "packb",
    "unpackb",
]
