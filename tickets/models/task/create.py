"""Adds tasks to a ticket, and counts their needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from datetime import datetime
from typing import NamedTuple, TypeVar

from django.db import models

from agents import profiles
from agents.models import Actor, label, rights, via
from agents.models.agent import words
from agents.profiles import pools_of
from omoi_site import field_limits
from omoi_site.database import sql
from omoi_site.errors import Faults, Invalid
from tickets.models.coordination.operation import Operation, OthersCancelled
from tickets.models.journal_sql import task_events
from tickets.models.task.fields import TaskFields
from tickets.models.task.lane import Lane, Marks, held_in
from tickets.models.task.need import Edge, Need
from tickets.models.task.open_needs import recount
from tickets.models.task.task_spec import TaskSpec
from tickets.models.ticket.fields import TicketFields
from tickets.models.ticket.past_phases import phase_left
from tickets.patterns.schema import MOST_NEEDS

Row = TypeVar("Row", bound=TaskFields)

BATCH = 1000
ADDED_EVENTS = task_events(
    "a ORDER BY id",
    "'task.added'",
    actor="%s",
    key="%s",
    data="jsonb_build_object('title', title, 'phase', phase)",
)
LOG_ADDED = f"""
WITH a AS (
  UPDATE tickets_task
  SET events = events + 1
  WHERE id = ANY (%s)
  RETURNING id, ticket_key, project_id, events, title, phase
)
{ADDED_EVENTS}
"""


class Placed(NamedTuple):
    """A new task with what its ticket decides: its phase, whether it is held, and the marks of its lane."""

    ticket: TicketFields
    spec: TaskSpec
    marks: Marks
    held: bool


class TaskCreation(models.Manager[Row]):
    @sql.atomic
    def add(self, ticket: TicketFields, specs: Sequence[TaskSpec], *, by: Actor) -> list[Row]:
        """Add tasks with their needs to a ticket, all or none. A need names a task of the project or a `ref`
        in the batch.
        """
        rights.require(by, "tickets:write", ticket.project)
        if (needs := sum(len(spec.needs) + len(spec.needed_by) for spec in specs)) > MOST_NEEDS:
            raise Invalid(f"they have {needs} needs in all; at most {MOST_NEEDS} are allowed", field="tasks")
        ids = self.insert(ticket, specs, by=by)
        stored = {task.pk: task for task in self.filter(pk__in=ids)}
        return [stored[pk] for pk in ids]

    @sql.atomic
    def insert(
        self,
        ticket: TicketFields,
        specs: Sequence[TaskSpec],
        *,
        by: Actor,
        phase: str = "",
        watch: Callable[[int], None] = lambda made: None,
        log: Callable[[Sequence[int]], None] = lambda ids: None,
    ) -> list[int]:
        """Like `add`, for verbs that have checked the right and for any number of tasks. Returns only their
        ids; `watch` is called now and then with the number created. `log` writes further events of the new
        tasks: it is called with their ids before their needs count, because an operation may end at once.

        `phase`: the ticket's next phase, from a move that holds its lock. Raises PhaseLeft for work that
        could never be done.
        """
        if any(spec.needs or spec.needed_by for spec in specs):
            Need.objects.lock_graph(ticket.project_id)
        work, now = self.checked(ticket, specs, phase=phase)
        place_of = {spec.ref: place for place, spec in enumerate(specs) if spec.ref}
        ids: list[int] = []
        for batch in self._stored(work, now, by):
            ids += batch
            watch(len(ids))
        log(ids)
        edges = [
            edge
            for spec, pk in zip(specs, ids, strict=True)
            for edge in [
                *(
                    Edge(
                        ids[place_of[need.on]] if isinstance(need.on, str) else need.on,
                        pk,
                        need.when,
                        need.on_failure,
                    )
                    for need in spec.needs
                ),
                *(Edge(pk, child) for child in dict.fromkeys(spec.needed_by)),
            ]
        ]
        Need.objects.insert(
            ticket.project_id, edges, names={ids[place]: ref for ref, place in place_of.items()}, by=by
        )
        counted = {end for edge in edges for end in (edge.parent, edge.child)}
        recount([pk for pk in ids if pk not in counted])
        return ids

    def checked(
        self, ticket: TicketFields, specs: Sequence[TaskSpec], *, phase: str = ""
    ) -> tuple[list[Placed], datetime]:
        """The tasks as the ticket decides about them, and the present time; the ticket is locked FOR SHARE.
        Raises what adding them would: PhaseLeft, or Invalid with all faults.
        """
        # lock FOR SHARE before reading the phase: a move of the ticket waits for us, or we for it
        now = sql.one(
            """
            SELECT phase, paused, archived_at, clock_timestamp() AS now
            FROM tickets_ticket
            WHERE id = %s
            FOR SHARE
            """,
            [ticket.pk],
        )
        assert now
        open_in = ticket.plan.open_in(now["phase"]) if not (now["paused"] or now["archived_at"]) else set()
        if any(spec.profile for spec in specs):
            ticket.project.refresh_from_db(fields=["profiles"])  # the present profiles
        effective_phase = phase or (now["phase"] if now["phase"] in ticket.plan else ticket.origin)
        work = [_placed(ticket, spec, effective_phase, open_in) for spec in specs]
        for wanted in dict.fromkeys(
            placed.marks.phase for placed in work if not (phase or placed.spec.ended)
        ):
            if wanted in ticket.plan and (
                refusal := phase_left(ticket, now["phase"], effective_phase, wanted)
            ):
                raise refusal
        self._refuse_faults(ticket, work, {spec.ref: place for place, spec in enumerate(specs) if spec.ref})
        return work, now["now"]

    def import_tasks(
        self, work: Sequence[tuple[TicketFields, TaskSpec]], *, now: datetime, by: Actor
    ) -> list[int]:
        """Create one task for each of these tickets, which this transaction has just created: nobody can move
        them, so they need no lock.

        All are of one project. Returns the ids; the caller recounts them.
        """
        placed = [
            _placed(ticket, spec, ticket.phase, set() if ticket.paused else ticket.plan.open_in(ticket.phase))
            for ticket, spec in work
        ]
        return [pk for batch in self._stored(placed, now, by) for pk in batch]

    def _refuse_faults(
        self, ticket: TicketFields, work: Sequence[Placed], place_of: Mapping[str, int]
    ) -> None:
        """Raise Invalid with the faults of these tasks by field, before anything is written."""
        wanted = {need.on for placed in work for need in placed.spec.needs if isinstance(need.on, int)}
        wanted |= {child for placed in work for child in placed.spec.needed_by}
        existing = (
            set(self.filter(pk__in=wanted, project=ticket.project_id).values_list("pk", flat=True))
            if wanted
            else set()
        )
        faults = Faults()
        for place, (_, spec, marks, _) in enumerate(work):
            at = f"tasks.{place}"
            if marks.phase not in ticket.plan:
                faults.add(f"{at}.phase", f"{marks.phase} is not a phase of {ticket.workflow}")
            for name, message in field_limits.faults(self.model, vars(spec)):
                faults.add(f"{at}.{name}", message)
            for fault in filter(None, map(field_limits.shown_fault, marks.capabilities)):
                faults.add(f"{at}.capabilities", fault)
            if spec.join is not None and not 1 <= spec.join <= len(spec.needs):
                faults.add(f"{at}.join", f"must be between 1 and the number of needs ({len(spec.needs)})")
            if spec.ref and place_of[spec.ref] != place:
                faults.add(f"{at}.ref", f"ref {spec.ref} appears twice")
            for number, need in enumerate(spec.needs):
                if need.on not in place_of and need.on not in existing:
                    lacking = (
                        f"there is no task with the ref {need.on} in this batch"
                        if isinstance(need.on, str)
                        else f"there is no task {need.on} in this project"
                    )
                    faults.add(f"{at}.needs.{number}", lacking)
            for number, child in enumerate(spec.needed_by):
                if child not in existing:
                    faults.add(f"{at}.needed_by.{number}", f"there is no task {child} in this project")
            if spec.coordination and not spec.needs:
                faults.add(f"{at}.needs", f"a {spec.coordination.kind} needs at least one task")
            wrong = profiles.faults(spec.profile, spec.slots)
            if spec.profile and "profile" not in wrong and spec.profile not in ticket.project.profiles:
                wrong = {
                    "profile": f"{ticket.project} may not use the profile {spec.profile}; "
                    "ask the admin of this installation to allow it"
                }
            for name, message in wrong.items():
                faults.add(f"{at}.{name}", message)
        faults.check()

    def _stored(self, work: Sequence[Placed], now: datetime, by: Actor) -> Iterator[list[int]]:
        """Store the tasks of one project in batches; yields the ids of each batch."""
        lanes = Lane.objects.of(work[0].ticket.project_id, {placed.marks for placed in work}) if work else {}
        for start in range(0, len(work), BATCH):
            tasks = [self._made(placed, lanes[placed.marks], now) for placed in work[start : start + BATCH]]
            sql.copy_in(tasks)
            ids = [task.pk for task in tasks]
            Operation.objects.make(
                [
                    (task.pk, placed.spec.coordination)
                    for task, placed in zip(tasks, work[start : start + BATCH], strict=True)
                    if placed.spec.coordination
                ]
            )
            OthersCancelled.objects.make(
                [
                    task.pk
                    for task, placed in zip(tasks, work[start : start + BATCH], strict=True)
                    if placed.spec.cancels_others
                ]
            )
            self._log_added(ids, by)
            yield ids

    def _made(self, placed: Placed, lane: int, now: datetime) -> Row:
        ticket, spec, marks, held = placed
        return self.model(
            ticket=ticket,
            ticket_key=ticket.key,
            project_id=ticket.project_id,
            lane_id=lane,
            phase=marks.phase,
            title=spec.title,
            description=spec.description,
            kind=spec.kind,
            priority=ticket.priority if spec.priority is None else spec.priority,
            capabilities=list(marks.capabilities),
            operation=spec.coordination.kind if spec.coordination else "",
            profile=spec.profile,
            slots=spec.slots,
            join=spec.join,
            timeout_s=spec.timeout_s,
            stall_after_s=spec.stall_after_s,
            phase_stall_after_s=ticket.plan[marks.phase].stall_after_s
            if marks.phase in ticket.plan
            else None,
            max_attempts=spec.max_attempts,
            not_before=spec.not_before,
            not_due=spec.not_before is not None and not spec.ended,
            deadline=spec.deadline,
            work_s=spec.work_s,
            held=held,
            state="completed" if spec.ended else "pending",
            ended_at=(spec.ended_at or now) if spec.ended else None,
        )

    @staticmethod
    def _log_added(ids: Sequence[int], by: Actor) -> None:
        sql.rows(
            LOG_ADDED,
            [list(ids), label(by), via(by)],
        )


def _placed(ticket: TicketFields, spec: TaskSpec, effective_phase: str, open_in: Set[str]) -> Placed:
    where = spec.phase.upper().removeprefix("PHASE_") or ticket.plan.works_in(effective_phase)
    return Placed(
        ticket,
        spec,
        Marks(
            where,
            tuple(words(spec.capabilities)),
            bool(spec.profile),
            pools=pools_of(spec.profile),
            workflow=held_in(ticket.plan, ticket.workflow_id, where),
        ),
        where not in open_in,
    )
