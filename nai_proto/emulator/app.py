"""The emulator as an app: matches each request to an endpoint and an account, and runs the endpoint's handler.

Checks come in the order of docs/protocol/native.md#171-general-behaviour: the token, the rate limit and the generation
lock, the body, the account's plan, and last what is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Final

from ..codecs.key_derivation import email_hash
from ..exchange.reply import Handler, Read, Start, StoreState
from ..http import Head, Headers, Request
from ..limits import Limits
from ..secret import Password, PersistentToken
from ..tier import Tier
from .accounts.account import Account
from .accounts.account_registry import AccountRegistry
from .accounts.journal import Journal, RowChange, RowKey
from .accounts.mailbox import Mailbox
from .accounts.persistence import restore
from .clock import START, Clock
from .endpoints import classification, contests, tag_suggestions, voice
from .endpoints.account_service import AccountService
from .endpoints.module_service import ModuleService
from .endpoints.object_service import ObjectService
from .errors import Refused
from .faults import Fault, FaultList
from .http.host_profiles import get_host_profile
from .http.request_context import RequestContext
from .http.responses import ALLOW_ANY_ORIGIN, HandlerSteps, send_error, send_reply, send_response
from .http.route_reasons import explain_missing_route
from .http.throttling import GenerationLock, RateLimit
from .images.image_service import ImageService
from .images.tools import ToolService
from .openai.openai_service import OpenAIService
from .openai.switches import OpenAISwitches
from .replies import ReplyList, ScriptedReply
from .replies.request_facts import RequestFacts, describe_request
from .request_log import RequestLog
from .seeded_random import seeded_entropy
from .switches import Switches
from .text.model_registry import ModelRegistry, TokenizerLookup, decode_prompt
from .text.text_service import TextService

__all__ = ["Emulator"]


class Emulator:
    """An `App` that answers as the service does, for all hosts at one address or for each host at its own.

    Args:
        now: returns UNIX time in seconds, such as `time.time`. None is a clock that begins at 2026-01-01, and that only
            `clock` advances.
        entropy: returns this many random bytes, for tokens and ids. None draws them from the seed, for tests: a server
            that others can reach needs unpredictable ones.
        seed: of generated text, and of images whose request has no seed.
        pace: seconds per generated token, and per step of an image.
        tokenizers: returns a tokenizer by its name or by a model's id, as `nai_transports.tokenizer_files.load` does, or
            None. Without one, requests that hold token ids are answered with 501.
        local_tokenizers: the same, without downloads, as `nai_transports.tokenizer_files.load` with ``download=False``: for
            requests without token ids, which can do without a tokenizer. None is ``tokenizers``.
        switches: how strict it is, and what limits it has.
        openai: how the OpenAI-compatible endpoints behave.
        strict: does the api host refuse account requests, as the service's does today? This matters only where
            `restrict_to_host` gives each host an address of its own.
        limits: bounds on the size of requests.
        replies: what it answers to the next requests that match, as for `ReplyList.add`.
        faults: how it fails on purpose, as for `FaultList.add`.

    Raises:
        InvalidRequestError: a reply or a fault is not one.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float] | None = None,
        entropy: Callable[[int], bytes] | None = None,
        seed: str = "once upon a time",
        pace: float = 0.0,
        tokenizers: TokenizerLookup = lambda _: None,
        local_tokenizers: TokenizerLookup | None = None,
        switches: Switches = Switches(),
        openai: OpenAISwitches = OpenAISwitches(),
        strict: bool = True,
        limits: Limits = Limits(),
        replies: Iterable[ScriptedReply | Mapping[str, object]] = (),
        faults: Iterable[Fault | str | Mapping[str, object]] = (),
    ) -> None:
        self.clock: Final = now if isinstance(now, Clock) else Clock(source=now) if now else Clock(START)
        "The time of the emulator. `Clock.advance` moves it, for trials that end and jobs that take hours."
        now, entropy = self.clock, entropy or seeded_entropy(seed)
        self._now = now
        self._limits = limits
        self._strict = strict
        self._old = switches.old_routes
        self._journal = Journal()
        self._accounts = AccountRegistry(now, entropy, self._journal)
        self._rate = RateLimit(now, switches)
        self.replies: Final = ReplyList(*replies)
        "What it answers to the next requests that match."
        self.faults: Final = FaultList(*faults, seed=seed)
        "How it fails on purpose."
        self.requests: Final = RequestLog(now, seeded_entropy(entropy(32))(32), self._find_email)
        "The latest requests that it got, without secrets."
        self._models = models = ModelRegistry(tokenizers, local_tokenizers or tokenizers)
        lock = GenerationLock(now, switches)
        self._openai = OpenAIService(seed, pace, models, lock, now, openai)
        self.mailbox = Mailbox(self._journal)
        "The mails that accounts were sent, and the gift keys and identities that clients may use."
        # By the names of the endpoint table: all of them are here.
        self._handlers: Mapping[str, Callable[[RequestContext], Handler]] = {
            "health": self._health,
            **AccountService(self._accounts, self.mailbox, now, strict=switches.strict_bodies).handlers(),
            **contests.handlers(),
            **ObjectService(now, entropy).handlers(),
            **TextService(seed, pace, models, lock, switches, self._accounts.find_module).handlers(),
            **ModuleService(entropy, switches).handlers(),
            **classification.handlers(),
            **voice.handlers(),
            **tag_suggestions.handlers(),
            **ImageService(seed, pace, lock, switches).handlers(),
            **ToolService(lock, switches).handlers(),
            **self._openai.handlers(),
        }

    def add_account(
        self,
        email: str,
        password: Password,
        token: PersistentToken | None = None,
        *,
        stories: bool = True,
        tier: Tier = Tier.OPUS,
        trial: bool = False,
        anlas: int | None = None,
    ) -> Account:
        """Add an account, and return it.

        Args:
            email: of the account, in the spelling that its keys are derived from.
            password: of the account.
            token: its persistent token; a random one if None.
            stories: does it begin with sample stories, or with nothing stored?
            tier: of its subscription.
            trial: has it an active trial? This matters only for `Tier.PAPER`.
            anlas: what is left of its subscription's Anlas; None is the whole of its tier's.
        """
        return self._accounts.add(email, password, token, stories=stories, tier=tier, trial=trial, anlas=anlas)

    def restore(self, rows: Iterable[tuple[RowKey, bytes]] = ()) -> None:
        """Load what an emulator has stored, and emit every change from now on, so that it can be stored.

        Call it before there are accounts. From then on a handler emits its changes in a `StoreState`, a tuple of
        `RowChange`, before it acknowledges them. Changes that no request has made come with the next request, or from
        `changes`. Changes of objects and keystores are noticed only if methods of `Storage` make them.

        Args:
            rows: key and document of each row that still exists, in the order in which the keys were first stored.

        Raises:
            Damaged: these are not the rows of an emulator.
        """
        restore(rows, self._accounts, self.mailbox)
        self._journal.enabled = True

    def changes(self) -> tuple[RowChange, ...]:
        """Return, once, the changes that no request has made, such as those of `add_account`."""
        return self._journal.take()

    @property
    def accounts(self) -> Sequence[Account]:
        """All accounts, in the order in which they were added."""
        return self._accounts.list_all()

    def account(self, email: str) -> Account | None:
        """Return the account with this e-mail; None if there is none."""
        return self._accounts.find(email_hash(email))

    def __call__(self, request: Request) -> Handler:
        """Return the handler of a request. The request's `host` is the host that it was sent to; None stands for all."""
        return self.requests.watch(request, self.faults.apply(request, self._respond))

    def _respond(self, request: Request) -> Handler:
        handler = self._handle(request)
        return self._emit_changes(handler) if self._journal.enabled else handler

    def _find_email(self, request: Request) -> str | None:
        account = self._accounts.find_by_token(request)
        return None if account is None else account.email

    def _emit_changes(self, handler: Handler) -> Handler:
        """Run the handler, and emit the changes of each of its steps before the action that the step yields."""
        incoming: bytes | None = None
        with closing(handler):
            while True:
                try:
                    action = handler.send(incoming)
                except StopIteration:
                    action = None
                if changes := self._journal.take():
                    yield StoreState(changes)
                if action is None:
                    return
                incoming = yield action

    def _handle(self, request: Request) -> Handler:
        try:
            yield from self._route(request)
        except Refused as refused:
            yield from (self._openai.send_error if request.path.startswith(_OPENAI) else send_error)(refused)

    def _route(self, request: Request) -> Handler:
        body = bytearray()
        while data := (yield Read()):
            body += data
            if len(body) > self._limits.body:
                raise Refused(
                    413,
                    "request entity too large",
                    reason=f"the body has more than {self._limits.body} bytes; Emulator(limits=...) takes larger ones",
                )
        if request.method == "OPTIONS":
            yield Start(Head(204, _PREFLIGHT))
            return
        facts = (yield from self._describe(request, bytes(body))) if self.replies else None
        if facts is not None and (reply := self.replies.use(facts, "response")):
            yield from send_reply(reply)
            return
        # HEAD is handled as GET; the wire does not send the body.
        method = "GET" if request.method == "HEAD" else request.method
        profile = get_host_profile(request.host, strict=self._strict, old=self._old)
        matched = profile.find(method, request, bytes(body))
        if matched is None:
            hint = _OPENAI_PATHS if request.path.startswith(_OPENAI) else ""
            reason = explain_missing_route(method, request.target)
            raise Refused(404, f"Cannot {method} {request.path[:100]}{hint}", reason=reason)
        endpoint, parameters = matched
        account = None
        if endpoint.auth:
            account = self._accounts.authenticate(request, persistent=not endpoint.login_only)
        self._rate.count(account)
        persistent = account is not None and self._accounts.is_persistent(request)
        yield from self._handlers[endpoint.name](
            RequestContext(
                endpoint,
                parameters,
                account,
                self._now(),
                persistent,
                profile,
                request.headers,
                None if facts is None else partial(self.replies.use, facts),
            )
        )

    def _describe(self, request: Request, body: bytes) -> HandlerSteps[RequestFacts]:
        """Return what conditions of scripted replies ask about."""
        encoded = False

        def note_ids(_: str | list[int]) -> str:
            nonlocal encoded
            encoded = True
            return ""

        facts = describe_request(request, body, note_ids)
        if facts.model is None or not encoded:
            return facts
        tokenizer = yield from self._models.tokenizer(facts.model)  # token ids are text only with their tokenizer
        if tokenizer is None:
            return facts
        return describe_request(request, body, partial(decode_prompt, tokenizer, facts.model))

    # ---- endpoints

    def _health(self, context: RequestContext) -> Handler:
        yield from send_response(context.endpoint.status, "text/plain; charset=utf-8", b"OK")


_OPENAI: Final = "/oa/"
_OPENAI_PATHS: Final = (
    "; there are /oa/v1/completions, /oa/v1/chat/completions, /oa/v1/models and /oa/v1/internal/token-count"
)
"""A hint for programs that forget the /v1, or ask for a single model.

See docs/protocol/openai.md#11-what-openais-python-client-sends-emulator-requirements.
"""

_PREFLIGHT: Final = Headers(
    [
        ALLOW_ANY_ORIGIN,
        ("Access-Control-Allow-Headers", "*, Authorization"),
        ("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE"),
    ]
)
