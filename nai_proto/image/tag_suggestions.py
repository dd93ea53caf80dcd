"""Tag suggestions for part of a word.

See docs/protocol/image.md#26-get-aigenerate-imagesuggest-tags.
"""

from __future__ import annotations

from typing import Any, Final, Literal, Never, cast, overload

import msgspec

from ..arguments import TEXT, takes
from ..codecs.json import convert_document
from ..errors import InvalidRequestError
from ..exchange.endpoints import EndpointParameters, build, endpoint
from ..exchange.operation import Operation
from ..exchange.readers import JsonBodyReader
from ..exchange.retry import Repeat
from ..http import Headers
from ..unknown_names import unknown_choice
from .models import IMAGE_MODEL, ImageModel

__all__ = ["JapaneseTag", "Tag", "suggest_tags"]


class Tag(msgspec.Struct, frozen=True):
    """A tag that models know."""

    tag: str
    count: int
    "How many images have it; 10,000 means so many or more."
    confidence: float
    "How well it fits, from 0 to 1."


class JapaneseTag(msgspec.Struct, frozen=True):
    """A tag in Japanese, and the English one that it stands for."""

    jp_tag: str
    en_tag: str
    power: float


_WHERE: Final = "suggested tags"


def _to_list(answer: object) -> object:
    """Return the list of tags, which may be in an object; by the service's documents one tag alone is in no list."""
    tags = cast("dict[str, object]", answer).get("tags") if isinstance(answer, dict) else answer
    return [cast("object", tags)] if isinstance(tags, dict) else tags


def _tags(answer: object) -> tuple[Tag, ...]:
    return tuple(convert_document(_to_list(answer), list[Tag], where=_WHERE))


def _japanese(answer: object) -> tuple[JapaneseTag, ...]:
    return tuple(convert_document(_to_list(answer), list[JapaneseTag], where=_WHERE))


@overload
def suggest_tags(
    prompt: str, model: ImageModel | str = ..., *, lang: Literal["en"] = "en"
) -> Operation[Never, tuple[Tag, ...]]: ...
@overload
def suggest_tags(
    prompt: str, model: ImageModel | str = ..., *, lang: Literal["jp"]
) -> Operation[Never, tuple[JapaneseTag, ...]]: ...
@takes(prompt=TEXT, model=IMAGE_MODEL, lang=TEXT)
def suggest_tags(
    prompt: str, model: ImageModel | str = ImageModel.V5_CURATED, *, lang: Literal["en", "jp"] = "en"
) -> Operation[Never, Any]:
    """Get tags that contain ``prompt``; no access token is needed.

    Args:
        prompt: part of a tag.
        model: that the tags are for.
        lang: the language of ``prompt``, ``"en"`` or ``"jp"``.

    Raises:
        InvalidRequestError: the prompt is empty, or not Unicode text, or there is no such language.
    """
    if not prompt:
        raise InvalidRequestError(
            "tags are suggested for a part of one, not for nothing: give a prompt", parameter="prompt"
        )
    if lang not in ("en", "jp"):
        raise unknown_choice(lang, "language of tags", ("en", "jp"), parameter="lang")
    query = (("model", ImageModel.named(model).id), ("prompt", prompt), *((("lang", lang),) if lang != "en" else ()))
    request = build(endpoint("suggest_tags"), EndpointParameters(query=query), Headers.of(accept="application/json"))
    reader: JsonBodyReader[object, Any] = JsonBodyReader(object, _tags if lang == "en" else _japanese)
    return Operation(request, (("application/json", reader),), Repeat.ALWAYS)
