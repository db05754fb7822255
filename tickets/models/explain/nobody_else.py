"""What nobody could do any more if an agent stood down: it is said, and nothing is refused."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from agents.models import Actor, Agent
from omoi_site.database import sql
from omoi_site.humanize import counted
from tickets.models.explain.sql_fragments import HEARD, MAY_WORK, fleet_agents_of
from tickets.models.task.readiness import READY

MOST = 100  # tasks that are told
NAMED = 5  # of them in the sentence
EXAMINED = 10_000  # pending tasks of each project
STAND_DOWN = ("make_unavailable", "drain", "quarantine", "retire")  # the verbs that take an agent out of work
TAKES_BACK = ("quarantine", "retire")  # those that take from it what it holds
PROJECTS = """
SELECT m.project_id
FROM agents_agent_projects m
WHERE m.agent_id = %(agent)s
UNION
SELECT j.id
FROM agents_project j
WHERE %(sees_all)s
"""
NOBODY_ELSE = sql.statement(
    __file__,
    "nobody_else",
    fleet_agents=fleet_agents_of(PROJECTS.strip()),
    projects=PROJECTS.strip(),
    may_work=MAY_WORK,
    heard=HEARD,
    ready=READY,
)


@dataclass(frozen=True)
class NobodyElse:
    """tasks: keys of the open tasks that nobody else could do, the first MOST of them."""

    tasks: list[str]

    @property
    def sentence(self) -> str:
        """Empty if there are none."""
        if not self.tasks:
            return ""
        number = len(self.tasks)
        count = f"{MOST} or more open tasks" if number == MOST else counted(number, "open task")
        return (
            f"Nobody else can do {count}: {', '.join(self.tasks[:NAMED])}{', …' if number > NAMED else ''}."
        )


def nobody_else(agent: Agent, verb: str) -> NobodyElse:
    """The open tasks that no other agent could do if this verb took the agent out of work now."""
    params = {
        "agent": agent.pk,
        "sees_all": agent.sees_all,
        "available": agent.state == Agent.State.AVAILABLE,
        "takes_back": verb in TAKES_BACK,
        "most": MOST,
        "examined": EXAMINED,
    }
    return NobodyElse([row["key"] for row in sql.rows(NOBODY_ELSE, params)])


@sql.atomic
def stand_down(
    pk: int, verb: str, *, by: Actor, reason: str, version: int | None = None, dry_run: bool = False
) -> tuple[Agent, NobodyElse]:
    """Take the agent out of work by this verb; returns it, and what nobody else can do then. dry_run: it is
    done, and taken back. Raises VersionConflict if the caller read another version.
    """
    left = nobody_else(Agent.objects.get(pk=pk), verb)
    agent = Agent.objects.act(pk, verb, by=by, version=version, reason=reason)
    transaction.set_rollback(dry_run)
    return agent, left
