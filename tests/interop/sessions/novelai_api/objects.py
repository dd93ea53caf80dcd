"""Objects: stories and contents opened, changed, sealed, uploaded, and read again; single ones made and deleted."""

from __future__ import annotations

from base64 import b64encode
from copy import deepcopy
from typing import Any

from novelai_api.Idstore import Idstore
from novelai_api.NovelAIError import NovelAIError
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

from ..checking import Missing, check
from .novel import Novel, refused


async def session(novel: Novel) -> None:
    """All of it."""
    api = await novel.member()
    await _reading(novel, api)
    await _writing(novel, api)
    await _single(api)


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


async def _writable(call: Any) -> Any:
    """What a call gives, or that the emulator does not write objects yet."""
    try:
        return await call
    except NovelAIError as error:
        if error.status == 501:
            raise Missing(f"objects are not written yet: {error.message}") from None
        raise


async def _writing(novel: Novel, api: Any) -> None:
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
                await _writable(high.upload_user_content(item))
            again = await download()
            decrypt_user_data(again, keystore)
            assert [item["data"] for item in again] == [item["data"] for item in written]
            assert [item["id"] for item in again] == [item["id"] for item in written]
    with check("stories: several at once, none of which fails"):
        assert await high.upload_user_contents(await _probed(api)) == []


async def _probed(api: Any) -> Any:
    """All stories, once it is sure that one of them can be written: otherwise the client keeps the errors to itself."""
    stories = await api.high_level.download_user_stories()
    await _writable(api.high_level.upload_user_content(stories[0]))
    return stories


async def _single(api: Any) -> None:
    low, high = api.low_level, api.high_level
    preset = {"id": "", "type": "presets", "meta": "", "decrypted": True, "compressed": True}
    preset["data"] = {"presetVersion": 3, "name": "Mine", "model": "kayra-v1", "parameters": {"temperature": 1.25}}
    with check("objects: put makes a new one, and gives it an id"):
        compress_user_data(preset)
        made = await _writable(low.upload_objects("presets", "", preset["data"]))
        assert len(made["id"]) == 21
        assert made["type"] == "presets"
    with check("presets: one that was stored is a preset of the client's"):
        stored = await _there(high.download_user_presets())
        (found,) = extract_preset_data(stored).values()
        assert (found.name, found["temperature"]) == ("Mine", 1.25)
    with check("objects: patch changes it, and counts the change"):
        (old,) = await _there(high.download_user_presets())
        await low.upload_object("presets", old["id"], "", b64encode(b'{"name": "Ours"}').decode())
        (new,) = await high.download_user_presets()
        decompress_user_data(new)
        assert new["data"] == {"name": "Ours"}
        assert new["changeIndex"] == old["changeIndex"] + 1
    with check("objects: what is no base64 is refused with 400"):
        (old,) = await _there(high.download_user_presets())
        assert (await refused(low.upload_object("presets", old["id"], "", "?!")))[0] == 400
    with check("objects: delete gives it back, and it is gone"):
        (old,) = await _there(high.download_user_presets())
        assert await low.delete_object("presets", old["id"]) == old
        assert await high.download_user_presets() == []
        assert (await refused(low.delete_object("presets", old["id"])))[0] == 404


async def _there(call: Any) -> Any:
    """What a download gives, if what it is about could be stored before."""
    found = await call
    if not found:
        raise Missing("objects are not written yet")
    return found
