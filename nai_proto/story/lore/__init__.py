"""Lorebooks: their entries with keys, conditions and biases.

See:
    docs/protocol/content.md#46-lorebook
    docs/protocol/content.md#47-bias-and-ban-groups
    docs/protocol/content.md#82-which-entries-take-part
"""
