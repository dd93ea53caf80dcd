"""The account, and the texts that it can have."""

from __future__ import annotations

from typing import Any

from nekoai.exceptions import AuthError

from ..checking import check, failed
from .neko import Neko


async def session(neko: Neko, client: Any) -> None:
    """All of it."""
    with check("login: with e-mail and password, at the image host"):
        async with neko.client(username=neko.email, password=neko.password) as other:
            assert (await other.get_subscription())["tier"] == 3
    for name, credentials in (
        ("password", {"username": neko.email, "password": "wrong"}),
        ("token", {"token": "pst-"}),
    ):
        with check(f"login: a wrong {name} is refused with 401"):
            other = neko.client(**credentials)
            await failed(AuthError, other.get_subscription())
            await other.close()
    with check("data: the account's parts"):
        assert {"priority", "subscription", "information"} <= set(await client.get_user_data())
    with check("text: a whole one, at the text host"):
        assert (await client.generate_text("Once upon a time", "kayra-v1", max_length=20)).strip()
    with check("text: as a stream, at the text host"):
        pieces = [each async for each in client.generate_text_stream("Once upon a time", "kayra-v1", max_length=20)]
        assert len(pieces) > 5
        assert "".join(pieces).strip()
    with check("tags: suggested ones contain what is looked for"):
        tags = await client.suggest_tags("hair")
        assert tags
        assert all("hair" in tag["tag"] for tag in tags)
