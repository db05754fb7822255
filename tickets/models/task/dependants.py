"""What becomes of the tasks that need a task which is cancelled.

Each need says it: hold, cancel or continue. Whoever cancels can decide otherwise for all of them, or ask to
be refused if there is something to decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from omoi_site.database import sql
from omoi_site.errors import OmoiError
from tickets.models.task.readiness import NEEDS_MET

POLICIES = ("hold", "cancel", "continue")
ASK = "ask"
MOST_LISTED = 200
CHILDREN = """
SELECT DISTINCT n.child_id AS id
FROM tickets_need n
JOIN tickets_task c ON c.id = n.child_id
WHERE n.parent_id = ANY (%s)
  AND c.state = ANY (%s)
"""
LAST_EVENT = "SELECT coalesce(max(id), 0) AS id FROM agents_event WHERE xid = pg_current_xact_id()"
AFFECTED = sql.statement(__file__, "affected", needs_met=NEEDS_MET)
SET_POLICY = sql.statement(__file__, "set_policy")


class DependantsUndecided(OmoiError):
    """Other tasks need this one, and the caller wants to decide what becomes of them."""

    code = "dependants_undecided"
    title = "Other tasks need this one"
    next_action = "Say what becomes of them with `dependants`: hold, cancel or continue."


@dataclass(frozen=True)
class Dependant:
    """A task that waits for a cancelled one, itself or through others, and what becomes of it: `cancelled`,
    `held` (a person must decide), `ready`, `completed` (an operation), or `waits` (for others still).
    """

    task: int
    key: str
    title: str
    then: str

    def document(self) -> dict[str, Any]:
        return {**vars(self), "task": str(self.task)}


@dataclass(frozen=True)
class Affected:
    """The dependants after the act, and how many more there are than are listed."""

    listed: list[Dependant] = field(default_factory=list)
    more: int = 0


@dataclass(frozen=True)
class Before:
    """What was so before the act, in its transaction."""

    children: list[int]
    event: int

    @classmethod
    def cancelling(cls, tasks: Sequence[int]) -> Before:
        [last] = sql.rows(LAST_EVENT)
        return cls([row["id"] for row in sql.rows(CHILDREN, [list(tasks), ["pending"]])], last["id"])

    def affected(self, tasks: Sequence[int]) -> Affected:
        """Those that needed one of `tasks`, which are cancelled now, and all that was decided with them."""
        params = {
            "tasks": list(tasks),
            "children": self.children,
            "event": self.event,
            "most": MOST_LISTED,
        }
        rows = sql.rows(AFFECTED, params)
        listed = [Dependant(row["task"], row["key"], row["title"], row["then"]) for row in rows]
        return Affected(listed, rows[0]["total"] - len(rows) if rows else 0)


def set_policy(tasks: Sequence[int], policy: str) -> None:
    """From now on, what waits for the success of these open tasks follows this policy if they fail."""
    sql.rows(SET_POLICY, {"tasks": list(tasks), "policy": policy})


def refuse_undecided(affected: Affected) -> None:
    """Raise DependantsUndecided if one of them is held or cancelled."""
    worse = [each for each in affected.listed if each.then in ("held", "cancelled")]
    if worse:
        named = ", ".join(f"{each.key} would be {each.then}" for each in worse[:5])
        others = f" and {len(worse) - 5 + affected.more} more" if len(worse) > 5 else ""
        raise DependantsUndecided(
            f"other tasks need this one: {named}{others}",
            dependants=[each.document() for each in affected.listed],
            more_dependants=affected.more,
        )
