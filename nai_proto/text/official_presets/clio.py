"""The presets of Clio.

See docs/protocol/native.md#123-defaults.
"""

from __future__ import annotations

from typing import Final

from . import OfficialPreset, define_preset

__all__ = ["CLIO"]

# fmt: off
CLIO: Final[tuple[OfficialPreset, ...]] = (
    define_preset("Amber Zippo", "16109d75-843b-4464-b6ad-ce9befad003b", 4,
        "cfg temperature typical_p tfs -top_k -top_p -top_a",
        temperature=1.1125, max_length=40, min_length=1, top_k=13, top_p=0.925, top_a=0.335, typical_p=0.88,
        tail_free_sampling=0.925, repetition_penalty=2, repetition_penalty_range=5024, repetition_penalty_slope=0.8,
        repetition_penalty_frequency=0.0045, repetition_penalty_presence=0.005,
        repetition_penalty_default_whitelist=True, cfg_scale=1.825, cfg_uc="", phrase_rep_pen="aggressive"),
    define_preset("Blended Coffee", "479d6e1f-f27d-4df3-9d9d-281412dff0aa", 4,
        "cfg temperature top_k top_p tfs -top_a -typical_p",
        temperature=1, max_length=40, min_length=1, top_k=25, top_p=1, top_a=1, typical_p=1, tail_free_sampling=0.925,
        repetition_penalty=1.9, repetition_penalty_range=768, repetition_penalty_slope=3.33,
        repetition_penalty_frequency=0.001, repetition_penalty_presence=0, repetition_penalty_default_whitelist=True,
        cfg_scale=1.25, cfg_uc="", phrase_rep_pen="medium"),
    define_preset("Edgewise CFG", "6a2c2b57-cbe9-41e4-83d9-17c396329f27", 4,
        "cfg top_a typical_p tfs top_p temperature -top_k",
        temperature=1.096, max_length=40, min_length=1, top_k=0, top_p=0.969, top_a=0.06, typical_p=0.96,
        tail_free_sampling=0.969, repetition_penalty=1.096, repetition_penalty_range=8192,
        repetition_penalty_slope=0.069, repetition_penalty_frequency=0.006, repetition_penalty_presence=0.009,
        repetition_penalty_default_whitelist=True, cfg_scale=1.069, cfg_uc="", phrase_rep_pen="very_light"),
    define_preset("Edgewise", "6a2a2c0b-83c7-43df-850f-25c67d64da44", 3,
        "top_a temperature typical_p tfs top_p -top_k",
        temperature=1.09, max_length=40, min_length=1, top_k=0, top_p=0.969, top_a=0.069, typical_p=0.99,
        tail_free_sampling=0.969, repetition_penalty=1.09, repetition_penalty_range=8192,
        repetition_penalty_slope=0.069, repetition_penalty_frequency=0.006, repetition_penalty_presence=0.009),
    define_preset("Flat-Out", "06b54cd4-6b2c-4382-a450-53627faf4e3b", 4,
        "cfg temperature top_p top_a top_k typical_p tfs",
        temperature=1.2, max_length=40, min_length=1, top_k=15, top_p=1, top_a=0.24, typical_p=1,
        tail_free_sampling=0.88, repetition_penalty=1.655, repetition_penalty_range=8192,
        repetition_penalty_slope=1.5, repetition_penalty_frequency=0.00125, repetition_penalty_presence=0.0015,
        repetition_penalty_default_whitelist=True, cfg_scale=1.56, cfg_uc="", phrase_rep_pen="aggressive"),
    define_preset("Fresh Coffee", "082cc0a0-f3b9-489f-9cab-ed60e6ac673d", 3,
        "temperature top_k top_p tfs -top_a -typical_p",
        temperature=1, max_length=75, min_length=1, top_k=25, top_p=1, top_a=1, typical_p=1, tail_free_sampling=0.925,
        repetition_penalty=1.9, repetition_penalty_range=768, repetition_penalty_slope=1,
        repetition_penalty_frequency=0.0025, repetition_penalty_presence=0.001),
    define_preset("Long Press", "fae5e324-088d-4c59-91b6-9245645242dc", 3,
        "temperature top_a top_k typical_p tfs -top_p",
        temperature=1.155, max_length=40, min_length=1, top_k=25, top_p=1, top_a=0.265, typical_p=0.975,
        tail_free_sampling=0.88, repetition_penalty=1.275, repetition_penalty_range=2048,
        repetition_penalty_slope=3.11, repetition_penalty_frequency=0.0085, repetition_penalty_presence=0.0095),
    define_preset("Talker C", "72d966fb-53c1-4c99-9295-04e4d0a3edef", 3,
        "top_k tfs top_a temperature top_p -typical_p",
        temperature=1.05, max_length=75, min_length=1, top_k=79, top_p=0.95, top_a=0.075, typical_p=1,
        tail_free_sampling=0.989, repetition_penalty=1.5, repetition_penalty_range=8192, repetition_penalty_slope=0,
        repetition_penalty_frequency=0.03, repetition_penalty_presence=0.005),
    define_preset("Vingt-Un", "41f0f2d6-28af-431e-a6b8-6f9e6182dca7", 3,
        "temperature typical_p tfs top_p top_k -top_a",
        temperature=1.21, max_length=75, min_length=1, top_k=0, top_p=0.912, top_a=1, typical_p=0.912,
        tail_free_sampling=0.921, repetition_penalty=1.21, repetition_penalty_range=321, repetition_penalty_slope=2.1,
        repetition_penalty_frequency=0.00621, repetition_penalty_presence=0),
)
