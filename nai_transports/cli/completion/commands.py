"""``nai completion``: print the script that lets a shell complete the command line."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from .scripts import SCRIPTS

__all__ = ["Shell", "completion"]


class Shell(StrEnum):
    """The shells that have a script."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(
    shell: Annotated[Shell, typer.Argument(metavar="bash|zsh|fish", help="The shell.", show_default=False)],
) -> None:
    """Print the script that lets a shell complete commands, options and their values.

    bash: add the line eval "$(nai completion bash)" to ~/.bashrc

    zsh: add the line source <(nai completion zsh) to ~/.zshrc

    fish: nai completion fish > ~/.config/fish/completions/nai.fish

    The account's stories and modules are completed if e-mail and password, or a token, are found without a question.
    """
    typer.echo(SCRIPTS[shell], nl=False)
