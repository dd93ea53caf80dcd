"""The image models, and what a caller would else have to remember about them.

What a generation has in common stands in `FAMILIES`; presets stand in `texts`. Of a model that is not listed nothing is
guessed. What is needed of it has to be told, and the error says how.

See docs/protocol/image.md#4-models-samplers-schedules-sizes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

from ..arguments import (
    FLAG,
    INTEGER,
    MAPPING,
    NUMBER,
    TEXT,
    ArgumentType,
    convert_fields,
    member,
    record,
    takes,
)
from ..errors import InvalidRequestError
from .choices import ImageSampler, NoiseSchedule, QualityPreset, UCPreset
from .generations import FAMILIES, Family, Generation

if TYPE_CHECKING:
    from .texts import Texts

__all__ = ["IMAGE_MODEL", "MODELS", "QUALITY", "UC", "Facts", "ImageModel"]

T = TypeVar("T")

UC: Final = member(UCPreset)
QUALITY: Final = member(QualityPreset)
"""What parameters that are presets of texts take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a model; None where it is not, or where a table has it by the model's id."""

    name: str | None = None
    generation: Generation | None = None
    "Whose form its requests have."
    base: str | None = None
    "Of an inpainting model: the id of the model that it belongs to; empty for a model that is none."
    inpainting: str | None = None
    "The id of the model that inpaints in its place; empty where there is none."
    scale: float | None = None
    steps: int | None = None
    tokens: int | None = None
    vibe_key: str | None = None
    "Its name in vibe files; empty where it has none. See docs/protocol/image.md#51-vibe-transfer."
    uc: Mapping[UCPreset, str] | None = field(default=None, hash=False)
    "Its texts against what is not wanted, the usual one first."
    quality: Mapping[QualityPreset, str] | None = field(default=None, hash=False)
    nsfw_prefix: bool | None = None
    """Is ``nsfw`` put before those texts, unless the prompt has it?

    See docs/protocol/image.md#4-models-samplers-schedules-sizes.
    """
    upscales: bool = False
    "Can it upscale? See docs/protocol/image.md#24-post-aiupscale."
    retired: bool = False
    "Do only older clients know it?"
    unsure: bool = False
    "Is it known from one client alone?"

    def __post_init__(self) -> None:
        convert_fields(self, **_FACTS)


_FACTS: Final = {
    **dict.fromkeys(("name", "base", "inpainting", "vibe_key"), TEXT | None),
    **dict.fromkeys(("steps", "tokens"), INTEGER | None),
    **dict.fromkeys(("uc", "quality"), MAPPING | None),
    **dict.fromkeys(("upscales", "retired", "unsure"), FLAG),
    "generation": member(Generation) | None,
    "scale": NUMBER | None,
    "nsfw_prefix": FLAG | None,
}


@dataclass(frozen=True, slots=True)
class ImageModel:
    """An image model. `named` finds the listed ones; ``ImageModel("new", Facts(generation=…, …))`` is one that is not.

    A property raises InvalidRequestError where its fact is neither listed nor told.
    """

    id: str
    "As it stands on the wire."
    facts: Facts = field(default=Facts(), repr=False, hash=False)
    "What no other table has."

    def __post_init__(self) -> None:
        convert_fields(self, id=TEXT, facts=record(Facts))

    V5_FULL: ClassVar[ImageModel]
    V5_CURATED: ClassVar[ImageModel]
    V5_FULL_MEDIUM: ClassVar[ImageModel]
    V4_5_FULL: ClassVar[ImageModel]
    V4_5_CURATED: ClassVar[ImageModel]
    V4_FULL: ClassVar[ImageModel]
    V4_CURATED: ClassVar[ImageModel]
    ANIME_V3: ClassVar[ImageModel]
    FURRY_V3: ClassVar[ImageModel]
    ANIME_V2: ClassVar[ImageModel]
    ANIME_V1_FULL: ClassVar[ImageModel]
    ANIME_V1_CURATED: ClassVar[ImageModel]
    FURRY_V1: ClassVar[ImageModel]

    @classmethod
    def named(cls, model: ImageModel | str) -> ImageModel:
        """The listed model with this id (``"nai-diffusion-3"``) or name (``"Anime V3"``), or one that is not known."""
        if isinstance(model, ImageModel):
            return model
        IMAGE_MODEL.convert(model, "model")
        return _BY_ID.get(model) or _BY_NAME.get(model.casefold()) or cls(model)

    @property
    def name(self) -> str:
        """What people call it: ``"V4.5 Full"``; its id if it has no name."""
        return self.facts.name or self.id

    @property
    def listed(self) -> bool:
        """Is it in the table of models?"""
        return self.id in _BY_ID

    @property
    def generation(self) -> Generation:
        """Whose form its requests have."""
        return self._told("generation", self.facts.generation)

    @property
    def family(self) -> Family:
        """What it has in common with its generation."""
        return FAMILIES[self.generation]

    @property
    def inpaints(self) -> bool:
        """Is it a model for inpainting, and for nothing else?"""
        return bool(self._told("base", self.facts.base))

    @property
    def base(self) -> ImageModel:
        """The model that it belongs to if it is one for inpainting, else itself."""
        base = self._told("base", self.facts.base)
        return ImageModel.named(base) if base else self

    @property
    def inpainting(self) -> ImageModel | None:
        """The model that inpaints in its place; itself if it is one; None where there is none.

        Not always its own: V5 Curated has that of V4.5 Curated.

        See docs/protocol/image.md#4-models-samplers-schedules-sizes.
        """
        if self.facts.base:
            return self
        twin = self._told("inpainting", self.facts.inpainting)
        return ImageModel.named(twin) if twin else None

    @property
    def samplers(self) -> tuple[ImageSampler, ...]:
        """The samplers it takes, the recommended one first. Without DDIM where it inpaints.

        See docs/protocol/image.md#4-models-samplers-schedules-sizes.
        """
        listed = (*self.family.samplers, *self.family.also)
        none = (ImageSampler.DDIM, ImageSampler.DDIM_V3) if self.facts.base else ()
        return tuple(sampler for sampler in listed if sampler not in none)

    @property
    def noise_schedules(self) -> tuple[NoiseSchedule, ...]:
        """The noise schedules it takes; none for V1."""
        return self.family.schedules

    @property
    def scale(self) -> float:
        """The usual guidance."""
        return self._told("scale", self.base.facts.scale)

    @property
    def steps(self) -> int:
        """The usual number of steps."""
        return self.base.facts.steps or self.family.steps

    @property
    def tokens(self) -> int:
        """How many tokens of a prompt it reads, those of all characters together.

        See docs/protocol/image.md#63-token-counting.
        """
        return self.base.facts.tokens or self.family.tokens

    @property
    def vibe_key(self) -> str:
        """Its name in vibe files; empty where encoded vibes are not for it.

        See docs/protocol/image.md#51-vibe-transfer.
        """
        told = self.base.facts.vibe_key
        return told if told is not None else self._told("vibe_key", "" if self.listed else None)

    @property
    def uc_presets(self) -> tuple[UCPreset, ...]:
        """The ready-made texts it has, the usual one first."""
        return tuple(self._texts.uc) if self._texts else tuple(self._told("uc", self.facts.uc))

    @takes(preset=UC)
    def uc_text(self, preset: UCPreset | str) -> str:
        """A ready-made text against what is not wanted.

        Raises:
            InvalidRequestError: the model has none of this name.
        """
        texts = self._texts.uc if self._texts else self._told("uc", self.facts.uc)
        assert isinstance(preset, UCPreset)  # `takes` makes one of a word
        if preset not in texts:
            raise InvalidRequestError(
                f"{self.id} has no UC preset {preset.value!r}; it has {', '.join(texts)}", parameter="uc_preset"
            )
        return texts[preset]

    @property
    def nsfw_prefix(self) -> bool:
        """Is ``nsfw`` put before those texts, unless the prompt has it?"""
        return self._texts.nsfw_prefix if self._texts else self._told("nsfw_prefix", self.facts.nsfw_prefix)

    @takes(preset=QUALITY)
    def quality_tags(self, preset: QualityPreset | str) -> str:
        """The ready-made tags for quality; the standard ones where there are no light ones."""
        texts = self._texts.quality if self._texts else self._told("quality", self.facts.quality)
        assert isinstance(preset, QualityPreset)
        return texts.get(preset) or texts[QualityPreset.STANDARD]

    @property
    def _texts(self) -> Texts | None:
        from .texts import TEXTS  # long ones, that only requests need

        base = self.facts.base or self.id
        return TEXTS.get(base)

    def _told(self, fact: str, told: T | None) -> T:
        if told is None:
            how = f"ImageModel({self.id!r}, Facts({fact}=…))"
            raise InvalidRequestError(
                f"{fact} of the image model {self.id!r} is not known; tell it: {how}", parameter="model"
            )
        return told


IMAGE_MODEL: Final = ArgumentType("an ImageModel, or the id or the name of one", ImageModel, str)
"""What parameters that are models take; `ImageModel.named` makes a model of it."""

_G: Final = Generation

ImageModel.V5_FULL = ImageModel(
    "nai-diffusion-5-full",
    Facts(
        name="V5 Full",
        generation=_G.V5,
        base="",
        inpainting="nai-diffusion-5-full-inpainting",
        scale=7,
        tokens=1471,
        upscales=True,
    ),
)
ImageModel.V5_CURATED = ImageModel(
    "nai-diffusion-5-curated",
    Facts(
        name="V5 Curated",
        generation=_G.V5,
        base="",
        inpainting="nai-diffusion-4-5-curated-inpainting",  # it has none of its own
        scale=7,
        tokens=703,
        upscales=True,
    ),
)
ImageModel.V5_FULL_MEDIUM = ImageModel(
    "nai-diffusion-5-full-medium",
    Facts(
        name="V5 Full Medium",
        generation=_G.V5,
        base="",
        inpainting="nai-diffusion-5-full-medium-inpainting",
        scale=7,
        steps=14,
        unsure=True,
    ),
)
ImageModel.V4_5_FULL = ImageModel(
    "nai-diffusion-4-5-full",
    Facts(
        name="V4.5 Full",
        generation=_G.V4_5,
        base="",
        inpainting="nai-diffusion-4-5-full-inpainting",
        scale=5,
        vibe_key="v4-5full",
    ),
)
ImageModel.V4_5_CURATED = ImageModel(
    "nai-diffusion-4-5-curated",
    Facts(
        name="V4.5 Curated",
        generation=_G.V4_5,
        base="",
        inpainting="nai-diffusion-4-5-curated-inpainting",
        scale=5,
        vibe_key="v4-5curated",
    ),
)
ImageModel.V4_FULL = ImageModel(
    "nai-diffusion-4-full",
    Facts(
        name="V4 Full",
        generation=_G.V4,
        base="",
        inpainting="nai-diffusion-4-full-inpainting",
        scale=5.5,
        vibe_key="v4full",
    ),
)
ImageModel.V4_CURATED = ImageModel(
    "nai-diffusion-4-curated-preview",
    Facts(
        name="V4 Curated",
        generation=_G.V4,
        base="",
        inpainting="nai-diffusion-4-curated-inpainting",  # without the "preview"
        scale=5.5,
        vibe_key="v4curated",
    ),
)
ImageModel.ANIME_V3 = ImageModel(
    "nai-diffusion-3",
    Facts(name="Anime V3", generation=_G.V3, base="", inpainting="nai-diffusion-3-inpainting", scale=5),
)
ImageModel.FURRY_V3 = ImageModel(
    "nai-diffusion-furry-3",
    Facts(name="Furry V3", generation=_G.V3, base="", inpainting="nai-diffusion-furry-3-inpainting", scale=6.2),
)
ImageModel.ANIME_V2 = ImageModel(
    "nai-diffusion-2", Facts(name="Anime V2", generation=_G.V2, base="", inpainting="", scale=10, retired=True)
)
ImageModel.ANIME_V1_FULL = ImageModel(
    "nai-diffusion",
    Facts(
        name="Anime V1 Full",
        generation=_G.V1,
        base="",
        inpainting="nai-diffusion-inpainting",
        scale=10,
        retired=True,
    ),
)
ImageModel.ANIME_V1_CURATED = ImageModel(
    "safe-diffusion",
    Facts(
        name="Anime V1 Curated",
        generation=_G.V1,
        base="",
        inpainting="safe-diffusion-inpainting",
        scale=10,
        retired=True,
    ),
)
ImageModel.FURRY_V1 = ImageModel(
    "nai-diffusion-furry",
    Facts(
        name="Furry V1",
        generation=_G.V1,
        base="",
        inpainting="furry-diffusion-inpainting",  # without the "nai"
        scale=10,
        retired=True,
    ),
)

MODELS: Final = (
    ImageModel.V5_FULL,
    ImageModel.V5_CURATED,
    ImageModel.V5_FULL_MEDIUM,
    ImageModel.V4_5_FULL,
    ImageModel.V4_5_CURATED,
    ImageModel.V4_FULL,
    ImageModel.V4_CURATED,
    ImageModel.ANIME_V3,
    ImageModel.FURRY_V3,
    ImageModel.ANIME_V2,
    ImageModel.ANIME_V1_FULL,
    ImageModel.ANIME_V1_CURATED,
    ImageModel.FURRY_V1,
)
"""All that draw from nothing; those that inpaint are their `ImageModel.inpainting`."""


def _twin(model: ImageModel) -> ImageModel:
    """The model's own inpainting model."""
    told = model.facts
    return ImageModel(
        told.inpainting or "",
        Facts(
            name=f"{told.name} Inpainting",
            generation=told.generation,
            base=model.id,
            retired=told.retired,
            unsure=told.unsure,
        ),
    )


_TWINS: Final = tuple(_twin(model) for model in MODELS if model.facts.inpainting and model is not ImageModel.V5_CURATED)

_BY_ID: Final = {model.id: model for model in (*MODELS, *_TWINS)}
_BY_NAME: Final = {model.name.casefold(): model for model in (*MODELS, *_TWINS)}
