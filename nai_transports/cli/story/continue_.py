"""``nai story continue``: continue a story of the account, print the text as it arrives, and save the story."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer

from nai_proto.library import ContinuedStory, SavedObject, SaveOutcome
from nai_proto.text import Completion, Token

from ..common.account_options import AccountOptions
from ..common.errors import WrongUsage
from ..common.finished_work import add_partial, open_stream, record_done
from ..common.json_document import print_json
from ..common.notes import print_remark
from ..common.output import Json
from ..common.text_stream import TextStream
from ..common.tokenizers import load_or_none
from ..common.usage_messages import quote
from .story_source import AnswerOption, StoryArgument, check_model, select_story

__all__ = ["continue_"]

_LONGER: Final = "up to 20 tokens more than --max-tokens may come, to the end of the sentence"
"""See docs/protocol/native.md#91-parameters--complete-list."""
_NOT_SAVED: Final = "This text was not saved."
_PERHAPS_SAVED: Final = "This text was being saved; nai story show {} shows whether it is."


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPart:
    """The card or the content of a continued story."""

    type: str
    id: str
    outcome: str
    "``updated``, or why it was not saved."


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinuedText:
    """What ``nai story continue`` generated and saved."""

    text: str
    finish_reason: str | None
    context_tokens: int
    saved: list[SavedPart]
    "Empty with ``--no-store``."


def continue_(
    story: StoryArgument,
    max_tokens: Annotated[
        int | None,
        typer.Option(min=1, help="Maximum number of tokens; 20 more may end the sentence. Default: the preset's."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Model id or name. Default: the story's.")] = None,
    answer: AnswerOption = None,
    store: Annotated[bool, typer.Option(help="Save the continued story.")] = True,
    *,
    account: AccountOptions,
    as_json: Json = False,
) -> None:
    """Continue a story of the account with its own settings, and save it.

    If the story was changed elsewhere meanwhile, it is not saved, and the exit code is 1; the new text is still printed.
    """
    check_model(model)
    selected = select_story(story, answer, account, builds_context=True)
    if selected.stored is None or selected.library is None:
        raise WrongUsage("only a story of the account can be continued; for a text, use nai generate --file")
    options: dict[str, Any] = {"max_length": max_tokens, "model": model, "placeholders": selected.answers}
    flow = selected.library.continue_story(selected.stored, tokenizer=load_or_none, store=store, **options)
    if (
        max_tokens is not None
        and not account.quiet
        and selected.story.settings.fields.get("trimResponses") is not False
    ):
        print_remark(_LONGER)
    with account.open_client() as client, TextStream() as out:
        completion: Completion | None = None
        fate = ""  # of the new text, in a sentence
        try:
            with open_stream(client, flow) as stream:
                for event in stream:
                    match event:
                        case Token(text=piece) if piece:
                            fate = _NOT_SAVED
                            if not as_json:
                                out.write(piece)
                        case Completion() if store:
                            completion, fate = event, _PERHAPS_SAVED.format(quote(story))
                        case SavedObject(outcome=outcome):
                            fate = "" if outcome.ok else _NOT_SAVED
                            if outcome.ok:
                                record_done("the new text is saved")
                        case _:  # the context, and what has no text or is not saved
                            pass
                continued = stream.result
        except BaseException as error:
            if completion is not None:
                add_partial(error, completion)
            if fate:
                error.add_note(fate)
            raise
        if not as_json:
            out.finish()
    if as_json:
        print_json(_describe_continuation(continued))
    unsaved = [saved for saved in continued.saved if not saved.outcome.ok]
    for saved in unsaved:
        reason = "it was changed elsewhere meanwhile" if saved.outcome is SaveOutcome.CONFLICT else saved.outcome.value
        print_remark(f"{saved.item.stored.type} was not saved: {reason}")
    raise typer.Exit(1 if unsaved else 0)


def _describe_continuation(continued: ContinuedStory) -> ContinuedText:
    return ContinuedText(
        text=continued.completion.text,
        finish_reason=continued.completion.finish_reason,
        context_tokens=len(continued.context.tokens),
        saved=[
            SavedPart(type=saved.item.stored.type, id=saved.item.stored.id, outcome=saved.outcome.value)
            for saved in continued.saved
        ],
    )
