"""The forms that a picture's metadata has in a file: a JSON object of texts, and tags of EXIF.

See:
    docs/protocol/image.md#82-webp
    docs/protocol/image.md#83-stealth-copy-in-the-alpha-channel
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any, Final, cast

from ..errors import InvalidRequestError, LimitExceeded, RemoteProtocolError
from ..limits import Limits
from .exif import USER_COMMENT
from .json_depth import check_depth
from .picture_texts import PictureTexts

__all__ = [
    "dump_object",
    "has_service_parameters",
    "is_service_comment",
    "parse_object",
    "restore_comment",
    "tags_from_texts",
    "texts_from_object",
    "texts_from_tags",
]

_TAGS: Final = {"DocumentName": "Title", "ImageDescription": "Description"}
_OTHER_TAGS: Final = ("Artist", "Copyright")
_PARAMETERS: Final = frozenset(
    ("prompt", "uc", "seed", "steps", "sampler", "scale", "request_type", "req_type", "signed_hash", "v4_prompt")
)
_FOREIGN: Final = frozenset(("negative_prompt", "cfg_scale", "c"))
"""Keys of other programs' JSON that has such parameters: of Fooocus, InvokeAI, and Draw Things."""
_BLANKS: Final = b"\xef\xbb\xbf \t\r\n"
_ENOUGH_PARAMETERS: Final = 2
"""How many of them tell the service's comment from another program's JSON."""


def parse_object(text: str | bytes, limits: Limits, where: str) -> dict[str, Any]:
    """Return a JSON object; numbers that are not finite, which Python's `json` writes and JSON does not have, become None.

    Raises:
        LimitExceeded: it is nested deeper than `Limits.json_depth`.
        RemoteProtocolError: it is not a JSON object; the message begins with ``where``.
    """
    try:
        encoded = text if isinstance(text, bytes) else text.encode()
        if encoded.lstrip(_BLANKS).startswith(b"{"):  # a prompt in many brackets is a text, and not nested too deeply
            check_depth(encoded, limits.json_depth)
        document: object = json.loads(text, parse_constant=_to_none, parse_float=_parse_float)
    except (UnicodeError, ValueError, RecursionError):
        document = None
    if isinstance(document, dict):
        return cast("dict[str, Any]", document)
    raise RemoteProtocolError(f"picture: {where} is no JSON object")


def _to_none(_: str) -> None:
    return None


def _parse_float(text: str) -> float | None:
    value = float(text)
    return value if isfinite(value) else None


def dump_object(value: Mapping[str, Any]) -> str:
    """Return the JSON of an object as Python's `json` writes it.

    Raises:
        InvalidRequestError: it has no form in JSON.
    """
    try:
        return json.dumps({**value})
    except (TypeError, ValueError, RecursionError) as error:
        problem = type(error).__name__
    raise InvalidRequestError(f"this cannot be written as JSON ({problem})", parameter="comment")


def has_service_parameters(document: Mapping[str, Any]) -> bool:
    """Return whether a comment has parameters as the service records them, and not what another program says."""
    return len(_PARAMETERS & document.keys()) >= _ENOUGH_PARAMETERS and not _FOREIGN & document.keys()


def is_service_comment(text: str) -> bool:
    """Return whether a text is JSON with parameters as the service records them. Takes the default `Limits`."""
    try:
        return has_service_parameters(parse_object(text, Limits(), "its comment"))
    except RemoteProtocolError:
        return False


def restore_comment(texts: dict[str, str], keyword: str) -> dict[str, str]:
    """Return texts in which the service's comment is under its keyword, where a converter has put it under another."""
    if is_service_comment(texts.get(keyword, "")) and not is_service_comment(texts.get("Comment", "")):
        rest = {key: text for key, text in texts.items() if key != keyword}
        return {**rest, "Comment": texts[keyword]}
    return texts


def texts_from_object(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the texts of an object: null is absent, and what else should be a text and is not becomes JSON.

    An object that has the parameters themselves, because a converter left the outer one out, is the comment.
    """
    if "Comment" not in document and has_service_parameters(document):
        return {"Comment": json.dumps(document)}
    return {
        keyword: value if isinstance(value, str) else json.dumps(value)
        for keyword, value in document.items()
        if value is not None
    }


def texts_from_tags(tags: PictureTexts, limits: Limits) -> PictureTexts:
    """Return the texts of EXIF. A comment that is no JSON, as other programs write it, is one of them.

    A comment that is nested deeper than `Limits.json_depth` is left out as damaged.
    """
    texts = {_TAGS.get(tag, tag): text for tag, text in tags.texts.items() if tag not in ("Software", USER_COMMENT)}
    if "Software" in tags.texts:
        texts["Source"] = tags.texts["Software"]
    texts = restore_comment(texts, "Description")
    comment = tags.texts.get(USER_COMMENT)
    if comment is None:
        return PictureTexts(texts, tags.damaged)
    try:
        document = parse_object(comment, limits, "its EXIF")
    except LimitExceeded as error:
        return PictureTexts(texts, (*tags.damaged, f"the tag {USER_COMMENT}: {error}"))
    except RemoteProtocolError:
        return PictureTexts({**texts, USER_COMMENT: comment}, tags.damaged)
    return PictureTexts({**texts, **texts_from_object(document)}, tags.damaged)


def tags_from_texts(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the texts as tags of EXIF: what has none of its own is in the comment."""
    tags = {tag: texts[keyword] for tag, keyword in _TAGS.items() if texts.get(keyword)}
    tags |= {tag: texts[tag] for tag in _OTHER_TAGS if texts.get(tag)}
    if texts.get("Source"):
        tags["Software"] = texts["Source"]
    rest = {key: text for key, text in texts.items() if not (text and (key in _OTHER_TAGS or key in _TAGS.values()))}
    return {**tags, USER_COMMENT: dump_object(rest)}
