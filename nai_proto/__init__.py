"""NovelAI's protocols, without I/O: embed them in any event loop, build other clients on them.

The names below are found when they are first used, so that importing this package loads nothing else. Everything that
does I/O is in `nai_transports`; what drivers of your own are made of is in `nai_proto.exchange`.
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
        modules,
        objects,
        openai,
        story,
        testing,
        text,
        tokenizers,
        voice,
    )
    from .errors import (
        AmbiguousNameError,
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
        UnknownChoiceError,
        UnknownNameError,
    )
    from .exchange.actions import (
        Compute,
        Emit,
        FlowContext,
        GetContext,
        Receive,
        Runnable,
        Send,
        Sleep,
        Steps,
        compute,
        get_context,
    )
    from .exchange.call import Call
    from .exchange.connection_pool import PoolLimits
    from .exchange.flow import Flow, flow
    from .exchange.operation import Operation
    from .exchange.reachability import HealthOutcome, HostHealth, health
    from .exchange.retry import NO_RETRY, Repeat, RetryPolicy
    from .exchange.session import Session
    from .http import Head, Headers, Host, Request
    from .limits import Limits, Timeouts
    from .secret import AccessKey, AccessToken, EncryptionKey, Password, PersistentToken
    from .text.models import Model
    from .tier import Tier
else:
    from .lazy import finder

    _HOMES = {
        "": (
            "account codecs emulator errors exchange image library modules objects openai story testing text tokenizers "
            "voice"
        ),
        "errors": (
            "AmbiguousNameError AuthenticationError ClosedError ConcurrentGenerationError ConflictError CryptoError Damaged "
            "DecryptionFailed FileError InvalidFile InvalidRequestError InvalidTypeError KeyConflict "
            "LimitExceeded LocalProtocolError MissingExtra NaiError NotFoundError PaymentRequiredError "
            "PermissionDeniedError RateLimitError RejectedRequestError RemoteProtocolError RequestTimeoutError "
            "ServerError StatusError StreamError TimedOut TransportError Truncated UnknownChoiceError UnknownNameError"
        ),
        "exchange.actions": "Compute Emit FlowContext GetContext Receive Runnable Send Sleep Steps compute get_context",
        "exchange.call": "Call",
        "exchange.flow": "Flow flow",
        "exchange.operation": "Operation",
        "exchange.connection_pool": "PoolLimits",
        "exchange.reachability": "HealthOutcome HostHealth health",
        "exchange.retry": "NO_RETRY Repeat RetryPolicy",
        "exchange.session": "Session",
        "http": "Head Headers Host Request",
        "limits": "Limits Timeouts",
        "secret": "AccessKey AccessToken EncryptionKey Password PersistentToken",
        "text.models": "Model",
        "tier": "Tier",
    }

    __getattr__ = finder(__name__, _HOMES)

    def __dir__():
        return __all__


__all__ = [
    "NO_RETRY",
    "AccessKey",
    "AccessToken",
    "AmbiguousNameError",
    "AuthenticationError",
    "Call",
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
    "HealthOutcome",
    "Host",
    "HostHealth",
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
    "Request",
    "RequestTimeoutError",
    "RetryPolicy",
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
    "UnknownChoiceError",
    "UnknownNameError",
    "account",
    "codecs",
    "compute",
    "emulator",
    "errors",
    "exchange",
    "flow",
    "get_context",
    "health",
    "image",
    "library",
    "modules",
    "objects",
    "openai",
    "story",
    "testing",
    "text",
    "tokenizers",
    "voice",
]
