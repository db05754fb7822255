"""OfProjects: what a page about all projects of a person, or about one of them, has in common with others."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import Http404, HttpRequest
from django.utils.http import urlencode

from agents.models import Project
from tickets.pages.topics import of_projects


class OfProjects:
    """A page about all projects of a person, or about the one that the address names."""

    def __init__(self, request: HttpRequest) -> None:
        self.request, self.by = request, request.user
        self.projects = list(Project.objects.seen_by(self.by).order_by("key"))
        self.project = request.GET.get("project", "")
        if self.project and self.project not in {project.key for project in self.projects}:
            raise Http404(f"You are not a member of a project {self.project}.")

    @property
    def shown(self) -> list[Project]:
        return [each for each in self.projects if self.project in ("", each.key)]

    @property
    def topics(self) -> str:
        """What it follows live: the projects it shows."""
        return " ".join(of_projects(self.shown))

    def sharable(self, parameters: Sequence[str]) -> str:
        """The address without empty or unknown parameters."""
        values = {name: value for name in parameters if (value := self.request.GET.get(name))}
        return f"{self.request.path}?{urlencode(values)}" if values else self.request.path
