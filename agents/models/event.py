"""The journal: every act is one row, written in the act's transaction, never changed.

A row is the truth; the ring on `omoi_events` after commit is only a doorbell (a trigger rings once a
statement). Inside a subject its running number is the order; between subjects use the cursors of
`EventQuerySet`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import models
from django.db.models import Q

from agents.models.actor import Actor, label, via
from agents.models.journal_cursor import Following, following, place, to_cursor
from omoi_site import field_limits
from omoi_site.database import sql
from omoi_site.errors import OmoiError

HELD_BACK_S = 30
BEHIND = 10_000  # events; past that a follower is told to fetch everything anew
SNAPSHOT = (
    "SELECT pg_current_snapshot()::text AS now, pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next"
)
OLDEST = sql.statement(__file__, "oldest_transaction")


class ResyncRequired(OmoiError):
    """The follower is too far behind, or its cursor is of another database; `cursor` is where it can start
    again.
    """

    code = "resync_required"
    title = "Too far behind to be told event by event"
    next_action = "Fetch everything again, then follow from the cursor given here."


class EventQuerySet(models.QuerySet["Event"]):
    def about(self, *topics: str) -> EventQuerySet:
        """Events of any of these topics; an event rings its project's topic too."""
        keys = [topic.removeprefix("project:") for topic in topics if topic.startswith("project:")]
        projects = (
            [row["id"] for row in sql.rows("SELECT id FROM agents_project WHERE key = ANY (%s)", [keys])]
            if keys
            else []
        )
        return (
            self.filter(Q(topic__in=topics) | Q(project_id__in=projects))
            if keys
            else self.filter(topic__in=topics)
        )

    # -- followers: what is new since a snapshot. They wait for no other transaction; order is by look, inside
    # a look by transaction.

    def current_cursor(self) -> str:
        """Where a live follower starts: what this moment has seen."""
        row = sql.one(SNAPSHOT)
        assert row
        return to_cursor(row["now"])

    def since(
        self, cursor: str, topics: Iterable[str] | None = None, limit: int = 500
    ) -> tuple[list[Event], str]:
        """Events of this set that `cursor` had not seen, and the next cursor; raises Malformed,
        ResyncRequired.

        Where `limit` cuts a look short, the next cursor remembers the look it belongs to and how far it got,
        and the following call reads on in that same look: events that were committed meanwhile with earlier
        numbers wait for the look after it. So nothing is skipped and nothing told twice; ask again at once
        while as many as `limit` come.
        """
        at = following(cursor)
        now = sql.one(SNAPSHOT)
        assert now
        if max(int(snapshot.split(":")[1]) for snapshot in (at.seen, at.upto) if snapshot) > now["next"]:
            raise ResyncRequired("this cursor is of another database", cursor=to_cursor(now["now"]))
        upto = at.upto or now["now"]
        of_topics = self if topics is None else self.about(*topics)
        new = of_topics.extra(
            where=[
                "agents_event.xid >= pg_snapshot_xmin(%s::pg_snapshot)",
                "NOT pg_visible_in_snapshot(agents_event.xid, %s::pg_snapshot)",
                "pg_visible_in_snapshot(agents_event.xid, %s::pg_snapshot)",
                "(agents_event.xid, agents_event.id) > (%s::text::xid8, %s::bigint)",
            ],
            params=[at.seen, at.seen, upto, str(at.xid), at.id],
        ).order_by("xid", "id")
        events = list(new[: limit + 1])
        if len(events) <= limit:
            return events, to_cursor(upto)
        if new[BEHIND : BEHIND + 1].exists():
            raise ResyncRequired(f"more than {BEHIND} events behind", cursor=to_cursor(now["now"]))
        last = events[limit - 1]
        return events[:limit], str(Following(at.seen, upto, last.xid, last.id))

    # -- history: one order for ever, up to the oldest transaction still open anywhere in the cluster

    def page(
        self,
        after: str | None = None,
        *,
        topic: str | None = None,
        kind: str | None = None,
        project: int | None = None,
        limit: int = 50,
    ) -> tuple[list[Event], str]:
        """Events of this set behind the place `after`, in the journal's order, and the place of the last;
        raises Malformed.
        """
        events = self.about(topic) if topic else self
        if kind:
            events = events.filter(kind=kind)
        if project:
            events = events.filter(project_id=project)
        xid, last = place(after) if after else (0, 0)
        rows = list(
            events.extra(
                where=[
                    "agents_event.xid < pg_snapshot_xmin(pg_current_snapshot())",
                    "(agents_event.xid, agents_event.id) > (%s::text::xid8, %s::bigint)",
                ],
                params=[str(xid), last],
            ).order_by("xid", "id")[:limit]
        )
        return rows, f"{rows[-1].xid}_{rows[-1].id}" if rows else f"{xid}_{last}"

    def health(self) -> str:
        """Empty, or a sentence naming the transaction that has held history back for long; followers do not
        wait for it.
        """
        oldest = sql.one(OLDEST)
        if not oldest or (oldest["age"] or 0) < HELD_BACK_S:
            return ""
        session = f"{oldest['who']} ({oldest['application']}) in database {oldest['datname']}"
        return (
            f"The journal's history is held back by a transaction open for {oldest['age']:.0f} s:"
            f" {session}. End it; live pages go on."
        )


class Event(models.Model):
    id = models.BigAutoField(primary_key=True)
    xid = sql.XidField(db_default=sql.CurrentXid(), editable=False)
    at = models.DateTimeField(db_default=sql.ClockTimestamp(), editable=False)
    project_id = models.BigIntegerField(null=True)  # no foreign keys: the journal outlives what it tells of
    topic = models.CharField(
        max_length=120, help_text="whose followers hear of it: ticket:OMO-142, agent:ada, project:OMO"
    )
    subject = models.CharField(
        max_length=120, help_text="what it happened to: task:17, ticket:OMO-142, agent:ada"
    )
    number = models.PositiveIntegerField(help_text="the subject's own running number")
    kind = models.CharField(max_length=60, help_text="noun.past_tense")
    actor = models.CharField(max_length=170)
    key = models.CharField(max_length=20, blank=True, help_text="prefix of the key the actor came with")
    data = models.JSONField(default=dict)
    reason = models.TextField(blank=True)

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ["xid", "id"]
        indexes = [
            models.Index(fields=["xid", "id"], name="event_order"),
            models.Index(fields=["topic", "xid", "id"], name="event_topic"),
            models.Index(fields=["project_id", "xid", "id"], name="event_project"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject} by {self.actor}"


class Journaled(models.Model):
    """Something the journal tells of: `events` is the number of its last event."""

    events = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        abstract = True

    @property
    def topic(self) -> str:
        raise NotImplementedError(type(self))

    @property
    def subject(self) -> str:
        return self.topic

    @property
    def project_for_journal(self) -> int | None:
        return None

    def record(
        self,
        kind: str,
        *,
        by: Actor,
        data: dict[str, Any] | None = None,
        reason: str = "",
        inside: int | None = None,
    ) -> None:
        """Write one event of this row, in the transaction of the act it tells of.

        `inside`: only for those who see that project.
        """
        table = self._meta.db_table
        row = sql.one(f"UPDATE {table} SET events = events + 1 WHERE id = %s RETURNING events", [self.pk])
        assert row, f"{self} is not stored"
        self.events = row["events"]
        Event.objects.create(
            project_id=inside or self.project_for_journal,
            topic=self.topic,
            subject=self.subject,
            number=self.events,
            kind=kind,
            actor=label(by),
            key=via(by),
            data=data or {},
            reason=reason if field_limits.seen(reason) else "",
        )
