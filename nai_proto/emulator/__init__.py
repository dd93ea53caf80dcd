"""An emulator of the service, without I/O: `nai emulate` serves it, and tests talk to it in memory.

`faults` makes it, or any other app, fail on purpose; `recording` records and replays what it exchanges with clients.

See docs/protocol/native.md#17-checklist-for-the-emulator.
"""

from __future__ import annotations

from .accounts.account import Account
from .accounts.journal import RowChange
from .accounts.mailbox import Mail, MailKind
from .app import Emulator
from .clock import Clock
from .http.host_profiles import restrict_to_host
from .openai.switches import OpenAISwitches
from .replies import ScriptedReply
from .switches import Switches

__all__ = [
    "Account",
    "Clock",
    "Emulator",
    "Mail",
    "MailKind",
    "OpenAISwitches",
    "RowChange",
    "ScriptedReply",
    "Switches",
    "restrict_to_host",
]


def __dir__() -> list[str]:
    return __all__
