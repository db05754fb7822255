"""Comment: a text about a ticket. It never changes.

The author of an imported comment is a text from the file, not a user or agent of this installation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import models

from agents.models import Actor, label, via
from omoi_site import field_limits
from omoi_site.database import sql
from omoi_site.database.privileges import INSERT_ONLY
from tickets.models.journal_sql import ticket_events

BATCH = 1000
EXISTING = "SELECT ticket_id, source_id FROM tickets_comment WHERE ticket_id = ANY (%s) AND source = %s"
COUNTED = "jsonb_build_object('comments', comments, 'source', %(source)s::text)"
COUNT = sql.statement(
    __file__, "count_comments", journal=ticket_events("counted", "'ticket.commented'", data=COUNTED)
)


@dataclass(frozen=True)
class NewComment:
    """A comment to import, with its id in the source."""

    source_id: str
    body: str
    author: str = ""
    created_at: datetime | None = None


class CommentQuerySet(models.QuerySet["Comment"]):
    def import_comments(
        self, comments: Sequence[tuple[int, NewComment]], *, source: str, existing: Collection[int], by: Actor
    ) -> int:
        """Add those (ticket, comment) pairs that do not exist yet, in order. Returns how many. `existing`
        tickets get an event.

        The caller holds the project's graph lock: two parallel calls would add the same comments.
        """
        commented = {ticket for ticket, _ in comments}.intersection(existing)
        stored = (
            {(row["ticket_id"], row["source_id"]) for row in sql.rows(EXISTING, [list(commented), source])}
            if commented
            else set()
        )
        new = [(ticket, comment) for ticket, comment in comments if (ticket, comment.source_id) not in stored]
        for start in range(0, len(new), BATCH):
            sql.copy_in(
                [
                    self.model(ticket_id=ticket, source=source, **vars(comment))
                    for ticket, comment in new[start : start + BATCH]
                ]
            )
        if counts := Counter(ticket for ticket, _ in new if ticket in commented):
            params = {"tickets": list(counts), "counts": list(counts.values()), "source": source}
            sql.rows(COUNT, {**params, "actor": label(by), "key": via(by)})
        return len(new)


class Comment(models.Model):
    application_privileges = INSERT_ONLY

    ticket = models.ForeignKey("tickets.Ticket", models.PROTECT, related_name="comments", db_index=False)
    author = models.CharField(max_length=200, blank=True, validators=[field_limits.shown])
    body = field_limits.written(100_000)
    source = models.CharField(max_length=20, blank=True, help_text="the format it was imported from")
    source_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(
        null=True,
        blank=True,
        validators=[field_limits.moment],
        help_text="when it was written, if known",
    )
    at = models.DateTimeField(
        db_default=sql.ClockTimestamp(), editable=False, help_text="when it was stored here"
    )

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
