"""The text models, and what a caller would else have to remember about them.

Which tokenizer, which host, which samplers: each fact is in one table, and a model looks it up there by its id. Of a
model that is not listed nothing is guessed: the caller gives its facts, and an error says which one is needed.

See:
    docs/protocol/native.md#12-which-host-per-text-model
    docs/protocol/native.md#96-context-and-length-limits
    docs/protocol/native.md#11-token-encoding-and-tokenizers
    docs/protocol/native.md#98-model-heads-preamble-and-special-token-use
    docs/protocol/native.md#121-file-format-preset-utf-8-json
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final, TypeVar

from ..arguments import FLAG, INTEGER, MAPPING, TEXT, TIER, ArgumentType, convert_fields, list_of, record
from ..errors import InvalidRequestError, UnknownChoiceError, excerpt
from ..exchange.endpoints import host_of_model
from ..http import Host
from ..tier import Tier
from ..tokenizers.registry import TOKENIZERS
from ..unknown_names import fold_name, suggest_name, unknown_choice
from .samplers import INTERNAL_MODELS, ORDER, SAMPLERS, SamplerOrder

__all__ = [
    "CHAT_MODELS",
    "MODEL",
    "MODELS",
    "PREAMBLE",
    "Model",
    "Preamble",
    "TextModelFacts",
    "Tier",
    "find_listed_model",
    "suggest_model",
    "unknown_model",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Preamble:
    """The beginning of a context, as text and as ids."""

    text: str | None
    "None where no text is encoded as these ids."
    tokens: tuple[int, ...]
    always: bool = False
    "True: before every prompt. False: in the place of an empty one."

    def __post_init__(self) -> None:
        convert_fields(self, text=TEXT | None, tokens=list_of(INTEGER), always=FLAG)


PREAMBLE: Final[Mapping[str, Preamble]] = {
    "6B-v4": Preamble("⁂\n", (46256, 224, 198)),
    "euterpe-v2": Preamble("\n***\n", (198, 8162, 198)),
    "krake-v2": Preamble("<|endoftext|>[ Prologue ]\n", (0, 60, 367, 9490, 489, 5032, 187)),
    "clio-v1": Preamble(
        "[ Author: Various ]\n[ Prologue ]\n",
        (49356, 26, 49287, 43252, 7794, 85, 49356, 1310, 49219, 6663, 7794, 85),
    ),
    "kayra-v1": Preamble("", ()),  # its module special_openings does this
    # The sources disagree; these two ids are what the protocol recommends, and the text is their names.
    "llama-3-erato-v1": Preamble("<|startoftext|><|reserved_special_token81|>", (128000, 128081), always=True),
    "genji-jp-6b-v2": Preamble(None, (60, 198, 198)),
    "genji-python-6b": Preamble("<|endoftext|>\n", (50256, 198)),
}
"""By model id; the other models have none that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextModelFacts:
    """The facts of a model; None where one is not known, or where another table has it by the model's id."""

    name: str | None = None
    "What people call it."
    tokenizer: str | None = None
    "The name of its tokenizer."
    token_width: int | None = None
    "Bytes per packed token."
    host: Host | None = None
    "Which of the service's hosts serves it."
    samplers: frozenset[SamplerOrder] | None = None
    "The samplers it takes."
    preamble: Preamble | None = None
    "What its context begins with."
    context: Mapping[Tier, int] | None = field(default=None, hash=False)
    "Tokens of prompt and answer together, by tier."
    modules: bool | None = None
    "Whether it has modules."
    native: bool = True
    "Whether the native endpoints serve it."

    def __post_init__(self) -> None:
        convert_fields(
            self,
            name=TEXT | None,
            tokenizer=TEXT | None,
            token_width=INTEGER | None,
            host=ArgumentType("a Host", Host) | None,
            samplers=list_of(ORDER) | None,
            preamble=record(Preamble) | None,
            context=MAPPING | None,
            modules=FLAG | None,
            native=FLAG,
        )
        if self.samplers is not None:
            object.__setattr__(self, "samplers", frozenset(self.samplers))


_NO_FACTS: Final = TextModelFacts()


@dataclass(frozen=True, slots=True)
class Model:
    """A text model: ``Model("kayra-v1")`` and ``Model("Kayra")`` are `KAYRA`; with facts, it is a model that is not listed.

    How an id or a name is written makes no difference: ``"kayra"`` and ``"KAYRA V1"`` are found too. A property
    raises InvalidRequestError where its fact is neither listed nor given.
    """

    id: str
    "As it is on the wire."
    facts: TextModelFacts = field(default=_NO_FACTS, repr=False, hash=False)
    "The facts that no other table has."

    def __post_init__(self) -> None:
        convert_fields(self, id=TEXT, facts=record(TextModelFacts))
        if self.facts == _NO_FACTS and (listed := _LISTED.get(fold_name(self.id))) is not None:
            object.__setattr__(self, "id", listed.id)
            object.__setattr__(self, "facts", listed.facts)

    CALLIOPE: ClassVar[Model]
    SIGURD: ClassVar[Model]
    SIGURD_2_9B: ClassVar[Model]
    EUTERPE: ClassVar[Model]
    KRAKE: ClassVar[Model]
    CASSANDRA: ClassVar[Model]
    GENJI: ClassVar[Model]
    SNEK: ClassVar[Model]
    HYPEBOT: ClassVar[Model]
    INLINE: ClassVar[Model]
    CLIO: ClassVar[Model]
    KAYRA: ClassVar[Model]
    ERATO: ClassVar[Model]
    GLM_4_5: ClassVar[Model]
    GLM: ClassVar[Model]
    XIALONG: ClassVar[Model]

    @classmethod
    def named(cls, model: Model | str) -> Model:
        """Return a model itself, or the one with this id or name, as ``Model(…)`` finds it."""
        if isinstance(model, Model):
            return model
        MODEL.convert(model, "model")
        return _LISTED.get(fold_name(model)) or cls(model)

    @property
    def name(self) -> str:
        """Return what people call it: ``"Kayra"``; its id if it has no name."""
        return self.facts.name or self.id

    @property
    def newest(self) -> Model:
        """Return the version in use of this model: Krake for ``krake-v1``; itself if no other is listed.

        See docs/protocol/native.md#121-file-format-preset-utf-8-json.
        """
        return _BY_STEM.get(_stem(self.id), self)

    @property
    def is_native(self) -> bool:
        """Return whether the native endpoints serve it; else only the OpenAI-compatible ones do."""
        return self.facts.native

    @property
    def host(self) -> Host:
        """Return which of the service's hosts serves it."""
        return self._require("host", self.facts.host, host_of_model(self.id) if self._version else None)

    @property
    def success_status(self) -> int:
        """Return the status of a generation that went well: 200 on the text host, 201 on the api host."""
        return 200 if self.host is Host.TEXT else 201

    @property
    def tokenizer(self) -> str:
        """Return the name of its tokenizer.

        See docs/protocol/native.md#112-tokenizer-per-model.
        """
        listed = (one.name for one in TOKENIZERS.values() if self.id in one.models)
        return self._require("tokenizer", self.facts.tokenizer, next(listed, None))

    @property
    def token_width(self) -> int:
        """Return the bytes per packed token: 4 for Llama 3 and GLM token lists, 2 for all others.

        See docs/protocol/native.md#111-packing.
        """
        listed = TOKENIZERS.get(self.tokenizer) if self.facts.token_width is None else None
        return self._require("token_width", self.facts.token_width, None if listed is None else listed.token_width)

    @property
    def samplers(self) -> frozenset[SamplerOrder]:
        """Return the samplers it takes.

        See docs/protocol/native.md#92-sampler-ids-order.
        """
        listed = frozenset(row.id for row in SAMPLERS if row.models is None or self._version in row.models)
        return self._require("samplers", self.facts.samplers, listed if self._version else None)

    def has_sampler(self, sampler: SamplerOrder | int) -> bool:
        """Return whether it takes this sampler; needs no facts for a sampler that every model takes."""
        sampler = ORDER.convert(sampler, "sampler")
        if self.facts.samplers is None and SAMPLERS[sampler].models is None:
            return True
        return sampler in self.samplers

    @property
    def preamble(self) -> Preamble:
        """Return what its context begins with.

        See docs/protocol/native.md#98-model-heads-preamble-and-special-token-use.
        """
        return self._require("preamble", self.facts.preamble, PREAMBLE.get(self._version))

    @property
    def has_modules(self) -> bool:
        """Return whether it has modules.

        See docs/protocol/native.md#14-built-in-modules.
        """
        return self._require("modules", self.facts.modules)

    def context_limit(self, tier: Tier | str | int) -> int:
        """Return how many tokens prompt and answer may have together.

        See docs/protocol/native.md#96-context-and-length-limits.

        Raises:
            InvalidRequestError: it is not known, or the model is not for this tier.
        """
        wanted: Tier = TIER.convert(tier, "tier")
        limits = self._require("context", self.facts.context)
        if wanted not in limits:
            offered = ", ".join(map(str, limits))
            raise InvalidRequestError(
                f"{self.id} has no known context for {wanted}, only for {offered}", parameter="tier"
            )
        return limits[wanted]

    def output_limit(self, tier: Tier | str | int) -> int:
        """Return the largest ``max_length``: it depends on the tier alone.

        See docs/protocol/native.md#96-context-and-length-limits.
        """
        return 250 if TIER.convert(tier, "tier") is Tier.OPUS else 150

    @property
    def is_listed(self) -> bool:
        """Return whether it, or a newer version of it, is in the table of models."""
        return self.id in _LISTED_IDS

    @property
    def _version(self) -> str:
        """Return the id under which other tables have it; empty if they do not."""
        return self.newest.id if self.is_listed else ""

    def _require(self, fact: str, own: T | None, listed: T | None = None) -> T:
        """Return a fact: the model's own, else the listed one."""
        value = listed if own is None else own
        if value is None:
            advice = f"give it: Model({excerpt(self.id, 60)!r}, TextModelFacts({fact}=…))"
            if self.facts == _NO_FACTS and not self.is_listed:
                raise unknown_model(self.id, advice=advice)
            raise InvalidRequestError(
                f"{fact.replace('_', ' ')} of the text model {excerpt(self.id, 60)!r} is not known",
                parameter="model",
                advice=advice,
            )
        return value


MODEL: Final = ArgumentType("a Model, or the id or the name of one", Model, str)
"""What parameters that are models take; `Model.named` makes a model of it."""

_LISTED: Final[dict[str, Model]] = {}
"""By id and by name, folded; filled when all models are defined."""

_SHORT: Final = dict.fromkeys(Tier, 2048)
_LONG: Final = dict.fromkeys(Tier, 8192)

Model.CALLIOPE = Model("2.7B", TextModelFacts(name="Calliope", modules=False))
Model.SIGURD = Model("6B-v4", TextModelFacts(name="Sigurd", context=_SHORT, modules=True))
Model.SIGURD_2_9B = Model("sigurd-2.9b-v1", TextModelFacts(name="Sigurd 2.9B", modules=True))
Model.EUTERPE = Model("euterpe-v2", TextModelFacts(name="Euterpe", context=_SHORT, modules=True))
Model.KRAKE = Model("krake-v2", TextModelFacts(name="Krake", context=_SHORT, modules=True))
Model.CASSANDRA = Model("cassandra", TextModelFacts(name="Cassandra", modules=True))
Model.GENJI = Model("genji-jp-6b-v2", TextModelFacts(name="Genji", context=_SHORT, modules=False))
Model.SNEK = Model("genji-python-6b", TextModelFacts(name="Snek", context=_SHORT, modules=False))
Model.HYPEBOT = Model("hypebot", TextModelFacts(name="HypeBot", context=_SHORT, modules=True))
Model.INLINE = Model("infillmodel", TextModelFacts(name="Inline", context=_SHORT, modules=True))
Model.CLIO = Model("clio-v1", TextModelFacts(name="Clio", context=_LONG, modules=True))
Model.KAYRA = Model(
    "kayra-v1",
    TextModelFacts(name="Kayra", context={Tier.TABLET: 4096, Tier.SCROLL: 8192, Tier.OPUS: 8192}, modules=True),
)
Model.ERATO = Model("llama-3-erato-v1", TextModelFacts(name="Erato", context={Tier.OPUS: 8192}, modules=False))
# With the window that moves (docs/protocol/openai.md#73-context-and-output-limits).
_ROLLING: Final = {Tier.TABLET: 12_288, Tier.SCROLL: 16_384, Tier.OPUS: 36_864}
_GLM: Final = TextModelFacts(context=_ROLLING, host=Host.TEXT, modules=False, native=False)
Model.GLM_4_5 = Model("glm-4-5", replace(_GLM, name="GLM 4.5"))
Model.GLM = Model("glm-4-6", replace(_GLM, name="GLM 4.6"))
Model.XIALONG = Model(
    "xialong-v1",
    TextModelFacts(name="Xialong", context={Tier.OPUS: 36_864}, host=Host.TEXT, modules=False, native=False),
)

MODELS: Final = (
    Model.CALLIOPE,
    Model.SIGURD,
    Model.SIGURD_2_9B,
    Model.EUTERPE,
    Model.KRAKE,
    Model.CASSANDRA,
    Model.GENJI,
    Model.SNEK,
    Model.HYPEBOT,
    Model.INLINE,
    Model.CLIO,
    Model.KAYRA,
    Model.ERATO,
)
"""All models that the native endpoints serve, or served once, each in its newest version."""

CHAT_MODELS: Final = (Model.GLM_4_5, Model.GLM, Model.XIALONG)
"""All models that only the OpenAI-compatible endpoints serve."""

_OLDER: Final = (
    Model("6B", Model.SIGURD.facts),
    Model("6B-v3", Model.SIGURD.facts),
    Model("euterpe-v0", Model.EUTERPE.facts),
    Model("krake-v1", Model.KRAKE.facts),
    Model("genji-jp-6b", Model.GENJI.facts),
)
_STAGING: Final = tuple(map(Model, INTERNAL_MODELS))

_NEWEST: Final = (*MODELS, *CHAT_MODELS)
_LISTED_IDS: Final = frozenset(model.id for model in (*_NEWEST, *_OLDER, *_STAGING))
_LISTED.update((fold_name(model.id), model) for model in (*_NEWEST, *_OLDER, *_STAGING))
_LISTED.update((fold_name(model.name), model) for model in _NEWEST)
_LISTED[fold_name("GLM")] = Model.GLM  # of a family, the newest

_VERSION: Final = re.compile(r"-v\d+\Z")


def _stem(id: str) -> str:  # noqa: A002
    return _VERSION.sub("", id)


_BY_STEM: Final = {_stem(model.id): model for model in MODELS}


def suggest_model(name: str) -> str:
    """Return the end of a message about an unknown model: the listed one whose id or name comes nearest, if one does."""
    return suggest_name(name, [text for model in _NEWEST for text in (model.id, model.name)])


def find_listed_model(name: Model | str) -> Model:
    """Return the listed model with this id or name.

    Raises:
        InvalidRequestError: there is none. Names the nearest one, and all ids.
    """
    model = Model.named(name)
    if not model.is_listed:
        raise unknown_model(model.id)
    return model


def unknown_model(name: str, models: Iterable[Model] = _NEWEST, *, advice: str | None = None) -> UnknownChoiceError:
    """Return the error for a text model that is not listed.

    Args:
        name: that was given.
        models: those that could have been meant.
        advice: how a program gives what is needed to use it all the same; see `NaiError.advice`.
    """
    listed = [*models]
    return unknown_choice(
        name,
        "model for stories",
        [each.id for each in listed],
        parameter="model",
        spellings={each.name: each.id for each in listed},
        advice=advice,
    )
