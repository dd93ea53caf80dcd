"""The emulator: finds out what a request means and who asks, and lets the endpoint's handler answer.

The order of checks is that of docs/protocol/native.md#171-general-behaviour: the token, then how often it was asked and
the generation lock, then the body, then the plan, then what is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from typing import Final

from ..codecs.keys import email_hash
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
from .endpoints import contests, tag_suggestions, voice
from .endpoints.account_service import AccountService
from .endpoints.object_service import ObjectService
from .errors import Refused
from .http.host_profiles import get_host_profile
from .http.request_context import RequestContext
from .http.responses import ALLOW_ANY_ORIGIN, send_error, send_response
from .http.throttling import GenerationLock, RateLimit
from .images.generation import ImageService
from .images.tools import ToolService
from .openai.service import OpenAIService
from .openai.switches import OpenAISwitches
from .switches import Switches
from .text.model_registry import ModelRegistry, TokenizerLookup
from .text.text_service import TextService

__all__ = ["Emulator"]


class Emulator:
    """An `App` that answers as the service does, for all hosts at one address, or for each at its own.

    Args:
        now: UNIX time in seconds.
        entropy: gives so many random bytes, for tokens.
        seed: of the text that is generated, and of pictures that nobody gave a seed.
        pace: seconds per generated token, and per step of a picture.
        tokenizers: gives a tokenizer by its name or by a model's id, as `nai_transports.tokenizer_files.load` does, or
            None. Without it, whatever holds token ids is answered with 501.
        switches: how strict it is, and how much of it an account gets.
        openai: how the OpenAI-compatible endpoints behave.
        strict: does the api host refuse whatever is about accounts, as the service's does today? It matters only where `at`
            gives each host an address.
        limits: bounds for requests.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float],
        entropy: Callable[[int], bytes],
        seed: str = "once upon a time",
        pace: float = 0.0,
        tokenizers: TokenizerLookup = lambda _: None,
        switches: Switches = Switches(),
        openai: OpenAISwitches = OpenAISwitches(),
        strict: bool = True,
        limits: Limits = Limits(),
    ) -> None:
        self._limits = limits
        self._strict = strict
        self._old = switches.old_routes
        self._journal = Journal()
        self._accounts = AccountRegistry(now, entropy, self._journal)
        self._rate = RateLimit(now, switches)
        tellers, lock = ModelRegistry(tokenizers), GenerationLock(now, switches)
        self._openai = OpenAIService(seed, pace, tellers, lock, now, openai)
        self.mailbox = Mailbox(self._journal)
        "The mails that accounts got; gift keys and identities that they may use."
        # By the names of the endpoint table; what is missing here is answered with 501.
        self._handlers: Mapping[str, Callable[[RequestContext], Handler]] = {
            "health": self._health,
            **AccountService(self._accounts, self.mailbox, now, strict=switches.strict_bodies).handlers(),
            **contests.handlers(),
            **ObjectService(now, entropy).handlers(),
            **TextService(seed, pace, tellers, lock, switches).handlers(),
            **voice.handlers(),
            **tag_suggestions.handlers(),
            **ImageService(seed, pace, lock, switches).handlers(),
            **ToolService(lock, switches).handlers(),
            "completions": self._completions,
            "chat_completions": self._chat_completions,
            "models": self._models,
            "token_count": self._token_count,
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
        """Opens an account.

        Args:
            email: of the account, in the spelling that its keys are derived from.
            password: of the account.
            token: its persistent token; drawn if None.
            stories: does it come with a few, or has it never stored anything?
            tier: what it pays for.
            trial: has it a trial, which counts where nothing is paid for?
            anlas: what is left of its subscription's; None is all that its tier gets.
        """
        return self._accounts.add(email, password, token, stories=stories, tier=tier, trial=trial, anlas=anlas)

    def restore(self, rows: Iterable[tuple[RowKey, bytes]] = ()) -> None:
        """Takes up what an emulator has stored, and has everything stored from now on.

        To be called before there are accounts. From then on each change comes as a `StoreState` of a tuple of
        `RowChange`, before it is acknowledged; what is changed by no request comes with the next one, or from
        `changes`. Objects and keystores are followed where they are changed by methods of `Storage`.

        Args:
            rows: key and document of each row that was not dropped since, in the order in which the keys first came.

        Raises:
            Damaged: these are not the rows of an emulator.
        """
        restore(rows, self._accounts, self.mailbox)
        self._journal.kept = True

    def changes(self) -> tuple[RowChange, ...]:
        """What has changed without a request, as `add_account` does it, and has not been stored yet."""
        return self._journal.take()

    def account(self, email: str) -> Account | None:
        """The account with this e-mail."""
        return self._accounts.find(email_hash(email))

    def __call__(self, request: Request) -> Handler:
        """The handler for one request. Its `host` says at whose address it came; None: at the one for all of them."""
        handler = self._handled(request)
        return self._stored(handler) if self._journal.kept else handler

    def _stored(self, handler: Handler) -> Handler:
        """The same, but what a step of it has changed is stored before anything comes of that step."""
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

    def _handled(self, request: Request) -> Handler:
        try:
            yield from self._answer(request)
        except Refused as refused:
            yield from (self._openai.send_error if request.path.startswith(_OPENAI) else send_error)(refused)

    def _answer(self, request: Request) -> Handler:
        body = bytearray()
        while data := (yield Read()):
            body += data
            if len(body) > self._limits.body:
                raise Refused(413, "request entity too large")
        if request.method == "OPTIONS":
            yield Start(Head(204, _PREFLIGHT))
            return
        # A HEAD is a GET whose body is not sent; the wire sees to that.
        method = "GET" if request.method == "HEAD" else request.method
        where = get_host_profile(request.host, strict=self._strict, old=self._old)
        found = where.find(method, request, bytes(body))
        if found is None:
            hint = _OPENAI_PATHS if request.path.startswith(_OPENAI) else ""
            raise Refused(404, f"Cannot {method} {request.path[:100]}{hint}")
        row, parameters = found
        account = None
        if row.auth:
            account = self._accounts.authorized(request, persistent=not row.login_only)
        self._rate.count(account)
        persistent = account is not None and self._accounts.is_persistent(request)
        handler = self._handlers.get(row.name)
        if handler is None:
            raise Refused(501, f"this emulator does not have {row.method} {row.path} yet")
        yield from handler(RequestContext(row, parameters, account, persistent, where, request.headers))

    # ---- endpoints

    def _health(self, context: RequestContext) -> Handler:
        yield from send_response(context.endpoint.status, "text/plain; charset=utf-8", b"OK")

    def _completions(self, context: RequestContext) -> Handler:
        yield from self._openai.completions(context.endpoint, context.owner, context.parameters.body)

    def _chat_completions(self, context: RequestContext) -> Handler:
        yield from self._openai.chat_completions(context.endpoint, context.owner, context.parameters.body)

    def _models(self, context: RequestContext) -> Handler:
        yield from self._openai.models(context.endpoint, context.owner)

    def _token_count(self, context: RequestContext) -> Handler:
        yield from self._openai.token_count(context.endpoint, context.parameters.body)


_OPENAI: Final = "/oa/"
_OPENAI_PATHS: Final = (
    "; there are /oa/v1/completions, /oa/v1/chat/completions, /oa/v1/models and /oa/v1/internal/token-count"
)
"""Programs that forget the /v1, or look for one model, had better be told.

See docs/protocol/openai.md#11-what-openais-python-client-sends-emulator-requirements.
"""

_PREFLIGHT: Final = Headers(
    [
        ALLOW_ANY_ORIGIN,
        ("Access-Control-Allow-Headers", "*, Authorization"),
        ("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE"),
    ]
)
