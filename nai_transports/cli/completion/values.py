"""Where the values of arguments and options come from.

Most come from the library's own tables. Stories and modules of the account come from the service
(`nai_transports.cli.completion.account_values`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from .candidates import NOTHING, Candidates, PathCandidates, ValueRequest, WordCandidate

__all__ = ["SOURCES", "find_values"]

_DEFAULT_MODEL: Final = "kayra-v1"
_STORY_SUFFIXES: Final = (".story", ".scenario", ".png")


def find_values(request: ValueRequest) -> Candidates:
    """Return the values that an argument or an option can have; nothing if any text will do."""
    parameter = request.parameter
    if parameter.choices:
        return _list_words(parameter.choices)
    command = " ".join(request.command)
    source = SOURCES.get(f"{command}: {parameter.name}") or SOURCES.get(parameter.name)
    if source is not None:
        return source(request)
    if parameter.path:
        return _directories(request) if parameter.path == "directory" else _files(request)
    return NOTHING


def _list_words(values: Iterable[str]) -> Candidates:
    return Candidates(tuple(map(WordCandidate, values)))


def _files(_: ValueRequest) -> Candidates:
    return Candidates(paths=PathCandidates(is_directory=False))


def _directories(_: ValueRequest) -> Candidates:
    return Candidates(paths=PathCandidates(is_directory=True))


# ---- models


def _story_models(request: ValueRequest) -> Candidates:
    from nai_proto.text.models import MODELS

    return _list_models(request, ((each.id, each.name) for each in MODELS))


def _chat_models(request: ValueRequest) -> Candidates:
    from nai_proto.text.models import CHAT_MODELS

    return _list_models(request, ((each.id, each.name) for each in CHAT_MODELS))


def _text_models(request: ValueRequest) -> Candidates:
    stories, chats = _story_models(request), _chat_models(request)
    return Candidates((*stories.words, *chats.words))


def _all_models(request: ValueRequest) -> Candidates:
    texts, images = _text_models(request), _image_models(request)
    return Candidates((*texts.words, *images.words))


def _image_models(request: ValueRequest) -> Candidates:
    from nai_proto.image.models import MODELS

    return _list_models(request, ((each.id, each.name) for each in MODELS))


def _list_models(request: ValueRequest, models: Iterable[tuple[str, str]]) -> Candidates:
    """Return the ids, and the names too as soon as something is typed: both at once would be hard to read."""
    pairs = [*models]
    names = (WordCandidate(name, id_) for id_, name in pairs) if request.typed else ()
    return Candidates((*(WordCandidate(id_, name) for id_, name in pairs), *names))


# ---- text


def _presets(request: ValueRequest) -> Candidates:
    """Return the official presets of the model that is given; of all models if `nai presets show` still lacks it."""
    from nai_proto.text.models import MODELS, Model
    from nai_proto.text.official_presets import find_presets

    name = request.given.get("model", [""])[-1]
    if not name and request.command == ("presets", "show"):
        names = dict.fromkeys(preset.name for model in MODELS for preset in find_presets(model))
    else:
        names = dict.fromkeys(preset.name for preset in find_presets(Model.named(name or _DEFAULT_MODEL)))
    return _list_words(names)


def _presets_and_files(request: ValueRequest) -> Candidates:
    return Candidates(_presets(request).words, PathCandidates(is_directory=False, suffixes=(".preset",)))


def _modules(request: ValueRequest) -> Candidates:
    """Return the built-in modules that the model has, and the account's own."""
    from nai_proto.text.models import Model
    from nai_proto.text.modules import MODULES

    from .account_values import list_modules

    model = Model.named(request.given.get("model", [_DEFAULT_MODEL])[-1])
    usable = [each for each in MODULES.values() if not model.is_listed or each.is_available_for(model)]
    built_in = (WordCandidate(each.id, each.name or "") for each in usable)
    own = (WordCandidate(each.prefix, each.name, is_id=True) for each in list_modules(request.given))
    return Candidates((*built_in, *own))


def _module_ids(request: ValueRequest) -> Candidates:
    from .account_values import list_modules

    return Candidates(tuple(WordCandidate(each.id, each.name, is_id=True) for each in list_modules(request.given)))


def _parameters(request: ValueRequest) -> Candidates:
    from ..text.parameter_settings import OPENAI_PARAMETERS, TEXT_PARAMETERS, complete_setting

    rules = TEXT_PARAMETERS if request.command == ("generate",) else OPENAI_PARAMETERS
    name, equals, _ = request.typed.strip("\"'").partition("=")  # of an open word, fish gives the quote too
    return Candidates(tuple(WordCandidate(*each) for each in complete_setting(f"{name}=" if equals else "", rules)))


def _tokenizers(_: ValueRequest) -> Candidates:
    from nai_proto.tokenizers.registry import TOKENIZERS

    return _list_words(TOKENIZERS)


def _voices(request: ValueRequest) -> Candidates:
    from nai_proto.voice import SEEDS, VOICES

    return _list_words(VOICES if request.given.get("version") == ["v1"] else SEEDS)


# ---- stories


def _stories_and_files(request: ValueRequest) -> Candidates:
    return Candidates(_stories(request).words, PathCandidates(is_directory=False, suffixes=_STORY_SUFFIXES))


def _lorebooks(request: ValueRequest) -> Candidates:
    suffixes = (".lorebook", ".json", *_STORY_SUFFIXES)
    return Candidates(_stories(request).words, PathCandidates(is_directory=False, suffixes=suffixes))


def _stories(request: ValueRequest) -> Candidates:
    return Candidates(tuple(_name_stories(request)))


def _name_stories(request: ValueRequest) -> Iterator[WordCandidate]:
    """Yield the titles, and as soon as something is typed the ids; the id alone where the title means something else."""
    from .account_values import list_stories

    stories = list_stories(request.given)
    counts = Counter(story.title for story in stories)
    for story in stories:
        title, changed = story.title, _format_change(story.last_updated_at)
        is_name = counts[title] == 1 and title.isprintable() and title.strip() == title != ""
        if is_name and not title.startswith("-") and not title.lower().endswith(_STORY_SUFFIXES):
            yield WordCandidate(title, changed)
            if not request.typed:
                continue
        yield WordCandidate(story.card.stored.id, f"{changed}  {title}".strip(), is_id=True)


def _format_change(seconds: float | None) -> str:
    from ..common.json_document import to_time

    changed = to_time(seconds)
    return "" if changed is None else f"{changed:%Y-%m-%d %H:%M} UTC"


# ---- images


def _director_tools(_: ValueRequest) -> Candidates:
    from nai_proto.image.tools import DirectorTool

    return _list_words(DirectorTool)


def _emotions(_: ValueRequest) -> Candidates:
    from nai_proto.image.tools import Emotion

    return _list_words(Emotion)


def _samplers(request: ValueRequest) -> Candidates:
    from nai_proto.image.models import ImageModel

    return _list_words(ImageModel.named(_find_image_model(request)).samplers)


def _noise_schedules(request: ValueRequest) -> Candidates:
    from nai_proto.image.models import ImageModel

    return _list_words(ImageModel.named(_find_image_model(request)).noise_schedules)


def _uc_presets(request: ValueRequest) -> Candidates:
    from nai_proto.image.models import ImageModel

    return _list_words(ImageModel.named(_find_image_model(request)).uc_presets)


def _find_image_model(request: ValueRequest) -> str:
    from nai_proto.image.models import ImageModel

    return request.given.get("model", [ImageModel.V5_CURATED.id])[-1]


def _sizes(_: ValueRequest) -> Candidates:
    from nai_proto.image.choices import ImageResolution

    return Candidates(
        tuple(
            WordCandidate(each.name.lower().removeprefix("normal_"), f"{each.width} × {each.height}")
            for each in ImageResolution
            if not each.name.endswith("_V1")
        )
    )


# ---- accounts and emulators


def _tiers(_: ValueRequest) -> Candidates:
    from nai_proto.tier import Tier

    return _list_words(each.name.lower() for each in Tier)


def _profiles(_: ValueRequest) -> Candidates:
    from ..common.profile_file import load_profiles

    return _list_words(load_profiles().by_name)


def _emulator_tiers(request: ValueRequest) -> Candidates:
    return Candidates((*_tiers(request).words, WordCandidate("trial")))


def _switches(_: ValueRequest) -> Candidates:
    from dataclasses import fields

    from nai_proto.emulator import OpenAISwitches, Switches

    return _list_words(f"{field.name}=" for kind in (Switches, OpenAISwitches) for field in fields(kind))


def _faults(_: ValueRequest) -> Candidates:
    from nai_proto.emulator.faults import FAULTS

    return _list_words(f"{name}:" for name in FAULTS)


SOURCES: Final[Mapping[str, Callable[[ValueRequest], Candidates]]] = {
    "assignments": _parameters,
    "chat: model": _chat_models,
    "complete: model": _chat_models,
    "decode: model": _text_models,
    "directory": _directories,
    "emotion": _emotions,
    "emulate: fault": _faults,
    "emulate: switch": _switches,
    "emulate: tier": _emulator_tiers,
    "image: model": _image_models,
    "image: noise_schedule": _noise_schedules,
    "image: sampler": _samplers,
    "image: size": _sizes,
    "image: uc": _uc_presets,
    "into": _stories,
    "library export: only": _stories,
    "library show: story": _stories,
    "lorebook test: name": _lorebooks,
    "model": _story_models,
    "models: model": _all_models,
    "module delete: id": _module_ids,
    "module save: id": _module_ids,
    "module show: id": _module_ids,
    "module": _modules,
    "path": _files,
    "profile": _profiles,
    "preset": _presets_and_files,
    "presets show: name": _presets,
    "settings": _parameters,
    "stories": _stories,
    "story": _stories_and_files,
    "tags: model": _image_models,
    "tier": _tiers,
    "tokenizer": _tokenizers,
    "tokens count: model": _text_models,
    "tokens decode: model": _text_models,
    "tokens encode: model": _text_models,
    "tool": _director_tools,
    "upscale: model": _image_models,
    "vibe: model": _image_models,
    "voice": _voices,
}
"""By the name of a parameter, and with ``COMMAND: `` before it by that of one command."""
