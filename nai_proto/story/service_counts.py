"""Build a story's continuation without a tokenizer: the service is asked for the counts of the texts that decide.

The context is built as always. Where it needs a count that is not known, building stops, the service is asked, and building
begins again. What has been counted is not asked for again, and random numbers are drawn once, so that each time goes the
same way as the last one, one step further. A story that fits takes two or three requests; one that has to be cut takes
some more, since each try is corrected by the count of the one before.

See:
    docs/protocol/openai.md#8-token-count
    docs/protocol/content.md#89-chat-format-models
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import count, groupby
from typing import TYPE_CHECKING, Final, Never, cast

from ..arguments import check_type
from ..exchange.actions import Steps, compute
from ..exchange.flow import flow
from ..openai.operations import token_count
from ..openai.response_objects import TokenCount
from ..tier import Tier
from ..tokenizers.registry import TOKENIZERS
from .chat_continuation import ChatContinuation
from .context.token_counters import ServiceCounter, UncountedTexts
from .continuation import plan_continuation, resolve_model
from .story import Story

if TYPE_CHECKING:
    from typing import Unpack

    from ..text.models import Model
    from .continuation_options import ContinuationOptions

__all__ = ["build_counted_continuation"]

_SEPARATOR: Final = "<|user|>"
"""A marker that GLM's vocabulary has as one token, so that no token runs across it."""
_SEPARATOR_ID: Final = TOKENIZERS["glm-4.6"].specials[_SEPARATOR]


@flow
def build_counted_continuation(
    story: Story, *, tier: Tier, **options: Unpack[ContinuationOptions]
) -> Steps[Never, ChatContinuation]:
    """Do `build_continuation` with the counts of the service, for a model that the OpenAI-compatible API has.

    Where a text may be cut between tokens, it is cut between words.

    Args:
        story: the story, which is not changed.
        tier: of the account; it limits the size of the context.
        options: as for `build_continuation`: ``help(nai.story.ContinuationOptions)`` lists them.

    Raises (when run):
        InvalidRequestError: as for `build_continuation`, or the model continues token ids, which needs its tokenizer.
        NaiError: a request failed, or the story cannot be read, as for `build_continuation`.
    """
    check_type(story, Story, "story", "a Story")
    chosen, chance = resolve_model(story, options.get("model")), options.get("chance")
    draws = None if chance is None else _RecordedDraws(chance)
    counts: dict[str, TokenCount] = {}
    while True:
        if draws is not None:
            options["chance"] = draws.replay()
        plan = partial(plan_continuation, story, ServiceCounter(counts), tier, options)
        try:
            return cast("ChatContinuation", (yield from compute(plan)))
        except UncountedTexts as missing:
            texts = missing.texts
        counts |= yield from _count_texts(texts, chosen)


class _RecordedDraws:
    """Random numbers that can be given again, in the order in which they were drawn."""

    def __init__(self, draw: Callable[[], float]) -> None:
        self._draw = draw
        self._drawn: list[float] = []

    def replay(self) -> Callable[[], float]:
        """Return a function that gives the numbers from the first on, and draws those that are missing."""
        places = count()

        def draw() -> float:
            if (place := next(places)) == len(self._drawn):
                self._drawn.append(self._draw())
            return self._drawn[place]

        return draw


def _count_texts(texts: Sequence[str], model: Model) -> Steps[Never, dict[str, TokenCount]]:
    """Ask the service for the counts of texts: in one request, if it knows the marker between them, else one by one."""
    if len(texts) > 1 and not any(_SEPARATOR in text for text in texts):
        joined = yield from token_count(_SEPARATOR.join(texts), model=model)
        groups = [[*ids] for is_text, ids in groupby(joined.encoded, _SEPARATOR_ID.__ne__) if is_text]
        if len(groups) == len(texts) == len(joined.encoded) - sum(map(len, groups)) + 1:
            return {text: TokenCount(len(ids), tuple(ids)) for text, ids in zip(texts, groups, strict=True)}
    counted: dict[str, TokenCount] = {}
    for text in texts:
        counted[text] = yield from token_count(text, model=model)
    return counted
