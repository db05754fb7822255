"""Where a claim that found nothing waits, and which events wake it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from agents.models import Agent, Project
from agents.models.agent import phase_names, words
from agents.models.journal_changes import WORK

# After these a task may be ready that was not, or may be free that was locked when a claim passed over it.
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
    """The queue shared by all agents that would be granted the same, and the agent's own topic: its rights,
    its state and its keys change what it may do.
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
