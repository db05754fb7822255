"""The tasks of a ticket, as a list and as a graph, in a fixed number of statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Case, IntegerField, Value, When

from agents.models import Agent
from tickets.models import Need, Tally, Task, Ticket
from tickets.models.explain.ticket_explanation import own
from tickets.models.task.readiness import READY_Q
from tickets.pages.actions import Action
from tickets.pages.cause_display import with_displays
from tickets.pages.graph import MOST, Graph

ROWS = 100  # rows of the list at first
WORST_FIRST = Case(
    When(state="failed", then=Value(0)),
    When(state="pending", unsatisfiable=True, then=Value(1)),
    When(state="claimed", then=Value(2)),
    When(READY_Q, then=Value(3)),
    When(state="pending", then=Value(4)),
    When(state="completed", then=Value(5)),
    default=Value(6),
    output_field=IntegerField(),
)
UNUSED = ["description", "result", "slots"]  # large columns that the page does not show


@dataclass(frozen=True)
class TaskRow:
    """One task of the list, with its cause and its possible actions."""

    task: Task
    causes: list[dict[str, Any]]
    needs: list[Need]
    actions: list[Action]
    agent: str

    @property
    def unmet(self) -> list[Need]:
        return [need for need in self.needs if not need.met] if self.task.open_needs else []


class TaskList:
    """`query`: view=list|graph, done=1, tasks=all. `explained`: causes of the ticket, which its tasks do not
    repeat. `actions_of`: the actions of a task.
    """

    def __init__(
        self,
        ticket: Ticket,
        tally: Tally,
        query: Mapping[str, str],
        explained: Sequence[dict[str, Any]],
        actions_of: Callable[[Task], list[Action]],
    ) -> None:
        self.ticket = ticket
        self.count = tally.total + tally.cancelled
        self.query = query
        self.explained = explained
        self.actions_of = actions_of

    @cached_property
    def tasks(self) -> list[Task]:
        """The tasks, most serious first."""
        tasks = self.ticket.tasks.select_related("holder").defer(*UNUSED)
        return list(tasks.order_by(WORST_FIRST, "id")[:MOST])

    @cached_property
    def needs(self) -> list[Need]:
        needs = Need.objects.filter(child__in=[task.pk for task in self.tasks]).select_related("parent")
        parent = ["parent__ticket_key", "parent__title", "parent__state"]
        return list(needs.only("child", "parent", "on_end", "on_failure", *parent).order_by("id"))

    @cached_property
    def agents(self) -> dict[int, str]:
        """Names of agents that hold or ended a task, by id."""
        ids = {pk for task in self.tasks if (pk := task.holder_id or task.settled_by)}
        return dict(Agent.objects.filter(pk__in=ids).values_list("pk", "name"))

    @cached_property
    def graph(self) -> Graph | None:
        """The graph; None if there are too many tasks or no edges."""
        if self.count > MOST or not self.count:
            return None
        graph = Graph(self.tasks, self.needs, self.agents, unfolded=bool(self.query.get("done")))
        return graph if graph.needs else None

    @cached_property
    def as_graph(self) -> bool:
        """Whether the graph is shown; the list then shows only the selected row."""
        if self.graph is None:
            return False
        view = self.query.get("view", "")
        return view == "graph" or (view != "list" and not self.graph.large)

    @cached_property
    def shown(self) -> list[Task]:
        if self.as_graph and self.graph:
            every = len(self.tasks) <= ROWS
            return [task for task in self.tasks if every or task.pk not in self.graph.folded]
        return self.tasks if "tasks" in self.query else self.tasks[:ROWS]

    @cached_property
    def rows(self) -> list[TaskRow]:
        explained = [task.pk for task in self.shown if task.state in ("pending", "failed")]
        explanations = Task.objects.explanations(explained)
        needs = needs_by_child(self.needs)
        return [
            TaskRow(
                task,
                with_displays(own(explanations[task.pk]["causes"], besides=self.explained))
                if task.pk in explanations
                else [],
                needs.get(task.pk, []),
                self.actions_of(task),
                self.agents.get(task.holder_id or task.settled_by or 0, ""),
            )
            for task in self.shown
        ]

    @property
    def has_more(self) -> bool:
        """Whether there are more rows to show."""
        return len(self.shown) < len(self.tasks)

    @property
    def left(self) -> int:
        return max(0, self.count - len(self.shown))

    @property
    def awaited_tickets(self) -> list[str]:
        """Keys of the other tickets whose tasks a pending task waits for."""
        pending = {task.pk for task in self.tasks if task.state == "pending"}
        keys = {need.parent.ticket_key for need in self.needs if need.child_id in pending}
        return sorted(keys - {self.ticket.key})


def needs_by_child(needs: Sequence[Need]) -> dict[int, list[Need]]:
    by_child: dict[int, list[Need]] = defaultdict(list)
    for need in needs:
        by_child[need.child_id].append(need)
    return by_child
