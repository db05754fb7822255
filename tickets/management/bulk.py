"""Acts on all tasks that match a filter, from the command line: as on the page of tasks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import transaction

from agents.models import Project
from omoi_site import command_base
from omoi_site.errors import Invalid, short
from omoi_site.humanize import counted
from tickets.management.lookups import the_project
from tickets.models import BulkAct
from tickets.models.queue.task_filter import PARAMETERS, TaskFilter
from tickets.models.queue.why_not import WORDS
from tickets.models.ticket.fields import Priority
from tickets.templatetags.queue import DONE, POSSIBLE

NAMES = PARAMETERS
PRIORITIES = {priority.name.lower(): priority.value for priority in Priority}


def carry_out(
    act: str, filters: Sequence[str], *, reason: str, dry_run: bool, **arguments: Any
) -> command_base.Document:
    """What is possible is done at once, here; should this be interrupted, the clock does the rest."""
    asked = TaskFilter.read(_read(filters))
    projects = [the_project(asked.project)] if asked.project else list(Project.objects.all())
    with transaction.atomic():
        bulk = BulkAct.objects.prepare(act, asked, by=command_base.BY, projects=projects, **arguments)
        possible, groups = bulk.preview()
        transaction.set_rollback(dry_run)
    impossible: dict[str, int] = {}
    for group in groups:
        impossible[group.why_not] = impossible.get(group.why_not, 0) + group.number
    document = {"act": act, "matched": bulk.number, "dry_run": dry_run}
    if dry_run:
        return {**document, "possible": possible, "not_possible": _listed(impossible)}
    how = {"priority": arguments["priority"]} if "priority" in arguments else {}
    BulkAct.objects.confirm(bulk.pk, by=command_base.BY, reason=reason, **how)
    with command_base.progress(total=bulk.number, unit=" tasks") as bar:
        while BulkAct.objects.carry_on(bulk.pk):
            bulk.refresh_from_db()
            bar.update(bulk.number - bulk.left - bar.n)
    bulk.refresh_from_db()
    return {**document, "bulk": str(bulk.pk), "done": bulk.done, "not_done": _listed(bulk.not_done)}


def lines(document: command_base.Document) -> Iterator[str]:
    """The document for people."""
    number = document["possible"] if document["dry_run"] else document["done"]
    words = POSSIBLE if document["dry_run"] else DONE
    yield f"{counted(document['matched'], 'task')} matched; {number:,} {words[document['act']]}."
    for each in document["not_possible"] if document["dry_run"] else document["not_done"]:
        yield f"- {each['number']:,} not: {each['what']}"


def _listed(numbers: dict[str, int]) -> list[dict[str, Any]]:
    return [
        {"number": number, "why": why, "what": WORDS.get(why, why)}
        for why, number in sorted(numbers.items(), key=lambda each: -each[1])
    ]


def _read(filters: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in filters:
        name, sign, value = text.partition("=")
        name = name.replace("-", "_")
        if not sign or name not in NAMES:
            raise Invalid(
                f"{short(text, 80)} is no filter: write NAME=VALUE, with one of {', '.join(NAMES)}",
                field="filter",
            )
        if not value.strip():  # such as a variable of a shell that is not set
            raise Invalid(f"{name} is empty: leave it out to ask for all", field="filter")
        if name in found:
            raise Invalid(f"{name} stands twice: one value is asked for", field="filter")
        found[name] = value
    return found
