"""OfProjects: what a page about all projects of a person, or about one of them, has in common with others."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import Http404, HttpRequest
from django.utils.http import urlencode

from agents.models import Project
from tickets.pages.topics import of_projects
from tickets.templatetags.projects import projects_of

LONGEST = 100  # characters of a key that is not there


def no_project(request: HttpRequest, key: str) -> Http404:
    """That there is no project of this key for this person, as the page of the fault says it."""
    request.no_project = key[:LONGEST]  # type: ignore[attr-defined]
    return Http404(f"You are not a member of a project {key}.")


def project_of(request: HttpRequest, key: str) -> Project:
    """The project of this key; raises Http404 for one that the person does not see."""
    found = next((each for each in projects_of(request) if each.key == key), None)
    if found is None:
        raise no_project(request, key)
    return found


class OfProjects:
    """A page about all projects of a person, or about the one that the address names."""

    def __init__(self, request: HttpRequest) -> None:
        self.request, self.by = request, request.user
        self.projects = projects_of(request)
        self.project = request.GET.get("project", "")
        if self.project:
            project_of(request, self.project)

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
