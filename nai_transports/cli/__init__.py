"""The `nai` command. It needs the extra ``cli``, and says so if that is not installed."""

from __future__ import annotations

import signal
import sys

__all__ = ["main"]

_SCRIPTS = (["completion", "bash"], ["completion", "zsh"], ["completion", "fish"])


def main() -> None:
    """Run the command line.

    The version, the first help page and completions are printed without importing anything for commands. Ctrl-C ends the
    program with status 130 at any moment, also while it is still being loaded.
    """
    from .common.interrupts import end_while_loading

    end_while_loading()
    from .common.standard_streams import OutputFailed, flush_standard_output, guard_standard_streams

    try:
        guard_standard_streams()
        try:
            _run(sys.argv[1:])
        finally:
            flush_standard_output()
    except OutputFailed as failure:
        if failure.reason:
            sys.stderr.write(f"nai: {failure.reason}\n")
        raise
    except KeyboardInterrupt:
        _end_interrupted()
    except RuntimeError as error:  # Python 3.11 wraps what is raised while a class is made
        if not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        _end_interrupted()


def _run(arguments: list[str]) -> None:
    if arguments in (["--version"], ["-V"]):
        from nai_proto.version import __version__

        sys.stdout.write(f"{__version__}\n")
    elif arguments in ([], ["--help"], ["-h"], ["help"]):
        from .command_table import format_first_page

        sys.stdout.write(format_first_page())
    elif arguments[0] == "__complete":  # how the scripts of shells ask
        from .completion.answer import print_answer

        print_answer(arguments[1:])
    elif arguments in _SCRIPTS:  # a shell may run this at each start
        from .completion.scripts import SCRIPTS

        sys.stdout.write(SCRIPTS[arguments[1]])
    else:
        _run_command(arguments)


def _run_command(arguments: list[str]) -> None:
    try:
        if arguments == ["help", "options"]:
            from .common.account_options import format_account_page

            sys.stdout.write(format_account_page())
            return
        if arguments == ["help", "parameters"]:
            from .text.parameter_settings import format_settings_page

            sys.stdout.write(format_settings_page())
            return
        from .app import app
    except ModuleNotFoundError as missing:
        if missing.name not in ("typer", "rich"):
            raise
        from ..installer import explain_install

        sys.exit(f"The nai command needs the extra cli: {explain_install('cli')}")
    if arguments[0] == "help":
        arguments = [*arguments[1:], "--help"]
    app(arguments, prog_name="nai")


def _end_interrupted() -> None:
    """End with the status of Ctrl-C; a second Ctrl-C changes nothing."""
    from .common.interrupts import INTERRUPTED

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(INTERRUPTED)
