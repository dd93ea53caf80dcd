"""TLS as all drivers use it: the operating system's certificate authorities, as Python's `ssl` finds them.

SSL_CERT_FILE and SSL_CERT_DIR name others. Pass ``ssl_context=`` to a client for certificates of your own.
"""

from __future__ import annotations

import ssl
from functools import cache

__all__ = ["default_context"]


@cache
def default_context() -> ssl.SSLContext:
    """Return the context of all clients of this process: to read all authorities takes longer than many a request."""
    return ssl.create_default_context()
