"""Tokenizers: text to ids and back, with small files of each format that the tests create.

See docs/protocol/native.md#11-token-encoding-and-tokenizers.
"""

from __future__ import annotations

import io
import json
import sys
import zlib
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
import sentencepiece
import tokenizers as hugging_face
from hypothesis import given, settings
from hypothesis import strategies as st

import nai_proto as nai
from nai_proto.emulator.text.corpus import TALES
from nai_proto.errors import InvalidFile, InvalidRequestError, LocalProtocolError, MissingExtra
from nai_proto.text.models import MODELS
from nai_proto.tokenizers import TOKENIZERS, Tokenizer, find_tokenizer_info, read, tokenizer_name
from nai_proto.tokenizers.base import BYTE_OF_LETTER
from nai_proto.tokenizers.loader import _with_javascript_blanks
from tests.cases import for_each
from tests.hypothesis_profiles import scale_examples

LINES = [*TALES.split("\n"), "  two  blanks   three", "naïve café, 你好 😀 123 4567", "\tfor x in y:\n        pass"]
SPECIALS = ["<|pad|>", "<|unknown|>", "<|startoftext|>", "<|endoftext|>"]
SPLIT = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


# ---- small files


def train_sentencepiece(**options: Any) -> bytes:
    """Train a SentencePiece model with the options of nerdstash, or with others."""
    usual: dict[str, Any] = {
        "model_type": "bpe",
        "vocab_size": 600,
        "byte_fallback": True,
        "normalization_rule_name": "identity",
        "add_dummy_prefix": False,
        "remove_extra_whitespaces": False,
        "minloglevel": 2,
        **{f"{part}_id": number for number, part in enumerate(("pad", "unk", "bos", "eos"))},
        **{f"{part}_piece": SPECIALS[number] for number, part in enumerate(("pad", "unk", "bos", "eos"))},
    }
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.Train(sentence_iterator=iter(LINES), model_writer=out, **usual | options)
    return out.getvalue()


@cache
def sentencepiece_file() -> bytes:
    return train_sentencepiece()


@cache
def hugging_face_file() -> bytes:
    """Return a byte-level file that adds a token before every text, as Llama 3's does."""
    library = hugging_face.Tokenizer(hugging_face.models.BPE())
    library.pre_tokenizer = hugging_face.pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = hugging_face.decoders.ByteLevel()
    trainer = hugging_face.trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=["<|begin_of_text|>", "<|endoftext|>"],
        initial_alphabet=hugging_face.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    library.train_from_iterator(LINES, trainer)
    library.post_processor = hugging_face.processors.TemplateProcessing(
        single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", 0)]
    )
    library.enable_truncation(5)
    return library.to_str().encode()


def novelai_file(
    vocab: dict[str, int], merges: list[Any], specials: list[str], split: str = SPLIT, **config: Any
) -> bytes:
    document = {"config": {"splitRegex": split, **config}, "specialTokens": specials, "vocab": vocab, "merges": merges}
    return json.dumps(document).encode()


@cache
def byte_level_file() -> bytes:
    model = json.loads(hugging_face_file())["model"]
    return novelai_file(model["vocab"], model["merges"], ["<|begin_of_text|>", "<|endoftext|>", "<|not there|>"])


@cache
def character_level_file() -> bytes:
    """Return the SentencePiece model in NovelAI's format: plain blanks, keys for bytes, and merges for the pieces."""
    library = sentencepiece.SentencePieceProcessor(model_proto=sentencepiece_file())
    ids = range(library.GetPieceSize())
    names = [library.IdToPiece(number).replace("▁", " ") for number in ids]
    vocab = {f"0x{name[3:5].lower()}" if library.IsByte(number) else name: number for number, name in enumerate(names)}
    made = [name for number, name in enumerate(names) if len(name) > 1 and number >= 4 and not library.IsByte(number)]
    return novelai_file(vocab, [(name[:1], name[1:]) for name in made], SPECIALS, r"[\s\S]+")


FORMS = {
    "SentencePiece": sentencepiece_file,
    "Hugging Face": hugging_face_file,
    "NovelAI, bytes": byte_level_file,
    "NovelAI, characters": character_level_file,
}
every_form = pytest.mark.parametrize("form", FORMS)


@cache
def tokenizer(form: str) -> Tokenizer:
    return read(FORMS[form](), name=form)


# Words that are in the small vocabularies, and others.
words = st.sampled_from(
    [*TALES.split(" ")[:200], " ", "  ", "\n", "\t", "aaaa", "'s", "123", "😀", "é", "你", "\u0301"]
)
# SentencePiece writes blanks as U+2581, so that this one character comes back as a blank. Special tokens in a text are
# tokens here, and plain text to the libraries.
characters = st.characters(exclude_categories=["Cs"], exclude_characters="▁")
texts = st.lists(words | st.text(characters)).map("".join).filter(lambda text: "<|" not in text)
ids = st.lists(st.integers(-1, 620) | st.integers(0, 270))


# ---- laws


@every_form
@settings(deadline=None)
@given(text=texts)
def test_a_text_is_decoded_from_its_ids(form: str, text: str) -> None:
    assert tokenizer(form).decode(tokenizer(form).encode(text)) == text


@every_form
@settings(deadline=None)
@given(tokens=ids, cuts=st.lists(st.integers(0, 50)))
def test_incremental_decoding_gives_the_same_text_wherever_ids_are_cut(
    form: str, tokens: list[int], cuts: list[int]
) -> None:
    edges = [0, *sorted(min(cut, len(tokens)) for cut in cuts), len(tokens)]
    decoder = tokenizer(form).decoder()
    pieces = [decoder.receive(tokens[start:end]) for start, end in pairwise(edges)]
    assert "".join([*pieces, decoder.receive_eof()]) == tokenizer(form).decode(tokens)


@every_form
@settings(deadline=None)
@given(text=texts)
def test_a_decoder_never_takes_text_back(form: str, text: str) -> None:
    """The decoded text is always a prefix of the whole text, and at most one character is held back."""
    decoder, so_far = tokenizer(form).decoder(), ""
    tokens = tokenizer(form).encode(text)
    for count, token in enumerate(tokens, 1):
        so_far += decoder.receive([token])
        assert text.startswith(so_far)
        assert len(tokenizer(form).decode(tokens[:count]).rstrip("\ufffd")) <= len(so_far) or "\ufffd" in text
    assert so_far == text
    assert decoder.receive_eof() == ""


@every_form
@settings(deadline=None)
@given(before=texts, after=texts)
def test_a_special_string_is_one_token_and_changes_no_other_character(form: str, before: str, after: str) -> None:
    one = tokenizer(form)
    for special, number in one.specials.items():
        assert one.encode(before + special + after) == [*one.encode(before), number, *one.encode(after)]
        assert one.decode([number]) == special


@every_form
def test_no_token_is_added_and_no_text_is_truncated(form: str) -> None:
    assert tokenizer(form).encode("") == []
    assert len(tokenizer(form).encode("The lamp " * 20)) >= 20
    assert not set(tokenizer(form).encode("The lamp")) & set(tokenizer(form).specials.values())


@every_form
def test_an_incomplete_character_is_decoded_at_the_end(form: str) -> None:
    begun = tokenizer(form).encode("😀")[:-1]
    decoder = tokenizer(form).decoder()
    assert decoder.receive(begun) == ""
    assert decoder.receive_eof() == "\ufffd"
    assert tokenizer(form).decode(begun) == "\ufffd"


@every_form
def test_invalid_bytes_are_decoded_as_soon_as_they_are_invalid(form: str) -> None:
    begun = tokenizer(form).encode("😀")[:-1]
    decoder = tokenizer(form).decoder()
    assert decoder.receive([*begun, *tokenizer(form).encode("a")]) == "\ufffda"


@every_form
def test_an_unknown_id_is_a_replacement_character(form: str) -> None:
    assert tokenizer(form).decode([-1, 10**9]) == "\ufffd\ufffd"


@every_form
def test_a_decoder_ends_once(form: str) -> None:
    decoder = tokenizer(form).decoder()
    decoder.receive_eof()
    with pytest.raises(LocalProtocolError, match="has ended"):
        decoder.receive([1])
    with pytest.raises(LocalProtocolError, match="has ended"):
        decoder.receive_eof()


@every_form
def test_a_lone_surrogate_is_an_error_that_does_not_show_it(form: str) -> None:
    with pytest.raises(InvalidRequestError, match="lone surrogate") as caught:
        tokenizer(form).encode("secret \ud800")
    assert caught.value.__context__ is None
    assert "secret" not in str(caught.value)


@every_form
def test_a_tokenizer_has_a_name_a_size_and_a_repr(form: str) -> None:
    one = tokenizer(form)
    assert one.name == form
    assert one.size == 600
    assert repr(one) == f"<tokenizer {form}, 600 ids>"


# ---- comparison with the libraries


@settings(deadline=None)
@given(texts)
def test_sentencepiece_ids_are_those_of_the_library(text: str) -> None:
    library = sentencepiece.SentencePieceProcessor(model_proto=sentencepiece_file())
    assert tokenizer("SentencePiece").encode(text) == library.Encode(text)


@settings(deadline=None)
@given(texts)
def test_hugging_face_ids_are_those_of_the_library(text: str) -> None:
    library = hugging_face.Tokenizer.from_buffer(hugging_face_file())
    library.no_truncation()
    assert tokenizer("Hugging Face").encode(text) == library.encode(text, add_special_tokens=False).ids


@settings(deadline=None)
@given(texts)
def test_merging_characters_gives_the_ids_of_sentencepiece(text: str) -> None:
    assert tokenizer("NovelAI, characters").encode(text) == tokenizer("SentencePiece").encode(text)


@settings(deadline=None)
@given(st.lists(st.sampled_from(TALES.split())).map(" ".join))
def test_merging_bytes_gives_the_ids_of_hugging_face(text: str) -> None:
    assert tokenizer("NovelAI, bytes").encode(text) == tokenizer("Hugging Face").encode(text)


# ---- NovelAI's format


def letters(*longer: str) -> dict[str, int]:
    return {piece: number for number, piece in enumerate([*BYTE_OF_LETTER, *longer])}


def test_a_word_in_the_vocabulary_is_one_token_even_without_merges() -> None:
    one = read(novelai_file(letters("word", "wo"), [["w", "o"]], []))
    assert one.encode("word") == [256]
    assert [one.decode([token]) for token in one.encode("words")] == ["wo", "r", "d", "s"]


def test_pieces_merge_by_their_joined_text_in_the_order_of_ranks_from_the_left() -> None:
    one = read(novelai_file(letters("ab", "bc", "abc", "aa"), [["b", "c"], ["ab", "c"], ["a", "b"], ["a", "a"]], []))
    assert [one.decode([token]) for token in one.encode("xabcaaa")] == ["x", "abc", "aa", "a"]


def test_a_merged_piece_that_is_not_in_the_vocabulary_is_encoded_as_bytes() -> None:
    halves = sorted(BYTE_OF_LETTER, key=lambda letter: BYTE_OF_LETTER[letter])
    one = read(novelai_file(letters(), [[halves[byte] for byte in "é".encode()], ["a", "b"]], []))
    assert one.decode(one.encode("éab")) == "éab"
    assert len(one.encode("éab")) == 4


def test_the_longest_special_string_wins_and_one_without_an_id_is_text() -> None:
    one = read(novelai_file(letters("<a>", "<a><b>"), [], ["<a>", "<c>", "<a><b>"]))
    assert one.specials == {"<a>": 256, "<a><b>": 257}
    assert one.encode("<a><b><a>") == [257, 256]
    assert len(one.encode("<c>")) == 3


def test_chunks_are_split_one_by_one() -> None:
    vocab, merges = letters("ab", "abab"), [["a", "b"], ["ab", "ab"]]
    assert read(novelai_file(vocab, merges, [])).encode("abab") == [257]
    assert read(novelai_file(vocab, merges, [], maxEncodeChars=2)).encode("abab") == [256, 256]
    assert read(novelai_file(vocab, merges, [], maxEncodeChars=0)).encode("abab") == [257]


def test_a_text_is_normalized_if_the_file_says_so() -> None:
    one = read(novelai_file(letters(), [], [], normalization="NFC"))
    assert one.encode("e\u0301") == one.encode("é")
    plain = read(novelai_file(letters(), [], []))
    assert plain.encode("e\u0301") != plain.encode("é")


@for_each("blank, both", [("\ufeff", True), ("\u0085", False), (" ", True), ("a", False), ("\u3000", True)])
def test_blanks_in_a_pattern_are_those_of_javascript(blank: str, both: bool) -> None:
    pieces = {blank: 256, blank * 2: 257}
    vocab = {f"0x{byte:02x}": byte for byte in range(256)} | pieces
    assert read(novelai_file(vocab, [], [], r"\s+|\S")).encode(blank * 2) == ([257] if both else [256, 256])
    assert read(novelai_file(vocab, [], [], r"[^\S]+|[^\s]")).encode(blank * 2) == ([257] if both else [256, 256])


def test_other_escapes_in_a_pattern_are_not_changed() -> None:
    assert _with_javascript_blanks(r"\\s\p{L}\\\\S") == r"\\s\p{L}\\\\S"
    assert _with_javascript_blanks("\\") == "\\\\"


def test_text_that_the_split_leaves_over_is_encoded() -> None:
    one = read(novelai_file(letters(), [], [], "a+"))
    assert one.decode(one.encode("xaay")) == "xaay"


def test_a_text_like_the_key_of_a_byte_is_encoded_as_text() -> None:
    vocab = {f"0x{byte:02x}": byte for byte in range(256)}
    one = read(novelai_file(vocab, [], [], r"\S+"))
    assert one.decode(one.encode("0x41")) == "0x41"


def test_bytes_that_are_not_in_utf_8_need_no_piece() -> None:
    """The vocabulary of pile lacks them."""
    never = {letter for letter, byte in BYTE_OF_LETTER.items() if byte in (0xC0, 0xC1) or byte > 0xF4}
    vocab = {piece: number for piece, number in letters().items() if piece not in never}
    assert read(novelai_file(vocab, [], [])).size == 256 - 13


def test_a_very_long_word_does_not_take_quadratic_time() -> None:
    one = tokenizer("NovelAI, characters")
    text = "abcdefgh" * 20_000
    assert one.decode(one.encode(text)) == text


# ---- invalid files


@for_each(
    "data, why",
    [
        (b"", "empty"),
        (b"\x1f\x8b\x08", "neither SentencePiece nor JSON"),
        (b"[]", "neither SentencePiece nor JSON"),
        (b"{}", "without `model`"),
        (b"{", "cut short"),
        (b"\n \n{", "cut short"),
        (b'{"config":{}}', "splitRegex"),
        (b'{"config":null}', "splitRegex|specialTokens|object"),
        (b'{"model":{}}', "decoder is missing"),
        (b'{"model":{},"decoder":{"type":"WordPiece"}}', "decoder is WordPiece; only ByteLevel and Metaspace"),
        (b'{"model":{},"decoder":{"type":"ByteLevel"}}', "`tokenizers` cannot read it"),
        (novelai_file(letters(), [], [], "("), "is not a regular expression"),
        (novelai_file({"a": 1}, [], []), "no piece for byte 0x00"),
        (novelai_file({"a": 1, "b": 1}, [], []), "has an id twice"),
        (novelai_file({"0x41": 1}, [], []), "no piece for byte 0x00"),
        (novelai_file(letters(), [["a"]], []), r"merges"),
        (novelai_file(letters(), [], [], normalization="NFX"), "normalization"),
    ],
)
def test_an_invalid_file_is_an_error_with_its_name_and_the_reason(data: bytes, why: str) -> None:
    with pytest.raises(InvalidFile, match=rf"^a\.file: .*({why})"):
        read(data, name="a.file")


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def test_a_deflated_file_is_unpacked() -> None:
    packed = deflated(byte_level_file())
    assert read(packed).encode("The lamp") == tokenizer("NovelAI, bytes").encode("The lamp")
    for keep in (len(packed) - 1, len(packed) // 2):
        with pytest.raises(InvalidFile, match=r"^a\.def: raw DEFLATE that is cut off"):
            read(packed[:keep], name="a.def")
    with pytest.raises(InvalidFile, match=r"neither SentencePiece nor JSON .* raw DEFLATE or gzip"):
        read(deflated(b"text"))


def test_the_size_of_an_unpacked_file_is_limited() -> None:
    with pytest.raises(InvalidFile, match=r"^a\.def: it unpacks to 67108864 bytes or more"):
        read(deflated(b"{" + b" " * (64 * 2**20)), name="a.def")


@every_form
def test_a_truncated_file_is_an_error_wherever_it_is_cut(form: str) -> None:
    data = FORMS[form]().rstrip()
    for keep in [1, 2, 10, 100, len(data) // 2, len(data) - 100, len(data) - 3, len(data) - 1]:
        with pytest.raises(InvalidFile, match=f"^{form}: "):
            read(data[:keep], name=form)


@every_form
@settings(deadline=None, max_examples=scale_examples(60))
@given(data=st.data())
def test_a_damaged_file_is_read_or_is_a_documented_error(form: str, data: st.DataObject) -> None:
    """Any other exception is a bug, such as SentencePiece's for pieces that are not UTF-8."""
    file = bytearray(FORMS[form]())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(file) - 1))
        file[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        one = read(bytes(file))
    except InvalidFile:
        return
    assert isinstance(one.decode(range(700)), str)


def test_a_sentencepiece_model_that_changes_blanks_is_an_error() -> None:
    for option in ("add_dummy_prefix", "remove_extra_whitespaces"):
        with pytest.raises(InvalidFile, match="adds or joins blanks"):
            read(train_sentencepiece(**{option: True}))


@every_form
def test_the_error_for_a_missing_library_names_the_extra(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = FORMS[form]()
    for library in ("sentencepiece", "tokenizers"):
        monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtra, match="the extra 'tokenizers'"):
        read(data)


# ---- the table of tokenizers


def test_every_listed_model_has_a_tokenizer_with_the_same_token_width() -> None:
    for model in MODELS:
        assert (tokenizer_name(model.id) == "llama3") is (model.token_width == 4)
        assert find_tokenizer_info(model.id).token_width == model.token_width


def test_the_table_of_tokenizers_is_that_of_the_protocol() -> None:
    assert tokenizer_name("kayra-v1") == "nerdstash_v2"
    assert tokenizer_name("clio-v1") == "nerdstash_v1"
    assert tokenizer_name("krake-v2") == "pile"
    assert tokenizer_name("genji-jp-6b-v2") == "gpt2-genji"
    assert tokenizer_name("genji-python-6b") == "gpt2"
    assert tokenizer_name("llama-3-erato-v1") == "llama3"
    assert tokenizer_name("glm-4-6") == "glm-4.6"
    assert TOKENIZERS["llama3"].specials["<|reserved_special_token81|>"] == 128081


def test_no_model_has_two_tokenizers_and_no_file_two_digests() -> None:
    models = [model for one in TOKENIZERS.values() for model in one.models]
    assert len(models) == len(set(models))
    files = [(name, digest) for one in TOKENIZERS.values() for name, digest in one.files.items()]
    assert len(files) == len(dict(files))
    assert all(digest is None or len(bytes.fromhex(digest)) == 32 for _, digest in files)


def test_a_tokenizer_is_found_by_its_name_and_by_its_models() -> None:
    assert find_tokenizer_info("pile") is find_tokenizer_info("krake-v2") is TOKENIZERS["pile"]
    with pytest.raises(InvalidRequestError, match=r"no tokenizer or model is called 'nobody'.*kayra-v1"):
        find_tokenizer_info("nobody")


def test_the_package_is_an_attribute_of_nai_proto() -> None:
    assert nai.tokenizers.read is read
