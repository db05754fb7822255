"""The list of projects, the page of one, and what can be changed there."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from agents.models import Event, Project
from omoi_site.errors import OmoiError
from tickets.pages.of_projects import project_of
from tickets.pages.projects.acts import ACTS
from tickets.pages.projects.project_list import ProjectList
from tickets.pages.projects.project_page import ProjectPage
from tickets.pages.views import arrive, form, is_part, page

SECTION = "projects"


@page
def projects(request: HttpRequest) -> HttpResponse:
    cursor = Event.objects.current_cursor()  # before the data, so that no change is missed
    context = {"page": ProjectList(request), "cursor": cursor, "section": SECTION}
    template = "_projects.html" if is_part(request) else "projects.html"
    return render(request, f"tickets/projects/{template}", context)


@page
def project(request: HttpRequest, key: str) -> HttpResponse:
    cursor = Event.objects.current_cursor()
    return _shown(request, ProjectPage(project_of(request, key), request.user), cursor)


@form
def act(request: HttpRequest, key: str, act: str) -> HttpResponse:
    found = project_of(request, key)
    if act not in ACTS:
        raise Http404("There is no such action.")
    if request.method != "POST":
        return redirect("project", key)
    try:
        sentence = ACTS[act](found, request.POST, request.user)
    except OmoiError as error:
        error.leave_trace()
        now = Project.objects.get(pk=found.pk)
        shown = ProjectPage(now, request.user, refused=error, act=act, typed=request.POST)
        return _shown(request, shown, Event.objects.current_cursor())
    still = Project.objects.seen_by(request.user).filter(pk=found.pk).exists()
    return arrive(request, sentence, reverse("project", args=[key]) if still else reverse("projects"))


def _shown(request: HttpRequest, shown: ProjectPage, cursor: str) -> HttpResponse:
    context = {"page": shown, "project": shown.project, "cursor": cursor, "section": SECTION}
    part = is_part(request) and request.method != "POST"
    template = "_project.html" if part else "project.html"
    status = shown.refused.status if shown.refused else 200
    return render(request, f"tickets/projects/{template}", context, status=status)
