"""The fleet: agents with their present workload, which is counted from claims.

`status` is derived. It is the stored state if the agent is not available; else stale (not heard from for 90
s), degraded (it reports that, or missed a heartbeat), running (it holds a claim) or idle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Case, Count, F, OuterRef, Q, Subquery, Sum, Value, When
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce, Least

from agents.models import Actor, Agent
from agents.models.agent import SILENT_AFTER, AgentQuerySet, phase_names, words
from agents.models.json_page import json_time
from omoi_site.database import prepared, sql
from tickets.models.task.task import Task

LATE_AFTER = SILENT_AFTER / 2
GONE_AFTER = timedelta(hours=24)  # who was not heard from for so long and holds nothing is left out of lists
STATUSES = ["idle", "running", "degraded", "stale", "maintenance", "draining", "quarantined", "retired"]


def interval(length: timedelta) -> str:
    return f"interval '{length.total_seconds()} s'"


# The agent with presence `p` is silent.
SILENT = f"coalesce(clock_timestamp() - p.last_seen_at > {interval(SILENT_AFTER)}, true)"
# The status of agent `a` with presence `p`, which holds `held` claims: that of FleetQuerySet.with_status.
STATUS = f"""
CASE
  WHEN a.state <> 'available' THEN a.state
  WHEN {SILENT} THEN 'stale'
  WHEN clock_timestamp() - p.last_seen_at > {interval(LATE_AFTER)} OR p.word = 'degraded' THEN 'degraded'
  WHEN {{held}} > 0 THEN 'running'
  ELSE 'idle'
END"""
# An agent as it sees itself, for the fast route: with_status and the serializer cost ten times as much.
DOCUMENT = sql.statement(
    __file__,
    "agent_document",
    status=STATUS.strip().format(held="holds.n"),
    last_seen_at=json_time("p.last_seen_at"),
    created_at=json_time("a.created_at"),
)
PER_PHASE = """
SELECT phase, count(*) AS n
FROM agents_agent a
CROSS JOIN unnest(CASE a.phases WHEN '{}' THEN '{any}' ELSE a.phases END) AS phase
WHERE a.id = ANY (%s)
GROUP BY 1
"""


@dataclass(frozen=True)
class Match:
    """A matching agent, its score, and which of the required capabilities it has."""

    agent: Any
    score: float
    matched_capabilities: list[str]


class FleetQuerySet(AgentQuerySet):
    def with_status(self) -> FleetQuerySet:
        """Each agent with `held` (present claims), `free` (free capacity), `last_seen_at` and `status`, in
        one statement.
        """
        held = (
            Task.objects.filter(holder=OuterRef("pk"))
            .order_by()
            .values("holder")
            .annotate(n=Count("pk"))
            .values("n")
        )
        rows = self.annotate(
            held=Coalesce(Subquery(held), 0),
            last_seen_at=F("presence__last_seen_at"),
            silent=Coalesce(sql.ClockTimestamp() - F("presence__last_seen_at"), timedelta(days=9999)),
        )
        return rows.annotate(
            free=Case(When(capacity__gt=F("held"), then=F("capacity") - F("held")), default=0),
            status=Case(
                When(~Q(state="available"), then=F("state")),
                When(Q(kind=Agent.Kind.PERSON, held=0), then=Value("idle")),
                When(kind=Agent.Kind.PERSON, then=Value("running")),
                When(silent__gt=SILENT_AFTER, then=Value("stale")),
                When(Q(silent__gt=LATE_AFTER) | Q(presence__word="degraded"), then=Value("degraded")),
                When(held__gt=0, then=Value("running")),
                default=Value("idle"),
                output_field=models.CharField(),
            ),
        )

    def agents(self) -> FleetQuerySet:
        """Without the people: they hold tasks, but are no capacity."""
        return self.exclude(kind=Agent.Kind.PERSON)

    def search(
        self,
        *,
        capabilities: Sequence[str] = (),
        phase: str = "",
        kind: str = "",
        limit: int = 5,
        include_degraded: bool = False,
    ) -> list[Match]:
        """Agents that could do such work, best first.

        Score = |matched| / |required| + 0.2 idle + 0.2 healthy + 0.05 x min(free capacity, 5); an agent
        without a matching capability is left out.
        """
        required = words(capabilities)
        fit = ["idle", "running", "degraded"] if include_degraded else ["idle", "running"]
        rows = self.agents().with_status().filter(status__in=fit)
        if required:
            rows = rows.filter(capabilities__overlap=required)
        if phase:
            rows = rows.filter(Q(phases=[]) | Q(phases__contains=phase_names([phase])))
        if kind:
            rows = rows.filter(kind=kind)
        matched = RawSQL(
            """
            ARRAY(
              SELECT unnest(agents_agent.capabilities)
              INTERSECT
              SELECT unnest(%s::varchar[])
              ORDER BY 1
            )
            """,
            [required],
            output_field=ArrayField(models.CharField()),
        )
        rows = rows.annotate(matched=matched).annotate(
            score=Coalesce(
                models.Func(F("matched"), function="cardinality", output_field=models.FloatField()) * 1.0, 0.0
            )
            / max(len(required), 1)
            + Case(When(status="idle", then=0.2), default=0.0)
            + Case(When(status__in=["idle", "running"], then=0.2), default=0.0)
            + 0.05 * Least(F("free"), 5, output_field=models.FloatField())
        )
        return [
            Match(agent, round(agent.score, 4), agent.matched)
            for agent in rows.order_by("-score", "name")[:limit]
        ]

    def statistics(self) -> dict[str, Any]:
        """Counts of agents by status, kind and phase, of those heard from recently, and of what they hold."""
        rows = self.agents().order_by()
        by_status = {
            row["status"]: row["n"]
            for row in rows.with_status().values("status").annotate(n=Count("pk", distinct=True))
        }
        living = Q(state__in=Agent.LIVE)

        def heard(seconds: float) -> Count:
            since = sql.ClockTimestamp() - Value(timedelta(seconds=seconds))
            return Count("pk", filter=living & Q(presence__last_seen_at__gte=since))

        totals = rows.aggregate(
            total=Count("pk"),
            capacity=Coalesce(Sum("capacity", filter=Q(state="available")), 0),
            last_5_minutes=heard(300),
            last_hour=heard(3600),
            last_24_hours=heard(86400),
            **{f"kind_{kind}": Count("pk", filter=Q(kind=kind)) for kind in Agent.Kind.values},
        )
        by_phase = sql.rows(PER_PHASE, [list(rows.values_list("pk", flat=True))])
        healthy, unhealthy = (
            sum(by_status.get(name, 0) for name in names)
            for names in (("idle", "running"), ("degraded", "stale"))
        )
        return {
            "total": totals["total"],
            "by_status": by_status,
            "by_kind": {kind: totals[f"kind_{kind}"] for kind in Agent.Kind.values if totals[f"kind_{kind}"]},
            "by_phase": {row["phase"]: row["n"] for row in by_phase},
            "health": {
                "healthy": healthy,
                "unhealthy": unhealthy,
                "unknown": totals["total"] - healthy - unhealthy,
            },
            "recent_heartbeats": {
                name: totals[name] for name in ("last_5_minutes", "last_hour", "last_24_hours")
            },
            "capacity": totals["capacity"],
            "held": Task.objects.filter(holder__in=rows.values("pk")).count(),
        }


def fleet(who: Actor | None = None) -> FleetQuerySet:
    """The agents that `who` may see; without `who`, all."""
    rows = FleetQuerySet(Agent)
    return rows if who is None else rows.seen_by(who)  # type: ignore[return-value]


def agent_document(agent: int) -> tuple[str, int] | None:
    """The agent as it sees itself over REST, as JSON, and its version; None if it has been deleted."""
    rows = prepared.rows(DOCUMENT, {"agent": agent})
    return (rows[0]["document"], rows[0]["version"]) if rows else None
