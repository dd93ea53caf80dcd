"""What all models of a generation have in common: one table, each row with what it adds.

See:
    docs/protocol/image.md#33-bodies-per-generation
    docs/protocol/image.md#4-models-samplers-schedules-sizes
    docs/protocol/image.md#5-features
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Literal

from ..arguments import FLAG, INTEGER, NUMBER, TEXT, convert_fields, list_of, member, tuple_of
from .choices import ImageSampler, NoiseSchedule

__all__ = ["FAMILIES", "WITHOUT_SCHEDULE", "Family", "Generation"]


class Generation(StrEnum):
    """Models that take the same form of request."""

    V1 = "v1"
    V2 = "v2"
    V3 = "v3"
    V4 = "v4"
    V4_5 = "v4_5"
    V5 = "v5"


_S: Final = ImageSampler
_N: Final = NoiseSchedule

_MENU: Final = (
    _S.K_EULER_ANCESTRAL,
    _S.K_EULER,
    _S.K_DPMPP_2S_ANCESTRAL,
    _S.K_DPMPP_2M_SDE,
    _S.K_DPMPP_2M,
    _S.K_DPMPP_SDE,
)
_OLD_MENU: Final = (
    *(_S.K_EULER_ANCESTRAL, _S.K_EULER, _S.K_LMS, _S.PLMS, _S.DDIM, _S.K_HEUN, _S.K_DPM_2, _S.K_DPM_2_ANCESTRAL),
    *(_S.K_DPM_FAST, _S.K_DPM_ADAPTIVE, _S.K_DPMPP_2M, _S.K_DPMPP_2S_ANCESTRAL, _S.K_DPMPP_SDE),
    *(_S.NAI_SMEA, _S.NAI_SMEA_DYN),
)
_FAILING: Final = (
    *(_S.PLMS, _S.DDIM, _S.DDIM_V3, _S.K_DPM_FAST, _S.K_DPM_ADAPTIVE, _S.K_DPMPP_3M_SDE),
    *(_S.NAI_SMEA, _S.NAI_SMEA_DYN),
)
"""On V4 and later the service answers 500 to these."""

WITHOUT_SCHEDULE: Final = frozenset(
    (_S.DDIM, _S.DDIM_V3, _S.PLMS, _S.K_LMS, _S.K_DPM_FAST, _S.NAI_SMEA, _S.NAI_SMEA_DYN)
)
"""Samplers without a choice of noise schedules."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The facts of a generation."""

    generation: Generation
    samplers: tuple[ImageSampler, ...]
    "Those that the website offers, the recommended one first."
    failing: tuple[ImageSampler, ...] = ()
    "Those that the service fails on; it takes all others. See docs/protocol/image.md#4-models-samplers-schedules-sizes."
    schedules: tuple[NoiseSchedule, ...]
    schedule: NoiseSchedule | None
    "The usual one."
    size: tuple[int, int] = (832, 1216)
    steps: int = 23
    scale: float
    "Guidance of a model that has no other."
    scale_most: float = 10
    tokens: int
    "Tokens that a prompt may have; the service cuts the rest."
    structured: bool = False
    "Whether prompts are sent as ``v4_prompt`` too. See docs/protocol/image.md#54-v4-prompts-and-characters."
    characters: int = 0
    "How many an image may have."
    free_positions: bool = False
    "Whether a character may be anywhere; else in one of 5 × 5 cells."
    placed_from: int = 2
    "How many characters are needed before positions count."
    character_uc: str = ""
    "The undesired content that the website gives a new character."
    vibes: Literal["", "raw", "encoded"] = ""
    references: bool = False
    controlnet: bool = False
    smea: bool = False
    auto_smea: int | None = None
    "From so many pixels on, Auto SMEA is SMEA."
    decrisper: bool = False
    variety_sigma: float | None = None
    transparency: bool = False
    max_enhance: bool = False
    legacy_uc: bool = False
    streaming: bool = False

    def __post_init__(self) -> None:
        convert_fields(self, **_FAMILY)


_FAMILY: Final = {
    "generation": member(Generation),
    "samplers": list_of(member(ImageSampler)),
    "failing": list_of(member(ImageSampler)),
    "schedules": list_of(member(NoiseSchedule)),
    "schedule": member(NoiseSchedule) | None,
    "size": tuple_of("a width and a height in pixels", INTEGER, INTEGER),
    **dict.fromkeys(("steps", "tokens", "characters", "placed_from"), INTEGER),
    **dict.fromkeys(("scale", "scale_most"), NUMBER),
    **dict.fromkeys(("structured", "free_positions", "references", "controlnet", "smea", "decrisper"), FLAG),
    **dict.fromkeys(("transparency", "max_enhance", "legacy_uc", "streaming"), FLAG),
    **dict.fromkeys(("character_uc", "vibes"), TEXT),
    "auto_smea": INTEGER | None,
    "variety_sigma": NUMBER | None,
}


_V1: Final = Family(
    generation=Generation.V1,
    samplers=_OLD_MENU,
    failing=tuple(sampler for sampler in _S if sampler not in _OLD_MENU),  # newer than these models
    schedules=(),
    schedule=None,
    size=(512, 768),
    steps=28,
    scale=10,
    scale_most=25,
    tokens=225,
    controlnet=True,
    smea=True,
    auto_smea=1_064_961,
    decrisper=True,
)
_V2: Final = replace(_V1, generation=Generation.V2, schedules=(_N.NATIVE,), schedule=_N.NATIVE, size=(832, 1216))
_V3: Final = Family(
    generation=Generation.V3,
    samplers=(*_MENU, _S.DDIM_V3),
    schedules=tuple(_N),
    schedule=_N.KARRAS,
    scale=5,
    tokens=225,
    vibes="raw",
    smea=True,
    auto_smea=2_166_785,
    decrisper=True,
    variety_sigma=19,
)
_V4: Final = Family(
    generation=Generation.V4,
    samplers=_MENU,
    failing=_FAILING,
    schedules=(_N.KARRAS, _N.EXPONENTIAL, _N.POLYEXPONENTIAL),
    schedule=_N.KARRAS,
    scale=5.5,
    tokens=512,
    structured=True,
    characters=6,
    character_uc="lowres, aliasing, ",
    vibes="encoded",
    variety_sigma=19,
    legacy_uc=True,
    streaming=True,
)
_V4_5: Final = replace(
    _V4, generation=Generation.V4_5, scale=5, character_uc="", references=True, variety_sigma=58, legacy_uc=False
)
_V5: Final = replace(
    _V4_5,
    generation=Generation.V5,
    schedules=(_N.KARRAS,),
    scale=7,
    tokens=1471,
    characters=32,
    free_positions=True,
    placed_from=1,
    vibes="",
    references=False,
    variety_sigma=None,
    transparency=True,
    max_enhance=True,
)

FAMILIES: Final[Mapping[Generation, Family]] = {row.generation: row for row in (_V1, _V2, _V3, _V4, _V4_5, _V5)}
"""By generation."""
