"""An emulator is controlled over HTTP: by whoever has its key, and by no page of another origin."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

import nai_proto as nai
from nai_proto.emulator import Emulator
from nai_proto.emulator.control import CONTROL, KEY_HEADER, ControlApp
from nai_proto.emulator.recording import decode_recording
from nai_proto.exchange.reply import Start
from nai_proto.http import Headers, Request
from nai_transports.asgi import AsgiApp
from nai_transports.memory import Client
from nai_transports.servers.console import load_console
from tests.cases import for_each

KEY = "the-key"
ADDRESS = "http://127.0.0.1:8000"
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture
def emulator() -> Emulator:
    emulator = Emulator()
    emulator.add_account("writer@example.com", nai.Password("secret"))
    return emulator


@pytest.fixture
def client(emulator: Emulator) -> Client:
    token = emulator.accounts[0].persistent_token
    return Client(emulator, nai.Session(token=token, base_url="http://emulator.invalid"))


@pytest.fixture
def control(emulator: Emulator) -> Iterator[TestClient]:
    app = AsgiApp(ControlApp(emulator, KEY, console=load_console()))
    with TestClient(app, base_url=f"{ADDRESS}{CONTROL}", headers={KEY_HEADER: KEY}) as client:
        yield client


# ---- who may


PATHS = ("requests", "requests/1", "replies", "faults", "faults/kinds", "accounts", "recording")


@for_each("path", PATHS)
@for_each(
    "headers, status",
    [
        ({KEY_HEADER: "another"}, 401),
        ({KEY_HEADER: ""}, 401),
        ({KEY_HEADER: KEY, "Host": "evil.example"}, 403),
        ({KEY_HEADER: KEY, "Host": "evil.example:8000"}, 403),
        ({KEY_HEADER: KEY, "Host": "127.0.0.1.evil.example"}, 403),
        ({KEY_HEADER: KEY, "Origin": "http://evil.example"}, 403),
        ({KEY_HEADER: KEY, "Origin": "null"}, 403),
        ({KEY_HEADER: KEY, "Origin": "http://127.0.0.1:9000"}, 403),
        ({KEY_HEADER: KEY, "Sec-Fetch-Site": "cross-site"}, 403),
        ({KEY_HEADER: KEY, "Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_a_request_without_the_key_or_of_another_origin_is_refused(
    emulator: Emulator, path: str, headers: dict[str, str], status: int
) -> None:
    response = TestClient(AsgiApp(ControlApp(emulator, KEY)), base_url=ADDRESS).get(CONTROL + path, headers=headers)
    assert response.status_code == status
    assert response.headers["X-Emulator-Reason"] == response.json()["message"]
    assert KEY not in response.text.replace(KEY_HEADER, "")


@pytest.mark.parametrize("headers", [{}, {KEY_HEADER: "another"}, {KEY_HEADER: KEY, "Origin": "http://evil.example"}])
def test_nothing_is_read_of_the_body_of_a_request_that_is_refused(emulator: Emulator, headers: dict[str, str]) -> None:
    fields = {"Host": "127.0.0.1", **headers}
    handler = ControlApp(emulator, KEY)(Request("POST", f"{CONTROL}replies", Headers([*fields.items()])))
    assert isinstance(next(handler), Start)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", PATHS)
def test_a_get_changes_nothing(emulator: Emulator, client: Client, control: TestClient, path: str, method: str) -> None:
    emulator.replies.add({"text": "a", "prompt": "no prompt has this"})
    emulator.faults.add("delay:seconds=1,path=/none")
    client.run(nai.account.get_subscription())
    before = control.get("requests").json(), control.get("replies").json(), control.get("faults").json()
    control.request(method, path)
    assert (control.get("requests").json(), control.get("replies").json(), control.get("faults").json()) == before


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:80", "[::1]:80", "10.0.0.7:1", "LOCALHOST"])
def test_an_address_or_localhost_and_the_own_origin_are_accepted(control: TestClient, host: str) -> None:
    headers = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
    assert control.get("requests", headers=headers).status_code == 200


def test_a_response_of_the_control_is_for_no_other_origin(control: TestClient) -> None:
    response = control.get("requests")
    assert "Access-Control-Allow-Origin" not in response.headers
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert control.options("requests").status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "replies"), ("POST", "requests"), ("GET", "nothing"), ("GET", "requests/99"), ("DELETE", "faults/0")],
)
def test_what_is_not_there_is_a_404(control: TestClient, method: str, path: str) -> None:
    assert control.request(method, path).status_code == 404


def test_all_other_requests_are_answered_by_the_app(emulator: Emulator) -> None:
    assert TestClient(AsgiApp(ControlApp(emulator, KEY)), base_url="http://name.example").get("/").text == "OK"


# ---- replies and faults


@pytest.mark.parametrize(
    ("name", "first", "second", "wrong"),
    [
        ("replies", {"text": " a dragon."}, {"status": 429}, {"txt": "a"}),
        ("faults", {"fault": "cut", "at": 3}, {"fault": "split"}, {"fault": "cutt"}),
    ],
)
def test_replies_and_faults_are_listed_added_and_removed(
    control: TestClient, name: str, first: dict[str, Any], second: dict[str, Any], wrong: dict[str, Any]
) -> None:
    assert control.post(name, json=first).json() == {name: [first]}
    assert control.post(name, json=[second, second]).json() == {name: [first, second, second]}
    assert control.delete(f"{name}/1").json() == control.get(name).json() == {name: [first, second]}
    refused = control.post(name, json=[first, wrong])
    assert refused.status_code == 400
    assert control.post(name, content=b"{").json()["message"] == "the body: JSON is cut short (byte 1)"
    assert control.get(name).json() == {name: [first, second]}
    assert control.delete(name).json() == {name: []}


def test_replies_that_came_over_http_are_used(control: TestClient, client: Client) -> None:
    control.post("replies", json={"prompt": "dragon", "text": " It slept."})
    assert client.run(nai.text.generate("A dragon.")).text == " It slept."
    assert control.get("replies").json() == {"replies": []}


def test_all_kinds_of_faults_are_described(control: TestClient) -> None:
    kinds = {kind["name"]: kind for kind in control.get("faults/kinds").json()}
    (shape,) = [option for option in kinds["error"]["options"] if option["name"] == "shape"]
    assert "native" in shape["choices"]
    assert [option["name"] for option in kinds["refuse"]["options"] if option["is_text"]] == [
        "message",
        "method",
        "path",
        "endpoint",
    ]
    assert kinds["cut"]["summary"]


# ---- requests


def test_the_list_has_what_is_new_since_it_was_last_read(
    emulator: Emulator, control: TestClient, client: Client
) -> None:
    assert control.get("requests").json() == {"requests": [], "last": 0}
    client.run(nai.text.generate("The dragon", model="kayra-v1"))
    listed = control.get("requests").json()
    (one,) = listed["requests"]
    assert (one["method"], one["path"], one["account"], one["status"], one["time"]) == (
        "POST",
        "/ai/generate",
        "writer@example.com",
        200,
        "2026-01-01T00:00:00.000Z",
    )
    assert one["parameters"]["input"] == "The dragon"
    assert control.get("requests", params={"after": listed["last"]}).json()["requests"] == []
    running = emulator(nai.http.Request("GET", "/"))
    next(running)
    began = control.get("requests", params={"after": listed["last"]}).json()
    assert [(seen["number"], seen["ending"]) for seen in began["requests"]] == [(2, None)]
    running.close()
    ended = control.get("requests", params={"after": began["last"]}).json()
    assert [(seen["number"], seen["ending"]) for seen in ended["requests"]] == [(2, "left")]
    assert control.get("requests", params={"after": "x"}).status_code == 400


def test_the_control_s_own_requests_are_not_listed(control: TestClient) -> None:
    control.get("accounts")
    assert control.get("requests").json()["requests"] == []


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        (nai.text.generate("Once"), "json"),
        (nai.text.generate_stream("Once"), "events"),
        (nai.openai.chat_completion_stream([{"role": "user", "content": "?"}], model="glm-4-6"), "events"),
        (nai.image.generate("a dragon", width=64, height=64, steps=2), "pictures"),
        (nai.image.generate_stream("a dragon", width=64, height=64, steps=2), "frames"),
        (nai.voice.speak("Hello"), "binary"),
        (nai.health(), "text"),
    ],
)
def test_a_response_is_described_as_what_it_is(control: TestClient, client: Client, operation: Any, kind: str) -> None:
    client.run(operation)
    described = control.get("requests/1").json()
    response = described["response"]
    assert response["kind"] == kind
    pictures = [one for one in json.dumps(response).split('"') if one.startswith(("iVBOR", "/9j/", "UklGR"))]
    assert bool(pictures) == (kind in ("pictures", "frames"))
    assert "authorization" in dict(described["request_headers"])
    assert emulator_token(client) not in json.dumps(described)


def emulator_token(client: Client) -> str:
    token = client.session.token
    assert token is not None
    return token.reveal()


def test_a_response_that_was_spoiled_is_shown_as_it_is(emulator: Emulator, control: TestClient, client: Client) -> None:
    emulator.faults.add("cut:at=12")
    with pytest.raises(nai.NaiError):
        client.run(nai.text.generate("Once"))
    described = control.get("requests/1").json()
    assert (described["ending"], described["response"]["kind"], len(described["response"]["text"])) == (
        "cut",
        "text",
        12,
    )


def test_pictures_of_a_request_are_in_its_details_and_not_in_the_list(control: TestClient, client: Client) -> None:
    client.run(nai.image.encode_vibe(PICTURE, model="nai-diffusion-4-full"))
    assert control.get("requests").json()["requests"][0]["parameters"]["image"] == {
        "media_type": "image/png",
        "bytes": len(PICTURE),
    }
    assert control.get("requests/1").json()["parameters"]["image"]["media_type"] == "image/png"


# ---- accounts and recordings


def test_accounts_are_listed_with_their_stories_and_balance(control: TestClient) -> None:
    (account,) = control.get("accounts").json()["accounts"]
    assert (account["email"], account["tier"], account["trial"]) == ("writer@example.com", "opus", False)
    assert account["anlas"] > 0
    assert len(account["stories"]) == account["objects"]["stories"] > 0
    assert all(story["bytes"] > 0 for story in account["stories"])


def test_the_recording_has_all_requests_with_their_contents(control: TestClient, client: Client) -> None:
    client.run(nai.text.generate("The dragon"))
    recording = decode_recording(control.get("recording").content)
    assert recording.contents
    (exchange,) = recording.exchanges
    assert b"The dragon" in exchange.body
    assert emulator_token(client) not in control.get("recording").text


# ---- the console


def test_the_console_s_files_need_no_key(emulator: Emulator) -> None:
    with_console = TestClient(AsgiApp(ControlApp(emulator, KEY, console=load_console())), base_url=ADDRESS)
    page = with_console.get(CONTROL)
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert KEY not in page.text
    assert with_console.get(f"{CONTROL}console.js").headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert with_console.get(CONTROL, headers={"Host": "evil.example"}).status_code == 403
    without = TestClient(AsgiApp(ControlApp(emulator, KEY)), base_url=ADDRESS)
    assert without.get(CONTROL).status_code == 401
