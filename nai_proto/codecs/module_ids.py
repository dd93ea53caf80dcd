"""The id of a module that a user trained, from the data of its file.

The id has the key that the data is sealed with, and the key is a hash of the data: equal modules have equal ids, and
everybody who knows the id can use the module. Keep it secret.

See docs/protocol/content.md#45-presets-and-aimodules.
"""

from __future__ import annotations

from hashlib import blake2b

from nacl.bindings import crypto_secretbox

from ..arguments import TEXT
from ..errors import InvalidRequestError
from .secret_box import KEY_SIZE, NONCE_SIZE, to_base64

__all__ = ["derive_module_id", "seal_module"]


def derive_module_id(model: str, data: str) -> str:
    """Return ``model:hex:hex``, the ``prefix`` of a request. The only source is a third-party tool.

    Args:
        model: id of the model that the module was trained for.
        data: of the module's file: base64, taken as text.

    Raises:
        InvalidRequestError: the data has a lone surrogate, so it is no base64.
    """
    TEXT.check(model, "model")
    sealed, key = _sealed(data)
    return f"{model}:{blake2b(sealed, digest_size=KEY_SIZE).hexdigest()}:{key.hex()}"


def seal_module(data: str) -> str:
    """Return the data that the service stores under the module's id: base64 of nonce and box.

    Raises:
        InvalidRequestError: as for `derive_module_id`.
    """
    return to_base64(_sealed(data)[0])


def _sealed(data: str) -> tuple[bytes, bytes]:
    TEXT.check(data, "data")
    try:
        text = data.encode()
    except UnicodeEncodeError:
        text = None  # the error is raised below, without the codec's one, which holds the data
    if text is None:
        raise InvalidRequestError("the module's data holds a lone surrogate, so it is no base64", parameter="data")
    key = blake2b(text, digest_size=KEY_SIZE).digest()
    nonce = blake2b(key, digest_size=NONCE_SIZE).digest()
    return nonce + crypto_secretbox(text, nonce, key), key
