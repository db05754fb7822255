"""Awaited: an imported relation whose other end is not imported yet.

It blocks nothing; a later import of the other end completes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.db import models

from omoi_site.database import sql

CLOSING = """
SELECT a.id, a.kind, k.source_id AS from_id, a.source_id AS to_id
FROM tickets_awaited a
JOIN tickets_ticket k ON k.id = a.ticket_id
WHERE a.source_id = ANY (%s)
  AND k.project_id = %s
  AND k.source = %s
ORDER BY a.id
"""
KEEP = """
INSERT INTO tickets_awaited (ticket_id, kind, source_id)
SELECT * FROM unnest(%s::bigint[], %s::varchar[], %s::varchar[])
ON CONFLICT DO NOTHING
"""


class Relation(NamedTuple):
    """An edge with the names of the source."""

    kind: str
    from_id: str
    to_id: str


class AwaitedQuerySet(models.QuerySet["Awaited"]):
    @staticmethod
    def closing(ids: Iterable[str], *, project: int, source: str) -> dict[Relation, int]:
        """The relations that wait for one of these ids, with the id of their row.

        The caller holds the project's graph lock.
        """
        rows = sql.rows(CLOSING, [list(ids), project, source])
        return {Relation(row["kind"], row["from_id"], row["to_id"]): row["id"] for row in rows}

    @staticmethod
    def store(edges: Sequence[tuple[int, str, str]]) -> None:
        """Store (ticket, kind, awaited id) until the other end is imported; existing ones are not changed."""
        if edges:
            sql.rows(KEEP, [list(column) for column in zip(*edges, strict=True)])


class Awaited(models.Model):
    ticket = models.ForeignKey("tickets.Ticket", models.CASCADE, related_name="awaits", db_index=False)
    kind = models.CharField(max_length=40)
    source_id = models.CharField(max_length=200)

    objects = AwaitedQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["ticket", "kind", "source_id"], name="awaited_once")]
        indexes = [models.Index(fields=["source_id"], name="awaited_id")]

    def __str__(self) -> str:
        return f"{self.ticket_id} {self.kind} {self.source_id}"
