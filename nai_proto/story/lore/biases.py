"""Groups of biases and bans as stories and lorebooks keep them, and which of them count.

They become the `nai_proto.text.BiasGroup` and `nai_proto.text.BanList` that `nai_proto.text.generate` takes as ``biases``
and ``bans``. A phrase is stored in one of these forms:

======================  ================================================================================================
``dragon``              text, and what it becomes with other letters large and with a blank in front: see `variants`
``{ dragon}``           text, exactly this
``[1, 2]``              token ids, in a text or as a list
``{"sequences": …}``    all of these token ids, each a phrase: what the website made of a text with the story's tokenizer
======================  ================================================================================================

See:
    docs/protocol/content.md#47-bias-and-ban-groups
    docs/protocol/content.md#88-biases
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Self, TypeAlias, cast

from ...arguments import FUNCTION, TEXT, check_type
from ...text.phrases import BanList, BiasGroup
from ..json_records import Field, Record, as_flag, as_list, as_number

__all__ = ["PlainPhrase", "StoredBans", "StoredBiases", "phrase_forms", "variants"]

PlainPhrase: TypeAlias = str | tuple[int, ...]
"""Text, or token ids."""

_NUMBER: Final = re.compile("[0-9]{1,9}")
_TOKENS, _LITERAL = 1, 2  # types of stored phrases: these ids, exactly this text


def variants(text: str) -> tuple[str, ...]:
    """A text as it is, small, with a large first letter, and large; each also with a blank in front.

    The sources say that there are such variants, not which.

    See docs/protocol/content.md#47-bias-and-ban-groups.
    """
    TEXT.check(text, "text")
    bare = text.lstrip(" ") or text
    forms = (bare, bare.lower(), bare[:1].upper() + bare[1:], bare.upper())
    return tuple(dict.fromkeys(blank + form for form in forms for blank in ("", " ")))


def phrase_forms(phrase: object, spread: Callable[[str], Iterable[str]] = variants) -> tuple[PlainPhrase, ...]:
    """What a stored phrase stands for; nothing, if it has none of the forms.

    Args:
        phrase: as it is stored.
        spread: what a plain text stands for.
    """
    FUNCTION.check(spread, "spread")
    return tuple(dict.fromkeys(_forms(phrase, spread)))


def _forms(phrase: object, spread: Callable[[str], Iterable[str]]) -> Iterator[PlainPhrase]:
    if isinstance(phrase, str):
        yield from _of_text(phrase, spread)
    elif isinstance(phrase, Mapping):
        inside = cast("Mapping[str, object]", phrase)
        exact = inside.get("type") == _LITERAL
        for sequence in (inside.get("sequence"), *(as_list(inside.get("sequences")) or ())):
            if isinstance(sequence, str) and sequence and exact:
                yield sequence
            elif isinstance(sequence, str | list):
                yield from _forms(cast("object", sequence), spread)
    else:
        ids = as_list(phrase)
        if ids and all(type(token) is int and token >= 0 for token in ids):
            yield tuple(ids)


def _of_text(text: str, spread: Callable[[str], Iterable[str]]) -> Iterator[PlainPhrase]:
    bare = text.strip()
    inside, marks = bare[1:-1], bare[:1] + bare[-1:]
    numbers = [piece.strip() for piece in inside.split(",")]
    if marks == "{}" and inside:
        yield inside
    elif marks == "[]" and all(map(_NUMBER.fullmatch, numbers)):
        yield tuple(map(int, numbers))
    elif text:
        yield from filter(None, spread(text))


def _phrases(value: object) -> tuple[Any, ...] | None:
    items = as_list(value)
    return None if items is None else tuple(items)


class StoredBiases(Record):
    """A group of phrases that are made likelier or rarer together."""

    phrases = Field[tuple[Any, ...]]("phrases", (), _phrases)
    "As they are stored; `phrase_forms` understands each."
    bias = Field[float]("bias", 0, as_number)
    "From -2 to 2; positive is likelier."
    enabled = Field("enabled", True, as_flag)
    ensure_sequence_finish = Field("ensure_sequence_finish", False, as_flag, also="ensureSequenceFinish")
    "Once a phrase has begun, it is finished."
    generate_once = Field("generate_once", False, as_flag, also="generateOnce")
    "Only until the phrase has appeared once."
    when_inactive = Field("whenInactive", False, as_flag, also="when_inactive")
    "It counts while its entry or category is not active, instead of while it is."

    @classmethod
    def of(cls, group: BiasGroup) -> Self:
        """The form in which a group is stored, each phrase exactly as it is."""
        check_type(group, BiasGroup, "group", "a BiasGroup")
        return cls(
            {
                "phrases": [_exactly(phrase) for phrase in group],
                "bias": group.bias,
                "enabled": group.enabled,
                "ensureSequenceFinish": group.ensure_sequence_finish,
                "generateOnce": group.generate_once,
            }
        )

    def group(self, spread: Callable[[str], Iterable[str]] = variants) -> BiasGroup:
        """The group for `nai_proto.text.generate`.

        Args:
            spread: what a plain text stands for.
        """
        FUNCTION.check(spread, "spread")
        phrases = (form for phrase in self.phrases for form in phrase_forms(phrase, spread))
        return BiasGroup(
            self.bias,
            self.ensure_sequence_finish,
            self.generate_once,
            self.enabled,
            phrases=list(dict.fromkeys(phrases)),
        )


class StoredBans(Record):
    """A group of phrases that must not appear."""

    sequences = Field[tuple[Any, ...]]("sequences", (), _phrases)
    "As they are stored; `phrase_forms` understands each."
    enabled = Field("enabled", True, as_flag)

    @classmethod
    def of(cls, bans: BanList) -> Self:
        """The form in which a list is stored, each phrase exactly as it is."""
        check_type(bans, BanList, "bans", "a BanList")
        return cls({"sequences": [_exactly(phrase) for phrase in bans], "enabled": bans.enabled})

    def bans(self, spread: Callable[[str], Iterable[str]] = variants) -> BanList:
        """The list for `nai_proto.text.generate`; ``spread`` as for `StoredBiases.group`."""
        FUNCTION.check(spread, "spread")
        phrases = (form for phrase in self.sequences for form in phrase_forms(phrase, spread))
        return BanList(*dict.fromkeys(phrases), enabled=self.enabled)


def _exactly(phrase: PlainPhrase) -> object:
    """A phrase as it is stored when nothing but itself is meant."""
    if isinstance(phrase, str):
        return {"sequences": [phrase], "type": _LITERAL}
    return {"sequences": [list(phrase)], "type": _TOKENS}
