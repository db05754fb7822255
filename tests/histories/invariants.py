"""What must hold after each act, whatever it was, as SQL and from the journal."""

from __future__ import annotations

from typing import Any, NamedTuple

from omoi_site.database import sql
from tests.histories.model.facts import Facts
from tests.histories.model.parts import FULL_AT
from tests.histories.world import World
from tests.support.waits import assert_stored, follow, let_time_pass, store_waits
from tickets.models import Task, Ticket, WaitSweep
from tickets.models.explain.task_explanation import explanations_statement
from tickets.models.explain.task_obstacles import OBSTACLES
from tickets.models.task.rank import UNBLOCKS
from tickets.models.task.readiness import READY
from tickets.models.task.recheck import WRONG_NEEDS, WRONGLY_HELD

BARRING = [place for place, each in enumerate(OBSTACLES) if each.bars]
# Everything that breaks one of them, in words.
BROKEN = f"""
SELECT a.name || ' holds more than its capacity' AS what
FROM agents_agent a
JOIN tickets_task t ON t.holder_id = a.id
WHERE t.id > %(task)s
  AND t.lease_expires_at IS NOT NULL
GROUP BY a.id
HAVING count(*) > a.capacity
UNION ALL
SELECT e.subject || ' was granted with the fences ' || array_agg(e.fence ORDER BY e.xid, e.id)::text
FROM (
  SELECT e.subject, e.xid, e.id, (e.data->>'fence')::bigint AS fence
  FROM agents_event e
  WHERE e.project_id = %(project)s
    AND e.id > %(event)s
    AND e.kind IN ('task.claimed', 'task.taken', 'task.assigned')
) e
GROUP BY e.subject
HAVING array_agg(e.fence ORDER BY e.xid, e.id) <> array_agg(e.fence ORDER BY e.fence)
  OR count(DISTINCT e.fence) <> count(*)
  OR max(e.fence) <> count(*)
UNION ALL
SELECT e.subject || ' was completed twice'
FROM agents_event e
WHERE e.project_id = %(project)s
  AND e.id > %(event)s
  AND e.kind = 'task.completed'
GROUP BY e.subject
HAVING count(*) > 1
UNION ALL
SELECT 'more tickets than its limit stand in REVIEW'
FROM tickets_ticket k
WHERE k.project_id = %(project)s
  AND k.phase = 'REVIEW'
  AND k.archived_at IS NULL
HAVING count(*) > {FULL_AT}
UNION ALL
-- Oldest first. What has been pushed forward by hand, or is to be promoted, stands elsewhere.
SELECT 'task ' || t.id || ' does not stand where it belongs in the order of work'
FROM tickets_task t
WHERE t.id > %(task)s
  AND {READY}
  AND t.bumped_at IS NULL
  AND coalesce(t.promote_at > clock_timestamp(), true)
  AND (t.rank, t.promote_at) IS DISTINCT FROM (
    omoi_rank(t.priority, t.ready_at, t.deadline, {UNBLOCKS.format(task="t")}, t.retries),
    omoi_promote_at(t.priority, t.ready_at, t.deadline)
  )
UNION ALL
SELECT 'tasks wait for each other'
FROM tickets_need n
WHERE n.child_id > %(task)s
  AND EXISTS (
    WITH RECURSIVE below (id) AS (
      SELECT n.child_id
      UNION
      SELECT m.child_id
      FROM below
      JOIN tickets_need m ON m.parent_id = below.id
    )
    SELECT
    FROM below
    WHERE below.id = n.parent_id
  )
"""
LAST = 2**62
# What there was before: nothing of it is read again, so that the histories of a long run cost the same.
BEFORE = """
SELECT
  (SELECT coalesce(max(id), 0) FROM tickets_task) AS task,
  (SELECT coalesce(max(id), 0) FROM tickets_lane) AS lane,
  (SELECT coalesce(max(id), 0) FROM agents_event) AS event
"""


class Waits(NamedTuple):
    """Who waits on whom, by id; None: nobody."""

    of_tasks: dict[int, str | None]
    of_tickets: dict[int, str | None]


class Invariants:
    def __init__(self, world: World) -> None:
        self.world = world
        self.fences: dict[int, int] = {}
        self.completed: set[int] = set()
        [self.before] = sql.rows(BEFORE)
        self.later = {"after": self.before["task"], "upto": LAST}
        if WaitSweep.objects.filled():
            follow(self.before["lane"])
        else:
            store_waits()  # from here on they are followed

    def check(self, rows: list[dict[str, Any]]) -> None:
        """rows: all tasks."""
        for row in rows:
            assert (row["state"] == "claimed") == (row["holder"] is not None), f"{row} has a wrong holder"
            assert row["fence"] >= self.fences.get(row["id"], 0), f"the fence of {row} went back"
            assert row["state"] == "completed" or row["id"] not in self.completed, f"{row} is open again"
        self.fences = {row["id"]: row["fence"] for row in rows}
        self.completed = {row["id"] for row in rows if row["state"] == "completed"}
        broken = sql.rows(BROKEN, {"project": self.world.project.pk, **self.before})
        broken += sql.rows(WRONG_NEEDS, {**self.later, "ids": None}) + sql.rows(WRONGLY_HELD, self.later)
        assert not broken, broken

    def check_swept(self, model: Facts) -> Waits:
        """Once the sweeps have run: whatever is open has a cause, and what no cause bars can be claimed.
        Returns who all tasks and tickets wait on.
        """
        told: dict[int, str | None] = {}
        for row in sql.rows(explanations_statement(), {"ids": [*model.tasks]}):
            task = model.tasks[row["id"]]
            causes = [who for place in range(len(OBSTACLES)) if (who := row[f"who_{place}"]) is not None]
            told[task.id] = causes[0] if causes else None
            assert causes or not task.open, f"{task} has no cause"
            if task.state == "pending":
                barred = [OBSTACLES[place].code for place in BARRING if row[f"who_{place}"] is not None]
                assert (not barred) == model.claimable(task), (task, barred)
        waits = Task.objects.waits(told)
        assert waits == told, (waits, told)
        return Waits(waits, self._check_tickets(model))

    def check_stored(self, waits: Waits) -> None:
        """Once the sweep has followed the journal, what is stored is what `explain` says."""
        let_time_pass()  # a history moves its rows back in time instead
        follow(self.before["lane"])
        assert_stored(waits.of_tasks, waits.of_tickets)

    def _check_tickets(self, model: Facts) -> dict[int, str | None]:
        """All of them, and one after the other with every cause: that is the longest statement."""
        waits = Ticket.objects.waits([*model.tickets])
        for pk, ticket in model.tickets.items():
            left = any(task.open for task in model.tasks.values() if task.ticket == pk)
            waits_still = ticket.phase != "CANCELLED" and (ticket.phase != "DONE" or left)
            assert bool(waits[pk]) == waits_still, (ticket, waits[pk])
        pk = [*model.tickets][model.number % len(model.tickets)]
        explained = Ticket.objects.explanation(
            Ticket.objects.select_related("project", "workflow").get(pk=pk)
        )
        assert explained["waiting_on"] == waits[pk], (explained, waits)
        assert bool(explained["causes"]) == bool(waits[pk]), explained
        return waits
