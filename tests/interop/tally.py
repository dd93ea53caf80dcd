"""How many checks of each client and server passed, for the last lines of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["TALLIES", "Tally"]


@dataclass
class Tally:
    """One client's checks, over one server."""

    missing: str | None
    "Why there is no environment for it, if there is none."
    passed: int = 0
    failed: list[str] = field(default_factory=list[str])

    def count(self, check: Mapping[str, Any]) -> None:
        """One more."""
        if check["ok"]:
            self.passed += 1
        else:
            self.failed.append(check["check"])

    def __str__(self) -> str:
        if self.missing is not None:
            return f"SKIPPED, THERE IS NO ENVIRONMENT FOR IT: {self.missing}"
        failed = f", {len(self.failed)} FAILED" if self.failed else ""
        return f"{self.passed} checks passed{failed}"


TALLIES: Final[dict[str, Tally]] = {}
"""By the client, its version and the server, in the order of the sessions."""
