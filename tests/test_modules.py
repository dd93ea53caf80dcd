"""Modules that users train: what is sent, what is refused, and a training against the emulator's clock.

See:
    docs/protocol/native.md#82-modules-training
    docs/protocol/native.md#173-text-voice-modules
    docs/protocol/content.md#45-presets-and-aimodules
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nai_proto import account, library, modules, text
from nai_proto.emulator import Account, Emulator, Switches
from nai_proto.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PaymentRequiredError,
    RejectedRequestError,
    RemoteProtocolError,
    TransportError,
)
from nai_proto.exchange.retry import Repeat
from nai_proto.http import Head, Headers
from nai_proto.modules import ModuleStatus, TrainedModule
from nai_proto.secret import Password
from nai_proto.testing import Clock, play, run_in_memory
from nai_proto.tier import Tier
from tests.cases import for_each
from tests.faults import FAULTS, inject_fault
from tests.hypothesis_profiles import scale_examples
from tests.support import EMAIL, PASSWORD, with_token
from tests.test_emulator import parse_error, send_request
from tests.test_emulator_persistence import PersistedEmulator

NOW = 1_700_000_000.0
TEXTS = "The gryphon of Zanzibar whistled. Its feathers glimmered like marzipan. " * 20
JSON = Head(200, Headers.of(content_type="application/json"))
DOCUMENT: dict[str, Any] = {
    "id": "m",
    "name": "n",
    "description": "",
    "model": "euterpe-v2",
    "steps": 50,
    "lr": 0.0001,
    "status": "ready",
    "data": "AAAA",
    "lossHistory": [2.5, 2],
    "lastUpdatedAt": 5,
    "extra": 1,
}


class Trainer:
    """An emulator on a clock of its own, and an account that trains there."""

    def __init__(self, **switches: Any) -> None:
        self.clock = Clock(NOW)
        drawn = iter(range(1 << 30))
        self.emulator = Emulator(
            now=self.clock,
            entropy=lambda size: bytes(next(drawn) % 251 for _ in range(size)),
            switches=Switches(**switches),
        )
        self.owner: Account = self.emulator.add_account(EMAIL, Password(PASSWORD))

    def __call__(self, flow: Any, owner: Account | None = None) -> Any:
        token = (owner or self.owner).persistent_token
        return run_in_memory(with_token(token, flow), self.emulator, clock=self.clock).result

    def train(self, texts: str | bytes = TEXTS, **options: Any) -> TrainedModule:
        given: dict[str, Any] = {"name": "Gryphons", "steps": 200, "learning_rate": 1, **options}
        trained: TrainedModule = self(modules.train_module(texts, **given))
        return trained

    def finish(self, texts: str | bytes = TEXTS, **options: Any) -> TrainedModule:
        finished: TrainedModule = self(modules.wait_for_module(self.train(texts, **options).id))
        return finished

    @property
    def anlas(self) -> int:
        balance: int = self(account.get_subscription()).anlas
        return balance


# ---- what is sent, and what is read


def test_a_training_is_sent_with_the_service_s_keys() -> None:
    request = modules.train_module(
        "Once", name="n", description="d", steps=50, learning_rate=2, model="krake-v2"
    ).request
    assert request.path == "/ai/module/train"
    body = json.loads(request.body)
    assert b64decode(body.pop("data")) == b"Once"
    assert body == {"lr": 2, "steps": 50, "name": "n", "description": "d", "model": "krake-v2"}
    without = modules.train_module(b"\xff", name="n", steps=50, learning_rate=0.5).request
    assert "model" not in json.loads(without.body)


@for_each(
    "wrong, said",
    [
        ({"texts": " \n"}, "texts is empty"),
        ({"texts": "\ud800"}, "lone surrogate"),
        ({"name": ""}, "name has 0 characters, and 1 to 64 are allowed"),
        ({"name": "n" * 65}, "name has 65 characters"),
        ({"description": "d" * 257}, "description has 257 characters, and 0 to 256"),
        ({"steps": 49}, "steps is 49, and 50 is the least"),
        ({"learning_rate": 0}, "learning_rate is 0, and takes a number above 0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"model": "genji-jp-6b-v2"}, "genji-jp-6b-v2 has no modules"),
    ],
)
def test_a_training_that_the_service_would_refuse_is_not_sent(wrong: dict[str, Any], said: str) -> None:
    given: dict[str, Any] = {"texts": "Once", "name": "n", "steps": 50, "learning_rate": 1}
    with pytest.raises(InvalidRequestError, match=said) as caught:
        modules.train_module(**given | wrong)
    assert caught.value.parameter == next(iter(wrong))
    if said not in ("lone surrogate", "learning_rate is nan"):
        modules.train_module(**given | wrong, validate=False)


@for_each("amount", [0, 1999, 10_001])
def test_so_many_steps_cannot_be_bought_at_once(amount: int) -> None:
    with pytest.raises(InvalidRequestError, match=f"amount is {amount}, and 2000 to 10000 steps"):
        modules.buy_training_steps(amount)
    assert json.loads(modules.buy_training_steps(amount, validate=False).request.body) == {"amount": amount}


@for_each(
    "make",
    [
        lambda: modules.train_module("Once", name="n", steps=50, learning_rate=1),
        lambda: modules.buy_training_steps(2000),
    ],
    ids=["train", "buy"],
)
def test_what_costs_is_sent_once_whatever_becomes_of_it(make: Callable[[], Any]) -> None:
    operation = make()
    assert operation.repeat is Repeat.NEVER
    for sent in (False, True):
        assert play(operation, [TransportError("lost", sent=sent, phase="connect")]).kinds == "Send"
    for status in (429, 503, 500):
        assert play(operation, [Head(status), b""]).kinds == "Send Receive"


def test_a_list_is_read_as_modules_that_forget_nothing() -> None:
    (module,) = play(modules.list_modules(), [JSON, json.dumps([DOCUMENT]).encode(), b""]).result
    assert (module.id, module.learning_rate, module.loss_history) == ("m", 0.0001, (2.5, 2))
    assert module.is_ready
    assert module.extra == {"extra": 1}
    assert "AAAA" not in repr(module)
    assert play(modules.list_modules(), [JSON, b"[]", b""]).result == ()


@for_each("body", [b"{}", b"[5]", b'[{"id":"m"}]', b'[{"id":"m","name":"n","status":5}]', b"[" * 5000])
def test_what_is_no_list_of_modules_is_the_service_s_error(body: bytes) -> None:
    trace = play(modules.list_modules(), [JSON, body, b""])
    assert isinstance(trace.error, RemoteProtocolError)


@for_each(
    "documents, place",
    [([DOCUMENT, {"id": "m"}], "GET /ai/module/all[1]: "), ({}, "GET /ai/module/all: ")],
    ids=["one of them", "all"],
)
def test_what_is_wrong_in_a_list_of_modules_has_its_place(documents: object, place: str) -> None:
    trace = play(modules.list_modules(), [JSON, json.dumps(documents).encode(), b""])
    assert str(trace.error).startswith(place)


def test_a_module_without_what_is_not_known_of_it_is_read() -> None:
    document = {"id": "m", "name": "n", "status": "queued"}
    module = play(modules.get_module("m"), [JSON, json.dumps(document).encode(), b""]).result
    assert (module.status, module.is_finished, module.data) == ("queued", False, None)


def test_a_module_that_is_not_ready_has_no_prefix() -> None:
    for changes in ({"status": "training"}, {"data": None}, {"status": "error", "data": "why"}):
        module = play(modules.get_module("m"), [JSON, json.dumps(DOCUMENT | changes).encode(), b""]).result
        with pytest.raises(InvalidRequestError, match="the module m cannot be used"):
            _ = module.prefix
    assert module.error == "why"


# ---- a training in the emulator


def test_a_training_goes_through_its_states_with_the_clock_and_spends_its_steps_once() -> None:
    trainer = Trainer(training_speed=10)
    before = trainer.anlas
    first = trainer.train(steps=200)
    assert (first.status, first.data, first.loss_history) == (ModuleStatus.PENDING, "", ())
    assert trainer.anlas == before - 200
    trainer.clock.advance(12)
    half = trainer(modules.get_module(first.id))
    assert (half.status, len(half.loss_history)) == (ModuleStatus.TRAINING, 10)
    trainer.clock.advance(10)
    (done,) = trainer(modules.list_modules())
    assert (done.is_ready, len(done.loss_history)) == (True, 20)
    assert done.loss_history[-1] < done.loss_history[0]
    assert done.last_updated_at == NOW + 22
    assert trainer.anlas == before - 200


def test_waiting_gives_each_state_once_and_then_the_module() -> None:
    trainer = Trainer(training_speed=5)
    module = trainer.train(steps=50)
    flow = with_token(trainer.owner.persistent_token, modules.wait_for_module(module.id, interval_s=1))
    trace = run_in_memory(flow, trainer.emulator, clock=trainer.clock)
    states = [event.status for event in trace.events]
    assert [*dict.fromkeys(states)] == ["pending", "training", "ready"]
    assert all(one != other for one, other in zip(trace.events, trace.events[1:], strict=False))
    assert trace.result == trace.events[-1]


@for_each("texts", [b"\xff" * 1000, "too short"])
def test_a_training_on_what_is_no_text_fails_and_says_why(texts: str | bytes) -> None:
    failed = Trainer().finish(texts)
    assert (failed.status, failed.is_ready) == (ModuleStatus.ERROR, False)
    assert failed.error == failed.data == "The data is no text in UTF-8 of 100 characters or more."


def test_steps_are_taken_from_the_subscription_first() -> None:
    trainer = Trainer()
    trainer.owner.profile.anlas, trainer.owner.profile.bought_anlas = 150, 500
    trainer.train(steps=200)
    assert (trainer.owner.profile.anlas, trainer.owner.profile.bought_anlas) == (0, 450)


def test_bought_steps_raise_what_was_bought() -> None:
    trainer = Trainer()
    trainer(modules.buy_training_steps(2500))
    assert trainer(account.get_subscription()).training_steps_left.purchased_training_steps == 2500


def test_a_deleted_module_is_returned_and_gone() -> None:
    trainer = Trainer()
    module = trainer.train()
    assert trainer(modules.delete_module(module.id)).id == module.id
    assert trainer(modules.list_modules()) == ()
    for operation in (modules.get_module(module.id), modules.delete_module(module.id)):
        with pytest.raises(NotFoundError):
            trainer(operation)


def test_an_account_sees_its_own_modules_only() -> None:
    trainer = Trainer()
    other = trainer.emulator.add_account("other@example.com", Password("p"))
    module = trainer.train()
    assert trainer(modules.list_modules(), other) == ()
    with pytest.raises(NotFoundError):
        trainer(modules.get_module(module.id), other)


def test_a_training_is_refused_in_the_service_s_words() -> None:
    """docs/protocol/native.md#82-modules-training."""
    trainer = Trainer(training_limit=1)
    paper = trainer.emulator.add_account("paper@example.com", Password("p"), tier=Tier.PAPER)
    body: dict[str, Any] = {"data": "T25jZQ==", "lr": 1, "steps": 50, "name": "n", "description": "d"}

    def send(sent: object, owner: Account = trainer.owner) -> tuple[int, str]:
        return parse_error(send_request(trainer.emulator, "POST", "/ai/module/train", sent, owner=owner))

    assert send(None) == (400, "Incorrect body.")
    assert send({**body, "model": "kayra-v1"}) == (400, "Specified model does not support module training.")
    assert send({**body, "data": "Once!"}) == (400, "data must be base64 encoded")
    for name, wrong in (("lr", 0), ("name", "n" * 65), ("description", "d" * 257), ("steps", "many")):
        status, message = send({**body, name: wrong})
        assert (status, name in message) == (400, True)
    assert send(body, paper) == (402, "Incorrect subscription.")
    assert send({**body, "steps": 49}) == (409, "Training steps amount is too low.")
    poor = "You have an insufficent amount of available training steps."
    assert send({**body, "steps": 10_001}) == (409, poor)
    trainer.train()
    assert send(body) == (409, "You have reached the limit of concurrently training modules.")
    assert trainer.anlas == 9800


def test_the_service_s_refusals_are_typed() -> None:
    trainer = Trainer()
    paper = trainer.emulator.add_account("paper@example.com", Password("p"), tier=Tier.PAPER)
    operation = modules.train_module(TEXTS, name="n", steps=50, learning_rate=1)
    with pytest.raises(PaymentRequiredError):
        trainer(operation, paper)
    with pytest.raises(ConflictError):
        trainer.train(steps=49, validate=False)
    with pytest.raises(RejectedRequestError):
        trainer(modules.buy_training_steps(5, validate=False))


def test_every_module_has_the_ten_keys_that_a_client_s_schema_wants() -> None:
    trainer = Trainer()
    trainer.train()
    _, body = send_request(trainer.emulator, "GET", "/ai/module/all", owner=trainer.owner)
    assert json.loads(body)[0].keys() == DOCUMENT.keys() - {"extra"}


def test_a_released_client_buys_steps_with_delete_unless_bodies_are_strict() -> None:
    for strict, status in ((False, 200), (True, 404)):
        trainer = Trainer(strict_bodies=strict)
        sent = ("DELETE", "/ai/module/buy-training-steps", {"amount": 2000})
        assert send_request(trainer.emulator, *sent, owner=trainer.owner)[0].status == status
        assert trainer.owner.profile.bought_anlas == (0 if strict else 2000)


# ---- a trained module in use


def test_a_trained_module_changes_what_is_generated() -> None:
    trainer = Trainer()
    module = trainer.finish(model="euterpe-v2")

    def write(**options: Any) -> str:
        operation = text.generate("The gryphon", model=text.Model.EUTERPE, max_length=60, **options)
        generated: str = trainer(operation).text
        return generated

    assert "Zanzibar" in write(module=module.prefix)
    assert "Zanzibar" not in write()
    assert "Zanzibar" not in write(module="theme_noir")


def test_a_module_in_training_or_deleted_changes_nothing() -> None:
    trainer = Trainer()
    module = trainer.finish()
    trainer(modules.delete_module(module.id))
    operation = text.generate("The gryphon", model=text.Model.EUTERPE, max_length=60, module=module.prefix)
    assert "Zanzibar" not in trainer(operation).text


def test_a_module_that_is_saved_is_in_the_library_under_its_prefix() -> None:
    trainer = Trainer()
    module = trainer.finish(description="of gryphons")

    def save() -> Any:
        yield from (yield from library.open_library(EMAIL, PASSWORD)).save_module(module)
        return (yield from library.open_library(EMAIL, PASSWORD))

    opened = run_in_memory(save(), trainer.emulator, clock=trainer.clock).result
    (item,) = opened.others["aimodules"]
    assert item.ok
    assert item.json() == {
        "id": module.prefix,
        "name": "Gryphons",
        "description": "of gryphons",
        "model": "euterpe-v2",
        "remoteId": module.id,
    }


@settings(max_examples=scale_examples(20), deadline=None)
@given(number=st.integers(0, 9), name=st.sampled_from(sorted(FAULTS)))
def test_a_module_that_is_saved_again_is_stored_once_also_after_an_interruption(number: int, name: str) -> None:
    trainer = Trainer()
    module = trainer.finish()

    def save() -> Any:
        return (yield from (yield from library.open_library(EMAIL, PASSWORD)).save_module(module))

    app = inject_fault(trainer.emulator, FAULTS[name], number, path="/user/")
    run_in_memory(save(), app, clock=trainer.clock)
    first, second = (run_in_memory(save(), trainer.emulator, clock=trainer.clock) for _ in range(2))
    assert (first.result, second.events[-1].outcome) == (second.result, library.SaveOutcome.UNCHANGED)
    opened = run_in_memory(library.open_library(EMAIL, PASSWORD), trainer.emulator, clock=trainer.clock).result
    assert [item.json()["id"] for item in opened.others["aimodules"]] == [module.prefix]


def test_what_is_trained_survives_in_the_stored_rows() -> None:
    persisted = PersistedEmulator()
    persisted.add()
    persisted("POST", "/user/login", {"key": account.access_key(EMAIL, Password(PASSWORD)).reveal()})
    training = {"data": b64encode(TEXTS.encode()).decode(), "lr": 1, "steps": 50, "name": "n", "description": "d"}
    kept, deleted = (persisted("POST", "/ai/module/train", training) for _ in range(2))
    persisted("DELETE", f"/ai/module/{deleted['id']}")
    assert persisted("GET", "/ai/module/all") == [kept]
