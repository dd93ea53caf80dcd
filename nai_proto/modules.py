"""Modules that users train: train one on texts, wait until it is ready, generate with it, delete it.

Training costs steps, which are the account's Anlas, one for one. So a request that trains, or buys steps, is sent once and
never repeated: where its response was lost, `list_modules` and the subscription show what became of it.

`TrainedModule.prefix` is what `nai_proto.text.generate` takes as ``module``. `Library.save_module` stores a
module with the account's other objects, where the website looks for it.

See docs/protocol/native.md#82-modules-training.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar, Final, Never

import msgspec

from .arguments import BYTES, FLAG, INTEGER, NUMBER, TEXT, takes
from .codecs.json import encode_json
from .errors import InvalidRequestError
from .exchange.actions import Emit, Sleep, Steps
from .exchange.endpoints import EndpointParameters, build, endpoint
from .exchange.flow import flow
from .exchange.operation import Operation
from .exchange.readers import NOTHING
from .exchange.responses import JsonListReader, JsonReader, Response
from .exchange.retry import Repeat
from .http import Headers
from .text.models import MODEL, Model

__all__ = [
    "ModuleStatus",
    "TrainedModule",
    "buy_training_steps",
    "delete_module",
    "get_module",
    "list_modules",
    "train_module",
    "wait_for_module",
]

MAX_NAME: Final = 64
"""Characters."""
MAX_DESCRIPTION: Final = 256
"""Characters."""
MIN_STEPS: Final = 50
"""Of a training."""
MIN_PURCHASE: Final = 2000
MAX_PURCHASE: Final = 10_000
"""Steps that may be bought at once."""
_ACCEPT: Final = Headers.of(accept="application/json")
_JSON_BODY: Final = Headers.of(content_type="application/json", accept="application/json")


class ModuleStatus(StrEnum):
    """How far the training of a module is."""

    PENDING = "pending"
    "It waits for its turn."
    TRAINING = "training"
    READY = "ready"
    ERROR = "error"
    "The training failed; `TrainedModule.error` has the reason."


class TrainedModule(Response, frozen=True, kw_only=True):
    """A module in training, or one whose training has ended."""

    private: ClassVar[frozenset[str]] = frozenset(("data",))

    id: str
    "For `get_module` and `delete_module`; generation takes `prefix` instead."
    name: str
    status: str
    "A `ModuleStatus`, or a word that is not known yet."
    description: str = ""
    model: str = Model.EUTERPE.id
    "Id of the model that it is trained for."
    steps: int | float = 0
    "Steps of the whole training."
    learning_rate: int | float = msgspec.field(name="lr", default=0)
    data: str | None = None
    "The module itself in base64 when it is ready, and the reason of a failure."
    loss_history: tuple[int | float | None, ...] = ()
    "The losses that were recorded, the newest last."
    last_updated_at: float | None = None
    "Seconds since 1970."

    @property
    def is_ready(self) -> bool:
        """Return whether it can be used."""
        return self.status == ModuleStatus.READY

    @property
    def is_finished(self) -> bool:
        """Return whether its training has ended, in whatever way."""
        return self.status in (ModuleStatus.READY, ModuleStatus.ERROR)

    @property
    def error(self) -> str | None:
        """Return why the training failed; None if it did not."""
        return (self.data or "the service gives no reason") if self.status == ModuleStatus.ERROR else None

    @property
    def prefix(self) -> str:
        """Return what `nai_proto.text.generate` takes as ``module``. Whoever knows it can use the module.

        Raises:
            InvalidRequestError: the module is not ready, or came without its data.
        """
        from .codecs.module_ids import derive_module_id  # imports PyNaCl

        if not self.is_ready or not self.data:
            problem = f"has no data and its status is {self.status}"
            raise InvalidRequestError(f"the module {self.id} cannot be used: it {problem}", parameter="module")
        return derive_module_id(self.model, self.data)


_MODULE: Final = (("application/json", JsonReader(TrainedModule)),)
_MODULES: Final = (("application/json", JsonListReader(TrainedModule)),)


@takes(
    texts=TEXT | BYTES,
    name=TEXT,
    steps=INTEGER,
    learning_rate=NUMBER,
    description=TEXT,
    model=MODEL | None,
    validate=FLAG,
)
def train_module(
    texts: str | bytes,
    *,
    name: str,
    steps: int,
    learning_rate: float,
    description: str = "",
    model: Model | str | None = None,
    validate: bool = True,
) -> Operation[Never, TrainedModule]:
    """Begin to train a module. It costs ``steps`` Anlas, and is never sent twice.

    Args:
        texts: what it is trained on: text, or the bytes of a file that the service knows. They are sent in base64; what
            the service wants to be in there is not documented.
        name: 1 to 64 characters.
        steps: of the training; 50 or more.
        learning_rate: above 0.
        description: up to 256 characters.
        model: to train for, or its id; None leaves the choice to the service, which is Euterpe as far as known.
        validate: check everything before it is sent.

    Returns:
        The module as it waits for its training; `wait_for_module` waits for the end.

    Raises:
        InvalidRequestError: there is nothing to train on, something is out of its range, or the model has no modules.

    Raises (when run):
        PaymentRequiredError: the account has no subscription.
        ConflictError: the account has too few Anlas, or trains as many modules as it may.
    """
    chosen = None if model is None else Model.named(model)
    if validate:
        _check_training(texts, name, steps, learning_rate, description, chosen)
    body: dict[str, object] = {
        "data": base64.b64encode(_to_bytes(texts)).decode("ascii"),
        "lr": learning_rate,
        "steps": steps,
        "name": name,
        "description": description,
    }
    return _post("train_module", body if chosen is None else {**body, "model": chosen.id}, _MODULE)


def _to_bytes(texts: str | bytes) -> bytes:
    try:
        return texts.encode() if isinstance(texts, str) else texts
    except UnicodeEncodeError:
        pass  # raise below: the codec's error holds the text
    raise InvalidRequestError("texts holds a lone surrogate, which UTF-8 cannot encode", parameter="texts")


def _check_training(
    texts: str | bytes, name: str, steps: int, learning_rate: float, description: str, model: Model | None
) -> None:
    if not texts.strip():
        raise InvalidRequestError("texts is empty: there is nothing to train on", parameter="texts")
    for parameter, least, most, value in (
        ("name", 1, MAX_NAME, name),
        ("description", 0, MAX_DESCRIPTION, description),
    ):
        if not least <= len(value) <= most:
            raise InvalidRequestError(
                f"{parameter} has {len(value)} characters, and {least} to {most} are allowed", parameter=parameter
            )
    if steps < MIN_STEPS:
        raise InvalidRequestError(f"steps is {steps}, and {MIN_STEPS} is the least", parameter="steps")
    if not 0 < learning_rate < float("inf"):
        raise InvalidRequestError(
            f"learning_rate is {learning_rate}, and takes a number above 0", parameter="learning_rate"
        )
    if model is not None and model.is_listed and model.newest.facts.modules is False:
        raise InvalidRequestError(f"{model.id} has no modules, so none can be trained for it", parameter="model")


def list_modules() -> Operation[Never, tuple[TrainedModule, ...]]:
    """List the account's modules, those in training too."""
    return Operation(build(endpoint("list_modules"), headers=_ACCEPT), _MODULES, Repeat.ALWAYS)


@takes(id=TEXT)
def get_module(id: str) -> Operation[Never, TrainedModule]:  # noqa: A002
    """Read one module.

    Args:
        id: `TrainedModule.id`.

    Raises (when run):
        NotFoundError: the account has no such module.
    """
    return Operation(build(endpoint("get_module"), EndpointParameters({"id": id}), _ACCEPT), _MODULE, Repeat.ALWAYS)


@takes(id=TEXT)
def delete_module(id: str) -> Operation[Never, TrainedModule]:  # noqa: A002
    """Delete a module, and return it as it was. The steps of its training are not given back.

    Args:
        id: `TrainedModule.id`.

    Raises (when run):
        NotFoundError: the account has no such module.
    """
    return Operation(build(endpoint("delete_module"), EndpointParameters({"id": id}), _ACCEPT), _MODULE)


@takes(amount=INTEGER, validate=FLAG)
def buy_training_steps(amount: int, *, validate: bool = True) -> Operation[Never, None]:
    """Buy steps, which are Anlas, with the account's means of payment. This costs money, and is never sent twice.

    Args:
        amount: 2000 to 10000.
        validate: check the amount before it is sent.

    Raises:
        InvalidRequestError: the amount is out of its range.

    Raises (when run):
        ConflictError: the account has no means of payment.
    """
    if validate and not MIN_PURCHASE <= amount <= MAX_PURCHASE:
        raise InvalidRequestError(
            f"amount is {amount}, and {MIN_PURCHASE} to {MAX_PURCHASE} steps can be bought at once", parameter="amount"
        )
    return _post("buy_training_steps", {"amount": amount}, NOTHING)


@flow
@takes(id=TEXT, interval_s=NUMBER)
def wait_for_module(id: str, *, interval_s: float = 15.0) -> Steps[TrainedModule, TrainedModule]:  # noqa: A002
    """Wait until the training of a module has ended, in whatever way: look at `TrainedModule.is_ready`.

    Events are the module at first, and whenever it has changed. ``Timeouts.total`` ends the wait.

    Args:
        id: `TrainedModule.id`.
        interval_s: seconds between two requests.

    Raises (when run):
        NotFoundError: the account has no such module.
    """
    seen: TrainedModule | None = None
    while True:
        module = yield from get_module(id)
        if module != seen:
            yield Emit([module])
            seen = module
        if module.is_finished:
            return module
        yield Sleep(interval_s, interval_s)


def _post(name: str, body: Mapping[str, object], readers: Any) -> Operation[Never, Any]:
    parameters = EndpointParameters(body=encode_json(body))
    return Operation(build(endpoint(name), parameters, _JSON_BODY), readers, Repeat.NEVER)
