"""A small language model that has read eight tales: plain English after any prompt, without a file of weights.

Pieces and prediction are apart. The *vocabulary* tells ``the``, `` the`` and `` The`` from each other, because text is
made of them; the *context* does not, so that a prompt in another form than the tales meets what the tales have to say.
So any vocabulary will do: the model reads the tales in its own, or in the ids of the tokenizer that a real model uses.

It is an interpolated trigram model (Jelinek and Mercer's, with fixed weights): what followed the last two pieces, mixed
with what followed the last one, mixed with a trace of the commonest pieces of all. Three more things make it readable:

- People who speak and the one who tells have separate counts, so speech that was opened is closed, and nobody tells the
  tale as "I".
- The trace is of 32 pieces, more than the 30 logprobs that can be asked for; rarer words come only where
  the tales have them.
- A piece that the tales do not have is taken for one that they have once: what follows those, follows it.

Reading the tales takes about a tenth of a second. A distribution is built when it is first needed and then kept;
of these tales there are some 2,000, and with all of them built the model has about 10 MB.

See docs/protocol/native.md#91-parameters--complete-list.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Final, NamedTuple, Protocol, TypeAlias

from ...tokenizers.base import Incremental
from .corpus import TALES
from .distribution import Distribution

__all__ = ["LanguageModel", "TextCodec", "Vocabulary", "get_tale_model"]

_END: Final = "\n\n***\n\n"
_PIECE: Final = re.compile(
    r"""
      \n\n\*{3}\n\n                    # between tales
    | \n\n"?                           # between paragraphs; the next one may be speech
    | [ ]?"                            # opens speech: where it closes, the mark before it takes it along
    | [.,;:!?]"?
    | [ ]?[A-Za-z]+(?:'[A-Za-z]+)*
    | .
    """,
    re.VERBOSE | re.DOTALL,
)

_UNKNOWN: Final = "<unknown>"
"""The form of all that the tales do not have; no piece has it."""
_TOLD: Final = "told"
_SAID: Final = "said"
_QUOTE: Final = "a quote"
_LONGEST_SPEECH: Final = 100
"""How many pieces back an opening quote still counts. In the tales nobody speaks for longer."""
_SHARES: Final = (1.0, 0.999, 0.98)
"""How much of the outlook a context of 0, 1, 2 pieces decides; the rest is left to the one that is shorter by a piece.
Chosen by reading: below 0.9 sentences lose their way. Nothing is recited yet: of all runs of eight pieces that the
model writes, one in eight is in the tales."""
_COMMON: Final = 32
"""How many pieces can follow anything."""

_Outlook: TypeAlias = tuple[str, tuple[str, ...]]
"""A voice and the last pieces' forms."""


class TextCodec(Protocol):
    """Text to ids and back: a `Vocabulary`, or a real tokenizer."""

    def encode(self, text: str, /) -> list[int]: ...
    def decode(self, ids: Iterable[int], /) -> str: ...
    def decoder(self) -> Incremental: ...


class Vocabulary:
    """Pieces of text and their ids.

    The words of a text come first: each with and without a blank before it, as it stands, in lower case and
    capitalised, and with them the marks between words. Above them every character of Unicode is a piece too, with the
    id ``words + code point``. A word that is not known is spelled in those, so any string has ids, and
    ``decode(encode(text)) == text``.
    """

    __slots__ = ("_ids", "words")

    words: Final[tuple[str, ...]]
    "The pieces that are not spelling, by id."

    def __init__(self, text: str) -> None:
        self.words = tuple(dict.fromkeys(_variants(_PIECE.findall(text))))
        self._ids = {word: token for token, word in enumerate(self.words)}

    def encode(self, text: str) -> list[int]:
        """The ids of a text."""
        ids: list[int] = []
        for piece in _PIECE.findall(text):
            token = self._ids.get(piece)
            if token is not None:
                ids.append(token)
            else:
                ids.extend(len(self.words) + ord(character) for character in piece)
        return ids

    def piece(self, token: int) -> str:
        """The text of one id.

        Raises:
            ValueError: There is no such id.
        """
        if 0 <= token < len(self.words):
            return self.words[token]
        return chr(token - len(self.words))

    def split(self, text: str) -> list[str]:
        """The pieces of a text."""
        return [self.piece(token) for token in self.encode(text)]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids.

        Raises:
            ValueError: There is no such id.
        """
        return "".join(map(self.piece, ids))

    def decoder(self) -> Incremental:
        """For ids that come bit by bit."""
        return Incremental(lambda token, _: self.piece(token).encode("utf-8", "replace"))


def _variants(pieces: Iterable[str]) -> Iterator[str]:
    """The pieces, and what prompts may have that the text itself does not."""
    yield from (_END, " ", "\n", '"')
    for piece in pieces:
        yield piece
        word = piece.strip()
        if word[:1].isalpha():
            for form in (word, word.lower(), word.capitalize()):
                yield form
                yield " " + form


class LanguageModel:
    """What a text leads to expect.

    The text is read as a circle of tales, so something always follows; an empty context is the end of a tale.

    Args:
        text: what it reads.
        vocabulary: in whose ids; in those of its own `Vocabulary` if None.
    """

    __slots__ = ("_end", "_followers", "_outlooks", "_traits", "vocabulary")

    vocabulary: Final[TextCodec]

    def __init__(self, text: str, vocabulary: TextCodec | None = None) -> None:
        self.vocabulary = vocabulary or Vocabulary(text)
        self._end = self.vocabulary.encode(_END)[1 - len(_SHARES) :]
        self._traits = _Traits(self.vocabulary)
        self._followers: defaultdict[_Outlook, Counter[int]] = defaultdict(Counter)
        self._outlooks: dict[_Outlook, Distribution] = {}

        tokens = [*self.vocabulary.encode(text), *self.vocabulary.encode(_END)]
        forms = [self._traits[token].form for token in tokens]
        seen = Counter(forms)
        voice = _TOLD
        for here, token in enumerate(tokens):
            for length in range(1, len(_SHARES)):
                before = tuple(forms[i % len(forms)] for i in range(here - length, here))
                self._followers[voice, before][token] += 1
            if seen[forms[here - 1]] == 1:
                self._followers[voice, (_UNKNOWN,)][token] += 1
            voice = self._turn(tokens[here - 1], token) or voice
        common = Counter(dict(Counter(tokens).most_common(_COMMON)))
        for voice in (_TOLD, _SAID):
            self._followers[voice, ()] = common

    def distribution(self, context: Sequence[int], /) -> Distribution:
        """What may follow, as one object for all contexts that look the same to the model.

        It has 32 candidates or more, if the text has so many different pieces.
        """
        voice = self._voice(context)
        recent = context[1 - len(_SHARES) :] or self._end
        forms = tuple([self._traits[token].form for token in recent])
        known = next(last for last in (forms, forms[-1:], (_UNKNOWN,), ()) if (voice, last) in self._followers)
        return self._outlook(voice, known)

    def _voice(self, context: Sequence[int]) -> str:
        """The voice that goes on after the context: what the last piece that decides says."""
        for here in range(len(context) - 1, max(len(context) - _LONGEST_SPEECH, 0) - 1, -1):
            if turn := self._turn(context[here - 1] if here else None, context[here]):
                return turn
        return _TOLD

    def _turn(self, before: int | None, token: int) -> str | None:
        """The voice that goes on after a piece, if it is one that decides."""
        turn = self._traits[token].turn
        if turn is _QUOTE:
            return _SAID if before is None or self._traits[before].open else _TOLD
        return turn

    def _outlook(self, voice: str, forms: tuple[str, ...]) -> Distribution:
        outlook = self._outlooks.get((voice, forms))
        if outlook is None:
            followers = self._followers[voice, forms]
            shorter: Mapping[int, float] = self._outlook(voice, forms[1:]).probabilities if forms else {}
            share = _SHARES[len(forms)]
            scale = share / followers.total()
            outlook = self._outlooks[voice, forms] = Distribution(
                (token, scale * followers[token] + (1 - share) * shorter.get(token, 0.0))
                for token in sorted({*followers, *shorter})
            )
        return outlook


class _Trait(NamedTuple):
    """What of a piece matters as context."""

    form: str
    "Case and blanks do not matter."
    turn: str | None
    "The voice that goes on after it, if it decides; a quote that begins it decides by what stands before."
    open: bool
    "May a quote after it open speech?"


class _Traits(dict[int, _Trait]):
    """The traits of all pieces that were ever looked at, by id."""

    def __init__(self, vocabulary: TextCodec) -> None:
        super().__init__()
        self._vocabulary = vocabulary

    def __missing__(self, token: int) -> _Trait:
        piece = self._vocabulary.decode((token,))
        last = max(piece.rfind('"'), piece.rfind("\n"))
        turn = None
        if last == 0 and piece[0] == '"':
            turn = _QUOTE
        elif last >= 0:
            turn = _SAID if piece[last] == '"' and piece[last - 1].isspace() else _TOLD
        trait = self[token] = _Trait(piece.strip().lower(), turn, piece[-1:].isspace())
        return trait


@cache
def get_tale_model() -> LanguageModel:
    """The model that has read the tales in its own vocabulary; one for all who ask."""
    return LanguageModel(TALES)
