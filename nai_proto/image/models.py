"""The image models, and what a caller would else have to remember about them.

A model looks up its facts in `model_facts`, by its id. Of a model that is not listed nothing is guessed: the caller gives
its facts, and an error says which one is needed.

See docs/protocol/image.md#4-models-samplers-schedules-sizes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

from ..arguments import TEXT, ArgumentType, convert_fields, member, record, takes
from ..errors import InvalidRequestError, excerpt
from ..unknown_names import fold_name, suggest_name, unknown_choice
from .choices import ImageSampler, NoiseSchedule, QualityPreset, UCPreset
from .families import FAMILIES, Family, Generation
from .model_facts import IMAGE_MODEL_FACTS, NO_FACTS, ImageModelFacts

if TYPE_CHECKING:
    from .preset_texts import PresetTexts

__all__ = ["IMAGE_MODEL", "MODELS", "QUALITY", "UC", "ImageModel", "suggest_model", "unknown_model"]

T = TypeVar("T")

UC: Final = member(UCPreset)
QUALITY: Final = member(QualityPreset)
"""The types of parameters that are presets of texts."""


_IDS: Final = {fold_name(each): id_ for id_, facts in IMAGE_MODEL_FACTS.items() for each in (id_, facts.name or id_)}
"""By id and by name, folded."""


@dataclass(frozen=True, slots=True)
class ImageModel:
    """An image model: ``ImageModel("V4.5 Full")`` is `V4_5_FULL`, as by its id; with facts, it is one that is not listed.

    How an id or a name is written makes no difference: ``"v4.5 full"`` is found too. A property raises
    InvalidRequestError where its fact is neither listed nor given.
    """

    id: str
    "As it is on the wire."
    facts: ImageModelFacts = field(default=NO_FACTS, repr=False, hash=False)
    "The facts that no other table has."

    def __post_init__(self) -> None:
        convert_fields(self, id=TEXT, facts=record(ImageModelFacts))
        if self.facts == NO_FACTS and (listed := _IDS.get(fold_name(self.id))) is not None:
            object.__setattr__(self, "id", listed)
            object.__setattr__(self, "facts", IMAGE_MODEL_FACTS[listed])

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
        """Return a model itself, or the one with this id or name, as ``ImageModel(…)`` finds it."""
        if isinstance(model, ImageModel):
            return model
        IMAGE_MODEL.convert(model, "model")
        return cls(model)

    @property
    def name(self) -> str:
        """Return what people call it: ``"V4.5 Full"``; its id if it has no name."""
        return self.facts.name or self.id

    @property
    def is_listed(self) -> bool:
        """Return whether it is in the table of models."""
        return self.id in IMAGE_MODEL_FACTS

    @property
    def generation(self) -> Generation:
        """Return the generation that it belongs to."""
        return self._require("generation", self.facts.generation)

    @property
    def family(self) -> Family:
        """Return what it has in common with its generation."""
        return FAMILIES[self.generation]

    @property
    def is_inpainting(self) -> bool:
        """Return whether it is a model for inpainting, which does nothing else."""
        return bool(self._require("base", self.facts.base))

    @property
    def base(self) -> ImageModel:
        """Return the base model of an inpainting model, else the model itself."""
        base = self._require("base", self.facts.base)
        return ImageModel.named(base) if base else self

    @property
    def inpainting(self) -> ImageModel | None:
        """Return the model that inpaints in its place; itself if it is one; None where there is none.

        V5 Curated has that of V4.5 Curated.
        """
        if self.facts.base:
            return self
        twin = self._require("inpainting", self.facts.inpainting)
        return ImageModel.named(twin) if twin else None

    @property
    def samplers(self) -> tuple[ImageSampler, ...]:
        """Return the known samplers that it takes, the website's first; without DDIM for an inpainting model."""
        without_ddim = (ImageSampler.DDIM, ImageSampler.DDIM_V3) if self.facts.base else ()
        left_out = {*self.family.failing, *without_ddim}
        return tuple(each for each in dict.fromkeys((*self.family.samplers, *ImageSampler)) if each not in left_out)

    @property
    def noise_schedules(self) -> tuple[NoiseSchedule, ...]:
        """Return the noise schedules it takes; none for V1."""
        return self.family.schedules

    @property
    def scale(self) -> float:
        """Return the usual guidance."""
        return self._require("scale", self.base.facts.scale)

    @property
    def steps(self) -> int:
        """Return the usual number of steps."""
        return self.base.facts.steps or self.family.steps

    @property
    def tokens(self) -> int:
        """Return how many tokens it reads of a prompt and its characters together.

        See docs/protocol/image.md#63-token-counting.
        """
        return self.base.facts.tokens or self.family.tokens

    @property
    def vibe_key(self) -> str:
        """Return its name in vibe files; empty where it takes no encoded vibes.

        See docs/protocol/image.md#51-vibe-transfer.
        """
        key = self.base.facts.vibe_key
        return key if key is not None else self._require("vibe_key", "" if self.is_listed else None)

    @property
    def uc_presets(self) -> tuple[UCPreset, ...]:
        """Return which ready-made texts of undesired content it has, the usual one first."""
        return tuple(self._texts.uc) if self._texts else tuple(self._require("uc", self.facts.uc))

    @takes(preset=UC)
    def uc_text(self, preset: UCPreset | str) -> str:
        """Return a ready-made text of undesired content.

        Raises:
            InvalidRequestError: the model has none of this name.
        """
        texts = self._texts.uc if self._texts else self._require("uc", self.facts.uc)
        assert isinstance(preset, UCPreset)  # `takes` makes one of a word
        if preset not in texts:
            raise InvalidRequestError(
                f"{self.id} has no UC preset {preset.value!r}; it has {', '.join(texts)}", parameter="uc_preset"
            )
        return texts[preset]

    @property
    def nsfw_prefix(self) -> bool:
        """Return whether ``nsfw`` is put before those texts, unless the prompt has it."""
        return self._texts.nsfw_prefix if self._texts else self._require("nsfw_prefix", self.facts.nsfw_prefix)

    @takes(preset=QUALITY)
    def quality_tags(self, preset: QualityPreset | str) -> str:
        """Return ready-made tags for quality; the standard ones where there are no light ones."""
        texts = self._texts.quality if self._texts else self._require("quality", self.facts.quality)
        assert isinstance(preset, QualityPreset)
        return texts.get(preset) or texts[QualityPreset.STANDARD]

    @property
    def _texts(self) -> PresetTexts | None:
        from .preset_texts import PRESET_TEXTS  # long ones, that only requests need

        base = self.facts.base or self.id
        return PRESET_TEXTS.get(base)

    def _require(self, fact: str, value: T | None) -> T:
        if value is None:
            advice = f"give it: ImageModel({excerpt(self.id, 60)!r}, ImageModelFacts({fact}=…))"
            if self.facts == NO_FACTS and not self.is_listed:
                raise unknown_model(self.id, advice=advice)
            raise InvalidRequestError(
                f"{fact.replace('_', ' ')} of the image model {excerpt(self.id, 60)!r} is not known",
                parameter="model",
                advice=advice,
            )
        return value


IMAGE_MODEL: Final = ArgumentType("an ImageModel, or the id or the name of one", ImageModel, str)
"""The type of a parameter that is a model; `ImageModel.named` makes a model of it."""

ImageModel.V5_FULL = ImageModel("nai-diffusion-5-full")
ImageModel.V5_CURATED = ImageModel("nai-diffusion-5-curated")
ImageModel.V5_FULL_MEDIUM = ImageModel("nai-diffusion-5-full-medium")
ImageModel.V4_5_FULL = ImageModel("nai-diffusion-4-5-full")
ImageModel.V4_5_CURATED = ImageModel("nai-diffusion-4-5-curated")
ImageModel.V4_FULL = ImageModel("nai-diffusion-4-full")
ImageModel.V4_CURATED = ImageModel("nai-diffusion-4-curated-preview")
ImageModel.ANIME_V3 = ImageModel("nai-diffusion-3")
ImageModel.FURRY_V3 = ImageModel("nai-diffusion-furry-3")
ImageModel.ANIME_V2 = ImageModel("nai-diffusion-2")
ImageModel.ANIME_V1_FULL = ImageModel("nai-diffusion")
ImageModel.ANIME_V1_CURATED = ImageModel("safe-diffusion")
ImageModel.FURRY_V1 = ImageModel("nai-diffusion-furry")

MODELS: Final = tuple(ImageModel(id_) for id_, facts in IMAGE_MODEL_FACTS.items() if not facts.base)
"""All models but those that inpaint, which are their `ImageModel.inpainting`."""


def suggest_model(name: str) -> str:
    """Return the end of a message about an unknown model: the listed ones whose id or name comes nearest, if any does."""
    names = suggest_name(name, [model.name for model in MODELS])
    return names or suggest_name(name, [model.id for model in MODELS])


def unknown_model(name: str, what: str = "image model", *, advice: str | None = None) -> InvalidRequestError:
    """Return the error for an image model that is not listed: with the nearest, or with what a text model is for.

    Args:
        name: that was given.
        what: it should be the name of.
        advice: how a program gives what is needed to use it all the same; see `NaiError.advice`.
    """
    from ..text.models import Model  # needed only when something is wrong

    if (text_model := Model.named(name)).is_listed:
        return InvalidRequestError(f"{text_model.id} is a text model, and draws no images", parameter="model")
    ids = [model.id for model in MODELS]
    names = {model.name: model.id for model in MODELS}
    return unknown_choice(name, what, ids, parameter="model", spellings=names, advice=advice)


# ---- models whose prices and limits are known: nothing is guessed where it could cost more than was said


def find_base_model(model: ImageModel | str) -> ImageModel:
    """Return the base model of an inpainting model, else the model itself, if its prices and limits are known.

    Args:
        model: as an object, or its id or name.

    Raises:
        InvalidRequestError: the model is not listed, or known from one client alone.
    """
    found = ImageModel.named(model)
    if not found.is_listed:
        raise unknown_model(found.id, "image model with known prices")
    if found.facts.unsure:
        known = ", ".join(each.id for each in MODELS if each.base == each and not each.facts.unsure)
        raise InvalidRequestError(
            f"prices and limits of {found.id} are not known; known are those of {known}, and their inpainting forms",
            parameter="model",
        )
    return found.base


def find_generation(model: ImageModel | str) -> Generation:
    """Return the generation of a model; raise as `find_base_model`."""
    return find_base_model(model).generation
