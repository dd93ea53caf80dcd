"""The presets of Erato.

See docs/protocol/native.md#123-defaults.
"""

from __future__ import annotations

from typing import Final

from . import OfficialPreset, define_preset

__all__ = ["ERATO"]

# fmt: off
ERATO: Final[tuple[OfficialPreset, ...]] = (
    define_preset("Dragonfruit", "71efb276-aba7-4091-ba82-8c4cf14e2c25", 7,
        "temperature typical_p math1 min_p mirostat top_a -cfg -top_k -top_p -tfs -top_g",
        temperature=1.37, max_length=75, min_length=1, top_k=0, top_p=1, top_a=0.1, typical_p=0.875,
        tail_free_sampling=0.87, repetition_penalty=3.25, repetition_penalty_range=6000,
        repetition_penalty_slope=3.25, repetition_penalty_frequency=0, repetition_penalty_presence=0,
        repetition_penalty_default_whitelist=False, cfg_scale=1, cfg_uc="", phrase_rep_pen="off", top_g=0,
        mirostat_tau=4, mirostat_lr=0.2, math1_temp=0.9, math1_quad=0.07, math1_quad_entropy_scale=-0.05,
        min_p=0.035),
    define_preset("Golden Arrow", "f6d71fdb-2e71-408a-9e48-9b537ec0ef33", 7,
        "-cfg -temperature math1 top_p -top_k -tfs -top_a -typical_p -mirostat -min_p -top_g",
        temperature=1, max_length=75, min_length=1, top_k=0, top_p=0.995, top_a=1, typical_p=1,
        tail_free_sampling=0.87, repetition_penalty=1.5, repetition_penalty_range=2240, repetition_penalty_slope=1,
        repetition_penalty_frequency=0, repetition_penalty_presence=0, repetition_penalty_default_whitelist=True,
        cfg_scale=1, cfg_uc="", phrase_rep_pen="light", top_g=0, mirostat_tau=0, mirostat_lr=1, math1_temp=0.3,
        math1_quad=0.19, math1_quad_entropy_scale=0, min_p=0),
    define_preset("Wilder", "7420c737-3c73-46d8-8a38-4391f3890104", 7,
        "math1 min_p -temperature -top_p -typical_p -tfs -top_k -mirostat -top_a -top_g -cfg",
        temperature=1, max_length=75, min_length=1, top_k=300, top_p=0.98, top_a=0.004, typical_p=0.96,
        tail_free_sampling=0.96, repetition_penalty=1.48, repetition_penalty_range=2240,
        repetition_penalty_slope=0.64, repetition_penalty_frequency=0, repetition_penalty_presence=0,
        repetition_penalty_default_whitelist=True, cfg_scale=1, cfg_uc="", phrase_rep_pen="medium", top_g=0,
        mirostat_tau=0, mirostat_lr=1, math1_temp=-0.0485, math1_quad=0.145, math1_quad_entropy_scale=0, min_p=0.02),
    define_preset("Zany Scribe", "e907898a-471f-4cb9-82c1-538d3cbafed9", 7,
        "-temperature -min_p -tfs math1 top_p -mirostat -top_k -top_a -typical_p -cfg -top_g",
        temperature=1, max_length=75, min_length=1, top_k=0, top_p=0.98, top_a=1, typical_p=1,
        tail_free_sampling=0.99, repetition_penalty=1, repetition_penalty_range=3024, repetition_penalty_slope=1.1,
        repetition_penalty_frequency=0, repetition_penalty_presence=0.25, repetition_penalty_default_whitelist=True,
        cfg_scale=1, cfg_uc="", phrase_rep_pen="medium", top_g=0, mirostat_tau=1, mirostat_lr=1, math1_temp=-0.275,
        math1_quad=0.35, math1_quad_entropy_scale=-0.2, min_p=0.08),
    define_preset("小説家", "534fd4f9-d5f0-46fb-a47b-4215ad7c527e", 7,
        "-cfg -temperature math1 min_p -top_p -top_a -top_k -tfs -typical_p -top_g -mirostat",
        temperature=1, max_length=75, min_length=1, top_k=50, top_p=0.85, top_a=1, typical_p=1,
        tail_free_sampling=0.895, repetition_penalty=1.63, repetition_penalty_range=1024,
        repetition_penalty_slope=3.33, repetition_penalty_frequency=0.0035, repetition_penalty_presence=0,
        repetition_penalty_default_whitelist=False, cfg_scale=1, cfg_uc="", phrase_rep_pen="medium", top_g=0,
        mirostat_tau=0, mirostat_lr=1, math1_temp=0.3, math1_quad=0.0645, math1_quad_entropy_scale=0.05, min_p=0.05),
)
