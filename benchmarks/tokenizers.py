"""What does encoding and decoding text cost, beside the library that a tokenizer file was made for?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from unittest.mock import Mock, patch

from nai_proto.emulator.text.corpus import TALES
from nai_proto.tokenizers import TOKENIZERS, loader, read
from nai_transports.tokenizer_files import cache_directory
from nai_transports.tokenizer_files.cache import find_verified

from .report import Effort, Report, timed

__all__ = ["measure"]

_NAMES: Final = ("gpt2", "nerdstash_v2", "llama3")
_WORDS_PER_STRING: Final = 6


def _library(data: bytes) -> tuple[Callable[[str], object], Callable[[list[int]], object]]:
    """Return the library's own `encode` and `decode`."""
    if data[:1] == b"\n":
        from sentencepiece import SentencePieceProcessor

        processor: Any = SentencePieceProcessor(model_proto=data)
        return processor.Encode, processor.Decode
    from tokenizers import Tokenizer

    library: Any = Tokenizer.from_buffer(data)
    return (
        lambda text: library.encode(text, add_special_tokens=False).ids,
        lambda ids: library.decode(ids, skip_special_tokens=False),
    )


def _cases(
    name: str, data: bytes, text: str, strings: list[str]
) -> dict[str, tuple[dict[str, Callable[[], object]], dict[str, float]]]:
    """Return the subjects of each case, and their targets."""
    fast = read(data, name=name)
    with patch.object(loader, "find_encoder", Mock(return_value=None)):
        plain = read(data, name=name)
    encode, decode = _library(data)
    ids = fast.encode(text)
    assert plain.encode(text) == ids == encode(text)
    targets = {"plain": 1.05, "fast": 0.25}
    return {
        "encode 100 kB": (
            {"library": lambda: encode(text), "plain": lambda: plain.encode(text), "fast": lambda: fast.encode(text)},
            targets,
        ),
        "encode 5,000 strings": (
            {
                "library": lambda: [encode(string) for string in strings],
                "plain": lambda: plain.encode_batch(strings),
                "fast": lambda: fast.encode_batch(strings),
            },
            targets | {"fast": 0.33},
        ),
        "decode 100 kB": ({"library": lambda: decode(ids), "plain and fast": lambda: fast.decode(ids)}, {}),
    }


def measure(effort: Effort) -> Report:
    """ms of CPU for 100 kB of text and for 5,000 strings of six words, with the extra ``fast`` and without it."""
    report = Report("ms to encode and decode text", "library, used directly")
    size, count = effort.of(100_000), effort.of(5_000)
    text = (TALES * (size // len(TALES) + 1))[:size]
    words = (TALES * (count * _WORDS_PER_STRING * 8 // len(TALES) + 1)).split(" ")
    strings = [" ".join(words[at : at + _WORDS_PER_STRING]) for at in range(0, len(words), _WORDS_PER_STRING)][:count]
    for name in _NAMES:
        files = {**TOKENIZERS[name].files, **TOKENIZERS[name].substitutes}
        data = find_verified({file: digest for file, digest in files.items() if digest}, cache_directory())
        if data is None:
            report.absent.append(f"{name}'s file (nai doctor says how to get it)")
            continue
        for case, (subjects, targets) in _cases(name, data, text, strings).items():
            values = timed(subjects, effort, per=1000)
            report.add(f"{name}, {case}", values, "ms", reference="library", at_most=targets)
    return report
