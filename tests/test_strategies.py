"""`nai_proto.testing.strategies`: what is drawn is read by the library as it says, and finds the bugs of hasty readers."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

import nai_proto as nai
from nai_proto.codecs.keystore import open_keystore
from nai_proto.codecs.sealed_objects import open_object
from nai_proto.codecs.secret_box import open_box
from nai_proto.errors import StatusError, Truncated
from nai_proto.objects import StoredObject
from nai_proto.story import Lorebook, Story, try_lorebook
from nai_proto.testing import play, strategies
from nai_proto.testing.strategies import (
    chunkings,
    error_answers,
    hostile_bytes,
    image_streams,
    keystores,
    lorebooks,
    native_streams,
    openai_streams,
    stored_objects,
    story_documents,
)

Law = Callable[[Any], None]
EVENTS = nai.Head(200, nai.Headers.of(content_type="text/event-stream"))
HELLO = [nai.openai.Message.user("Hello")]


def play_body(operation: Any, head: nai.Head, body: bytes) -> Any:
    return play(operation.with_options(retry=nai.NO_RETRY), [head, *([body] if body else []), b""])


# ---- each strategy, with its law as the library keeps it, and a reader that has been seen to fail


def read_native(drawn: tuple[bytes, list[str]]) -> None:
    body, texts = drawn
    assert [token.text for token in play_body(nai.text.generate_stream("x"), EVENTS, body).events] == texts


def read_native_hastily(drawn: tuple[bytes, list[str]]) -> None:
    body, texts = drawn
    lines = body.decode().splitlines()
    assert [json.loads(line.removeprefix("data:"))["token"] for line in lines if line.startswith("data:")] == texts


def read_openai(chat: bool) -> Law:
    def law(drawn: tuple[bytes, list[str]]) -> None:
        body, texts = drawn
        operation = nai.openai.chat_completion_stream(HELLO) if chat else nai.openai.completion_stream("Hello")
        played = play_body(operation, EVENTS, body)
        assert [chunk.text for chunk in played.events if chunk.text] == texts
        assert played.result.choices[0].finish_reason in ("stop", "length")

    return law


def read_chat_hastily(drawn: tuple[bytes, list[str]]) -> None:
    body, texts = drawn
    said = re.findall(r"data: ?(\{.*\})", body.decode().removeprefix("\ufeff"))
    assert [json.loads(each)["choices"][0]["delta"]["content"] for each in said][1:-1] == texts


def read_completion_hastily(drawn: tuple[bytes, list[str]]) -> None:
    body, texts = drawn
    said = re.findall(r"data: ?(\{.*\})", body.decode().removeprefix("\ufeff"))
    assert [text for each in said if (text := json.loads(each)["choices"][0]["text"])] == texts  # the usage has none


def read_images(framing: Any) -> Law:
    def law(drawn: tuple[bytes, list[tuple[str, int, bytes]]]) -> None:
        body, shown = drawn
        head = nai.Head(
            200, nai.Headers.of(content_type="application/msgpack" if framing == "msgpack" else "text/event-stream")
        )
        operation = nai.image.generate_stream("a cat", size=(512, 512), n_samples=2, framing=framing)
        played = play_body(operation, head, body)
        assert shown == [
            ("intermediate", event.sample, event.image)
            if isinstance(event, nai.image.PreviewStep)
            else ("final", event.sample, event.data)
            for event in played.events
        ]
        assert [image.sample for image in played.result] == [0, 1]

    return law


def read_frames_hastily(drawn: tuple[bytes, list[tuple[str, int, bytes]]]) -> None:
    body, shown = drawn
    starts = [found.start() for found in re.finditer(rb"\x89PNG|\xff\xd8\xff", body)]
    assert len(starts) == len(shown)
    assert [sample for kind, sample, _ in shown if kind == "final"] == [0, 1]


def read_image_events_hastily(drawn: tuple[bytes, list[tuple[str, int, bytes]]]) -> None:
    body, shown = drawn
    said = re.findall(rb"data: (.*)\n", body)
    assert [base64.b64decode(json.loads(each)["image"]) for each in said] == [picture for _, _, picture in shown]


def read_error(drawn: tuple[nai.Head, bytes]) -> None:
    head, body = drawn
    error = play_body(nai.text.generate_stream("x"), head, body).error
    assert isinstance(error, StatusError)
    assert error.status == head.status
    assert error.retry_after is None or error.retry_after >= 0


def read_error_hastily(drawn: tuple[nai.Head, bytes]) -> None:
    _, body = drawn
    assert isinstance(json.loads(body)["message"], str)


def read_keystore(drawn: tuple[str, nai.EncryptionKey, dict[str, bytes]]) -> None:
    sealed, key, keys = drawn
    opened = open_keystore({"keystore": sealed}, key)
    assert dict(opened) == keys
    with pytest.raises(nai.DecryptionFailed):
        open_keystore({"keystore": sealed}, nai.EncryptionKey(bytes(byte ^ 1 for byte in key.reveal())))


def read_keystore_hastily(drawn: tuple[str, nai.EncryptionKey, dict[str, bytes]]) -> None:
    sealed, key, keys = drawn
    envelope = json.loads(base64.b64decode(sealed))
    plain = open_box(bytes(envelope["sdata"]), bytes(envelope["nonce"]), key.reveal(), "keystore")  # never inflated
    assert {meta: bytes(each) for meta, each in json.loads(plain)["keys"].items()} == keys


def read_object(drawn: tuple[StoredObject, dict[str, bytes], dict[str, object]]) -> None:
    stored, keys, content = drawn
    opened = open_object(stored, keys)
    assert opened.ok
    assert opened.json() == content


def read_object_hastily(drawn: tuple[StoredObject, dict[str, bytes], dict[str, object]]) -> None:
    stored, keys, content = drawn
    assert stored.meta is not None
    sealed = base64.b64decode(stored.data or "")
    assert json.loads(open_box(sealed[24:], sealed[:24], keys[stored.meta], "object")) == content  # never plain


def read_story(drawn: tuple[dict[str, Any], dict[str, Any], str]) -> None:
    card, content, text = drawn
    story = Story.from_data(json.loads(json.dumps(card)), json.loads(json.dumps(content)))
    assert story.text == text
    assert not story.problems
    story.append("more", now=1e9)
    story.undo()
    assert story.text == text


def read_story_hastily(drawn: tuple[dict[str, Any], dict[str, Any], str]) -> None:
    _, content, text = drawn
    assert "".join(each["data"] for each in content["story"]["fragments"]) == text  # never a document


def read_lorebook(data: bytes) -> None:
    book = Lorebook.loads(data)
    assert book.dumps() == data
    assert (
        len(try_lorebook(book, "Ann sailed to the harbour.")) == len(book.entries) == len(json.loads(data)["entries"])
    )
    assert not book.problems


def read_lorebook_hastily(data: bytes) -> None:
    assert all(re.compile(key.strip("/i")) for entry in json.loads(data)["entries"] for key in entry["keys"])


def read_status_hastily(data: bytes) -> None:
    assert int(data.split(b" ")[1]) < 600


LAWS: dict[str, tuple[Any, Law, Law]] = {
    "native_streams": (native_streams(), read_native, read_native_hastily),
    "openai_streams": (openai_streams(), read_openai(chat=True), read_chat_hastily),
    "openai_streams of completions": (openai_streams(chat=False), read_openai(chat=False), read_completion_hastily),
    "image_streams": (image_streams(samples=2), read_images("msgpack"), read_frames_hastily),
    "image_streams of events": (image_streams("sse", samples=2), read_images("sse"), read_image_events_hastily),
    "error_answers": (error_answers(), read_error, read_error_hastily),
    "keystores": (keystores(), read_keystore, read_keystore_hastily),
    "stored_objects": (stored_objects(), read_object, read_object_hastily),
    "story_documents": (story_documents(), read_story, read_story_hastily),
    "lorebooks": (lorebooks(), read_lorebook, read_lorebook_hastily),
}
QUICK = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
FOUND_WITHIN = 100
"How many examples find a hasty reader, whatever the profile."


def run(law: Law, strategy: Any, limits: settings) -> None:
    """Try a law on what a strategy draws."""
    decorate: Any = given(strategy)
    limits(decorate(law))()


@pytest.mark.parametrize("name", LAWS)
def test_what_is_drawn_is_read_as_it_says(name: str) -> None:
    strategy, law, _ = LAWS[name]
    run(law, strategy, QUICK)


@pytest.mark.parametrize("name", LAWS)
def test_a_hasty_reader_is_found(name: str) -> None:
    strategy, _, hasty = LAWS[name]
    fast = settings(
        QUICK,
        max_examples=FOUND_WITHIN,
        phases=[Phase.generate],
        database=None,
        report_multiple_bugs=False,
        derandomize=True,
    )
    with pytest.raises((AssertionError, ValueError, LookupError, TypeError, re.error, nai.CryptoError)):
        run(hasty, strategy, fast)


@pytest.mark.parametrize("make", [native_streams, openai_streams])
def test_a_stream_without_its_end_is_truncated(make: Any) -> None:
    operation = nai.text.generate_stream("x") if make is native_streams else nai.openai.chat_completion_stream(HELLO)

    @QUICK
    @given(make(final=False))
    def law(drawn: tuple[bytes, list[str]]) -> None:
        assert isinstance(play_body(operation, EVENTS, drawn[0]).error, Truncated)

    law()


def test_hostile_bytes_are_no_heads_and_cuts_split_characters() -> None:
    @settings(QUICK, max_examples=FOUND_WITHIN, phases=[Phase.generate], derandomize=True)
    @given(hostile_bytes())
    def hasty(data: bytes) -> None:
        read_status_hastily(data)

    @settings(QUICK, max_examples=FOUND_WITHIN, phases=[Phase.generate], derandomize=True)
    @given(chunkings("日本語".encode()))
    def decode(pieces: list[bytes]) -> None:
        for piece in pieces:
            piece.decode()

    with pytest.raises((ValueError, IndexError, ExceptionGroup)):
        hasty()
    with pytest.raises(UnicodeDecodeError):
        decode()


# ---- the module


def test_each_strategy_says_what_it_draws() -> None:
    table = strategies.__doc__ or ""
    for name in strategies.__all__:
        assert re.match(r"Generate .*[.:]", str(getattr(strategies, name).__doc__)), name
        assert f"`{name}`" in table, name


def test_without_hypothesis_the_import_says_what_is_missing() -> None:
    code = """if True:
        import sys
        sys.modules["hypothesis"] = None
        import nai_proto
        try:
            import nai_proto.testing.strategies
        except ImportError as error:
            assert isinstance(error, nai_proto.MissingExtra)
            print(error.extra, error)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=50)
    assert done.stdout == "testing nai_proto.testing.strategies needs Hypothesis (the extra 'testing')\n"
