"""Blob: the content of artifacts, stored once under its hash: in a file of the storage, or in chunks here."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from django.conf import settings
from django.db import connection, models, transaction

from omoi_site.database import sql
from omoi_site.database.privileges import INSERT_ONLY
from omoi_site.errors import OmoiError, TooLarge
from tickets.models.gate import content_storage

CHUNK = 1 << 20
LARGEST = 100 << 20
STORE = """
INSERT INTO tickets_blob (hash, size, location)
VALUES (%s, %s, %s)
ON CONFLICT DO NOTHING
RETURNING hash
"""
WAIT_FOR_STORAGE = "SET LOCAL idle_in_transaction_session_timeout = '10min'"
REPAIR_ALONE = "SELECT pg_advisory_xact_lock(hashtextextended('content ' || %s, 0))"

log = logging.getLogger(__name__)


class Damaged(OmoiError):
    """The stored content is not the one that its hash names. No check may read it."""

    code = "content_damaged"
    status = 500
    title = "The content is damaged"
    next_action = (
        "Submit the same file again: that repairs it. `manage.py artifacts verify` checks all content."
    )


class Missing(Damaged):
    """Nothing is stored where the content should be."""


class BlobQuerySet(models.QuerySet["Blob"]):
    def write(self, content: BinaryIO) -> Blob:
        """The blob of this content, with its file written if it is new, and repaired if it is damaged. It
        counts once it is kept; a file that is not goes by `discard` or a sweep. Raises TooLarge.

        Best called before the transaction: a storage far away may be slow.
        """
        blob = self.model.of(content)
        if settings.ARTIFACTS_IN_DATABASE:
            return blob
        if connection.in_atomic_block:
            sql.rows(WAIT_FOR_STORAGE)
        if stored := self.filter(pk=blob.hash).first():
            stored.repair(content)
        else:
            blob.location = content_storage.write(blob.hash, content)
        return blob

    def keep(self, blob: Blob, content: BinaryIO) -> None:
        """Store the row, in the transaction of the rows that refer to it, unless this content is stored
        already.
        """
        # of two transactions with the same content, one stores it and the other waits
        stored = sql.one(STORE, [blob.hash, blob.size, blob.location])
        if blob.location:
            content_storage.settle(blob.location, kept=bool(stored))
        elif stored:
            for number, data in enumerate(_chunks(content)):
                Chunk.objects.create(blob_id=blob.hash, number=number, data=data)
        elif settings.ARTIFACTS_IN_DATABASE:  # else `write` has looked
            self.get(pk=blob.hash).repair(content)

    def discard(self, blobs: Iterable[Blob]) -> None:
        """Delete the files of blobs that were not kept."""
        for blob in blobs:
            if blob.location:
                content_storage.discard(blob.location)

    def remove_unnamed(self, limit: int = 1_000) -> int:
        """Delete a batch of files that a crash has left; returns how many of them were looked at."""
        return content_storage.remove_unnamed(lambda name: self.filter(location=name).exists(), limit)


class Blob(models.Model):
    application_privileges = INSERT_ONLY

    hash = models.CharField(max_length=64, primary_key=True, help_text="SHA-256, hex")
    size = models.BigIntegerField(help_text="bytes")
    location = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text="the name of its file in the storage; empty: its chunks are in the database",
    )

    objects = BlobQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.hash[:12]} ({self.size} bytes)"

    @classmethod
    def of(cls, content: BinaryIO) -> Blob:
        """The row for this content, not saved. Raises TooLarge."""
        hash, size = hashlib.sha256(), 0
        for data in _chunks(content):
            hash.update(data)
            size += len(data)
            if size > LARGEST:
                raise TooLarge(f"an artifact may have at most {LARGEST >> 20} MiB", limit_bytes=LARGEST)
        return cls(hash=hash.hexdigest(), size=size)

    def pieces(self) -> Iterator[bytes]:
        """The content, piece by piece. If it is not what the hash says, raises Damaged instead of the last
        one: the database compares only hashes.
        """
        hash, last = hashlib.sha256(), b""
        for data in self._stored():
            if last:
                yield last
            last = data
            hash.update(last)
        if hash.hexdigest() != self.hash:
            raise Damaged(f"the content of {self.hash} is not what was submitted under this hash")
        if last:
            yield last

    def repair(self, content: BinaryIO) -> None:
        """Write the file again if it is missing, damaged or unreadable. `content` must have this hash.

        A process that is killed meanwhile leaves it missing or as it was.
        """
        if not self.location or self._intact():  # rows of chunks never change
            return
        with transaction.atomic():
            sql.rows(WAIT_FOR_STORAGE)
            sql.rows(REPAIR_ALONE, [self.hash])
            if not self._intact():  # nobody else has repaired it meanwhile
                content_storage.replace(self.location, content)
                log.warning(
                    "the file of %s was missing, damaged or unreadable; an upload has repaired it", self.hash
                )

    def _intact(self) -> bool:
        try:
            return sum(map(len, self.pieces())) == self.size
        except (Damaged, OSError):  # also a disk that cannot read this one file
            return False

    def head(self, most: int) -> bytes:
        """The first bytes. All of the content is read, to check it. Raises Damaged."""
        head = bytearray()
        for piece in self.pieces():
            head += piece[: most - len(head)]
        return bytes(head)

    def _stored(self) -> Iterator[bytes]:
        """What is stored, without a check."""
        if not self.location:
            for number in range(-(-self.size // CHUNK)):
                chunk = self.chunks.filter(number=number).first()
                if chunk is None:
                    raise Missing(f"a part of {self.hash} is missing in the database")
                yield bytes(chunk.data)
            return
        try:
            with content_storage.storage().open(self.location) as file:
                yield from file.chunks(CHUNK)
        except FileNotFoundError:
            raise Missing(f"the file of {self.hash} is missing in the storage of artifacts") from None


class Chunk(models.Model):
    application_privileges = INSERT_ONLY

    blob = models.ForeignKey(Blob, models.PROTECT, related_name="chunks", db_index=False)
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["blob", "number"], name="chunk_once")]

    def __str__(self) -> str:
        return f"{self.blob_id[:12]} {self.number}"


def _chunks(content: BinaryIO) -> Iterator[bytes]:
    content.seek(0)  # a repeated transaction reads it again
    yield from iter(lambda: content.read(CHUNK), b"")
