"""The service's side of the wire, without I/O: what `nai emulate` serves and tests talk to.

What makes it fail on demand, or any other app, is in `faults`.

See docs/protocol/native.md#17-checklist-for-the-emulator.
"""

from __future__ import annotations

from .accounts import Account
from .bases import at
from .journal import Change
from .openai.switches import OpenAISwitches
from .outside import Mail, MailKind
from .service import Emulator
from .switches import Switches

__all__ = ["Account", "Change", "Emulator", "Mail", "MailKind", "OpenAISwitches", "Switches", "at"]
