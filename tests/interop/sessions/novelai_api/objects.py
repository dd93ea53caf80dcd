"""Objects: stories and contents opened, changed, sealed, uploaded, and read again; single ones made and deleted."""

from __future__ import annotations

from base64 import b64encode
from copy import deepcopy
from typing import Any

from nacl.utils import random
from novelai_api.Idstore import Idstore
from novelai_api.Keystore import Keystore
from novelai_api.utils import (
    compress_user_data,
    decompress_user_data,
    decrypt_user_data,
    encrypt_user_data,
    extract_preset_data,
    get_decrypted_user_data,
    link_content_to_story,
    unlink_content_from_story,
)

from ..checking import check
from .novel import Novel, refused

_KEY, _NONCE = 32, 24  # bytes


async def session(novel: Novel) -> None:
    """All of it."""
    api = await novel.member()
    await _reading(novel, api)
    await _changing(novel, api)
    await _single(api)
    await _making(novel, api)


async def _reading(novel: Novel, api: Any) -> None:
    low, high = api.low_level, api.high_level
    keystore = await high.get_keystore(novel.key)
    with check("stories: down, by the client's schema"):
        stories = await high.download_user_stories()
        assert len(stories) == 3
    with check("stories: decrypted, in the order of their creation"):
        decrypt_user_data(stories, keystore)
        assert [story["data"]["title"] for story in stories] == ["The Quiet Harbour", "Letters to the Moon", "物語"]
    with check("story contents: down and decrypted, compressed as the website's are"):
        contents = await high.download_user_story_contents()
        decrypt_user_data(contents, keystore)
        assert len(get_decrypted_user_data(contents)) == 3
        assert all(content["compressed"] for content in contents)
    with check("story contents: they belong to the stories that name them"):
        link_content_to_story(stories, contents)
        assert [story["content"]["id"] for story in stories] == [content["id"] for content in contents]
        unlink_content_from_story(stories)
    with check("objects: sealed again with the same nonce they are the same bytes"):
        sealed = deepcopy(stories)
        encrypt_user_data(sealed, keystore)
        assert sealed == await high.download_user_stories()
    with check("ids: new ones are told apart from those that are there"):
        ids = Idstore()
        ids.register(*stories, *contents)
        new = ids.create()
        assert len(new) == 21 == len(stories[0]["id"])
    for name, download in (
        ("presets", high.download_user_presets),
        ("modules", high.download_user_modules),
        ("shelves", high.download_user_shelves),
    ):
        with check(f"{name}: none are stored"):
            assert await download() == []
    with check("objects: one by its id is the one of the list"):
        first = (await high.download_user_stories())[0]
        assert await low.download_object("stories", first["id"]) == first
    with check("objects: an id that there is not is 404"):
        assert (await refused(low.download_object("stories", "x" * 21)))[0] == 404
    with check("objects: a type that there is not is an empty list"):
        assert (await low.download_objects("nothings")) == {"objects": []}


async def _changing(novel: Novel, api: Any) -> None:
    high = api.high_level
    keystore = await high.get_keystore(novel.key)
    for name, download in (
        ("stories", high.download_user_stories),
        ("story contents", high.download_user_story_contents),
    ):
        with check(f"{name}: changed, sealed, uploaded, and down again they are what was written"):
            items = await download()
            decrypt_user_data(items, keystore)
            for item in items:
                item["data"]["lastUpdatedAt"] = 1_700_000_000_000
                item["data"]["note"] = "été 🦢"
            written = deepcopy(items)
            encrypt_user_data(items, keystore)
            for item in items:
                await high.upload_user_content(item)
            again = await download()
            decrypt_user_data(again, keystore)
            assert [item["data"] for item in again] == [item["data"] for item in written]
            assert [item["id"] for item in again] == [item["id"] for item in written]
    with check("stories: several at once, none of which fails"):
        assert await high.upload_user_contents(await high.download_user_stories()) == []


async def _single(api: Any) -> None:
    low, high = api.low_level, api.high_level
    preset = {"id": "", "type": "presets", "meta": "", "decrypted": True, "compressed": True}
    preset["data"] = {"presetVersion": 3, "name": "Mine", "model": "kayra-v1", "parameters": {"temperature": 1.25}}
    with check("objects: put makes a new one, and gives it an id"):
        compress_user_data(preset)
        made = await low.upload_objects("presets", "", preset["data"])
        assert len(made["id"]) == 21
        assert made["type"] == "presets"
    with check("presets: one that was stored is a preset of the client's"):
        stored = await high.download_user_presets()
        (found,) = extract_preset_data(stored).values()
        assert (found.name, found["temperature"]) == ("Mine", 1.25)
    with check("objects: patch changes it, and counts the change"):
        (old,) = await high.download_user_presets()
        await low.upload_object("presets", old["id"], "", b64encode(b'{"name": "Ours"}').decode())
        (new,) = await high.download_user_presets()
        decompress_user_data(new)
        assert new["data"] == {"name": "Ours"}
        assert new["changeIndex"] == old["changeIndex"] + 1
    with check("objects: what is no base64 is refused with 400"):
        (old,) = await high.download_user_presets()
        assert (await refused(low.upload_object("presets", old["id"], "", "?!")))[0] == 400
    with check("objects: delete gives it back, and it is gone"):
        (old,) = await high.download_user_presets()
        assert await low.delete_object("presets", old["id"]) == old
        assert await high.download_user_presets() == []
        assert (await refused(low.delete_object("presets", old["id"])))[0] == 404


async def _making(novel: Novel, api: Any) -> None:
    low, high = api.low_level, api.high_level
    with check("stories: a new one, its key put into the keystore first, is opened like the others"):
        keystore, meta = await _with_key(novel, high)
        (model, *_) = await high.download_user_story_contents()
        decrypt_user_data(model, keystore)
        text = model["data"]
        text["story"]["fragments"][0]["data"] = "It began."
        content = await low.upload_objects("storycontent", meta, _sealed(meta, text, keystore))
        card = {"id": meta, "remoteStoryId": content["id"], "title": "Begun elsewhere"}
        await low.upload_objects("stories", meta, _sealed(meta, card, keystore))
        stories, contents = await high.download_user_stories(), await high.download_user_story_contents()
        decrypt_user_data([*stories, *contents], await high.get_keystore(novel.key))
        link_content_to_story(stories, contents)
        assert stories[-1]["data"] == card
        assert stories[-1]["content"]["data"] == text
    with check("modules: one of the user's is sealed with a key of its own, and opened again"):
        keystore, meta = await _with_key(novel, high)
        module = {"name": "Swans", "id": "kayra-v1:swans:0", "mode": 0}
        made = await low.upload_objects("aimodules", meta, _sealed(meta, module, keystore))
        (found,) = await high.download_user_modules()
        decrypt_user_data(found, await high.get_keystore(novel.key))
        assert (found["id"], found["data"]) == (made["id"], module)
    with check("shelves: one is compressed, and read again"):
        shelf = {"id": "", "type": "shelf", "meta": "", "decrypted": True, "compressed": True}
        shelf["data"] = {"title": "物語", "children": [], "description": "été"}
        compress_user_data(shelf)
        await low.upload_objects("shelf", "", shelf["data"])
        (found,) = await high.download_user_shelves()
        decompress_user_data(found)
        assert found["data"]["title"] == "物語"
        assert found["compressed"] is True


async def _with_key(novel: Novel, high: Any) -> tuple[Keystore, str]:
    """The keystore with one key more, which is stored, and the meta of that."""
    keystore = await high.get_keystore(novel.key)
    meta = keystore.create()
    keystore[meta] = random(_KEY)
    await high.set_keystore(keystore, novel.key)
    return keystore, meta


def _sealed(meta: str, data: object, keystore: Keystore) -> str:
    """An object's data as the client seals it."""
    item = {"meta": meta, "data": data, "nonce": random(_NONCE), "compressed": True, "decrypted": True}
    encrypt_user_data(item, keystore)
    return str(item["data"])
