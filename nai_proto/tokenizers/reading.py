"""Tokenizer files, told apart by their bytes.

==============================  ===================================================================================
SentencePiece                   protocol buffers: begins with the byte 0x0A
Hugging Face                    a JSON object with ``model``; byte-level ones, and T5's kind, which puts ``▁`` for blanks
NovelAI                         a JSON object with ``config.splitRegex``, ``specialTokens``, ``vocab`` and ``merges``
CLIP                            a list of merges with a heading, or a JSON object with that as ``text``
any JSON, as raw DEFLATE        as the website serves its own, under names that end in ``.def``
any JSON or merges, as gzip     as OpenAI publishes its own
==============================  ===================================================================================

What is wrong with a file is an `InvalidFile`, and not `Damaged`, which belongs to sealed things, where another key may be
the remedy.

See docs/protocol/native.md#113-where-tokenizer-data-comes-from.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import msgspec

from ..arguments import BYTES, MAPPING, TEXT, takes
from ..codecs.json import JsonDecoder
from ..errors import InvalidFile, RemoteProtocolError, excerpt
from .base import Pieces, Renumbered, Surplus, Tokenizer, around, checked, letters_as_bytes, missing
from .clip import Clip, is_merges
from .merging import Config, Merging

__all__ = ["read"]

_DEPTH: Final = 16  # levels of JSON; Hugging Face's files have 8
_GZIP: Final = zlib.MAX_WBITS | 16
_UNPACKED: Final = 64 * 2**20  # bytes; the largest known file has 9 MB
_PIECES: Final = 2**20  # the largest vocabulary of any model has 2**18


@takes(data=BYTES, name=TEXT, specials=MAPPING | None)
def read(data: bytes, *, name: str = "tokenizer file", specials: Mapping[str, int] | None = None) -> Tokenizer:
    """The tokenizer that a file holds.

    Costs from a few hundredths of a second (SentencePiece) to more than one (Llama 3): in a flow, use `compute`.

    Args:
        data: the whole file.
        name: what to call it, also in errors.
        specials: special tokens as the service numbers them (`Known.specials`), for a file that has them otherwise.

    Raises:
        InvalidFile: the file has none of the forms, is cut off, or cannot be used; the message begins with the
            name and says why.
        MissingExtra: a library of the extra ``tokenizers`` is missing.
    """
    try:
        tokenizer = _read(data, name)
    except RemoteProtocolError as error:  # a JSON decoder takes what it decodes for a response
        raise InvalidFile(str(error)) from None
    if all(tokenizer.specials.get(special) == number for special, number in (specials or {}).items()):
        return tokenizer
    return Renumbered(tokenizer, specials or {})


def _read(data: bytes, name: str) -> Pieces:
    if data[:1] == b"\n" and data.lstrip()[:1] != b"{":
        return _sentencepiece(data, name)
    if not _is_text(data):
        data = _inflated(data, name)
    if is_merges(data):
        return Clip(name, data.decode("utf-8", "replace"))
    keys = _KEYS.decode(data, where=name, depth=_DEPTH)
    if keys.model is not _ABSENT:
        return _hugging_face(data, name, keys)
    if keys.config is not _ABSENT:
        return _novelai(data, name)
    if keys.text is not None:
        return Clip(name, keys.text)
    raise _refused(name, "a JSON object without `model` (Hugging Face), `config` (NovelAI) and `text` (CLIP)")


def _is_text(data: bytes) -> bool:
    return data.lstrip()[:1] == b"{" or is_merges(data)


def _inflated(data: bytes, name: str) -> bytes:
    """What a packed file holds."""
    packing, bits = ("gzip", _GZIP) if data[:2] == b"\x1f\x8b" else ("raw DEFLATE", -zlib.MAX_WBITS)
    unpacker = zlib.decompressobj(bits)
    try:
        unpacked = unpacker.decompress(data, _UNPACKED)
    except zlib.error:
        unpacked = b""
    if not _is_text(unpacked):
        why = "neither SentencePiece nor JSON, nor merges of CLIP, nor one of these as raw DEFLATE or gzip"
        why = why if data else "empty"
        raise _refused(name, why, excerpt(data[:80]))
    if len(unpacked) >= _UNPACKED:
        raise _refused(name, f"it unpacks to {_UNPACKED} bytes or more, which no tokenizer file does")
    if not unpacker.eof:
        raise _refused(name, f"{packing} that is cut off")
    return unpacked


# ---- SentencePiece


class _SentencePiece(Pieces):
    """The library encodes what stands between special strings, which it cannot encode itself.

    See docs/protocol/native.md#112-tokenizer-per-model.
    """

    def __init__(self, name: str, processor: Any, pieces: dict[int, bytes], specials: dict[str, int]) -> None:
        super().__init__(name, pieces, specials)
        self._encode: Final = processor.Encode
        self._cut: Final = around(specials)

    def encode(self, text: str) -> list[int]:
        tokens: list[int] = []
        for part in self._cut(checked(text)):
            special = self.specials.get(part)
            if special is None:
                tokens += self._encode(part)
            else:
                tokens.append(special)
        return tokens


def _sentencepiece(data: bytes, name: str) -> Pieces:
    try:
        from sentencepiece import SentencePieceProcessor
    except ModuleNotFoundError:
        raise missing("sentencepiece") from None
    try:
        processor = SentencePieceProcessor(model_proto=data)
        ids = list(range(processor.GetPieceSize()))
        texts, bytewise = processor.IdToPiece(ids), processor.IsByte(ids)
        fixed = [a or b for a, b in zip(processor.IsControl(ids), processor.IsUnknown(ids), strict=True)]
        pieces = {
            number: bytes([int(text[1:-1], 16)]) if byte else (text if special else text.replace("▁", " ")).encode()
            for number, text, byte, special in zip(ids, texts, bytewise, fixed, strict=True)
        }
        blanks = "".join(processor.EncodeAsPieces(" a  b ")).count("▁")
    except (RuntimeError, ValueError) as error:  # ValueError: pieces that are not UTF-8
        problem = f"SentencePiece cannot read it; is it cut off? ({excerpt(str(error), 120)})"
    else:
        if blanks == 4:
            specials = {text: number for number, text, special in zip(ids, texts, fixed, strict=True) if special}
            return _SentencePiece(name, processor, pieces, specials)
        problem = "this SentencePiece model adds blanks or takes them together, which those of the service do not"
    raise _refused(name, problem)


# ---- Hugging Face


_ABSENT: Final = msgspec.Raw()


class _Stage(msgspec.Struct):
    type: str = ""
    decoders: list[_Stage] = []


class _Keys(msgspec.Struct):
    model: msgspec.Raw = _ABSENT
    config: msgspec.Raw = _ABSENT
    text: str | None = None
    decoder: _Stage | None = None


_KEYS: Final = JsonDecoder(_Keys)


class _HuggingFace(Pieces):
    def __init__(
        self, name: str, library: Any, pieces: dict[int, bytes], specials: dict[str, int], surplus: Surplus
    ) -> None:
        super().__init__(name, pieces, specials, surplus=surplus)
        self._encode: Final = library.encode

    def encode(self, text: str) -> list[int]:
        # No special token of its own accord: Llama 3's file would begin every phrase with 128000
        # (docs/protocol/native.md#112-tokenizer-per-model).
        ids: list[int] = self._encode(checked(text), add_special_tokens=False).ids
        return ids


def _blanks_as_bytes(piece: str) -> bytes:
    return piece.replace("▁", " ").encode("utf-8", "surrogatepass")


_PIECES_OF: Final[Mapping[str, tuple[Callable[[str], bytes], Surplus]]] = {
    "ByteLevel": (letters_as_bytes, None),
    "Metaspace": (_blanks_as_bytes, "first"),
}


def _hugging_face(data: bytes, name: str, keys: _Keys) -> Pieces:
    try:
        import tokenizers
    except ModuleNotFoundError:
        raise missing("tokenizers") from None
    stages = [] if keys.decoder is None else keys.decoder.decoders or [keys.decoder]
    kinds = [stage.type for stage in stages]
    if kinds not in (["ByteLevel"], ["Metaspace"]):
        shown = excerpt(", ".join(kinds)) or "missing"
        raise _refused(name, f"its decoder is {shown}; only ByteLevel and Metaspace are known here")
    to_bytes, surplus = _PIECES_OF[kinds[0]]
    try:
        library = tokenizers.Tokenizer.from_buffer(data)
        library.no_truncation()
        library.no_padding()
    except Exception as error:  # the library raises several kinds, bare `Exception` among them
        problem = str(error)
    else:
        pieces = {number: to_bytes(text) for text, number in library.get_vocab(with_added_tokens=False).items()}
        added = library.get_added_tokens_decoder()
        pieces |= {number: to_bytes(token.content) for number, token in added.items()}
        specials = {token.content: number for number, token in added.items() if token.special}
        return _HuggingFace(name, library, pieces, specials, surplus)
    raise _refused(name, f"the library `tokenizers` cannot read it: {excerpt(problem, 160)}")


# ---- NovelAI


class _Settings(msgspec.Struct):
    splitRegex: str  # noqa: N815
    maxEncodeChars: int | None = None  # noqa: N815
    normalization: Literal["NFC", "NFD", "NFKC", "NFKD"] | None = None


class _NovelAI(msgspec.Struct):
    config: _Settings
    specialTokens: list[str]  # noqa: N815
    vocab: dict[str, int]
    merges: list[tuple[str, str]]


_NOVELAI: Final = JsonDecoder(_NovelAI)


def _novelai(data: bytes, name: str) -> Pieces:
    try:
        from tokenizers import Regex
        from tokenizers.pre_tokenizers import Split
    except ModuleNotFoundError:
        raise missing("tokenizers") from None
    file = _NOVELAI.decode(data, where=name, depth=_DEPTH)
    if len(file.vocab) > _PIECES or len(set(file.vocab.values())) != len(file.vocab):
        raise _refused(name, f"a vocabulary of {len(file.vocab)} pieces is too large, or one id is given twice")
    try:
        split = Split(Regex(_as_in_javascript(file.config.splitRegex)), behavior="isolated")
    except Exception as error:  # a bare one
        problem = str(error)
    else:
        config = Config(split.pre_tokenize_str, file.config.maxEncodeChars, file.config.normalization)
        return Merging(name, config, file.specialTokens, file.vocab, file.merges)
    raise _refused(name, f"config.splitRegex is no regular expression: {excerpt(problem, 120)}")


# What \s means in JavaScript, where it differs from Oniguruma by U+0085 and U+FEFF.
_BLANKS: Final = r"\t\n\v\f\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}"


def _as_in_javascript(pattern: str) -> str:
    """The pattern for Oniguruma, with JavaScript's meaning; a class may stand inside a class there."""
    parts = iter(pattern.split("\\"))
    done = [next(parts)]
    for part in parts:
        if not part:  # an escaped backslash: what follows it is plain
            done += ["\\\\", next(parts, "")]
        elif part[0] == "s":
            done += ["[", _BLANKS, "]", part[1:]]
        elif part[0] == "S":
            done += ["[^", _BLANKS, "]", part[1:]]
        else:
            done += ["\\", part]
    return "".join(done)


def _refused(name: str, why: str, shown: str = "") -> InvalidFile:
    return InvalidFile(f"{name}: {why}" + (f" (it begins with {shown})" if shown else ""))
