"""The command line's tree: which command is registered under which name."""

from __future__ import annotations

from typing import Annotated

import typer

from nai_proto.version import __version__

from .account.access_keys import ALLOW_EXTRA_ARGS, access_key, access_token
from .account.commands import account, subscription
from .emulator.demo import demo
from .emulator.emulate import emulate
from .emulator.record import record, replay
from .health import health_command
from .images.director import director, upscale
from .images.image import image
from .images.image_info import image_info
from .images.tags import tags
from .images.vibe import vibe
from .library.backup import backup, verify
from .library.commands import library
from .library.export import export
from .library.restore import restore
from .library.sanity_check import sanity_check
from .story import context, continue_, create, delete, edit, show, tree
from .story.export import export as export_story
from .story.lorebook import lorebook
from .text.chat import chat, complete, models
from .text.generate import generate
from .text.module import module
from .text.presets import presets
from .text.speak import speak
from .text.tokens import decode_packed, tokens

__all__ = ["app"]

app = typer.Typer(
    name="nai",
    help="Use NovelAI from the command line, or run an emulator of its service.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None: ...


app.command()(emulate)
app.command()(record)
app.command()(replay)
app.command()(demo)
app.command("health")(health_command)
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
app.command(context_settings=ALLOW_EXTRA_ARGS)(access_key)
app.command(context_settings=ALLOW_EXTRA_ARGS)(access_token)
app.command()(subscription)
app.command("sanity-check", context_settings=ALLOW_EXTRA_ARGS)(sanity_check)
app.add_typer(account, name="account")
library.command()(export)
library.command()(backup)
library.command()(verify)
library.command()(restore)
app.add_typer(library, name="library")
story = typer.Typer(help="Read, create, continue, edit, export or delete stories.", no_args_is_help=True)
story.command()(show.show)
story.command()(tree.tree)
story.command("export")(export_story)
story.command()(context.context)
story.command("continue")(continue_.continue_)
story.command()(create.create)
story.command("import")(create.import_)
story.command()(edit.append)
story.command()(edit.undo)
story.command()(edit.redo)
story.command()(edit.rename)
story.command()(delete.delete)
app.add_typer(story, name="story")
app.add_typer(lorebook, name="lorebook")
app.add_typer(tokens, name="tokens")
app.add_typer(presets, name="presets")
app.add_typer(module, name="module")

# The names that older programs have for these commands.
for name in ("access_key", "get_access_key"):
    app.command(name, context_settings=ALLOW_EXTRA_ARGS, hidden=True)(access_key)
for name in ("access_token", "get_access_token"):
    app.command(name, context_settings=ALLOW_EXTRA_ARGS, hidden=True)(access_token)
app.command("sanity_check", context_settings=ALLOW_EXTRA_ARGS, hidden=True)(sanity_check)
