"""`manage.py projects create KEY`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from agents.models import Project, ProjectSpec
from omoi_site import command_base


class Command(command_base.Command):
    help = "Make projects."

    def add_arguments(self, parser: CommandParser) -> None:
        create = self.verbs(parser)("create", act=self.create, show=self.created, help="Create a project.")
        create.add_argument(
            "key", metavar="KEY", help="2 to 10 capital letters and digits; its tickets are KEY-1, KEY-2, …"
        )
        create.add_argument("--name", default="", help="its name for people (default: the key)")
        create.add_argument("--repository", default="", metavar="URL", help="the git repository of its work")
        create.add_argument(
            "--workflow",
            default="",
            metavar="NAME",
            help="the workflow of new tickets (default: the built-in one)",
        )
        create.add_argument(
            "--allow-workflow",
            dest="workflows",
            action="append",
            default=[],
            metavar="NAME",
            help="another workflow that its tickets may follow; repeat for more",
        )

        create.add_argument(
            "--profile",
            dest="profiles",
            action="append",
            default=[],
            metavar="NAME",
            help="a profile that its tasks may name; repeat for more",
        )

    def create(self, *, key: str, **options: Any) -> command_base.Document:
        settings = ("name", "repository", "workflow", "workflows", "profiles")
        project = Project.objects.create_project(
            ProjectSpec(key, **{name: options[name] for name in settings}), by=command_base.BY
        )
        return {"key": project.key, **project.settings()}

    def created(self, project: command_base.Document) -> None:
        self.stdout.write(f"Created project {project['key']}.")
