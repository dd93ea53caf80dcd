"""The text models, and what a caller would else have to remember about them.

Which tokenizer, which host, which samplers: each fact stands in one table, and a model looks it up there by its id. Of a
model that is not listed nothing is guessed. What is needed of it has to be told, and the error says how.

See:
    docs/protocol/native.md#12-which-host-per-text-model
    docs/protocol/native.md#96-context-and-length-limits
    docs/protocol/native.md#11-token-encoding-and-tokenizers
    docs/protocol/native.md#121-file-format-preset-utf-8-json
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final, TypeVar

from ..arguments import FLAG, INTEGER, MAPPING, TEXT, TIER, ArgumentType, convert_fields, list_of, record
from ..errors import InvalidRequestError
from ..exchange.endpoints import host_of_model
from ..http import Host
from ..tier import Tier
from ..tokenizers.known import KNOWN
from .preambles import PREAMBLE, Preamble
from .samplers import COLOURS, ORDER, SAMPLERS, Order

__all__ = ["MODEL", "MODELS", "Facts", "Model", "Tier"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a model; None where it is not, or where a table has it by the model's id."""

    name: str | None = None
    tokenizer: str | None = None
    token_width: int | None = None
    host: Host | None = None
    samplers: frozenset[Order] | None = None
    preamble: Preamble | None = None
    context: Mapping[Tier, int] | None = field(default=None, hash=False)
    modules: bool | None = None
    native: bool = True

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


@dataclass(frozen=True, slots=True)
class Model:
    """A text model. `named` finds the listed ones; ``Model("new-v1", Facts(tokenizer="llama3", …))`` is one that is not.

    A property raises InvalidRequestError where its fact is neither listed nor told.
    """

    id: str
    "As it stands on the wire."
    facts: Facts = field(default=Facts(), repr=False, hash=False)
    "What no other table has."

    def __post_init__(self) -> None:
        convert_fields(self, id=TEXT, facts=record(Facts))

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
    GLM: ClassVar[Model]
    XIALONG: ClassVar[Model]

    @classmethod
    def named(cls, model: Model | str) -> Model:
        """The listed model with this id (``"kayra-v1"``) or name (``"Kayra"``), or a new one of which nothing is known."""
        if isinstance(model, Model):
            return model
        MODEL.convert(model, "model")
        return _BY_ID.get(model) or _BY_NAME.get(model.casefold()) or cls(model)

    @property
    def name(self) -> str:
        """What people call it: ``"Kayra"``; its id if it has no name."""
        return self.facts.name or self.id

    @property
    def newest(self) -> Model:
        """The version in use of this one: Krake of ``krake-v1``; itself if no other is listed.

        See docs/protocol/native.md#121-file-format-preset-utf-8-json.
        """
        return _BY_STEM.get(_stem(self.id), self)

    @property
    def native(self) -> bool:
        """Do ``/ai/generate`` and ``/ai/generate-stream`` serve it? Else only the OpenAI-compatible endpoints do."""
        return self.facts.native

    @property
    def host(self) -> Host:
        """Which of the service's hosts serves it."""
        return self._told("host", self.facts.host, host_of_model(self.id) if self._version else None)

    @property
    def success_status(self) -> int:
        """The status of a generation that went well: 200 on the text host, 201 on the api host."""
        return 200 if self.host is Host.TEXT else 201

    @property
    def tokenizer(self) -> str:
        """The name of its tokenizer.

        See docs/protocol/native.md#112-tokenizer-per-model.
        """
        listed = (one.name for one in KNOWN.values() if self.id in one.models)
        return self._told("tokenizer", self.facts.tokenizer, next(listed, None))

    @property
    def token_width(self) -> int:
        """Bytes per packed token: 4 for Llama 3 and GLM token lists, 2 for all others.

        See docs/protocol/native.md#111-packing.
        """
        listed = KNOWN.get(self.tokenizer) if self.facts.token_width is None else None
        return self._told("token_width", self.facts.token_width, None if listed is None else listed.token_width)

    @property
    def samplers(self) -> frozenset[Order]:
        """The samplers it takes.

        See docs/protocol/native.md#92-sampler-ids-order.
        """
        listed = frozenset(row.id for row in SAMPLERS if row.models is None or self._version in row.models)
        return self._told("samplers", self.facts.samplers, listed if self._version else None)

    def takes(self, sampler: Order | int) -> bool:
        """Does it take this sampler? Needs to be told only of those that not every model takes."""
        sampler = ORDER.convert(sampler, "sampler")
        if self.facts.samplers is None and SAMPLERS[sampler].models is None:
            return True
        return sampler in self.samplers

    @property
    def preamble(self) -> Preamble:
        """What its context begins with.

        See docs/protocol/native.md#98-model-heads-preamble-and-special-token-use.
        """
        return self._told("preamble", self.facts.preamble, PREAMBLE.get(self._version))

    @property
    def modules(self) -> bool:
        """Does it have modules?

        See docs/protocol/native.md#14-built-in-modules.
        """
        return self._told("modules", self.facts.modules)

    def context_limit(self, tier: Tier | str | int) -> int:
        """How many tokens prompt and answer may have together.

        See docs/protocol/native.md#96-context-and-length-limits.

        Raises:
            InvalidRequestError: it is not known, or the model is not for this tier.
        """
        wanted: Tier = TIER.convert(tier, "tier")
        limits = self._told("context", self.facts.context)
        if wanted not in limits:
            offered = ", ".join(each.name.capitalize() for each in limits)
            raise InvalidRequestError(
                f"{self.id} has no known context for {wanted.name.capitalize()}, only for {offered}", parameter="tier"
            )
        return limits[wanted]

    def output_limit(self, tier: Tier | str | int) -> int:
        """The largest ``max_length``: it depends on the tier alone.

        See docs/protocol/native.md#96-context-and-length-limits.
        """
        return 250 if TIER.convert(tier, "tier") is Tier.OPUS else 150

    @property
    def listed(self) -> bool:
        """Is it, or an older version of one that is, in the table of models?"""
        return self.id in _BY_ID

    @property
    def _version(self) -> str:
        """The id under which other tables have it; empty if they do not."""
        return self.newest.id if self.listed else ""

    def _told(self, fact: str, told: T | None, listed: T | None = None) -> T:
        value = listed if told is None else told
        if value is None:
            how = f"Model({self.id!r}, Facts({fact}=…))"
            raise InvalidRequestError(
                f"{fact} of the text model {self.id!r} is not known; tell it: {how}", parameter="model"
            )
        return value


MODEL: Final = ArgumentType("a Model, or the id or the name of one", Model, str)
"""What parameters that are models take; `Model.named` makes a model of it."""

_SHORT: Final = dict.fromkeys(Tier, 2048)
_LONG: Final = dict.fromkeys(Tier, 8192)

Model.CALLIOPE = Model("2.7B", Facts(name="Calliope", modules=False))
Model.SIGURD = Model("6B-v4", Facts(name="Sigurd", context=_SHORT, modules=True))
Model.SIGURD_2_9B = Model("sigurd-2.9b-v1", Facts(name="Sigurd 2.9B", modules=True))
Model.EUTERPE = Model("euterpe-v2", Facts(name="Euterpe", context=_SHORT, modules=True))
Model.KRAKE = Model("krake-v2", Facts(name="Krake", context=_SHORT, modules=True))
Model.CASSANDRA = Model("cassandra", Facts(name="Cassandra", modules=True))
Model.GENJI = Model("genji-jp-6b-v2", Facts(name="Genji", context=_SHORT, modules=False))
Model.SNEK = Model("genji-python-6b", Facts(name="Snek", context=_SHORT, modules=False))
Model.HYPEBOT = Model("hypebot", Facts(name="HypeBot", context=_SHORT, modules=True))
Model.INLINE = Model("infillmodel", Facts(name="Inline", context=_SHORT, modules=True))
Model.CLIO = Model("clio-v1", Facts(name="Clio", context=_LONG, modules=True))
Model.KAYRA = Model(
    "kayra-v1", Facts(name="Kayra", context={Tier.TABLET: 4096, Tier.SCROLL: 8192, Tier.OPUS: 8192}, modules=True)
)
Model.ERATO = Model("llama-3-erato-v1", Facts(name="Erato", context={Tier.OPUS: 8192}, modules=False))
# With the window that moves (docs/protocol/openai.md#73-context-and-output-limits).
_ROLLING: Final = {Tier.TABLET: 12_288, Tier.SCROLL: 16_384, Tier.OPUS: 36_864}
Model.GLM = Model("glm-4-6", Facts(name="GLM 4.6", context=_ROLLING, host=Host.TEXT, modules=False, native=False))
Model.XIALONG = Model(
    "xialong-v1", Facts(name="Xialong", context={Tier.OPUS: 36_864}, host=Host.TEXT, modules=False, native=False)
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
"""All that the native endpoints serve, or served once, each in its newest version."""

_OLDER: Final = (
    Model("6B", Model.SIGURD.facts),
    Model("6B-v3", Model.SIGURD.facts),
    Model("euterpe-v0", Model.EUTERPE.facts),
    Model("krake-v1", Model.KRAKE.facts),
    Model("genji-jp-6b", Model.GENJI.facts),
)
_STAGING: Final = tuple(map(Model, COLOURS))

_BY_ID: Final = {model.id: model for model in (*MODELS, Model.GLM, Model.XIALONG, *_OLDER, *_STAGING)}
_BY_NAME: Final = {model.name.casefold(): model for model in (*MODELS, Model.GLM, Model.XIALONG)}

_VERSION: Final = re.compile(r"-v\d+\Z")


def _stem(id: str) -> str:  # noqa: A002
    return _VERSION.sub("", id)


_BY_STEM: Final = {_stem(model.id): model for model in MODELS}
