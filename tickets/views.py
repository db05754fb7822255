"""The board and the ticket page. A live part of a page asks its own address again and gets itself back."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import cache_control
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from agents.models import Event, Project
from tickets.board import STATES, Board, Wanted
from tickets.causes import standstill
from tickets.models import Link, Need, Task, Ticket
from tickets.models.ticket import Priority
from tickets.steps import steps_of

TASKS, MOST = 100, 1000  # rows of a ticket's task list, at first and at most
KEPT = ["project", "q", "priority", "label", "state", "view", "open", "fold", "show"]  # what a board's address may say


def page(view: Any) -> Any:
    """A signed-in page: small on the wire, never kept by a proxy, and one address for itself and for its live part."""
    kept = cache_control(private=True, no_cache=True)(view)
    return require_safe(login_required(gzip_page(vary_on_headers("HX-Request", "HX-Request-Type")(kept))))


def live(request: HttpRequest) -> bool:
    """Whether only the live part is asked for."""
    return request.headers.get("HX-Request") == "true" and request.headers.get("HX-Request-Type") != "full"


@page
def board(request: HttpRequest) -> HttpResponse:
    cursor = Event.objects.current_cursor()  # before the data: what happens meanwhile is told again, not missed
    projects = list(Project.objects.seen_by(request.user).order_by("key"))
    if not projects:
        return render(request, "tickets/no_project.html", {"here": "board", "cursor": cursor})
    asked = request.GET.get("project", "")
    project = next((project for project in projects if project.key == asked), None) if asked else projects[0]
    if project is None:
        raise Http404(f"There is no project {asked} among yours.")
    wanted = Wanted.of(request.GET)
    known = {
        "board": Board(project, wanted),
        "project": project,
        "projects": projects,
        "wanted": wanted,
        "cursor": cursor,
        "here": "board",
        "priorities": [name.lower() for name in Priority.names],
        "states": STATES,
        "address": address(request),
    }
    if not live(request):
        return render(request, "tickets/board.html", known)
    answer = render(request, "tickets/_board.html", known)
    if "filter" in request.GET:
        answer["HX-Push-Url"] = known["address"]
    return answer


def address(request: HttpRequest) -> str:
    """The board's address as it would be shared: known parameters only, empty ones left out."""
    query = request.GET.copy()
    for name in list(query):
        query.setlist(name, [value for value in query.getlist(name) if value] if name in KEPT else [])
    text = query.urlencode()
    return f"{request.path}?{text}" if text else request.path


@page
def ticket(request: HttpRequest, key: str) -> HttpResponse:
    cursor = Event.objects.current_cursor()
    seen = Ticket.objects.seen_by(request.user).select_related("project", "workflow", "parent")
    shown = get_object_or_404(seen, key=key.upper())
    tasks = Task.objects.filter(ticket=shown).select_related("holder")
    needs = Need.objects.select_related("parent").only("child", "on_end", "parent__ticket_key", "parent__title", "parent__state")
    rows = list(tasks.prefetch_related(Prefetch("needs", needs)).order_by("id")[: MOST if "tasks" in request.GET else TASKS])
    told = Task.objects.explain(task.pk for task in rows if task.state in ("pending", "failed"))
    history = list(shown.history.order_by("move"))
    tally = Task.objects.tallies([shown.pk]).get(shown.pk)
    unmet = sorted({need.parent.ticket_key for task in rows if task.state == "pending" for need in task.needs.all()} - {shown.key})
    known = {
        "ticket": shown,
        "tally": tally,
        "tasks": [(task, standstill(told[task.pk]["causes"]) if task.pk in told else []) for task in rows],
        "standstill": standstill(Ticket.objects.explain(shown)["causes"]),
        "tasks_left": tally.total + tally.cancelled - len(rows) if tally else 0,
        "history": history[::-1],
        "steps": steps_of(shown, history),
        "links": Link.objects.filter(ticket=shown).select_related("other").order_by("kind", "id"),
        "linked_from": Link.objects.filter(other=shown).select_related("ticket").order_by("kind", "id"),
        "children": shown.children.order_by("number").select_related("workflow").defer("description", "context")[:100],
        "topics": " ".join(f"ticket:{name}" for name in [shown.key, *unmet[:50]]),
        "cursor": cursor,
        "here": "board",
    }
    return render(request, "tickets/_ticket.html" if live(request) else "tickets/ticket.html", known)
