"""The journal: each act writes one row in its own transaction, which is never changed.

The row is the truth; the NOTIFY on `omoi_events` after the commit only says that there is something new (a
trigger sends it while a follower sleeps, see journal_follower.py). Within a subject, order by its running
number; across subjects, use the cursors of `EventQuerySet`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import models
from django.db.models import Q

from agents.models.actor import Actor, label, via
from agents.models.event_kinds import expect
from agents.models.journal_cursor import Following, following, to_cursor
from omoi_site import field_limits
from omoi_site.database import sql
from omoi_site.database.privileges import INSERT_ONLY
from omoi_site.errors import OmoiError

HELD_BACK_S = 30
BEHIND = 10_000  # events; a follower further behind must fetch everything again
SNAPSHOT = (
    "SELECT pg_current_snapshot()::text AS now, pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next"
)
OLDEST = sql.statement(__file__, "oldest_transaction")


class ResyncRequired(OmoiError):
    """The follower is too far behind, or its cursor belongs to another database. It can start again from
    `cursor`.
    """

    code = "resync_required"
    title = "Too far behind to follow event by event"
    next_action = "Fetch everything again, then follow from this cursor."


class EventQuerySet(models.QuerySet["Event"]):
    def about(self, *topics: str) -> EventQuerySet:
        """Events of any of these topics. An event belongs to its project's topic too."""
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

    # -- for followers: what is new since a snapshot. They wait for no other transaction. The order is by
    # look, and within a look by transaction.

    def current_cursor(self) -> str:
        """The cursor from which a live follower starts: all that is visible now."""
        row = sql.one(SNAPSHOT)
        assert row
        return to_cursor(row["now"])

    def since(
        self, cursor: str, topics: Iterable[str] | None = None, limit: int = 500
    ) -> tuple[list[Event], str]:
        """Events of this set that are new since `cursor`, and the next cursor. Raises Malformed or
        ResyncRequired.

        If `limit` cuts a look short, the next cursor remembers that look and its position, and the next call
        reads on in it. Events committed meanwhile with earlier numbers wait for the following look. So
        nothing is skipped or repeated. Call again at once while `limit` events come.
        """
        at = following(cursor)
        now = sql.one(SNAPSHOT)
        assert now
        if max(int(snapshot.split(":")[1]) for snapshot in (at.seen, at.upto) if snapshot) > now["next"]:
            raise ResyncRequired("this cursor belongs to another database", cursor=to_cursor(now["now"]))
        upto = at.upto or now["now"]
        of_topics = self if topics is None else self.about(*topics)
        new = of_topics.extra(
            where=[
                "NOT pg_visible_in_snapshot(agents_event.xid, %s::pg_snapshot)",
                "pg_visible_in_snapshot(agents_event.xid, %s::pg_snapshot)",
                # one bound: with two, the index would be read from the lower one on
                "(agents_event.xid, agents_event.id) >"
                " (greatest(%s::text::xid8, pg_snapshot_xmin(%s::pg_snapshot)), %s::bigint)",
            ],
            params=[at.seen, upto, str(at.xid), at.seen, at.id],
        ).order_by("xid", "id")
        events = list(new[: limit + 1])
        if len(events) <= limit:
            return events, to_cursor(upto)
        if new[BEHIND : BEHIND + 1].exists():
            raise ResyncRequired(f"more than {BEHIND} events behind", cursor=to_cursor(now["now"]))
        last = events[limit - 1]
        return events[:limit], str(Following(at.seen, upto, last.xid, last.id))

    # -- the history, in one fixed order up to the oldest transaction still open in the cluster, is read by
    # `journal.page_json`

    def health(self) -> str:
        """Empty, or a sentence that names a long open transaction that holds the history back. Followers do
        not wait for it.
        """
        oldest = sql.one(OLDEST)
        if not oldest or (oldest["age"] or 0) < HELD_BACK_S:
            return ""
        session = f"{oldest['who']} ({oldest['application']}) in database {oldest['datname']}"
        return (
            f"The journal's history is held back by a transaction open for {oldest['age']:.0f} s:"
            f" {session}. End it. Live pages are not affected."
        )


class Event(models.Model):
    application_privileges = INSERT_ONLY

    id = models.BigAutoField(primary_key=True)
    xid = sql.XidField(db_default=sql.CurrentXid(), editable=False)
    at = models.DateTimeField(db_default=sql.ClockTimestamp(), editable=False)
    project_id = models.BigIntegerField(null=True)  # no foreign keys: the journal outlives its subjects
    topic = models.CharField(
        max_length=120, help_text="what pages follow: ticket:OMO-142, agent:ada, project:OMO"
    )
    subject = models.CharField(
        max_length=120, help_text="what it happened to: task:17, ticket:OMO-142, agent:ada"
    )
    number = models.PositiveIntegerField(help_text="the running number within the subject")
    kind = models.CharField(max_length=60, help_text="noun.past_tense")
    actor = models.CharField(max_length=170)
    key = models.CharField(max_length=20, blank=True, help_text="prefix of the key that the actor used")
    data = models.JSONField(default=dict)
    reason = models.TextField(blank=True)

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ["xid", "id"]
        indexes = [
            models.Index(fields=["xid", "id"], name="event_order"),
            models.Index(fields=["topic", "xid", "id"], name="event_topic"),
            models.Index(fields=["project_id", "xid", "id"], name="event_project"),
            models.Index(
                fields=["xid", "id"],
                name="event_freezes",
                condition=Q(kind__in=["project.frozen", "project.thawed"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject} by {self.actor}"

    def save(self, **kwargs: Any) -> None:
        expect(self.kind)
        super().save(**kwargs)


class Journaled(models.Model):
    """A model with events in the journal; `events` is the number of the last one."""

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
        """Write one event of this row, in the transaction of the act.

        `inside`: only members of that project see it.
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
