"""The text models and their samplers.

See:
    docs/protocol/native.md#12-which-host-per-text-model
    docs/protocol/native.md#92-sampler-ids-order
    docs/protocol/native.md#96-context-and-length-limits
    docs/protocol/native.md#98-model-heads-preamble-and-special-token-use
    docs/protocol/native.md#11-token-encoding-and-tokenizers
    docs/protocol/native.md#121-file-format-preset-utf-8-json
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any, Final

import pytest

import nai_proto as nai
from nai_proto import image
from nai_proto.errors import InvalidRequestError
from nai_proto.exchange.endpoints import host_of_model
from nai_proto.http import Host
from nai_proto.text.models import MODELS, PREAMBLE, Model, Preamble, TextModelFacts, Tier, find_listed_model
from nai_proto.text.samplers import INTERNAL_MODELS, SAMPLERS, SamplerOrder
from nai_proto.text.text_parameters import PhraseRepPen
from nai_proto.unknown_names import fold_name
from tests.cases import for_each
from tests.protocol_data import DATA

SETTINGS: Final[Any] = json.loads((DATA / "global_settings.json").read_bytes())
PRESETS: Final[Any] = json.loads((DATA / "text_presets.json").read_bytes())

OLDER = {
    "6B": Model.SIGURD,
    "6B-v3": Model.SIGURD,
    "euterpe-v0": Model.EUTERPE,
    "krake-v1": Model.KRAKE,
    "genji-jp-6b": Model.GENJI,
}
FACTS: dict[str, Callable[[Model], object]] = {
    "host": lambda model: model.host,
    "tokenizer": lambda model: model.tokenizer,
    "samplers": lambda model: model.samplers,
    "preamble": lambda model: model.preamble,
    "modules": lambda model: model.has_modules,
    "context": lambda model: model.context_limit(Tier.OPUS),
}


@for_each("model", MODELS)
def test_a_listed_model_is_found_by_id_and_by_name(model: Model) -> None:
    assert Model.named(model.id) is model
    assert Model.named(model.name) is Model.named(model.name.lower()) is model
    assert Model.named(model) is model
    assert model.newest is model
    assert model.is_listed
    assert model.is_native


@for_each("text", ["kayra", "KAYRA", " Kayra ", "kayra-v1", "Kayra V1", "KAYRA_v1"])
def test_a_model_is_made_by_its_id_or_name_however_it_is_written(text: str) -> None:
    assert nai.Model(text) == Model.named(text) == Model.KAYRA
    assert hash(nai.Model(text)) == hash(Model.KAYRA)
    assert nai.Model(text, TextModelFacts(host=Host.API)).id == text  # who gives facts means another model


def test_no_two_models_of_text_or_images_are_written_the_same() -> None:
    models: list[Model | image.ImageModel] = [*MODELS, Model.GLM, Model.XIALONG, *image.MODELS]
    spellings = [{fold_name(model.id), fold_name(model.name)} for model in models]
    assert len(set[str]().union(*spellings)) == sum(map(len, spellings))


def test_every_function_takes_a_name_where_it_takes_an_id() -> None:
    lookup = nai.tokenizers.tokenizer_name
    assert lookup("kayra") == lookup("kayra-v1") == lookup(Model.KAYRA) == "nerdstash_v2"
    assert lookup("v4.5 full inpainting") == lookup("V4.5 Full") == lookup(image.ImageModel.V4_5_FULL) == "t5"
    assert lookup(Model("new-v1", TextModelFacts(tokenizer="llama3"))) == "llama3"
    chat = [nai.openai.Message.user("x")]
    for name, id in (("xialong", "xialong-v1"), ("XIALONG", "xialong-v1"), ("GLM 4.6", "glm-4-6"), ("glm", "glm-4-6")):  # noqa: A001
        assert nai.openai.chat_completion(chat, model=name) == nai.openai.chat_completion(chat, model=id)
        assert nai.openai.completion("x", model=name) == nai.openai.completion("x", model=id)
        assert nai.openai.token_count("x", model=name) == nai.openai.token_count("x", model=id)
    assert nai.text.generate("x", model="KAYRA") == nai.text.generate("x", model="kayra-v1")
    assert nai.text.Preset.official("erato") == nai.text.Preset.official("llama-3-erato-v1")
    assert nai.text.check_parameters({}, "clio") is None
    assert nai.image.suggest_tags("x", "v5 full") == nai.image.suggest_tags("x", "nai-diffusion-5-full")


def test_an_unknown_model_is_refused_with_a_guess() -> None:
    calls: tuple[Callable[[], object], ...] = (
        lambda: nai.text.generate("x", model="Kayraa"),
        lambda: nai.text.build_parameters("Kayraa", preset="Carefree"),
        lambda: nai.tokenizers.tokenizer_name("Kayraa"),
        lambda: nai.tokenizers.find_tokenizer_info("Kayraa"),
        lambda: find_listed_model("Kayraa"),
    )
    for call in calls:
        with pytest.raises(InvalidRequestError, match=r"'Kayraa'; did you mean 'kayra-v1'\? There are "):
            call()
    with pytest.raises(InvalidRequestError, match=r"'V4\.6 Full'; did you mean 'nai-diffusion-4-5-full'\?"):
        nai.image.generate("x", model="V4.6 Full")
    with pytest.raises(InvalidRequestError, match=r"; did you mean 'nai-diffusion-3' or 'nai-diffusion-furry-3'\?"):
        nai.image.generate("x", model="V3")
    with pytest.raises(InvalidRequestError, match="; there are nai-diffusion-5-full, "):
        nai.image.generate("x", model="V9")
    with pytest.raises(InvalidRequestError, match=r"; there are 2\.7B, "):
        nai.text.generate("x", model="V9")
    with pytest.raises(InvalidRequestError, match="'nai-diffusion-4-6-full'; did you mean 'nai-diffusion-4-5-full'"):
        nai.image.generation_price("nai-diffusion-4-6-full", 64, 64, steps=1)


@for_each("id", [*OLDER, *INTERNAL_MODELS, "glm-4-6", "xialong-v1"])
def test_older_internal_and_newer_ids_are_listed_too(id: str) -> None:  # noqa: A002
    model = Model.named(id)
    assert model.id == id
    assert model.is_listed
    assert model.newest == OLDER.get(id, model)
    assert model.tokenizer
    assert model.host is (host_of_model(id) if model.is_native else Host.TEXT)


def test_a_version_that_is_not_listed_collapses_to_the_newest_and_nothing_else_does() -> None:
    assert Model.named("euterpe-v1").newest is Model.EUTERPE
    assert Model.named("kayra-v12").newest is Model.KAYRA
    assert Model.named("kayra-x1").newest == Model("kayra-x1")
    assert Model.named("unknown-v1").newest == Model("unknown-v1")


def test_models_served_elsewhere_say_so() -> None:
    assert not Model.GLM.is_native
    assert not Model.XIALONG.is_native
    assert Model.GLM.token_width == 4


@for_each("model", MODELS)
def test_the_text_host_answers_200_and_the_api_host_201(model: Model) -> None:
    assert model.success_status == (200 if model in (Model.KAYRA, Model.ERATO) else 201)


def test_the_facts_are_those_of_the_protocol() -> None:
    for id, tokenizer in SETTINGS["model_tokenizer"].items():  # noqa: A001
        model = Model.named(id)
        assert model.tokenizer == tokenizer
        assert model.token_width == SETTINGS["token_width_bytes"][tokenizer]
    assert [Model.ERATO.token_width, Model.KAYRA.token_width] == [4, 2]


def test_preambles_are_those_of_the_protocol() -> None:
    for id, preamble in SETTINGS["preamble"].items():  # noqa: A001
        if id == "llama-3-erato-v1":
            assert [*Model.ERATO.preamble.tokens] == preamble["recommended_ids"]
        else:
            assert Model.named(id).preamble == Preamble(preamble["text"], tuple(preamble["token_ids"]))
    assert set(PREAMBLE) == set(SETTINGS["preamble"])
    assert Model.named("6B-v3").preamble == Model.SIGURD.preamble


def test_samplers_are_those_of_the_protocol() -> None:
    assert {row.name: int(row.id) for row in SAMPLERS} == PRESETS["sampler_ids"]
    assert [row.id for row in SAMPLERS] == [*SamplerOrder]
    assert len({key for row in SAMPLERS for key in row.keys}) == sum(len(row.keys) for row in SAMPLERS)
    assert Model.SIGURD.samplers == frozenset(SamplerOrder(n) for n in range(7))
    assert Model.CLIO.samplers == frozenset(SamplerOrder(n) for n in range(9))
    assert Model.KAYRA.samplers == Model.named("blue").samplers == frozenset(SamplerOrder)
    assert Model.ERATO.samplers == frozenset(SamplerOrder) - {SamplerOrder.TOP_G}


def test_context_and_answer_depend_on_the_tier() -> None:
    assert [Model.KAYRA.context_limit(tier) for tier in (Tier.TABLET, Tier.SCROLL, Tier.OPUS)] == [4096, 8192, 8192]
    assert {Model.CLIO.context_limit(tier) for tier in Tier} == {8192}
    assert {Model.SIGURD.context_limit(tier) for tier in Tier} == {2048}
    assert [Model.KAYRA.output_limit(tier) for tier in Tier] == [150, 150, 150, 250]
    with pytest.raises(InvalidRequestError, match="llama-3-erato-v1 has no known context for Scroll, only for Opus"):
        Model.ERATO.context_limit(Tier.SCROLL)


@for_each("fact", FACTS)
def test_an_error_says_how_to_give_a_fact_that_is_not_known(fact: str) -> None:
    with pytest.raises(
        InvalidRequestError, match=rf"^no model for stories is called 'new-v1'; there are 2.7B, .*Facts\({fact}=…\)\)$"
    ):
        FACTS[fact](Model.named("new-v1"))


@for_each("fact", FACTS)
def test_a_given_fact_is_used(fact: str) -> None:
    facts = TextModelFacts(
        host=Host.IMAGE,
        tokenizer="llama3",
        samplers=frozenset([SamplerOrder.MIN_P]),
        preamble=Preamble("x", (1,)),
        modules=True,
        context={Tier.OPUS: 100},
    )
    model = Model("new-v1", facts)
    assert FACTS[fact](model) == (100 if fact == "context" else getattr(facts, fact))
    assert model.token_width == 4
    assert model.has_sampler(SamplerOrder.MIN_P)
    assert not model.has_sampler(SamplerOrder.TEMPERATURE)
    assert FACTS[fact](Model("kayra-v1", facts)) == FACTS[fact](model)


def test_samplers_that_every_model_takes_need_no_facts() -> None:
    assert Model.named("new-v1").has_sampler(SamplerOrder.CFG)
    with pytest.raises(InvalidRequestError, match="samplers"):
        Model.named("new-v1").has_sampler(SamplerOrder.MIN_P)


def test_a_model_is_a_value() -> None:
    for model in (*MODELS, Model.named("krake-v1"), Model("x", TextModelFacts(context={Tier.OPUS: 1}))):
        copied = pickle.loads(pickle.dumps(model))
        assert copied == model
        assert hash(copied) == hash(model)
    assert repr(Model.KAYRA) == "Model(id='kayra-v1')"
    with pytest.raises(AttributeError):
        Model.KAYRA.id = "x"  # type: ignore[misc]  # it is frozen


def test_phrase_repetition_penalties_are_their_words() -> None:
    assert PhraseRepPen("very_light") is PhraseRepPen.VERY_LIGHT
    assert str(PhraseRepPen.AGGRESSIVE) == json.loads(json.dumps(PhraseRepPen.AGGRESSIVE)) == "aggressive"
    assert [*PhraseRepPen] == ["off", "very_light", "light", "medium", "aggressive", "very_aggressive"]


def test_glm_4_5_is_a_known_model_with_the_tokenizer_and_the_context_of_4_6() -> None:
    """docs/protocol/openai.md#71-models-over-time, docs/protocol/native.md#112-tokenizer-per-model."""
    model = Model.named("GLM 4.5")
    assert model is Model.GLM_4_5 is Model.named("glm-4-5")
    assert (model.is_listed, model.is_native, model.token_width) == (True, False, 4)
    assert model.tokenizer == Model.GLM.tokenizer
    assert [model.context_limit(tier) for tier in (1, 2, 3)] == [12_288, 16_384, 36_864]
