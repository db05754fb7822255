"""Pages that begin something: a project, a ticket; and the form with which a project takes a workflow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from agents.models import Project, ProjectSpec, rights
from omoi_site.errors import OmoiError
from tickets.models import Ticket, Workflow
from tickets.models.ticket.transitions import WRITE
from tickets.models.workflow import DEFAULT
from tickets.models.workflow_usage import take
from tickets.pages.new_ticket_form import NewTicketForm
from tickets.pages.of_projects import project_of
from tickets.pages.once import Made, new_token, once
from tickets.pages.views import arrive, form
from tickets.pages.workflow_views import version_of
from tickets.templatetags.tickets import sentence

FIRST = ("title", "description", "priority", "labels", "workflow")  # what an address may fill in


@form
def new_project(request: HttpRequest) -> HttpResponse:
    """A project with a key, a name and the workflow of its tickets."""
    typed = {name: request.POST.get(name, "").strip() for name in ("key", "name", "workflow")}
    typed["workflow"] = typed["workflow"] or request.GET.get("workflow", DEFAULT)
    refused = None
    if request.method == "POST":
        try:
            return arrive(request, *once(request, lambda: _created(typed, request.user)))
        except OmoiError as error:
            refused = error
    context = {
        "typed": typed,
        "refused": refused,
        "token": new_token(),
        "workflows": _names(),
        "may": "admin" in rights.scopes(request.user),
        "section": "board",
    }
    return render(request, "tickets/new/project.html", context, status=refused.status if refused else 200)


@form
def new_ticket(request: HttpRequest) -> HttpResponse:
    """A ticket in one of the projects in which this person may open tickets."""
    projects = writable(request.user)
    sent = request.POST if request.method == "POST" else None
    key = (request.GET if sent is None else sent).get("project", "")
    project = project_of(request, key) if key else next(iter(projects), None)
    first = {name: request.GET.get(name, "") for name in FIRST if name in request.GET}
    typed = NewTicketForm(projects, sent, initial={**first, "project": project.key if project else ""})
    refused = None
    if sent is not None and project and typed.is_valid():
        try:
            return arrive(request, *once(request, lambda: _opened(project, typed, request.user)))
        except OmoiError as error:
            refused = typed.place(error)
    context = {
        "form": typed,
        "refused": refused,
        "token": new_token(),
        "project": project,
        "projects": projects,
        "may": project in projects,
        "section": "board",
    }
    status = typed.status if refused or typed.errors else 200
    return render(request, "tickets/new/ticket.html", context, status=status)


@form
def use_workflow(request: HttpRequest, name: str) -> HttpResponse:
    """Let new tickets of a project follow this workflow; what it followed before stays allowed."""
    workflow = version_of(name)
    if request.method != "POST":
        return redirect("workflow", workflow.name)
    seen = Project.objects.seen_by(request.user)
    project = get_object_or_404(seen, key=request.POST.get("project", ""))
    try:
        take(workflow, project, by=request.user)
    except OmoiError as refused:
        messages.error(request, f"{sentence(refused.message)} {refused.next_action}".strip())
    else:
        messages.success(request, f"New tickets of {project.key} follow {workflow.name}.")
    return redirect("workflow", workflow.name)


def writable(who: Any) -> Sequence[Project]:
    """The projects in which this person may open tickets."""
    return list(Project.objects.allowing(who, WRITE).order_by("key"))


def _created(typed: dict[str, Any], by: Any) -> Made:
    project = Project.objects.create_project(ProjectSpec(**{**typed, "key": typed["key"].upper()}), by=by)
    address = f"{reverse('new_ticket')}?project={project.key}"
    return Made(f"{project.key} was created. Open its first ticket.", address)


def _opened(project: Project, typed: NewTicketForm, by: Any) -> Made:
    ticket = Ticket.objects.open(project, typed.spec, by=by)
    return Made(f"{ticket.key} is open.", reverse("ticket", args=[ticket.key]))


def _names() -> list[str]:
    return list(Workflow.objects.newest().order_by("name").values_list("name", flat=True))
