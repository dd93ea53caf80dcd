"""Text generation requests: their bodies, parsed and checked as the two generation hosts do.

Parameters that the hosts do not know are ignored, and so is ``use_cache``, since a cache changes no answer. What this
emulator cannot do is refused: beams, a report of the probabilities that are not 0, and what no source explains.

See:
    docs/protocol/native.md#9-aigenerate-request
    docs/protocol/native.md#91-parameters--complete-list
    docs/protocol/native.md#93-logit_bias_exp
    docs/protocol/native.md#173-text-voice-modules
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from math import inf
from typing import Annotated, Final, Literal, NamedTuple, TypeVar

import msgspec

from ...codecs.json import encode_json, find_problem
from ...codecs.lone_surrogates import replace_lone_escapes
from ...codecs.type_mismatch import Mismatch
from ...errors import InvalidRequestError, excerpt
from ...http import Host
from ...text.models import MODELS, Model, suggest_model
from ...text.modules import NO_MODULE, find_prefix, is_trained_prefix
from ...text.samplers import INTERNAL_MODELS
from ..errors import Refused
from ..http.host_profiles import HostProfile
from ..switches import Switches
from .generation_settings import ALL_SAMPLERS, GenerationSettings, SequenceBias

__all__ = [
    "PARAMETERS",
    "BiasEntry",
    "PromptRequest",
    "TextRequest",
    "TextRequestParameters",
    "check_prefix",
    "parse_prompt_request",
    "parse_text_request",
    "to_generation_settings",
]

T = TypeVar("T")

_MAX_ANSWERS: Final = 32
"""Bound on the work of one request. It is the emulator's own."""

_Length = Annotated[int, msgspec.Meta(ge=1, le=2048)]
_Count = Annotated[int, msgspec.Meta(ge=0)]
_Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Positive = Annotated[float, msgspec.Meta(ge=0)]
_Id = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]
_Ids = Annotated[tuple[_Id, ...], msgspec.Meta(min_length=1)]
_ApiPenalty = Annotated[float, msgspec.Meta(ge=-2, le=2)]
_TextPenalty = Annotated[float, msgspec.Meta(ge=-16, le=16)]


class BiasEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of ``logit_bias_exp``. The hosts require different keys."""

    sequence: tuple[_Id, ...]
    bias: float
    ensure_sequence_finish: bool
    generate_once: bool


class _ApiBiasEntry(BiasEntry, frozen=True, kw_only=True):
    sequence: _Ids
    ensure_sequence_finish: bool = False
    generate_once: bool = False


class _TextBiasEntry(BiasEntry, frozen=True, kw_only=True):
    sequence: tuple[_Id, ...] = ()
    bias: float = 0.0


class TextRequestParameters(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of both hosts. Most have the names of `GenerationSettings`, and defaults that change nothing."""

    max_length: _Length = 40
    min_length: _Length = 1
    generate_until_sentence: bool = False
    stop_sequences: tuple[_Ids, ...] = ()
    eos_token_id: _Id | None = None
    bad_words_ids: tuple[_Ids, ...] = ()
    valid_first_tokens: frozenset[_Id] = frozenset()
    cropped_token: _Id | None = None
    no_repeat_ngram_size: _Count = 0
    encoder_no_repeat_ngram_size: _Count = 0
    logit_bias: tuple[tuple[_Id, float], ...] = ()
    logit_bias_exp: tuple[BiasEntry, ...] = ()
    repetition_penalty: float = 1.0
    repetition_penalty_range: Annotated[int, msgspec.Meta(ge=0, le=8192)] = 0
    repetition_penalty_slope: Annotated[float, msgspec.Meta(ge=0, le=10)] = 0.0
    repetition_penalty_frequency: _ApiPenalty = 0.0
    repetition_penalty_presence: _ApiPenalty = 0.0
    repetition_penalty_whitelist: frozenset[_Id] = frozenset()
    phrase_rep_pen: str = "off"
    do_sample: bool = True
    temperature: Annotated[float, msgspec.Meta(ge=0.1, le=100)] = 1.0
    top_k: Annotated[int, msgspec.Meta(ge=0)] = 0
    top_p: float = 1.0
    tail_free_sampling: _Fraction = 1.0
    top_a: float = 0.0
    typical_p: float = 1.0
    cfg_scale: _Positive = 1.0
    cfg_uc: str = ""
    cfg_alpha: _Fraction = 1.0
    top_g: Annotated[int, msgspec.Meta(ge=0, le=65_536)] = 0
    mirostat_tau: _Positive = 0.0
    mirostat_lr: _Fraction = 1.0
    math1_temp: float = 1.0
    math1_quad: float = 0.0
    math1_quad_entropy_scale: float = 0.0
    min_p: _Fraction = 0.0
    order: tuple[Annotated[int, msgspec.Meta(ge=0)], ...] | None = None
    num_logprobs: Annotated[int, msgspec.Meta(ge=0, le=30)] | None = None
    prefix: str = NO_MODULE
    use_string: bool | None = None
    return_full_text: bool = False
    num_return_sequences: Annotated[int, msgspec.Meta(ge=1, le=_MAX_ANSWERS)] = 1
    next_word: bool = False
    get_hidden_states: bool = False
    max_time: Annotated[float, msgspec.Meta(gt=0)] | None = None
    bos_token_id: _Id | None = None
    "Begins a prompt that is empty."
    pad_token_id: _Id | None = None
    use_cache: bool = False
    bracket_ban: bool = False
    force_emotion: bool = False
    line_start_ids: tuple[_Ids, ...] = ()
    num_beams: float = 1
    num_beam_groups: float = 1
    early_stopping: bool = False
    length_penalty: float = 1
    diversity_penalty: float = 0
    output_nonzero_probs: bool = False
    seed: int | None = None
    "An addition of the emulator: the same seed gives the same text."

    @property
    def drawable_ids(self) -> Mapping[str, Collection[int]]:
        """The token ids that can come up though the language model does not expect them, by the parameters they are in."""
        single = {name: getattr(self, name) for name in ("cropped_token", "bos_token_id", "pad_token_id")}
        return {
            "valid_first_tokens": self.valid_first_tokens,
            "logit_bias": [token for token, _ in self.logit_bias],
            "logit_bias_exp": [token for entry in self.logit_bias_exp for token in entry.sequence],
            **{name: (token,) for name, token in single.items() if token is not None},
        }

    @property
    def id_parameter(self) -> str | None:
        """The name of a parameter with token ids that the text depends on; None if there is none."""
        return next(iter(self._list_set(_ID_PARAMETERS)), None)

    @property
    def exclusions(self) -> Sequence[str]:
        """The names of the parameters whose token ids are kept out of something: of the text, or of penalties."""
        return self._list_set(_EXCLUSIONS)

    def _list_set(self, names: Iterable[str]) -> Sequence[str]:
        return [name for name in names if getattr(self, name) not in (None, (), frozenset())]


class _ApiParameters(TextRequestParameters, frozen=True, kw_only=True):
    logit_bias_exp: tuple[_ApiBiasEntry, ...] = ()


class _TextParameters(TextRequestParameters, frozen=True, kw_only=True):
    stop_sequences: Annotated[tuple[_Ids, ...], msgspec.Meta(max_length=1024)] = ()
    bad_words_ids: Annotated[tuple[_Ids, ...], msgspec.Meta(max_length=2048)] = ()
    logit_bias_exp: Annotated[tuple[_TextBiasEntry, ...], msgspec.Meta(max_length=1024)] = ()
    repetition_penalty_frequency: _TextPenalty = 0.0
    repetition_penalty_presence: _TextPenalty = 0.0
    phrase_rep_pen: Literal["off", "very_light", "light", "medium", "aggressive", "very_aggressive"] = "off"


class TextRequest(NamedTuple):
    """A checked text generation request."""

    input: str
    model: Model
    parameters: TextRequestParameters
    as_text: bool
    """Are prompt and output text, and not token ids? The default depends on the host."""
    ignored: tuple[str, ...]
    "The names of what the request has beside this, and of parameters that change no answer."

    def without_exclusions(self) -> TextRequest:
        """Return the request for a vocabulary that has none of the tokens that it keeps out."""
        names = self.parameters.exclusions
        defaults = {name: type(getattr(self.parameters, name))() for name in names}
        parameters = msgspec.structs.replace(self.parameters, **defaults)
        return self._replace(parameters=parameters, ignored=(*self.ignored, *names))


class PromptRequest(msgspec.Struct):
    """The body of ``POST /ai/generate-prompt``.

    See docs/protocol/native.md#8-ai-endpoints-text-side.
    """

    prompt: Annotated[str, msgspec.Meta(min_length=1, max_length=40_000)]
    temp: Annotated[float, msgspec.Meta(ge=0.1, le=100)]
    tokens_to_generate: Annotated[int, msgspec.Meta(ge=1, le=200)]
    model: str = Model.EUTERPE.id


class _Body(msgspec.Struct):
    input: str | msgspec.UnsetType = msgspec.UNSET
    model: str | msgspec.UnsetType = msgspec.UNSET
    parameters: dict[str, msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET


_MAX_INPUT: Final = {Host.TEXT: 100_000, Host.API: 40_000}
"""The longest input of each host, in characters."""
PARAMETERS: Final[Mapping[Host, type[TextRequestParameters]]] = {Host.TEXT: _TextParameters, Host.API: _ApiParameters}
_REQUIRED: Final = ("max_length", "min_length", "force_emotion")
"""The parameters that the api host's documents require."""
_SLIDERS: Final[Mapping[str, tuple[float, float]]] = {
    "repetition_penalty": (1, 8),
    "top_p": (0, 1),
    "typical_p": (0, 1),
    "top_a": (0, inf),
}
"""Minimum and maximum of the parameters for which only the site's sliders have any.

See docs/protocol/native.md#124-from-preset-to-request-parameters-our-rule.
"""
_BEAMS: Final = "no source shows what the service makes of a beam search; leave {} out"
_UNEXPLAINED: Final = (
    "no source says what {} does, so anything else than its neutral value would be a guess; leave it out"
)
_NOT_EMULATED: Final[Mapping[str, tuple[object, str]]] = {
    "num_beams": (1, _BEAMS),
    "num_beam_groups": (1, _BEAMS),
    "early_stopping": (False, _BEAMS),
    "length_penalty": (1, _BEAMS),
    "diversity_penalty": (0, _BEAMS),
    "output_nonzero_probs": (
        False,
        "no source shows the form of an answer with {}; num_logprobs reports probabilities",
    ),
    "force_emotion": (False, _UNEXPLAINED),
    "line_start_ids": ((), _UNEXPLAINED),
}
"""What parameters must be that the emulator does not have, and why it does not."""
_WITHOUT_HIDDEN_STATES: Final = (Model.CLIO.id, Model.KAYRA.id, Model.ERATO.id)
"""See docs/protocol/native.md#97-rare-outputs-api-host-older-models."""
_MODEL_IDS: Final = frozenset((*(model.id for model in MODELS), "genji-jp-6b"))
"""The served models of docs/protocol/native.md#12-which-host-per-text-model, and the only older one that they name."""
_ID_PARAMETERS: Final = (
    *("stop_sequences", "eos_token_id", "valid_first_tokens", "cropped_token"),
    *("logit_bias", "logit_bias_exp", "bos_token_id"),
)
_EXCLUSIONS: Final = ("bad_words_ids", "repetition_penalty_whitelist")
_COPIED: Final = frozenset(field.name for field in fields(GenerationSettings)) & {
    *TextRequestParameters.__struct_fields__
} - {
    "cfg_uc",
    "logit_bias_exp",
    "order",
}


def parse_text_request(body: bytes, host: Host, host_profile: HostProfile, switches: Switches) -> TextRequest:
    """Parse the body of ``POST /ai/generate`` or ``/ai/generate-stream``.

    Args:
        body: JSON.
        host: decides the rules for the parameters.
        host_profile: decides which models exist.
        switches: whether there are staging models, whether everything is required that the documents require, and
            whether the ranges of the site's sliders hold.

    Raises:
        Refused: 400, with what is wrong and where.
    """
    outer = _decode(body, _Body, "$")
    if isinstance(outer.input, msgspec.UnsetType):
        raise _missing_parameter("input")
    if isinstance(outer.model, msgspec.UnsetType):
        raise _missing_parameter("model")
    if isinstance(outer.parameters, msgspec.UnsetType):
        raise _missing_parameter("parameters")
    model = _find_model(outer.model, host_profile, staging=switches.staging)
    if len(outer.input) > _MAX_INPUT[host]:
        raise Refused(400, f"Validation error: input must be at most {_MAX_INPUT[host]} characters long")
    given = {name: value for name, value in outer.parameters.items() if bytes(value) != b"null"}
    missing = next((name for name in _REQUIRED if name not in given), "")
    if switches.strict_bodies and host is Host.API and missing:
        raise _missing_parameter(missing)
    parameters = _decode(msgspec.json.encode(given), PARAMETERS[host], "$.parameters")
    if switches.text_ranges:
        _check_sliders(parameters)
    for name, (neutral, why) in _NOT_EMULATED.items():
        if getattr(parameters, name) != neutral:
            message = f"this emulator cannot do {name}; it takes {encode_json(neutral).decode()}"
            raise Refused(501, message, reason=why.format(name))
    most = 256**model.token_width - 1
    for name, tokens in parameters.drawable_ids.items():
        if tokens and max(tokens) > most:
            message = f"Validation error: {name}: {max(tokens)} is no token id of {model.id}"
            raise Refused(400, message, reason=f"the ids of {model.id} have {model.token_width} bytes: 0 to {most}")
    if parameters.get_hidden_states and model.newest.id in _WITHOUT_HIDDEN_STATES:
        raise Refused(
            400,
            f"Validation error: model {model.id} has no hidden states to return",
            reason="only models older than Clio have them, such as euterpe-v2",
        )
    as_text = parameters.use_string
    return TextRequest(
        outer.input,
        model,
        parameters,
        host is Host.TEXT if as_text is None else as_text,
        _list_ignored(body, given, parameters),
    )


def parse_prompt_request(body: bytes, host_profile: HostProfile) -> PromptRequest:
    """Parse the body of ``POST /ai/generate-prompt``.

    Raises:
        Refused: 400, with what is wrong and where.
    """
    request = _decode(body, PromptRequest, "$")
    _find_model(request.model, host_profile)
    return request


def check_prefix(prefix: str, model: Model, *, trained: bool) -> None:
    """Check that the model has the module that a request names.

    Args:
        prefix: of the request.
        model: of the request.
        trained: is there a trained module with this prefix?

    Raises:
        Refused: 400, it has not. That this is 400 is our choice.
    """
    message = f"Validation error: prefix {excerpt(prefix, 60)} doesn't exist"
    try:
        find_prefix(prefix, model)
    except InvalidRequestError as error:
        raise Refused(400, message, reason=str(error)) from None
    if is_trained_prefix(prefix) and not trained:
        raise Refused(
            400,
            message,
            reason="no module that was trained here, and is ready, has this prefix; or switch strict_bodies off",
        )


def _find_model(id: str, host_profile: HostProfile, *, staging: bool = False) -> Model:  # noqa: A002
    known = id in _MODEL_IDS or (staging and id in INTERNAL_MODELS)
    if known and Model.named(id).host in host_profile.models:
        return Model.named(id)
    if Host.TEXT in host_profile.models:
        raise Refused(400, f"Validation error: model {id[:60]} doesn't exist", reason=_explain_model(id))
    # as the api host words it (docs/protocol/native.md#41-error-body)
    raise Refused(400, "model must be a valid enum value", reason=_explain_model(id))


def _explain_model(id: str) -> str:  # noqa: A002
    """Return why a host does not have the model with this id."""
    if id in INTERNAL_MODELS:
        return "this is a staging model; the text host has them with the switch staging"
    if id in _MODEL_IDS:
        return f"{id} is not on this host but on the {Model.named(id).host.value} host"
    listed = Model(id)
    if listed.is_listed and not listed.is_native:
        return f"{listed.id} has only the OpenAI-compatible endpoints, such as POST /oa/v1/completions"
    if listed.is_listed:
        return f"the id is {listed.newest.id}"
    return f"this emulator has {', '.join(sorted(_MODEL_IDS))}{suggest_model(id)}"


def _check_sliders(parameters: TextRequestParameters) -> None:
    for name, (least, most) in _SLIDERS.items():
        if not least <= getattr(parameters, name) <= most:
            allowed = f"from {least} to {most}" if most < inf else f"{least} or more"
            raise Refused(
                400,
                f"Validation error: {name} must be {allowed}",
                reason=f"{name} is off the site's slider; the switch text_ranges turns this check off",
            )


def _list_ignored(body: bytes, given: Iterable[str], parameters: TextRequestParameters) -> tuple[str, ...]:
    # The names of unknown keys may be no UTF-8: nothing has read them yet.
    readable = replace_lone_escapes(body).decode("utf-8", "replace")
    beside = msgspec.json.decode(readable, type=dict[str, msgspec.Raw])
    unknown = [
        *(name for name in beside if name not in _Body.__struct_fields__),
        *(name for name in given if name not in parameters.__struct_fields__),
    ]
    return (*unknown, "use_cache") if parameters.use_cache else tuple(unknown)


def _missing_parameter(name: str) -> Refused:
    return Refused(400, f"Error verifying request: {name} is required")


def _decode(data: bytes, type: type[T], path: str) -> T:  # noqa: A002
    try:
        return msgspec.json.decode(replace_lone_escapes(data), type=type)
    except (ValueError, RecursionError):
        problem = find_problem(data, type)
    raise Refused(400, f"Validation error: {problem.within(path) if isinstance(problem, Mismatch) else problem}")


def to_generation_settings(
    parameters: TextRequestParameters, encode: Callable[[str], list[int]], *, include_stop: bool = True
) -> GenerationSettings:
    """Return the settings of the generation that a request asks for.

    Args:
        parameters: of the request.
        encode: returns the ids of a text.
        include_stop: is the stop sequence part of the output?
    """
    eos = parameters.eos_token_id
    return GenerationSettings(
        **{name: getattr(parameters, name) for name in _COPIED},
        order=ALL_SAMPLERS if parameters.order is None else parameters.order,
        include_stop=include_stop,
        eos_ids=frozenset() if eos is None else frozenset((eos,)),
        cfg_uc=tuple(encode(parameters.cfg_uc)) if parameters.cfg_uc else (),
        logit_bias_exp=tuple([SequenceBias(**msgspec.structs.asdict(entry)) for entry in parameters.logit_bias_exp]),
    )
