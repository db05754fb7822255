"""`manage.py tasks take|settle|release|reassign|cancel|retry|bump|prioritize KEY`, and the last four for all
tasks that match a filter.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from omoi_site import command_base, humanize
from tickets.management import bulk
from tickets.management.lookups import the_person, the_task
from tickets.models import Outcome, Task
from tickets.models.claim.assign import ME, Assigned
from tickets.models.claim.failure_kind import PERMANENT, TRANSIENT
from tickets.models.task.dependants import ASK, POLICIES, Affected

# What becomes of a task that needs a cancelled one, in words.
THEN = {
    "cancelled": "is cancelled too",
    "held": "waits until somebody decides",
    "ready": "can begin",
    "completed": "is completed",
    "waits": "waits for others still",
}


# Failures, each with its kind.
OUTCOMES = {"failed": PERMANENT, "again": TRANSIENT}


class Command(command_base.Command):
    help = "Take, settle, reassign, cancel, retry, bump and prioritize tasks."

    def add_arguments(self, parser: CommandParser) -> None:
        verb = self.verbs(parser)
        cancel = verb(
            "cancel",
            act=self.cancel,
            show=self.changed,
            help="Cancel a task; whoever holds it loses the claim.",
        )
        cancel.add_argument(
            "--dependants",
            choices=[*POLICIES, ASK],
            default=ASK,
            help="what becomes of tasks that need its success (ask: refuse, and list them); with --filter,"
            " what each need says",
        )
        retry = verb(
            "retry", act=partial(self.act_on, "retry"), show=self.changed, help="Let it be tried again."
        )
        bump = verb(
            "bump", act=partial(self.act_on, "bump"), show=self.changed, help="Put it before all other work."
        )
        prioritize = verb(
            "prioritize",
            act=partial(self.act_on, "prioritise"),
            show=self.changed,
            help="Give it another priority.",
        )
        prioritize.add_argument("--to", required=True, choices=bulk.PRIORITIES, help="the priority")
        take = verb("take", act=self.take, show=self.assigned, help="Let a person take a task by hand.")
        settle = verb(
            "settle", act=self.settle, show=self.shown, help="Say how a task ended that a person holds."
        )
        settle.add_argument(
            "--outcome",
            choices=["completed", *OUTCOMES],
            required=True,
            help="completed; failed for good; or failed, to be tried again",
        )
        release = verb("release", act=self.release, show=self.shown, help="Hand back what a person holds.")
        reassign = verb(
            "reassign",
            act=self.reassign,
            show=self.assigned,
            help="Give a task to a person or an agent; whoever holds it loses the claim.",
        )
        reassign.add_argument(
            "--to", required=True, metavar="NAME", help="an agent, or user:NAME for a person"
        )
        for each in (take, settle, release):
            each.add_argument("--person", required=True, metavar="NAME", help="who does it")
        many = (cancel, retry, bump, prioritize)
        for each in (take, reassign, *many):
            each.add_argument("--dry-run", action="store_true", help="say whether it can be; change nothing")
        for each in many:
            which = each.add_mutually_exclusive_group(required=True)
            which.add_argument("key", metavar="KEY", nargs="?", help="the task, such as OMO-142.17")
            which.add_argument(
                "--filter",
                action="append",
                metavar="NAME=VALUE",
                help=f"all tasks that match, as on the page of tasks: {', '.join(bulk.NAMES)}",
            )
        for each in (take, settle, release, reassign):
            each.add_argument("key", metavar="KEY", help="the task, such as OMO-142.17")
        for each in (*many, take, settle, release, reassign):
            each.add_argument("--reason", required=True, metavar="TEXT", help="why")

    def cancel(
        self,
        *,
        key: str | None,
        filter: list[str] | None,
        reason: str,
        dependants: str,
        dry_run: bool,
        **_: Any,
    ) -> command_base.Document:
        if filter:
            return bulk.carry_out("cancel", filter, reason=reason, dry_run=dry_run)
        assert key
        task = the_task(key)
        # seen first, in a transaction that is taken back: afterwards nobody could tell what followed from it
        followed = Task.objects.cancellation(task.pk, by=command_base.BY, dependants=dependants)
        if not dry_run:
            Task.objects.act(task.pk, "cancel", by=command_base.BY, reason=reason, dependants=dependants)
        return {**document_of(task), **follows(followed), "dry_run": dry_run}

    def changed(self, document: command_base.Document) -> None:
        """What was done to one task, or to many."""
        if "matched" in document:
            for line in bulk.lines(document):
                self.stdout.write(line)
        elif "dependants" in document:
            self.cancelled(document)
        else:
            self.shown(document)

    def cancelled(self, document: command_base.Document) -> None:
        done = "would be cancelled" if document["dry_run"] else "is cancelled"
        self.stdout.write(f"{document['key']} {done}.")
        for each in document["dependants"]:
            self.stdout.write(f"- {each['key']} {THEN[each['then']]}: {each['title']}")
        if more := document["more_dependants"]:
            self.stdout.write(f"- and {more} more")

    def take(self, *, key: str, person: str, reason: str, dry_run: bool, **_: Any) -> command_base.Document:
        return self._assign(the_task(key), ME, by=the_person(person), reason=reason, dry_run=dry_run)

    def reassign(self, *, key: str, to: str, reason: str, dry_run: bool, **_: Any) -> command_base.Document:
        return self._assign(the_task(key), to, by=command_base.BY, reason=reason, dry_run=dry_run)

    def _assign(self, task: Task, to: str, *, by: Any, reason: str, dry_run: bool) -> command_base.Document:
        verb = Task.objects.assignment if dry_run else Task.objects.assign
        assigned: Assigned = verb(task.pk, to=to, by=by, reason=reason)
        return {
            **document_of(task),
            "holder": assigned.holder,
            "fence": assigned.fence,
            "changed": assigned.changed,
            "dry_run": dry_run,
        }

    def assigned(self, document: command_base.Document) -> None:
        who = humanize.actor(document["holder"])
        if not document["changed"]:
            self.stdout.write(f"{who} holds {document['key']} already.")
        elif document["dry_run"]:
            self.stdout.write(f"{who} would hold {document['key']}.")
        else:
            self.stdout.write(f"{who} holds {document['key']}.")

    def settle(self, *, key: str, person: str, outcome: str, reason: str, **_: Any) -> command_base.Document:
        task, by = the_task(key), the_person(person)
        kind = OUTCOMES.get(outcome, "")
        ended = Outcome(
            task.pk, task.fence, "failed" if kind else outcome, error=reason if kind else "", kind=kind
        )
        [settled] = Task.objects.settle([ended], by=by, reason=reason)
        settled.or_raise()
        return document_of(task)

    def release(self, *, key: str, person: str, reason: str, **_: Any) -> command_base.Document:
        task = the_task(key)
        Task.objects.release(task.pk, task.fence, by=the_person(person), reason=reason)
        return document_of(task)

    def act_on(
        self,
        method: str,
        *,
        key: str | None,
        filter: list[str] | None,
        reason: str,
        dry_run: bool,
        to: str = "",
        **_: Any,
    ) -> command_base.Document:
        how = {"priority": bulk.PRIORITIES[to]} if to else {}
        if filter:
            return bulk.carry_out(method, filter, reason=reason, dry_run=dry_run, **how)
        assert key
        task = the_task(key)
        with transaction.atomic():
            if not (to and task.priority_name == to):  # it has that already
                Task.objects.act(task.pk, method, by=command_base.BY, reason=reason, **how)
            task.refresh_from_db()
            transaction.set_rollback(dry_run)
        return {"key": task.key, "state": task.state, "dry_run": dry_run}

    def shown(self, document: command_base.Document) -> None:
        would = "would be" if document.get("dry_run") else "is"
        self.stdout.write(f"{document['key']} {would} {document['state']}.")


def document_of(task: Task) -> command_base.Document:
    task.refresh_from_db()
    return {"key": task.key, "state": task.state}


def follows(affected: Affected) -> command_base.Document:
    return {
        "dependants": [each.document() for each in affected.listed],
        "more_dependants": affected.more,
    }
