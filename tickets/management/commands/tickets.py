"""`manage.py tickets open PROJECT TITLE`; with the KEY of a ticket `add-tasks`, `move`, `estimate`,
`pause`, `resume`, `archive`, `restore`.
"""

from __future__ import annotations

import uuid
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from omoi_site import command_base, humanize
from omoi_site.errors import Invalid, short
from tickets.management.lookups import the_person, the_project, the_ticket
from tickets.models import BlockedClass, Chosen, LaunchSpec, TemplateLaunch, Ticket, TicketSpec
from tickets.models.estimate.estimate import estimate
from tickets.models.ticket import task_templates
from tickets.models.ticket.template_launch import outcome
from tickets.models.ticket.workflow_tasks import WORDS

ACTS = {
    "pause": "Let none of its tasks be claimed until it is resumed.",
    "resume": "Let its tasks be claimed again.",
    "archive": "Take it out of the board and the lists. It keeps everything and can be restored.",
    "restore": "Put an archived ticket back.",
}


class Command(command_base.Command):
    help = (
        "Open tickets, add the tasks to them with which their workflow begins a phase, move, pause and"
        " archive them, and say when one will be done."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = self.verbs(parser)
        add = verbs("open", act=self.open, show=self.opened, help="Open a ticket.")
        add.add_argument("project", metavar="PROJECT", help="the key of its project")
        add.add_argument("title", metavar="TITLE", help="what to do, in one line")
        add.add_argument(
            "--follow-up", metavar="KEY", default="", help="the ticket that it continues, usually one in DONE"
        )
        add.add_argument("--workflow", metavar="NAME", default="", help="a workflow that the project allows")
        launch = verbs(
            "add-tasks",
            act=self.add_tasks,
            show=self.added,
            help="Add the tasks with which the workflow begins a phase once more.",
        )
        launch.add_argument("ticket", metavar="KEY", help="the ticket")
        launch.add_argument("--phase", default="", help="without it, the phase in which the work is now")
        launch.add_argument(
            "--task",
            metavar="NAME",
            action="append",
            dest="tasks",
            help="only this one: its ref, or its title in the workflow; may be repeated",
        )
        launch.add_argument(
            "--word",
            metavar="NAME=TEXT",
            action="append",
            dest="words",
            default=[],
            help=f"what stands for {', '.join(f'{{{word}}}' for word in WORDS)} in their texts, such as"
            " title=Refunds; may be repeated",
        )
        launch.add_argument(
            "--key", default="", help="the same key again adds nothing; without it, a new one"
        )
        launch.add_argument("--dry-run", action="store_true", help="say what would be added; add nothing")
        move = verbs(
            "move", act=self.move, show=self.moved, help="Move a ticket to another phase, as a person."
        )
        move.add_argument("ticket", metavar="KEY", help="the ticket")
        move.add_argument("phase", metavar="PHASE", help="where it goes")
        move.add_argument("--person", required=True, metavar="NAME", help="who moves it")
        move.add_argument("--reason", default="", metavar="TEXT", help="why")
        move.add_argument("--cause", choices=BlockedClass.values, help="of a move to BLOCKED")
        move.add_argument("--force", action="store_true", help="past the rules of its workflow; say why")
        move.add_argument(
            "--past-limit", action="store_true", help="on purpose, even if the phase is full; it is marked so"
        )
        for verb, words in ACTS.items():
            act = verbs(verb, act=self.change, show=self.changed, help=words)
            act.set_defaults(does=verb)
            act.add_argument("ticket", metavar="KEY", help="the ticket")
            act.add_argument("--person", metavar="NAME", default="", help="who does it")
            act.add_argument("--reason", default="", metavar="TEXT", help="why")
        asked = verbs(
            "estimate",
            act=self.estimate,
            show=self.estimated,
            help="Say when a ticket will be done, and why.",
        )
        asked.add_argument("ticket", metavar="KEY", help="the ticket")

    def open(
        self, *, project: str, title: str, follow_up: str, workflow: str, **_: Any
    ) -> command_base.Document:
        followed = the_ticket(follow_up) if follow_up else None
        spec = TicketSpec(title, follow_up=followed, workflow=workflow or None)
        ticket = Ticket.objects.open(the_project(project), spec, by=command_base.BY)
        return {"key": ticket.key, "phase": ticket.phase, "follow_up": followed.key if followed else None}

    def opened(self, document: command_base.Document) -> None:
        follows = f", a follow-up of {document['follow_up']}" if document["follow_up"] else ""
        self.stdout.write(f"Opened {document['key']}{follows}.")

    def add_tasks(
        self,
        *,
        ticket: str,
        phase: str,
        tasks: list[str] | None,
        words: list[str],
        key: str,
        dry_run: bool,
        **_: Any,
    ) -> command_base.Document:
        of = the_ticket(ticket)
        chosen = [Chosen(name) for name in tasks] if tasks else None
        spec = LaunchSpec(phase, chosen, dict(map(word_in, words)))
        key = key or uuid.uuid4().hex
        if dry_run:
            plan = task_templates.checked_plan(of, spec)
            phase, planned = plan.phase, outcome(plan)
        else:
            row = TemplateLaunch.objects.launch(of.pk, spec, key=key, by=command_base.BY).launch
            phase, planned = row.phase, row.outcome
        return {"ticket": of.key, "key": key, "phase": phase, "dry_run": dry_run, "tasks": planned}

    def added(self, document: command_base.Document) -> None:
        ticket = document["ticket"]
        for task in document["tasks"]:
            if not task["added"]:
                words = f"{ticket}.{task['task']} of this title is still open, so it is not added"
            elif task["task"]:
                words = f"added as {ticket}.{task['task']}"
            else:
                words = f"would be added to {humanize.phase(document['phase'])}"
            left_out = f"; without its need of {', '.join(task['left_out'])}" if task["left_out"] else ""
            self.stdout.write(f"{task['title']}: {words}{left_out}.")

    def move(
        self, *, ticket: str, phase: str, person: str, cause: str | None, **chosen: Any
    ) -> command_base.Document:
        row, by = the_ticket(ticket), the_person(person)
        how = {name: chosen[name] for name in ("reason", "force", "past_limit")}
        if cause:
            how["cause"] = cause
        moved = Ticket.objects.move(row.pk, phase, by=by, **how)
        return {
            "ticket": row.key,
            "from": moved.from_phase,
            "to": moved.to_phase,
            "ground": moved.ground,
            "past_limit": moved.past_limit,
        }

    def moved(self, document: command_base.Document) -> None:
        before, after = humanize.phase(document["from"]), humanize.phase(document["to"])
        past = ", past its limit" if document["past_limit"] else ""
        self.stdout.write(f"{document['ticket']} moved from {before} to {after}{past}.")

    def change(self, *, ticket: str, does: str, person: str, reason: str, **_: Any) -> command_base.Document:
        by = the_person(person) if person else command_base.BY
        row = Ticket.objects.act(the_ticket(ticket).pk, does, by=by, reason=reason)
        return {"ticket": row.key, "paused": row.paused, "archived": bool(row.archived_at)}

    def changed(self, document: command_base.Document) -> None:
        states = [name for name in ("paused", "archived") if document[name]]
        self.stdout.write(f"{document['ticket']} is {' and '.join(states) or 'neither paused nor archived'}.")

    def estimate(self, *, ticket: str, **_: Any) -> command_base.Document:
        document = asdict(estimate(the_ticket(ticket)))
        for part in (*document["critical_path"], *document["late"]):
            part["task"] = part["task"] and str(part["task"])
        return document

    def estimated(self, document: command_base.Document) -> None:
        key, made_at = document["ticket"], document["made_at"]
        if document["unknown"]:
            self.stdout.write(f"When {key} will be done cannot be said:")
        else:
            times = [humanize.relative(document[name], made_at) for name in ("expected_at", "likely_by")]
            self.stdout.write(
                f"{key} is expected to be done {times[0] or 'now'}, and 80 of 100 such tickets {times[1]}."
            )
        for sentence in document["unknown"]:
            self.stdout.write(f"- {sentence}.")
        for part in document["critical_path"]:
            what = f"{part['key']} {part['title']}" if part["key"] else humanize.phase(part["phase"])
            samples = f", from {part['samples']} samples" if part["samples"] else ""
            self.stdout.write(f"- {what}: {humanize.length(part['expected_s'])}{samples}")
        for late in document["late"]:
            after = humanize.length((late["expected_at"] - late["deadline"]).total_seconds())
            self.stdout.write(f"{late['key']} {late['title']} is expected {after} after its deadline.")
        if document["assumes"]:
            self.stdout.write("It is assumed:")
        for sentence in document["assumes"]:
            self.stdout.write(f"- {sentence}")


def word_in(text: str) -> tuple[str, str]:
    """The name and the text of `title=Refunds`."""
    name, found, word = text.partition("=")
    if not found:
        raise Invalid(f"{short(text, 60)}: write NAME=TEXT, such as title=Refunds", field="word")
    return name, word
