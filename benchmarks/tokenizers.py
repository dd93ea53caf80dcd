"""What do encoding and decoding cost, of one long text and of many short ones, beside the library that does the work?

The files of the tokenizers are those that are on this machine already; nothing is downloaded.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, Protocol

from nai_proto.errors import NaiError
from nai_transports.tokenizer_files import find_file, load

from .data import WORDS
from .report import Effort, Report, peer, timed

__all__ = ["measure"]

_LIBRARY: Final = "the library"
_OURS: Final = "load(…)"
_PEER: Final = "novelai_api"
_MODELS: Final = {"gpt2": "Sigurd", "nerdstash_v2": "Kayra"}
"""The tokenizers that are measured, each with a model that the peer has it for."""
_EXTRA: Final = (" ☂", " naïve", "东京", "  ", "12,345", " I've", "…", "\t", " QUIET", "e\u0301")


class _Tokenizer(Protocol):
    def encode(self, text: str, /) -> Sequence[int]: ...
    def decode(self, tokens: list[int], /) -> str: ...


class _HuggingFace:
    def __init__(self, library: Any) -> None:
        self._library = library
        self.decode = partial(library.decode, skip_special_tokens=False)

    def encode(self, text: str) -> Sequence[int]:
        ids: list[int] = self._library.encode(text).ids
        return ids


class _OfPeer:
    def __init__(self, module: Any, model: str) -> None:
        chosen = getattr(module.Model, model)
        self.encode: Callable[[str], list[int]] = partial(module.Tokenizer.encode, chosen)
        self.decode: Callable[[list[int]], str] = partial(module.Tokenizer.decode, chosen)


def _make_library(report: Report, data: bytes) -> _Tokenizer | None:
    if data[:1] == b"{":
        module = peer(report, "tokenizers")
        return _HuggingFace(module.Tokenizer.from_buffer(data)) if module else None
    module = peer(report, "sentencepiece")
    made: _Tokenizer | None = module.SentencePieceProcessor(model_proto=data) if module else None
    return made


def _texts(count: int, words: int) -> list[str]:
    chance = random.Random(20260101)
    return [
        "".join(chance.choices(WORDS + _EXTRA, weights=[9] * len(WORDS) + [1] * len(_EXTRA), k=words))
        for _ in range(count)
    ]


def _encode_all(texts: list[str], tokenizer: _Tokenizer) -> int:
    return sum([len(tokenizer.encode(text)) for text in texts])


def _decode_all(ids: list[list[int]], tokenizer: _Tokenizer) -> int:
    return sum([len(tokenizer.decode(each)) for each in ids])


def measure(effort: Effort) -> Report:
    """µs of CPU per text."""
    report = Report("µs per text of a tokenizer", _LIBRARY)
    theirs = peer(report, "novelai_api.Tokenizer")
    long, short = _texts(2, effort.of(20_000)), _texts(effort.of(5_000), 6)
    for name, model in _MODELS.items():
        try:
            data, ours = find_file(name, download=False), load(name, download=False)
        except NaiError:
            report.absent.append(f"the file of {name}, or what reads it")
            continue
        library = _make_library(report, data)
        if library is None:
            continue
        subjects: dict[str, _Tokenizer] = {_LIBRARY: library, _OURS: ours}
        if theirs:
            subjects[_PEER] = _OfPeer(theirs, model)
        for what, texts in (("100 kB", long), ("short", short)):
            ids = [[*library.encode(text)] for text in texts]
            works: dict[str, Callable[[_Tokenizer], int]] = {
                "encode": partial(_encode_all, texts),
                "decode": partial(_decode_all, ids),
            }
            for case, work in works.items():
                runs = {subject: partial(work, tokenizer) for subject, tokenizer in subjects.items()}
                values = timed(runs, effort, per=len(texts))
                report.add(f"{name}, {case}, {what}", values, "µs", reference=_LIBRARY, at_most={_OURS: 1.05})
    return report
