"""Which biases and bans of a story count.

See docs/protocol/content.md#88-biases.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

from ...arguments import CONTAINER, FUNCTION, check_type, list_items
from ...text.phrases import BanList, BiasGroup
from .biases import StoredBans, StoredBiases, variants
from .lorebook import Lorebook

__all__ = ["active_bans", "active_biases"]


def active_bans(groups: Iterable[StoredBans], spread: Callable[[str], Iterable[str]] = variants) -> tuple[BanList, ...]:
    """The story's bans that count: all that are on. Bans of brackets are added by `nai_proto.text.GlobalSettings`."""
    groups = list_items(groups, StoredBans, "groups", "a list of StoredBans")
    FUNCTION.check(spread, "spread")
    return tuple(group.bans(spread) for group in groups if group.enabled)


def active_biases(
    groups: Iterable[StoredBiases],
    lorebook: Lorebook,
    active: Collection[str],
    spread: Callable[[str], Iterable[str]] = variants,
) -> tuple[BiasGroup, ...]:
    """The biases that count: those of the story, then those of the entries, then those of the categories.

    An entry's groups count while it is active, or those with `StoredBiases.when_inactive` while it is on and not active;
    likewise those of a category, which is active while any of its entries is.

    Args:
        groups: the story's ``phraseBiasGroups``.
        lorebook: the story's.
        active: the ids of the active entries.
        spread: what a plain text stands for.
    """
    groups = list_items(groups, StoredBiases, "groups", "a list of StoredBiases")
    check_type(lorebook, Lorebook, "lorebook", "a Lorebook")
    CONTAINER.check(active, "active", "a set of ids")
    FUNCTION.check(spread, "spread")
    off = {category.id for category in lorebook.categories if not category.enabled}
    found = list(groups)
    for entry in lorebook.entries:
        if entry.enabled and entry.category not in off:
            found += _of_one(entry.lore_bias_groups, entry.id in active)
    stirred = {entry.category for entry in lorebook.entries if entry.id in active}
    for category in lorebook.categories:
        if category.enabled:
            found += _of_one(category.category_bias_groups, category.id in stirred)
    return tuple(group.group(spread) for group in found if group.enabled)


def _of_one(groups: Iterable[StoredBiases], active: bool) -> Iterator[StoredBiases]:
    return (group for group in groups if group.when_inactive is not active)
