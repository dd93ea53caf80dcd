"""Scripted answers as a language model's tokens, with the log probabilities that the model gives them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..replies.scripted_reply import ScriptedReply
from .generation import SamplingStep, describe_given
from .language_model import LanguageModel

__all__ = ["script_steps"]


def script_steps(
    model: LanguageModel, prompt: Sequence[int], reply: ScriptedReply, num_logprobs: int | None
) -> Iterator[SamplingStep]:
    """Yield the text of a reply, token by token, as `generate` yields drawn ones.

    Args:
        model: gives the tokens and their log probabilities.
        prompt: Token ids of the prompt.
        reply: with a text.
        num_logprobs: How many candidates to report for each token; None reports nothing.
    """
    context = [*prompt]
    tokens = model.vocabulary.encode(reply.text or "")
    for ptr, token in enumerate(tokens):
        logprobs = None if num_logprobs is None else describe_given(token, model.distribution(context), num_logprobs)
        yield SamplingStep(token, ptr, logprobs, reply.finish_reason if ptr == len(tokens) - 1 else None)
        context.append(token)
