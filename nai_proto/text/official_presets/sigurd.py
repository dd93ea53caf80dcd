"""The presets of Sigurd.

See docs/protocol/native.md#123-defaults.
"""

from __future__ import annotations

from typing import Final

from . import OfficialPreset, define_preset

__all__ = ["SIGURD"]

# fmt: off
SIGURD: Final[tuple[OfficialPreset, ...]] = (
    define_preset("Best Guess", "227339b4-00cb-4dd1-8136-1fbb77e84492", 3,
        "temperature top_k top_p tfs -top_a -typical_p",
        temperature=0.8, max_length=40, min_length=1, top_k=110, top_p=0.9, top_a=1, typical_p=1,
        tail_free_sampling=1, repetition_penalty=3.1, repetition_penalty_range=512, repetition_penalty_slope=3.33,
        repetition_penalty_frequency=0, repetition_penalty_presence=0),
    define_preset("Coherent Creativity", "3bdd0f08-4064-4755-840c-18d82baad01d", 3,
        "temperature top_k top_p tfs -top_a -typical_p",
        temperature=0.51, max_length=40, min_length=1, top_k=0, top_p=1, top_a=1, typical_p=1,
        tail_free_sampling=0.992, repetition_penalty=3.875, repetition_penalty_range=2048, repetition_penalty_slope=0,
        repetition_penalty_frequency=0, repetition_penalty_presence=0),
    define_preset("Emperor Moth", "d51f7000-9654-4ee7-8eea-4b2449a0827e", 3,
        "temperature top_k top_p tfs -top_a -typical_p",
        temperature=1.25, max_length=40, min_length=1, top_k=0, top_p=0.235, top_a=1, typical_p=1,
        tail_free_sampling=1, repetition_penalty=2.75, repetition_penalty_range=2048, repetition_penalty_slope=0,
        repetition_penalty_frequency=0, repetition_penalty_presence=0),
    define_preset("Luna Moth", "1009d0d1-9488-4831-b318-b66dd4ee1cbf", 3,
        "temperature top_k top_p tfs -top_a -typical_p",
        temperature=2, max_length=40, min_length=1, top_k=85, top_p=0.235, top_a=1, typical_p=1, tail_free_sampling=1,
        repetition_penalty=2.975, repetition_penalty_range=2048, repetition_penalty_slope=0,
        repetition_penalty_frequency=0, repetition_penalty_presence=0),
    define_preset("Pleasing Results", "b8e00a44-e263-4dba-9102-56b58a81e7e6", 3,
        "temperature top_k top_p tfs -top_a -typical_p",
        temperature=0.44, max_length=40, min_length=1, top_k=0, top_p=1, top_a=1, typical_p=1, tail_free_sampling=0.9,
        repetition_penalty=3.35, repetition_penalty_range=1024, repetition_penalty_slope=6.75,
        repetition_penalty_frequency=0, repetition_penalty_presence=0),
    define_preset("Sphinx Moth", "37ca6c37-ad46-4567-a2c9-360ae4607159", 3,
        "temperature top_k top_p tfs -top_a -typical_p",
        temperature=2.5, max_length=40, min_length=1, top_k=30, top_p=0.175, top_a=1, typical_p=1,
        tail_free_sampling=1, repetition_penalty=3, repetition_penalty_range=2048, repetition_penalty_slope=0,
        repetition_penalty_frequency=0, repetition_penalty_presence=0),
    define_preset("Storywriter", "96cc35a3-bcba-4946-a4cf-231cf19761c4", 3,
        "temperature top_k top_p tfs -top_a -typical_p",
        temperature=0.72, max_length=40, min_length=1, top_k=0, top_p=0.725, top_a=1, typical_p=1,
        tail_free_sampling=1, repetition_penalty=2.75, repetition_penalty_range=2048, repetition_penalty_slope=0.18,
        repetition_penalty_frequency=0, repetition_penalty_presence=0),
)
