"""The graph of a ticket: its tasks, and the tasks before and after them, including those of other tickets."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db.models import Q

from tickets.models.coordination.operation import Operation
from tickets.models.coordination.pattern_run import PatternRun
from tickets.models.task.need import Need
from tickets.models.task.task import Task
from tickets.models.ticket.ticket import Ticket

MOST = 5_000  # tasks


@dataclass(frozen=True)
class Graph:
    """Tasks ordered by id, including those of other tickets, and the needs between them. `left_out`: how many
    of its own tasks are beyond the limit. `operations`: what they do, by task. `runs`: of the tasks that
    patterns added, {key, pattern, name, block} by task.
    """

    tasks: list[Task]
    needs: list[Need]
    left_out: int
    operations: dict[int, Operation] = field(default_factory=dict)
    runs: dict[int, dict[str, str]] = field(default_factory=dict)


def graph(ticket: Ticket) -> Graph:
    own = list(ticket.tasks.order_by("id")[:MOST])
    ids = {task.pk for task in own}
    needs = list(Need.objects.filter(Q(child__ticket=ticket) | Q(parent__ticket=ticket)).order_by("id"))
    left_out = 0
    if len(own) == MOST:
        left_out = ticket.tasks.count() - MOST
        needs = [need for need in needs if need.child_id in ids or need.parent_id in ids]
    others = {end for need in needs for end in (need.parent_id, need.child_id)} - ids
    tasks = sorted([*own, *Task.objects.filter(pk__in=others)], key=lambda task: task.pk)
    operations = [task.pk for task in tasks if task.operation]
    details = Operation.objects.in_bulk(operations) if operations else {}
    return Graph(tasks, needs, left_out, details, PatternRun.objects.of_tasks(ticket))
