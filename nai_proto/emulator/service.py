"""The emulator: finds out what a request means and who asks, and lets the endpoint's handler answer.

The order of checks is that of native §17.1: the token, then the generation lock, then the body.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from ..exchange.endpoints import match
from ..exchange.reply import Handler, Read, Start
from ..http import Head, Headers, Request
from ..limits import Limits
from ..secret import Password, PersistentToken
from ..tier import Tier
from . import events
from .account_service import AccountService
from .accounts import Account, Accounts
from .answers import OPEN, Refused, answer, refuse
from .asked import Asked
from .lock import Lock
from .object_service import ObjectService
from .openai.service import OpenAIService
from .openai.switches import OpenAISwitches
from .outside import Outside
from .tellers import Tellers, Tokenizers
from .text import TextService

__all__ = ["Emulator"]


class Emulator:
    """An `App` that answers as the service does, for all hosts at one address.

    Args:
        now: UNIX time in seconds.
        entropy: gives so many random bytes, for tokens.
        seed: of the text that is generated.
        pace: seconds per generated token.
        tokenizers: gives a tokenizer by its name or by a model's id, as `nai_transports.tokenizer_files.load` does, or
            None. Without it, whatever holds token ids is answered with 501.
        openai: how the OpenAI-compatible endpoints behave, and the lock.
        limits: bounds for requests.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float],
        entropy: Callable[[int], bytes],
        seed: str = "once upon a time",
        pace: float = 0.0,
        tokenizers: Tokenizers = lambda _: None,
        openai: OpenAISwitches = OpenAISwitches(),
        limits: Limits = Limits(),
    ) -> None:
        self._limits = limits
        self._accounts = Accounts(now, entropy)
        tellers, lock = Tellers(tokenizers), Lock(now, openai)
        self._text = TextService(seed, pace, tellers, lock)
        self._openai = OpenAIService(seed, pace, tellers, lock, now, openai)
        self.outside = Outside()
        "The mails that accounts got; gift keys and identities that they may use."
        # By the names of the endpoint table; what is missing here is answered with 501.
        self._handlers: Mapping[str, Callable[[Asked], Handler]] = {
            "health": self._health,
            **AccountService(self._accounts, self.outside, now).handlers(),
            **events.handlers(),
            **ObjectService(now, entropy).handlers(),
            "generate_prompt": self._generate_prompt,
            "generate": self._generate,
            "api_generate": self._generate,
            "generate_stream": self._generate_stream,
            "api_generate_stream": self._generate_stream,
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
    ) -> Account:
        """Opens an account.

        Args:
            email: of the account, in the spelling that its keys are derived from.
            password: of the account.
            token: its persistent token; drawn if None.
            stories: does it come with a few, or has it never stored anything?
            tier: what it pays for.
        """
        return self._accounts.add(email, password, token, stories=stories, tier=tier)

    def __call__(self, request: Request) -> Handler:
        """The handler for one request."""
        try:
            yield from self._answer(request)
        except Refused as refused:
            yield from (self._openai.refuse if request.path.startswith(_OPENAI) else refuse)(refused)

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
        found = match(method, None, request.target, bytes(body))
        if found is None:
            hint = _OPENAI_PATHS if request.path.startswith(_OPENAI) else ""
            raise Refused(404, f"Cannot {request.method} {request.path[:100]}{hint}")
        row, parameters = found
        account = None
        if row.auth:
            account = self._accounts.authorized(request, persistent=not row.login_only)
        persistent = account is not None and self._accounts.is_persistent(request)
        handler = self._handlers.get(row.name)
        if handler is None:
            raise Refused(501, f"this emulator does not have {row.method} {row.path} yet")
        yield from handler(Asked(row, parameters, account, persistent))

    # ---- endpoints

    def _health(self, asked: Asked) -> Handler:
        yield from answer(asked.row.status, "text/plain; charset=utf-8", b"OK")

    def _generate(self, asked: Asked) -> Handler:
        yield from self._text.generate(asked.row, asked.owner, asked.parameters.body)

    def _generate_prompt(self, asked: Asked) -> Handler:
        yield from self._text.generate_prompt(asked.row, asked.owner, asked.parameters.body)

    def _generate_stream(self, asked: Asked) -> Handler:
        yield from self._text.generate_stream(asked.row, asked.owner, asked.parameters.body)

    def _completions(self, asked: Asked) -> Handler:
        yield from self._openai.completions(asked.row, asked.owner, asked.parameters.body)

    def _chat_completions(self, asked: Asked) -> Handler:
        yield from self._openai.chat_completions(asked.row, asked.owner, asked.parameters.body)

    def _models(self, asked: Asked) -> Handler:
        yield from self._openai.models(asked.row, asked.owner)

    def _token_count(self, asked: Asked) -> Handler:
        yield from self._openai.token_count(asked.row, asked.parameters.body)


_OPENAI: Final = "/oa/"
_OPENAI_PATHS: Final = (
    "; there are /oa/v1/completions, /oa/v1/chat/completions, /oa/v1/models and /oa/v1/internal/token-count"
)
"""Programs that forget the /v1, or look for one model, had better be told (openai §11)."""

_PREFLIGHT: Final = Headers(
    [
        OPEN,
        ("Access-Control-Allow-Headers", "*, Authorization"),
        ("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE"),
    ]
)
