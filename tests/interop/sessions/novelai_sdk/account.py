"""The account, its Anlas, and who is let in."""

from __future__ import annotations

from typing import Any

from novelai.exceptions import AuthenticationError
from novelai.types import SuggestTagsParams

from ..checking import check, raised
from .client import client


def session(novel: Any) -> None:
    """All of it."""
    with check("subscription: it is what the client's model wants"):
        subscription = novel.user.get_subscription()
        assert (subscription.tier_name, subscription.active, subscription.is_opus) == ("Opus", True, True)
        assert subscription.anlas == novel.user.get_anlas() == 10000
    with check("token: one that is none is refused with 401"), client(api_key="pst-made-up") as stranger:
        raised(AuthenticationError, stranger.user.get_subscription)
    with check("tags: suggested ones contain what is looked for"):
        tags = novel.image.suggest_tags(SuggestTagsParams(prompt="hair"))
        assert tags
        assert all("hair" in tag.tag and tag.count <= 10000 for tag in tags)
    with check("tags: Japanese ones have an English one each"):
        tags = novel.image.suggest_tags_jp(SuggestTagsParams(prompt="猫"))
        assert {tag.en_tag for tag in tags} == {"cat", "cat ears"}
