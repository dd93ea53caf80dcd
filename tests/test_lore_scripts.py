"""Lorebooks in all scripts: keys match as JavaScript finds them, and whatever searches them finds the same.

See docs/protocol/content.md#82-which-entries-take-part.
"""

# ruff: noqa: RUF001 - letters that look alike are the point

from __future__ import annotations

import json
import random
import shutil
import subprocess
from functools import partial
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto.story import Key, Lorebook, Story, build_context, build_continuation, try_lorebook
from nai_proto.story.context.parts import ContextParts
from nai_proto.story.context.report import Context
from nai_proto.story.context_config import ContextKind
from nai_proto.story.lore.search_text import clean_text
from nai_proto.story.placeholders import fill_placeholders
from nai_proto.tier import Tier
from tests.cases import for_each

from .context_support import BYTES

NODE: Final = shutil.which("node")
PROGRAM: Final = r"""
for (const line of require('fs').readFileSync(0, 'utf8').trim().split('\n')) {
  const [key, text] = JSON.parse(line)
  const before = /^\W/.test(key) ? '' : '\\b', behind = /\W$/.test(key) ? '' : '\\b'
  const regex = new RegExp(before + key.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&') + behind, 'giu')
  let last = -1
  for (let match; (match = regex.exec(text)); ) {
    last = match.index
    regex.lastIndex = last + String.fromCodePoint(text.codePointAt(last)).length
  }
  console.log(last)
}
"""
"""Prints where the last match of each key begins, in UTF-16 units; -1 for none."""

SCRIPTS: Final = {
    "Japanese": "昨日 アリス アリスは 森 へ 行った 灯台 エララ ｱﾘｽ ガンダム 東京タワー ー 々",
    "Chinese": "国王 来了 王 北京 我在北京工作 龍 龙 你好 ， 。 「王」",
    "Korean": "용 용은 앨리스 앨리스가 왔다 왕국 왕 서울에서 한글",
    "Thai": "มังกร เห็นมังกรตัวใหญ่ อลิซ เมือง กำแพง ไป ที่",
    "Russian": "дракон Драконы ДРАКОНА Ёлка ёлки ведьма Ведьмы И и й Й ѐ",
    "Greek": "οδός ΟΔΟΣ οδος δράκος ΔΡΆΚΟΣ ΐ ΰ Άλφα ᾳ ΩΜΈΓΑ ωμέγα σ ς Σ",
}
LATIN: Final = (
    "Mira Mira's mira café CAFÉ Straße STRASSE Dr. C++ cat cats cat_ Cat9 _ 7 İ ı \u017fea \u212aing King ß ẞ 😀 ..."
)


class RandomTrials:
    """Draws keys, and texts that often have them."""

    def __init__(self, seed: int, words: str) -> None:
        self._random = random.Random(seed)
        self._words = [*words.split(), *self._random.sample(LATIN.split(), 8)]

    def text(self) -> str:
        pieces = (self._random.choice(self._words) + self._random.choice(["", "", "", " ", "\n"]) for _ in range(12))
        return "".join(pieces)

    def key(self, text: str) -> str:
        if self._random.random() < 0.3:
            key = self._random.choice(self._words)
        else:
            start = self._random.randrange(len(text))
            key = text[start : start + self._random.randint(1, 8)]
        return self._random.choice((key, key.upper(), key.lower())).strip() or "x"


def list_trials(count: int) -> list[tuple[str, str]]:
    trials = list[tuple[str, str]]()
    while len(trials) < count:
        script = [*SCRIPTS.values()][len(trials) % len(SCRIPTS)]
        draw = RandomTrials(len(trials), script)
        text = draw.text()
        trials.append((draw.key(text), text))
    return trials


def test_node_finds_the_same_keys_in_a_thousand_texts_of_six_scripts() -> None:
    if NODE is None:
        pytest.skip("node is not installed")
    trials = list_trials(1000)
    lines = "\n".join(map(json.dumps, trials))
    done = subprocess.run([NODE, "-e", PROGRAM], input=lines, capture_output=True, text=True, check=True, timeout=50)
    theirs = [*map(int, done.stdout.split())]
    assert 200 < sum(last >= 0 for last in theirs) < 900, "both outcomes are tried"
    for (key, text), last in zip(trials, theirs, strict=True):
        match = Key.parse(key).find_last(text)
        units = -1 if match is None else len(text[: match.start].encode("utf-16-le")) // 2
        assert units == last, f"{key!r} in {text!r}"


@for_each("script", SCRIPTS)
def test_a_name_is_found_beside_a_particle_or_an_ending_of_its_script(script: str) -> None:
    draw = RandomTrials(1, SCRIPTS[script])
    for word in SCRIPTS[script].split():
        text = f"{draw.text()[:40]}{word[0]}{word}{word[-1]}Z{draw.text()[:40]}"
        assert Key.parse(word).find_last(text) is not None, word


# ---- one matcher


def activated(context: Context) -> list[bool]:
    return [row.active for row in context.rows if row.kind is ContextKind.LORE]


WORDS: Final = st.sampled_from(
    [*" ".join(SCRIPTS.values()).split(), *LATIN.split(), "${name}", "D&D", "& ", "\n## ", " "]
)
TEXTS: Final = st.lists(WORDS, max_size=8).map("".join)


@given(st.lists(st.tuples(st.lists(TEXTS, max_size=3), st.integers(0, 30), st.booleans()), max_size=4), TEXTS)
def test_a_trial_a_context_and_a_continuation_activate_the_same_entries(
    entries: list[tuple[list[str], int, bool]], text: str
) -> None:
    stored = [
        {"text": "x", "keys": keys, "searchRange": units, "category": "off" * in_category}
        for keys, units, in_category in entries
    ]
    book = {"lorebookVersion": 6, "entries": stored, "categories": [{"id": "off", "enabled": False}]}
    answers = {"name": "Mira"}
    fill = partial(fill_placeholders, values=answers)
    trial = [each.active for each in try_lorebook(Lorebook(book), clean_text(text, fill), fill=fill)]

    parts = ContextParts.from_content({"lorebook": book}, text=text)
    assert activated(build_context(parts, tokenizer=BYTES, size=1000, placeholders=answers)) == trial

    story = Story.new(model="kayra-v1", now=0, legacy=True)
    story.append(text, now=1)
    story.fields["lorebook"] = book
    continuation = build_continuation(story, tokenizer=BYTES, tier=Tier.OPUS, placeholders=answers)
    assert activated(continuation.context) == trial


# ---- entries without an id


def test_entries_without_an_id_share_neither_matches_nor_biases_nor_conditions() -> None:
    def entry(text: str, key: str, **more: object) -> dict[str, object]:
        biases = [
            {"phrases": [f"{{{text}}}"], "bias": 1},
            {"phrases": [f"{{not {text}}}"], "bias": 1, "whenInactive": True},
        ]
        return {"text": text, "keys": [key], "loreBiasGroups": biases, **more}

    book = {
        "entries": [
            entry("cat", "cat"),
            entry("dog", "dog"),
            entry("owl", "owl", id=""),
            entry("elk", "elk", advancedConditions=[{"type": "lore", "entryId": ""}, {"type": "lore"}]),
            entry("fox", "fox", advancedConditions=[{"type": "key", "key": "owl", "in": ["lore"]}]),
        ],
        "categories": [
            {"enabled": False},
            {"id": "", "categoryBiasGroups": [{"phrases": ["{none}"], "bias": 1}]},
            {"createSubcontext": True},
        ],
    }
    parts = ContextParts.from_content({"lorebook": book}, text="A cat met an owl.")
    context = build_context(parts, tokenizer=BYTES, size=1000)
    assert activated(context) == [True, False, True, False, True]
    assert [row.match and row.match.key for row in context.rows if row.kind is ContextKind.LORE][:3] == [
        "cat",
        None,
        "owl",
    ]
    assert [[*group] for group in context.biases] == [["cat"], ["not dog"], ["owl"], ["not elk"], ["fox"]]
    assert [trial.active for trial in try_lorebook(Lorebook(book), "A cat met an owl.")] == [
        True,
        False,
        True,
        False,
        False,
    ]
