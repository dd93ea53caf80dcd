"""Write a chat as the prompt of a raw completion, and count the tokens of a text.

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
from .request_checks import messages_to_json

if TYPE_CHECKING:
    from ..tokenizers import Tokenizer
    from .request_options import Messages

__all__ = ["count_tokens", "render_chat"]

_START: Final = "[gMASK]<sop>"
_NO_THINKING: Final = "/nothink"
_NO_THOUGHT: Final = "<think></think>\n"


@takes(thinking=FLAG)
def render_chat(messages: Messages, *, thinking: bool = False) -> str:
    """Write a chat in the form that GLM models read, for `completion` and for counting its tokens.

    It has a block for each message, then an open one for the answer. If the last message is the assistant's, its block
    stays open instead, and the answer continues it. Names are left out, since the form has no place for them; markers in
    a message are not escaped, since the form has no way to.

    See docs/protocol/openai.md#31-request.

    Args:
        messages: as for `chat_completion`.
        thinking: have the model reason before it answers.

    Raises:
        InvalidRequestError: a role is not one of the three, or a content is not text.
    """
    blocks = [_START]
    role = ""
    for message in messages_to_json(messages):
        role, content = str(message["role"]), str(message["content"])
        if role == "assistant":
            content = _NO_THOUGHT + content
        elif role == "user" and not thinking and not content.endswith(_NO_THINKING):
            content += _NO_THINKING
        blocks.append(f"<|{role}|>\n{content}")
    if role != "assistant":
        blocks.append("<|assistant|>\n" + ("" if thinking else _NO_THOUGHT))
    return "".join(blocks)


@flow
@takes(text=TEXT, model=MODEL, tokenizer=TOKENIZER | None)
def count_tokens(text: str, model: Model | str = Model.GLM, tokenizer: Tokenizer | None = None) -> Steps[Never, int]:
    """Count the tokens of a text: with ``tokenizer`` without a request, off the event loop; else by the service.

    The two may differ in a text with markers such as ``<|user|>``, which the service may count as text.

    Args:
        text: the text.
        model: which model, or its id or name.
        tokenizer: the model's; None has the service count.

    Raises (when run):
        InvalidRequestError: the text holds a lone surrogate.

    See docs/protocol/openai.md#31-request.
    """
    if tokenizer is not None:
        return (yield from compute(partial(tokenizer.count, text)))
    return (yield from token_count(text, model=model)).length
