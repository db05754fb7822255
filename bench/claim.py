"""What a claim costs: buffers by part of the statement, flat over the backlog, and its pace beside a bare SKIP LOCKED.

    python bench/claim.py [--json] [--sizes 1000,10000,100000] [--rounds 5]

Works in a database of its own, `omoi_bench`, on the server of the settings; the database is dropped at the end.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import psycopg

SKILLS = 3  # how many lanes an agent of the bench can serve

TASKS = """
INSERT INTO tickets_task (ticket_id, ticket_key, project_id, lane_id, phase, title, description, kind, priority, capabilities, profile, slots, state, open_needs,
  edges_left, doomed, asleep, held, rank, ready_at, fence, attempts, max_attempts, retries, settled_as, error, events, progress)
SELECT t.id, t.key, t.project_id, l.ids[1 + n %% cardinality(l.ids)], 'DOING', 'task ' || n, '', 'task', 2, '{}', '', '{}', 'pending', 0,
  0, false, false, false, omoi_micros(clock_timestamp()) + n, clock_timestamp(), 0, 0, 3, 0, '', '', 0, '{}'
FROM tickets_ticket t CROSS JOIN (SELECT array_agg(id ORDER BY id) AS ids FROM tickets_lane) l CROSS JOIN generate_series(%s::bigint, %s::bigint) n WHERE t.id = %s
"""

EVENTS = """
INSERT INTO agents_event (project_id, topic, subject, number, kind, actor, key, data, reason)
SELECT t.project_id, 'ticket:' || t.ticket_key, 'task:' || t.id, 1, 'task.added', 'user:admin', '', '{}', '' FROM tickets_task t WHERE t.id > %s
"""
AGENTS = """
INSERT INTO agents_agent (events, name, kind, state, capabilities, phases, tags, capacity, runs_profiles, sees_all, grants, version, created_at)
SELECT 0, 'crowd-' || n, 'worker', 'available', '{}', '{}', '{}', 1, false, false, 0, 1, now() FROM generate_series(1, 1000) n ON CONFLICT DO NOTHING
"""


def backlog(ticket: Any, ready: int, lanes: int) -> None:
    """Bring `ticket` to this many ready tasks, spread evenly over lanes that need `skill-0`, `skill-1`, … each.

    Each task has its event in the journal, and a thousand other agents are there.
    """
    from omoi_site import db
    from tickets.models import Lane

    for n in range(Lane.objects.count(), lanes):
        Lane.objects.of(project=ticket.project, phase="DOING", capabilities=[f"skill-{n}"], has_profile=False)
    there, last = ticket.tasks.count(), db.one("SELECT coalesce(max(id), 0) AS id FROM tickets_task")
    db.rows(TASKS, [there, ready - 1, ticket.pk])
    db.rows(EVENTS, [last and last["id"]])
    db.rows(AGENTS)
    for table in ("tickets_task", "tickets_lane", "agents_agent", "agents_event"):
        db.rows(f"VACUUM ANALYZE {table}")


def asked(agent: Any, **more: Any) -> dict[str, Any]:
    """The parameters of a claim as `Task.objects.claim` gives them."""
    return {"agent": agent.pk, "key": "", "limit": 1, "lease_s": 60, "capabilities": None, "phases": None, "project": None, **more}


def measure(statement: str, parameters: dict[str, Any]) -> dict[str, int]:
    """Buffers of one run of the prepared statement under its generic plan, by part (name of the CTE); undone afterwards."""
    text, names = numbered(statement)
    given = ", ".join("NULL" if parameters[name] is None else _literal(parameters[name]) for name in names)
    with connect() as link:
        link.execute("SET plan_cache_mode = force_generic_plan")
        link.execute(f"PREPARE measured AS {text}".encode())
        for _ in range(2):  # the first run fills the caches of the catalogue
            link.execute("BEGIN")
            [plan] = link.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE measured({given})".encode()).fetchone()
            link.execute("ROLLBACK")
    return parts(plan[0]["Plan"])


def numbered(statement: str) -> tuple[str, list[str]]:
    """The statement with its parameters as $1, $2, … as the server is sent it, and their names in order."""
    names: list[str] = []

    def place(found: re.Match[str]) -> str:
        if found[1] not in names or not found[1]:
            names.append(found[1])
        return f"${len(names) if not found[1] else names.index(found[1]) + 1}"

    return re.sub(r"%(?:\((\w+)\))?s", place, statement).replace("%%", "%"), names


def connect() -> psycopg.Connection[Any]:
    """A connection of its own, whose prepared statements nobody clears."""
    from django.db import connection

    where = connection.get_connection_params()
    login = {name: where[name] for name in ("host", "port", "dbname", "user", "password") if where.get(name)}
    return psycopg.connect(**login, autocommit=True, prepare_threshold=None)


def _literal(value: Any) -> str:
    return "'{" + ",".join(map(str, value)) + "}'" if isinstance(value, list) else f"'{value}'" if isinstance(value, str) else str(value)


def parts(plan: dict[str, Any]) -> dict[str, int]:
    """Buffers of each CTE by itself. What a scan of another CTE sets in motion belongs to that one."""
    cost: Counter[str] = Counter()

    def touched(node: dict[str, Any]) -> int:
        return node["Shared Hit Blocks"] + node["Shared Read Blocks"]

    def walk(node: dict[str, Any], part: str) -> None:
        own = touched(node)
        for child in node.get("Plans", []):
            name = child.get("Subplan Name", "")
            walk(child, name.removeprefix("CTE ") if name.startswith("CTE ") else part)
            if not name.startswith("CTE "):
                own -= touched(child)
        if node["Node Type"] != "CTE Scan":
            cost[part] += own

    walk(plan, "answer")
    return dict(cost)


def choosing(parts: dict[str, int]) -> int:
    """Of the parts of a claim: finding the lanes, looking at their heads and locking what is taken."""
    return sum(parts[part] for part in ("heads", "quota", "pick"))
