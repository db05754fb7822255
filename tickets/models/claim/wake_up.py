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
        "task.revoked",
        "task.retried",
        "task.woken",
    ),
    *("task.promoted", "task.bumped", "task.edited", "need.removed", "alarm.raised"),
    *("ticket.moved", "ticket.resumed", "ticket.restored", "project.resumed", "project.imported"),
]


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
        None if phases is None else phase_names(phases),
        by.runs_profiles,
    ]
    mark = hashlib.sha256(json.dumps(limits).encode()).hexdigest()[:16]
    return [f"{','.join(topics)}#{mark}", by.topic]
