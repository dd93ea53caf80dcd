"""Without a tokenizer file a chat story is continued by the service's counts: the same context, in few requests.

See:
    docs/protocol/openai.md#8-token-count
    docs/protocol/content.md#86-trimming-and-insertion
    docs/protocol/content.md#89-chat-format-models
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nai_proto.emulator import Account, Emulator
from nai_proto.errors import FileError, InvalidRequestError, NaiError, TransportError
from nai_proto.exchange.actions import Steps
from nai_proto.library import ContinuedStory, open_library
from nai_proto.library.stories import create_story
from nai_proto.openai import render_chat
from nai_proto.story import ChatContinuation, Story, build_continuation, build_counted_continuation
from nai_proto.testing import FlowTrace, run_in_memory
from nai_proto.text import Model
from nai_proto.tier import Tier
from nai_proto.tokenizers import TOKENIZERS
from nai_proto.tokenizers.base import ByteVocabulary, SpecialsOverride
from tests.context_support import Words
from tests.hypothesis_profiles import scale_examples
from tests.support import EMAIL, PASSWORD, ByteTokenizer, an_emulator, logged_in, with_token
from tests.test_continue_story import KEY

NOW = 1_700_000_000


def with_markers(inner: ByteVocabulary) -> ByteVocabulary:
    """The tokenizer with GLM's special tokens."""
    return SpecialsOverride(inner, TOKENIZERS["glm-4.6"].specials)


def make_story(text: str, *entries: str, memory: str = "") -> Story:
    story = Story.new("Swans", now=NOW, model=Model.GLM)
    story.memory = memory
    story.fields["lorebook"]["entries"] = [
        {"id": str(place), "displayName": each, "text": each, "keys": [], "forceActivation": True}
        for place, each in enumerate(entries)
    ]
    story.append(text, now=NOW)
    return story


def count_by_service(emulator_and: tuple[Emulator, Account], story: Story, **options: Any) -> FlowTrace[Any, Any]:
    emulator, owner = emulator_and
    flow = build_counted_continuation(story, tier=Tier.OPUS, **options)
    return run_in_memory(with_token(owner.persistent_token, flow), emulator)


def long_text(sentences: int) -> str:
    words = ("the", "lake", "was", "frozen", "and", "swans", "slept", "under", "willows")
    return " ".join(
        " ".join(words[(place * step) % 9] for step in range(1, 3 + place % 11)).capitalize() + "."
        for place in range(sentences)
    )


@settings(deadline=None, max_examples=scale_examples(25))
@given(
    st.lists(
        st.sampled_from(["A swan sang.", "Oh!", "It was cold, and the lake lay still.", "\n", "雪。"]), max_size=60
    ),
    st.integers(40, 900),
    st.sampled_from([ByteTokenizer(), Words()]),
    st.booleans(),
)
def test_the_context_is_the_one_that_the_tokenizer_gives(
    sentences: list[str], size: int, inner: ByteVocabulary, markers: bool
) -> None:
    tokenizer = with_markers(inner) if markers else inner
    story = make_story("Once. " + " ".join(sentences), "Swans are white.", "Ducks are not.", memory="It is winter.")
    emulator = an_emulator(tokenizers=lambda _: tokenizer)
    trace = count_by_service(emulator, story, size=size, max_length=20)
    own, refusal = None, ""
    try:
        own = build_continuation(story, tokenizer=tokenizer, tier=Tier.OPUS, size=size, max_length=20)
    except InvalidRequestError as error:
        refusal = str(error)
    if own is None:
        assert str(trace.error) == refusal
        return
    made = trace.result
    assert isinstance(made, ChatContinuation)
    assert isinstance(own, ChatContinuation)
    cut_by_words = any(row.trimmed == "token" for row in (*own.context.rows, *made.context.rows))
    if not cut_by_words:
        assert (made.context.text, made.messages) == (own.context.text, own.messages)
        assert [row.tokens for row in made.context.rows] == [row.tokens for row in own.context.rows]
        assert made.context.tokens == own.context.tokens
    assert tokenizer.count(render_chat(made.messages)) <= size


@pytest.mark.parametrize("entries", [0, 50])
def test_a_story_that_fits_takes_three_requests(entries: int) -> None:
    emulator = an_emulator(tokenizers=lambda _: with_markers(ByteTokenizer()))
    lore = [f"Swan {number} is white." for number in range(entries)]
    trace = count_by_service(emulator, make_story("The lake was frozen.", *lore, memory="Winter."))
    assert len(trace.requests) == 3  # the parts, the whole, the whole in the chat's template
    assert [request.path for request in trace.requests] == ["/oa/v1/internal/token-count"] * 3


def test_a_story_of_megabytes_takes_a_few_requests_of_bounded_size() -> None:
    emulator = an_emulator(tokenizers=lambda _: with_markers(Words()))
    trace = count_by_service(emulator, make_story(long_text(60_000), "Swans are white."), max_length=100)
    made = trace.result
    assert 36_000 < Words().count(made.context.text) <= 36_764
    assert len(trace.requests) <= 16
    assert max(len(request.body) for request in trace.requests) < 8 * 36_864 + 1000


def test_without_the_marker_each_text_is_counted_alone_and_only_once() -> None:
    trace = count_by_service(an_emulator(), make_story("The lake was frozen.", "Swans.", "Ducks.", memory="Winter."))
    prompts = [json.loads(request.body)["prompt"] for request in trace.requests]
    assert len(prompts) == len(set(prompts))
    assert isinstance(trace.result, ChatContinuation)


def test_random_conditions_are_drawn_once_however_often_the_context_is_built() -> None:
    story = make_story("The lake was frozen.", "Swans are white.", "Ducks are not.")
    for entry in story.fields["lorebook"]["entries"]:
        entry["forceActivation"] = False
        entry["advancedConditions"] = [{"type": "random", "chance": 0.5}]
    drawn: list[float] = []

    def draw() -> float:
        drawn.append(0.3 if len(drawn) % 2 else 0.9)
        return drawn[-1]

    by_service = count_by_service(an_emulator(tokenizers=lambda _: ByteTokenizer()), story, chance=draw).result
    once = len(drawn)
    drawn.clear()
    own = build_continuation(story, tokenizer=ByteTokenizer(), tier=Tier.OPUS, chance=draw)
    assert by_service.context.text == own.context.text
    assert once == len(drawn) > 0


def test_a_native_model_needs_its_tokenizer_and_nothing_is_sent() -> None:
    trace = count_by_service(an_emulator(), make_story("The lake."), model="kayra-v1")
    assert isinstance(trace.error, InvalidRequestError)
    assert "kayra-v1 continues token ids, which needs its tokenizer" in str(trace.error)
    assert trace.requests == []


# ---- a stored story


def load_nothing(_: Model) -> Any:
    raise FileError("no source of this tokenizer is known", path="")


def continue_stored(tokenizer: Any, **options: Any) -> FlowTrace[Any, ContinuedStory]:
    emulator, owner = an_emulator()
    owner.storage.clear(("stories", "storycontent"))
    run_in_memory(logged_in(create_story(make_story("The lake was frozen."), KEY)), emulator)

    def steps() -> Steps[Any, ContinuedStory]:
        library = yield from open_library(EMAIL, PASSWORD)
        story = library.stories[0]
        return (yield from library.continue_story(story, tokenizer=tokenizer, max_length=20, **options))

    return run_in_memory(steps(), emulator)


@pytest.mark.parametrize("tokenizer", [load_nothing, lambda _: None], ids=["a missing file", "None"])
def test_a_glm_story_is_continued_without_a_tokenizer_file(tokenizer: Any) -> None:
    trace = continue_stored(tokenizer)
    done = trace.result
    assert done.ok
    assert done.story.text == "The lake was frozen." + done.completion.text
    assert done.completion.text
    assert sum(request.path == "/oa/v1/internal/token-count" for request in trace.requests) <= 3


@pytest.mark.parametrize("error", [FileError("x", path=""), TransportError("x", sent=False, phase="connect")])
def test_a_native_story_without_its_file_is_the_file_s_error(error: NaiError) -> None:
    def lookup(_: Model) -> Any:
        raise error

    assert continue_stored(lookup, model="kayra-v1").error is error
