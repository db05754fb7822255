"""`manage.py discoveries list|decide`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from omoi_site import command_base, humanize
from omoi_site.errors import NotFound
from tickets.management.lookups import the_project, the_ticket
from tickets.models import Discovery

State = Discovery.State
FIELDS = ("type", "title", "body", "by", "at", "state", "decided_by", "decided_at", "reason")
MOST = 200


class Command(command_base.Command):
    help = "Show what agents found on the way, and decide what becomes of it."

    def add_arguments(self, parser: CommandParser) -> None:
        add = self.verbs(parser)
        listed = add("list", act=self.list, show=self.listed, help="Show discoveries, the newest last.")
        listed.add_argument("ticket", metavar="TICKET", nargs="?", default="", help="only those of a ticket")
        listed.add_argument("--project", metavar="KEY", default="", help="only those of a project")
        listed.add_argument("--state", choices=State.values, default="", help="only those in this state")
        decides = add("decide", act=self.decide, show=self.decided, help="Decide what becomes of one.")
        decides.add_argument("discovery", type=int, metavar="ID")
        decides.add_argument("decision", choices=Discovery.DECISIONS, help="what it becomes")
        decides.add_argument("--reason", default="", metavar="TEXT", help="why; needed to dismiss it")

    def list(self, *, ticket: str, project: str, state: str, **_: Any) -> command_base.Document:
        found = Discovery.objects.select_related("ticket", "made_ticket")
        if ticket:
            found = found.filter(ticket=the_ticket(ticket))
        if project:
            found = found.filter(project=the_project(project))
        if state:
            found = found.filter(state=state)
        newest = list(found.order_by("-pk")[: MOST + 1])
        return {
            "discoveries": [shown(each) for each in reversed(newest[:MOST])],
            "more": len(newest) > MOST,
        }

    def listed(self, document: command_base.Document) -> None:
        for row in document["discoveries"]:
            became = made(row)
            state = f"became {became}" if became else row["state"]
            kind, by = humanize.phase(row["type"]), humanize.actor(row["by"])
            self.stdout.write(f"{row['id']}  {row['ticket']}  {kind}: {row['title']} (by {by}; {state})")
        if document["more"]:
            self.stdout.write(f"Only the newest {MOST} are shown.")
        if not document["discoveries"]:
            self.stdout.write("There are none.")

    def decide(self, *, discovery: int, decision: str, reason: str, **_: Any) -> command_base.Document:
        if not Discovery.objects.filter(pk=discovery).exists():
            raise NotFound(
                f"there is no discovery {discovery}",
                next_action="List them: `python3 manage.py discoveries list --state open`.",
            )
        Discovery.objects.decide(discovery, decision, by=command_base.BY, reason=reason)
        return shown(Discovery.objects.select_related("ticket", "made_ticket").get(pk=discovery))

    def decided(self, document: command_base.Document) -> None:
        became = made(document)
        self.stdout.write(f"Discovery {document['id']} {f'became {became}' if became else 'was dismissed'}.")


def made(row: command_base.Document) -> str:
    """The key of what it became; empty if nothing was made of it."""
    return f"{row['ticket']}.{row['made_task']}" if row["made_task"] else row["made_ticket"] or ""


def shown(discovery: Discovery) -> command_base.Document:
    made = discovery.made_task_id
    return {
        "id": str(discovery.pk),
        "ticket": discovery.ticket.key,
        "task": str(discovery.task_id),
        **{name: getattr(discovery, name) for name in FIELDS},
        "made_task": made and str(made),
        "made_ticket": discovery.made_ticket and discovery.made_ticket.key,
    }
