"""Explain which lorebook entries the model sees, and why the others are left out.

The context is the one that the editor would send next: with the story's text, memory
and Author's Note, in the tokens of its model. Nothing is generated and nothing is
saved. Run it with NAI_EMAIL and NAI_PASSWORD set::

    python lorebook_explainer.py "The Quiet Harbour"
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

import nai_proto as nai
from nai_proto.tokenizers import Tokenizer
from nai_transports.clients import Client as AnyClient
from nai_transports.sync import Client
from nai_transports.tokenizer_files import load

LORE = nai.story.ContextKind.LORE


def open_story(
    client: AnyClient, email: str, password: str, title: str
) -> tuple[nai.story.Story, nai.Tier]:
    """Log in and return a story and the account's tier.

    The title may be an id, or the beginning of either.

    Raises:
        nai.UnknownNameError: there is no such story; the message has the nearest title.
    """
    library = client.run(nai.library.open_library(email, password))
    subscription = client.run(
        nai.account.get_subscription().with_options(token=library.token)
    )
    return library.find(title).edit(), subscription.tier


def explain(
    story: nai.story.Story,
    tier: nai.Tier,
    find_tokenizer: Callable[[nai.Model], Tokenizer],
) -> Iterator[str]:
    """Yield a line for the context and each entry, first those that the model sees."""
    tokenizer = find_tokenizer(nai.story.resolve_model(story))
    context = nai.story.build_continuation(
        story, tokenizer=tokenizer, tier=tier
    ).context
    state = (
        "full: something had to be left out" if context.full else "everything has room"
    )
    yield f"{len(context.tokens)} of {context.size} tokens, {state}"
    entries = [row for row in context.rows if row.kind is LORE]
    for row in sorted(entries, key=lambda row: not row.included):
        yield f"{'+' if row.included else '-'} {row.name}: {explain_row(row)}"


def explain_row(row: nai.story.ContextRow) -> str:
    """Return in one line why an entry is in the context or not, and how much of it."""
    parts = [row.reason]
    if row.match is not None:
        key, where = row.match.key, row.match.where
        parts.append(
            f"the key {key!r} is in the {where}, at character {row.match.start}"
        )
    if row.included:
        parts.append(f"{row.tokens} tokens")
    if row.dropped:
        parts.append(f"{row.dropped} characters were cut off")
    return "; ".join(parts)


def main() -> None:
    """Explain the story that the command line names."""
    with Client() as client:
        story, tier = open_story(
            client, os.environ["NAI_EMAIL"], os.environ["NAI_PASSWORD"], sys.argv[1]
        )
    for line in explain(story, tier, load):
        print(line)


if __name__ == "__main__":
    main()
