"""The files that hold the content of artifacts, in Django's storage `artifacts`.

A file is written completely, under a name of its own, before the row that names it commits. Until then a
marker in `incoming/` names it too. So a crash, a rollback or a lost race leaves at most a file that no row
names, and its marker leads the sweep to it. The sweep never lists other files: those of a database that was
restored to an earlier state stay.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import BinaryIO

from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage, storages
from django.db import transaction
from django.utils import timezone

from tickets.models.gate.local_files import SCRATCH

INCOMING = "incoming"
FOLDER = re.compile(r"\A[0-9a-f]{2}\Z")
NAME = re.compile(rf"\A[0-9a-f]{{64}}\.[0-9a-f]{{16}}(?:{re.escape(SCRATCH)})?\Z")
CRASHED = timedelta(days=1)  # after which the writer of a file that has a marker cannot be at work


def storage() -> Storage:
    return storages["artifacts"]


def write(hash: str, content: BinaryIO) -> str:
    """Write the content to a new file. Returns its name, which `settle` must be told of."""
    name = f"{hash[:2]}/{hash}.{secrets.token_hex(8)}"
    storage().save(_marker(name), ContentFile(b""))
    content.seek(0)
    return storage().save(name, File(content, name))


def replace(name: str, content: BinaryIO) -> None:
    """Write the content under a name that a row has. One at a time may do so for a name."""
    storage().delete(name)
    content.seek(0)
    storage().save(name, File(content, name))


def settle(name: str, *, kept: bool) -> None:
    """When the transaction commits, the file stays if a row names it, `kept`, and goes otherwise."""
    transaction.on_commit(lambda: _settle(name, kept), robust=True)


def discard(name: str) -> None:
    """Delete a file that no row names."""
    _settle(name, False)


def _settle(name: str, kept: bool) -> None:
    if not kept:
        storage().delete(name)
    storage().delete(_marker(name))  # last: without it nobody would look for the file


def remove_unnamed(named: Callable[[str], bool], limit: int) -> int:
    """Delete files whose writers have crashed, and which no row names. Returns how many markers it looked
    into.
    """
    markers = _listed(INCOMING)[1]
    over = timezone.now() - CRASHED
    old = [marker for marker in markers if storage().get_modified_time(f"{INCOMING}/{marker}") < over]
    for marker in old[:limit]:
        name = f"{marker[:2]}/{marker}"
        _settle(name, named(name))
    return len(old[:limit])


def names() -> Iterator[list[str]]:
    """The files of content that no writer is at work on, folder by folder. Others in the storage are not
    ours.

    Whoever then reads the rows misses none of theirs: a file loses its marker after its row has committed.
    """
    for folder in sorted(name for name in _listed("")[0] if FOLDER.match(name)):
        found = [f"{folder}/{name}" for name in _listed(folder)[1] if NAME.match(name)]
        busy = set(_listed(INCOMING)[1])
        yield [name for name in found if name.rpartition("/")[2].removesuffix(SCRATCH) not in busy]


def _listed(folder: str) -> tuple[list[str], list[str]]:
    try:
        return storage().listdir(folder)
    except (FileNotFoundError, NotADirectoryError):  # nothing was ever stored here
        return [], []


def _marker(name: str) -> str:
    return f"{INCOMING}/{name.rpartition('/')[2]}"
