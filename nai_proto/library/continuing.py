"""A stored story goes on: its context, what is generated, and both stored again with nothing lost.

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
from ..codecs.sealed import Opened
from ..errors import InvalidRequestError
from ..exchange.actions import Emit, Steps, compute, get_context
from ..exchange.flow import Flow, flow
from ..story.continuing import continuation, model_of
from ..story.sections import Origin
from ..story.story import Story as Writing
from ..text.completion import Completion, Token
from .values import Story
from .writing import Change, Saved, save_objects

if TYPE_CHECKING:
    from ..story.chatting import ChatContinuation
    from ..story.context.report import Context
    from ..story.continuing import Continuation
    from ..text.models import Model
    from ..tokenizers import Tokenizer

__all__ = ["Continued", "continue_story", "save_story"]


@dataclass(frozen=True, slots=True)
class Continued:
    """A story that went on."""

    story: Story
    "As it is stored now; as it was read, where it could not be stored."
    writing: Writing = field(repr=False)
    "With the new text, whatever became of storing it: `Writing.packed` gives its card and its content."
    completion: Completion = field(repr=False)
    "What was generated."
    context: Context = field(repr=False)
    "What the model saw."
    saved: tuple[Saved, ...] = ()
    "What became of the content, and of the card; empty if nothing was to be stored."

    @property
    def ok(self) -> bool:
        """Is it stored?"""
        return bool(self.saved) and all(each.outcome.ok for each in self.saved)


def continue_story(
    story: Story,
    keystore: Mapping[str, bytes],
    *,
    tokenizer: Callable[[Model], Tokenizer],
    store: bool = True,
    **options: Any,
) -> Flow[Context | Token | Saved, Continued]:
    """Generate what comes next in a story, write it into its history, and store the story.

    Events are the context, then tokens with their text, then what became of content and card. Nothing is stored before all
    is generated. If others changed the story meanwhile theirs stays: `Continued.saved` says so, and `Continued.writing` has
    what was written here. The account is asked for its tier first, which says how large the context may be.

    Args:
        story: of a library, opened.
        keystore: the library's.
        tokenizer: gives that of a model.
        store: store it? If not, the result has it.
        options: those of `nai_proto.story.continuation`: ``model``, ``max_length``, ``placeholders``, ``chance``,
            ``size``, ``rules``, and parameters of the request.

    Raises:
        InvalidRequestError: the story did not open.

    Raises (when run):
        NaiError: as `continuation`, or the generation failed; an error's ``partial`` has what came. Nothing is stored then.
    """
    if not story.ok or story.content is None:
        raise InvalidRequestError("a story goes on if its card and its content have opened", parameter="story")
    return _continue_story(story, keystore, tokenizer, store, options)


@flow
def _continue_story(
    story: Story,
    keystore: Mapping[str, bytes],
    tokenizer: Callable[[Model], Tokenizer],
    store: bool,
    options: Mapping[str, Any],
) -> Steps[Context | Token | Saved, Continued]:
    context = yield from get_context()
    assert story.content is not None
    writing = Writing.of(story.card.json(), story.content.json(), limits=context.limits, entropy=context.entropy)
    words = tokenizer(model_of(writing, options.get("model")))
    tier = (yield from get_subscription()).tier
    plan: Continuation | ChatContinuation = yield from compute(
        partial(continuation, writing, tokenizer=words, tier=tier, **options)
    )
    yield Emit([plan.context])
    completion = yield from plan.generate(words)
    if completion.text:
        now = int(1000 * context.now())
        yield from compute(partial(writing.append, completion.text, now=now, origin=Origin.AI))
    if not store:
        return Continued(story, writing, completion, plan.context)
    saved, stored = yield from save_story(story, writing, keystore)
    return Continued(stored, writing, completion, plan.context, saved)


def save_story(
    story: Story, writing: Writing, keystore: Mapping[str, bytes]
) -> Flow[Saved, tuple[tuple[Saved, ...], Story]]:
    """Store a story that was written on: its content, then its card, each with the index that it was read with.

    The card is not sent where the content was not stored: it would tell of a text that is not there.

    Args:
        story: as it was read.
        writing: made of it, and changed.
        keystore: the account's.

    Returns:
        What became of both, and the story as it is stored now.

    Raises:
        InvalidRequestError: there is no content.

    Raises (when run):
        NaiError: what was written does not replay; nothing is sent then.
    """
    if story.content is None:
        raise InvalidRequestError("the story has no content to be stored", parameter="story")
    return _save_story(story.card, story.content, writing, keystore)


@flow
def _save_story(
    card: Opened, content: Opened, writing: Writing, keystore: Mapping[str, bytes]
) -> Steps[Saved, tuple[tuple[Saved, ...], Story]]:
    now = int(1000 * (yield from get_context()).now())
    packed_card, text = yield from compute(partial(writing.packed, now=now))
    (first,) = yield from save_objects([Change(content, text)], keystore)
    if not first.outcome.ok:
        return (first,), Story(card, content)
    (second,) = yield from save_objects([Change(card, packed_card)], keystore)
    return (first, second), Story(second.item, first.item)
