"""Does twice the input take each decoder twice the time?

Each is measured at n, 2 n and 4 n. More than 2.6 times as much for twice as much is not linear, and the command fails.
"""

from __future__ import annotations

import random
import re
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import msgspec

import nai_proto as nai
from nai_proto.codecs import multipart
from nai_proto.codecs.image_frames import encode_frame
from nai_proto.codecs.json import JsonDecoder
from nai_proto.codecs.keystore import Keystore, open_keystore, seal_keystore
from nai_proto.codecs.msgpackr import packb, unpackb
from nai_proto.codecs.object_compression import inflate
from nai_proto.codecs.sealed_objects import StoredObject, new_object, open_objects, seal_object
from nai_proto.codecs.token_packing import pack, unpack
from nai_proto.codecs.zip_archive import unzip, zip_files
from nai_proto.secret import EncryptionKey
from nai_proto.story.lore.key_matching import Key
from nai_proto.tokenizers.base import BYTE_OF_LETTER
from nai_proto.tokenizers.bpe import BpeConfig, BpeTokenizer

from .data import READS, WORDS, chunks, cut, events
from .documents import build_document, build_records
from .framing import read_chunked
from .report import Effort, Report, timed

__all__ = ["DECODERS", "measure"]

_MOST: Final = 2.6
"""For twice the input: linear, and what a cache that overflows adds."""
_AGAIN: Final = 2
"""How often a decoder that seems to miss that is measured again."""
_SHAPE: Final = nai.text.generate_stream("Once", max_length=2048)
_SECRET: Final = EncryptionKey(bytes(range(32)))
_META: Final = "00000000-0000-4000-8000-000000000000"
_MERGES: Final = ((" ", "t"), ("h", "e"), (" t", "he"), ("a", "n"), ("an", "d"), ("e", "r"), ("l", "a"), ("a", "a"))
_LONG: Final = nai.Limits(event=2**26, line=2**26, frame=2**26, archive_members=10_000, unpacked_ratio=10_000)

Work = Callable[[], object]


def _receive(operation: nai.Operation[Any, Any], content_type: str, reads: list[bytes]) -> Work:
    """Return what a call does with a response that comes in these reads."""

    def run() -> object:
        call = nai.Call(operation, limits=_LONG)
        call.send()
        call.receive_head(nai.Head(200, nai.Headers.of(content_type=content_type)))
        for data in reads:
            call.receive_data(data)
        return call.receive_eof()

    return run


def _native(read: int, count: int) -> Work:
    return _receive(_SHAPE, "text/event-stream", cut(b"".join(events(count)), read))


def _one_event(count: int) -> Work:
    data = msgspec.json.encode({"token": "a" * count, "ptr": 0, "final": True})
    return _receive(_SHAPE, "text/event-stream", cut(b"event:newToken\nid:0\ndata:%b\n\n" % data, READS["1400 B"]))


def _chunks(chat: bool, extra: Mapping[str, object], count: int) -> Work:
    message = nai.openai.Message.user("Once")
    operation: nai.Operation[Any, Any] = (
        nai.openai.chat_completion_stream([message]) if chat else nai.openai.completion_stream("Once")
    )
    return _receive(operation, "text/event-stream", cut(b"".join(chunks(count, extra, chat=chat)), READS["1400 B"]))


def _pictures(sse: bool, previews: int, size: int) -> Work:
    """Previews and a picture, each of this many bytes."""
    noise = random.Random(1)
    step: dict[str, Any] = {"event_type": "intermediate", "samp_ix": 0, "gen_id": 1, "step_ix": 3, "sigma": 57.9}
    said = [{**step, "image": b"\xff\xd8\xff" + noise.randbytes(size)} for _ in range(previews)]
    picture = b"\x89PNG\r\n\x1a\n" + noise.randbytes(size)
    said.append({"event_type": "final", "samp_ix": 0, "gen_id": 1, "image": picture})
    if sse:
        blocks = [
            b"event: %b\ndata: %b\n\n"
            % (
                str(event["event_type"]).encode(),
                msgspec.json.encode({**event, "image": b64encode(event["image"]).decode()}),
            )
            for event in said
        ]
    else:
        blocks = [encode_frame(event) for event in said]
    operation = nai.image.generate_stream("a cat", seed=1, framing="sse" if sse else "msgpack")
    reads = cut(b"".join(blocks), READS["1400 B"])
    return _receive(operation, "text/event-stream" if sse else "application/msgpack", reads)


def _picture_list(count: int) -> Work:
    """Pictures in JSON."""
    noise = random.Random(1)
    pictures = [b"\x89PNG\r\n\x1a\n" + noise.randbytes(5_000) for _ in range(count)]
    body = msgspec.json.encode(
        {"images": [{"image": each, "index": at, "seed": at} for at, each in enumerate(pictures)]}
    )
    operation = nai.image.generate("a cat", seed=1)
    return _receive(operation, "application/json", cut(body, READS["1400 B"]))


def _json(odd: bool, count: int) -> Work:
    """A list of objects; if odd, with floats that are integers, and texts with lone surrogates."""
    entry = b'{"a":1.0,"b":"\\ud800","c":[1,2,[3]]}' if odd else b'{"a":1,"b":"text","c":[1,2,[3]],"unknown":null}'
    data = b"[" + b",".join([entry] * count) + b"]"
    return partial(JsonDecoder(list[_Entry]).decode, data, where="list", depth=8)


class _Entry(msgspec.Struct):
    a: int
    b: str
    c: list[Any]


def _documents(build: Callable[[int], Any], count: int) -> Work:
    return partial(unpackb, packb(build(count)))


def _sealed(stories: int, size: int) -> Work:
    keystore = Keystore({_META: bytes(range(32))})
    content = {"text": "".join(random.Random(1).choices(WORDS, k=size // 5))}
    made = new_object("storycontent", _META, content, keystore, compressed=True)
    item = StoredObject(id="1", type="storycontent", meta=_META, data=seal_object(made, keystore))
    return lambda: [opened.plaintext for opened in open_objects([item] * stories, keystore)]


def _keys(count: int) -> Work:
    keystore = Keystore({f"{number:08}{_META[8:]}": number.to_bytes(32) for number in range(count)})
    return partial(open_keystore, seal_keystore(keystore, _SECRET), _SECRET)


def _unpack_tokens(count: int) -> Work:
    return partial(unpack, pack([number % 50_000 for number in range(count)], 2), 2)


def _pack_tokens(count: int) -> Work:
    return partial(pack, [number % 50_000 for number in range(count)], 2)


def _tokenizer() -> BpeTokenizer:
    letters = [*BYTE_OF_LETTER]
    letter_of = {value: letter for letter, value in BYTE_OF_LETTER.items()}
    merges = [tuple("".join(letter_of[byte] for byte in part.encode()) for part in pair) for pair in _MERGES]
    vocab = {piece: number for number, piece in enumerate((*letters, *map("".join, merges)))}
    words = re.compile(r" ?\w+|\W")

    def split(text: str) -> list[tuple[str, None]]:
        return [(word, None) for word in words.findall(text)]

    return BpeTokenizer("words", BpeConfig(split, None, None), (), vocab, [(left, right) for left, right in merges])


def _encode(text: str, count: int) -> Work:
    """Of a text repeated so often."""
    tokenizer = _tokenizer()
    return partial(tokenizer.encode, text * count)


def _decode(count: int) -> Work:
    tokenizer = _tokenizer()
    return partial(tokenizer.decode, tokenizer.encode("".join(WORDS)) * count)


def _decode_one_by_one(count: int) -> Work:
    tokenizer = _tokenizer()
    ids = tokenizer.encode("".join(WORDS)) * count

    def run() -> str:
        decoder = tokenizer.decoder()
        return "".join([decoder.receive([number]) for number in ids]) + decoder.receive_eof()

    return run


def _unzip(deflated: bool, members: int, size: int) -> Work:
    noise = random.Random(1)
    archive = zip_files([(f"image_{at}.png", noise.randbytes(size)) for at in range(members)], deflated=deflated)
    return lambda: [member.data for member in unzip(archive, _LONG)]


def _inflate(count: int) -> Work:
    packer = zlib.compressobj(9, wbits=-15)
    return partial(inflate, packer.compress("".join(WORDS).encode() * count) + packer.flush(), _LONG)


def _form(count: int) -> Work:
    parts = [multipart.FormPart(f"part{number}", bytes(500)) for number in range(count)]
    return partial(multipart.decode, *multipart.encode(parts), _LONG)


def _search(key: str, count: int) -> Work:
    text = "".join(random.Random(1).choices(WORDS, k=count))
    return partial(Key.parse(key).search, text)


DECODERS: Final[Mapping[str, tuple[int, Callable[[int], Work]]]] = MappingProxyType(
    {
        "native stream, 64 KiB": (5_000, partial(_native, READS["64 KiB"])),
        "native stream, 1400 B": (5_000, partial(_native, READS["1400 B"])),
        "native stream, 16 B": (1_000, partial(_native, READS["16 B"])),
        "native stream, one long event": (200_000, _one_event),
        "completion chunks": (2_000, partial(_chunks, False, {})),
        "chat chunks": (2_000, partial(_chunks, True, {})),
        "chat chunks, an unknown key": (500, partial(_chunks, True, {"system_fingerprint": "fp_1"})),
        "previews, MessagePack": (20, lambda count: _pictures(False, count, 60_000)),
        "previews, SSE": (20, lambda count: _pictures(True, count, 60_000)),
        "one picture, MessagePack": (200_000, partial(_pictures, False, 0)),
        "one picture, SSE": (200_000, partial(_pictures, True, 0)),
        "pictures in JSON": (100, _picture_list),
        "JSON": (10_000, partial(_json, False)),
        "JSON, odd": (2_000, partial(_json, True)),
        "chunked body, 64 KiB": (10_000, partial(read_chunked, READS["64 KiB"])),
        "chunked body, 16 B": (1_000, partial(read_chunked, READS["16 B"])),
        "form": (500, _form),
        "story document": (100, partial(_documents, build_document)),
        "records": (1_000, partial(_documents, build_records)),
        "sealed objects": (50, lambda count: _sealed(count, 20_000)),
        "one sealed object": (200_000, lambda size: _sealed(1, size)),
        "keystore": (500, _keys),
        "tokens from base64": (20_000, _unpack_tokens),
        "tokens to base64": (20_000, _pack_tokens),
        "tokenizer, words": (1_000, partial(_encode, "".join(WORDS))),
        "tokenizer, one word": (5_000, partial(_encode, "a")),
        "tokenizer, decode": (2_000, _decode),
        "tokenizer, decode one by one": (200, _decode_one_by_one),
        "ZIP, stored": (50, lambda count: _unzip(False, count, 60_000)),
        "ZIP, deflated": (50, lambda count: _unzip(True, count, 60_000)),
        "deflate": (50_000, _inflate),
        "plain key": (20_000, partial(_search, "lanterns & harbours")),
        "regular expression": (5_000, partial(_search, "/lantern(s|ed) harbour/i")),
    }
)
"""What is measured, with n, and what makes the work of a size."""


def measure(effort: Effort, decoders: Iterable[str] = DECODERS) -> Report:
    """ms of CPU, at three sizes."""
    report = Report("ms for n, 2 n and 4 n", "n", must_hold=True)
    for name in decoders:
        size, make = DECODERS[name]
        count = effort.of(size)
        subjects = {"n": make(count), "2 n": make(2 * count), "4 n": make(4 * count)}
        values = timed(subjects, effort, per=1000)
        for _ in range(_AGAIN):  # other work on this machine can only add to a time
            if values["2 n"] <= _MOST * values["n"] and values["4 n"] <= _MOST**2 * values["n"]:
                break
            again = timed(subjects, effort, per=1000)
            values = {subject: min(value, again[subject]) for subject, value in values.items()}
        report.add(name, values, "ms", reference="n", at_most={"2 n": _MOST, "4 n": _MOST**2})
    return report
