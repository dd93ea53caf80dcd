"""The emulator: finds out what a request means and who asks, and lets the endpoint's handler answer.

The order of checks is that of native §17.1: the token, then the generation lock, then the body.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from ..exchange.endpoints import match
from ..exchange.reply import Handler, Read, Start
from ..http import Head, Headers, Request
from ..limits import Limits
from ..secret import Password, PersistentToken
from . import events
from .account_service import AccountService
from .accounts import Account, Accounts
from .answers import OPEN, Refused, answer, answer_json, refuse
from .asked import Asked as _Asked
from .outside import Outside
from .storage import as_sent
from .text import TextService, Tokenizers

__all__ = ["Emulator"]


class Emulator:
    """An `App` that answers as the service does, for all hosts at one address.

    Args:
        now: UNIX time in seconds.
        entropy: gives so many random bytes, for tokens.
        seed: of the text that is generated.
        pace: seconds per generated token.
        tokenizers: gives a model's tokenizer by the model's id, or None. Without it, whatever holds token ids is answered
            with 501.
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
        limits: Limits = Limits(),
    ) -> None:
        self._limits = limits
        self._accounts = Accounts(now, entropy)
        self._text = TextService(seed, pace, tokenizers)
        self.outside = Outside()
        "The mails that accounts got; gift keys and identities that they may use."
        # By the names of the endpoint table; what is missing here is answered with 501.
        self._handlers: Mapping[str, Callable[[_Asked], Handler]] = {
            "health": self._health,
            **AccountService(self._accounts, self.outside, now).handlers(),
            **events.handlers(),
            "get_keystore": self._get_keystore,
            "list_objects": self._list_objects,
            "get_object": self._get_object,
            "generate_prompt": self._generate_prompt,
            "generate": self._generate,
            "api_generate": self._generate,
            "generate_stream": self._generate_stream,
            "api_generate_stream": self._generate_stream,
        }

    def add_account(
        self, email: str, password: Password, token: PersistentToken | None = None, *, stories: bool = True
    ) -> Account:
        """Opens an account.

        Args:
            email: of the account, in the spelling that its keys are derived from.
            password: of the account.
            token: its persistent token; drawn if None.
            stories: does it come with a few, or has it never stored anything?
        """
        return self._accounts.add(email, password, token, stories=stories)

    def __call__(self, request: Request) -> Handler:
        """The handler for one request."""
        try:
            yield from self._answer(request)
        except Refused as refused:
            yield from refuse(refused)

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
            raise Refused(404, f"Cannot {request.method} {request.path[:100]}")
        row, parameters = found
        account = None
        if row.auth:
            account = self._accounts.authorized(request, persistent=not row.login_only)
        persistent = account is not None and self._accounts.is_persistent(request)
        handler = self._handlers.get(row.name)
        if handler is None:
            raise Refused(501, f"this emulator does not have {row.method} {row.path} yet")
        yield from handler(_Asked(row, parameters, account, persistent))

    # ---- endpoints

    def _health(self, asked: _Asked) -> Handler:
        yield from answer(asked.row.status, "text/plain; charset=utf-8", b"OK")

    def _get_keystore(self, asked: _Asked) -> Handler:
        yield from answer_json(asked.row.status, asked.owner.storage.keystore_answer())

    def _list_objects(self, asked: _Asked) -> Handler:
        query = {name: int(value) for name, value in asked.parameters.query if _COUNT.fullmatch(value)}
        found = asked.owner.storage.listed(asked.parameters.path["type"], query.get("offset", 0), query.get("limit"))
        yield from answer_json(asked.row.status, found)

    def _get_object(self, asked: _Asked) -> Handler:
        found = asked.owner.storage.find(asked.parameters.path["type"], asked.parameters.path["id"])
        if found is None:
            raise Refused(404, "Object not found")
        yield from answer_json(asked.row.status, as_sent(found))

    def _generate(self, asked: _Asked) -> Handler:
        yield from self._text.generate(asked.row, asked.owner, asked.parameters.body)

    def _generate_prompt(self, asked: _Asked) -> Handler:
        yield from self._text.generate_prompt(asked.row, asked.owner, asked.parameters.body)

    def _generate_stream(self, asked: _Asked) -> Handler:
        yield from self._text.generate_stream(asked.row, asked.owner, asked.parameters.body)


_COUNT: Final = re.compile(r"[0-9]{1,9}")

_PREFLIGHT: Final = Headers(
    [
        OPEN,
        ("Access-Control-Allow-Headers", "*, Authorization"),
        ("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE"),
    ]
)
