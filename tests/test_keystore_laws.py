"""Whatever is done to a keystore, in whatever order and whatever fails: no key is lost that nobody removed.

See:
    docs/protocol/content.md#23-ways-to-lose-data-and-the-order-that-avoids-them
    docs/protocol/native.md#73-keystore-wire-form
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from nai_proto import account, objects
from nai_proto.codecs.key_derivation import encryption_key
from nai_proto.codecs.keystore import Keystore, open_keystore, seal_keystore
from nai_proto.emulator import Emulator
from nai_proto.errors import AuthenticationError, ConflictError, DecryptionFailed, KeyConflict
from nai_proto.exchange.actions import Runnable
from nai_proto.exchange.reply import App, Handler
from nai_proto.exchange.session import Session
from nai_proto.http import Request
from nai_proto.library import save_keys
from nai_proto.objects import StoredKeystore
from nai_proto.secret import EncryptionKey, Password
from nai_proto.testing import FlowTrace, run_in_memory
from tests.faults import FAULTS, inject_fault
from tests.hypothesis_profiles import scale_examples
from tests.support import EMAIL

PASSWORDS = ("the quiet harbour", "a louder harbour", "no harbour")
METAS = st.sampled_from("abcde")
KEYS = st.sampled_from([bytes([number]) * 32 for number in range(1, 6)])
FAULT = st.none() | st.tuples(st.sampled_from([*FAULTS]), st.integers(0, 4))


class KeystoreMachine(RuleBasedStateMachine):
    """Beside the account a model: the keys that it must have, and its password."""

    read: Bundle[tuple[StoredKeystore, str]] = Bundle("read")
    "A keystore as a program has read it at any time, and the password of that time."

    def __init__(self) -> None:
        super().__init__()
        self.password = PASSWORDS[0]
        self.emulator = Emulator()
        self.owner = self.emulator.add_account(EMAIL, Password(self.password), stories=False)
        self.owner.storage.put_keystore(seal_keystore(Keystore(), self.key), None)
        self.keys: dict[str, bytes] = {}

    @property
    def key(self) -> EncryptionKey:
        return derive(self.password)

    @property
    def stored(self) -> dict[str, bytes]:
        return dict(open_keystore(self.owner.storage.keystore, self.key))

    def run(self, flow: Runnable[Any, Any], fault: tuple[str, int] | None = None) -> FlowTrace[Any, Any]:
        """Run a flow with the token of a login, with a fault at one of its requests."""
        token = run_flow(account.login(EMAIL, self.password), self.emulator).result
        app: App = self.emulator if fault is None else inject_fault(self.emulator, FAULTS[fault[0]], fault[1])
        return run_flow(flow, app, Session(base_url="http://x", token=token))

    def expect(self, played: FlowTrace[Any, Any], wanted: Mapping[str, bytes], *, failing: bool) -> None:
        """Check that the change was made; after a fault it may not have been, but then nothing was."""
        if played.error is None:
            assert self.stored == wanted
        else:
            assert failing, played.error
            assert self.stored in (self.keys, wanted)
        self.keys = self.stored

    # ---- what one program does

    @rule(keys=st.dictionaries(METAS, KEYS, min_size=1), fault=FAULT)
    def add(self, keys: dict[str, bytes], fault: tuple[str, int] | None) -> None:
        played = self.run(save_keys(keys, self.key), fault)
        if any(self.keys.get(meta, key) != key for meta, key in keys.items()):
            assert isinstance(played.error, KeyConflict) or fault
            assert self.stored == self.keys
        else:
            self.expect(played, {**self.keys, **keys}, failing=fault is not None)

    @rule(meta=METAS, key=KEYS, fault=FAULT)
    def replace(self, meta: str, key: bytes, fault: tuple[str, int] | None) -> None:
        played = self.run(save_keys({meta: key}, self.key, replacing=[meta]), fault)
        self.expect(played, {**self.keys, meta: key}, failing=fault is not None)

    @rule(metas=st.sets(METAS), fault=FAULT)
    def remove(self, metas: set[str], fault: tuple[str, int] | None) -> None:
        played = self.run(save_keys({}, self.key, removing=metas), fault)
        self.expect(
            played, {meta: key for meta, key in self.keys.items() if meta not in metas}, failing=fault is not None
        )

    @rule(password=st.sampled_from(PASSWORDS), meta=METAS, key=KEYS)
    def add_with_another_password(self, password: str, meta: str, key: bytes) -> None:
        if password != self.password:
            assert isinstance(self.run(save_keys({meta: key}, derive(password))).error, DecryptionFailed)
            assert self.stored == self.keys

    # ---- several programs

    @rule(mine=METAS, theirs=METAS, key=KEYS, number=st.integers(0, 3))
    def add_while_another_adds(self, mine: str, theirs: str, key: bytes, number: int) -> None:
        """The other one writes between two requests of ours."""
        if theirs in self.keys or mine in self.keys or mine == theirs:
            return
        added = {mine: key, theirs: bytes(32)}
        requests = 0

        def meanwhile(request: Request) -> Handler:
            nonlocal requests
            requests += 1
            if requests == number + 1:
                self.run(save_keys({theirs: bytes(32)}, self.key))
            return self.emulator(request)

        token = run_flow(account.login(EMAIL, self.password), self.emulator).result
        played = run_flow(save_keys({mine: key}, self.key), meanwhile, Session(base_url="http://x", token=token))
        assert played.error is None
        came = requests > number
        self.keys |= added if came else {mine: key}

    @rule(target=read)
    def read_keystore(self) -> tuple[StoredKeystore, str]:
        return self.run(objects.get_keystore()).result, self.password

    @rule(read=read, meta=METAS, key=KEYS)
    def write_what_was_read(self, read: tuple[StoredKeystore, str], meta: str, key: bytes) -> None:
        """Another program writes with the index that it has read, which may be out of date."""
        stored, password = read
        keys = {**dict(open_keystore(stored.keystore, derive(password))), meta: key}
        sealed = seal_keystore(Keystore(keys), derive(password))
        is_fresh = stored.changeIndex == self.owner.storage.keystore_index
        played = self.run(objects.put_keystore(sealed, stored.changeIndex))
        assert is_fresh if played.error is None else isinstance(played.error, ConflictError)
        self.keys = keys if is_fresh else self.keys

    # ---- the password

    @rule(new=st.sampled_from(PASSWORDS), fault=FAULT, gives_up=st.booleans())
    def change_password(self, new: str, fault: tuple[str, int] | None, gives_up: bool) -> None:
        """Run it again if it fails, as its errors say."""
        old = self.password
        if new == old:
            return
        app: App = self.emulator if fault is None else inject_fault(self.emulator, FAULTS[fault[0]], fault[1])
        played = run_flow(account.change_password(EMAIL, old, new), app)
        if played.error is not None:
            assert fault is not None
            assert played.error.__notes__
            if gives_up and self.can_log_in(old):
                assert self.stored == self.keys
                return
            played = run_flow(account.change_password(EMAIL, old, new), self.emulator)
        assert played.error is None
        self.password = new
        assert not self.can_log_in(old)

    def can_log_in(self, password: str) -> bool:
        error = run_flow(account.login(EMAIL, password), self.emulator).error
        assert isinstance(error, AuthenticationError | None)
        return error is None

    # ---- what always holds

    @invariant()
    def no_key_is_lost(self) -> None:
        assert self.stored == self.keys

    @invariant()
    def other_passwords_open_nothing(self) -> None:
        for password in PASSWORDS:
            if password != self.password:
                with pytest.raises(DecryptionFailed):
                    open_keystore(self.owner.storage.keystore, derive(password))


def run_flow(flow: Runnable[Any, Any], app: App, session: Session | None = None) -> FlowTrace[Any, Any]:
    """Run a flow without chance, so that what fails fails again."""
    return run_in_memory(flow, app, session, entropy=bytes)


def derive(password: str) -> EncryptionKey:
    return encryption_key(EMAIL, Password(password))


TestKeystoreMachine = KeystoreMachine.TestCase
TestKeystoreMachine.settings = settings(max_examples=scale_examples(40), stateful_step_count=15, deadline=None)
