"""msgpackr's dialect of MessagePack, in which the website stores story documents.

``packb`` restores what ``unpackb`` read, known or unknown. It writes the plain forms, so the bytes may differ, but not the
values.

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
