"""Read tokenizer files; recognize their format by their bytes.

==============================  ===================================================================================
SentencePiece                   protocol buffers; begins with the byte 0x0A
Hugging Face                    a JSON object with ``model``; byte-level, or with ``▁`` for blanks like T5's
NovelAI                         a JSON object with ``config.splitRegex``, ``specialTokens``, ``vocab`` and ``merges``
CLIP                            a list of merges with a heading, or a JSON object with the list as ``text``
any JSON, as raw DEFLATE        the website's files, with names that end in ``.def``
any JSON or merges, as gzip     OpenAI's files
==============================  ===================================================================================

A problem with a file is an `InvalidFile`, not `Damaged`, which is for sealed data, where another key may help.

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
from .base import (
    ByteVocabulary,
    ExtraBlank,
    SpecialsOverride,
    Tokenizer,
    check_text,
    letters_to_bytes,
    missing_library_error,
    special_splitter,
)
from .bpe import BpeConfig, BpeTokenizer
from .clip import ClipTokenizer, is_merges
from .kitoken_encoder import choose_encoder

__all__ = ["read"]

_JSON_DEPTH: Final = 16  # Hugging Face's files have 8 levels
_GZIP_BITS: Final = zlib.MAX_WBITS | 16
_MAX_UNPACKED_BYTES: Final = 64 * 2**20  # the largest known file has 9 MB
_MAX_PIECES: Final = 2**20  # the largest vocabulary of any model has 2**18


@takes(data=BYTES, name=TEXT, specials=MAPPING | None)
def read(data: bytes, *, name: str = "tokenizer file", specials: Mapping[str, int] | None = None) -> Tokenizer:
    """Return the tokenizer of a file.

    This takes from a few hundredths of a second (SentencePiece) to more than a second (Llama 3): in a flow, use `compute`.

    Args:
        data: content of the file.
        name: name of the tokenizer, also used in errors.
        specials: ids of special tokens as the service numbers them (`TokenizerInfo.specials`), if the file differs.

    Raises:
        InvalidFile: the file has none of the formats, is cut off, or cannot be used; the message begins with the
            name and says why.
        MissingExtra: a library of the extra ``tokenizers`` is missing.
    """
    try:
        tokenizer = _read(data, name)
    except RemoteProtocolError as error:  # the JSON decoder is made for responses
        raise InvalidFile(str(error)) from None
    if all(tokenizer.specials.get(special) == number for special, number in (specials or {}).items()):
        return tokenizer
    return SpecialsOverride(tokenizer, specials or {})


def _read(data: bytes, name: str) -> ByteVocabulary:
    if data[:1] == b"\n" and data.lstrip()[:1] != b"{":
        return _read_sentencepiece(data, name)
    if not _is_text(data):
        data = _inflate(data, name)
    if is_merges(data):
        return ClipTokenizer(name, data.decode("utf-8", "replace"))
    keys = _KEYS_DECODER.decode(data, where=name, depth=_JSON_DEPTH)
    if keys.model is not _ABSENT:
        return _read_hugging_face(data, name, keys)
    if keys.config is not _ABSENT:
        return _read_novelai(data, name)
    if keys.text is not None:
        return ClipTokenizer(name, keys.text)
    raise _invalid_file(name, "a JSON object without `model` (Hugging Face), `config` (NovelAI) and `text` (CLIP)")


def _is_text(data: bytes) -> bool:
    return data.lstrip()[:1] == b"{" or is_merges(data)


def _inflate(data: bytes, name: str) -> bytes:
    """Return the content of a compressed file."""
    packing, bits = ("gzip", _GZIP_BITS) if data[:2] == b"\x1f\x8b" else ("raw DEFLATE", -zlib.MAX_WBITS)
    unpacker = zlib.decompressobj(bits)
    try:
        unpacked = unpacker.decompress(data, _MAX_UNPACKED_BYTES)
    except zlib.error:
        unpacked = b""
    if not _is_text(unpacked):
        why = "neither SentencePiece nor JSON nor merges of CLIP, nor one of the last two as raw DEFLATE or gzip"
        why = why if data else "empty"
        raise _invalid_file(name, why, excerpt(data[:80]))
    if len(unpacked) >= _MAX_UNPACKED_BYTES:
        raise _invalid_file(
            name, f"it unpacks to {_MAX_UNPACKED_BYTES} bytes or more, which is too large for a tokenizer file"
        )
    if not unpacker.eof:
        raise _invalid_file(name, f"{packing} that is cut off")
    return unpacked


# ---- SentencePiece


class _SentencePiece(ByteVocabulary):
    """The library encodes the text between special strings; it cannot encode those itself.

    See docs/protocol/native.md#112-tokenizer-per-model.
    """

    def __init__(
        self, name: str, encode: Callable[[str], list[int]], pieces: dict[int, bytes], specials: dict[str, int]
    ) -> None:
        super().__init__(name, pieces, specials)
        self._encode: Final[Callable[[str], list[int]]] = encode
        self._split_on_specials: Final = special_splitter(specials)

    def encode(self, text: str) -> list[int]:
        tokens: list[int] = []
        for part in self._split_on_specials(check_text(text)):
            special = self.specials.get(part)
            if special is None:
                tokens += self._encode(part)
            else:
                tokens.append(special)
        return tokens


def _read_sentencepiece(data: bytes, name: str) -> ByteVocabulary:
    try:
        from sentencepiece import SentencePieceProcessor
    except ModuleNotFoundError:
        raise missing_library_error("sentencepiece") from None
    try:
        processor = SentencePieceProcessor(model_proto=data)
        ids = list(range(processor.GetPieceSize()))
        texts, is_byte = processor.IdToPiece(ids), processor.IsByte(ids)
        is_special = [a or b for a, b in zip(processor.IsControl(ids), processor.IsUnknown(ids), strict=True)]
        pieces = {
            number: bytes([int(text[1:-1], 16)]) if byte else (text if special else text.replace("▁", " ")).encode()
            for number, text, byte, special in zip(ids, texts, is_byte, is_special, strict=True)
        }
        blanks = "".join(processor.EncodeAsPieces(" a  b ")).count("▁")
    except (RuntimeError, ValueError) as error:  # ValueError: pieces that are not UTF-8
        problem = f"SentencePiece cannot read it; is it cut off? ({excerpt(str(error), 120)})"
    else:
        if blanks == 4:
            specials = {text: number for number, text, special in zip(ids, texts, is_special, strict=True) if special}
            encode = choose_encoder(data, "sentencepiece", processor.Encode)
            return _SentencePiece(name, encode, pieces, specials)
        problem = "this SentencePiece model adds or joins blanks, which those of the service do not"
    raise _invalid_file(name, problem)


# ---- Hugging Face


_ABSENT: Final = msgspec.Raw()


class _DecoderJson(msgspec.Struct):
    type: str = ""
    decoders: list[_DecoderJson] = []


class _FileKeys(msgspec.Struct):
    model: msgspec.Raw = _ABSENT
    config: msgspec.Raw = _ABSENT
    text: str | None = None
    decoder: _DecoderJson | None = None


_KEYS_DECODER: Final = JsonDecoder(_FileKeys)


class _HuggingFace(ByteVocabulary):
    def __init__(
        self,
        name: str,
        encode: Callable[[str], list[int]],
        pieces: dict[int, bytes],
        specials: dict[str, int],
        extra_blank: ExtraBlank,
    ) -> None:
        super().__init__(name, pieces, specials, extra_blank=extra_blank)
        self._encode: Final = encode

    def encode(self, text: str) -> list[int]:
        return self._encode(check_text(text))


def _library_encoder(library: Any) -> Callable[[str], list[int]]:
    # Add no special token: Llama 3's file would begin every text with 128000
    # (docs/protocol/native.md#112-tokenizer-per-model).
    return lambda text: library.encode(text, add_special_tokens=False).ids


def _marked_blanks_to_bytes(piece: str) -> bytes:
    return piece.replace("▁", " ").encode("utf-8", "surrogatepass")


_DECODERS: Final[Mapping[str, tuple[Callable[[str], bytes], ExtraBlank]]] = {
    "ByteLevel": (letters_to_bytes, None),
    "Metaspace": (_marked_blanks_to_bytes, "first"),
}


def _read_hugging_face(data: bytes, name: str, keys: _FileKeys) -> ByteVocabulary:
    try:
        import tokenizers
    except ModuleNotFoundError:
        raise missing_library_error("tokenizers") from None
    stages = [] if keys.decoder is None else keys.decoder.decoders or [keys.decoder]
    kinds = [stage.type for stage in stages]
    if kinds not in (["ByteLevel"], ["Metaspace"]):
        names = excerpt(", ".join(kinds)) or "missing"
        raise _invalid_file(name, f"its decoder is {names}; only ByteLevel and Metaspace are supported")
    to_bytes, extra_blank = _DECODERS[kinds[0]]
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
        encode = choose_encoder(data, "tokenizers", _library_encoder(library))
        return _HuggingFace(name, encode, pieces, specials, extra_blank)
    raise _invalid_file(name, f"the library `tokenizers` cannot read it: {excerpt(problem, 160)}")


# ---- NovelAI


class _NovelAIConfig(msgspec.Struct):
    splitRegex: str  # noqa: N815
    maxEncodeChars: int | None = None  # noqa: N815
    normalization: Literal["NFC", "NFD", "NFKC", "NFKD"] | None = None


class _NovelAIFile(msgspec.Struct):
    config: _NovelAIConfig
    specialTokens: list[str]  # noqa: N815
    vocab: dict[str, int]
    merges: list[tuple[str, str]]


_NOVELAI_DECODER: Final = JsonDecoder(_NovelAIFile)


def _read_novelai(data: bytes, name: str) -> ByteVocabulary:
    try:
        from tokenizers import Regex
        from tokenizers.pre_tokenizers import Split
    except ModuleNotFoundError:
        raise missing_library_error("tokenizers") from None
    file = _NOVELAI_DECODER.decode(data, where=name, depth=_JSON_DEPTH)
    if len(file.vocab) > _MAX_PIECES or len(set(file.vocab.values())) != len(file.vocab):
        raise _invalid_file(name, f"its vocabulary of {len(file.vocab)} pieces is too large, or has an id twice")
    try:
        split = Split(Regex(_with_javascript_blanks(file.config.splitRegex)), behavior="isolated")
    except Exception as error:  # the library raises a bare Exception
        problem = str(error)
    else:
        config = BpeConfig(split.pre_tokenize_str, file.config.maxEncodeChars, file.config.normalization)
        return BpeTokenizer(name, config, file.specialTokens, file.vocab, file.merges)
    raise _invalid_file(name, f"config.splitRegex is not a regular expression: {excerpt(problem, 120)}")


# JavaScript's \s, which differs from Oniguruma's in U+0085 and U+FEFF.
_BLANKS: Final = r"\t\n\v\f\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}"


def _with_javascript_blanks(pattern: str) -> str:
    """Return the pattern with JavaScript's meaning of ``\\s`` for Oniguruma, which allows a class inside a class."""
    parts = iter(pattern.split("\\"))
    done = [next(parts)]
    for part in parts:
        if not part:  # an escaped backslash: the next part is literal
            done += ["\\\\", next(parts, "")]
        elif part[0] == "s":
            done += ["[", _BLANKS, "]", part[1:]]
        elif part[0] == "S":
            done += ["[^", _BLANKS, "]", part[1:]]
        else:
            done += ["\\", part]
    return "".join(done)


def _invalid_file(name: str, why: str, start: str = "") -> InvalidFile:
    return InvalidFile(f"{name}: {why}" + (f" (it begins with {start})" if start else ""))
