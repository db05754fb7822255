"""Explain for tickets: what stands in the way of the next move, from the ticket itself down to its open
tasks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import models

from omoi_site import spoken
from omoi_site.database import sql
from tickets.gates.check_names import name_of
from tickets.models.explain import tasks
from tickets.models.explain.obstacles import (
    CLAIMABLE_HERE,
    CLOCK,
    FLEET,
    OPEN_IN,
    SCENE,
    STAGE,
    Obstacle,
    named,
    paused,
    project_paused,
    waiting_on,
)
from tickets.models.explain.tasks import Told, cause_of, meant, selected
from tickets.models.ticket.filters import TicketFilters
from tickets.models.ticket.record import TicketRecord

Row = TypeVar("Row", bound=TicketRecord)
QUOTED = 300  # characters of an error that are told
# open tasks a ticket is explained by, and beyond them the first that waits for an operator and the first that
# does not
MOST = 20
AT_ONCE, MOST_ASKED = 500, 5_000  # tickets that are asked who they wait on: in one statement, for one page

# An automatic move is due. `p` is the phase the ticket stands in, `x` the one it moves on to, `m` how it came
# here (to be blocked meanwhile does not count). A gate that refused what is there is not asked again before
# something changes; that a person asked does not count, for only here work to mend it is added. Whoever sent
# it back, forced or reopened it wants something done first: work from before that does not move it on.
AUTOMATIC = """
NOT tickets_ticket.paused AND tickets_ticket.archived_at IS NULL AND EXISTS (
  SELECT FROM tickets_workflowphase p
  CROSS JOIN LATERAL (SELECT x.name FROM tickets_workflowphase x WHERE x.workflow_id = p.workflow_id AND x.position > p.position AND x.name = ANY (p.moves_to)
                      ORDER BY array_position(p.moves_to, x.name) LIMIT 1) x
  CROSS JOIN LATERAL (SELECT h.at, h.ground IN ('back', 'forced', 'reopened') AND h.move > 0 AS sent FROM tickets_phasemove h
                      WHERE h.ticket_id = tickets_ticket.id AND h.ground NOT IN ('blocked', 'unblocked') ORDER BY h.move DESC LIMIT 1) m
  WHERE p.workflow_id = tickets_ticket.workflow_id AND p.name = tickets_ticket.phase AND p.automatic <> ''
    AND NOT (p.gated AND EXISTS (SELECT FROM tickets_verdict v WHERE v.ticket_id = tickets_ticket.id AND v.move = tickets_ticket.moves AND NOT v.passed AND v."by" = 'system:workflow'
                                 AND v.evidence = omoi_evidence(tickets_ticket.id, p.name)))
    AND NOT EXISTS (SELECT FROM tickets_task o WHERE o.ticket_id = tickets_ticket.id AND o.phase = p.name AND o.state IN ('pending', 'claimed'))
    AND CASE p.automatic
        WHEN 'on_claim' THEN EXISTS (SELECT FROM tickets_task t WHERE t.ticket_id = tickets_ticket.id AND t.phase = x.name AND t.fence > 0
                                     AND (t.state = 'claimed' OR NOT m.sent OR greatest(t.claimed_at, t.ended_at) >= m.at))
        WHEN 'on_completion' THEN EXISTS (SELECT FROM tickets_task t WHERE t.ticket_id = tickets_ticket.id AND t.phase = p.name AND t.state = 'completed')
                              AND (NOT m.sent OR EXISTS (SELECT FROM tickets_task t WHERE t.ticket_id = tickets_ticket.id AND t.phase = p.name AND t.ended_at >= m.at))
                              AND NOT EXISTS (SELECT FROM tickets_task t WHERE t.ticket_id = tickets_ticket.id AND t.phase = p.name AND t.state = 'failed')
        ELSE false END)
"""
STALLED = f"tickets_ticket.move_fault <> '' AND {AUTOMATIC}"  # due, and was tried in vain
REFUSED = """kp.gated AND EXISTS (SELECT FROM tickets_verdict v WHERE v.ticket_id = k.id AND v.move = k.moves AND NOT v.passed AND v.evidence = omoi_evidence(k.id, k.phase)
             AND v.id = (SELECT max(w.id) FROM tickets_verdict w WHERE w.ticket_id = k.id))"""
UNMET = """(SELECT jsonb_agg(c - 'reasons') FROM tickets_verdict v CROSS JOIN jsonb_array_elements(v.checks) c
            WHERE v.id = (SELECT max(w.id) FROM tickets_verdict w WHERE w.ticket_id = k.id) AND NOT (c->>'passed')::boolean)"""
DUE, STUCK = AUTOMATIC.replace("tickets_ticket.", "k."), STALLED.replace("tickets_ticket.", "k.")
OPEN_HERE = f"FROM tickets_task t WHERE t.ticket_id = k.id AND t.state IN ('pending', 'claimed') AND NOT t.unsatisfiable AND {CLAIMABLE_HERE} ORDER BY t.state, t.id"
# The ticket `k` with its project `j`, its phase `kp`, and its tasks counted: those of the phase, or claimable
# in it.
TICKET = f"""
FROM tickets_ticket k JOIN agents_project j ON j.id = k.project_id LEFT JOIN tickets_workflowphase kp ON kp.workflow_id = k.workflow_id AND kp.name = k.phase
CROSS JOIN {OPEN_IN} LEFT JOIN LATERAL (
  SELECT count(*) AS here, count(*) FILTER (WHERE t.state IN ('pending', 'claimed') AND NOT t.unsatisfiable) AS going,
         count(*) FILTER (WHERE t.state = 'failed') AS failed, (array_agg(k.key || '.' || t.id ORDER BY t.id) FILTER (WHERE t.state = 'failed'))[1:3] AS failed_keys,
         (array_agg(left(t.error, {QUOTED}) ORDER BY t.id) FILTER (WHERE t.state = 'failed'))[1] AS failed_error,
         max(t.ended_at) FILTER (WHERE t.state = 'failed') AS failed_at,
         count(*) FILTER (WHERE t.state = 'pending' AND t.unsatisfiable) AS unsatisfiable, (array_agg(k.key || '.' || t.id ORDER BY t.id) FILTER (WHERE t.state = 'pending' AND t.unsatisfiable))[1:3] AS unsatisfiable_keys,
         max(t.ended_at) AS last_end, (SELECT t.id {OPEN_HERE} LIMIT 1) AS first
  FROM tickets_task t WHERE t.ticket_id = k.id AND {CLAIMABLE_HERE}) c ON true
"""
FIRST_WAITS = f"(SELECT {waiting_on()} {SCENE} WHERE t.id = c.first)"
UNFINISHED = "(k.phase = 'BLOCKED' OR k.phase <> 'CANCELLED' AND coalesce(kp.moves_to <> '{}', true))"

LEFT_OPEN = (
    "(SELECT count(*) FROM tickets_task o WHERE o.ticket_id = k.id AND o.state IN ('pending', 'claimed'))"
)


def of(noun: str, keys: list[str] | None, count: int) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}: {named(keys, count)}"


def failure(facts: dict[str, Any]) -> str:
    """The failed tasks by key, and what the first of them ended with."""
    error = " ".join((facts["failed_error"] or "").split())
    return of("failed task", facts["failed_keys"], facts["failed"]) + (f" ({error})" if error else "")


TASKS = Obstacle(
    "tasks", f"{UNFINISHED} AND c.going > 0", FIRST_WAITS, "", ""
)  # told by the causes of the tasks themselves
OBSTACLES = [
    Obstacle("pause", f"{UNFINISHED} AND k.archived_at IS NOT NULL", "'operator'", "it is archived", "Restore it.", "k.archived_at"),
    Obstacle(
        "pause", f"{UNFINISHED} AND k.paused", "'operator'", lambda facts: paused("it", facts["pause_reason"]),
        "Resume it.", "k.paused_at",
    ),
    Obstacle(
        "pause", f"{UNFINISHED} AND j.paused", "'operator'",
        project_paused, "Resume the project.", "j.paused_at",
    ),
    Obstacle("phase", "k.phase = 'BLOCKED'", "'operator'", "it is blocked ({blocked_class}): {blocked_reason}", "Mend what blocks it and unblock it.", "k.phase_since"),
    Obstacle(
        "limit", f"{UNFINISHED} AND c.failed > 0", "'operator'", failure,
        "Retry what failed, or move the ticket on without it.", "c.failed_at",
    ),
    Obstacle(
        "need", f"{UNFINISHED} AND c.unsatisfiable > 0", "'operator'",
        lambda facts: f"what is needed cannot be met any more for {of('task', facts['unsatisfiable_keys'], facts['unsatisfiable'])}",
        "Retry what they need, take the need away, or cancel them.", "c.failed_at",
    ),
    TASKS,
    Obstacle(
        "gate", f"{UNFINISHED} AND {REFUSED}", "'operator'", "the gate of {phase} refused: {unmet}", "See what each check asks for, hand it in, and check again.",
        "(SELECT max(v.at) FROM tickets_verdict v WHERE v.ticket_id = k.id)",
    ),
    Obstacle(
        "phase", f"{UNFINISHED} AND {STUCK}", "'operator'", "it should move on from {phase} and cannot: {move_fault}",
        "Mend what is named there: it is tried again and again, and moves on by itself then. Or send it back, block it or cancel it.", "k.move_fault_at",
    ),
    Obstacle(
        "clock", f"{UNFINISHED} AND {DUE} AND k.move_fault = ''", CLOCK, "it may move on from {phase}; a worker or the clock does it",
        "It moves by itself; if it does not, start manage.py clock.", "coalesce(c.last_end, k.phase_since)",
    ),
    Obstacle(
        "phase", f"{UNFINISHED} AND k.phase <> 'BLOCKED' AND c.here = 0", "'operator'", "it has no task in {phase}",
        "Add a task, or move it on.", "k.phase_since",
    ),
    Obstacle(
        "phase", f"{UNFINISHED} AND k.phase <> 'BLOCKED' AND c.going = 0 AND c.failed = 0 AND c.unsatisfiable = 0 AND c.here > 0 AND NOT ({DUE}) AND NOT ({REFUSED})", "'operator'",
        "all its tasks of {phase} have ended and nobody has moved it on", "Move it on, or add a task.", "coalesce(c.last_end, k.phase_since)",
    ),
    Obstacle(
        "phase", f"k.phase = 'CANCELLED' AND {LEFT_OPEN} > 0", "'operator'", "it is cancelled, and work of it is still open: {left_open}",
        "Cancel that work too, or reopen the ticket.", "k.phase_since",
    ),
    Obstacle(
        "phase", f"NOT {UNFINISHED} AND k.phase <> 'CANCELLED' AND {LEFT_OPEN} > 0", "'operator'", "it is done, and work of it is still open: {left_open}",
        "Cancel what is not needed any more; for the rest open a new ticket that follows this one up.", "k.phase_since",
    ),
]  # fmt: skip
# Who each of many tickets waits on. Their first tasks lie in few lanes: the fleet of each is looked at once.
FIRST_OF_MANY = FIRST_WAITS.replace(
    SCENE, f"{STAGE} LEFT JOIN fleets f ON f.lane_id = t.lane_id AND t.state = 'pending'"
)
WHO = f"""
WITH fleets AS MATERIALIZED (
  SELECT l.id AS lane_id, f.* FROM tickets_lane l CROSS JOIN LATERAL ({FLEET}) f
  WHERE l.id IN (SELECT t.lane_id FROM tickets_task t WHERE t.ticket_id = ANY (%(ids)s) AND t.state = 'pending'))
SELECT k.id, CASE {" ".join(f"WHEN {each.when} THEN {FIRST_OF_MANY if each is TASKS else each.who}" for each in OBSTACLES)} END AS who {TICKET} WHERE k.id = ANY (%(ids)s)
"""
BEYOND = f"""
(WITH fleets AS MATERIALIZED (
   SELECT l.id AS lane_id, f.* FROM tickets_lane l CROSS JOIN LATERAL ({FLEET}) f
   WHERE l.id IN (SELECT t.lane_id FROM tickets_task t WHERE t.ticket_id = k.id AND t.state = 'pending'))
 SELECT DISTINCT ON (who = 'operator') id FROM (
   SELECT t.id, t.state, {waiting_on()} AS who
   FROM (SELECT t.* {OPEN_HERE} OFFSET %(most)s) t {STAGE.replace("FROM tickets_task t", "")} LEFT JOIN fleets f ON f.lane_id = t.lane_id AND t.state = 'pending') each
 ORDER BY who = 'operator', state, id)
"""


def _any(who: str, of_work: str) -> str:
    """SQL: whether a cause of ticket `k` waits for such a one; those of its tasks are in `w`."""
    return " OR ".join(
        f"({each.when} AND coalesce(w.{of_work}, false)) IS TRUE"
        if each is TASKS
        else f"({each.when} AND {each.who} {who}) IS TRUE"
        for each in OBSTACLES
    )


# Of every unfinished ticket of a project: whether a cause of it waits for an operator, and whether another
# waits for anybody else.
NEEDY = f"""
WITH fleets AS MATERIALIZED (SELECT l.id AS lane_id, f.* FROM tickets_lane l CROSS JOIN LATERAL ({FLEET}) f WHERE l.project_id = %(project)s),
work AS MATERIALIZED (
  SELECT ticket_id, coalesce(bool_or(who = 'operator'), false) AS operator, coalesce(bool_or(who <> 'operator'), false) AS others
  FROM (SELECT t.ticket_id, {waiting_on()} AS who {STAGE} LEFT JOIN fleets f ON f.lane_id = t.lane_id AND t.state = 'pending'
        WHERE t.project_id = %(project)s AND t.state IN ('pending', 'claimed') AND NOT t.unsatisfiable AND k.archived_at IS NULL AND {CLAIMABLE_HERE}) each GROUP BY 1)
SELECT id, others FROM (
  SELECT k.id, {_any("= 'operator'", "operator")} AS operator, {_any("<> 'operator'", "others")} AS others
  {TICKET} LEFT JOIN work w ON w.ticket_id = k.id WHERE k.project_id = %(project)s AND k.archived_at IS NULL AND ({UNFINISHED} OR {LEFT_OPEN} > 0)) told WHERE operator
"""


@dataclass(frozen=True)
class Needy:
    """`needs_operator`: ids of tickets one cause of which waits for an operator; `stuck`: those of them
    nobody else can move.
    """

    needs_operator: frozenset[int]
    stuck: frozenset[int]


class WaitingTickets(TicketFilters[Row]):
    def waiting_on(self, who: str, *, limit: int, before: int | None = None) -> tuple[list[int], int | None]:
        """Ids of the newest tickets of this set, older than `before`, that wait on `who`, in the words of a
        task's `waiting_on`.

        At most `limit`, out of the `MOST_ASKED` newest that are not at their end; and `before` for the next
        call, None when that was all.
        """
        found: list[int] = []
        for _ in range(0, MOST_ASKED, AT_ONCE):
            older = self.unfinished().filter(pk__lt=before) if before else self.unfinished()
            asked = list(older.order_by("-pk").values_list("pk", flat=True)[:AT_ONCE])
            told = waits(asked)
            for before in asked:
                if meant(who, told[before]):
                    if len(found) == limit:
                        return found, found[-1]
                    found.append(before)
            if len(asked) < AT_ONCE:
                return found, None
        return found, before

    def stalled(self) -> models.QuerySet[Row]:
        """Tickets that should have moved on by themselves and cannot."""
        return self.extra(where=[STALLED])


def explanation(ticket: TicketRecord) -> Told:
    """What the ticket waits on and every cause, its open tasks' among them; no cause and null when it is done
    or cancelled.
    """
    facts = sql.one(
        f"""SELECT k.phase, {UNMET} AS unmet, k.pause_reason, k.blocked_class, k.blocked_reason, k.move_fault, {LEFT_OPEN} AS left_open, j.key AS project, j.pause_reason AS project_reason, c.*, {selected(OBSTACLES)},
                   ARRAY(SELECT t.id {OPEN_HERE} LIMIT %(most)s) AS open_tasks, CASE WHEN c.going > %(most)s THEN ARRAY{BEYOND} END AS beyond
            {TICKET} WHERE k.id = %(ticket)s""",
        {"ticket": ticket.pk, "most": MOST},
    )
    assert facts
    facts["blocked_class"], facts["phase"] = (
        facts["blocked_class"].replace("_", " "),
        spoken.phase(facts["phase"]),
    )
    facts["unmet"] = ", ".join(name_of(check) for check in facts["unmet"] or [])
    causes: list[dict[str, Any]] = []
    open_tasks = facts["open_tasks"] + (facts["beyond"] or [])
    for place, each in enumerate(OBSTACLES):
        if facts[f"holds_{place}"] and each is TASKS:
            causes += _of_tasks(tasks.explanations(open_tasks), open_tasks, ticket.key)
        elif facts[f"holds_{place}"]:
            causes.append(cause_of(each, place, facts))
    return {"waiting_on": causes[0]["who"] if causes else None, "causes": causes}


def waits(ids: Iterable[int]) -> dict[int, str | None]:
    """Who each of these tickets waits on."""
    return {row["id"]: row["who"] for row in sql.rows(WHO, {"ids": list(ids)})}


def needy(project: int) -> Needy:
    """The tickets of a project that need an operator, in one statement over the whole project."""
    rows = sql.rows(NEEDY, {"project": project})
    return Needy(
        frozenset(row["id"] for row in rows), frozenset(row["id"] for row in rows if not row["others"])
    )


def _of_tasks(told: dict[int, Told], order: list[int], ticket: str) -> list[dict[str, Any]]:
    """The first cause of each open task, by the task's key."""
    causes = []
    for task in order:
        for cause in told[task]["causes"][:1]:
            causes.append({**cause, "what": f"{ticket}.{task}: {cause['what']}"})
    return causes
