"""What do opening and sealing a keystore cost, by the number of its keys?

The floor takes the same steps with the same libraries, and makes no check. The peer is asked for 1,000 keys only: it
validates each byte by a schema, and takes a quarter of a minute for 10,000.
"""

from __future__ import annotations

import binascii
import random
from collections.abc import Callable
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec
from nacl.bindings import crypto_secretbox, crypto_secretbox_open

from nai_proto.codecs.keystore import Keystore, open_keystore, seal_keystore
from nai_proto.secret import EncryptionKey

from .report import Effort, Report, peer, timed

__all__ = ["measure"]

_FLOOR: Final = "msgspec + secretbox, unchecked"
_PEER: Final = "novelai_api"
_PEERS_MOST: Final = 1_000
_KEY: Final = bytes(range(32))
_SECRET: Final = EncryptionKey(_KEY)


class _Envelope(msgspec.Struct):
    version: int
    nonce: list[int]
    sdata: list[int]


class _Inner(msgspec.Struct):
    keys: dict[str, list[int]]


_envelope: Final = msgspec.json.Decoder(_Envelope).decode
_inner: Final = msgspec.json.Decoder(_Inner).decode


def _open(text: str) -> dict[str, bytes]:
    envelope = _envelope(binascii.a2b_base64(text))
    plaintext = crypto_secretbox_open(bytes(envelope.sdata), bytes(envelope.nonce), _KEY)
    return {meta: bytes(key) for meta, key in _inner(plaintext).keys.items()}


def _seal(keys: dict[str, bytes]) -> str:
    plaintext = msgspec.json.encode(_Inner({meta: list(key) for meta, key in keys.items()}))
    box = crypto_secretbox(plaintext, bytes(24), _KEY)
    envelope = msgspec.json.encode(_Envelope(2, [0] * 24, list(box)))
    return binascii.b2a_base64(envelope, newline=False).decode()


def _peer_open(module: Any, text: str) -> Any:
    keystore = module.Keystore({"keystore": text})
    keystore.decrypt(_KEY)
    return keystore


def measure(effort: Effort) -> Report:
    """µs of CPU per key, both ways."""
    report = Report("µs per key of a keystore", _FLOOR)
    module = peer(report, "novelai_api.Keystore")
    for most in (1_000, 10_000):
        count = effort.of(most)
        chance = random.Random(20260101)
        keys = {str(UUID(int=chance.getrandbits(128))): chance.randbytes(32) for _ in range(count)}
        keystore = Keystore(keys)
        text = seal_keystore(keystore, _SECRET)
        assert _open(text) == dict(open_keystore(_seal(keys), _SECRET)) == keys
        opening: dict[str, Callable[[], object]] = {
            _FLOOR: partial(_open, text),
            "open_keystore": partial(open_keystore, text, _SECRET),
        }
        sealing: dict[str, Callable[[], object]] = {
            _FLOOR: partial(_seal, keys),
            "seal_keystore": partial(seal_keystore, keystore, _SECRET),
        }
        if module and most <= _PEERS_MOST:
            opening[_PEER] = partial(_peer_open, module, text)
            sealing[_PEER] = partial(_peer_open(module, text).encrypt, _KEY)
        for case, ours, subjects, at_most, faster in (
            ("open", "open_keystore", opening, {"open_keystore": 1.1}, {_PEER: 100.0}),
            ("seal", "seal_keystore", sealing, {}, {_PEER: 4.0}),
        ):
            values = timed(subjects, effort, per=count)
            report.add(f"{case} {count}", values, "µs", reference=_FLOOR, at_most=at_most, ours=ours, faster=faster)
    return report
