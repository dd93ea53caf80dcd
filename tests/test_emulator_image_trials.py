"""Images of a trial: what pays for them, and what the profile says.

See:
    docs/protocol/native.md#68-trial-status-text-host
    docs/protocol/image.md#12-notes-for-an-emulator
"""

from __future__ import annotations

import json
from typing import Any

from nai_proto import account, image
from nai_proto.emulator import Account, Emulator
from nai_proto.errors import PaymentRequiredError
from nai_proto.testing import run_in_memory
from nai_proto.tier import Tier
from tests.cases import for_each
from tests.support import an_emulator, with_token

from .test_emulator import send_request
from .test_emulator_images import body


def on_trial(images: int = 30, anlas: int = 0) -> tuple[Emulator, Account]:
    emulator, owner = an_emulator()
    owner.profile.subscribe(Tier.PAPER, 0)
    owner.profile.trial, owner.profile.trial_images, owner.profile.anlas = True, images, anlas
    return emulator, owner


def draw(emulator: Emulator, owner: Account, **options: Any) -> Any:
    flow = image.generate("a swan", **{"size": (64, 64), "steps": 2, "seed": 1, **options})
    return run_in_memory(with_token(owner.persistent_token, flow), emulator)


def count_left(emulator: Emulator, owner: Account) -> set[int]:
    """Return how many images are left, as the profile and the status of the trial have it."""
    session = owner.persistent_token
    information = run_in_memory(with_token(session, account.get_information()), emulator).result
    status = run_in_memory(with_token(session, account.get_trial_status()), emulator).result
    assert status.remaining_image_actions is not None
    assert information.trial_images_left is not None
    assert status.eligible_for_image_gens is (status.remaining_image_actions > 0)
    assert status.used_image_actions == 30 - status.remaining_image_actions
    return {information.trial_images_left, status.remaining_image_actions}


def test_each_image_takes_one_from_the_trial_and_no_anlas() -> None:
    emulator, owner = on_trial(anlas=7)
    assert count_left(emulator, owner) == {30}
    draw(emulator, owner)
    assert count_left(emulator, owner) == {29}
    assert len(draw(emulator, owner, n_samples=3).result) == 3
    assert count_left(emulator, owner) == {26}
    assert owner.profile.anlas == 7


@for_each("path", ["/ai/generate-image", "/ai/generate-image-stream"])
def test_a_trial_that_is_used_up_draws_nothing_and_says_why(path: str) -> None:
    emulator, owner = on_trial(images=1)
    sent = body()
    assert send_request(emulator, "POST", path, sent, owner=owner)[0].status == 200
    head, answer = send_request(emulator, "POST", path, sent, owner=owner)
    assert (head.status, json.loads(answer)["message"]) == (402, "Not enough Anlas")
    assert "trial" in (head.headers.get("x-emulator-reason") or "")
    assert count_left(emulator, owner) == {0}


@for_each("options", [{"size": (1088, 1024)}, {"steps": 29}, {"n_samples": 3}])
def test_what_the_trial_does_not_pay_for_takes_anlas(options: dict[str, Any]) -> None:
    emulator, owner = on_trial(images=2)
    assert isinstance(draw(emulator, owner, **options).error, PaymentRequiredError)
    owner.profile.anlas = 100
    assert draw(emulator, owner, **options).error is None
    assert owner.profile.anlas < 100
    assert count_left(emulator, owner) == {2}


def test_a_refused_request_takes_no_image_and_a_subscription_does_not_touch_the_trial() -> None:
    emulator, owner = on_trial()
    assert send_request(emulator, "POST", "/ai/generate-image", body(width=65), owner=owner)[0].status == 400
    owner.profile.subscribe(Tier.OPUS, 1e10)
    draw(emulator, owner)
    assert owner.profile.trial_images == 30
    owner.profile.subscribe(Tier.PAPER, 0)
    owner.profile.trial = False
    assert isinstance(draw(emulator, owner).error, PaymentRequiredError)
    assert owner.profile.trial_images == 30
