"""Whether all content is stored as its hash says, and which files of content belong to no artifact."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from django.utils import timezone

from tickets.models.gate import content_storage
from tickets.models.gate.artifact import Artifact
from tickets.models.gate.blob import Blob, Damaged, Missing

PAGE = 500
NEWEST = 100  # files that a quick look asks for
SHOWN = 20  # artifacts named with a fault


def read_all() -> Iterator[tuple[Blob, str, str]]:
    """Read all content. Each with its state, `ok`, `missing`, `damaged` or `unreadable`, and the reason."""
    last = ""
    while page := list(Blob.objects.filter(pk__gt=last).order_by("pk")[:PAGE]):  # no transaction for hours
        for blob in page:
            yield blob, *_state(blob)
        last = page[-1].pk


def artifacts_of(blob: Blob) -> list[Artifact]:
    """Some artifacts with this content, the newest first."""
    return list(Artifact.objects.filter(blob=blob).select_related("ticket").order_by("-pk")[:SHOWN])


def unreferenced() -> Iterator[str]:
    """The names of files of content that no artifact has. Raises NotImplementedError if the storage cannot
    list its files.
    """
    for folder in content_storage.names():
        for at in range(0, len(folder), PAGE):
            names = folder[at : at + PAGE]
            hashes = {name.rpartition("/")[2][:64] for name in names}
            named = set(Blob.objects.filter(pk__in=hashes).values_list("location", flat=True))
            yield from (name for name in names if name not in named)


def remove_unreferenced(names: Iterable[str]) -> int:
    """Delete those of these files that are older than a day, and that still no artifact has. Returns how
    many.
    """
    removed = 0
    for name in names:
        if old(name) and not Blob.objects.filter(location=name).exists():
            content_storage.storage().delete(name)
            removed += 1
    return removed


def old(name: str) -> bool:
    """Whether the file is older than a day. One that is gone is not."""
    try:
        written = content_storage.storage().get_modified_time(name)
    except FileNotFoundError:
        return False
    return written < timezone.now() - content_storage.CRASHED


def look(seconds: float) -> tuple[int, int]:
    """A quick look at the newest files: how many were looked at, and how many of them are missing or have
    another size.
    """
    until, wrong, looked = time.monotonic() + seconds, 0, 0
    newest = Artifact.objects.exclude(blob__location="").order_by("-pk")
    for name, size in dict(newest.values_list("blob__location", "blob__size")[:NEWEST]).items():
        if time.monotonic() > until:
            break
        looked += 1
        wrong += not content_storage.storage().exists(name) or content_storage.storage().size(name) != size
    return looked, wrong


def _state(blob: Blob) -> tuple[str, str]:
    try:
        for _ in blob.pieces():
            pass
    except Missing as fault:
        return "missing", fault.message
    except Damaged as fault:
        return "damaged", fault.message
    except Exception as error:  # each storage has its own exceptions; the next file may be readable
        return "unreadable", f"{type(error).__name__}: {error}"
    return "ok", ""
