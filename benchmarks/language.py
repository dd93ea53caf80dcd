"""How fast does the emulator's language model generate? It must be faster than any client that reads from it."""

from __future__ import annotations

from nai_proto.emulator.seeded_random import SeededRandom
from nai_proto.emulator.text.generation import generate
from nai_proto.emulator.text.generation_settings import GenerationSettings
from nai_proto.emulator.text.language_model import get_tale_model

from .report import Effort, Report, Row, timed

__all__ = ["measure"]


def measure(effort: Effort) -> Report:
    """Measure tokens per second of CPU time, after the distributions are built."""
    report = Report("tokens per second of the emulator's language model", "")
    model = get_tale_model()
    prompt, count = model.vocabulary.encode("Once upon a time"), effort.of(2048)

    def generate_plain() -> int:
        return sum(
            1 for _ in generate(model, prompt, GenerationSettings(max_length=count, min_length=count), SeededRandom(7))
        )

    def generate_with_logprobs() -> int:
        settings = GenerationSettings(max_length=count, min_length=count, top_k=40, num_logprobs=10)
        return sum(1 for _ in generate(model, prompt, settings, SeededRandom(7)))

    values = timed({"plain": generate_plain, "top-k and 10 logprobs": generate_with_logprobs}, effort, per=count)
    for subject, value in values.items():
        report.rows.append(Row("generate", subject, 1e6 / value, "tokens/s"))
    return report
