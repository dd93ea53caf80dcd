"""The requests of an emulator can be read back: what was asked, by whom, and what was answered, without secrets."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

import nai_proto as nai
from nai_proto.account import login
from nai_proto.emulator import Emulator
from nai_proto.emulator.control.views import describe_request
from nai_proto.emulator.recording import Ending
from nai_proto.emulator.recording.recording_file import encode_exchange
from nai_proto.errors import InvalidRequestError
from nai_proto.exchange.reply import Handler, Read, Start, Write
from nai_proto.http import Head, Headers, Request
from nai_transports.memory import Client

EMAIL, PASSWORD = "writer@example.com", "correct horse"


@pytest.fixture
def emulator() -> Emulator:
    emulator = Emulator()
    emulator.add_account(EMAIL, nai.Password(PASSWORD))
    return emulator


@pytest.fixture
def client(emulator: Emulator) -> Client:
    token = emulator.accounts[0].persistent_token
    return Client(emulator, nai.Session(token=token, base_url="http://emulator.invalid"))


def test_a_request_is_listed_with_what_was_asked_and_answered(emulator: Emulator, client: Client) -> None:
    client.run(nai.text.generate("The dragon", model="kayra-v1", max_length=7))
    (seen,) = emulator.requests
    assert (seen.number, seen.method, seen.path, seen.account, seen.status) == (1, "POST", "/ai/generate", EMAIL, 200)
    assert (seen.parameters["input"], seen.parameters["parameters"]["max_length"]) == ("The dragon", 7)
    assert (seen.facts.model, seen.facts.prompt, seen.reason, seen.ending) == (
        "kayra-v1",
        "The dragon",
        None,
        Ending.COMPLETE,
    )
    assert seen.received_bytes > 100
    assert seen.sent_bytes > 10
    assert (seen.time, seen.seconds) == (emulator.clock(), 0.0)


def test_the_query_of_a_request_without_a_body_is_its_parameters(emulator: Emulator, client: Client) -> None:
    client.run(nai.image.suggest_tags("dragon"))
    assert emulator.requests[-1].parameters["prompt"] == "dragon"


def test_parts_of_a_form_are_listed_by_their_sizes(emulator: Emulator) -> None:
    form = (
        b'--x\r\nContent-Disposition: form-data; name="request"\r\n\r\n{"input": "a dragon"}\r\n'
        b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n12345\r\n--x--\r\n'
    )
    handler = emulator(
        Request("POST", "/ai/generate-image", Headers.of(content_type="multipart/form-data; boundary=x"))
    )
    next(handler)
    handler.send(form)
    with pytest.raises(StopIteration):
        while True:
            handler.send(b"")
    assert emulator.requests[-1].parameters == {"input": "a dragon", "image": "(5 bytes)"}
    assert emulator.requests[-1].facts.prompt == "a dragon"


def test_no_secret_is_listed(emulator: Emulator, client: Client) -> None:
    account = emulator.accounts[0]
    token = client.run(login(EMAIL, PASSWORD))
    client.run(nai.text.generate("Once"))
    shown = repr(emulator.requests)
    for seen in emulator.requests:
        exchange = seen.exchange
        shown += f"{seen.parameters} {exchange.headers.get('authorization')} {exchange.body!r} {exchange.answer!r}"
        shown += "".join(str(getattr(sent.action, "data", b"")) for sent in exchange.answer)
    for secret in (account.persistent_token, account.key, token):
        assert secret.reveal() not in shown
    assert "pst-" in shown  # a text of the token's form stands in its place


HIDDEN, TOKEN = "correct-horse-battery", "pst-" + "aB3" * 20
FORM = f'--x\r\nContent-Disposition: form-data; name="password"\r\n\r\n{HIDDEN}\r\n--x--\r\n'


@pytest.mark.parametrize(
    ("target", "content_type", "body"),
    [
        (f"/x/{TOKEN}", "", ""),
        (f"/x?token={TOKEN}", "", ""),
        (f"/x?access_token={HIDDEN}", "", ""),
        (f"/x?Api-Key={HIDDEN}", "", ""),
        (f"/x?pass%77ord={HIDDEN}", "", ""),
        ("/x", "application/x-www-form-urlencoded", f"user=me&password={HIDDEN}"),
        ("/x", "application/x-www-form-urlencoded", f"user=me&pass%77ord={HIDDEN}"),
        ("/x", "multipart/form-data; boundary=x", FORM),
        ("/x", "application/json", f'{{"apiKey": "{HIDDEN}", "more": [{{"client_secret": "{HIDDEN}"}}]}}'),
        ("/x", "application/json", f'{{"pass\\u0077ord": "{HIDDEN}"}}'),
        ("/x", "application/json", f'{{"{TOKEN}": 1, "model": "{TOKEN}"}}'),
        ("/x", "text/plain", f'{{"password": "{HIDDEN}'),
        (
            "/ai/generate",
            "application/json",
            f'{{"model": "{TOKEN}", "input": "", "parameters": {{"use_string": true}}}}',
        ),
    ],
)
@pytest.mark.parametrize("scripted", [False, True])
def test_no_secret_is_listed_from_unusual_places(
    emulator: Emulator, target: str, content_type: str, body: str, scripted: bool
) -> None:
    if scripted:
        emulator.replies.add({"status": 503})
    fields = {"Authorization": f"Bearer {TOKEN}", "X-Emulator-Key": HIDDEN, "Content-Type": content_type}
    handler = emulator(Request("POST", target, Headers(fields.items())))
    next(handler)
    handler.send(body.encode())
    with pytest.raises(StopIteration):
        while True:
            handler.send(b"")
    (seen,) = emulator.requests
    assert seen.status in (400, 401, 404, 503)
    shown = f"{seen!r} {seen.path} {seen.model} {seen.reason} {seen.parameters} {describe_request(seen)}"
    recording = encode_exchange(seen.exchange).decode()
    assert [secret for secret in (HIDDEN, TOKEN, TOKEN[4:]) if secret in shown + recording] == []


def test_a_refused_request_is_listed_with_its_reason(emulator: Emulator, client: Client) -> None:
    with pytest.raises(nai.NaiError):
        client.run(nai.text.generate("Once", extra={"max_length": "many"}))
    assert emulator.requests[-1].status == 400
    assert "max_length" in (emulator.requests[-1].reason or "")


def test_requests_that_a_fault_answered_are_listed_too(emulator: Emulator, client: Client) -> None:
    emulator.faults.add("refuse:status=503,times=1")
    client.run(nai.text.generate("Once"))
    assert [seen.status for seen in emulator.requests] == [503, 200]
    assert emulator.requests[0].reason == "a fault was injected: the service did not get the request"


def test_a_running_request_is_listed_without_an_ending(emulator: Emulator) -> None:
    handler = emulator(Request("GET", "/", Headers()))
    next(handler)
    (seen,) = emulator.requests
    assert (seen.status, seen.ending, seen.seconds) == (None, None, None)
    assert "no response yet" in repr(seen)
    handler.close()
    assert emulator.requests[0].ending is Ending.LEFT


def test_find_returns_the_requests_with_these_facts(emulator: Emulator, client: Client) -> None:
    client.run(nai.text.generate("The dragon", model="kayra-v1"))
    client.run(nai.openai.chat_completion([{"role": "user", "content": "a dragon?"}], model="glm-4-6"))
    client.run(nai.text.generate("The cat", model="clio-v1"))

    def numbers(**facts: Any) -> list[int]:
        return [seen.number for seen in emulator.requests.find(**facts)]

    assert numbers() == [1, 2, 3]
    assert numbers(prompt="dragon") == [1, 2]
    assert numbers(path="/ai/generate") == [1, 3]
    assert numbers(model="clio-v1", method="POST") == [3]
    assert numbers(model="clio-v1", prompt="dragon") == []


def test_assert_sent_returns_the_newest_request_or_lists_what_was_asked(emulator: Emulator, client: Client) -> None:
    with pytest.raises(AssertionError, match="all requests: none"):
        emulator.requests.assert_sent("/ai/generate")
    client.run(nai.text.generate("The dragon"))
    client.run(nai.text.generate("The dragon again"))
    assert emulator.requests.assert_sent("/ai/generate", prompt="dragon").number == 2
    assert emulator.requests.assert_sent(times=2).number == 2
    problem = "expected one request with path '/ai/generate', prompt 'dragon', got 2; all requests: "
    with pytest.raises(AssertionError, match=re.escape(problem)) as found:
        emulator.requests.assert_sent("/ai/generate", prompt="dragon", times=1)
    assert "\n  2. <POST /ai/generate kayra-v1 200>" in str(found.value)
    with pytest.raises(InvalidRequestError, match="assert_not_sent"):
        emulator.requests.assert_sent("/ai/upscale", times=0)


def test_assert_not_sent_checks_that_there_is_no_such_request(emulator: Emulator, client: Client) -> None:
    emulator.requests.assert_not_sent()
    client.run(nai.text.generate("The dragon"))
    emulator.requests.assert_not_sent("/ai/upscale")
    emulator.requests.assert_not_sent(prompt="cat")
    problem = "expected no request with path '/ai/generate', prompt 'dragon', got 1; all requests: "
    with pytest.raises(AssertionError, match=re.escape(problem)):
        emulator.requests.assert_not_sent("/ai/generate", prompt="dragon")


def test_the_oldest_requests_are_forgotten(emulator: Emulator) -> None:
    for _ in range(1_003):
        for _ in emulator(Request("GET", "/", Headers())):
            pass
    assert len(emulator.requests) == 1_000
    assert emulator.requests[0].number == 4
    assert [seen.number for seen in emulator.requests[-2:]] == [1_002, 1_003]


def test_large_bodies_are_forgotten_earlier() -> None:
    def big(_: Request) -> Handler:
        while (yield Read()):
            pass
        yield Start(Head(200, Headers()))
        yield Write(bytes(30 * 2**20))

    emulator = Emulator()
    log = emulator.requests
    for _ in range(3):
        request = Request("GET", "/", Headers())
        for _ in log.watch(request, big(request)):
            pass
    assert [seen.number for seen in log] == [2, 3]
    log.clear()
    assert not log


def test_what_is_listed_can_be_stored_as_a_recording(emulator: Emulator, client: Client) -> None:
    client.run(nai.text.generate("The dragon"))
    exchange = emulator.requests[0].exchange
    assert msgspec.json.decode(exchange.body)["input"] == "The dragon"
    assert exchange.ending is Ending.COMPLETE
