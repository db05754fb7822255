"""The list of the projects that a person sees."""

from __future__ import annotations

from functools import cached_property

from django.http import HttpRequest

from agents.models import Project, rights
from tickets.models.freeze.freeze import SCOPE
from tickets.models.project_rows import ProjectRow, read_rows
from tickets.pages.of_projects import OfProjects

PAGE = 50  # projects of a page
LONGEST = 100  # characters of a word that is looked for
PARAMETERS = ("q", "after")


class ProjectList(OfProjects):
    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self.word = request.GET.get("q", "")[:LONGEST].replace("\x00", "").strip()
        self.after = request.GET.get("after", "")

    @cached_property
    def found(self) -> list[Project]:
        """One more than a page has."""
        word = self.word.lower()
        matching = (
            project
            for project in self.projects
            if project.key > self.after and (word in project.key.lower() or word in project.name.lower())
        )
        return list(matching)[: PAGE + 1]

    @cached_property
    def rows(self) -> list[ProjectRow]:
        return read_rows([project.pk for project in self.found[:PAGE]])

    @property
    def following(self) -> str:
        """After which key the next page begins; empty on the last one."""
        return self.found[PAGE - 1].key if len(self.found) > PAGE else ""

    @property
    def may_create(self) -> bool:
        return "admin" in rights.scopes(self.by)

    @property
    def may_freeze(self) -> bool:
        """Whether the person may freeze everything, and so let any project go on."""
        return SCOPE in rights.scopes(self.by)

    @property
    def topics(self) -> str:
        """What it follows live: the projects of this page."""
        return " ".join(project.topic for project in self.found[:PAGE])

    @property
    def address(self) -> str:
        return self.sharable(PARAMETERS)
