"""The keystore: read, opened, added to, sealed, written, read again."""

from __future__ import annotations

from base64 import b64decode
from json import loads

from nacl.utils import random
from novelai_api.Keystore import Keystore
from novelai_api.SchemaValidator import SchemaValidator
from novelai_api.utils import get_encryption_key

from ..checking import check, raised
from .novel import Novel, refused

_NEWCOMER, _PASSWORD = "empty@example.com", "nothing in it"
_KEY = 32  # bytes; what the client's own `create` makes is too short for a box


async def session(novel: Novel) -> None:
    """All of it."""
    api = await novel.member()
    low, high = api.low_level, api.high_level
    with check("keystore: get gives the sealed form, by the client's schema"):
        SchemaValidator.validate("schema_keystore_encrypted", loads(b64decode((await low.get_keystore())["keystore"])))
    with check("keystore: decrypt opens it, with a key of 32 bytes for each story"):
        keystore = await high.get_keystore(novel.key)
        assert len(keystore) == 3
        assert {len(keystore[story["meta"]]) for story in await high.download_user_stories()} == {_KEY}
    with check("keystore: before decrypt it shows nothing, and another key does not open it"):
        sealed = Keystore(await low.get_keystore())
        assert "encrypted" in str(raised(ValueError, lambda: len(sealed)))
        raised(TypeError, lambda: sealed.decrypt(random(_KEY)))  # the client takes its None for JSON
    with check("keystore: create gives a new meta"):
        meta = keystore.create()
        assert meta in keystore
        keystore[meta] = random(_KEY)
    with check("keystore: put, then get gives the same keys"):
        await high.set_keystore(keystore, novel.key)
        again = await high.get_keystore(novel.key)
        assert len(again) == 4
        assert str(again) == str(keystore)
    with check("keystore: put again without get is stale, and refused with 409"):
        # the client sends the change index that came with it
        assert (await refused(high.set_keystore(keystore, novel.key)))[0] == 409
    with check("keystore: a key that is taken out is gone"):
        del again[meta]
        await high.set_keystore(again, novel.key)
        assert meta not in await high.get_keystore(novel.key)
    with check("keystore: what is no base64 is refused with 400"):
        assert (await refused(low.set_keystore({"keystore": "?!"})))[0] == 400
    with check("keystore: a new account has an empty one, and its first key is kept"):
        newcomer = novel.stranger()
        answer = await newcomer.high_level.register("captcha", _NEWCOMER, _PASSWORD)
        await newcomer.high_level.login_with_token(answer["accessToken"])
        key = get_encryption_key(_NEWCOMER, _PASSWORD)
        empty = await newcomer.high_level.get_keystore(key)
        assert len(empty) == 0
        empty["4d9c8ad0-1a3f-4c1e-8a58-3a3c0a7c1f00"] = random(_KEY)
        await newcomer.high_level.set_keystore(empty, key)
        assert str(await newcomer.high_level.get_keystore(key)) == str(empty)
