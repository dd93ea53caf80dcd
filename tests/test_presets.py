"""Presets: official, from files, made in code.

See docs/protocol/native.md#12-presets.
"""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from typing import Any, Final, Never

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nai_proto as nai
from nai_proto.errors import InvalidFile, InvalidRequestError
from nai_proto.exchange.actions import Steps
from nai_proto.testing import play
from nai_proto.text.models import MODELS, Model, TextModelFacts
from nai_proto.text.parameter_rules import ParameterKind
from nai_proto.text.preset import Preset
from nai_proto.text.preset_fields import FIELDS, setting_kind
from nai_proto.text.samplers import INTERNAL_MODELS, SAMPLERS, SamplerOrder
from nai_proto.text.text_parameters import PhraseRepPen
from tests.cases import for_each
from tests.protocol_data import DATA as PROTOCOL_DATA

DATA: Final[Any] = json.loads((PROTOCOL_DATA / "text_presets.json").read_bytes())["models"]
LISTED = [model for model in DATA if model not in ("_color_models", "glm-4-6")]  # the last is no preset file

KAYRA = {
    "presetVersion": 3,
    "name": "Mine",
    "id": "b5b5f0c5",
    "remoteId": "",
    "description": "new key",
    "parameters": {
        "textGenerationSettingsVersion": 8,
        "temperature": 1.5,
        "top_k": 40.0,
        "top_p": None,
        "dry_multiplier": {"new": [1, None]},
        "phrase_rep_pen": "very_new",
        "bad_words_ids": [[1]],
        "order": [
            {"id": "top_k", "enabled": True},
            {"id": "brand_new", "enabled": True, "weight": 2},
            {"id": "temperature", "enabled": False, "note": "x"},
        ],
    },
    "model": "kayra-v1",
}


def file(**changes: object) -> bytes:
    return json.dumps({**KAYRA, **changes}).encode()


def parameters(**changes: object) -> bytes:
    return file(parameters={**KAYRA["parameters"], **changes})  # type: ignore[dict-item]  # it is one


# ---- official


@for_each("id", LISTED)
def test_the_official_presets_are_those_of_the_protocol(id: str) -> None:  # noqa: A002
    want = DATA[id]["presets"]
    have = {preset.name: preset for preset in Preset.official(id)}
    assert [*have] == [*want]
    for name, preset in have.items():
        written = preset.to_preset_data()
        version = written["parameters"].pop("textGenerationSettingsVersion", None)  # type: ignore[attr-defined]
        assert written["parameters"] == want[name]["parameters"]
        assert version == want[name]["textGenerationSettingsVersion"]
        assert (written["id"], written["presetVersion"]) == (want[name]["id"], want[name]["presetVersion"])
        assert written["model"] == (want[name]["model_in_file"] or id)
        assert preset.to_settings()["order"] == want[name]["order_enabled_ids"]
        assert preset == Preset.from_official(id, name)


@for_each("colour", INTERNAL_MODELS)
def test_the_internal_models_share_one_preset(colour: str) -> None:
    (want,) = DATA["_color_models"]["presets"].values()
    preset = Preset.from_default(colour)
    assert preset.model.id == colour
    written: Any = preset.to_preset_data()
    assert written["parameters"] == want["parameters"]
    assert (written["id"], preset.name) == (want["id"], DATA["_color_models"]["default"])


@for_each("id", LISTED)
def test_every_model_with_presets_has_a_default(id: str) -> None:  # noqa: A002
    assert Preset.from_default(id).name == (DATA[id]["default"] or "Golden Arrow")


def test_an_unknown_preset_is_refused_with_the_nearest_name_and_all_names() -> None:
    with pytest.raises(
        InvalidRequestError,
        match=r"preset of kayra-v1 is called 'Carefre'; did you mean 'Carefree'\? There are Asper, ",
    ):
        Preset.from_official(Model.KAYRA, "Carefre")
    for model in ("glm-4-6", "cassandra"):
        assert Preset.official(model) == ()
        with pytest.raises(InvalidRequestError, match=f"{model} has no official presets; make one with"):
            Preset.from_default(model)
    with pytest.raises(
        InvalidRequestError, match=r"no model for stories is called 'kayraa'; did you mean 'kayra-v1'\?"
    ):
        Preset.from_official("kayraa")


def test_without_a_name_a_flow_draws_an_official_preset_from_the_context_s_entropy() -> None:
    flow = Preset.from_official("Kayra")
    assert pickle.loads(pickle.dumps(flow)) == flow

    def draw(number: int) -> Preset:
        return play(flow, [], entropy=lambda size: number.to_bytes(size, "big")).result

    official = Preset.official("Kayra")
    assert [draw(number) for number in range(len(official))] == [*official]
    assert draw(len(official)) == official[0]


def test_a_drawn_preset_is_used_in_the_flow_that_draws_it() -> None:
    @nai.flow
    def surprise() -> Steps[Never, str]:
        preset = yield from Preset.from_official("Clio")
        return nai.text.generate("Once", preset=preset).request.path

    assert play(surprise(), []).result == "/ai/generate"


def test_each_call_gives_presets_of_its_own() -> None:
    hype = Preset.from_default("hypebot")
    before = deepcopy(hype)
    hype.stop_sequences.append([1])  # type: ignore[union-attr]  # a list, of this one only
    assert Preset.from_default("hypebot") == before != hype


def test_importing_text_loads_no_table_of_presets_or_words() -> None:
    code = (
        "import sys, nai_proto.text, nai_proto.text.models, nai_proto.text.preset, nai_proto.text.request\n"
        "print(*[name for name in sys.modules if 'official_presets.' in name or 'wordlists.' in name])\n"
        "nai_proto.text.preset.Preset.from_default('kayra-v1')\n"
        "print(*[name for name in sys.modules if 'official_presets.' in name or 'wordlists.' in name])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=50)
    assert done.stdout.splitlines() == ["", "nai_proto.text.official_presets.newer_models"]


# ---- settings


def test_settings_are_items_and_attributes() -> None:
    preset = Preset("Mine", "kayra-v1", {"temperature": 1})
    assert preset.temperature == preset["temperature"] == 1
    preset.top_k = 4
    preset["order"] = [SamplerOrder.TOP_K, 0]
    assert (preset["top_k"], preset.order) == (4, [SamplerOrder.TOP_K, SamplerOrder.TEMPERATURE])
    assert preset.top_p is None
    assert "top_p" not in preset
    assert [*preset] == preset.keys() == ["temperature", "top_k", "order"]
    assert dict(preset) == {"temperature": 1, "top_k": 4, "order": [1, 0]}
    del preset["top_k"]
    del preset.temperature
    preset.order = None
    preset.update(top_p=None)
    assert [*preset] == []
    assert preset.set("phrase_rep_pen", "light").phrase_rep_pen is PhraseRepPen.LIGHT
    assert repr(preset) == "<preset 'Mine' for kayra-v1>"
    assert set(Preset.DEFAULTS) <= FIELDS


@for_each(
    "use",
    [
        lambda preset: preset["tempratur"],
        lambda preset: preset.set("tempratur", 1),
        lambda preset: setattr(preset, "tempratur", 1),
        lambda preset: preset.update(tempratur=1),
        lambda preset: preset.__delitem__("tempratur"),
    ],
)
def test_an_unknown_setting_is_refused_with_the_nearest_name(use: Callable[[Preset], object]) -> None:
    with pytest.raises(InvalidRequestError, match="did you mean 'temperature'"):
        use(Preset("Mine", "kayra-v1"))


def test_a_name_that_is_none_is_no_attribute() -> None:
    assert not hasattr(Preset("Mine", "kayra-v1"), "tempratur")


def test_bans_and_biases_are_no_settings() -> None:
    with pytest.raises(InvalidRequestError, match="'bad_words_ids'; that is given to the request"):
        Preset("Mine", "kayra-v1", {"bad_words_ids": [[1]]})


@for_each(
    "name, value",
    [
        ("top_k", 1.0),
        ("top_k", True),
        ("temperature", "1"),
        ("temperature", float("nan")),
        ("temperature", False),
        ("cfg_uc", 1),
        ("repetition_penalty_default_whitelist", 1),
        ("phrase_rep_pen", "lots"),
        ("stop_sequences", "a text"),
        ("stop_sequences", [[]]),
        ("stop_sequences", [1]),
        ("stop_sequences", 5),
        ("repetition_penalty_whitelist", ["a"]),
        ("repetition_penalty_whitelist", 3),
        ("repetition_penalty_whitelist", "abc"),
        ("order", [0, 0]),
        ("order", [11]),
        ("order", [True]),
        ("order", ["temperature"]),
        ("order", "0"),
    ],
)
def test_a_value_of_a_wrong_type_changes_nothing(name: str, value: object) -> None:
    preset = Preset("Mine", "kayra-v1", {"top_p": 0.5, "order": [2]})
    before = preset.copy()
    for values in ({name: value}, {"temperature": 1.0, name: value}, {"order": [0], "temperature": 1, name: value}):
        with pytest.raises(InvalidRequestError):
            preset.update(values)
        assert preset == before
    with pytest.raises(InvalidRequestError):
        preset[name] = value
    assert preset == before


@for_each("value", [[1, 2], [[1], [2, 3]], [1, [2]], []])
def test_a_whitelist_may_be_nested(value: list[object]) -> None:
    preset = Preset("Mine", "kayra-v1", {"repetition_penalty_whitelist": value})
    assert preset.repetition_penalty_whitelist == value
    assert preset.repetition_penalty_whitelist is not value


# ---- samplers


def test_samplers_in_code_are_on_until_they_are_switched_off() -> None:
    preset = Preset("Mine", "kayra-v1", {"order": [0, 1, 2], "temperature": 1, "top_k": 2, "top_p": 0.5})
    assert preset.sampling_options == [True, True, True]
    preset.set_sampling_options_state([False, True, False])
    assert preset.sampling_options == [False, True, False]
    assert preset.copy().sampling_options == [False, True, False]
    assert preset.to_settings() == {"top_k": 2, "order": [1]}
    preset.order = [2, 0]
    assert preset.sampling_options == [True, True]
    for states in ([True], [True] * 3):
        with pytest.raises(InvalidRequestError, match=f"has 2 samplers, not {len(states)}"):
            preset.set_sampling_options_state(states)
    with pytest.raises(InvalidRequestError, match="set order first"):
        Preset("Mine", "kayra-v1").set_sampling_options_state([])


def test_without_an_order_no_sampler_leaves() -> None:
    preset = Preset("Mine", "kayra-v1", {"temperature": 1, "min_p": 0.1})
    assert preset.to_settings() == {"temperature": 1, "min_p": 0.1}
    assert preset.sampling_options == []


def test_with_nothing_on_every_sampler_leaves() -> None:
    preset = Preset.from_default("llama-3-erato-v1")
    preset.set_sampling_options_state([False] * len(preset.sampling_options))
    settings = preset.to_settings()
    assert settings["order"] == []
    assert not {key for row in SAMPLERS for key in row.keys} & set(settings)


def test_a_sampler_that_the_model_does_not_take_leaves_with_its_keys() -> None:
    preset = Preset("Mine", "clio-v1", {"order": [10, 0, 9], "min_p": 0.1, "temperature": 1, "math1_temp": 1})
    assert preset.to_settings() == {"order": [0], "temperature": 1}


def test_a_sampler_that_is_on_and_has_no_value_stays() -> None:
    assert Preset("Mine", "kayra-v1", {"order": [3]}).to_settings() == {"order": [3]}


def test_zeros_that_are_not_off_leave() -> None:
    zeros = {"repetition_penalty_range": 0, "repetition_penalty_slope": 0.0, "repetition_penalty_presence": 0}
    assert Preset("Mine", "kayra-v1", zeros).to_settings() == {"repetition_penalty_presence": 0}


def test_what_is_never_sent_leaves() -> None:
    flags = {"textGenerationSettingsVersion": 5, "repetition_penalty_default_whitelist": True}
    assert Preset("Mine", "kayra-v1", flags).to_settings() == {}


def test_a_preset_of_another_model_is_refused_with_those_that_fit() -> None:
    preset = Preset.from_default(Model.KAYRA)
    with pytest.raises(
        InvalidRequestError, match="'Carefree' is for kayra-v1, not for clio-v1; presets of that model: Amber Zippo"
    ):
        preset.to_settings(Model.CLIO)
    with pytest.raises(InvalidRequestError, match="none that is official"):
        preset.to_settings("cassandra")


def test_a_preset_of_an_older_version_is_the_newest_one_s() -> None:
    preset = Preset.from_official("krake-v1", "Astraea")
    assert preset.model is Model.KRAKE
    assert preset.to_settings(Model.KRAKE) == preset.to_settings("krake-v1") == preset.to_settings()
    assert preset.to_preset_data()["model"] == "krake-v1"
    assert Preset("Mine", "krake-v1").to_preset_data()["model"] == "krake-v1"


def test_a_preset_uses_the_facts_of_its_model() -> None:
    known = Model("new-v1", TextModelFacts(samplers=frozenset([SamplerOrder.MIN_P])))
    settings = {"order": [0, 10], "temperature": 1, "min_p": 0.1}
    written = Preset("Mine", "new-v1", settings).dumps()
    for preset in (Preset("Mine", known, settings), Preset.loads(written, model=known)):
        assert preset.to_settings() == {"order": [10], "min_p": 0.1}
    untold = Preset.loads(written)
    assert untold.to_settings(known) == {"order": [10], "min_p": 0.1}
    with pytest.raises(InvalidRequestError, match=r"no model for stories is called 'new-v1'; .*samplers=…"):
        untold.to_settings()


# ---- files


def test_a_file_comes_back_with_all_that_is_not_known() -> None:
    preset = Preset.loads(file())
    assert json.loads(preset.dumps()) == KAYRA
    assert preset.top_k == 40
    assert isinstance(preset.top_k, int)
    assert preset.order == [SamplerOrder.TOP_K, SamplerOrder.TEMPERATURE]
    assert preset.phrase_rep_pen == "very_new"
    assert "top_p" not in preset
    preset.set_sampling_options_state([False, True])
    order = json.loads(preset.dumps())["parameters"]["order"]
    assert [entry["enabled"] for entry in order] == [False, True, True]
    assert order[1] == {"id": "brand_new", "enabled": True, "weight": 2}


def test_what_a_request_cannot_hold_stays_in_the_file() -> None:
    assert Preset.loads(file()).to_settings() == {"top_k": 40, "order": [1], "phrase_rep_pen": "very_new"}


def test_files_may_begin_with_a_byte_order_mark_or_be_text() -> None:
    assert Preset.loads(b"\xef\xbb\xbf" + file()) == Preset.loads(file()) == Preset.loads(file().decode())


def test_a_file_that_names_no_model_needs_one() -> None:
    nameless = json.dumps({key: value for key, value in KAYRA.items() if key != "model"})
    with pytest.raises(InvalidFile, match="model is missing"):
        Preset.loads(nameless)
    assert Preset.loads(nameless, model="kayra-v1").model is Model.KAYRA


def test_a_file_for_another_model_is_refused() -> None:
    with pytest.raises(InvalidFile, match="my file: 'Mine' is a preset for kayra-v1, not for clio-v1"):
        Preset.loads(file(), model=Model.CLIO, where="my file")


def test_a_sampler_twice_survives_in_the_file_and_is_not_sent() -> None:
    twice = [{"id": "top_k", "enabled": True}, {"id": "top_k", "enabled": True}]
    preset = Preset.loads(parameters(order=twice))
    assert json.loads(preset.dumps())["parameters"]["order"] == twice
    with pytest.raises(InvalidRequestError, match="has top_k twice"):
        preset.to_settings()


@for_each("order", [[2, 0], [2.0, 0], [2, {"id": "temperature", "enabled": True}]])
def test_the_samplers_that_an_older_file_lists_by_number_are_on_and_all_others_off(order: list[object]) -> None:
    settings = {"temperature": 0.7, "top_k": 10, "top_p": 0.9, "tail_free_sampling": 0.95, "order": order}
    preset = Preset.loads(file(model="euterpe-v2", parameters=settings))
    assert preset.order == [SamplerOrder.TOP_P, SamplerOrder.TEMPERATURE]
    assert preset.sampling_options == [True, True]
    assert preset.to_settings() == {"temperature": 0.7, "top_p": 0.9, "order": [2, 0]}
    assert json.loads(preset.dumps())["parameters"]["order"] == [
        {"id": "top_p", "enabled": True},
        {"id": "temperature", "enabled": True},
    ]


def test_an_empty_list_of_numbers_switches_all_samplers_off() -> None:
    assert Preset.loads(file(parameters={"top_k": 10, "max_length": 40, "order": []})).to_settings() == {
        "max_length": 40,
        "order": [],
    }


@for_each(
    "data, what",
    [
        (b"", "this is an empty file"),
        (b"{", "JSON is cut short"),
        (b"[]", "this is a list, and a JSON object was expected"),
        (b"{}", "name is missing"),
        ("\ud800", "Invalid|UTF-8|malformed"),
        (b"[" * 1000, "JSON depth"),
        (file(name=3), "name is a number, not a text"),
        (file(model=None), "model is missing"),
        (file(parameters=[]), "parameters is a list, not an object"),
        (parameters(top_k="3"), "top_k is a text, not an integer"),
        (parameters(top_k=3.5), "not 3.5"),
        (parameters(phrase_rep_pen=3), "phrase_rep_pen"),
        (parameters(order={}), "order is an object, not a list"),
        (parameters(order="0"), "order is a text, not a list"),
        (parameters(order=["top_k"]), r"order\[0\] is neither"),
        (parameters(order=[0, 11]), r"order\[1\] is neither .* 0 to 10"),
        (parameters(order=[-1]), r"order\[0\] is neither"),
        (parameters(order=[0.5]), r"order\[0\] is neither"),
        (parameters(order=[True]), r"order\[0\] is neither"),
        (parameters(order=[{"id": "top_k"}]), r"order\[0\] is neither"),
        (parameters(order=[{"id": 1, "enabled": True}]), r"order\[0\] is neither"),
    ],
)
def test_a_damaged_file_is_reported_in_one_line(data: bytes | str, what: str) -> None:
    with pytest.raises(InvalidFile, match=what) as caught:
        Preset.loads(data, where="x.preset")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(("x.preset: ", "JSON depth"))


# ---- laws

VALUES: dict[ParameterKind, st.SearchStrategy[object]] = {
    ParameterKind.INTEGER: st.integers(-(2**53), 2**53),
    ParameterKind.NUMBER: st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53),
    ParameterKind.BOOLEAN: st.booleans(),
    ParameterKind.TEXT: st.text(st.characters(exclude_categories=["Cs"])),
    ParameterKind.PHRASE_REP_PEN: st.sampled_from(PhraseRepPen),
    ParameterKind.IDS: st.lists(st.integers(0, 65535) | st.lists(st.integers(0, 65535))),
    ParameterKind.PHRASES: st.lists(st.text("abc", min_size=1) | st.lists(st.integers(0, 65535), min_size=1)),
    ParameterKind.ORDER: st.lists(st.sampled_from(SamplerOrder), unique=True),
}
SETTINGS = st.fixed_dictionaries({}, optional={name: VALUES[setting_kind(name)] for name in sorted(FIELDS)})


@st.composite
def presets(draw: st.DrawFn) -> Preset:
    preset = Preset(draw(VALUES[ParameterKind.TEXT]), draw(st.sampled_from(MODELS)), draw(SETTINGS))  # type: ignore[arg-type]
    if preset.order is not None:
        states = st.lists(st.booleans(), min_size=len(preset.order), max_size=len(preset.order))
        preset.set_sampling_options_state(draw(states))
    return preset


@given(presets())
def test_a_preset_survives_its_file_a_copy_and_a_pickle(preset: Preset) -> None:
    assert Preset.loads(preset.dumps()) == preset
    assert Preset.from_preset_data(preset.to_preset_data()) == preset
    assert preset.copy() == preset == pickle.loads(pickle.dumps(preset))


@given(presets(), st.sampled_from(["temperature", "max_time"]))
def test_a_copy_is_independent(preset: Preset, name: str) -> None:
    twin = preset.copy().set(name, 12345).set("order", [0])
    twin.name = "another"
    assert twin != preset
    assert preset.copy() == preset
    settings: Any = preset.to_settings()
    for value in settings.values():
        if isinstance(value, list):
            value.append("changed")
    assert preset == preset.copy()
    assert "changed" not in str(preset.to_settings())


@given(presets())
def test_no_key_of_a_sampler_that_is_off_is_sent(preset: Preset) -> None:
    settings = preset.to_settings()
    assert ("order" in settings) is (preset.order is not None)
    if preset.order is None:
        return
    on = [sampler for sampler, flag in zip(preset.order, preset.sampling_options, strict=True) if flag]
    assert settings["order"] == [sampler for sampler in on if sampler in preset.model.samplers]
    for row in SAMPLERS:
        for key in row.keys:
            assert (key in settings) is (key in preset and row.id in settings["order"])


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda of: st.lists(of) | st.dictionaries(st.text(), of),
    max_leaves=8,
)


@given(ANYTHING, st.sampled_from(sorted(FIELDS)))
def test_whatever_a_file_holds_it_is_a_preset_or_a_documented_error(value: object, name: str) -> None:
    for document in (value, {**KAYRA, "parameters": value}, {**KAYRA, "parameters": {name: value}}):
        try:
            preset = Preset.loads(json.dumps(document))
        except InvalidFile:
            continue
        assert Preset.from_preset_data(preset.to_preset_data()) == preset
        try:
            preset.to_settings()
        except InvalidRequestError as error:
            assert "twice" in str(error)  # noqa: PT017 -- the only reason
