"""Image streams of the emulator: messages, framings, pace and errors.

See docs/protocol/image.md#7-streaming.
"""

from __future__ import annotations

import io
import json
from base64 import b64decode
from typing import Any

import msgspec
import pytest
from PIL import Image as Pillow

from nai_proto import image
from nai_proto.codecs.image_frames import FrameSplitter
from nai_proto.codecs.pixels import Pixels, write_png
from nai_proto.emulator import Account, Emulator
from nai_proto.emulator.faults import Failure, FaultyApp
from nai_proto.emulator.images.response import noise_levels
from nai_proto.errors import ConcurrentGenerationError, StreamError
from nai_proto.exchange.actions import Compute
from nai_proto.exchange.reply import Read, Wait, Write
from nai_proto.http import Headers, Request
from nai_proto.testing import run_in_memory
from tests.cases import for_each
from tests.support import with_token

from .support import ALL, an_emulator, logged_in, on
from .test_emulator import parse_error, send_request
from .test_emulator_images import body

PATH = "/ai/generate-image-stream"
V45 = "nai-diffusion-4-5-full"
SOURCE = write_png(Pixels(192, 128, bytes(3 * 192 * 128)))
MASK = image.box_mask(192, 128, [(0, 0, 64, 64)])
FRAMINGS = ["msgpack", "sse"]


def run_stream(framing: Any = "msgpack", among: tuple[Emulator, Account] | None = None, **options: Any) -> Any:
    """Run a generation as a stream and return its trace."""
    emulator, owner = among or an_emulator()
    size = {} if "image" in options else {"size": (192, 128)}
    given: dict[str, Any] = {"model": V45, "seed": 7, "steps": 23, **size, **options}
    flow = image.generate_stream("a swan", framing=framing, **given)
    return run_in_memory(with_token(owner.persistent_token, flow), emulator)


def read_messages(framing: str, **parameters: Any) -> list[dict[str, Any]]:
    """Return the messages of a stream, as they are on the wire."""
    emulator, owner = an_emulator()
    head, answer = send_request(emulator, "POST", PATH, body(stream=framing, **parameters), owner=owner)
    assert (head.status, head.headers.get("cache-control")) == (200, "no-cache")
    if framing == "msgpack":
        assert head.content_type == "application/msgpack"
        return [msgspec.msgpack.decode(frame) for frame in FrameSplitter().receive_data(answer)]
    assert head.content_type == "text/event-stream"
    found: list[dict[str, Any]] = []
    for block in answer.decode().removesuffix("\n\n").split("\n\n"):
        name, data = block.split("\n")
        document = json.loads(data.removeprefix("data: "))
        assert name == f"event: {document['event_type']}"
        found.append({**document, "image": b64decode(document["image"])})
    return found


def test_a_stream_has_previews_as_small_jpegs_and_then_the_image() -> None:
    for framing in FRAMINGS:
        *steps, final = read_messages(framing, steps=5, width=192, height=128)
        assert [each["event_type"] for each in steps] == ["intermediate"] * 4
        assert set(steps[0]) == {"event_type", "samp_ix", "step_ix", "gen_id", "sigma", "image"}
        assert set(final) == {"event_type", "samp_ix", "gen_id", "image"}
        assert [each["step_ix"] for each in steps] == [0, 1, 2, 3]
        assert len({each["gen_id"] for each in (*steps, final)}) == 1
        for each in steps:
            picture = Pillow.open(io.BytesIO(each["image"]))
            picture.load()
            assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (48, 32))
        assert len({each["image"] for each in steps}) == 4


def test_both_framings_have_the_same_messages() -> None:
    one, other = read_messages("msgpack", n_samples=2, steps=4), read_messages("sse", n_samples=2, steps=4)
    assert one == other
    assert run_stream("msgpack").events == run_stream("sse").events


def test_server_sent_events_are_the_default_framing() -> None:
    emulator, owner = an_emulator()
    head, _ = send_request(emulator, "POST", PATH, body(), owner=owner)
    assert head.content_type == "text/event-stream"
    answer = parse_error(send_request(emulator, "POST", PATH, body(stream="pigeon"), owner=owner))
    assert answer == (400, "Validation error: error validating request: stream must be msgpack or sse")
    assert send_request(emulator, "POST", "/ai/generate-image", body(stream="pigeon"), owner=owner)[0].status == 200


@for_each(
    "options, frames",
    [
        ({}, 23),
        ({"steps": 1}, 1),
        ({"image": SOURCE, "strength": 0.7}, 16),
        ({"image": SOURCE, "strength": 0.7, "steps": 20}, 14),
        ({"image": SOURCE, "strength": 0.01}, 1),
        ({"image": SOURCE, "mask": MASK, "strength": 0.7}, 23),
        ({"image": SOURCE, "mask": MASK, "inpaint_img2img_strength": 0.5}, 11),
    ],
)
def test_a_sample_has_a_message_for_each_step_that_strength_leaves(options: dict[str, Any], frames: int) -> None:
    assert len(run_stream(**options).events) == frames


def test_a_stream_gives_the_same_images_as_a_whole_response() -> None:
    variants: list[dict[str, Any]] = [{}, {"n_samples": 2}, {"image_format": "webp"}, {"model": "nai-diffusion-5-full"}]
    for options in variants:
        emulator, owner = an_emulator()
        given: dict[str, Any] = {"model": V45, "seed": 7, "steps": 23, "size": (192, 128), **options}
        flow = with_token(owner.persistent_token, image.generate("a swan", **given))
        whole = run_in_memory(flow, emulator).result
        assert run_stream(**options).result == whole
        assert run_stream("sse", **options).result == whole


def test_samples_come_one_after_the_other() -> None:
    events = run_stream(n_samples=3, steps=3).events
    assert [event.sample for event in events] == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_noise_levels_fall_from_the_captured_first_ones_to_the_last() -> None:
    known = noise_levels(22)
    assert known[:2] == [20_000.0, 113.89996337890625]
    assert known[-1] == pytest.approx(0.312, abs=0.001)
    assert known == sorted(known, reverse=True)
    assert all(memoryview(msgspec.msgpack.encode(each)).nbytes == 9 for each in known)
    assert [len(noise_levels(count)) for count in range(50)] == list(range(50))


@for_each("transport", ALL)
@for_each("framing", FRAMINGS)
def test_every_transport_receives_the_stream(transport: str, framing: Any) -> None:
    emulator, _ = an_emulator()

    def flow() -> Any:
        made = image.generate_stream("a swan", framing=framing, model=V45, size=(64, 64), steps=4, seed=1)
        return logged_in(made)

    outcome = on(transport, emulator, flow)
    assert outcome.error is None
    assert len(outcome.events) == 4
    assert len(outcome.result) == 1


# ---- errors


def build_request(owner: Account, **parameters: Any) -> Request:
    encoded = msgspec.json.encode(body(**parameters))
    fields = Headers.of(authorization=f"Bearer {owner.persistent_token.reveal()}")
    return Request("POST", PATH, fields, encoded)


def test_an_invalid_request_is_refused_before_the_stream_begins() -> None:
    emulator, owner = an_emulator()
    answer = parse_error(send_request(emulator, "POST", PATH, body("nai-diffusion-9"), owner=owner))
    assert answer == (400, "Validation error: model nai-diffusion-9 doesn't exist")
    owner.generating = True
    assert isinstance(run_stream(among=(emulator, owner)).error, ConcurrentGenerationError)
    owner.generating = False
    owner.profile.anlas = 0
    costly = body(width=1088, height=1024)
    assert parse_error(send_request(emulator, "POST", PATH, costly, owner=owner)) == (402, "Not enough Anlas")


def test_steps_take_the_pace_and_a_client_that_disconnects_releases_the_lock() -> None:
    emulator, owner = an_emulator(pace=0.5)
    sent_request = build_request(owner, steps=3, width=1088, height=1024, stream="msgpack")
    handler = emulator(sent_request)
    waited, action = 0.0, next(handler)
    sent = iter((sent_request.body, b""))
    while not isinstance(action, Write):
        incoming = None
        match action:
            case Read():
                incoming = next(sent)
            case Wait(seconds):
                waited += seconds or 0
            case Compute():
                action.perform()
            case _:
                assert owner.generating
        action = handler.send(incoming)
    assert waited == 0.5
    assert owner.generating
    handler.close()
    assert not owner.generating
    assert owner.profile.anlas == 10_000  # no image was sent


def test_a_stream_is_charged_with_its_last_image() -> None:
    emulator, owner = an_emulator()
    made = run_stream(among=(emulator, owner), size=(1088, 1024), steps=1, n_samples=2)
    assert (made.error, owner.profile.anlas) == (None, 10_000 - 2 * 4)


def test_an_account_that_can_no_longer_pay_gets_an_error_in_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    emulator, owner = an_emulator()

    def spend_all(*_: object) -> None:
        owner.profile.anlas = 0

    monkeypatch.setattr("nai_proto.emulator.images.image_service.check_balance", spend_all)
    for framing in FRAMINGS:
        error = run_stream(framing, (emulator, owner), size=(1088, 1024), steps=3).error
        assert isinstance(error, StreamError)
        assert (error.status, error.message) == (402, "Not enough Anlas")


@for_each("framing", FRAMINGS)
def test_a_fault_is_an_error_message_within_the_stream(framing: Any) -> None:
    emulator, owner = an_emulator()
    app = FaultyApp(emulator, Failure(at=3, shape="image", message="Error generating image"))
    flow = image.generate_stream("a swan", framing=framing, model=V45, size=(64, 64), steps=9)
    played = run_in_memory(with_token(owner.persistent_token, flow), app)
    assert isinstance(played.error, StreamError)
    assert (played.error.status, played.error.message) == (500, "Error generating image")
    assert len(played.events) == 3
    assert not owner.generating


def test_every_fault_except_a_document_is_a_frame_among_frames() -> None:
    emulator, owner = an_emulator()
    for shape in ("object", "native", "bare"):
        app = FaultyApp(emulator, f"error:shape={shape},at=1,message=no")
        flow = image.generate_stream("a swan", model=V45, size=(64, 64), steps=3)
        played = run_in_memory(with_token(owner.persistent_token, flow), app)
        assert (str(played.error), len(played.events)) == ("no (500)", 1) or "no" in str(played.error)
    app = FaultyApp(emulator, "error:shape=document,message=no")
    flow = image.generate_stream("a swan", model=V45, size=(64, 64), steps=3)
    played = run_in_memory(with_token(owner.persistent_token, flow), app)
    assert "no" in str(played.error)
