"""The board: a project's tickets by phase, each card with the reason why it is not moving.

It needs a fixed number of statements, however many tickets there are, and reads only the cards that are
shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db.models import Count

from agents.models import Project
from omoi_site.database import sql
from tickets.demo import workspace
from tickets.models import Tally, Task, Ticket, Workflow
from tickets.models.attention import attention_list
from tickets.models.ticket.room import Limit, limits
from tickets.pages.board_query import MOST, VIEWS, BoardQuery
from tickets.pages.cause_display import CauseDisplay, SharedCause, displays_of, shared_causes
from tickets.workflows.document import BLOCKED, CANCELLED, Plan

PAGE = 50  # cards a column shows at first
CARDS = sql.statement(__file__, "cards", inside="{inside}")  # `inside` is the view's own statement


@dataclass(frozen=True)
class Card:
    ticket: Ticket
    tally: Tally
    cause: CauseDisplay | None
    needs_attention: bool = False


@dataclass
class Column:
    phase: str
    ended: bool  # a last phase, BLOCKED or CANCELLED
    folded: bool
    count: int
    limit: int
    starts_folded: bool = False  # unless the address says otherwise
    limits: Sequence[Limit] = ()  # of each workflow that limits the phase, as its newest version says
    cards: list[Card] = field(default_factory=list)

    @property
    def left(self) -> int:
        return self.count - len(self.cards)

    @property
    def longer(self) -> int:
        """How many cards to show next; 0 if none are left or the page would be too long."""
        longer = min(self.limit + 2 * PAGE, MOST)
        return longer if self.left and longer > self.limit else 0

    @property
    def next_step(self) -> int:
        return min(self.left, 2 * PAGE)


class Board:
    def __init__(self, project: Project, query: BoardQuery) -> None:
        self.project = project
        self.query = query
        self.tickets = Ticket.objects.filter(project=project).not_archived()
        self.matching = query.narrow(self.tickets)

    @cached_property
    def attention(self) -> attention_list.Tickets:
        """The tickets of the whole project that are on the attention list."""
        return attention_list.tickets_of(self.project.key)

    @cached_property
    def shared_causes(self) -> list[SharedCause]:
        return shared_causes(self.project.pk)

    @cached_property
    def inside(self) -> Any:
        """The tickets of the present view."""
        if not self.query.view:
            return self.matching
        ids = list(self._of_view(self.query.view))
        return self.matching.extra(where=["tickets_ticket.id = ANY (%s::bigint[])"], params=[ids])

    @cached_property
    def columns(self) -> list[Column]:
        """The columns with their cards."""
        self._deal([column for column in self.outline if not column.folded])
        return self.outline

    @cached_property
    def outline(self) -> list[Column]:
        """The phases of the project's workflows in order, BLOCKED before the last phases, CANCELLED at the
        end. Last phases are folded while there is open work.
        """
        counts = self.counts
        columns = []
        for phase, ended in self._phases(bool(counts.get(BLOCKED)), bool(counts.get(CANCELLED))):
            starts_folded = ended and not self.finished
            folded = phase not in self.query.opened if starts_folded else phase in self.query.folded
            columns.append(
                Column(
                    phase,
                    ended,
                    folded,
                    counts.get(phase, 0),
                    self.query.shown.get(phase, PAGE),
                    starts_folded,
                    [limit for limit in self.limits if limit.phase == phase],
                )
            )
        return columns

    @cached_property
    def views(self) -> list[tuple[str, str, int]]:
        """Each view with the number of its tickets."""
        matching = (
            frozenset(self.matching.order_by().values_list("pk", flat=True)) if self.query.filtered else None
        )
        return [
            (view, name, self._number(view, matching) if view else self.matching_count)
            for view, name in VIEWS.items()
        ]

    def _number(self, view: str, matching: frozenset[int] | None) -> int:
        inside = self._of_view(view)
        return len(inside if matching is None else inside & matching)

    def _of_view(self, view: str) -> frozenset[int]:
        return self.attention.stuck if view == "stuck" else self.attention.ids

    @cached_property
    def matching_count(self) -> int:
        return self.matching.count() if self.query.view else sum(self.counts.values())

    @cached_property
    def counts(self) -> dict[str, int]:
        return dict(self.inside.order_by().values_list("phase").annotate(n=Count("id")))

    @cached_property
    def workflows(self) -> dict[int, Workflow]:
        """The workflow versions of its tickets."""
        used = Workflow.objects.filter(pk__in=self.tickets.order_by().values("workflow").distinct())
        return {workflow.pk: workflow for workflow in used.order_by("name", "-version")}

    @cached_property
    def limits(self) -> list[Limit]:
        newest = {workflow.name: workflow for workflow in reversed(self.workflows.values())}
        return limits(self.project.pk, newest.values())

    @cached_property
    def labels(self) -> list[str]:
        """The labels to choose from, most used first."""
        rows = sql.rows(
            """
            SELECT label
            FROM tickets_ticket t
            CROSS JOIN LATERAL unnest(t.labels) label
            WHERE t.project_id = %s
              AND t.archived_at IS NULL
            GROUP BY label
            ORDER BY count(*) DESC, label
            LIMIT 100
            """,
            [self.project.pk],
        )
        return sorted({row["label"] for row in rows} | ({self.query.label} - {""}))

    @cached_property
    def finished(self) -> bool:
        """Whether the project has tickets and all are finished; False if a filter is set."""
        ends = {phase for phase, ended in self._phases(blocked=False, cancelled=True) if ended}
        return bool(self.counts) and not (self.query.filtered or self.query.view) and set(self.counts) <= ends

    @cached_property
    def last(self) -> Ticket | None:
        """The ticket that moved last."""
        return self.tickets.order_by("-phase_since", "-pk").only("key", "phase_since", "source").first()

    @property
    def demo_ended(self) -> bool:
        """Whether the demo has opened all its tickets and all are finished; before that, more will come.
        Their source is `demo`, which is not an import format.
        """
        return (
            self.finished
            and Ticket.objects.filter(project=self.project, source="demo").count() >= workspace.count()
        )

    @property
    def empty(self) -> bool:
        return not any(column.count for column in self.columns)

    def _phases(self, blocked: bool, cancelled: bool) -> list[tuple[str, bool]]:
        going = [(phase, False) for phase, ended in self._order.items() if not ended]
        ends = [(phase, True) for phase, ended in self._order.items() if ended]
        return going + [(BLOCKED, False)] * blocked + ends + [(CANCELLED, True)] * cancelled

    @cached_property
    def _order(self) -> Mapping[str, bool]:
        """The phases of the workflows in use; True marks a last phase."""
        plans = [workflow.plan for workflow in self.workflows.values()]
        return merged(plans or [Workflow.objects.latest_of(self.project.workflow).plan])

    def _deal(self, columns: list[Column]) -> None:
        """Give each column its first cards."""
        tickets = self._first(columns)
        for ticket in tickets:
            ticket.workflow = self.workflows[ticket.workflow_id]
        tallies = Task.objects.tallies(ticket.pk for ticket in tickets)
        displays = displays_of(tickets, tallies)
        by_phase = {column.phase: column for column in columns}
        for ticket in tickets:
            by_phase[ticket.phase].cards.append(
                Card(
                    ticket,
                    tallies.get(ticket.pk, Tally()),
                    displays.get(ticket.pk),
                    ticket.pk in self.attention.ids,
                )
            )

    def _first(self, columns: list[Column]) -> list[Ticket]:
        if not columns:
            return []
        inside, params = self.inside.order_by().values("pk").query.sql_with_params()
        asked = [
            [column.phase for column in columns],
            [column.ended for column in columns],
            [column.limit for column in columns],
        ]
        return list(Ticket.objects.raw(CARDS.replace("{inside}", inside), [*asked, *params]))


def merged(plans: list[Plan]) -> Mapping[str, bool]:
    """The phases of several workflows in one order: a phase that the first one lacks comes after its
    predecessor. True marks a last phase.
    """
    order: list[str] = []
    ends: dict[str, bool] = {}
    for plan in plans:
        after = 0
        for phase in plan.phases:
            if phase.name in order:
                after = order.index(phase.name) + 1
            else:
                order.insert(after, phase.name)
                after += 1
            ends[phase.name] = ends.get(phase.name, True) and phase.terminal
    return {name: ends[name] for name in order}
