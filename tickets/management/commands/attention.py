"""`manage.py attention`: what needs somebody."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from omoi_site import command_base, humanize
from omoi_site.command_words import in_commands
from tickets.management.lookups import the_project
from tickets.models.attention import attention_list
from tickets.models.attention.attention_list import Query
from tickets.models.attention.registry import registered

MOST = 1000  # items that are printed


class Command(command_base.Command):
    help = "List what needs somebody: who, since when, and the act that helps."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", default="", metavar="KEY", help="only of this project")
        parser.add_argument("--kind", default="", choices=[*registered()], help="only of this kind")

    def act(self, *, project: str, kind: str, **_: Any) -> command_base.Document:
        key = the_project(project).key if project else ""
        query = Query(key, [kind] if kind else ())
        items, more = attention_list.page(query, by=command_base.BY, limit=MOST)
        return {"results": [item.document() for item in items], "more": more}

    def show(self, document: command_base.Document) -> None:
        now = timezone.now()
        for item in document["results"]:
            act = item["act"]
            people = f" ({', '.join(item['people'])})" if item["people"] else ""
            self.stdout.write(
                f"{item['subject']} ({registered()[item['kind']].label.lower()}, for"
                f" {humanize.passed(item['since'], now)}): {item['what']}\n"
                f"  For the {item['who']}{people}: {act['label']}."
                f" {in_commands(act['method'] + ' ' + act['path'])}"
            )
        if document["more"]:
            self.stdout.write(f"There are more than {MOST} items. Use --project or --kind.")
        if not document["results"]:
            self.stdout.write("Nothing needs anybody.")
