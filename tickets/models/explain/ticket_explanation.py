"""Explain for tickets: what prevents the next move, in the ticket itself and in its open tasks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from django.db import models

from omoi_site import humanize
from omoi_site.database import sql
from tickets.gates.check_names import name_of
from tickets.models.explain import sentences, task_explanation
from tickets.models.explain.found_waits import TICKETS as STORED
from tickets.models.explain.sql_fragments import (
    ASKS_FOR_APPROVALS,
    AWAITS_APPROVAL,
    FROM_TICKET,
    LEFT_OPEN,
    MOVES_LATE,
    OPEN_TASKS,
    STALLED,
    TASK_JOINS,
    fleets_of,
    rooms_of,
    silent_holders,
)
from tickets.models.explain.task_explanation import Cause, Explanation, cause_of, columns_of
from tickets.models.explain.task_obstacles import waiting_on
from tickets.models.explain.ticket_obstacles import OBSTACLES, TASKS
from tickets.models.task.readiness import EXPECTED_LATE, OVERDUE
from tickets.models.ticket.failure import next_answer
from tickets.models.ticket.fields import TicketFields
from tickets.models.ticket.filters import TicketFilters

Row = TypeVar("Row", bound=TicketFields)
# open tasks used to explain a ticket; beyond them, the first that waits for an operator and the first that
# does not
MOST = 20


WAITS = sql.statement(
    __file__,
    "tickets_wait",
    fleets=fleets_of("t.ticket_id = ANY (%(ids)s)"),
    rooms=rooms_of("k.id = ANY (%(ids)s)"),
    waiting_on=waiting_on(OBSTACLES),
    from_ticket=FROM_TICKET,
)
EXPLANATION = sql.statement(
    __file__,
    "ticket_explanation",
    rooms=rooms_of("k.id = %(ticket)s"),
    left_open=LEFT_OPEN,
    late_tasks=sql.statement(__file__, "late_tasks", overdue=OVERDUE, expected_late=EXPECTED_LATE).rstrip(),
    moves_late=MOVES_LATE,
    silent_holders=silent_holders("k.id"),
    # the causes of its tasks are read by themselves
    columns=columns_of([replace(each, who="''") if each is TASKS else each for each in OBSTACLES]),
    open_tasks=OPEN_TASKS,
    beyond=sql.statement(
        __file__,
        "beyond",
        fleets=fleets_of("t.ticket_id = k.id"),
        waiting_on=waiting_on(),
        open_tasks=OPEN_TASKS,
        task_joins=TASK_JOINS,
    ),
    from_ticket=FROM_TICKET,
)


class WaitingTickets(TicketFilters[Row]):
    def waiting_on(
        self,
        who: str,
        *,
        limit: int,
        before: int | None = None,
        projects: Collection[int] | None = None,
        few: bool = False,
    ) -> tuple[list[int], int | None]:
        """Ids of the newest tickets of this set, older than `before`, that wait on `who`, written and stored
        as for tasks; and the `before` of the next call, None if there are no more.
        """
        return STORED.page(self, who, limit=limit, place=before, projects=projects, few=few)

    def awaiting_approval(self) -> models.QuerySet[Row]:
        """Tickets that wait for people to approve what they show."""
        asking = self.filter(paused=False, archived_at=None).extra(where=[ASKS_FOR_APPROVALS])
        return asking.extra(where=[AWAITS_APPROVAL])

    def stalled(self) -> models.QuerySet[Row]:
        """Tickets that should have moved on by themselves but could not."""
        return self.extra(where=[STALLED])


def explanation(ticket: TicketFields, *, page: str = "") -> Explanation:
    """What the ticket waits on, and all its causes, including those of its open tasks. A ticket that is done
    or cancelled has no cause and null. `late`: which of its open tasks are overdue or expected late, in
    sentences, those with the earliest deadlines. `on_failure`: what its workflow does when the gate refuses
    the next time, in a sentence; empty if it stays. `page`: the ticket on whose page it is shown.
    """
    values = sql.one(EXPLANATION, {"ticket": ticket.pk, "most": MOST})
    assert values
    values["on_page"] = sentences.on_page(ticket.key, page)
    values["blocked_class"] = values["blocked_class"].replace("_", " ")
    values["phase"] = humanize.phase(values["phase"])
    values["on_failure"] = next_answer(ticket).sentence
    values["unmet"] = ", ".join(name_of(check) for check in values["unmet"] or [])
    causes: list[Cause] = []
    for place, obstacle in enumerate(OBSTACLES):
        if values[f"who_{place}"] is None:
            continue
        if obstacle is TASKS:
            ids = values["open_task_ids"] + (values["beyond"] or [])
            tasks = task_explanation.explanations(ids, page=page)
            causes += _of_tasks({task: tasks[task] for task in ids}, ticket.key, besides=causes)
        else:
            causes.append(cause_of(obstacle, place, values))
    return {
        "waiting_on": causes[0]["who"] if causes else None,
        "causes": causes,
        "late": [
            sentences.Late.of(ticket.key, task["id"], task["over_s"], task["late_s"])
            for task in values["late_tasks"]
        ],
        "on_failure": values["on_failure"],
    }


def waits(ids: Iterable[int]) -> dict[int, str | None]:
    """Who each of these tickets waits on."""
    return {row["id"]: row["who"] for row in sql.rows(WAITS, {"ids": list(ids)})}


def _of_tasks(tasks: Mapping[int, Explanation], ticket: str, *, besides: Collection[Cause]) -> list[Cause]:
    """The first cause of each open task, with the task's key, unless it is a cause of the ticket too."""
    return [
        {**cause, "what": f"{ticket}.{task}: {cause['what']}"}
        for task, explained in tasks.items()
        for cause in own(explained["causes"][:1], besides=besides)
    ]


def own(causes: Iterable[Cause], *, besides: Collection[Cause]) -> list[Cause]:
    """These causes of a task without those that are causes of its ticket too."""
    said = {cause["what"] for cause in besides}
    return [cause for cause in causes if cause["what"] not in said]
