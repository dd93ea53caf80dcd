"""msgpackr's dialect of MessagePack, in which the website keeps its story documents.

``packb`` and ``unpackb`` are inverses: nothing that was read is lost when it is written, be it known or not. Written are
the plain forms, so the bytes may differ; to whoever reads them they are equal.

See:
    docs/protocol/content.md#6-msgpackr-encoding
    docs/protocol/content.md#71-wrappers
"""

from .decoder import DOCUMENT_WRAPPERS, unpackb
from .encoder import packb
from .js_values import (
    INVALID_DATE,
    UNDEFINED,
    BigInt,
    ErrorValue,
    JsMap,
    JsSet,
    RawBytes,
    RegExp,
    Shared,
    SharedReference,
    Special,
    Timestamp,
    TypedArray,
    Value,
    Wrapped,
)

__all__ = [
    "DOCUMENT_WRAPPERS",
    "INVALID_DATE",
    "UNDEFINED",
    "BigInt",
    "ErrorValue",
    "JsMap",
    "JsSet",
    "RawBytes",
    "RegExp",
    "Shared",
    "SharedReference",
    "Special",
    "Timestamp",
    "TypedArray",
    "Value",
    "Wrapped",
    "packb",
    "unpackb",
]
