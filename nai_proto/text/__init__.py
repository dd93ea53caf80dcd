"""Text generation on the native API.

A prompt is text or token ids, and so is its answer: with ids the service neither tokenises nor detokenises, so that the
answer continues exactly these tokens. `decode_tokens` gives such an answer its text.

What decides how text is written: a `Preset` of the model, `GlobalSettings`, a `Module`, `BanList`s and `BiasGroup`s, and
single parameters, which win over all the others; `TextOptions` describes them. Most names are loaded when they are first
used, since not every program needs them.

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

from .completion import Completion, CompletionIds, FinishReason, Logprobs, Token, TokenCandidate, TokenIds
from .generation import decode_tokens, generate, generate_stream
from .models import MODELS, PREAMBLE, Model, Preamble, TextModelFacts, Tier

if TYPE_CHECKING:
    from .classification import Classification, ScoredLabel, classify
    from .global_settings import NO_LOGPROBS, GlobalSettings, build_adventure_bans
    from .legacy_endpoints import generate_prompt, get_hidden_states, get_next_words
    from .modules import MODULES, Module
    from .options import TextOptions
    from .parameter_rules import check_parameters
    from .phrases import BanList, BiasGroup
    from .preset import Preset
    from .request import build_parameters
    from .samplers import SAMPLERS, SamplerOrder, TextSampler
    from .text_parameters import LogitBias, Phrase, PhraseRepPen, TextParameters
else:
    from ..lazy import finder

    _HOMES = {
        "classification": "Classification ScoredLabel classify",
        "global_settings": "NO_LOGPROBS GlobalSettings build_adventure_bans",
        "legacy_endpoints": "generate_prompt get_hidden_states get_next_words",
        "modules": "MODULES Module",
        "options": "TextOptions",
        "parameter_rules": "check_parameters",
        "phrases": "BanList BiasGroup",
        "preset": "Preset",
        "request": "build_parameters",
        "samplers": "SAMPLERS SamplerOrder TextSampler",
        "text_parameters": "LogitBias Phrase PhraseRepPen TextParameters",
    }

    __getattr__ = finder(__name__, _HOMES)

    def __dir__():
        return __all__


__all__ = [
    "MODELS",
    "MODULES",
    "NO_LOGPROBS",
    "PREAMBLE",
    "SAMPLERS",
    "BanList",
    "BiasGroup",
    "Classification",
    "Completion",
    "CompletionIds",
    "FinishReason",
    "GlobalSettings",
    "LogitBias",
    "Logprobs",
    "Model",
    "Module",
    "Phrase",
    "PhraseRepPen",
    "Preamble",
    "Preset",
    "SamplerOrder",
    "ScoredLabel",
    "TextModelFacts",
    "TextOptions",
    "TextParameters",
    "TextSampler",
    "Tier",
    "Token",
    "TokenCandidate",
    "TokenIds",
    "build_adventure_bans",
    "build_parameters",
    "check_parameters",
    "classify",
    "decode_tokens",
    "generate",
    "generate_prompt",
    "generate_stream",
    "get_hidden_states",
    "get_next_words",
]
