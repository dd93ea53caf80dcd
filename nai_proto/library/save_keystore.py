"""Save keys in the account's keystore without losing any: a story whose key is lost can never be opened again.

One loop does it: read the keystore, change it, write it with the change index that was read, and read it again. The loop
ends only when the keystore that was *read* is as wanted. So it makes no difference whether another program wrote in
between, whether the response to a write was lost, or whether the account has change indexes: the next read shows it.

See docs/protocol/content.md#23-ways-to-lose-data-and-the-order-that-avoids-them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Never

from ..codecs.keystore import Keystore, open_keystore, seal_keystore
from ..codecs.secret_box import KEY_SIZE
from ..errors import (
    ConflictError,
    InvalidRequestError,
    NaiError,
    RejectedRequestError,
    RemoteProtocolError,
    RequestTimeoutError,
    ServerError,
    TransportError,
)
from ..exchange.actions import Emit, Sleep, Steps, compute, get_context
from ..exchange.flow import Flow, flow
from ..exchange.retry import may_have_acted
from ..objects import StoredKeystore, get_keystore, put_keystore
from ..secret import EncryptionKey

__all__ = ["KeystoreReplacement", "SavedKeystore", "save_keys"]

_MAX_READS: Final = 8
"""How often the keystore is read before giving up: others wrote it each time, or no write has an effect."""
_PAUSE: Final = Sleep(0.0, 0.5)
"""A random pause before the next read, so that two programs do not collide again and again."""


@dataclass(frozen=True, slots=True)
class KeystoreReplacement:
    """The keystore is about to be replaced. Keep the previous one to be able to restore it."""

    previous: StoredKeystore


@dataclass(frozen=True, slots=True)
class SavedKeystore:
    """The account's keystore after its keys were saved."""

    keystore: Keystore
    "As it was read at the end, with keys that others added."
    stored: StoredKeystore
    "The same, sealed."
    writes: int
    "How often it was written; 0 if it had all keys already."


@dataclass(frozen=True, slots=True)
class _KeystoreChange:
    keys: Mapping[str, bytes]
    removing: Collection[str]
    replacing: Collection[str]

    def apply(self, present: Keystore) -> Keystore:
        """Return the present keystore with this change."""
        bad = [meta for meta, key in self.keys.items() if len(key) != KEY_SIZE and present.get(meta) != key]
        if bad:
            raise InvalidRequestError(
                f"{len(bad)} new keys do not have {KEY_SIZE} bytes: nothing could be sealed with them"
            )
        kept = {meta: self.keys[meta] if meta in self.replacing else key for meta, key in present.items()}
        return replace(present, keys_by_meta=kept).without_keys(self.removing).with_keys(self.keys)


def save_keys(
    keys: Mapping[str, bytes],
    key: EncryptionKey,
    *,
    removing: Collection[str] = (),
    replacing: Collection[str] = (),
) -> Flow[KeystoreReplacement, SavedKeystore]:
    """Add keys to the account's keystore.

    Nothing is written if the keystore has them already. Keys that others add meanwhile stay. No key is removed or replaced
    unless it is named. A keystore without a change index is read once more right before each write; if two programs write
    to such an account at the same moment, the last one may still win.

    See docs/protocol/native.md#73-keystore-wire-form.

    Args:
        keys: keys of 32 bytes by meta; a `Keystore` is such a mapping.
        key: the account's encryption key; nothing is written with a wrong one.
        removing: metas whose keys are removed. Delete their objects first: they can never be opened again.
        replacing: metas whose keys may be replaced. Objects sealed with the old key can never be opened again.

    Raises:
        InvalidRequestError: a meta is in ``removing`` and in ``keys``, or in ``replacing`` and not in ``keys``.

    Raises (when run):
        KeyConflict: the account has another key for one of the metas; nothing is written.
        InvalidRequestError: a new key does not have 32 bytes.
        DecryptionFailed, Damaged: the keystore does not open, or was withheld. It is never treated as empty.
        ConflictError, RemoteProtocolError: others wrote the keystore each time.
    """
    if in_both := [meta for meta in removing if meta in keys]:
        raise InvalidRequestError(f"{len(in_both)} metas are in both keys and removing")
    if without_key := [meta for meta in replacing if meta not in keys]:
        raise InvalidRequestError(f"{len(without_key)} metas are in replacing, but not in keys")
    return _save_keys(_KeystoreChange(dict(keys), frozenset(removing), frozenset(replacing)), key)


@flow
def _save_keys(change: _KeystoreChange, key: EncryptionKey) -> Steps[KeystoreReplacement, SavedKeystore]:
    context = yield from get_context()
    reads, writes, use_index = 0, 0, True
    failure: NaiError | None = None
    while True:
        reads += 1
        stored = yield from get_keystore()
        present = yield from compute(partial(open_keystore, stored.keystore, key, repair=True, limits=context.limits))
        wanted = change.apply(present)
        if wanted == present and not present.repaired:
            return SavedKeystore(present, stored, writes)
        if reads == _MAX_READS:
            raise failure or RemoteProtocolError(f"the keystore was written {writes} times without effect")
        sealed = yield from compute(partial(seal_keystore, wanted, key, context.entropy))
        index = stored.changeIndex if use_index else None
        if index is None and (yield from get_keystore()) != stored:
            continue
        yield Emit([KeystoreReplacement(stored)])
        writes += 1
        try:
            failure = yield from _try_put(sealed, index)
        except RejectedRequestError:
            # Some accounts return a change index and reject one (docs/protocol/native.md#73-keystore-wire-form).
            if index is None:
                raise
            use_index = False
        if failure is not None:
            yield _PAUSE


def _try_put(sealed: str, index: float | None) -> Steps[Never, NaiError | None]:
    """Write the keystore; return the error if the next read shows whether it was written."""
    try:
        yield from put_keystore(sealed, index)
    except ConflictError as error:
        return error
    except (ServerError, RequestTimeoutError, RemoteProtocolError, TransportError) as error:
        if not may_have_acted(error) or (isinstance(error, TransportError) and error.phase == "total"):
            raise
        return error
    return None
