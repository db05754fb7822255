"""Applied: the graph that a pattern adds to a ticket, planned or stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tickets.models.task.fields import TaskFields
from tickets.models.task.need import Need


@dataclass(frozen=True)
class AppliedTask:
    """A task of a pattern; one that is only planned has no `pk`, `key` and `state`. strategy: of a merge.
    timeout_s, on_timeout: of a sync. others: whether what it no longer needs will `continue` or `cancel`.
    """

    name: str
    block: str
    title: str
    kind: str
    phase: str
    priority: int
    operation: str = ""
    strategy: str = ""
    join: int | None = None
    profile: str = ""
    capabilities: Sequence[str] = ()
    timeout_s: int | None = None
    on_timeout: str = ""
    others: str = "continue"
    pk: int | None = None
    key: str | None = None
    state: str | None = None


@dataclass(frozen=True)
class AppliedEdge:
    """`task` needs `needs`, which is the name of another, or the id of a task that was there before."""

    task: str
    needs: str
    when: str
    on_failure: str


@dataclass(frozen=True)
class Applied:
    """sources: the tasks that were there before and that some of it need."""

    key: str
    pattern: str
    tasks: Sequence[AppliedTask]
    edges: Sequence[AppliedEdge]
    sources: Sequence[TaskFields] = ()


def edges_of(needs: Iterable[Need], tasks: Mapping[str, int]) -> list[AppliedEdge]:
    """The needs of a pattern's tasks, by their names there."""
    names = {pk: name for name, pk in tasks.items()}
    return [
        AppliedEdge(
            names[need.child_id],
            names.get(need.parent_id, str(need.parent_id)),
            need.on_end,
            need.on_failure,
        )
        for need in needs
    ]
