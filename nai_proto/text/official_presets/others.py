"""The presets of the models that have one each.

See docs/protocol/native.md#123-defaults.
"""

from __future__ import annotations

from typing import Final

from . import OfficialPreset, define_preset

__all__ = ["CALLIOPE", "COLOURS", "GENJI", "HYPEBOT", "INLINE", "SNEK"]

# fmt: off
CALLIOPE: Final[tuple[OfficialPreset, ...]] = (
    define_preset("Storywriter", "4e616235-933e-4105-a268-18bf09922916", 3,
        "temperature top_k top_p tfs -top_a -typical_p",
        temperature=0.72, max_length=40, min_length=1, top_k=0, top_p=0.725, top_a=1, typical_p=1,
        tail_free_sampling=1, repetition_penalty=2.75, repetition_penalty_range=2048, repetition_penalty_slope=0.18,
        repetition_penalty_frequency=0, repetition_penalty_presence=0),
)
GENJI: Final[tuple[OfficialPreset, ...]] = (
    define_preset("Genji Default", "6af49934-adfc-4cb8-a688-a89907eeb699", 3,
        "temperature top_k top_p tfs -top_a -typical_p",
        temperature=0.86, max_length=40, min_length=1, top_k=0, top_p=1, top_a=1, typical_p=1,
        tail_free_sampling=0.927, repetition_penalty=2.9, repetition_penalty_range=2048,
        repetition_penalty_slope=3.33, repetition_penalty_frequency=0, repetition_penalty_presence=0),
)
SNEK: Final[tuple[OfficialPreset, ...]] = (
    define_preset("Storywriter", "048f50df-40e2-4e87-a558-786c9e442388", 3,
        "temperature top_k top_p tfs -top_a -typical_p",
        temperature=0.72, max_length=40, min_length=1, top_k=0, top_p=0.725, top_a=1, typical_p=1,
        tail_free_sampling=1, repetition_penalty=2.75, repetition_penalty_range=2048, repetition_penalty_slope=0.18,
        repetition_penalty_frequency=0, repetition_penalty_presence=0),
)
HYPEBOT: Final[tuple[OfficialPreset, ...]] = (
    define_preset("Default", "", 3,
        "temperature top_k top_p tfs -top_a -typical_p",
        stop_sequences=[[48585]], temperature=1, max_length=80, min_length=1, top_k=0, top_p=1,
        tail_free_sampling=0.95, repetition_penalty=1, repetition_penalty_range=2048, repetition_penalty_slope=0.18,
        repetition_penalty_frequency=0, repetition_penalty_presence=0),
)
INLINE: Final[tuple[OfficialPreset, ...]] = (
    define_preset("Default", "", 3,
        "temperature top_k top_p tfs -top_a -typical_p",
        eos_token_id=50258, temperature=0.8, max_length=100, min_length=1, top_k=0, top_p=1, tail_free_sampling=0.859,
        repetition_penalty=1.084375, repetition_penalty_range=2048, repetition_penalty_slope=0.18,
        repetition_penalty_frequency=0, repetition_penalty_presence=0),
)
COLOURS: Final[tuple[OfficialPreset, ...]] = (
    define_preset("⬜️", "default-na", None,
        "-cfg temperature top_k top_p tfs -top_a -typical_p -top_g -mirostat -math1 -min_p",
        temperature=1, top_k=0, top_p=1, tail_free_sampling=0.87, repetition_penalty=1, repetition_penalty_slope=0,
        logit_bias_groups=[], repetition_penalty_frequency=0, repetition_penalty_presence=0, phrase_rep_pen="off"),
)
