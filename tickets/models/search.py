"""What a few letters may name: tickets, tasks, agents and projects that somebody sees. It costs the same
however many there are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q

from agents.models import Actor, Agent, Project
from agents.models.json_page import ALL_PROJECTS, reader_params, seen_projects
from omoi_site.database import sql
from tickets.models.ticket.documents import LAST, literal

SHORTEST, LONGEST = 2, 100  # characters that are looked for
EXAMINED = 1_000  # titles of tickets that are read, and so many of tasks in each state
KEY = re.compile(r"\A([A-Z][A-Z0-9]{1,9}-\d{0,9})(?:\.(\d{1,18}))?\Z", re.ASCII)
SEARCH = sql.statement(__file__, "search", seen=seen_projects(ALL_PROJECTS))


@dataclass(frozen=True)
class Found:
    """kind: ticket, task, agent or project. key: of the ticket, for a task too; else the name or key. task:
    the id of the task; 0 if it is none.
    """

    kind: str
    key: str
    title: str
    state: str
    task: int = 0

    @property
    def name(self) -> str:
        return f"{self.key}.{self.task}" if self.task else self.key


def search(text: str, *, by: Actor, most: int) -> Sequence[Found]:
    """At most `most` of each kind, the best first; nothing for a text that is too short."""
    text = " ".join(text.replace("\0", " ").split())[:LONGEST]
    if len(text) < SHORTEST:
        return []
    key = KEY.match(text.upper())
    asked = {
        "key": key[1] if key and not key[2] else "",
        "of": key[1] if key else "",
        "task": int(key[2]) if key and key[2] else 0,
        "like": f"%{literal(text)}%",
        "last": LAST,
        "examined": EXAMINED,
        "most": most,
    }
    rows = sql.rows(SEARCH, {**reader_params(by), **asked})
    return [
        *(
            Found(
                row["kind"], row["key"], row["title"], row["state"], row["id"] if row["kind"] == "task" else 0
            )
            for row in rows
        ),
        *_agents(text, by, most),
        *_projects(text, by, most),
    ]


def _agents(text: str, by: Actor, most: int) -> Sequence[Found]:
    agents = Agent.objects.seen_by(by).filter(name__icontains=text)
    shown = agents.exclude(state=Agent.State.RETIRED).order_by("name").values_list("name", "kind", "state")
    return [Found("agent", name, kind, state) for name, kind, state in shown[:most]]


def _projects(text: str, by: Actor, most: int) -> Sequence[Found]:
    projects = Project.objects.seen_by(by).filter(Q(key__icontains=text) | Q(name__icontains=text))
    return [
        Found("project", key, name, "")
        for key, name in projects.order_by("key").values_list("key", "name")[:most]
    ]
