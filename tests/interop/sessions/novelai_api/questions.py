"""Answer questions about novelai-api: one in each line of stdin, its answer in a line of stdout.

    {"ask": "access_key", "with": ["a@example.com", "secret"]}
    {"answer": "…"}        or, what it raised, {"raised": "ValueError"}

Bytes are text in hexadecimal digits. Whoever asks compares the answers with those of another library, so nothing is judged
here.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pkgutil import iter_modules
from typing import Any, Final

import novelai_api
from novelai_api import NovelAIAPI
from novelai_api.BanList import BanList
from novelai_api.BiasGroup import BiasGroup
from novelai_api.GlobalSettings import GlobalSettings
from novelai_api.ImagePreset import ImageGenerationType, ImageModel, ImagePreset, ImageSampler, UCPreset
from novelai_api.Keystore import Keystore
from novelai_api.Preset import Model, Preset, PresetView, collapse_model
from novelai_api.Tokenizer import Tokenizer
from novelai_api.utils import (
    b64_to_tokens,
    decompress_user_data,
    decrypt_user_data,
    encrypt_user_data,
    get_access_key,
    get_encryption_key,
    tokens_to_b64,
)

# ---- keys and sealed objects


def access_key(email: str, password: str) -> str:
    return str(get_access_key(email, password))


def encryption_key(email: str, password: str) -> str:
    return bytes(get_encryption_key(email, password)).hex()


def open_keystore(stored: str | None, key: str) -> dict[str, str]:
    keystore = Keystore({"keystore": stored})
    keystore.decrypt(bytes.fromhex(key))
    return {meta: value.hex() for meta, value in keystore._keystore.items()}


def seal_keystore(keys: dict[str, str], key: str, compressed: bool) -> str:
    keystore = _keystore(keys)
    keystore._compressed = compressed
    keystore.encrypt(bytes.fromhex(key))
    return str(keystore.data["keystore"])


def open_object(item: dict[str, Any], keys: dict[str, str]) -> dict[str, Any]:
    decrypt_user_data(item, _keystore(keys))
    return {name: item.get(name) for name in ("decrypted", "compressed", "data")}


def open_plain_object(item: dict[str, Any]) -> dict[str, Any]:
    decompress_user_data(item)
    return {name: item.get(name) for name in ("decrypted", "compressed", "data")}


def seal_object(meta: str, data: object, nonce: str, keys: dict[str, str], compressed: bool) -> str:
    item = {"meta": meta, "data": data, "nonce": bytes.fromhex(nonce), "compressed": compressed, "decrypted": True}
    encrypt_user_data(item, _keystore(keys))
    return str(item["data"])


def _keystore(keys: dict[str, str]) -> Keystore:
    keystore = Keystore({"keystore": None})
    keystore.decrypt(b"")
    for meta, value in keys.items():
        keystore[meta] = bytes.fromhex(value)
    return keystore


# ---- tokens


def pack(tokens: list[int], width: int) -> str:
    return str(tokens_to_b64(tokens, width))


def unpack(text: str, width: int) -> list[int]:
    return list(b64_to_tokens(text, width))


def tokenizer_name(model: str) -> str:
    return str(Tokenizer.get_tokenizer_name(Model(model)))


def encode(model: str, text: str) -> list[int]:
    return list(Tokenizer.encode(Model(model), text))


def decode(model: str, tokens: list[int]) -> str:
    return str(Tokenizer.decode(Model(model), tokens))


# ---- models, presets, settings


def models() -> dict[str, str]:
    return {model.name: model.value for model in Model}


def newest(model: str) -> str | None:
    found = collapse_model(Model, model)
    return None if found is None else str(found.value)


def presets(model: str) -> list[dict[str, Any]]:
    """The official ones, as they are sent."""
    view: PresetView = Preset[Model(model)]
    return [_preset(preset) for preset in view]


def default_preset(model: str) -> str | None:
    preset = Preset.from_default(Model(model))
    return None if preset is None else str(preset.name)


def preset_data(data: dict[str, Any]) -> dict[str, Any]:
    """What a file holds, as it is sent."""
    return _preset(Preset.from_preset_data(data))


def _preset(preset: Preset) -> dict[str, Any]:
    return {
        "name": preset.name,
        "model": preset.model.value,
        "sampling_options": preset.sampling_options,
        "settings": preset.to_settings(),
    }


def settings(model: str, **switches: Any) -> dict[str, Any]:
    return dict(GlobalSettings(**switches).to_settings(Model(model)))


def bans(model: str, *sequences: Any) -> list[list[int]]:
    return list(BanList(*sequences).get_tokenized_entries(Model(model)))


def biases(model: str, data: dict[str, Any]) -> list[dict[str, Any]]:
    return list(BiasGroup.from_data(data).get_tokenized_entries(Model(model)))


def text_request(model: str, preset: str | None, prompt: Any, **options: Any) -> list[Any]:
    """Address, path and body of a generation."""
    switches, own = options.pop("settings", {}), Model(model)
    chosen = Preset.from_official(own, preset) if preset else Preset("mine", own, {})
    for name, make in (("bad_words", lambda each: BanList(*each)), ("biases", BiasGroup.from_data)):
        if name in options:
            options[name] = [make(each) for each in options[name]]
    return _sent(lambda api: api.high_level.generate(prompt, own, chosen, GlobalSettings(**switches), **options))


# ---- images


def image_models() -> dict[str, str]:
    return {model.name: model.value for model in ImageModel}


def image_price(model: str, opus: bool, version: int, action: str, changed: dict[str, Any]) -> int:
    preset = ImagePreset.from_default_config(ImageModel(model)).update(_image_settings(changed))
    return int(preset.calculate_cost(opus, version, ImageGenerationType(action)))


def image_request(model: str, prompt: str, changed: dict[str, Any]) -> list[Any]:
    """Address, path and body of a generation with the default preset."""
    own = ImageModel(model)
    preset = ImagePreset.from_default_config(own).update(_image_settings(changed))

    async def images(api: Any) -> None:
        async for _ in api.high_level.generate_image(prompt, own, preset):
            pass

    return _sent(images)


def _image_settings(changed: dict[str, Any]) -> dict[str, Any]:
    kinds: dict[str, Callable[[Any], Any]] = {
        "resolution": tuple,
        "sampler": ImageSampler,
        "uc_preset": lambda name: UCPreset[f"Preset_{name}"],
    }
    return {name: kinds.get(name, lambda value: value)(value) for name, value in changed.items()}


# ---- everything


def evaluate(expression: str) -> str:
    """The repr of an expression's value, in this client's names; or the class of what it raises."""
    try:
        return repr(eval(expression, {**vars(importlib.import_module("novelai_api.Preset")), **globals()}))
    except Exception as error:
        return type(error).__name__


def has(name: str) -> bool:
    """Whether the package has a dotted name; also one that a class only announces, or that its instances have."""
    first, *rest = name.split(".")
    every = {module.name for module in iter_modules(novelai_api.__path__)} - {"__main__", "poetry_scripts"}
    modules = [importlib.import_module(f"novelai_api.{each}") for each in every]
    owners = [getattr(module, first) for module in modules if hasattr(module, first)]
    owners += [module for module in modules if module.__name__ == f"novelai_api.{first}"]
    return any(_has(owner, rest) for owner in owners)


def _has(owner: Any, names: list[str]) -> bool:
    for name in names:
        lists = ("__annotations__", "_TYPE_MAPPING", "_DEFAULT_SETTINGS")
        announced = {each: value for part in lists for each, value in getattr(owner, part, {}).items()}
        code = getattr(getattr(owner, "__init__", None), "__code__", None)
        if not hasattr(owner, name) and name not in announced and (code is None or name not in code.co_names):
            return False
        owner = getattr(owner, name, announced.get(name))
    return True


class _Sent(Exception):
    """What would have been sent."""


def _sent(ask: Callable[[Any], Any]) -> list[Any]:
    api = NovelAIAPI()

    async def request(method: str, path: str, data: Any, address: str) -> Any:
        raise _Sent([method, path, data, address])
        yield

    api.low_level.request = request
    try:
        asyncio.run(ask(api))
    except _Sent as sent:
        return list(sent.args[0])
    raise AssertionError("nothing was sent")


QUESTIONS: Final[dict[str, Callable[..., Any]]] = {
    function.__name__: function
    for function in (
        *(access_key, encryption_key, open_keystore, seal_keystore, open_object, open_plain_object, seal_object),
        *(pack, unpack, tokenizer_name, encode, decode, models, newest, presets, default_preset, preset_data, settings),
        *(bans, biases, text_request, image_models, image_price, image_request, evaluate, has),
    )
}


def main() -> None:
    """Answer until stdin ends."""
    for line in sys.stdin:
        question = json.loads(line)
        with redirect_stdout(sys.stderr):
            try:
                said = {"answer": QUESTIONS[question["ask"]](*question["with"], **question["options"])}
            except Exception as error:
                said = {"raised": type(error).__name__, "why": str(error)}
        print(json.dumps(said), flush=True)  # noqa: T201, its answer


if __name__ == "__main__":
    main()
