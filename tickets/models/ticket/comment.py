"""Comment: what somebody wrote about a ticket. Nothing changes it later.

One that came with an import names its author as the file does: whoever that is, it is nobody of ours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import models

from agents.models import Actor, label, via
from omoi_site import limits
from omoi_site.database import sql
from tickets.models.journal_sql import ticket_events

BATCH = 1000
HERE = "SELECT ticket_id, source_id FROM tickets_comment WHERE ticket_id = ANY (%s) AND source = %s"
COUNTED = "jsonb_build_object('comments', comments, 'source', %(source)s::text)"
TELL = f"""
WITH i AS (SELECT * FROM unnest(%(tickets)s::bigint[], %(counts)s::int[]) AS i(ticket, comments)),
mine AS MATERIALIZED (SELECT k.id, i.comments FROM tickets_ticket k JOIN i ON i.ticket = k.id ORDER BY k.id FOR NO KEY UPDATE OF k),
told AS (UPDATE tickets_ticket k SET events = k.events + 1 FROM mine WHERE k.id = mine.id RETURNING k.key, k.project_id, k.events, mine.comments)
{ticket_events("told", "'ticket.commented'", data=COUNTED)}
"""


@dataclass(frozen=True)
class NewComment:
    """A comment to be, by its id where it comes from."""

    source_id: str
    body: str
    author: str = ""
    created_at: datetime | None = None


class CommentQuerySet(models.QuerySet["Comment"]):
    def import_comments(
        self, remarks: Sequence[tuple[int, NewComment]], *, source: str, known: Collection[int], by: Actor
    ) -> int:
        """Add those (ticket, remark) that are not here, in order; how many. Followers of `known` tickets,
        which were here before, are told.

        For a caller that holds the project's graph lock: two at the same time would add the same.
        """
        asked = {ticket for ticket, _ in remarks}.intersection(known)
        here = (
            {(row["ticket_id"], row["source_id"]) for row in sql.rows(HERE, [list(asked), source])}
            if asked
            else set()
        )
        fresh = [(ticket, remark) for ticket, remark in remarks if (ticket, remark.source_id) not in here]
        for place in range(0, len(fresh), BATCH):
            sql.copy_in(
                [
                    self.model(ticket_id=ticket, source=source, **vars(remark))
                    for ticket, remark in fresh[place : place + BATCH]
                ]
            )
        if counts := Counter(ticket for ticket, _ in fresh if ticket in asked):
            told = {"tickets": list(counts), "counts": list(counts.values()), "source": source}
            sql.rows(TELL, {**told, "actor": label(by), "key": via(by)})
        return len(fresh)


class Comment(models.Model):
    ticket = models.ForeignKey("tickets.Ticket", models.PROTECT, related_name="comments", db_index=False)
    author = models.CharField(max_length=200, blank=True, validators=[limits.shown])
    body = limits.text(100_000)
    source = models.CharField(max_length=20, blank=True, help_text="the format it was imported from")
    source_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(
        null=True,
        blank=True,
        validators=[limits.moment],
        help_text="when it was written, where that is known",
    )
    at = models.DateTimeField(db_default=sql.ClockTimestamp(), editable=False, help_text="when it came here")

    objects = CommentQuerySet.as_manager()

    class Meta:
        ordering = ["ticket", "id"]
        indexes = [models.Index(fields=["ticket", "id"], name="comment_in_order")]
        constraints = [
            models.UniqueConstraint(
                fields=["ticket", "source", "source_id"], condition=~models.Q(source=""), name="comment_once"
            ),
            models.CheckConstraint(
                condition=~models.Q(source="") | models.Q(source_id=""), name="comment_source"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.author or 'unnamed'}: {self.body[:60]}"
