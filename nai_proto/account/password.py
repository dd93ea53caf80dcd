"""A change of password, which is two changes: of the key that logs in, and of the key that seals the keystore.

The service knows the first and keeps the second sealed; between the two the account's stories cannot be opened. So the
steps are in an order in which each failure leaves something to go on from, and the flow finds out by itself how far an
earlier run came:

1. log in with the old password; if that is refused, with the new one: an earlier run has changed the key already;
2. read the keystore and open it, with the old or the new key: what does not open now could not be sealed again later;
3. change the access key, if step 1 did not find it changed; once, since a second try could be refused because of the
   first;
4. read the keystore again, since others may have written it, seal it with the new key under a fresh nonce, and store it
   with the change index that was read, unless it opens with the new key already. A conflict repeats this step.

An error that ends the flow carries a note (PEP 678, shown in tracebacks) about how the account now stands.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Never

from ..arguments import TEXT, takes
from ..codecs.keys import access_key, encryption_key
from ..codecs.keystore import Keystore, open_keystore, seal_keystore
from ..errors import (
    AuthenticationError,
    ConflictError,
    DecryptionFailed,
    InvalidRequestError,
    LocalProtocolError,
    NaiError,
    RequestTimeoutError,
    ServerError,
    StatusError,
    TransportError,
)
from ..exchange.actions import Steps, compute, get_context
from ..exchange.flow import Flow, flow
from ..exchange.retry import Repeat
from ..limits import Limits
from ..objects import StoredKeystore, keystore, put_keystore
from ..secret import AccessToken, EncryptionKey, Password
from .argument_types import PASSWORD
from .granting import change_access_key, login_spelled

__all__ = ["AS_BEFORE", "HALF_DONE", "UNKNOWN", "change_password"]

AS_BEFORE: Final = "This run changed nothing."
UNKNOWN: Final = (
    "It is not known whether the password was changed. Run change_password again with the same arguments: it finds out, "
    "and goes on from there."
)
HALF_DONE: Final = (
    "The password was changed, but the keystore is still sealed with the old one, so that no story opens with the new one. "
    "Run change_password again with the same arguments, and do not forget the old password before it has succeeded."
)

_CONFLICTS: Final = 3
"""So often another writer may come first. Most likely none does: with the key, older tokens die.

See docs/protocol/native.md#172-account.
"""


@dataclass(frozen=True, slots=True)
class _Change:
    """From what to what. All keys are secrets that show nothing."""

    emails: tuple[str, ...]
    "The spellings that the old keys may be derived from."
    old: Password
    new: Password
    new_email: str | None


@takes(email=TEXT, old=PASSWORD, new=PASSWORD, new_email=TEXT | None)
def change_password(
    email: str,
    old: Password | str,
    new: Password | str,
    *,
    new_email: str | None = None,
) -> Flow[Never, AccessToken]:
    """Give the account another password, and seal its keystore with it; the result is the token that is good from now on.

    However it ended, also when it was stopped, it may be run again with the same arguments, and goes on from there.

    Args:
        email: as for `login`.
        old, new: the passwords.
        new_email: change the e-mail as well, from which the keys are derived too.

    Raises:
        InvalidRequestError: a password is empty, or there is nothing to change.

    Raises (when run):
        AuthenticationError: neither the old nor the new password logs in.
        DecryptionFailed, Damaged: the keystore does not open; then nothing is changed.
        ConflictError: another account has such keys; or the keystore was written by others each time.
    """
    assert isinstance(old, Password)  # `takes` wraps text
    assert isinstance(new, Password)
    if old == new and new_email in (None, email):
        raise InvalidRequestError("new is the old password: there is nothing to change", parameter="new")
    return _changing(_Change(tuple(dict.fromkeys((email, email.lower()))), old, new, new_email))


@flow
def _changing(change: _Change) -> Steps[Never, AccessToken]:
    limits = (yield from get_context()).limits
    with _noting(AS_BEFORE):
        token, spelling, done = yield from _login(change)
    derived_from = spelling if done else change.new_email or spelling
    with _noting(HALF_DONE if done else AS_BEFORE):
        old_keys: list[EncryptionKey] = []
        for each in change.emails:
            old_keys.append((yield from compute(partial(encryption_key, each, change.old))))
        new_key = yield from compute(partial(encryption_key, derived_from, change.new))
        sealed = yield from keystore().with_options(token=token)
        yield from compute(partial(_opened, sealed, [new_key, *old_keys], limits))
    if not done:
        with _noting(AS_BEFORE, UNKNOWN):
            current = yield from compute(partial(access_key, spelling, change.old))
            following = yield from compute(partial(access_key, derived_from, change.new))
            changing = change_access_key(current, following, new_email=change.new_email)
            token = yield from replace(changing, repeat=Repeat.NEVER).with_options(token=token)
    with _noting(HALF_DONE):
        yield from _seal_anew(old_keys, new_key).with_options(token=token)
    return token


def _login(change: _Change) -> Steps[Never, tuple[AccessToken, str, bool]]:
    """A token, the spelling of the e-mail that gave it, and whether it was the new password that did."""
    try:
        return (*(yield from login_spelled(change.emails[0], change.old)), False)
    except AuthenticationError as error:
        refused = error
    try:
        return (*(yield from login_spelled(change.new_email or change.emails[0], change.new)), True)
    except AuthenticationError:
        pass
    raise refused


@flow
def _seal_anew(old_keys: list[EncryptionKey], new_key: EncryptionKey) -> Steps[Never, None]:
    """Step 4, for whoever has a token."""
    context = yield from get_context()
    conflicts = 0
    while True:
        sealed = yield from keystore()
        keys, key = yield from compute(partial(_opened, sealed, [new_key, *old_keys], context.limits))
        if key == new_key:
            return
        text = yield from compute(partial(seal_keystore, keys, new_key, context.entropy))
        try:
            return (yield from put_keystore(text, sealed.changeIndex))
        except ConflictError:
            conflicts += 1
            if conflicts == _CONFLICTS:
                raise


def _opened(
    sealed: StoredKeystore, candidates: Iterable[EncryptionKey], limits: Limits
) -> tuple[Keystore, EncryptionKey]:
    """The keystore, and the first of the keys that opens it; an empty one is opened by any."""
    failed: DecryptionFailed | None = None
    for key in candidates:
        try:
            return open_keystore(sealed.keystore, key, limits=limits), key
        except DecryptionFailed as error:
            failed = error
    assert failed is not None
    raise failed


@contextmanager
def _noting(state: str, unclear: str | None = None) -> Generator[None, None, None]:
    """Adds to an error how the account now stands; ``unclear`` if the service may have acted on what failed."""
    try:
        yield
    except NaiError as error:
        answered = isinstance(error, StatusError) and not isinstance(error, ServerError | RequestTimeoutError)
        unsent = isinstance(error, LocalProtocolError | InvalidRequestError) or (
            isinstance(error, TransportError) and not error.sent
        )
        error.add_note(unclear if unclear and not answered and not unsent else state)
        raise
