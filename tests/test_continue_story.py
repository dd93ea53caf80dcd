"""A stored story goes on: by its own settings, and nothing of it is lost whatever happens on the way.

See:
    docs/protocol/content.md#23-ways-to-lose-data-and-the-order-that-avoids-them
    docs/protocol/content.md#8-building-the-context
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from nai_proto import InvalidRequestError, ServerError, Tier
from nai_proto.codecs.key_derivation import encryption_key
from nai_proto.codecs.token_packing import unpack
from nai_proto.emulator import Account, Emulator
from nai_proto.errors import NaiError
from nai_proto.exchange.reply import App, Handler
from nai_proto.http import Request
from nai_proto.library import (
    ContinuedStory,
    Library,
    ObjectChange,
    OpenedStory,
    SavedObject,
    SaveOutcome,
    open_library,
)
from nai_proto.library.stories import create_story
from nai_proto.openai import render_chat
from nai_proto.secret import Password
from nai_proto.story import ChatContinuation, Origin, Story, build_continuation
from nai_proto.story.context.report import Context
from nai_proto.testing import Clock, FlowTrace, run_in_memory
from nai_proto.text import Model, Token
from nai_proto.tokenizers import Tokenizer
from tests.faults import FAULTS, inject_fault, lose_request
from tests.support import EMAIL, PASSWORD, ByteTokenizer, an_emulator, logged_in

KEY = encryption_key(EMAIL, Password(PASSWORD))
NOW = 1_700_000_000
FORMATS = pytest.mark.parametrize("legacy", [False, True], ids=["newer", "legacy"])


def load_word_tokenizer(_: Model) -> Tokenizer:
    return ByteTokenizer()


def load_byte_tokenizer(_: str) -> Tokenizer:
    return ByteTokenizer()


def build_story(legacy: bool = False) -> Story:
    story = Story.new("Swans", now=NOW, model=Model.KAYRA, legacy=legacy)
    story.memory = "Swans are white."
    story.settings.fields["trimResponses"] = False
    story.append("The lake was frozen.\nSo", now=NOW)
    return story


def create_stored_story(legacy: bool = False, **options: Any) -> tuple[Emulator, Account, Library]:
    """An emulator that has that story, and nothing else."""
    emulator, owner = an_emulator(tokenizers=load_byte_tokenizer, **options)
    owner.storage.clear(("stories", "storycontent"))
    run_in_memory(logged_in(create_story(build_story(legacy), KEY)), emulator)
    return emulator, owner, load_library(emulator)


def load_library(app: App) -> Library:
    return run_in_memory(open_library(EMAIL, PASSWORD), app).result


def run_continue_story(app: App, library: Library, **options: Any) -> FlowTrace[Any, ContinuedStory]:
    options = {"tokenizer": load_word_tokenizer, "max_length": 12, **options}
    return run_in_memory(library.continue_story(library.stories[0], **options), app, clock=Clock(NOW + 60))


def read_generation_body(played: FlowTrace[Any, Any]) -> dict[str, Any]:
    """Return the JSON body of the generation request."""
    (request,) = [request for request in played.requests if request.path == "/ai/generate-stream"]
    document: dict[str, Any] = json.loads(request.body)
    return document


@FORMATS
def test_continued_story_is_stored_with_the_answer(legacy: bool) -> None:
    emulator, _, library = create_stored_story(legacy)
    played = run_continue_story(emulator, library)
    done = played.result
    assert done.ok
    assert done.completion.text
    assert [saved.outcome for saved in done.saved] == [SaveOutcome.UPDATED, SaveOutcome.UPDATED]
    (story,) = load_library(emulator).stories
    assert story.content is not None
    again = Story.from_data(story.card.json(), story.content.json())
    assert again.text == "The lake was frozen.\nSo" + done.completion.text == done.story.text
    assert again.history[again.current or 0].origin is Origin.AI
    assert again.has_document is not legacy
    again.undo()
    assert again.text == "The lake was frozen.\nSo"
    assert story.card.json()["lastUpdatedAt"] == 1000 * (NOW + 60)
    assert story.card.json()["textPreview"] == done.story.text
    assert story.card.stored == done.story.opened.card.stored
    assert done.story.opened.content is not None
    assert story.content.stored == done.story.opened.content.stored


def test_events_are_the_context_the_text_and_the_stored_story() -> None:
    emulator, _, library = create_stored_story()
    played = run_continue_story(emulator, library)
    context, *rest = played.events
    assert isinstance(context, Context)
    assert context.text == "Swans are white.\nThe lake was frozen.\nSo"
    tokens = [event for event in rest if isinstance(event, Token)]
    assert rest == [*tokens, played.result.completion, *played.result.saved]
    assert "".join(token.text for token in tokens) == played.result.completion.text
    assert all(isinstance(saved, SavedObject) for saved in played.result.saved)


def test_request_has_the_settings_of_the_story() -> None:
    emulator, _, _ = create_stored_story()
    story = build_story()
    story.settings.fields.update(prefix="special_proseaugmenter", banBrackets=False, trimResponses=True)
    story.settings.parameters["temperature"] = 1.25
    story.fields["bannedSequenceGroups"] = [{"sequences": ["{swan}"], "enabled": True}]
    story.fields["phraseBiasGroups"] = [{"phrases": ["{duck}"], "bias": 0.5, "enabled": True}]
    story.fields["eosSequences"] = ["THE END"]
    run_in_memory(logged_in(create_story(story, KEY)), emulator)
    library = load_library(emulator)
    library = replace(library, stories=library.stories[-1:])
    body = read_generation_body(run_continue_story(emulator, library))
    parameters = body["parameters"]
    assert body["model"] == Model.KAYRA.id
    assert unpack(body["input"], 2) == ByteTokenizer().encode("Swans are white.\nThe lake was frozen.\nSo")
    assert parameters["temperature"] == 1.25
    assert parameters["max_length"] == 12
    assert parameters["prefix"] == "special_proseaugmenter"
    assert parameters["generate_until_sentence"] is True
    assert "bracket_ban" not in parameters
    assert ByteTokenizer().encode("swan") in parameters["bad_words_ids"]
    assert {"sequence": ByteTokenizer().encode("duck"), "bias": 0.5} in [
        {name: each[name] for name in ("sequence", "bias")} for each in parameters["logit_bias_exp"]
    ]
    assert parameters["stop_sequences"] == [ByteTokenizer().encode("THE END")]


def test_tier_is_read_from_the_account_and_limits_the_context() -> None:
    emulator, owner, library = create_stored_story()
    sizes = {}
    for tier in (Tier.TABLET, Tier.OPUS):
        owner.profile.subscribe(tier, NOW)
        sizes[tier] = run_continue_story(emulator, library, store=False).result.context.size
    assert sizes[Tier.TABLET] == Model.KAYRA.context_limit(Tier.TABLET) - 12 < sizes[Tier.OPUS]
    assert run_continue_story(emulator, library, store=False, size=10).result.context.size == 10


def test_another_model_can_continue_a_story() -> None:
    emulator, _, library = create_stored_story()
    assert (
        read_generation_body(run_continue_story(emulator, library, model=Model.CLIO, store=False))["model"]
        == Model.CLIO.id
    )
    assert load_library(emulator).stories[0].text == "The lake was frozen.\nSo"


def test_without_storing_only_the_generation_is_sent() -> None:
    emulator, _, library = create_stored_story()
    played = run_continue_story(emulator, library, store=False)
    assert [request.method for request in played.requests] == ["GET", "POST"]  # tier, generation
    assert played.result.saved == ()
    assert not played.result.ok
    assert played.result.story.text.startswith("The lake was frozen.\nSo")


def change_during_generation(emulator: Emulator) -> App:
    """The emulator, where somebody else changes the story when the generation is asked for."""

    def app(request: Request) -> Handler:
        if request.path == "/ai/generate-stream":
            library = load_library(emulator)
            item = library.stories[0].content
            assert item is not None
            theirs = library.save_objects([ObjectChange(item, {**item.json(), "theirs": True})])
            assert run_in_memory(logged_in(theirs), emulator).result[0].outcome.ok
        return emulator(request)

    return app


def test_concurrent_change_is_kept_and_the_answer_is_not_lost() -> None:
    emulator, _, library = create_stored_story()
    done = run_continue_story(change_during_generation(emulator), library).result
    assert [saved.outcome for saved in done.saved] == [SaveOutcome.CONFLICT]
    assert not done.ok
    (story,) = load_library(emulator).stories
    assert story.content is not None
    assert story.content.json()["theirs"] is True
    assert story.text == "The lake was frozen.\nSo"
    assert story.card.json()["textPreview"] == "The lake was frozen.\nSo"
    assert done.story.text == "The lake was frozen.\nSo" + done.completion.text
    run_in_memory(library.create(done.story), emulator)  # as a story of its own
    assert {each.text for each in load_library(emulator).stories} == {story.text, done.story.text}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("number", [0, 1], ids=["content", "card"])
def test_fault_while_storing_loses_neither_text(fault: str, number: int) -> None:
    emulator, _, library = create_stored_story()
    played = run_continue_story(inject_fault(emulator, FAULTS[fault], number, method="PATCH"), library)
    done = played.result
    assert done.story.text == "The lake was frozen.\nSo" + done.completion.text
    (story,) = load_library(emulator).stories
    assert story.text in ("The lake was frozen.\nSo", done.story.text)
    if done.saved[0].outcome.ok:
        assert story.text == done.story.text


def test_failed_generation_stores_nothing_and_has_a_partial_result() -> None:
    emulator, _, library = create_stored_story()
    with pytest.raises(ServerError):
        _ = run_continue_story(
            inject_fault(emulator, FAULTS["500"], *range(9), path="/ai/generate-stream"), library
        ).result
    with pytest.raises(NaiError):
        _ = run_continue_story(
            inject_fault(emulator, lose_request, *range(9), path="/ai/generate-stream"), library
        ).result
    assert load_library(emulator).stories[0].text == "The lake was frozen.\nSo"


def test_story_that_did_not_open_cannot_be_continued() -> None:
    _, _, library = create_stored_story()
    with pytest.raises(InvalidRequestError, match="did not open, so it cannot be continued"):
        library.continue_story(OpenedStory(library.stories[0].card, None), tokenizer=load_word_tokenizer)


@pytest.mark.parametrize(
    ("model", "problem"), [("", "names no model"), ("new-v1", "no model for stories is called 'new-v1'")]
)
def test_story_without_a_known_text_model_is_rejected(model: str, problem: str) -> None:
    story = build_story()
    story.settings.model = model
    with pytest.raises(InvalidRequestError, match=problem):
        build_continuation(story, tokenizer=ByteTokenizer(), tier=Tier.OPUS)
    made = build_continuation(story, tokenizer=ByteTokenizer(), tier=Tier.OPUS, model="kayra-v1", max_length=5)
    assert made.context.text.endswith("So")


# ---- in a chat


def build_chat_story(**settings: Any) -> Story:
    story = build_story()
    story.settings.model = Model.GLM
    story.settings.fields.update(settings)
    story.settings.parameters.update(temperature=0.5, top_k=40, max_length=12)
    story.settings.parameters["order"] = [{"id": "temperature", "enabled": True}, {"id": "top_k", "enabled": False}]
    story.fields["messageSettings"] = {"systemPrompt": "You go on.", "prefill": ""}
    story.fields["eosSequences"] = ["THE END"]
    return story


def test_story_with_a_chat_model_is_continued_as_a_chat() -> None:
    emulator, owner = an_emulator(tokenizers=load_byte_tokenizer)
    owner.storage.clear(("stories", "storycontent"))
    run_in_memory(logged_in(create_story(build_chat_story(), KEY)), emulator)
    played = run_continue_story(emulator, load_library(emulator), max_length=None)
    done = played.result
    assert done.ok
    (request,) = [request for request in played.requests if request.path == "/oa/v1/chat/completions"]
    body: dict[str, Any] = json.loads(request.body)
    assert body["messages"] == [
        {"role": "system", "content": "You go on."},
        {"role": "system", "content": "Swans are white.\n"},
        {"role": "assistant", "content": "The lake was frozen.\nSo"},
    ]
    assert (body["model"], body["max_tokens"], body["temperature"]) == ("glm-4-6", 12, 0.5)
    assert (body["enable_thinking"], body["stop"], "top_k" in body) == (False, ["THE END"], False)
    tokens = [event for event in played.events if isinstance(event, Token)]
    assert "".join(token.text for token in tokens) == done.completion.text != ""
    assert load_library(emulator).stories[0].text == "The lake was frozen.\nSo" + done.completion.text


def test_chat_messages_leave_room_for_the_tokens_of_the_template() -> None:
    story = build_chat_story()
    story.append(" A word." * 200, now=NOW)
    made = build_continuation(story, tokenizer=ByteTokenizer(), tier=Tier.OPUS, size=400)
    assert isinstance(made, ChatContinuation)
    assert 300 < ByteTokenizer().count(render_chat(made.messages)) <= 400
    assert made.messages[-1]["content"].endswith(" word.")
    with pytest.raises(InvalidRequestError, match="the 20 tokens of the context"):
        build_continuation(story, tokenizer=ByteTokenizer(), tier=Tier.OPUS, size=20)
    with pytest.raises(InvalidRequestError, match="only for Opus"):
        build_continuation(story, tokenizer=ByteTokenizer(), tier=Tier.TABLET, model=Model.XIALONG)


def test_chat_without_text_is_rejected() -> None:
    story = Story.new(now=NOW, model=Model.GLM)
    with pytest.raises(InvalidRequestError, match="no text to continue"):
        build_continuation(story, tokenizer=ByteTokenizer(), tier=Tier.OPUS)
