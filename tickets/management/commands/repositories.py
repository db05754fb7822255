"""`manage.py repositories list|add|fetch|remove`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from omoi_site import command_base, humanize
from omoi_site.errors import NotFound
from tickets.management.lookups import the_project
from tickets.models import NewRepository, Repository
from tickets.models.repository_fetch import PATIENT_S


class Command(command_base.Command):
    help = "Show, add, fetch and remove the git repositories of a project."

    def add_arguments(self, parser: CommandParser) -> None:
        add = self.verbs(parser)
        listed = add("list", act=self.list, show=self.listed, help="Show repositories and their last fetch.")
        listed.add_argument("project", metavar="PROJECT", nargs="?", default="", help="only of this project")
        new = add("add", act=self.add, show=self.added, help="Add a repository to a project.")
        new.add_argument("project", metavar="PROJECT")
        new.add_argument("name", metavar="NAME", help="small letters, digits and . _ -")
        new.add_argument(
            "url", metavar="URL", help="https://host/path, ssh://git@host/path, or a folder of this machine"
        )
        new.add_argument("--base", default="main", help="the branch that finished work comes into (main)")
        fetch = add("fetch", act=self.fetch, show=self.fetched, help="Fetch a repository now.")
        fetch.add_argument("project", metavar="PROJECT")
        fetch.add_argument("name", metavar="NAME")
        remove = add("remove", act=self.remove, show=self.removed, help="Remove it with its mirror.")
        remove.add_argument("project", metavar="PROJECT")
        remove.add_argument("name", metavar="NAME")

    def failed(self, document: command_base.Document) -> bool:
        return bool(document.get("fault"))

    def list(self, *, project: str, **_: Any) -> command_base.Document:
        rows = Repository.objects.select_related("project").order_by("project__key", "name")
        if project:
            rows = rows.filter(project=the_project(project))
        return {"repositories": [shown(row) for row in rows]}

    def listed(self, document: command_base.Document) -> None:
        for row in document["repositories"]:
            state = row["fault"]["message"] if row["fault"] else ""
            fetched = humanize.relative(row["fetched_at"], timezone.now())
            state = state or (f"fetched {fetched}" if fetched else "not fetched yet")
            self.stdout.write(f"{row['project']}/{row['name']}  {row['url']}  {row['base']}  {state}")
        if not document["repositories"]:
            self.stdout.write(
                "There are no repositories. Add one: manage.py repositories add PROJECT NAME URL"
            )

    def add(self, *, project: str, name: str, url: str, base: str, **_: Any) -> command_base.Document:
        new = NewRepository(name, url, base)
        return shown(Repository.objects.add(the_project(project), new, by=command_base.BY))

    def added(self, row: command_base.Document) -> None:
        self.stdout.write(f"Added {row['project']}/{row['name']}. A worker fetches it.")

    def fetch(self, *, project: str, name: str, **_: Any) -> command_base.Document:
        pk = the_repository(project, name).pk
        return shown(Repository.objects.fetch(pk, by=command_base.BY, seconds=PATIENT_S))

    def fetched(self, row: command_base.Document) -> None:
        if fault := row["fault"]:
            self.stderr.write(f"{row['project']}/{row['name']}: {fault['message']}\n{fault['next_action']}")
        else:
            self.stdout.write(f"Fetched {row['project']}/{row['name']}.")

    def remove(self, *, project: str, name: str, **_: Any) -> command_base.Document:
        repository = the_repository(project, name)
        row = shown(repository)
        Repository.objects.remove(repository.pk, by=command_base.BY)
        return {**row, "fault": None}

    def removed(self, row: command_base.Document) -> None:
        self.stdout.write(f"Removed {row['project']}/{row['name']}.")


def the_repository(key: str, name: str) -> Repository:
    project = the_project(key)
    row = Repository.objects.select_related("project").filter(project=project, name=name).first()
    if row is None:
        raise NotFound(f"{project} has no repository {name}")
    return row


def shown(repository: Repository) -> command_base.Document:
    moments = {name: getattr(repository, name) for name in ("tried_at", "fetched_at")}
    fault = {"fault": repository.last_fault}
    return {"project": repository.project.key, **repository.settings(), **moments, **fault}
