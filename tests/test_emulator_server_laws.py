"""Whatever clients ask of an emulator, in whatever order: it answers as a small model does, and a restart changes nothing.

The model has accounts with their tokens, keystores, objects and Anlas, the generation lock, the rate limit, faults, and the
log of requests. What was stored is read by another emulator after each step, which answers the same.
"""

from __future__ import annotations

import binascii
import json
import random
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, precondition, rule

from nai_proto.codecs.pixels import Pixels, write_png
from nai_proto.emulator import Emulator, Switches
from nai_proto.emulator.accounts.journal import RowKey
from nai_proto.emulator.control import CONTROL, KEY_HEADER, ControlApp
from nai_proto.exchange.reply import App
from nai_proto.http import Head, Headers, Request
from nai_proto.secret import AccessToken
from nai_proto.testing import Clock, MemoryConnection
from nai_proto.tier import Tier
from tests.hypothesis_profiles import scale_examples
from tests.peer import Peer

Answer: TypeAlias = tuple[int, Any]
NOTHING = cast("Any", multiple())
"""What a rule returns that adds nothing to its bundle."""

NOW = 1_700_000_000
DAY = 86_400
LIFETIME = 30 * DAY
"""Of an access token, in seconds."""
RATE, PER_SECONDS, LINGER = 12, 30, 7
ANLAS, VIBE_PRICE = 5, 2
CONTROL_KEY = "the-control-key"

LETTERS = st.sampled_from("abc")
TYPES = st.sampled_from(["stories", "presets"])
DATA = st.binary(max_size=6).map(lambda raw: binascii.b2a_base64(raw, newline=False).decode())
INDEX = st.none() | st.integers(1, 3)
VIBE = {
    "image": b64encode(write_png(Pixels(64, 64, bytes(3 * 64 * 64)))).decode(),
    "information_extracted": 1.0,
    "model": "nai-diffusion-4-5-full",
}
STORY = {"input": "Once", "model": "kayra-v1", "parameters": {"use_string": True, "max_length": 4, "min_length": 4}}


@dataclass(eq=False)
class Owner:
    """What the model knows of an account."""

    letter: str
    "Its e-mail begins with it."
    key: str
    anlas: int = ANLAS
    keystore: str | None = None
    index: int = 0
    "The keystore's."
    objects: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    "By type and id."
    stream: tuple[Peer, MemoryConnection] | None = None
    "A generation that runs."
    locked_until: float = 0.0


class ServerMachine(RuleBasedStateMachine):
    """An emulator behind its control, and beside it the model."""

    token: Bundle[str] = Bundle("token")
    "Of any login at any time."
    read: Bundle[tuple[str, dict[str, Any]]] = Bundle("read")
    "An object as a program has read it at any time, with the token."

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock(NOW)
        self.rows: dict[RowKey, bytes] = {}
        self.owners: dict[str, Owner] = {}
        "By access key."
        self.tokens: dict[str, tuple[Owner, float]] = {}
        self.restarts = 0
        self.start()

    def start(self) -> None:
        """Start with what was stored, and with nothing else."""
        self.restarts += 1
        self.emulator = Emulator(
            now=self.clock,
            entropy=random.Random(self.restarts).randbytes,
            pace=1.0,
            switches=Switches(rate=RATE, per_seconds=PER_SECONDS, linger=LINGER),
        )
        self.emulator.restore(self.rows.items())
        self.app = ControlApp(self.emulator, CONTROL_KEY)
        self.faults: list[int] = []
        self.recent: dict[Owner | None, list[float]] = {}
        self.answered: list[int] = []
        "The statuses of the requests that the log has."

    # ---- requests

    def store(self, changes: Any) -> None:
        for change in changes:
            if change.document is None:
                self.rows.pop(change.key, None)
            else:
                self.rows[change.key] = change.document

    def send(self, app: App, method: str, target: str, body: object, token: str | None, **headers: str) -> Answer:
        """Return the status, and the document if the body is JSON."""
        peer = Peer(MemoryConnection(app, self.clock, store=self.store))
        head = peer.send(self.request(method, target, body, token, **headers))
        answer = b"".join(iter(peer.receive, b""))
        return head.status, json.loads(answer) if head.content_type == "application/json" else answer

    def request(self, method: str, target: str, body: object, token: str | None, **headers: str) -> Request:
        sent = b"" if body is None else json.dumps(body).encode()
        secret = None if token is None else AccessToken(token)
        return Request(method, target, Headers.of(**headers), sent, token=secret, base="http://127.0.0.1:8000")

    def refusal(self, owner: Owner | None, *, needs_token: bool = True) -> int | None:
        """Return the status with which a request of an account is refused before it is looked at; count it otherwise."""
        if self.faults:
            return self.faults.pop(0)
        if needs_token and owner is None:
            return 401
        recent = self.recent.setdefault(owner if needs_token else None, [])
        if len([sent for sent in recent if sent + PER_SECONDS > self.clock()]) >= RATE:
            return 429
        recent.append(self.clock())
        return None

    def ask(
        self, token: str | None, method: str, target: str, body: object, answer: Callable[[Owner], Answer]
    ) -> Answer:
        """Send a request, and check that the answer is that of the model."""
        owner = self.owner_of(token)
        refused = self.refusal(owner)
        wanted: tuple[int | None, Any] = (refused, ...) if refused or owner is None else answer(owner)
        got = self.send(self.app, method, target, body, token)
        self.answered.append(got[0])
        assert got[0] == wanted[0], got[1] if isinstance(got[1], dict) else got[1][:80]
        if wanted[1] is not ...:
            assert got[1] == wanted[1]
        return got

    def owner_of(self, token: str | None) -> Owner | None:
        owner, until = self.tokens.get(token or "", (None, 0.0))
        return owner if self.clock() < until else None

    def keep_token(self, owner: Owner, answer: Any) -> str:
        token: str = answer["accessToken"]
        assert token not in self.tokens
        self.tokens[token] = (owner, int(self.clock()) + LIFETIME)
        return token

    # ---- accounts and tokens

    def enter(self, target: str, body: dict[str, Any], wanted: Callable[[], tuple[int, Owner | None]]) -> Any:
        """Send a request that needs no token, and whose answer has one; return it."""
        status = self.refusal(None, needs_token=False)
        owner: Owner | None = None
        if status is None:
            status, owner = wanted()
        got, answer = self.send(self.app, "POST", target, body, None)
        self.answered.append(got)
        assert got == status, answer
        return NOTHING if owner is None else self.keep_token(owner, answer)

    @rule(target=token, letter=LETTERS)
    def register(self, letter: str) -> Any:
        body = {"key": letter * 64, "emailCleartext": f"{letter}@example.com", "recaptcha": ""}

        def add() -> tuple[int, Owner | None]:
            if letter * 64 in self.owners or any(owner.letter == letter for owner in self.owners.values()):
                return 409, None
            self.owners[letter * 64] = owner = Owner(letter, letter * 64)
            return 201, owner

        token = self.enter("/user/register", body, add)
        if isinstance(token, str):
            account = self.emulator.account(f"{letter}@example.com")
            assert account is not None
            account.profile.subscribe(Tier.TABLET, self.clock())
            account.profile.anlas = ANLAS
            self.store(self.emulator.changes())
        return token

    @rule(target=token, letter=LETTERS)
    def login(self, letter: str) -> Any:
        owner = self.owners.get(letter * 64)
        return self.enter("/user/login", {"key": letter * 64}, lambda: (401, None) if owner is None else (201, owner))

    @rule(target=token, token=token, old=LETTERS, new=LETTERS)
    def change_key(self, token: str, old: str, new: str) -> Any:
        changed: list[Owner] = []

        def answer(owner: Owner) -> Answer:
            if owner.key != old * 64:
                return 401, ...
            if new * 64 in self.owners:
                return 409, ...
            self.owners[new * 64] = self.owners.pop(owner.key)
            owner.key = new * 64
            self.tokens = {each: of for each, of in self.tokens.items() if of[0] is not owner}
            changed.append(owner)
            return 200, ...

        body = {"currentAccessKey": old * 64, "newAccessKey": new * 64}
        _, got = self.ask(token, "POST", "/user/change-access-key", body, answer)
        return self.keep_token(changed[0], got) if changed else NOTHING

    @rule(token=token)
    def delete_account(self, token: str) -> None:
        def answer(owner: Owner) -> Answer:
            del self.owners[owner.key]
            self.tokens = {each: of for each, of in self.tokens.items() if of[0] is not owner}
            return 200, b""

        owner = self.owner_of(token)
        if owner is None or owner.stream is None:
            self.ask(token, "POST", "/user/delete", None, answer)

    # ---- keystore and objects

    @rule(token=token, data=DATA, index=INDEX)
    def put_keystore(self, token: str, data: str, index: int | None) -> None:
        def answer(owner: Owner) -> Answer:
            if index is not None and owner.keystore is None:
                return 400, ...
            if index not in (None, owner.index):
                return 409, ...
            owner.keystore, owner.index = (data, owner.index + 1) if data else (None, 0)
            return 200, b""

        body = {"keystore": data, **({} if index is None else {"changeIndex": index})}
        self.ask(token, "PUT", "/user/keystore", body, answer)

    @rule(token=token)
    def get_keystore(self, token: str) -> None:
        self.ask(token, "GET", "/user/keystore", None, lambda owner: (200, self.keystore_of(owner)))

    def keystore_of(self, owner: Owner) -> dict[str, Any]:
        if owner.keystore is None:
            return {"keystore": None}
        return {"keystore": owner.keystore, "changeIndex": owner.index}

    @rule(target=read, token=token, kind=TYPES, data=DATA)
    def create(self, token: str, kind: str, data: str) -> Any:
        status, made = self.ask(
            token, "PUT", f"/user/objects/{kind}", {"meta": "m", "data": data}, lambda _: (200, ...)
        )
        if status != 200:
            return NOTHING
        owner = self.owner_of(token)
        assert owner is not None
        stored = {"type": kind, "meta": "m", "data": data, "lastUpdatedAt": int(self.clock()), "changeIndex": 1}
        assert made == {"id": made["id"], **stored}
        assert made["id"] not in owner.objects.setdefault(kind, {})
        owner.objects[kind][made["id"]] = made
        return token, made

    @rule(target=read, read=read, data=DATA, is_careful=st.booleans())
    def change(self, read: tuple[str, dict[str, Any]], data: str, is_careful: bool) -> Any:
        token, known = read
        changed: list[dict[str, Any]] = []

        def answer(owner: Owner) -> Answer:
            stored = owner.objects.get(known["type"], {}).get(known["id"])
            if stored is None:
                return 404, ...
            if is_careful and stored["changeIndex"] != known["changeIndex"]:
                return 409, ...
            index, now = stored["changeIndex"] + 1, int(self.clock())
            changed.append({**stored, "data": data, "changeIndex": index, "lastUpdatedAt": now})
            owner.objects[known["type"]][known["id"]] = changed[0]
            return 200, changed[0]

        body = {"meta": "m", "data": data, **({"changeIndex": known["changeIndex"]} if is_careful else {})}
        self.ask(token, "PATCH", f"/user/objects/{known['type']}/{known['id']}", body, answer)
        return (token, changed[0]) if changed else NOTHING

    @rule(read=read, other=token, method=st.sampled_from(["GET", "DELETE"]))
    def get_or_delete(self, read: tuple[str, dict[str, Any]], other: str, method: str) -> None:
        """With any token: an object of another account is not there."""
        _, known = read

        def answer(owner: Owner) -> Answer:
            of_kind = owner.objects.get(known["type"], {})
            stored = of_kind.get(known["id"]) if method == "GET" else of_kind.pop(known["id"], None)
            return (404, ...) if stored is None else (200, stored)

        self.ask(other, method, f"/user/objects/{known['type']}/{known['id']}", None, answer)

    # ---- what is paid, and one generation at a time

    @rule(token=token)
    def encode_vibe(self, token: str) -> None:
        """Which is no generation, and runs beside one."""

        def answer(owner: Owner) -> Answer:
            if owner.anlas < VIBE_PRICE:
                return 402, ...
            owner.anlas -= VIBE_PRICE
            return 200, ...

        self.ask(token, "POST", "/ai/encode-vibe", VIBE, answer)

    def is_locked(self, owner: Owner) -> bool:
        return owner.stream is not None or self.clock() < owner.locked_until

    @rule(token=token)
    def begin_story(self, token: str) -> None:
        """The client reads the head only; the generation runs."""
        owner = self.owner_of(token)
        status = self.refusal(owner)
        if status is None and owner is not None:
            status = 429 if self.is_locked(owner) else 200
        link = MemoryConnection(self.app, self.clock, store=self.store)
        peer = Peer(link)
        head: Head = peer.send(self.request("POST", "/ai/generate-stream", STORY, token))
        assert head.status == status
        self.answered.append(head.status)
        if head.status == 200 and owner is not None:
            owner.stream = peer, link
        else:
            b"".join(iter(peer.receive, b""))

    @precondition(lambda self: any(owner.stream for owner in self.owners.values()))
    @rule(is_patient=st.booleans())
    def end_stories(self, is_patient: bool) -> None:
        """The clients wait for the end, or they leave."""
        for owner in self.owners.values():
            if owner.stream is not None:
                (peer, link), owner.stream = owner.stream, None
                if is_patient:
                    assert b"".join(iter(peer.receive, b"")).count(b"event:newToken") == 4
                else:
                    link.close()
                    owner.locked_until = self.clock() + LINGER

    # ---- time, faults, the control, restarts

    @rule(seconds=st.sampled_from([1, LINGER, PER_SECONDS, DAY, LIFETIME]))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

    def control(self, method: str, path: str, body: object = None, key: str = CONTROL_KEY) -> Answer:
        return self.send(self.app, method, CONTROL + path, body, None, **{KEY_HEADER: key})

    @rule(status=st.sampled_from([500, 503]), is_allowed=st.booleans())
    def add_fault(self, status: int, is_allowed: bool) -> None:
        fault = {"fault": "refuse", "status": status, "times": 1}
        got, answer = self.control("POST", "faults", fault, CONTROL_KEY if is_allowed else "another")
        assert got == (200 if is_allowed else 401)
        if is_allowed:
            self.faults.append(status)
            assert [each["status"] for each in answer["faults"]] == self.faults

    @rule()
    def remove_faults(self) -> None:
        assert self.control("DELETE", "faults") == (200, {"faults": []})
        self.faults.clear()

    @rule(forget=st.booleans())
    def look_at_requests(self, forget: bool) -> None:
        _, answer = self.control("DELETE" if forget else "GET", "requests")
        if forget:
            self.answered.clear()
        assert [each["status"] for each in answer["requests"]] == self.answered

    @rule()
    def restart(self) -> None:
        """As after a crash: running generations are gone, and so is what is only in memory."""
        for owner in self.owners.values():
            owner.stream, owner.locked_until = None, 0.0
        self.start()

    # ---- what must always be true

    @invariant()
    def accounts_are_those_of_the_model(self) -> None:
        _, answer = self.control("GET", "accounts")
        assert {each["email"]: each["anlas"] for each in answer["accounts"]} == {
            f"{owner.letter}@example.com": owner.anlas for owner in self.owners.values()
        }

    @invariant()
    def what_was_stored_gives_the_same_answers(self) -> None:
        copy = Emulator(now=self.clock)
        copy.restore(self.rows.items())
        for token in self.tokens:
            owner = self.owner_of(token)
            got = self.send(copy, "GET", "/user/keystore", None, token)
            if owner is None:
                assert got[0] == 401
                continue
            assert got == (200, self.keystore_of(owner))
            for kind in ("stories", "presets"):
                listed = [*owner.objects.get(kind, {}).values()]
                assert self.send(copy, "GET", f"/user/objects/{kind}", None, token) == (200, {"objects": listed})
            steps = self.send(copy, "GET", "/user/subscription", None, token)[1]["trainingStepsLeft"]
            assert steps == {"fixedTrainingStepsLeft": owner.anlas, "purchasedTrainingSteps": 0}


TestServerMachine = ServerMachine.TestCase
TestServerMachine.settings = settings(max_examples=scale_examples(60), stateful_step_count=30, deadline=None)


def test_a_new_account_does_not_inherit_the_requests_of_a_deleted_one() -> None:
    """Though it may have the same number."""
    emulator = Emulator(now=Clock(NOW), switches=Switches(rate=2, per_seconds=PER_SECONDS))

    def send(target: str, body: object, token: str | None) -> Answer:
        peer = Peer(MemoryConnection(emulator, emulator.clock))
        sent, secret = json.dumps(body).encode(), None if token is None else AccessToken(token)
        head = peer.send(Request("POST", target, Headers(), sent, token=secret, base="http://127.0.0.1"))
        return head.status, b"".join(iter(peer.receive, b""))

    def register(letter: str) -> str:
        status, answer = send("/user/register", {"key": letter * 64, "recaptcha": ""}, None)
        assert status == 201
        token: str = json.loads(answer)["accessToken"]
        return token

    first = register("a")
    assert send("/user/deletion/request", {"email": "a@example.com"}, first)[0] == 400
    assert send("/user/delete", None, first)[0] == 200
    second = register("b")
    assert [send("/user/delete", None, second)[0], emulator.accounts] == [200, []]
