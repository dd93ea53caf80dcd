"""Modules that are trained: begun, listed, read, paid for, deleted."""

from __future__ import annotations

from base64 import b64encode

from ..checking import check
from .novel import Novel, refused
from .tools import anlas


async def session(novel: Novel) -> None:
    """All of it."""
    api = await novel.member()
    low = api.low_level
    texts = b64encode(b"The sea was calm. " * 40).decode()
    with check("modules: none are trained at first"):
        assert await low.get_trained_modules() == []
    with check("modules: training begins, by the client's schema, and costs its steps"):
        before = await anlas(api)
        # the client takes whole numbers only for the rate
        made = await low.train_module(texts, 1, 60, "Sea", "Tales of the sea")
        assert (made["name"], made["description"], made["steps"]) == ("Sea", "Tales of the sea", 60)
        assert made["status"] in ("pending", "training")
        assert before - await anlas(api) == 60
    with check("modules: one by its id is the one of the list"):
        (listed,) = await low.get_trained_modules()
        assert listed["id"] == made["id"] == (await low.get_trained_module(made["id"]))["id"]
    with check("modules: delete gives it back, and it is gone"):
        assert (await low.delete_module(made["id"]))["id"] == made["id"]
        assert await low.get_trained_modules() == []
        assert (await refused(low.get_trained_module(made["id"])))[0] == 404
    with check("modules: steps are bought"):
        before = await anlas(api)
        await low.buy_steps(2000)
        assert await anlas(api) - before == 2000
