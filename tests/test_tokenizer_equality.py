"""With the published files, our ids are those of the reference libraries, string by string.

The files come from the cache or from the package registry; where neither has them, this is skipped and says so. Two
questions are tested with each file. *Reading*: do `read` and the library that the file was made for agree? *Merging*: does
the same vocabulary, rewritten in NovelAI's form, give the same ids by our own merging?

CLIP's file was made for a program, not for a library: the reference is that program's procedure, written plainly. The
files of t5, glm-4.6, qwen35 and NovelAI's own llama3 are in no package that is known here, so nothing compares those.

See docs/protocol/native.md#112-tokenizer-per-model.
"""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final
from unicodedata import category
from unittest.mock import Mock

import pytest
import sentencepiece
import tokenizers as hugging_face

from nai_proto.emulator.text.corpus import TALES
from nai_proto.errors import TransportError
from nai_proto.tokenizers import TOKENIZERS, loader, read
from nai_proto.tokenizers.kitoken_encoder import choose_encoder
from nai_transports.tokenizer_files import cache_directory, novelai_api_wheel
from nai_transports.tokenizer_files.cache import find_verified
from tests.hypothesis_profiles import scale_examples
from tests.test_tokenizer_forms import PlainClip
from tests.test_tokenizers import SPLIT, novelai_file

pytestmark = pytest.mark.tokenizer_files

STRINGS: Final = scale_examples(5_000)


def files_with_digest(name: str) -> dict[str, str]:
    """Return the files whose SHA-256 is known, with it."""
    files = (*TOKENIZERS[name].files.items(), *TOKENIZERS[name].substitutes.items())
    return {file: digest for file, digest in files if digest is not None}


NAMES: Final = [name for name in TOKENIZERS if files_with_digest(name)]
made_for_a_library = pytest.mark.parametrize("name", [name for name in NAMES if name != "clip"])

NEXT_LINE = (
    "\u0085",
    "NEXT LINE is a blank to the libraries (White_Space) and none to JavaScript, whose rules the form follows",
)
NO_BREAK = ("\ufeff", "ZERO WIDTH NO-BREAK SPACE is a blank to JavaScript and none to the libraries")
BLOCK = (
    "\u2581",
    "SentencePiece writes blanks so, and takes the character for a blank; NovelAI's form has it as it is",
)
BROKEN = (
    "\ufffd",
    "of its bytes ï¿½ the first two merge first; ï¿+½ has a rank as joined text, but the file lists only ï+¿½",
)

# How our merging differs from the libraries, character by character: why, and nothing else may differ.
DIFFERENCES: Final = {
    "gpt2": (NEXT_LINE, NO_BREAK),
    "gpt2-genji": (NEXT_LINE, NO_BREAK, BROKEN),
    "pile": (NEXT_LINE, NO_BREAK),
    "nerdstash_v1": (BLOCK,),
    "nerdstash_v2": (BLOCK,),
    "llama3": (NEXT_LINE, NO_BREAK),
}


@cache
def reason_for_no_files() -> str:
    """Return why the files are not available, tried once; empty if they are."""
    here = [find_verified(files_with_digest(name), cache_directory()) for name in NAMES]
    if None in here:
        try:
            novelai_api_wheel.download(cache_directory(), lambda what, done, total: None)
        except TransportError as error:
            return str(error)
    return ""


def file(name: str, monkeypatch: pytest.MonkeyPatch) -> bytes:
    monkeypatch.setattr(novelai_api_wheel, "_TIMEOUT_S", 45.0)
    if why := reason_for_no_files():  # no registry, no files: the log says which comparison is missing
        pytest.skip(f"NOT COMPARED WITH THE REFERENCE: {name}: {why}")
    data = find_verified(files_with_digest(name), cache_directory())
    assert data is not None
    return data


CONTRACTED: Final = "don't we'll I'm they've she'd CAN'T O'CLOCK café naïve Straße İstanbul"
WORDS: Final = [*TALES.split(" ")[:600], *CONTRACTED.split()]
SHOWN: Final = """
    😀 👩‍👩‍👧‍👦 🇯🇵 👍🏽 ❤️ 你好世界 吾輩は猫である。 ﾊﾝｶｸ 안녕 مرحبا שלום हिन्दी ไทย ﬁ Å ①²½ ٣٤ 12345678 3.14 1,000 *** ----
    ⁂ ─ "quoted" https://a.example/?q=1&b=%20 ```py {{}} ▁ ▁▁a <0x41> 0x41 Ġ <| |> <|endof <|endoftext|
"""
ODD: Final = [
    *SHOWN.split(),
    *("e\u0301", "\u0301", "a\u0338", ">\u0338", "\u1e9b\u0323", "\u212b", "\U0001d49c", "[ Author: X ]"),
    *"\0\a\x7f\x85\xa0\xad\u200b\u200d\u2028\u2029\u3000\ufeff\ufffd\uffff\U0010ffff\ue000",
]
BLANKS: Final = (
    " ",
    "  ",
    "   ",
    "    ",
    " " * 9,
    " " * 17,
    "\n",
    "\n\n",
    "\n\n\n",
    "\r\n",
    "\t",
    "\t\t",
    " \n ",
    "\u2003 ",
)
CONTRACTIONS: Final = ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'Re", "'t've")
ATOMS: Final = [*"aAéß你Ii1½٣.,!'\"-_*…\u0301\U0001f9a2", *BLANKS, *CONTRACTIONS]
"""One of each kind that the rules for splitting a text tell apart; every two of them stand beside each other somewhere."""


def text(draw: random.Random, specials: tuple[str, ...]) -> str:
    """Return up to a few dozen words, oddities, runs and characters from all of Unicode, without special strings."""
    parts: list[str] = []
    for _ in range(draw.choice((1, 2, 3, 8, 20))):
        match draw.randrange(9):
            case 8:
                parts += draw.choices(ATOMS, k=draw.randrange(1, 12))
            case 0:
                parts.append(draw.choice(ODD))
            case 1:
                parts.append(draw.choice(BLANKS))
            case 2:
                parts.append(chr(draw.choice((draw.randrange(0xD800), draw.randrange(0xE000, 0x110000)))))
            case 3:
                parts.append(draw.choice("aA 1.é你-\n") * draw.randrange(1, 30))
            case _:
                parts.append(draw.choice(WORDS) + draw.choice((" ", " ", ", ", ". ", "\n", "")))
    made = "".join(parts)
    return made if not any(special in made for special in specials) else text(draw, specials)


@cache
def strings(name: str, specials: tuple[str, ...]) -> list[list[str]]:
    """Return texts with special strings between them: text, special, text and so on."""
    draw = random.Random(name)
    made: list[list[str]] = []
    for _ in range(STRINGS):
        parts = [text(draw, specials)]
        while specials and draw.random() < 0.15:
            parts += [draw.choice(specials), draw.choice((text(draw, specials), ""))]
        made.append(parts)
    return made


class Reference:
    """The library that a file was made for, used directly."""

    def __init__(self, data: bytes, *, whole_words: bool = False) -> None:
        if data[:1] == b"\n":
            library = sentencepiece.SentencePieceProcessor(model_proto=data)
            ids = range(library.GetPieceSize())
            self.specials = {
                library.IdToPiece(one): one for one in ids if library.IsControl(one) or library.IsUnknown(one)
            }
            self.encode_text: Any = library.Encode
            self.encode_all: Any = None
            self.decode: Any = None
        else:
            whole = hugging_face.Tokenizer.from_buffer(data)
            if whole_words:
                whole.model.ignore_merges = True
            added = whole.get_added_tokens_decoder().items()
            self.specials = {token.content: number for number, token in added if token.special}
            self.encode_text = None
            self.encode_all = lambda string: whole.encode(string, add_special_tokens=False).ids
            self.decode = lambda tokens: whole.decode(tokens, skip_special_tokens=False)

    def encode(self, parts: list[str]) -> list[int]:
        if self.encode_all is not None:
            ids: list[int] = self.encode_all("".join(parts))
            return ids
        # SentencePiece cannot encode its own control pieces: the test knows where they stand and puts them in.
        texts = [
            self.encode_text(part) if place % 2 == 0 else [self.specials[part]] for place, part in enumerate(parts)
        ]
        return [token for part in texts for token in part]


def is_encoded_by_library(data: bytes) -> bool:
    encode = Mock()
    return choose_encoder(data, "tokenizers", encode) is encode


@made_for_a_library
@pytest.mark.parametrize("encoder", ["kitoken", "library"])
def test_ids_are_those_of_the_library(name: str, encoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = file(name, monkeypatch)
    if encoder == "library":
        monkeypatch.setattr(loader, "choose_encoder", lambda data, file_format, encode: encode)
    elif is_encoded_by_library(data):
        pytest.skip(f"kitoken is not known to give the ids of {name}'s file")
    ours, reference = read(data, name=name), Reference(data)
    assert ours.specials == reference.specials
    for parts in strings(name, tuple(reference.specials)):
        whole = "".join(parts)
        tokens = ours.encode(whole)
        assert tokens == reference.encode(parts), parts
        # SentencePiece takes U+2581 for a blank; pile's file asks for NFC, of which the library has a table of its own.
        came_back = whole.replace("▁", " ") if reference.decode is None else reference.decode(tokens)
        assert ours.decode(tokens) == came_back
        assert name == "pile" or came_back in (whole, whole.replace("▁", " "))


def test_all_files_but_two_are_encoded_by_kitoken(monkeypatch: pytest.MonkeyPatch) -> None:
    by_library = {name for name in NAMES if is_encoded_by_library(file(name, monkeypatch))}
    assert by_library == {"clip", "gpt2-genji"}


@pytest.mark.parametrize("installed", [None, "0.11.1"])
def test_a_file_is_encoded_by_its_library_without_the_kitoken_that_is_trusted(
    monkeypatch: pytest.MonkeyPatch, installed: str | None
) -> None:
    def version(_: str) -> str:
        if installed is None:
            raise metadata.PackageNotFoundError
        return installed

    data = file("gpt2", monkeypatch)
    monkeypatch.setattr(metadata, "version", version)
    assert is_encoded_by_library(data)
    assert read(data).encode("The keeper lit the lamp.") == [464, 28356, 6578, 262, 20450, 13]


THREADS: Final = """
import sys, threading
from nai_proto.tokenizers import read

def encode():
    with open(sys.argv[1], "rb") as file:
        print(read(file.read()).encode("The keeper"))

for _ in range(3):
    thread = threading.Thread(target=encode)
    thread.start()
    thread.join()
"""


def test_a_thread_encodes_after_the_one_that_encoded_first_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "nerdstash_v2.model"
    path.write_bytes(file("nerdstash_v2", monkeypatch))
    ran = subprocess.run([sys.executable, "-c", THREADS, path], capture_output=True, text=True)
    assert ran.returncode == 0
    assert len({*ran.stdout.splitlines()}) == 1


def test_clip_ids_are_those_of_a_plain_implementation(monkeypatch: pytest.MonkeyPatch) -> None:
    data = file("clip", monkeypatch)
    ours, reference = read(data, name="clip"), PlainClip(gzip.decompress(data).decode())
    assert ours.specials == reference.specials == TOKENIZERS["clip"].specials
    assert ours.encode("A photo of a cat") == [320, 1125, 539, 320, 2368]  # as everywhere where CLIP is explained
    for parts in strings("clip", tuple(reference.specials)):
        # Python's table of characters is older than the library's: one that it does not know may be a letter there.
        known = ["".join(one for one in part if category(one) != "Cn") for part in parts]
        expected = [
            token
            for place, part in enumerate(known)
            for token in (reference.encode(part) if place % 2 == 0 else [reference.specials[part]])
        ]
        assert ours.encode("".join(known)) == expected, parts


def rewrite_as_novelai(name: str, data: bytes) -> bytes:
    """Return the same vocabulary in NovelAI's format."""
    if data[:1] == b"\n":
        library = sentencepiece.SentencePieceProcessor(model_proto=data)
        names = [library.IdToPiece(number).replace("▁", " ") for number in range(library.GetPieceSize())]
        bytewise = library.IsByte(list(range(len(names))))
        vocab = {
            f"0x{one[3:5]}" if byte else one: number
            for number, (one, byte) in enumerate(zip(names, bytewise, strict=True))
        }
        first = bytewise.index(True)  # what stands before is control or user-defined: matched before anything merges
        made = [one for one, byte in zip(names[first:], bytewise[first:], strict=True) if len(one) > 1 and not byte]
        return novelai_file(vocab, [(one[:1], one[1:]) for one in made], names[:first], r"[\s\S]+")
    document = json.loads(data)
    model, pre = document["model"], document["pre_tokenizer"]
    split = pre["pretokenizers"][0]["pattern"]["Regex"] if pre["type"] == "Sequence" else SPLIT
    vocab = model["vocab"] | {token["content"]: token["id"] for token in document["added_tokens"]}
    merges = [merge.split(" ") for merge in model["merges"]]
    form = {"normalization": "NFC"} if document["normalizer"] else {}
    return novelai_file(vocab, merges, [token["content"] for token in document["added_tokens"]], split, **form)


@made_for_a_library
def test_our_merging_gives_the_same_ids_except_for_the_listed_differences(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library is set to use whole words too, as NovelAI's format does."""
    data = file(name, monkeypatch)
    ours, reference = read(rewrite_as_novelai(name, data), name=name), Reference(data, whole_words=True)
    skipped = dict.fromkeys(DIFFERENCES[name], 0)
    for parts in strings(name, tuple(reference.specials)):
        if ours.encode("".join(parts)) == reference.encode(parts):
            continue
        there = [one for one in skipped if any(one[0] in part for part in parts)]
        assert there, parts
        for one in there:
            skipped[one] += 1
            parts = [part.replace(one[0], "") for part in parts]
        assert ours.encode("".join(parts)) == reference.encode(parts), parts  # and nothing else differs
    for (mark, why), count in skipped.items():
        sys.stdout.write(f"{name}: {count} of {STRINGS} strings compared without U+{ord(mark):04X}: {why}\n")
    assert sum(skipped.values()) < STRINGS / 20
