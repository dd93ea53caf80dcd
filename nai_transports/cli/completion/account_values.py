"""What the account has, for completion: its stories and its modules, asked for at that moment and kept nowhere.

The service is asked only if the credentials are there: nobody is asked for a password while typing. Whatever fails, or takes
longer than a person waits for a list, gives nothing.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

from nai_proto import modules
from nai_proto.library import OpenedStory
from nai_proto.modules import TrainedModule

from ..common.account_options import AccountOptions
from ..common.parameters import list_parameters
from ..library.library_loader import load_library

__all__ = ["list_modules", "list_stories"]

_PATIENCE_S: Final = 4.0


def list_stories(given: Mapping[str, Sequence[str]]) -> Sequence[OpenedStory]:
    """Return the stories of the account, without their contents.

    Args:
        given: the values that options of the command line have, by the names of their parameters.
    """
    with _patience():
        return load_library(_build_account(given), types=("stories",)).stories
    return ()


def list_modules(given: Mapping[str, Sequence[str]]) -> Sequence[TrainedModule]:
    """Return the modules that were trained with the account.

    Args:
        given: as for `list_stories`.
    """
    with _patience(), _build_account(given).log_in() as client:
        return client.run(modules.list_modules())
    return ()


def _build_account(given: Mapping[str, Sequence[str]]) -> AccountOptions:
    """Return the options on the command line, and where one is not given, its environment variable."""
    options: dict[str, Any] = {}
    for parameter in list_parameters(AccountOptions):
        typed = given.get(parameter.name) or [os.environ.get(parameter.variable, "")]
        if parameter.type is str and typed[-1]:
            options[parameter.name] = typed[-1]
    return AccountOptions(**options, timeout=_PATIENCE_S, quiet=True)


class _TooLate(BaseException):
    """The person has waited long enough. No handler of errors catches it on its way."""


@contextmanager
def _patience() -> Generator[None, None, None]:
    """Run the block until it is ready, fails, or takes too long; end silently in each case."""

    def give_up(*_: object) -> None:
        raise _TooLate

    has_timer = hasattr(signal, "setitimer")  # Windows has none
    with suppress(_TooLate, Exception):
        if has_timer:
            signal.signal(signal.SIGALRM, give_up)
            signal.setitimer(signal.ITIMER_REAL, _PATIENCE_S)
        try:
            yield
        finally:
            if has_timer:
                signal.setitimer(signal.ITIMER_REAL, 0)
