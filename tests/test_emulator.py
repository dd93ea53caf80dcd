"""The emulator answers as the service does, whoever asks.

See docs/protocol/native.md#17-checklist-for-the-emulator.
"""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from nai_proto import account, text
from nai_proto.emulator import Account, Emulator
from nai_proto.emulator.text.corpus import TALES
from nai_proto.emulator.text.language_model import Vocabulary
from nai_proto.exchange.reply import App
from nai_proto.exchange.retry import NO_RETRY
from nai_proto.exchange.session import Session
from nai_proto.http import Head, Headers, Request
from nai_proto.secret import AccessToken, Password, PersistentToken
from nai_proto.testing import Clock, MemoryConnection, run_in_memory
from nai_proto.testing.strategies import cutters, hostile_bytes
from tests.cases import for_each
from tests.hypothesis_profiles import scale_examples
from tests.peer import Peer
from tests.support import EMAIL, PASSWORD, an_emulator


def send_request(
    emulator: App, method: str, target: str, body: object = None, *, owner: Account | None = None, **headers: str
) -> tuple[Head, bytes]:
    """Send one request, and return its whole response."""
    raw = b"" if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
    token = None if owner is None else owner.persistent_token
    request = Request(method, target, Headers.of(**headers), raw, token=token, base="http://emulator.invalid")
    peer = Peer(MemoryConnection(emulator, Clock()))
    head = peer.send(request, 10)
    return head, b"".join(iter(lambda: peer.receive(10), b""))


def parse_error(answer: tuple[Head, bytes]) -> tuple[int, str]:
    """Return status and message of an error response."""
    head, body = answer
    assert head.content_type == "application/json"
    document = json.loads(body)
    assert document["statusCode"] == head.status
    assert set(document) == {"statusCode", "message"}
    return head.status, document["message"]


def prompt(model: str = "kayra-v1", **parameters: Any) -> dict[str, Any]:
    given = {"max_length": 10, "min_length": 1, "use_string": True, **parameters}
    return {"input": "Once upon a time", "model": model, "parameters": given}


def generate_document(owner_and: tuple[Emulator, Account], **parameters: Any) -> dict[str, Any]:
    emulator, owner = owner_and
    head, body = send_request(emulator, "POST", "/ai/generate", prompt(**parameters), owner=owner)
    assert head.status == 200
    document: dict[str, Any] = json.loads(body)
    return document


def test_generate_prompt_checks_its_ranges() -> None:
    emulator, owner = an_emulator()
    request: dict[str, Any] = {"prompt": "a ship", "temp": 0.9, "tokens_to_generate": 20, "model": "euterpe-v2"}
    head, body = send_request(emulator, "POST", "/ai/generate-prompt", request, owner=owner)
    assert head.status == 201
    assert json.loads(body)["generated_text"].strip()
    for name, value in (("prompt", ""), ("temp", 0.05), ("tokens_to_generate", 201), ("model", "gpt-17")):
        status, message = parse_error(
            send_request(emulator, "POST", "/ai/generate-prompt", {**request, name: value}, owner=owner)
        )
        assert status == 400
        assert name in message


# ---- general behaviour


def test_a_health_check_needs_no_token() -> None:
    head, body = send_request(an_emulator()[0], "GET", "/")
    assert (head.status, bool(body)) == (200, True)


def test_an_unknown_path_and_a_wrong_method_are_404() -> None:
    emulator, owner = an_emulator()
    assert parse_error(send_request(emulator, "GET", "/no/such/path", owner=owner))[0] == 404
    assert parse_error(send_request(emulator, "PUT", "/user/login", owner=owner))[0] == 404


def test_every_response_allows_any_origin() -> None:
    emulator, _ = an_emulator()
    for answer in (
        send_request(emulator, "GET", "/"),
        send_request(emulator, "GET", "/nothing"),
        send_request(emulator, "OPTIONS", "/ai/generate"),
    ):
        assert answer[0].headers.get("access-control-allow-origin") == "*"
    assert send_request(emulator, "OPTIONS", "/ai/generate")[0].status == 204


def test_the_token_is_checked_before_anything_else() -> None:
    emulator, _ = an_emulator()
    assert parse_error(send_request(emulator, "POST", "/ai/generate", b"not json"))[0] == 401
    assert (
        parse_error(send_request(emulator, "POST", "/ai/generate", b"not json", authorization="Bearer pst-wrong"))[0]
        == 401
    )
    assert parse_error(send_request(emulator, "GET", "/user/keystore"))[0] == 401


def test_a_body_on_get_and_a_slash_at_the_end_are_ignored() -> None:
    assert send_request(an_emulator()[0], "GET", "/", b"stray")[0].status == 200
    emulator, owner = an_emulator()
    assert send_request(emulator, "POST", "/ai/generate/", prompt(), owner=owner)[0].status == 200


@settings(deadline=None)
@given(hostile_bytes(), cutters())
def test_no_request_makes_the_emulator_raise(data: bytes, pieces: Any) -> None:
    emulator, _ = an_emulator()
    link = MemoryConnection(emulator, Clock())
    for piece in pieces(data):
        if not link.closed:
            link.send_all(piece)
            with contextlib.suppress(TimeoutError):
                while link.receive_some(0.0):
                    pass
    link.close()


# ---- logging in


def test_a_login_returns_a_jwt_that_is_valid_for_thirty_days() -> None:
    emulator, owner = an_emulator()
    head, body = send_request(emulator, "POST", "/user/login", {"key": owner.key.reveal()})
    assert head.status == 201
    token = json.loads(body)["accessToken"]
    parts = [json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]]
    assert parts[0]["alg"] == "HS256"
    assert set(parts[1]) == {"id", "nc", "iat", "exp"}
    assert parts[1]["exp"] - parts[1]["iat"] == 2_592_000
    assert send_request(emulator, "POST", "/ai/generate", prompt(), authorization=f"Bearer {token}")[0].status == 200


def test_a_token_expires_after_thirty_days() -> None:
    clock = Clock(1_000_000.0)
    emulator = Emulator(now=clock, entropy=lambda size: bytes(range(size)))
    owner = emulator.add_account(EMAIL, Password(PASSWORD))
    token = run_in_memory(account.login_with_key(owner.key), emulator, clock=clock).result
    session = Session(base_url="http://x", token=token)
    operation = text.generate("Once", max_length=2).with_options(retry=NO_RETRY)
    clock.advance(2_591_999 - 1)
    assert run_in_memory(operation, emulator, session, clock=clock).error is None
    clock.advance(2)
    assert getattr(run_in_memory(operation, emulator, session, clock=clock).error, "status", None) == 401


@for_each("body", [b"", b"{}", b"[]", b'{"key":7}', b'{"key":"short"}', b"\xff", b"[" * 5000])
def test_a_login_without_a_key_of_64_characters_is_400(body: bytes) -> None:
    assert parse_error(send_request(an_emulator()[0], "POST", "/user/login", body))[0] == 400


def test_a_key_that_no_account_has_is_401() -> None:
    assert parse_error(send_request(an_emulator()[0], "POST", "/user/login", {"key": "x" * 64}))[0] == 401
    assert parse_error(send_request(an_emulator()[0], "POST", "/user/login", {"key": "é" * 64}))[0] == 401


def test_the_persistent_token_can_be_chosen() -> None:
    emulator, _ = an_emulator()
    owner = emulator.add_account("b@example.com", Password("p"), PersistentToken("pst-mine"))
    assert owner.persistent_token == PersistentToken("pst-mine")
    assert send_request(emulator, "POST", "/ai/generate", prompt(), owner=owner)[0].status == 200


# ---- text


def test_the_model_decides_between_200_and_201() -> None:
    emulator, owner = an_emulator()
    for model, status in (("kayra-v1", 200), ("llama-3-erato-v1", 200), ("clio-v1", 201), ("6B-v4", 201)):
        assert send_request(emulator, "POST", "/ai/generate", prompt(model), owner=owner)[0].status == status
        assert send_request(emulator, "POST", "/ai/generate-stream", prompt(model), owner=owner)[0].status == status


@for_each(
    "body, about",
    [
        (b"{]", "not JSON"),
        ({"model": "kayra-v1", "parameters": {}}, "input"),
        ({"input": "x", "parameters": {}}, "model"),
        ({"input": "x", "model": "kayra-v1"}, "parameters"),
        (prompt("gpt-17"), "model gpt-17 doesn't exist"),
        (prompt(max_length=0), "max_length"),
        (prompt(max_length=2049), "max_length"),
        (prompt(min_length=0), "min_length"),
        (prompt(temperature=0.05), "temperature"),
        (prompt(temperature="hot"), "temperature"),
        (prompt(num_logprobs=31), "num_logprobs"),
        (prompt(top_k=1.5), "top_k"),
        ({**prompt(), "input": "x" * 100_001}, "input"),
    ],
)
def test_an_invalid_request_is_400_and_names_the_problem(body: object, about: str) -> None:
    emulator, owner = an_emulator()
    status, message = parse_error(send_request(emulator, "POST", "/ai/generate", body, owner=owner))
    assert status == 400
    assert about in message
    assert parse_error(send_request(emulator, "POST", "/ai/generate-stream", body, owner=owner)) == (status, message)
    assert not owner.generating


def test_unknown_parameters_are_ignored() -> None:
    assert generate_document(an_emulator(), some_new_parameter={"a": 1})["output"]


def test_a_stream_has_an_event_per_token_and_marks_the_last() -> None:
    emulator, owner = an_emulator()
    head, body = send_request(emulator, "POST", "/ai/generate-stream", prompt(num_logprobs=2), owner=owner)
    assert head.content_type == "text/event-stream"
    blocks = body.decode().split("\n\n")
    assert blocks.pop() == ""
    assert len(blocks) == 10
    for number, block in enumerate(blocks):
        name, identity, data = block.split("\n")
        assert name == "event:newToken"
        assert identity == f"id:{number}"
        event = json.loads(data.removeprefix("data:"))
        assert set(event) == {"token", "ptr", "final", "logprobs"}
        assert (event["ptr"], event["final"]) == (number, number == 9)
        assert len(event["logprobs"]["before"]) == 2


def test_whole_and_streamed_are_the_same_text_for_the_same_seed() -> None:
    emulator, owner = an_emulator()
    session = Session(base_url="http://x", token=owner.persistent_token)
    whole = run_in_memory(text.generate("The sea", max_length=30, extra={"seed": 5}), emulator, session).result
    streamed = run_in_memory(text.generate_stream("The sea", max_length=30, extra={"seed": 5}), emulator, session)
    assert whole.text == streamed.result.text == "".join(token.text for token in streamed.events)


def test_max_length_counts_tokens() -> None:
    document = generate_document(an_emulator(), max_length=17, num_logprobs=0)
    assert len(document["logprobs"]) == 17
    assert len(Vocabulary(TALES).split(document["output"])) == 17


def test_logprobs_are_sent_if_they_are_requested() -> None:
    assert "logprobs" not in generate_document(an_emulator())
    entry = generate_document(an_emulator(), num_logprobs=3, top_k=2)["logprobs"][0]
    assert set(entry) == {"chosen", "before", "after"}
    assert len(entry["chosen"]) == 1
    assert len(entry["before"]) == 3
    assert len(entry["after"]) == 2
    assert entry["before"][2][1][1] is None
    ids, (before, after) = entry["chosen"][0]
    assert len(ids) == 1
    assert before < 0
    assert after <= 0


def test_equal_seeds_give_equal_texts_and_other_seeds_other_texts() -> None:
    texts = {seed: generate_document(an_emulator(), seed=seed, max_length=40)["output"] for seed in range(6)}
    assert generate_document(an_emulator(), seed=2, max_length=40)["output"] == texts[2]
    assert len(set(texts.values())) == 6


def test_without_a_seed_each_text_differs() -> None:
    emulator = an_emulator()
    assert generate_document(emulator, max_length=40)["output"] != generate_document(emulator, max_length=40)["output"]


def test_top_k_of_one_is_deterministic() -> None:
    assert (
        len({generate_document(an_emulator(), top_k=1, seed=seed, max_length=40)["output"] for seed in range(5)}) == 1
    )


def test_a_prompt_in_any_language_is_continued() -> None:
    emulator, owner = an_emulator()
    session = Session(base_url="http://x", token=owner.persistent_token)
    for words in ("", "海は静か", "🦊" * 50, "\x00\x7f", "word " * 3000):
        assert run_in_memory(text.generate(words, max_length=5), emulator, session).result.text


@for_each("cut_after", [1, 3, 6])
def test_the_lock_is_released_when_the_client_leaves(cut_after: int) -> None:
    emulator, owner = an_emulator(pace=1.0)
    clock = Clock()
    peer = Peer(MemoryConnection(emulator, clock))
    body = msgspec.json.encode(prompt(max_length=100))
    request = Request("POST", "/ai/generate-stream", body=body, token=owner.persistent_token, base="http://x")
    assert peer.send(request, 10).status == 200
    for _ in range(cut_after):
        assert peer.receive(10)
    assert owner.generating
    locked = parse_error(send_request(emulator, "POST", "/ai/generate", prompt(), owner=owner))
    assert locked == (429, "Concurrent generation is locked")
    peer.link.close()
    assert not owner.generating


def test_a_token_of_a_login_is_an_access_token() -> None:
    emulator, owner = an_emulator()
    assert isinstance(run_in_memory(account.login(EMAIL, PASSWORD), emulator).result, AccessToken)
    assert owner.email == EMAIL


@settings(deadline=None, max_examples=scale_examples(25))
@given(st.text(min_size=1, max_size=40), cutters())
def test_the_text_does_not_depend_on_how_the_response_is_cut(words: str, pieces: Any) -> None:
    emulator, owner = an_emulator()
    session = Session(base_url="http://x", token=owner.persistent_token)
    operation = text.generate_stream(words, max_length=6, num_logprobs=2, extra={"seed": 1})
    assert (
        run_in_memory(operation, emulator, session, pieces=pieces).events
        == run_in_memory(operation, emulator, session).events
    )
