"""Buffers and statements of what must not grow: settlements of many items, automatic moves of many tickets,
and a claim under a snapshot that is held for long.

python3 manage.py bench costs [--json] [--quick] [--claims 20000]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from bench.checkout import ROOT
from bench.claim import connect
from bench.options import main, number, parser
from bench.rounds import Measure
from bench.temporary_server import temporary_server

BY = "system:bench"
TICKETS = 40
# A back end's own count of pages that it looked at, found in memory or not.
TOUCHED = """
SELECT coalesce(sum(hits + reads), 0)::bigint AS touched
FROM pg_stat_get_backend_io(pg_backend_pid())
WHERE object = 'relation'
"""


def run(options: argparse.Namespace, step: Callable[[], Any]) -> tuple[list[Measure], dict[str, Any]]:
    """The measures. Each is taken once: these figures carry no noise."""
    with temporary_server():
        found = settlements(10, 200, 20 if options.quick else 1000)
        step()
        moves = Measure("statements, 40 tickets of two moves", "statements", "less")
        moves.figures[moves.ours] = [automatic_moves(TICKETS)]
        step()
        claim = under_snapshot(200 if options.quick else options.claims)
        step()
    return [found, moves, claim], {}


def settlements(few: int, many: int, beside: int) -> Measure:
    """Buffers of an item: of a settlement of many tasks beside one of few, on tickets of many tasks."""
    from tickets.models import Outcome, Task

    agent, _ = scene("SETTLE", tickets=4, tasks=many + beside)
    measure = Measure("buffers of an item settled", "buffers", "less", f"{many} items", f"{few} items")
    for size in (few, few, many, few, many):  # the first ones plan
        claims = [
            claim for _ in range(0, size, 100) for claim in Task.objects.claim(by=agent, limit=min(size, 100))
        ]
        outcomes = [Outcome(claim.task, claim.fence, "completed") for claim in claims]
        used = buffers(lambda outcomes=outcomes: Task.objects.settle(outcomes, by=agent))
        measure.figures[f"{size} items"] = [used / size]
    return measure


def automatic_moves(tickets: int) -> float:
    """Statements in all that move tickets whose work is over through two phases."""
    from django.db import connection

    from tickets.models import Outcome, Task, Ticket

    agent, made = scene("MOVES", tickets=tickets, tasks=1, advanced=False)
    claims = Task.objects.claim(by=agent, limit=tickets)
    Task.objects.settle([Outcome(claim.task, claim.fence, "completed") for claim in claims], by=agent)
    asked = []

    def noted(execute: Any, sql: Any, *rest: Any) -> Any:
        asked.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(noted):
        moved = Ticket.objects.advance_due([ticket.pk for ticket in made])
    assert moved == 2 * tickets, f"{moved} moves instead of {2 * tickets}"
    return float(len(asked))


def under_snapshot(claims: int) -> Measure:
    """Buffers of a whole claim after many claims under one held snapshot, beside before. The clock runs."""
    from omoi_site.database import sql
    from tickets.models import Outcome, Task

    agents = 20
    agent, _ = scene("HELD", tickets=20, tasks=claims // 20 + 50)
    others = [_agent(f"held-{n}", agent.projects.get()) for n in range(agents)]
    measure = Measure("buffers of a claim under a held snapshot", "buffers", "less", "after", "before")
    for table in ("tickets_task", "tickets_ticket", "agents_event", "agents_agent"):
        sql.rows(f"VACUUM ANALYZE {table}")  # what filled them is not measured with the claims
    measure.figures["before"] = [_one(agent)]
    clock = subprocess.Popen([sys.executable, "manage.py", "clock"], cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        with connect() as old:
            old.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            old.execute("SELECT count(*) FROM agents_agent")
            for n in range(claims):
                other = others[n % agents]
                [claim] = Task.objects.claim(by=other)
                Task.objects.settle([Outcome(claim.task, claim.fence, "completed")], by=other)
            measure.figures["after"] = [_one(others[0])]
    finally:
        clock.terminate()
        clock.wait(30)
    return measure


def _one(agent: Any) -> float:
    """Buffers of one claim by this agent, once its statement is planned."""
    from tickets.models import Outcome, Task

    used = 0
    for _ in range(8):
        claims: list[Any] = []
        used = buffers(lambda claims=claims: claims.extend(Task.objects.claim(by=agent)))
        Task.objects.settle([Outcome(claim.task, claim.fence, "completed") for claim in claims], by=agent)
    return float(used)


def buffers(act: Callable[[], Any]) -> int:
    """Pages that everything in `act` touches in this connection."""
    before = _touched()
    empty = _touched() - before  # looking costs some too
    before = _touched()
    act()
    return max(0, _touched() - before - empty)


def _touched() -> int:
    from omoi_site.database import sql

    sql.rows("SELECT pg_stat_force_next_flush()")
    sql.rows("SELECT 1")  # what was counted is given up when a transaction ends
    return int(sql.rows(TOUCHED)[0]["touched"])


def scene(key: str, *, tickets: int, tasks: int, advanced: bool = True) -> tuple[Any, list[Any]]:
    """An agent, and tickets with so many ready tasks each."""
    from agents.models import Project, ProjectSpec
    from tickets.models import Task, TaskSpec, Ticket, TicketSpec

    project = Project.objects.create_project(ProjectSpec(key, workflow="simple"), by=BY)
    made = []
    for _ in range(tickets):
        ticket = Ticket.objects.open(project, TicketSpec("A backlog"), by=BY)
        if advanced:
            with Ticket.objects.locked(pk=ticket.pk) as ticket:
                ticket.advance(by=BY)
        Task.objects.add(ticket, [TaskSpec(f"Task {n}") for n in range(tasks)], by=BY)
        made.append(ticket)
    return _agent(key.lower(), project), made


def _agent(name: str, project: Any) -> Any:
    from agents.models import Agent, AgentSpec

    return Agent.objects.register(AgentSpec(name, capacity=1000), projects=[project], by=BY)


def steps(options: argparse.Namespace) -> int:
    return 3


def arguments() -> argparse.ArgumentParser:
    asks = parser("costs", __doc__ or "")
    asks.add_argument("--claims", type=number, default=20_000, help="claims under the snapshot (20000)")
    return asks


if __name__ == "__main__":
    main("costs", "Costs", arguments(), run, steps)
