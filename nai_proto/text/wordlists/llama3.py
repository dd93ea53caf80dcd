"""The lists of the Llama 3 tokenizer.

See docs/protocol/native.md#13-global-settings.
"""

from __future__ import annotations

from typing import Final

from . import Wordlist, parse_ids, parse_phrases

__all__ = ["LLAMA3"]

_BRACKETS: Final = parse_phrases(
    """
    16067 933+11144 25106+11144 58+106901+16073+33710+25+109933 933+58+11144 128030
    58+30591+33503+17663+100204+25+11144
    """
)
_WHITELIST: Final = parse_ids(
    """
    1 6 8 9 11 12 13 15 16 17 18 19 20 21 22 23 24 25 198 220 264 279 304 311 315 323 374 389 430 459 477 505 520
    527 539 574 596 608 617 649 690 706 813 872 912 956 1047 1051 1053 1077 1202 1210 1288 1359 1436 1461 1550 1587
    2351 2834 2846 3077 3250 3287 3358 4250 4265 4536 5828 7784 7846 8434 9167 11074 12775 13434 15058 19117 44886
    """
)

LLAMA3: Final = Wordlist(
    brackets=_BRACKETS,
    whitelist=_WHITELIST,
    adventure_end=29,
    adventure_opening=parse_phrases("29"),
)
