"""From preset, settings and wishes to the parameters of a request.

See:
    docs/protocol/native.md#91-parameters--complete-list
    docs/protocol/native.md#124-from-preset-to-request-parameters-our-rule
    docs/protocol/native.md#13-global-settings
    docs/protocol/native.md#14-built-in-modules
"""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import fields
from typing import Any, Final, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nai_proto.codecs.json import encode_json
from nai_proto.errors import InvalidRequestError
from nai_proto.http import Host
from nai_proto.text.global_settings import NO_LOGPROBS, GlobalSettings, build_adventure_bans
from nai_proto.text.models import MODELS, Model, TextModelFacts
from nai_proto.text.modules import MODULES, Module
from nai_proto.text.parameter_rules import RULES, ParameterKind
from nai_proto.text.phrases import BanList, BiasGroup
from nai_proto.text.preset import Preset
from nai_proto.text.request import build_parameters
from nai_proto.text.samplers import SAMPLERS, SamplerOrder
from nai_proto.text.wordlists import find_wordlist
from nai_proto.tokenizers.base import ByteVocabulary
from tests.cases import for_each
from tests.protocol_data import DATA
from tests.test_presets import presets

VECTORS: Final[Any] = json.loads((DATA / "text_request_vectors.json").read_bytes())["requests"]
TABLES: Final[Any] = json.loads((DATA / "global_settings.json").read_bytes())
LISTED: Final[Any] = json.loads((DATA / "modules.json").read_bytes())

ALWAYS = {"return_full_text": False, "use_string": False, "use_cache": False}
BARE = {"max_length": 40, "min_length": 1, **ALWAYS, "prefix": "vanilla"}
"What a request without preset and settings has."
OFF = GlobalSettings(
    num_logprobs=NO_LOGPROBS, ban_brackets=False, ban_ambiguous_genji_tokens=False, rep_pen_whitelist=False
)
OFFICIAL = [preset for model in (*MODELS, "krake-v1", "blue", "purple") for preset in Preset.official(model)]


class Letters(ByteVocabulary):
    """A tokenizer whose ids are code points."""

    def __init__(self, name: str = "letters") -> None:
        super().__init__(name, {code: chr(code).encode() for code in range(128)}, {})

    def encode(self, text: str) -> list[int]:
        return [*map(ord, text)]


def bare(model: Model | str = "kayra-v1", **arguments: Any) -> dict[str, object]:
    """The parameters without what is always there."""
    made = build_parameters(model, settings=None, **arguments)
    return {key: value for key, value in made.items() if key not in BARE or value != BARE[key]}


# ---- the vectors of the protocol


@for_each("vector", VECTORS)
def test_a_request_with_an_official_preset_is_that_of_the_protocol(vector: Any) -> None:
    model = vector["model"]
    body: Any = build_parameters(model, preset=Preset.from_official(model, vector["preset"]))
    tokenizer = TABLES["model_tokenizer"][model]
    whitelist = body.pop("repetition_penalty_whitelist", [])
    assert sorted(whitelist) == sorted(TABLES["rep_pen_whitelist"][tokenizer]["token_ids_flat"])
    assert len(whitelist) == vector["whitelist_count"]
    banned = body.pop("bad_words_ids", [])
    assert banned == (TABLES["genji_ambiguous_tokens"] if "genji-jp" in model else TABLES["bracket_bans"][tokenizer])
    assert len(banned) == vector["bad_words_count"]
    assert body == {
        key: pytest.approx(value, abs=1e-9) if isinstance(value, float) else value
        for key, value in vector["parameters"].items()
    }
    assert [type(value) for key, value in sorted(body.items()) if RULES[key].kind is ParameterKind.INTEGER] == [
        int for key in body if RULES[key].kind is ParameterKind.INTEGER
    ]


@for_each("preset", OFFICIAL)
def test_with_other_settings_the_request_follows_the_rules(preset: Preset) -> None:
    """The rules written down a second time, from the file's own JSON."""
    model, data = preset.model, cast("dict[str, Any]", preset.to_preset_data()["parameters"])
    tokenizer = model.tokenizer
    settings = GlobalSettings(
        generate_until_sentence=True,
        num_logprobs=NO_LOGPROBS,
        ban_brackets=False,
        bias_dinkus_asterism=True,
        ban_ambiguous_genji_tokens=False,
        rep_pen_whitelist=False,
    )
    order = data.pop("order")
    on = [name["id"] for name in order if name["enabled"]]
    want = {
        key: value for key, value in data.items() if not any(key in row.keys for row in SAMPLERS if row.name not in on)
    }
    flagged = want.pop("repetition_penalty_default_whitelist", False)
    for key in ("textGenerationSettingsVersion", "logit_bias_groups", "bad_words_ids"):
        want.pop(key, None)
    for key in ("repetition_penalty_range", "repetition_penalty_slope"):
        if want.get(key) == 0:
            del want[key]
    if model.id in ("6B-v4", "euterpe-v2"):
        want["repetition_penalty"] = pytest.approx(1 + (want["repetition_penalty"] - 1) * 0.525 / 7)
    if flagged:
        want["repetition_penalty_whitelist"] = TABLES["rep_pen_whitelist"][tokenizer]["token_ids_flat"]
    biases = TABLES["dinkus_asterism_bias"][tokenizer]
    if biases:
        want["logit_bias_exp"] = biases["entries"]
    names = {row.name: int(row.id) for row in SAMPLERS}
    want = {**BARE, **want, "generate_until_sentence": True, "order": [names[name] for name in on]}
    assert build_parameters(model, preset=preset, settings=settings) == want


def test_the_tables_are_those_of_the_protocol() -> None:
    for tokenizer in ("gpt2", "gpt2-genji", "pile", "nerdstash_v1", "nerdstash_v2", "llama3"):
        lists = find_wordlist(tokenizer)
        assert [[*phrase] for phrase in lists.brackets] == TABLES["bracket_bans"][tokenizer]
        assert [*lists.whitelist] == TABLES["rep_pen_whitelist"][tokenizer]["token_ids_flat"]
        entries = (TABLES["dinkus_asterism_bias"][tokenizer] or {"entries": []})["entries"]
        assert [([*phrase], lists.dinkus_bias) for phrase in lists.dinkus] == [
            (e["sequence"], e["bias"]) for e in entries
        ]
        assert lists.adventure_end == TABLES["text_adventure"]["eos_token_id"].get(tokenizer)
        opening = TABLES["text_adventure"]["end_exclude_sequences"].get(tokenizer, [])
        assert [[*phrase] for phrase in lists.adventure_opening] == opening
    assert [[*phrase] for phrase in find_wordlist("gpt2-genji").ambiguous] == TABLES["genji_ambiguous_tokens"]
    with pytest.raises(InvalidRequestError, match=r"tokenizer .* is called 'glm-4.6'.*settings=None"):
        find_wordlist("glm-4.6")


# ---- global settings


def test_the_defaults_are_those_of_the_protocol() -> None:
    settings = GlobalSettings()
    assert {field.name: getattr(settings, field.name) for field in fields(settings)} == TABLES["defaults"]
    assert TABLES["no_logprobs_value"] == NO_LOGPROBS
    assert settings.copy() == settings
    assert settings.copy(num_logprobs=3).num_logprobs == 3
    assert settings == GlobalSettings()


def test_what_is_off_has_no_key() -> None:
    assert OFF.to_settings("kayra-v1") == {**ALWAYS, "generate_until_sentence": False}
    assert GlobalSettings().to_settings("kayra-v1")["bracket_ban"] is True
    genji = GlobalSettings(ban_brackets=False).to_settings("genji-jp-6b-v2")
    assert len(cast("list[object]", genji["bad_words_ids"])) == 114
    assert "bracket_ban" not in genji


def test_settings_for_a_model_without_a_known_tokenizer_say_what_is_missing() -> None:
    with pytest.raises(InvalidRequestError, match=r"no model for stories is called 'new-v1'; .*tokenizer=…"):
        GlobalSettings().to_settings("new-v1")
    model = Model("new-v1", TextModelFacts(tokenizer="llama3"))
    assert GlobalSettings().to_settings(model) == GlobalSettings().to_settings("llama-3-erato-v1")


# ---- the steps


def test_without_preset_and_settings_little_is_sent() -> None:
    assert build_parameters("kayra-v1", settings=None) == BARE
    assert build_parameters("kayra-v1", settings=OFF) == {**BARE, "generate_until_sentence": False}


def test_a_model_that_is_not_listed_needs_only_the_facts_that_are_used() -> None:
    assert build_parameters("new-v1", settings=None) == BARE
    with pytest.raises(InvalidRequestError, match=r"no model for stories is called 'new-v1'; .*samplers=…"):
        build_parameters("new-v1", settings=None, overrides={"min_p": 0.1})
    with pytest.raises(InvalidRequestError, match=r"no model for stories is called 'new-v1'; .*modules=…"):
        build_parameters("new-v1", settings=None, module="theme_noir")
    model = Model("new-v1", TextModelFacts(host=Host.TEXT, samplers=frozenset([SamplerOrder.TOP_G]), modules=True))
    assert bare(model, overrides={"top_g": 3}, module="theme_noir") == {"top_g": 3, "prefix": "theme_noir"}


def test_the_preset_s_flag_switches_the_whitelist_on_for_this_request() -> None:
    preset = Preset("Mine", "kayra-v1", {"repetition_penalty_whitelist": [[7, 85], 9]})
    assert bare(preset=preset) == {"repetition_penalty_whitelist": [7, 85, 9]}
    preset.repetition_penalty_default_whitelist = True
    common = TABLES["rep_pen_whitelist"]["nerdstash_v2"]["token_ids_flat"]
    wanted = [*common, *(id for id in (7, 9) if id not in common)]  # noqa: A001
    for settings in (None, OFF, GlobalSettings()):
        body = build_parameters("kayra-v1", preset=preset, settings=settings)
        assert body["repetition_penalty_whitelist"] == wanted


def test_overrides_win_and_are_taken_literally() -> None:
    preset = Preset.from_default("kayra-v1")
    overrides = {"typical_p": 0.5, "order": [0, 5], "repetition_penalty_slope": 0, "repetition_penalty_whitelist": [1]}
    body = build_parameters("kayra-v1", preset=preset, overrides={**overrides, "num_logprobs": 3, "use_string": True})
    assert {key: body[key] for key in overrides} == overrides
    assert (body["num_logprobs"], body["use_string"], body["top_k"]) == (3, True, 15)


@for_each("model", ["6B-v4", "euterpe-v2", "6B-v3"])
def test_sigurd_and_euterpe_count_the_penalty_on_another_scale(model: str) -> None:
    assert bare(model, overrides={"repetition_penalty": 2.75}) == {"repetition_penalty": 1.13125}
    assert bare(model, preset=Preset("Mine", model, {"repetition_penalty": 8})) == {"repetition_penalty": 1.525}


@for_each("model", [Model.SIGURD, Model.EUTERPE])
def test_a_penalty_is_checked_before_it_is_rescaled(model: Model) -> None:
    for value in (1.0, 8.0):
        assert build_parameters(model, overrides={"repetition_penalty": value})["repetition_penalty"] in (1, 1.525)
    for value in (0.9, 8.1):
        with pytest.raises(InvalidRequestError, match=f"repetition_penalty is {value}, .* from 1 to 8"):
            build_parameters(model, overrides={"repetition_penalty": value})
        scaled = build_parameters(model, overrides={"repetition_penalty": value}, validate=False)
        assert scaled["repetition_penalty"] == pytest.approx(1 + 0.525 * (value - 1) / 7)
        assert build_parameters(model, extra={"repetition_penalty": value})["repetition_penalty"] == value


def test_no_other_model_does() -> None:
    for model in MODELS:
        if model not in (Model.SIGURD, Model.EUTERPE):
            assert bare(model, overrides={"repetition_penalty": 2.75}) == {"repetition_penalty": 2.75}


def test_bans_and_biases_are_added_to_what_is_there() -> None:
    body = build_parameters("kayra-v1", bans=[BanList([1], [2, 3]), BanList([4], enabled=False), [5]])
    assert body["bad_words_ids"] == [*TABLES["bracket_bans"]["nerdstash_v2"], [1], [2, 3], [5]]
    group = BiasGroup(0.5, True, phrases=[[1], [2]])
    settings = OFF.copy(bias_dinkus_asterism=True)
    body = build_parameters("kayra-v1", biases=group, settings=settings)
    assert [entry["sequence"] for entry in cast("Any", body["logit_bias_exp"])] == [[23], [21], [1], [2]]
    overrides = {"bad_words_ids": [[9]], "logit_bias_exp": []}
    body = build_parameters("kayra-v1", bans=BanList([1]), biases=[group], settings=settings, overrides=overrides)
    assert body["bad_words_ids"] == [[9], [1]]
    assert body["logit_bias_exp"] == group.encode()


def test_stop_sequences_of_the_call_replace_those_of_the_preset() -> None:
    preset = Preset.from_default("hypebot")
    assert build_parameters("hypebot", preset=preset)["stop_sequences"] == [[48585]]
    body = build_parameters("hypebot", preset=preset, stop_sequences=["ab", [7]], tokenizer=Letters())
    assert body["stop_sequences"] == [[97, 98], [7]]
    assert "stop_sequences" not in build_parameters("hypebot", preset=preset, stop_sequences=[])
    assert bare(overrides={"stop_sequences": ["a"]}, tokenizer=Letters()) == {"stop_sequences": [[97]]}


@for_each(
    "arguments",
    [
        {"bans": ["secret words"]},
        {"bans": BanList("secret words")},
        {"biases": BiasGroup(1, phrases=["secret words"])},
        {"stop_sequences": ["secret words"]},
        {"preset": Preset("Mine", "kayra-v1", {"stop_sequences": ["secret words"]})},
    ],
)
def test_text_needs_a_tokenizer_and_the_error_does_not_quote_it(arguments: dict[str, Any]) -> None:
    assert bare(**arguments, tokenizer=Letters())
    with pytest.raises(InvalidRequestError, match="is text, which needs the model's tokenizer") as caught:
        bare(**arguments)
    assert "secret" not in str(caught.value)


def test_another_model_s_tokenizer_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="kayra-v1 uses the tokenizer nerdstash_v2, not gpt2"):
        bare(bans=["a"], tokenizer=Letters("gpt2"))
    assert bare(bans=["a"], tokenizer=Letters("nerdstash_v2")) == {"bad_words_ids": [[97]]}


@for_each("arguments", [{"bans": "a text"}, {"stop_sequences": "a text"}, {"bans": {"sequence": [1]}}])
def test_one_phrase_is_no_list(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError, match="also where there is only one"):
        bare(**arguments, tokenizer=Letters())


def test_what_is_extra_is_not_looked_at() -> None:
    assert bare(extra={"seed": 3, "top_k": "many"}) == {"seed": 3, "top_k": "many"}


def test_without_validation_anything_goes() -> None:
    odd = {"temperature": 1000, "brand_new": "x", "repetition_penalty": "x"}
    assert bare("6B-v4", overrides=odd, validate=False) == odd
    for name in ("bad_words_ids", "logit_bias_exp"):
        with pytest.raises(InvalidRequestError, match=f"{name} is a list"):
            bare(overrides={name: 3}, validate=False)


def test_nothing_that_is_given_is_changed() -> None:
    given = {
        "preset": Preset.from_default("hypebot").set("repetition_penalty_whitelist", [[1]]),
        "bans": [BanList([1])],
        "biases": [BiasGroup(1, phrases=[[1]])],
        "stop_sequences": [[1], {"sequences": [[2], [3]]}],
        "overrides": {"bad_words_ids": [[1]], "logit_bias_exp": []},
        "extra": {"x": [1]},
    }
    before = deepcopy(given)
    first: Any = build_parameters("hypebot", **given)  # type: ignore[arg-type]  # as listed above
    assert given == before
    second = build_parameters("hypebot", **given)  # type: ignore[arg-type]
    for name in ("repetition_penalty_whitelist", "bad_words_ids", "logit_bias_exp", "stop_sequences"):
        first[name].clear()
    assert build_parameters("hypebot", **given) == second  # type: ignore[arg-type]
    assert given == before


# ---- modules


@for_each("row", LISTED["modules"], ids=lambda row: row["id"])
def test_every_module_is_taken_by_the_models_that_have_it(row: Any) -> None:
    module = MODULES[row["id"]]
    assert module.name == row["name"]
    without = (Model.CALLIOPE, Model.SNEK, Model.GENJI, Model.ERATO)
    for model in MODELS:
        has = row["id"] == "vanilla" or (
            model.id in row["model_ids"] if row["model_ids"] != "all" else model not in without
        )
        if has:
            assert build_parameters(model, settings=None, module=row["id"])["prefix"] == row["id"]
            assert build_parameters(model, settings=None, module=module)["prefix"] == row["id"]
        else:
            with pytest.raises(InvalidRequestError, match=f"{model.id} does not have the module '{row['id']}'"):
                build_parameters(model, settings=None, module=module)


def test_the_table_of_modules_has_no_others_but_one_of_another_client() -> None:
    assert {*MODULES} == {row["id"] for row in LISTED["modules"]} | {"utility_lorebookgenerator"}


def test_a_module_of_a_user_passes_for_its_model() -> None:
    assert bare("6B-v4", module="6B-v4:c602:b764") == {"prefix": "6B-v4:c602:b764"}
    assert bare(Model("new-v1", TextModelFacts(host=Host.API)), module="new-v1:c602:b764") == {
        "prefix": "new-v1:c602:b764"
    }
    assert bare(module=Module("new", models=frozenset(["kayra-v1"]))) == {"prefix": "new"}
    with pytest.raises(InvalidRequestError, match="was trained for 6B-v4, and the model is kayra-v1"):
        bare(module="6B-v4:c602:b764")


def test_an_unknown_module_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(
        InvalidRequestError, match="no module of 6B-v4 is called 'theme_noire'; did you mean 'theme_noir'"
    ):
        bare("6B-v4", module="theme_noire")


def test_a_prefix_among_the_overrides_stays_and_contradicts_a_module() -> None:
    assert bare(overrides={"prefix": "special_openings"}) == {"prefix": "special_openings"}
    with pytest.raises(InvalidRequestError, match=r"prefix.*module|module.*prefix"):
        bare(overrides={"prefix": "special_openings"}, module="special_instruct")


# ---- text adventures


def test_a_text_adventure_ends_where_the_player_acts() -> None:
    kayra = {"prefix": "theme_textadventure", "eos_token_id": 49405, "min_length": 5}
    assert bare(text_adventure=True) == kayra
    assert bare("llama-3-erato-v1", text_adventure=True) == {"eos_token_id": 29, "min_length": 5}
    assert bare(text_adventure=True, module="vanilla", overrides={"min_length": 2}) == {
        "eos_token_id": 49405,
        "min_length": 2,
    }
    assert bare(text_adventure=True, preset=Preset("Mine", "kayra-v1", {"min_length": 9})) == {**kayra, "min_length": 9}
    assert bare(bans=build_adventure_bans("kayra-v1")) == {"bad_words_ids": [[85, 49405]]}
    with pytest.raises(InvalidRequestError, match="no text adventures are known for genji-jp-6b-v2"):
        bare("genji-jp-6b-v2", text_adventure=True)


# ---- laws

SETTINGS = st.builds(
    GlobalSettings,
    generate_until_sentence=st.booleans(),
    num_logprobs=st.integers(-1, 30),
    ban_brackets=st.booleans(),
    bias_dinkus_asterism=st.booleans(),
    ban_ambiguous_genji_tokens=st.booleans(),
    rep_pen_whitelist=st.booleans(),
)


@given(presets(), st.none() | SETTINGS)
def test_of_any_preset_and_settings_a_request_is_made_and_neither_changes(
    preset: Preset, settings: GlobalSettings | None
) -> None:
    before, tokenizer = preset.copy(), Letters()
    body: Any = build_parameters(preset.model, preset=preset, settings=settings, tokenizer=tokenizer, validate=False)
    assert preset == before
    assert encode_json(body)
    assert {*body} <= {*RULES}
    if preset.order is not None:
        off = {key for row in SAMPLERS if row.id not in body["order"] for key in row.keys}
        assert not off & {*body}
    assert settings is None or body["generate_until_sentence"] is settings.generate_until_sentence
    assert body.get("num_logprobs", NO_LOGPROBS) == (settings.num_logprobs if settings else NO_LOGPROBS)
    again = build_parameters(preset.model, preset=preset, settings=settings, tokenizer=tokenizer, validate=False)
    assert again == body


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda of: st.lists(of, max_size=3) | st.dictionaries(st.sampled_from(["sequence", "bias"]), of),
    max_leaves=5,
)


@given(st.sampled_from(sorted(RULES)), VALUES, st.sampled_from(MODELS))
def test_any_value_is_sent_as_it_is_or_refused(name: str, value: object, model: Model) -> None:
    try:
        body = bare(model, overrides={name: value})
    except InvalidRequestError:
        return
    json.dumps(body, allow_nan=False)
    if name != "repetition_penalty" and value and name not in BARE:
        assert body[name] == value


def test_the_repr_of_settings_shows_those_that_differ_from_their_defaults() -> None:
    assert repr(GlobalSettings()) == "GlobalSettings()"
    assert repr(GlobalSettings(ban_brackets=False)) == "GlobalSettings(ban_brackets=False)"
