"""NovelAI's protocols, without I/O: embed them in any event loop, build other clients on them.

The names below are found when they are first used, so that importing this package loads nothing else. Everything that
does I/O is in `nai_transports`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import (
        account,
        codecs,
        emulator,
        errors,
        exchange,
        image,
        library,
        objects,
        openai,
        story,
        testing,
        text,
        tokenizers,
        voice,
    )
    from .errors import (
        AuthenticationError,
        ClosedError,
        ConcurrentGenerationError,
        ConflictError,
        CryptoError,
        Damaged,
        DecryptionFailed,
        FileError,
        InvalidFile,
        InvalidRequestError,
        InvalidTypeError,
        KeyConflict,
        LimitExceeded,
        LocalProtocolError,
        MissingExtra,
        NaiError,
        NotFoundError,
        PaymentRequiredError,
        PermissionDeniedError,
        RateLimitError,
        RejectedRequestError,
        RemoteProtocolError,
        RequestTimeoutError,
        ServerError,
        StatusError,
        StreamError,
        TimedOut,
        TransportError,
        Truncated,
    )
    from .exchange.actions import (
        Compute,
        Emit,
        GetContext,
        Receive,
        Runnable,
        Send,
        Sleep,
        Steps,
        compute,
        get_context,
    )
    from .exchange.budget import Budget
    from .exchange.call import Call
    from .exchange.client import ClientExchange
    from .exchange.context import FlowContext
    from .exchange.flow import Flow, flow, map_actions, map_batches
    from .exchange.operation import Operation
    from .exchange.pool import PoolLimits
    from .exchange.reply import Reply
    from .exchange.retry import NO_RETRY, Repeat, RetryPolicy
    from .exchange.run import Run
    from .exchange.session import Session
    from .http import Head, Headers, Host, Request
    from .limits import Limits, Timeouts
    from .secret import AccessKey, AccessToken, EncryptionKey, Password, PersistentToken
    from .text.models import Model
    from .tier import Tier
    from .wire import NEED_DATA, PAUSED, Wire
else:
    from .lazy import finder

    _HOMES = {
        "": "account codecs emulator errors exchange image library objects openai story testing text tokenizers voice",
        "errors": (
            "AuthenticationError ClosedError ConcurrentGenerationError ConflictError CryptoError Damaged "
            "DecryptionFailed FileError InvalidFile InvalidRequestError InvalidTypeError KeyConflict "
            "LimitExceeded LocalProtocolError MissingExtra NaiError NotFoundError PaymentRequiredError "
            "PermissionDeniedError RateLimitError RejectedRequestError RemoteProtocolError RequestTimeoutError "
            "ServerError StatusError StreamError TimedOut TransportError Truncated"
        ),
        "exchange.actions": "Compute Emit GetContext Receive Runnable Send Sleep Steps compute get_context",
        "exchange.budget": "Budget",
        "exchange.call": "Call",
        "exchange.client": "ClientExchange",
        "exchange.context": "FlowContext",
        "exchange.flow": "Flow flow map_actions map_batches",
        "exchange.operation": "Operation",
        "exchange.reply": "Reply",
        "exchange.pool": "PoolLimits",
        "exchange.retry": "NO_RETRY Repeat RetryPolicy",
        "exchange.run": "Run",
        "exchange.session": "Session",
        "http": "Head Headers Host Request",
        "limits": "Limits Timeouts",
        "secret": "AccessKey AccessToken EncryptionKey Password PersistentToken",
        "text.models": "Model",
        "tier": "Tier",
        "wire": "NEED_DATA PAUSED Wire",
    }

    __getattr__ = finder(__name__, _HOMES)

    def __dir__():
        return sorted({*globals(), *__all__})


__all__ = [
    "NEED_DATA",
    "NO_RETRY",
    "PAUSED",
    "AccessKey",
    "AccessToken",
    "AuthenticationError",
    "Budget",
    "Call",
    "ClientExchange",
    "ClosedError",
    "Compute",
    "ConcurrentGenerationError",
    "ConflictError",
    "CryptoError",
    "Damaged",
    "DecryptionFailed",
    "Emit",
    "EncryptionKey",
    "FileError",
    "Flow",
    "FlowContext",
    "GetContext",
    "Head",
    "Headers",
    "Host",
    "InvalidFile",
    "InvalidRequestError",
    "InvalidTypeError",
    "KeyConflict",
    "LimitExceeded",
    "Limits",
    "LocalProtocolError",
    "MissingExtra",
    "Model",
    "NaiError",
    "NotFoundError",
    "Operation",
    "Password",
    "PaymentRequiredError",
    "PermissionDeniedError",
    "PersistentToken",
    "PoolLimits",
    "RateLimitError",
    "Receive",
    "RejectedRequestError",
    "RemoteProtocolError",
    "Repeat",
    "Reply",
    "Request",
    "RequestTimeoutError",
    "RetryPolicy",
    "Run",
    "Runnable",
    "Send",
    "ServerError",
    "Session",
    "Sleep",
    "StatusError",
    "Steps",
    "StreamError",
    "Tier",
    "TimedOut",
    "Timeouts",
    "TransportError",
    "Truncated",
    "Wire",
    "account",
    "codecs",
    "compute",
    "emulator",
    "errors",
    "exchange",
    "flow",
    "get_context",
    "image",
    "library",
    "map_actions",
    "map_batches",
    "objects",
    "openai",
    "story",
    "testing",
    "text",
    "tokenizers",
    "voice",
]
