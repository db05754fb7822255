"""What a bench works on: projects, agents, many tickets and tasks. Rows are copied from templates that the
product's own verbs have made, so this works for each version of its tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from bench.checkout import Checkout

SERVED = 3  # lanes that each agent can serve
LANES = 20
CAPACITY = 1000  # the most that an agent may have
# Rows of `{table}` made from its templates: `{more}` are the columns that differ.
COPY = """
INSERT INTO {table}
SELECT (made.row).*
FROM (
  SELECT jsonb_populate_record(
    NULL::{table},
    to_jsonb(r) || jsonb_build_object('id', nextval(pg_get_serial_sequence('{table}', 'id'))) || {more}
  ) AS row
  FROM {source}
  OFFSET 0 -- otherwise each column would make the row anew
) made
"""
TICKETS = COPY.format(
    table="tickets_ticket",
    more="""jsonb_build_object(
    'number', r.number + n, 'key', p.key || '-' || (r.number + n), 'title', 'Ticket ' || n
  )""",
    source="""tickets_ticket r
JOIN agents_project p ON p.id = r.project_id
CROSS JOIN generate_series(1, %(each)s) n
WHERE r.id = ANY (%(templates)s)""",
)
COUNTERS = """
UPDATE agents_project p
SET tickets_made = greatest(
  p.tickets_made,
  (SELECT max(k.number) FROM tickets_ticket k WHERE k.project_id = p.id)
)
"""
# What a task of a ticket in the middle of its work looks like: most are over.
STATES = "(ARRAY['completed', 'completed', 'completed', 'completed', 'failed', 'cancelled'])[1 + n %% 6]"
ENDED = COPY.format(
    table="tickets_task",
    more=f"""jsonb_build_object(
    'ticket_id', k.id, 'ticket_key', k.key, 'project_id', k.project_id, 'state', {STATES}, 'ended_at', now()
  )""",
    source="""bench_template r
CROSS JOIN tickets_ticket k
CROSS JOIN generate_series(1, %(each)s) n
WHERE r.nr = 0
  AND k.title LIKE 'Ticket %%'""",
)
READY = COPY.format(
    table="tickets_task",
    more="""jsonb_build_object(
    'ticket_id', k.id, 'ticket_key', k.key, 'project_id', k.project_id, 'lane_id', r.lane_id,
    'rank', r.rank + n, 'title', 'Task ' || n
  )""",
    source="""generate_series(1, %(ready)s) n
JOIN bench_template r ON r.nr = n %% %(served)s
JOIN bench_backlog k ON k.nr = n %% %(tickets)s""",
)
TEMPLATES = """
DROP TABLE IF EXISTS bench_template, bench_backlog;
CREATE TABLE bench_template AS
SELECT t.*, row_number() OVER (ORDER BY t.id) - 1 AS nr
FROM tickets_task t
WHERE t.ticket_id = {first};
CREATE TABLE bench_backlog AS
SELECT k.id, k.key, k.project_id, row_number() OVER (ORDER BY k.id) - 1 AS nr
FROM tickets_ticket k
WHERE k.title LIKE 'Ticket %%'
"""
EVERY = ("tickets_task", "tickets_ticket", "tickets_lane", "agents_agent", "agents_event")


@dataclass
class Agent:
    id: int
    name: str
    key: str


@dataclass
class Scene:
    """A checkout with projects, agents and tickets."""

    checkout: Checkout
    agents: list[Agent]
    projects: list[str]
    templates: list[dict[str, Any]]
    admin_key: str
    tickets: int
    session: str  # of the person whose key it is
    graph: str  # the ticket with many tasks

    @classmethod
    def make(
        cls, checkout: Checkout, *, agents: int, projects: int = 10, tickets: int = 2000, graph: int = 0
    ) -> Scene:
        """tickets: in all projects together; each is in the middle of its work, and has ten tasks that are
        over. graph: one ticket more, with so many tasks that need each other.
        """
        made = checkout.script(
            "cast.py",
            agents=agents,
            projects=projects,
            lanes=LANES,
            served=SERVED,
            capacity=CAPACITY,
            graph=graph,
        )
        scene = cls(
            checkout,
            [Agent(**each) for each in made["agents"]],
            [each["key"] for each in made["templates"]],
            made["templates"],
            made["admin_key"],
            tickets,
            made["session"],
            made["graph"],
        )
        with scene.connect() as link:
            each = {"each": max(1, tickets // projects), "templates": [t["ticket"] for t in scene.templates]}
            link.execute("ALTER TABLE tickets_ticket DISABLE TRIGGER birth_guard")  # they have no history
            link.execute(TICKETS, each)
            link.execute("ALTER TABLE tickets_ticket ENABLE ALWAYS TRIGGER birth_guard")
            link.execute(COUNTERS)
            for statement in TEMPLATES.format(first=scene.templates[0]["ticket"]).split(";"):
                link.execute(statement)
            link.execute(ENDED, {"each": 10})
            scene.tidy(link)
        return scene

    def refill(self, ready: int) -> None:
        """Begin again: no claims, and this many ready tasks in the lanes that agents serve."""
        with self.connect() as link:
            link.execute("TRUNCATE tickets_task CASCADE")
            link.execute(ENDED, {"each": 10})
            if ready:
                tickets = link.execute("SELECT count(*) FROM bench_backlog").fetchone()[0]
                link.execute(READY, {"ready": ready, "served": SERVED, "tickets": tickets})
            link.execute("UPDATE tickets_lane SET floor = (-(2::numeric ^ 63))::bigint")
            self.tidy(link)

    def tidy(self, link: psycopg.Connection[Any]) -> None:
        """What the rows left behind is not measured with what follows."""
        for table in EVERY:
            link.execute(f"VACUUM ANALYZE {table}".encode())
        link.execute("CHECKPOINT")

    def connect(self) -> psycopg.Connection[Any]:
        link = self.checkout.connect()
        link.execute("SET session_replication_role = replica")  # rows come as they are, past the triggers
        return link

    def claimed(self) -> int:
        """How many tasks are held."""
        with self.checkout.connect() as link:
            return int(
                link.execute("SELECT count(*) FROM tickets_task WHERE state = 'claimed'").fetchone()[0]
            )
