"""What an account of the emulator may have: plans, trials, lengths, Anlas, and how often.

See:
    docs/protocol/native.md#4-errors-and-limits-all-endpoints
    docs/protocol/native.md#96-context-and-length-limits
    docs/protocol/native.md#173-text-voice-modules
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import httpx
import pytest

from nai_proto import account, text
from nai_proto.emulator import Emulator, OpenAISwitches, Switches, restrict_to_host
from nai_proto.emulator.errors import Refused
from nai_proto.errors import InvalidRequestError, PaymentRequiredError
from nai_proto.exchange.actions import Compute
from nai_proto.exchange.reply import Start
from nai_proto.exchange.retry import NO_RETRY
from nai_proto.exchange.session import Session
from nai_proto.http import Head, Headers, Host, Request
from nai_proto.secret import Password, PersistentToken
from nai_proto.testing import Clock, run_in_memory
from nai_proto.text.models import MODELS
from nai_proto.tier import Tier
from tests.cases import for_each
from tests.test_cli import nai, run_emulator

from .support import EMAIL, PASSWORD, ByteTokenizer, an_emulator
from .test_emulator import parse_error, prompt, send_request

NO_PLAN = (402, "An active subscription is required")
NOT_THIS = (402, "Not eligible for this model")
PATHS = ("/ai/generate", "/ai/generate-stream")
BYTES = ByteTokenizer()


class PlanClient:
    """A client of an emulator with one account of the given plan."""

    def __init__(
        self, tier: Tier = Tier.OPUS, *, trial: bool = False, anlas: int | None = None, **options: Any
    ) -> None:
        self.clock = Clock(1_000.0)
        self.emulator = Emulator(now=self.clock, entropy=bytes, **options)
        self.owner = self.emulator.add_account(EMAIL, Password(PASSWORD), tier=tier, trial=trial, anlas=anlas)

    def __call__(self, method: str, path: str, body: object = None) -> tuple[Head, bytes]:
        return send_request(self.emulator, method, path, body, owner=self.owner)

    def document(self, path: str) -> Any:
        return json.loads(self("GET", path)[1])

    def generates(self, model: str = "kayra-v1", path: str = PATHS[0], **parameters: Any) -> Any:
        """Generate text; return the status, with the message of an error."""
        answer = self("POST", path, prompt(model, **{"max_length": 2, **parameters}))
        return parse_error(answer) if answer[0].status >= 400 else answer[0].status


# ---- plans and models


@for_each("path", PATHS)
def test_a_plan_decides_which_models_there_are(path: str) -> None:
    for tier in (Tier.TABLET, Tier.SCROLL, Tier.OPUS):
        client = PlanClient(tier)
        for model in MODELS:
            has = model != text.Model.ERATO or tier is Tier.OPUS
            assert client.generates(model.id, path) == (model.success_status if has else NOT_THIS)


@for_each("path", PATHS)
def test_without_a_subscription_and_a_trial_there_is_no_text(path: str) -> None:
    client = PlanClient(Tier.PAPER)
    for model in MODELS:
        assert client.generates(model.id, path) == NO_PLAN
    body = {"prompt": "a ship", "temp": 1, "tokens_to_generate": 2}
    assert parse_error(client("POST", "/ai/generate-prompt", body)) == NO_PLAN
    error = run_in_memory(
        text.generate("Once").with_options(retry=NO_RETRY),
        client.emulator,
        Session(base_url="http://x", token=client.owner.persistent_token),
    ).error
    assert isinstance(error, PaymentRequiredError)


def test_a_subscription_that_is_not_active_is_none() -> None:
    client = PlanClient()
    client.owner.profile.active = False
    assert client.generates() == NO_PLAN
    completion = {"model": "glm-4-6", "prompt": "x", "max_tokens": 2}
    assert parse_error(client("POST", "/oa/v1/completions", completion)) == NO_PLAN
    assert client.document("/oa/v1/models")["data"] == []


def test_checks_come_in_the_order_of_token_lock_body_and_plan() -> None:
    client = PlanClient(Tier.PAPER)
    client.owner.generating = True
    assert parse_error(send_request(client.emulator, "POST", PATHS[0], b"{"))[0] == 401
    assert parse_error(client("POST", PATHS[0], b"{")) == (429, "Concurrent generation is locked")
    client.owner.generating = False
    assert parse_error(client("POST", PATHS[0], b"{"))[0] == 400
    assert client.generates(max_length=2049)[0] == 400
    assert client.generates(use_string=False)[0] == 400, "a text is no base64 of tokens"
    assert client.generates(max_length=2048) == NO_PLAN


# ---- trials


def test_a_trial_has_fifty_texts_of_kayra_and_no_more() -> None:
    client = PlanClient(Tier.PAPER, trial=True)
    for used in range(50):
        said = client.document("/ai/trial-status")
        assert (said["used_text_actions"], said["remaining_text_actions"]) == (used, 50 - used)
        assert (said["eligible_for_text_gens"], said["trial_activated"]) == (True, True)
        assert client.document("/user/information")["trialActionsLeft"] == 50 - used
        assert client.generates(path=PATHS[used % 2]) == 200
    said = client.document("/ai/trial-status")
    assert (said["used_text_actions"], said["remaining_text_actions"]) == (50, 0)
    assert (said["eligible_for_text_gens"], said["eligible_for_image_gens"]) == (False, True)
    assert client.generates() == NOT_THIS


def test_only_generations_on_a_trial_count_against_it() -> None:
    client = PlanClient(Tier.PAPER, trial=True)
    for model in MODELS:
        if model != text.Model.KAYRA:
            assert client.generates(model.id) == NOT_THIS
    assert client.generates(max_length=0)[0] == client.generates(max_length=151)[0] == 400
    assert client.owner.profile.trial_actions == 50
    client.owner.profile.subscribe(Tier.TABLET, 0)
    assert client.generates() == 200
    assert client.owner.profile.trial_actions == 50


def test_an_activated_trial_includes_text_generation() -> None:
    client = PlanClient(Tier.PAPER)
    assert client.generates() == NO_PLAN
    assert (
        client("POST", "/user/subscription/bind", {"paymentProcessor": "trial", "subscriptionId": ""})[0].status == 201
    )
    assert client.generates() == 200


def test_a_trial_never_has_a_negative_count() -> None:
    client = PlanClient(Tier.PAPER, trial=True, switches=Switches(lock=False))
    client.owner.profile.trial_actions = 1
    signed = Headers.of(authorization=f"Bearer {client.owner.persistent_token.reveal()}")
    handlers = [client.emulator(Request("POST", PATHS[0], signed)) for _ in range(2)]
    jobs = []
    for handler in handlers:  # both are let in before either is counted
        next(handler)
        handler.send(json.dumps(prompt()).encode())
        jobs.append(handler.send(b""))
    for handler, job in zip(handlers, jobs, strict=True):
        while isinstance(job, Compute):
            job.perform()
            job = next(handler)
        assert isinstance(job, Start)
        handler.close()
    assert client.owner.profile.trial_actions == 0


# ---- lengths

TOO_LONG = [
    ("kayra-v1", Tier.TABLET, 4096),
    ("kayra-v1", Tier.SCROLL, 8192),
    ("kayra-v1", Tier.OPUS, 8192),
    ("kayra-v1", Tier.PAPER, 8192),
    ("llama-3-erato-v1", Tier.OPUS, 8192),
]


def long_prompt(model: str, tokens: int, **parameters: Any) -> dict[str, Any]:
    return {**prompt(model, **parameters), "input": "x" * tokens}


@for_each("path", PATHS)
@for_each("model, tier, limit", TOO_LONG)
def test_prompt_and_answer_have_to_fit_on_the_text_host(path: str, model: str, tier: Tier, limit: int) -> None:
    client = PlanClient(tier, trial=True, tokenizers=lambda _: BYTES)
    assert client("POST", path, long_prompt(model, limit - 10, max_length=10))[0].status == 200
    said = f"Validation error: model '{model}' has {limit} tokens maximum, {limit + 1} tokens context requested"
    assert parse_error(client("POST", path, long_prompt(model, limit - 10, max_length=11))) == (400, said)
    assert client("POST", path, long_prompt(model, limit - 30, generate_until_sentence=True))[0].status == 200
    assert client("POST", path, long_prompt(model, limit - 29, generate_until_sentence=True))[0].status == 400


@for_each("path", PATHS)
@for_each("model, limit", [("euterpe-v2", 2048), ("clio-v1", 8192)])
def test_the_api_host_says_with_201_that_they_do_not_fit(path: str, model: str, limit: int) -> None:
    client = PlanClient(tokenizers=lambda _: BYTES)
    assert client("POST", path, long_prompt(model, limit - 10))[0].status == 201
    head, body = client("POST", path, long_prompt(model, limit - 9))
    assert (head.status, head.content_type) == (201, "application/json")
    problem = f"ModelMaxLength: model '{model}' has {limit} tokens maximum, {limit + 1} tokens context requested"
    assert json.loads(body) == {"error": problem}
    assert client.generates(model, max_length=300) == 201
    assert client("POST", path, long_prompt("2.7B", 30_000))[0].status == 201, "a limit that nobody knows is none"


def test_on_the_text_host_the_plan_limits_max_length() -> None:
    for tier, longest in ((Tier.PAPER, 150), (Tier.TABLET, 150), (Tier.SCROLL, 150), (Tier.OPUS, 250)):
        client = PlanClient(tier, trial=True)
        assert client.generates(max_length=longest) == 200
        refusal = (400, f"Validation error: max_length must be at most {longest}")
        assert client.generates(max_length=longest + 1) == refusal


def test_without_a_tokenizer_only_max_length_is_checked() -> None:
    client = PlanClient()
    body = {**prompt(max_length=10), "input": "the " * 20_000}
    assert client("POST", PATHS[0], body)[0].status == 200
    assert client.generates(max_length=251)[0] == 400


@for_each(
    "parameters, added",
    [
        ({"prefix": f"euterpe-v2:{'a' * 64}:{'b' * 64}"}, 20),
        ({"prefix": f"euterpe-v2:{'a' * 64}:{'b' * 64}", "generate_until_sentence": True}, 40),
        ({"prefix": "theme_pirates"}, 0),
    ],
)
def test_a_module_of_a_user_takes_twenty_tokens(parameters: dict[str, Any], added: int) -> None:
    client = PlanClient(tokenizers=lambda _: BYTES)
    for path in PATHS:
        for more in (0, 1):
            sent = long_prompt("euterpe-v2", 2048 - 8 - added + more, max_length=8, **parameters)
            assert (b"ModelMaxLength" in client("POST", path, sent)[1]) == bool(more)


def test_a_prompt_that_is_generated_has_the_tokens_and_the_context_of_its_model() -> None:
    client = PlanClient(tokenizers=lambda _: BYTES)
    for more in (0, 1):
        sent = {"prompt": "x" * (2048 - 7 + more), "temp": 1, "tokens_to_generate": 7}
        document = json.loads(client("POST", "/ai/generate-prompt", sent)[1])
        assert ("error" in document) == bool(more)
        assert more or len(document["generated_text"]) == 7


def test_lengths_are_not_checked_with_the_switch_off() -> None:
    client = PlanClient(Tier.TABLET, tokenizers=lambda _: BYTES, switches=Switches(strict_limits=False))
    assert client("POST", PATHS[0], long_prompt("kayra-v1", 30_000, max_length=200))[0].status == 200
    assert client("POST", PATHS[0], long_prompt("euterpe-v2", 30_000, max_length=200))[0].status == 201


@for_each("tier, limit", [(Tier.TABLET, 4096), (Tier.SCROLL, 8192), (Tier.OPUS, 8192)])
def test_a_host_of_its_own_has_the_same_limits(tier: Tier, limit: int) -> None:
    """As at an address for all hosts: the text host refuses with 400, and the api host says so with 201."""
    client = PlanClient(tier, tokenizers=lambda _: BYTES)
    for host, model, most, status in (
        (Host.TEXT, "kayra-v1", limit, 400),
        (Host.API, "clio-v1", 8192, 201),
        (Host.API, "euterpe-v2", 2048, 201),
    ):
        app = restrict_to_host(host, client.emulator)
        for more in (0, 1):
            sent = long_prompt(model, most - 10 + more, max_length=10)
            head, document = send_request(app, "POST", PATHS[0], sent, owner=client.owner)
            problem = f"{most} tokens maximum, {most + 1} tokens context requested"
            assert (problem in document.decode()) == bool(more)
            assert head.status == (status if more else 200 if host is Host.TEXT else 201)


# ---- Anlas


def left(client: PlanClient) -> tuple[int, int]:
    said = client.document("/user/subscription")["trainingStepsLeft"]
    return said["fixedTrainingStepsLeft"], said["purchasedTrainingSteps"]


def test_a_month_of_a_tier_has_its_anlas_unless_others_are_given() -> None:
    for tier, anlas in ((Tier.PAPER, 0), (Tier.TABLET, 1000), (Tier.SCROLL, 1000), (Tier.OPUS, 10_000)):
        assert left(PlanClient(tier)) == (anlas, 0)
    assert left(PlanClient(anlas=0)) == (0, 0)
    assert left(PlanClient(Tier.PAPER, anlas=70)) == (70, 0)


def test_anlas_are_taken_from_the_subscription_first_and_then_from_those_that_were_bought() -> None:
    client = PlanClient(anlas=30)
    client.owner.profile.bought_anlas = 50
    client.owner.charge(20)
    assert left(client) == (10, 50)
    client.owner.charge(25)
    assert left(client) == (0, 35)
    with pytest.raises(Refused) as refusal:
        client.owner.charge(36)
    assert (refusal.value.status, refusal.value.message) == (402, "Not enough Anlas")
    assert left(client) == (0, 35)
    client.owner.charge(35)
    client.owner.charge(0)
    assert left(client) == (0, 0)


def test_charges_are_stored() -> None:
    client = PlanClient(anlas=30)
    client.emulator.restore()
    client.owner.charge(20)
    (change,) = client.emulator.changes()
    assert change.document is not None
    assert json.loads(change.document)["profile"]["anlas"] == 10


def test_an_active_subscription_says_how_it_is_paid_and_that_of_opus_what_is_left_of_its_images() -> None:
    for tier in Tier:
        said = PlanClient(tier).document("/user/subscription")
        assert said["active"] == (tier is not Tier.PAPER)
        assert ("isPaypal" in said) == ("paymentProcessor" in said) == said["active"]
        assert ("usage" in said) == (tier is Tier.OPUS)
    assert set(PlanClient().document("/user/subscription")["usage"]) == {
        "percent",
        "isNegative",
        "timeUntilNextPercent",
    }


# ---- how often


def test_requests_over_the_rate_are_429_until_retry_after() -> None:
    client = PlanClient(switches=Switches(rate=3, per_seconds=10.0))
    for _ in range(3):
        assert client.generates() == 200
        client.clock.advance(1.5)
    head, body = client("GET", "/user/subscription")
    assert parse_error((head, body)) == (429, "Too Many Requests")
    assert head.headers.get("retry-after") == "6"
    client.clock.advance(5.4)
    assert client("POST", PATHS[0], b"{")[0].headers.get("retry-after") == "1"
    client.clock.advance(0.6)
    assert client.generates() == 200
    assert client.generates()[0] == 429


def test_each_account_has_its_own_rate() -> None:
    client = PlanClient(switches=Switches(rate=1))
    other = client.emulator.add_account("b@example.com", Password("b"), PersistentToken("pst-other"))
    assert client.generates() == 200
    assert client.generates()[0] == 429
    assert send_request(client.emulator, "GET", "/user/information", owner=other)[0].status == 200
    login = {"key": client.owner.key.reveal()}
    assert send_request(client.emulator, "POST", "/user/login", login)[0].status == 201
    assert send_request(client.emulator, "POST", "/user/login", login)[0].status == 429
    assert send_request(client.emulator, "GET", "/user/information", authorization="Bearer none")[0].status == 401
    assert send_request(client.emulator, "OPTIONS", "/user/login")[0].status == 204


def test_a_client_that_waits_for_retry_after_is_served() -> None:
    client = PlanClient(switches=Switches(rate=1, per_seconds=20.0))
    session = Session(base_url="http://x", token=client.owner.persistent_token)
    for _ in range(3):
        played = run_in_memory(account.get_subscription(), client.emulator, session, clock=client.clock)
        assert played.error is None


# ---- switches


def test_switches_have_unique_names() -> None:
    assert not {one.name for one in fields(Switches)} & {one.name for one in fields(OpenAISwitches)}


def test_impossible_switches_are_refused() -> None:
    wrongs: tuple[dict[str, Any], ...] = ({"retry_after": -1}, {"linger": -0.5}, {"rate": 0}, {"per_seconds": 0})
    for wrong in wrongs:
        with pytest.raises(InvalidRequestError, match=next(iter(wrong))):
            Switches(**wrong)


def test_a_switch_leaves_stop_sequences_out_of_the_output() -> None:
    outputs = []
    for include in (True, False):
        emulator, owner = an_emulator(tokenizers=lambda _: BYTES, switches=Switches(include_stop=include))
        body = prompt(max_length=200, seed=3, stop_sequences=[BYTES.encode(" the")])
        outputs.append(json.loads(send_request(emulator, "POST", PATHS[0], body, owner=owner)[1])["output"])
    assert outputs[0] == outputs[1] + " the"


STRICT = Switches(strict_bodies=True)
FULL = {"max_length": 2, "min_length": 1, "force_emotion": False, "use_string": True}
"""The parameters that the api host requires."""


def test_a_plan_as_a_string_is_refused_only_with_strict_bodies() -> None:
    for plan, switches, status in (("2", Switches(), 200), (2, STRICT, 200), ("2", STRICT, 400)):
        assert (
            PlanClient(switches=switches)("POST", "/user/subscription/change", {"newSubscriptionPlan": plan})[0].status
            == status
        )


def test_incomplete_registrations_of_clients_are_refused_only_with_strict_bodies() -> None:
    full = {"key": "x" * 64, "recaptcha": "", "emailCleartext": "n@example.com", "allowMarketingEmails": True}
    assert PlanClient(switches=STRICT)("POST", "/user/register", full)[0].status == 201
    for name in ("recaptcha", "emailCleartext", "allowMarketingEmails"):
        less = {key: value for key, value in full.items() if key != name} | {"recapcha": ""}
        status, message = parse_error(PlanClient(switches=STRICT)("POST", "/user/register", less))
        assert (status, message) == (400, f"Validation error: {name} is required")
        assert PlanClient()("POST", "/user/register", less)[0].status == 201


@for_each("missing", ["max_length", "min_length", "force_emotion"])
def test_with_strict_bodies_the_api_host_requires_documented_parameters(missing: str) -> None:
    for model in (text.Model.EUTERPE, text.Model.KAYRA):
        full = {"input": "Once", "model": model.id, "parameters": FULL}
        less = {**full, "parameters": {key: value for key, value in FULL.items() if key != missing}}
        assert PlanClient(switches=STRICT)("POST", PATHS[0], full)[0].status == model.success_status
        assert PlanClient()("POST", PATHS[0], less)[0].status == model.success_status
        strict = PlanClient(switches=STRICT)("POST", PATHS[0], less)
        if model.host is Host.API:
            assert parse_error(strict) == (400, f"Error verifying request: {missing} is required")
        else:
            assert strict[0].status == 200


@for_each(
    "model, prefix, known",
    [
        *(("kayra-v1", each, True) for each in ("", "vanilla", "special_openings", "theme_textadventure")),
        ("euterpe-v2", "theme_pirates", True),
        ("llama-3-erato-v1", "vanilla", True),
        ("kayra-v1", "theme_pirates", False),
        ("kayra-v1", "Vanilla", False),
        ("kayra-v1", "special_opening", False),
        ("llama-3-erato-v1", "special_openings", False),
        ("euterpe-v2", "euterpe-v2:aa:bb", False),
        ("euterpe-v2", "krake-v2:aa:bb", False),
    ],
)
def test_a_module_that_the_model_does_not_have_is_refused_only_with_strict_bodies(
    model: str, prefix: str, known: bool
) -> None:
    sent = {"input": "Once", "model": model, "parameters": {**FULL, "prefix": prefix}}
    for path in PATHS:
        assert PlanClient()("POST", path, sent)[0].status in (200, 201)
        head, document = PlanClient(switches=STRICT)("POST", path, sent)
        if known:
            assert head.status in (200, 201)
        else:
            assert parse_error((head, document)) == (400, f"Validation error: prefix {prefix} doesn't exist")
            assert head.headers.get("x-emulator-reason") != f"Validation error: prefix {prefix} doesn't exist"


# ---- the command


def test_the_command_makes_an_account_of_any_plan_and_takes_all_switches() -> None:
    arguments = ("--tier", "Trial", "--anlas", "7", "--switch", "rate=4", "--switch", "per_seconds=600")
    with run_emulator(*arguments) as (ready, _), httpx.Client(base_url=ready["url"], trust_env=False) as http:
        http.headers["Authorization"] = f"Bearer {ready['token']}"
        assert http.get("/user/subscription").json()["trainingStepsLeft"]["fixedTrainingStepsLeft"] == 7
        assert http.post(PATHS[0], json=prompt("euterpe-v2")).status_code == 402
        assert http.post(PATHS[0], json=prompt()).status_code == 200
        assert http.get("/ai/trial-status").json()["remaining_text_actions"] == 49
        busy = http.get("/ai/trial-status")
        assert busy.status_code == 429
        assert 500 < int(busy.headers["retry-after"]) <= 600


@pytest.mark.parametrize(
    ("arguments", "about"),
    [
        (("--switch", "rate=0"), "rate is at least 1"),
        (("--switch", "strict_limits=perhaps"), "strict_limits"),
        (("--anlas", "-1"), "anlas"),
        (("--tier", "trials"), "trial"),
    ],
)
def test_the_command_refuses_an_unknown_plan(arguments: tuple[str, str], about: str) -> None:
    done = nai("emulate", *arguments)
    assert done.returncode == 2
    assert about in done.stderr
