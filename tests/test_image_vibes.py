"""Vibes that are paid for once, and vibe files as a request takes them.

See:
    docs/protocol/image.md#51-vibe-transfer
    docs/protocol/image.md#85-vibe-files
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nai_proto.codecs.vibe_files import UNKNOWN_KEY, VibeBundle, encoding_key, read_vibe_file, write_vibe_file
from nai_proto.codecs.vibe_files import StoredVibe as VibeFile
from nai_proto.errors import FileError, InvalidFile, InvalidRequestError
from nai_proto.exchange.reply import App, Handler, Read, Start, Write
from nai_proto.exchange.session import Session
from nai_proto.http import Head, Headers, Request
from nai_proto.image import (
    EncodedVibe,
    ImageModel,
    MemoryVibeCache,
    Vibe,
    VibeCache,
    VibeSource,
    build_image_request,
    encode_vibe_cached,
    request_if_affordable,
    vibe_from_file,
    vibes_from_file,
)
from nai_proto.image.vibe_cache import update_vibe_file
from nai_proto.testing import play
from nai_transports import memory
from nai_transports.vibe_files import VibeFolder, load_vibes, save_vibes
from tests.cases import for_each
from tests.image_support import PNG
from tests.support import ALL, on

V45, V4 = ImageModel.V4_5_FULL, ImageModel.V4_FULL


def encoding(request: dict[str, Any]) -> bytes:
    """What the service of these tests makes of a request: all that it says."""
    return repr(sorted(request.items())).encode()


def service(sent: list[dict[str, Any]]) -> App:
    def app(request: Request) -> Handler:
        body = b""
        while data := (yield Read()):
            body += data
        document: dict[str, Any] = json.loads(body)
        sent.append(document)
        yield Start(Head(200, Headers.of(content_type="application/binary")))
        yield Write(encoding(document))

    return app


def ran(flow: Any) -> tuple[Any, list[dict[str, Any]]]:
    sent: list[dict[str, Any]] = []
    with memory.Client(service(sent), Session(base_url="http://service.invalid")) as client:
        return client.run(flow), sent


# ---- paid for once


@pytest.fixture(params=["memory", "folder"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> VibeCache:
    return MemoryVibeCache() if request.param == "memory" else VibeFolder(tmp_path / "vibes" / "deep")


KINDS: list[dict[str, Any]] = [
    {},
    {"information_extracted": 0.5},
    {"information_extracted": 0},
    {"model": V4},
    {"image": PNG + b"\0"},
    {"mask": PNG},
    {"mask": PNG, "crop_to_mask": True},
    {"mask": PNG, "information_extracted": 0.5},
    {"focus_seed": 1},
    {"info_extract_seed": 1},
]


def asked_for(cache: VibeCache, **options: Any) -> Any:
    image, model = options.pop("image", PNG), options.pop("model", V45)
    return encode_vibe_cached(image, model, cache=cache, **options)


def test_only_what_is_not_in_the_cache_is_encoded(cache: VibeCache) -> None:
    made: list[EncodedVibe] = []
    for options in KINDS:
        found, sent = ran(asked_for(cache, **options))
        assert len(sent) == 1
        assert found.encoding == encoding(sent[0])
        made.append(found)
    assert len({one.encoding for one in made}) == len(KINDS)
    for options, before in zip(KINDS, made, strict=True):
        assert ran(asked_for(cache, **options, max_anlas=0)) == (before, [])


def test_strength_is_no_part_of_an_encoding(cache: VibeCache) -> None:
    ran(asked_for(cache, strength=0.2))
    again, sent = ran(asked_for(cache, strength=0.9))
    assert (again.strength, again.key, again.information_extracted, sent) == (0.9, "v4-5full", 1.0, [])


def test_what_is_not_there_may_cost_too_much(cache: VibeCache) -> None:
    with pytest.raises(InvalidRequestError, match="this would cost 2 Anlas, more than the 1 allowed"):
        ran(asked_for(cache, max_anlas=1))
    assert len(ran(asked_for(cache, max_anlas=2))[1]) == 1


@for_each("options", [{"model": "V5 Full"}, {"model": "Anime V3"}, {"information_extracted": 1.5}])
def test_what_cannot_be_encoded_is_refused_before_the_cache_is_used(options: dict[str, Any]) -> None:
    class Closed:
        def get(self, source: VibeSource, /) -> bytes | None:
            raise AssertionError

        def put(self, source: VibeSource, encoding: bytes, /) -> None:
            raise AssertionError

    with pytest.raises(InvalidRequestError):
        ran(asked_for(Closed(), **options))


def test_what_was_paid_for_is_not_lost_when_it_cannot_be_kept(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    with pytest.raises(FileError, match="cannot be created") as caught:
        ran(asked_for(VibeFolder(blocked)))
    assert isinstance(caught.value.partial, EncodedVibe)


@pytest.mark.parametrize("transport", ALL)
def test_every_transport_asks_and_keeps(transport: str, tmp_path: Path) -> None:
    sent: list[dict[str, Any]] = []
    for _ in range(2):
        outcome = on(transport, service(sent), lambda: asked_for(VibeFolder(tmp_path)))
        assert outcome.error is None
        assert isinstance(outcome.result, EncodedVibe)
    assert len(sent) == 1


def test_encoding_takes_the_limit_of_an_account() -> None:
    played = play(request_if_affordable(encode_vibe_cached, PNG, V45, cache=MemoryVibeCache()), [Head(401), b""])
    assert [request.path for request in played.requests] == ["/user/subscription"]


# ---- the folder


def test_a_folder_holds_a_vibe_file_for_each_picture(tmp_path: Path) -> None:
    folder = VibeFolder(tmp_path)
    for options in ({}, {"information_extracted": 0.5}, {"model": V4}):
        ran(asked_for(folder, **options))
    (path,) = tmp_path.iterdir()
    file = load_vibes(path)
    assert isinstance(file, VibeFile)
    assert file.intact
    assert (path.name, file.image) == (f"{file.id}.naiv4vibe", PNG)
    assert {key: [*made] for key, made in file.document["encodings"].items()} == {
        "v4-5full": [encoding_key(1), encoding_key(0.5)],
        "v4full": [encoding_key(1)],
    }


def test_what_has_no_place_in_the_website_s_files_has_one_of_its_own(tmp_path: Path) -> None:
    made, _ = ran(asked_for(VibeFolder(tmp_path), mask=PNG))
    (path,) = tmp_path.iterdir()
    file = load_vibes(path)
    assert isinstance(file, VibeFile)
    assert file.intact
    assert file.image is None
    assert [*file.document["encodings"]["v4-5full"]] == [UNKNOWN_KEY]
    assert vibe_from_file(file, V45) == EncodedVibe(made.encoding, key="v4-5full")


def other_picture(path: Path) -> None:
    path.write_bytes(write_vibe_file(VibeFile.from_image(b"another", created_at=0).with_encoding("v4-5full", 1, b"x")))


def other_id(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"iVBORw0KGgo", b"iVBORw0KGgp", 1))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "empty": lambda path: path.write_bytes(b""),
    "bundle": lambda path: path.write_bytes(write_vibe_file(VibeBundle(()))),
    "another's": other_picture,
    "altered": other_id,
    "base64": lambda path: path.write_bytes(path.read_bytes().replace(b'"encoding":"', b'"encoding":"?')),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
def test_a_file_that_is_not_what_it_should_be_holds_nothing_and_is_replaced(
    damage: Callable[[Path], object], tmp_path: Path
) -> None:
    folder = VibeFolder(tmp_path)
    before, _ = ran(asked_for(folder))
    (path,) = tmp_path.iterdir()
    damage(path)
    again, sent = ran(asked_for(folder))
    assert (again, len(sent)) == (before, 1)
    assert ran(asked_for(folder, max_anlas=0)) == (before, [])
    assert [*tmp_path.iterdir()] == [path]


def test_what_somebody_named_stays_named(tmp_path: Path) -> None:
    folder = VibeFolder(tmp_path)
    ran(asked_for(folder))
    (path,) = tmp_path.iterdir()
    save_vibes(VibeFile({**read_one(path).document, "name": "夜", "later": [1]}), path)
    ran(asked_for(folder, model=V4))
    assert read_one(path).name == "夜"
    assert read_one(path).document["later"] == [1]
    assert [*read_one(path).document["encodings"]] == ["v4-5full", "v4full"]


def read_one(path: Path) -> VibeFile:
    found = read_vibe_file(path.read_bytes())
    assert isinstance(found, VibeFile)
    return found


def test_files_are_read_and_written_by_their_names(tmp_path: Path) -> None:
    bundle = VibeBundle((VibeFile.from_image(PNG, created_at=1),))
    path = tmp_path / "a.naiv4vibebundle"
    save_vibes(bundle, path)
    assert load_vibes(path) == bundle
    path.write_bytes(b"{}")
    with pytest.raises(InvalidFile, match=r"a\.naiv4vibebundle: "):
        load_vibes(path)
    with pytest.raises(FileError, match="cannot be read"):
        load_vibes(tmp_path / "none")


# ---- what a request takes of a file


BARE = VibeFile.from_image(PNG, created_at=0)
FILE = BARE.with_encoding("v4-5full", 0.5, b"half").with_encoding("v4-5full", 1, b"whole")
MEANT = VibeFile({**FILE.document, "importInfo": {"information_extracted": 1, "strength": 0.25}})
ONLY = VibeFile.from_encoding(b"only", "v4full", created_at=0)


@for_each(
    "file, model, options, found",
    [
        (FILE, V45, {}, EncodedVibe(b"half", 0.6, None, "v4-5full")),
        (FILE, V45, {"information_extracted": 1}, EncodedVibe(b"whole", 0.6, 1, "v4-5full")),
        (FILE, "V4.5 Full Inpainting", {"strength": 0}, EncodedVibe(b"half", 0, None, "v4-5full")),
        (MEANT, V45, {}, EncodedVibe(b"whole", 0.25, 1, "v4-5full")),
        (MEANT, V45, {"strength": 0.5, "information_extracted": 0.5}, EncodedVibe(b"half", 0.5, 0.5, "v4-5full")),
        (ONLY, V4, {}, EncodedVibe(b"only", 0.6, None, "v4full")),
        (ONLY, V4, {"information_extracted": 0.3}, EncodedVibe(b"only", 0.6, 0.3, "v4full")),
        (MEANT, "Anime V3", {}, Vibe(PNG, 0.25, 1)),
        (BARE, "Furry V3", {"information_extracted": 0.3}, Vibe(PNG, 0.6, 0.3)),
    ],
)
def test_a_file_gives_what_the_model_takes(file: VibeFile, model: Any, options: dict[str, Any], found: object) -> None:
    taken = vibe_from_file(file, model, **options)
    assert taken == found
    assert build_image_request("a cat", model=model, vibes=[taken], seed=1) if "Inpainting" not in str(model) else True


def test_what_a_file_is_meant_for_gives_way_to_what_it_has() -> None:
    half = VibeFile({**BARE.with_encoding("v4full", 0.5, b"half").document, "importInfo": {"information_extracted": 1}})
    assert vibe_from_file(half, V4) == EncodedVibe(b"half", 0.6, None, "v4full")


@for_each(
    "file, model, options, problem",
    [
        (FILE, "V5 Full", {}, "takes no vibes: V3 to V4.5 do"),
        (FILE, "Anime V2", {}, "takes no vibes"),
        (ONLY, "Anime V3", {}, "is only an encoding, and nai-diffusion-3 takes the picture"),
        (FILE, V4, {}, "has no encoding for v4full; it has v4-5full; encode its picture with encode_vibe"),
        (BARE, V4, {}, "it has none; encode its picture"),
        (FILE, V45, {"information_extracted": 0.7}, "no encoding for v4-5full with information_extracted 0.7"),
        (ONLY, V45, {}, "it has v4full; and no picture to encode"),
    ],
)
def test_an_error_says_what_a_vibe_file_lacks(
    file: VibeFile, model: Any, options: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InvalidRequestError if "takes no vibes" in problem else InvalidFile, match=problem):
        vibe_from_file(file, model, **options)


def test_a_bundle_gives_all_of_its_vibes() -> None:
    assert vibes_from_file(VibeBundle((FILE, MEANT)), V45) == (vibe_from_file(FILE, V45), vibe_from_file(MEANT, V45))
    assert vibes_from_file(FILE, V45) == (vibe_from_file(FILE, V45),)


def test_what_was_encoded_goes_back_into_a_file() -> None:
    source = VibeSource(image=PNG, model_key="v4full", information_extracted=0.5)
    file = update_vibe_file(source, b"half", FILE, created_at=5)
    assert file == FILE.with_encoding("v4full", 0.5, b"half")
    assert vibe_from_file(update_vibe_file(source, b"half", None, created_at=5), V4) == EncodedVibe(
        b"half", 0.6, None, "v4full"
    )
    assert source.name == file.id


def test_a_source_shows_no_bytes() -> None:
    assert "PNG" not in repr(VibeSource(image=PNG, model_key="v4full", mask=PNG))
