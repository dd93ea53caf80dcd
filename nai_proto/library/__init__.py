"""What people do with an account's contents in one go: open all of it, check it, change it, give it back.

All of it is flows and values; nothing here touches a file. Reading never fails for one bad item, writing reads first,
and nothing is overwritten or removed that was not named. Facts: content §2.3, §3, §4, §9; DESIGN §6.
"""

from __future__ import annotations

from .access import Access, log_in
from .checking import Finding, FindingKind, ObjectName, Report, Severity, TypeCount, check
from .exporting import ExportedFile, exported
from .opening import KeystoreOpened, LibraryEvent, OpeningEvent, open_library, read_library
from .story_file import read_story_file, story_file
from .values import Library, Story, Suspicion, link

__all__ = [
    "Access",
    "ExportedFile",
    "Finding",
    "FindingKind",
    "KeystoreOpened",
    "Library",
    "LibraryEvent",
    "ObjectName",
    "OpeningEvent",
    "Report",
    "Severity",
    "Story",
    "Suspicion",
    "TypeCount",
    "check",
    "exported",
    "link",
    "log_in",
    "open_library",
    "read_library",
    "read_story_file",
    "story_file",
]
