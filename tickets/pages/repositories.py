"""The page of a project's repositories: their last fetch, and acts on them as forms that need no script."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from agents.models import Event, Project, rights
from omoi_site.errors import OmoiError
from tickets.models import NewRepository, Repository
from tickets.models.repository import FETCH
from tickets.pages.of_projects import project_of
from tickets.pages.views import LAST_PROJECT, is_part, page
from tickets.templatetags.projects import projects_of


@dataclass
class RepositoriesPage:
    """typed: what a refused form had, by its fields; `act` says which form, `pk` of which repository."""

    project: Project
    person: Any
    refused: OmoiError | None = None
    typed: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"{reverse('repositories')}?project={self.project.key}"

    @cached_property
    def repositories(self) -> list[tuple[Repository, dict[str, str], bool]]:
        """Each with the values of its form, and whether that form was refused."""
        rows = Repository.objects.filter(project=self.project).order_by("pk")
        return [
            (row, self.typed if refused else {"url": row.url, "base": row.base}, refused)
            for row in rows
            for refused in [(self.typed.get("act"), self.typed.get("pk")) == ("edit", str(row.pk))]
        ]

    @cached_property
    def scopes(self) -> frozenset[str]:
        return rights.scopes(self.person, self.project)

    @property
    def may_change(self) -> bool:
        return "admin" in self.scopes

    @property
    def may_fetch(self) -> bool:
        return not self.scopes.isdisjoint(FETCH.split(rights.EITHER))

    @property
    def may_name_folders(self) -> bool:
        return bool(self.person.is_superuser)

    @cached_property
    def new(self) -> dict[str, str]:
        """The values of the form for another one: what was typed, else what the project says."""
        if self.typed.get("act") == "add":
            return self.typed
        url = "" if self.repositories else self.project.repository
        return {"name": "" if self.repositories else "main", "url": url, "base": "main"}


@page
def repositories(request: HttpRequest) -> HttpResponse:
    if not (request.GET.get("project") or projects_of(request)):
        return render(
            request, "tickets/no_project.html", {"title": "Repositories", "section": "repositories"}
        )
    return _shown(request, shown_project(request))


@never_cache
@login_required
@require_POST
def add(request: HttpRequest) -> HttpResponse:
    project = shown_project(request)
    new = NewRepository(*(_typed(request, name) for name in ("name", "url", "base")))
    try:
        added = Repository.objects.add(project, new, by=request.user)
    except OmoiError as refused:
        return _shown(request, project, refused, {"act": "add", **vars(new)})
    return _done(request, project, f"{added.name} was added. A worker fetches it now.")


@never_cache
@login_required
@require_POST
def act(request: HttpRequest, pk: int, name: str) -> HttpResponse:
    """Fetch, edit or remove one."""
    seen = Repository.objects.seen_by(request.user).select_related("project")
    repository = get_object_or_404(seen, pk=pk)
    project, by = repository.project, request.user
    typed = {field: _typed(request, field) for field in ("url", "base")}
    try:
        match name:
            case "fetch":
                fetched = Repository.objects.fetch(pk, by=by)
                if fault := fetched.fault:
                    raise OmoiError(f"{fetched.name}: {fault['message']}", next_action=fault["next_action"])
                return _done(request, project, f"{fetched.name} is fetched.")
            case "edit":
                Repository.objects.edit(pk, by=by, **typed)
                return _done(request, project, f"{repository.name} is changed.")
            case "remove":
                Repository.objects.remove(pk, by=by)
                return _done(request, project, f"{repository.name} is removed.")
    except OmoiError as refused:
        return _shown(request, project, refused, {"act": name, "pk": str(pk), **typed})
    raise Http404("There is no such action.")


def shown_project(request: HttpRequest) -> Project:
    """The project that the address names, else the one whose board was opened last."""
    named, last = request.GET.get("project", ""), request.COOKIES.get(LAST_PROJECT, "")
    if named or not (seen := projects_of(request)):
        return project_of(request, named)
    return next((each for each in seen if each.key == last), seen[0])


def _shown(
    request: HttpRequest,
    project: Project,
    refused: OmoiError | None = None,
    typed: dict[str, str] | None = None,
) -> HttpResponse:
    cursor = Event.objects.current_cursor()  # before the data, so that no change is missed
    context = {
        "page": RepositoriesPage(project, request.user, refused, typed or {}),
        "project": project,
        "projects": projects_of(request),
        "section": "repositories",
        "cursor": cursor,
    }
    part = is_part(request) and request.method != "POST"
    template = "_repositories.html" if part else "repositories.html"
    status = refused.status if refused else 200
    return render(request, f"tickets/repositories/{template}", context, status=status)


def _done(request: HttpRequest, project: Project, sentence: str) -> HttpResponse:
    messages.success(request, sentence)
    return redirect(f"{reverse('repositories')}?project={project.key}")


def _typed(request: HttpRequest, name: str) -> str:
    return str(request.POST.get(name, "")).strip()[:2_000]
