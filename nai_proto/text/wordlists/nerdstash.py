"""The lists of both nerdstash tokenizers.

See docs/protocol/native.md#13-global-settings.
"""

from __future__ import annotations

from typing import Final

from . import Wordlist, parse_ids, parse_phrases

__all__ = ["NERDSTASH_V1", "NERDSTASH_V2"]

_BRACKETS: Final = parse_phrases(
    """
    3 49356 1431 31715 34387 20765 30702 10691 49333 1266 19438 43145 26523 41471 2936 85+85 49332 7286 1115
    """
)
_WHITELIST_V1: Final = parse_ids(
    """
    49256 49264 49231 49230 49287 85 380 49216 49211 49215 49220 372 335 49223 49255 49399 49262 336 333 432 363 468
    492 745 401 426 623 794 1096 2919 2072 7379 1259 2110 620 526 487 16562 603 805 761 2681 942 8917 653 3513 506
    5301 562 5010 614 10942 539 2976 462 5189 567 2032 4 5 6 7 8 9 10 11 12 13 588 803 1040 49209
    """
)
_WHITELIST_V2: Final = parse_ids(
    """
    49256 49264 49231 49230 49287 85 49255 49399 49262 336 333 432 363 468 492 745 401 426 623 794 1096 2919 2072
    7379 1259 2110 620 526 487 16562 603 805 761 2681 942 8917 653 3513 506 5301 562 5010 614 10942 539 2976 462
    5189 567 2032 123 124 125 126 127 128 129 130 131 132 588 803 1040 49209 4 5 6 7 8 10 9 11 12
    """
)

NERDSTASH_V1: Final = Wordlist(
    brackets=_BRACKETS,
    whitelist=_WHITELIST_V1,
    dinkus=parse_phrases("23 21"),
    dinkus_bias=-0.08,
    adventure_end=49405,
    adventure_opening=parse_phrases("85+49405"),
)

NERDSTASH_V2: Final = Wordlist(
    brackets=_BRACKETS,
    whitelist=_WHITELIST_V2,
    dinkus=parse_phrases("23 21"),
    dinkus_bias=-0.08,
    adventure_end=49405,
    adventure_opening=parse_phrases("85+49405"),
)
