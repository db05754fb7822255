"""Which queues a claim that found nothing waits in, and which events wake them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from agents.models import Agent, Project
from agents.models.agent import phase_names, words
from agents.models.journal_changes import WORK

# After these events a task may have become ready, or be no longer locked by another transaction.
BRING_WORK = [
    *(
        "task.added",
        "task.readied",
        "task.released",
        "task.lapsed",
        "task.timed_out",
        "task.taken_back",
        "task.revoked",
        "task.retried",
        "task.woken",
    ),
    *("task.promoted", "task.bumped", "task.edited", "need.removed", "alarm.raised"),
    *("pool.opened", "pool.came_due"),
    "pool.edited",  # its limit
    *("ticket.moved", "ticket.resumed", "ticket.restored"),
    *("ticket.archived", "ticket.workflow_changed"),  # a phase that held others may have room
    *("project.resumed", "project.thawed", "project.imported"),
    "project.edited",  # its limits
    "phase.resumed",
]
# After these, others may be granted work where the agents, tickets or claims at work are limited.
MAKE_ROOM = [
    *("task.completed", "task.failed", "task.cancelled"),
    *("task.released", "task.lapsed", "task.timed_out", "task.taken_back", "task.revoked", "task.retried"),
]
# After these, a ticket may not wait for people any more, so that its wait, if too long, holds no others.
END_WAITS = [*MAKE_ROOM, "approval.given", "artifact.handed_in"]
# In project `p` tickets that wait for people too long hold others.
HOLDS_FOR_A_TIME = """
EXISTS (
  SELECT
  FROM tickets_lane l
  JOIN tickets_workflowphase f ON f.workflow_id = l.workflow_id
  WHERE l.project_id = p.id
    AND jsonb_exists(f.wip, 'oldest_s')
)
""".strip()


def wait_keys(
    *,
    by: Agent,
    capabilities: Sequence[str] | None = None,
    phases: Sequence[str] | None = None,
    project: Project | None = None,
) -> list[str]:
    """The queue shared by all agents that could be granted the same tasks, and the agent's own topic, because
    its rights, state and keys decide what it may do.
    """
    if project or not by.sees_all:
        keys = [project.key] if project else sorted(by.projects.values_list("key", flat=True))
        topics = [f"{WORK}:{key}" for key in keys]
    else:
        topics = [WORK]
    able = set(by.capabilities) if capabilities is None else set(by.capabilities) & set(words(capabilities))
    limits = [
        sorted(able),
        sorted(by.phases),
        sorted(by.pools),
        None if phases is None else phase_names(phases),
        by.runs_profiles,
    ]
    mark = hashlib.sha256(json.dumps(limits).encode()).hexdigest()[:16]
    return [f"{','.join(topics)}#{mark}", by.topic]
