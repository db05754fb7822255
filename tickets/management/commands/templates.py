"""`manage.py templates list|show|create|open|remove|restore`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from omoi_site import command_base
from omoi_site.command_base import opened
from omoi_site.errors import Invalid
from tickets.api.ticket_templates import document_fields, documents
from tickets.management.lookups import the_project, the_template, value_in
from tickets.models import TemplateSpec, TicketTemplate
from tickets.workflows import plain_yaml

STEPS = {"remove": "Take a template that no schedule uses out of the lists.", "restore": "Put it back."}


class Command(command_base.Command):
    help = "Show and create templates of tickets, and open tickets of them."

    def add_arguments(self, parser: CommandParser) -> None:
        add = self.verbs(parser)
        listed = add("list", act=self.list, show=self.listed, help="Show templates.")
        listed.add_argument("project", metavar="PROJECT", nargs="?", default="", help="only of this project")
        shown = add("show", act=self.show_one, show=self.shown, help="Show one, with its tasks.")
        create = add(
            "create", act=self.create, show=self.created, help="Create one from a YAML or JSON file."
        )
        create.add_argument("project", metavar="PROJECT")
        create.add_argument("file", metavar="FILE", help="name, title, tasks …; - for standard input")
        open_ = add("open", act=self.open, show=self.opened, help="Open a ticket of it.")
        steps = [
            add(step, act=partial(self.step, step), show=partial(self.stepped, step), help=what)
            for step, what in STEPS.items()
        ]
        for verb in (shown, open_, *steps):
            verb.add_argument("project", metavar="PROJECT")
            verb.add_argument("name", metavar="NAME")
        open_.add_argument(
            "--variable",
            action="append",
            default=[],
            dest="variables",
            metavar="NAME=VALUE",
            help="a value of one of its variables; repeat for more",
        )
        for verb in (create, open_):
            verb.add_argument("--dry-run", action="store_true", help="check, but change nothing")

    def list(self, *, project: str, **_: Any) -> command_base.Document:
        rows = TicketTemplate.objects.kept().select_related("project").order_by("project__key", "name")
        if project:
            rows = rows.filter(project=the_project(project))
        return {"templates": documents(list(rows))}

    def listed(self, found: command_base.Document) -> None:
        for row in found["templates"]:
            self.stdout.write(f"{row['project']}  {row['name']}  {row['title']}  {len(row['tasks'])} tasks")
        if not found["templates"]:
            self.stdout.write("There are no templates. Create one: manage.py templates create PROJECT FILE")

    def show_one(self, *, project: str, name: str, **_: Any) -> command_base.Document:
        [found] = documents([the_template(the_project(project), name)])
        return found

    def shown(self, row: command_base.Document) -> None:
        self.stdout.write(f"{row['project']}/{row['name']}: {row['title']} ({row['priority']})")
        for variable in row["variables"]:
            value = "must be given" if variable["default"] is None else f"else {variable['default']}"
            self.stdout.write(f"  {{{variable['name']}}}  {variable['label']}  {value}")
        for task in row["tasks"]:
            needs = f"  after {', '.join(need['task'] for need in task['needs'])}" if task["needs"] else ""
            self.stdout.write(f"  - {task['title']}{needs}")

    def create(self, *, project: str, file: str, dry_run: bool, **_: Any) -> command_base.Document:
        found = the_project(project)
        with opened(file) as stream:
            try:
                document = plain_yaml.parse(stream.read(plain_yaml.LONGEST + 1)).document
            except plain_yaml.Unreadable as error:
                raise Invalid(f"line {error.line}: {error}" if error.line else str(error)) from error
            spec = TemplateSpec(**document_fields(document))
        with transaction.atomic():
            template = TicketTemplate.objects.create_template(found, spec, by=command_base.BY)
            [made] = documents([template])
            transaction.set_rollback(dry_run)
        return {**made, "dry_run": dry_run} | ({"id": None} if dry_run else {})

    def created(self, row: command_base.Document) -> None:
        did = "It is right; nothing was changed" if row["dry_run"] else f"Created {row['name']}"
        self.stdout.write(f"{did}: {row['title']}, {len(row['tasks'])} tasks.")

    def open(
        self, *, project: str, name: str, variables: Sequence[str], dry_run: bool, **_: Any
    ) -> command_base.Document:
        template = the_template(the_project(project), name)
        with transaction.atomic():
            values = dict(map(value_in, variables))
            ticket = TicketTemplate.objects.open(template.pk, values, by=command_base.BY)
            transaction.set_rollback(dry_run)
        return {"ticket": None if dry_run else ticket.key, "title": ticket.title, "dry_run": dry_run}

    def opened(self, row: command_base.Document) -> None:
        did = "It would open" if row["dry_run"] else f"Opened {row['ticket']}:"
        self.stdout.write(f"{did} {row['title']}")

    def step(self, step: str, *, project: str, name: str, **_: Any) -> command_base.Document:
        template = the_template(the_project(project), name, removed=step == "restore")
        TicketTemplate.objects.act(template.pk, step, by=command_base.BY)
        return {"project": template.project.key, "name": template.name}

    def stepped(self, step: str, row: command_base.Document) -> None:
        did = "Removed" if step == "remove" else "Restored"
        self.stdout.write(f"{did} {row['project']}/{row['name']}.")
