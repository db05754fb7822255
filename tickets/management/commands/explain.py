"""`manage.py explain OMO-142` (a ticket) or `manage.py explain OMO-142.17` (a task)."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from omoi_site import command_base, humanize
from tickets.management.lookups import no_ticket, the_task
from tickets.models import Task, Ticket

ADDRESSED = ("operator", "agent")  # readers of a remedy; a task, a ticket and the clock read nothing


class Command(command_base.Command):
    help = "Say why a ticket or task is not moving, who must act, and what would help."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "key",
            metavar="KEY",
            help="a ticket (OMO-142), a task (OMO-142.17), or the id of an imported one (bd-42)",
        )

    def act(self, *, key: str, **_: Any) -> command_base.Document:
        if ticket := Ticket.objects.named(key):
            return {"key": ticket.key, "state": ticket.phase, **Ticket.objects.explanation(ticket)}
        if "." not in key:
            raise no_ticket(key)
        task = the_task(key)
        return {"key": task.key, "state": task.state, **Task.objects.explanations([task.pk])[task.pk]}

    def show(self, document: command_base.Document) -> None:
        who = document["waiting_on"]
        waits = f"waits for {humanize.who(who)}" if who else "waits for nobody: it has ended"
        self.stdout.write(f"{document['key']} ({humanize.phase(document['state']).lower()}) {waits}.")
        now = timezone.now()
        for cause in document["causes"]:
            ago = humanize.relative(cause["since"], now)
            began = f" (began {ago})" if ago and ago.removesuffix(" ago") not in cause["what"] else ""
            to = f"For {humanize.who(cause['who'])}: " if cause["who"].startswith(ADDRESSED) else ""
            self.stdout.write(f"- {cause['what']}{began}\n  {to}{cause['how']}")
        for sentence in document["late"]:
            self.stdout.write(f"Late: {sentence}.")
        if then := document.get("on_failure"):
            self.stdout.write(f"If the gate refuses, {then}.")
