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
    from .exchange.asking import Asking
    from .exchange.call import Call
    from .exchange.flow import Compute, Emit, Flow, Receive, Runnable, Send, Sleep, compute, using
    from .exchange.operation import Operation
    from .exchange.reply import Reply
    from .exchange.retry import CAREFUL, NEVER, REPEATABLE, RetryPolicy
    from .exchange.session import Budget, Session
    from .http import Head, Headers, Host, Request
    from .limits import Limits, Timeouts
    from .secret import AccessKey, AccessToken, EncryptionKey, Password, PersistentToken
    from .text.models import Model
    from .tier import Tier
    from .wire import Wire
else:
    from .lazy import finder

    _HOMES = {
        "": "account codecs emulator errors exchange image library objects openai story testing text tokenizers voice",
        "errors": (
            "AuthenticationError ConcurrentGenerationError ConflictError CryptoError Damaged DecryptionFailed FileError "
            "InvalidFile InvalidRequestError InvalidTypeError KeyConflict LimitExceeded LocalProtocolError MissingExtra "
            "NaiError NotFoundError PaymentRequiredError PermissionDeniedError RateLimitError RejectedRequestError "
            "RemoteProtocolError RequestTimeoutError StatusError StreamError TimedOut "
            "TransportError Truncated"
        ),
        "exchange.asking": "Asking",
        "exchange.call": "Call",
        "exchange.flow": "Compute Emit Flow Receive Runnable Send Sleep compute using",
        "exchange.operation": "Operation",
        "exchange.reply": "Reply",
        "exchange.retry": "CAREFUL NEVER REPEATABLE RetryPolicy",
        "exchange.session": "Budget Session",
        "http": "Head Headers Host Request",
        "limits": "Limits Timeouts",
        "secret": "AccessKey AccessToken EncryptionKey Password PersistentToken",
        "text.models": "Model",
        "tier": "Tier",
        "wire": "Wire",
    }

    __getattr__ = finder(__name__, _HOMES)

    def __dir__():
        return sorted({*globals(), *__all__})


__all__ = [
    "CAREFUL",
    "NEVER",
    "REPEATABLE",
    "AccessKey",
    "AccessToken",
    "Asking",
    "AuthenticationError",
    "Budget",
    "Call",
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
    "RateLimitError",
    "Receive",
    "RejectedRequestError",
    "RemoteProtocolError",
    "Reply",
    "Request",
    "RequestTimeoutError",
    "RetryPolicy",
    "Runnable",
    "Send",
    "ServerError",
    "Session",
    "Sleep",
    "StatusError",
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
    "image",
    "library",
    "objects",
    "openai",
    "story",
    "testing",
    "text",
    "tokenizers",
    "using",
    "voice",
]
