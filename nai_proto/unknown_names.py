"""What to say of a name that nothing has: which name was meant, and which names there are.

People write names in different ways, so case and separators make no difference. They also know names from other APIs, whose
spelling is no help.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from .errors import InvalidRequestError, UnknownChoiceError, excerpt

__all__ = ["find_close_name", "find_place", "fold_name", "suggest_name", "unknown_choice", "unknown_parameter"]

_SEPARATORS: Final = str.maketrans(" _.", "---")
_MOST_GUESSES: Final = 3
_LONGEST_NAME: Final = 80
"""Characters of an unknown name that are compared and shown: of a whole text the beginning."""
_SYNONYMS: Final = tuple(
    tuple(names.split())
    for names in (
        # What text generators, and their clients, call the same parameter.
        "max_length max_tokens max_new_tokens max_completion_tokens max_output_tokens n_predict num_predict length",
        "stop_sequences stop stop_strings stopping_strings",
        "temperature temp",
        "tail_free_sampling tfs",
        "repetition_penalty rep_pen repeat_penalty",
        "repetition_penalty_frequency frequency_penalty",
        "repetition_penalty_presence presence_penalty",
        "num_logprobs logprobs top_logprobs",
        "bans bad_words banned_words banned_tokens",
        # And image generators.
        "negative_prompt uc negative undesired_content cfg_uc",
        "n_samples n num_images num_images_per_prompt batch_size count",
        "scale cfg_scale guidance_scale guidance cfg",
        "steps num_inference_steps num_steps",
        "noise_schedule scheduler schedule",
        "size resolution aspect_ratio",
        "strength denoising_strength",
        "image init_image source_image",
        "uc_preset undesired_content_preset",
        "quality quality_toggle quality_tags",
        "sm smea",
        "sm_dyn smea_dyn",
        # And clients.
        "timeouts timeout",
        "retry max_retries retries",
        "token api_key access_token auth",
        "base_url api_base url host",
        "headers default_headers extra_headers",
        "proxy proxies",
        "extra extra_body",
    )
)
"""Names that mean the same in different APIs, those of NovelAI's native ones first."""
_PLACES: Final = {
    "timeouts": "nai.Session takes timeouts=nai.Timeouts(total=60), and so does with_options of an operation",
    "retry": "nai.Session takes retry=nai.RetryPolicy(attempts=2), and so does with_options of an operation",
    "limits": "nai.Session takes limits=nai.Limits(…), and so does with_options of an operation",
    "headers": "nai.Session takes headers={…}",
    "token": "a client takes token=…, and so does with_options of an operation",
    "base_url": "a client takes base_url=…, and so does nai.Session",
    "proxy": "a client takes proxy=…",
    "stream": "nai.text.generate_stream, nai.image.generate_stream and nai.openai.chat_completion_stream answer in pieces",
    "messages": "nai.openai.chat_completion(messages) answers a chat",
    "prompt": "nai.text.generate(prompt) and nai.openai.completion(prompt) continue a prompt",
}
"""Where a parameter is given that people look for elsewhere too."""


def suggest_name(name: str, names: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: the known name that means the same elsewhere, or comes nearest.

    If there is none, it has those that the name is a part of, or is empty. How names are written makes no difference:
    ``"Euler Ancestral"`` is near ``"k_euler_ancestral"``, and ``"V3"`` is a part of ``"Anime V3"``.
    """
    guesses = _find_guesses(name, names)
    return f"; did you mean {' or '.join(map(repr, guesses))}?" if guesses else ""


def unknown_choice(
    name: str,
    what: str,
    choices: Iterable[str],
    *,
    parameter: str,
    spellings: Mapping[str, str] = MappingProxyType({}),
    advice: str | None = None,
) -> UnknownChoiceError:
    """Return the error for a name that nothing has: with the nearest name, and all there are.

    Args:
        name: that was given.
        what: it should be the name of, such as ``"sampler of kayra-v1"``.
        choices: all names that there are.
        parameter: that has the name.
        spellings: other names, each with the choice that has it. If one comes nearest, that choice is named.
        advice: how a program gets its way all the same; see `NaiError.advice`.
    """
    there_are = tuple(map(str, choices))
    nearest = _find_guesses(name, (*there_are, *spellings))
    guesses = tuple(dict.fromkeys(spellings.get(each, each) for each in nearest))
    shown = excerpt(str(name), _LONGEST_NAME)
    hint = f"did you mean {' or '.join(map(repr, guesses))}? There are" if guesses else "there are"
    if len(there_are) == 1:
        hint = "the only one is"
    return UnknownChoiceError(
        f"no {what} is called {shown!r}; {hint} {', '.join(there_are)}",
        name=shown,
        guesses=guesses,
        choices=there_are,
        parameter=parameter,
        advice=advice,
    )


def unknown_parameter(
    name: str,
    names: Iterable[str],
    owner: str,
    *,
    advice: str | None = None,
    kind: type[InvalidRequestError] = InvalidRequestError,
) -> InvalidRequestError:
    """Return the error for a parameter that something does not have: with the parameter, or the place, that was meant.

    Args:
        name: that was given.
        names: all parameters that there are.
        owner: what does not have it, such as ``"a text request"``.
        advice: as of `NaiError`, if nothing else is known to have been meant.
        kind: class of the error.
    """
    names = [*names]
    place = None if _find_synonym(name, names) is not None else find_place(name)
    guess = suggest_name(name, names) if place is None else ""
    shown = excerpt(str(name), _LONGEST_NAME)
    return kind(f"{owner} has no parameter {shown!r}{guess}", parameter=shown, advice=place or advice)


def find_place(name: str) -> str | None:
    """Return where a parameter is given that people look for elsewhere too, in words; None if it is not known."""
    known = _find_synonym(name, _PLACES) or name
    return _PLACES.get(known)


def _find_guesses(name: str, names: Iterable[str]) -> list[str]:
    """Return the known name that comes nearest, or those that the name is a part of; none if there are none."""
    names = [*map(str, names)]
    if (synonym := _find_synonym(name, names)) is not None:
        return [synonym]
    if (close := find_close_name(name, names)) is not None:
        return [close]
    known = {fold_name(each): each for each in names}
    return [known[each] for each in _find_containing(_shorten(name), known)]


def _find_synonym(name: str, names: Iterable[str]) -> str | None:
    """Return the known name that means what an unknown one means in another API; None if there is none."""
    known = {_join_words(each): each for each in names}
    written = _join_words(name)
    groups = ([*map(_join_words, group)] for group in _SYNONYMS)
    return next((known[each] for group in groups if written in group for each in group if each in known), None)


def _join_words(name: str) -> str:
    """Return a name that is the same in ``snake_case`` and in ``camelCase``."""
    return _shorten(name).replace("-", "")


def find_close_name(name: str, names: Iterable[str]) -> str | None:
    """Return the known name whose spelling comes nearest to an unknown one; None if none is near.

    Two neighbours in each other's place are a single slip, so that name is nearest: ``modle`` is ``model``.
    """
    from difflib import get_close_matches  # needed only when something is wrong

    known = {fold_name(each): each for each in names}
    written = _shorten(name)
    swapped = (each for each in known if _is_swapped(written, each))
    return next((known[each] for each in (*swapped, *get_close_matches(written, known, n=1))), None)


def _is_swapped(written: str, name: str) -> bool:
    """Return whether a name becomes another when two neighbouring characters change places."""
    differing = [at for at, pair in enumerate(zip(written, name, strict=False)) if pair[0] != pair[1]]
    if len(written) != len(name) or len(differing) != 2:
        return False
    first, second = differing
    return second == first + 1 and written[first] == name[second] and written[second] == name[first]


def _shorten(name: str) -> str:
    return fold_name(str(name)[:_LONGEST_NAME])


def _find_containing(part: str, names: Iterable[str]) -> list[str]:
    """Return the names that have a part; none if they are so many that they are no help."""
    containing = [each for each in names if part.replace("-", "") in each.replace("-", "")]
    return containing if len(part) > 1 and len(containing) <= _MOST_GUESSES else []


def fold_name(name: str) -> str:
    """Return a name without what people write in different ways: case, and which of blank, ``_``, ``-`` and ``.`` is in it.

    ``"GLM 4.6"`` and ``"glm-4-6"`` become the same.
    """
    return name.strip().casefold().translate(_SEPARATORS)
