"""Phrases that are banned, made likelier or rarer, or that end an answer.

A text is kept as text, since its ids differ from model to model; a tokenizer encodes it when the request is built.
Phrases are the user's words: no repr and no error shows one.

See:
    docs/protocol/native.md#93-logit_bias_exp
    docs/protocol/native.md#13-global-settings
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Self, cast

from ..arguments import FLAG, MAPPING, NUMBER, TOKENIZER, ArgumentType, describe_type, list_of, record, takes
from ..errors import InvalidRequestError, InvalidTypeError, RemoteProtocolError
from ..tokenizers.base import Tokenizer
from .parameter_rules import ParameterKind, describe_value
from .text_parameters import LogitBias, Phrase

__all__ = ["BIAS_GROUP", "BanList", "BiasGroup", "encode_phrase", "simplify_phrase"]

_FORMS: Final = 'text, token ids, {"sequence": …} or {"sequences": [ … ]}, and not empty'

_STORED_KINDS: Final = {
    "bias": ParameterKind.NUMBER,
    "enabled": ParameterKind.BOOLEAN,
    "ensure_sequence_finish": ParameterKind.BOOLEAN,
    "generate_once": ParameterKind.BOOLEAN,
}
_DEFAULTS: Final[Mapping[str, object]] = {"ensure_sequence_finish": False, "generate_once": False, "phrases": []}
_SPELLINGS: Final = {"ensureSequenceFinish": "ensure_sequence_finish", "generateOnce": "generate_once"}


class _Phrases:
    """The phrases of a ban list or a bias group."""

    def __init__(self, phrases: Iterable[Phrase], enabled: bool, name: str) -> None:
        self.enabled = FLAG.convert(enabled, "enabled")
        "Off, it adds nothing to a request."
        self._phrases: list[str | tuple[int, ...]] = []
        self._phrases += [simplify_phrase(phrase, name) for phrase in phrases]

    def add(self, *phrases: Phrase) -> Self:
        """Add phrases; all of them or, when one is wrong, none.

        Raises:
            InvalidRequestError: one has none of the forms of `Phrase`, or is empty.
        """
        self._phrases += [simplify_phrase(phrase, "phrases") for phrase in phrases]
        return self

    def __iadd__(self, phrase: Phrase) -> Self:
        return self.add(phrase)

    def __iter__(self) -> Iterator[str | tuple[int, ...]]:
        return iter(tuple(self._phrases))

    def __len__(self) -> int:
        return len(self._phrases)

    def __bool__(self) -> bool:
        return True  # also without phrases

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.__dict__ == other.__dict__

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)}{'' if self.enabled else ', off'}>"


class BanList(_Phrases):
    """Phrases that must not appear.

    Args:
        sequences: the phrases.
        enabled: off, it adds nothing to a request.

    Raises:
        InvalidRequestError: as `add`.
    """

    def __init__(self, *sequences: Phrase, enabled: bool = True) -> None:
        super().__init__(sequences, enabled, "sequences")

    @takes(tokenizer=TOKENIZER | None)
    def encode(self, tokenizer: Tokenizer | None = None) -> list[list[int]]:
        """Return the entries of ``bad_words_ids``; none when off.

        Raises:
            InvalidRequestError: a phrase is text, and there is no tokenizer.
        """
        return [encode_phrase(phrase, tokenizer, "bans") for phrase in self] if self.enabled else []


class BiasGroup(_Phrases):
    """Phrases made likelier or rarer together.

    Args:
        bias: positive is likelier, negative rarer; the website stays between -1 and 1.
        ensure_sequence_finish: once a phrase has begun, make sure that it is finished.
        generate_once: only until the phrase has appeared once.
        enabled: off, it adds nothing to a request.
        phrases: the phrases; more come with `add` and ``+=``.

    Raises:
        InvalidRequestError: the bias is not a finite number; else as `add`.
    """

    def __init__(
        self,
        bias: float,
        ensure_sequence_finish: bool = False,
        generate_once: bool = False,
        enabled: bool = True,
        *,
        phrases: Iterable[Phrase] = (),
    ) -> None:
        if not ParameterKind.NUMBER.accepts(NUMBER.convert(bias, "bias")):
            raise InvalidRequestError(f"a bias group's bias is a finite number, not {bias!r:.20}", parameter="bias")
        self.bias = bias
        self.ensure_sequence_finish = FLAG.convert(ensure_sequence_finish, "ensure_sequence_finish")
        self.generate_once = FLAG.convert(generate_once, "generate_once")
        super().__init__(_PHRASES.convert(phrases, "phrases"), enabled, "phrases")

    @classmethod
    @takes(data=MAPPING)
    def from_data(cls, data: Mapping[str, object]) -> BiasGroup:
        """Return the group that a story or a preset holds, in either spelling of its keys; other keys are left out.

        See docs/protocol/native.md#93-logit_bias_exp.

        Raises:
            RemoteProtocolError: ``bias`` or ``enabled`` is missing, or a value has a wrong type.
        """
        stored = {**_DEFAULTS, **{_SPELLINGS.get(key, key): value for key, value in data.items()}}
        for key, kind in _STORED_KINDS.items():
            if key not in stored:
                raise RemoteProtocolError(f"bias group: {key} is missing")
            if not kind.accepts(stored[key]):
                raise RemoteProtocolError(
                    f"bias group: {key} is {describe_value(stored[key])}, where {kind} was expected"
                )
        phrases = stored.pop("phrases")
        if not isinstance(phrases, list):
            raise RemoteProtocolError(f"bias group: phrases is {describe_value(phrases)}, where a list was expected")
        try:
            return cls(
                **{key: cast("Any", stored[key]) for key in _STORED_KINDS}, phrases=cast("list[Phrase]", phrases)
            )
        except InvalidRequestError as error:
            problem = str(error)
        raise RemoteProtocolError(f"bias group: {problem}")

    @takes(tokenizer=TOKENIZER | None)
    def encode(self, tokenizer: Tokenizer | None = None) -> list[LogitBias]:
        """Return the entries of ``logit_bias_exp``, one per phrase; none when off.

        Raises:
            InvalidRequestError: a phrase is text, and there is no tokenizer.
        """
        return [
            {
                "sequence": encode_phrase(phrase, tokenizer, "biases"),
                "bias": self.bias,
                "ensure_sequence_finish": self.ensure_sequence_finish,
                "generate_once": self.generate_once,
            }
            for phrase in (self if self.enabled else ())
        ]


BIAS_GROUP: Final = record(BiasGroup, 'a BiasGroup or a mapping such as {"bias": 0.5, "phrases": ["moon"]}')
"""The type of a parameter that is a bias group."""


def encode_phrase(phrase: Phrase, tokenizer: Tokenizer | None, where: str) -> list[int]:
    """Return the token ids of a phrase.

    Args:
        phrase: in any of its forms.
        tokenizer: that of the model; needed for text only.
        where: the parameter that has the phrase, for the error: ``"bans"``.

    Raises:
        InvalidRequestError: it is text and there is no tokenizer, or it has none of the forms.
    """
    simple = simplify_phrase(phrase, where)
    if not isinstance(simple, str):
        return [*simple]
    if tokenizer is None:
        raise InvalidRequestError(
            f"a phrase of {where} is text, which needs the model's tokenizer",
            parameter="tokenizer",
            advice="give tokenizer=…, or token ids",
        )
    return tokenizer.encode(simple)


def simplify_phrase(phrase: object, name: str) -> str | tuple[int, ...]:
    """Return a phrase in its simplest form: text or ids.

    Args:
        phrase: in any of its forms.
        name: of the parameter that has it, for the error.

    Raises:
        InvalidRequestError: it has none of the forms of `Phrase`, or is empty.
    """
    given = phrase
    if isinstance(phrase, Mapping):
        inside = cast("Mapping[str, object]", phrase)
        several = inside.get("sequences")
        phrase = inside.get(
            "sequence", cast("list[object]", several)[0] if isinstance(several, list) and several else None
        )
    if isinstance(phrase, str) and phrase:
        return phrase
    if ParameterKind.PHRASES.accepts((phrase,)):
        return tuple(cast("Sequence[int]", phrase))
    kind = InvalidRequestError if issubclass(type(given), str | Mapping) else InvalidTypeError
    raise kind(f"a phrase is {_FORMS}; {name} has {describe_type(given)}", parameter=name.partition("[")[0])


_PHRASES: Final = list_of(ArgumentType("a phrase", object), "a list of phrases")
