"""Stories as the client's own handler sees them: loaded, gone on with, undone and redone."""

from __future__ import annotations

from novelai_api.StoryHandler import NovelAIStoryStorage

from ..checking import check
from .novel import Novel


async def session(novel: Novel) -> None:
    """All of it."""
    api = await novel.member()
    keystore = await api.high_level.get_keystore(novel.key)
    storage = NovelAIStoryStorage(api, keystore)
    with check("handler: it loads every story with its content"):
        loaded = await storage.load_from_remote()
        assert len(storage) == len(loaded) == 4
    with check("handler: a story is its text"):
        story = loaded[0]
        assert str(story) == "The boats came in with the tide, and nobody counted them."
    with check("handler: its model goes on with it"):
        before = str(story)
        await story.generate()
        assert str(story).startswith(before)
        assert len(str(story)) > len(before)
    with check("handler: what was told is undone and redone"):
        blocks = story.storycontent["data"]["story"]
        last = blocks["currentBlock"]
        await story.undo()
        assert blocks["currentBlock"] != last
        await story.redo()
        assert blocks["currentBlock"] == last
