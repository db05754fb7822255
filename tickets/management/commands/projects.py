"""`manage.py projects list`, `projects show|create|limit|stall KEY`, and `pause|resume KEY [PHASE]`."""

from __future__ import annotations

from argparse import SUPPRESS
from typing import Any

from django.core.management.base import CommandParser

from agents.models import Project, ProjectSpec
from agents.models.project import LIMITS, STALLS
from omoi_site import command_base, humanize
from omoi_site.humanize import counted
from tickets.management.lookups import number, the_project
from tickets.models.project_rows import ProjectRow, read_rows
from tickets.models.workflow import DEFAULT


class Command(command_base.Command):
    help = "List and make projects, limit the work in them, pause and resume them."

    def add_arguments(self, parser: CommandParser) -> None:
        verb = self.verbs(parser)
        verb("list", act=self.list, show=self.listed, help="List the projects, with the work in them.")
        show = verb("show", act=self.one, show=self.told, help="Show the settings, people and work of one.")
        show.add_argument("key", metavar="KEY")
        create = verb("create", act=self.create, show=self.created, help="Create a project.")
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
        limit = verb(
            "limit", act=self.limit, show=self.limited, help="Limit how much is at work in a project at once."
        )
        limit.add_argument("key", metavar="KEY")
        for name, what in (
            ("max_agents", "agents with claims"),
            ("max_tickets", "tickets with claimed tasks"),
        ):
            limit.add_argument(
                f"--{name.replace('_', '-')}",
                type=number,
                default=SUPPRESS,
                metavar="N",
                help=f"how many {what} at the same time; none: any number (default: as it is)",
            )
        stall = verb(
            "stall",
            act=self.stall,
            show=self.stalls,
            help="Set after how long without progress a claim is stalled, and when it is taken back.",
        )
        stall.add_argument("key", metavar="KEY")
        for option, name, what in (
            ("--after", "stall_after_s", "seconds without progress until a claim is stalled; 0: never"),
            ("--grace", "stall_grace_s", "seconds after which a stalled claim is taken back"),
        ):
            stall.add_argument(
                option,
                dest=name,
                type=int,
                default=SUPPRESS,
                metavar="S",
                help=f"{what} (default: as it is)",
            )
        for name, effect in (("pause", "Grant nothing"), ("resume", "Grant work again")):
            stop = verb(
                name, act=self.stop, show=self.stopped, help=f"{effect} in a project, or in a phase of it."
            )
            stop.add_argument("key", metavar="KEY")
            stop.add_argument("phase", metavar="PHASE", nargs="?", default="", help="only this phase")
            stop.add_argument("--reason", default="", help="for people; shown wherever it is asked why")
            stop.set_defaults(verb=name)

    def list(self, **_: Any) -> command_base.Document:
        ids = list(Project.objects.order_by("key").values_list("pk", flat=True))
        return {"projects": [in_numbers(row) for row in read_rows(ids)]}

    def listed(self, document: command_base.Document) -> None:
        for row in document["projects"]:
            states = [name for name in ("frozen", "paused") if row[name]]
            why = f" ({', '.join(states)})" if states else ""
            self.stdout.write(
                f"{row['key']}{why}: {counted(row['members'], 'member')}, {counted(row['agents'], 'agent')},"
                f" {counted(row['open_tickets'], 'open ticket')}, {counted(row['claims'], 'claim')}"
            )
        if not document["projects"]:
            self.stdout.write("There are none. Create one: python3 manage.py projects create KEY")

    def one(self, *, key: str, **_: Any) -> command_base.Document:
        project = the_project(key)
        [row] = read_rows([project.pk])
        members = project.members.select_related("user").order_by("user__username")
        return {
            **in_numbers(row),
            **shown(project),
            "people": [{"user": each.user.get_username(), "role": each.role} for each in members],
        }

    def told(self, document: command_base.Document) -> None:
        self.listed({"projects": [document]})
        own = [document["workflow"] or DEFAULT, *document["workflows"]]
        self.stdout.write(f"Name: {document['name']}")
        self.stdout.write(f"Workflows: {', '.join(own)}")
        self.stdout.write(f"Profiles: {', '.join(document['profiles']) or 'none'}")
        self.limited(document)
        self.stalls(document)
        self.stopped(document)
        for person in document["people"]:
            self.stdout.write(f"{person['user']} is {humanize.thing(person['role'])}.")

    def create(self, *, key: str, **options: Any) -> command_base.Document:
        settings = ("name", "repository", "workflow", "workflows", "profiles")
        project = Project.objects.create_project(
            ProjectSpec(key, **{name: options[name] for name in settings}), by=command_base.BY
        )
        return {"key": project.key, **project.settings()}

    def created(self, project: command_base.Document) -> None:
        self.stdout.write(f"Created project {project['key']}.")

    def limit(self, *, key: str, **options: Any) -> command_base.Document:
        changes = {name: options[name] for name in LIMITS if name in options}
        return self._acted(key, "edit", **changes)

    def limited(self, project: command_base.Document) -> None:
        told = ", ".join(
            f"{name.removeprefix('max_')}: {most or 'any number'}" for name, most in project["limits"].items()
        )
        self.stdout.write(f"At work in {project['key']} at the same time: {told}.")

    def stall(self, *, key: str, **options: Any) -> command_base.Document:
        return self._acted(key, "edit", **{name: options[name] for name in STALLS if name in options})

    def stalls(self, project: command_base.Document) -> None:
        after, grace = (project[name] for name in STALLS)
        if not after:
            self.stdout.write(f"No claim of {project['key']} is stalled, however long it gets nowhere.")
            return
        self.stdout.write(
            f"A claim of {project['key']} is stalled after {after} s without progress,"
            f" and taken back {grace} s later."
        )

    def stop(self, *, key: str, phase: str, reason: str, verb: str, **_: Any) -> command_base.Document:
        if phase:
            return self._acted(key, f"{verb}_phase", phase=phase, reason=reason)
        return self._acted(key, verb, reason=reason)

    def stopped(self, project: command_base.Document) -> None:
        key = project["key"]
        phases = ", ".join(each["phase"] for each in project["paused_phases"])
        if project["paused"]:
            self.stdout.write(f"{key} is paused as a whole.")
        if phases:
            self.stdout.write(f"Paused phases of {key}: {phases}.")
        elif not project["paused"]:
            self.stdout.write(f"Nothing is paused in {key}.")

    def _acted(self, key: str, verb: str, **how: Any) -> command_base.Document:
        return shown(Project.objects.act(the_project(key).pk, verb, by=command_base.BY, **how))


def shown(project: Project) -> dict[str, Any]:
    return {
        "key": project.key,
        **project.settings(),
        "paused": project.paused,
        "pause_reason": project.pause_reason,
        "paused_phases": project.phases_paused,
    }


def in_numbers(row: ProjectRow) -> dict[str, Any]:
    """Open tickets and claims are counted up to a bound."""
    return {
        "key": row.key,
        "name": row.name,
        "frozen": row.frozen,
        "paused": row.paused,
        "members": row.members,
        "agents": row.agents,
        "open_tickets": row.tickets,
        "claims": row.claims,
        "agents_at_work": row.working,
        "tickets_at_work": row.in_work,
    }
