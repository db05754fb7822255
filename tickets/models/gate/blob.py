"""Blob: the content of artifacts, stored once under its hash, in chunks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import BinaryIO

from django.db import models

from omoi_site.database import sql
from omoi_site.database.privileges import INSERT_ONLY
from omoi_site.errors import OmoiError, TooLarge

CHUNK = 1 << 20
LARGEST = 100 << 20


class Damaged(OmoiError):
    """The stored content is not the one that its hash names. No check may read it."""

    code = "content_damaged"
    status = 500
    title = "The content is damaged"


class BlobQuerySet(models.QuerySet["Blob"]):
    def store(self, content: BinaryIO) -> Blob:
        """Store the content in chunks, unless it is already stored. Raises TooLarge."""
        blob = self.model.of(content)
        # of two transactions with the same content, one stores it and the other waits
        stored = sql.one(
            "INSERT INTO tickets_blob (hash, size) VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING hash",
            [blob.hash, blob.size],
        )
        if stored:
            for number, data in enumerate(_chunks(content)):
                Chunk.objects.create(blob_id=blob.hash, number=number, data=data)
        return blob


class Blob(models.Model):
    application_privileges = INSERT_ONLY

    hash = models.CharField(max_length=64, primary_key=True, help_text="SHA-256, hex")
    size = models.BigIntegerField(help_text="bytes")

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
        """The content, chunk by chunk. If it is not what the hash says, raises Damaged instead of the last
        one: the database compares only hashes.
        """
        hash, last = hashlib.sha256(), b""
        for number in range(-(-self.size // CHUNK)):
            if last:
                yield last
            last = bytes(self.chunks.get(number=number).data)
            hash.update(last)
        if hash.hexdigest() != self.hash:
            raise Damaged(f"the content of {self.hash} is not what was submitted under this hash")
        if last:
            yield last

    def head(self, most: int) -> bytes:
        """The first bytes. All of the content is read, to check it. Raises Damaged."""
        head = bytearray()
        for piece in self.pieces():
            head += piece[: most - len(head)]
        return bytes(head)


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
