"""``nai story continue``: what comes next in a story, as it comes; and stored, unless it is not to be."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from nai_proto.codecs.box import write_json
from nai_proto.errors import InvalidRequestError
from nai_proto.library import ContinuedStory, SaveOutcome, continue_story
from nai_proto.text import Token

from ...tokenizer_files import load
from ..common.credentials import Email, UnsafePassword, Url, build_session, open_client
from ..common.errors import exit_on_error
from ..common.output import Json
from .story_source import AnswerOption, StoryArgument, parse_answers, select_story

__all__ = ["continue_"]


def continue_(
    story: StoryArgument,
    max_length: Annotated[int | None, typer.Option(help="Tokens to generate; the preset's if not given.")] = None,
    model: Annotated[str | None, typer.Option(help="Instead of the story's.")] = None,
    answer: AnswerOption = None,
    store: Annotated[bool, typer.Option(help="Store the story as it has gone on.")] = True,
    email: Email = None,
    unsafe_password: UnsafePassword = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Go on with a story of the account, by its own settings, and store it with what was written.

    If others changed the story meanwhile, theirs stays, and the exit code is 1; the text has been printed.
    """
    with exit_on_error("story continue"):
        told = select_story(story, url, email, unsafe_password)
        if told.stored is None or told.library is None or told.library.token is None:
            raise InvalidRequestError("a file does not go on by itself: nai generate goes on from a text")
        options: dict[str, Any] = {"max_length": max_length, "model": model, "placeholders": parse_answers(answer)}
        flow = continue_story(told.stored, told.library.keystore, tokenizer=load, store=store, **options)
        with (
            open_client(build_session(url)) as client,
            client.stream(flow.with_options(token=told.library.token)) as going,
        ):
            for event in going:
                if isinstance(event, Token) and not as_json:
                    typer.echo(event.text, nl=False)
                    sys.stdout.flush()
            done = going.result
    if as_json:
        typer.echo(write_json(_describe_continuation(done)))
    else:
        typer.echo()
    lost = [saved for saved in done.saved if not saved.outcome.ok]
    for saved in lost:
        why = "others have changed it meanwhile" if saved.outcome is SaveOutcome.CONFLICT else saved.outcome.value
        typer.echo(f"nai story continue: {saved.item.stored.type} was not stored: {why}", err=True)
    raise typer.Exit(1 if lost else 0)


def _describe_continuation(done: ContinuedStory) -> dict[str, object]:
    return {
        "text": done.completion.text,
        "finish_reason": done.completion.finish_reason,
        "context_tokens": len(done.context.tokens),
        "stored": {saved.item.stored.type: saved.outcome.value for saved in done.saved},
    }
