"""The service's built-in modules, and the ids of those that users trained.

See:
    docs/protocol/native.md#94-prefix
    docs/protocol/native.md#14-built-in-modules
    docs/protocol/native.md#82-modules-training
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ..arguments import TEXT, ArgumentType, convert_fields, list_of
from ..errors import InvalidRequestError, UnknownChoiceError
from ..unknown_names import unknown_choice
from .models import Model

__all__ = ["MODULES", "NO_MODULE", "TEXT_ADVENTURE", "Module", "check_prefix", "find_prefix", "is_trained_prefix"]

NO_MODULE: Final = "vanilla"
"The ``prefix`` of a request without a module; every model takes it."
TEXT_ADVENTURE: Final = "theme_textadventure"


@dataclass(frozen=True, slots=True)
class Module:
    """A built-in module: a style, a theme or a skill, trained for a model."""

    id: str
    "As ``prefix`` has it."
    name: str | None = None
    "As the website shows it; None where it does not."
    models: frozenset[str] | None = None
    "Ids of the models that have it; None when all do that have modules."

    def __post_init__(self) -> None:
        convert_fields(self, id=TEXT, name=TEXT | None, models=list_of(TEXT) | None)
        if self.models is not None:
            object.__setattr__(self, "models", frozenset(self.models))

    def is_available_for(self, model: Model | str) -> bool:
        """Return whether the model has it.

        Raises:
            InvalidRequestError: whether the model has modules is not known.
        """
        model = Model.named(model)
        if self.id == NO_MODULE:
            return True
        if self.models is None or not model.is_listed:
            return model.has_modules
        return model.newest.id in self.models


_MODULE: Final = ArgumentType("a Module or its id", Module, str) | None


def find_prefix(module: Module | str | None, model: Model) -> str:
    """Return the ``prefix`` of a request.

    Args:
        module: a module, its id, the id of a module that a user trained, or None.
        model: must have it.

    Raises:
        InvalidRequestError: there is no such module, or the model does not have it.
    """
    _MODULE.convert(module, "module")
    name = module.id if isinstance(module, Module) else module or NO_MODULE
    if trained := _TRAINED.fullmatch(name):
        if Model.named(trained[1]).newest.id != model.newest.id:
            raise InvalidRequestError(
                f"this module was trained for {trained[1]}, and the model is {model.id}", parameter="module"
            )
        return name
    listed = module if isinstance(module, Module) else MODULES.get(name)
    if listed is None:
        raise _unknown_module(name, model, "module")
    if not listed.is_available_for(model):
        having = ", ".join(sorted(listed.models)) if listed.models else "those with modules"
        raise InvalidRequestError(
            f"{model.id} does not have the module {name!r}; these models do: {having}", parameter="module"
        )
    return name


def check_prefix(prefix: str, model: Model) -> None:
    """Raise if a ``prefix`` is no module's.

    Raises:
        UnknownChoiceError: there is no such module. Whether the model has it is not looked at.
    """
    if prefix not in MODULES and not is_trained_prefix(prefix):
        raise _unknown_module(prefix, model, "prefix")


def _unknown_module(name: str, model: Model, parameter: str) -> UnknownChoiceError:
    has = [each for each in MODULES.values() if each.is_available_for(model)]
    names = {each.name: each.id for each in has if each.name}
    return unknown_choice(
        name, f"module of {model.id}", [each.id for each in has], parameter=parameter, spellings=names
    )


def is_trained_prefix(prefix: str) -> bool:
    """Return whether a ``prefix`` has the form of one that a user trained: ``model:prefixId:hash``.

    See docs/protocol/native.md#82-modules-training.
    """
    return _TRAINED.fullmatch(prefix) is not None


_TRAINED: Final = re.compile(r"([^:]+):[^:]+:[^:]+")
"""``model:prefixId:hash``.

See docs/protocol/native.md#82-modules-training.
"""

_SIGURD_EUTERPE: Final = frozenset(("6B-v4", "euterpe-v2"))
_OLDER: Final = _SIGURD_EUTERPE | {"krake-v2"}
_CLIO_KAYRA: Final = frozenset(("clio-v1", "kayra-v1"))
_ALL_BUT_KRAKE: Final = _SIGURD_EUTERPE | _CLIO_KAYRA

_ROWS: Final = (
    Module(NO_MODULE, "No module"),
    Module(TEXT_ADVENTURE, "Special: Text Adventure"),
    Module("special_proseaugmenter", "General: Prose Augmenter", _ALL_BUT_KRAKE),
    Module("special_instruct", "General: Instruct (Experimental)", _CLIO_KAYRA),
    Module("special_openings", None, _CLIO_KAYRA),
    Module("general_crossgenre", "General: Cross-Genre", _OLDER),
    Module("style_algernonblackwood", "Style: Algernon Blackwood", _OLDER),
    Module("style_arthurconandoyle", "Style: Arthur Conan Doyle", _OLDER),
    Module("style_edgarallanpoe", "Style: Edgar Allan Poe", _OLDER),
    Module("style_hplovecraft", "Style: H.P. Lovecraft", _OLDER),
    Module("style_shridanlefanu", "Style: Sheridan Le Fanu", _OLDER),
    Module("style_janeausten", "Style: Jane Austen", _SIGURD_EUTERPE),
    Module("style_julesverne", "Style: Jules Verne", _OLDER),
    Module("style_williamshakespeare", "Style: William Shakespeare", _SIGURD_EUTERPE),
    Module("theme_19thcenturyromance", "Theme: 19th Century Romance", _OLDER),
    Module("theme_actionarcheology", "Theme: Action Archeology", _OLDER),
    Module("theme_ai", "Theme: Artificial Intelligence", _OLDER),
    Module("theme_ancientchina", "Theme: Ancient China", _SIGURD_EUTERPE),
    Module("theme_ancientgreek", "Theme: Ancient Greece", _SIGURD_EUTERPE),
    Module("theme_india", "Theme: Ancient India", _SIGURD_EUTERPE),
    Module("theme_animalfiction", "Theme: Animal Fiction", _OLDER),
    Module("theme_anthropomorphicanimals", "Theme: Anthropomorphic Animals", _SIGURD_EUTERPE),
    Module("theme_childrens", "Theme: Children's Fiction", _OLDER),
    Module("theme_christmas", "Theme: Christmas", _OLDER),
    Module("theme_comedicfantasy", "Theme: Comedic Fantasy", _OLDER),
    Module("theme_contemporary", "Theme: Contemporary", _SIGURD_EUTERPE),
    Module("theme_cyberpunk", "Theme: Cyberpunk", _OLDER),
    Module("theme_darkfantasy", "Theme: Dark Fantasy", _OLDER),
    Module("theme_dragons", "Theme: Dragons", _OLDER),
    Module("theme_egypt", "Theme: Egypt", _OLDER),
    Module("theme_feudaljapan", "Theme: Feudal Japan", _OLDER),
    Module("theme_gaming", "Theme: Gaming", _SIGURD_EUTERPE),
    Module("theme_generalfantasy", "Theme: General Fantasy", _OLDER),
    Module("theme_goldenagescifi", "Theme: Golden Age Scifi", _SIGURD_EUTERPE),
    Module("theme_hardsf", "Theme: Hard SF", _SIGURD_EUTERPE),
    Module("theme_history", "Theme: History", _OLDER),
    Module("theme_horror", "Theme: Horror", _OLDER),
    Module("theme_huntergatherer", "Theme: Hunter Gatherer", _OLDER),
    Module("theme_litrpg", "Theme: LitRPG", _OLDER),
    Module("theme_magicacademy", "Theme: Magic Academy", _OLDER),
    Module("theme_libraries", "Theme: Magic Library", _OLDER),
    Module("theme_lightnovels", "Theme: Light Novels", _SIGURD_EUTERPE),
    Module("theme_mars", "Theme: Mars Colonization", _OLDER),
    Module("theme_medieval", "Theme: Medieval", _OLDER),
    Module("theme_militaryscifi", "Theme: Military SciFi", _OLDER),
    Module("theme_music", "Theme: Music", _SIGURD_EUTERPE),
    Module("theme_mystery", "Theme: Mystery", _OLDER),
    Module("theme_nature", "Theme: Nature", _SIGURD_EUTERPE),
    Module("theme_naval", "Theme: Naval Age of Discovery", _OLDER),
    Module("theme_noir", "Theme: Noir", _SIGURD_EUTERPE),
    Module("theme_philosophy", "Theme: Philosophy", _OLDER),
    Module("theme_pirates", "Theme: Pirates", _OLDER),
    Module("theme_poeticfantasy", "Theme: Poetic Fantasy", _OLDER),
    Module("theme_postapocalyptic", "Theme: Post-Apocalyptic", _OLDER),
    Module("theme_rats", "Theme: Rats", _OLDER),
    Module("theme_romanempire", "Theme: Roman Empire", _OLDER),
    Module("theme_sciencefantasy", "Theme: Science Fantasy", _OLDER),
    Module("theme_spaceopera", "Theme: Space Opera", _OLDER),
    Module("theme_superheroes", "Theme: Superheroes", _OLDER),
    Module("theme_airships", "Theme: Steampunk", _OLDER),
    Module("theme_travel", "Theme: Travel", _OLDER),
    Module("theme_urbanfantasy", "Theme: Urban Fantasy", _OLDER),
    Module("theme_valentines", "Theme: Valentines", _OLDER),
    Module("theme_vikings", "Theme: Vikings", _OLDER),
    Module("theme_weirdwest", "Theme: Weird West", _SIGURD_EUTERPE),
    Module("theme_westernromance", "Theme: Western Romance", _OLDER),
    Module("inspiration_crabsnailandmonkey", "Inspiration: Crab, Snail, and Monkey", _OLDER),
    Module("inspiration_mercantilewolfgirlromance", "Inspiration: Mercantile Wolfgirl Romance", _OLDER),
    Module("inspiration_nervegear", "Inspiration: Nervegear", _OLDER),
    Module(
        "theme_romanceofthreekingdoms",
        "Inspiration: Romance of the Three Kingdoms",
        frozenset(("euterpe-v2", "krake-v2")),
    ),
    Module("inspiration_thronewars", "Inspiration: Throne Wars", _OLDER),
    Module("inspiration_witchatlevelcap", "Inspiration: Witch at Level Cap", _OLDER),
    # Of another client: makes entries for a lorebook.
    Module("utility_lorebookgenerator", None, _ALL_BUT_KRAKE),
)

MODULES: Final = {module.id: module for module in _ROWS}
"""By id."""
