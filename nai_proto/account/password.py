"""Change the password of an account: the access key that logs in, and the encryption key that seals the keystore.

These are two requests, and between them the account's stories cannot be opened. So the steps are in an order that can be
resumed after a failure at any point. The flow finds out by itself how far an earlier run came:

1. Log in with the old password. If that is refused, log in with the new one: an earlier run has changed the access key.
2. Read the keystore and open it, with the old or the new key. A keystore that does not open now could not be sealed again
   later.
3. Change the access key, unless step 1 logged in with the new password. This request is sent once: the service could
   refuse a second one because of the first.
4. Read the keystore again, since others may have written it. Unless it opens with the new key already, seal it with the
   new key under a fresh nonce, and store it with the change index that was read. After a conflict, repeat this step.

An error that ends the flow has a note (PEP 678, shown in tracebacks) that says which password the account has now.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Never

from ..arguments import TEXT, takes
from ..codecs.key_derivation import access_key, encryption_key
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
from ..objects import StoredKeystore, get_keystore, put_keystore
from ..secret import AccessToken, EncryptionKey, Password
from .login import PASSWORD, change_access_key, login_with_spelling

__all__ = ["HALF_CHANGED_NOTE", "UNCHANGED_NOTE", "UNKNOWN_NOTE", "change_password"]

UNCHANGED_NOTE: Final = "This run changed nothing."
UNKNOWN_NOTE: Final = (
    "It is not known whether the password was changed. Run change_password again with the same arguments: it finds out, "
    "and continues from there."
)
HALF_CHANGED_NOTE: Final = (
    "The password was changed, but the keystore is still sealed with the old one, so no story opens with the new one. "
    "Run change_password again with the same arguments, and do not forget the old password before it has succeeded."
)

_MAX_CONFLICTS: Final = 3
"""How often another writer may come first. Most likely none does: a new access key makes older tokens invalid.

See docs/protocol/native.md#172-account.
"""


@dataclass(frozen=True, slots=True)
class _PasswordChange:
    """The old and the new credentials. Their reprs show no secret."""

    emails: tuple[str, ...]
    "Spellings of the e-mail that the old keys may be derived from."
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
    """Change the account's password, and seal its keystore with the new one.

    After an error or a cancellation, run it again with the same arguments: it continues where it stopped.

    Args:
        email: as for `login`.
        old: the present password.
        new: the new password.
        new_email: change the e-mail too, since the keys are derived from e-mail and password.

    Returns:
        The token that is valid from now on.

    Raises:
        InvalidRequestError: a password is empty, or old and new are the same.

    Raises (when run):
        AuthenticationError: neither the old nor the new password logs in.
        DecryptionFailed, Damaged: the keystore does not open; nothing was changed.
        ConflictError: another account has these keys; or other programs wrote the keystore each time.
    """
    assert isinstance(old, Password)  # `takes` wraps text
    assert isinstance(new, Password)
    if old == new and new_email in (None, email):
        raise InvalidRequestError("old and new are the same password: there is nothing to change", parameter="new")
    return _change_password(_PasswordChange(tuple(dict.fromkeys((email, email.lower()))), old, new, new_email))


@flow
def _change_password(change: _PasswordChange) -> Steps[Never, AccessToken]:
    limits = (yield from get_context()).limits
    with _note_on_error(UNCHANGED_NOTE):
        token, spelling, has_new_key = yield from _login(change)
    derived_from = spelling if has_new_key else change.new_email or spelling
    with _note_on_error(HALF_CHANGED_NOTE if has_new_key else UNCHANGED_NOTE):
        old_keys: list[EncryptionKey] = []
        for each in change.emails:
            old_keys.append((yield from compute(partial(encryption_key, each, change.old))))
        new_key = yield from compute(partial(encryption_key, derived_from, change.new))
        sealed = yield from get_keystore().with_options(token=token)
        yield from compute(partial(_open_keystore, sealed, [new_key, *old_keys], limits))
    if not has_new_key:
        with _note_on_error(UNCHANGED_NOTE, UNKNOWN_NOTE):
            current_access_key = yield from compute(partial(access_key, spelling, change.old))
            new_access_key = yield from compute(partial(access_key, derived_from, change.new))
            operation = change_access_key(current_access_key, new_access_key, new_email=change.new_email)
            token = yield from replace(operation, repeat=Repeat.NEVER).with_options(token=token)
    with _note_on_error(HALF_CHANGED_NOTE):
        yield from _reseal_keystore(old_keys, new_key).with_options(token=token)
    return token


def _login(change: _PasswordChange) -> Steps[Never, tuple[AccessToken, str, bool]]:
    """Return a token, the spelling of the e-mail that logged in, and whether the new password did."""
    try:
        return (*(yield from login_with_spelling(change.emails[0], change.old)), False)
    except AuthenticationError as error:
        refused = error
    try:
        return (*(yield from login_with_spelling(change.new_email or change.emails[0], change.new)), True)
    except AuthenticationError:
        pass
    raise refused


@flow
def _reseal_keystore(old_keys: list[EncryptionKey], new_key: EncryptionKey) -> Steps[Never, None]:
    """Do step 4, with a session that has a token."""
    context = yield from get_context()
    conflicts = 0
    while True:
        sealed = yield from get_keystore()
        keys, key = yield from compute(partial(_open_keystore, sealed, [new_key, *old_keys], context.limits))
        if key == new_key:
            return
        text = yield from compute(partial(seal_keystore, keys, new_key, context.entropy))
        try:
            return (yield from put_keystore(text, sealed.changeIndex))
        except ConflictError:
            conflicts += 1
            if conflicts == _MAX_CONFLICTS:
                raise


def _open_keystore(
    sealed: StoredKeystore, candidates: Iterable[EncryptionKey], limits: Limits
) -> tuple[Keystore, EncryptionKey]:
    """Return the keystore, and the first of the keys that opens it. Any key opens an empty keystore."""
    failed: DecryptionFailed | None = None
    for key in candidates:
        try:
            return open_keystore(sealed.keystore, key, limits=limits), key
        except DecryptionFailed as error:
            failed = error
    assert failed is not None
    raise failed


@contextmanager
def _note_on_error(note: str, note_if_unknown: str | None = None) -> Generator[None, None, None]:
    """Add a note to an error: ``note_if_unknown`` if the service may have acted on the failed request, else ``note``."""
    try:
        yield
    except NaiError as error:
        answered = isinstance(error, StatusError) and not isinstance(error, ServerError | RequestTimeoutError)
        unsent = isinstance(error, LocalProtocolError | InvalidRequestError) or (
            isinstance(error, TransportError) and not error.sent
        )
        error.add_note(note_if_unknown if note_if_unknown and not answered and not unsent else note)
        raise
