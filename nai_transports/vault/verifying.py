"""Reading a whole vault back from the disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from .ledger import Ledger
from .shelf import Shelf, digest_of
from .store import NAME, Store
from .values import Report

__all__ = ["verify"]

_COUNTED: Final = ("objects", "versions")


def verify(store: Store, ledger: Ledger, shelf: Shelf) -> Report:
    """Looks at everything: the SQLite file as such, each content in it, and each file beside it."""
    problems = store.problems()
    if problems:  # nothing that it says would mean anything
        return Report(0, 0, 0, tuple(problems))
    objects, versions = (store.value(f"SELECT count(*) FROM {table}") for table in _COUNTED)
    files = dict(ledger.files())
    wrong = (*_wrong_contents(ledger), *_wrong_files(files, ledger, shelf))
    return Report(objects, versions, len(files), wrong)


def _wrong_contents(ledger: Ledger) -> Iterator[str]:
    for digest, table, content in ledger.contents():
        if digest_of(content) != digest:
            yield f"{NAME}: {table}: {digest.hex()[:12]} is not what was backed up"


def _wrong_files(files: Mapping[str, bytes], ledger: Ledger, shelf: Shelf) -> Iterator[str]:
    for name, digest in files.items():
        found = shelf.digest(name)
        if found == digest:
            continue
        if ledger.interrupted and (found is None or ledger.content(found) is not None):
            yield f"{name} is not written yet: the last backup was interrupted; back up again"
        else:
            yield f"{name} is {'not there' if found is None else 'not what was backed up'}"
