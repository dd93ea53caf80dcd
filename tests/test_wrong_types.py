"""Arguments of wrong types: a public call takes them, or refuses them by the parameter's name; it never fails inside."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from types import GeneratorType, MappingProxyType, ModuleType
from typing import Any, Final, NamedTuple

import pytest

from nai_proto import account, image, modules, openai, text, tokenizers, voice
from nai_proto.account import Subscription
from nai_proto.codecs.picture_metadata import Metadata
from nai_proto.codecs.vibe_files import StoredVibe as VibeFile
from nai_proto.errors import InvalidRequestError, InvalidTypeError, NaiError
from nai_proto.image.options import ImageOptions as ImageOptions
from nai_proto.openai.request_options import CompletionOptions
from nai_proto.openai.request_options import OpenAIOptions as ChatOptions
from nai_proto.secret import AccessKey, Password
from nai_proto.text.options import TextOptions as TextOptions
from tests.cases import for_each
from tests.image_support import PNG, body_of
from tests.support import ByteTokenizer

PACKAGES: Final = {
    "account": account,
    "image": image,
    "openai": openai,
    "text": text,
    "tokenizers": tokenizers,
    "modules": modules,
    "voice": voice,
}

WRONG: Final = {
    "None": None,
    "int": 7,
    "text": "x",
    "dict": {"a": 1},
    "texts": ["a", "b"],
    "bytes": b"x",
    "float": 1.5,
    "object": object(),
    "class": int,
}

# What a refusal names in the place of the parameter: the entry of a mapping, the setting, the file, the limit.
INSIDE: Final = {
    "data": ("bias group: bias", "preset: ", "tokenizer file: "),
    "max_anlas": ("more than the 7 allowed",),
    "name": ("no setting 'x'",),
    "overrides": ("'a'",),
    "parameters": ("'a'", "width"),
    "settings": ("'a'",),
    "value": ("top_k",),
    "values": ("'a'",),
}

# What answers are made of, and what is no call: types of arguments, tables, words to choose from.
NOT_CALLED: Final = {
    "account": (
        "AccountInformation ImageAllowance Perks Priority Subscription Tier TrainingSteps TrialStatus UserData"
    ),
    "image": (
        "Image ImageEvent ImageOperation ImageOptions ImageParameters ImageResolution JapaneseTag Position PreviewStep Tag "
        "VibeCache"
    ),
    "modules": "ModuleStatus TrainedModule",
    "openai": (
        "Accumulator ChatChoice ChatChunk ChatChunkChoice ChatCompletion CompletionChoice CompletionChunk "
        "CompletionOptions Delta Message MessageDict Messages ModelCard OpenAICompletion OpenAILogprobs OpenAIOptions "
        "Prompt TokenCount TokenLogprob TopLogprob Usage"
    ),
    "text": (
        "Classification Completion CompletionIds FinishReason LogitBias Logprobs Phrase ScoredLabel TextOptions "
        "TextParameters Tier Token TokenCandidate TokenIds"
    ),
    "tokenizers": "Tokenizer",
    "voice": "Speech",
}
# Of another package, which looks at its arguments itself.
ELSEWHERE: Final = {"account.raw_json"}


class Call(NamedTuple):
    """A public call, and arguments that it takes."""

    function: Callable[..., Any]
    arguments: Mapping[str, Any] = MappingProxyType({})
    options: tuple[str, ...] = ()
    "Of what it takes as ``**options``."


KEY: Final = "k" * 64
BYTES: Final = ByteTokenizer()
KAYRA: Final = text.Model.KAYRA
V4: Final = "nai-diffusion-4-5-full"
TOKEN: Final = "t" * 64
MASK: Final = image.box_mask(64, 64, [(0, 0, 8, 8)])
ITEMS: Final = image.upscale_price(64, 64).items
VIBE_FILE: Final = VibeFile.from_image(PNG, created_at=0).with_encoding("v4-5full", 1, b"whole")
SOURCE: Final = image.VibeSource(image=PNG, model_key="v4-5full")
REQUEST: Final = image.build_image_request("cat", model=V4, seed=1)
COMMENT: Final = {"prompt": "cat", "request_type": "PromptGenerateRequest", "seed": 1, "v4_prompt": None}
METADATA: Final = Metadata.from_comment(COMMENT, description="cat", source="NovelAI Diffusion V4.5 4BDE2A90")
SUBSCRIPTION: Final = Subscription(
    tier=account.Tier.OPUS,
    active=True,
    expires_at=0,
    perks=account.Perks(
        max_priority_actions=0,
        start_priority=0,
        context_tokens=0,
        unlimited_max_priority=False,
        module_training_steps=0,
    ),
    training_steps_left=account.TrainingSteps(fixed_training_steps_left=0, purchased_training_steps=0),
)
PRESET_FILE: Final = text.Preset.from_default(KAYRA).to_preset_data()


def preset() -> text.Preset:
    return text.Preset.from_default(KAYRA)


def options_of(type_: type) -> tuple[str, ...]:
    return tuple(type_.__annotations__)


TEXT_OPTIONS: Final = options_of(TextOptions)
IMAGE_OPTIONS: Final = options_of(ImageOptions)
CHAT_OPTIONS: Final = options_of(ChatOptions)
HELLO: Final = [{"role": "user", "content": "Hello"}]

CALLS: Final[dict[str, Call]] = {
    # ---- account
    "account.access_key": Call(account.access_key, {"email": "a@b", "password": "secret"}),
    "account.encryption_key": Call(account.encryption_key, {"email": "a@b", "password": "secret"}),
    "account.email_hash": Call(account.email_hash, {"email": "a@b"}),
    "account.login": Call(account.login, {"email": "a@b", "password": "secret"}),
    "account.login_with_spelling": Call(account.login_with_spelling, {"email": "a@b", "password": "secret"}),
    "account.login_with_key": Call(account.login_with_key, {"key": KEY}),
    "account.login_with_google": Call(account.login_with_google, {"id_token": "x"}),
    "account.create_persistent_token": Call(account.create_persistent_token),
    "account.change_access_key": Call(account.change_access_key, {"current": KEY, "new": KEY}),
    "account.recover": Call(account.recover, {"recovery_token": TOKEN, "new": KEY}),
    "account.register": Call(account.register, {"email": "a@b", "password": "secret", "recaptcha": "x"}),
    "account.register_with_key": Call(account.register_with_key, {"key": KEY, "recaptcha": "x"}),
    "account.change_password": Call(account.change_password, {"email": "a@b", "old": "one", "new": "two"}),
    "account.resend_verification": Call(account.resend_verification, {"email": "a@b"}),
    "account.verify_email": Call(account.verify_email, {"verification_token": TOKEN}),
    "account.request_recovery": Call(account.request_recovery, {"email": "a@b"}),
    "account.request_deletion": Call(account.request_deletion, {"email": "a@b"}),
    "account.finish_deletion": Call(account.finish_deletion, {"deletion_token": TOKEN}),
    "account.delete_account": Call(account.delete_account),
    "account.set_client_settings": Call(account.set_client_settings, {"settings": "{}"}),
    "account.change_mailing_consent": Call(account.change_mailing_consent, {"marketing": True}),
    "account.set_consent": Call(account.set_consent, {"jurisdiction": "US"}),
    "account.bind_subscription": Call(account.bind_subscription, {"processor": "giftkey", "subscription_id": "x"}),
    "account.change_subscription": Call(account.change_subscription, {"plan": "opus"}),
    "account.submit": Call(
        account.submit,
        {"event": "e", "data": b"x", "data_name": "n", "author_name": "a", "author_email": "a@b"},
    ),
    "account.get_submission": Call(account.get_submission, {"event": "e"}),
    "account.vote": Call(account.vote, {"event": "e", "id": "i"}),
    "account.get_vote": Call(account.get_vote, {"event": "e"}),
    "account.withdraw_vote": Call(account.withdraw_vote, {"event": "e", "id": "i"}),
    "account.link_usage": Call(account.link_usage, {"anonymous_user_id": "anon-1"}),
    **{
        f"account.{name}": Call(getattr(account, name))
        for name in [
            "get_client_settings",
            "get_gift_keys",
            "get_information",
            "get_osano_external_id",
            "get_priority",
            "get_subscription",
            "get_trial_status",
            "get_user_data",
        ]
    },
    # ---- text
    "text.generate": Call(text.generate, {"prompt": "x", "tokenizer": BYTES}, TEXT_OPTIONS),
    "text.generate_stream": Call(text.generate_stream, {"prompt": "x", "tokenizer": BYTES}, TEXT_OPTIONS),
    "text.generate_prompt": Call(text.generate_prompt, {"prompt": "x"}),
    "text.classify": Call(text.classify, {"body": {}}),
    "text.get_next_words": Call(text.get_next_words, {"prompt": "x"}),
    "text.get_hidden_states": Call(text.get_hidden_states, {"prompt": "x"}),
    "text.build_parameters": Call(text.build_parameters, {"model": KAYRA, "tokenizer": BYTES}),
    "text.check_parameters": Call(text.check_parameters, {"parameters": {}, "model": KAYRA}),
    "text.decode_tokens": Call(text.decode_tokens, {"flow": text.generate([1]), "tokenizer": BYTES}),
    "text.build_adventure_bans": Call(text.build_adventure_bans, {"model": KAYRA}),
    "text.TextModelFacts": Call(text.TextModelFacts),
    "text.Model": Call(text.Model, {"id": "x"}),
    "text.Model.named": Call(text.Model.named, {"model": KAYRA}),
    "text.Model.has_sampler": Call(KAYRA.has_sampler, {"sampler": 0}),
    "text.Model.context_limit": Call(KAYRA.context_limit, {"tier": "opus"}),
    "text.Model.output_limit": Call(KAYRA.output_limit, {"tier": 3}),
    "text.Module": Call(text.Module, {"id": "x"}),
    "text.Module.is_available_for": Call(text.MODULES["theme_noir"].is_available_for, {"model": KAYRA}),
    "text.Preamble": Call(text.Preamble, {"text": None, "tokens": ()}),
    "text.TextSampler": Call(text.TextSampler, {"id": 0, "name": "x", "keys": ()}),
    "text.BanList": Call(text.BanList),
    "text.BanList.add": Call(text.BanList().add),
    "text.BanList.encode": Call(text.BanList("x").encode, {"tokenizer": BYTES}),
    "text.BiasGroup": Call(text.BiasGroup, {"bias": 0.1}),
    "text.BiasGroup.add": Call(text.BiasGroup(0.1).add),
    "text.BiasGroup.from_data": Call(text.BiasGroup.from_data, {"data": {"bias": 1, "enabled": True}}),
    "text.BiasGroup.encode": Call(text.BiasGroup(0.1, phrases=["x"]).encode, {"tokenizer": BYTES}),
    "text.GlobalSettings": Call(text.GlobalSettings),
    "text.GlobalSettings.copy": Call(text.GlobalSettings().copy, {}, tuple(text.GlobalSettings.__annotations__)),
    "text.GlobalSettings.bans": Call(text.GlobalSettings().bans, {"model": KAYRA}),
    "text.GlobalSettings.biases": Call(text.GlobalSettings().biases, {"model": KAYRA}),
    "text.GlobalSettings.whitelist": Call(text.GlobalSettings().whitelist, {"model": KAYRA}),
    "text.GlobalSettings.to_settings": Call(text.GlobalSettings().to_settings, {"model": KAYRA}),
    "text.Preset": Call(text.Preset, {"name": "x", "model": KAYRA}),
    "text.Preset.set": Call(preset().set, {"name": "top_k", "value": 1}),
    "text.Preset.update": Call(preset().update, {}, ("top_k", "order", "stop_sequences", "cfg_uc", "phrase_rep_pen")),
    "text.Preset.set_sampling_options_state": Call(preset().set_sampling_options_state, {"states": [True] * 9}),
    "text.Preset.to_settings": Call(preset().to_settings),
    "text.Preset.from_preset_data": Call(text.Preset.from_preset_data, {"data": PRESET_FILE}),
    "text.Preset.loads": Call(text.Preset.loads, {"data": json.dumps(PRESET_FILE)}),
    "text.Preset.official": Call(text.Preset.official, {"model": KAYRA}),
    "text.Preset.from_official": Call(text.Preset.from_official, {"model": KAYRA, "name": "Carefree"}),
    "text.Preset.from_default": Call(text.Preset.from_default, {"model": KAYRA}),
    "text.Preset.keys": Call(preset().keys),
    "text.Preset.copy": Call(preset().copy),
    "text.Preset.dumps": Call(preset().dumps),
    "text.Preset.to_preset_data": Call(preset().to_preset_data),
    # ---- openai
    "openai.completion": Call(openai.completion, {"prompt": "x"}, options_of(CompletionOptions)),
    "openai.completion_stream": Call(openai.completion_stream, {"prompt": "x"}, options_of(CompletionOptions)),
    "openai.chat_completion": Call(openai.chat_completion, {"messages": HELLO}, CHAT_OPTIONS),
    "openai.chat_completion_stream": Call(openai.chat_completion_stream, {"messages": HELLO}, CHAT_OPTIONS),
    "openai.list_models": Call(openai.list_models),
    "openai.token_count": Call(openai.token_count, {"prompt": "x"}),
    "openai.count_tokens": Call(openai.count_tokens, {"text": "x"}),
    "openai.render_chat": Call(openai.render_chat, {"messages": []}),
    "openai.check_parameters": Call(openai.check_parameters, {"parameters": {}}),
    "openai.separate_reasoning": Call(openai.separate_reasoning, {"flow": openai.chat_completion(HELLO)}),
    "openai.trim_stop_text": Call(openai.trim_stop_text, {"flow": openai.chat_completion(HELLO)}),
    "openai.split_reasoning": Call(openai.split_reasoning, {"text": "x"}),
    "openai.ChatAccumulator": Call(openai.ChatAccumulator),
    "openai.ChatAccumulator.receive": Call(openai.ChatAccumulator().receive, {"chunks": ()}),
    "openai.CompletionAccumulator": Call(openai.CompletionAccumulator),
    "openai.CompletionAccumulator.receive": Call(openai.CompletionAccumulator().receive, {"chunks": ()}),
    # ---- tokenizers
    "tokenizers.IncrementalDecoder": Call(tokenizers.IncrementalDecoder, {"bytes_of": {}.get}),
    "tokenizers.IncrementalDecoder.receive": Call(BYTES.decoder().receive, {"tokens": [300]}),
    "tokenizers.IncrementalDecoder.receive_eof": Call(BYTES.decoder().receive_eof),
    "tokenizers.TokenizerInfo": Call(tokenizers.TokenizerInfo, {"name": "x", "models": (), "specials": {}}),
    "tokenizers.find_tokenizer_info": Call(tokenizers.find_tokenizer_info, {"name": "kayra-v1"}),
    "tokenizers.tokenizer_name": Call(tokenizers.tokenizer_name, {"model": "kayra-v1"}),
    "tokenizers.read": Call(tokenizers.read, {"data": b"#version: 0.2\n"}),
    "tokenizers.Tokenizer.encode_batch": Call(BYTES.encode_batch, {"texts": ["x"]}),
    "tokenizers.Tokenizer.truncate": Call(BYTES.truncate, {"tokens": [300], "budget": 1}),
    "tokenizers.Tokenizer.decode": Call(BYTES.decode, {"tokens": [300]}),
    # ---- modules
    "modules.train_module": Call(
        modules.train_module, {"texts": "x", "name": "n", "steps": 50, "learning_rate": 1, "model": "euterpe-v2"}
    ),
    "modules.list_modules": Call(modules.list_modules),
    "modules.get_module": Call(modules.get_module, {"id": "x"}),
    "modules.delete_module": Call(modules.delete_module, {"id": "x"}),
    "modules.buy_training_steps": Call(modules.buy_training_steps, {"amount": 2000}),
    "modules.wait_for_module": Call(modules.wait_for_module, {"id": "x"}),
    # ---- voice
    "voice.speak": Call(voice.speak, {"text": "x"}),
    "voice.check_voice": Call(voice.check_voice, {"voice": "Aini", "version": "v2"}),
    # ---- image
    "image.generate": Call(image.generate, {"prompt": "x", "model": V4, "seed": 1}, IMAGE_OPTIONS),
    "image.generate_stream": Call(image.generate_stream, {"prompt": "x", "model": V4, "seed": 1}, IMAGE_OPTIONS),
    "image.generate_cached": Call(
        image.generate_cached, {"prompt": "x", "secret": bytes(32), "model": V4, "seed": 1}, IMAGE_OPTIONS
    ),
    "image.build_image_request": Call(
        image.build_image_request, {"prompt": "x", "model": V4, "seed": 1}, IMAGE_OPTIONS
    ),
    "image.ImageRequest": Call(
        image.ImageRequest, {"model": V4, "action": "generate", "input": "x", "parameters": REQUEST.parameters}
    ),
    "image.ImageRequest.price": Call(REQUEST.price),
    "image.cache_key": Call(image.cache_key, {"secret": bytes(32), "image": PNG}),
    "image.encode_form": Call(image.encode_form, {"request": REQUEST}),
    "image.Character": Call(image.Character, {"prompt": "x"}),
    "image.ControlNet": Call(image.ControlNet, {"condition": PNG, "model": "hed"}),
    "image.EncodedVibe": Call(image.EncodedVibe, {"encoding": b"x"}),
    "image.PreciseReference": Call(image.PreciseReference, {"image": PNG}),
    "image.Sampler": Call(image.Sampler, {"name": "k_new"}),
    "image.Vibe": Call(image.Vibe, {"image": PNG}),
    "image.Family": Call(
        image.Family,
        {"generation": "v3", "samplers": (), "schedules": (), "schedule": None, "scale": 5, "tokens": 225},
    ),
    "image.align_mask": Call(image.align_mask, {"mask": MASK, "width": 64, "height": 64}),
    "image.box_mask": Call(image.box_mask, {"width": 64, "height": 64, "boxes": []}),
    "image.ImageModelFacts": Call(image.ImageModelFacts),
    "image.ImageModel": Call(image.ImageModel, {"id": "x"}),
    "image.ImageModel.named": Call(image.ImageModel.named, {"model": V4}),
    "image.ImageModel.uc_text": Call(image.ImageModel.V4_5_FULL.uc_text, {"preset": "heavy"}),
    "image.ImageModel.quality_tags": Call(image.ImageModel.V4_5_FULL.quality_tags, {"preset": "standard"}),
    "image.request_if_affordable": Call(image.request_if_affordable, {"ask": image.generate}, ("max_anlas",)),
    "image.parameters_price": Call(
        image.parameters_price, {"model": V4, "action": "generate", "parameters": REQUEST.parameters}
    ),
    "image.ImagePreset": Call(image.ImagePreset, {"model": V4}),
    "image.ImagePreset.from_default": Call(image.ImagePreset.from_default, {"model": V4}),
    "image.ImagePreset.loads": Call(image.ImagePreset.loads, {"data": '{"model":"x","parameters":{}}'}),
    "image.ImagePreset.dumps": Call(image.ImagePreset(V4).dumps),
    "image.Allowance": Call(image.Allowance),
    "image.Allowance.of": Call(image.Allowance.of, {"subscription": SUBSCRIPTION}),
    "image.Price": Call(image.Price, {"items": ITEMS}),
    "image.check_price": Call(image.check_price, {"price": image.Price(ITEMS), "max_anlas": 5}),
    "image.encoding_price": Call(image.encoding_price),
    "image.generation_price": Call(image.generation_price, {"model": V4, "width": 64, "height": 64, "steps": 1}),
    "image.tool_price": Call(image.tool_price, {"tool": "lineart", "width": 64, "height": 64}),
    "image.upscale_price": Call(image.upscale_price, {"width": 64, "height": 64}),
    "image.with_quality_tags": Call(image.with_quality_tags, {"prompt": "x", "model": V4, "preset": "standard"}),
    "image.with_uc_preset": Call(image.with_uc_preset, {"negative": "", "model": V4, "preset": "heavy", "prompt": "x"}),
    "image.Emphasis": Call(image.Emphasis, {"opening": "{", "pieces": ()}),
    "image.Prompt": Call(image.Prompt, {"pieces": ()}),
    "image.Prompt.weighted": Call(image.Prompt(()).weighted),
    "image.normalize_prompt": Call(image.normalize_prompt, {"text": "x"}),
    "image.parse_prompt": Call(image.parse_prompt, {"text": "x"}),
    "image.Recipe": Call(image.Recipe, {"prompt": "x", "options": {}, "missing": ()}),
    "image.Recipe.of": Call(image.Recipe.of, {"metadata": METADATA}),
    "image.Recipe.request": Call(image.Recipe("x", {"model": V4, "seed": 1}, ()).request, {}, IMAGE_OPTIONS),
    "image.check_parameters": Call(image.check_parameters, {"parameters": {}, "model": V4, "action": "generate"}),
    "image.suggest_tags": Call(image.suggest_tags, {"prompt": "x"}),
    "image.PromptTokenCount": Call(image.PromptTokenCount, {"limit": 1, "parts": ()}),
    "image.count_tokens": Call(image.count_tokens, {"model": V4, "tokenizer": BYTES, "prompt": "x"}),
    "image.token_limit": Call(image.token_limit, {"model": V4}),
    "image.augment": Call(image.augment, {"image": PNG, "tool": "lineart"}),
    "image.upscale": Call(image.upscale, {"image": PNG}),
    "image.encode_vibe": Call(image.encode_vibe, {"image": PNG, "model": V4}),
    "image.annotate": Call(image.annotate, {"image": PNG, "annotator": "hed"}),
    "image.VibeSource": Call(image.VibeSource, {"image": PNG, "model_key": "x"}),
    "image.MemoryVibeCache": Call(image.MemoryVibeCache),
    "image.MemoryVibeCache.get": Call(image.MemoryVibeCache().get, {"source": SOURCE}),
    "image.MemoryVibeCache.put": Call(image.MemoryVibeCache().put, {"source": SOURCE, "encoding": b"x"}),
    "image.encode_vibe_cached": Call(
        image.encode_vibe_cached, {"image": PNG, "model": V4, "cache": image.MemoryVibeCache()}
    ),
    "image.vibe_from_file": Call(image.vibe_from_file, {"file": VIBE_FILE, "model": V4}),
    "image.vibes_from_file": Call(image.vibes_from_file, {"file": VIBE_FILE, "model": V4}),
}


def call(one: Call, arguments: Mapping[str, Any]) -> Any:
    """Call with arguments by name, or by place where the signature wants that."""
    given, positional = dict(arguments), []
    for parameter in inspect.signature(one.function).parameters.values():
        if parameter.kind is parameter.POSITIONAL_ONLY or (
            parameter.kind is parameter.VAR_POSITIONAL and parameter.name in given
        ):
            positional.append(given.pop(parameter.name))
    result = one.function(*positional, **given)
    if isinstance(result, GeneratorType):
        result.close()
    return result


def refused(one: Call, arguments: Mapping[str, Any]) -> str | None:
    """The sentence with which a call refuses its arguments, after the parameter it blames; None where it takes them."""
    try:
        call(one, arguments)
    except NaiError as error:
        return f"{getattr(error, 'parameter', None)}: {error}"
    return None


def parameters_of(one: Call) -> list[str]:
    kinds = inspect.Parameter
    signature = inspect.signature(one.function).parameters.values()
    return [
        *(each.name for each in signature if each.kind is not kinds.VAR_KEYWORD and each.name != "args"),
        *one.options,
    ]


PROBES: Final = [(name, parameter) for name, one in CALLS.items() for parameter in parameters_of(one)]


@for_each("name", CALLS)
def test_the_arguments_of_the_table_are_right(name: str) -> None:
    call(CALLS[name], CALLS[name].arguments)


@for_each("name, parameter", PROBES)
def test_a_wrong_type_is_taken_or_refused_by_the_parameter_s_name(name: str, parameter: str) -> None:
    one = CALLS[name]
    for value in WRONG.values():
        refusal = refused(one, {**one.arguments, parameter: value})
        names = (parameter, *INSIDE.get(parameter, ()))
        assert refusal is None or any(each in refusal for each in names), f"{parameter}={value!r}: {refusal}"


NESTED: Final = [
    (text.generate, {"bans": [7]}, "bans"),
    (text.generate, {"bans": "sea"}, "also where there is only one"),
    (text.generate, {"biases": [{"bias": "much"}]}, "biases"),
    (text.generate, {"biases": {"bias": 1, "phrase": ["sea"]}}, "whose keys are bias, .*; there is no 'phrase'"),
    (
        text.generate,
        {"biases": {"moon": 1}},
        r'biases takes a BiasGroup or a mapping such as \{"bias": 0.5, "phrases": .*; bias is missing',
    ),
    (text.generate, {"settings": {"num_logprobs": "all"}}, "settings: num_logprobs takes an int, not a str"),
    (
        text.generate,
        {"settings": {"logprobs": 5}},
        "settings takes GlobalSettings or a mapping of them, .*; there is no 'logprobs'",
    ),
    (text.generate, {"stop_sequences": [None]}, "stop_sequences has None"),
    (text.generate, {"temperature": "hot"}, "temperature is a str, and kayra-v1 takes a number"),
    (text.generate, {"order": ["top_k"]}, "order is a list, and kayra-v1 takes a list of sampler ids"),
    (text.generate, {"preset": "Carefre"}, "'Carefre'; did you mean 'Carefree'"),
    (image.generate, {"characters": [7]}, r"characters\[0\] takes a Character or a mapping of its fields, not an int"),
    (image.generate, {"characters": [{"prompt": 7}]}, r"characters\[0\]: prompt takes a str, not an int"),
    (image.generate, {"characters": [{"text": "x"}]}, r"characters\[0\] takes a Character .*; prompt is missing"),
    (image.generate, {"characters": [{"prompt": "x", "position": [0.5]}]}, r"characters\[0\]: position takes x and y"),
    (image.generate, {"characters": {"prompt": "x"}}, "characters takes a list"),
    (image.generate, {"vibes": [PNG]}, r"vibes\[0\] takes a Vibe, an EncodedVibe or a mapping"),
    (image.generate, {"vibes": [{"encoding": b"x", "strength": "1"}]}, r"vibes\[0\]: strength takes a number"),
    (image.generate, {"references": [{"image": "x"}]}, r"references\[0\]: image takes bytes, not a str"),
    (
        image.generate,
        {"controlnet": {"condition": b"x", "model": "face"}},
        "controlnet: no model is called 'face'; there are hed",
    ),
    (image.generate, {"size": "huge"}, "no size is called 'huge'; there are portrait"),
    (image.generate, {"size": (1, 2, 3)}, "size takes a width and a height in pixels, not 3 items"),
    (image.generate, {"uc_preset": "heavier"}, "no uc preset is called 'heavier'; did you mean 'heavy'"),
    (image.generate, {"allowance": {"gold": True}}, "allowance takes an Allowance .*; there is no 'gold'"),
    (
        image.box_mask,
        {"width": 64, "height": 64, "boxes": [(0, 0, 1)]},
        r"boxes\[0\] takes left, top, right and bottom",
    ),
    (openai.chat_completion, {"messages": ["Hello"]}, r"messages\[0\] takes a Message or a mapping, not a str"),
    (openai.trim_stop_text, {"flow": openai.completion("x"), "stop": [7]}, r"stop\[0\] takes a str, not an int"),
    (account.change_subscription, {"plan": "gold"}, "plan is one of Paper, Tablet, Scroll, Opus"),
]


@for_each("function, arguments, said", NESTED)
def test_what_is_wrong_inside_is_named_with_its_place(function: Any, arguments: dict[str, Any], said: str) -> None:
    if "prompt" in inspect.signature(function).parameters:
        arguments = {"prompt": "x", **arguments}
    with pytest.raises(InvalidRequestError, match=said) as caught:
        function(**arguments)
    assert caught.value.parameter in arguments


def test_a_wrong_type_is_a_type_error_too() -> None:
    for wrong in (
        lambda: text.generate(None),  # type: ignore[call-overload]
        lambda: image.generate("x", steps="many"),  # type: ignore[arg-type]
        lambda: openai.completion("x", n="many"),  # type: ignore[arg-type]
    ):
        with pytest.raises(InvalidTypeError) as caught:
            wrong()
        assert isinstance(caught.value, TypeError | ValueError)
        assert caught.value.parameter in ("prompt", "steps", "n")


def test_a_refusal_quotes_no_secret() -> None:
    for function in (account.login, account.access_key, account.encryption_key):
        for wrong in (123456789, b"secret", ["secret"], {"secret": "secret"}):
            refusal = refused(Call(function), {"email": "a@b", "password": wrong})
            assert refusal is not None
            assert "secret" not in refusal
            assert "123" not in refusal
    refusal = refused(Call(account.login_with_key), {"key": "not a key"})
    assert refusal is not None
    assert refusal.startswith("key: key: an access key has 64 characters")
    assert "not a key" not in refusal


# ---- what is taken because its meaning is plain


def sent(operation: Any) -> dict[str, Any]:
    parameters: dict[str, Any] = body_of(operation.request)["parameters"]
    return parameters


def test_a_preset_is_given_by_its_name() -> None:
    assert text.generate("x", preset="Carefree").request == text.generate("x", preset=preset()).request
    assert (
        text.generate("x", model="Clio", preset="Vingt-Un").request
        == text.generate("x", preset=text.Preset.from_official("clio-v1", "Vingt-Un")).request
    )


def test_settings_and_biases_are_given_as_mappings() -> None:
    settings = {"num_logprobs": 3, "ban_brackets": False}
    assert (
        text.generate("x", settings=settings).request
        == text.generate("x", settings=text.GlobalSettings(num_logprobs=3, ban_brackets=False)).request
    )
    bias = {"bias": 0.5, "phrases": [[5, 6]], "generate_once": True}
    group = text.BiasGroup(0.5, generate_once=True, phrases=[[5, 6]])
    for biases in (bias, [bias], [group], group):
        assert text.generate("x", biases=biases).request == text.generate("x", biases=group).request


def test_none_is_the_same_as_an_option_that_is_not_given() -> None:
    kept = {"settings", "skip_cfg_above_sigma"}  # of these None is a value of its own
    nothing: Any = dict.fromkeys({*TEXT_OPTIONS} - kept)
    assert text.generate("x", **nothing) == text.generate("x")
    nothing = dict.fromkeys({*IMAGE_OPTIONS} - kept - {"seed"})
    assert image.generate("x", seed=1, **nothing) == image.generate("x", seed=1)
    nothing = dict.fromkeys(options_of(CompletionOptions))
    assert openai.completion("x", **nothing) == openai.completion("x")


@for_each(
    "name, size",
    [
        ("portrait", (832, 1216)),
        ("Landscape", (1216, 832)),
        ("square", (1024, 1024)),
        ("large portrait", (1024, 1536)),
        ("wallpaper-landscape", (1920, 1088)),
        ([640, 640], (640, 640)),
        (image.ImageResolution.SMALL_SQUARE, (640, 640)),
    ],
)
def test_a_size_is_given_by_its_name(name: Any, size: tuple[int, int]) -> None:
    made = sent(image.generate("x", size=name, seed=1))
    assert (made["width"], made["height"]) == size


def test_what_a_picture_is_made_of_is_given_as_mappings() -> None:
    who = {"prompt": "girl", "position": [0.5, 0.7]}
    assert image.generate("x", model=V4, seed=1, characters=[who]) == image.generate(
        "x", model=V4, seed=1, characters=[image.Character("girl", position=(0.5, 0.7))]
    )
    vibe = {"encoding": b"x", "strength": 0.5}
    assert image.generate("x", model=V4, seed=1, vibes=[vibe]) == image.generate(
        "x", model=V4, seed=1, vibes=[image.EncodedVibe(b"x", 0.5)]
    )
    raw = {"image": bytearray(PNG), "strength": 0.5}
    assert image.generate("x", model="Anime V3", seed=1, vibes=[raw]) == image.generate(
        "x", model="Anime V3", seed=1, vibes=[image.Vibe(PNG, 0.5)]
    )
    control = {"condition": memoryview(PNG), "model": "hed"}
    assert image.generate("x", model="nai-diffusion-2", seed=1, controlnet=control) == image.generate(
        "x",
        model="nai-diffusion-2",
        seed=1,
        controlnet=image.ControlNet(PNG, image.ControlNetModel.PALETTE_SWAP),
    )
    free = {"opus": True}
    assert image.generate("x", model=V4, seed=1, steps=28, max_anlas=0, allowance=free).seed == 1
    settings = {"steps": 12, "scale": 3}
    assert image.generate("x", model=V4, seed=1, preset=settings) == image.generate(
        "x", seed=1, preset=image.ImagePreset(V4, settings)
    )


def test_secrets_are_given_as_text() -> None:
    assert account.access_key("a@b", "secret") == account.access_key("a@b", Password("secret"))
    assert account.encryption_key("a@b", "secret") == account.encryption_key("a@b", Password("secret"))
    assert account.login_with_key(KEY) == account.login_with_key(AccessKey(KEY))
    assert account.change_access_key(KEY, KEY) == account.change_access_key(AccessKey(KEY), AccessKey(KEY))
    assert account.recover(TOKEN, KEY) == account.recover(TOKEN, AccessKey(KEY))
    assert account.register_with_key(KEY, "x") == account.register_with_key(AccessKey(KEY), "x")


def test_tiers_and_samplers_are_given_by_name_or_number() -> None:
    assert account.change_subscription("opus") == account.change_subscription(3)
    assert account.change_subscription(3) == account.change_subscription(account.Tier.OPUS)
    assert KAYRA.context_limit("Tablet") == KAYRA.context_limit(text.Tier.TABLET)
    assert KAYRA.has_sampler(10)
    assert image.generation_price(image.ImageModel.V4_5_FULL, 64, 64, steps=1) == image.generation_price(
        V4, 64, 64, steps=1
    )


@for_each("name, parameter", [probe for probe in PROBES if "validate" in parameters_of(CALLS[probe[0]])])
def test_what_is_not_validated_does_not_fail_inside(name: str, parameter: str) -> None:
    one = CALLS[name]
    models: list[dict[str, Any]] = [{}]
    if name.startswith("image.") and parameter != "model" and "seed" in one.options:
        models += [{"model": each, "auto_smea": True} for each in ("nai-diffusion-3", "nai-diffusion-5-full")]
        models += [{"model": "nai-diffusion-3", "variety_plus": True}, {"image": PNG}, {"image": PNG, "mask": MASK}]
    for more in models:
        for value in WRONG.values():
            refused(one, {**one.arguments, "validate": False, **more, parameter: value})


def public(package: ModuleType, prefix: str) -> Iterator[str]:
    """The names of all public functions, classes and methods of a package."""
    not_called = NOT_CALLED[prefix].split()
    for name in package.__all__:
        found = getattr(package, name)
        enumerated = isinstance(found, type) and issubclass(found, Enum)
        if name in not_called or enumerated or not callable(found) or f"{prefix}.{name}" in ELSEWHERE:
            continue
        yield f"{prefix}.{name}"
        methods = vars(found).items() if isinstance(found, type) else ()
        for method, value in methods:
            if not method.startswith("_") and (callable(value) or isinstance(value, classmethod | staticmethod)):
                yield f"{prefix}.{name}.{method}"


def test_the_table_has_every_public_call() -> None:
    assert {name for prefix, package in PACKAGES.items() for name in public(package, prefix)} <= CALLS.keys()
