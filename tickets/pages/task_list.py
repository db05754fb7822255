"""The tasks of a ticket, as a list and as a graph, in a fixed number of statements.

Of all tasks only the state and the needs are read; the rest only of those that are shown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from omoi_site.database import sql
from tickets.models import Tally, Task, Ticket
from tickets.models.estimate.estimate import estimate
from tickets.models.explain.sentences import Late
from tickets.models.explain.ticket_explanation import own
from tickets.models.task.readiness import READY
from tickets.pages.actions import Action
from tickets.pages.cause_display import with_displays
from tickets.pages.coordination_words import Coordination
from tickets.pages.estimate_display import EstimateDisplay
from tickets.pages.graph import MOST, Graph, NeedLine, Node, NodeTask, TaskState, node_of
from tickets.pages.late_display import LateDisplay, late_display

ROWS = 50  # rows of a page of the list, and beside a graph: with more nodes, only the row that was asked for
STATES = sql.statement(__file__, "task_states", ready=READY, most=str(MOST))
NEEDS = sql.statement(__file__, "task_needs")
NODES = sql.statement(__file__, "task_nodes", ready=READY)
ROW = sql.statement(__file__, "task_rows")


@dataclass(frozen=True)
class TaskRow:
    """One task of the list as `task_rows.sql` reads it, with its cause and its possible actions.
    branch_of: the pattern whose split added it.
    """

    task: Any
    status: str
    causes: list[dict[str, Any]]
    needs: list[NeedLine]
    actions: list[Action]
    branch_of: str = ""
    critical: bool = False

    @property
    def coordination(self) -> Coordination:
        task = self.task
        return Coordination(
            task.operation,
            task.join,
            len(self.needs),
            task.strategy,
            task.waits_s,
            task.on_timeout,
            task.others_cancelled,
        )

    @property
    def late(self) -> LateDisplay | None:
        """That its deadline has passed, or is expected to be missed, while it is open."""
        task = self.task
        if task.deadline is None:
            return None
        late = Late.of(task.ticket_key, task.pk, task.over_s, task.late_s)
        return late_display(late) if late.sentence else None

    @property
    def unmet(self) -> list[NeedLine]:
        return [need for need in self.needs if not need.met] if self.task.open_needs else []


class TaskList:
    """`query`: view=list|graph, done=1, tasks=<page>, task=<id>, whose page is shown; path=1: with the
    estimate and the critical path. `explained`: causes of the ticket, which its tasks do not repeat.
    `actions_of`: the actions of a task.
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
    def states(self) -> dict[int, TaskState]:
        """The state of each task by id, most serious first."""
        return {
            task.id: task for task in map(TaskState._make, sql.tuples(STATES, {"ticket": self.ticket.pk}))
        }

    @cached_property
    def needs(self) -> list[NeedLine]:
        return list(map(NeedLine._make, sql.tuples(NEEDS, [list(self.states)]))) if self.states else []

    @cached_property
    def graph(self) -> Graph | None:
        """The graph; None if there are too many tasks or no edges."""
        if self.count > MOST or not self.count:
            return None
        graph = Graph(self.states, self.needs, unfolded=bool(self.query.get("done")), critical=self.critical)
        return graph if graph.needs else None

    @cached_property
    def needs_by_child(self) -> dict[int, list[NeedLine]]:
        by_child: dict[int, list[NeedLine]] = defaultdict(list)
        for need in self.needs:
            by_child[need.child_id].append(need)
        return by_child

    @cached_property
    def as_graph(self) -> bool:
        """Whether the graph is shown; the list then shows only the selected row."""
        if self.graph is None:
            return False
        view = self.query.get("view", "")
        return view == "graph" or (view != "list" and not self.graph.large)

    @cached_property
    def shown(self) -> list[int]:
        """The ids of the tasks that have a row."""
        ids = list(self.states)
        if not (self.as_graph and self.graph):
            return ids[self.first : self.first + ROWS]
        nodes = ids if len(ids) <= ROWS else [pk for pk in ids if pk not in self.graph.folded]
        return nodes if len(nodes) <= ROWS else [pk for pk in ids if pk == self.asked]

    @cached_property
    def asked(self) -> int:
        """The id of the task whose row is wanted; 0 if there is none."""
        text = self.query.get("task", "")
        pk = int(text[:19]) if text.isascii() and text.isdecimal() else 0
        return pk if pk in self.states else 0

    @cached_property
    def first(self) -> int:
        """How many tasks stand on the pages before the one that is shown."""
        if self.asked:
            return list(self.states).index(self.asked) // ROWS * ROWS
        text = self.query.get("tasks", "")
        first = (int(text[:9]) - 1) * ROWS if text.isascii() and text.isdecimal() else 0
        return first if 0 <= first < len(self.states) else 0

    @cached_property
    def with_row(self) -> frozenset[int]:
        return frozenset(self.shown)

    @cached_property
    def tasks(self) -> dict[int, Task]:
        """The tasks that have a row, with the name of their `agent`."""
        return {task.pk: task for task in Task.objects.raw(ROW, [self.shown])} if self.shown else {}

    @cached_property
    def nodes(self) -> list[Node]:
        """The nodes of the graph, from left to right and top to bottom, which is the order for the
        keyboard.
        """
        assert self.graph
        drawn = [pk for pk in self.states if pk not in self.graph.folded]
        tasks = {task.id: task for task in map(NodeTask._make, sql.tuples(NODES, [drawn]))}
        nodes = [
            node_of(tasks[pk], self.needs_by_child.get(pk, []), x, y)
            if pk in tasks
            else self.graph.fold_at(x, y)
            for pk, (x, y) in self.graph.drawing.places.items()
        ]
        nodes = [self._marked(node) if node.id in self.critical else node for node in nodes]
        return sorted(nodes, key=lambda node: (node.x, node.y))

    @staticmethod
    def _marked(node: Node) -> Node:
        return replace(node, critical=True, label=f"{node.label} · on the critical path")

    @cached_property
    def estimate(self) -> EstimateDisplay | None:
        """When the ticket will be done, if the page is asked for that."""
        return EstimateDisplay(estimate(self.ticket)) if self.query.get("path") else None

    @cached_property
    def critical(self) -> list[int]:
        """The ids of the ticket's tasks on the critical path, in order."""
        path = self.estimate.found.critical_path if self.estimate else ()
        return [part.task for part in path if part.task in self.states]

    @property
    def cancels_others(self) -> bool:
        """Whether a node of the graph does."""
        return any(node.cancels for node in self.nodes)

    @cached_property
    def rows(self) -> list[TaskRow]:
        explained = [pk for pk in self.shown if self.states[pk].state in ("pending", "failed")]
        explanations = Task.objects.explanations(explained, page=self.ticket.key) if explained else {}
        return [
            TaskRow(
                task,
                task.status,
                with_displays(own(explanations[pk]["causes"], besides=self.explained))
                if pk in explanations
                else [],
                self.needs_by_child.get(pk, []),
                self.actions_of(task),
                self.states[pk].pattern,
                pk in self.critical,
            )
            for pk in self.shown
            if (task := self.tasks.get(pk))
        ]

    @property
    def page(self) -> int:
        return self.first // ROWS + 1

    @property
    def previous(self) -> int:
        """The page before this one; 0 if this is the first."""
        return self.page - 1

    @property
    def following(self) -> int:
        """The page after this one; 0 if this is the last."""
        return self.page + 1 if self.last < len(self.states) else 0

    @property
    def last(self) -> int:
        """The number of the last row of this page."""
        return self.first + len(self.shown)

    @property
    def unlisted(self) -> int:
        """How many tasks stand on no page."""
        return max(0, self.count - len(self.states))

    @property
    def awaited_tickets(self) -> list[str]:
        """Keys of the other tickets whose tasks a pending task waits for."""
        keys = {need.ticket_key for need in self.needs if self.states[need.child_id].state == "pending"}
        return sorted(keys - {self.ticket.key})
