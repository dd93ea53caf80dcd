"""The options of `generate` and `generate_stream`: a request's parameters, and what the library makes of presets.

Each option is described twice in the same words: under its key, where an editor shows it, and in the class docstring,
where ``help(TextOptions)`` does.

See:
    docs/protocol/native.md#12-presets
    docs/protocol/native.md#13-global-settings
    docs/protocol/native.md#14-built-in-modules
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..conflicts import Conflict
from .text_parameters import TextParameters, list_inherited_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..tokenizers import Tokenizer
    from .global_settings import GlobalSettings
    from .models import Model
    from .modules import Module
    from .phrases import BanList, BiasGroup
    from .preset import Preset
    from .text_parameters import Phrase

__all__ = ["CONFLICTS", "TextOptions"]


class TextOptions(TextParameters, total=False):
    """Keyword arguments of `generate` and `generate_stream`, all optional; None is the same as not given.

    An option of the section "Parameters" wins over what ``preset``, ``settings`` and ``text_adventure`` set.

    See:
        docs/protocol/native.md#98-model-heads-preamble-and-special-token-use
        docs/protocol/native.md#12-presets
        docs/protocol/native.md#13-global-settings
        docs/protocol/native.md#14-built-in-modules

    Options:
        model: Model, or its id or name such as ``"Kayra"``. If not given: the preset's, and Kayra without a preset.
        preset: A preset of the model, or the name of an official one such as ``"Carefree"``.
        settings: What the client adds to every request, as `GlobalSettings` or a mapping of its fields; None adds
            nothing. If not given: the defaults of `GlobalSettings` with a preset, nothing without.
        module: A built-in module or its id, or the id of one that a user trained.
        bans: Phrases that must not appear: a `BanList`, or a list of such lists, texts and lists of token ids. Text
            needs ``tokenizer``.
        biases: Groups of phrases made likelier or rarer: a `BiasGroup`, a mapping such as ``{"bias": 0.5, "phrases":
            ["moon"]}``, or a list of these. Text needs ``tokenizer``.
        text_adventure: End the answer where the player's turn comes, and use the module for text adventures where there
            is one.
        tokenizer: Tokenizer of the model, needed where a phrase is text.
        validate: Check everything but ``extra`` before it is sent; true if not given.
        extra: Parameters that are not listed here, by name; sent as they are.
    """

    model: Model | str | None
    """Model, or its id or name such as ``"Kayra"``. If not given: the preset's, and Kayra without a preset."""
    preset: Preset | str | None
    'A preset of the model, or the name of an official one such as ``"Carefree"``.'
    settings: GlobalSettings | Mapping[str, object] | None
    """What the client adds to every request, as `GlobalSettings` or a mapping of its fields; None adds nothing. If not
    given: the defaults of `GlobalSettings` with a preset, nothing without."""
    module: Module | str | None
    "A built-in module or its id, or the id of one that a user trained."
    bans: BanList | Iterable[BanList | Phrase] | None
    """Phrases that must not appear: a `BanList`, or a list of such lists, texts and lists of token ids. Text needs
    ``tokenizer``."""
    biases: BiasGroup | Mapping[str, object] | Iterable[BiasGroup | Mapping[str, object]] | None
    """Groups of phrases made likelier or rarer: a `BiasGroup`, a mapping such as ``{"bias": 0.5, "phrases":
    ["moon"]}``, or a list of these. Text needs ``tokenizer``."""
    text_adventure: bool | None
    "End the answer where the player's turn comes, and use the module for text adventures where there is one."
    tokenizer: Tokenizer | None
    "Tokenizer of the model, needed where a phrase is text."
    validate: bool | None
    "Check everything but ``extra`` before it is sent; true if not given."
    extra: Mapping[str, object] | None
    "Parameters that are not listed here, by name; sent as they are."


list_inherited_options(TextOptions, TextParameters)

CONFLICTS: Final = (Conflict("prefix", "module", "both choose the module: give one of them"),)
"""Options that contradict each other."""
