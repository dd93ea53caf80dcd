"""Text generation on the native API.

A prompt is text or token ids, and the answer is the same: with ids the service neither tokenises nor detokenises, so that
what is generated goes on from exactly these tokens. `decoded` gives such an answer its text.

What decides how text is written: a `Preset` of the model, `GlobalSettings`, a `Module`, `BanList`s and `BiasGroup`s, and
single parameters, the last word of all. These names are found when they are first used, since not every program does.

See:
    docs/protocol/native.md#9-aigenerate-request
    docs/protocol/native.md#10-streaming-aigenerate-stream
    docs/protocol/native.md#11-token-encoding-and-tokenizers
    docs/protocol/native.md#12-presets
    docs/protocol/native.md#13-global-settings
    docs/protocol/native.md#14-built-in-modules
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .answers import Candidate, Completion, CompletionIds, FinishReason, Logprobs, Token, TokenIds
from .decoding import decoded
from .generation import generate, generate_stream
from .models import MODELS, Facts, Model, Tier

if TYPE_CHECKING:
    from .modules import MODULES, Module
    from .options import Options
    from .parameters import LogitBias, Parameters, Phrase, PhraseRepPen
    from .phrases import BanList, BiasGroup
    from .preambles import PREAMBLE, Preamble
    from .preset import Preset
    from .rare import generate_prompt, hidden_states, next_words
    from .request import request_parameters
    from .rules import check
    from .samplers import SAMPLERS, Order, Sampler
    from .settings import NO_LOGPROBS, GlobalSettings, adventure_opening
else:
    from ..lazy import finder

    _HOMES = {
        "modules": "MODULES Module",
        "options": "Options",
        "parameters": "LogitBias Parameters Phrase PhraseRepPen",
        "phrases": "BanList BiasGroup",
        "preambles": "PREAMBLE Preamble",
        "preset": "Preset",
        "rare": "generate_prompt hidden_states next_words",
        "request": "request_parameters",
        "rules": "check",
        "samplers": "SAMPLERS Order Sampler",
        "settings": "NO_LOGPROBS GlobalSettings adventure_opening",
    }

    __getattr__ = finder(__name__, _HOMES)

    def __dir__():
        return sorted({*globals(), *__all__})


__all__ = [
    "MODELS",
    "MODULES",
    "NO_LOGPROBS",
    "PREAMBLE",
    "SAMPLERS",
    "BanList",
    "BiasGroup",
    "Candidate",
    "Completion",
    "CompletionIds",
    "Facts",
    "FinishReason",
    "GlobalSettings",
    "LogitBias",
    "Logprobs",
    "Model",
    "Module",
    "Options",
    "Order",
    "Parameters",
    "Phrase",
    "PhraseRepPen",
    "Preamble",
    "Preset",
    "Sampler",
    "Tier",
    "Token",
    "TokenIds",
    "adventure_opening",
    "check",
    "decoded",
    "generate",
    "generate_prompt",
    "generate_stream",
    "hidden_states",
    "next_words",
    "request_parameters",
]
