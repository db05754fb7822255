"""`manage.py agents create NAME`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from agents.models import Agent, AgentSpec, Key, Project
from omoi_site import command_base
from omoi_site.database import sql
from omoi_site.errors import NotFound

PARTS = ("kind", "capabilities", "phases", "tags", "capacity")


class Command(command_base.Command):
    help = "Register agents."

    def add_arguments(self, parser: CommandParser) -> None:
        create = self.verbs(parser)(
            "create",
            act=self.create,
            show=self.created,
            help="Register an agent and print its key. The key is shown only this once.",
        )
        create.add_argument("name", metavar="NAME")
        create.add_argument("--kind", choices=Agent.Kind.values, default="worker")
        create.add_argument(
            "--capability",
            action="append",
            default=[],
            metavar="WORD",
            dest="capabilities",
            help="any number",
        )
        create.add_argument(
            "--phase",
            action="append",
            default=[],
            metavar="PHASE",
            dest="phases",
            help="a project it works in; repeat for more; without one: all",
        )
        create.add_argument(
            "--tag", action="append", default=[], metavar="WORD", dest="tags", help="any number"
        )
        create.add_argument(
            "--capacity", type=int, default=1, metavar="N", help="tasks it may hold at once (1)"
        )
        create.add_argument(
            "--project",
            action="append",
            default=[],
            metavar="KEY",
            dest="projects",
            help="a project; repeat for more; without one it sees no work",
        )

    @sql.atomic
    def create(self, *, name: str, projects: list[str], **shape: Any) -> command_base.Document:
        existing = {project.key: project for project in Project.objects.filter(key__in=projects)}
        if missing := [key for key in projects if key not in existing]:
            raise NotFound(
                f"there is no project {missing[0]}",
                next_action=f"Create it with `python3 manage.py projects create {missing[0]}`.",
            )
        spec = AgentSpec(name, **{part: shape[part] for part in PARTS})
        agent = Agent.objects.register(spec, projects=existing.values(), by=command_base.BY)
        _, key = Key.objects.issue(agent=agent, by=command_base.BY)
        shown = {part: getattr(agent, part) for part in PARTS}
        return {"agent": {"name": agent.name, **shown, "projects": sorted(existing)}, "key": key}

    def created(self, made: command_base.Document) -> None:
        agent = made["agent"]
        works = ", ".join(agent["projects"]) or "no project"
        self.stderr.write(
            f"Registered agent {agent['name']}, capacity {agent['capacity']}, in {works}."
            " Its key, shown only this once:"
        )
        self.stdout.write(made["key"])
