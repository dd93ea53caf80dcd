"""Select the biases and bans of a story that are in force.

See docs/protocol/content.md#88-biases.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

from ...arguments import CONTAINER, FUNCTION, check_type, list_items
from ...text.phrases import BanList, BiasGroup
from .biases import StoredBans, StoredBiases, list_case_variants
from .lorebook import Lorebook

__all__ = ["select_bans", "select_biases"]


def select_bans(
    groups: Iterable[StoredBans], expand: Callable[[str], Iterable[str]] = list_case_variants
) -> tuple[BanList, ...]:
    """Return the bans of a story that are in force: all that are enabled.

    `nai_proto.text.GlobalSettings` adds the ban of brackets.

    Args:
        groups: the story's ``bannedSequenceGroups``.
        expand: returns what a plain text stands for.
    """
    groups = list_items(groups, StoredBans, "groups", "a list of StoredBans")
    FUNCTION.check(expand, "expand")
    return tuple(group.to_ban_list(expand) for group in groups if group.enabled)


def select_biases(
    groups: Iterable[StoredBiases],
    lorebook: Lorebook,
    active: Collection[int],
    expand: Callable[[str], Iterable[str]] = list_case_variants,
) -> tuple[BiasGroup, ...]:
    """Return the biases that are in force: those of the story, then those of its entries, then those of its categories.

    A group of an entry is in force while the entry is active. A group with `StoredBiases.when_inactive` is in force while
    the entry is enabled and not active. The same holds for a category, which is active while any of its entries is.

    Args:
        groups: the story's ``phraseBiasGroups``.
        lorebook: of the story.
        active: the indices of the active entries in `Lorebook.entries`; ids would not do, because an entry may have none.
        expand: returns what a plain text stands for.
    """
    groups = list_items(groups, StoredBiases, "groups", "a list of StoredBiases")
    check_type(lorebook, Lorebook, "lorebook", "a Lorebook")
    CONTAINER.check(active, "active", "a set of indices")
    FUNCTION.check(expand, "expand")
    disabled = lorebook.disabled_categories
    selected = list(groups)
    for index, entry in enumerate(lorebook.entries):
        if entry.enabled and entry.category not in disabled:
            selected += _select_groups(entry.lore_bias_groups, index in active)
    active_categories = {entry.category for index, entry in enumerate(lorebook.entries) if index in active} - {""}
    for category in lorebook.categories:
        if category.enabled:
            selected += _select_groups(category.category_bias_groups, category.id in active_categories)
    return tuple(group.to_group(expand) for group in selected if group.enabled)


def _select_groups(groups: Iterable[StoredBiases], active: bool) -> Iterator[StoredBiases]:
    """Yield the groups of an entry or a category that is active, or is not."""
    return (group for group in groups if group.when_inactive is not active)
