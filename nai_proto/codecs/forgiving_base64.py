"""Base64 as browsers take it: with white space anywhere, with or without padding, and as a data URL.

People mail and paste what programs write, so line ends and missing padding are common in files that are shared. The rules
are those of `atob`: the forgiving-base64 decode of the WHATWG's Infra standard, and the data URLs of its Fetch standard.
Where nothing may have been changed, as in a keystore, `nai_proto.codecs.secret_box` has a strict form.

See docs/protocol/content.md#10-exported-files.
"""

from __future__ import annotations

import binascii
import re
from typing import Final

from ..arguments import TEXT

__all__ = ["decode_base64"]

_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_SPACE: Final = b"\t\n\f\r "
_DATA_URL: Final = re.compile(rb"\s*data:[^,]{0,999}; *base64\s*,", re.IGNORECASE)
_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")


def decode_base64(text: str) -> bytes:
    """Return the bytes of base64, or of a data URL with base64.

    White space of ASCII is skipped. Padding may be missing as a whole, and bits that are left over are ignored.

    Raises:
        ValueError: there is another character, the wrong padding, or a character too many. The error quotes nothing.
    """
    TEXT.check(text, "text")
    digits = text.encode("ascii", "replace")
    if head := _DATA_URL.match(digits):
        digits = _ESCAPE.sub(lambda found: binascii.a2b_hex(found[1]), digits[head.end() :])
    digits = digits.translate(None, _SPACE)
    if len(digits) % 4 == 0:
        digits = digits.removesuffix(b"=").removesuffix(b"=")
    if len(digits) % 4 == 1 or digits.translate(None, _ALPHABET):
        raise ValueError("not base64")
    return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))
