"""Targets of all operations: for each endpoint, what a server may answer to it.

The input is the body of a response with the endpoint's status. Whatever it is, the operation ends in a result or in a
documented error, and the reads that it comes in do not matter. Its seeds are what the emulator answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final, TypeVar

from ... import account, image, modules, objects, openai, text, voice
from ...codecs.pixels import Pixels, write_png
from ...codecs.sealed_objects import StoredObject
from ...emulator import Emulator
from ...exchange.actions import Action, Incoming, Steps
from ...exchange.endpoints import ENDPOINTS, build
from ...exchange.flow import flow, map_actions
from ...exchange.operation import Operation
from ...exchange.readers import NOTHING
from ...exchange.retry import NO_RETRY, Repeat
from ...exchange.session import Session
from ...http import Head, Headers
from ...secret import AccessKey, Password, Token
from ..play import play, run_in_memory
from ..target import Target

__all__ = ["ACCESS_KEY", "OPERATIONS", "TARGETS"]

E = TypeVar("E")
R = TypeVar("R")

_EMAIL: Final = "writer@example.com"
ACCESS_KEY: Final = AccessKey("k" * 64)
_NEW_KEY: Final = AccessKey("n" * 64)
_PICTURE: Final = write_png(Pixels(64, 64, bytes(3 * 64 * 64)))
_CHAT: Final = [{"role": "user", "content": "Hello"}]
_STORED: Final = StoredObject(id="1", type="stories", meta="meta", data="AA==", changeIndex=1)

OPERATIONS: Final[Mapping[str, Callable[[], Operation[Any, Any]]]] = {
    "health": lambda: Operation(build(ENDPOINTS["health"]), NOTHING, Repeat.ALWAYS),
    "register": lambda: account.register_with_key(_NEW_KEY, "riddle"),
    "login": lambda: account.login_with_key(ACCESS_KEY),
    "sso_google": lambda: account.login_with_google("identity"),
    "change_access_key": lambda: account.change_access_key(ACCESS_KEY, _NEW_KEY),
    "resend_verification": lambda: account.resend_verification(_EMAIL),
    "verify_email": lambda: account.verify_email("v" * 64),
    "change_mailing_consent": lambda: account.change_mailing_consent(True),
    "information": account.get_information,
    "osano_external_id": account.get_osano_external_id,
    "put_consent": lambda: account.set_consent("US"),
    "request_deletion": lambda: account.request_deletion(_EMAIL),
    "finish_deletion": lambda: account.finish_deletion("d" * 16),
    "request_recovery": lambda: account.request_recovery(_EMAIL),
    "recover": lambda: account.recover("r" * 16, _NEW_KEY),
    "delete_account": account.delete_account,
    "user_data": account.get_user_data,
    "priority": account.get_priority,
    "gift_keys": account.get_gift_keys,
    "subscription": account.get_subscription,
    "bind_subscription": lambda: account.bind_subscription("giftkey", "gift", confirmed_replace=True),
    "change_subscription": lambda: account.change_subscription("Opus"),
    "create_persistent_token": account.create_persistent_token,
    "get_settings": account.get_client_settings,
    "put_settings": lambda: account.set_client_settings("{}"),
    "submit": lambda: account.submit("event", b"x", data_name="x", author_name="x", author_email=_EMAIL),
    "get_submission": lambda: account.get_submission("event"),
    "get_vote": lambda: account.get_vote("event"),
    "vote": lambda: account.vote("event", "1"),
    "delete_vote": lambda: account.withdraw_vote("ended", "1"),
    "get_keystore": objects.get_keystore,
    "put_keystore": lambda: objects.put_keystore("AA==", 1),
    "list_objects": lambda: objects.list_objects("stories"),
    "create_object": lambda: objects.create_object("stories", "meta", "AA=="),
    "get_object": lambda: objects.get_object("stories", "1"),
    "update_object": lambda: objects.update_object(_STORED, "AA=="),
    "delete_object": lambda: objects.delete_object("stories", "1"),
    "delete_objects": lambda: objects.delete_objects(["shelf"]),
    "generate": lambda: text.generate("Once", model="kayra-v1", max_length=20),
    "generate_stream": lambda: text.generate_stream("Once", model="kayra-v1", max_length=20),
    "api_generate": lambda: text.generate("Once", model="euterpe-v2", max_length=20),
    "api_generate_stream": lambda: text.generate_stream("Once", model="euterpe-v2", max_length=20),
    "generate_prompt": lambda: text.generate_prompt("a ship"),
    "trial_status": account.get_trial_status,
    "link_usage": lambda: account.link_usage("anonymous"),
    "get_voice": lambda: voice.speak("Hello", method="GET"),
    "post_voice": lambda: voice.speak("Hello"),
    "train_module": lambda: modules.train_module("x" * 2000, name="x", steps=50, learning_rate=0.0002, validate=False),
    "list_modules": modules.list_modules,
    "get_module": lambda: modules.get_module("1"),
    "delete_module": lambda: modules.delete_module("1"),
    "buy_training_steps": lambda: modules.buy_training_steps(2000),
    "completions": lambda: openai.completion_stream("Once", max_tokens=8),
    "chat_completions": lambda: openai.chat_completion_stream(_CHAT, max_tokens=8),
    "models": openai.list_models,
    "token_count": lambda: openai.token_count("Once"),
    "generate_image": lambda: image.generate("a ship", width=64, height=64, steps=1),
    "generate_image_stream": lambda: image.generate_stream("a ship", width=64, height=64, steps=1),
    "augment_image": lambda: image.augment(_PICTURE, "lineart", size=(64, 64)),
    "upscale": lambda: image.upscale(_PICTURE, size=(64, 64)),
    "encode_vibe": lambda: image.encode_vibe(_PICTURE, "nai-diffusion-4-5-full"),
    "suggest_tags": lambda: image.suggest_tags("a ship"),
    "annotate_image": lambda: image.annotate(_PICTURE, "hed"),
    "classify": lambda: text.classify({"input": "x"}),
}
"""By endpoint. A test fails when an endpoint is missing."""
_MORE: Final[Mapping[str, tuple[str, Callable[[], Operation[Any, Any]]]]] = {
    "completions.whole": ("completions", lambda: openai.completion("Once", max_tokens=8)),
    "chat_completions.whole": ("chat_completions", lambda: openai.chat_completion(_CHAT, stream=False, max_tokens=8)),
    "generate_image_stream.sse": (
        "generate_image_stream",
        lambda: image.generate_stream("x", framing="sse", width=64, height=64, steps=1),
    ),
}
"""Other operations on the same endpoints, whose answers have another form."""
_LOGIN: Final = b'{"accessToken":"eyJhbGciOi.eyJpZCI6.c2lnbmF0dXJl"}'
_OBJECT: Final = b'{"id":"1","type":"stories","meta":"meta","data":"AA==","lastUpdatedAt":1,"changeIndex":1}'
_MODULE: Final = b'{"id":"1","name":"x","description":"","status":"ready","data":"AA==","lossHistory":[1.5]}'
_ANSWERS: Final[Mapping[str, bytes]] = {
    **dict.fromkeys(("login", "sso_google", "change_access_key", "recover"), _LOGIN),
    **dict.fromkeys(("get_object", "update_object", "delete_object"), _OBJECT),
    **dict.fromkeys(("get_module", "delete_module"), _MODULE),
    "create_persistent_token": b'{"token":"pst-abcdefghijklmnop"}',
}
"""What is answered where an emulator with one new account refuses."""


def _read_response(
    status: int, content_type: str, operation: Operation[Any, Any], pieces: Iterable[bytes]
) -> Iterator[Any]:
    """Yield the events, and then the result; raise the error of the operation."""
    head = Head(status, Headers.of(content_type=content_type))
    trace = play(operation, [head, *filter(None, pieces), b""], _session())
    yield from trace.events
    yield trace.result


@cache
def _session(token: Token | None = None) -> Session:
    return Session(base_url="http://emulator.invalid", token=token)


def _build_target(name: str, endpoint: str, make: Callable[[], Operation[Any, Any]]) -> Target:
    row = ENDPOINTS[endpoint]

    @cache
    def operation() -> Operation[Any, Any]:
        return make().with_options(retry=NO_RETRY)

    @cache
    def seeds() -> Iterable[bytes]:
        return [_ANSWERS[name] if name in _ANSWERS else _ask_emulator(operation())]

    content_types = {**dict.fromkeys(("completions", "chat_completions"), "text/event-stream")}
    content_type = "text/event-stream" if name.endswith(".sse") else content_types.get(name, row.answers)

    def read(pieces: Iterable[bytes]) -> Iterator[Any]:
        return _read_response(row.status, content_type, operation(), pieces)

    return Target(f"operations.{name}", "chunks", read, seeds)


def _ask_emulator(operation: Operation[Any, Any]) -> bytes:
    """Return the body that an emulator with one account answers."""
    emulator = Emulator()
    emulator.add_account(_EMAIL, Password("the quiet harbour"))
    received: list[Incoming] = []

    def note(_: Action[Any], incoming: Incoming) -> Incoming:
        received.append(incoming)
        return incoming

    token = run_in_memory(account.login_with_key(emulator.accounts[0].key), emulator).result
    run_in_memory(_observe(operation, note), emulator, _session(token))
    return b"".join(each for each in received if isinstance(each, bytes))


@flow
def _observe(operation: Operation[E, R], note: Callable[[Action[E], Incoming], Incoming]) -> Steps[E, R]:
    return (yield from map_actions(operation, lambda action: action, note))


TARGETS: Final = tuple(
    _build_target(name, endpoint, make)
    for name, (endpoint, make) in {**{name: (name, make) for name, make in OPERATIONS.items()}, **_MORE}.items()
)
