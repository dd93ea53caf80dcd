"""Texts: every model with its presets, bans, biases, stop sequences and global settings, whole and streamed."""

from __future__ import annotations

import asyncio
from typing import Any

from novelai_api.BanList import BanList
from novelai_api.BiasGroup import BiasGroup
from novelai_api.GlobalSettings import GlobalSettings
from novelai_api.Preset import PREAMBLE, Model, Preset
from novelai_api.Tokenizer import Tokenizer
from novelai_api.utils import b64_to_tokens, gather_asyncgenerator

from ..checking import check
from .novel import Novel, refused

_ONCE = "Once upon a time there was a princess who lived in a"


async def session(novel: Novel) -> None:
    """All of it."""
    api = await novel.member()
    for model in Model:
        await _of(api, model)
    await _presets(api)
    await _control(api)
    await _streams(api)
    await _else(api)


def _width(model: Model) -> int:
    return 4 if model is Model.Erato else 2


def _text(model: Model, output: str) -> str:
    return str(Tokenizer.decode(model, b64_to_tokens(output, _width(model))))


def _preset(model: Model, **values: Any) -> Preset:
    """An official preset; Erato has no default one for the client."""
    preset = Preset.from_default(model) or next(iter(Preset[model]))
    return preset.copy().update({"max_length": 12, "min_length": 1, **values})


async def _generate_text(api: Any, model: Model, preset: Preset | None = None, **options: Any) -> str:
    """A text of so many tokens."""
    settings = options.pop("settings", None) or GlobalSettings()
    prompt = options.pop("prompt", _ONCE)
    answer = await api.high_level.generate(prompt, model, preset or _preset(model), settings, **options)
    return _text(model, answer["output"])


async def _of(api: Any, model: Model) -> None:
    with check(f"text: {model.name} goes on with its default preset, in its own token ids"):
        answer = await api.high_level.generate(_ONCE, model, _preset(model), GlobalSettings())
        tokens = b64_to_tokens(answer["output"], _width(model))
        assert 1 <= len(tokens) <= 12
        assert _text(model, answer["output"]).strip()


async def _presets(api: Any) -> None:
    for model in (Model.Kayra, Model.Clio, Model.Erato, Model.Krake, Model.Euterpe, Model.Sigurd):
        with check(f"text: {model.name} takes each of its official presets"):
            for preset in Preset[model]:
                mine = preset.copy()
                mine.set_sampling_options_state(preset.sampling_options)
                assert await _generate_text(api, model, mine.update({"max_length": 4, "min_length": 1}))
    with check("text: what a model wants before an empty context is a prompt"):
        for model, preamble in PREAMBLE.items():
            if preamble:
                assert await _generate_text(api, model, prompt=preamble)


async def _control(api: Any) -> None:
    kayra, certain = Model.Kayra, {"seed": 7}
    with check("text: the same seed tells the same, and another seed another"):
        first = await _generate_text(api, kayra, **certain)
        assert first == await _generate_text(api, kayra, **certain)
        assert len({await _generate_text(api, kayra, seed=seed) for seed in range(6)}) > 1
    with check("text: max_length is a number of tokens, and min_length as well"):
        answer = await api.high_level.generate(
            _ONCE, kayra, _preset(kayra, max_length=30, min_length=30), GlobalSettings()
        )
        assert len(b64_to_tokens(answer["output"])) == 30
    with check("text: a banned phrase does not come"):
        words = [" " + word for word in first.split()]
        text = await _generate_text(api, kayra, bad_words=BanList(*words), **certain)
        assert text != first
        assert not set(words) & {" " + word for word in text.split()}
    with check("text: a ban list that is off bans nothing"):
        assert await _generate_text(api, kayra, bad_words=[BanList(*words, enabled=False)], **certain) == first
    with check("text: a phrase that is biased up comes, one that is biased down does not"):
        up = BiasGroup(30.0).add(" swan")
        assert "swan" in await _generate_text(api, kayra, biases=up, **certain)
        down = BiasGroup(-30.0)
        down += [Tokenizer.encode(kayra, " swan")[0]]
        assert "swan" not in await _generate_text(api, kayra, biases=[up, down, down], **certain)
    with check("text: a bias that is off changes nothing"):
        assert await _generate_text(api, kayra, biases=BiasGroup(30.0, enabled=False).add(" swan"), **certain) == first
    with check("text: a stop sequence ends it"):
        preset = _preset(kayra, max_length=100)
        text = await _generate_text(api, kayra, preset, stop_sequences=["."], **certain)
        assert text.count(".") == 1
        assert text.endswith(".")
    with check("text: stop sequences may be token ids"):
        ids = Tokenizer.encode(kayra, ".")
        assert await _generate_text(api, kayra, preset, stop_sequences=[ids], **certain) == text
    with check("text: a prompt may be token ids"):
        assert await _generate_text(api, kayra, prompt=Tokenizer.encode(kayra, _ONCE), **certain) == first
    with check("text: a module is a prefix"):
        assert await _generate_text(api, kayra, prefix="theme_pirates")
    await _global(api)


async def _global(api: Any) -> None:
    every = {"generate_until_sentence": True, "ban_brackets": True, "bias_dinkus_asterism": True}
    for model in (Model.Kayra, Model.Erato, Model.Clio, Model.Krake, Model.Genji):
        with check(f"settings of a text: {model.name} takes all of them at once"):
            settings = GlobalSettings(**every, ban_ambiguous_genji_tokens=True, rep_pen_whitelist=True, num_logprobs=2)
            assert await _generate_text(api, model, settings=settings)
    with check("settings of a text: logprobs come for each token when they are asked for"):
        answer = await api.high_level.generate(_ONCE, Model.Kayra, _preset(Model.Kayra), GlobalSettings(num_logprobs=3))
        tokens = b64_to_tokens(answer["output"])
        assert [entry["chosen"][0][0][0] for entry in answer["logprobs"]] == tokens
        assert {len(entry["before"]) for entry in answer["logprobs"]} == {3}
    with check("settings of a text: without NO_LOGPROBS there are none"):
        settings = GlobalSettings(num_logprobs=GlobalSettings.NO_LOGPROBS)
        answer = await api.high_level.generate(_ONCE, Model.Kayra, _preset(Model.Kayra), settings)
        assert "logprobs" not in answer
    with check("settings of a text: it goes on to the end of a sentence"):
        text = await _generate_text(api, Model.Kayra, settings=GlobalSettings(generate_until_sentence=True), seed=5)
        assert text.rstrip().endswith((".", "!", "?", '"', "”"))


async def _streams(api: Any) -> None:
    for model in (Model.Kayra, Model.Erato, Model.Clio, Model.Sigurd):
        with check(f"stream: {model.name} tells in events what it tells at once"):
            whole = await _generate_text(api, model, seed=3)
            stream = api.high_level.generate_stream(_ONCE, model, _preset(model), GlobalSettings(), seed=3)
            events = await gather_asyncgenerator(stream)
            tokens = [token for event in events for token in b64_to_tokens(event["token"], _width(model))]
            assert Tokenizer.decode(model, tokens) == whole
            assert [event["ptr"] for event in events] == [*range(len(events))]
            assert [event["final"] for event in events] == [False] * (len(events) - 1) + [True]
    with check("stream: one that is left can be followed by another at once"):
        kayra = Model.Kayra
        stream = api.high_level.generate_stream(_ONCE, kayra, _preset(kayra, max_length=100), GlobalSettings())
        assert (await anext(stream))["ptr"] == 0
        await stream.aclose()
        await asyncio.sleep(0.05)  # aiohttp closes the connection only now
        assert await _generate_text(api, kayra)


async def _else(api: Any) -> None:
    low = api.low_level
    with check("prompt: one is made up"):
        answer = await low.generate_prompt(Model.Euterpe, "a ship in the fog", 1.0, 40)
        assert answer["generated_text"].strip()
    with check("prompt: a temperature out of range is refused with 400"):
        assert (await refused(low.generate_prompt(Model.Euterpe, "a ship", 0.01, 40)))[0] == 400
    with check("text: a parameter out of range is refused with 400 and its name"):
        call = low.generate(_ONCE, Model.Kayra, {"max_length": 5000})
        status, message = await refused(gather_asyncgenerator(call))
        assert status == 400
        assert "max_length" in message
    with check("text: without a token it is refused with 401"):
        low._parent.headers.clear()
        status, _ = await refused(gather_asyncgenerator(low.generate(_ONCE, Model.Kayra, {"max_length": 5})))
        assert status == 401
