"""Stories: their text and history in both formats, their lorebooks, and the context that is made of them. Facts: content.

All names are found when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .chatting import ChatContinuation
    from .config import ContextConfig, ContextKind, ContextUnit, TrimDirection
    from .context.building import build_context, context_size
    from .context.chat import chat_messages
    from .context.ephemeral import EphemeralEntry
    from .context.parts import ContextParts, ContextText
    from .context.report import Context, ContextBlock, ContextMatch, ContextRow, ContextStatus
    from .context.rules import ContextRules
    from .continuing import Continuation, continuation, model_of
    from .history import Change, History, Node
    from .lore.active import active_bans, active_biases
    from .lore.biases import StoredBans, StoredBiases
    from .lore.conditions import Outcome, Surroundings, condition_outcome, conditions_outcome
    from .lore.entries import Category, Entry
    from .lore.keys import Key, KeyMatch, KeySearch
    from .lore.lorebook import Lorebook
    from .lore.trial import EntryTrial, KeyTrial, try_lorebook
    from .sections import Kind, Origin, Section, Span
    from .settings import Settings
    from .story import Story
    from .units import characters_in, units_in
else:
    from ..lazy import finder

    _HOMES = {
        "lore.active": "active_bans active_biases",
        "lore.biases": "StoredBans StoredBiases",
        "lore.conditions": "Outcome Surroundings condition_outcome conditions_outcome",
        "context.building": "build_context context_size",
        "context.chat": "chat_messages",
        "chatting": "ChatContinuation",
        "config": "ContextConfig ContextKind ContextUnit TrimDirection",
        "context.ephemeral": "EphemeralEntry",
        "context.parts": "ContextParts ContextText",
        "context.report": "Context ContextBlock ContextMatch ContextRow ContextStatus",
        "context.rules": "ContextRules",
        "continuing": "Continuation continuation model_of",
        "lore.entries": "Category Entry",
        "history": "Change History Node",
        "lore.keys": "Key KeyMatch KeySearch",
        "lore.lorebook": "Lorebook",
        "sections": "Kind Origin Section Span",
        "settings": "Settings",
        "story": "Story",
        "lore.trial": "EntryTrial KeyTrial try_lorebook",
        "units": "characters_in units_in",
    }

    __getattr__ = finder(__name__, _HOMES)

    def __dir__():
        return sorted({*globals(), *__all__})


__all__ = [
    "Category",
    "Change",
    "ChatContinuation",
    "Context",
    "ContextBlock",
    "ContextConfig",
    "ContextKind",
    "ContextMatch",
    "ContextParts",
    "ContextRow",
    "ContextRules",
    "ContextStatus",
    "ContextText",
    "ContextUnit",
    "Continuation",
    "Entry",
    "EntryTrial",
    "EphemeralEntry",
    "History",
    "Key",
    "KeyMatch",
    "KeySearch",
    "KeyTrial",
    "Kind",
    "Lorebook",
    "Node",
    "Origin",
    "Outcome",
    "Section",
    "Settings",
    "Span",
    "StoredBans",
    "StoredBiases",
    "Story",
    "Surroundings",
    "TrimDirection",
    "active_bans",
    "active_biases",
    "build_context",
    "characters_in",
    "chat_messages",
    "condition_outcome",
    "conditions_outcome",
    "context_size",
    "continuation",
    "model_of",
    "try_lorebook",
    "units_in",
]
