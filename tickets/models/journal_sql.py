"""The SQL that inserts events of tasks and tickets, for use in the statement that changes them."""

from __future__ import annotations

from agents.models.journal_sql import insert_events

# For how long the claim of task `t` was held, in seconds. Each event that ends a claim has it in its data,
# and `holder` where the actor is another: by these the index event_of_holder finds what an agent has done.
HELD_S = "round(extract(epoch FROM clock_timestamp() - t.claimed_at)::numeric, 3)"


def task_events(source: str, kind: str, *, task: str = "id", **more: str) -> str:
    """One event for each task in `source`, which has its `ticket_key`; `task`: the column of its id."""
    return insert_events(
        source, topic="'ticket:' || ticket_key", subject=f"'task:' || {task}", kind=kind, **more
    )


def ticket_events(source: str, kind: str, *, ticket: str = "key", **more: str) -> str:
    """One event for each ticket in `source`; `ticket`: the column of its key."""
    topic = f"'ticket:' || {ticket}"
    return insert_events(source, topic=topic, subject=topic, kind=kind, **more)
