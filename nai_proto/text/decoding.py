"""Text for answers of token ids: what runs is the same flow, what it tells is what the tokens mean.

An operation stays a value that pickles, and a tokenizer is none; so the two meet here, in the flow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..arguments import FLOW, TOKENIZER, takes
from ..exchange.actions import Runnable, Steps
from ..exchange.flow import flow, map_batches
from .answers import Completion, CompletionIds, Token, TokenIds

if TYPE_CHECKING:
    from ..tokenizers import Tokenizer

__all__ = ["decoded"]


@flow
@takes(flow=FLOW, tokenizer=TOKENIZER)
def decoded(flow: Runnable[TokenIds, CompletionIds], tokenizer: Tokenizer) -> Steps[Token, Completion]:
    """``flow`` with text: of each event, of the result, and of the partial result, of errors too.

    A character that is spread over tokens comes with the last of them, so the events' texts joined are the result's text,
    and neither has half a character that later became whole.

    Args:
        flow: `generate` or `generate_stream` of a prompt of token ids, or any flow with such events and such a result.
        tokenizer: of the model that answers.
    """
    decoder = tokenizer.decoder()

    def token(event: TokenIds) -> Token:
        text = decoder.receive(event.ids)
        if event.final:
            text += decoder.receive_eof()
        return Token(text, event.ptr, event.final, event.logprobs, event.ids)

    result = yield from map_batches(
        flow, lambda events: [token(event) for event in events], lambda partial: _completion(partial, tokenizer)
    )
    return Completion(tokenizer.decode(result.ids), result.logprobs, result.finish_reason, result.ids)


def _completion(partial: object, tokenizer: Tokenizer) -> object:
    """A partial result with text; a character that has only begun stays out of it, its ids do not."""
    if not isinstance(partial, CompletionIds):
        return partial
    text = tokenizer.decoder().receive(partial.ids)
    return Completion(text, partial.logprobs, partial.finish_reason, partial.ids)
