"""Settle: the holder says how a claim ended. Two statements of one transaction.

The first checks the fence and writes in one UPDATE. The second looks at the children on a fresh snapshot: an edge that was
added while the first waited for a row is seen there, because whoever adds an edge holds the parent FOR SHARE.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import models
from psycopg.types.json import Jsonb

from agents.models import Agent, via
from omoi_site.brokers import hints
from omoi_site.database import sql
from omoi_site.errors import OmoiError
from tickets.models.explain.obstacles import LEASE_HOLDS, MET

# Back-off before the next attempt: min(60 s, 2^n s x uniform(0.75, 1.25)), n = attempts failed before this one.
SETTLE = f"""
WITH i AS (SELECT * FROM unnest(%(ids)s::bigint[], %(fences)s::bigint[], %(outcomes)s::text[], %(results)s::jsonb[], %(errors)s::text[], %(again)s::bool[])
           AS i(id, fence, outcome, result, error, again)),
mine AS MATERIALIZED (
  SELECT t.id, i.outcome, i.result, i.error, i.outcome = 'failed' AND i.again AND t.attempts < t.max_attempts AS again
  FROM tickets_task t JOIN i USING (id)
  WHERE t.fence = i.fence AND t.state = 'claimed' AND t.holder_id = %(agent)s AND {LEASE_HOLDS}
  ORDER BY t.id FOR NO KEY UPDATE OF t),
done AS (
  UPDATE tickets_task t SET state = CASE WHEN m.again THEN 'pending' ELSE m.outcome END,
         holder_id = NULL, lease_expires_at = NULL, timeout_at = NULL, promote_at = NULL, events = t.events + 1,
         settled_by = %(agent)s, settled_fence = t.fence, settled_as = m.outcome, result = m.result, error = m.error,
         worker_deaths = CASE m.outcome WHEN 'completed' THEN 0 ELSE t.worker_deaths END,
         asleep = m.again, retries = t.retries + m.again::int,
         not_before = CASE WHEN m.again THEN clock_timestamp() + least(60, power(2, t.attempts - 1) * (0.75 + random() / 2)) * interval '1 s' END,
         ended_at = CASE WHEN NOT m.again THEN clock_timestamp() END
  FROM mine m WHERE t.id = m.id
  RETURNING t.id, t.ticket_id, t.ticket_key, t.project_id, t.fence, t.state, t.attempts, t.error, t.events),
log AS (
  INSERT INTO agents_event (project_id, topic, subject, number, kind, actor, key, data, reason)
  SELECT project_id, 'ticket:' || ticket_key, 'task:' || id, events, CASE state WHEN 'pending' THEN 'task.retried' ELSE 'task.' || state END, %(actor)s, %(key)s,
         jsonb_build_object('fence', fence, 'attempt', attempts), error FROM done)
-- over: whether its ticket has no other open task where it stands
SELECT done.id, done.ticket_id, done.state, o.over FROM done JOIN (
  SELECT d.ticket_id, NOT bool_or(d.state = 'pending') AND NOT EXISTS (
    SELECT FROM tickets_ticket k JOIN tickets_task t ON t.ticket_id = k.id AND t.phase = k.phase
    WHERE k.id = d.ticket_id AND t.state IN ('pending', 'claimed') AND t.id <> ALL (ARRAY(SELECT id FROM done))) AS over
  FROM done d GROUP BY d.ticket_id) o USING (ticket_id)
"""
# The list is wrapped in a subselect so that a plan for any list looks as cheap as one for this list: unwrapped, PostgreSQL
# finds the general plan dearer and plans the statement anew every time, which costs more than to run it.
# What ended tasks decide for their pending children, locked in id order; repeated with the ids it cancels until there are none.
DECIDE = f"""
WITH verdict AS MATERIALIZED (
  SELECT n.child_id, count(*) FILTER (WHERE v.met) AS met, count(*) AS decided, coalesce(bool_or(n.on_failure = 'cancel') FILTER (WHERE NOT v.met), false) AS cancel
  FROM tickets_need n JOIN tickets_task p ON p.id = n.parent_id
  CROSS JOIN LATERAL (SELECT {MET} AS met) v
  WHERE n.parent_id = ANY ((SELECT %(ended)s::bigint[])::bigint[]) GROUP BY n.child_id),
kid AS MATERIALIZED (
  SELECT c.id, v.cancel, greatest(0, c.open_needs - v.met) AS open_needs, greatest(0, c.edges_left - v.decided) AS edges_left,
         greatest(0, c.open_needs - v.met) > greatest(0, c.edges_left - v.decided) AS doomed,
         c.open_needs > 0 AND c.open_needs <= v.met AS freed, NOT c.doomed AND greatest(0, c.open_needs - v.met) > greatest(0, c.edges_left - v.decided) AS dooms
  FROM tickets_task c JOIN verdict v ON v.child_id = c.id WHERE c.state = 'pending' ORDER BY c.id FOR NO KEY UPDATE OF c),
now AS MATERIALIZED (SELECT clock_timestamp() AS at),
decided AS (
  UPDATE tickets_task c SET open_needs = k.open_needs, edges_left = k.edges_left, doomed = k.doomed,
         state = CASE WHEN k.doomed AND k.cancel THEN 'cancelled' ELSE c.state END,
         error = CASE WHEN k.doomed AND k.cancel THEN 'a task it needed did not end as needed' ELSE c.error END,
         ended_at = CASE WHEN k.doomed AND k.cancel THEN clock_timestamp() END,
         events = c.events + (k.dooms OR k.freed)::int,
         ready_at = CASE WHEN k.freed THEN now.at ELSE c.ready_at END,
         rank = CASE WHEN k.freed THEN omoi_rank(c.priority, now.at, c.deadline, (SELECT count(*) FROM tickets_need u WHERE u.parent_id = c.id), c.retries) ELSE c.rank END,
         promote_at = CASE WHEN k.freed THEN omoi_promote_at(c.priority, now.at, c.deadline) ELSE c.promote_at END
  FROM kid k, now WHERE c.id = k.id
  RETURNING c.id, c.ticket_id, c.ticket_key, c.project_id, c.state, c.lane_id, c.rank, c.events, c.profile, k.freed, k.dooms),
low AS (
  UPDATE tickets_lane l SET floor = f.rank FROM (
    SELECT k.id, x.rank FROM tickets_lane k JOIN (SELECT lane_id, min(rank) AS rank FROM decided WHERE freed GROUP BY 1) x ON x.lane_id = k.id
    WHERE k.floor > x.rank FOR NO KEY UPDATE OF k SKIP LOCKED) f WHERE l.id = f.id),
log AS (
  INSERT INTO agents_event (project_id, topic, subject, number, kind, actor, key, data, reason)
  SELECT project_id, 'ticket:' || ticket_key, 'task:' || id, events,
         CASE WHEN state = 'cancelled' THEN 'task.cancelled' WHEN dooms THEN 'task.doomed' ELSE 'task.readied' END, 'system:needs', '', '{{}}', ''
  FROM decided WHERE freed OR dooms)
SELECT id, ticket_id, state, profile, freed FROM decided
"""
LOST = """
SELECT t.id, t.state, t.fence, t.settled_by, t.settled_fence, t.settled_as, a.name AS holder FROM tickets_task t LEFT JOIN agents_agent a ON a.id = t.holder_id
WHERE t.id = ANY (%s)
"""
AGAIN = {"transient", "validation"}  # kinds of failure worth another attempt; `permanent` is not


class ClaimLost(OmoiError):
    """The caller no longer holds this claim: it lapsed, was handed over or was given to another."""

    code = "claim_lost"
    title = "This claim is not yours any more"
    next_action = "stop the work on this task and claim again"


@dataclass(frozen=True)
class Handed:
    """An artifact that comes with an outcome; `name` and `phase` empty: its type, and where the ticket stands."""

    type: str
    content: bytes
    name: str = ""
    phase: str = ""
    path: str = ""
    commit: str = ""


@dataclass(frozen=True)
class Outcome:
    """How the claim `fence` of `task` ended: `completed` with a result, or `failed` with an error and its kind; with what was made."""

    task: int
    fence: int
    state: str
    result: Any = None
    error: str = ""
    kind: str = "transient"
    artifacts: Sequence[Handed] = ()


@dataclass(frozen=True)
class Settlement:
    """What became of one outcome: the task's state, or the error that says who holds it now; `again`: it was so before."""

    task: int
    state: str = ""
    lost: ClaimLost | None = None
    again: bool = False

    def or_raise(self) -> Settlement:
        if self.lost:
            raise self.lost
        return self


class Settling(models.QuerySet[Any]):
    @sql.joined
    def settle(self, outcomes: Sequence[Outcome], *, by: Agent) -> list[Settlement]:
        """Complete or fail claims of `by`; an outcome whose fence is old changes nothing.

        Returns one Settlement per outcome, in order: the new state, or `claim_lost` and the present holder. The same act
        with the same fence again, while no newer fence exists, is answered with the task as it stands. Artifacts are kept of what
        was settled now, all of them or nothing at all.
        """
        from tickets.models.gate.artifact import Artifact

        first = {outcome.task: outcome for outcome in reversed(outcomes)}  # of two outcomes of one task the first counts
        tickets = Artifact.objects.prepare(list(first.values()), by=by)
        done = sql.rows(
            SETTLE,
            {
                "agent": by.pk,
                "actor": by.label,
                "key": via(by),
                "ids": list(first),
                "fences": [outcome.fence for outcome in first.values()],
                "outcomes": [outcome.state for outcome in first.values()],
                "results": [None if outcome.result is None else Jsonb(outcome.result) for outcome in first.values()],
                "errors": [outcome.error for outcome in first.values()],
                "again": [outcome.kind in AGAIN for outcome in first.values()],
            },
        )
        settled = {row["id"]: row["state"] for row in done}
        for task in sorted(settled.keys() & tickets.keys()):
            Artifact.objects.hand_over(first[task], tickets[task], by=by)
        self.decide([row["id"] for row in done if row["state"] != "pending"])
        # Two last tasks that end in the same moment do not see each other: then a sweep looks at their ticket.
        if over := sorted({row["ticket_id"] for row in done if row["over"]}):
            hints.hint("advance_tickets", over)
        late = [outcome.task for outcome in outcomes if outcome.task not in settled or outcome is not first[outcome.task]]
        now = {row["id"]: row for row in sql.rows(LOST, [late])} if late else {}
        return [
            Settlement(outcome.task, settled[outcome.task])
            if outcome.task in settled and outcome is first[outcome.task]
            else _repeated(outcome, now.get(outcome.task), by)
            for outcome in outcomes
        ]

    def decide(self, ended: Sequence[int]) -> None:
        """Tell the children of tasks that this transaction has just ended."""
        left = list(ended)
        while left:
            children = sql.rows(DECIDE, {"ended": left})
            if any(child["profile"] and child["freed"] for child in children):
                hints.hint("work")
            left = [child["id"] for child in children if child["state"] == "cancelled"]
            if left:
                hints.hint("advance_tickets", sorted({child["ticket_id"] for child in children if child["state"] == "cancelled"}))


def _repeated(outcome: Outcome, now: dict[str, Any] | None, by: Agent) -> Settlement:
    if (
        now
        and now["fence"] == outcome.fence
        and (now["settled_by"], now["settled_fence"], now["settled_as"]) == (by.pk, outcome.fence, outcome.state)
    ):
        return Settlement(outcome.task, now["state"], again=True)
    return Settlement(outcome.task, lost=lost(now))


def lost(now: dict[str, Any] | None) -> ClaimLost:
    """The refusal for a claim that `now` (state, holder) is not the caller's."""
    if now is None:
        return ClaimLost("there is no such claim", holder=None)
    who = f"held by {now['holder']}" if now["holder"] else now["state"]
    return ClaimLost(f"this claim is not yours any more: the task is {who}", holder=now["holder"], state=now["state"])
