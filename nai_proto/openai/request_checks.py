"""Check requests before they are sent.

Only what is documented is refused. ``max_tokens`` has no upper bound here: the service's page says 2048, subscriptions
allow less and clients send more, so the service decides.

See:
    docs/protocol/openai.md#2-names-typescript-sdk--wire--python
    docs/protocol/openai.md#41-messages
    docs/protocol/openai.md#73-context-and-output-limits
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from ..arguments import MAPPING, ArgumentType, list_of, takes
from ..conflicts import check_conflicts
from ..errors import InvalidRequestError, InvalidTypeError
from ..text.parameter_rules import ParameterKind, ParameterRule, describe_value
from ..unknown_names import suggest_name, unknown_parameter
from .request_options import CONFLICTS, Messages, Prompt
from .response_objects import Message

__all__ = ["RULES", "check_parameters", "messages_to_json", "prompt_to_json"]

_NUMBER: Final = ParameterRule(ParameterKind.NUMBER)
_INTEGER: Final = ParameterRule(ParameterKind.INTEGER)
_COUNT: Final = ParameterRule(ParameterKind.INTEGER, 1)
_TEXT: Final = ParameterRule(ParameterKind.TEXT)
_SHARE: Final = ParameterRule(ParameterKind.NUMBER, 0, 1)
_PENALTY: Final = ParameterRule(ParameterKind.NUMBER, -2, 2)
_BOOLEAN: Final = ParameterRule(ParameterKind.BOOLEAN)

RULES: Final[Mapping[str, ParameterRule | None]] = {
    "max_tokens": _COUNT,
    "temperature": ParameterRule(ParameterKind.NUMBER, 0, 2),
    "top_p": _SHARE,
    "top_k": _INTEGER,
    "min_p": _SHARE,
    "stop": None,
    "n": _COUNT,
    "frequency_penalty": _PENALTY,
    "presence_penalty": _PENALTY,
    "seed": _INTEGER,
    "logprobs": _COUNT,
    "logit_bias": None,
    "enable_thinking": _BOOLEAN,
    "generation_prefix": _TEXT,
    "unified_linear": _NUMBER,
    "unified_quadratic": _NUMBER,
    "unified_cubic": _NUMBER,
    "unified_increase_linear_with_entropy": _NUMBER,
    "stream_options": None,
    "user": _TEXT,
    "recaptcha_token": _TEXT,
    "best_of": _COUNT,
    "echo": _BOOLEAN,
    "suffix": _TEXT,
}
"""By parameter; None for those that are no single value."""

_MESSAGES: Final = list_of(ArgumentType("a Message or a mapping", Message, Mapping), "a list of messages")

ROLES: Final = ("system", "user", "assistant")


@takes(parameters=MAPPING)
def check_parameters(parameters: Mapping[str, object]) -> None:
    """Raise for what the service would refuse or misread.

    Args:
        parameters: of a completion or a chat, by name.

    Raises:
        InvalidRequestError: a name, a type or a range is wrong. Names the parameter, its value unless it is text, and
            what is allowed.
    """
    for name, value in parameters.items():
        if name not in RULES:
            raise unknown_parameter(name, (*RULES, "extra"), "the request", advice="anything goes in extra={…}")
        rule = RULES[name]
        if rule is not None:
            _check_value(name, value, rule)
        elif name == "stop":
            if not isinstance(value, str) and not _is_text_list(value):
                raise InvalidTypeError(
                    f"stop is {describe_value(value)}, and text or a list of texts is allowed", parameter="stop"
                )
        elif not isinstance(value, Mapping):
            raise InvalidTypeError(f"{name} is {describe_value(value)}, and a mapping is allowed", parameter=name)
        elif name == "logit_bias":
            for token, bias in cast("Mapping[object, object]", value).items():
                if not (isinstance(token, int) or (isinstance(token, str) and token.isdecimal())):
                    raise InvalidTypeError(
                        f"logit_bias has {describe_value(token)} as a key, and token ids are allowed",
                        parameter="logit_bias",
                    )
                _check_value(f"logit_bias[{token}]", bias, _NUMBER)
    check_conflicts(parameters, CONFLICTS)


def _check_value(name: str, value: object, rule: ParameterRule) -> None:
    parameter = name.partition("[")[0]
    allowed = f"{rule.describe()} is allowed"
    if not rule.kind.accepts(value):
        raise rule.kind.error_class(value)(f"{name} is {describe_value(value)}, and {allowed}", parameter=parameter)
    if not isinstance(value, int | float):
        return
    least, most = rule.least, rule.most
    if (least is not None and value < least) or (most is not None and value > most):
        raise InvalidRequestError(f"{name} is {value!r}, and {allowed}", parameter=parameter)


def prompt_to_json(prompt: Prompt) -> object:
    """Return the prompt as JSON has it.

    Raises:
        InvalidRequestError: it is none of the four forms.
    """
    if isinstance(prompt, str):
        return prompt
    if _is_list(prompt):
        items: list[Any] = [*prompt]
        if _is_text_list(items) or ParameterKind.IDS.accepts(items):
            return items
        if all(ParameterKind.IDS.accepts(item) for item in items):
            return [[*item] for item in items]
    raise InvalidTypeError(
        "a prompt is text, a list of texts, a list of token ids, or a list of lists of token ids", parameter="prompt"
    )


def messages_to_json(messages: Messages, *, validate: bool = True) -> list[Mapping[str, object]]:
    """Return the messages as JSON has them; of a mapping all keys, of a `Message` role, content and name.

    See docs/protocol/openai.md#41-messages.

    Raises:
        InvalidRequestError: a role is none of the service's three, or a content or a name is not text: a list of parts,
            as OpenAI has it, is refused by the service. Names the message and the key, and quotes nothing.
    """
    made: list[Mapping[str, object]] = [
        _message_to_json(message) if isinstance(message, Message) else dict(message)
        for message in _MESSAGES.convert(messages, "messages")
    ]
    for place, message in enumerate(made if validate else ()):
        where = f"messages[{place}]"
        if (role := message.get("role")) not in ROLES:
            hint = suggest_name(role, ROLES) if isinstance(role, str) else ""
            raise InvalidRequestError(f"{where}.role is not one of {', '.join(ROLES)}{hint}", parameter="messages")
        for key in ("content", "name"):
            if (key == "content" or key in message) and not isinstance(message.get(key), str):
                raise InvalidTypeError(
                    f"{where}.{key} is {describe_value(message.get(key))}, and text is allowed", parameter="messages"
                )
    return made


def _message_to_json(message: Message) -> dict[str, object]:
    sent: dict[str, object] = {"role": message.role, "content": message.content}
    return sent if message.name is None else {**sent, "name": message.name}


def _is_text_list(value: object) -> bool:
    return _is_list(value) and all(isinstance(item, str) for item in cast("Sequence[object]", value))


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview)
