"""Writing the keystore so that no key is lost: a lost key is a story that can never be opened again.

One loop does it: read, change what was read, write with the index that was read, and look again. It ends only when what
was *read* has all that is wanted, so it makes no difference whether another program came in between, whether the answer
to a write was lost, or whether the service has indexes at all: all of it shows at the next look.

See docs/protocol/content.md#23-ways-to-lose-data-and-the-order-that-avoids-them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Never

from ..codecs.box import KEY_SIZE
from ..codecs.keystore import Keystore, open_keystore, seal_keystore
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
from ..objects import StoredKeystore, keystore, put_keystore
from ..secret import EncryptionKey

__all__ = ["KeysSaved", "ReplacingKeystore", "save_keys"]

_LOOKS: Final = 8
"""So often is looked before it is given up: others came in between each time, or nothing that is written stays."""
_PAUSE: Final = Sleep(0.0, 0.5)
"""Before another look, so that two programs do not keep meeting."""


@dataclass(frozen=True, slots=True)
class ReplacingKeystore:
    """The keystore is about to be written. Whoever keeps what was there before can go back to it."""

    previous: StoredKeystore


@dataclass(frozen=True, slots=True)
class KeysSaved:
    """The account has the keys."""

    keystore: Keystore
    "As it was read at the end, with whatever others added."
    stored: StoredKeystore
    "The same as it is stored."
    writes: int
    "0 when nothing had to be written."


@dataclass(frozen=True, slots=True)
class _Change:
    keys: Mapping[str, bytes]
    removing: Collection[str]
    replacing: Collection[str]

    def __call__(self, present: Keystore) -> Keystore:
        """What the keystore is to be, given what it is."""
        bad = [meta for meta, key in self.keys.items() if len(key) != KEY_SIZE and present.get(meta) != key]
        if bad:
            raise InvalidRequestError(
                f"{len(bad)} new keys have not {KEY_SIZE} bytes: nothing could be sealed with them"
            )
        kept = {meta: self.keys[meta] if meta in self.replacing else key for meta, key in present.items()}
        return replace(present, keys_by_meta=kept).without(self.removing).merged(self.keys)


def save_keys(
    keys: Mapping[str, bytes],
    key: EncryptionKey,
    *,
    removing: Collection[str] = (),
    replacing: Collection[str] = (),
) -> Flow[ReplacingKeystore, KeysSaved]:
    """Let the account's keystore have these keys, beside all that it has.

    Nothing is written when it has them already. Keys that others add meanwhile stay, and no key goes or changes that is not
    named. An account whose keystore has no index is looked at once more right before each write; of two
    programs that write to such an account in the same moment, the last one may still win.

    See docs/protocol/native.md#73-keystore-wire-form.

    Args:
        keys: by meta; a `Keystore` is one.
        key: the account's; without the right one nothing is written.
        removing: metas whose keys are to go. What they sealed can never be opened again: remove the objects before.
        replacing: metas whose key may become another one. The same holds for them.

    Raises:
        InvalidRequestError: a meta is to go and to stay; or one is to be replaced, and by nothing.

    Raises (when run):
        KeyConflict: the account has another key for one of the metas; nothing is written.
        InvalidRequestError: a new key has not 32 bytes.
        DecryptionFailed, Damaged: the keystore does not open, or was withheld. It is never taken for an empty one.
        ConflictError, RemoteProtocolError: others wrote it each time.
    """
    if both := [meta for meta in removing if meta in keys]:
        raise InvalidRequestError(f"{len(both)} keys are to be removed and saved at once")
    if lost := [meta for meta in replacing if meta not in keys]:
        raise InvalidRequestError(f"{len(lost)} keys are to be replaced, but no key is given for them")
    return _saving(_Change(dict(keys), frozenset(removing), frozenset(replacing)), key)


@flow
def _saving(change: _Change, key: EncryptionKey) -> Steps[ReplacingKeystore, KeysSaved]:
    context = yield from get_context()
    looks, writes, indexed = 0, 0, True
    failure: NaiError | None = None
    while True:
        looks += 1
        stored = yield from keystore()
        present = yield from compute(partial(open_keystore, stored.keystore, key, repair=True, limits=context.limits))
        wanted = change(present)
        if wanted == present and not present.repaired:
            return KeysSaved(present, stored, writes)
        if looks == _LOOKS:
            raise failure or RemoteProtocolError(
                f"the keystore was written {writes} times, and never has what was written"
            )
        sealed = yield from compute(partial(seal_keystore, wanted, key, context.entropy))
        index = stored.changeIndex if indexed else None
        if index is None and (yield from keystore()) != stored:
            continue
        yield Emit([ReplacingKeystore(stored)])
        writes += 1
        try:
            failure = yield from _put(sealed, index)
        except (
            RejectedRequestError
        ):  # some accounts tell an index and take none (docs/protocol/native.md#73-keystore-wire-form)
            if index is None:
                raise
            indexed = False
        if failure is not None:
            yield _PAUSE


def _put(sealed: str, index: float | None) -> Steps[Never, NaiError | None]:
    """The error, if the next look tells what became of it."""
    try:
        yield from put_keystore(sealed, index)
    except ConflictError as error:
        return error
    except (ServerError, RequestTimeoutError, RemoteProtocolError, TransportError) as error:
        if not may_have_acted(error) or (isinstance(error, TransportError) and error.phase == "total"):
            raise
        return error
    return None
