"""Work on everything that an account stores: load and check it, change, export and restore it.

`open_library` loads a `Library`, and its methods change what the account stores. These are flows and values; nothing here
reads or writes a file. Loading never fails because of one bad object. Saving reads what is stored before it writes, and
overwrites or deletes only what it was told to.

See:
    docs/protocol/content.md#23-ways-to-lose-data-and-the-order-that-avoids-them
    docs/protocol/content.md#3-objects
    docs/protocol/content.md#4-decrypted-json
    docs/protocol/content.md#9-sanity-check-of-the-existing-command-line

Each name is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..story.files.story_file import build_story_file, read_story_file
    from .candidates import Candidate, find_candidate
    from .contents import Library, Suspicion, iter_objects
    from .continue_story import ContinuedStory
    from .export import ExportedFile, export_files
    from .import_plan import FileImport, FileToImport, plan_import
    from .load import Access, KeepObject, KeystoreOpened, LoadEvent, ObjectsOpened, log_in, open_library, read_library
    from .opened_story import EditedStory, OpenedStory, drop_content, keep_whole, link_stories
    from .restore import RestoreAction, RestoredObject, RestoreStep
    from .restore_elsewhere import plan_restore_elsewhere
    from .restore_plan import plan_restore
    from .sanity_check import Finding, FindingKind, LibraryChecker, ObjectName, SanityReport, Severity, TypeCount, check
    from .save_keystore import KeystoreReplacement, SavedKeystore, save_keys
    from .save_objects import ObjectChange, SavedObject, SaveOutcome, WriteResult, write_object
else:
    from ..lazy import finder

    _HOMES = {
        ".story.files.story_file": "build_story_file read_story_file",
        "candidates": "Candidate find_candidate",
        "contents": "Library Suspicion iter_objects",
        "continue_story": "ContinuedStory",
        "export": "ExportedFile export_files",
        "import_plan": "FileImport FileToImport plan_import",
        "load": "Access KeepObject KeystoreOpened LoadEvent ObjectsOpened log_in open_library read_library",
        "opened_story": "EditedStory OpenedStory drop_content keep_whole link_stories",
        "restore": "RestoreAction RestoredObject RestoreStep",
        "restore_elsewhere": "plan_restore_elsewhere",
        "restore_plan": "plan_restore",
        "sanity_check": "Finding FindingKind LibraryChecker ObjectName SanityReport Severity TypeCount check",
        "save_keystore": "KeystoreReplacement SavedKeystore save_keys",
        "save_objects": "ObjectChange SavedObject SaveOutcome WriteResult write_object",
    }

    __getattr__ = finder(__name__, _HOMES)

    def __dir__():
        return __all__


__all__ = [
    "Access",
    "Candidate",
    "ContinuedStory",
    "EditedStory",
    "ExportedFile",
    "FileImport",
    "FileToImport",
    "Finding",
    "FindingKind",
    "KeepObject",
    "KeystoreOpened",
    "KeystoreReplacement",
    "Library",
    "LibraryChecker",
    "LoadEvent",
    "ObjectChange",
    "ObjectName",
    "ObjectsOpened",
    "OpenedStory",
    "RestoreAction",
    "RestoreStep",
    "RestoredObject",
    "SanityReport",
    "SaveOutcome",
    "SavedKeystore",
    "SavedObject",
    "Severity",
    "Suspicion",
    "TypeCount",
    "WriteResult",
    "build_story_file",
    "check",
    "drop_content",
    "export_files",
    "find_candidate",
    "iter_objects",
    "keep_whole",
    "link_stories",
    "log_in",
    "open_library",
    "plan_import",
    "plan_restore",
    "plan_restore_elsewhere",
    "read_library",
    "read_story_file",
    "save_keys",
    "write_object",
]
