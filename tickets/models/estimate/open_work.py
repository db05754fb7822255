"""The open work of a ticket as steps: its tasks, those that they wait for, and the phases to come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from omoi_site import humanize
from omoi_site.database import sql
from tickets.models.estimate.critical_path import Key, Step, Wait
from tickets.models.estimate.ended_tickets import EndedTickets
from tickets.models.estimate.samples import Samples, Spell
from tickets.models.task.readiness import MOST_RATE_LIMITS, PENDING
from tickets.models.ticket.fields import TicketFields
from tickets.workflows.document import Phase

MOST_TASKS, MOST_NEEDS = 10_000, 100_000
NAMED = 3  # tasks that a sentence names
OPEN_TASKS = sql.statement(__file__, "open_tasks", pending=PENDING)
OPEN_WAITS = sql.statement(__file__, "open_waits")
NOTHING = Spell(0.0, 0.0, "", 0)  # an operation completes by itself


@dataclass(frozen=True)
class Stage:
    """A phase that the ticket is in or will come through. `stay`: what is left of it; None: it is as long as
    its tasks. open: its tasks can be claimed now.
    """

    phase: Phase
    stay: Spell | None
    open: bool

    @property
    def entered(self) -> Key:
        return "enter", self.phase.name

    @property
    def left(self) -> Key:
        return "leave", self.phase.name


class OpenWork:
    """`unknown`: sentences that say why it cannot be said when all this ends; empty: it can."""

    def __init__(self, ticket: TicketFields, in_phase_s: float, past: EndedTickets) -> None:
        self.ticket, self.past = ticket, past
        self.unknown: list[str] = []
        self.tasks = self._open_tasks()
        self.needs = self._needs()
        self.of_phase: dict[str, list[int]] = defaultdict(list)
        for task in self.tasks.values():
            if task["ticket_id"] == ticket.pk:
                self.of_phase[task["phase"]].append(task["id"])
        self.stages = list(self._stages(in_phase_s))
        self.open_phases = {stage.phase.name for stage in self.stages if stage.open}
        works = [task for task in self.tasks.values() if not task["operation"]]
        samples = Samples(ticket.project_id, works, (phase.name for phase in ticket.plan.phases))
        self.spells = {task["id"]: self._spell(task, samples) for task in self.tasks.values()}
        self.unknown += self._stuck()

    @property
    def of_others(self) -> bool:
        """Whether it waits for work of other tickets."""
        return any(task["ticket_id"] != self.ticket.pk for task in self.tasks.values())

    @property
    def last(self) -> Key:
        return self.stages[-1].left

    def steps(self, *, likely: bool = False) -> dict[Key, Step]:
        """With what each is expected to take, or with what 80 of 100 take at most."""
        begins = {
            task: [stage.entered]
            for stage in self.stages
            if not stage.open
            for task in self.of_phase[stage.phase.name]
        }
        steps: dict[Key, Step] = {}
        for pk, task in self.tasks.items():
            takes = _seconds(self.spells[pk], likely)
            steps[pk] = (
                Step(takes, task["due_s"], self.needs.get(pk, ()), task["open_needs"], begins.get(pk, ()))
                if task["state"] == "pending"
                else Step(takes)  # it has begun
            )
        before: Sequence[Key] = ()
        for stage in self.stages:
            stay: Key = ("stay", stage.phase.name)
            steps[stage.entered] = Step(0.0, after=before)
            steps[stay] = Step(_seconds(stage.stay, likely), after=[stage.entered])
            steps[stage.left] = Step(0.0, after=[stay, *self.of_phase[stage.phase.name]])
            before = [stage.left]
        return steps

    def name(self, task: int) -> str:
        return f"{self.tasks[task]['ticket_key']}.{task}"

    def names(self, tasks: Sequence[int]) -> str:
        return listed([self.name(task) for task in tasks])

    # -- what is read

    def _open_tasks(self) -> dict[int, dict[str, Any]]:
        rows = sql.rows(OPEN_TASKS, {"ticket": self.ticket.pk, "most": MOST_TASKS})
        if len(rows) > MOST_TASKS:
            self.unknown.append(f"More than {MOST_TASKS:,} open tasks are in its way, which are too many")
            return {}
        return {row["id"]: row for row in rows}

    def _needs(self) -> dict[int, list[Wait]]:
        waiting = [task["id"] for task in self.tasks.values() if task["edges_left"]]
        if not waiting:
            return {}
        rows = sql.rows(OPEN_WAITS, {"ids": waiting, "most": MOST_NEEDS})
        if len(rows) > MOST_NEEDS:
            self.unknown.append(f"Its open tasks have more than {MOST_NEEDS:,} needs, which are too many")
            return {}
        needs: dict[int, list[Wait]] = defaultdict(list)
        for row in rows:
            if row["parent_id"] in self.tasks:  # it is open
                needs[row["child_id"]].append(Wait(row["parent_id"], row["on_end"], row["on_failure"]))
        return needs

    # -- the phases

    def _stages(self, in_phase_s: float) -> Iterator[Stage]:
        """The present phase, and later ones that have tasks or that half of the past tickets came through."""
        plan, here = self.ticket.plan, self.ticket.plan[self.ticket.phase]
        open_now = plan.open_in(here.name)
        for phase in plan.phases[here.position :]:
            if phase.terminal or (
                phase.position > here.position and not self._comes_through(phase, open_now)
            ):
                continue
            now = phase.name == here.name
            if self._as_long_as_its_tasks(phase, now, open_now):
                yield Stage(phase, None, open=phase.name in open_now)
                continue
            stay = self.past.stay(phase.name, in_phase_s if now else 0.0)
            if stay is None:
                self.unknown.append(
                    f"No ticket of {plan.name} has come through {humanize.phase(phase.name)} here yet, so its"
                    " time there is not known"
                )
            elif stay.longer and not self.of_phase[phase.name]:
                self.unknown.append(
                    f"It has been in {humanize.phase(phase.name)} for {humanize.length(in_phase_s)}, longer"
                    f" than each of the last {stay.samples} tickets: `explain` says what it waits for"
                )
            yield Stage(phase, stay, open=phase.name in open_now)

    def _comes_through(self, phase: Phase, open_now: set[str]) -> bool:
        if self.of_phase[phase.name] or phase.name in open_now:
            return True
        if self.past.count:
            return self.past.visited(phase.name)
        return phase.name in self._onward

    @property
    def _onward(self) -> set[str]:
        """The phases on the way of moves to the next phase, for a workflow that no ticket has finished."""
        plan, onward = self.ticket.plan, set[str]()
        at = self.ticket.phase
        while following := plan.after(at):
            onward.add(following)
            at = following
        return onward

    def _as_long_as_its_tasks(self, phase: Phase, now: bool, open_now: set[str]) -> bool:
        """Whether its tasks alone decide when the ticket leaves it: all are known, and nobody is asked."""
        if phase.automatic == "on_claim":
            return now and any(self.of_phase[name] for name in open_now)
        known = now or not phase.tasks
        return (
            phase.automatic == "on_completion"
            and not phase.approvals
            and known
            and bool(self.of_phase[phase.name])
        )

    # -- the tasks

    def _spell(self, task: dict[str, Any], samples: Samples) -> Spell | None:
        if task["operation"]:
            return NOTHING
        waits = task["waits"] or (
            task["ticket_id"] == self.ticket.pk and task["phase"] not in self.open_phases
        )
        return samples.left({**task, "waits": waits})

    def _stuck(self) -> Iterator[str]:
        """Why tasks wait for somebody."""
        tasks = self.tasks.values()
        stages = {stage.phase.name for stage in self.stages}
        if unmeasured := [task["id"] for task in tasks if self.spells[task["id"]] is None]:
            yield f"No work of this kind has been completed in the project yet: {self.names(unmeasured)}"
        if hopeless := [task["id"] for task in tasks if task["unsatisfiable"]]:
            yield (
                f"{self.names(hopeless)} can no longer go on, because a task that it needed did not end as"
                " needed: somebody must decide"
            )
        if held := [task["id"] for task in tasks if task["rate_limits"] >= MOST_RATE_LIMITS]:
            yield f"{self.names(held)} met the limit of an account too often: somebody must let it go on"
        if passed := [task for name, ids in self.of_phase.items() if name not in stages for task in ids]:
            yield f"The ticket has left the phase of {self.names(passed)}, so that it cannot be done"


def listed(keys: Sequence[str]) -> str:
    """The first of them in words."""
    return ", ".join(keys[:NAMED]) + (" and more" if len(keys) > NAMED else "")


def _seconds(spell: Spell | None, likely: bool) -> float:
    return 0.0 if spell is None else spell.likely_s if likely else spell.expected_s
