"""The options of native text requests."""

from __future__ import annotations

from typing import Any, Final

import nai_proto as nai
from nai_proto.codecs.token_packing import pack
from nai_proto.errors import InvalidRequestError
from nai_proto.http import Host
from nai_proto.text import generate
from nai_proto.text.models import TextModelFacts

from .row import BYTES, Ignored, Refused, Row, Shows, Table, differs

ONCE: Final = BYTES.encode("Once upon a time, the sea and the sea and the sea")
BLANK: Final = BYTES.encode(" ")[0]
UNKNOWN: Final = nai.Model("quux-v9", TextModelFacts(token_width=2, host=Host.TEXT))
HIGH: Final[dict[str, Any]] = {"repetition_penalty": 7.5}
GUIDED: Final[dict[str, Any]] = {"cfg_scale": 3.5, "cfg_uc": "The old man went to the sea."}
CANNOT: Final = "this emulator cannot do {}"


def length(expected: int) -> Shows:
    """The answer has so many tokens."""
    return lambda without, with_: len(with_.ids) == expected != len(without.ids)


def text(ids: Any) -> str:
    return BYTES.decode(ids.ids)


def parameter(option: str, value: Any, shows: Shows | Refused | Ignored = differs, **given: Any) -> Row:
    """A row for a parameter that is on the wire as it is given."""
    return Row(option, value, {f"parameters.{option}": value}, shows, given)


def ends(piece: str) -> Shows:
    """The answer ends with this text, and is shorter than without."""
    return lambda without, with_: text(with_).endswith(piece) and len(with_.ids) < len(without.ids)


def begins(piece: str) -> Shows:
    return lambda without, with_: text(with_).startswith(piece) and not text(without).startswith(piece)


def lacks(piece: str) -> Shows:
    return lambda without, with_: piece in text(without) and piece not in text(with_)


def has(piece: str) -> Shows:
    return lambda without, with_: piece not in text(without) and piece in text(with_)


def is_padded(token: int) -> Shows:
    """The shorter answers are filled up with the token."""

    def outputs(result: Any) -> list[tuple[int, ...]]:
        return [result.ids, *[each.ids for each in result.alternatives]]

    def shows(without: Any, with_: Any) -> bool:
        longest = max(map(len, outputs(without)))
        padded = [(*ids, *[token] * (longest - len(ids))) for ids in outputs(without)]
        return outputs(with_) == padded != outputs(without)

    return shows


def ngram_bias(sequence: str, bias: float) -> dict[str, Any]:
    return {"sequence": BYTES.encode(sequence), "bias": bias, "ensure_sequence_finish": True, "generate_once": True}


TEXT: Final = Table(
    "text",
    generate,
    given={"prompt": ONCE, "max_length": 30, "extra": {"seed": 1}},
    rows=(
        # Its length and its end.
        parameter("max_length", 7, length(7)),
        parameter("min_length", 12, lambda a, b: len(a.ids) < 12 <= len(b.ids), stop_sequences=[[BLANK]]),
        parameter("generate_until_sentence", True, lambda a, b: len(a.ids) < len(b.ids)),
        parameter("stop_sequences", [[BLANK]], ends(" ")),
        parameter("eos_token_id", BLANK, ends(" ")),
        # Which tokens there can be.
        parameter("bad_words_ids", [[BLANK]], lacks(" ")),
        parameter("valid_first_tokens", BYTES.encode("Q"), begins("Q")),
        parameter("cropped_token", BYTES.encode("Z")[0], begins("Z")),
        parameter("no_repeat_ngram_size", 2, differs, max_length=60),
        parameter("encoder_no_repeat_ngram_size", 2, differs, max_length=60),
        parameter("bos_token_id", BYTES.encode("Q")[0], differs, prompt=[]),
        parameter("logit_bias", [[BYTES.encode("Q")[0], 50.0]], has("QQQ"), model="clio-v1"),
        parameter("logit_bias_exp", [ngram_bias("Quux", 50.0)], has("Quux")),
        # Penalties.
        parameter("repetition_penalty", 7.5),
        parameter("repetition_penalty_range", 3, **HIGH),
        parameter("repetition_penalty_slope", 9.5, **HIGH),
        parameter("repetition_penalty_frequency", 15.5),
        parameter("repetition_penalty_presence", -15.5),
        parameter("repetition_penalty_whitelist", [BLANK], **HIGH),
        parameter("phrase_rep_pen", "very_aggressive"),
        # Samplers.
        parameter("temperature", 37.5),
        parameter("top_k", 1),
        parameter("top_p", 0.05),
        parameter("tail_free_sampling", 0.05),
        parameter("top_a", 0.95),
        parameter("typical_p", 0.05),
        parameter("cfg_scale", 3.5, differs, cfg_uc=GUIDED["cfg_uc"]),
        parameter("cfg_uc", "the sea and the sea", differs, cfg_scale=3.5),
        parameter("cfg_alpha", 0.25, **GUIDED),
        parameter("top_g", 1),
        parameter("mirostat_tau", 0.5, differs, mirostat_lr=0.2),
        parameter("mirostat_lr", 0.9, differs, mirostat_tau=1.5),
        parameter("math1_temp", 5.5),
        parameter("math1_quad", 2.5),
        parameter("math1_quad_entropy_scale", -0.9),
        parameter("min_p", 0.9),
        parameter("order", [0], differs, temperature=50.0, top_k=1),
        parameter("do_sample", False),
        # What is reported.
        parameter("return_full_text", True, lambda a, b: (a.prompt, a.ids) == ((), b.ids) and b.prompt == tuple(ONCE)),
        parameter("num_return_sequences", 3, lambda a, b: (len(a.alternatives), len(b.alternatives)) == (0, 2)),
        parameter(
            "num_logprobs", 3, lambda a, b: a.logprobs is None and {len(each.before) for each in b.logprobs} == {3}
        ),
        parameter("prefix", "special_instruct"),
        parameter("use_cache", True, Ignored("a cache changes how long an answer takes, and not the answer", "x")),
        parameter("bracket_ban", True, lacks("["), logit_bias_exp=[ngram_bias("[", 50.0)]),
        parameter("pad_token_id", 301, is_padded(301), num_return_sequences=2, stop_sequences=[[BLANK]]),
        # What the emulator does not have.
        parameter("num_beams", 3, Refused(501, CANNOT.format("num_beams"))),
        parameter("num_beam_groups", 3, Refused(501, CANNOT.format("num_beam_groups"))),
        parameter("early_stopping", True, Refused(501, CANNOT.format("early_stopping"))),
        parameter("length_penalty", -1.5, Refused(501, CANNOT.format("length_penalty"))),
        parameter("diversity_penalty", 7.5, Refused(501, CANNOT.format("diversity_penalty"))),
        parameter("output_nonzero_probs", True, Refused(501, CANNOT.format("output_nonzero_probs"))),
        parameter("force_emotion", True, Refused(501, CANNOT.format("force_emotion"))),
        parameter("line_start_ids", [[BLANK]], Refused(501, CANNOT.format("line_start_ids"))),
        # What the library makes of options of its own.
        Row("prompt", BYTES.encode("Q"), {"input": pack(BYTES.encode("Q"), 2)}, differs),
        Row("model", UNKNOWN, {"model": "quux-v9"}, Refused(400, "model quux-v9 doesn't exist")),
        Row(
            "preset", "Carefree", {"parameters.temperature": 1.35, "parameters.top_k": 15}, differs, {"settings": None}
        ),
        Row(
            "settings",
            {"generate_until_sentence": True},
            {"parameters.generate_until_sentence": True},
            lambda a, b: len(a.ids) < len(b.ids),
        ),
        Row("module", "special_openings", {"parameters.prefix": "special_openings"}, differs),
        Row("bans", [" "], {"parameters.bad_words_ids": [[BLANK]]}, lacks(" "), {"tokenizer": BYTES}),
        Row(
            "biases",
            {"bias": 50, "phrases": ["Quux"], "ensure_sequence_finish": True, "generate_once": True},
            {"parameters.logit_bias_exp.0.sequence": BYTES.encode("Quux"), "parameters.logit_bias_exp.0.bias": 50},
            has("Quux"),
            {"tokenizer": BYTES},
        ),
        Row(
            "text_adventure",
            True,
            {"parameters.prefix": "theme_textadventure", "parameters.eos_token_id": 49_405, "parameters.min_length": 5},
            differs,
        ),
        Row("validate", False, {"parameters.top_p": 5.5}, Refused(400, "top_p must be from 0 to 1"), {"top_p": 5.5}),
        Row(
            "extra",
            {"top_p": 5.5},
            {"parameters.top_p": 5.5},
            Refused(400, "top_p must be from 0 to 1"),
            {"extra": None},
        ),
    ),
)

TOKENIZER: Final = Table(
    "tokenizer",
    generate,
    given={"prompt": ONCE, "max_length": 30, "extra": {"seed": 1}, "stop_sequences": [" "]},
    rows=(
        Row(
            "tokenizer",
            BYTES,
            {"parameters.stop_sequences": [[BLANK]]},
            lambda a, b: isinstance(a, InvalidRequestError) and text(b).endswith(" "),
        ),
    ),
)
"""Of which a request with a phrase cannot be made without it."""

MAX_TIME: Final = Table(
    "max_time",
    generate,
    given={"prompt": ONCE, "max_length": 30, "extra": {"seed": 1}},
    rows=(parameter("max_time", 10, length(5)),),
    pace=2.0,
)
"""Where a token takes its time."""
