"""The presets of Euterpe.

See docs/protocol/native.md#123-defaults.
"""

from __future__ import annotations

from typing import Final

from . import OfficialPreset, define_preset

__all__ = ["EUTERPE"]

# fmt: off
EUTERPE: Final[tuple[OfficialPreset, ...]] = (
    define_preset("Ace of Spades", "1b6cc1c5-a764-497d-b25c-8ede872c23f8", 3,
        "tfs top_p top_k temperature -top_a -typical_p",
        temperature=1.15, max_length=40, min_length=1, top_k=0, top_p=0.95, top_a=1, typical_p=1,
        tail_free_sampling=0.8, repetition_penalty=2.75, repetition_penalty_range=2048, repetition_penalty_slope=7.02,
        repetition_penalty_frequency=0, repetition_penalty_presence=0),
    define_preset("All-Nighter", "6aa3ae34-fd9d-4fb4-b28c-f580d7e3d3d4", 3,
        "-top_p top_k temperature tfs -top_a -typical_p",
        temperature=1.33, max_length=40, min_length=1, top_k=13, top_p=1, top_a=1, typical_p=1,
        tail_free_sampling=0.836, repetition_penalty=2.366, repetition_penalty_range=400,
        repetition_penalty_slope=0.33, repetition_penalty_frequency=0.01, repetition_penalty_presence=0),
    define_preset("Basic Coherence", "83d2e66f-47f7-4f60-bb35-1ac5f21bb3fc", 3,
        "temperature top_k top_p tfs -top_a -typical_p",
        temperature=0.585, max_length=40, min_length=1, top_k=0, top_p=1, top_a=1, typical_p=1,
        tail_free_sampling=0.87, repetition_penalty=3.05, repetition_penalty_range=2048,
        repetition_penalty_slope=0.33, repetition_penalty_frequency=0, repetition_penalty_presence=0),
    define_preset("Genesis", "1e441318-654d-4e0a-a927-567aba080259", 3,
        "top_p top_k tfs temperature -top_a -typical_p",
        temperature=0.86, max_length=40, min_length=1, top_k=0, top_p=0.925, top_a=1, typical_p=1,
        tail_free_sampling=0.925, repetition_penalty=2.25, repetition_penalty_range=2048,
        repetition_penalty_slope=0.09, repetition_penalty_frequency=0, repetition_penalty_presence=0),
    define_preset("Low Rider", "dbb84a59-6089-412b-be44-aad3b4fead4c", 3,
        "top_p top_k tfs temperature -top_a -typical_p",
        temperature=0.94, max_length=40, min_length=1, top_k=12, top_p=1, top_a=1, typical_p=1,
        tail_free_sampling=0.94, repetition_penalty=2.66, repetition_penalty_range=2048,
        repetition_penalty_slope=0.18, repetition_penalty_frequency=0.013, repetition_penalty_presence=0),
    define_preset("Moonlit Chronicler", "08e2e3b3-95e1-4e89-b6cf-03ba58d06e84", 3,
        "top_k typical_p top_a tfs temperature -top_p",
        temperature=1.25, max_length=40, min_length=1, top_k=300, top_p=1, top_a=0.782, typical_p=0.95,
        tail_free_sampling=0.802, repetition_penalty=2.075, repetition_penalty_range=512,
        repetition_penalty_slope=0.36, repetition_penalty_frequency=0, repetition_penalty_presence=0),
    define_preset("Morpho", "31a8afa9-9792-4098-8728-0ce32b26254d", 3,
        "temperature -top_k -top_p -tfs -top_a -typical_p",
        temperature=0.6889, max_length=40, min_length=1, top_k=0, top_p=1, top_a=1, typical_p=1, tail_free_sampling=1,
        repetition_penalty=1, repetition_penalty_range=2048, repetition_penalty_slope=0,
        repetition_penalty_frequency=0.1, repetition_penalty_presence=0),
    define_preset("Ouroboros", "2b39341a-0d73-4fc1-bdf4-a9865b4a764f", 3,
        "top_k temperature tfs -top_p -top_a -typical_p",
        temperature=1.07, max_length=40, min_length=1, top_k=264, top_p=1, top_a=1, typical_p=1,
        tail_free_sampling=0.925, repetition_penalty=2.165, repetition_penalty_range=404,
        repetition_penalty_slope=0.84, repetition_penalty_frequency=0, repetition_penalty_presence=0),
    define_preset("Fandango", "default-fandango", None,
        "-cfg top_p top_k tfs temperature -top_a -typical_p -top_g -mirostat",
        temperature=0.86, top_k=20, top_p=0.95, tail_free_sampling=1, repetition_penalty=2.25,
        repetition_penalty_range=2048, repetition_penalty_slope=0.09, logit_bias_groups=[],
        repetition_penalty_frequency=0, repetition_penalty_presence=0, phrase_rep_pen="off"),
    define_preset("Pro Writer", "default-prowriter20", None,
        "-cfg tfs -top_p temperature -top_k -top_a -typical_p -top_g -mirostat",
        temperature=1.348, top_k=64, top_p=0.909, top_a=1, typical_p=1, tail_free_sampling=0.688,
        repetition_penalty=4.967, repetition_penalty_range=2048, repetition_penalty_slope=0.09, logit_bias_groups=[],
        repetition_penalty_frequency=0, repetition_penalty_presence=0, phrase_rep_pen="off"),
)
