# pyright: strict, reportUnnecessaryTypeIgnoreComment=true
"""Presets, as the type checkers see them; only checked, never run."""

from __future__ import annotations

from typing import assert_type

from nai_proto.text.global_settings import GlobalSettings
from nai_proto.text.models import Model, TextModelFacts, Tier
from nai_proto.text.phrases import BanList, BiasGroup
from nai_proto.text.preset import Preset
from nai_proto.text.request import build_parameters
from nai_proto.text.text_parameters import PhraseRepPen, TextParameters


def settings_have_their_types(preset: Preset) -> None:
    assert_type(preset.temperature, float | None)
    assert_type(preset.max_length, int | None)
    assert_type(preset.phrase_rep_pen, PhraseRepPen | str | None)
    assert_type(preset.copy().set("top_k", 3).update(top_p=0.5), Preset)
    preset.top_k = 3
    preset.top_k = None
    preset.top_k = "3"  # type: ignore[assignment]
    preset.topk = 3  # type: ignore[attr-defined]
    repr(preset.topk)  # type: ignore[attr-defined]
    del preset.top_k
    preset.model = Model.CLIO  # type: ignore[misc]


def requests_take_all_of_it(preset: Preset, group: BiasGroup) -> None:
    made = build_parameters(
        Model.KAYRA,
        preset=preset,
        settings=GlobalSettings(num_logprobs=3).copy(ban_brackets=False),
        bans=[BanList("a", [1]), "b", {"sequence": [1]}],
        biases=group,
        stop_sequences=["c", [1, 2]],
    )
    assert_type(made, dict[str, object])
    build_parameters("kayra-v1", bans=3)  # type: ignore[arg-type]
    GlobalSettings(num_logprob=3)  # type: ignore[call-arg]
    GlobalSettings().copy(num_logprob=3)  # type: ignore[call-arg]
    GlobalSettings().num_logprobs = 3  # type: ignore[misc]


def lists_stay_themselves(bans: BanList, group: BiasGroup) -> None:
    bans += "a"
    group += [1]
    assert_type(bans, BanList)
    assert_type(group, BiasGroup)


def models_are_values(model: Model) -> None:
    assert_type(model.context_limit(Tier.OPUS), int)
    assert_type(Model("x", TextModelFacts(tokenizer="gpt2")).tokenizer, str)
    Model("x", TextModelFacts(tokeniser="gpt2"))  # type: ignore[call-arg]


WORD: TextParameters = {"phrase_rep_pen": PhraseRepPen.LIGHT}
ALSO: TextParameters = {"phrase_rep_pen": "light"}
NOT: TextParameters = {"phrase_rep_pen": "lots"}  # type: ignore[typeddict-item]
