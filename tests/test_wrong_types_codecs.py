"""Codecs take values of the right types, and refuse others by a sentence that names the parameter."""

from __future__ import annotations

from typing import Any

import pytest

from nai_proto.codecs import (
    archive,
    box,
    exif,
    jpeg,
    json,
    keys,
    modules,
    msgpackr,
    multipart,
    picture,
    pillow_images,
    pixels,
    png,
    signature,
    sse,
    stealth,
    tokens,
    vibes,
    webp,
    zipped,
)
from nai_proto.codecs import frames as image_frames
from nai_proto.codecs import keystore as keystores
from nai_proto.codecs import sealed as objects
from nai_proto.codecs.document import document_problems
from nai_proto.limits import Limits
from nai_proto.secret import EncryptionKey, Password
from tests.wrong_types import Case, check

LIMITS = Limits()
KEY = bytes(range(32))
SECRET = EncryptionKey(KEY)
RGBA = pixels.Pixels(64, 64, bytes(4 * 64 * 64))
ALPHA = pixels.Plane(2, 2, bytes(4))
PNG = pixels.write_png(RGBA)
WEBP = pixels.write_webp(RGBA)
JPEG = pixels.write_jpeg(RGBA)
STORE = keystores.Keystore({"m": KEY})
SEALED = keystores.seal_keystore(STORE, SECRET)
METADATA = picture.Metadata({"Comment": "{}"})
NEW = objects.new_object("stories", "m", {"a": 1}, STORE)
STORED = objects.StoredObject(id="i", type="stories", meta="m", data=objects.seal_object(NEW, STORE))
VIBE = vibes.Vibe.of_image(PNG, created_at=1)
EVENT = sse.ServerSentEvent("message", "a")
PART = multipart.Part("name", b"data")
FORM, BODY = multipart.encode([PART])


def entropy(size: int) -> bytes:
    return bytes(size)


def drawn(entropy: Any) -> bytes:
    return box.draw(entropy, 4)


def from_base64(text: Any) -> bytes:
    return box.from_base64(text, "text")


def split_frames(data: Any) -> object:
    return image_frames.FrameSplitter().receive_data(data)


def decode_events(data: Any) -> object:
    return sse.SSEDecoder().receive_data(data)


def split_events(data: Any) -> object:
    return sse.SSESplitter().receive_data(data)


def encode_event(**fields: Any) -> bytes:
    return sse.encode_event(sse.ServerSentEvent(**fields))


CASES = [
    Case(archive.pack, {"payload": b"a", "compressed": True}),
    Case(archive.unpack, {"data": b"a", "limits": LIMITS}),
    Case(archive.split, {"data": b"a"}),
    Case(archive.deflate, {"payload": b"a"}),
    Case(archive.inflate, {"data": archive.deflate(b"a"), "limits": LIMITS}),
    Case(drawn, {"entropy": entropy}),
    Case(from_base64, {"text": "YQ=="}),
    Case(box.to_base64, {"data": b"a"}),
    Case(box.write_json, {"value": {}}),
    Case(box.is_utf8, {"data": b"a"}),
    Case(document_problems, {"document": 5}),
    Case(exif.read_exif, {"data": exif.write_exif({"Software": "a"}), "limits": LIMITS}),
    Case(exif.write_exif, {"texts": {"Software": "a"}}),
    Case(image_frames.encode_frame, {"message": {"a": 1}}),
    Case(image_frames.FrameSplitter, {"limits": LIMITS}),
    Case(split_frames, {"data": b"\0\0\0\1a"}),
    Case(image_frames.MessageDecoder(dict[str, int]).decode, {"data": b"\x80", "where": "frame"}),
    Case(jpeg.jpeg_size, {"data": JPEG}),
    Case(json.encode, {"value": {}}),
    Case(json.JsonDecoder(dict[str, int]).decode, {"data": b"{}", "where": "answer", "depth": 5}),
    Case(json.service_error, {"data": b"{}"}),
    Case(json.error_message, {"body": b"{}", "content_type": "application/json"}),
    Case(keys.access_key, {"email": "a@b", "password": Password("p")}),
    Case(keys.encryption_key, {"email": "a@b", "password": Password("p")}),
    Case(keys.email_hash, {"email": "a@b"}),
    Case(keystores.Keystore, {"keys_by_meta": {"m": KEY}}),
    Case(STORE.adding, {"meta": "n", "key": KEY}),
    Case(STORE.create, {"entropy": entropy}),
    Case(STORE.merged, {"other": {"n": KEY}}),
    Case(STORE.without, {"metas": ["m"]}),
    Case(keystores.open_keystore, {"response": {"keystore": SEALED}, "key": SECRET, "limits": LIMITS}),
    Case(keystores.seal_keystore, {"keystore": STORE, "key": SECRET, "entropy": entropy}),
    Case(modules.module_id, {"model": "kayra-v1", "data": "a"}),
    Case(modules.sealed_module, {"data": "a"}),
    Case(msgpackr.packb, {"value": 5, "limits": LIMITS}),
    Case(msgpackr.unpackb, {"data": b"\5", "limits": LIMITS}),
    Case(multipart.encode, {"parts": [PART]}),
    Case(multipart.decode, {"content_type": FORM, "body": BODY, "limits": LIMITS}),
    Case(picture.Metadata, {"texts": {"a": "b"}}),
    Case(picture.Metadata.of, {"comment": {}, "description": "a", "source": "b", "seconds": 1.0, "title": "c"}),
    Case(METADATA.parameters, {"limits": LIMITS}),
    Case(METADATA.signed, {"pixels": RGBA, "seed": KEY}),
    Case(picture.read_metadata, {"data": PNG, "limits": LIMITS}),
    Case(picture.copies, {"data": PNG, "limits": LIMITS}),
    Case(picture.hidden_metadata, {"alpha": ALPHA, "limits": LIMITS}),
    Case(picture.with_metadata, {"data": PNG, "metadata": METADATA, "limits": LIMITS}),
    Case(picture.write_picture, {"pixels": RGBA, "metadata": METADATA, "image_format": "png"}),
    Case(pillow_images.fit_image, {"data": JPEG, "width": 8, "height": 8, "limits": LIMITS}),
    Case(pillow_images.pad_image, {"data": JPEG, "width": 8, "height": 8, "limits": LIMITS}),
    Case(pixels.Pixels, {"width": 1, "height": 1, "data": b"abc"}),
    Case(pixels.Plane, {"width": 1, "height": 1, "data": b"a"}),
    Case(RGBA.with_alpha, {"alpha": bytes(64 * 64)}),
    Case(pixels.read_pixels, {"data": PNG, "limits": LIMITS}),
    Case(pixels.read_alpha, {"data": PNG, "limits": LIMITS}),
    Case(pixels.read_grey, {"data": WEBP, "limits": LIMITS}),
    Case(pixels.write_png, {"pixels": RGBA, "texts": {"a": "b"}}),
    Case(pixels.write_jpeg, {"pixels": RGBA, "quality": 80}),
    Case(pixels.write_webp, {"pixels": RGBA, "texts": {"Software": "b"}}),
    Case(png.chunk, {"kind": b"tEXt", "content": b"a"}),
    Case(png.chunks, {"data": PNG, "limits": LIMITS}),
    Case(png.header, {"data": PNG, "limits": LIMITS}),
    Case(png.read_text, {"data": PNG, "limits": LIMITS}),
    Case(png.with_text, {"data": PNG, "texts": {"a": "b"}, "limits": LIMITS}),
    Case(objects.edited, {"opened": NEW, "content": {"a": 2}}),
    Case(objects.new_object, {"type": "stories", "meta": "m", "content": {}, "keystore": STORE}),
    Case(objects.open_object, {"stored": STORED, "keystore": STORE, "limits": LIMITS}),
    Case(objects.open_objects, {"stored": [STORED], "keystore": STORE, "limits": LIMITS}),
    Case(objects.seal_object, {"opened": NEW, "keystore": STORE, "content": {"a": 2}, "entropy": entropy}),
    Case(objects.StoredObject.of, {"document": {}}),
    Case(signature.public_key, {"seed": KEY}),
    Case(signature.sign, {"pixels": RGBA, "comment": "{}", "seed": KEY}),
    Case(signature.verify, {"pixels": RGBA, "comment": "{}", "key": signature.VERIFY_KEY}),
    Case(sse.SSEDecoder, {"limits": LIMITS}),
    Case(decode_events, {"data": b"data: a\n\n"}),
    Case(split_events, {"data": b"data: a\n\n"}),
    Case(sse.encode_event, {"event": EVENT, "last_event_id": "1", "newline": b"\n"}),
    Case(encode_event, {"event": "a", "data": "b", "id": "c", "retry": 5}),
    Case(stealth.read_stealth, {"alpha": ALPHA, "limits": LIMITS}),
    Case(stealth.with_stealth, {"pixels": RGBA, "content": b"a"}),
    Case(stealth.stealth_room, {"width": 5, "height": 5}),
    Case(tokens.pack, {"tokens": [1], "width": 2}),
    Case(tokens.unpack, {"text": "AQA=", "width": 2}),
    Case(vibes.Vibe, {"document": VIBE.document}),
    Case(vibes.Vibe.of_image, {"image": PNG, "created_at": 1, "thumbnail": JPEG}),
    Case(vibes.Vibe.of_encoding, {"encoding": b"a", "model_key": "v4full", "created_at": 1}),
    Case(VIBE.encoding, {"model_key": "v4full", "information_extracted": 1.0}),
    Case(VIBE.with_encoding, {"model_key": "v4full", "information_extracted": 1.0, "encoding": b"a"}),
    Case(vibes.read_vibe_file, {"data": vibes.write_vibe_file(VIBE), "limits": LIMITS}),
    Case(vibes.write_vibe_file, {"vibes": VIBE}),
    Case(vibes.encoding_key, {"information_extracted": 0.5}),
    Case(webp.is_webp, {"data": WEBP}),
    Case(webp.webp_chunks, {"data": WEBP, "limits": LIMITS}),
    Case(webp.webp_size, {"data": WEBP, "limits": LIMITS}),
    Case(webp.read_webp_text, {"data": WEBP, "limits": LIMITS}),
    Case(webp.with_webp_text, {"data": WEBP, "texts": {"Software": "a"}, "limits": LIMITS}),
    Case(webp.lossless, {"data": WEBP, "limits": LIMITS}),
    Case(webp.webp_file, {"found": [(b"VP8L", b"a")]}),
    Case(zipped.unzip, {"data": zipped.zipped([("a", b"b")]), "limits": LIMITS}),
    Case(zipped.zipped, {"members": [("a", b"b")], "stored": {"a"}}),
]


@pytest.mark.parametrize("case", CASES, ids=[f"{number}-{case.name}" for number, case in enumerate(CASES)])
def test_what_is_of_another_type_is_taken_or_refused_by_name(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_any_bytes_are_taken_where_bytes_are(kind: Any) -> None:
    assert pixels.read_pixels(kind(PNG)) == RGBA
    assert picture.read_metadata(kind(PNG)) is None
    assert archive.unpack(kind(archive.pack(kind(b"a"), True))) == (b"a", True)
    assert signature.public_key(kind(KEY)) == signature.public_key(KEY)
    assert decode_events(kind(b"data: a\n\n")) == [EVENT]
    assert split_frames(kind(b"\0\0\0\1a")) == [b"a"]


def test_a_password_may_be_a_str() -> None:
    assert keys.access_key("a@b", "secret") == keys.access_key("a@b", Password("secret"))
    assert keys.encryption_key("a@b", "secret") == keys.encryption_key("a@b", Password("secret"))
