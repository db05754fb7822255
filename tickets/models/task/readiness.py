"""Readiness: what a task still waits for and its place in the order of work, stored with it so that a claim
computes neither.
"""

from __future__ import annotations

from collections.abc import Sequence

from omoi_site.brokers import hints
from omoi_site.database import sql
from tickets.models.journal_sql import task_events
from tickets.models.task.conditions import MET, READY
from tickets.models.task.lane import lower_floors, lower_floors_of

# What is left to wait for, from the edges and the parents' states alone.
COUNT_NEEDS = f"""
  SELECT c.id,
         greatest(0, least(c.join_count, count(n.id)) - count(*) FILTER (WHERE e.ended AND e.met))::int AS open_needs, count(n.id) FILTER (WHERE NOT e.ended)::int AS edges_left,
         (SELECT clock_timestamp()) AS now  -- read once: rank and moment agree, and what is ready together goes in order of birth
  FROM tickets_task c LEFT JOIN tickets_need n ON n.child_id = c.id LEFT JOIN tickets_task p ON p.id = n.parent_id
  CROSS JOIN LATERAL (SELECT p.state IN ('completed', 'failed', 'cancelled') AS ended, {MET} AS met) e
"""
# Rows are locked in id order by the caller's lock statement.
RECOUNT = f"""
WITH truth AS ({COUNT_NEEDS} WHERE c.id = ANY (%(ids)s) AND c.state = 'pending' GROUP BY c.id),
told AS (
  UPDATE tickets_task t SET open_needs = c.open_needs, edges_left = c.edges_left, unsatisfiable = c.open_needs > c.edges_left,
         ready_at = CASE WHEN c.open_needs = 0 AND NOT t.not_due THEN coalesce(t.ready_at, c.now) END,
         rank = CASE WHEN c.open_needs = 0 AND NOT t.not_due THEN omoi_rank(t.priority, coalesce(t.ready_at, c.now), t.deadline,
                     (SELECT count(*) FROM tickets_need u WHERE u.parent_id = t.id), t.retries) ELSE t.rank END,
         promote_at = CASE WHEN c.open_needs = 0 AND NOT t.not_due THEN omoi_promote_at(t.priority, coalesce(t.ready_at, c.now), t.deadline) END
  FROM truth c WHERE t.id = c.id RETURNING t.id, t.profile, {READY} AS ready)
SELECT * FROM told
"""
# A claimed task is ranked too: it may come back. One that was never ready has no rank yet.
RERANK = f"""
UPDATE tickets_task t SET rank = omoi_rank(t.priority, t.ready_at, t.deadline, (SELECT count(*) FROM tickets_need u WHERE u.parent_id = t.id), t.retries),
       promote_at = CASE WHEN t.state = 'pending' THEN omoi_promote_at(t.priority, t.ready_at, t.deadline) ELSE t.promote_at END
WHERE t.id = ANY (ARRAY(SELECT id FROM tickets_task WHERE id = ANY (%s) AND state IN ('pending', 'claimed') AND ready_at IS NOT NULL ORDER BY id FOR NO KEY UPDATE))
RETURNING t.id, {READY} AS ready
"""
DECIDED_EVENTS = task_events(
    "decided WHERE freed OR newly_unsatisfiable",
    "CASE WHEN state = 'cancelled' THEN 'task.cancelled' WHEN newly_unsatisfiable THEN 'task.doomed' ELSE 'task.readied' END",
    actor="'system:needs'",
    key="''",
)
# The list is wrapped in a subselect so that a plan for any list looks as cheap as one for this list:
# unwrapped, PostgreSQL finds the general plan dearer and plans the statement anew every time, which costs
# more than to run it. What ended tasks decide for their pending children, locked in id order; repeated with
# the ids it cancels until there are none.
DECIDE = f"""
WITH verdict AS MATERIALIZED (
  SELECT n.child_id, count(*) FILTER (WHERE v.met) AS met, count(*) AS decided, coalesce(bool_or(n.on_failure = 'cancel') FILTER (WHERE NOT v.met), false) AS cancel
  FROM tickets_need n JOIN tickets_task p ON p.id = n.parent_id
  CROSS JOIN LATERAL (SELECT {MET} AS met) v
  WHERE n.parent_id = ANY ((SELECT %(ended)s::bigint[])::bigint[]) GROUP BY n.child_id),
kid AS MATERIALIZED (
  SELECT c.id, v.cancel, greatest(0, c.open_needs - v.met) AS open_needs, greatest(0, c.edges_left - v.decided) AS edges_left,
         greatest(0, c.open_needs - v.met) > greatest(0, c.edges_left - v.decided) AS unsatisfiable,
         c.open_needs > 0 AND c.open_needs <= v.met AS freed, NOT c.unsatisfiable AND greatest(0, c.open_needs - v.met) > greatest(0, c.edges_left - v.decided) AS newly_unsatisfiable
  FROM tickets_task c JOIN verdict v ON v.child_id = c.id WHERE c.state = 'pending' ORDER BY c.id FOR NO KEY UPDATE OF c),
now AS MATERIALIZED (SELECT clock_timestamp() AS at),
decided AS (
  UPDATE tickets_task c SET open_needs = k.open_needs, edges_left = k.edges_left, unsatisfiable = k.unsatisfiable,
         state = CASE WHEN k.unsatisfiable AND k.cancel THEN 'cancelled' ELSE c.state END,
         error = CASE WHEN k.unsatisfiable AND k.cancel THEN 'a task it needed did not end as needed' ELSE c.error END,
         ended_at = CASE WHEN k.unsatisfiable AND k.cancel THEN clock_timestamp() END,
         events = c.events + (k.newly_unsatisfiable OR k.freed)::int,
         ready_at = CASE WHEN k.freed THEN now.at ELSE c.ready_at END,
         rank = CASE WHEN k.freed THEN omoi_rank(c.priority, now.at, c.deadline, (SELECT count(*) FROM tickets_need u WHERE u.parent_id = c.id), c.retries) ELSE c.rank END,
         promote_at = CASE WHEN k.freed THEN omoi_promote_at(c.priority, now.at, c.deadline) ELSE c.promote_at END
  FROM kid k, now WHERE c.id = k.id
  RETURNING c.id, c.ticket_id, c.ticket_key, c.project_id, c.state, c.lane_id, c.rank, c.events, c.profile, k.freed, k.newly_unsatisfiable),
low AS ({lower_floors_of("decided WHERE freed")}),
log AS (
{DECIDED_EVENTS})
SELECT id, ticket_id, state, profile, freed FROM decided
"""


@sql.atomic
def recount(ids: Sequence[int]) -> None:
    """Count anew what pending tasks wait for, and rank those that are ready."""
    sql.rows("SELECT id FROM tickets_task WHERE id = ANY (%s) ORDER BY id FOR NO KEY UPDATE", [list(ids)])
    told = sql.rows(RECOUNT, {"ids": list(ids)})
    ready = [row for row in told if row["ready"]]
    if ready:
        lower_floors([row["id"] for row in ready])
    if any(row["profile"] for row in ready):
        hints.send("work")


@sql.atomic
def rerank(ids: Sequence[int]) -> None:
    """Compute anew the place of these open tasks in the order of work."""
    ready = [row["id"] for row in sql.rows(RERANK, [list(ids)]) if row["ready"]] if ids else []
    if ready:
        lower_floors(ready)


def decide(ended: Sequence[int]) -> None:
    """Tell the children of tasks that this transaction has just ended."""
    left = list(ended)
    while left:
        children = sql.rows(DECIDE, {"ended": left})
        if any(child["profile"] and child["freed"] for child in children):
            hints.send("work")
        left = [child["id"] for child in children if child["state"] == "cancelled"]
        if left:
            hints.send(
                "advance_tickets",
                sorted({child["ticket_id"] for child in children if child["state"] == "cancelled"}),
            )
