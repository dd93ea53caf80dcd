"""The service's side of the wire, without I/O: what `nai emulate` serves and tests talk to.

What makes it fail on demand, or any other app, is in `faults`.

See docs/protocol/native.md#17-checklist-for-the-emulator.
"""

from __future__ import annotations

from .accounts.account import Account
from .accounts.journal import RowChange
from .accounts.mailbox import Mail, MailKind
from .app import Emulator
from .http.host_profiles import restrict_to_host
from .openai.switches import OpenAISwitches
from .switches import Switches

__all__ = ["Account", "Emulator", "Mail", "MailKind", "OpenAISwitches", "RowChange", "Switches", "restrict_to_host"]
