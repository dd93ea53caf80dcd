"""Each refusal of the emulator says in a header field what its reader can change, and shows no secret.

A row is a request and words of the reason it gets. The rows reach every refusal in the code of text, chats, accounts and the
other endpoints; pictures have their own tests.

See:
    docs/protocol/native.md#41-error-body
    docs/protocol/native.md#171-general-behaviour
"""

from __future__ import annotations

import ast
import base64
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from nai_proto import emulator as emulator_package
from nai_proto.account import access_key
from nai_proto.emulator import Emulator, OpenAISwitches, Switches, restrict_to_host
from nai_proto.emulator.errors import Refused
from nai_proto.http import Host
from nai_proto.limits import Limits
from nai_proto.secret import Password
from nai_proto.tier import Tier
from tests.cases import for_each

from .support import EMAIL, PASSWORD, ByteTokenizer
from .test_emulator import send_request

GENERATE: Final = "/ai/generate"
CHAT: Final = "/oa/v1/chat/completions"
COMPLETE: Final = "/oa/v1/completions"
OTHER_EMAIL: Final = "other@example.com"
KEY: Final = access_key(EMAIL, Password(PASSWORD)).reveal()
NEW_KEY: Final = access_key(EMAIL, Password("another")).reveal()
BASE64: Final = base64.b64encode(b"bytes").decode()
STRICT: Final = {"switches": Switches(strict_bodies=True)}


class Service:
    """An emulator with one account, the access token of a login, and what a row needs done before its request."""

    def __init__(self, **options: Any) -> None:
        account = {name: options.pop(name) for name in ("tier", "trial", "anlas") if name in options}
        self.emulator = Emulator(**options)
        self.owner = self.emulator.add_account(EMAIL, Password(PASSWORD), stories=False, **account)
        head, document = send_request(self.emulator, "POST", "/user/login", {"key": KEY})
        self.token = json.loads(document)["accessToken"] if head.status == 201 else ""

    def send(self, method: str, target: str, body: object = None) -> None:
        send_request(self.emulator, method, target, body, authorization=f"Bearer {self.token}")

    def put(self, name: str, value: object) -> None:
        """Set a field of the account's profile."""
        setattr(self.owner.profile, name, value)


@dataclass(frozen=True)
class Row:
    """A request that is refused."""

    status: int
    says: str
    "Words of the reason."
    method: str
    target: str | Callable[[Service], str]
    body: object = None
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    before: Callable[[Service], object] = lambda _: None
    authorization: Callable[[Service], str | None] = lambda service: f"Bearer {service.token}"
    host: Host | None = None

    def __str__(self) -> str:
        return f"{self.status} {self.says[:40]}"

    def run(self) -> tuple[int, str, str, Service]:
        """Return status, message and reason of the answer, and the service."""
        service = Service(**self.options)
        self.before(service)
        app = service.emulator if self.host is None else restrict_to_host(self.host, service.emulator)
        authorization = self.authorization(service)
        fields: dict[str, Any] = {} if authorization is None else {"authorization": authorization}
        target = self.target if isinstance(self.target, str) else self.target(service)
        head, answer = send_request(app, self.method, target, self.body, **fields)
        document = json.loads(answer)
        message = document.get("message") or document.get("error")
        return head.status, message, head.headers.get("x-emulator-reason") or "", service


def text(status: int, says: str, /, model: str = "kayra-v1", path: str = GENERATE, **given: Any) -> Row:
    """A row for a native generation with such parameters; other parts of a row may be given by name."""
    parts = {name: given.pop(name) for name in ("options", "before", "host") if name in given}
    sent = {"input": given.pop("input", "Once"), "model": model, "parameters": given}
    return Row(status, says, "POST", path, sent, **parts)


def chat(status: int, says: str, /, path: str = COMPLETE, **given: Any) -> Row:
    """The same for completions."""
    parts = {name: given.pop(name) for name in ("options", "before") if name in given}
    prompt: dict[str, Any] = {"prompt": "Once"} if path == COMPLETE else {}
    return Row(status, says, "POST", path, {"model": "glm-4-6", **prompt, **given}, **parts)


def token(says: str, authorization: str | Callable[[Service], str] | None, **parts: Any) -> Row:
    """A row for what is no valid token."""
    send = authorization if callable(authorization) else lambda _: authorization
    return Row(401, says, "GET", "/user/information", authorization=send, **parts)


def ask(service: Service) -> None:
    service.send("GET", "/user/information")


def vote(service: Service) -> None:
    service.send("POST", "/user/vote-submission/e", {"id": "a"})


def use_up_trial(service: Service) -> None:
    service.put("trial_actions", 0)


def generating(service: Service) -> None:
    service.owner.generating = True


def add_other(service: Service) -> None:
    service.emulator.add_account(OTHER_EMAIL, Password("b"), stories=False)


def store_object(service: Service) -> None:
    service.send("PUT", "/user/objects/presets", {"meta": "", "data": BASE64})


def store_keystore(service: Service) -> None:
    service.send("PUT", "/user/keystore", {"keystore": BASE64})


def train(service: Service) -> None:
    service.send("POST", "/ai/module/train", TRAINING)


def revoke(service: Service) -> None:
    old = service.token
    service.send("POST", "/user/change-access-key", {"currentAccessKey": KEY, "newAccessKey": NEW_KEY})
    service.token = old


def foreign_token(_: Service) -> str:
    """The access token of another emulator."""
    return f"Bearer {Service(seed='another').token}"


def find_first_preset(service: Service) -> str:
    return f"/user/objects/presets/{service.owner.storage.objects['presets'][0].id}"


TRAINING: Final = {"data": BASE64, "steps": 60, "lr": 0.1, "name": "mine"}
REGISTRATION: Final = {"key": NEW_KEY, "recaptcha": "", "emailCleartext": OTHER_EMAIL, "allowMarketingEmails": False}
BIAS: Final = {"sequence": [65_536], "bias": 1, "ensure_sequence_finish": False, "generate_once": False}
LIMITED: Final = {"switches": Switches(rate=1)}
PAPER: Final = {"tier": Tier.PAPER}
TRIAL: Final = {"tier": Tier.PAPER, "trial": True}
TABLET: Final = {"tier": Tier.TABLET}
SCROLL: Final = {"tier": Tier.SCROLL}
COUNTED: Final = {"tier": Tier.TABLET, "tokenizers": lambda _: ByteTokenizer()}

ROWS: Final = (
    # Tokens.
    token("the header field Authorization is missing", None),
    token("no 'Bearer ' before the token", lambda service: str(service.token)),
    token("no 'Bearer ' before the token", "Basic YTpi"),
    token("no token behind 'Bearer'", "Bearer"),
    token("looks like an access key", f"Bearer {KEY}"),
    token("has 68 characters, and this one has 7", "Bearer pst-abc"),
    token("a newer one has replaced it", f"Bearer pst-{'a' * 64}"),
    token("of another emulator", foreign_token),
    token("a new access key, or was removed", lambda service: f"Bearer {service.token}", before=revoke),
    token(
        "expired, as they do after 30 days",
        lambda service: f"Bearer {service.token}",
        before=lambda service: service.emulator.clock.advance(2_592_000),
    ),
    token("neither pst-... nor a JWT", "Bearer sk-proj-quux"),
    Row(
        401,
        "not a persistent token",
        "GET",
        "/user/keystore",
        authorization=lambda service: f"Bearer {service.owner.persistent_token.reveal()}",
    ),
    # Routes and limits.
    Row(404, "the nearest route is POST /oa/v1/chat/completions; the text host has it", "POST", "/v1/chat/completions"),
    Row(404, "the nearest route is GET /oa/v1/models", "GET", "/oa/models"),
    Row(404, "this path takes POST, not GET; the text and api hosts have it", "GET", GENERATE),
    Row(404, "this path takes GET and PUT, not POST; the account host has it", "POST", "/user/keystore"),
    Row(
        404,
        "POST /ai/generate is a route of another host; the text and api hosts have it",
        "POST",
        GENERATE,
        host=Host.IMAGE,
    ),
    Row(404, "no route of the service is like this path", "GET", "/~"),
    Row(404, "to the image host", "POST", "/ai/generate-image", host=Host.API),
    Row(400, "to the account host (image.novelai.net)", "GET", "/user/information", host=Host.API),
    Row(
        413,
        "more than 3 bytes",
        "POST",
        GENERATE,
        b"1234",
        options={"limits": Limits(body=3)},
        authorization=lambda _: None,
    ),
    text(429, "send one at a time", before=generating),
    text(429, "the switch rate allows 1 requests in 60 s; wait 60 s", options=LIMITED, before=ask),
    Row(503, "a scripted reply", "GET", "/", options={"replies": [{"path": "/", "status": 503}]}),
    # Native text.
    Row(400, "is required", "POST", GENERATE, {"model": "kayra-v1", "parameters": {}}),
    text(400, "did you mean 'kayra-v1'?", model="kayra-v2"),
    text(400, "the id is krake-v2", model="krake-v1"),
    text(400, "the id is kayra-v1", model="Kayra"),
    text(400, "POST /oa/v1/completions", model="glm-4-6"),
    text(400, "with the switch staging", model="blue"),
    text(400, "not on this host but on the api host", model="clio-v1", host=Host.TEXT),
    text(400, "not on this host but on the text host", host=Host.API),
    text(400, "at most 40000 characters", model="clio-v1", input="x" * 40_001),
    text(400, "the switch text_ranges turns this check off", top_p=5),
    text(400, "max_length", max_length="x"),
    text(400, "have 2 bytes: 0 to 65535", logit_bias_exp=[BIAS]),
    text(400, "such as euterpe-v2", model="clio-v1", get_hidden_states=True),
    text(400, "POST /ai/generate gives several", path="/ai/generate-stream", num_return_sequences=2),
    text(400, 'send "use_string": true', use_string=False),
    text(400, "did you mean 'special_openings'?", prefix="special_opening", min_length=1, max_length=2, options=STRICT),
    text(400, "was trained here", prefix="kayra-v1:a:b", min_length=1, max_length=2, options=STRICT),
    text(501, "no source says what line_start_ids does", line_start_ids=[[1]]),
    text(501, "no source shows what the service makes of a beam search", num_beams=2),
    text(501, "num_logprobs reports probabilities", output_nonzero_probs=True),
    text(501, "give the emulator the tokenizer file of kayra-v1", stop_sequences=[[1]]),
    text(402, "neither a subscription nor an active trial", options=PAPER),
    text(402, "a trial has kayra-v1 alone", model="euterpe-v2", use_string=True, options=TRIAL),
    text(402, "are used up", options=TRIAL, before=use_up_trial),
    text(402, "is for the tier Opus, and the account's is Tablet", model="llama-3-erato-v1", options=TABLET),
    text(400, "on the tier Tablet the text host generates at most 150", max_length=151, options=TABLET),
    text(400, "into the 4096 of kayra-v1 on the tier Tablet", input="x" * 4096, options=COUNTED),
    text(
        201,
        "into the 8192 of clio-v1 on the tier Tablet",
        model="clio-v1",
        input="x" * 8192,
        use_string=True,
        options=COUNTED,
    ),
    # Chats.
    chat(400, "these endpoints have glm-4-5, glm-4-6, xialong-v1; did you mean 'glm-4-6'?", model="glm-4-7"),
    chat(400, "kayra-v1 has only the native endpoints", model="kayra-v1"),
    chat(400, "have no models", options={"openai": OpenAISwitches(models=())}),
    chat(402, "a trial has the native endpoints alone", options=TRIAL),
    chat(
        403,
        "xialong-v1 is for the tier Opus, and the account's is Scroll",
        model="xialong-v1",
        options={"tier": Tier.SCROLL},
    ),
    chat(400, "into the 12288 tokens of glm-4-6 on the tier Tablet", prompt="x" * 12_288, options=TABLET),
    chat(500, "logprobs is 0", logprobs=0),
    chat(400, "logprobs must be 0 or more", logprobs=-1),
    chat(400, "the switch ranges turns this check off", top_p=5),
    chat(400, "n must be from 1 to 128", n=0),
    chat(400, "best_of must not be below n", n=2, best_of=1),
    chat(400, "best_of must not be above n", best_of=2, stream=True),
    chat(400, "cannot be mixed", prompt=["a", 1]),
    chat(400, "must not be empty", prompt=[]),
    chat(400, "is not a token id", logit_bias={"the": 1}),
    chat(501, "give the emulator the tokenizer file of glm-4-6", logit_bias={"1": 1}),
    chat(400, "join the parts of a message", path=CHAT, messages=[{"role": "user", "content": [{"text": "Hi"}]}]),
    chat(400, "messages", path=CHAT, messages=[]),
    # Accounts.
    Row(401, "no account has this e-mail and password", "POST", "/user/login", {"key": NEW_KEY}),
    Row(400, "not the password; this one has 8", "POST", "/user/login", {"key": "password"}),
    Row(400, "key", "POST", "/user/login", {}),
    Row(500, "Emulator.mailbox.google", "POST", "/user/sso/google", {"idToken": "x"}),
    Row(400, "recaptcha is missing", "POST", "/user/register", {"key": NEW_KEY}),
    Row(400, "strict_bodies", "POST", "/user/register", {"key": NEW_KEY, "recaptcha": ""}, options=STRICT),
    Row(400, "--gift-key KEY=TIER", "POST", "/user/register", {**REGISTRATION, "giftkey": "x"}),
    Row(409, "log in instead", "POST", "/user/register", {**REGISTRATION, "key": KEY}),
    Row(400, "derived from e-mail and password", "POST", "/user/register", {**REGISTRATION, "key": "ä" * 64}),
    Row(
        401,
        "currentAccessKey is not the account's",
        "POST",
        "/user/change-access-key",
        {"currentAccessKey": NEW_KEY, "newAccessKey": NEW_KEY},
    ),
    Row(
        409,
        "the e-mail of another account",
        "POST",
        "/user/change-access-key",
        {"currentAccessKey": KEY, "newAccessKey": NEW_KEY, "newEmail": OTHER_EMAIL},
        before=add_other,
    ),
    Row(
        409,
        "has the new access key already",
        "POST",
        "/user/change-access-key",
        {"currentAccessKey": KEY, "newAccessKey": KEY},
    ),
    Row(409, '"overwrite": true', "POST", "/user/create-persistent-token", {}),
    Row(401, "compared as they are spelled", "POST", "/user/resend-email-verification", {"email": "x"}),
    Row(409, "needs no further mail", "POST", "/user/resend-email-verification", {"email": EMAIL}),
    Row(401, "Emulator.mailbox.mails", "POST", "/user/verify-email", {"verificationToken": "x" * 64}),
    Row(400, "the account that the token belongs to", "POST", "/user/deletion/request", {"email": "x"}),
    Row(409, "profile.recurring", "POST", "/user/delete", before=lambda service: service.put("recurring", True)),
    Row(
        409,
        "there is one trial",
        "POST",
        "/user/subscription/bind",
        {"paymentProcessor": "trial", "subscriptionId": ""},
        options=TRIAL,
    ),
    Row(
        400,
        "one of the following values: giftkey, trial",
        "POST",
        "/user/subscription/bind",
        {"paymentProcessor": "x", "subscriptionId": ""},
    ),
    Row(
        404,
        "subscriptionId: no unused gift key",
        "POST",
        "/user/subscription/bind",
        {"paymentProcessor": "giftkey", "subscriptionId": "x"},
    ),
    Row(
        409,
        '"confirmedReplace": true',
        "POST",
        "/user/subscription/bind",
        {"paymentProcessor": "giftkey", "subscriptionId": "x"},
        before=lambda service: service.emulator.mailbox.gift_keys.update(x=Tier.OPUS),
    ),
    Row(
        404,
        "no active subscription",
        "POST",
        "/user/subscription/change",
        {"newSubscriptionPlan": 1},
        options=PAPER,
    ),
    # What is stored.
    Row(400, "leave changeIndex out", "PUT", "/user/keystore", {"keystore": BASE64, "changeIndex": 1}),
    Row(
        409,
        "changeIndex 7.0 was sent, and 1 is stored",
        "PUT",
        "/user/keystore",
        {"keystore": BASE64, "changeIndex": 7},
        before=store_keystore,
    ),
    Row(400, "keystore", "PUT", "/user/keystore", {"keystore": "@"}),
    Row(404, "GET /user/objects/{type} lists them", "GET", "/user/objects/presets/x"),
    Row(
        409,
        "changeIndex 7.0 was sent, and 1 is stored",
        "PATCH",
        find_first_preset,
        {"meta": "", "data": BASE64, "changeIndex": 7},
        before=store_object,
    ),
    Row(400, "at most 16 characters", "PUT", "/user/objects/" + "x" * 17, {"meta": "", "data": BASE64}),
    Row(409, "takes the vote back", "POST", "/user/vote-submission/e", {"id": "a"}, before=vote),
    Row(409, "has not voted for this id", "DELETE", "/user/vote-submission/e", {"id": "a"}),
    # Modules, voices and tags.
    Row(400, "the body is empty", "POST", "/ai/module/train"),
    Row(400, "modules are trained for 6B-v4", "POST", "/ai/module/train", {**TRAINING, "model": "kayra-v1"}),
    Row(400, "data", "POST", "/ai/module/train", {**TRAINING, "data": "@"}),
    Row(402, "has no subscription", "POST", "/ai/module/train", TRAINING, options=PAPER),
    Row(409, "at least 50", "POST", "/ai/module/train", {**TRAINING, "steps": 49}),
    Row(409, "steps is 60, and the account has 7", "POST", "/ai/module/train", TRAINING, options={"anlas": 7}),
    Row(
        409,
        "1 trainings wait or run",
        "POST",
        "/ai/module/train",
        TRAINING,
        options={"switches": Switches(training_limit=1)},
        before=train,
    ),
    Row(404, "GET /ai/module/all lists them", "GET", "/ai/module/x"),
    Row(400, "version", "GET", "/ai/generate-voice?text=a&voice=1&opus=true&version=v9"),
    Row(400, "text is required", "GET", "/ai/generate-voice?text=&voice=1&opus=true&version=v1"),
    Row(400, "such as Aini", "GET", "/ai/generate-voice?text=a&voice=-1&opus=true&version=v2"),
    Row(400, "prompt is required", "GET", "/ai/generate-image/suggest-tags?model=x"),
    Row(400, "tags are suggested for image models", "GET", "/ai/generate-image/suggest-tags?model=x&prompt=cat"),
)


@for_each("row", ROWS, ids=str)
def test_a_refusal_says_what_to_change_and_quotes_no_secret(row: Row) -> None:
    status, message, reason, service = row.run()
    assert (status, row.says in reason) == (row.status, True), (status, message, reason)
    assert reason.isprintable()
    assert len(reason) < 500, "nothing was cut off"
    if status >= 500:
        assert reason != message
    secrets = (service.token, service.owner.persistent_token.reveal(), KEY, NEW_KEY, PASSWORD)
    assert not any(secret in reason or secret in message for secret in secrets if secret)


def test_the_rows_reach_every_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    reached: set[tuple[str, int]] = set()
    create = Refused.__init__

    def watch(refused: Refused, *arguments: Any, **options: Any) -> None:
        caller = sys._getframe(1)  # `inspect.stack` looks up the module of every frame, for each refusal
        reached.add((caller.f_code.co_filename, caller.f_lineno))
        create(refused, *arguments, **options)

    monkeypatch.setattr(Refused, "__init__", watch)
    for row in ROWS:
        row.run()
    with pytest.raises(Refused, match="Not enough Anlas") as refused:  # pictures and modules cost
        Service(anlas=1).owner.charge(2)
    assert "this costs 2 Anlas, and the account has 1" in refused.value.reason
    missed = [
        f"{path}:{first}"
        for path, first, last in list_refusals()
        if not any(path == where and first <= line <= last for where, line in reached)
    ]
    assert not missed


def list_refusals() -> Iterator[tuple[str, int, int]]:
    """Return file, first and last line of each place that makes a refusal."""
    root = Path(emulator_package.__file__).parent
    folders = ("text", "openai", "endpoints", "accounts", "http")
    for path in (root / "app.py", *(path for folder in folders for path in sorted((root / folder).glob("*.py")))):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Refused":
                yield str(path), node.lineno, node.end_lineno or node.lineno
