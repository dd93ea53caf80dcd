"""Continue a stored story: build its context, generate text, append it, and save the story without losing anything.

See:
    docs/protocol/content.md#23-ways-to-lose-data-and-the-order-that-avoids-them
    docs/protocol/content.md#8-building-the-context
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from ..account.info import get_subscription
from ..errors import InvalidRequestError
from ..exchange.actions import Emit, Steps, compute, get_context
from ..exchange.flow import Flow, flow
from ..story.context.parts import DEFAULT_RULES, ContextRules
from ..story.continuation import build_continuation, resolve_model
from ..story.sections import Origin
from ..story.story import Story
from ..text.completion import Completion, Token
from .contents import OpenedStory
from .save_objects import SavedObject
from .stories import save_story

if TYPE_CHECKING:
    from ..story.chat_continuation import ChatContinuation
    from ..story.context.report import Context
    from ..story.continuation import Continuation
    from ..text.models import Model
    from ..tokenizers import Tokenizer

__all__ = ["ContinuedStory", "continue_story"]


@dataclass(frozen=True, slots=True)
class ContinuedStory:
    """A story with the text that was generated for it."""

    story: OpenedStory
    "As it is stored now; as it was read, if it could not be saved."
    edited: Story = field(repr=False)
    "The story with the new text, saved or not: `Story.packed` returns its card and its content."
    completion: Completion = field(repr=False)
    "The generated text."
    context: Context = field(repr=False)
    "The context that the model received."
    saved: tuple[SavedObject, ...] = ()
    "The results of saving content and card; empty if ``store`` was False."

    @property
    def ok(self) -> bool:
        """Return whether the continued story is saved."""
        return bool(self.saved) and all(each.outcome.ok for each in self.saved)


def continue_story(
    story: OpenedStory,
    keystore: Mapping[str, bytes],
    *,
    tokenizer: Callable[[Model], Tokenizer],
    store: bool = True,
    model: Model | str | None = None,
    max_length: int | None = None,
    placeholders: Mapping[str, str] | None = None,
    chance: Callable[[], float] | None = None,
    rules: ContextRules = DEFAULT_RULES,
    size: int | None = None,
    **overrides: Any,
) -> Flow[Context | Token | SavedObject, ContinuedStory]:
    """Generate the continuation of a story, append it to the story's text, and save the story.

    Events are the context, then the tokens with their text, then the results of saving content and card. Nothing is saved
    before all text is generated. If another program changed the story meanwhile, its version stays: `ContinuedStory.saved`
    says so, and `ContinuedStory.edited` has the new text. The account's subscription is read first: its tier limits the
    size of the context.

    Args:
        story: of a library.
        keystore: the library's.
        tokenizer: returns the tokenizer of a model.
        store: save the story; otherwise the text is only in the result.
        model: continue with this model; None for the story's own.
        max_length: number of tokens to generate; None for that of the story's preset.
        placeholders: replacements of placeholders, by key.
        chance: random numbers from 0 to 1 for conditions of lorebook entries, as for `nai_proto.story.build_context`.
        rules: rules for building the context.
        size: tokens of the context, if fewer than the tier allows.
        overrides: parameters of the request (`nai_proto.text.TextParameters`, or those of a chat); they take precedence
            over the story's settings.

    Raises:
        InvalidRequestError: the story's card or content is missing or did not open.

    Raises (when run):
        NaiError: as for `build_continuation`, or the generation failed; ``partial`` of the error has the received text.
            Nothing was saved.
    """
    if not story.ok or story.content is None:
        raise InvalidRequestError(
            "the story's card or content is missing or did not open, so it cannot be continued", parameter="story"
        )
    options = {
        "model": model,
        "max_length": max_length,
        "placeholders": placeholders,
        "chance": chance,
        "rules": rules,
        "size": size,
        **overrides,
    }
    return _continue_story(story, keystore, tokenizer, store, options)


@flow
def _continue_story(
    story: OpenedStory,
    keystore: Mapping[str, bytes],
    tokenizer: Callable[[Model], Tokenizer],
    store: bool,
    options: Mapping[str, Any],
) -> Steps[Context | Token | SavedObject, ContinuedStory]:
    context = yield from get_context()
    assert story.content is not None
    edited = Story.from_data(story.card.json(), story.content.json(), limits=context.limits, entropy=context.entropy)
    model_tokenizer = tokenizer(resolve_model(edited, options["model"]))
    tier = (yield from get_subscription()).tier
    plan: Continuation | ChatContinuation = yield from compute(
        partial(build_continuation, edited, tokenizer=model_tokenizer, tier=tier, **options)
    )
    yield Emit([plan.context])
    completion = yield from plan.generate(model_tokenizer)
    if completion.text:
        now = int(1000 * context.now())
        yield from compute(partial(edited.append, completion.text, now=now, origin=Origin.AI))
    if not store:
        return ContinuedStory(story, edited, completion, plan.context)
    saved, stored = yield from save_story(story, edited, keystore)
    return ContinuedStory(stored, edited, completion, plan.context, saved)
