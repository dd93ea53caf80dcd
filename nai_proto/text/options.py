"""All that `generate` and `generate_stream` may be told.

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

from .parameters import Parameters, Phrase

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..tokenizers import Tokenizer
    from .models import Model
    from .modules import Module
    from .phrases import BanList, BiasGroup
    from .preset import Preset
    from .settings import GlobalSettings

__all__ = ["Options"]


class Options(Parameters, total=False):
    """Keyword arguments of `generate` and `generate_stream`."""

    model: Model | str | None
    "Which model, or its id; the preset's if not given, and Kayra without a preset."
    preset: Preset | str | None
    'One of the model\'s own, or the name of an official one: ``"Carefree"``. See docs/protocol/native.md#12-presets.'
    settings: GlobalSettings | Mapping[str, object] | None
    """What the client adds to every request. If not given: `GlobalSettings()` with a preset, nothing without.

    See docs/protocol/native.md#13-global-settings.
    """
    module: Module | str | None
    """A built-in module or its id, or the id of one that a user trained.

    See docs/protocol/native.md#14-built-in-modules.
    """
    bans: BanList | Iterable[BanList | Phrase] | None
    "Phrases that must not appear."
    biases: BiasGroup | Mapping[str, object] | Iterable[BiasGroup | Mapping[str, object]] | None
    "Groups of phrases made likelier or rarer."
    text_adventure: bool | None
    """End the answer where the player's turn comes.

    See docs/protocol/native.md#98-model-heads-preamble-and-special-token-use.
    """
    tokenizer: Tokenizer | None
    "The model's; needed when a phrase is text."
    validate: bool | None
    "Look at everything but ``extra`` before it is sent; true if not given."
    extra: Mapping[str, object] | None
    "Parameters that `Parameters` does not know, sent as they are."
