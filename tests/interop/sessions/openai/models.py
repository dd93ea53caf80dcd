"""Models: listed, gone through, and what is not part of this API."""

from __future__ import annotations

import openai

from ..checking import check, emulator, raised
from .client import MODEL, client


def session() -> None:
    """All of it."""
    ready = emulator()
    with client() as api:
        with check("models: the list is a page without a next one"):
            page = api.models.list()
            assert MODEL in [model.id for model in page.data]
            assert not page.has_next_page()
        with check("models: they can be gone through"):
            assert [model.owned_by for model in api.models.list()] == ["novelai"] * len(page.data)
        with check("models: a single one is not part of this API, and 404"):
            error = raised(openai.NotFoundError, lambda: api.models.retrieve(MODEL))
            assert error.status_code == 404
            assert "/oa/v1/models" in str(error)
    with check("address: a slash at its end makes no difference"), client(base_url=ready["url"] + "/oa/v1/") as api:
        assert [*api.models.list()] == page.data
    with check("address: who forgets /v1 is told so"), client(base_url=ready["url"] + "/oa") as api:
        assert "/oa/v1/models" in str(raised(openai.NotFoundError, lambda: api.models.list()))
