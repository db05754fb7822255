"""Seeding: the tasks that a workflow's document adds when a phase begins, or when its gate refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from omoi_site import field_limits
from omoi_site.errors import Invalid, short
from tickets.models.task.task_spec import NeedSpec, TaskSpec
from tickets.models.ticket.fields import TicketFields

WORDS = ("ticket", "title", "phase")
WORD = re.compile(r"\{([a-z]+)\}")
PRIORITIES = {"critical": 0, "high": 1, "medium": 2, "low": 3}


def specs(
    ticket: TicketFields,
    seeds: tuple[dict[str, Any], ...],
    phase: str,
    others: Mapping[str, str] = MappingProxyType({}),
) -> list[TaskSpec]:
    """The tasks of the document, with `{ticket}`, `{title}` and `{phase}` replaced, by `others` where it has
    them. A text that becomes too long is cut.
    """
    words = {"ticket": ticket.key, "title": ticket.title, "phase": phase, **others}
    seeded = [filled(seed, words) for seed in seeds]
    for seed in seeded:
        seed |= {
            name: short(seed[name], field_limits.longest(ticket.tasks.model, name))
            for name in ("title", "description")
            if name in seed
        }
    return [_spec(seed, phase) for seed in seeded]


@contextmanager
def in_document(where: str) -> Iterator[None]:
    """Report faults of tasks from the workflow as faults of its document, with their place in it."""
    try:
        yield
    except Invalid as fault:
        raise fault.inside(where) from fault


def entry_specs(ticket: TicketFields, phase: str) -> list[TaskSpec]:
    """The tasks with which the ticket begins this phase. One that is still open from an earlier stay, by its
    title, is not added again; new ones wait for it where they need it.
    """
    wanted = specs(ticket, ticket.plan.first_tasks(phase), phase)
    if not wanted or not ticket.moves:
        return wanted
    there = open_titles(ticket, phase)
    known: dict[int | str, int] = {
        spec.ref: there[spec.title] for spec in wanted if spec.ref and spec.title in there
    }
    return [
        replace(spec, needs=[replace(need, on=known.get(need.on, need.on)) for need in spec.needs])
        for spec in wanted
        if spec.title not in there
    ]


def open_titles(ticket: TicketFields, phase: str) -> dict[str, int]:
    """The open tasks of this phase, by title."""
    return dict(ticket.tasks.open().filter(phase=phase).values_list("title", "pk"))


def _spec(seed: dict[str, Any], phase: str) -> TaskSpec:
    values = {name: value for name, value in seed.items() if name not in ("needs", "priority")}
    if "priority" in seed:
        values["priority"] = PRIORITIES[seed["priority"]]
    return TaskSpec(phase=phase, needs=[NeedSpec(ref) for ref in seed.get("needs", [])], **values)


def filled(value: Any, words: Mapping[str, str]) -> Any:
    """The value with these words replaced, each `{word}` in one pass: inserted text is not searched again."""
    if isinstance(value, dict):
        return {name: filled(inner, words) for name, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, words) for inner in value]
    return WORD.sub(lambda match: words.get(match[1], match[0]), value) if isinstance(value, str) else value
