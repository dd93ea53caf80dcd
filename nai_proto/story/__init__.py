"""Stories: their text and history in both formats, their lorebooks, and the contexts that are built from them.

Each name is imported when it is first used. See docs/protocol/content.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .chat_continuation import ChatContinuation
    from .context.build import build_chat_messages, build_context, context_size
    from .context.candidates import ContextMatch, ContextStatus
    from .context.ephemeral import EphemeralEntry
    from .context.parts import ContextParts, ContextRules, ContextText
    from .context.report import Context, ContextBlock, ContextRow
    from .context_config import ContextConfig, ContextKind, ContextUnit, TrimDirection
    from .continuation import Continuation, build_continuation, resolve_model
    from .continuation_options import ContinuationOptions
    from .history import History, HistoryChange, Node
    from .lore.active_biases import select_bans, select_biases
    from .lore.biases import StoredBans, StoredBiases
    from .lore.conditions import ConditionInputs, ConditionOutcome, evaluate_condition, evaluate_conditions
    from .lore.entries import Category, Entry
    from .lore.key_matching import Key, KeySearch
    from .lore.key_trial import EntryTrial, KeyTrial, try_lorebook
    from .lore.lorebook import Lorebook
    from .lore.merge import merge_lorebooks
    from .lore.search_text import KeyMatch
    from .sections import Origin, OriginSpan, Section, SectionKind
    from .service_counts import build_counted_continuation
    from .story import Story
    from .story_settings import StorySettings
    from .utf16 import count_characters, count_units
else:
    from ..lazy import finder

    _HOMES = {
        "lore.active_biases": "select_bans select_biases",
        "lore.biases": "StoredBans StoredBiases",
        "lore.conditions": "ConditionInputs ConditionOutcome evaluate_condition evaluate_conditions",
        "context.build": "build_chat_messages build_context context_size",
        "context.candidates": "ContextMatch ContextStatus",
        "chat_continuation": "ChatContinuation",
        "context_config": "ContextConfig ContextKind ContextUnit TrimDirection",
        "context.ephemeral": "EphemeralEntry",
        "context.parts": "ContextParts ContextRules ContextText",
        "context.report": "Context ContextBlock ContextRow",
        "continuation": "Continuation build_continuation resolve_model",
        "continuation_options": "ContinuationOptions",
        "lore.entries": "Category Entry",
        "history": "HistoryChange History Node",
        "lore.key_matching": "Key KeySearch",
        "lore.lorebook": "Lorebook",
        "lore.merge": "merge_lorebooks",
        "lore.search_text": "KeyMatch",
        "service_counts": "build_counted_continuation",
        "sections": "SectionKind Origin Section OriginSpan",
        "story_settings": "StorySettings",
        "story": "Story",
        "lore.key_trial": "EntryTrial KeyTrial try_lorebook",
        "utf16": "count_characters count_units",
    }

    __getattr__ = finder(__name__, _HOMES)

    def __dir__():
        return __all__


__all__ = [
    "Category",
    "ChatContinuation",
    "ConditionInputs",
    "ConditionOutcome",
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
    "ContinuationOptions",
    "Entry",
    "EntryTrial",
    "EphemeralEntry",
    "History",
    "HistoryChange",
    "Key",
    "KeyMatch",
    "KeySearch",
    "KeyTrial",
    "Lorebook",
    "Node",
    "Origin",
    "OriginSpan",
    "Section",
    "SectionKind",
    "StoredBans",
    "StoredBiases",
    "Story",
    "StorySettings",
    "TrimDirection",
    "build_chat_messages",
    "build_context",
    "build_continuation",
    "build_counted_continuation",
    "context_size",
    "count_characters",
    "count_units",
    "evaluate_condition",
    "evaluate_conditions",
    "merge_lorebooks",
    "resolve_model",
    "select_bans",
    "select_biases",
    "try_lorebook",
]
