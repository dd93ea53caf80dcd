"""Backups: a directory that has everything an account ever had when it was backed up, opened and sealed side by side.

What comes in is never written over, nor removed: what changes is another version, what does not open any more is one
beside those that did, what is gone from the account is marked so. A kill at any moment loses nothing that was there, and
the next run goes on. No key in the clear, no password and no token is ever in it; the contents are.

See docs/protocol/content.md#23-ways-to-lose-data-and-the-order-that-avoids-them.
"""

from __future__ import annotations

from .backing_up import backup
from .values import Report, Run, Summary
from .vault import Vault

__all__ = ["Report", "Run", "Summary", "Vault", "backup"]
