"""The board and the ticket page. A live part of a page requests the page's own address and gets only
itself.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_http_methods, require_safe
from django.views.decorators.vary import vary_on_headers

from agents.models import Event, Project
from omoi_site.database import sql
from omoi_site.errors import NotFound, OmoiError
from tickets.models import Task, Ticket
from tickets.models.frame import Frame
from tickets.models.ticket.fields import Priority
from tickets.pages import actions
from tickets.pages.actions.action import Outdated, Undo, expect_unmoved
from tickets.pages.board import Board
from tickets.pages.board_query import STATES, BoardQuery
from tickets.pages.dialog import TicketDialog
from tickets.pages.last_board import remember
from tickets.pages.of_projects import no_project
from tickets.pages.ticket import TicketPage
from tickets.templatetags.addresses import action_address
from tickets.templatetags.frame import counts, frame_of
from tickets.templatetags.projects import projects_of

BOARD_PARAMETERS = [
    "project",
    "q",
    "priority",
    "label",
    "state",
    "view",
    "open",
    "fold",
    "show",
]  # the parameters of a board's address
LEADS_BACK_TO = ("attention", "overview")  # pages beside that of the ticket, from which an action is reached
LONGEST_UNDO = 2_000  # characters: servers before this one refuse long headers, whatever was done
OF_TASK = "task"  # or that of the task
LAST_PROJECT, YEAR_S = "board_project", 365 * 86400  # a cookie with the project whose board was opened last


def for_a_person(view: Any) -> Any:
    """An answer to a page's script names its person, has their CSRF token for open forms, the numbers for the
    navigation, and what is frozen.
    """

    @functools.wraps(view)
    def named(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        answer: HttpResponse = view(request, *args, **kwargs)
        if is_part(request):
            answer["X-Person"] = str(request.user.pk)
            answer["X-CSRF-Token"] = get_token(request)
            if request.method == "GET":
                frame = frame_of(request)
                answer["X-Counts"] = urlencode(counts(frame))
                answer["X-Frozen"] = frozen_header(frame)
        return answer

    return named


def frozen_header(frame: Frame) -> str:
    """What the banner of the page says, for its script."""
    since = frame.frozen_since.isoformat(timespec="seconds") if frame.frozen_since else ""
    return urlencode({"line": frame.frozen_line, "since": since}) if frame.frozen_line else ""


def page(view: Any) -> Any:
    """A page that needs a sign-in: compressed, not cached by proxies, and with one address for itself and its
    live part.
    """
    private = cache_control(private=True, no_cache=True)(for_a_person(view))
    return require_safe(login_required(gzip_page(vary_on_headers("HX-Request", "HX-Request-Type")(private))))


def form(view: Any) -> Any:
    """A page with a form that is sent to its own address. NUL, which no browser sends and no database takes,
    is refused.
    """

    @functools.wraps(view)
    def storable(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        sent = [*request.GET.lists(), *request.POST.lists()]
        if any("\x00" in text for _, texts in sent for text in texts):
            raise BadRequest("a form has no NUL characters")
        answer: HttpResponse = view(request, *args, **kwargs)
        return answer

    checked = require_http_methods(["GET", "HEAD", "POST"])(login_required(gzip_page(for_a_person(storable))))
    return never_cache(checked)


def is_part(request: HttpRequest) -> bool:
    """Whether the request is only for the live part."""
    return request.headers.get("HX-Request") == "true" and request.headers.get("HX-Request-Type") != "full"


def arrive(request: HttpRequest, sentence: str, address: str, level: int = messages.SUCCESS) -> HttpResponse:
    """The answer to a form that did what it says: on to this address, which tells it. To a script 201, as it
    would follow a redirect by itself and use up the sentence.
    """
    list(messages.get_messages(request))  # that of an answer that was lost
    messages.add_message(request, level, sentence)
    if "HX-Request" in request.headers:
        return HttpResponse(status=201, headers={"Location": address})
    return redirect(address)


@page
def board(request: HttpRequest) -> HttpResponse:
    cursor = Event.objects.current_cursor()  # read the cursor before the data, so that no change is missed
    projects = projects_of(request)
    if not projects:
        return render(
            request, "tickets/no_project.html", {"title": "Board", "section": "board", "cursor": cursor}
        )
    key, last = request.GET.get("project", ""), request.COOKIES.get(LAST_PROJECT, "")
    by_key = {project.key: project for project in projects}
    project = by_key.get(key) if key else by_key.get(last, projects[0])
    if project is None:
        raise no_project(request, key)
    query = BoardQuery.from_address(request.GET)
    context = {
        "board": Board(project, query),
        "project": project,
        "projects": projects,
        "query": query,
        "cursor": cursor,
        "section": "board",
        "priorities": [name.lower() for name in Priority.names],
        "states": STATES,
        "address": address(request, project),
    }
    template = "tickets/board/_board.html" if is_part(request) else "tickets/board/board.html"
    with sql.snapshot():  # counts and cards are several statements, and tickets may move between them
        answer = render(request, template, context)
    if key and key != last:
        answer.set_cookie(
            LAST_PROJECT, key, max_age=YEAR_S, httponly=True, secure=request.is_secure(), samesite="Lax"
        )
    if is_part(request) and "filter" in request.GET:
        answer["HX-Push-Url"] = str(context["address"])
    remember(request, answer, project)
    return answer


def address(request: HttpRequest, project: Project) -> str:
    """The board's address for sharing: with its project, and without empty or unknown parameters."""
    query = request.GET.copy()
    query.setdefault("project", project.key)
    for name in list(query):
        query.setlist(
            name, [value for value in query.getlist(name) if value] if name in BOARD_PARAMETERS else []
        )
    text = query.urlencode()
    return f"{request.path}?{text}" if text else request.path


def get_ticket(request: HttpRequest, key: str) -> Ticket:
    tickets = Ticket.objects.seen_by(request.user).select_related("project", "workflow")
    return get_object_or_404(
        tickets, key=key.upper().replace("\x00", "?")
    )  # a NUL character cannot be in the database


@page
def ticket(request: HttpRequest, key: str) -> HttpResponse:
    cursor = Event.objects.current_cursor()
    ticket = get_ticket(request, key)
    context = {
        "ticket": ticket,
        "page": TicketPage(ticket, request.user, request.GET),
        "cursor": cursor,
        "section": "board",
    }
    template = "tickets/ticket/_ticket.html" if is_part(request) else "tickets/ticket/ticket.html"
    return render(request, template, context)


def undo_headers(ticket: Ticket, undo: Undo) -> dict[str, str]:
    """Where the page's script sends what takes an action back, as long as nobody changes the ticket."""
    version = Ticket.objects.values_list("version", flat=True).get(pk=ticket.pk)
    values = urlencode({**undo.values, "version": str(version)})
    address = f"{action_address(ticket.key, undo.action)}?{values}"
    return {"X-Undo": address} if len(address) <= LONGEST_UNDO else {}


def ticket_action(request: HttpRequest, key: str, name: str) -> HttpResponse:
    """An action on a ticket: GET shows its dialog, POST does it."""
    ticket = get_ticket(request, key)
    return act(request, ticket, ticket, find_action(actions.TICKET, name))


def task_action(request: HttpRequest, key: str, pk: int, name: str) -> HttpResponse:
    ticket = get_ticket(request, key)
    task = get_object_or_404(ticket.tasks.select_related("holder", "project"), pk=pk)
    return act(request, ticket, task, find_action(actions.OF_TASK, name))


def discovery_action(request: HttpRequest, key: str, pk: int, name: str) -> HttpResponse:
    ticket = get_ticket(request, key)
    discovery = get_object_or_404(ticket.discoveries.select_related("ticket", "project"), pk=pk)
    return act(request, ticket, discovery, find_action(actions.DISCOVERY, name))


def find_action(kinds: Sequence[type[actions.Kind]], name: str) -> type[actions.Kind]:
    try:
        return actions.find(kinds, name)
    except NotFound as error:
        raise Http404(error.message) from None


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@gzip_page
@for_a_person
def act(request: HttpRequest, ticket: Ticket, subject: Any, kind: type[actions.Action]) -> HttpResponse:
    """The dialog of an action, or what came of it: to the page's script a sentence or the dialog again, else
    a page.
    """
    refused = None
    back = (request.POST or request.GET).get("back", "")
    back = back if back in LEADS_BACK_TO or (back == OF_TASK and isinstance(subject, Task)) else ""
    action = kind(subject, request.user)
    if request.method == "POST" and not action.previews(request.POST):
        undo = action.undo
        try:
            result = action.perform(request.POST)
        except OmoiError as error:
            error.leave_trace()
            refused = error
        else:
            if is_part(request):
                how = undo_headers(ticket, undo) if undo else {}
                return HttpResponse(result, headers=how, content_type="text/plain; charset=utf-8")
            address = _address_after(back, ticket, subject)
            return arrive(request, result, address)
        ticket = get_ticket(request, ticket.key)
        subject = type(subject).objects.select_related("project").get(pk=subject.pk)
    elif request.method != "POST":
        try:
            expect_unmoved(ticket, request.GET.get("moves", ""))
        except Outdated as error:
            refused = error
    context = {
        "dialog": TicketDialog(kind(subject, request.user), ticket, request.POST, refused),
        "ticket": ticket,
        "section": "tasks" if back == OF_TASK else back or "board",
        "back": back,
    }
    template = "tickets/actions/_action.html" if is_part(request) else "tickets/actions/action.html"
    return render(request, template, context, status=refused.status if refused else 200)


def _address_after(back: str, ticket: Ticket, subject: Any) -> str:
    """Of the page that shows what an action did."""
    if back == OF_TASK:
        return reverse("tasks:detail", args=[subject.key])
    return reverse(back) if back else reverse("ticket", args=[ticket.key])
