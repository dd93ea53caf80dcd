"""A small language model that is trained on eight tales: it continues any prompt in plain English, without a weights file.

The *vocabulary* distinguishes ``the``, `` the`` and `` The``, because text is made of them. The *context* does not, so
that a prompt with other case or blanks than the tales still finds its continuations. Any vocabulary can be used: the
model is trained in its own, or in the ids of a real model's tokenizer.

It is an interpolated trigram model (Jelinek and Mercer's, with fixed weights): the tokens that followed the last two,
mixed with those that followed the last one, mixed with a trace of the most common tokens. Three things make its text
readable:

- Speech and narration have separate counts. So opened speech is closed, and the narrator never says "I".
- The trace has 32 tokens, more than the 30 logprobs that a request can have; rarer words come only where the tales have
  them.
- A token that the tales do not have is treated as one that they have once: what follows those follows it.

Training takes about a tenth of a second. A distribution is built when it is first needed and then kept. These tales
give some 2,000, with which the model takes about 10 MB.

See docs/protocol/native.md#91-parameters--complete-list.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Final, NamedTuple, Protocol, TypeAlias

from ...tokenizers.base import IncrementalDecoder
from .corpus import TALES
from .distribution import Distribution

__all__ = ["END_OF_TALE", "LanguageModel", "TextCodec", "Vocabulary", "get_tale_model"]

END_OF_TALE: Final = "\n\n***\n\n"
"""Between two tales."""
_MARKERS: Final = ("[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>", "<think>", "</think>", "/nothink")
"""What the chats of GLM models are made of; each is one token, as in GLM's vocabulary.

See docs/protocol/native.md#112-tokenizer-per-model.
"""
_PIECE: Final = re.compile(
    rf"""
      {"|".join(map(re.escape, _MARKERS))}
    | \n\n\*{{3}}\n\n                  # between tales
    | \n\n"?                           # between paragraphs; the next one may be speech
    | [ ]?"                            # opens speech: where it closes, the mark before it takes it along
    | [.,;:!?]"?
    | [ ]?[A-Za-z]+(?:'[A-Za-z]+)*
    | .
    """,
    re.VERBOSE | re.DOTALL,
)

_FIRST_CHARACTER: Final = 1 << 20
"""The id of U+0000 in every `Vocabulary`: more than the words of all texts that are learned."""
_UNKNOWN: Final = "<unknown>"
"""The form of all tokens that the tales do not have."""
_NARRATION: Final = "narration"
_SPEECH: Final = "speech"
_QUOTE: Final = "a quote"
"""Begins or ends speech, depending on the token before it."""
_LONGEST_SPEECH: Final = 100
"""How many tokens back an opening quote is looked for. No speech in the tales is longer."""
_SHARES: Final = (1.0, 0.999, 0.98)
"""The weights of contexts of 0, 1 and 2 tokens; the rest of the probability goes to the context that is shorter by one.
Chosen by reading the results: below 0.9 sentences do not hold together, and with these only one in eight of all runs of
eight tokens is copied from the tales."""
_COMMON: Final = 32
"""How many tokens can follow any context."""

_ContextKey: TypeAlias = tuple[str, tuple[str, ...]]
"""Narration or speech, and the forms of the last tokens."""


class TextCodec(Protocol):
    """Encodes text as ids and decodes ids: a `Vocabulary`, or a real tokenizer."""

    def encode(self, text: str, /) -> list[int]: ...
    def decode(self, ids: Iterable[int], /) -> str: ...
    def decoder(self) -> IncrementalDecoder: ...


class Vocabulary:
    """A vocabulary of words with their ids, that can encode any text.

    The markers of chats come first, then the words of the training texts: each with and without a blank before it, as it
    is, in lower case and capitalised, and the punctuation between them. Far above them, each character of Unicode has an
    id. A word that is not known is spelled in characters, so any string has ids, and ``decode(encode(text)) == text``. One
    text more adds words, and changes the id of none.

    Args:
        *texts: have the words.
    """

    __slots__ = ("_ids", "words")

    words: Final[tuple[str, ...]]
    "The words and punctuation marks, by id."

    def __init__(self, *texts: str) -> None:
        self.words = tuple(dict.fromkeys(word for text in texts for word in _variants(_PIECE.findall(text))))
        self._ids = {word: token for token, word in enumerate(self.words)}

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text."""
        ids: list[int] = []
        for piece in _PIECE.findall(text):
            token = self._ids.get(piece)
            if token is not None:
                ids.append(token)
            else:
                ids.extend(_FIRST_CHARACTER + ord(character) for character in piece)
        return ids

    def piece(self, token: int) -> str:
        """Return the text of one id.

        Raises:
            ValueError: there is no such id.
        """
        if 0 <= token < len(self.words):
            return self.words[token]
        return chr(token - _FIRST_CHARACTER)

    def split(self, text: str) -> list[str]:
        """Return the texts of a text's tokens."""
        return [self.piece(token) for token in self.encode(text)]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids.

        Raises:
            ValueError: there is no such id.
        """
        return "".join(map(self.piece, ids))

    def decoder(self) -> IncrementalDecoder:
        """Return a decoder for ids that arrive one after the other."""
        return IncrementalDecoder(lambda token, _: self.piece(token).encode("utf-8", "replace"))


def _variants(pieces: Iterable[str]) -> Iterator[str]:
    """Return the pieces, and their forms that prompts may have although the text does not."""
    yield from (*_MARKERS, END_OF_TALE, " ", "\n", '"')
    for piece in pieces:
        yield piece
        word = piece.strip()
        if word[:1].isalpha():
            for form in (word, word.lower(), word.capitalize()):
                yield form
                yield " " + form


class LanguageModel:
    """A trigram model of a text.

    The text is read as a circle of tales, so every context has a continuation. An empty context is the end of a tale.

    Args:
        text: to train on.
        vocabulary: its ids are used; None makes a `Vocabulary` of the text.
    """

    __slots__ = ("_distributions", "_end", "_followers", "_traits", "vocabulary")

    vocabulary: Final[TextCodec]

    def __init__(self, text: str, vocabulary: TextCodec | None = None) -> None:
        self.vocabulary = vocabulary or Vocabulary(text)
        self._end = self.vocabulary.encode(END_OF_TALE)[1 - len(_SHARES) :]
        self._traits = _Traits(self.vocabulary)
        self._followers: defaultdict[_ContextKey, Counter[int]] = defaultdict(Counter)
        self._distributions: dict[_ContextKey, Distribution] = {}

        tokens = [*self.vocabulary.encode(text), *self.vocabulary.encode(END_OF_TALE)]
        forms = [self._traits[token].form for token in tokens]
        seen = Counter(forms)
        voice = _NARRATION
        longest = len(_SHARES) - 1
        circle = [*(forms[here % len(forms)] for here in range(-longest, 0)), *forms]
        for here, token in enumerate(tokens):
            for length in range(1, len(_SHARES)):
                before = tuple(circle[here + longest - length : here + longest])
                self._followers[voice, before][token] += 1
            if seen[forms[here - 1]] == 1:
                self._followers[voice, (_UNKNOWN,)][token] += 1
            voice = self._turn(tokens[here - 1], token) or voice
        common = Counter(dict(Counter(tokens).most_common(_COMMON)))
        for voice in (_NARRATION, _SPEECH):
            self._followers[voice, ()] = common

    def distribution(self, context: Sequence[int], /) -> Distribution:
        """Return the distribution of the next token: one object for all contexts that are the same to the model.

        It has at least 32 candidates, if the text has as many different tokens.
        """
        voice = self._voice(context)
        recent = context[1 - len(_SHARES) :] or self._end
        forms = tuple([self._traits[token].form for token in recent])
        known = next(last for last in (forms, forms[-1:], (_UNKNOWN,), ()) if (voice, last) in self._followers)
        return self._interpolate(voice, known)

    def _voice(self, context: Sequence[int]) -> str:
        """Return whether narration or speech continues after the context, as its last deciding token says."""
        for here in range(len(context) - 1, max(len(context) - _LONGEST_SPEECH, 0) - 1, -1):
            if turn := self._turn(context[here - 1] if here else None, context[here]):
                return turn
        return _NARRATION

    def _turn(self, before: int | None, token: int) -> str | None:
        """Return whether narration or speech continues after a token; None if the token does not decide it."""
        turn = self._traits[token].turn
        if turn is _QUOTE:
            return _SPEECH if before is None or self._traits[before].open else _NARRATION
        return turn

    def _interpolate(self, voice: str, forms: tuple[str, ...]) -> Distribution:
        distribution = self._distributions.get((voice, forms))
        if distribution is None:
            followers = self._followers[voice, forms]
            shorter: Mapping[int, float] = self._interpolate(voice, forms[1:]).probabilities if forms else {}
            share = _SHARES[len(forms)]
            scale = share / followers.total()
            distribution = self._distributions[voice, forms] = Distribution(
                (token, scale * followers[token] + (1 - share) * shorter.get(token, 0.0))
                for token in sorted({*followers, *shorter})
            )
        return distribution


class _Trait(NamedTuple):
    """The properties of a token that matter as context."""

    form: str
    "Its text without case and blanks."
    turn: str | None
    "What continues after it: narration, speech, or `_QUOTE` for what the token before it decides; None for no change."
    open: bool
    "Can a quote after it open speech?"


class _Traits(dict[int, _Trait]):
    """The traits of tokens by id, computed when they are first needed."""

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
            turn = _SPEECH if piece[last] == '"' and piece[last - 1].isspace() else _NARRATION
        trait = self[token] = _Trait(piece.strip().lower(), turn, piece[-1:].isspace())
        return trait


@cache
def get_tale_model() -> LanguageModel:
    """Return the model of the tales in its own vocabulary; always the same object."""
    return LanguageModel(TALES)
