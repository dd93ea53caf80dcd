"""Speech and tag suggestions of the emulator.

See:
    docs/protocol/native.md#81-text-to-speech
    docs/protocol/native.md#173-text-voice-modules
    docs/protocol/image.md#26-get-aigenerate-imagesuggest-tags
    docs/protocol/image.md#12-notes-for-an-emulator
"""

from __future__ import annotations

from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto import image, voice
from nai_proto.emulator.endpoints.voice import NOTE_SECONDS, mp3, webm
from nai_proto.errors import InvalidRequestError
from nai_proto.testing import run_in_memory
from tests.cases import for_each
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


def get_blocks(data: bytes) -> list[bytes]:
    """Return the blocks of a WebM file."""
    _, (_, segment) = parse_elements(data)
    return [content for id_, content in parse_elements(dict(parse_elements(segment))[0x1F43B675]) if id_ == 0xA3]


@for_each("method", ["POST", "GET"])
@for_each("name, version", [("Ligeia", "v2"), ("any seed", "v2"), ("Cyllene", "v1")])
def test_speech_has_two_formats_and_two_methods(method: Any, name: str, version: Any) -> None:
    spoken = run(voice.speak("Once upon a time" * 5, name, version=version, method=method)).result
    assert (spoken.format, len(spoken.data)) == ("mp3", len(mp3([0] * 40)))
    assert len(mp3([0] * 40)) == 104 * ceil(80 * 0.02 / (1152 / 44_100))
    spoken = run(voice.speak("Once upon a time" * 5, name, version=version, opus=True, method=method)).result
    assert (spoken.format, len(get_blocks(spoken.data))) == ("webm", 80)


VOICES = [("v1", name) for name in voice.VOICES] + [("v2", name) for name in (*voice.SEEDS, "a seed of mine", "")]


@pytest.mark.parametrize("opus", [False, True])
@pytest.mark.parametrize("said", ["Hi", "The lamp, in the old lighthouse!"])
def test_every_voice_and_every_text_sounds_otherwise_and_always_the_same(said: str, opus: bool) -> None:
    operations = [
        voice.speak(said, name, version=version, opus=opus, validate=False)  # type: ignore[arg-type]
        for version, name in VOICES
    ]
    sounds = [run(operation).result.data for operation in operations]
    assert len({*sounds}) == len(VOICES)
    assert run(operations[0]).result.data == sounds[0]
    assert run(voice.speak(said + "!", VOICES[0][1], version="v1", opus=opus)).result.data != sounds[0]


def test_a_text_that_is_too_long_is_cut() -> None:
    long, cut = (run(voice.speak("x" * length, validate=False)).result.data for length in (5000, 1000))
    assert long == cut
    assert len(cut) == len(mp3([0] * round(20 / NOTE_SECONDS)))


def test_an_empty_text_or_an_unknown_version_is_refused() -> None:
    unknown: Any = "v3"
    for operation in (voice.speak("", validate=False), voice.speak("x", 17, version=unknown, validate=False)):
        assert isinstance(run(operation).error, InvalidRequestError)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=100))
def test_every_mp3_frame_has_its_header_and_two_halves_of_one_line(notes: list[int]) -> None:
    data = mp3(notes)
    frames = [data[at : at + 104] for at in range(0, len(data), 104)]
    assert 0 <= len(frames) * 1152 / 44_100 - len(notes) * NOTE_SECONDS < 1152 / 44_100
    for number, frame in enumerate(frames):
        assert frame.startswith(b"\xff\xfb\x10\xc0")
        bits = "".join(f"{byte:08b}" for byte in frame[4:])
        side, main = bits[18 : 8 * 17], bits[8 * 17 :]
        note = notes[int(number * 1152 / 44_100 / NOTE_SECONDS)]
        for granule in (side[:59], side[59:]):
            length, big_values = int(granule[:12], 2), int(granule[12:21], 2)
            coded, main = main[:length], main[length:]
            lines = [int(bit) for bit in coded[:-1].translate(str.maketrans("01", "10"))]
            assert (big_values, granule[-1], sum(lines), lines.index(1)) == (0, "1", 1, (8, 9, 11, 12, 14, 16)[note])
        assert int(main, 2) == 0


def test_webm_has_a_block_every_20_milliseconds() -> None:
    data = webm([0, 1, 2, 3, 4, 5, 0, 0] * 3)
    (head, kind), (whole, segment) = parse_elements(data)
    assert (head, whole) == (0x1A45DFA3, 0x18538067)
    assert dict(parse_elements(kind))[0x4282] == b"webm"
    parts = dict(parse_elements(segment))
    track = dict(parse_elements(dict(parse_elements(parts[0x1654AE6B]))[0xAE]))
    assert track[0x86] == b"A_OPUS"
    assert track[0x63A2].startswith(b"OpusHead")
    assert len(track[0x63A2]) == 19
    blocks = get_blocks(data)
    assert [int.from_bytes(block[1:3]) for block in blocks] == list(range(0, 960, 20))
    assert {block[4] for block in blocks} == {0x98}, "a packet of 20 ms of one channel, as RFC 6716 §3.1 numbers them"
    assert len({block[4:] for block in blocks}) == 6


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
