"""What ``nai chat`` and ``nai complete`` have in common: the parameters of a request, and the answer as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, cast

import typer

from nai_proto import openai

from ..common.command import OptionGroup
from .parameter_settings import OPENAI_PARAMETERS, read_parameters

__all__ = ["AnswerDocument", "OpenAISettings", "UsageDocument", "describe_answer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAISettings(OptionGroup):
    """How an answer is written."""

    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of tokens, including reasoning.", show_default=False)
    ] = None
    temperature: Annotated[float | None, typer.Option(help="Sampling temperature, 0 to 2.", show_default=False)] = None
    seed: Annotated[int | None, typer.Option(help="Seed of the random choices.", show_default=False)] = None
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Set any other parameter, such as top_p=0.9 (repeatable).",
        ),
    ] = None

    def build_options(
        self, *, thinking: bool | None = None, stop: Sequence[str] | None = None
    ) -> openai.CompletionOptions:
        """Return the request's options, without the model, and check them.

        Raises:
            InvalidRequestError: an option is wrong, or given twice.
        """
        named = {
            "max_tokens": ("--max-tokens", self.max_tokens),
            "temperature": ("--temperature", self.temperature),
            "seed": ("--seed", self.seed),
            "enable_thinking": ("--thinking", thinking or None),
            "stop": ("--stop", stop or None),
        }
        typed = read_parameters(self.assignments or (), OPENAI_PARAMETERS, named)
        with typed.name_in_errors():
            openai.check_parameters(typed.values)
        if thinking is not None:
            typed.values.setdefault("enable_thinking", thinking)
        return cast("openai.CompletionOptions", typed.values)


# ---- output


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageDocument:
    """How many tokens were counted."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerDocument:
    """An answer to a message, or the continuation of a prompt."""

    model: str
    text: str
    finish_reason: str | None
    reasoning: str | None
    usage: UsageDocument | None


def describe_answer(model: str, completion: openai.OpenAICompletion | openai.ChatCompletion) -> AnswerDocument:
    """Return what ``--json`` prints of an answer."""
    first = completion.choices[0] if completion.choices else None
    usage = completion.usage
    return AnswerDocument(
        model=completion.model or model,
        text=completion.text,
        finish_reason=None if first is None else first.finish_reason,
        reasoning=first.message.reasoning_content if isinstance(first, openai.ChatChoice) else None,
        usage=None
        if usage is None
        else UsageDocument(
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            total_tokens=usage.total_tokens,
        ),
    )
