"""Speech and tag suggestions of the emulator.

See:
    docs/protocol/native.md#81-text-to-speech
    docs/protocol/native.md#173-text-voice-modules
    docs/protocol/image.md#26-get-aigenerate-imagesuggest-tags
    docs/protocol/image.md#12-notes-for-an-emulator
"""

from __future__ import annotations

from typing import Any

import pytest

from nai_proto import image, voice
from nai_proto.emulator.endpoints.voice import mp3, webm
from nai_proto.errors import InvalidRequestError
from nai_proto.testing import run_in_memory
from tests.support import an_emulator, with_token


def run(operation: Any) -> Any:
    emulator, owner = an_emulator()
    return run_in_memory(with_token(owner.persistent_token, operation), emulator)


def parse_elements(data: bytes) -> list[tuple[int, bytes]]:
    """Return ids and contents of EBML elements with sizes of four bytes."""
    found, at = [], 0
    while at < len(data):
        width = 9 - data[at].bit_length()
        size = int.from_bytes(data[at + width : at + width + 4]) & 0x0FFF_FFFF
        begin = at + width + 4
        found.append((int.from_bytes(data[at : at + width]), data[begin : begin + size]))
        at = begin + size
    assert at == len(data)
    return found


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize(("name", "version"), [("Ligeia", "v2"), ("any seed", "v2"), ("Cyllene", "v1")])
def test_speech_has_two_formats_and_two_methods(method: Any, name: str, version: Any) -> None:
    spoken = run(voice.speak("Once upon a time", name, version=version, method=method)).result
    assert (spoken.format, spoken.data) == ("mp3", mp3(16 * 0.02))
    spoken = run(voice.speak("Once upon a time", name, version=version, opus=True, method=method)).result
    assert (spoken.format, spoken.data) == ("webm", webm(16 * 0.02))


def test_a_text_that_is_too_long_is_cut() -> None:
    assert run(voice.speak("x" * 5000, validate=False)).result.data == mp3(20)


def test_an_empty_text_or_an_unknown_version_is_refused() -> None:
    unknown: Any = "v3"
    for operation in (voice.speak("", validate=False), voice.speak("x", 17, version=unknown, validate=False)):
        assert isinstance(run(operation).error, InvalidRequestError)


def test_every_mp3_frame_has_its_length_and_header() -> None:
    data = mp3(1.0)
    assert len(data) == 104 * 38
    assert {data[at : at + 4] for at in range(0, len(data), 104)} == {b"\xff\xfb\x10\xc0"}


def test_webm_has_a_block_every_20_milliseconds() -> None:
    (head, kind), (whole, segment) = parse_elements(webm(1.0))
    assert (head, whole) == (0x1A45DFA3, 0x18538067)
    assert dict(parse_elements(kind))[0x4282] == b"webm"
    parts = dict(parse_elements(segment))
    track = dict(parse_elements(dict(parse_elements(parts[0x1654AE6B]))[0xAE]))
    assert track[0x86] == b"A_OPUS"
    assert track[0x63A2].startswith(b"OpusHead")
    assert len(track[0x63A2]) == 19
    blocks = [content for id_, content in parse_elements(parts[0x1F43B675]) if id_ == 0xA3]
    assert [int.from_bytes(block[1:3]) for block in blocks] == list(range(0, 1000, 20))


def test_suggested_tags_contain_the_prompt_in_both_languages() -> None:
    tags = run(image.suggest_tags("hair")).result
    assert len(tags) == 10
    assert all("hair" in tag.tag for tag in tags)
    assert [tag.count for tag in tags] == sorted((tag.count for tag in tags), reverse=True)
    assert all(0 < tag.confidence <= 1 and tag.count <= 10_000 for tag in tags)
    found = {tag.en_tag: tag.power for tag in run(image.suggest_tags("猫", lang="jp")).result}
    assert found == {"cat": 10_000, "cat ears": 5_000}  # whole numbers: a released client takes no others
    assert run(image.suggest_tags("qqqq")).result == ()


def test_tag_suggestions_need_no_token_but_a_known_model() -> None:
    emulator, _ = an_emulator()
    assert run_in_memory(image.suggest_tags("cat"), emulator).result
    unknown = image.suggest_tags("cat", image.ImageModel("nai-diffusion-99"))
    assert isinstance(run_in_memory(unknown, emulator).error, InvalidRequestError)
