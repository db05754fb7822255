"""Task templates: the tasks with which the workflow begins a phase, and what a launch by hand would add."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from omoi_site import field_limits, humanize
from omoi_site.errors import Faults, Invalid, OmoiError, short
from tickets.models.task.task_spec import NeedSpec, TaskSpec
from tickets.models.ticket import workflow_tasks
from tickets.models.ticket.fields import TicketFields, named
from tickets.models.ticket.past_phases import phase_left
from tickets.models.ticket.workflow_tasks import WORDS

KEY = 100  # characters of a launch's key
LONGEST_WORD = 300  # characters of what stands for {ticket}, {title} or {phase}
QUOTED = 60  # characters of a client's text in an answer


@dataclass(frozen=True)
class Chosen:
    """A template, by its `ref` or its title as the workflow writes it. `title`, `description`: texts of its
    own for this once; None: those of the template.
    """

    template: str
    title: str | None = None
    description: str | None = None


@dataclass(frozen=True)
class LaunchSpec:
    """What to add. phase: empty for the one in which the ticket's work is now. chosen: None for all of its
    templates. words: what stands for {ticket}, {title} and {phase}, if not the ticket's own.
    """

    phase: str = ""
    chosen: Sequence[Chosen] | None = None
    words: Mapping[str, str] = field(default_factory=dict)

    @property
    def request(self) -> dict[str, Any]:
        """The same as it is stored."""
        chosen = None if self.chosen is None else [vars(each) for each in self.chosen]
        return {"phase": named(self.phase), "chosen": chosen, "words": dict(self.words)}


@dataclass(frozen=True)
class Planned:
    """One chosen template. there: the open task of this title, so that it is not added again; None: it is
    added. left_out: needs, by `ref`, that nothing stands for: they are neither chosen nor open.
    """

    template: str
    spec: TaskSpec
    there: int | None = None
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    phase: str
    tasks: Sequence[Planned]

    @property
    def added(self) -> list[Planned]:
        return [planned for planned in self.tasks if planned.there is None]


def phases_with_templates(ticket: TicketFields) -> list[str]:
    """The phases that begin with tasks."""
    return [phase.name for phase in ticket.plan.phases if ticket.plan.first_tasks(phase.name)]


def name_of(seed: Mapping[str, Any]) -> str:
    """By what a template is chosen."""
    return str(seed.get("ref") or seed["title"])


def usual_phase(ticket: TicketFields) -> str:
    """The phase in which the ticket's work is now."""
    return ticket.plan.works_in(ticket.effective_phase)


def why_not(ticket: TicketFields, phase: str) -> OmoiError | None:
    """Why no work can be added to this phase; None if it can."""
    return phase_left(ticket, ticket.phase, ticket.effective_phase, phase)


def plan_of(ticket: TicketFields, spec: LaunchSpec) -> Plan:
    """What the launch would add, as of now. Raises Invalid with every fault."""
    phase = named(spec.phase) or usual_phase(ticket)
    if phase not in ticket.plan:
        raise Invalid(f"{short(phase, QUOTED)} is not a phase of {ticket.workflow}", field="phase")
    seeds = ticket.plan.first_tasks(phase)
    _refuse_faults(spec, seeds, phase, ticket)
    texts = {each.template: each for each in spec.chosen or ()}
    every = workflow_tasks.specs(ticket, seeds, phase, spec.words)
    wanted = []
    for seed, filled in zip(seeds, every, strict=True):
        own = texts.get(name_of(seed)) or texts.get(seed["title"])
        if own or spec.chosen is None:
            wanted.append((name_of(seed), _reworded(filled, own)))
    there = workflow_tasks.open_titles(ticket, phase)
    final = {spec.ref: spec.title for spec in [*every, *(task for _, task in wanted)] if spec.ref}
    known: dict[int | str, int] = {ref: there[title] for ref, title in final.items() if title in there}
    joining = {task.ref for _, task in wanted if task.ref and task.title not in there}
    return Plan(phase, [_planned(name, task, there, known, joining) for name, task in wanted])


def checked_plan(ticket: TicketFields, spec: LaunchSpec) -> Plan:
    """The same, also refused where no work can be added."""
    plan = plan_of(ticket, spec)
    if refusal := why_not(ticket, plan.phase):
        raise refusal
    return plan


def _planned(
    name: str,
    task: TaskSpec,
    there: Mapping[str, int],
    known: Mapping[int | str, int],
    joining: set[str],
) -> Planned:
    needs = [
        NeedSpec(known.get(need.on, need.on), need.when, need.on_failure)
        for need in task.needs
        if need.on in known or need.on in joining
    ]
    left_out = [str(need.on) for need in task.needs if need.on not in known and need.on not in joining]
    return Planned(name, replace(task, needs=needs), there.get(task.title), tuple(left_out))


def _reworded(task: TaskSpec, own: Chosen | None) -> TaskSpec:
    if own is None:
        return task
    return replace(
        task,
        title=task.title if own.title is None else own.title.strip(),
        description=task.description if own.description is None else own.description,
    )


def _refuse_faults(
    spec: LaunchSpec, seeds: Sequence[Mapping[str, Any]], phase: str, ticket: TicketFields
) -> None:
    faults = Faults()
    if not seeds:
        others = humanize.phases(phases_with_templates(ticket))
        these = f"; {others} {'does' if ',' not in others else 'do'}" if others else ""
        faults.add("phase", f"{humanize.phase(phase)} of {ticket.workflow} begins with no task{these}")
        faults.check()
    for word, text in spec.words.items():
        if word not in WORDS:
            faults.add(f"words.{short(word, QUOTED)}", f"one of {', '.join(WORDS)}")
        elif not field_limits.seen(text):
            faults.add(f"words.{word}", f"say what stands for {{{word}}}")
        elif len(text) > LONGEST_WORD:
            faults.add(
                f"words.{word}", f"at most {LONGEST_WORD} characters are allowed; there are {len(text)}"
            )
        elif fault := field_limits.shown_fault(text):
            faults.add(f"words.{word}", fault)
    known = {name: name_of(seed) for seed in seeds for name in (seed["title"], name_of(seed))}
    if spec.chosen is not None and not spec.chosen:
        faults.add("tasks", "choose at least one task")
    chosen: set[str] = set()
    for place, each in enumerate(spec.chosen or ()):
        name = known.get(each.template)
        if name is None:
            names = ", ".join(name_of(seed) for seed in seeds)
            faults.add(
                f"tasks.{place}.task", f"there is no task {short(each.template, QUOTED)}; there are {names}"
            )
        elif name in chosen:
            faults.add(f"tasks.{place}.task", f"{short(each.template, QUOTED)} is chosen twice")
        else:
            chosen.add(name)
        if each.title is not None and not field_limits.seen(each.title):
            faults.add(f"tasks.{place}.title", "say what to do, in one line")
        model = ticket.tasks.model
        for part in ("title", "description"):
            most, text = field_limits.longest(model, part), getattr(each, part) or ""
            if len(text) > most:
                faults.add(
                    f"tasks.{place}.{part}", f"at most {most} characters are allowed; there are {len(text)}"
                )
    faults.check()
