"""The commands, each a screen of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from nai_proto.version import __version__

from .account import account, subscription
from .backup import backup, verify
from .chat import chat, complete, models
from .demo import demo
from .director import director, upscale
from .emulate import emulate
from .generate import generate
from .image import image
from .image_info import image_info
from .keys import MORE, access_key, access_token
from .library import library
from .lorebook import lorebook
from .presets import presets
from .record import record
from .replay import replay
from .restore import restore
from .sanity import sanity_check
from .speak import speak
from .story.group import story
from .tags import tags
from .tokens import decode_packed, tokens
from .vibe import vibe

__all__ = ["app"]

app = typer.Typer(
    name="nai",
    help="NovelAI from the command line, and NovelAI's service on your own machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None: ...


app.command()(emulate)
app.command()(record)
app.command()(replay)
app.command()(demo)
app.command()(generate)
app.command()(chat)
app.command()(complete)
app.command()(models)
app.command()(image)
app.command()(director)
app.command()(upscale)
app.command()(vibe)
app.command("image-info")(image_info)
app.command()(tags)
app.command()(speak)
app.command("decode")(decode_packed)
app.command(context_settings=MORE)(access_key)
app.command(context_settings=MORE)(access_token)
app.command()(subscription)
app.command("sanity-check", context_settings=MORE)(sanity_check)
app.add_typer(account, name="account")
library.command()(backup)
library.command()(verify)
library.command()(restore)
app.add_typer(library, name="library")
app.add_typer(story, name="story")
app.add_typer(lorebook, name="lorebook")
app.add_typer(tokens, name="tokens")
app.add_typer(presets, name="presets")

# By the names that older programs have for them.
for name in ("access_key", "get_access_key"):
    app.command(name, context_settings=MORE, hidden=True)(access_key)
for name in ("access_token", "get_access_token"):
    app.command(name, context_settings=MORE, hidden=True)(access_token)
app.command("sanity_check", context_settings=MORE, hidden=True)(sanity_check)
