"""``nai generate``: continue a prompt, and print the text as it arrives."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, islice
from math import exp
from pathlib import Path
from typing import Annotated

import typer

from nai_proto import text
from nai_proto.errors import InvalidRequestError, NaiError
from nai_proto.exchange.actions import Runnable
from nai_proto.tokenizers import Tokenizer

from ...sync import Client
from ...terminals import is_terminal
from ...tokenizer_files import load
from ..common.account_options import AccountOptions
from ..common.errors import reading_options
from ..common.finished_work import add_completed, open_stream
from ..common.json_document import print_json
from ..common.output import Json
from ..common.tables import print_table
from ..common.text_input import read_required_text
from ..common.text_stream import TextStream
from .generation_options import GenerationOptions, GenerationRequest
from .parameter_settings import NO_SEED

__all__ = ["generate"]


def generate(
    prompt: Annotated[str | None, typer.Argument(help="Prompt. Default: read from stdin, as - is.")] = None,
    file: Annotated[Path | None, typer.Option(help="Read the prompt from this file; - reads stdin.")] = None,
    *,
    generation: GenerationOptions,
    number: Annotated[
        int | None,
        typer.Option(
            "--number",
            "-n",
            min=1,
            help="Write this many continuations, one after the other. Default: 1.",
            show_default=False,
        ),
    ] = None,
    echo: Annotated[bool, typer.Option("--echo", help="Print the prompt before its continuation.")] = False,
    seed: Annotated[str | None, typer.Option(hidden=True)] = None,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Continue a prompt with a model for stories.

    Several continuations are separated by a line with three hyphens. The same prompt is continued differently each time:
    these models take no seed. `nai models` lists the models; those for chats have `nai chat` and `nai complete`.
    """
    with reading_options():
        if seed is not None:
            raise InvalidRequestError(f"--seed: {NO_SEED}", parameter="seed")
        request = generation.build_request()
        with request.parameters.name_in_errors():
            _build_flow("", request)  # whoever types the prompt learns before it what is wrong
        prompt_text = read_required_text(prompt, "generate", "--file", file=file)
        flow = _build_flow(prompt_text, request)
    count = 1 if number is None else number
    shown_prompt = prompt_text if echo else None
    if as_json:
        with account.log_in() as client:
            documents = _generate_documents(client, flow, request.model, shown_prompt, count)
        print_json(documents[0] if number is None else documents)
        return
    with account.log_in() as client:
        for place in range(1, count + 1):
            completion = _print_continuation(client, flow, shown_prompt or "", place, count)
            if generation.logprobs is not None:
                _print_logprobs(completion, request.tokenizer or _load_tokenizer_or_none(request.model))


def _build_flow(prompt: str, request: GenerationRequest) -> Runnable[text.Token, text.Completion]:
    if request.tokenizer is None:
        return text.generate_stream(prompt, **request.options)
    prompt_ids = request.tokenizer.encode(prompt)
    return text.decode_tokens(text.generate_stream(prompt_ids, **request.options), request.tokenizer)


# ---- output


def _generate_documents(
    client: Client, flow: Runnable[text.Token, text.Completion], model: text.Model, prompt: str | None, count: int
) -> list[GeneratedText]:
    """Return the documents of continuations; an error, or Ctrl-C, has those that were complete."""
    documents: list[GeneratedText] = []
    try:
        for _ in range(count):
            with open_stream(client, flow) as stream:
                for _token in stream:
                    pass
                documents.append(_describe_completion(model, prompt, stream.result))
    except BaseException as error:
        add_completed(error, documents)
        raise
    return documents


def _print_continuation(
    client: Client, flow: Runnable[text.Token, text.Completion], prompt: str, place: int, count: int
) -> text.Completion:
    with TextStream() as out, client.stream(flow) as stream:
        tokens = iter(stream)
        first = [*islice(tokens, 1)]  # an error in its place is separated from nothing
        if count > 1:
            _print_separator(place, count)
        out.write_prompt(prompt)
        for token in chain(first, tokens):
            out.write(token.text)
        completion = stream.result
        out.finish()
    return completion


def _print_separator(place: int, count: int) -> None:
    """Print what separates continuations: on a terminal a heading for each, elsewhere a line between them."""
    if is_terminal(sys.stdout):
        typer.secho(f"--- {place} of {count} ---", dim=True)
    elif place > 1:
        typer.echo("---")


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateToken:
    """A token that could have been next, with the natural logarithms of its probability before and after sampling."""

    ids: list[int]
    logprob_before: float | None
    logprob_after: float | None

    @classmethod
    def list_all(cls, candidates: Iterable[text.TokenCandidate]) -> list[CandidateToken]:
        """Return the candidates for a document."""
        return [
            cls(ids=[*each.tokens], logprob_before=each.logprobs[0], logprob_after=each.logprobs[1])
            for each in candidates
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenChoice:
    """What a token was chosen from."""

    chosen: list[CandidateToken]
    before: list[CandidateToken]
    after: list[CandidateToken]


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedText:
    """What ``--json`` prints of a continuation."""

    model: str
    prompt: str | None
    "With ``--echo``."
    text: str
    finish_reason: str | None
    ids: list[int] | None
    "With ``--ids``."
    logprobs: list[TokenChoice] | None
    "With ``--logprobs``."


def _describe_completion(model: text.Model, prompt: str | None, completion: text.Completion) -> GeneratedText:
    return GeneratedText(
        model=model.id,
        prompt=prompt,
        text=completion.text,
        finish_reason=completion.finish_reason,
        ids=[*completion.ids] or None,
        logprobs=None if completion.logprobs is None else [*map(_describe_choice, completion.logprobs)],
    )


def _describe_choice(logprobs: text.Logprobs) -> TokenChoice:
    listed = (logprobs.chosen, logprobs.before, logprobs.after)
    chosen, before, after = map(CandidateToken.list_all, listed)
    return TokenChoice(chosen=chosen, before=before, after=after)


def _load_tokenizer_or_none(model: text.Model) -> Tokenizer | None:
    """Load the tokenizer that shows candidates as text; without it, the table shows token ids."""
    try:
        return load(model)
    except NaiError:
        return None


def _print_logprobs(completion: text.Completion, tokenizer: Tokenizer | None) -> None:
    """Print the candidates for each token."""

    def format_candidate(candidate: text.TokenCandidate, place: int) -> str:
        piece = repr(tokenizer.decode(candidate.tokens)) if tokenizer else " ".join(map(str, candidate.tokens))
        logprob = candidate.logprobs[place]
        return f"{piece} {'–' if logprob is None else f'{exp(logprob):.1%}'}"

    def format_part(candidates: Iterable[text.TokenCandidate], place: int) -> str:
        return ", ".join(format_candidate(candidate, place) for candidate in candidates)

    rows = [
        (format_part(one.chosen, 1), format_part(one.before, 0), format_part(one.after, 1))
        for one in completion.logprobs or ()
    ]
    print_table(("token", "before sampling", "after sampling"), rows)
