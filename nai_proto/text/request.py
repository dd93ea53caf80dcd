"""From preset, settings and wishes to the parameters of one request, in the numbered steps of native §12.4."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, cast

from ..errors import InvalidRequestError, InvalidTypeError
from ..tokenizers.base import Tokenizer
from ..tokenizers.known import KNOWN
from .models import Model
from .modules import TEXT_ADVENTURE, Module, module_prefix
from .parameters import Phrase
from .phrases import BanList, BiasGroup, token_ids
from .preset import Preset
from .preset_fields import flat, listed
from .rules import Kind, check
from .settings import ALWAYS, GlobalSettings
from .wordlists import wordlist

__all__ = ["USUAL", "request_parameters"]

USUAL: Final = GlobalSettings()
"""The global settings of a request that names none."""

_NEEDED: Final = {"max_length": 40, "min_length": 1}
"""The api host requires them; the values are those of nearly all presets."""

_SCALED: Final = (Model.SIGURD.id, Model.EUTERPE.id)


def request_parameters(
    model: Model | str,
    *,
    preset: Preset | None = None,
    settings: GlobalSettings | None = USUAL,
    module: Module | str | None = None,
    bans: BanList | Iterable[BanList | Phrase] = (),
    biases: BiasGroup | Iterable[BiasGroup] = (),
    stop_sequences: Sequence[Phrase] | None = None,
    text_adventure: bool = False,
    tokenizer: Tokenizer | None = None,
    overrides: Mapping[str, object] | None = None,
    extra: Mapping[str, object] | None = None,
    validate: bool = True,
) -> dict[str, object]:
    """The object ``parameters`` of a request (native §12.4). Changes nothing that it is given.

    Args:
        model: which model, or its id.
        preset: one of the model's own.
        settings: the client's; None leaves out all that they add.
        module: a built-in module or its id, or the id of a module that a user trained.
        bans: phrases that must not appear, or lists of such.
        biases: groups of phrases made likelier or rarer.
        stop_sequences: phrases that end the answer, in place of the preset's.
        text_adventure: end the answer where the player's turn comes, and use the module for it where there is one.
        tokenizer: the model's; needed when a phrase is text.
        overrides: parameters under the service's names, as they are to be sent; they win over all else.
        extra: parameters that this library does not know; not looked at.
        validate: look at everything but ``extra`` before it is sent (`check`).

    Raises:
        InvalidRequestError: the preset or the module is not for this model, a phrase is text and there is no tokenizer or
            another model's, a fact of an unlisted model is needed and not known, or what `check` finds.
    """
    model = Model.named(model)
    if tokenizer is not None and tokenizer.name in KNOWN and tokenizer.name != model.tokenizer:
        raise InvalidRequestError(
            f"{model.id} uses the tokenizer {model.tokenizer}, not {tokenizer.name}", parameter="tokenizer"
        )

    # 1 to 4. The preset, without samplers that are off.
    parameters: dict[str, object] = {**_NEEDED, **(preset.to_settings(model) if preset is not None else {})}
    # 5. The words without repetition penalty: the tokenizer's, if settings or preset want them, and the preset's own.
    flagged = preset is not None and preset.repetition_penalty_default_whitelist is True
    common = (settings or USUAL).whitelist(model, on=flagged) if settings is not None or flagged else []
    own = cast("list[int]", flat(parameters.pop("repetition_penalty_whitelist", [])))
    # 6. The global settings, then the caller's word.
    parameters |= ALWAYS if settings is None else settings.to_settings(model)
    parameters["repetition_penalty_whitelist"] = [*dict.fromkeys((*common, *own))]
    if text_adventure:
        parameters |= _adventure(model, cast("int", parameters["min_length"]))
    parameters |= overrides or {}
    # 7. Two models count the repetition penalty on another scale.
    penalty = parameters.get("repetition_penalty")
    if model.newest.id in _SCALED and Kind.NUMBER.holds(penalty):
        parameters["repetition_penalty"] = (0.525 * (cast("float", penalty) - 1) / 7) + 1
    # 8. The module, and the phrases.
    if module is None and text_adventure and model.modules:
        module = TEXT_ADVENTURE
    if module is not None or "prefix" not in parameters:
        parameters["prefix"] = module_prefix(module, model)
    banned = [entry for each in _lists(bans) for entry in each.tokenized(tokenizer)]
    parameters["bad_words_ids"] = _joined(parameters, "bad_words_ids", banned)
    groups = (biases,) if isinstance(biases, BiasGroup) else biases
    biased = [entry for group in groups for entry in group.tokenized(tokenizer)]
    parameters["logit_bias_exp"] = _joined(parameters, "logit_bias_exp", biased)
    stops = stop_sequences if stop_sequences is not None else parameters.get("stop_sequences", ())
    parameters["stop_sequences"] = [token_ids(phrase, tokenizer, "the stop sequences") for phrase in listed(stops)]

    for name in ("repetition_penalty_whitelist", "bad_words_ids", "logit_bias_exp", "stop_sequences"):
        if not parameters[name]:
            del parameters[name]
    if validate:
        check(parameters, model)
    return {**parameters, **(extra or {})}


def _adventure(model: Model, min_length: int) -> dict[str, object]:
    """What ends an answer before the player's turn (native §9.8)."""
    end = wordlist(model.tokenizer).adventure_end
    if end is None:
        raise InvalidRequestError(
            f"no text adventures are known for {model.id}: its tokenizer has no token to end on",
            parameter="text_adventure",
        )
    return {"eos_token_id": end, "min_length": max(5, min_length)}


def _lists(bans: BanList | Iterable[BanList | Phrase]) -> list[BanList]:
    if isinstance(bans, BanList):
        return [bans]
    if isinstance(bans, str | Mapping):
        raise InvalidTypeError(
            "bans is a list of phrases or of ban lists, also where there is only one", parameter="bans"
        )
    return [each if isinstance(each, BanList) else BanList(each) for each in bans]


def _joined(parameters: Mapping[str, object], name: str, more: Sequence[object]) -> list[object]:
    """The entries that are there already, and more."""
    there = parameters.get(name, ())
    if not isinstance(there, list | tuple):
        raise InvalidTypeError(f"{name} is a list", parameter=name)
    return [*cast("Sequence[object]", there), *more]
