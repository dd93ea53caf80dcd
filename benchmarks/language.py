"""How fast does the emulator write? A figure for ourselves: it has to be faster than anything that reads it."""

from __future__ import annotations

from nai_proto.emulator.chance import Chance
from nai_proto.emulator.language import storyteller
from nai_proto.emulator.sampling import Settings, generate

from .report import Effort, Report, Row, timed

__all__ = ["measure"]


def measure(effort: Effort) -> Report:
    """Tokens per second of CPU, once the distributions are built."""
    report = Report("tokens per second of the emulator's language model", "")
    teller = storyteller()
    prompt, count = teller.vocabulary.encode("Once upon a time"), effort.of(2048)

    def plain() -> int:
        return sum(1 for _ in generate(teller, prompt, Settings(max_length=count, min_length=count), Chance(7)))

    def explained() -> int:
        settings = Settings(max_length=count, min_length=count, top_k=40, num_logprobs=10)
        return sum(1 for _ in generate(teller, prompt, settings, Chance(7)))

    values = timed({"plain": plain, "top-k and 10 logprobs": explained}, effort, per=count)
    for subject, value in values.items():
        report.rows.append(Row("generate", subject, 1e6 / value, "tokens/s"))
    return report
