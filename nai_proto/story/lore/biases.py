"""Groups of biases and bans in the form in which stories and lorebooks store them.

They are converted to the `nai_proto.text.BiasGroup` and `nai_proto.text.BanList` that `nai_proto.text.generate` takes as
``biases`` and ``bans``. A phrase is stored in one of these forms:

======================  ================================================================================================
``dragon``              text, in all variants of case, each with and without a blank in front: see `list_case_variants`
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

__all__ = ["PlainPhrase", "StoredBans", "StoredBiases", "expand_phrase", "list_case_variants"]

PlainPhrase: TypeAlias = str | tuple[int, ...]
"""Text, or token ids."""

_NUMBER: Final = re.compile("[0-9]{1,9}")
_TOKENS, _LITERAL = 1, 2  # types of stored phrases: these ids, exactly this text


def list_case_variants(text: str) -> tuple[str, ...]:
    """Return a text as it is, in lower case, with a capital first letter, and in capitals; each also with a blank in front.

    The sources say that there are such variants, but not which.

    See docs/protocol/content.md#47-bias-and-ban-groups.

    Args:
        text: blanks in front of it are ignored.
    """
    TEXT.check(text, "text")
    bare = text.lstrip(" ") or text
    forms = (bare, bare.lower(), bare[:1].upper() + bare[1:], bare.upper())
    return tuple(dict.fromkeys(blank + form for form in forms for blank in ("", " ")))


def expand_phrase(
    phrase: object, expand: Callable[[str], Iterable[str]] = list_case_variants
) -> tuple[PlainPhrase, ...]:
    """Return the phrases that a stored phrase stands for; none if it has none of the known forms.

    Args:
        phrase: as it is stored.
        expand: returns what a plain text stands for.
    """
    FUNCTION.check(expand, "expand")
    return tuple(dict.fromkeys(_expand(phrase, expand)))


def _expand(phrase: object, expand: Callable[[str], Iterable[str]]) -> Iterator[PlainPhrase]:
    if isinstance(phrase, str):
        yield from _expand_text(phrase, expand)
    elif isinstance(phrase, Mapping):
        inside = cast("Mapping[str, object]", phrase)
        exact = inside.get("type") == _LITERAL
        for sequence in (inside.get("sequence"), *(as_list(inside.get("sequences")) or ())):
            if isinstance(sequence, str) and sequence and exact:
                yield sequence
            elif isinstance(sequence, str | list):
                yield from _expand(cast("object", sequence), expand)
    else:
        ids = as_list(phrase)
        if ids and all(type(token) is int and token >= 0 for token in ids):
            yield tuple(ids)


def _expand_text(text: str, expand: Callable[[str], Iterable[str]]) -> Iterator[PlainPhrase]:
    bare = text.strip()
    inside, marks = bare[1:-1], bare[:1] + bare[-1:]
    numbers = [piece.strip() for piece in inside.split(",")]
    if marks == "{}" and inside:
        yield inside
    elif marks == "[]" and all(map(_NUMBER.fullmatch, numbers)):
        yield tuple(map(int, numbers))
    elif text:
        yield from filter(None, expand(text))


def _read_phrases(value: object) -> tuple[Any, ...] | None:
    items = as_list(value)
    return None if items is None else tuple(items)


class StoredBiases(Record):
    """A stored group of phrases with one bias."""

    phrases = Field[tuple[Any, ...]]("phrases", (), _read_phrases)
    "As they are stored; `expand_phrase` returns what each stands for."
    bias = Field[float]("bias", 0, as_number)
    "From -2 to 2; a positive bias makes the phrases likelier."
    enabled = Field("enabled", True, as_flag)
    ensure_sequence_finish = Field("ensure_sequence_finish", False, as_flag, alias="ensureSequenceFinish")
    "True: a phrase that has begun is finished."
    generate_once = Field("generate_once", False, as_flag, alias="generateOnce")
    "True: the bias ends when the phrase has been generated once."
    when_inactive = Field("whenInactive", False, as_flag, alias="when_inactive")
    "True: it is in force while its entry or category is not active, instead of while it is active."

    @classmethod
    def of(cls, group: BiasGroup) -> Self:
        """Return the stored form of a group; each phrase stands for exactly itself.

        Args:
            group: the group to store.
        """
        check_type(group, BiasGroup, "group", "a BiasGroup")
        return cls(
            {
                "phrases": [_dump_exact(phrase) for phrase in group],
                "bias": group.bias,
                "enabled": group.enabled,
                "ensureSequenceFinish": group.ensure_sequence_finish,
                "generateOnce": group.generate_once,
            }
        )

    def to_group(self, expand: Callable[[str], Iterable[str]] = list_case_variants) -> BiasGroup:
        """Return the group for `nai_proto.text.generate`.

        Args:
            expand: returns what a plain text stands for.
        """
        FUNCTION.check(expand, "expand")
        phrases = (form for phrase in self.phrases for form in expand_phrase(phrase, expand))
        return BiasGroup(
            self.bias,
            self.ensure_sequence_finish,
            self.generate_once,
            self.enabled,
            phrases=list(dict.fromkeys(phrases)),
        )


class StoredBans(Record):
    """A stored group of phrases that must not be generated."""

    sequences = Field[tuple[Any, ...]]("sequences", (), _read_phrases)
    "As they are stored; `expand_phrase` returns what each stands for."
    enabled = Field("enabled", True, as_flag)

    @classmethod
    def of(cls, bans: BanList) -> Self:
        """Return the stored form of a list; each phrase stands for exactly itself.

        Args:
            bans: the list to store.
        """
        check_type(bans, BanList, "bans", "a BanList")
        return cls({"sequences": [_dump_exact(phrase) for phrase in bans], "enabled": bans.enabled})

    def to_ban_list(self, expand: Callable[[str], Iterable[str]] = list_case_variants) -> BanList:
        """Return the list for `nai_proto.text.generate`.

        Args:
            expand: returns what a plain text stands for.
        """
        FUNCTION.check(expand, "expand")
        phrases = (form for phrase in self.sequences for form in expand_phrase(phrase, expand))
        return BanList(*dict.fromkeys(phrases), enabled=self.enabled)


def _dump_exact(phrase: PlainPhrase) -> object:
    """Return the stored form of a phrase that stands for exactly itself."""
    if isinstance(phrase, str):
        return {"sequences": [phrase], "type": _LITERAL}
    return {"sequences": [list(phrase)], "type": _TOKENS}
