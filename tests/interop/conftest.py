"""The last lines of a run: what was tried, and how much of it passed."""

from __future__ import annotations

import pytest

from .tally import TALLIES


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each client and server, and one for each check that failed."""
    for title, tally in TALLIES.items():
        terminalreporter.write_line(f"interop: {title}: {tally}")
        for name in tally.failed:
            terminalreporter.write_line(f"interop: {title}: FAILED: {name}")
