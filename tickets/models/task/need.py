"""Need: one task waits for another. The edges of a project are edited one at a time, so that no cycle can
arise.

Order of locks: the project's graph lock, then parents, then children, each in id order. The lock on the
parent keeps the counts right: its end either waits for us and then sees the edge, or we see it. FOR SHARE
would be enough for that; the lock is stronger because an edge changes the parent's rank too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from django.db import models

from agents.models import Actor, Project, label, rights, via
from omoi_site.database import sql
from omoi_site.errors import Faults, OmoiError, short
from tickets.models.journal_sql import task_events
from tickets.models.task import intervene, readiness
from tickets.models.task.open_needs import recount
from tickets.models.task.readiness import MET

GRAPH_LOCK = 1_001  # class of the advisory lock; the object is the project

BELOW = sql.statement(__file__, "edges_below")
CONNECT = sql.statement(__file__, "connect")
LOCK_ENDS = """
SELECT id, project_id, state
FROM tickets_task
WHERE id = ANY (%s)
  AND project_id = %s
ORDER BY id
FOR NO KEY UPDATE
"""
LOG_NEEDS = f"""
WITH c AS (
  UPDATE tickets_task
  SET events = events + 1
  WHERE id = ANY (%s)
  RETURNING id, ticket_key, project_id, events
)
{task_events("c", "%s", actor="%s", key="%s")}
"""
HOPELESS = sql.statement(__file__, "hopeless", met=MET.strip())


class Cycle(OmoiError):
    """The edges would close a cycle of tasks that wait for each other; `cycle` lists them."""

    code = "cycle"
    title = "These needs would close a cycle"

    def __init__(self, message: str, *, cycle: Sequence[str]) -> None:
        super().__init__(short(message), cycle=list(cycle))


@dataclass(frozen=True)
class Edge:
    """`child` waits until `parent` ends with `success`, with `failure`, or in any way (`always`).
    `on_failure` says what happens to `child` otherwise.
    """

    parent: int
    child: int
    when: str = "success"
    on_failure: str = "hold"


class NeedManager(models.Manager["Need"]):
    @staticmethod
    def lock_graph(project: int) -> None:
        """Lock the project's edges until the transaction ends. Take it before any row lock."""
        sql.rows("SELECT pg_advisory_xact_lock(%s, %s)", [GRAPH_LOCK, project])

    @sql.atomic
    def add(
        self, project: int, edges: Sequence[Edge], *, by: Actor, names: Mapping[int, str] | None = None
    ) -> int:
        """Add edges between tasks of one project; children must be pending. Existing edges are not changed.
        Returns how many are new.

        Raises Cycle with its tasks, by `names` or keys, and Invalid for tasks of another project.
        """
        rights.require(by, "tickets:write", Project.objects.get(pk=project))
        return self.insert(project, edges, by=by, names=names)

    @sql.atomic
    def insert(
        self, project: int, edges: Sequence[Edge], *, by: Actor, names: Mapping[int, str] | None = None
    ) -> int:
        """Like `add`, for verbs that have already checked the right."""
        if not edges:
            return 0
        self.lock_graph(project)
        parents, children = sorted({edge.parent for edge in edges}), sorted({edge.child for edge in edges})
        state = self._lock_ends(project, parents, children)
        if started := [child for child in children if state[child] != "pending"]:
            raise intervene.NotReady(
                f"task {started[0]} is {state[started[0]]}: only a pending task can be given needs"
            )
        self._refuse_cycles(edges, names or {})
        new = self._connect(edges)
        self._log("need.added", children, by)
        recount(sorted({*parents, *children}))  # parents too: their rank depends on their children
        self._cancel_the_hopeless(children)
        return new

    @sql.atomic
    def import_edges(
        self, project: int, edges: Sequence[Edge], *, created: Set[int], names: Mapping[int, str], by: Actor
    ) -> tuple[list[Edge], list[Edge]]:
        """Add imported edges. Returns the new ones, and those left out because their child has begun.

        `created` are tasks of this transaction; even a completed one may get a need, to show what it once
        waited for. The caller recounts them. Raises Cycle with its tasks, by `names`.
        """
        self.lock_graph(project)
        existing = set(
            self.filter(child_id__in={edge.child for edge in edges} - created).values_list(
                "parent_id", "child_id"
            )
        )
        new = [edge for edge in edges if (edge.parent, edge.child) not in existing]
        state = self._lock_ends(
            project, sorted({edge.parent for edge in new}), sorted({edge.child for edge in new})
        )
        late = [edge for edge in new if edge.child not in created and state[edge.child] != "pending"]
        new = [edge for edge in new if edge.child in created or state[edge.child] == "pending"]
        self._refuse_cycles(new, names)
        self._connect(new)
        recount(sorted({end for edge in new for end in (edge.parent, edge.child)} - created))
        self._log("need.added", sorted({edge.child for edge in new}), by)
        return new, late

    @sql.atomic
    def remove(self, need: Need, *, by: Actor) -> None:
        """Remove an edge and recount its child."""
        rights.require(by, "tickets:write", need.child.project)
        project = need.child.project_id
        self.lock_graph(project)
        sql.rows("SELECT id FROM tickets_task WHERE id = %s FOR NO KEY UPDATE", [need.parent_id])
        sql.rows("SELECT id FROM tickets_task WHERE id = %s FOR NO KEY UPDATE", [need.child_id])
        if self.filter(pk=need.pk).delete()[0]:
            self._log("need.removed", [need.child_id], by)
            recount(sorted([need.parent_id, need.child_id]))

    @staticmethod
    def _lock_ends(project: int, parents: Sequence[int], children: Sequence[int]) -> dict[int, str]:
        """Lock parents, then children, in id order. Returns the state of each. Raises Invalid for a task of
        another project.
        """
        rows = sql.rows(LOCK_ENDS, [parents, project]) + sql.rows(LOCK_ENDS, [children, project])
        state = {row["id"]: row["state"] for row in rows if row["project_id"] == project}
        faults = Faults()
        for unknown in sorted({*parents, *children} - state.keys()):
            faults.add("needs", f"there is no task {unknown} in this project")
        faults.check()
        return state

    @staticmethod
    def below(tasks: Iterable[int]) -> list[tuple[int, int]]:
        """Every edge (parent, child) that can be reached from these tasks."""
        return [(row["parent_id"], row["child_id"]) for row in sql.rows(BELOW, [sorted(set(tasks))])]

    @staticmethod
    def _connect(edges: Sequence[Edge]) -> int:
        columns = zip(*((edge.parent, edge.child, edge.when, edge.on_failure) for edge in edges), strict=True)
        return len(sql.rows(CONNECT, [list(column) for column in columns])) if edges else 0

    def _refuse_cycles(self, edges: Sequence[Edge], names: Mapping[int, str]) -> None:
        graph: dict[int, set[int]] = {}
        for parent, child in self.below(edge.child for edge in edges):
            graph.setdefault(child, set()).add(parent)
        for edge in edges:
            graph.setdefault(edge.child, set()).add(edge.parent)
        try:
            deque(TopologicalSorter(graph).static_order(), maxlen=0)
        except CycleError as error:
            ids: list[int] = error.args[1]
            keys = {
                row["id"]: f"{row['ticket_key']}.{row['id']}"
                for row in sql.rows("SELECT id, ticket_key FROM tickets_task WHERE id = ANY (%s)", [ids])
            }
            named = [names.get(task) or keys.get(task, str(task)) for task in ids]
            raise Cycle(f"these tasks would wait for each other: {' -> '.join(named)}", cycle=named) from None

    @staticmethod
    def _cancel_the_hopeless(children: Sequence[int]) -> None:
        """Decide edges to tasks that have already ended at once, by the policy that applies at their end."""
        if lost := [row["id"] for row in sql.rows(HOPELESS, [list(children)])]:
            intervene.cancel(lost, by="system:needs", reason="a task it needs did not end as needed")

    @staticmethod
    def _log(kind: str, children: Iterable[int], by: Actor) -> None:
        sql.rows(
            LOG_NEEDS,
            [list(children), kind, label(by), via(by)],
        )


class Need(models.Model):
    class When(models.TextChoices):
        SUCCESS = "success"
        FAILURE = "failure"
        ALWAYS = "always"

    class OnFailure(models.TextChoices):
        HOLD = "hold"
        CANCEL = "cancel"
        CONTINUE = "continue"

    parent = models.ForeignKey("tickets.Task", models.CASCADE, related_name="needed_by", db_index=False)
    child = models.ForeignKey("tickets.Task", models.CASCADE, related_name="needs", db_index=False)
    on_end = models.CharField(max_length=7, choices=When, default=When.SUCCESS)
    on_failure = models.CharField(max_length=8, choices=OnFailure, default=OnFailure.HOLD)

    objects = NeedManager()

    class Meta:
        # what a task needs, in order: a claim returns it with the task
        indexes = [models.Index(fields=["child", "parent"], name="need_of_child")]
        constraints = [
            models.UniqueConstraint(fields=["parent", "child"], name="need_once"),
            models.CheckConstraint(condition=~models.Q(parent=models.F("child")), name="need_not_itself"),
            models.CheckConstraint(
                condition=models.Q(on_end__in=["success", "failure", "always"]), name="need_when"
            ),
            models.CheckConstraint(
                condition=models.Q(on_failure__in=["hold", "cancel", "continue"]), name="need_on_failure"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.child_id} needs {self.parent_id}"

    @property
    def met(self) -> bool:
        """Whether its loaded parent has ended as needed."""
        return readiness.met(self.on_end, self.on_failure, self.parent.state)
