"""What a claim costs: database pages by part of the statement for growing backlogs, and its pace compared
with a bare SKIP LOCKED.

python3 manage.py bench claim [--json] [--sizes 1000,10000,100000] [--rounds 5] [--claims 200]
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import time
from collections.abc import Callable
from typing import Any

from bench.options import number, numbers
from bench.plan_buffers import connect, measure, numbered
from bench.temporary_server import temporary_server

SKILLS = 3  # how many lanes the bench's agent can serve

TASKS = """
INSERT INTO tickets_task (
  ticket_id, ticket_key, project_id, lane_id, phase, title, description, kind, priority, capabilities,
  profile, slots, state, open_needs, edges_left, unsatisfiable, not_due, held, rank, ready_at, fence,
  attempts, max_attempts, retries, settled_as, error, events, progress
)
SELECT
  t.id, t.key, t.project_id, l.ids[1 + n %% cardinality(l.ids)], 'DOING', 'task ' || n, '', 'task', 2, '{}',
  '', '{}', 'pending', 0,
  0, false, false, false, omoi_micros(clock_timestamp()) + n, clock_timestamp(), 0, 0, 3, 0, '', '', 0, '{}'
FROM tickets_ticket t
CROSS JOIN (SELECT array_agg(id ORDER BY id) AS ids FROM tickets_lane) l
CROSS JOIN generate_series(%s::bigint, %s::bigint) n
WHERE t.id = %s
"""

EVENTS = """
INSERT INTO agents_event (project_id, topic, subject, number, kind, actor, key, data, reason)
SELECT t.project_id, 'ticket:' || t.ticket_key, 'task:' || t.id, 1, 'task.added', 'user:admin', '', '{}', ''
FROM tickets_task t
WHERE t.id > %s
"""
AGENTS = """
INSERT INTO agents_agent (
  events, name, kind, state, capabilities, phases, tags, capacity, runs_profiles, sees_all, version,
  created_at, state_by
)
SELECT 0, 'crowd-' || n, 'worker', 'available', '{}', '{}', '{}', 1, false, false, 1, now(), ''
FROM generate_series(1, 1000) n
ON CONFLICT DO NOTHING
"""


def backlog(ticket: Any, ready: int, lanes: int) -> None:
    """Give `ticket` this many ready tasks, spread evenly over lanes that need `skill-0`, `skill-1`, …

    Each task has its event in the journal, and there are a thousand other agents.
    """
    from omoi_site.database import sql
    from tickets.models import Lane
    from tickets.models.task.lane import Marks

    Lane.objects.of(
        ticket.project_id,
        [Marks("DOING", (f"skill-{n}",), False) for n in range(Lane.objects.count(), lanes)],
    )
    there, last = ticket.tasks.count(), sql.one("SELECT coalesce(max(id), 0) AS id FROM tickets_task")
    sql.rows(TASKS, [there, ready - 1, ticket.pk])
    sql.rows(EVENTS, [last and last["id"]])
    sql.rows(AGENTS)
    for table in ("tickets_task", "tickets_lane", "agents_agent", "agents_event"):
        sql.rows(f"VACUUM ANALYZE {table}")


def asked(agent: Any, **more: Any) -> dict[str, Any]:
    """The parameters of a claim, as `Task.objects.claim` passes them."""
    from tickets.models.claim.claim import claim_params

    return claim_params(agent) | more


def choosing(parts: dict[str, int]) -> int:
    """The sum of these parts of a claim: finding the lanes, reading their first tasks and locking what is
    taken.
    """
    return sum(parts[part] for part in ("heads", "quota", "picked"))


# -- run as a script

LANES = {1: 1, 20: SKILLS, 300: SKILLS}  # lanes, and how many of them the agent serves
BARE = """
CREATE TABLE IF NOT EXISTS bare (
  id bigserial PRIMARY KEY,
  rank bigint,
  state text,
  holder bigint,
  fence bigint DEFAULT 0,
  lease_expires_at timestamptz
) WITH (fillfactor = 80);
CREATE INDEX IF NOT EXISTS bare_ready ON bare (rank, id) WHERE state = 'pending';
TRUNCATE bare;
GRANT SELECT, UPDATE ON bare TO omoi;
INSERT INTO bare (rank, state) SELECT n, 'pending' FROM generate_series(1, %d) n;
"""
BARE_CLAIM = """
UPDATE bare
SET
  state = 'claimed',
  holder = %s,
  fence = fence + 1,
  lease_expires_at = clock_timestamp() + interval '60 s'
WHERE id = (
  SELECT id
  FROM bare
  WHERE state = 'pending'
  ORDER BY rank, id
  LIMIT 1
  FOR UPDATE SKIP LOCKED
)
RETURNING id, fence
"""


def pages(sizes: list[int], step: Callable[[], Any]) -> dict[str, dict[str, int]]:
    """Pages of a claim by part, for each number of lanes and of ready tasks; `step` is called after each."""
    found = {}
    for lanes, served in LANES.items():
        ticket, agent = scene(f"L{lanes}", served)
        for ready in sizes:
            backlog(ticket, ready, lanes)
            cost = measure(_claim(), asked(agent))
            found[f"{lanes} lanes, serves {served}, {ready:,} ready"] = {
                "choosing": choosing(cost),
                "whole": sum(cost.values()),
                **cost,
            }
            step()
        clear()
    return found


def pace(ready: int, rounds: int, claims: int, step: Callable[[], Any]) -> dict[str, list[float]]:
    """Claims per second of one client, one commit each. Rounds of our statement, of the verb with its brief,
    and of the bare statement alternate; `step` is called after each.
    """
    from omoi_site.database.roles import as_owner
    from tickets.models import Task

    ticket, _ = scene("PACE", SKILLS)
    backlog(ticket, ready, 20)
    agents = [_agent(f"runner-{n}", SKILLS, ticket.project) for n in range(20)]
    text, names = numbered(_claim())
    rates: dict[str, list[float]] = {"statement": [], "verb": [], "bare": []}
    with connect() as link:
        with as_owner(), connect() as owner:
            owner.execute((BARE % ready).encode())
            owner.execute("VACUUM ANALYZE bare")
        link.prepare_threshold = 0
        ours = re.sub(r"\$(\d+)", lambda place: f"%({names[int(place[1]) - 1]})s", text.replace("%", "%%"))
        ways: dict[str, Callable[[int], Any]] = {
            "statement": lambda n: link.execute(ours.encode(), asked(agents[n % 20])).fetchall(),
            "verb": lambda n: Task.objects.claim(by=agents[n % 20]),
            "bare": lambda n: link.execute(BARE_CLAIM.encode(), [1]).fetchall(),
        }
        for _ in range(rounds):
            for name, claim in ways.items():
                begun = time.perf_counter()
                for n in range(claims):
                    claim(n)
                rates[name].append(claims / (time.perf_counter() - begun))
                step()
    return rates


def scene(key: str, served: int) -> tuple[Any, Any]:
    """A ticket in DOING of a new project, and an agent with this many skills."""
    from agents.models import Project, ProjectSpec
    from tickets.models import Ticket, TicketSpec

    project = Project.objects.create_project(ProjectSpec(key), by="system:bench")
    ticket = Ticket.objects.open(project, TicketSpec("A backlog"), by="system:bench")
    with Ticket.objects.locked(pk=ticket.pk) as locked:
        locked.advance(by="system:bench")
    return ticket, _agent(key.lower(), served, project)


def clear() -> None:
    """Delete all lanes and tasks before the next scene."""
    from omoi_site.database import sql
    from omoi_site.database.roles import as_owner

    with as_owner():
        sql.rows("TRUNCATE tickets_task, tickets_lane CASCADE")


def _agent(name: str, served: int, project: Any) -> Any:
    from agents.models import Agent, AgentSpec

    skills = [f"skill-{n}" for n in range(served)]
    return Agent.objects.register(
        AgentSpec(name, capabilities=skills, capacity=1000), projects=[project], by="system:bench"
    )


def _claim() -> str:
    from tickets.models.claim.claim_sql import CLAIM

    return CLAIM


def main() -> None:
    asks = argparse.ArgumentParser(
        prog="python3 manage.py bench claim", description=__doc__.partition("\n")[0]
    )
    asks.add_argument("--json", action="store_true")
    asks.add_argument(
        "--sizes", type=numbers, default=[1_000, 10_000, 100_000], help="ready tasks: 1000,10000,100000"
    )
    asks.add_argument("--rounds", type=number, default=5)
    asks.add_argument("--claims", type=number, default=200, help="a round")
    options = asks.parse_args()
    with (
        temporary_server() as progress,
        progress(
            total=len(LANES) * len(options.sizes) + 3 * options.rounds, unit="step", desc="claim"
        ) as bar,
    ):
        found = pages(options.sizes, bar.update)
        rates = pace(
            max(10_000, 4 * options.rounds * options.claims), options.rounds, options.claims, bar.update
        )
    middle = {name: statistics.median(each) for name, each in rates.items()}
    systems = {
        name: {
            "per_s": round(rate, 1),
            "ratio_to_bare": round(rate / middle["bare"], 3),
            "per_round": [round(one, 1) for one in rates[name]],
        }
        for name, rate in middle.items()
    }
    if options.json:
        print(json.dumps({"rounds": options.rounds, "systems": systems, "pages": found}))
        return
    print(f"{'pages of one claim':42}" + "".join(f"{part:>9}" for part in next(iter(found.values()))))
    for scene_, cost in found.items():
        print(f"{scene_:42}" + "".join(f"{touched:9}" for touched in cost.values()))
    print(f"\n{'claims a second, one client':42}{'per s':>9}{'to bare':>9}")
    for name, told in systems.items():
        print(f"{name:42}{told['per_s']:9}{told['ratio_to_bare']:9}")


if __name__ == "__main__":
    main()
