"""The service's side of the wire, without I/O: what `nai emulate` serves and tests talk to. Facts: native §17.

What makes it fail on demand, or any other app, is in `faults`.
"""

from __future__ import annotations

from .accounts import Account
from .bases import at
from .journal import Change
from .openai.switches import OpenAISwitches
from .outside import Mail, MailKind
from .service import Emulator

__all__ = ["Account", "Change", "Emulator", "Mail", "MailKind", "OpenAISwitches", "at"]
