"""Each host at an address of its own has what the service's has, and no more.

See:
    docs/protocol/native.md#11-host-migration-important
    docs/protocol/native.md#12-which-host-per-text-model
    docs/protocol/native.md#171-general-behaviour
"""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from nai_proto import account, objects, text
from nai_proto.emulator import Emulator, restrict_to_host
from nai_proto.emulator.faults import FaultyApp
from nai_proto.errors import NaiError, NotFoundError, RejectedRequestError
from nai_proto.exchange.actions import Steps
from nai_proto.exchange.endpoints import ENDPOINTS, Endpoint
from nai_proto.exchange.flow import flow
from nai_proto.exchange.session import Session
from nai_proto.http import Headers, Host, Request
from nai_proto.secret import AccessToken, Password, PersistentToken
from nai_proto.testing import Clock, MemoryConnection, run_in_memory
from nai_proto.text.models import MODELS
from nai_transports import httpx as on_httpx
from nai_transports.servers.serve import serve_in_thread
from tests.cases import for_each
from tests.peer import Peer
from tests.support import EMAIL, PASSWORD, an_emulator, with_token
from tests.test_cli import nai, run_emulator

UNKNOWN = {Host.TEXT: "Validation error: model {} doesn't exist", Host.API: "model must be a valid enum value"}
MIGRATED = "Please refresh NovelAI.net. If using a third-party tool, update to the image URL."


def ask(
    emulator: Emulator, role: Host, method: str, target: str, body: object = None, token: Any = None
) -> tuple[int, Any]:
    """Status and document of what the address of a role answers."""
    peer = Peer(MemoryConnection(restrict_to_host(role, emulator), Clock()))
    sent = b"" if body is None else json.dumps(body).encode()
    head = peer.send(Request(method, target, Headers(), sent, token=token, base="http://emulator.invalid"), 10)
    answer = b"".join(iter(lambda: peer.receive(10), b""))
    return head.status, json.loads(answer) if head.content_type == "application/json" else answer


def path_of(row: Endpoint) -> str:
    return "/".join("one" if part.startswith("{") else part for part in row.path.split("/"))


def here(row: Endpoint, role: Host, strict: bool) -> bool:
    if row.host is Host.ACCOUNT:
        return role is not Host.API or not strict
    return row.host is role or (row.host is Host.IMAGE and role is Host.ACCOUNT)


@for_each("strict", [True, False])
@for_each("role", Host, ids=lambda role: role.value)
def test_a_path_of_another_host_is_not_found(role: Host, strict: bool) -> None:
    emulator, _ = an_emulator(strict=strict)
    for row in ENDPOINTS.values():
        status, document = ask(emulator, role, row.method, path_of(row))
        twins = {each.host for each in ENDPOINTS.values() if (each.method, each.path) == (row.method, row.path)}
        if row.host is Host.ACCOUNT and role is Host.API and strict:
            assert (status, document) == (400, {"statusCode": 400, "message": MIGRATED})
        elif here(row, role, strict) or role in twins:
            assert status == 401 if row.auth else status != 404, row.name
        else:
            assert status == 404, row.name


def test_the_api_host_says_where_accounts_and_images_have_moved() -> None:
    emulator, owner = an_emulator()
    for method, target in (("GET", "/user/subscription"), ("POST", "/user/login"), ("GET", "/user/no/such/thing")):
        for token in (None, owner.persistent_token, AccessToken("none")):
            assert ask(emulator, Host.API, method, target, token=token)[1]["message"] == MIGRATED
    status, document = ask(emulator, Host.API, "POST", "/ai/generate-image", {})
    assert status == 404
    assert "Please use image.novelai.net/ai/generate-image." in document["message"]
    assert ask(emulator, Host.TEXT, "POST", "/ai/generate-image", {})[1]["message"] == "Cannot POST /ai/generate-image"


@pytest.mark.parametrize("strict", [True, False])
def test_a_host_knows_its_models_only(strict: bool) -> None:
    emulator, owner = an_emulator(strict=strict)
    for model in MODELS:
        body = {"model": model.id, "input": "Once", "parameters": {"max_length": 1, "use_string": True}}
        for role, status, known in (
            (Host.TEXT, 200, model.host is Host.TEXT),
            (Host.API, 201, model.host is Host.API or not strict),
        ):
            for target in ("/ai/generate", "/ai/generate-stream"):
                got, answer = ask(emulator, role, "POST", target, body, owner.persistent_token)
                assert got == (status if known else 400), model.id
                assert known or answer["message"] == UNKNOWN[role].format(model.id)


def test_without_use_string_the_host_decides_the_form_of_a_prompt() -> None:
    emulator, owner = an_emulator(strict=False)
    body = {"model": "kayra-v1", "input": "OnceOnce", "parameters": {"max_length": 1}}
    assert ask(emulator, Host.TEXT, "POST", "/ai/generate", body, owner.persistent_token)[0] == 200
    status, answer = ask(emulator, Host.API, "POST", "/ai/generate", body, owner.persistent_token)
    assert (status, "holds token ids" in answer["message"]) == (501, True)


def test_generate_prompt_needs_a_model_of_the_api_host() -> None:
    emulator, owner = an_emulator()
    body = {"model": "kayra-v1", "prompt": "Once", "temp": 1, "tokens_to_generate": 1}
    assert ask(emulator, Host.API, "POST", "/ai/generate-prompt", body, owner.persistent_token)[0] == 400
    body["model"] = "euterpe-v2"
    assert ask(emulator, Host.API, "POST", "/ai/generate-prompt", body, owner.persistent_token)[0] == 201


def test_the_lock_and_the_accounts_are_the_same_at_all_addresses() -> None:
    emulator, owner = an_emulator(strict=False)
    key = account.access_key(EMAIL, Password(PASSWORD)).reveal()
    for role in Host:
        status, answer = ask(emulator, role, "POST", "/user/login", {"key": key})
        assert status == 201
        assert ask(emulator, Host.IMAGE, "GET", "/user/keystore", token=AccessToken(answer["accessToken"]))[0] == 200
    owner.generating = True
    for role, model in ((Host.TEXT, "kayra-v1"), (Host.API, "euterpe-v2")):
        body = {"model": model, "input": "Once", "parameters": {"max_length": 1, "use_string": True}}
        assert ask(emulator, role, "POST", "/ai/generate", body, owner.persistent_token)[0] == 429


# ---- a client with four addresses


@contextmanager
def four_addresses(emulator: Emulator) -> Generator[Session, None, None]:
    with ExitStack() as stack:
        image, texts, api = (
            stack.enter_context(serve_in_thread(restrict_to_host(role, emulator)))
            for role in (Host.IMAGE, Host.TEXT, Host.API)
        )
        yield Session(account=image, text=texts, image=image, api=api)


@flow
def log_in_and_write(model: text.Model) -> Steps[text.Token, tuple[text.Completion, int]]:
    token = yield from account.login(EMAIL, PASSWORD)
    written = yield from with_token(token, text.generate_stream("Once upon a time", model=model, max_length=5))
    found = yield from with_token(token, objects.list_objects("promptmacros"))
    return written, len(found)


@pytest.mark.parametrize("model", [text.Model.KAYRA, text.Model.EUTERPE], ids=lambda model: model.id)
def test_a_client_finds_accounts_and_models_each_at_its_host(model: text.Model) -> None:
    with four_addresses(an_emulator()[0]) as session, on_httpx.Client(session) as client:
        written, macros = client.run(log_in_and_write(model))
    assert written.text
    assert macros == 0


def error_of(session: Session, flow: Any) -> NaiError:
    with pytest.raises(NaiError) as raised, on_httpx.Client(session) as client:
        client.run(flow)
    return raised.value


def test_an_account_request_to_the_api_host_is_refused_with_the_new_address() -> None:
    emulator, owner = an_emulator()
    with four_addresses(emulator) as session:
        old = Session(
            account=session.api, text=session.text, image=session.image, api=session.api, token=owner.persistent_token
        )
        for flow in (account.login(EMAIL, PASSWORD), account.get_subscription()):
            error = error_of(old, flow)
            assert isinstance(error, RejectedRequestError)
            assert error.message == MIGRATED
        swapped = Session(account=session.account, text=session.image, api=session.text, token=owner.persistent_token)
        assert isinstance(error_of(swapped, text.generate("Once", model=text.Model.KAYRA)), NotFoundError)
        assert isinstance(error_of(swapped, text.generate("Once", model=text.Model.EUTERPE)), RejectedRequestError)


# ---- from the command line


@pytest.mark.parametrize("hosts", ["strict", "lenient"])
def test_emulate_serves_each_host_at_a_port_of_its_own(hosts: str) -> None:
    with run_emulator("--hosts", hosts) as (ready, _):
        urls: Any = ready["hosts"]
        assert set(urls) == {role.value for role in Host}
        assert urls["account"] == urls["image"] == ready["url"]
        assert len(set(urls.values())) == 3
        session = Session(token=PersistentToken(ready["token"]), **urls)
        with on_httpx.Client(session) as client:
            for model in (text.Model.KAYRA, text.Model.EUTERPE):
                assert client.run(text.generate("Once", model=model, max_length=5)).text
            assert client.run(account.get_subscription()).tier == 3
        old = Session(base_url=urls["api"], token=PersistentToken(ready["token"]))
        if hosts == "strict":
            assert isinstance(error_of(old, account.get_subscription()), RejectedRequestError)
        else:
            with on_httpx.Client(old) as client:
                assert client.run(account.get_subscription()).tier == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("--hosts", "many"), "there are one, strict, lenient"), (("--hosts", "strict", "--port", "65534"), "three")],
)
def test_impossible_hosts_are_errors_in_plain_words(arguments: tuple[str, ...], said: str) -> None:
    done = nai("emulate", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_one_address_for_all_has_everything() -> None:
    emulator, _ = an_emulator()
    for model in (text.Model.KAYRA, text.Model.EUTERPE):
        assert run_in_memory(log_in_and_write(model), emulator).error is None


def test_an_app_that_wraps_an_emulator_wraps_it_for_every_host() -> None:
    emulator, owner = an_emulator()
    faulty = FaultyApp(emulator, "refuse:status=503,times=1")
    for role, status in ((Host.API, 503), (Host.API, 400), (Host.IMAGE, 200)):
        peer = Peer(MemoryConnection(restrict_to_host(role, faulty), Clock()))
        request = Request("GET", "/user/priority", token=owner.persistent_token, base="http://emulator.invalid")
        assert peer.send(request, 10).status == status
