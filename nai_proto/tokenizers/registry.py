"""The table of the service's tokenizers: their models, special tokens and files.

See:
    docs/protocol/native.md#112-tokenizer-per-model
    docs/protocol/native.md#113-where-tokenizer-data-comes-from
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ..arguments import INTEGER, MAPPING, TEXT, convert_fields, list_of

__all__ = ["TOKENIZERS", "TokenizerInfo"]


@dataclass(frozen=True, slots=True)
class TokenizerInfo:
    """A tokenizer of the service."""

    name: str
    models: tuple[str, ...]
    """Ids of the models that use it, including earlier and internal ones.

    See docs/protocol/native.md#12-which-host-per-text-model.
    """
    specials: Mapping[str, int]
    "Ids of special tokens as the *service* numbers them. The publisher's original file may differ."
    files: Mapping[str, str | None] = field(default_factory=dict[str, "str | None"])
    """Names of its published files, the best first, each with its SHA-256 as 64 hexadecimal digits; None if the publisher
    may change the file."""
    substitutes: Mapping[str, str | None] = field(default_factory=dict[str, "str | None"])
    """Other files, likewise, that give the same ids except for special tokens. Pass `specials` to `read` to correct those;
    other special tokens stay wrong."""
    token_width: int = 2
    "Bytes per packed token. See docs/protocol/native.md#111-packing."

    def __post_init__(self) -> None:
        convert_fields(
            self,
            name=TEXT,
            models=list_of(TEXT),
            specials=MAPPING,
            files=MAPPING,
            substitutes=MAPPING,
            token_width=INTEGER,
        )


_GPT2: Final = {"<|endoftext|>": 50256}
_NERDSTASH: Final = {"<|pad|>": 0, "<|unknown|>": 1, "<|startoftext|>": 2, "<|endoftext|>": 3}

TOKENIZERS: Final[Mapping[str, TokenizerInfo]] = {
    one.name: one
    for one in (
        TokenizerInfo(
            "gpt2",
            (
                *("2.7B", "6B", "6B-v3", "6B-v4", "sigurd-2.9b-v1", "euterpe-v0", "euterpe-v2"),
                *("genji-python-6b", "hypebot", "infillmodel"),
            ),
            _GPT2,
            {
                "gpt2_tokenizer.json": "673177719b376dc05636c752d0c202d48c1325488bb2ee004f48da2841e7ed5e",
                "gpt2_tokenizer.def": None,
            },
        ),
        TokenizerInfo(
            "gpt2-genji",
            ("genji-jp-6b", "genji-jp-6b-v2"),
            _GPT2,
            {
                "gpt2-genji_tokenizer.json": "d2cf3705409e8f2145005bfc9ef7c284e650803a03bbc354f53cb01b2c49c163",
                "genji_tokenizer.json": None,
                "genji_tokenizer.def": None,
            },
        ),
        TokenizerInfo(
            "pile",
            ("krake-v1", "krake-v2", "cassandra"),
            {"<|endoftext|>": 0},
            {
                "pile_tokenizer.json": "451d27deb5a19e3592078306fdcb843b4d0f1ee833370cf2ddfde955f26ce3e6",
                "pile_tokenizer.def": None,
            },
        ),
        TokenizerInfo(
            "nerdstash_v1",
            ("clio-v1",),
            _NERDSTASH,
            {
                "nerdstash_v1.model": "578fa0ed4d6dbee435f21d7f7a741506d09cdd93cce241008abf725407cbdb41",
                "novelai.model": "578fa0ed4d6dbee435f21d7f7a741506d09cdd93cce241008abf725407cbdb41",
                "nerdstash_tokenizer.json": None,
                "nerdstash_tokenizer.def": None,
            },
        ),
        TokenizerInfo(
            "nerdstash_v2",
            ("kayra-v1", "blue", "red", "green", "pink", "yellow", "black"),
            _NERDSTASH,
            {
                "nerdstash_v2.model": "005ad680b10f1abd406bdb0ca9c6a5d83fc1f6e0a855bdd1942c1ceab1fb47ab",
                "novelai_v2.model": "005ad680b10f1abd406bdb0ca9c6a5d83fc1f6e0a855bdd1942c1ceab1fb47ab",
                "nerdstash_tokenizer_v2.json": None,
                "nerdstash_tokenizer_v2.def": None,
            },
        ),
        # The substitute is Meta's original file: it numbers reserved tokens differently and lacks <|startoftext|>. The
        # service's numbers are likely: docs/protocol/native.md#98-model-heads-preamble-and-special-token-use.
        TokenizerInfo(
            "llama3",
            ("llama-3-erato-v1", "purple", "white"),
            {"<|startoftext|>": 128000, "<|reserved_special_token81|>": 128081},
            {"llama3nai_tokenizer.json": None, "llama3nai_tokenizer.def": None},
            {"llama3.json": "7a7f4e48265c92b885002ce73481f269ff6360f64eb90d868aed642449e5f9f4"},
            token_width=4,
        ),
        TokenizerInfo(
            "glm-4.6",
            ("glm-4-5", "glm-4-6", "xialong-v1"),
            {
                "[gMASK]": 151331,
                "<sop>": 151333,
                "<|system|>": 151335,
                "<|user|>": 151336,
                "<|assistant|>": 151337,
                "<think>": 151350,
                "</think>": 151351,
                "/nothink": 151360,
            },
            {"glm-4.6_tokenizer.json": None},
            token_width=4,
        ),
        # The image models' tokenizers (docs/protocol/image.md#63-token-counting). The limits of prompts also count
        # T5's </s> at the end, which `encode` does not add.
        TokenizerInfo(
            "clip",
            (
                *("nai-diffusion", "safe-diffusion", "nai-diffusion-furry", "nai-diffusion-2"),
                *("nai-diffusion-3", "nai-diffusion-furry-3"),
            ),
            {"<|startoftext|>": 49406, "<|endoftext|>": 49407},
            {
                "bpe_simple_vocab_16e6.txt.gz": "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a",
                "clip_tokenizer.def": None,
            },
        ),
        TokenizerInfo(
            "t5",
            (
                *("nai-diffusion-4-curated-preview", "nai-diffusion-4-full"),
                *("nai-diffusion-4-5-curated", "nai-diffusion-4-5-full"),
            ),
            {"<pad>": 0, "</s>": 1, "<unk>": 2},
            {"t5_tokenizer.json": None, "t5_tokenizer.def": None},
        ),
        TokenizerInfo(
            "qwen35",
            ("nai-diffusion-5-curated", "nai-diffusion-5-full"),
            {},
            {"qwen35_tokenizer.json": None, "qwen35_tokenizer.def": None},
            token_width=4,
        ),
    )
}
"""All tokenizers by name."""
