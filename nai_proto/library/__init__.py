"""What people do with an account's contents in one go: open all of it, check it, change it, give it back.

All of it is flows and values; nothing here touches a file. Reading never fails for one bad item, writing reads first,
and nothing is overwritten or removed that was not named.

See:
    docs/protocol/content.md#23-ways-to-lose-data-and-the-order-that-avoids-them
    docs/protocol/content.md#3-objects
    docs/protocol/content.md#4-decrypted-json
    docs/protocol/content.md#9-sanity-check-of-the-existing-command-line
"""

from __future__ import annotations

from ..story.files.story_file import read_story_file, story_file
from .access import Access, log_in
from .checking import Finding, FindingKind, ObjectName, Report, Severity, TypeCount, check
from .continuing import Continued, continue_story, save_story
from .exporting import ExportedFile, exported
from .keys import KeysSaved, ReplacingKeystore, save_keys
from .opening import KeystoreOpened, LibraryEvent, OpeningEvent, open_library, read_library
from .restoring import Action, Restored, Step, plan_restore, restore
from .stories import create_story, delete_story
from .values import Library, Story, Suspicion, link
from .writing import Change, Outcome, Saved, Written, save_objects, write_object

__all__ = [
    "Access",
    "Action",
    "Change",
    "Continued",
    "ExportedFile",
    "Finding",
    "FindingKind",
    "KeysSaved",
    "KeystoreOpened",
    "Library",
    "LibraryEvent",
    "ObjectName",
    "OpeningEvent",
    "Outcome",
    "ReplacingKeystore",
    "Report",
    "Restored",
    "Saved",
    "Severity",
    "Step",
    "Story",
    "Suspicion",
    "TypeCount",
    "Written",
    "check",
    "continue_story",
    "create_story",
    "delete_story",
    "exported",
    "link",
    "log_in",
    "open_library",
    "plan_restore",
    "read_library",
    "read_story_file",
    "restore",
    "save_keys",
    "save_objects",
    "save_story",
    "story_file",
    "write_object",
]
