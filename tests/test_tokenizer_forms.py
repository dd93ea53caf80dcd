"""All file formats of tokenizers: count, batch and truncate; and the two formats of the image models.

See docs/protocol/image.md#63-token-counting.
"""

from __future__ import annotations

import gzip
import html
import io
import json
import sys
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from typing import Final
from unicodedata import category

import pytest
import tokenizers as hugging_face
from hypothesis import given, settings
from hypothesis import strategies as st

from nai_proto.emulator.text.corpus import TALES
from nai_proto.errors import InvalidFile, InvalidRequestError, MissingExtra
from nai_proto.tokenizers import TOKENIZERS, Tokenizer, read, tokenizer_name
from tests.cases import for_each
from tests.hypothesis_profiles import scale_examples
from tests.test_tokenizers import FORMS, LINES, deflated, ids, texts


@cache
def clip_merges() -> str:
    """Return a list of merges like OpenAI's: a heading, then pairs, trained on words with an end mark."""
    library = hugging_face.Tokenizer(hugging_face.models.BPE(end_of_word_suffix="</w>"))
    library.pre_tokenizer = hugging_face.pre_tokenizers.Sequence(
        [
            hugging_face.pre_tokenizers.WhitespaceSplit(),
            hugging_face.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = hugging_face.trainers.BpeTrainer(vocab_size=900, end_of_word_suffix="</w>", show_progress=False)
    library.train_from_iterator([line.lower() for line in LINES], trainer)
    merges = json.loads(library.to_str())["model"]["merges"]
    return "\n".join(['"made here#version: 0.2', *(" ".join(pair) for pair in merges), ""])


def clip_file() -> bytes:
    return gzip.compress(clip_merges().encode(), mtime=0)


@cache
def t5_file() -> bytes:
    """Return a unigram file with a blank before each word, and an end token after every text."""
    library = hugging_face.Tokenizer(hugging_face.models.Unigram())
    library.normalizer = hugging_face.normalizers.NFKC()
    blanks = hugging_face.pre_tokenizers.Metaspace(prepend_scheme="always")
    library.pre_tokenizer = hugging_face.pre_tokenizers.Sequence(
        [hugging_face.pre_tokenizers.WhitespaceSplit(), blanks]
    )
    library.decoder = hugging_face.decoders.Metaspace(prepend_scheme="always")
    trainer = hugging_face.trainers.UnigramTrainer(
        vocab_size=600, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False
    )
    library.train_from_iterator(LINES, trainer)
    library.post_processor = hugging_face.processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return library.to_str().encode()


ALL: Final[dict[str, Callable[[], bytes]]] = {**FORMS, "CLIP": clip_file, "T5": t5_file}
every_form = pytest.mark.parametrize("form", ALL)
image_forms = pytest.mark.parametrize("form", ["CLIP", "T5"])


@cache
def tokenizer(form: str) -> Tokenizer:
    return read(ALL[form](), name=form)


# ---- all formats


@every_form
@settings(deadline=None)
@given(many=st.lists(texts, max_size=5))
def test_a_batch_encodes_each_text_and_a_count_is_the_number_of_ids(form: str, many: list[str]) -> None:
    one = tokenizer(form)
    assert one.encode_batch(iter(many)) == [one.encode(text) for text in many]
    assert [one.count(text) for text in many] == [len(one.encode(text)) for text in many]


@every_form
@settings(deadline=None)
@given(tokens=ids | texts, budget=st.integers(0, 60))
def test_a_truncated_prompt_keeps_its_end_and_no_half_character(
    form: str, tokens: list[int] | str, budget: int
) -> None:
    one = tokenizer(form)
    tokens = one.encode(tokens) if isinstance(tokens, str) else tokens
    cut = one.truncate(tokens, budget)
    assert len(cut) <= budget
    assert cut == tokens[len(tokens) - len(cut) :]
    assert one.decode(tokens).endswith(one.decode(cut))
    if len(tokens) <= budget:
        assert cut == tokens


@every_form
def test_truncation_cuts_between_characters_and_loses_at_most_one(form: str) -> None:
    one = tokenizer(form)
    tokens = one.encode("The lamp 你好 😀 was lit")
    for budget in range(len(tokens) + 1):
        cut = one.truncate(tokens, budget)
        assert "\ufffd" not in one.decode(cut)
        assert budget - len(cut) <= 3
    assert one.truncate((), 5) == []


@every_form
def test_a_negative_budget_is_an_error(form: str) -> None:
    with pytest.raises(InvalidRequestError, match="budget is -1"):
        tokenizer(form).truncate([1], -1)


# ---- overridden special tokens


@every_form
def test_special_tokens_of_a_file_can_be_overridden(form: str) -> None:
    """As for Llama 3's original file: its names of those ids are replaced, other text is encoded the same.

    See docs/protocol/native.md#98-model-heads-preamble-and-special-token-use.
    """
    plain = tokenizer(form)
    (first, *_) = plain.specials.values()
    one = read(ALL[form](), name=form, specials={"<|own|>": first, "<|far|>": 70_000})
    assert one.encode("the lamp<|own|>was<|far|>lit") == [
        *plain.encode("the lamp"),
        first,
        *plain.encode("was"),
        70_000,
        *plain.encode("lit"),
    ]
    assert one.decode([first, 70_000]) == "<|own|><|far|>"
    assert first not in {one.specials[special] for special in plain.specials if special in one.specials}
    assert one.decode(one.encode("the lamp")) == "the lamp"
    assert repr(one) == f"<tokenizer {form}, {plain.size + 1} ids>"


@every_form
def test_a_file_with_the_right_special_tokens_is_not_overridden(form: str) -> None:
    plain = tokenizer(form)
    assert type(read(ALL[form](), specials=plain.specials)) is type(plain)
    assert type(read(ALL[form](), specials={})) is type(plain)


# ---- tokenizers of image models


@image_forms
@settings(deadline=None)
@given(tokens=ids, cuts=st.lists(st.integers(0, 50)))
def test_incremental_decoding_gives_the_same_text_wherever_ids_are_cut(
    form: str, tokens: list[int], cuts: list[int]
) -> None:
    edges = [0, *sorted(min(cut, len(tokens)) for cut in cuts), len(tokens)]
    decoder = tokenizer(form).decoder()
    pieces = [decoder.receive(tokens[start:end]) for start, end in pairwise(edges)]
    assert "".join([*pieces, decoder.receive_eof()]) == tokenizer(form).decode(tokens)


@image_forms
def test_the_extra_blank_of_a_vocabulary_is_removed(form: str) -> None:
    one = tokenizer(form)
    assert one.decode(one.encode("the lamp was lit")) == "the lamp was lit"
    decoder = one.decoder()
    shown = [decoder.receive([token]) for token in one.encode("the lamp")]
    assert "".join(shown) == "the lamp"
    assert decoder.receive_eof() == ""


@image_forms
def test_special_strings_are_one_token_each_and_none_is_added(form: str) -> None:
    one = tokenizer(form)
    assert one.encode("") == []
    for special, number in one.specials.items():
        assert one.encode(f"the lamp{special}was") == [*one.encode("the lamp"), number, *one.encode("was")]
    assert not set(one.encode("the lamp")) & set(one.specials.values())


@image_forms
def test_a_lone_surrogate_is_an_error(form: str) -> None:
    with pytest.raises(InvalidRequestError, match="lone surrogate"):
        tokenizer(form).encode("secret \ud800")


@image_forms
@settings(deadline=None, max_examples=scale_examples(60))
@given(data=st.data())
def test_a_damaged_file_is_read_or_is_a_documented_error(form: str, data: st.DataObject) -> None:
    file = bytearray(clip_merges().encode() if form == "CLIP" else t5_file())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(file) - 1))
        file[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        one = read(bytes(file))
    except InvalidFile:
        return
    assert isinstance(one.decode(range(1000)), str)


def test_the_image_models_have_tokenizers() -> None:
    """docs/protocol/image.md#63-token-counting"""
    assert tokenizer_name("nai-diffusion-3") == "clip"
    assert tokenizer_name("nai-diffusion-4-5-full") == "t5"
    assert tokenizer_name("nai-diffusion-5-curated") == "qwen35"
    assert TOKENIZERS["clip"].specials["<|endoftext|>"] == 49407


# ---- T5


@settings(deadline=None)
@given(texts)
def test_t5_ids_and_text_are_those_of_the_library(text: str) -> None:
    library = hugging_face.Tokenizer.from_buffer(t5_file())
    tokens = tokenizer("T5").encode(text)
    assert tokens == library.encode(text, add_special_tokens=False).ids
    assert tokenizer("T5").decode(tokens) == library.decode(tokens, skip_special_tokens=False)


# ---- CLIP


def letters_of_bytes() -> dict[int, str]:
    """Return GPT-2's letters for bytes, computed independently."""
    shown = [byte for byte in range(256) if chr(byte).isprintable() and chr(byte) not in " \xa0"]
    rest = [byte for byte in range(256) if byte not in shown]
    return {byte: chr(byte) for byte in shown} | {byte: chr(0x100 + place) for place, byte in enumerate(rest)}


class PlainClip:
    """OpenAI's procedure step by step, independent of our code and of libraries."""

    def __init__(self, text: str) -> None:
        pairs = [line.split() for line in text.split("\n")[1 : 49_152 - 256 - 2 + 1]]
        merges = [(pair[0], pair[1]) for pair in pairs if pair]
        self.letters = letters_of_bytes()
        alphabet = [*self.letters.values()]
        pieces = [*alphabet, *(letter + "</w>" for letter in alphabet), *(left + right for left, right in merges)]
        self.ids = {piece: number for number, piece in enumerate(pieces)}
        self.specials = {"<|startoftext|>": len(pieces), "<|endoftext|>": len(pieces) + 1}
        self.ranks = {pair: rank for rank, pair in enumerate(merges)}
        self.known: dict[str, list[int]] = {}

    def encode(self, text: str) -> list[int]:
        text = html.unescape(html.unescape(text)).lower()
        return [token for word in self.words(text) for token in self.word(word)]

    def words(self, text: str) -> Iterator[str]:
        at = 0
        while at < len(text):
            kind = self.kind(text[at])
            end = at + 1
            if any(text.startswith(found := short, at) for short in ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d")):
                end = at + len(found)
            elif kind in "L*":
                while end < len(text) and self.kind(text[end]) == kind:
                    end += 1
            if kind != " ":
                yield text[at:end]
            at = end

    def kind(self, character: str) -> str:
        if character in "\t\n\v\f\r\x85" or category(character).startswith("Z"):
            return " "
        return category(character)[0] if category(character)[0] in "LN" else "*"

    def word(self, word: str) -> list[int]:
        if word not in self.known:
            pieces = [self.letters[byte] for byte in word.encode()]
            pieces[-1] += "</w>"
            while ranked := [pair for pair in pairwise(pieces) if pair in self.ranks]:
                first = min(ranked, key=lambda pair: self.ranks[pair])
                merged: list[str] = []
                for piece in pieces:
                    if merged and (merged[-1], piece) == first:
                        merged[-1] += piece
                    else:
                        merged.append(piece)
                pieces = merged
            self.known[word] = [self.ids[piece] for piece in pieces]
        return self.known[word]


assigned = st.text(st.characters(exclude_categories=["Cs", "Cn", "Co"], exclude_characters="\x1c\x1d\x1e\x1f"))


@settings(deadline=None)
@given(st.lists(assigned | st.sampled_from([*TALES.split(" ")[:200], " ", "'s", "!'s", "&amp;lt;3", "42"])))
def test_clip_ids_are_those_of_a_plain_implementation(parts: list[str]) -> None:
    text = "".join(parts)
    assert tokenizer("CLIP").encode(text) == PlainClip(clip_merges()).encode(text)


def test_a_clip_file_is_a_list_compressed_or_not_or_json_of_the_website() -> None:
    as_json = json.dumps({"text": clip_merges()}).encode()
    for data in (clip_merges().encode(), clip_file(), as_json, deflated(as_json), gzip.compress(as_json, mtime=0)):
        assert read(data).encode("The lamp") == tokenizer("CLIP").encode("the lamp")


@for_each(
    "data, why",
    [
        (b"#version: 0.2\na b c\n", "is not a pair"),
        (b"#version: 0.2\nab\n", "is not a pair"),
        (b"#version: 0.2\nxx yy\n", "cannot read CLIP's merges"),
        (gzip.compress(b"#version: 0.2\na b\n" * 100, mtime=0)[:-9], "gzip that is cut off"),
        (gzip.compress(b"another thing", mtime=0), "neither SentencePiece nor JSON"),
    ],
)
def test_invalid_merges_are_an_error_with_the_reason(data: bytes, why: str) -> None:
    with pytest.raises(InvalidFile, match=rf"^a\.file: .*{why}"):
        read(data, name="a.file")


def test_only_as_many_merges_are_used_as_by_openai() -> None:
    """The published list has many more."""
    rare = [f"{a}{b} {c}" for a in "abcdefgh" for b in "ijklmnop" for c in "qrstuvwx"]
    out = io.StringIO()
    out.write("#version: 0.2\n")
    for a in "abcdefgh":
        for b in "ijklmnop":
            out.write(f"{a} {b}\n")
    out.writelines(f"{line}\n" for line in rare * 100)
    assert read(out.getvalue().encode()).size == 49_408


def test_the_error_for_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(MissingExtra, match="the extra 'tokenizers'"):
        read(clip_file())
