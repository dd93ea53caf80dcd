"""``nai demo``: the library at work against an emulator: a story on every transport, a picture, and a damaged story."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from importlib.util import find_spec
from typing import Final

import msgspec
import typer
from rich.text import Text

from nai_proto.emulator import Emulator
from nai_proto.emulator.accounts.account import Account
from nai_proto.errors import MissingExtra, NaiError
from nai_proto.exchange.session import Session
from nai_proto.library import Library
from nai_proto.secret import Password
from nai_proto.tokenizers import Tokenizer

from ...installer import explain_install
from ...servers.serve import serve_in_thread, system_entropy
from ...terminals import is_terminal
from ...tokenizer_files import load
from ..common.error_messages import explain
from ..common.output import Json, open_console
from .demo_picture import draw_picture
from .demo_runs import MODEL, TRANSPORTS, RunObserver, continue_first_story
from .demo_screen import DemoScreen, StoryDisplay

__all__ = ["NEXT", "demo"]

_EMAIL: Final = "writer@example.com"
_PASSWORD: Final = Password("the quiet harbour")
_SECONDS_PER_TOKEN: Final = 0.02
"""So that a person sees the story grow; elsewhere than on a terminal, nobody does."""
_WIDTH: Final = 80
"""Columns of the screen where stdout is no terminal."""
NEXT: Final = (
    (("nai", "emulate", "--", "nai", "generate", "The fox"), "a story from an emulator"),
    (("nai", "emulate", "--", "nai", "image", "red fox"), "a picture from it"),
    (("nai", "emulate", "--console"), "an emulator to look into"),
)
"""The commands to try next, and what each gives."""


# ---- the damaged story


def _damage_last_story(account: Account) -> None:
    """Change one byte of the last story's content, to show that the other stories still open."""
    contents = account.storage.objects["storycontent"]
    sealed = contents[-1].data or ""
    damaged = sealed[:-8] + ("A" if sealed[-8] != "A" else "B") + sealed[-7:]
    contents[-1] = msgspec.structs.replace(contents[-1], data=damaged)


def _sort_stories(library: Library | None) -> tuple[list[str], list[dict[str, object]]]:
    """Return the titles of the stories that opened, and title, id and reason of the others."""
    opened: list[str] = []
    not_opened: list[dict[str, object]] = []
    for story in library.stories if library is not None else ():
        bad = next((item for item in (story.card, story.content) if item is not None and not item.ok), None)
        if library is None or bad is None:
            opened.append(story.title)
            continue
        suspicion = library.suspicion(bad)
        not_opened.append(
            {
                "title": story.title,
                "id": bad.stored.id,
                "why": f"{bad.stored.type}: {bad.problem}",
                "suspicion": None if suspicion is None else suspicion.value,
                "damaged_on_purpose": True,
            }
        )
    return opened, not_opened


def _describe_library(opened: list[str], not_opened: list[dict[str, object]]) -> str:
    (damaged,) = not_opened
    return (
        f"{len(opened)} of {len(opened) + 1} stories open; {damaged['title']} is likely {damaged['suspicion']}:\n"
        "this demo changed a byte of it on purpose"
    )


# ---- the command


def demo(
    as_json: Json = False,
) -> None:
    """Show the library at work against an emulator: a story on every transport, a picture, and a damaged story."""
    at_terminal = is_terminal(sys.stdout)
    screen = DemoScreen(open_console(quiet=as_json, width=None if at_terminal else _WIDTH))
    tokenizer, reason, advice = _find_tokenizer()
    pace = _SECONDS_PER_TOKEN if at_terminal and not as_json else 0.0
    app = Emulator(now=time.time, entropy=system_entropy, pace=pace, tokenizers=lambda _: tokenizer)
    account = app.add_account(_EMAIL, _PASSWORD)
    _damage_last_story(account)
    program = continue_first_story(_EMAIL, _PASSWORD, tokenizer)
    observers: list[RunObserver] = []

    def run(name: str, display: StoryDisplay | None = None) -> None:
        observer = RunObserver(name, display)
        TRANSPORTS[name](app, Session(base_url=url), program, observer)
        observers.append(observer)
        screen.runs.append(observer.run)

    with serve_in_thread(app) as url:
        screen.print(Text(f"An emulator at {url} plays NovelAI, on this machine alone.", "dim"))
        form = f"as token ids of {tokenizer.name}" if tokenizer is not None else f"as text; {advice}"
        first, *others = TRANSPORTS
        with screen.show_story(f"{MODEL.id}, {form}") as story:
            run(first, story)
        with screen.show_results() as display:
            for name in others:
                if name == "trio" and find_spec("trio") is None:
                    screen.skipped[name] = f"not installed; {explain_install('trio')}"
                else:
                    display.update(name)
                    run(name)
            display.update("drawing")
            session = Session(base_url=url, token=account.persistent_token)
            drawing = draw_picture(session, screen, display)
            opened, not_opened = _sort_stories(observers[0].library)
            screen.facts = {**drawing.summarize(), "library": _describe_library(opened, not_opened)}
            display.update()
    same = len({run.text for run in screen.runs}) == 1
    if as_json:
        facts = {
            "url": url,
            "email": _EMAIL,
            "model": MODEL.id,
            "tokenizer": None if tokenizer is None else tokenizer.name,
            "why_no_tokenizer": reason,
            "prompt": observers[0].prompt,
            "stories": {"opened": opened, "not_opened": not_opened},
            "transports": [asdict(run) for run in screen.runs],
            "skipped": screen.skipped,
            "same_text": same,
            "picture": drawing.describe(),
        }
        typer.echo(json.dumps(facts))
    else:
        screen.print_next(NEXT)
    if not same:
        raise typer.Exit(1)


def _find_tokenizer() -> tuple[Tokenizer | None, str | None, str]:
    """Return the tokenizer of the model; without one why, and in short what to do."""
    try:
        return load(MODEL), None, ""
    except MissingExtra as error:
        return None, explain(error), f"for token ids, {explain_install('tokenizers')}"
    except NaiError as error:
        return None, str(error), "there is no tokenizer file, and none could be had"
