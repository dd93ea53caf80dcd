"""No secret of an account is shown by anything: objects, errors, tracebacks, logs, recordings, or the emulator's console.

The objects are those that are alive while an account is used, and one of each class of the package that has a place for a
secret; none of them is named here.
"""

from __future__ import annotations

import dataclasses
import gc
import importlib
import io
import json
import logging
import os
import pickle
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx as plain_httpx
import msgspec
import pytest

import nai_proto as nai
import nai_transports
from nai_proto import account, objects, openai, text
from nai_proto.codecs.key_derivation import access_key, encryption_key
from nai_proto.emulator import Account, Emulator
from nai_proto.emulator.control import CONTROL, KEY_HEADER, ControlApp
from nai_proto.emulator.recording.value_masking import is_secret_key
from nai_proto.exchange.flow import Flow
from nai_proto.exchange.operation import Operation
from nai_proto.exchange.reply import App, Cut, Handler, Read, Start, StoreState, Write
from nai_proto.http import Head, Headers, Request
from nai_proto.library import open_library
from nai_proto.secret import AccessKey, AccessToken, EncryptionKey, Password, PersistentToken
from nai_transports.servers.recordings import record_to_file
from nai_transports.servers.serve import serve_in_thread
from nai_transports.servers.state import StateFile
from tests import drivers
from tests.cases import for_each
from tests.drivers import opened
from tests.marked_secrets import MarkedSecrets, describe_error, describe_objects

EMAIL: Final = "writer@example.com"
PASSWORD: Final = "Qv7-harbour-Zk3-lantern"
NEW_PASSWORD: Final = "Xw9-anchor-Lm4-beacon"
CONTROL_KEY: Final = "the-control-key-Bn5-of-the-emulator"


# ---- everything that is alive while an account is used


class Watch:
    """What is shown while an account is used, by name."""

    def __init__(self) -> None:
        self.marked = MarkedSecrets()
        for name, password in (("password", PASSWORD), ("new password", NEW_PASSWORD)):
            self.marked.add(name, password)
            self.marked.add(f"access key of the {name}", access_key(EMAIL, Password(password)).reveal())
            self.marked.add(f"encryption key of the {name}", encryption_key(EMAIL, Password(password)).reveal())
        self.shown: dict[str, str] = {}

    def look(self) -> None:
        """Keep what each object shows that is alive now."""
        self.shown |= describe_objects()

    def watch(self, app: App) -> App:
        """Return the app, with a look at each head, while the client waits, and at each change."""

        def answer(request: Request) -> Handler:
            handler = app(request)
            incoming: bytes | None = None
            try:
                while True:
                    action = handler.send(incoming)
                    if isinstance(action, Start | StoreState):
                        self.look()
                    incoming = yield action
            except StopIteration:
                return
            finally:
                handler.close()

        return answer

    def check(self) -> None:
        assert self.marked.find(self.shown) == []


DRIVERS: Final = ("sync", "httpx", "asyncio", "trio", "httpx-asyncio", "httpx-trio")


def use_account(driver: str, watch: Watch, owner: Account, session: nai.Session, **options: Any) -> list[nai.NaiError]:
    """Do what opens secrets with a client of a driver, well and with mistakes; return the errors."""

    async def main() -> list[nai.NaiError]:
        async with opened(driver, session, **options) as client:
            return await open_secrets(watch, client, owner)

    return drivers.run(driver, main)


async def open_secrets(watch: Watch, client: Any, owner: Account) -> list[nai.NaiError]:
    errors: list[nai.NaiError] = []

    async def run(flow: Operation[Any, Any] | Flow[Any, Any]) -> Any:
        try:
            result = await client.run(flow)
        except nai.NaiError as error:
            errors.append(error)
            watch.shown |= {f"{what} {len(errors)}": shown for what, shown in describe_error(error).items()}
            watch.look()
            return None
        watch.look()
        return result

    token = await run(account.login(EMAIL, PASSWORD)) or AccessToken(
        "eyJhbGciOiJIUzI1NiJ9.eyJ0IjoiUXY3In0.Qv7harbourZk3"
    )
    watch.marked.add("access token", token.reveal().rpartition(".")[2])  # all tokens begin in the same way
    library = await run(open_library(EMAIL, PASSWORD))
    for key in () if library is None else library.keystore.values():
        watch.marked.add("key of an object", key)
    persistent = owner.persistent_token
    watch.marked.add("persistent token", persistent.reveal())
    no_retry = nai.NO_RETRY
    await run(account.login(EMAIL, NEW_PASSWORD))
    await run(account.get_information().with_options(token=token))
    await run(account.get_subscription().with_options(token=persistent))
    await run(text.generate("Once", max_length=3).with_options(retry=no_retry, token=persistent))
    await run(text.generate_stream("Once", max_length=3).with_options(retry=no_retry, token=persistent))
    await run(openai.chat_completion([openai.Message("user", "Hello")], max_tokens=3).with_options(token=persistent))
    await run(objects.create_object("presets", "m", "eA==").with_options(token=token))
    await run(objects.create_object("presets", "m", "eA==").with_options(token=persistent))
    await run(account.change_password(EMAIL, PASSWORD, NEW_PASSWORD))
    await run(account.change_password(EMAIL, NEW_PASSWORD, PASSWORD))
    await run(account.register("reader@example.com", NEW_PASSWORD, "captcha"))
    return errors


@pytest.fixture
def account_of() -> tuple[Emulator, Account]:
    gc.collect()
    gc.freeze()  # what other tests have left is of other accounts, and is not looked at
    emulator = Emulator(now=lambda: 1_700_000_000.0, entropy=os.urandom)
    emulator.restore()
    return emulator, emulator.add_account(EMAIL, Password(PASSWORD))


@pytest.mark.parametrize("driver", DRIVERS)
def test_nothing_that_is_alive_while_an_account_is_used_shows_a_secret(
    account_of: tuple[Emulator, Account], driver: str, tmp_path: Path
) -> None:
    emulator, owner = account_of
    watch, log = Watch(), io.StringIO()
    handler = logging.StreamHandler(log)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(1)
    recording = tmp_path / "recording"
    watch.marked.add("control key", CONTROL_KEY)
    control = ControlApp(emulator, CONTROL_KEY, emulator)
    try:
        with (
            StateFile(tmp_path / "state") as state,
            record_to_file(control, recording, contents=True) as recorded,
        ):
            state.store(emulator.changes()).result()
            with serve_in_thread(watch.watch(recorded), store=state.store) as url:
                options = {"on_event": lambda event: logging.info("%s %r", event, event)}
                errors = use_account(driver, watch, owner, nai.Session(base_url=url), **options)
                watch.shown["the console"] = read_console(url)
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    assert {type(error).__name__ for error in errors} >= {"AuthenticationError", "InvalidRequestError"}
    for error in errors:
        watch.shown[f"pickled {error}"] = pickle.dumps(error).decode("latin-1")
    watch.shown["the log"] = log.getvalue()
    watch.shown["the recording"] = recording.read_text()
    assert len(watch.shown) > 500
    watch.check()


def read_console(url: str) -> str:
    """Return all that the emulator's control tells."""
    headers = {KEY_HEADER: CONTROL_KEY}
    with plain_httpx.Client(base_url=url + CONTROL, headers=headers, trust_env=False, timeout=60) as http:
        numbers = [seen["number"] for seen in http.get("requests").json()["requests"]]
        assert numbers
        paths = ["requests", "replies", "faults", "faults/kinds", "accounts", "recording"]
        return "".join(http.get(path).text for path in (*paths, *(f"requests/{number}" for number in numbers)))


# ---- errors


def echo(request: Request) -> Handler:
    """Refuse, and quote all of the request."""
    body = b""
    while data := (yield Read()):
        body += data
    quoted = f"bad: {request.headers.get('authorization')} {body.decode('latin-1')} {request.target}"
    document = json.dumps({"statusCode": 400, "message": quoted}).encode()
    yield Start(Head(400, Headers.of(content_type="application/json", content_length=str(len(document)))))
    yield Write(document)


def echo_as_garbage(request: Request) -> Handler:
    """Answer a success with a body that is the request, and no JSON."""
    body = b""
    while data := (yield Read()):
        body += data
    quoted = f"{request.headers.get('authorization')} ".encode() + body
    yield Start(Head(200, Headers.of(content_type="application/json", content_length=str(len(quoted)))))
    yield Write(quoted)


def cut(_: Request) -> Handler:
    yield Cut()


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("app", [echo, echo_as_garbage, cut])
def test_no_error_quotes_a_secret_of_the_request(account_of: tuple[Emulator, Account], driver: str, app: App) -> None:
    """What a server sent is in `StatusError.body`, and in the variables of a traceback's frames: docs/errors.md#secrets."""
    watch = Watch()
    with serve_in_thread(app) as url:
        errors = use_account(driver, watch, account_of[1], nai.Session(base_url=url, retry=nai.NO_RETRY))
    assert len(errors) > 10
    if app is not cut:
        watch.shown = {name: text for name, text in watch.shown.items() if not name.startswith("the traceback with")}
    watch.check()


# ---- every class that has a place for a secret

BY_TYPE: Final[dict[str, Any]] = {
    "Password": Password(PASSWORD),
    "AccessKey": access_key(EMAIL, Password(PASSWORD)),
    "EncryptionKey": encryption_key(EMAIL, Password(PASSWORD)),
    "AccessToken": AccessToken("eyJhbGciOiJIUzI1NiJ9.eyJ0IjoiUXY3In0.Qv7harbourZk3"),
    "PersistentToken": PersistentToken("pst-Qv7harbourZk3lanternQv7harbourZk3"),
    "Token": PersistentToken("pst-Qv7harbourZk3lanternQv7harbourZk3"),
    "Keystore": None,
}
OTHER_KEYS: Final = {"ContextPart", "EncodedVibe", "Placeholder", "TriedKey", "_VibeReaderFactory"}
"""Classes whose ``key`` is one of a lorebook, of a placeholder, or the name of a kind of model."""


def iter_classes() -> Iterator[type]:
    """Yield every class that the package defines and whose fields are declared."""
    for package in (nai, nai_transports):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if info.name.endswith("__main__"):
                continue
            module = importlib.import_module(info.name)
            for value in vars(module).values():
                is_ours = isinstance(value, type) and value.__module__ == module.__name__
                if is_ours and (dataclasses.is_dataclass(value) or issubclass(value, msgspec.Struct)):
                    yield value


def find_places(kind: type) -> dict[str, Any]:
    """Return the fields of a class that may hold a secret, each with one."""
    places: dict[str, Any] = {}
    for name, annotation in (each for base in kind.__mro__ for each in vars(base).get("__annotations__", {}).items()):
        words = {*re.findall(r"\w+", str(annotation))}
        if "ClassVar" in words:
            continue
        if secrets := [value for type_, value in BY_TYPE.items() if type_ in words and value is not None]:
            places[name] = secrets[0]
        elif words & {"str", "bytes", "_Key", "_MailedToken"} and is_secret_name(name):
            places[name] = PASSWORD.encode() if "bytes" in words else PASSWORD
    return places


def is_secret_name(name: str) -> bool:
    camel = re.sub(r"_(\w)", lambda found: found[1].upper(), name.strip("_"))
    return "email" not in name.lower() and (is_secret_key(camel.encode()) or is_secret_key(name.encode()))


CLASSES: Final = [
    (kind, places) for kind in iter_classes() if (places := find_places(kind)) and kind.__name__ not in OTHER_KEYS
]


@for_each("kind, places", CLASSES, ids=[f"{kind.__module__}.{kind.__name__}" for kind, _ in CLASSES])
def test_a_class_with_a_place_for_a_secret_does_not_show_it(kind: type, places: dict[str, Any]) -> None:
    marked = MarkedSecrets()
    for secret in (PASSWORD, *(value.reveal() for value in BY_TYPE.values() if value is not None)):
        marked.add("secret", secret)
    if issubclass(kind, msgspec.Struct):
        instance: Any = kind(**{**dict.fromkeys(kind.__struct_fields__, ""), **places})
    else:
        instance = object.__new__(kind)
        for name in (field.name for field in dataclasses.fields(instance)):
            object.__setattr__(instance, name, places.get(name, ""))  # it may be frozen
    assert marked.find({"repr": repr(instance), "str": str(instance)}) == []


def test_the_classes_are_found() -> None:
    """Among them those of the session, of a login, and of the emulator's requests."""
    assert {"Session", "Request", "Access", "Library", "Account", "_ChangeKey", "AccountRow"} <= {
        kind.__name__ for kind, _ in CLASSES
    }
    assert {AccessKey, EncryptionKey} <= {type(value) for value in BY_TYPE.values()}
