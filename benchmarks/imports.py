"""What does importing cost, in time and memory, in a fresh process?"""

from __future__ import annotations

import subprocess
import sys
from statistics import median
from typing import Final

from .report import Effort, Report

__all__ = ["measure", "measure_process"]

_BARE: Final = "bare interpreter"
_SUBJECTS: Final = {
    _BARE: ("pass", 0.0),
    "nai_proto": ("import nai_proto", 2.5),
    "nai_proto.text": ("import nai_proto.text", 5.0),
}
_MEMORY: Final = 2.0
# Forked by a small process, since a child that is forked by a large one begins with that one's peak.
_SPAWNER: Final = """
import os, sys
quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
program = "import sys; sys.path[:0] = %r\\n" + %r
process = os.posix_spawn(sys.executable, [sys.executable, "-I", "-c", program], os.environ, file_actions=quiet)
_, status, usage = os.wait4(process, 0)
assert status == 0
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
"""


def measure_process(program: str) -> tuple[float, float]:
    """Return the seconds of CPU of a Python process, and the peak of its resident set; its output is dropped."""
    spawner = _SPAWNER % (sys.path, program)
    done = subprocess.run([sys.executable, "-I", "-S", "-c", spawner], capture_output=True, text=True, check=True)
    seconds, peak = map(float, done.stdout.split())
    return seconds, peak


def measure(effort: Effort) -> Report:
    """Milliseconds and MiB beside those of the interpreter alone."""
    report = Report("what an import costs", _BARE)
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in _SUBJECTS}
    for number in range(max(2, effort.of(2 * effort.rounds)) + 1):
        for name, (statement, _) in _SUBJECTS.items():
            once = measure_process(statement)
            if number:  # the first may write byte code
                found[name].append(once)
    times = {name: median(seconds for seconds, _ in values) * 1000 for name, values in found.items()}
    peaks = {name: median(peak for _, peak in values) / unit for name, values in found.items()}
    most = {name: most for name, (_, most) in _SUBJECTS.items() if most}
    report.add("time", times, "ms", reference=_BARE, at_most=most)
    report.add("memory", peaks, "MiB", reference=_BARE, at_most=dict.fromkeys(most, _MEMORY))
    return report
