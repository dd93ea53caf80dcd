"""The module endpoints of the emulator: training, the list, single modules, and buying steps.

See:
    docs/protocol/native.md#82-modules-training
    docs/protocol/native.md#173-text-voice-modules
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Annotated, Final

import msgspec

from ...codecs.secret_box import from_base64
from ...errors import Damaged
from ...exchange.reply import Handler
from ...modules import MAX_DESCRIPTION, MAX_NAME, MAX_PURCHASE, MIN_PURCHASE, MIN_STEPS
from ...text.models import Model
from ...tier import Tier
from ..accounts.account import Account
from ..accounts.storage import Entropy, derive_bytes
from ..accounts.trained_modules import ModuleTraining
from ..errors import Refused
from ..http.request_context import EndpointHandler, RequestContext
from ..http.responses import send_empty, send_json
from ..switches import Switches

__all__ = ["ModuleService"]

_TRAINABLE: Final = (Model.SIGURD.id, Model.EUTERPE.id, Model.KRAKE.id)
"""Models that modules can be trained for: those with modules of the old kind, which is a choice."""
_BUY: Final = "buy-training-steps"


class _Training(msgspec.Struct):
    data: str
    steps: int
    lr: Annotated[float, msgspec.Meta(gt=0)]
    name: Annotated[str, msgspec.Meta(max_length=MAX_NAME)]
    description: Annotated[str, msgspec.Meta(max_length=MAX_DESCRIPTION)] = ""
    model: str = Model.EUTERPE.id


class _Purchase(msgspec.Struct):
    amount: Annotated[int, msgspec.Meta(ge=MIN_PURCHASE, le=MAX_PURCHASE)]


class ModuleService:
    """The module endpoints.

    Args:
        entropy: returns this many random bytes, for ids.
        switches: how fast a training is, how many may run, and whether steps are bought with DELETE too.
    """

    def __init__(self, entropy: Entropy, switches: Switches) -> None:
        self._entropy = entropy
        self._switches = switches
        self._numbers = count(1)

    def handlers(self) -> Mapping[str, EndpointHandler]:
        """Return the handlers by the names of the endpoint table."""
        return {
            "train_module": self._train,
            "list_modules": _list,
            "get_module": _get,
            "delete_module": self._delete,
            "buy_training_steps": _buy,
        }

    def _train(self, context: RequestContext) -> Handler:
        if not context.parameters.body:
            raise Refused(400, "Incorrect body.", reason="the body is empty; send JSON with data, steps, lr and name")
        body, account = context.body(_Training), context.owner
        if body.model not in _TRAINABLE:
            raise Refused(
                400,
                "Specified model does not support module training.",
                reason=f"modules are trained for {', '.join(_TRAINABLE)}, which is the emulator's choice",
            )
        try:
            from_base64(body.data, "data")
        except Damaged as error:
            raise Refused(400, "data must be base64 encoded", reason=str(error)) from None
        self._check_account(account, body.steps, context.now)
        account.charge(body.steps)
        drawn = derive_bytes(self._entropy, "module", next(self._numbers), 16).hex()
        training = ModuleTraining(
            id=f"{drawn[:8]}-{drawn[8:12]}-{drawn[12:16]}-{drawn[16:20]}-{drawn[20:]}",
            began=context.now,
            speed=self._switches.training_speed,
            **msgspec.structs.asdict(body),
        )
        account.modules.add(training)
        yield from send_json(context.endpoint.status, training.document(context.now))

    def _check_account(self, account: Account, steps: int, now: float) -> None:
        """Raise Refused if the account may not train for so many steps now."""
        if account.tier is Tier.PAPER:
            raise Refused(
                402,
                "Incorrect subscription.",
                reason="the account has no subscription; `nai emulate --tier` gives it one",
            )
        if steps < MIN_STEPS:
            raise Refused(
                409,
                "Training steps amount is too low.",
                reason=f"steps is {steps}, and a training has at least {MIN_STEPS}",
            )
        available = account.profile.anlas + account.profile.bought_anlas
        if steps > available:
            raise Refused(
                409,
                "You have an insufficent amount of available training steps.",
                reason=f"steps is {steps}, and the account has {available}; POST /ai/module/buy-training-steps buys more",
            )
        running = sum(not each.is_finished(now) for each in account.modules)
        if running >= self._switches.training_limit:
            raise Refused(
                409,
                "You have reached the limit of concurrently training modules.",
                reason=f"{running} trainings wait or run, and the switch training_limit allows no more; wait for one to end",
            )

    def _delete(self, context: RequestContext) -> Handler:
        id_ = context.parameters.path["id"]
        if id_ == _BUY and not self._switches.strict_bodies:  # as a released client sends it
            yield from _buy(context)
            return
        module = context.owner.modules.delete(id_)
        yield from send_json(context.endpoint.status, module.document(context.now))


def _list(context: RequestContext) -> Handler:
    documents = [each.document(context.now) for each in context.owner.modules]
    yield from send_json(context.endpoint.status, documents)


def _get(context: RequestContext) -> Handler:
    module = context.owner.modules.find(context.parameters.path["id"])
    yield from send_json(context.endpoint.status, module.document(context.now))


def _buy(context: RequestContext) -> Handler:
    context.owner.profile.bought_anlas += context.body(_Purchase).amount
    yield from send_empty(context.endpoint.status)
