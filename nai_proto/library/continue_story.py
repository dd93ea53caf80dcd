"""Continue a stored story: build its context, generate text, append it, and save the story without losing anything.

See:
    docs/protocol/content.md#23-ways-to-lose-data-and-the-order-that-avoids-them
    docs/protocol/content.md#8-building-the-context
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from ..account.info import get_subscription
from ..errors import FileError, MissingExtra, TransportError
from ..exchange.actions import Emit, Steps, compute, get_context
from ..exchange.flow import flow
from ..secret import EncryptionKey
from ..story.continuation import build_continuation, resolve_model
from ..story.sections import Origin
from ..story.service_counts import build_counted_continuation
from ..text.completion import Completion, Token
from .opened_story import EditedStory, OpenedStory
from .save_objects import SavedObject
from .stories import try_save_story

if TYPE_CHECKING:
    from ..story.chat_continuation import ChatContinuation
    from ..story.context.report import Context
    from ..story.continuation import Continuation
    from ..story.continuation_options import ContinuationOptions
    from ..text.models import Model
    from ..tokenizers import Tokenizer

__all__ = ["ContinuedStory", "continue_story"]


@dataclass(frozen=True, slots=True)
class ContinuedStory:
    """A story with the text that was generated for it."""

    story: EditedStory
    "The story with the new text, saved or not, for further edits; its ``opened`` is as the account has it."
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


@flow
def continue_story(
    story: OpenedStory,
    keystore: Mapping[str, bytes],
    key: EncryptionKey | None,
    tokenizer: Callable[[Model], Tokenizer | None],
    store: bool,
    options: ContinuationOptions,
) -> Steps[Context | Token | Completion | SavedObject, ContinuedStory]:
    """Generate the continuation of a story, append it to the story's text, and save the story; see `Library.continue_story`.

    Args:
        story, tokenizer, store: as for `Library.continue_story`.
        keystore, key: as for `nai_proto.library.stories.try_save_story`.
        options: as for `Library.continue_story`.
    """
    context = yield from get_context()
    edited = story.edit(limits=context.limits, entropy=context.entropy)
    model_tokenizer = _find_tokenizer(tokenizer, resolve_model(edited, options.get("model")))
    tier = (yield from get_subscription()).tier
    plan: Continuation | ChatContinuation
    if model_tokenizer is None:
        plan = yield from build_counted_continuation(edited, tier=tier, **options)
    else:
        plan = yield from compute(partial(build_continuation, edited, tokenizer=model_tokenizer, tier=tier, **options))
    yield Emit([plan.context])
    completion = yield from plan.generate()
    yield Emit([completion])
    if completion.text:
        now = context.now()
        yield from compute(partial(edited.append, completion.text, now=now, origin=Origin.AI))
    saved = (yield from try_save_story(edited, keystore, key)) if store else ()
    return ContinuedStory(edited, completion, plan.context, saved)


def _find_tokenizer(lookup: Callable[[Model], Tokenizer | None], model: Model) -> Tokenizer | None:
    """Return the tokenizer of a model; None without its file, if the service can count instead."""
    try:
        return lookup(model)
    except (FileError, MissingExtra, TransportError):
        if model.is_native:
            raise
    return None
