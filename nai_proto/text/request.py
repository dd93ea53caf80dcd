"""Build the parameters of a request from preset, settings and options, in numbered steps.

See docs/protocol/native.md#124-from-preset-to-request-parameters-our-rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeVar, cast

from ..arguments import FLAG, MAPPING, TOKENIZER, ArgumentType, list_of, takes
from ..conflicts import check_conflicts
from ..errors import InvalidRequestError, InvalidTypeError
from ..tokenizers.base import Tokenizer
from ..tokenizers.registry import TOKENIZERS
from .global_settings import ALWAYS_SENT, SETTINGS, GlobalSettings
from .model_kinds import check_native
from .models import Model
from .modules import TEXT_ADVENTURE, Module, check_prefix, find_prefix
from .options import CONFLICTS
from .parameter_rules import ParameterKind, check_parameters
from .phrases import BIAS_GROUP, BanList, BiasGroup, encode_phrase, simplify_phrase
from .preset import Preset
from .preset_fields import check_stop_sequences, flatten_ids
from .text_parameters import Phrase
from .wordlists import find_wordlist

__all__ = ["DEFAULT_SETTINGS", "PRESET", "build_parameters"]

T = TypeVar("T")

DEFAULT_SETTINGS: Final = GlobalSettings()
"""The global settings of a request that names none."""

_REQUIRED: Final = {"max_length": 40, "min_length": 1}
"""The api host requires them; the values are those of nearly all presets."""

PRESET: Final = ArgumentType("a Preset, or the name of an official one", Preset, str)


def _to_ban_list(value: object, name: str) -> BanList:
    return value if isinstance(value, BanList) else BanList(simplify_phrase(value, name))


BANS: Final = ArgumentType("a BanList", BanList) | list_of(
    ArgumentType("a phrase or a BanList", object, convert=_to_ban_list),
    "a list of phrases or of ban lists, also where there is only one",
)
BIASES: Final = BIAS_GROUP | list_of(BIAS_GROUP)

_SCALED_PENALTY: Final = (Model.SIGURD.id, Model.EUTERPE.id)


@takes(
    preset=PRESET | None,
    settings=SETTINGS | None,
    bans=BANS | None,
    biases=BIASES | None,
    text_adventure=FLAG | None,
    tokenizer=TOKENIZER | None,
    overrides=MAPPING | None,
    extra=MAPPING | None,
    validate=FLAG | None,
)
def build_parameters(
    model: Model | str,
    *,
    preset: Preset | str | None = None,
    settings: GlobalSettings | Mapping[str, object] | None = DEFAULT_SETTINGS,
    module: Module | str | None = None,
    bans: BanList | Iterable[BanList | Phrase] | None = (),
    biases: BiasGroup | Mapping[str, object] | Iterable[BiasGroup | Mapping[str, object]] | None = (),
    stop_sequences: Sequence[Phrase] | None = None,
    text_adventure: bool | None = False,
    tokenizer: Tokenizer | None = None,
    overrides: Mapping[str, object] | None = None,
    extra: Mapping[str, object] | None = None,
    validate: bool | None = True,
) -> dict[str, object]:
    """Build the object ``parameters`` of a request; no argument is changed.

    Args:
        model: which model, or its id or name.
        preset: one of the model's own, or the name of an official one.
        settings: the client's, as an object or a mapping; None leaves out all that they add.
        module: a built-in module or its id, or the id of a module that a user trained.
        bans: phrases that must not appear, or lists of such.
        biases: groups of phrases made likelier or rarer, as objects or mappings.
        stop_sequences: phrases that end the answer, in place of the preset's.
        text_adventure: end the answer where the player's turn comes, and use the module for it where there is one.
        tokenizer: the model's; needed when a phrase is text.
        overrides: parameters under the service's names, as they are to be sent; they win over all else. A parameter that
            is None is left out.
        extra: parameters that this library does not know; not checked.
        validate: check everything but ``extra`` (`check_parameters`).

    Raises:
        InvalidRequestError: the preset or the module is not for this model, a phrase is text and there is no tokenizer or
            another model's, a fact of an unlisted model is needed and not known, or what `check_parameters` finds.
    """
    model = Model.named(model)
    own_parameters = {name: value for name, value in (overrides or {}).items() if value is not None}
    if validate is not False:
        check_native(model)
        if isinstance(prefix := own_parameters.get("prefix"), str):
            check_prefix(prefix, model)
        check_conflicts({**own_parameters, "module": module}, CONFLICTS)
    if tokenizer is not None and tokenizer.name in TOKENIZERS and tokenizer.name != model.tokenizer:
        raise InvalidRequestError(
            f"{model.id} uses the tokenizer {model.tokenizer}, not {tokenizer.name}", parameter="tokenizer"
        )

    if isinstance(preset, str):
        preset = _find_preset(model, preset)
    assert settings is None or isinstance(settings, GlobalSettings)  # `takes` makes them of a mapping
    # 1 to 4. The preset, without samplers that are off.
    parameters: dict[str, object] = {**_REQUIRED, **(preset.to_settings(model) if preset is not None else {})}
    # 5. The words without repetition penalty: the tokenizer's, if settings or preset want them, and the preset's own.
    flagged = preset is not None and preset.repetition_penalty_default_whitelist is True
    common = (settings or DEFAULT_SETTINGS).whitelist(model, on=flagged) if settings is not None or flagged else []
    own = cast("list[int]", flatten_ids(parameters.pop("repetition_penalty_whitelist", [])))
    # 6. The global settings, then the caller's own parameters.
    parameters |= ALWAYS_SENT if settings is None else settings.to_settings(model)
    parameters["repetition_penalty_whitelist"] = [*dict.fromkeys((*common, *own))]
    if text_adventure:
        parameters |= _adventure_parameters(model, cast("int", parameters["min_length"]))
    parameters |= own_parameters
    # 7. Two models count the repetition penalty on another scale.
    penalty = parameters.get("repetition_penalty")
    if model.newest.id in _SCALED_PENALTY and ParameterKind.NUMBER.accepts(penalty):
        if validate is not False:
            check_parameters({"repetition_penalty": penalty}, model)
        parameters["repetition_penalty"] = (0.525 * (cast("float", penalty) - 1) / 7) + 1
    # 8. The module, and the phrases.
    if module is None and text_adventure and model.has_modules and "prefix" not in own_parameters:
        module = TEXT_ADVENTURE
    if module is not None or "prefix" not in parameters:
        parameters["prefix"] = find_prefix(module, model)
    banned = [entry for each in _as_sequence(bans, BanList) for entry in each.encode(tokenizer)]
    parameters["bad_words_ids"] = _join_entries(parameters, "bad_words_ids", banned)
    biased = [entry for each in _as_sequence(biases, BiasGroup) for entry in each.encode(tokenizer)]
    parameters["logit_bias_exp"] = _join_entries(parameters, "logit_bias_exp", biased)
    stops = stop_sequences if stop_sequences is not None else parameters.get("stop_sequences", ())
    parameters["stop_sequences"] = [
        encode_phrase(phrase, tokenizer, "stop_sequences") for phrase in check_stop_sequences(stops)
    ]

    for name in ("repetition_penalty_whitelist", "bad_words_ids", "logit_bias_exp", "stop_sequences"):
        if not parameters[name]:
            del parameters[name]
    if validate is not False:
        check_parameters(parameters, model)
    return {**parameters, **(extra or {})}


def _adventure_parameters(model: Model, min_length: int) -> dict[str, object]:
    """Return the parameters that end an answer before the player's turn.

    See docs/protocol/native.md#98-model-heads-preamble-and-special-token-use.
    """
    end = find_wordlist(model.tokenizer).adventure_end
    if end is None:
        raise InvalidRequestError(
            f"no text adventures are known for {model.id}: its tokenizer has no token to end on",
            parameter="text_adventure",
        )
    return {"eos_token_id": end, "min_length": max(5, min_length)}


def _as_sequence(given: object, type_: type[T]) -> Sequence[T]:
    """Return one object, several, or None, as `takes` has converted them, as a sequence."""
    if isinstance(given, type_):
        return (given,)
    return cast("tuple[T, ...]", given or ())


def _find_preset(model: Model, name: str) -> Preset:
    try:
        return Preset.from_official(model, name)
    except InvalidRequestError as error:
        error.parameter = "preset"  # the caller's name for it
        raise


def _join_entries(parameters: Mapping[str, object], name: str, more: Sequence[object]) -> list[object]:
    """Return the entries of a parameter, and more."""
    entries = parameters.get(name, ())
    if not isinstance(entries, list | tuple):
        raise InvalidTypeError(f"{name} is a list", parameter=name)
    return [*cast("Sequence[object]", entries), *more]
