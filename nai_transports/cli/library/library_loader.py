"""Load the account's library for a command, and find one story in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from nai_proto.errors import InvalidRequestError
from nai_proto.library import Library, OpenedStory, open_library
from nai_proto.objects import TYPES

from ..common.credentials import build_session, get_credentials, open_client
from ..common.output import escape_line, show_progress

__all__ = ["STORY_TYPES", "find_story", "load_library"]

STORY_TYPES: Final = ("stories", "storycontent")
"""The types of objects that a story consists of."""


def load_library(
    url: str | None, email: str | None, unsafe_password: str | None, *, types: Sequence[str] = TYPES
) -> Library:
    """Log in, and return the account's library; show the progress on stderr.

    Args:
        url: as for `nai_transports.cli.common.credentials.build_session`.
        email, unsafe_password: as for `nai_transports.cli.common.credentials.get_credentials`.
        types: the types of objects to load.

    Raises:
        InvalidRequestError: the address is not valid, or there is no e-mail or no password.
        NaiError: logging in failed, the keystore does not open, or stories cannot be listed.
    """
    login = get_credentials(email, unsafe_password)
    flow = open_library(login.email, login.password, types=types)
    with (
        open_client(build_session(url)) as client,
        show_progress("logging in") as progress,
        client.stream(flow) as stream,
    ):
        for event in stream:
            progress.show_event(event)
        return stream.result


def find_story(stories: Iterable[OpenedStory], name: str) -> OpenedStory:
    """Return the story with this id or meta; else the one with this title; else one whose title differs in case only.

    Raises:
        InvalidRequestError: no story matches, or more than one does.
    """
    candidates = list(stories)
    for matches in (_has_id, _has_title, _has_similar_title):
        matching = [story for story in candidates if matches(story, name)]
        if len(matching) == 1:
            return matching[0]
        if matching:
            ids = ", ".join(escape_line(story.card.stored.id) for story in matching)
            raise InvalidRequestError(
                f"{len(matching)} stories are called {escape_line(name)!r}; give one of the ids {ids}"
            )
    raise InvalidRequestError(f"no story has the title or id {escape_line(name)!r}; nai library list shows all stories")


def _has_id(story: OpenedStory, name: str) -> bool:
    ids = (story.card.stored.id, story.card.stored.meta, story.content and story.content.stored.id)
    return bool(name) and name in ids


def _has_title(story: OpenedStory, name: str) -> bool:
    return story.card.ok and story.title == name


def _has_similar_title(story: OpenedStory, name: str) -> bool:
    return story.card.ok and story.title.casefold().strip() == name.casefold().strip()
