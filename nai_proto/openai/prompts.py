"""A chat as the prompt of a raw completion, and how many tokens a prompt has.

See:
    docs/protocol/openai.md#31-request
    docs/protocol/openai.md#8-token-count
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Never

from ..arguments import FLAG, TEXT, TOKENIZER, takes
from ..exchange.actions import Steps, compute
from ..exchange.flow import flow
from ..text.models import MODEL, Model
from .operations import token_count
from .rules import sent_messages

if TYPE_CHECKING:
    from ..tokenizers import Tokenizer
    from .parameters import Messages

__all__ = ["count_tokens", "render_chat"]

_START: Final = "[gMASK]<sop>"
_QUIET: Final = "/nothink"
_NO_THOUGHT: Final = "<think></think>\n"


@takes(thinking=FLAG)
def render_chat(messages: Messages, *, thinking: bool = False) -> str:
    """A chat in the form that GLM models read, for `completion` and for counting its tokens.

    A block for each message; then one that is open, for the answer. If the last message is the assistant's, its block
    stays open instead, and the answer goes on from it. Names are left out, since the form has no place for them; markers
    in a content are not escaped, since it has no way to.

    See docs/protocol/openai.md#31-request.

    Args:
        messages: as for `chat_completion`.
        thinking: let the model reason before it answers.

    Raises:
        InvalidRequestError: a role is not one of the three, or a content is not text.
    """
    blocks = [_START]
    role = ""
    for message in sent_messages(messages):
        role, content = str(message["role"]), str(message["content"])
        if role == "assistant":
            content = _NO_THOUGHT + content
        elif role == "user" and not thinking and not content.endswith(_QUIET):
            content += _QUIET
        blocks.append(f"<|{role}|>\n{content}")
    if role != "assistant":
        blocks.append("<|assistant|>\n" + ("" if thinking else _NO_THOUGHT))
    return "".join(blocks)


@flow
@takes(text=TEXT, model=MODEL, tokenizer=TOKENIZER | None)
def count_tokens(text: str, model: Model | str = Model.GLM, tokenizer: Tokenizer | None = None) -> Steps[Never, int]:
    """How many tokens a text has: by ``tokenizer`` without a request, off the event loop; else as the service counts.

    The two may differ in a text with markers such as ``<|user|>``, which the service may count as text.

    Raises (when run):
        InvalidRequestError: the text holds a lone surrogate.

    See docs/protocol/openai.md#31-request.
    """
    if tokenizer is not None:
        return (yield from compute(partial(tokenizer.count, text)))
    return (yield from token_count(text, model=model)).length
