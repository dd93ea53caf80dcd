"""What does packing token ids cost, beside the least that the standard library can do?"""

from __future__ import annotations

import binascii
import random
import struct
from array import array
from collections.abc import Callable
from typing import Final, Literal

from nai_proto.codecs.token_packing import pack, unpack

from .report import Effort, Report, timed

__all__ = ["measure"]

_CODES: Final[dict[int, Literal["H", "I"]]] = {2: "H", 4: "I"}
_REPEATS: Final = 20


def _repeated(work: Callable[[], object]) -> Callable[[], None]:
    def run() -> None:
        for _ in range(_REPEATS):
            work()

    return run


def _subjects(width: int, ids: list[int], text: str) -> list[tuple[str, str, dict[str, Callable[[], object]]]]:
    """Case, our name in it, and who does it."""
    code = _CODES[width]
    form = f"<{len(ids)}{code}"
    packing: dict[str, Callable[[], object]] = {
        "struct": lambda: binascii.b2a_base64(struct.pack(form, *ids), newline=False).decode(),
        "array": lambda: binascii.b2a_base64(array(code, ids), newline=False).decode(),
        "pack": lambda: pack(ids, width),
    }
    unpacking: dict[str, Callable[[], object]] = {
        "struct": lambda: list(struct.unpack(form, binascii.a2b_base64(text))),
        "array": lambda: array(code, binascii.a2b_base64(text)).tolist(),
        "unpack": lambda: unpack(text, width),
    }
    return [("ids to base64", "pack", packing), ("base64 to ids", "unpack", unpacking)]


def measure(effort: Effort) -> Report:
    """ns of CPU per token, both ways and both widths."""
    report = Report("ns per token between ids and base64", "struct + binascii, unchecked")
    count = effort.of(8192)
    for width in _CODES:
        chance = random.Random(20260101)
        ids = [chance.randrange(256**width) for _ in range(count)]
        assert unpack(pack(ids, width), width) == ids
        for case, name, subjects in _subjects(width, ids, pack(ids, width)):
            values = timed({key: _repeated(work) for key, work in subjects.items()}, effort, per=count * _REPEATS)
            values = {key: value * 1000 for key, value in values.items()}
            report.add(f"{case}, {width} bytes", values, "ns", reference="struct", at_most={name: 1.3})
    one_token = struct.Struct("<H").unpack
    text = pack([5_000], 2)
    single: dict[str, Callable[[], object]] = {
        "struct": lambda: [one_token(binascii.a2b_base64(text)) for _ in range(count)],
        "unpack": lambda: [unpack(text, 2) for _ in range(count)],
    }
    values = {key: value * 1000 for key, value in timed(single, effort, per=count).items()}
    report.add("base64 to ids, one token a call", values, "ns", reference="struct", at_most={"unpack": 3})
    return report
