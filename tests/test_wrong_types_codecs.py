"""Codecs take values of the right types, and refuse others by a sentence that names the parameter."""

from __future__ import annotations

from typing import Any

from nai_proto.codecs import (
    exif,
    image_headers,
    jpeg,
    json,
    key_derivation,
    module_ids,
    msgpackr,
    multipart,
    object_compression,
    picture_files,
    picture_metadata,
    picture_signature,
    pillow_images,
    pixels,
    png,
    png_text,
    secret_box,
    sse,
    stealth,
    token_packing,
    vibe_files,
    webp,
    zip_archive,
)
from nai_proto.codecs import image_frames as image_frames
from nai_proto.codecs import keystore as keystores
from nai_proto.codecs import sealed_objects as objects
from nai_proto.codecs.document_check import find_document_problems
from nai_proto.limits import Limits
from nai_proto.secret import EncryptionKey, Password
from tests.cases import for_each
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
METADATA = picture_metadata.Metadata({"Comment": "{}"})
NEW = objects.new_object("stories", "m", {"a": 1}, STORE)
STORED = objects.StoredObject(id="i", type="stories", meta="m", data=objects.seal_object(NEW, STORE))
VIBE = vibe_files.StoredVibe.from_image(PNG, created_at=1)
EVENT = sse.ServerSentEvent("message", "a")
PART = multipart.FormPart("name", b"data")
FORM, BODY = multipart.encode([PART])


def entropy(size: int) -> bytes:
    return bytes(size)


def drawn(entropy: Any) -> bytes:
    return secret_box.draw_bytes(entropy, 4)


def from_base64(text: Any) -> bytes:
    return secret_box.from_base64(text, "text")


def split_frames(data: Any) -> object:
    return image_frames.FrameSplitter().receive_data(data)


def decode_events(data: Any) -> object:
    return sse.SSEDecoder().receive_data(data)


def split_events(data: Any) -> object:
    return sse.SSESplitter().receive_data(data)


def encode_event(**fields: Any) -> bytes:
    return sse.encode_event(sse.ServerSentEvent(**fields))


CASES = [
    Case(object_compression.pack, {"payload": b"a", "compressed": True}),
    Case(object_compression.unpack, {"data": b"a", "limits": LIMITS}),
    Case(object_compression.split_mark, {"data": b"a"}),
    Case(object_compression.deflate, {"payload": b"a"}),
    Case(object_compression.inflate, {"data": object_compression.deflate(b"a"), "limits": LIMITS}),
    Case(drawn, {"entropy": entropy}),
    Case(from_base64, {"text": "YQ=="}),
    Case(secret_box.to_base64, {"data": b"a"}),
    Case(secret_box.write_json, {"value": {}}),
    Case(secret_box.is_utf8, {"data": b"a"}),
    Case(find_document_problems, {"document": 5}),
    Case(exif.read_exif, {"data": exif.write_exif({"Software": "a"}), "limits": LIMITS}),
    Case(exif.write_exif, {"texts": {"Software": "a"}}),
    Case(image_frames.encode_frame, {"message": {"a": 1}}),
    Case(image_frames.FrameSplitter, {"limits": LIMITS}),
    Case(split_frames, {"data": b"\0\0\0\1a"}),
    Case(image_frames.MessageDecoder(dict[str, int]).decode, {"data": b"\x80", "where": "frame"}),
    Case(image_headers.detect_format, {"data": JPEG}),
    Case(image_headers.describe_file, {"data": JPEG}),
    Case(image_headers.read_header_size, {"data": JPEG, "limits": LIMITS}),
    Case(jpeg.is_jpeg, {"data": JPEG}),
    Case(jpeg.read_jpeg_size, {"data": JPEG}),
    Case(json.encode_json, {"value": {}}),
    Case(json.JsonDecoder(dict[str, int]).decode, {"data": b"{}", "where": "answer", "depth": 5}),
    Case(json.parse_service_error, {"data": b"{}"}),
    Case(json.read_error_message, {"body": b"{}", "content_type": "application/json"}),
    Case(key_derivation.access_key, {"email": "a@b", "password": Password("p")}),
    Case(key_derivation.encryption_key, {"email": "a@b", "password": Password("p")}),
    Case(key_derivation.email_hash, {"email": "a@b"}),
    Case(keystores.Keystore, {"keys_by_meta": {"m": KEY}}),
    Case(STORE.with_key, {"meta": "n", "key": KEY}),
    Case(STORE.create_key, {"entropy": entropy}),
    Case(STORE.with_keys, {"other": {"n": KEY}}),
    Case(STORE.without_keys, {"metas": ["m"]}),
    Case(keystores.open_keystore, {"response": {"keystore": SEALED}, "key": SECRET, "limits": LIMITS}),
    Case(keystores.seal_keystore, {"keystore": STORE, "key": SECRET, "entropy": entropy}),
    Case(module_ids.derive_module_id, {"model": "kayra-v1", "data": "a"}),
    Case(module_ids.seal_module, {"data": "a"}),
    Case(msgpackr.packb, {"value": 5, "limits": LIMITS}),
    Case(msgpackr.unpackb, {"data": b"\5", "limits": LIMITS}),
    Case(multipart.encode, {"parts": [PART]}),
    Case(multipart.decode, {"content_type": FORM, "body": BODY, "limits": LIMITS}),
    Case(picture_metadata.Metadata, {"texts": {"a": "b"}}),
    Case(
        picture_metadata.Metadata.from_comment,
        {"comment": {}, "description": "a", "source": "b", "seconds": 1.0, "title": "c"},
    ),
    Case(METADATA.parameters, {"limits": LIMITS}),
    Case(METADATA.with_signature, {"pixels": RGBA, "seed": KEY}),
    Case(picture_metadata.read_metadata, {"data": PNG, "limits": LIMITS}),
    Case(picture_metadata.examine_picture, {"data": PNG, "limits": LIMITS}),
    Case(picture_metadata.read_hidden_metadata, {"channels": ALPHA, "limits": LIMITS}),
    Case(picture_files.with_metadata, {"data": PNG, "metadata": METADATA, "limits": LIMITS}),
    Case(picture_files.write_picture, {"pixels": RGBA, "metadata": METADATA, "image_format": "png"}),
    Case(pillow_images.fit_image, {"data": JPEG, "width": 8, "height": 8, "limits": LIMITS}),
    Case(pillow_images.pad_image, {"data": JPEG, "width": 8, "height": 8, "limits": LIMITS}),
    Case(pixels.Pixels, {"width": 1, "height": 1, "data": b"abc"}),
    Case(pixels.Plane, {"width": 1, "height": 1, "data": b"a"}),
    Case(RGBA.with_alpha, {"alpha": bytes(64 * 64)}),
    Case(pixels.read_pixels, {"data": PNG, "limits": LIMITS}),
    Case(pixels.find_exact_channels, {"data": PNG, "limits": LIMITS}),
    Case(pixels.read_grey, {"data": WEBP, "limits": LIMITS}),
    Case(pixels.write_png, {"pixels": RGBA, "texts": {"a": "b"}}),
    Case(pixels.write_jpeg, {"pixels": RGBA, "quality": 80}),
    Case(pixels.write_webp, {"pixels": RGBA, "texts": {"Software": "b"}}),
    Case(png.build_png_chunk, {"kind": b"tEXt", "content": b"a"}),
    Case(png.check_png, {"data": PNG, "limits": LIMITS}),
    Case(png.has_png_alpha, {"data": PNG, "limits": LIMITS}),
    Case(png.iter_png_chunks, {"data": PNG, "limits": LIMITS}),
    Case(png.read_png_header, {"data": PNG, "limits": LIMITS}),
    Case(png_text.read_png_text, {"data": PNG, "limits": LIMITS}),
    Case(png_text.with_png_text, {"data": PNG, "texts": {"a": "b"}, "limits": LIMITS}),
    Case(objects.replace_content, {"opened": NEW, "content": {"a": 2}}),
    Case(objects.new_object, {"type": "stories", "meta": "m", "content": {}, "keystore": STORE}),
    Case(objects.open_object, {"stored": STORED, "keystore": STORE, "limits": LIMITS}),
    Case(objects.open_objects, {"stored": [STORED], "keystore": STORE, "limits": LIMITS}),
    Case(objects.seal_object, {"opened": NEW, "keystore": STORE, "content": {"a": 2}, "entropy": entropy}),
    Case(objects.StoredObject.from_json, {"document": {}}),
    Case(picture_signature.public_key, {"seed": KEY}),
    Case(picture_signature.sign, {"pixels": RGBA, "comment": "{}", "seed": KEY}),
    Case(picture_signature.verify, {"pixels": RGBA, "comment": "{}", "key": picture_signature.VERIFY_KEY}),
    Case(sse.SSEDecoder, {"limits": LIMITS}),
    Case(decode_events, {"data": b"data: a\n\n"}),
    Case(split_events, {"data": b"data: a\n\n"}),
    Case(sse.encode_event, {"event": EVENT, "last_event_id": "1", "newline": b"\n"}),
    Case(encode_event, {"event": "a", "data": "b", "id": "c", "retry": 5}),
    Case(stealth.read_stealth, {"channels": ALPHA, "limits": LIMITS}),
    Case(stealth.with_stealth, {"pixels": RGBA, "content": b"a"}),
    Case(stealth.stealth_room, {"width": 5, "height": 5}),
    Case(token_packing.pack, {"tokens": [1], "width": 2}),
    Case(token_packing.unpack, {"text": "AQA=", "width": 2}),
    Case(vibe_files.StoredVibe, {"document": VIBE.document}),
    Case(vibe_files.StoredVibe.from_image, {"image": PNG, "created_at": 1, "thumbnail": JPEG}),
    Case(vibe_files.StoredVibe.from_encoding, {"encoding": b"a", "model_key": "v4full", "created_at": 1}),
    Case(VIBE.encoding, {"model_key": "v4full", "information_extracted": 1.0}),
    Case(VIBE.with_encoding, {"model_key": "v4full", "information_extracted": 1.0, "encoding": b"a"}),
    Case(vibe_files.read_vibe_file, {"data": vibe_files.write_vibe_file(VIBE), "limits": LIMITS}),
    Case(vibe_files.write_vibe_file, {"vibes": VIBE}),
    Case(vibe_files.encoding_key, {"information_extracted": 0.5}),
    Case(webp.is_webp, {"data": WEBP}),
    Case(webp.iter_webp_chunks, {"data": WEBP, "limits": LIMITS}),
    Case(webp.read_webp_size, {"data": WEBP, "limits": LIMITS}),
    Case(webp.with_webp_text, {"data": WEBP, "texts": {"Software": "a"}, "limits": LIMITS}),
    Case(webp.find_webp_channels, {"data": WEBP, "limits": LIMITS}),
    Case(webp.build_webp, {"chunks": [(b"VP8L", b"a")]}),
    Case(zip_archive.unzip, {"data": zip_archive.zip_files([("a", b"b")]), "limits": LIMITS}),
    Case(zip_archive.zip_files, {"members": [("a", b"b")], "stored": {"a"}}),
]


@for_each("case", CASES, ids=[f"{number}-{case.name}" for number, case in enumerate(CASES)])
def test_what_is_of_another_type_is_taken_or_refused_by_name(case: Case) -> None:
    check(case)


@for_each("kind", [bytearray, memoryview])
def test_any_bytes_are_taken_where_bytes_are(kind: Any) -> None:
    assert pixels.read_pixels(kind(PNG)) == RGBA
    assert picture_metadata.read_metadata(kind(PNG)) is None
    assert object_compression.unpack(kind(object_compression.pack(kind(b"a"), True))) == (b"a", True)
    assert picture_signature.public_key(kind(KEY)) == picture_signature.public_key(KEY)
    assert decode_events(kind(b"data: a\n\n")) == [EVENT]
    assert split_frames(kind(b"\0\0\0\1a")) == [b"a"]


def test_a_password_may_be_a_str() -> None:
    assert key_derivation.access_key("a@b", "secret") == key_derivation.access_key("a@b", Password("secret"))
    assert key_derivation.encryption_key("a@b", "secret") == key_derivation.encryption_key("a@b", Password("secret"))
