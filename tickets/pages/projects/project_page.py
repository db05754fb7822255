"""The page of one project: what it is set to, its people and pools, and the forms that change it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Case, F, When
from django.http import QueryDict
from django.urls import reverse

from agents import profiles
from agents.models import Event, Member, Project, rights
from omoi_site.errors import OmoiError
from omoi_site.templatetags.omoi import long
from tickets.models import Workflow
from tickets.models.freeze.freeze import SCOPE
from tickets.models.project_rows import ProjectRow, read_rows
from tickets.models.workflow import allowed
from tickets.pages.agents.pool_rows import MOST as MOST_POOLS
from tickets.pages.agents.pool_rows import PoolRow, pool_rows_of
from tickets.pages.projects.acts import SETTINGS

MEMBERS, CHANGES = 100, 10  # of the page
WORDS = {
    "member.removed": "took a person's role away",
    "member.set": "gave a person a role",
    "phase.paused": "paused a phase",
    "phase.resumed": "resumed a phase",
    "project.created": "created it",
    "project.edited": "changed its settings",
    "project.frozen": "froze it",
    "project.imported": "imported tickets",
    "project.paused": "paused it",
    "project.resumed": "resumed it",
    "project.thawed": "let it go on",
    "repository.added": "added a repository",
    "repository.edited": "changed a repository",
    "repository.fetch_failed": "could not fetch a repository",
    "repository.fetched": "fetched a repository",
    "repository.removed": "removed a repository",
    "schedule.created": "made a schedule",
    "schedule.disabled": "switched a schedule off",
    "schedule.edited": "changed a schedule",
    "schedule.enabled": "switched a schedule on",
    "schedule.removed": "removed a schedule",
    "schedule.restored": "put a schedule back",
    "schedule.run_opened": "opened a ticket by time",
    "schedule.run_owed": "could not open a ticket by time yet",
    "schedule.run_skipped": "opened no ticket for past times",
    "tasks.bulk_begun": "began to change many tasks",
    "tasks.bulk_ended": "has changed many tasks",
    "template.created": "made a template",
    "template.edited": "changed a template",
    "template.opened": "opened a ticket of a template",
    "template.removed": "removed a template",
    "template.restored": "put a template back",
    "ticket.birth_refused": "was refused to open a ticket",
    "workflow.installed": "installed a workflow",
}
ABOUT = ("phase", "ticket", "template", "name")  # of the data, the first that an event has


@dataclass(frozen=True)
class Change:
    """An event of the project itself, as a line."""

    event: Event

    @property
    def what(self) -> str:
        word = WORDS.get(self.event.kind)
        return word or self.event.kind.partition(".")[2].replace("_", " ")

    @property
    def details(self) -> str:
        data = self.event.data
        if self.event.kind.startswith("member."):
            return f"{data.get('user')}: {data.get('before') or 'none'} → {data.get('after') or 'none'}"
        if self.event.kind == "project.edited":
            before = data["before"]
            return "; ".join(
                f"{SETTINGS.get(name, name).lower()}: {_text(before.get(name))} → {_text(value)}"
                for name, value in data["after"].items()
            )
        if self.event.kind == "tasks.bulk_ended":
            return f"{data['done']:,} of {data['number']:,}"
        return next((str(data[name]) for name in ABOUT if data.get(name)), "")


class ProjectPage:
    """typed: the fields of a refused form; act: which form it was."""

    def __init__(
        self,
        project: Project,
        by: Any,
        *,
        refused: OmoiError | None = None,
        act: str = "",
        typed: QueryDict | None = None,
    ) -> None:
        self.project, self.by, self.refused = project, by, refused
        self.act, self.typed = act, typed or QueryDict()

    @property
    def stalls(self) -> str:
        """When work without progress is taken back."""
        after, later = self.project.stall_after_s, self.project.stall_grace_s
        return f"after {long(after)} without progress, taken back {long(later)} later" if after else "never"

    @property
    def address(self) -> str:
        return reverse("project", args=[self.project.key])

    @property
    def topics(self) -> str:
        return self.project.topic

    @cached_property
    def row(self) -> ProjectRow:
        [row] = read_rows([self.project.pk])
        return row

    @cached_property
    def scopes(self) -> frozenset[str]:
        return rights.scopes(self.by, self.project)

    @property
    def may(self) -> bool:
        return "admin" in self.scopes

    @property
    def may_freeze(self) -> bool:
        return SCOPE in self.scopes

    @property
    def may_grant(self) -> bool:
        """Whether the person may say which profiles its tasks may name."""
        return "admin" in rights.scopes(self.by)

    # -- people

    @cached_property
    def _members(self) -> list[Member]:
        members = Member.objects.filter(project=self.project).select_related("user")
        return list(members.order_by("user__username")[: MEMBERS + 1])

    @property
    def members(self) -> list[Member]:
        return self._members[:MEMBERS]

    @property
    def more_members(self) -> int:
        return self.row.members - len(self.members)

    @property
    def roles(self) -> list[tuple[str, str]]:
        return [(role.value, role.label) for role in Member.Role]

    # -- what tickets and tasks may use

    @cached_property
    def workflows(self) -> list[tuple[str, bool]]:
        """The names of all workflows, each with whether tickets may follow it."""
        chosen = self.chosen("workflows", self.allowed)
        return [(name, name in chosen) for name, _ in self._newest]

    @cached_property
    def _newest(self) -> list[tuple[str, list[dict[str, Any]] | None]]:
        """The name of each workflow, and the phases of those that tickets may follow."""
        phases = Case(When(name__in=self.allowed, then=F("document__phases")), default=None)
        return list(Workflow.objects.newest().order_by("name").values_list("name", phases))

    @property
    def allowed(self) -> list[str]:
        return allowed(self.project.workflow, self.project.workflows)

    @property
    def own_workflow(self) -> str:
        return self.field("workflows", "workflow", self.allowed[0])

    @cached_property
    def profiles(self) -> list[tuple[str, bool]]:
        """Those that are installed or granted, each with whether its tasks may name it."""
        names = sorted({*profiles.installed(), *self.project.profiles})
        chosen = self.chosen("profiles", self.project.profiles)
        return [(name, name in chosen) for name in names]

    @cached_property
    def phases(self) -> list[str]:
        """The phases of its workflows that are not paused."""
        names = [phase["name"] for _, phases in self._newest for phase in phases or ()]
        return [name for name in dict.fromkeys(names) if name not in self.project.paused_phases]

    @cached_property
    def pools(self) -> list[PoolRow]:
        return pool_rows_of(self.project, may=self.may)[:MOST_POOLS]

    # -- what was done

    @cached_property
    def changes(self) -> list[Change]:
        """The latest ones of the project itself."""
        events = Event.objects.filter(topic=self.project.topic).order_by("-xid", "-id")[:CHANGES]
        return [Change(event) for event in events]

    # -- the fields of its forms: what was typed, else what is stored

    def field(self, act: str, name: str, stored: Any) -> str:
        if self.act == act:
            return str(self.typed.get(name, ""))
        return "" if stored is None else str(stored)

    def chosen(self, name: str, stored: Sequence[str]) -> Sequence[str]:
        """What is checked in the form of this name."""
        return self.typed.getlist(name) if self.act == name and self.typed else stored

    @property
    def limits(self) -> list[tuple[str, str, str, str]]:
        """Name, label, hint and value of each."""
        project = self.project
        return [
            (name, SETTINGS[name], hint, self.field("limits", name, getattr(project, name)))
            for name, hint in (
                ("max_agents", "at once; empty: any number"),
                ("max_tickets", "at once; empty: any number"),
                ("stall_after_s", "seconds without progress; 0: never"),
                ("stall_grace_s", "more seconds"),
            )
        ]

    @property
    def name(self) -> str:
        return self.field("name", "name", self.project.name)

    @property
    def new_member(self) -> str:
        return self.field("member", "user", "")

    @property
    def reason(self) -> str:
        return self.typed.get("reason", "") if self.act in ("pause", "resume") else ""


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(one)}" for name, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value in (None, "") else str(value)
