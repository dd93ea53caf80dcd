"""A property-based test of your own client: any answers, cut anywhere.

`Narrator` is the client: it makes sentences of a stream of tokens. Hypothesis draws
streams as the service may send them, answers that fail, hostile bytes, and ways to cut
them into reads; the client must give the same sentences for the same text, and raise
nothing but documented errors. Run it with pytest::

    python -m pytest client_properties.py
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

import nai_proto as nai
from nai_proto.testing import play
from nai_proto.testing.strategies import (
    chunkings,
    error_answers,
    hostile_bodies,
    native_streams,
)

HEAD = nai.Head(200, nai.Headers.of(content_type="text/event-stream"))


class Narrator:
    """Reads a story aloud, sentence by sentence, as the tokens come."""

    def __init__(self) -> None:
        self._rest = ""

    def receive(self, token: str) -> Iterator[str]:
        """Yield the sentences that a token completes; blanks after a mark end one."""
        self._rest += token
        while end := re.search(r"(?<=[.!?]) +(?=[^ ])", self._rest):
            yield self._rest[: end.start()]
            self._rest = self._rest[end.end() :]

    def finish(self) -> Iterator[str]:
        """Yield what is left at the end."""
        if self._rest:
            yield self._rest


def read_aloud(body: list[bytes], head: nai.Head = HEAD) -> list[str]:
    """Return the sentences of an answer that arrives in these pieces."""
    story = play(
        nai.text.generate_stream("x").with_options(retry=nai.NO_RETRY),
        [head, *filter(None, body), b""],
    )
    narrator = Narrator()
    said = [
        sentence for token in story.events for sentence in narrator.receive(token.text)
    ]
    assert story.error is None or isinstance(story.error, nai.NaiError)
    return [*said, *narrator.finish()]


@settings(deadline=None)
@given(native_streams(), st.data())
def test_the_sentences_are_those_of_the_text_however_it_is_cut(
    made: tuple[bytes, list[str]], data: st.DataObject
) -> None:
    body, texts = made
    narrator = Narrator()
    assert read_aloud(data.draw(chunkings(body))) == [
        *narrator.receive("".join(texts)),
        *narrator.finish(),
    ]


@settings(deadline=None)
@given(error_answers())
def test_an_answer_that_fails_is_not_read_aloud(answer: tuple[nai.Head, bytes]) -> None:
    head, body = answer
    assert read_aloud([body], head) == []


@settings(deadline=None)
@given(hostile_bodies())
def test_hostile_bytes_end_in_a_documented_error(body: bytes) -> None:
    read_aloud([body])
