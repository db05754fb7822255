"""The ticket page: everything it shows, read in a fixed number of statements however many tasks there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.shortcuts import get_object_or_404

from agents.models import Agent, Event, rights
from tickets.models import Artifact, Comment, Link, Need, PhaseMove, Tally, Task, Ticket, Verdict
from tickets.models.explain.tickets import own
from tickets.models.task.conditions import READY_Q
from tickets.pages import actions
from tickets.pages.actions import Action
from tickets.pages.causes import STALLED, Cause, standstill
from tickets.pages.gate_checklist import Gate, Row, gate_of, name_of, who_and_when
from tickets.pages.graph import MOST, Graph, lacking
from tickets.pages.stepper import Step, standing, steps_of
from tickets.templatetags.tickets import move_tone
from tickets.workflows.document import BLOCKED

ROWS = 100  # of the task list, at first
COMMENTS = 20  # at a time
COMMENT = 4_000  # characters of one, unless it is asked for whole: all are drawn again with each live refresh
EVENTS, EVENTS_A_PAGE = 12, 100  # of what happened: lines at first, events of tasks in a page
FIXES = {"phase": "unblock", "pause": "resume", "limit": "retry-failed"}  # the act that mends a cause
CAUSES, MOST_CAUSES = 3, 6  # of a standstill
FORCED, IMPORTED, BORN = PhaseMove.Ground.FORCED, PhaseMove.Ground.IMPORTED, PhaseMove.Ground.BORN
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
HAPPENED = {
    "task.claimed": "was claimed",
    "task.completed": "was completed",
    "task.failed": "failed",
    "task.retried": "is tried again",
    "task.lapsed": "came back: its lease ended",
    "task.timed_out": "came back: it ran too long",
    "task.released": "was given back",
    "task.revoked": "was taken back",
    "task.cancelled": "was cancelled",
}  # the kinds of events that stand beside moves and verdicts
HEAVY = ["description", "result", "slots"]  # of no use on the page


@dataclass(frozen=True)
class Line:
    """One task of the list, with why it waits and what may be done to it."""

    task: Task
    causes: list[dict[str, Any]]
    needs: list[Need]
    actions: list[Action]
    agent: str

    @property
    def unmet(self) -> list[Need]:
        return [need for need in self.needs if not need.met] if self.task.open_needs else []


@dataclass(frozen=True)
class Entry:
    """One line of what happened: a move, a verdict that let nobody pass, or what became of a task."""

    at: datetime
    by: str
    move: PhaseMove | None = None
    verdict: Verdict | None = None
    event: Event | None = None

    @property
    def happened(self) -> str:
        """What became of which task, in words."""
        return HAPPENED[self.event.kind] if self.event else ""

    @property
    def task_number(self) -> str:
        return self.event.subject.partition(":")[2] if self.event else ""

    @property
    def tone(self) -> str:
        if self.event:
            return {"task.failed": "bad", "task.completed": "ok", "task.claimed": "run"}.get(
                self.event.kind, "warn"
            )
        return (
            move_tone(self.move.ground)
            if self.move
            else "ok"
            if self.verdict and self.verdict.passed
            else "bad"
        )

    @property
    def forced(self) -> bool:
        return self.move is not None and self.move.ground == FORCED

    @property
    def imported(self) -> bool:
        return self.move is not None and self.move.ground == IMPORTED

    @property
    def grounds(self) -> str:
        """What the move stands on, in words; empty where that goes without saying."""
        if self.move is None or self.move.ground in (BORN, PhaseMove.Ground.UNGATED, FORCED, IMPORTED):
            return ""
        if self.move.ground == PhaseMove.Ground.VERDICT and self.move.verdict:
            return f"gate passed {len(self.move.verdict.checks)}/{len(self.move.verdict.checks)}"
        return self.move.get_ground_display().lower()

    @property
    def unmet(self) -> list[str]:
        return (
            [name_of(check) for check in self.verdict.checks if not check["passed"]] if self.verdict else []
        )


class TicketPage:
    """`query` is what the address says: view=list|graph, done=1, tasks=all, history=all, before=<event>,
    comments=<id of one, for those before it>.
    """

    def __init__(self, ticket: Ticket, who: Any, query: Mapping[str, str]) -> None:
        self.ticket = ticket
        self.who = who
        self.query = query
        self.scopes = rights.scopes(who, ticket.project)

    # -- where it stands

    @cached_property
    def tally(self) -> Tally:
        return Task.objects.tallies([self.ticket.pk]).get(self.ticket.pk, Tally())

    @cached_property
    def moves(self) -> list[PhaseMove]:
        return list(
            self.ticket.history.select_related("verdict")
            .defer("artifacts", "verdict__artifacts")
            .order_by("move")
        )

    @cached_property
    def steps(self) -> list[Step]:
        return steps_of(self.ticket, self.moves)

    @cached_property
    def explained(self) -> list[dict[str, Any]]:
        """Every cause of the ticket and its open tasks."""
        causes: list[dict[str, Any]] = Ticket.objects.explanation(self.ticket)["causes"]
        return causes

    @cached_property
    def standstill(self) -> list[dict[str, Any]]:
        """Why it does not move; each cause with the act that would mend it, where there is one."""
        causes = standstill(self.explained)
        return [{**cause, "drawn": self.drawn_as(cause), "fix": self.fix(cause)} for cause in causes]

    def drawn_as(self, cause: Mapping[str, Any]) -> Cause:
        """To be blocked is grave, and so is a move that cannot be made; to stand in a phase without work is
        not.
        """
        drawn = cause["drawn"]
        if (
            self.ticket.move_fault
            and cause["code"] == "phase"
            and not self.blocked
            and not self.of_a_task(cause)
        ):
            return replace(drawn, tone=STALLED[0], icon=STALLED[1])
        return (
            replace(drawn, tone="warn", icon="octagon-x")
            if self.blocked and cause["code"] == "phase"
            else drawn
        )

    @property
    def causes(self) -> list[dict[str, Any]]:
        """Those that need a person, however many, and of the others what there is room for."""
        first = [cause for cause in self.standstill if cause["who"] == "operator"]
        others = [cause for cause in self.standstill if cause["who"] != "operator"]
        return [*first, *others[: max(0, CAUSES - len(first))]][:MOST_CAUSES]

    @property
    def causes_left(self) -> int:
        return len(self.standstill) - len(self.causes)

    def of_a_task(self, cause: Mapping[str, Any]) -> bool:
        return bool(cause["what"].startswith(f"{self.ticket.key}."))

    def fix(self, cause: Mapping[str, Any]) -> Action | None:
        of_the_project = cause["code"] == "pause" and cause["what"].startswith("project ")
        name = "" if self.of_a_task(cause) or of_the_project else FIXES.get(cause["code"], "")
        return self.actions.get(name)

    # -- what may be done

    @cached_property
    def actions(self) -> dict[str, Action]:
        """What can be done to the ticket, by name."""
        kinds = [kind for kind in actions.TICKET if self.tally.failed or kind.name != "retry-failed"]
        return {action.name: action for action in self.available(kinds, self.ticket)}

    def available(self, kinds: Sequence[type[Action]], subject: Any) -> list[Action]:
        every = [kind(subject, self.who, self.scopes) for kind in kinds]
        return [action for action in every if action.available]

    @property
    def main_action(self) -> Action | None:
        names = ("advance", "unblock", "reopen")
        return next((self.actions[name] for name in names if name in self.actions), None)

    @property
    def menu(self) -> list[Action]:
        names = ["follow-up", "pause", "resume", "block", "back", "priority", "cancel", "force"]
        return [self.actions[name] for name in names if name in self.actions]

    @property
    def looks_only(self) -> bool:
        """Whether this person may do nothing here."""
        return bool(self.actions) and all(action.denied for action in self.actions.values())

    @property
    def held_back(self) -> str:
        """Why going on would be refused; empty where it may be tried."""
        if self.gate and self.gate.closed:
            failed = self.gate.counts["failed"]
            return f"{failed} check{' does' if failed == 1 else 's do'} not pass"
        return ""

    # -- the gate and its evidence

    @cached_property
    def artifacts(self) -> list[Artifact]:
        newest = self.ticket.artifacts.current().select_related("blob")
        return sorted(newest, key=lambda artifact: artifact.pk, reverse=True)

    @cached_property
    def gate(self) -> Gate | None:
        phase = standing(self.ticket, self.moves)
        return (
            gate_of(self.ticket, self.ticket.plan[phase], self.artifacts, self.tally)
            if phase in self.ticket.plan
            else None
        )

    @property
    def checks(self) -> list[tuple[Row, str, datetime | None]]:
        return [(row, *who_and_when(row, self.gate)) for row in self.gate.rows] if self.gate else []

    # -- tasks

    @cached_property
    def tasks(self) -> list[Task]:
        """The worst first."""
        return list(
            self.ticket.tasks.select_related("holder").defer(*HEAVY).order_by(WORST_FIRST, "id")[:MOST],
        )

    @cached_property
    def needs(self) -> list[Need]:
        found = Need.objects.filter(child__in=[task.pk for task in self.tasks]).select_related("parent")
        return list(
            found.only(
                "child",
                "parent",
                "on_end",
                "on_failure",
                "parent__ticket_key",
                "parent__title",
                "parent__state",
            ).order_by("id")
        )

    @cached_property
    def agents(self) -> dict[int, str]:
        """Names of those who hold a task or ended one."""
        ids = {pk for task in self.tasks if (pk := task.holder_id or task.settled_by)}
        return dict(Agent.objects.filter(pk__in=ids).values_list("pk", "name"))

    @cached_property
    def graph(self) -> Graph | None:
        """None where there are more tasks than can be drawn, or no edge to draw."""
        total = self.tally.total + self.tally.cancelled
        if total > MOST or not total:
            return None
        found = Graph(self.tasks, self.needs, self.agents, unfolded=bool(self.query.get("done")))
        return found if found.needs else None

    @cached_property
    def drawn(self) -> bool:
        """Whether the graph is shown, beside which the list shows only the row that was asked for."""
        if self.graph is None:
            return False
        asked = self.query.get("view", "")
        return asked == "graph" or (asked != "list" and not self.graph.large)

    @cached_property
    def shown(self) -> list[Task]:
        if self.drawn and self.graph:
            return [
                task for task in self.tasks if task.pk not in self.graph.folded or len(self.tasks) <= ROWS
            ]
        return self.tasks if "tasks" in self.query else self.tasks[:ROWS]

    @cached_property
    def lines(self) -> list[Line]:
        explanations = Task.objects.explanations(
            task.pk for task in self.shown if task.state in ("pending", "failed")
        )
        needs = lacking(self.needs)
        return [
            Line(
                task,
                standstill(own(explanations[task.pk]["causes"], besides=self.explained))
                if task.pk in explanations
                else [],
                needs.get(task.pk, []),
                self.available(actions.TASK, task),
                self.agents.get(task.holder_id or task.settled_by or 0, ""),
            )
            for task in self.shown
        ]

    @property
    def longer(self) -> bool:
        """Whether more rows can be shown than are."""
        return len(self.shown) < len(self.tasks)

    @property
    def left(self) -> int:
        return max(0, self.tally.total + self.tally.cancelled - len(self.shown))

    # -- around it

    @cached_property
    def history(self) -> list[Entry]:
        """What happened, the latest first: moves, verdicts that stand for themselves, and what became of
        tasks, down to the last of these told here.
        """
        stood_on = {move.verdict_id for move in self.moves}
        verdicts = [
            verdict
            for verdict in self.ticket.verdicts.defer("artifacts").order_by("-id")[:200]
            if verdict.pk not in stood_on
        ]
        entries = [Entry(move.at, move.by, move=move) for move in self.moves]
        entries += [Entry(verdict.at, verdict.by, verdict=verdict) for verdict in verdicts]
        if self.before:
            entries = [entry for entry in entries if entry.at < self.before.at]
        if self.events_left:
            entries = [entry for entry in entries if entry.at >= self.events[-1].at]
        entries += [Entry(event.at, event.actor, event=event) for event in self.events]
        return sorted(entries, key=lambda entry: entry.at, reverse=True)

    @cached_property
    def before(self) -> Event | None:
        """The event this page of what happened begins after; None: at the latest. Raises Http404 where there
        is no such one.
        """
        if not (asked := self.query.get("before", "")):
            return None
        number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else 0
        return get_object_or_404(Event, pk=number, topic=self.ticket.topic)

    @cached_property
    def _events(self) -> list[Event]:
        found: QuerySet[Event] = Event.objects.filter(topic=self.ticket.topic, kind__in=HAPPENED)
        if self.before:
            found = found.extra(
                where=["(agents_event.xid, agents_event.id) < (%s::text::xid8, %s::bigint)"],
                params=[str(self.before.xid), self.before.pk],
            )
        return list(found.order_by("-xid", "-id")[: EVENTS_A_PAGE + 1])

    @property
    def events(self) -> list[Event]:
        return self._events[:EVENTS_A_PAGE]

    @property
    def events_left(self) -> bool:
        return len(self._events) > EVENTS_A_PAGE

    @property
    def latest(self) -> Sequence[Entry]:
        return self.history if "history" in self.query else self.history[:EVENTS]

    @property
    def older(self) -> int | None:
        """The event the next page begins after; None: there is none."""
        return self.events[-1].pk if self.events_left and "history" in self.query else None

    @property
    def of_the_demo(self) -> bool:
        """Its source is no format: nobody imported it."""
        return self.ticket.source == "demo"

    @property
    def opened(self) -> PhaseMove:
        return self.moves[0]

    @cached_property
    def _comments(self) -> list[Comment]:
        found = self.ticket.comments.order_by("-id")
        if self.earlier_comments:
            found = found.filter(pk__lt=int(self.query["comments"]))
        return list(found[: COMMENTS + 1])

    @property
    def earlier_comments(self) -> bool:
        """Whether those before some comment are asked for, not the latest."""
        asked = self.query.get("comments", "")
        return asked.isascii() and asked.isdigit() and len(asked) < 19

    @property
    def comments(self) -> list[Comment]:
        """A few, the newest last."""
        return self._comments[COMMENTS - 1 :: -1]

    @property
    def shown_comments(self) -> list[tuple[Comment, str, bool]]:
        """Each with what is shown of it, and whether that is not all; one that is asked for is shown whole."""
        whole = self.query.get("comment", "")
        return [
            (comment, comment.body[:COMMENT], True)
            if len(comment.body) > COMMENT and str(comment.pk) != whole
            else (comment, comment.body, False)
            for comment in self.comments
        ]

    @property
    def comments_before(self) -> int | None:
        """The comment before which there are more; None: there are none."""
        return self.comments[0].pk if len(self._comments) > COMMENTS else None

    @cached_property
    def links(self) -> list[Link]:
        found = Link.objects.filter(Q(ticket=self.ticket) | Q(other=self.ticket)).select_related(
            "ticket", "other"
        )
        return list(found.order_by("kind", "id"))

    @cached_property
    def children(self) -> list[Ticket]:
        return list(
            self.ticket.children.order_by("number")
            .select_related("workflow")
            .defer("description", "context")[:100]
        )

    @property
    def topics(self) -> str:
        """Its own and those of the tickets its tasks wait for."""
        pending = {task.pk for task in self.tasks if task.state == "pending"}
        unmet = sorted(
            {need.parent.ticket_key for need in self.needs if need.child_id in pending} - {self.ticket.key}
        )
        return " ".join(f"ticket:{key}" for key in [self.ticket.key, *unmet[:50]])

    @property
    def blocked(self) -> bool:
        return self.ticket.phase == BLOCKED
