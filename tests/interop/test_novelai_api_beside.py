"""novelai-api and this library, asked the same: keys, sealed objects, tokens, presets, settings, requests, prices.

Each side reads what the other has written. Where the two differ a test says how, and docs/migration.md who is right.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest

import nai_proto as nai
from nai_proto.codecs.keystore import Keystore, open_keystore, seal_keystore
from nai_proto.codecs.sealed_objects import OpenedObject, StoredObject, new_object, open_object, seal_object
from nai_proto.codecs.token_packing import pack, unpack
from nai_proto.text.samplers import SAMPLERS
from nai_transports.preset_files import load_image_preset
from nai_transports.servers.serve import serve_in_thread
from nai_transports.tokenizer_files import load

from ..migration_guide import AFTER, BEFORE, DIFFERENCES, ROWS, Difference, codes, names_of_novelai_api
from ..support import EMAIL, PASSWORD, an_emulator
from ..test_migration import describe, set_up
from .environments import ENVIRONMENTS, PATIENCE, NotMade

pytestmark = pytest.mark.timeout(PATIENCE + 120)

Ask: TypeAlias = Callable[..., Any]

KEY: Final = bytes(range(32))
META: Final = "4d9c8ad0-1a3f-4c1e-8a58-3a3c0a7c1f00"
TEXT_MODELS: Final = (
    *("6B-v4", "euterpe-v2", "krake-v2", "clio-v1", "kayra-v1", "llama-3-erato-v1", "genji-jp-6b-v2"),
    *("genji-python-6b", "hypebot", "infillmodel"),
)
CONTENTS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"title": "The Quiet Harbour", "tags": ["été", "物語", "🦢"], "n": 1, "x": 1.5, "ok": True, "none": None},
    {"story": {"fragments": [{"data": "It began.\n" * 200, "origin": "user"}]}, "quote": 'a "b" \\ c'},
)
TEXTS: Final = (
    *("Once upon a time", "  two  blanks\n\n\ttab", "été 🦢 物語", "don’t stop-me-now… “quotes” — 1234567", "⁂\n***\n"),
    *("", "ﬁ Å\u0301", "\u3000全角", "[ Author: x ]"),
)


@pytest.fixture(scope="module")
def client() -> Path:
    """The interpreter of the other library's environment."""
    (environment,) = (each for each in ENVIRONMENTS if each.session == "novelai_api")
    try:
        environment.make(time.monotonic() + PATIENCE)
    except NotMade as why:
        pytest.skip(f"no environment for {environment.title}: {why}")
    return environment.python


@pytest.fixture(scope="module")
def ask(client: Path) -> Iterator[Ask]:
    """Ask the other library; what it raises is a ``LookupError``."""
    command = [str(client), "-X", "utf8", "-m", "sessions.novelai_api.questions"]
    with subprocess.Popen(
        command, cwd=Path(__file__).parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        questions, answers = process.stdin, process.stdout

        def put(question: str, *arguments: Any, **options: Any) -> Any:
            print(json.dumps({"ask": question, "with": arguments, "options": options}), file=questions, flush=True)
            said = json.loads(answers.readline())
            if "raised" in said:
                raise LookupError(f"{said['raised']}: {said['why']}")
            return said["answer"]

        yield put
        questions.close()


@pytest.fixture(scope="module")
def files(client: Path) -> Path:
    """The other library's own tokenizer files."""
    (directory,) = client.parent.parent.glob("[Ll]ib/**/novelai_api/tokenizers")
    return directory


@pytest.fixture(scope="module")
def tokenizer(files: Path) -> Callable[[str], nai.tokenizers.Tokenizer]:
    """The tokenizers of text models, from these files."""
    return lambda model: load(model, path=files)


# ---- keys and sealed objects


def test_keys_are_the_same(ask: Ask) -> None:
    rng = random.Random(18)
    letters = "abcXYZ019 .-_@ßé物🦢"
    words = ["".join(rng.choices(letters, k=rng.randrange(1, 20))) for _ in range(12)]
    for email, password in [("Alice@Example.com", "correct horse battery"), *zip(words[::2], words[1::2], strict=True)]:
        assert nai.account.access_key(email, password).reveal() == ask("access_key", email, password)
        assert nai.account.encryption_key(email, password).reveal().hex() == ask("encryption_key", email, password)


def test_a_keystore_of_theirs_opens_here(ask: Ask) -> None:
    keys = {META: KEY, "other": bytes(32)}
    sealed = ask("seal_keystore", {meta: key.hex() for meta, key in keys.items()}, KEY.hex(), False)
    assert dict(open_keystore(sealed, nai.EncryptionKey(KEY))) == keys


@pytest.mark.parametrize("compressed", [False, True])
def test_a_keystore_of_ours_opens_there(ask: Ask, compressed: bool) -> None:
    keys = {META: KEY, "other": bytes(32)}
    sealed = seal_keystore(Keystore(keys, compressed=compressed), nai.EncryptionKey(KEY))
    assert ask("open_keystore", sealed, KEY.hex()) == {meta: key.hex() for meta, key in keys.items()}


def test_a_compressed_keystore_that_they_write_back_opens_only_here_and_with_repair(ask: Ask) -> None:
    sealed = ask("seal_keystore", {META: KEY.hex()}, KEY.hex(), True)
    with pytest.raises(LookupError):
        ask("open_keystore", sealed, KEY.hex())
    with pytest.raises(nai.DecryptionFailed):
        open_keystore(sealed, nai.EncryptionKey(KEY))
    repaired = open_keystore(sealed, nai.EncryptionKey(KEY), repair=True)
    assert (dict(repaired), repaired.repaired) == ({META: KEY}, True)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("content", CONTENTS, ids=["empty", "short", "long"])
def test_an_object_opens_on_both_sides(ask: Ask, content: dict[str, Any], compressed: bool) -> None:
    keys, nonce = {META: KEY}, bytes(24)
    ours = seal_object(
        new_object("stories", META, content, keys, compressed=compressed), keys, entropy=lambda n: bytes(n)
    )
    said = ask("open_object", {"meta": META, "data": ours}, {META: KEY.hex()})
    assert said == {"decrypted": True, "compressed": compressed, "data": content}
    theirs = ask("seal_object", META, content, nonce.hex(), {META: KEY.hex()}, compressed)
    opened = open_object(StoredObject(type="stories", meta=META, data=theirs), keys)
    assert (opened.ok, opened.json(), opened.compressed) == (True, content, compressed)
    if not compressed:
        assert theirs == ours, "the same bytes, with the same nonce"


@pytest.mark.parametrize("compressed", [False, True])
def test_an_object_that_is_not_encrypted_opens_there(ask: Ask, compressed: bool) -> None:
    preset = {"name": "Mine", "parameters": {"temperature": 1.25}}
    ours = seal_object(new_object("presets", "", preset, {}, compressed=compressed), {})
    assert ask("open_plain_object", {"data": ours}) == {"decrypted": True, "compressed": compressed, "data": preset}


def test_a_wrong_key_is_an_error_on_both_sides(ask: Ask) -> None:
    sealed = seal_object(new_object("stories", META, {}, {META: KEY}), {META: KEY})
    opened: OpenedObject = open_object(StoredObject(type="stories", meta=META, data=sealed), {META: bytes(32)})
    assert not opened.ok
    assert ask("open_object", {"meta": META, "data": sealed}, {META: bytes(32).hex()})["decrypted"] is False


# ---- tokens


@pytest.mark.parametrize("width", [2, 4])
def test_tokens_are_packed_alike(ask: Ask, width: int) -> None:
    tokens = [0, 1, 255, 256, 49_405, 65_535, *([128_000] if width == 4 else [])]
    assert ask("pack", tokens, width) == pack(tokens, width)
    assert ask("unpack", pack(tokens, width), width) == unpack(pack(tokens, width), width) == tokens


@pytest.mark.parametrize("model", TEXT_MODELS)
def test_texts_are_encoded_and_decoded_alike(ask: Ask, tokenizer: Any, model: str) -> None:
    ours = tokenizer(model)
    assert ask("tokenizer_name", model) == ours.name
    rng = random.Random(model)
    letters = "abcdefgh ,.!?'\n  éß物語話🦢0123-*_[]{}"
    for text in (*TEXTS, *("".join(rng.choices(letters, k=rng.randrange(1, 40))) for _ in range(40))):
        tokens = ours.encode(text)
        start = [128_000] if ours.name == "llama3" else []  # of every text, there: no phrase is found like that
        assert ask("encode", model, text) == start + tokens
        assert ask("decode", model, tokens) == ours.decode(tokens)


# ---- models, presets, settings


def test_models_and_their_versions_are_the_same(ask: Ask) -> None:
    assert set(ask("models").values()) == set(TEXT_MODELS) <= {model.id for model in nai.text.MODELS}
    for model in (*TEXT_MODELS, "6B", "6B-v3", "euterpe-v0", "krake-v1", "genji-jp-6b", "clio-v9"):
        assert ask("newest", model) == nai.Model.named(model).newest.id


@pytest.mark.parametrize("model", TEXT_MODELS)
def test_official_presets_are_the_same_but_for_samplers_that_are_off(ask: Ask, model: str) -> None:
    ours = {preset.name: preset for preset in nai.text.Preset.official(model)}
    for theirs in ask("presets", model):
        preset = ours[theirs["name"]]
        assert theirs["sampling_options"] == preset.sampling_options
        assert without_samplers_that_are_off(theirs["settings"]) == preset.to_settings()
    default = ask("default_preset", model)
    assert default == (None if model == "llama-3-erato-v1" else nai.text.Preset.from_default(model).name)


def without_samplers_that_are_off(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as they are sent there, without what is off: the parameters of some samplers are sent all the same there."""
    off = {key for row in SAMPLERS if row.id not in settings["order"] for key in row.keys}
    return {
        name: value
        for name, value in settings.items()
        if name not in off and name != "repetition_penalty_default_whitelist"  # taken out later, there
    }


def test_a_preset_file_is_read_alike(ask: Ask) -> None:
    for preset in nai.text.Preset.official("kayra-v1"):
        theirs = ask("preset_data", preset.to_preset_data())
        assert (theirs["name"], theirs["model"]) == (preset.name, "kayra-v1")
        assert without_samplers_that_are_off(theirs["settings"]) == preset.to_settings()


SWITCHES: Final = (
    *("generate_until_sentence", "ban_brackets", "bias_dinkus_asterism", "ban_ambiguous_genji_tokens"),
    "rep_pen_whitelist",
)


@pytest.mark.parametrize("model", TEXT_MODELS)
def test_global_settings_are_sent_alike(ask: Ask, model: str) -> None:
    for flags in itertools.product((False, True), repeat=len(SWITCHES)):
        for logprobs in (nai.text.NO_LOGPROBS, 3):
            switches: dict[str, Any] = {**dict(zip(SWITCHES, flags, strict=True)), "num_logprobs": logprobs}
            theirs = ask("settings", model, **switches)
            assert comparable(theirs) == comparable(nai.text.GlobalSettings(**switches).to_settings(model))


def comparable(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters with the whitelist as a set, without empty lists, and without Llama 3's start tokens."""
    kept = {name: value for name, value in parameters.items() if value != []}
    if words := kept.get("repetition_penalty_whitelist"):
        flat = [token for entry in words for token in (entry if isinstance(entry, list) else [entry])]
        kept["repetition_penalty_whitelist"] = {*flat} - {128_000}
    for name in ("bad_words_ids", "stop_sequences"):
        if name in kept:
            kept[name] = [[token for token in entry if token != 128_000] for entry in kept[name]]
    if "logit_bias_exp" in kept:
        kept["logit_bias_exp"] = [
            {**entry, "sequence": [token for token in entry["sequence"] if token != 128_000]}
            for entry in kept["logit_bias_exp"]
        ]
    return kept


@pytest.mark.parametrize("model", TEXT_MODELS)
def test_requests_are_the_same_but_for_samplers_that_are_off(ask: Ask, tokenizer: Any, model: str) -> None:
    ids, bias = tokenizer(model).encode("Once upon a time"), {"bias": 0.5, "enabled": True, "phrases": [" sea"]}
    for preset in ask("presets", model):
        method, path, theirs, address = ask(
            *("text_request", model, preset["name"], ids),
            bad_words=[[" moon", " sun"]],
            biases=[bias],
            stop_sequences=["The End"],
            max_length=33,
        )
        request = nai.text.generate(
            ids, model=model, preset=preset["name"], bans=[" moon", " sun"], biases=bias, stop_sequences=["The End"],
            max_length=33, tokenizer=tokenizer(model),
        ).request  # fmt: skip
        ours = json.loads(request.body)
        assert (method, address + path) == ("post", nai.Session().sign(request).url)
        assert [theirs[name] for name in ("input", "model")] == [ours[name] for name in ("input", "model")]
        assert comparable(without_samplers_that_are_off(theirs["parameters"])) == comparable(ours["parameters"])


# ---- images

VERSIONS: Final = {
    "nai-diffusion": 1,
    "nai-diffusion-2": 2,
    "nai-diffusion-3": 3,
    "nai-diffusion-4-full": 3,
    "nai-diffusion-4-5-full": 3,
}
SIZES: Final = ((64, 64), (256, 256), (512, 768), (640, 640), (832, 1216), (1024, 1024), (1024, 1536), (1088, 1920))


@pytest.mark.parametrize("model", VERSIONS)
def test_images_cost_the_same_but_where_the_other_is_known_to_be_wrong(ask: Ask, model: str) -> None:
    samplers = ("k_euler_ancestral", "ddim", "k_dpmpp_2m") if VERSIONS[model] < 3 else ("k_euler_ancestral",)
    ways = ((False, False),) if "-4-" in model else ((False, False), (True, False), (True, True))
    compared = 0
    for (width, height), steps, samples, opus in itertools.product(SIZES, (1, 23, 28, 29, 50), (1, 4), (False, True)):
        for sampler, (sm, sm_dyn), (action, strength) in itertools.product(
            samplers, ways, (("generate", 1.0), ("img2img", 0.3))
        ):
            small = width * height <= 1_048_576 and steps <= 28
            if VERSIONS[model] == 1 and opus and small and width * height > 640 * 640:
                continue  # free here, and paid for there
            if VERSIONS[model] == 3 and width * height < 65_536:
                continue  # as they are here, and as 65,536 pixels there
            changed = {
                "resolution": [width, height], "steps": steps, "n_samples": samples, "sampler": sampler, "smea": sm,
                "smea_dyn": sm_dyn, "strength": strength, "uncond_scale": 1.0,
            }  # fmt: skip
            price = nai.image.generation_price(
                model, width, height, steps=steps, n_samples=samples, action=action, strength=strength,  # type: ignore[arg-type]
                sampler=sampler, sm=sm, sm_dyn=sm_dyn, allowance=nai.image.Allowance(opus=opus),
            )  # fmt: skip
            assert ask("image_price", model, opus, VERSIONS[model], action, changed) == price.anlas, changed
            compared += 1
    assert compared >= 150


QUALITY: Final = {
    "nai-diffusion-4-5-curated": ("very aesthetic, location, masterpiece", "very aesthetic, masterpiece"),
    "nai-diffusion-4-5-full": ("location, very aesthetic, masterpiece", "very aesthetic, masterpiece"),
    "nai-diffusion-furry-3": (
        "best quality, amazing quality, very aesthetic, absurdres",
        "{best quality}, {amazing quality}",
    ),
}
"""Where tags for quality differ: theirs, and the website's."""
UC_PRESETS: Final = {
    "Heavy": "heavy", "Light": "light", "Low_Quality": "lowQuality", "Bad_Anatomy": "badAnatomy",
    "Low_Quality_Bad_Anatomy": "lowQualityPlusBadAnatomy", "Human_Focus": "humanFocus", "Furry_Focus": "furryFocus",
}  # fmt: skip
OTHER_UC: Final = {
    ("safe-diffusion", "Low_Quality"): ("twitter username", "username"),
    ("nai-diffusion", "Low_Quality"): ("twitter username", "username"),
    ("nai-diffusion-furry", "Bad_Anatomy"): ("{worst quality}", "nsfw, {worst quality}"),
    ("nai-diffusion-furry-3", "Light"): ("{worst quality}", "nsfw, {worst quality}"),
    ("nai-diffusion-4-curated-preview", "Light"): (
        "dated, signature",
        "dated, signature, white blank page, blank page",
    ),
}
"""Where the texts of undesired content differ: theirs, and the website's."""


def test_image_prompts_have_the_same_tags_but_where_the_website_has_changed_them(ask: Ask) -> None:
    models = [model for model in ask("image_models").values() if "inpainting" not in model]
    for model in models:
        request = ask("image_request", model, "a lighthouse", {"seed": 7, "uc_preset": None})[2]
        ours = nai.image.build_image_request("a lighthouse", model=model)
        assert request["input"].replace(*QUALITY.get(model, ("", ""))) == ours.input
    compared = 0
    for model, (there, here) in itertools.product(models, UC_PRESETS.items()):
        if here in map(str, nai.image.ImageModel.named(model).uc_presets) and (model, there) != NOT_THERE:
            settings = {"seed": 7, "uc_preset": there, "uc": "fog"}
            text = ask("image_request", model, "a lighthouse", settings)[2]["parameters"]["negative_prompt"]
            request = nai.image.build_image_request(
                "a lighthouse", model=model, uc_preset=here, negative_prompt="fog", seed=7
            )
            assert text.replace(*OTHER_UC.get((model, there), ("", ""))) == request.parameters["negative_prompt"]
            compared += 1
    assert compared > 20


NOT_THERE: Final = ("nai-diffusion-3", "Human_Focus")
"""A preset of the website's that they have not."""

IMAGE_PRESETS: Final = {
    "presets_v1/default.preset": ("safe-diffusion", "nai-diffusion"),
    "presets_v2/default.preset": ("nai-diffusion-2",),
    "presets_v3/default.preset": ("nai-diffusion-3",),
    "presets_v3/default_furry.preset": ("nai-diffusion-furry-3",),
    "presets_v4/default.preset": ("nai-diffusion-4-curated-preview", "nai-diffusion-4-full"),
    "presets_v45/default.preset": ("nai-diffusion-4-5-curated", "nai-diffusion-4-5-full"),
}
"""Their six files, and the models that they use each for; for the first Furry they refuse their own."""
ONLY_SENT_THERE: Final = frozenset(
    ("auto_smea", "noise", "qualityToggle", "skip_cfg_above_sigma", "strength", "uc", "ucPreset")
)
"""Older names of what is sent here too, null, and what needs an image."""
COMPARED_ELSEWHERE: Final = frozenset(("v4_prompt", "v4_negative_prompt"))


def test_each_of_their_image_presets_is_sent_with_the_same_values(ask: Ask, files: Path) -> None:
    directory = files.parent / "image_presets"
    assert {path.relative_to(directory).as_posix() for path in directory.rglob("*.preset")} == {*IMAGE_PRESETS}
    for name, models in IMAGE_PRESETS.items():
        for model in models:
            theirs = ask("image_request", model, "a lighthouse", {"seed": 7})[2]["parameters"]
            preset = load_image_preset(directory / name, model=model)
            ours = nai.image.build_image_request("a lighthouse", preset=preset, seed=7).parameters
            assert theirs.keys() - ours.keys() <= ONLY_SENT_THERE, (name, model)
            common = (theirs.keys() & ours.keys()) - COMPARED_ELSEWHERE
            assert len(common) > 12
            assert {key: ours[key] for key in common} == {key: theirs[key] for key in common}, (name, model)


# ---- docs/migration.md


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda difference: difference.here)
def test_a_difference_is_on_both_sides_as_the_migration_guide_says(
    ask: Ask, files: Path, tmp_path: Path, difference: Difference
) -> None:
    (there,), (here,) = codes(difference.there), codes(difference.here)
    assert ask("evaluate", there) == codes(difference.value_there)[0]
    with set_up(files, tmp_path) as names:
        assert describe(here, names) == codes(difference.value_here)[0]


THEIR_HOSTS: Final = """
import os
from novelai_api import NovelAIAPI, _low_level
NovelAIAPI.BASE_ADDRESS = _low_level.TEXT_API_ADDRESS = os.environ["NAI_URL"]
"""
"What sends the other library's requests to an emulator."


def test_the_program_to_come_from_and_the_one_that_it_becomes_list_and_continue_the_same(
    client: Path, files: Path
) -> None:
    emulator, _ = an_emulator(tokenizers=lambda model: load(model, path=files))
    printed: list[list[str]] = []
    with serve_in_thread(emulator) as url:
        environment = {**os.environ, "NAI_URL": url, "NAI_EMAIL": EMAIL, "NAI_PASSWORD": PASSWORD, "NO_PROXY": "*"}
        for python, program in ((client, THEIR_HOSTS + BEFORE), (Path(sys.executable), AFTER)):
            done = subprocess.run(
                [python, "-X", "utf8", "-c", program],
                env=environment,
                capture_output=True,
                encoding="utf-8",
                check=False,
            )
            assert done.returncode == 0, done.stderr
            printed.append(done.stdout.split("\n", 1))
    (titles_there, text_there), (titles_here, text_here) = printed
    assert titles_there == titles_here == "['The Quiet Harbour', 'Letters to the Moon', '物語']"
    assert text_there.strip()
    assert text_here.strip()
    emulator.requests.assert_sent(model="kayra-v1", times=2)


def test_every_name_of_the_migration_guide_is_in_the_other_library(ask: Ask) -> None:
    names = {name for row in ROWS if row.section.startswith("novelai-api") for name in names_of_novelai_api(row)}
    assert len(names) > 200
    gone = {"Preset.cfg_uc", "Preset.top_g"}  # as the row says
    assert [name for name in sorted(names - gone) if not ask("has", name)] == []
