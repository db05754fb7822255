"""Many tickets with tasks, written by a few statements: for the plans and pages of lists."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from omoi_site.database import sql
from tests.support.vacuum import vacuum
from tickets.models import Lane
from tickets.models.task.lane import Marks

TICKETS = """
WITH workflow AS (
  SELECT workflow_id AS id FROM tickets_ticket WHERE project_id = %(project)s LIMIT 1
),
made AS (
  INSERT INTO tickets_ticket (
    project_id, number, key, title, description, priority, labels, workflow_id, phase, previous_phase, moves,
    paused, pause_reason, blocked_class, blocked_reason, context, summary, source, source_id, version, events,
    updated_at
  )
  SELECT
    j.id, n, j.key || '-' || n, 'Ticket ' || n, 'What to do', n %% 4, '{api}', workflow.id, 'TODO', '', 0,
    false, '', '', '', '{}', '', '', '', 1, 0, now()
  FROM agents_project j
  CROSS JOIN workflow
  CROSS JOIN generate_series(j.tickets_made + 1, j.tickets_made + %(tickets)s) n
  WHERE j.id = %(project)s
  RETURNING id
),
counted AS (
  UPDATE agents_project SET tickets_made = tickets_made + %(tickets)s WHERE id = %(project)s
)
INSERT INTO tickets_phasemove (ticket_id, move, from_phase, to_phase, ground, reason, by, key, artifacts)
SELECT id, 0, NULL, 'TODO', 'born', '', 'system:tests', '', '{}' FROM made
"""
TASKS = """
INSERT INTO tickets_task (
  ticket_id, ticket_key, project_id, lane_id, phase, title, description, kind, priority, capabilities,
  profile, slots, state, open_needs, edges_left, unsatisfiable, not_due, held, rank, ready_at, fence,
  attempts, max_attempts, retries, settled_as, error, events, progress, deadline
)
SELECT
  k.id, k.key, k.project_id, %(lane)s, 'TODO', 'task ' || n, '', 'task', 2, '{}', '', '{}', 'pending', 0,
  0, false, false, false, k.id, clock_timestamp(), 0, 0, 3, 0, '', '', 0, '{}',
  %(deadline)s::timestamptz - k.id * interval '1 s'
FROM tickets_ticket k
CROSS JOIN generate_series(1, %(tasks)s) n
WHERE k.project_id = %(project)s
  AND NOT EXISTS (SELECT FROM tickets_task t WHERE t.ticket_id = k.id)
"""


def many_tickets(project: Any, tickets: int, *, tasks: int = 0, deadline: datetime | None = None) -> None:
    """Add tickets to a project that has one; those without tasks get some, all with the same deadline in a
    ticket and each ticket's a second earlier. The tables are analysed.
    """
    [lane] = Lane.objects.of(project.pk, [Marks("TODO", (), False)]).values()
    params = {"project": project.pk, "tickets": tickets, "tasks": tasks, "lane": lane, "deadline": deadline}
    with transaction.atomic():
        sql.rows(TICKETS, params)
        sql.rows(TASKS, params)
    vacuum()
