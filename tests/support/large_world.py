"""A database with much in it, made by a few statements: for tests of what statements cost at that size.

Every row is a copy of one that the real verbs made, with other keys, states and times. Triggers and foreign
keys are off while the copies are made.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection

from tests.support import cluster
from tests.support.vacuum import vacuum

FIRST = 1_000_000  # the first id of a copy

# The copies of one row with the columns `changed`.
COPY = """
INSERT INTO {table}
SELECT made.*
FROM {table} original
CROSS JOIN generate_series(1, {count}) n
CROSS JOIN LATERAL jsonb_populate_record(original, jsonb_build_object({changed})) made
WHERE original.id = {original}
"""
TICKETS = """
  'id', {first} + n,
  'number', {first} + n,
  'key', 'OMO-' || ({first} + n),
  'title', 'ticket ' || n
"""
# The newest of a ticket's tasks wait for those before; most others have ended.
TASKS = """
  'id', {first} + n,
  'ticket_id', {first} + 1 + (n - 1) / {each},
  'ticket_key', 'OMO-' || ({first} + 1 + (n - 1) / {each}),
  'title', 'task ' || n,
  'lane_id', ({lanes})[1 + (n + n / {each}) % cardinality({lanes})],
  'state', CASE
    WHEN n % {each} < 5 THEN 'completed'
    WHEN n % {each} = 5 THEN 'failed'
    ELSE 'pending'
  END,
  'fence', (n % {each} < 6)::int,
  'attempts', (n % {each} < 6)::int,
  'claimed_at', CASE WHEN n % {each} < 6 THEN now() - interval '1 d' END,
  'ended_at', CASE WHEN n % {each} < 6 THEN now() - interval '1 d' END,
  'open_needs', (n % {each} = 9)::int,
  'edges_left', (n % {each} = 9)::int,
  'rank', omoi_micros(now()) + n
"""
NEEDS = """
INSERT INTO tickets_need (parent_id, child_id, on_end, on_failure)
SELECT id - 1, id, 'success', 'hold'
FROM tickets_task
WHERE id > {first}
  AND edges_left = 1
"""
MOVES = """
INSERT INTO tickets_phasemove
SELECT made.*
FROM tickets_phasemove original
JOIN tickets_ticket k ON k.id > {first}
CROSS JOIN LATERAL jsonb_populate_record(original, jsonb_build_object(
  'id', k.id * 10 + original.move,
  'ticket_id', k.id
)) made
WHERE original.ticket_id = {original}
"""
EVENTS = """
INSERT INTO agents_event (xid, project_id, topic, subject, number, kind, actor, key, data, reason)
SELECT
  (3 + id % 700)::text::xid8,
  project_id,
  'ticket:' || ticket_key,
  'task:' || id,
  1,
  'task.added',
  'user:admin',
  '',
  '{{}}',
  ''
FROM tickets_task
WHERE id > {first}
"""
AGENTS = "'id', {first} + n, 'name', 'agent-' || n"
PRESENCES = """
INSERT INTO agents_agentpresence
SELECT made.*
FROM agents_agentpresence original
JOIN agents_agent a ON a.id > {first}
CROSS JOIN LATERAL jsonb_populate_record(original, jsonb_build_object('agent_id', a.id)) made
WHERE original.agent_id = {original}
"""
MEMBERSHIPS = """
INSERT INTO agents_agent_projects (agent_id, project_id)
SELECT id, {project}
FROM agents_agent
WHERE id > {first}
"""
# Each agent holds one task, granted a minute ago.
HELD = """
WITH agent AS (
  SELECT id, row_number() OVER (ORDER BY id) AS place
  FROM agents_agent
  WHERE id > {first}
),
ready AS (
  SELECT id, row_number() OVER (ORDER BY id) AS place
  FROM tickets_task
  WHERE id > {first}
    AND state = 'pending'
    AND open_needs = 0
)
UPDATE tickets_task t
SET
  state = 'claimed',
  holder_id = agent.id,
  fence = 1,
  attempts = 1,
  claimed_at = now() - interval '1 min',
  started_at = now() - interval '1 min',
  lease_s = 600,
  lease_expires_at = now() + interval '9 min'
FROM agent
JOIN ready USING (place)
WHERE t.id = ready.id
"""
GRANTS = """
INSERT INTO tickets_latestgrant (agent_id, oldest_held)
SELECT holder_id, min(claimed_at)
FROM tickets_task
WHERE holder_id IS NOT NULL
GROUP BY 1
"""


@dataclass(frozen=True)
class Size:
    tickets: int = 20_000
    tasks: int = 200_000
    agents: int = 400
    lanes: int = 20


def make(ticket: Any, task: Any, agent: Any, size: Size) -> None:
    """Fill the database of the running test with copies of `ticket` (in DOING), of its ready `task` and of
    `agent`. Lane `n` needs the capability `skill-n`.
    """
    from tickets.models import Lane
    from tickets.models.task.lane import Marks

    marks = [Marks(task.phase, (f"skill-{n}",), False) for n in range(size.lanes)]
    lanes = sorted(Lane.objects.of(ticket.project_id, marks).values())
    own = connection.settings_dict["NAME"]
    with cluster.superuser(own) as link, unguarded(link):

        def run(statement: str, **parts: Any) -> None:
            link.execute(statement.format(first=FIRST, **parts).encode())

        def copy(row: Any, count: int, changed: str, **parts: Any) -> None:
            run(
                COPY,
                table=row._meta.db_table,
                count=count,
                original=row.pk,
                changed=changed.format(first=FIRST, **parts),
            )

        copy(agent, size.agents, AGENTS)
        run(PRESENCES, original=agent.pk)
        run(MEMBERSHIPS, project=ticket.project_id)
        copy(ticket, size.tickets, TICKETS)
        run(MOVES, original=ticket.pk)
        array = f"ARRAY[{','.join(map(str, lanes))}]::bigint[]"
        copy(task, size.tasks, TASKS, each=size.tasks // size.tickets, lanes=array)
        run(NEEDS)
        run(EVENTS)
        run(HELD)
        run(GRANTS)
    vacuum()


@contextmanager
def unguarded(link: Any) -> Iterator[None]:
    """No trigger runs and no foreign key is checked on this connection, not even those that always are."""
    link.execute("SET session_replication_role = replica")
    always = link.execute(
        "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE tgenabled = 'A'"
    ).fetchall()
    for table, trigger in always:
        link.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}".encode())
    yield
    for table, trigger in always:
        link.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}".encode())
